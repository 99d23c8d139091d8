// A figure with controls. The same code serves the live widget in Jupyter (default export) and the custom
// element <fading-explorer> on a static page. Plain DOM, no dependency, no request.
//
// spec: {name, controls: [{name, label, kind, values}], start: [index, ...]}
// frameAt(indices, done): calls done({src, alt, table}) for the state with these indices.

let count = 0;

function mount(host, spec, frameAt) {
  const id = `explorer-${++count}`;
  const make = (tag, attributes = {}, text = "") => {
    const node = document.createElement(tag);
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    node.textContent = text;
    return node;
  };
  const box = make("div", { class: "explorer", role: "group", "aria-label": "Live figure" });
  const bar = make("div", { class: "explorer-controls" });
  const picture = make("img", { id, class: "explorer-picture dark-light" });
  const status = make("p", { class: "explorer-status", "aria-live": "polite" });
  const details = make("details", { class: "explorer-data" });
  const numbers = make("div", { class: "explorer-table", tabindex: "0" });
  details.append(make("summary", {}, "The numbers of this picture"), numbers);
  let state = [...spec.start];
  let spoken = false;

  const inputs = spec.controls.map((control, k) => {
    const label = make("label", { class: "explorer-control" });
    const input = make(control.kind === "select" ? "select" : "input", { "aria-controls": id, "data-name": control.name });
    const output = make("output");
    if (control.kind === "select") {
      control.values.forEach((value, index) => input.add(new Option(value, index)));
    } else {
      Object.assign(input, { type: "range", min: 0, max: control.values.length - 1, step: 1 });
    }
    // JupyterLab takes the arrow keys for its cells unless they stop here
    input.addEventListener("keydown", (event) => event.stopPropagation());
    input.addEventListener("input", () => {
      state[k] = Number(input.value);
      show();
    });
    label.append(make("span", {}, control.label), input);
    if (control.kind !== "select") label.append(output);
    bar.append(label);
    return { input, output, values: control.values };
  });

  const button = (text, action) => {
    const node = make("button", { type: "button" }, text);
    node.addEventListener("click", action);
    bar.append(node);
    return node;
  };
  button("Reset", () => {
    state = [...spec.start];
    show();
  });
  if (spec.name) {
    const copy = button("Copy link", () => {
      const query = spec.controls.map((c, k) => `${c.name}=${state[k]}`).join("&");
      location.replace(`#${spec.name}?${query}`);
      const said = () => (status.textContent = "The address now holds this state; its link is copied.");
      navigator.clipboard ? navigator.clipboard.writeText(location.href).then(said, said) : said();
    });
    copy.title = "Keep the shown state in the page's address";
  }

  function show() {
    inputs.forEach(({ input, output, values }, k) => {
      input.value = state[k];
      output.textContent = values[state[k]];
      if (input.type === "range") input.setAttribute("aria-valuetext", values[state[k]]);
    });
    const asked = state.join();
    frameAt([...state], (frame) => {
      if (asked !== state.join()) return; // a slower, older answer
      picture.src = frame.src;
      picture.alt = frame.alt;
      picture.dataset.state = asked;
      if (spoken) status.textContent = frame.alt;
      spoken = true;
      details.hidden = !frame.table;
      numbers.innerHTML = frame.table || "";
    });
  }

  function restore() {
    const [name, query] = decodeURIComponent(location.hash.slice(1)).split("?");
    if (!spec.name || name !== spec.name || !query) return false;
    const wanted = new URLSearchParams(query);
    state = spec.controls.map((control, k) => {
      const index = Number(wanted.get(control.name) ?? NaN);
      return Number.isInteger(index) && index >= 0 && index < control.values.length ? index : spec.start[k];
    });
    return true;
  }

  box.append(bar, picture, status, details);
  host.replaceChildren(box);
  const restored = restore();
  show();
  if (restored) box.scrollIntoView();
}

// In Jupyter: the kernel draws each frame when it is asked for.
function render({ model, el }) {
  const waiting = new Map();
  model.on("change:frame", () => {
    const frame = model.get("frame");
    waiting.get(frame.state)?.(frame);
    waiting.delete(frame.state);
  });
  mount(el, model.get("spec"), (indices, done) => {
    const frame = model.get("frame");
    if (frame.state === indices.join()) return done(frame);
    waiting.set(indices.join(), done);
    model.set("indices", indices);
    model.save_changes();
  });
}

// On a page: every frame lies in the element as JSON.
if (typeof customElements !== "undefined" && !customElements.get("fading-explorer")) {
  customElements.define(
    "fading-explorer",
    class extends HTMLElement {
      connectedCallback() {
        const script = this.querySelector("script[type='application/json']");
        if (!script) return;
        const { spec, frames } = JSON.parse(script.textContent);
        const position = (indices) =>
          indices.reduce((flat, index, k) => flat * spec.controls[k].values.length + index, 0);
        mount(this, spec, (indices, done) => done(frames[position(indices)]));
      }
    },
  );
}

export default { render };

// A figure with controls. The same code serves the live widget in Jupyter (default export) and the custom
// element <fading-explorer> on a static page. Plain DOM, no dependency, no request.
//
// spec: {name, controls: [{name, label, kind, values}], start: [index, ...]}
// frameAt(indices, done): calls done({src, alt, table}) for the state with these indices.
// sentences: all that can be said below the picture, where that is known.

let count = 0;

function mount(host, spec, frameAt, sentences = []) {
  const id = `explorer-${++count}`;
  const make = (tag, attributes = {}, text = "") => {
    const node = document.createElement(tag);
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    node.textContent = text;
    return node;
  };
  const box = make("div", { class: "explorer", role: "group", "aria-label": nameOf(host) });
  const bar = make("div", { class: "explorer-controls" });
  const picture = make("img", { id, class: "explorer-picture dark-light" });
  const pan = make("div", { class: "pan" });
  pan.append(picture);
  const status = make("p", { class: "explorer-status", "aria-live": "polite" });
  const details = make("details", { class: "explorer-data" });
  const numbers = make("div", { class: "explorer-table", tabindex: "0" });
  details.append(make("summary", {}, "The numbers of this picture"), numbers);
  let state = [...spec.start];

  const inputs = spec.controls.map((control, k) => {
    const form = formOf(control);
    const controlled = { "aria-controls": id, "data-name": control.name };
    const steer = form === "stops" ? stops(control, k, controlled) : form === "select" ? menu(control, controlled) : slider(control, controlled);
    // JupyterLab takes the arrow keys for its cells unless they stop here
    steer.node.addEventListener("keydown", (event) => event.stopPropagation());
    steer.node.addEventListener("input", ({ target }) => {
      state[k] = Number(target.value);
      show();
    });
    bar.append(steer.node);
    return steer;
  });

  function menu(control, attributes) {
    const node = make("label", { class: "explorer-control" });
    const input = make("select", attributes);
    control.values.forEach((value, index) => input.add(new Option(value, index)));
    node.append(make("span", {}, control.label), input);
    return { node, set: (index) => (input.value = index) };
  }

  // a few values: each is to be seen and chosen
  function stops(control, k, attributes) {
    const node = make("fieldset", { class: "explorer-control explorer-stops", ...attributes });
    node.append(make("legend", {}, control.label));
    const buttons = control.values.map((value, index) => {
      const label = make("label");
      const input = make("input", { type: "radio", name: `${id}-${k}`, value: index });
      label.append(input, make("span", {}, value));
      node.append(label);
      return input;
    });
    return { node, set: (index) => (buttons[index].checked = true) };
  }

  // many values: a slider with a tick for each, between its lowest and its highest value
  function slider(control, attributes) {
    const last = control.values.length - 1;
    const node = make("label", { class: "explorer-control explorer-slider" });
    const input = make("input", { type: "range", min: 0, max: last, step: 1, list: `${id}-${control.name}`, ...attributes });
    const ticks = make("datalist", { id: `${id}-${control.name}` });
    control.values.forEach((_, index) => ticks.append(make("option", { value: index })));
    const shown = make("output");
    const head = make("span", { class: "explorer-label" }, `${control.label} `);
    head.append(shown);
    const ends = make("span", { class: "explorer-ends", "aria-hidden": "true" });
    ends.append(make("span", {}, control.values[0]), make("span", {}, control.values[last]));
    node.append(head, input, ticks, ends);
    const set = (index) => {
      input.value = index;
      shown.textContent = control.values[index];
      input.setAttribute("aria-valuetext", control.values[index]);
    };
    return { node, set };
  }

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
      const query = new URLSearchParams(spec.controls.map((c, k) => [c.name, c.values[state[k]]]));
      location.replace(`#${spec.name}?${query}`);
      const said = () => (status.textContent = "The address now holds this state; its link is copied.");
      navigator.clipboard ? navigator.clipboard.writeText(location.href).then(said, said) : said();
    });
    copy.title = "Keep the shown state in the page's address";
  }

  function show() {
    inputs.forEach(({ set }, k) => set(state[k]));
    const asked = state.join();
    frameAt([...state], (frame) => {
      if (asked !== state.join()) return; // a slower, older answer
      picture.src = frame.src;
      picture.alt = frame.alt;
      picture.dataset.state = asked;
      status.textContent = frame.alt;
      details.hidden = !frame.table;
      numbers.innerHTML = frame.table || "";
    });
  }

  function restore() {
    const [name, query] = location.hash.slice(1).split("?");
    if (!spec.name || decodeURIComponent(name) !== spec.name || !query) return false;
    const wanted = new URLSearchParams(query);
    state = spec.controls.map((control, k) => {
      const index = control.values.indexOf(wanted.get(control.name));
      return index >= 0 ? index : spec.start[k];
    });
    return true;
  }

  // room for the longest sentence, so that nothing below moves when it changes
  function reserve() {
    const room = make("div");
    room.style.cssText = `position: absolute; visibility: hidden; width: ${status.clientWidth}px`;
    const longest = [...sentences].sort((a, b) => b.length - a.length).slice(0, 5);
    room.append(...longest.map((text) => make("p", { class: "explorer-status", style: "min-height: 0" }, text)));
    box.append(room);
    const heights = [...room.children].map((line) => line.offsetHeight);
    room.remove();
    status.style.minHeight = `${Math.max(...heights)}px`;
  }

  box.append(bar, pan, status, details);
  const restored = restore();
  show(); // before the box is on the page: its first sentence is there from the start, and not announced
  host.replaceChildren(box);
  if (sentences.length) {
    let width = 0;
    new ResizeObserver(() => {
      if (status.clientWidth === width) return;
      width = status.clientWidth;
      reserve();
    }).observe(bar); // as wide as the sentence, and not made higher by its room
  }
  if (restored) box.scrollIntoView();
}

// A few numbers are stops to choose from, more are a slider, texts are a menu.
const formOf = ({ kind, values }) => (kind === "select" ? "select" : values.length < 5 ? "stops" : "range");

// A live figure is called by its caption.
function nameOf(host) {
  const caption = host.closest("figure")?.querySelector("figcaption");
  const number = caption?.querySelector(".caption-number")?.textContent.trim();
  const told = (caption?.querySelector(".caption-text") ?? caption)?.textContent.trim() ?? "";
  const words = /^.*?[.:?](?= )|^.*/s.exec(told)[0]; // no lookbehind: Safari before 16.4 cannot read the script then
  return ["Live figure", number, words.replace(/\\[()]/g, "").replaceAll("\\", "")].filter(Boolean).join(", ");
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
        const sentences = [...new Set(frames.map((frame) => frame.alt))];
        mount(this, spec, (indices, done) => done(frames[position(indices)]), sentences);
      }
    },
  );
}

export default { render };

// Code to put in order. Every line has buttons (up, down, leave out), which the arrow keys press as well; the pointer may drag
// it. What is right stands sealed in the page (answer_box.js opens it). Moves are announced.
(() => {
  const element = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

  document.querySelectorAll(".parsons").forEach((box) => {
    const list = box.querySelector(".parsons-lines");
    const first = [...list.children];
    const told = box.querySelector(".parsons-told");
    const moved = box.querySelector(".parsons-moved");
    const { name, chapter } = box.dataset;
    const used = () => [...list.children].filter((line) => !line.classList.contains("parsons-out"));
    const spoken = (line) => {
      const copy = line.querySelector("code").cloneNode(true);
      copy.querySelectorAll("select").forEach((gap, k) => gap.replaceWith(line.querySelectorAll("select")[k].value || "gap"));
      return copy.textContent.trim();
    };

    function rename() {
      [...list.children].forEach((line) => {
        const out = line.classList.contains("parsons-out");
        for (const button of line.querySelectorAll("button")) button.setAttribute("aria-label", `${out && button.dataset.do === "out" ? "Use again" : button.title}: ${spoken(line)}`);
        line.querySelector("[data-do=out]").textContent = out ? "+" : "✕";
      });
    }

    function say(line) {
      const place = used().indexOf(line) + 1;
      moved.textContent = place ? `Place ${place} of ${used().length}: ${spoken(line)}` : `Left out: ${spoken(line)}`;
      told.textContent = "";
      rename();
    }

    function move(line, way) {
      const other = way === "up" ? line.previousElementSibling : line.nextElementSibling;
      if (other && way === "up") other.before(line);
      if (other && way === "down") other.after(line);
      say(line);
    }

    function leaveOut(line) {
      line.classList.toggle("parsons-out");
      if (line.classList.contains("parsons-out")) list.append(line);
      else list.insertBefore(line, list.querySelector(".parsons-out"));
      say(line);
    }

    function act(line, what) {
      const focus = line.querySelector(`[data-do=${what}]`);
      if (what === "out") leaveOut(line);
      else move(line, what);
      focus.focus();
    }

    first.forEach((line) => {
      const buttons = element("span", "parsons-moves");
      for (const [what, sign, title] of [["up", "↑", "Up"], ["down", "↓", "Down"], ["out", "✕", "Leave out"]]) {
        const button = Object.assign(element("button", "", sign), { type: "button", title });
        button.dataset.do = what;
        button.addEventListener("click", () => act(line, what));
        buttons.append(button);
      }
      line.append(buttons);
      line.addEventListener("keydown", (event) => {
        if (event.target.tagName === "SELECT") return;
        const what = { ArrowUp: "up", ArrowDown: "down", Delete: "out" }[event.key];
        if (!what) return;
        event.preventDefault();
        act(line, what);
      });
      line.addEventListener("change", () => { told.textContent = ""; rename(); });
      drag(line);
    });

    // the mouse takes a line along: it changes places with a line whose middle it passes; a finger scrolls the page
    function drag(line) {
      line.addEventListener("pointerdown", (event) => {
        if (event.button || event.pointerType === "touch" || event.target.closest("button, select")) return;
        event.preventDefault();
        line.classList.add("parsons-held");
        const follow = ({ clientY }) => {
          const [before, after] = [line.previousElementSibling, line.nextElementSibling];
          const middle = (other) => other.getBoundingClientRect().top + other.offsetHeight / 2;
          if (before && clientY < middle(before)) before.before(line);
          else if (after && clientY > middle(after)) after.after(line);
        };
        const release = () => {
          line.classList.remove("parsons-held");
          document.removeEventListener("pointermove", follow);
          document.removeEventListener("pointerup", release);
          document.removeEventListener("pointercancel", release);
          say(line);
        };
        document.addEventListener("pointermove", follow); // not the line: to move it in the page would end a capture
        document.addEventListener("pointerup", release);
        document.addEventListener("pointercancel", release);
      });
    }

    // "" if right, or else what to look at
    function fault() {
      const right = window.unsealed(box.dataset.sealed, name);
      const lines = used();
      const order = lines.map((line) => Number(line.dataset.line));
      const extra = order.find((k) => k in right.wrong);
      if (extra !== undefined) return `One line does not belong: ${spoken(first[extra])}. ${right.wrong[extra]}`;
      const agreeing = Math.max(...right.orders.map((one) => one.findIndex((k, place) => k !== order[place]) + 1 || one.length + 1)) - 1;
      if (agreeing < right.orders[0].length) {
        if (order.length < right.orders[0].length) return "A line that is needed is left out.";
        return agreeing ? `The first ${agreeing === 1 ? "line is" : `${agreeing} lines are`} in place. What must be known before line ${agreeing + 1} can run?` : "Another line must come first.";
      }
      for (const [place, line] of lines.entries()) {
        const picked = [...line.querySelectorAll("select")].map((gap) => gap.value);
        if (picked.includes("")) return `Line ${place + 1} has an open gap.`;
        const wanted = right.gaps[line.dataset.line] ?? [];
        if (picked.join("|") !== wanted.join("|")) return `The order is right. In line ${place + 1} something else belongs into the gap.`;
      }
      return "";
    }

    box.querySelector("[data-do=check]").addEventListener("click", () => {
      const why = fault();
      told.dataset.verdict = why ? "wrong" : "right";
      told.textContent = why ? `Not yet. ${why}` : `Right. It prints ${box.dataset.prints}`;
      window.kept?.change("parsons", (all) => {
        const before = all[name] ?? { tries: 0 };
        all[name] = { chapter, tries: before.tries + 1, solved: Boolean(before.solved) || !why };
      });
    });
    box.querySelector("[data-do=reset]").addEventListener("click", () => {
      first.forEach((line) => line.classList.remove("parsons-out"));
      list.replaceChildren(...first);
      list.querySelectorAll("select").forEach((gap) => { gap.value = ""; });
      told.textContent = "";
      moved.textContent = "All lines are back where they were.";
      rename();
    });
    box.querySelector(".parsons-buttons").hidden = false;
    rename();
  });
})();

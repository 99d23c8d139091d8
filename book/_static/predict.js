// Predict, then see: the reader's guess beside the number that the chapter computed, with the distance in words.
// The truth is read from the page's own answer, where the build has put the chapter's number.
(() => {
  const STEPS = 1000; // of the slider

  // 12.5, 12,5, 1,234, 1 234, −3, with or without a unit behind it; null of another text
  function number(text) {
    const found = /^\s*([-+−]?)\s*(\d[\d.,'\s\u00a0]*|[.,]\d+)(?:%|[a-z\s]*)$/i.exec(text);
    if (!found) return null;
    const typed = found[2].trim();
    const grouped = /^\d{1,3}(?:[,'\s\u00a0]\d{3})+(?:\.\d+)?$/.test(typed) ? typed.replace(/[^\d.]/g, "") : typed.replace(",", ".");
    const value = Number(grouped);
    return Number.isFinite(value) ? value * (/[-−]/.test(found[1]) ? -1 : 1) : null;
  }
  // the first number of what the chapter says: "+2.6 [+2.1, +3.1]", "1,234", "7.8"
  const said = (text) => Number(/[-+−]?\d[\d,]*(?:\.\d+)?/.exec(text)[0].replaceAll(",", "").replace("−", "-"));

  const told = (value) => {
    const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
    return String(Number(value.toFixed(digits)));
  };

  // how far a guess is from the truth, in words
  function distance(guess, truth, { from, to, log, unit }) {
    if (guess === truth) return "That is the very number.";
    if (log && guess > 0 && truth > 0) {
      const times = Math.max(guess / truth, truth / guess);
      if (times < 1.1) return "Very near: less than a tenth off.";
      const how = times < 1.95 ? `${Math.round((times - 1) * 100)} % off,` : `${told(times)} times`;
      return `${times < 2 ? "Near" : times < 5 ? "Some way off" : "Far off"}: ${how} too ${guess > truth ? "high" : "low"}.`;
    }
    const away = Math.abs(guess - truth);
    const share = away / (to - from);
    const near = share < 0.03 ? "Very near" : share < 0.1 ? "Near" : share < 0.3 ? "Some way off" : "Far off";
    const many = unit === "%" ? "percentage points" : unit;
    const what = told(away) === "1" ? many.replace(/s$/, "") : many;
    return `${near}: ${told(away)}${what ? ` ${what}` : ""} too ${guess > truth ? "high" : "low"}.`;
  }

  document.querySelectorAll("form.predict-guess").forEach((form) => {
    const box = form.closest(".predict");
    const fold = box.querySelector("details.predict-truth");
    const [field, slider] = form.querySelectorAll("input");
    const status = form.querySelector("[role=status]");
    const { chapter, unit } = form.dataset;
    const [from, to] = [Number(form.dataset.from), Number(form.dataset.to)];
    const log = form.dataset.log === "true";
    const truth = said(fold.querySelector(`a[href$="#number-${form.dataset.number}"]`).textContent);
    const place = (value) => {
      const share = log ? Math.log(Math.max(value, from) / from) / Math.log(to / from) : (value - from) / (to - from);
      return Math.min(1, Math.max(0, share));
    };
    const value = (share) => (log ? from * (to / from) ** share : from + share * (to - from));
    const withUnit = (x) => `${told(x)}${unit ? ` ${unit}` : ""}`;
    const speak = () => slider.setAttribute("aria-valuetext", withUnit(value(slider.value / STEPS)));

    function mark(name, at) {
      const made = Object.assign(document.createElement("span"), { className: `predict-mark predict-${name}`, textContent: name });
      made.style.insetInlineStart = `${100 * place(at)}%`;
      return made;
    }

    function compare(guess) {
      status.textContent = `You said ${withUnit(guess)}, the chapter computes ${withUnit(truth)}. ${distance(guess, truth, { from, to, log, unit })}`;
      form.querySelector(".predict-scale").replaceChildren(mark("you", guess), mark("data", truth));
      fold.open = true;
    }

    form.hidden = false;
    speak();
    slider.addEventListener("input", () => {
      field.value = told(value(slider.value / STEPS));
      speak();
    });
    field.addEventListener("input", () => {
      const guess = number(field.value);
      if (guess === null) return;
      slider.value = Math.round(STEPS * place(guess));
      speak();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const guess = number(field.value);
      if (guess === null) {
        status.textContent = field.value.trim() ? "That cannot be read as a number." : "Guess first: write a number, or move the slider.";
        return;
      }
      window.kept?.change("predictions", (all) => { all[chapter] = { guess, truth }; });
      compare(guess);
    });
    const before = window.kept?.part("predictions")[chapter]?.guess;
    if (Number.isFinite(before)) {
      field.value = told(before);
      slider.value = Math.round(STEPS * place(before));
      speak();
      compare(before);
    }
  });
})();

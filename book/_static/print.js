// On paper the page is light, quick questions are answered, and worked solutions stand at its end.
(() => {
  let undo = [];

  function prepare() {
    if (undo.length) return;
    const page = document.documentElement;
    const theme = page.dataset.theme;
    page.dataset.theme = "light";
    undo.push(() => { page.dataset.theme = theme; });
    document.querySelectorAll("details.quiz-choice:not([open])").forEach((choice) => {
      choice.open = true;
      undo.push(() => { choice.open = false; });
    });
    const solutions = [...document.querySelectorAll("article .solution.admonition")];
    if (!solutions.length || document.querySelector(".printed-solutions")) return;
    const part = document.createElement("section");
    part.className = "printed-solutions new-page";
    part.append(Object.assign(document.createElement("h2"), { textContent: "Solutions" }));
    undo.push(() => part.remove());
    solutions.forEach((solution) => {
      const place = document.createComment("solution");
      solution.before(place);
      part.append(solution);
      undo.unshift(() => place.replaceWith(solution));
    });
    document.querySelector("article").append(part);
  }

  function restore() {
    undo.forEach((step) => step());
    undo = [];
  }

  addEventListener("beforeprint", prepare);
  addEventListener("afterprint", restore);
  // for browsers and tools that only change the medium
  matchMedia("print").addEventListener("change", ({ matches }) => (matches ? prepare() : restore()));
})();

// Folds are called by what they hold, and a switch in the page's head folds all code. What it was set to is
// remembered by this browser only; the page's first script reads it before anything is drawn.
(() => {
  function nameFolds() {
    let exercise = "";
    document.querySelectorAll(".exercise, .admonition.toggle").forEach((box) => {
      const title = box.querySelector(".admonition-title");
      if (box.classList.contains("exercise")) {
        exercise = title.querySelector(".caption-number")?.textContent.trim().toLowerCase() ?? "";
        return;
      }
      const button = title.querySelector(".toggle-button");
      if (!button) return;
      const said = title.textContent.trim();
      const solution = box.classList.contains("solution");
      const what = solution ? said.replace(/^Solution to\s*/, "solution, ") : [said, /^Hint\b/.test(said) && exercise].filter(Boolean).join(", ");
      const name = () => {
        const text = `${button.dataset.toggleHint} ${what.charAt(0).toLowerCase()}${what.slice(1)}`;
        if (button.getAttribute("aria-label") !== text) button.setAttribute("aria-label", text);
      };
      name();
      new MutationObserver(name).observe(button, { attributeFilter: ["data-toggle-hint"] });
    });
  }

  function codeSwitch() {
    const button = document.querySelector(".btn-code-switch");
    if (!button) return;
    const page = document.documentElement.dataset;
    const show = () => {
      const folded = page.code === "folded";
      button.setAttribute("aria-pressed", folded);
      button.setAttribute("aria-label", "Fold all code");
      document.querySelectorAll("div.cell_input").forEach((cell) => {
        cell.classList.remove("unfolded");
        if (!folded || cell.closest("details") || cell.querySelector(".unfold")) return;
        const one = document.createElement("button");
        one.type = "button";
        one.className = "unfold";
        one.textContent = "Show this code";
        one.addEventListener("click", () => {
          cell.classList.add("unfolded");
          cell.querySelector("pre")?.focus();
        });
        cell.prepend(one);
      });
      if (folded) document.querySelectorAll("details.hide[open]").forEach((fold) => { fold.open = false; });
    };
    button.addEventListener("click", () => {
      page.code = page.code === "folded" ? "shown" : "folded";
      try {
        localStorage.setItem("code", page.code);
      } catch { /* a browser that keeps nothing: for this page only */ }
      show();
    });
    show();
  }

  // A link may lead to a line that is folded away.
  function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target?.classList.contains("said")) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.closest("div.cell_input")?.classList.add("unfolded");
    target.scrollIntoView({ block: "center" });
  }

  document.addEventListener("DOMContentLoaded", () => {
    nameFolds(); // the folds' buttons are there now
    codeSwitch();
    openTarget();
    addEventListener("hashchange", openTarget);
  });
})();

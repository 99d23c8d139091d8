// What is wider than the screen scrolls inside itself. It says so by a fading edge where more is to be seen
// (book.css), and the keyboard can stop there.
(() => {
  const BOXES = "pre, mjx-container[display='true'], .pst-scrollable-table-container, .cell_output, .cell_output .output, .pan, .explorer-table";
  const sizes = new ResizeObserver((changes) => changes.forEach(({ target }) => measure(target)));

  function measure(box) {
    const scrolls = (way) => ["auto", "scroll"].includes(getComputedStyle(box)[`overflow${way}`]);
    const right = scrolls("X") ? box.scrollWidth - box.clientWidth : 0;
    const down = scrolls("Y") ? box.scrollHeight - box.clientHeight : 0;
    box.classList.toggle("more-right", right > 1 && box.scrollLeft < right - 1);
    box.classList.toggle("more-left", right > 1 && box.scrollLeft > 1);
    if (right > 0 || down > 0) box.tabIndex = 0;
    else if (box.tabIndex === 0) box.tabIndex = -1;
  }

  const all = () => document.querySelectorAll(BOXES).forEach((box) => {
    measure(box);
    sizes.observe(box);
  });
  const soon = () => requestAnimationFrame(all);

  document.addEventListener("scroll", ({ target }) => target.matches?.(BOXES) && measure(target), true);
  document.addEventListener("toggle", soon, true); // a fold that was opened
  document.addEventListener("click", soon);
  document.addEventListener("DOMContentLoaded", () => {
    all();
    window.MathJax?.startup?.promise?.then(all);
  });
  addEventListener("load", soon);
})();

// What is wider than the screen scrolls inside itself. It says so by a fading edge where more is to be seen
// (book.css), and the keyboard can stop there.
(() => {
  const BOXES = "pre, mjx-container[display='true'], .pst-scrollable-table-container, .cell_output, .cell_output .output, .pan, .explorer-table";
  const sizes = new ResizeObserver((changes) => measure(changes.map(({ target }) => target)));
  let asked = false;

  function measure(boxes) {
    // all are read before one is written to: else the browser lays the page out again for every box; what is
    // folded away is not laid out at all until it is opened
    const read = boxes.filter((box) => box.checkVisibility?.() ?? true).map((box) => {
      const { overflowX, overflowY } = getComputedStyle(box);
      const more = (overflow, size) => (["auto", "scroll"].includes(overflow) ? size : 0);
      return {
        box,
        right: more(overflowX, box.scrollWidth - box.clientWidth),
        down: more(overflowY, box.scrollHeight - box.clientHeight),
        left: box.scrollLeft,
      };
    });
    read.forEach(({ box, right, down, left }) => {
      box.classList.toggle("more-right", right > 1 && left < right - 1);
      box.classList.toggle("more-left", right > 1 && left > 1);
      if (right > 0 || down > 0) box.tabIndex = 0;
      else if (box.tabIndex === 0) box.tabIndex = -1;
    });
  }

  const all = () => {
    const boxes = [...document.querySelectorAll(BOXES)];
    measure(boxes);
    boxes.forEach((box) => sizes.observe(box));
  };
  // once a frame, whatever has happened in it: to open every fold of a page is hundreds of events
  const soon = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      all();
    });
  };

  document.addEventListener("scroll", ({ target }) => target.matches?.(BOXES) && measure([target]), true);
  document.addEventListener("toggle", soon, true); // a fold that was opened
  document.addEventListener("click", soon);
  document.addEventListener("DOMContentLoaded", () => {
    all();
    window.MathJax?.startup?.promise?.then(all);
  });
  addEventListener("load", soon);
})();

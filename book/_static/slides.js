// A chapter as slides: `?slides` at the end of its page's address. Its blocks are dealt out to screens, a new one
// at every heading and wherever the next block would not fit. Left and right turn, Escape goes back to the page.
(() => {
  if (!new URLSearchParams(location.search).has("slides")) return;
  document.documentElement.classList.add("slides"); // book.css: the article alone, in larger letters
  const HEADING = "h1, h2, h3";
  let blocks = [], count = 0, now = 0;

  const inside = (box) => [...box.children].flatMap((child) => (child.tagName === "SECTION" ? inside(child) : [child]));
  const slideOf = (block) => Number(block?.dataset.slide ?? 0);

  function deal() {
    blocks.forEach((block) => block.classList.remove("off"));
    let slide = -1, room = 0, before;
    blocks.forEach((block) => {
      const high = block.offsetHeight; // nothing is to be seen of an empty block
      const opens = high && (block.matches(HEADING) || high > room) && !before?.matches(HEADING);
      if (opens) [slide, room] = [slide + 1, innerHeight - 100];
      block.dataset.slide = Math.max(slide, 0);
      room -= high + 16;
      if (high) before = block;
    });
    count = slide + 1;
  }

  function show(slide) {
    now = Math.max(0, Math.min(slide, count - 1));
    blocks.forEach((block) => block.classList.toggle("off", slideOf(block) !== now));
    document.querySelector(".slide-turn output").textContent = `Slide ${now + 1} of ${count}`;
    location.replace(`#slide-${now + 1}`); // reloaded, it opens here
    scrollTo(0, 0);
  }

  const first = () => blocks.find((block) => slideOf(block) === now);
  const leave = () => { location.href = `${location.pathname}#${first().closest("section").id}`; };
  const moves = { ArrowRight: () => now + 1, PageDown: () => now + 1, ArrowLeft: () => now - 1, PageUp: () => now - 1, Home: () => 0, End: () => count - 1 };

  function start() {
    blocks = inside(document.querySelector("article > section"));
    const bar = Object.assign(document.createElement("nav"), { className: "slide-turn", ariaLabel: "Slides" });
    bar.innerHTML = "<button>Back</button> <output></output> <button>Next</button> <button>Leave</button>";
    const [back, next, out] = bar.querySelectorAll("button");
    back.onclick = () => show(now - 1);
    next.onclick = () => show(now + 1);
    out.onclick = leave;
    document.querySelector("article").after(bar);
    const asked = decodeURIComponent(location.hash.slice(1));
    deal();
    show(Number(/^slide-(\d+)$/.exec(asked)?.[1] ?? 1 + slideOf(document.getElementById(asked)?.closest("section")?.querySelector("[data-slide]"))) - 1);
    addEventListener("resize", () => {
      const kept = first();
      deal();
      show(slideOf(kept));
    });
    addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open], #preview")) return;
      if (event.key === "Escape") leave();
      else if (event.key in moves && !event.target.matches("input, select")) {
        event.preventDefault();
        show(moves[event.key]());
      }
    }, true);
  }

  // heights are right when the pictures are there and the mathematics is drawn
  addEventListener("load", () => Promise.resolve(window.MathJax?.startup?.promise).then(start));
})();

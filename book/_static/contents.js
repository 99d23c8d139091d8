// The page's contents mark the section that is being read. The theme marks a section only when its heading
// comes into view, so after a jump (End, a link, a search) it marks the wrong one; it finds no contents to mark
// once these have another id.
(() => {
  const contents = document.getElementById("pst-page-toc-nav");
  if (!contents) return;
  contents.id = "page-contents";
  const links = [...contents.querySelectorAll("a[href^='#']")];
  const heading = (link) => document.getElementById(decodeURIComponent(link.hash.slice(1)))?.querySelector("h1, h2, h3, h4, h5, h6");
  const places = links.map((link) => [link, heading(link)]).filter(([, node]) => node);
  const bar = contents.closest(".bd-sidebar-secondary, dialog");
  let marked = null;

  function current() {
    const top = ([, node]) => node.getBoundingClientRect().top;
    const asked = places.find(([link]) => link.hash === location.hash);
    const atEnd = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
    // what a link leads to may be too near the page's end to come to the top
    if (asked && top(asked) >= 0 && (atEnd ? top(asked) < innerHeight : top(asked) < innerHeight * 0.3)) return asked[0];
    const above = places.filter((place) => top(place) < innerHeight * (atEnd ? 1 : 0.3));
    return above.at(-1)?.[0] ?? null;
  }

  function mark() {
    const link = current();
    if (link === marked) return;
    marked = link;
    links.forEach((one) => {
      one.classList.toggle("active", one === link);
      one === link ? one.setAttribute("aria-current", "true") : one.removeAttribute("aria-current");
    });
    contents.querySelectorAll(".toc-entry").forEach((entry) => entry.classList.toggle("active", entry.contains(link)));
    if (!link || !bar) return;
    const [place, room] = [link.getBoundingClientRect(), bar.getBoundingClientRect()];
    if (place.bottom > room.bottom) bar.scrollTop += place.bottom - room.bottom + 40;
    else if (place.top < room.top) bar.scrollTop -= room.top - place.top + 40;
  }

  let waiting = 0;
  const soon = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(mark);
  };
  ["scroll", "resize", "hashchange", "load"].forEach((event) => addEventListener(event, soon, { passive: true }));
  document.addEventListener("DOMContentLoaded", soon);
})();

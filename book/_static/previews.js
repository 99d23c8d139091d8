// A small box with the definition of a term or a copy of an equation, where a link to it is hovered over or focused.
// Escape closes it, the pointer may rest on it, and it is announced as the link's description.
(() => {
  const LINKS = "a[data-preview], .bd-article a[href^='#equation-']:not(.headerlink)";
  let box = null;
  let owner = null;
  let leaving = 0;

  const hide = () => {
    box?.remove();
    owner?.removeAttribute("aria-describedby");
    box = owner = null;
  };
  const hideSoon = () => {
    leaving = setTimeout(hide, 150);
  };

  function show(link) {
    clearTimeout(leaving);
    if (link === owner) return;
    hide();
    const equation = link.dataset.preview ? null : document.getElementById(link.hash.slice(1));
    const drawn = equation?.querySelector("mjx-container");
    if (!link.dataset.preview && !drawn) return;
    box = document.createElement("div");
    box.id = "preview";
    box.setAttribute("role", "tooltip");
    if (drawn) {
      box.append(drawn.cloneNode(true));
      box.querySelectorAll("[tabindex]").forEach((node) => node.removeAttribute("tabindex"));
    } else box.textContent = link.dataset.preview;
    box.addEventListener("mouseenter", () => clearTimeout(leaving));
    box.addEventListener("mouseleave", hideSoon);
    document.body.append(box);
    owner = link;
    owner.setAttribute("aria-describedby", box.id);
    const at = link.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, document.documentElement.clientWidth - box.offsetWidth - 8));
    const below = at.bottom + 6;
    const top = below + box.offsetHeight > innerHeight ? at.top - box.offsetHeight - 6 : below;
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${top + scrollY}px`;
  }

  const linkOf = (event) => event.target.closest?.(LINKS);
  document.addEventListener("mouseover", (event) => linkOf(event) && show(linkOf(event)));
  document.addEventListener("mouseout", (event) => linkOf(event) && hideSoon());
  document.addEventListener("focusin", (event) => (linkOf(event) ? show(linkOf(event)) : hide()));
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
})();

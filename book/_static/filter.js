// A page of many entries (the source audit, the coverage) gets menus that choose among them, by the classes that each
// entry carries ("kind-number"), and a field for words. Without a script every entry shows.
(() => {
  const place = document.querySelector(".entry-filter");
  if (!place) return;
  const entries = [...document.querySelectorAll(".entry")];
  const sections = [...document.querySelectorAll("article section")].filter((section) => section.querySelector(".entry"));
  const form = document.createElement("form");
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", "Choose entries");
  const said = document.createElement("p");
  said.setAttribute("role", "status");

  function labelled(text, control) {
    const label = document.createElement("label");
    label.append(text, control);
    form.append(label);
    return control;
  }

  const menus = place.dataset.by.split(" ").map((group) => {
    const menu = labelled(group.charAt(0).toUpperCase() + group.slice(1), document.createElement("select"));
    const found = entries.flatMap((entry) => [...entry.classList]).filter((name) => name.startsWith(`${group}-`));
    menu.add(new Option("all", ""));
    [...new Set(found)].sort().forEach((name) => {
      const text = name.slice(group.length + 1).replaceAll("-", " ");
      menu.add(new Option(text.length === 1 ? text.toUpperCase() : text, name));
    });
    return menu;
  });
  const words = labelled("Words or id", document.createElement("input"));
  words.type = "search";
  form.append(said);
  place.append(form);

  function choose() {
    const asked = words.value.trim().toLowerCase().split(/\s+/);
    let shown = 0;
    entries.forEach((entry) => {
      const text = entry.textContent.toLowerCase();
      const kept = menus.every((menu) => !menu.value || entry.classList.contains(menu.value)) && asked.every((word) => text.includes(word));
      entry.hidden = !kept;
      shown += kept;
    });
    sections.forEach((section) => {
      const around = section.contains(place); // the section that the menus stand in
      section.hidden = !around && !section.querySelector(".entry:not([hidden])");
    });
    said.textContent = `${shown} of ${entries.length} entries are shown.`;
  }

  // a link to an entry that is filtered away shows it again
  addEventListener("hashchange", () => {
    const asked = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!asked?.closest("[hidden]")) return;
    form.reset();
    choose();
    asked.scrollIntoView();
  });
  form.addEventListener("input", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  choose();
})();

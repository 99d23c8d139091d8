// What a reader did on the pages, kept by this browser alone: nothing is sent, and `kept.forget()` removes it.
// Parts: answers, quizzes, predictions, parsons, deck. A browser that keeps nothing keeps it for this page only.
window.kept = (() => {
  const KEY = "fading-interest";
  let here = {}; // where the browser keeps nothing

  function all() {
    try {
      const text = localStorage.getItem(KEY);
      const told = text === null ? {} : JSON.parse(text);
      return told !== null && typeof told === "object" && !Array.isArray(told) ? told : {};
    } catch {
      return here;
    }
  }

  // read, change and write at once, so that two open pages do not undo each other's marks
  function change(part, how) {
    const told = all();
    const before = told[part];
    told[part] = before !== null && typeof before === "object" && !Array.isArray(before) ? before : {};
    how(told[part]);
    here = told;
    try {
      localStorage.setItem(KEY, JSON.stringify(told));
    } catch { /* for this page only */ }
  }

  function forget() {
    here = {};
    try {
      localStorage.removeItem(KEY);
    } catch { /* nothing was kept */ }
  }

  // a file for the reader, made in the page
  function save(name, text, type) {
    const link = Object.assign(document.createElement("a"), { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  return { all, save, change, forget, part: (name) => all()[name] ?? {} };
})();

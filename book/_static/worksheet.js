// A chapter's worksheet for paper: `?worksheet` at the end of its page's address. Quick questions with boxes to tick and
// the exercises with room to write on; the figures and equations they name; no verdict, hint or solution.
(() => {
  if (!new URLSearchParams(location.search).has("worksheet")) return;
  document.documentElement.classList.add("worksheet"); // book.css: the article alone
  const LINES = { 1: 4, 2: 7, 3: 11 }; // to write on, by stars
  const NEEDS = { "kind-code": "Made for the notebook: note your way and the result.", "kind-project": "Made for the notebook: note your plan." };

  const element = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

  // what a text names with a link on this page: its figures and equations, once each
  function named(text) {
    const targets = [...text.querySelectorAll('a[href^="#"]')].map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
    return [...new Set(targets.map((target) => target?.closest("figure, div.math")).filter(Boolean))];
  }

  function question(item) {
    const asked = item.cloneNode(true);
    asked.querySelectorAll("details").forEach((choice) => {
      const box = element("p", "worksheet-choice", "☐ ");
      box.append(...choice.querySelector("summary").childNodes);
      choice.replaceWith(box);
    });
    return asked;
  }

  function exercise(box) {
    const part = element("section", "worksheet-exercise");
    const title = element("h3", "");
    title.append(...box.querySelector(".admonition-title").cloneNode(true).childNodes);
    const text = box.querySelector("section").cloneNode(true);
    text.removeAttribute("id");
    text.querySelectorAll("p").forEach((line) => { if (line.textContent.startsWith("Your own numbers:")) line.remove(); });
    const moves = (target) => Boolean(target.querySelector("fading-explorer"));
    const targets = named(text);
    const shown = targets.filter((target) => !moves(target)).map((target) => target.cloneNode(true));
    const kind = [...box.classList].find((name) => name.startsWith("kind-"));
    const needs = targets.some(moves) ? "Needs the live figure on the page." : NEEDS[kind];
    const choices = [...box.querySelectorAll("select option")].filter((option) => option.value);
    part.append(title, text, ...shown, ...choices.map((option) => element("p", "worksheet-choice", `☐ ${option.textContent}`)));
    if (needs) part.append(element("p", "worksheet-needs", needs));
    const count = LINES[title.textContent.match(/★/g).length];
    part.append(...Array.from({ length: count }, () => element("div", "worksheet-line")));
    return part;
  }

  function start() {
    const article = document.querySelector("article");
    const sheet = element("section", "");
    const bar = element("p", "worksheet-bar");
    bar.innerHTML = '<button type="button">Print</button> <a>Back to the chapter</a>';
    bar.querySelector("button").onclick = () => print();
    bar.querySelector("a").href = location.pathname;
    const title = article.querySelector("h1").cloneNode(true);
    const questions = element("ol", "");
    questions.append(...[...article.querySelectorAll(".quiz > ol > li")].map(question));
    const exercises = [...article.querySelectorAll(".exercise.admonition")].map(exercise);
    sheet.append(title, element("p", "worksheet-name", "Name:"), element("h2", "", "Quick questions"), questions, element("h2", "", "Exercises"), ...exercises);
    sheet.querySelectorAll("form, button, .headerlink, script").forEach((node) => node.remove());
    sheet.querySelectorAll('a[href^="#"]').forEach((link) => { link.href = `${location.pathname}${link.hash}`; });
    article.replaceChildren(bar, sheet);
  }

  // copied when the pictures are there and the mathematics is drawn
  addEventListener("load", () => Promise.resolve(window.MathJax?.startup?.promise).then(start));
})();

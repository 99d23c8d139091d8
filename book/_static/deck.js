// The review deck. A prompt is asked again when the recall that its half-life predicts, 2^(-t/h), has fallen to the level
// that the reader chose. A success doubles h, a failure halves it, from one day on, between 15 minutes and 270 days.
// That is half-life regression (Settles & Meeder 2016) with the fixed weights of Leitner's boxes: nothing is fitted here.
(() => {
  const panel = document.querySelector("section.deck");
  if (!panel || !window.kept) return;
  const DAY = 86_400_000; // milliseconds
  const [FIRST, SHORTEST, LONGEST] = [1, 15 / 1440, 270]; // days
  const NEW = 10; // new prompts at a time

  const cards = [...document.querySelectorAll("details.deck-card")].map((node) => ({
    name: node.dataset.card,
    chapter: node.dataset.chapter,
    ask: node.querySelector(".deck-asked"),
    answer: node.querySelector(".deck-said"),
  }));
  const part = (name) => panel.querySelector(name);
  const button = (name) => panel.querySelector(`[data-do=${name}]`);
  const [chapter, level, state, ask, answer] = ["#deck-chapter", "#deck-level", ".deck-state", ".deck-ask", ".deck-answer"].map(part);

  let queue = [];
  let fresh = NEW; // how many new ones may still be asked
  let again = new Set(); // forgotten in this sitting: asked until known, and then not counted a second time

  const known = () => {
    const told = window.kept.part("deck").cards;
    return told !== null && typeof told === "object" ? told : {};
  };
  const seen = (card, all) => {
    const one = all[card.name];
    return Number.isFinite(one?.h) && one.h > 0 && Number.isFinite(one?.at) ? one : null;
  };
  const recall = (one, now) => 2 ** (-Math.max(0, now - one.at) / DAY / one.h);
  const due = (one) => one.at + one.h * Math.log2(1 / Number(level.value)) * DAY;

  function waiting() {
    const [all, now] = [known(), Date.now()];
    const chosen = cards.filter((card) => !chapter.value || card.chapter === chapter.value);
    const old = chosen.filter((card) => seen(card, all) && due(seen(card, all)) <= now);
    old.sort((one, other) => recall(seen(one, all), now) - recall(seen(other, all), now));
    const unseen = chosen.filter((card) => !seen(card, all));
    const later = chosen.map((card) => seen(card, all)).filter((one) => one && due(one) > now).map(due);
    return { chosen, old, unseen, next: later.length ? Math.min(...later) : null };
  }

  function duration(milliseconds) {
    const minutes = Math.max(1, Math.round(milliseconds / 60_000));
    const [n, unit] = minutes < 90 ? [minutes, "minute"] : minutes < 2160 ? [Math.round(minutes / 60), "hour"] : [Math.round(minutes / 1440), "day"];
    return `${n} ${unit}${n === 1 ? "" : "s"}`;
  }

  function begin(focus) {
    const { old, unseen } = waiting();
    queue = [...old, ...unseen.slice(0, fresh)];
    again = new Set();
    next(focus);
  }

  function next(focus = true) {
    const { chosen, old, unseen, next: soon } = waiting();
    const card = queue[0];
    const count = `${chosen.length} prompts, ${unseen.length} of them new.`;
    answer.replaceChildren();
    if (card) {
      const one = seen(card, known());
      const predicted = one ? ` Predicted recall of this one: ${Math.round(100 * recall(one, Date.now()))} %.` : "";
      state.textContent = `${queue.length} to go, of ${count}${again.has(card.name) ? " Asked once more, not counted." : predicted}`;
      ask.replaceChildren(...card.ask.cloneNode(true).childNodes);
    } else {
      const when = old.length || soon === null ? "" : ` The next one is due in ${duration(soon - Date.now())}.`;
      state.textContent = `Nothing to review now: ${count}${when}`;
      ask.replaceChildren();
    }
    buttons({ show: card, more: !card && unseen.length });
    if (focus) (card ? ask : button("more").hidden ? state : button("more")).focus();
  }

  function buttons(shown) {
    for (const name of ["show", "right", "wrong", "more"]) button(name).hidden = !shown[name];
  }

  function show() {
    answer.replaceChildren(...card().answer.cloneNode(true).childNodes);
    answer.querySelectorAll("[id]").forEach((node) => node.removeAttribute("id"));
    window.MathJax?.typesetPromise?.([answer]);
    buttons({ right: true, wrong: true });
    button("right").focus();
  }

  const card = () => queue[0];

  function answered(recalled) {
    const one = queue.shift();
    if (!again.has(one.name)) {
      const before = seen(one, known());
      if (!before) fresh = Math.max(0, fresh - 1);
      const now = Date.now();
      const h = Math.min(LONGEST, Math.max(SHORTEST, (before?.h ?? FIRST) * (recalled ? 2 : 0.5)));
      const age = before ? (now - before.at) / DAY : 0;
      window.kept.change("deck", (deck) => {
        deck.cards = { ...(deck.cards ?? {}), [one.name]: { h, at: now } };
        deck.log = [...(Array.isArray(deck.log) ? deck.log : []), [one.name, now, recalled ? 1 : 0, Number(age.toFixed(6))]];
      });
    }
    if (!recalled) {
      again.add(one.name);
      queue.push(one);
    }
    next();
  }

  // a log as `read_events` takes it: the user is the prompt, the value the days since it was last asked
  function csv() {
    const log = window.kept.part("deck").log;
    const rows = (Array.isArray(log) ? log : []).filter((row) => Array.isArray(row) && Number.isFinite(row[1]));
    const line = ([name, at, recalled, age]) => [name, new Date(at).toISOString(), recalled ? "recalled" : "forgotten", age].join(",");
    return ["user_id,timestamp,event_type,value", ...rows.map(line), ""].join("\n");
  }

  button("export").addEventListener("click", () => window.kept.save("fading-interest-reviews.csv", csv(), "text/csv"));
  button("forget").addEventListener("click", () => {
    if (!confirm("Forget all your reviews in this browser? This cannot be undone.")) return;
    window.kept.change("deck", (deck) => { delete deck.cards; delete deck.log; });
    fresh = NEW;
    begin(true);
  });
  button("show").addEventListener("click", show);
  button("right").addEventListener("click", () => answered(true));
  button("wrong").addEventListener("click", () => answered(false));
  button("more").addEventListener("click", () => {
    fresh = NEW;
    begin(true);
  });
  chapter.addEventListener("change", () => begin(false));
  level.addEventListener("change", () => {
    window.kept.change("deck", (deck) => { deck.level = level.value; });
    begin(false);
  });
  part("form").addEventListener("submit", (event) => event.preventDefault());

  const before = window.kept.part("deck").level;
  if ([...level.options].some((option) => option.value === before)) level.value = before;
  panel.hidden = false;
  begin(false);
})();

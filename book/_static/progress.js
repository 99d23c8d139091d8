// Notes the first choice of each quick question, and shows on the page of progress what `kept.js` has kept.
(() => {
  if (!window.kept) return;
  const whole = (value) => (Number.isInteger(value) && value > 0 ? value : 0);
  const parts = (value) => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});

  // a quick question: what was opened first counts, since every choice may be opened
  document.querySelectorAll(".quiz").forEach((quiz) => {
    const chapter = /([a-z_]+)(?:\.html)?$/.exec(location.pathname)?.[1];
    if (!chapter) return;
    quiz.querySelectorAll("ol > li").forEach((question, k) => {
      question.querySelectorAll("details.quiz-choice").forEach((choice) => choice.querySelector("summary").addEventListener("click", () => {
        if (choice.open) return; // it is being closed
        window.kept.change("quizzes", (all) => {
          const before = parts(all[chapter]);
          if (!(k + 1 in before)) all[chapter] = { ...before, [k + 1]: choice.classList.contains("quiz-right") ? "right" : "wrong" };
        });
      }));
    });
  });

  const panel = document.querySelector(".progress-panel");
  const table = document.querySelector("table.progress-table");
  if (!panel || !table) return;
  const status = panel.querySelector("[role=status]");

  const marks = () => {
    const { answers, quizzes, predictions, parsons } = window.kept.all();
    return { answers: parts(answers), quizzes: parts(quizzes), predictions: parts(predictions), parsons: parts(parsons) };
  };

  function show() {
    const { answers, quizzes, predictions, parsons } = marks();
    table.querySelectorAll("tr[data-chapter]").forEach((row) => {
      const { chapter } = row.dataset;
      const solved = Object.entries(answers).filter(([name, one]) => name.replace(/-\d+$/, "") === chapter && one?.solved).length;
      const right = Object.values(parts(quizzes[chapter])).filter((one) => one === "right").length;
      const ordered = Object.values(parsons).filter((one) => one?.chapter === chapter && one.solved).length;
      const counted = { answers: solved, quizzes: right, predictions: chapter in predictions ? 1 : 0, parsons: ordered };
      for (const cell of row.querySelectorAll("[data-part]")) {
        const all = whole(Number(cell.dataset.all));
        cell.textContent = all ? `${Math.min(all, counted[cell.dataset.part])} of ${all}` : "–";
      }
    });
  }

  panel.querySelector("[data-do=save]").addEventListener("click", () => {
    const file = { format: "fading-interest-progress-1", ...marks() };
    window.kept.save("fading-interest-progress.json", `${JSON.stringify(file, null, 1)}\n`, "application/json");
    status.textContent = "Saved as fading-interest-progress.json in your downloads.";
  });
  panel.querySelector("[data-do=forget]").addEventListener("click", () => {
    if (!confirm("Delete everything that this book has kept in this browser, the reviews of the deck included? This cannot be undone.")) return;
    window.kept.forget();
    show();
    status.textContent = "Deleted. Nothing is kept any more.";
  });
  panel.hidden = false;
  show();
  window.addEventListener("storage", () => { // the reader answers in another tab
    status.textContent = "";
    show();
  });
  if (location.protocol === "file:" && !Object.keys(window.kept.all()).length) {
    status.textContent = "Nothing is kept for this page. From a folder, Firefox keeps the marks of every page apart; below it says how to make one book of the folder.";
  }
})();

// Extracts of found pages: the text that a reader sees, without contents for paper, folded checks, the data of
// live figures and the source of formulas.
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return; // no search page
  const HIDDEN = ".headerlink, script, style, .onlyprint, .d-print-none, .run-chapter, details.hide, .eqno, .prev-next-footer, .section-number, .caption-number";
  const SIGNS = { alpha: "α", beta: "β", gamma: "γ", delta: "δ", Delta: "Δ", eta: "η", theta: "θ", lambda: "λ", mu: "μ", nu: "ν", pi: "π", rho: "ρ", sigma: "σ", tau: "τ", le: "≤", ge: "≥", times: "×", cdot: "·", infty: "∞", approx: "≈", ln: "ln ", log: "log ", exp: "exp ", quad: " ", qquad: " ", odot: "⊙", to: "→", Rightarrow: "⇒" };

  function plain(tex) {
    const signs = tex.replace(/^\\[([]|\\[)\]]$/g, "").replace(/\\([A-Za-z]+) ?/g, (whole, name) => SIGNS[name] ?? whole).replace(/\\[,;: !]/g, " ");
    return /[\\{}&]/.test(signs) ? "…" : signs;
  }

  Search.htmlToText = (source, anchor) => {
    const page = new DOMParser().parseFromString(source, "text/html");
    page.querySelectorAll(HIDDEN).forEach((node) => node.remove());
    page.querySelectorAll(".math").forEach((node) => { node.textContent = plain(node.textContent.trim()); });
    const main = page.querySelector("article") ?? page.querySelector("[role='main']");
    const part = anchor ? main?.querySelector(anchor) : null;
    return ((part ?? main)?.textContent ?? "").replace(/\s+/g, " ").trim();
  };
});

// The front page's figure: a decay curve over the shop's real rates, drawn here for any half-life and age.
// The formulas are those of interestdecay_lib.decay with its default forms; a test compares them on a grid.
(() => {
  // two speeds, the slow half-life ten times the fast one, as long as makes half of the weight last until 1
  const twoSpeeds = (unit) => (a) => (2 ** (-a / unit) + 2 ** (-a / (10 * unit))) / 2;
  let [low, high] = [0, 1];
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2;
    twoSpeeds(middle)(1) > 0.5 ? (high = middle) : (low = middle);
  }

  const weights = { // of an age in half-lives
    Exponential: (x) => 2 ** -x,
    PowerLaw: (x) => (1 + x * (2 ** (1 / 1.5) - 1)) ** -1.5,
    Hyperbolic: (x) => 1 / (1 + x),
    StretchedExponential: (x) => 2 ** -(x ** 0.5),
    Gaussian: (x) => 2 ** -(x ** 2),
    BiExponential: twoSpeeds(high),
    TanhComplement: (x) => 2 / (1 + 3 ** x),
  };

  const START = { curve: "Exponential", halfLife: 12, age: 13 };
  const HTML = `<div class="explorer" role="group" aria-label="Live figure: a decay curve over real rates"><div class="explorer-controls">
    <label class="explorer-control"><span>curve</span> <select name="curve"></select></label>
    <label class="explorer-control explorer-slider"><span>half-life (weeks) <output></output></span>
      <input type="range" name="halfLife" min="1" max="104" step="0.5"><span class="explorer-ends" aria-hidden="true"><span>1</span><span>104</span></span></label>
    <label class="explorer-control explorer-slider"><span>age (weeks) <output></output></span>
      <input type="range" name="age" min="1" max="65" step="1"><span class="explorer-ends" aria-hidden="true"><span>1</span><span>65</span></span></label>
    <button type="button">Reset</button></div>
    <svg role="img" height="330"></svg><p class="explorer-status" aria-live="polite"></p></div>`;

  class MovingCurve extends HTMLElement {
    static weights = weights;

    connectedCallback() {
      const { rates } = JSON.parse(this.querySelector("script").textContent); // of week 1, 2, ..., relative to week 1
      this.rates = rates;
      this.state = { ...START };
      this.innerHTML = HTML;
      this.picture = this.querySelector("svg");
      this.inputs = [...this.querySelectorAll("select, input")];
      Object.keys(weights).forEach((name) => this.inputs[0].add(new Option(name)));
      this.inputs.forEach((input) => input.addEventListener("input", () => {
        this.state[input.name] = input.name === "curve" ? input.value : Number(input.value);
        this.draw();
      }));
      this.querySelector("button").addEventListener("click", () => {
        this.state = { ...START };
        this.draw();
      });
      // the point can be taken along the curve
      const take = (event) => {
        const week = this.week(event.clientX - this.picture.getBoundingClientRect().left);
        this.state.age = Math.min(this.rates.length, Math.max(1, Math.round(week)));
        this.draw();
      };
      this.picture.addEventListener("pointerdown", (event) => {
        this.picture.setPointerCapture(event.pointerId);
        take(event);
      });
      this.picture.addEventListener("pointermove", (event) => event.buttons && take(event));
      new ResizeObserver(() => this.draw()).observe(this.picture); // drawing changes the sentence's height, never its own
    }

    sentence() {
      const { curve, halfLife, age } = this.state;
      const left = weights[curve](age / halfLife);
      return `${curve} with a half-life of ${halfLife} weeks: an event ${age} weeks old keeps ${left.toFixed(3)} of its weight. `
        + `CDNOW's purchase rate in week ${age} is ${this.rates[age - 1].toFixed(2)} of that in week 1.`;
    }

    draw() {
      const width = Math.max(180, this.picture.clientWidth);
      const [left, right, top, bottom] = [44, width - 12, 26, 284];
      const x = (week) => left + ((right - left) * week) / 66;
      const y = (weight) => bottom - (bottom - top) * weight;
      this.week = (pixel) => ((pixel - left) / (right - left)) * 66;
      const { curve, halfLife, age } = this.state;
      const weight = (a) => weights[curve](a / halfLife);
      const line = Array.from({ length: 265 }, (_, k) => `${x(k / 4).toFixed(1)},${y(weight(k / 4)).toFixed(1)}`);
      const grid = [0, 0.25, 0.5, 0.75, 1].map((w) => `<path d="M${left} ${y(w)}H${right}"/><text x="${left - 6}" y="${y(w) + 4}" text-anchor="end">${w}</text>`);
      const weeks = [0, 13, 26, 39, 52, 65].map((w) => `<text x="${x(w)}" y="${bottom + 18}" text-anchor="middle">${w}</text>`);
      const points = this.rates.map((rate, k) => `<circle class="real" cx="${x(k + 1)}" cy="${y(rate)}" r="2.5"/>`);
      this.picture.innerHTML = `<g class="grid">${grid.join("")}${weeks.join("")}</g>
        <text x="${(left + right) / 2}" y="${bottom + 38}" text-anchor="middle">age (weeks)</text><text x="4" y="12">weight</text>
        ${points.join("")}<polyline points="${line.join(" ")}"/>
        <path class="asked" d="M${left} ${y(weight(age))}H${x(age)}V${bottom}"/><circle class="asked" cx="${x(age)}" cy="${y(weight(age))}" r="7"/>`;
      this.inputs.forEach((input) => {
        input.value = this.state[input.name];
        const shown = input.parentElement.querySelector("output");
        if (shown) shown.textContent = input.value;
      });
      const said = this.sentence();
      this.picture.setAttribute("aria-label", said);
      this.querySelector(".explorer-status").textContent = said;
    }
  }

  customElements.define("moving-curve", MovingCurve);
})();

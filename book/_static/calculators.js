// A chapter's key quantities for the reader's own numbers, as interestdecay_lib computes them;
// tests/test_calculators.py holds the two against each other. Names and letters are the library's.
(() => {
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));
  const sum = (values) => values.reduce((total, value) => total + value, 0);

  // {name of a field: its numbers} -> {what is told: number}
  const CALCULATORS = {
    // interestdecay_lib.decay; the power law with its exponent of 1.5
    weight: ({ age: [a], half_life: [h] }) => {
      const s = h / (2 ** (1 / 1.5) - 1);
      return { Exponential: 2 ** (-a / h), Hyperbolic: 1 / (1 + a / h), PowerLaw: (1 + a / s) ** -1.5, Gaussian: 2 ** -((a / h) ** 2), rate: Math.LN2 / h, "time constant": h / Math.LN2 };
    },
    // interestdecay_lib.interest.decayed_sum
    sum: ({ ages, half_life: [h] }) => ({ "decayed sum": sum(ages.map((a) => 2 ** (-a / h))), "plain count": ages.length }),
    // interestdecay_lib.customer_base.BGNBD; who never came back cannot have left: leaving follows a purchase
    alive: ({ x: [x], recency: [tx], T: [T], t: [t], r: [r], alpha: [alpha], a: [a], b: [b] }) => {
      const gone = x > 0 ? Math.exp(Math.log(a / (b + x - 1)) + (r + x) * Math.log((alpha + T) / (alpha + tx))) : 0;
      const alive = 1 / (1 + gone);
      return { "P(alive)": alive, "P(return)": -alive * Math.expm1((r + x) * Math.log((alpha + T) / (alpha + T + t))) };
    },
    // interestdecay_lib.lstm.lstm_step
    lstm: (own) => {
      const [x, h, before] = [own.x[0], own.h[0], own.c[0]];
      const z = (gate) => own[`w_${gate}`][0] * x + own[`u_${gate}`][0] * h + own[`b_${gate}`][0];
      const [i, f, g, o] = [sigmoid(z("i")), sigmoid(z("f")), Math.tanh(z("g")), sigmoid(z("o"))];
      const c = f * before + i * g;
      return { i, f, g, o, c, h: o * Math.tanh(c) };
    },
  };

  // what a number must be, beside finite: {calculator: {field: [smallest, may it be that?, in words]}}
  const ABOVE = [0, false, "above 0"];
  const FROM = [0, true, "0 or more"];
  const LIMITS = {
    weight: { age: FROM, half_life: ABOVE },
    sum: { ages: FROM, half_life: ABOVE },
    alive: { x: FROM, recency: FROM, T: FROM, t: FROM, r: ABOVE, alpha: ABOVE, a: ABOVE, b: ABOVE },
    lstm: {},
  };

  function fault(name, own) {
    if (name !== "alive") return "";
    const { x: [x], recency: [tx], T: [T] } = own;
    if (!Number.isInteger(x)) return "Repeat purchases x are counted: a whole number.";
    if (tx > T) return "The last purchase cannot be later than now: recency is at most T.";
    return (x === 0) !== (tx === 0) ? "Without a repeat purchase the recency is 0, and only then." : "";
  }

  function numbers(field, limit) {
    const label = field.labels[0].textContent;
    const several = field.dataset.key === "ages";
    const parts = field.value.trim().replaceAll("−", "-").split(several ? /[\s;]+/ : /\s+(?=.)/);
    const read = parts.map((part) => (/\d/.test(part) ? Number(part.replace(",", ".")) : NaN));
    if (read.some((value) => !Number.isFinite(value)) || (read.length > 1 && !several)) throw new Error(`“${field.value}” is not a number: ${label}.`);
    if (limit && read.some((value) => value < limit[0] || (value === limit[0] && !limit[1]))) throw new Error(`${label}: it is ${limit[2]}.`);
    return read;
  }

  const shown = (value) => String(Number(value.toPrecision(6)));

  function compute(form) {
    const name = form.dataset.calculator;
    const status = form.querySelector("[role=status]");
    delete status.dataset.values;
    try {
      const fields = [...form.querySelectorAll("input")];
      const own = Object.fromEntries(fields.map((field) => [field.dataset.key, numbers(field, LIMITS[name][field.dataset.key])]));
      const why = fault(name, own);
      if (why) throw new Error(why);
      const values = CALCULATORS[name](own);
      status.dataset.values = JSON.stringify(values);
      status.textContent = `${Object.entries(values).map(([what, value]) => `${what} ${shown(value)}`).join(", ")}.`;
    } catch (error) {
      status.textContent = error.message;
    }
  }

  document.querySelectorAll("form.calculator").forEach((form) => {
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => compute(form));
    compute(form);
  });
})();

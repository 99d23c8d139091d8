// The answer box of an exercise: right, nearly, or wrong and why, on the page itself. `judge` is `_judge` of
// interestdecay_lib/checks.py, sentence for sentence; tests/test_answer_boxes.py holds the two against each other.
// How an answer may be typed (units, per cent, comma or point, fractions, powers, lists) is this file's own matter.
(() => {
  // ------------------------------------------------------------------------------------------------ the judge

  const FACTORS = [
    [7, "7: days and weeks"],
    [24, "24: hours and days"],
    [60, "60: minutes and hours, or seconds and minutes"],
    [3600, "3600: seconds and hours, or 60 the wrong way round"],
    [86400, "86400: seconds and days"],
    [1000, "1000: thousands, or milliseconds and seconds"],
    [100, "100: percent"],
    [Math.LN2, "ln 2: time constant and half-life, or natural and base-2 logarithms"],
    [Math.LN10, "ln 10: natural and base-10 logarithms"],
  ];
  const TIMES = ["second", "minute", "hour", "day", "week", "month", "year", "step"];
  const SHARES = ["share", "probability", "none, 0 to 1"];
  const ENOUGH = 3; // significant digits, where the tolerance is not narrower than a thousandth
  const TOLD = 10; // different answers to an exercise that are compared with the right one
  const SPENT = "Not yet. After ten different answers no more is said of how far off one is: take the next hint.";

  const feedback = (verdict, message) => ({ verdict, message });
  const compared = (verdict, message) => ({ verdict, message, compares: true }); // with the right number: helps a guesser
  const isParts = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  const quoted = (names) => names.map((name) => `'${name}'`).join(", ");
  const praise = (exercise) => `Right. ${exercise.explain}`.trim();
  const tuple = (values) => (Array.isArray(values) ? `(${values.length},)` : "()");
  const list = (values) => (Array.isArray(values) ? values : [values]);

  // `answer` is a number, a list of numbers, a text, null, or an object of these; `whole` tells that no number
  // of it was typed with a point, a sign of division or a unit: an integer, in Python's terms
  function judge(exercise, right, answer, whole) {
    if (isParts(right)) return judgeParts(exercise, right, answer, whole);
    if (typeof right === "string") {
      if (answer.trim().toLowerCase() === right.trim().toLowerCase()) return feedback("right", praise(exercise));
      return feedback("wrong", recognised(exercise, answer, whole) || "Not that one. Read the hint and try again.");
    }
    return judgeNumbers(exercise, right, answer, whole);
  }

  function judgeParts(exercise, right, answer, whole) {
    if (!isParts(answer) || Object.keys(right).sort().join() !== Object.keys(answer).sort().join()) return feedback("wrong", "");
    const missing = Object.keys(right).filter((key) => answer[key] === null);
    if (missing.length) return feedback("missing", `No answer yet for ${quoted(missing)}.`);
    const why = recognised(exercise, answer, whole);
    let worst = feedback("right", praise(exercise));
    for (const [key, value] of Object.entries(right)) {
      const part = { ...exercise, unit: exercise.counts?.includes(key) ? "" : exercise.unit, mistakes: [], explain: "" };
      const told = judge(part, value, answer[key], whole?.[key]);
      if (told.verdict === "wrong") return why ? feedback("wrong", why) : { ...told, message: `${key}: ${told.message}` };
      if (told.verdict === "nearly") worst = { ...told, message: `${key}: ${told.message}` };
    }
    return worst;
  }

  function judgeNumbers(exercise, right, answer, whole) {
    if (isParts(answer)) return feedback("wrong", ""); // as above: of a mistake that has another form than the answer
    if (!Array.isArray(right) && answer.length === 1) [answer] = answer;
    const [a, r] = [list(answer), list(right)];
    if (tuple(answer) !== tuple(right)) return feedback("wrong", recognised(exercise, answer, whole) || wrongShape(right, answer));
    if (a.some(Number.isNaN)) return feedback("wrong", "Your answer holds NaN: look for 0/0, the log of 0 or missing data.");
    const within = (k, times) => Math.abs(a[k] - r[k]) <= times * (exercise.atol + exercise.rtol * Math.abs(r[k]));
    const outside = [...r.keys()].filter((k) => !within(k, 1));
    const digits = sameDigits(outside.map((k) => r[k]), outside.map((k) => a[k]));
    if (!outside.length || (digits >= ENOUGH && exercise.rtol >= 1e-3)) return feedback("right", praise(exercise));
    const why = recognised(exercise, answer, whole);
    if (why) return feedback("wrong", why);
    if (digits >= 2) return compared("nearly", "Nearly: that is the right number rounded; give more digits.");
    if (whole && a.some((x) => x !== 0) && a.every((x, k) => x === Math.trunc(r[k]))) return compared("wrong", "Your answer is a whole number (integer type): the fraction was cut off.");
    const near = outside.every((k) => within(k, 10));
    return compared("wrong", near ? "Close, yet not the right number rounded: digits lost on the way, or another method?" : direction(exercise, right, answer));
  }

  // to how many significant digits (2 to 6, or else 0) the numbers given are the right ones rounded; a whole number has one less
  function sameDigits(right, given) {
    for (let digits = 6; digits > 1; digits -= 1) {
      if (!given.every((x, k) => isClose(x, rounded(right[k], digits), 2e-7, 0))) continue;
      const exact = right.some((x) => x === Math.round(x)) ? Math.min(digits, 3) - 1 : digits;
      return exact > 1 ? exact : 0;
    }
    return 0;
  }

  // as Python rounds: a five with nothing after it goes to the even digit, where toExponential goes up
  function rounded(x, digits) {
    const [mantissa, exponent] = Math.abs(x).toExponential(40).replace(".", "").split("e");
    const even = /^50*$/.test(mantissa.slice(digits)) && Number(mantissa[digits - 1]) % 2 === 0;
    return even ? Math.sign(x) * Number(`${mantissa[0]}.${mantissa.slice(1, digits)}e${exponent}`) : Number(x.toExponential(digits - 1));
  }

  // the explanation of the typical mistake that the answer equals, the nearest of several
  function recognised(exercise, answer, whole) {
    const same = (value) => judge({ ...exercise, mistakes: [], explain: "" }, value, answer, whole).verdict === "right";
    const distance = (value) => (typeof value === "number" ? Math.abs(value - list(answer)[0]) : 0);
    const found = exercise.mistakes.filter((mistake) => same(mistake.value));
    return found.sort((one, other) => distance(one.value) - distance(other.value))[0]?.why ?? "";
  }

  function wrongShape(right, answer) {
    if (!Array.isArray(right)) return `One number is asked for; yours has the shape ${tuple(answer)}.`;
    if (Array.isArray(answer) && Math.abs(answer.length - right.length) === 1) return `${right.length} numbers are asked for, and yours are ${answer.length}: off by one at an end?`;
    return `The shape should be ${tuple(right)}; yours is ${Array.isArray(answer) ? tuple(answer) : "a single number"}.`;
  }

  const isClose = (a, b, rtol, atol) => a === b || (Number.isFinite(b) && Math.abs(a - b) <= atol + rtol * Math.abs(b));

  function direction(exercise, right, answer) {
    const unit = exercise.unit ? ` (asked for in ${exercise.unit})` : "";
    const rtol = Math.max(exercise.rtol, 1e-6);
    const close = (a, b) => a.every((x, k) => Number.isFinite(x) && isClose(x, b[k], rtol, exercise.atol));
    const [a, r] = [list(answer), list(right)];
    if (r.some((x) => x !== 0)) {
      if (close(a, r.map((x) => -x))) return `Right size, wrong sign${unit}.`;
      const found = FACTORS.find(([factor]) => close(a, r.map((x) => x * factor)) || close(a, r.map((x) => x / factor)));
      if (found) return `Off by the factor ${found[1]}${unit}.`;
    }
    if (!Array.isArray(right)) return directionOfOne(right, answer, unit, exercise.unit, (x, y) => close([x], [y]));
    const moved = order(a, r, close);
    if (moved) return moved;
    const wrong = a.flatMap((x, k) => (isClose(x, r[k], exercise.rtol, exercise.atol) ? [] : [k]));
    return `${wrong.length} of ${r.length} entries differ${unit}; the first at index [${wrong[0] ?? ""}].`;
  }

  function directionOfOne(right, answer, unit, unitName, close) {
    if (right > 0 && TIMES.includes(unitName.replace(/s+$/, "")) && close(answer, Math.LN2 / right)) return `That is a rate, ln 2 divided by the half-life asked for${unit}.`;
    if (right > 0 && right !== 1) {
      if (close(answer, 1 / right)) return `Upside down: yours is one over the number asked for${unit}.`;
      if (right !== Math.round(right) && (close(answer, right ** 2) || close(answer, right ** 0.5))) return `A square or a square root too many or too few${unit}.`;
    }
    if (SHARES.includes(unitName) && close(answer, 1 - right)) return "The complement: yours and the share asked for add up to 1.";
    if (right !== 0 && Math.abs(magnitude(answer) - magnitude(right)) > 1) return `Not yet: more than ten times too ${Math.abs(answer) > Math.abs(right) ? "large" : "small"}${unit}.`;
    return `Not yet: not this number${unit}. Go through your steps, or open the hint.`;
  }

  // the power of ten that a number is written with, to seven digits as in Python
  function magnitude(x) {
    if (x === 0 || !Number.isFinite(x)) return x === 0 ? -Infinity : Infinity;
    return Number(x.toExponential(6).split("e")[1]);
  }

  function order(a, r, close) {
    const sorted = (values) => [...values].sort((x, y) => x - y);
    if (close(a, [...r].reverse())) return "Right numbers, in reverse order along the first axis.";
    if (r.length > 2 && close(a.slice(1), r.slice(0, -1))) return "Right numbers, one step too late along the first axis.";
    if (r.length > 2 && close(a.slice(0, -1), r.slice(1))) return "Right numbers, one step too early along the first axis.";
    return close(sorted(a), sorted(r)) ? "Right numbers, in another order." : "";
  }

  // ------------------------------------------------------------------------------------------ what was typed

  class Unread extends Error {} // its message is what the reader is told

  const NOTHING = "No answer yet: write it into the box, then press Check.";
  const unread = (text) => new Unread(`“${text.trim()}” cannot be read as a number. Write it like 12.5, 3/7, 2^(-3/7), ln(2)/0.1 or 35 %.`);
  const SIGNS = { "−": "-", "–": "-", "×": "*", "·": "*", "∙": "*", "÷": "/", "⁄": "/", "∕": "/", "：": ":", "½": "(1/2)", "¼": "(1/4)", "¾": "(3/4)" };
  const RAISED = { "⁻": "-", "⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9" };
  const FUNCTIONS = { ln: Math.log, log2: Math.log2, log10: Math.log10, exp: Math.exp, sqrt: Math.sqrt, "√": Math.sqrt };
  const CONSTANTS = { pi: Math.PI, "π": Math.PI, e: Math.E, inf: Infinity, infinity: Infinity, "∞": Infinity, nan: NaN };
  const WORD = /(log2|log10|ln|exp|sqrt|√|infinity|inf|∞|nan|pi|π|e)(?![a-zµ])/iy;

  function plain(text) {
    return text
      .replace(/[−–×·∙÷⁄∕：½¼¾]/g, (sign) => SIGNS[sign])
      .replace(/[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+/g, (raised, place, whole) => {
        const digits = [...raised].map((sign) => RAISED[sign]).join("");
        return /[a-z]/i.test(whole[place - 1] ?? "") ? digits : `^(${digits})`; // week² is a unit
      })
      .replace(/\b(?:np|numpy|math)\.log(?=\()/g, "ln")
      .replace(/\b(?:np|numpy|math)\./g, "")
      .replace(/^\s*(?:answer)?\s*[=≈~]\s*/i, "")
      .trim();
  }

  // numbers in groups of three, where they cannot be meant otherwise
  const grouped = (text) =>
    text
      .replace(/(^|[^\d.,])(\d{1,3}(?:[ \u00a0\u202f'’_]\d{3})+)(?!\d)/g, (all, before, number) => before + number.replace(/\D/g, ""))
      .replace(/(^|[^\d.,])(\d{1,3}(?:,\d{3})+)(?=\.\d)/g, (all, before, number) => before + number.replaceAll(",", ""))
      .replace(/(^|[^\d.,])(\d{1,3}(?:\.\d{3})+)(?=,\d)/g, (all, before, number) => before + number.replaceAll(".", ""))
      .replace(/(^|[^\d.,])(\d{1,3}(?:([.,])\d{3})(?:\3\d{3})+)(?![\d.,])/g, (all, before, number) => before + number.replace(/\D/g, ""));
  const EITHER = /(^|[^\d.,])[1-9]\d{0,2},\d{3}(?![\d.,])/;

  // A sum of products of powers, as on paper; what follows it is the unit.
  function calculate(text) {
    let at = 0;
    const skip = () => { while (/\s/.test(text[at] ?? "")) at += 1; };
    const next = (pattern) => {
      skip();
      pattern.lastIndex = at;
      const found = pattern.exec(text);
      if (found) at += found[0].length;
      return found;
    };
    const peek = (pattern) => {
      const before = at;
      const found = next(pattern);
      at = before;
      return found;
    };
    const sum = () => {
      let value = product();
      for (let sign; (sign = next(/[+-]/y)); ) value = sign[0] === "+" ? value + product() : value - product();
      return value;
    };
    const product = () => {
      let value = signed();
      for (;;) {
        if (peek(/\/\s*[a-z]/iy) && !peek(/\/\s*(?:log2|log10|ln|exp|sqrt|pi|e)(?![a-z])/iy)) return value; // per week
        if (peek(/\*(?!\*)/y)) { next(/\*/y); value *= signed(); }
        else if (next(/\//y)) value /= nonzero(signed());
        else if (peek(/\(/y) || peek(WORD)) value *= power(); // 2 pi, 60 ln(2)
        else return value;
      }
    };
    const nonzero = (value) => {
      if (value === 0) throw new Unread("Your answer divides by zero.");
      return value;
    };
    const signed = () => {
      const sign = next(/[+-]/y);
      return sign ? (sign[0] === "-" ? -signed() : signed()) : power();
    };
    const power = () => {
      const base = atom();
      return next(/\^|\*\*/y) ? base ** signed() : base;
    };
    const atom = () => {
      const number = next(/(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?/iy);
      if (number) return Number(number[0].replace(",", "."));
      if (next(/\(/y)) {
        const value = sum();
        if (!next(/\)/y)) throw unread(text);
        return value;
      }
      const word = next(WORD)?.[0].toLowerCase();
      if (word in FUNCTIONS) return FUNCTIONS[word](peek(/\(/y) ? atom() : power()); // ln(2)^2, and ln 2^2 as on paper
      if (word in CONSTANTS) return CONSTANTS[word];
      if (next(/log(?![a-z])/iy)) throw new Unread("Write ln, log2 or log10: “log” alone could be any of them.");
      throw unread(text);
    };
    const value = sum();
    skip();
    return [value, text.slice(at).trim()];
  }

  const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86400, week: 604800 };
  const SHORT = { s: "second", sec: "second", min: "minute", h: "hour", hr: "hour", d: "day", wk: "week", w: "week" };
  const PERCENT = /^(?:%|per ?cent|pct|percentage points?|pp|points \(percent\))$/;
  const oneWord = (word) => SHORT[word] ?? SHORT[word.replace(/s$/, "")] ?? word.replace(/s$/, "");

  // {per: is it a rate, time: its name, power} of a unit of time or of a rate; null of another one
  function timeUnit(unit) {
    const found = /^(?:(1 ?\/ ?|\/ ?|per )?([a-z]+?)(?:(?:\^?\(?(-?)([12])\)?)| squared)?)\.?$/.exec(unit.replace("²", "2"));
    if (!found) return null;
    const time = oneWord(found[2]);
    if (!TIMES.includes(time)) return null;
    return { per: Boolean(found[1] || found[3]), time, power: / squared$/.test(unit) || found[4] === "2" ? 2 : 1 };
  }

  // by what a number with this unit is multiplied to stand in the unit asked for
  function conversion(typed, asked) {
    const [unit, wanted] = [typed, asked].map((one) => one.toLowerCase().trim());
    if (!unit || unit === wanted) return 1;
    if (PERCENT.test(unit)) return PERCENT.test(wanted) ? 1 : 0.01;
    const refuse = () => new Unread(asked ? `The answer is asked for in ${asked}, not in ${typed}.` : `The answer has no unit; yours is in ${typed}.`);
    const [from, to] = [timeUnit(unit), timeUnit(wanted)];
    if (to) {
      if (!from || from.per !== to.per || from.power !== to.power) throw refuse();
      if (from.time === to.time) return 1;
      if (!(from.time in SECONDS && to.time in SECONDS)) throw refuse();
      return (SECONDS[from.time] / SECONDS[to.time]) ** (from.per ? -from.power : from.power);
    }
    const words = (text) => text.replace(/\$/g, " dollar ").replace(/\busd\b/g, "dollar").split(/[^a-z]+/).filter(Boolean).map(oneWord);
    const known = words(wanted);
    if (!words(unit).length || !words(unit).every((word) => known.includes(word))) throw refuse();
    return 1;
  }

  function readNumber(text, unit) {
    if (/^(?:true|false)$/i.test(text)) throw new Unread("The answer is a number, not True or False.");
    if (/^(["'“‘]).*["'”’]$/.test(text)) throw new Unread("The answer is a number, not a text: write it without quotes.");
    const currency = /^(?:us ?)?\$\s*/i.exec(text);
    const [value, rest] = calculate(currency ? text.slice(currency[0].length) : text);
    if (/^[^a-z%$/]|\d{2}/i.test(rest) && !/^1 ?\/ ?[a-z]/i.test(rest)) throw unread(text);
    const times = conversion(rest || (currency ? "$" : ""), unit);
    return { value: times === 0.01 ? value / 100 : value * times, whole: /^[+-]?\d+$/.test(text) };
  }

  // the texts of a list's numbers, or null if one number was typed
  function listed(text, many) {
    let within = text.replace(/^array(?=\()/, "");
    if (/^\(\s*\[.*\]\s*\)$/s.test(within)) within = within.slice(1, -1).trim();
    const isList = /^\[.*\]$/s.test(within) || (/^\([^()]*\)$/s.test(within) && /[;,]\s/.test(within));
    if (isList) within = within.slice(1, -1);
    const parts = (separator) => within.split(separator).map((part) => part.trim()).filter(Boolean);
    if (within.includes(";")) return parts(";");
    if (/\.\d?.*,|,.*\./s.test(within) && (many || isList || /,\s/.test(within))) return parts(",");
    if (/,\s/.test(within)) return parts(/,\s+/);
    if ((many || isList) && /[\d)]\s+[-+.\d(]/.test(within) && !/\s[-+*/^]\s/.test(within)) return parts(/\s+/);
    if (many || isList) return within.includes(",") || isList ? parts(",") : null;
    return null;
  }

  // {answer, whole} of a text, as `judge` takes them
  function read(text, right, unit) {
    if (typeof right === "string") return { answer: text };
    const clean = plain(text);
    const apart = listed(clean, Array.isArray(right));
    if (apart) {
      const numbers = apart.map((part) => readNumber(part, unit));
      return { answer: numbers.map((one) => one.value), whole: numbers.length > 0 && numbers.every((one) => one.whole) };
    }
    const whole = grouped(clean);
    if (EITHER.test(whole)) throw new Unread(`'${text.trim()}' may mean two numbers: write it without the comma.`);
    const one = readNumber(whole, unit);
    return { answer: one.value, whole: one.whole };
  }

  const shown = (value) => (Array.isArray(value) ? `[${value.map(shown).join(", ")}]` : Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value));

  // how a text was read, where that is not plain to see
  function echo(typed, answer, unit) {
    if (typeof answer === "string" || /^[+-]?\d*\.?\d+$/.test(typed)) return "";
    return `Read as ${shown(answer)}${unit && !PERCENT.test(unit) && !SHARES.includes(unit) ? ` ${unit}` : ""}.`;
  }

  // Verdict and sentence for the texts of the fields, by key; "" is the key of a field that stands alone.
  function check(exercise, texts) {
    const { right, unit } = exercise;
    try {
      if (!isParts(right)) {
        if (!texts[""].trim()) return feedback("missing", NOTHING);
        const { answer, whole } = read(texts[""], right, unit);
        return { ...judge(exercise, right, answer, whole), read: echo(texts[""].trim(), answer, unit) };
      }
      const [answer, whole] = [{}, {}];
      for (const key of Object.keys(right)) {
        if (!texts[key].trim()) answer[key] = null;
        else ({ answer: answer[key], whole: whole[key] } = read(texts[key], right[key], exercise.counts?.includes(key) ? "" : unit));
      }
      return judge(exercise, right, answer, whole);
    } catch (error) {
      if (error instanceof Unread) return feedback("wrong", error.message);
      throw error;
    }
  }

  // ------------------------------------------------------------------------------------------------ own numbers

  // SHA-256 of bytes as 32-bit words (FIPS 180-4); a page from a folder or over plain http may lack crypto.subtle
  function sha256(bytes) {
    const primes = [];
    for (let n = 2; primes.length < 64; n += 1) if (primes.every((prime) => n % prime)) primes.push(n);
    const roots = primes.map((prime) => fraction(prime, 3n));
    let hash = primes.slice(0, 8).map((prime) => fraction(prime, 2n));
    const length = (bytes.length + 72) >> 6 << 6;
    const view = new DataView(new ArrayBuffer(length));
    [...bytes, 0x80].forEach((byte, k) => view.setUint8(k, byte));
    view.setUint32(length - 4, bytes.length * 8);
    const turn = (x, n) => (x >>> n) | (x << (32 - n));
    for (let block = 0; block < length; block += 64) {
      const w = Array.from({ length: 16 }, (_, k) => view.getUint32(block + 4 * k));
      for (let k = 16; k < 64; k += 1) {
        const [x, y] = [w[k - 15], w[k - 2]];
        w[k] = (w[k - 16] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + w[k - 7] + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10))) | 0;
      }
      let [a, b, c, d, e, f, g, h] = hash;
      for (let k = 0; k < 64; k += 1) {
        const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + roots[k] + w[k]) | 0;
        const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [a, b, c, d, e, f, g, h] = [(one + two) | 0, a, b, c, (d + one) | 0, e, f, g];
      }
      hash = [a, b, c, d, e, f, g, h].map((word, k) => (word + hash[k]) | 0);
    }
    return hash.map((word) => word >>> 0);
  }

  // the first 32 bits of the fraction of a root, exactly: floor(root(n · 2^(32 · power))) by bisection
  function fraction(n, power) {
    const target = BigInt(n) << (32n * power);
    let [low, high] = [0n, 1n << 40n];
    while (high - low > 1n) {
      const middle = (low + high) >> 1n;
      if (middle ** power <= target) low = middle;
      else high = middle;
    }
    return Number(low & 0xffffffffn) | 0;
  }

  // as Python's casefold for names: ß is ss, ς is σ, and ı stays
  const folded = (text) => [...text].map((one) => (one === "ı" ? one : one.toLowerCase().toUpperCase().toLowerCase())).join("");

  // {argument: its place in the list} for a student, as `given` of checks.py draws
  function drawn(name, variants, student) {
    const who = folded(student.normalize("NFKC").trim().split(/\s+/).join(" "));
    return Object.fromEntries(Object.entries(variants).map(([argument, values]) => {
      const [high, low] = sha256(new TextEncoder().encode(`${name}|${argument}|${who}`));
      return [argument, Number(((BigInt(high) << 32n) | BigInt(low)) % BigInt(values.length))];
    }));
  }

  // {exercise, numbers}: the specification for a student's numbers, and what they are; the page's for nobody's
  function forStudent(name, exercise, student) {
    if (!exercise.own || !student.trim()) return { exercise, numbers: "" };
    const { variants, sets } = exercise.own;
    const places = drawn(name, variants, student);
    const at = Object.entries(variants).reduce((before, [argument, values]) => before * values.length + places[argument], 0);
    const numbers = Object.entries(variants).map(([argument, values]) => `${argument} = ${values[places[argument]]}`).join(", ");
    return { exercise: sets[at], numbers };
  }

  // ------------------------------------------------------------------------------------------------- the page

  // what book/_tools/answer_box.py sealed; sealed is not secret: this function opens it
  function unsealed(text, name) {
    let state = 2166136261;
    for (const letter of new TextEncoder().encode(name)) state = Math.imul(state ^ letter, 16777619) >>> 0;
    const bytes = Uint8Array.from(atob(text), (letter) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return letter.charCodeAt(0) ^ (state >>> 24);
    });
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  window.unsealed = unsealed; // for parsons.js

  const MARKS = { right: ["✓", ""], nearly: ["≈", ""], wrong: ["✗", "Not right. "], missing: ["…", ""] };

  function element(tag, className, text) {
    return Object.assign(document.createElement(tag), { className, textContent: text });
  }

  function tell(form, { verdict, message, read }) {
    const [mark, word] = MARKS[verdict];
    const sign = element("span", "answer-mark", `${mark} `);
    sign.setAttribute("aria-hidden", "true");
    const sentence = element("span", "answer-why", "");
    message.split(/`([^`]+)`/).forEach((part, k) => sentence.append(k % 2 ? element("code", "", part) : part)); // code is marked as in Markdown
    const status = form.querySelector("[role=status]");
    status.dataset.verdict = verdict;
    status.replaceChildren(sign, element("span", "visually-hidden", word), sentence);
    if (read) status.append(" ", element("span", "answer-read", read));
  }

  // kept by this browser (kept.js): tries, whether it was right once, and which sentences it was told; never what was typed
  function note(name, { verdict, message }) {
    if (verdict === "missing") return;
    window.kept?.change("answers", (all) => {
      const before = all[name] ?? {};
      const told = { ...(before.told ?? {}) };
      if (verdict === "wrong") told[message] = (told[message] ?? 0) + 1;
      all[name] = { tries: (before.tries ?? 0) + 1, solved: Boolean(before.solved) || verdict === "right", told };
    });
  }

  // after ten answers that were compared with the right one, the next ones no longer are; until the page is loaded again
  function rationed(said, tried, written) {
    if (!said.compares || tried.has(written)) return said;
    if (tried.size >= TOLD) return feedback("wrong", SPENT);
    tried.add(written);
    return said;
  }

  document.querySelectorAll("form.answer-box").forEach((form) => {
    const name = form.dataset.exercise;
    form.tried = new Set();
    const student = form.querySelector("[data-student]");
    let page;
    const judged = () => forStudent(name, (page ??= unsealed(form.dataset.sealed, name)), student?.value ?? "");
    form.hidden = false;
    if (student) {
      const say = () => {
        const { numbers } = judged();
        form.querySelector(".answer-drawn").textContent = numbers
          ? `Your numbers: ${numbers}. Answers are judged by them.`
          : "No name yet: answers are judged by the numbers of the page.";
      };
      student.addEventListener("input", say);
      student.closest("details").addEventListener("toggle", say);
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { exercise, numbers } = judged();
      const fields = [...form.querySelectorAll("input:not([data-student]), select")];
      const typed = fields.map((field) => [field.dataset.key ?? "", field.value]);
      const said = rationed(check(exercise, Object.fromEntries(typed)), form.tried, JSON.stringify([numbers, typed]));
      tell(form, numbers ? { ...said, read: [said.read, `Judged by your numbers: ${numbers}.`].filter(Boolean).join(" ") } : said);
      note(name, said);
    });
  });
})();

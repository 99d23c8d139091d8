"""The bank of examination questions: `exam.py` draws papers from it. For teachers; no page shows it.

A question's text and its way (`how`) have parameters in braces; `ranges` says from which values a variant is
drawn. The key and what the typical mistakes give are computed from the same parameters. Every text is
complete without the book.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from interestdecay_lib.cold_start import shrunken_shares
from interestdecay_lib.counter import DecayedCounter
from interestdecay_lib.decay import Exponential, Hyperbolic, half_life_from_rate
from interestdecay_lib.evaluation import score_probabilities, wilson_interval
from interestdecay_lib.explaining import shapley_values
from interestdecay_lib.lstm import forget_half_life
from interestdecay_lib.uplift import gain_of_contact

LN2 = math.log(2)


@dataclass(frozen=True)
class Question:
    """`objective`: its number in the chapter's list; `tolerance` is relative, 0 asks for the exact number."""

    chapter: str
    objective: int
    minutes: int
    points: int
    text: str
    unit: str
    key: Callable
    how: str
    mistakes: list  # (what it gives, what it shows)
    ranges: dict
    tolerance: float = 0.01

    def variants(self):
        """All drawings of the parameters."""
        return [dict(zip(self.ranges, values, strict=True)) for values in product(*self.ranges.values())]


def _alive(p, rate, t):
    """Chance to be a customer still: left with chance p at the last purchase, or silent by chance for t."""
    stayed = (1 - p) * math.exp(-rate * t)
    return stayed / (p + stayed)


def _weights(inputs, units):
    return 4 * (units * (inputs + units) + units)


def _counted(v, h, d):
    counter = DecayedCounter(half_life=h, value=v, time=0.0)
    counter.add(float(d))
    return counter.value


def _entropy(p):
    y = np.arange(100) < p
    return score_probabilities(y.astype(int), np.full(100, p / 100))["log_loss"]


def _upper(k, n):
    return 100 * float(wilson_interval(k / n, n)[1])


def _shapley(a, b, c):
    value = {(0, 0): 0, (1, 0): a, (0, 1): b, (1, 1): c}
    return float(shapley_values(lambda z: np.array([value[tuple(row)] for row in z.astype(int)]), 2)[0])


QUESTIONS = {
    "silent-week-two": Question(
        "first_look", 2, 4, 4,
        "{n} customers fall silent after a purchase. {a} of them buy again in week 1 and {b} in week 2. What "
        "is the hazard of buying again in week 2?", "%",
        lambda n, a, b: 100 * b / (n - a), "100 · {b} / ({n} − {a})",
        [(lambda n, a, b: 100 * b / n, "Divided by all silences that ever began, not by those that still "
        "last."),
         (lambda n, a, b: 100 * (a + b) / n, "The share that has returned by week 2, not the hazard of week "
         "2.")],
        {"n": (200, 240, 300), "a": (60, 70, 80), "b": (21, 28, 35)}),
    "who-is-still-silent": Question(
        "first_look", 3, 6, 6,
        "Half of a shop's customers buy at random at {r} purchases a week, the other half at {s}; no rate "
        "ever changes. Of those without a purchase in the first {t} weeks, which share belongs to the slow "
        "half?", "%",
        lambda r, s, t: 100 / (1 + math.exp(-(r - s) * t)),
        "100 · e^(−{s}·{t}) / (e^(−{r}·{t}) + e^(−{s}·{t}))",
        [(lambda r, s, t: 50, "The crowd as it began: the frequent buyers leave the silent ones first."),
         (lambda r, s, t: 100 * math.exp(-s * t), "The share of the slow ones that is silent, not of the "
         "silent ones.")],
        {"r": (0.4, 0.5, 0.6), "s": (0.05, 0.1), "t": (3, 4, 6)}),
    "time-constant": Question(
        "decay_formula", 1, 3, 3,
        "A weight decays as e^(−a/τ) with the time constant τ = {tau} days. What is its half-life in "
        "hours?", "hours",
        lambda tau: 24 * half_life_from_rate(1 / tau), "24 · ln 2 · {tau}",
        [(lambda tau: 24 * tau, "That is the time constant: after it 1/e is left, not one half."),
         (lambda tau: half_life_from_rate(1 / tau), "That is the half-life in days.")],
        {"tau": (3, 5, 6, 8, 10, 12, 20)}),
    "weight-in-weeks": Question(
        "decay_formula", 2, 3, 3,
        "The half-life is {h} days. Which share of its weight does an event keep at an age of {a} weeks?",
        "%",
        lambda h, a: 100 * Exponential(h)(7 * a), "100 · 2^(−7·{a}/{h})",
        [(lambda h, a: 100 * math.exp(-7 * a / h), "The half-life was taken for the time constant, "
        "e^(−a/h)."),
         (lambda h, a: 100 * 2 ** (-a / h), "The age is in weeks, the half-life in days.")],
        {"h": (10, 12, 18, 20), "a": (2, 3, 4, 5)}),
    "two-tails": Question(
        "decay_formula", 3, 4, 4,
        "A hyperbolic and an exponential weight have the same half-life. At an age of {k} half-lives, how "
        "many times the exponential weight is the hyperbolic one?", "times",
        lambda k: Hyperbolic(1)(k) / Exponential(1)(k), "2^{k} / (1 + {k})",
        [(lambda k: Hyperbolic(1)(k) - Exponential(1)(k), "That is the difference; asked is the ratio."),
         (lambda k: 2**k / k, "The hyperbolic weight is 1 / (1 + a/h), not h/a.")],
        {"k": (4, 5, 6, 7, 8)}),
    "one-exponential": Question(
        "decay_formula", 5, 4, 4,
        "A crowd buys {a} times a week; four weeks later {b} times. If the curve is one exponential without "
        "a background, what is its rate twelve weeks after the first measurement?", "purchases a week",
        lambda a, b: a * Exponential(4 * LN2 / math.log(a / b))(12), "{a} · ({b}/{a})³",
        [(lambda a, b: a - 3 * (a - b), "A straight line: an exponential loses the same share, not the same "
        "amount."),
         (lambda a, b: a * (b / a) ** 2, "Two stretches of four weeks; twelve weeks are three.")],
        {"a": (80, 100, 120), "b": (50, 60, 70)}),
    "three-events": Question(
        "events_to_interest", 1, 4, 4,
        "A user clicked {x} days ago, {y} days ago and right now; each click counts 1 and the half-life is "
        "{h} days. What is the interest now?", "clicks",
        lambda x, y, h: float(np.sum(Exponential(h)([x, y, 0]))), "2^(−{x}/{h}) + 2^(−{y}/{h}) + 1",
        [(lambda x, y, h: math.exp(-x / h) + math.exp(-y / h) + 1, "The half-life was taken for the time "
        "constant."),
         (lambda x, y, h: 1 + 2 ** (-(x + y) / h), "The ages were added. Add the weights: each event fades "
         "on its own."),
         (lambda x, y, h: 3, "That is the plain count, without decay.")],
        {"x": (12, 15, 18), "y": (4, 5, 8), "h": (6, 9, 10)}),
    "carried-forward": Question(
        "events_to_interest", 2, 4, 4,
        "For a user we store the decayed sum {v} and its day. The half-life is {h} days. The next event, of "
        "weight 1, comes {d} days later. What is stored after it?", "events",
        _counted, "{v} · 2^(−{d}/{h}) + 1",
        [(lambda v, h, d: v + 1, "The event was added to the stored value as it was: between two events "
        "interest fades."),
         (lambda v, h, d: (v + 1) * 2 ** (-d / h), "The new event faded too. Age the old value first, then "
         "add.")],
        {"v": (3.2, 4.1, 5.6), "h": (7, 10, 14), "d": (5, 9, 12)}),
    "kept-a-day": Question(
        "events_to_interest", 5, 4, 4,
        "A tool multiplies its counters by {q} at the end of each day. What half-life is this?", "days",
        lambda q: forget_half_life(q), "ln ½ / ln {q}",
        [(lambda q: 1 / (1 - q), "That is the mean age of what counts, near the time constant; the half-life "
        "is shorter."),
         (lambda q: 0.5 / (1 - q), "A straight line: each day takes a share of what is left, not of the "
         "beginning.")],
        {"q": (0.8, 0.85, 0.9, 0.95, 0.97)}),
    "half-life-from-ages": Question(
        "fitting_decay", 1, 5, 5,
        "The responses to an advertisement are all observed: {n} of them, whose ages add up to {total} days. "
        "Their density is proportional to e^(−λa). What is the most probable half-life?", "days",
        lambda n, total: half_life_from_rate(n / total), "ln 2 · {total} / {n}",
        [(lambda n, total: total / n, "That is the mean age, the time constant: multiply by ln 2."),
         (lambda n, total: n / total, "That is the rate λ, per day: divide ln 2 by it.")],
        {"n": (20, 25, 40), "total": (180, 230, 310)}),
    "beyond-the-data": Question(
        "fitting_decay", 4, 4, 4,
        "A log covers {t} weeks, at the end of which {p} % of the first rate is left. One half was never "
        "observed: which half-life does an exponential curve supply?", "weeks",
        lambda t, p: half_life_from_rate(-math.log(p / 100) / t), "ln 2 · {t} / −ln({p}/100)",
        [(lambda t, p: t * 50 / (100 - p), "That continues a straight line."),
         (lambda t, p: -t / math.log(p / 100), "That is the time constant of the curve.")],
        {"t": (8, 10, 13), "p": (60, 70, 80)}),
    "hazard-of-a-crowd": Question(
        "fading_or_different", 1, 6, 6,
        "Nobody changes, but the constant rates of a crowd follow a gamma distribution with shape r and α = "
        "{alpha} weeks, so that those silent for t weeks buy at the mean rate r/(α + t). After how many "
        "weeks is it {p} % of that at the start?", "weeks",
        lambda alpha, p: alpha * (100 / p - 1), "{alpha} · (100/{p} − 1)",
        [(lambda alpha, p: alpha * math.log(100 / p), "That is an exponential; this curve has a heavier "
        "tail."),
         (lambda alpha, p: alpha * 100 / p, "That is α + t; take α off.")],
        {"alpha": (4, 6, 9, 12), "p": (20, 25, 40)}),
    "branching": Question(
        "fading_or_different", 3, 4, 4,
        "Purchases arise by themselves {mu} times a week, and each purchase brings about {n} further ones on "
        "average, which do the same. What is the long-run rate of all purchases?", "a week",
        lambda mu, n: mu / (1 - n), "{mu} / (1 − {n})",
        [(lambda mu, n: mu * (1 + n), "Only the first generation: what was triggered triggers again."),
         (lambda mu, n: mu * n / (1 - n), "Only what was triggered; those that arose by themselves count "
         "too.")],
        {"mu": (6, 8, 15), "n": (0.3, 0.4, 0.6)}),
    "alive": Question(
        "will_they_return", 1, 6, 6,
        "After each purchase a customer leaves for ever with probability {p}; while she stays she buys at "
        "random at {rate} purchases a week. She has been silent for {t} weeks. How probable is it that she "
        "is still a customer?", "%",
        lambda p, rate, t: 100 * _alive(p, rate, t),
        "100 · (1 − {p}) e^(−{rate}·{t}) / ({p} + (1 − {p}) e^(−{rate}·{t}))",
        [(lambda p, rate, t: 100 * (1 - p), "The silence was not used."),
         (lambda p, rate, t: 100 * (1 - p) * math.exp(-rate * t), "Divide by the chance of the silence, "
         "however it arose.")],
        {"p": (0.1, 0.15, 0.2), "rate": (0.2, 0.3), "t": (6, 8, 10)}),
    "alive-is-not-returning": Question(
        "will_they_return", 3, 4, 4,
        "A silent customer is still one with probability {p}; if so, she buys at random at {rate} purchases "
        "a week and does not leave soon. How probable is a purchase in the next {t} weeks?", "%",
        lambda p, rate, t: 100 * p * -math.expm1(-rate * t), "100 · {p} · (1 − e^(−{rate}·{t}))",
        [(lambda p, rate, t: 100 * p, "To be alive is not yet to return within the time."),
         (lambda p, rate, t: 100 * -math.expm1(-rate * t), "She may have left already.")],
        {"p": (0.5, 0.6, 0.8), "rate": (0.1, 0.15), "t": (4, 6, 8)}),
    "not-yet-returned": Question(
        "will_they_return", 4, 6, 6,
        "{n} customers fall silent. In week 1 {d} return; at its end the log ends for {c} others. In week 2 "
        "{e} return. Which share is still silent after two weeks by the Kaplan–Meier estimate?", "%",
        lambda n, d, c, e: 100 * (1 - d / n) * (1 - e / (n - d - c)),
        "100 · (1 − {d}/{n}) · (1 − {e}/({n} − {d} − {c}))",
        [(lambda n, d, c, e: 100 * (1 - (d + e) / n), "Those whose log ended were counted as silent for "
        "ever."),
         (lambda n, d, c, e: 100 * (1 - (d + e) / (n - c)), "Those whose log ended were left out, though "
         "they were silent in week 1.")],
        {"n": (100, 120), "d": (20, 25), "c": (30, 35), "e": (12, 15)}),
    "two-layers": Question(
        "lstm_by_hand", 1, 4, 4,
        "An LSTM layer of {u} units reads {k} inputs a step; a second LSTM layer of {v} units reads its "
        "whole output sequence. How many weights, biases included, have both together?", "weights",
        lambda k, u, v: _weights(k, u) + _weights(u, v), "4({u}({k} + {u}) + {u}) + 4({v}({u} + {v}) + {v})",
        [(lambda k, u, v: _weights(k, u) + _weights(k, v), "The second layer reads the units of the first, "
        "not the inputs."),
         (lambda k, u, v: (_weights(k, u) + _weights(u, v)) // 4, "That is one block a layer; there are "
         "four: i, f, g and o.")],
        {"k": (3, 5), "u": (16, 24, 32), "v": (8, 12)}, 0),
    "one-step": Question(
        "lstm_by_hand", 1, 4, 4,
        "In one step of an LSTM with one unit the gates are i = {i}, f = {f}, o = {o}, the candidate is g = "
        "{g} and the cell before was c = {c}. What is the output h?", "",
        lambda i, f, o, g, c: o * math.tanh(f * c + i * g), "{o} · tanh({f}·{c} + {i}·{g})",
        [(lambda i, f, o, g, c: o * (f * c + i * g), "o was multiplied by c itself; the output is o times "
        "tanh(c)."),
         (lambda i, f, o, g, c: f * c + i * g, "That is the cell c. One line is missing: h = o tanh(c).")],
        {"i": (0.4, 0.6), "f": (0.7, 0.9), "o": (0.5, 0.8), "g": (0.3, 0.5), "c": (0.8, 1.2)}),
    "forget-bias": Question(
        "lstm_by_hand", 3, 5, 5,
        "With zero input and zero recurrent weights, which bias of the forget gate gives the cell a "
        "half-life of {n} steps?", "",
        lambda n: -math.log(2 ** (1 / n) - 1), "f = 2^(−1/{n}), bias = ln(f / (1 − f))",
        [(lambda n: 2 ** (-1 / n), "That is the gate f; the bias stands inside the sigmoid."),
         (lambda n: math.log(n / LN2), "Close for long half-lives only: 1 − f is not exactly ln 2 / n.")],
        {"n": (2, 3, 4, 5, 6)}),
    "gradient-over-time": Question(
        "lstm_by_hand", 4, 4, 4,
        "The forget gate is {f} at every step, and nothing else carries the past on. Which share of a change "
        "of the cell is left {n} steps later?", "%",
        lambda f, n: 100 * f**n, "100 · {f}^{n}",
        [(lambda f, n: 100 * max(0, 1 - n * (1 - f)), "A straight line: the derivative is a product over the "
        "steps."),
         (lambda f, n: 100 * f, "That is one step.")],
        {"f": (0.85, 0.9, 0.95), "n": (8, 12, 15)}),
    "recency": Question(
        "logs_to_sequences", 2, 3, 3,
        "A customer buys on the days {a}, {b} and {c}; the cut is at the end of day {e}. What is her recency "
        "as customer-base models define it, from the first purchase to the last?", "days",
        lambda a, b, c, e: c - a, "{c} − {a}",
        [(lambda a, b, c, e: e - c, "That is the silence since the last purchase."),
         (lambda a, b, c, e: e - a, "That is T, the time for which she was observed.")],
        {"a": (3, 10), "b": (25, 31), "c": (60, 70), "e": (145, 150)}, 0),
    "windows": Question(
        "logs_to_sequences", 4, 4, 4,
        "Each of {n} customers has {t} observed weeks. A case is a window of {length} consecutive weeks and "
        "the week that comes {h} weeks after its last one. How many cases are there?", "cases",
        lambda n, t, length, h: n * (t - length - h + 1), "{n} · ({t} − {length} − {h} + 1)",
        [(lambda n, t, length, h: n * (t - length + 1), "The last windows have no target: their week is not "
        "observed."),
         (lambda n, t, length, h: n * (t - length - h), "One too few a customer: first and last window both "
         "count.")],
        {"n": (50, 80), "t": (39, 52), "length": (8, 13), "h": (2, 4)}, 0),
    "entropy": Question(
        "training_keras", 2, 4, 4,
        "{p} % of the customers buy. What log loss, in natural units, has a network that learned only this "
        "and says {p} % for everybody?", "",
        _entropy, "−{p}/100 · ln({p}/100) − (1 − {p}/100) · ln(1 − {p}/100)",
        [(lambda p: _entropy(p) / LN2, "That is in bits: use the natural logarithm."),
         (lambda p: p / 100 * (1 - p / 100), "That is the Brier score.")],
        {"p": (10, 15, 20, 30, 40)}),
    "two-steps-of-sgd": Question(
        "training_keras", 3, 5, 5,
        "The loss is (w − {a})². Start at w = {w} and take two steps of plain gradient descent with learning "
        "rate {lr}. Where is w?", "",
        lambda a, w, lr: a + (w - a) * (1 - 2 * lr) ** 2, "{a} + ({w} − {a}) · (1 − 2·{lr})²",
        [(lambda a, w, lr: a + (w - a) * (1 - lr) ** 2, "The derivative of the square has the factor 2."),
         (lambda a, w, lr: a + (w - a) * (1 - 2 * lr), "That is after one step.")],
        {"a": (2, 3), "w": (8, 10), "lr": (0.1, 0.2)}),
    "skill": Question(
        "evaluating_forecasts", 1, 4, 4,
        "A forecast has a Brier score of {b}; {p} % of the customers buy. Which share of the Brier score of "
        "the constant forecast {p} % does it save?", "%",
        lambda b, p: 100 * (1 - b / (p / 100 * (1 - p / 100))), "100 · (1 − {b} / ({p}/100 · (1 − {p}/100)))",
        [(lambda b, p: 100 * (1 - b / (p / 100)), "The constant forecast scores p(1 − p), not p."),
         (lambda b, p: 100 * (p / 100 * (1 - p / 100) - b), "That is the difference of the scores, not its "
         "share.")],
        {"b": (0.11, 0.12, 0.13), "p": (20, 25, 30)}),
    "lift": Question(
        "evaluating_forecasts", 2, 4, 4,
        "Of {n} customers {b} buy. A list of the {k} with the highest forecasts holds {t} of the buyers. How "
        "many times the base rate is the precision of the list?", "times",
        lambda n, b, k, t: (t / k) / (b / n), "({t}/{k}) / ({b}/{n})",
        [(lambda n, b, k, t: t / k, "That is the precision itself."),
         (lambda n, b, k, t: t / b, "That is the recall.")],
        {"n": (1000, 1500), "b": (150, 200), "k": (80, 100), "t": (30, 45)}),
    "upper-end": Question(
        "evaluating_forecasts", 3, 6, 6,
        "Of {n} customers with a forecast near 20 %, {k} buy. What is the upper end of Wilson's 95 % "
        "interval of their share (z = 1.96)?", "%",
        _upper, "100 · (p + z²/2n + z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n), p = {k}/{n}",
        [(lambda k, n: 100 * (k / n + 1.96 * math.sqrt(k / n * (1 - k / n) / n)), "That is p + z √(p(1 − "
        "p)/n), too narrow here."),
         (lambda k, n: 100 * float(wilson_interval(k / n, n)[0]), "That is the lower end.")],
        {"k": (3, 4, 5), "n": (30, 40, 50)}),
    "over-a-pause": Question(
        "time_aware_networks", 1, 4, 4,
        "A cell of a continuous-time LSTM holds {c} after an event and moves towards {rest} with a half-life "
        "of {h} days. What does it hold {d} days later, before the next event?", "",
        lambda c, rest, h, d: rest + (c - rest) * Exponential(h)(d), "{rest} + ({c} − {rest}) · 2^(−{d}/{h})",
        [(lambda c, rest, h, d: c * 2 ** (-d / h), "Only the distance to the resting value fades, not all of "
        "the cell."),
         (lambda c, rest, h, d: rest + (c - rest) * math.exp(-d / h), "The half-life was taken for the time "
         "constant.")],
        {"c": (1.5, 1.8), "rest": (0.3, 0.4), "h": (5, 8), "d": (6, 12)}),
    "chosen-people": Question(
        "reactivation", 2, 4, 4,
        "Customers who were chosen for a campaign bought {tb} % of the weeks before it and {ta} % after it; "
        "the others {cb} % before and {ca} % after. What is the difference in "
        "differences?", "points of per cent",
        lambda tb, ta, cb, ca: (ta - tb) - (ca - cb), "({ta} − {tb}) − ({ca} − {cb})",
        [(lambda tb, ta, cb, ca: ta - ca, "Compared after the campaign only: the chosen ones were different "
        "before."),
         (lambda tb, ta, cb, ca: ta - tb, "The others changed too, without a campaign.")],
        {"tb": (14, 16), "ta": (21, 24), "cb": (7, 9), "ca": (11, 12)}),
    "worth-a-contact": Question(
        "reactivation", 4, 5, 5,
        "Without a contact a customer buys with probability {b}, with one {e} more. A purchase brings {v} "
        "euros; a contact costs {c} euros and carries a coupon of {d} euros for whoever buys. What does the "
        "contact gain in expectation?", "euros",
        lambda b, e, v, d, c: float(gain_of_contact(b, e, v, coupon=d, cost=c)),
        "{v}·{e} − {d}·({b} + {e}) − {c}",
        [(lambda b, e, v, d, c: v * e - c, "Whoever would have bought anyway takes the coupon too."),
         (lambda b, e, v, d, c: v * (b + e) - d * (b + e) - c, "What she would have bought anyway is no "
         "gain.")],
        {"b": (0.1, 0.2), "e": (0.05, 0.08), "v": (40, 60), "d": (4, 5), "c": (0.2, 0.3)}),
    "break-even": Question(
        "recommending", 1, 5, 5,
        "Item A was sold {n} times, all of it {a} weeks ago, item B {m} times, all of it now. At which "
        "half-life do their decayed sums tie?", "weeks",
        lambda n, a, m: a / math.log2(n / m), "{a} / log₂({n}/{m})",
        [(lambda n, a, m: a / math.log(n / m), "That is the time constant: half-lives count in powers of 2."),
         (lambda n, a, m: a * m / n, "A straight line: weights halve, they do not fall in proportion.")],
        {"n": (90, 120), "a": (6, 10), "m": (20, 25)}),
    "ndcg": Question(
        "recommending", 2, 5, 5,
        "A user wants exactly two items; the list of ten has them on the places {r} and {s}. What is its "
        "nDCG?", "",
        lambda r, s: (1 / math.log2(r + 1) + 1 / math.log2(s + 1)) / (1 + 1 / math.log2(3)),
        "(1/log₂({r} + 1) + 1/log₂({s} + 1)) / (1 + 1/log₂ 3)",
        [(lambda r, s: 1 / math.log2(r + 1) + 1 / math.log2(s + 1), "That is the DCG; divide by that of the "
        "best list."),
         (lambda r, s: (1 / r + 1 / s) / 1.5, "The discount is 1/log₂(place + 1), not 1/place.")],
        {"r": (2, 3), "s": (5, 6, 7, 8)}),
    "shrunken-share": Question(
        "cold_start", 3, 4, 4,
        "In a small town {k} of {n} purchases are books; in the whole shop {p} %. The shop's share counts "
        "like {kappa} further purchases. What is the shrunken share of the town?", "%",
        lambda k, n, p, kappa: 100 * shrunken_shares([[k, n - k]], [p / 100, 1 - p / 100], kappa)[0, 0],
        "100 · ({k} + {kappa}·{p}/100) / ({n} + {kappa})",
        [(lambda k, n, p, kappa: 100 * k / n, "Not shrunk: few purchases say little."),
         (lambda k, n, p, kappa: (100 * k / n + p) / 2, "A plain mean: the weights are the numbers of "
         "purchases.")],
        {"k": (6, 7), "n": (12, 15), "p": (20, 24), "kappa": (30, 40)}),
    "table-and-attention": Question(
        "pretraining", 3, 4, 4,
        "A network has a table of {v} items by {d} numbers and one attention layer with four square matrices "
        "(queries, keys, values, output) of {d} by {d}, without biases. How many weights?", "weights",
        lambda v, d: v * d + 4 * d * d, "{v}·{d} + 4·{d}²",
        [(lambda v, d: v * d + 3 * d * d, "The matrix of the output is missing."),
         (lambda v, d: 4 * d * d, "The table of the items is missing; it is most of the weights.")],
        {"v": (500, 1000, 2000), "d": (16, 32, 64)}, 0),
    "two-players": Question(
        "explaining", 1, 5, 5,
        "A forecast is 0 with neither of two events, {a} with the first alone, {b} with the second alone and "
        "{c} with both. What is the Shapley value of the first?", "",
        _shapley, "½ · ({a} + ({c} − {b}))",
        [(lambda a, b, c: a, "That is the first alone; it also comes second in half of the orders."),
         (lambda a, b, c: c - b, "That is occlusion: what is lost without the first.")],
        {"a": (0.3, 0.4), "b": (0.1, 0.2), "c": (0.8, 0.9)}),
    "noise": Question(
        "privacy", 3, 4, 4,
        "A person adds at most {s} to a published count. Laplace noise gives it ε = {eps}. What is the "
        "standard deviation of the noise?", "",
        lambda s, eps: math.sqrt(2) * s / eps, "√2 · {s} / {eps}",
        [(lambda s, eps: s / eps, "That is the scale b; the standard deviation is √2 b."),
         (lambda s, eps: math.sqrt(2) / eps, "That is for a person who adds at most 1.")],
        {"s": (3, 5, 10), "eps": (0.4, 0.5, 0.8)}),
    "alarm-limit": Question(
        "at_scale", 5, 5, 5,
        "A decayed mean m ← q m + (1 − q) z of independent standardised values has a half-life of {h} steps. "
        "The alarm rings at {limit} of its long-run standard deviations. At which |m|?", "",
        lambda h, limit: limit * math.sqrt(math.tanh(LN2 / (2 * h))),
        "q = 2^(−1/{h}), {limit} · √((1 − q)/(1 + q))",
        [(lambda h, limit: limit, "That is the limit of a single value; a mean varies less."),
         (lambda h, limit: limit * math.sqrt(1 - 2 ** (-1 / h)), "The denominator 1 + q is missing.")],
        {"h": (5, 8, 10, 20), "limit": (2.5, 3)}),
    "every-row": Question(
        "your_own_data", 1, 3, 3,
        "A log has {n} rows. {m} have no user and are set aside first; of the others {p} % repeat an earlier "
        "row and count once. How many rows remain?", "rows",
        lambda n, m, p: (n - m) * (100 - p) / 100, "({n} − {m}) · (1 − {p}/100)",
        [(lambda n, m, p: n * (100 - p) / 100 - m, "The repeats are a share of the rows that have a user."),
         (lambda n, m, p: n - m, "The repeated rows are still there.")],
        {"n": (10000, 12000), "m": (2000, 3000), "p": (4, 5)}, 0),
}

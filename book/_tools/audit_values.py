"""The right values of the source audit: one expression for each computed entry, under its id.

The page shows the expression and what it gives. `interestdecay_lib` computes where it has a function for it,
NumPy and SciPy elsewhere; `tests/test_audit.py` computes every value again, without any of them.
"""

from datetime import date, timedelta

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm

from interestdecay_lib.counter import DecayedCounter
from interestdecay_lib.decay import Exponential, Gaussian, TanhComplement
from interestdecay_lib.evaluation import classification_at
from interestdecay_lib.lstm import LSTMWeights, lstm_step

# Article A, section 4: what it prints.
MATRIX = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
BIAS = np.array([0.1, 0.2])
X, H, SHORTENED = np.array([1, 0, 1]), np.array([0.5, 0.5]), np.array([0.5, 0.5, 1])
Z, GATE, CANDIDATE = np.array([0.35, 0.5, 0.8]), np.array([0.5, 0.7, 0.99]), np.array([0.35, 0.61, 0.93])
KEPT, WRITTEN = np.array([0.25, 0.35, 0.48]), np.array([0.175, 0.423, 0.912])
CELL, TANH_CELL = np.array([0.425, 0.773, 1.394]), np.array([0.75, 0.77, 0.9])

# Article E, sections 4.2, 5.2 and 5.4.
EXPONENTIAL, GAUSS, TANH = Exponential.from_rate(0.1), Gaussian.from_sigma(5), TanhComplement.from_rate(0.1)
DENSITY = norm(15, 5).pdf
DAYS = np.arange(1, 11)
COLUMN_EXP = np.array(
    [0.367879, 0.247536, 0.164487, 0.111526, 0.0758, 0.0522, 0.0361, 0.0246, 0.0169, 0.0116]
)
COLUMN_GAUSS = np.array(
    [0.022758, 0.065023, 0.093372, 0.127319, 0.159297, 0.195964, 0.229628, 0.263331, 0.297006, 0.330688]
)
SITES = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [1, 0, 0, 0], [0.5, 0.8, 0.6, 0.9]])  # days 1, 2, 3 and 30
AGES = np.array([29, 28, 27, 0])
BEHAVIOUR = np.array([0.5, 0.8, 0.6, 0.9, 0.3, 0.7, 0.4, 0.6, 0.8, 0.2])
MONTH = np.arange(30)
ALPHAS = np.array([1, 2, 4, 10, 20])


class Reading:
    """A completion of the example of article A: one matrix for [h, x] and all four gates, one step.

    `z` is the pre-activation; `gate`, `candidate`, `c` and `h` are those of the step.
    """

    def __init__(self, matrix, bias, h, x, c):
        recurrent, kernel = np.split(np.asarray(matrix, dtype=float).T, [len(h)])
        self.z = x @ kernel + h @ recurrent + bias
        step = lstm_step(x, h, c, LSTMWeights.from_gates(dict.fromkeys("ifgo", (kernel, recurrent, bias))))
        self.gate, self.candidate, self.c, self.h = step.i, step.g, step.c, step.h


FACE_VALUE = Reading(np.zeros((3, 4)), Z, np.zeros(3), np.ones(1), np.full(3, 0.5))
READING_A = Reading(MATRIX, BIAS, H, [1], H)
READING_B = Reading(np.hstack([np.zeros((2, 2)), MATRIX]), BIAS, H, X, H)
READING_C = Reading(np.arange(1, 11).reshape(2, 5) / 10, BIAS, H, X, H)
READING_D = Reading(np.hstack([MATRIX[:, :2], MATRIX]), BIAS, H, X, H)


def lstm_parameters(inputs, units):
    """How many weights an LSTM layer has."""
    return LSTMWeights.random(inputs, units, np.random.default_rng(0)).parameters


def running_sum():
    """The decayed sum of article E's ten behaviours, one after the other, on day 10."""
    counter = DecayedCounter(EXPONENTIAL.half_life)
    for day, strength in zip(DAYS, BEHAVIOUR, strict=True):
        counter.add(float(day), strength)
    return counter.value_at(10.0)


def recent(curve):
    """The share of a month's weight that lies on its last seven days."""
    return curve(MONTH[:7]).sum() / curve(MONTH).sum()


def slope(alpha, interest=0.5):
    """How fast article D's probability grows with interest."""
    p = expit(alpha * interest)
    return alpha * p * (1 - p)


VALUES = {
    "000-N17-halflife": lambda: Exponential.from_rate(0.1).half_life,
    "000-N18-relu": lambda: np.maximum([-1, 0.5, 3], 0),
    "000-N01-Wv": lambda: MATRIX @ SHORTENED,
    "000-N02-z": lambda: MATRIX @ SHORTENED + BIAS,
    "000-N03-i-local": lambda: FACE_VALUE.gate,
    "000-N04-f-local": lambda: FACE_VALUE.gate,
    "000-N05-o-local": lambda: FACE_VALUE.gate,
    "000-N06-ctilde-local": lambda: FACE_VALUE.candidate,
    "000-N07-fc-local": lambda: GATE * 0.5,
    "000-N08-ig-local": lambda: GATE * CANDIDATE,
    "000-N09-sum-local": lambda: KEPT + WRITTEN,
    "000-N09b-sum-true-products": lambda: GATE * 0.5 + GATE * CANDIDATE,
    "000-N10-tanhc-local": lambda: np.tanh(CELL),
    "000-N11-h-local": lambda: GATE * TANH_CELL,
    "000-N12-P-c": lambda: FACE_VALUE.c,
    "000-N12-P-h": lambda: FACE_VALUE.h,
    "000-N13-A-gates": lambda: READING_A.gate,
    "000-N13-A-ctilde": lambda: READING_A.candidate,
    "000-N13-A-c": lambda: READING_A.c,
    "000-N13-A-h": lambda: READING_A.h,
    "000-N14-B-z": lambda: READING_B.z,
    "000-N14-B-gates": lambda: READING_B.gate,
    "000-N14-B-c": lambda: READING_B.c,
    "000-N14-B-h": lambda: READING_B.h,
    "000-N15-C-z": lambda: READING_C.z,
    "000-N15-C-gates": lambda: READING_C.gate,
    "000-N15-C-ctilde": lambda: READING_C.candidate,
    "000-N15-C-c": lambda: READING_C.c,
    "000-N15-C-h": lambda: READING_C.h,
    "000-N16-D-z": lambda: READING_D.z,
    "000-N16-D-gates": lambda: READING_D.gate,
    "000-N16-D-ctilde": lambda: READING_D.candidate,
    "000-N16-D-c": lambda: READING_D.c,
    "000-N16-D-tanhc": lambda: np.tanh(READING_D.c),
    "000-N16-D-h": lambda: READING_D.h,
    "000-C04": lambda: lstm_parameters(1, 50) + lstm_parameters(50, 50) + 50 + 1,
    "001-S01": lambda: lstm_parameters(1, 50) + lstm_parameters(50, 50) + 50 + 1,
    "001-N06-ar1-on-trend": lambda: np.polyfit(np.arange(1, 20), np.arange(2, 21), 1)[::-1],
    "001-N01-g-sigmoid": lambda: np.tanh(-2),
    "001-N02-c-sigmoid": lambda: 0.5 * 0.5 + 0.5 * np.tanh(-2),
    "001-N05-item-id-mse": lambda: np.mean([1003, 1006]),
    "001-N03-windows": lambda: [max(0, events - 3) for events in (3, 3)],
    "001-N04-date": lambda: date(2023, 4, 7) + timedelta(days=1),
    "002-N05-const-optimum": lambda: [EXPONENTIAL(MONTH[:10]).mean(), EXPONENTIAL(MONTH[:10]).var()],
    "002-N06-l2-factor": lambda: 2 - 0.1 * (2 * 0.01 * 2),
    "002-N07-no-input-gate": lambda: 0.1 * 0.5 / (1 - 0.9),
    "002-N08-lambda-axis": lambda: 0.8 ** MONTH[:8][::-1],
    "002-N01-decay-order": lambda: 0.8 ** MONTH[:5][::-1],
    "002-N03-unreachable": lambda: norm.cdf(0) + norm.sf(1),
    "002-N04-mse-floor": lambda: 0.5 + norm.expect(lambda y: (y - 1) ** 2, lb=1),
    "002-N02-adam-decay": lambda: 0.001 / (1 + 0.9 * np.array([0, 1, 10, 100])),
    "002-C13": lambda: np.mean([max(0, -y, y - 1) ** 2 for y in (DAYS[:5] - 3) / np.sqrt(2)]),
    "003-N01-I-range": lambda: expit([0, 1]),
    "003-N03-P-range-I01": lambda: expit([0, 1]),
    "003-N02-P-range-alpha1": lambda: expit(expit([0, 1])),
    "003-N04-P-alpha10": lambda: expit(10 * (0.5 - np.array([0.1, 0.5, 0.9]))),
    "003-N05-sensitivity": lambda: slope(ALPHAS),
    "003-N06-alpha-star": lambda: brentq(lambda x: x * np.tanh(x / 2) - 1, 0.1, 10) / 0.5,
    "003-N07-slope-right": lambda: -slope(ALPHAS, interest=0),
    "003-S12": lambda: 4 * 64 + 64 * (64 + 64 + 1) + 64 + 1,
    "003-C06": lambda: 4 * 64 + 64 * (64 + 64 + 1) + 64 + 1,
    "004-N22-w0": lambda: [EXPONENTIAL(0), DENSITY(0), np.tanh(0)],
    "004-N23-F1": lambda: classification_at(
        [1] * 16 + [0] * 84, [1] * 8 + [0] * 8 + [1] * 2 + [0] * 82
    )["f1"],
    "004-N10-exp30": lambda: EXPONENTIAL(30),
    "004-N11-gauss30": lambda: DENSITY(30),
    "004-N11b-tail": lambda: norm.sf(2),
    "004-N12-tanh30": lambda: np.tanh(0.1 * 30),
    "004-N13-sites-exp": lambda: EXPONENTIAL(AGES) @ SITES,
    "004-N14-sites-gauss": lambda: GAUSS(AGES) @ SITES,
    "004-N15-sites-tanh": lambda: TANH(AGES) @ SITES,
    "004-N16-sites-as-written-gauss": lambda: DENSITY(AGES) @ SITES,
    "004-N17-sites-as-written-tanh": lambda: np.tanh(0.1 * AGES) @ SITES,
    "004-N18-share7-as-written": lambda: [
        recent(EXPONENTIAL), recent(DENSITY), recent(lambda day: np.tanh(0.1 * day))
    ],
    "004-N19-share7-corrected": lambda: [recent(EXPONENTIAL), recent(GAUSS), recent(TANH)],
    "004-N20-halflife": lambda: [EXPONENTIAL.half_life, GAUSS.half_life, TANH.half_life],
    "004-N21-tail30": lambda: [EXPONENTIAL(30), GAUSS(30), TANH(30)],
    "004-N24-recursive": lambda: running_sum(),
    "004-N25-corrected-interest": lambda: [
        curve(10 - DAYS) @ BEHAVIOUR for curve in (EXPONENTIAL, GAUSS, TANH)
    ],
    "004-N01-table-exp": lambda: EXPONENTIAL(DAYS),
    "004-N02-table-gauss": lambda: DENSITY(DAYS),
    "004-N03-table-tanh": lambda: np.tanh(0.1 * DAYS),
    "004-N04-implied-lambda": lambda: -np.diff(np.log(COLUMN_EXP), prepend=0),
    "004-N05-gauss-peak": lambda: DENSITY(15),
    "004-N06-rows-above-peak": lambda: np.count_nonzero(DENSITY(15) < COLUMN_GAUSS),
    "004-N07-table-corrected-gauss": lambda: GAUSS(DAYS),
    "004-N08-table-corrected-tanh": lambda: TANH(DAYS),
    "004-N26-n-for-lambda": lambda: 1 / np.sqrt([100, 400, 1000, 4000]),
}

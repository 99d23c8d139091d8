"""Exercises of the chapter "What exactly does one LSTM step compute?"."""

import numpy as np
from scipy.special import expit, logit

from interestdecay_lib.checks import Exercise, Mistake
from interestdecay_lib.lstm import GATES, LSTMWeights, forget_half_life, lstm_backward, lstm_step


def _other_repair(order="hx", bias=(0.1, 0.2), candidate=np.tanh, squash=np.tanh):
    """Output of the article's step with the matrix 0.1 ... 1.0; the options are typical slips."""
    h, x = [0.5, 0.5], [1.0, 0.0, 1.0]
    vector = np.array(h + x if order == "hx" else x + h)
    z = np.arange(1, 11).reshape(2, 5) / 10 @ vector + np.asarray(bias)
    gate = expit(z)
    return gate * squash(gate * 0.5 + gate * candidate(z))


def _counted_down_the_columns():
    """The five numbers of each row laid out column by column."""
    z = np.arange(1, 11).reshape(5, 2).T / 10 @ [0.5, 0.5, 1, 0, 1] + [0.1, 0.2]
    gate = expit(z)
    return gate * np.tanh(gate * 0.5 + gate * np.tanh(z))


def _cell_of_the_other_repair():
    z = np.array([1.05, 2.65])
    return expit(z) * (0.5 + np.tanh(z))


_LAYER = LSTMWeights([[0.2, 0.4, 0.6, 0.8]], [[0.1, 0.3, 0.5, 0.7]], [0.0, 1.0, -0.25, 0.5])


def _sums():
    """The four weighted sums of exercise 3, by gate."""
    return {name: _LAYER.gate(name).W[0, 0] * 2 - _LAYER.gate(name).U[0, 0] + _LAYER.gate(name).b[0]
            for name in GATES}


def _idle():
    gate = ([[0.0]], [[0.0]], [0.0])
    return LSTMWeights.from_gates({"i": gate, "f": (*gate[:2], [1.0]), "g": gate, "o": gate})


def _two_steps(steps=2.0, tanh_slope=True, gate_slope=True, output_gate=True):
    """The chain rule of exercise 6; the options leave a factor out."""
    f = expit(1.0)
    value = steps * f
    if tanh_slope:
        value *= 1 - np.tanh(f**2) ** 2
    if gate_slope:
        value *= f * (1 - f)
    return value * expit(0.0) if output_gate else value


EXERCISES = {
    "lstm_by_hand-1": Exercise(
        answer=lambda: LSTMWeights(np.zeros((16, 200)), np.zeros((50, 200)), np.zeros(200)).parameters,
        unit="weights",
        rtol=1e-6,
        mistakes=[
            Mistake(lambda: 4 * 50 * (50 + 16),
                    "You left out the biases: one for each unit in each of the four blocks."),
            Mistake(lambda: 50 * (50 + 16) + 50, "That is one block; there are four: i, f, g and o."),
            Mistake(lambda: 4 * (16 * (16 + 50) + 16), "Units and inputs are swapped: n is 50, m is 16."),
            Mistake(lambda: 4 * (50 * 16 + 50), "You left out the recurrent kernel, which is applied to h."),
            Mistake(lambda: 3 * (50 * (50 + 16) + 50), "Three gates, but the candidate has weights, too."),
            Mistake(lambda: 4 * (50 * (50 + 16) + 2 * 50), "Keras has one bias a block; PyTorch has two."),
        ],
        explain="That is what layer.count_params() says.",
    ),
    "lstm_by_hand-2": Exercise(
        answer=_other_repair,
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: _other_repair(order="xh"), "The vector is [h, x]; h comes first."),
            Mistake(lambda: _other_repair(bias=(0, 0)), "You forgot the bias [0.1, 0.2]."),
            Mistake(lambda: _other_repair(candidate=expit),
                    "You put the candidate through a sigmoid; it goes through tanh."),
            Mistake(lambda: _other_repair(squash=lambda c: c),
                    "You multiplied o by c itself; the output is o times tanh(c)."),
            Mistake(lambda: _other_repair(squash=expit),
                    "The cell is read through tanh, not through a sigmoid."),
            Mistake(_counted_down_the_columns, "You filled the matrix column by column; its rows are given."),
            Mistake(_cell_of_the_other_repair, "That is the cell c. One line is missing: h = o tanh(c)."),
        ],
        explain="Another consistent reading, other numbers; the printed ones fit neither.",
    ),
    "lstm_by_hand-3": Exercise(
        answer=lambda: lstm_step([2.0], [-1.0], [0.0], _LAYER).g[0],
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: np.tanh(_sums()["o"]),
                    "That is the fourth block, the output gate's. Keras has i, f, c, o; c is the candidate."),
            Mistake(lambda: np.tanh(_sums()["f"]), "That is the second block, the forget gate's."),
            Mistake(lambda: np.tanh(_sums()["i"]), "That is the first block, the input gate's."),
            Mistake(lambda: expit(_sums()["g"]),
                    "The right block, but the candidate goes through tanh, not through a sigmoid."),
            Mistake(lambda: _sums()["g"], "That is the sum before the tanh."),
            Mistake(lambda: np.tanh(0.6 * 2 - 0.5), "You forgot the bias of the block."),
            Mistake(lambda: np.tanh(0.6 * 2 - 0.25), "You forgot the recurrent part: h is -1, not 0."),
            Mistake(lambda: np.tanh(0.6 * -1 + 0.5 * 2 - 0.25),
                    "Kernels swapped: the input kernel multiplies x, the recurrent kernel h."),
        ],
        explain="The third block, through tanh.",
    ),
    "lstm_by_hand-4": Exercise(
        answer=lambda f=0.9: forget_half_life(f),
        unit="steps",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda f=0.9: -1 / np.log(f), "That is the time constant: 1/e is left, not one half."),
            Mistake(lambda f=0.9: 1 / (1 - f), "1/(1 - f) is the sum of all weights f^k, not the half-life."),
            Mistake(lambda f=0.9: np.log(f) / np.log(0.5), "Upside down: ln(1/2) / ln f."),
            Mistake(lambda f=0.9: np.log10(0.5) / np.log(f),
                    "Two different logarithms: log10 above, ln below."),
            Mistake(lambda f=0.9: np.log(0.5) / np.log10(f),
                    "Two different logarithms: ln above, log10 below."),
            Mistake(lambda f=0.9: 0.5 / (1 - f),
                    "That takes the same amount off in every step; a step takes a share of what is left."),
            Mistake(lambda f=0.9: forget_half_life(expit(f)), "f is the gate, not its bias: no sigmoid."),
        ],
        explain="A gate that looks nearly open still halves the memory within seven steps.",
        variants={"f": (0.8, 0.85, 0.88, 0.9, 0.92, 0.95, 0.98)},
    ),
    "lstm_by_hand-5": Exercise(
        answer=lambda: logit(2 ** (-7 / 90)),
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: logit(2 ** (-1 / 90)), "A step is a week: 7 of the 90 days pass in it."),
            Mistake(lambda: 2 ** (-7 / 90), "That is the gate f; the bias is logit(f)."),
            Mistake(lambda: logit(np.exp(-7 / 90)), "That takes 90 days as the time constant; use 2, not e."),
            Mistake(lambda: np.log(2 ** (-7 / 90)), "You took ln f; undo the sigmoid: ln(f / (1 - f))."),
            Mistake(lambda: 90 / 7, "That is the half-life in steps; now the gate, then its bias."),
            Mistake(lambda: expit(2 ** (-7 / 90)), "You applied the sigmoid instead of undoing it."),
        ],
        explain="A cell that alone must carry twelve to thirteen weeks needs a bias far above Keras's "
                "start of 1.",
    ),
    "lstm_by_hand-6": Exercise(
        answer=lambda: lstm_backward(np.zeros((2, 1)), _idle(), grad_h=[1.0], c0=[1.0]).bias[1],
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: _two_steps(steps=1), "Half of it: the bias acts in both steps."),
            Mistake(lambda: _two_steps(tanh_slope=False), "You left out the tanh's slope, 1 - tanh²(c)."),
            Mistake(lambda: _two_steps(gate_slope=False),
                    "That is the derivative by f; times f(1 - f) it is the one by b_f."),
            Mistake(lambda: _two_steps(output_gate=False), "You left out the output gate, o = 1/2."),
        ],
        explain="The factor 2 is the sum over both steps: back-propagation through time at its smallest.",
    ),
    "lstm_by_hand-7": Exercise(
        answer=lambda: {"right": 0.1 * 0.5 / (1 - 0.9), "printed": 0.5 / (1 - 0.9)},
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: {"right": 0.5 / (1 - 0.9), "printed": 0.1 * 0.5 / (1 - 0.9)},
                    "The two are swapped: the printed equation lacks the gate i and so settles higher."),
            Mistake(lambda: {"right": 0.1 * 0.5, "printed": 0.5},
                    "That is one step from an empty cell; let it settle."),
            Mistake(lambda: {"right": 0.1 * 0.5 / 0.9, "printed": 0.5 / 0.9},
                    "Divide by what is lost in a step, 1 - f, not by f."),
        ],
        explain="Without an input gate the cell settles ten times too high, and nothing shuts out a step.",
    ),
}

"""Exercises of the chapter *What if the pauses matter?*"""

from functools import cache

import numpy as np

from interestdecay_lib.checks import Exercise, Mistake


@cache
def _kept(pause: float, half_life: float) -> float:
    from interestdecay_lib.decay import Exponential

    return float(Exponential(half_life)(pause))


@cache
def _settles(half_life: float = 4.0, pause: float = 8.0) -> float:
    level, c = 0.3, 1.1
    return level + (c - level) * _kept(pause, half_life)


def _augru(attention: float = 0.25) -> float:
    old, candidate, update = 0.2, 0.8, 0.6
    return (1 - attention * update) * old + attention * update * candidate


def _as_released(attention: float = 0.25) -> float:
    old, candidate, keep = 0.2, 0.8, 1 - 0.6
    return (1 - attention) * keep * old + (1 - (1 - attention) * keep) * candidate


_AGES, _SCORES = np.array([1.0, 9.0]), np.zeros(2)


def _softmax_share(later: float = 0.0, half_life: float = 8.0) -> float:
    weights = np.exp(_SCORES - np.log(2) * (_AGES + later) / half_life)
    return float(weights[0] / weights.sum())


def _plain_weight(later: float = 26.0) -> float:
    return 0.5 * _kept(_AGES[0] + later, 8.0)


def _factors(newest_first: bool = False) -> np.ndarray:
    age = np.arange(4.0) if newest_first else np.arange(4.0)[::-1]
    return 0.6**age


EXERCISES = {
    "time_aware_networks-1": Exercise(
        answer=lambda: _kept(12.0, 5.0),
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: float(np.exp(-12 / 5)),
                    "That takes 5 weeks as a time constant; after a half-life one half is left, not 1/e."),
            Mistake(lambda: 1 - _kept(12.0, 5.0), "That is what is lost; what is kept is asked for."),
            Mistake(lambda: _kept(12 / 7, 5.0), "Pause and half-life are both in weeks: no division by 7."),
            Mistake(lambda: _kept(5.0, 12.0), "The pause goes above the half-life: 12 / 5, not 5 / 12."),
        ],
        explain="The cell never sees twelve steps: one step of twelve weeks is enough.",
    ),
    "time_aware_networks-2": Exercise(
        answer=lambda: float(np.geomspace(1, 16, 5)[2]),
        unit="weeks",
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: float(np.linspace(1, 16, 5)[2]),
                    "That is the middle of an axis of weeks; the half-lives are spread on a log axis."),
            Mistake(lambda: float(np.log(2) / np.geomspace(1, 16, 5)[2]),
                    "That is the rate, per week; the half-life is asked for."),
            Mistake(lambda: float(np.geomspace(1, 16, 5)[2] / np.log(2)),
                    "That is the time constant, after which 1/e is left."),
            Mistake(lambda: 2.0 ** (-1 / float(np.geomspace(1, 16, 5)[2])),
                    "That is what the unit keeps over one week; its half-life is asked for."),
        ],
        explain="Each unit remembers twice as long as the one before it.",
    ),
    "time_aware_networks-3": Exercise(
        answer=_settles,
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: 1.1 * _kept(8.0, 4.0), "The cell fades to its level, not to zero."),
            Mistake(lambda: 0.3 + 1.1 * _kept(8.0, 4.0), "Only the part above the level fades: 1.1 - 0.3."),
            Mistake(lambda: 0.3 + 0.8 * float(np.exp(-2)), "Two half-lives leave a quarter, not exp(-2)."),
            Mistake(lambda: 0.3, "That is where it settles after an endless pause."),
        ],
        explain="Two half-lives: a quarter of the distance to the level is left.",
    ),
    "time_aware_networks-4": Exercise(
        answer=lambda: _augru() / 1.0,
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: _as_released(),
                    "That is what the released code does: it makes the keep gate smaller, so an event that "
                    "hardly matters moves the state more than a plain GRU would."),
            Mistake(lambda: _augru(1.0), "That is the plain GRU; the attention shortens its step."),
            Mistake(lambda: 0.25 * _augru(1.0), "The attention scales the step, not the new state."),
            Mistake(lambda: 0.15 * 0.2 + 0.85 * 0.8,
                    "That is Keras's gate, which keeps the old state; here it takes the new one."),
            Mistake(lambda: _augru(0.75), "The update gate is multiplied by a, not by 1 - a."),
        ],
        explain="A quarter of the way that a plain GRU would have gone.",
    ),
    "time_aware_networks-5": Exercise(
        answer=lambda: {"softmax": _softmax_share(26.0), "plain": _plain_weight()},
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: {"softmax": _softmax_share(26.0) * _kept(26.0, 8.0), "plain": _plain_weight()},
                    "A softmax sums to one whatever the ages: 26 more weeks for both events cancel."),
            Mistake(lambda: {"softmax": _softmax_share(), "plain": _plain_weight(0.0)},
                    "The plain weight has to fade over the 26 weeks as well."),
            Mistake(lambda: {"softmax": 0.5, "plain": _plain_weight()},
                    "The scores are equal, but the ages are not: the younger event weighs more."),
            Mistake(lambda: {"softmax": _softmax_share(26.0), "plain": 2 * _plain_weight()},
                    "The score 0 gives a sigmoid of one half, which multiplies the decay."),
        ],
        explain="The softmax cannot know that the customer has been silent for half a year.",
    ),
    "time_aware_networks-6": Exercise(
        answer=_factors,
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: _factors(newest_first=True),
                    "That is the article's order: it keeps the oldest step whole and fades the newest."),
            Mistake(lambda: 0.6 ** np.arange(1.0, 5)[::-1],
                    "The newest step has age 0 and keeps its whole weight."),
            Mistake(lambda: np.full(4, 0.6), "The factor applies once for every step of age."),
            Mistake(lambda: 0.6 ** np.arange(1.0, 5), "Reversed, and no step keeps its whole weight."),
        ],
        explain="The newest step keeps its whole weight.",
    ),
    "time_aware_networks-7": Exercise(
        answer=lambda: "b",
        mistakes=[
            Mistake(lambda: "a", "The regression, trained in no time, beats the decayed count as well."),
            Mistake(lambda: "c", "Overlapping intervals do not show that two paired models are equal."),
        ],
        explain="Compare the two models you would choose between, on the same customers.",
    ),
}

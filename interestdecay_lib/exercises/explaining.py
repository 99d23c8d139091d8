"""Exercises of the chapter "Why did the model say so?"."""

from functools import cache

from interestdecay_lib.checks import Exercise, Mistake


@cache
def _longer_ago():
    """True probabilities (percent) of the customer of the live figure, by the age of her newest purchases."""
    import numpy as np

    from interestdecay_lib.explaining import simulate_history

    purchases = simulate_history(4000, seed=3).x[:, :, 0]
    her = purchases[(purchases > 0).sum(axis=1) >= 5][30]
    newest = np.flatnonzero(her)[-1]
    rest = sum(her[t] * 0.5 ** ((25 - t) / 4) for t in range(newest))
    return [100 / (1 + np.exp(2 - rest - her[newest] * 0.5 ** (k / 4))) for k in range(26)]


def _first_below(level):
    return next(k for k, p in enumerate(_longer_ago()) if p < level)


def _mug(h=30):
    mug, lamp = 0.2 * 2 ** (-15 / h), 0.5 * 2 ** (-75 / h)
    return mug, lamp


EXERCISES = {
    "explaining-1": Exercise(
        answer=lambda: 1 / 3,
        unit="number",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 0.0, "That is occlusion; Shapley values add up to the difference of 1."),
            Mistake(lambda: 1.0, "Each would suffice, but the three share one difference of 1."),
            Mistake(lambda: 0.5, "That is the share of two purchases; there are three."),
        ],
        explain="Whichever comes first makes the difference, and each is first in a third of the orders.",
    ),
    "explaining-2": Exercise(
        answer=lambda: -0.5,
        unit="correlation",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 0.5, "The size is right; the week with the most attention has the least effect."),
            Mistake(lambda: 1 - 6 * 6 / 27, "Below the line stands n times (n squared minus 1): 24."),
            Mistake(lambda: 1.0, "That would be the same order in both lists."),
            Mistake(lambda: -1.0, "The order is wrong, but not exactly reversed."),
        ],
        explain="The ranks are 3, 2, 1 and 1, 3, 2.",
    ),
    "explaining-3": Exercise(
        answer=lambda: 100 * _mug()[0] / sum(_mug()),
        unit="percent",
        rtol=3e-3,
        mistakes=[
            Mistake(lambda: 100 * _mug()[1] / sum(_mug()), "That is the lamp's share."),
            Mistake(lambda: 100 * 0.2 / 0.7, "That is the share of the likenesses alone, without decay."),
            Mistake(lambda: 100 * 2 ** -0.5 / (2 ** -0.5 + 2 ** -2.5), "The likenesses are missing in both."),
            Mistake(lambda: _mug()[0] / sum(_mug()), "The size is right, but percent are asked for."),
            Mistake(lambda: 100 * _mug()[0], "That is the term; divide by the sum of both."),
        ],
        explain="The lamp is two half-lives older, so its likeness counts a quarter.",
    ),
    "explaining-4": Exercise(
        answer=lambda: _first_below(30),
        unit="weeks",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: _first_below(30) - 1, "That is the last week at which it is not yet below."),
            Mistake(lambda: _first_below(40), "That is where it falls below 40 %."),
            Mistake(lambda: _first_below(20), "That is where it falls below 20 %."),
        ],
        explain="A counterfactual by age is a place where a curve crosses a level.",
    ),
    "explaining-5": Exercise(
        answer=lambda: 100 * (24 / 60 - 150 / 200),
        unit="points (percent)",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 100 * (24 / 40 - 150 / 300), "That compares how many letters were well sent."),
            Mistake(lambda: 100 * (150 / 200 - 24 / 60), "The size is right, but it is A minus B."),
            Mistake(lambda: 24 / 60 - 150 / 200, "The size is right, but percent are asked for."),
            Mistake(lambda: 100 * (24 / 36 - 150 / 50), "Buyers are those with a letter and those without."),
        ],
        explain="The buyers of group A are 24 with a letter and 36 without.",
    ),
    "explaining-6": Exercise(
        answer=lambda: ((2 ** -4 + 1) / 2 ** -4) ** 0.8,
        unit="factor",
        rtol=3e-3,
        mistakes=[
            Mistake(lambda: 17.0, "That is the ratio of the counts; the coefficient is missing."),
            Mistake(lambda: 17 * 0.8, "The coefficient is a power of the ratio of the odds, not a factor."),
            Mistake(lambda: 2.0 ** 0.8, "Her own purchase has faded to a sixteenth; it does not count 1."),
            Mistake(lambda: 16.0 ** 0.8, "The false purchase is added to her own, it does not replace it."),
        ],
        explain="A short half-life leaves little that could outvote a new false event.",
    ),
}

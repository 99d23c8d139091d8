"""Exercises of the chapter "What is the half-life in my data, and how sure am I?"."""

import math
from functools import cache

from interestdecay_lib import counts, datasets, fitting
from interestdecay_lib.checks import Exercise, Mistake

_LN2 = math.log(2)
_THREE_QUARTERS = math.log(120 / 90)  # how far the log rate falls from week 1 to week 3


@cache
def _half_life(definition, curve="Exponential", sample=True):
    """Half-life in weeks of the tenth of CDNOW's customers, or of all."""
    log = datasets.load_cdnow(sample=sample)
    return fitting.fit_decay(getattr(counts, definition)(log), curve).half_life


@cache
def _gains(definition):
    """Held-out gain over the exponential and half-life, by curve, all customers."""
    counted = getattr(counts, definition)(datasets.load_cdnow())
    return fitting.compare_curves(counted, ["Hyperbolic", "PowerLaw", "BiExponential"], replicates=0)


def _share(column="gain", above="Hyperbolic", below="BiExponential", definition="hazard_since_last"):
    table = _gains(definition)
    return 100 * table.loc[above, column] / table.loc[below, column]


EXERCISES = {
    "fitting_decay-1": Exercise(
        answer=lambda: 2 * _LN2 / _THREE_QUARTERS,
        unit="weeks",
        mistakes=[
            Mistake(
                lambda: _LN2 / _THREE_QUARTERS, "The middles of weeks 1 and 3 are two weeks apart, not one."
            ),
            Mistake(
                lambda: 3 * _LN2 / _THREE_QUARTERS,
                "The middles of weeks 1 and 3 are two weeks apart, not three.",
            ),
            Mistake(lambda: 2 / _THREE_QUARTERS, "That is the time constant: multiply by ln 2."),
            Mistake(lambda: _THREE_QUARTERS / 2, "That is the decay rate, per week: divide ln 2 by it."),
            Mistake(lambda: 14 * _LN2 / _THREE_QUARTERS, "That is in days; asked is weeks."),
            Mistake(lambda: 2 * 60 / 30, "An exponential does not fall along a straight line."),
            Mistake(
                lambda: -2 * _LN2 / _THREE_QUARTERS,
                "Right size, wrong sign: the earlier count goes above the line.",
            ),
            Mistake(
                lambda: 2 * math.log10(2) / _THREE_QUARTERS,
                "log10 above, ln below: use one logarithm in both.",
            ),
        ],
        explain="No likelihood has to be maximised here: the curve goes through both counts.",
    ),
    "fitting_decay-2": Exercise(
        answer=lambda: _half_life("hazard_since_last"),
        unit="weeks",
        rtol=2e-3,
        mistakes=[
            Mistake(
                lambda: _half_life("rate_since_first"),
                "That is the rate since the first purchase; asked is the hazard since the last.",
            ),
            Mistake(
                lambda: _half_life("interest_kernel"),
                "That is the kernel over all earlier purchases; asked is the hazard since the last.",
            ),
            Mistake(
                lambda: _half_life("hazard_since_last", sample=False),
                "That is the half-life of all customers; take the tenth (sample=True).",
            ),
            Mistake(
                lambda: _half_life("hazard_since_last", "BiExponential"),
                "That is the half-life of the two-speed curve; asked is one exponential.",
            ),
            Mistake(
                lambda: _half_life("hazard_since_last", "PowerLaw"),
                "That is the half-life of the power law; asked is one exponential.",
            ),
            Mistake(lambda: 7 * _half_life("hazard_since_last"), "That is in days; asked is weeks."),
            Mistake(
                lambda: _half_life("hazard_since_last") / _LN2,
                "That is the time constant: multiply by ln 2.",
            ),
            Mistake(
                lambda: _LN2 / _half_life("hazard_since_last"),
                "That is the decay rate, per week, not a half-life.",
            ),
        ],
        explain="A tenth of the customers, nearly the same estimate, and an interval three times as wide.",
    ),
    "fitting_decay-3": Exercise(
        answer=_share,
        unit="per cent",
        rtol=2e-2,
        mistakes=[
            Mistake(lambda: _share() / 100, "That is the share itself; asked is per cent."),
            Mistake(lambda: 1e4 / _share(), "Upside down: the hyperbolic curve's gain goes above the line."),
            Mistake(
                lambda: 100 - _share(), "That is what the hyperbolic curve misses; asked is what it reaches."
            ),
            Mistake(
                lambda: _share(definition="rate_since_first"),
                "That is clock A, the rate since the first purchase; asked is clock B.",
            ),
            Mistake(
                lambda: _share("half_life"),
                "That is the ratio of the half-lives; asked is that of the gains.",
            ),
            Mistake(
                lambda: _share(above="PowerLaw"), "That is the power law; it has three parameters, not two."
            ),
            Mistake(
                lambda: _gains("hazard_since_last").loc["Hyperbolic", "gain"],
                "That is the gain itself, per 1,000 customers; divide it by the two-speed curve's.",
            ),
        ],
        explain="Two parameters get most of what four get, under this clock.",
    ),
    "fitting_decay-4": Exercise(
        answer=lambda: 1 / (1 + math.exp(0)),
        atol=1e-3,
        mistakes=[
            Mistake(lambda: 0, "It should be near zero, but the formula says otherwise: put I = 0 into it."),
            Mistake(lambda: 1, "e to the power 0 is 1, not 0."),
            Mistake(
                lambda: 1 / (1 + math.exp(2.5)),
                "That uses an intercept; the printed formula has none.",
            ),
            Mistake(lambda: 1 / (1 + math.exp(-1)), "That is I = 1 with alpha = 1; asked is I = 0."),
            Mistake(lambda: 1 / (1 + math.exp(1)), "That is alpha I = -1; asked is I = 0."),
            Mistake(lambda: 50, "That is in per cent; asked is a probability between 0 and 1."),
        ],
        explain="A formula without an intercept cannot say that somebody is unlikely to click.",
    ),
    "fitting_decay-5": Exercise(
        answer=lambda: 14.0,
        unit="weeks",
        mistakes=[
            Mistake(
                lambda: 14 * _LN2, "The hazard is hyperbolic in t, not exponential with time constant alpha."
            ),
            Mistake(lambda: 28, "The denominator doubles when t is as large as alpha, not twice as large."),
            Mistake(lambda: 7, "alpha + t must double: set it equal to two alpha and solve for t."),
            Mistake(
                lambda: 14 / 0.36,
                "That is one over the hazard at the start, the mean gap of an average rate.",
            ),
            Mistake(lambda: 0.36 / 14, "That is the hazard at the start, per week."),
            Mistake(
                lambda: 0.36 / 28, "That is half of the hazard at the start; asked is when it is reached."
            ),
            Mistake(
                lambda: 14 * (2 ** (1 / 0.36) - 1),
                "That is when half of the customers are still silent; asked is the hazard.",
            ),
            Mistake(lambda: 98, "That is in days; asked is weeks."),
        ],
        explain="The half-life is alpha, whatever gamma: it measures differences, not forgetting.",
    ),
    "fitting_decay-6": Exercise(
        answer=lambda: 400 * (0.12 * 1.96 / 0.10) ** 2,
        unit="clicks",
        rtol=0.05,
        mistakes=[
            Mistake(
                lambda: 400 * (0.12 / 0.10) ** 2,
                "That makes one standard error 10 %; a 95 % interval reaches 1.96 of them to each side.",
            ),
            Mistake(
                lambda: 400 * (0.12 * 1.96 / 0.10),
                "The error shrinks with the square root of the clicks, so the clicks grow with the square.",
            ),
            Mistake(
                lambda: 400 * math.sqrt(0.12 * 1.96 / 0.10),
                "The wrong way round: clicks grow with the square of the factor, not with its root.",
            ),
            Mistake(
                lambda: 400 * (0.12 * 1.96 / 0.05) ** 2,
                "10 % to each side, not 10 % from end to end.",
            ),
            Mistake(
                lambda: 400 * ((0.12 * 1.96 / 0.10) ** 2 - 1),
                "Those are the clicks still missing; asked is how many are needed in all.",
            ),
            Mistake(
                lambda: 400 * (0.12 * 1.645 / 0.10) ** 2,
                "1.645 standard errors make a 90 % interval, not 95 %.",
            ),
            Mistake(lambda: 400 * 0.10 / 0.12, "A smaller error needs more clicks, not fewer."),
        ],
        explain="More than five times the pilot, for an interval that is not yet narrow.",
    ),
}

"""Exercises of the chapter "What is the half-life in my data, and how sure am I?"."""

import math
from functools import cache

from scipy import stats
from scipy.optimize import brentq

from interestdecay_lib import counts, datasets, fitting
from interestdecay_lib.checks import Exercise, Mistake

_LN2 = math.log(2)
_CHI2 = float(stats.chi2.ppf(0.95, 1))
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


def _ends(purchases, customers, drop=_CHI2 / 2):
    """Rates per customer whose Poisson log likelihood lies ``drop`` below its maximum."""
    best = purchases / customers

    def fall(rate):
        return purchases * math.log(best / rate) - customers * (best - rate) - drop

    return brentq(fall, best / 10, best), brentq(fall, best, 10 * best)


def _width(*args, **kwargs):
    low, high = _ends(*args, **kwargs)
    return high - low


def _factor(d):
    return 0.9 ** (-1 / d) - 1


def _at_half(d):
    """After how many times S half is left, when a power d of time says that 90 % are left after S."""
    return (2 ** (1 / d) - 1) / _factor(d)


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
        answer=lambda: _width(72, 27),
        unit="purchases per customer and week",
        rtol=1e-2,
        mistakes=[
            Mistake(
                lambda: _width(8, 3),
                "That is the width for three customers: the best rate is the same, the evidence is not.",
            ),
            Mistake(
                lambda: _width(8, 3) / 9,
                "Nine times the customers make it a third as wide: it shrinks with the root of their number.",
            ),
            Mistake(lambda: _width(72, 27) / 2, "That is half of it; asked is the width, from end to end."),
            Mistake(lambda: _ends(72, 27)[1], "That is the upper end; asked is the width."),
            Mistake(lambda: _ends(72, 27)[0], "That is the lower end; asked is the width."),
            Mistake(
                lambda: 27 * _width(72, 27),
                "That is for all 27 together; asked is purchases per customer and week.",
            ),
            Mistake(
                lambda: _width(72, 27, drop=_CHI2),
                "The log likelihood may fall by half of the chi-square number, not by all of it.",
            ),
            Mistake(
                lambda: _width(72, 3),
                "The 72 purchases came from 27 customers, not from three.",
            ),
        ],
        explain="Nine times the customers, about a third of the width: that is the root at work.",
    ),
    "fitting_decay-3": Exercise(
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
    "fitting_decay-4": Exercise(
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
    "fitting_decay-5": Exercise(
        answer=lambda: 10 * _at_half(0.3),
        unit="days",
        rtol=1e-2,
        mistakes=[
            Mistake(
                lambda: 10 * _LN2 / math.log(1 / 0.9),
                "That is the colleague's number: right for an exponential, not for a power.",
            ),
            Mistake(
                lambda: 10 * _at_half(0.5),
                "That takes d = 1/2, as version 5 of the program does; this learner's is 0.3.",
            ),
            Mistake(
                lambda: 10 * _at_half(0.1542),
                "That takes the d with which version 6 begins; this learner's is 0.3.",
            ),
            Mistake(lambda: _at_half(0.3), "That is how many times S it takes; multiply by the ten days."),
            Mistake(
                lambda: 10 * (2 ** (1 / 0.3) - 1),
                "F is missing: 1 + F t / S must reach 2 to the power 1/d.",
            ),
            Mistake(
                lambda: 10 * 2 ** (1 / 0.3) / _factor(0.3),
                "The 1 in 1 + F t / S has to be subtracted before you divide by F.",
            ),
            Mistake(
                lambda: 10 * (2**0.3 - 1) / _factor(0.3),
                "The power is -d, so its inverse is 1/d, not d.",
            ),
        ],
        explain="Three times the colleague's number, and nobody looked so far out: both continue a curve.",
    ),
}

"""Exercises of the chapter "How much is an event worth after t days?"."""

import math

import numpy as np

from interestdecay_lib import datasets, decay
from interestdecay_lib.checks import Exercise, Mistake

# Behaviour on days 1 to 10: article E, section 5.2.
_DAY = np.arange(1, 11)
_BEHAVIOUR = np.array([0.5, 0.8, 0.6, 0.9, 0.3, 0.7, 0.4, 0.6, 0.8, 0.2])


def _behaviour_sum(weight_of_age):
    return float(_BEHAVIOUR @ weight_of_age(10 - _DAY))


def _implied_half_life(per_day=True, first_week_from=1):
    """Weeks for the purchase rate to halve, from weeks 1-4 to weeks 5-8 since the first purchase."""
    log = datasets.load_cdnow(sample=True)[["user_id", "timestamp"]]
    if per_day:
        log = log.drop_duplicates()
    age = (log["timestamp"] - log.groupby("user_id")["timestamp"].transform("min")).dt.days
    if first_week_from == 1:
        age = age[age > 0] - 1
    early, late = ((age // 7).between(a, a + 3).sum() for a in (0, 4))
    return 4 * math.log(2) / math.log(early / late)


def _log_curvature(age=8, center=True, base_2=False):
    """Second derivative of ln w for equal shares of the half-lives 4 and 8 weeks, per week squared."""
    rate = (1 if base_2 else math.log(2)) / np.array([4, 8])
    left = 0.5 ** (age / np.array([4, 8]))
    mean = left @ rate / left.sum()
    return float(left @ rate**2 / left.sum() - center * mean**2)


EXERCISES = {
    "decay_formula-1": Exercise(
        answer=lambda rate=0.1: 60 * decay.half_life_from_rate(rate),
        unit="minutes",
        mistakes=[
            Mistake(
                lambda rate=0.1: 60 / rate,
                "That is the time constant 1/rate: after it 1/e is left, not one half.",
            ),
            Mistake(lambda rate=0.1: decay.half_life_from_rate(rate), "That is the half-life in hours."),
            Mistake(
                lambda rate=0.1: decay.half_life_from_rate(rate) / 60,
                "An hour has 60 minutes: multiply by 60, do not divide.",
            ),
            Mistake(
                lambda rate=0.1: 60 * rate,
                "That is 60 times the rate: the half-life is ln 2 divided by the rate.",
            ),
            Mistake(
                lambda rate=0.1: 60 * math.log(2) * rate, "Divide ln 2 by the rate, do not multiply."
            ),
            Mistake(lambda rate=0.1: rate, "That is the rate, in 1/hour."),
            Mistake(
                lambda rate=0.1: 60 * math.log10(2) / rate,
                "e^(-rate h) = 1/2 needs the natural log, not log10.",
            ),
            Mistake(
                lambda rate=0.1: 60 / rate / math.log(2), "ln 2 goes above the line: ln 2 / rate."
            ),
        ],
        explain="A rate of 0.1 per hour halves an event in just under seven hours.",
        variants={"rate": (0.05, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)},
    ),
    "decay_formula-2": Exercise(
        answer=lambda: 14 * math.log2(100),
        unit="days",
        mistakes=[
            Mistake(
                lambda: 14 * math.log(100),
                "e^(-a/14) takes 14 days for the time constant; they are the half-life.",
            ),
            Mistake(lambda: 14 * math.log10(100), "Count halvings, not tenths: log2(100), not log10(100)."),
            Mistake(
                lambda: 14 / math.log(2) * math.log2(100),
                "Divided by ln 2 once too often: log2 has it in already.",
            ),
            Mistake(lambda: 2 * math.log2(100), "That is in weeks; asked is days."),
            Mistake(lambda: math.log2(100), "That is the number of half-lives; each takes 14 days."),
            Mistake(lambda: 14 * 0.99 / 0.5, "An exponential does not fall along a straight line."),
            Mistake(lambda: 14 * math.log2(1 / 0.99), "That is the age at which 99 % is left; asked is 1 %."),
            Mistake(lambda: 14 * math.log2(10), "That is the age at which 10 % is left; asked is 1 %."),
        ],
        explain="Between six and seven half-lives: the events of one quarter are all one has to keep.",
    ),
    "decay_formula-3": Exercise(
        answer=lambda: decay.Hyperbolic(7)(70) / decay.Exponential(7)(70),
        mistakes=[
            Mistake(
                lambda: decay.Exponential(7)(70) / decay.Hyperbolic(7)(70),
                "Upside down: the hyperbolic weight goes above the line.",
            ),
            Mistake(
                lambda: decay.Hyperbolic(7)(70) - decay.Exponential(7)(70),
                "That is the difference; asked is the ratio.",
            ),
            Mistake(
                lambda: decay.Hyperbolic(7)(70),
                "That is the hyperbolic weight; divide it by the exponential one.",
            ),
            Mistake(
                lambda: decay.Exponential(7)(70),
                "That is the exponential weight; asked is the ratio of the two.",
            ),
            Mistake(
                lambda: decay.Hyperbolic(1)(70) / decay.Exponential(1)(70),
                "The half-life is 7 days, not 1 (age and half-life in one unit).",
            ),
            Mistake(
                lambda: decay.Hyperbolic(7)(70) * math.exp(10),
                "e^(-70/7) takes the half-life for a time constant.",
            ),
            Mistake(
                lambda: (1 / (1 + 10 * math.log(2))) * 2**10,
                "ln 2 belongs to the exponential: the hyperbolic curve is 1/(1 + a/h).",
            ),
            Mistake(
                lambda: decay.PowerLaw(7)(70) / decay.Exponential(7)(70),
                "That is the power law with exponent 1.5; the hyperbolic curve has 1.",
            ),
        ],
        rtol=1e-2,
        explain="Same half-life, and yet two orders of magnitude apart after ten of them.",
    ),
    "decay_formula-4": Exercise(
        answer=lambda: _behaviour_sum(decay.Exponential.from_rate(0.1)),
        mistakes=[
            Mistake(
                lambda: float(_BEHAVIOUR @ np.exp(-0.1 * _DAY)),
                "With the day number the oldest behaviour weighs most: use the age.",
            ),
            Mistake(
                lambda: _behaviour_sum(lambda age: np.exp(-0.1 * (age + 1))),
                "Today's behaviour has age 0 and weight 1, not age 1.",
            ),
            Mistake(
                lambda: float(np.exp(-0.1 * (10 - _DAY)).sum()),
                "That is the sum of the weights: multiply each by its behaviour.",
            ),
            Mistake(
                lambda: float(np.exp(-0.1 * _DAY).sum()),
                "Weights by day number, and no behaviour: use ages and multiply.",
            ),
            Mistake(lambda: _BEHAVIOUR.sum(), "That is the undecayed sum: every age got weight 1."),
            Mistake(
                lambda: _behaviour_sum(decay.Exponential.from_rate(0.1)) / 10,
                "That is the mean; interest is the sum.",
            ),
            Mistake(
                lambda: _behaviour_sum(decay.Exponential.from_rate(0.1)) / np.exp(-0.1 * (10 - _DAY)).sum(),
                "That is the weighted mean; interest is the sum.",
            ),
            Mistake(
                lambda: _behaviour_sum(lambda age: 2.0 ** (-0.1 * age)),
                "2^(-0.1 a) takes the time constant of 10 days for the half-life.",
            ),
            Mistake(
                lambda: _behaviour_sum(lambda age: 0.5 ** (age / 0.1)),
                "0.1 per day is the rate, not the half-life.",
            ),
            Mistake(
                lambda: _behaviour_sum(
                    lambda age: np.exp(-(((age - 15) / 5) ** 2) / 2) / (5 * math.sqrt(2 * math.pi))
                ),
                "That is the normal density; asked is the exponential weight.",
            ),
        ],
        explain="The single number in which the article's example should have ended.",
    ),
    "decay_formula-5": Exercise(
        answer=lambda: decay.Gaussian(10)(20),
        mistakes=[
            Mistake(
                lambda: decay.Gaussian(10)(25),
                "The first 5 days (offset) do not count: the distance is 20 days.",
            ),
            Mistake(
                lambda: decay.Exponential(10)(20),
                "That is Elasticsearch's `exp`; `gauss` squares the number of half-lives.",
            ),
            Mistake(
                lambda: decay.Exponential(10)(25),
                "That is `exp` without the offset; asked is `gauss` with it.",
            ),
            Mistake(
                lambda: decay.Gaussian.from_sigma(10)(20),
                "`scale` is not sigma: at the distance `scale` the weight is `decay`, one half.",
            ),
            Mistake(
                lambda: decay.Gaussian.from_sigma(10)(25),
                "`scale` is not sigma, and the distance counts from the offset on.",
            ),
            Mistake(
                lambda: (
                    math.exp(-(20**2) / (2 * decay.Gaussian(10).sigma ** 2))
                    / (decay.Gaussian(10).sigma * math.sqrt(2 * math.pi))
                ),
                "That is the normal density, in 1/day. A weight is not normalised: it is 1 at distance 0.",
            ),
            Mistake(
                lambda: math.exp(-(20**2) / 200) / (10 * math.sqrt(2 * math.pi)),
                "That is a normal density with sigma 10: neither a weight, nor is `scale` sigma.",
            ),
            Mistake(
                lambda: decay.Gaussian(15)(20),
                "The offset is not added to the scale; it is taken from the distance.",
            ),
        ],
        explain="Two half-lives beyond the offset: a Gaussian keeps 2^-4 there.",
    ),
    "decay_formula-6": Exercise(
        answer=_implied_half_life,
        unit="weeks",
        rtol=2e-3,
        mistakes=[
            Mistake(lambda: 7 * _implied_half_life(), "That is in days; asked is weeks."),
            Mistake(
                lambda: _implied_half_life() / math.log(2), "That is the time constant: multiply by ln 2."
            ),
            Mistake(lambda: math.log(2) / _implied_half_life(), "That is the rate, per week."),
            Mistake(
                lambda: _implied_half_life() * math.log(10),
                "ln 2 above, log10 below: use one logarithm in both.",
            ),
            Mistake(
                lambda: _implied_half_life() * math.log10(2) / math.log(2),
                "log10 above, ln below: use one logarithm in both.",
            ),
            Mistake(
                lambda: _implied_half_life() / math.log(2) ** 2,
                "ln 2 above, log2 below: use one logarithm in both.",
            ),
            Mistake(
                lambda: _implied_half_life() * 2,
                "The middles of weeks 1-4 and 5-8 are four weeks apart, not eight.",
            ),
            Mistake(
                lambda: _implied_half_life(per_day=False),
                "You counted rows: two orders on one day are one purchase day.",
            ),
            Mistake(
                lambda: _implied_half_life(first_week_from=0),
                "You counted the first purchase itself: week 1 is days 1 to 7 after it.",
            ),
        ],
        explain="Short, as for all customers in their first two months; later ones imply far more.",
    ),
    "decay_formula-7": Exercise(
        answer=_log_curvature,
        unit="1/week²",
        rtol=1e-2,
        mistakes=[
            Mistake(
                lambda: _log_curvature(age=0),
                "With equal shares that is the variance at age 0. After 8 weeks the slow kind has twice the "
                "weight of the fast one.",
            ),
            Mistake(
                lambda: _log_curvature(center=False),
                "That is w''/w, the mean of the squared rates: subtract the square of their mean.",
            ),
            Mistake(
                lambda: math.sqrt(_log_curvature()), "That is the standard deviation; the variance is asked."
            ),
            Mistake(
                lambda: _log_curvature(base_2=True),
                "1/4 and 1/8 are rates of halving: times ln 2 they become the rates of e.",
            ),
            Mistake(
                lambda: 2 / 9 * (8 - 4) ** 2,
                "That is the variance of the half-lives; the rates are ln 2 over the half-lives.",
            ),
            Mistake(
                lambda: _log_curvature() / 49, "That is per day squared; asked is per week squared."
            ),
        ],
        explain="Positive, as a variance is: the crowd's curve bends upwards, though each of its members is "
        "straight on a logarithmic axis.",
    ),
}

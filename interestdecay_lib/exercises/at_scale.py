"""Exercises of the chapter "A billion events?"."""

import math
from functools import cache

from interestdecay_lib.checks import Exercise, Mistake


@cache
def _first_alarm(half_life, fall=0.1):
    """Days from the planted fall to the first alarm of the live figure, by the definition of the mean."""
    import numpy as np

    rng = np.random.default_rng(3)
    p = rng.beta(2, 8, (400, 500))
    true = p * np.where(np.arange(400)[:, None] < 200, 1, 1 - fall)
    z = ((rng.random(p.shape) < true) - p).sum(axis=1) / np.sqrt((p * (1 - p)).sum(axis=1))
    q, mean = 2 ** (-1 / half_life), 0.0
    for day, value in enumerate(z):
        mean = q * mean + (1 - q) * value
        if day >= 200 and abs(mean) > 3 * math.sqrt((1 - q) / (1 + q)):
            return day - 200
    return None


def _kept(*ages: float) -> float:
    """The decayed sum of events of these ages, half-life seven days."""
    return sum(2 ** (-age / 7) for age in ages)


EXERCISES = {
    "at_scale-1": Exercise(
        answer=lambda: 1024 * 6 / 24,
        unit="days",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 1024, "That is the number of half-lives; each has six hours."),
            Mistake(lambda: 1024 * 24 / 6, "Four half-lives fit into a day: divide by four."),
        ],
        explain="A double ends at 2 to the power 1024, so the weight is infinite after 1,024 half-lives.",
    ),
    "at_scale-2": Exercise(
        answer=lambda: _kept(30, 16, 23),
        unit="events",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: _kept(30, 16, 23, 23), "Event c came twice and counts once."),
            Mistake(lambda: _kept(30, 16), "The late event counts, at its own age of 23 days."),
            Mistake(lambda: 1.75, "That is the interest on day 14; sixteen more days follow."),
        ],
        explain="The late event counts like one that came in time, and once.",
    ),
    "at_scale-3": Exercise(
        answer=lambda: 200e6 * 90 * 0.12e-6 / 60,
        unit="minutes",
        rtol=0.01,
        mistakes=[
            Mistake(lambda: 200e6 * 0.12e-6 / 60, "That is one day of the log; all ninety are read anew."),
            Mistake(lambda: 200e6 * 90 * 1e-6 / 60, "That is at one microsecond an event; it costs 0.12."),
        ],
        explain="18 billion events are read each night, and each costs 0.12 microseconds.",
    ),
    "at_scale-4": Exercise(
        answer=lambda: 9.0,
        unit="the value of a week",
        rtol=1e-6,
        mistakes=[
            Mistake(lambda: 1.0, "That is what the call returns: the first number of the window itself."),
            Mistake(lambda: 5.0, "That is the last number of the second window: known, not forecast."),
            Mistake(lambda: 2.0, "That is one place too far, two weeks after the window."),
        ],
        explain="The second window holds places 1 to 4, so its target stands at place 5.",
    ),
    "at_scale-5": Exercise(
        answer=lambda: math.sqrt((1 - 2**-0.5) / (1 + 2**-0.5)),
        unit="standard deviations of a day",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: (1 - 2**-0.5) / (1 + 2**-0.5), "That is the variance; take the root."),
            Mistake(lambda: 1 - 2**-0.5, "That is the weight of the newest day."),
            Mistake(lambda: 3 * math.sqrt((1 - 2**-0.5) / (1 + 2**-0.5)), "That is the limit of the chart."),
        ],
        explain="The variance of the decayed mean is (1 - q) / (1 + q) that of a day.",
    ),
    "at_scale-6": Exercise(
        answer=lambda: _first_alarm(14),
        unit="days",
        rtol=1e-6,
        mistakes=[
            Mistake(lambda: _first_alarm(14) + 200, "That is the day of the alarm; day 200 is the first "
                    "of the fall."),
            Mistake(lambda: _first_alarm(14, 0.2), "That is the alarm after a fall by 20 %."),
        ],
        explain="A fall by a tenth moves the daily number by half as much as one by a fifth.",
    ),
}

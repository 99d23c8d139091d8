"""Exercises of the chapter "Does anyone forget, or do people merely differ?"."""

import math
from functools import cache

import numpy as np

from interestdecay_lib import counts, datasets, fitting
from interestdecay_lib.checks import Exercise, Mistake


@cache
def _apparent(shape, mean, weeks):
    """Half-life (weeks) of an exponential hazard, fitted to what is expected of a crowd of constant rates."""
    alpha = 52 * shape / mean
    silent = (alpha / (alpha + np.arange(weeks + 1))) ** shape
    still = (10**9 * silent).round().astype(int)
    crowd = counts.BinnedCounts([-np.diff(still)], [still[:-1]], "hazard", "weeks", "second purchase")
    return fitting.fit_decay(crowd).half_life


@cache
def _early(low, high, sample=True, weeks=13):
    """Per cent of the purchases in the first weeks, of customers with so many in 65 weeks."""
    events = counts.rate_since_first(datasets.load_cdnow(sample=sample)).events
    total = events.sum(axis=1)
    chosen = (total >= low) & (total <= high)
    return float(100 * events[chosen, :weeks].sum() / total[chosen].sum())


@cache
def _early_by_customer():
    events = counts.rate_since_first(datasets.load_cdnow(sample=True)).events
    total = events.sum(axis=1)
    chosen = (total >= 2) & (total <= 3)
    return float(100 * np.mean(events[chosen, :13].sum(axis=1) > 0))


_ETA = 0.05 / (2 ** (1 / 8) - 1)

EXERCISES = {
    "fading_or_different-1": Exercise(
        answer=lambda: _apparent(1, 4, 13) / _apparent(0.1, 4, 13),
        rtol=0.02,
        mistakes=[
            Mistake(
                lambda: _apparent(0.1, 4, 13) / _apparent(1, 4, 13),
                "Upside down: the crowd that differs less has the longer half-life, and goes above the line.",
            ),
            Mistake(
                lambda: _apparent(1, 4, 13) - _apparent(0.1, 4, 13),
                "That is the difference in weeks; asked is how many times as long.",
            ),
            Mistake(
                lambda: _apparent(1, 4, 52) / _apparent(0.1, 4, 52),
                "That is a crowd watched for 52 weeks; move the last control to 13.",
            ),
            Mistake(
                lambda: _apparent(1, 4, 26) / _apparent(0.1, 4, 26),
                "That is a crowd watched for 26 weeks; move the last control to 13.",
            ),
            Mistake(
                lambda: _apparent(1, 1.35, 13) / _apparent(0.1, 1.35, 13),
                "That is CDNOW's mean, 1.35 purchases a year; asked is a mean of 4.",
            ),
            Mistake(lambda: 10, "That is the factor between the shapes, and between the alphas."),
            Mistake(
                lambda: _apparent(0.36, 4, 13) / _apparent(0.1, 4, 13),
                "That is CDNOW's shape, 0.36; the second crowd has shape 1.",
            ),
        ],
        explain="The same mean, nobody forgets, and yet the more alike people are, the longer the half-life.",
    ),
    "fading_or_different-2": Exercise(
        answer=lambda: (8 / 60) ** 0.48,
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: math.exp(-0.06 * 52), "That is a crowd in which all have the mean rate, 0.06."),
            Mistake(
                lambda: 1 - (8 / 60) ** 0.48, "That is the share that has come back; asked are the others."
            ),
            Mistake(
                lambda: math.exp(-0.06 * 8 / math.log(2) * (1 - 2 ** (-52 / 8))),
                "That takes an exponential hazard; that of a mixed crowd is a hyperbola.",
            ),
            Mistake(lambda: (8 / 60) ** 0.06, "0.06 is r over alpha; r itself is 0.06 times 8."),
            Mistake(lambda: (8 / 52) ** 0.48, "Below the line stands alpha plus t, 60 weeks."),
            Mistake(lambda: 0.48 / 60, "That is the hazard after 52 weeks; asked is the share still silent."),
            Mistake(lambda: 8 / 60, "That is the hazard after 52 weeks, relative to the start."),
            Mistake(
                lambda: 0.5 ** (52 / 8), "That halves the crowd every 8 weeks; it is the hazard that halved."
            ),
            Mistake(lambda: 100 * (8 / 60) ** 0.48, "That is in per cent; asked is a share between 0 and 1."),
        ],
        explain="Far more stay away than if all had the mean rate: rare buyers come back last.",
    ),
    "fading_or_different-3": Exercise(
        answer=lambda: _early(2, 3),
        unit="per cent",
        rtol=5e-3,
        mistakes=[
            Mistake(
                lambda: 20.0, "That is the line of constant Poisson rates; count what CDNOW's tenth did."
            ),
            Mistake(
                lambda: _early(2, 3, sample=False), "That is all customers; take the tenth (sample=True)."
            ),
            Mistake(
                lambda: _early(1, 999), "That is every customer of the tenth; asked are those with 2 or 3."
            ),
            Mistake(lambda: _early(2, 999), "That is two *or more*; asked are those with 2 or 3."),
            Mistake(
                lambda: _early(3, 4), "The first purchase starts the clock and is not counted: 2 or 3 more."
            ),
            Mistake(lambda: _early(1, 2), "That is one or two further purchases; asked are 2 or 3."),
            Mistake(lambda: _early(2, 3, weeks=14), "Weeks 1 to 13 are the columns 0 to 12: `[:, :13]`."),
            Mistake(lambda: _early(2, 3, weeks=12), "Weeks 1 to 13 are the columns 0 to 12: `[:, :13]`."),
            Mistake(
                _early_by_customer,
                "That is the share of customers with an early purchase; asked is the share of purchases.",
            ),
            Mistake(lambda: _early(2, 3) / 100, "That is the share itself; asked is per cent."),
            Mistake(lambda: _early(2, 3) - 20, "That is the distance from the line; asked is the share."),
        ],
        explain="Well above one fifth, so these customers are no constant Poisson buyers.",
    ),
    "fading_or_different-4": Exercise(
        answer=lambda: 1 / (1 - _ETA),
        unit="purchases",
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: _ETA, "That is eta, the direct ones alone; add all generations."),
            Mistake(lambda: 1 + _ETA, "That is the purchase and its children; their children count, too."),
            Mistake(
                lambda: _ETA / (1 - _ETA),
                "Those are its descendants; the purchase itself is to be counted, too.",
            ),
            Mistake(
                lambda: 1 / (1 - 0.05 * 8 / math.log(2)),
                "That integrates the kernel from age 0; by weeks it is a sum over k = 1, 2, ...",
            ),
            Mistake(
                lambda: 1 / (1 - 0.05 / (1 - 2 ** (-1 / 8))),
                "The sum begins at week 1, not at week 0: divide by 2 to the power 1/h, less 1.",
            ),
            Mistake(
                lambda: 1 / (1 - 0.05), "That takes s for eta; the kernel has to be summed over all weeks."
            ),
            Mistake(
                lambda: 1 / (1 - 0.05 * 8),
                "That takes the kernel to be level for one half-life and gone then.",
            ),
        ],
        explain="So it would be if all customers were alike; in a mixed crowd much of it is mere difference.",
    ),
    "fading_or_different-5": Exercise(
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
    "fading_or_different-6": Exercise(
        answer=lambda: 400 * (0.12 * 1.96 / 0.10) ** 2,
        unit="clicks",
        rtol=0.05,
        mistakes=[
            Mistake(
                lambda: 400 * (0.12 / 0.10) ** 2,
                "That makes one standard error 10 %; a 95 % interval reaches 1.96 of them to each side.",
            ),
            Mistake(
                lambda: 400 * (0.12 / 0.10) * 1.96**2,
                "Both factors are squared: the one from 12 to 10 % and the 1.96.",
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

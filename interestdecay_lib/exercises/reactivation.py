"""Exercises of the chapter "Whom to bring back, and does it pay?"."""

from functools import cache
from math import exp

from interestdecay_lib.checks import Exercise, Mistake


@cache
def _at_risk():
    """Mean profit per 10,000 test customers, by value at risk, for budgets of a tenth, a fifth and a half."""
    import numpy as np
    import pandas as pd

    from interestdecay_lib.customer_base import GammaGamma, ParetoNBD
    from interestdecay_lib.datasets import load_cdnow
    from interestdecay_lib.event_log import merge_same_day
    from interestdecay_lib.tasks import rfm_summary

    days, cut = merge_same_day(load_cdnow()), pd.Timestamp("1998-01-01")
    past = days[days["timestamp"] < cut]
    table = rfm_summary(days, cut)
    again = past[past["user_id"].duplicated()].groupby("user_id")["value"].agg(["size", "mean"])
    again = again[again["mean"] > 0]
    own = again.reindex(table.index).fillna(0)
    worth = 0.4 * GammaGamma.fit(again["size"], again["mean"]).expected_value(own["size"], own["mean"])
    summary = table["frequency"], table["recency"], table["T"]
    score = (1 - ParetoNBD.fit(*summary).probability_return(13, *summary)) * worth
    later = days[(days["timestamp"] >= cut) & (days["timestamp"] < cut + pd.Timedelta("91D"))]
    came = table.index.isin(later["user_id"])
    effect = np.where(came, 0, 0.25 * 2.0 ** (-(table["T"] - table["recency"]) / 13))
    gain = (effect * worth - 2 * (came + effect) - 0.3).to_numpy()
    order = np.argsort(-score.to_numpy(), kind="stable")
    found = []
    for seed in range(20):
        tested = np.random.default_rng(seed).random((3, len(table)))[0] >= 0.5
        ranked = gain[order][tested[order]]
        found.append([1e4 / len(ranked) * ranked[:round(s * len(ranked))].sum() for s in (0.1, 0.2, 0.5)])
    return [float(v) for v in np.mean(found, axis=0)]


EXERCISES = {
    "reactivation-1": Exercise(
        answer=lambda: 1 / (1 + exp(0)),
        unit="probability",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 0.0, "That would be sensible, but the printed formula has no intercept."),
            Mistake(lambda: 1 / (1 + exp(-10)), "That is the value at interest one; here it is zero."),
            Mistake(lambda: 1 / (1 + exp(10)), "The exponent is minus alpha times an interest of zero."),
        ],
        explain="Whatever alpha is, somebody without interest gets one half.",
    ),
    "reactivation-2": Exercise(
        answer=lambda: 0.8 * (95 - 93) + 0.2 * (60 - 55),
        unit="points (percent)",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: (0.8 * 95 + 0.2 * 60) - (0.2 * 93 + 0.8 * 55),
                    "That compares the whole groups, which are made of different people."),
            Mistake(lambda: (2 + 5) / 2, "The kinds are not equally frequent among the mailed: weight them."),
            Mistake(lambda: 0.2 * 2 + 0.8 * 5, "Those are the weights of the households not mailed."),
            Mistake(lambda: 0.026, "The size is right, but points of a percent are asked for."),
        ],
        explain="The naive difference is nearly ten times as large.",
    ),
    "reactivation-3": Exercise(
        answer=lambda: _needed(0.005, 0.0055, 0.9),
        unit="impressions a side",
        rtol=0.01,
        mistakes=[
            Mistake(lambda: _needed(0.005, 0.0055, 0.8), "That is for a power of 0.8, the default."),
            Mistake(lambda: _needed(0.005, 0.105, 0.9), "A tenth of the share, not ten points, is added."),
            Mistake(lambda: 2 * _needed(0.005, 0.0055, 0.9), "That is for both sides together."),
        ],
        explain="More than a hundred thousand impressions a side for a tenth more clicks.",
    ),
    "reactivation-4": Exercise(
        answer=lambda: (999 * 0.1 + 900) ** 2 / (999 * 0.1**2 + 900**2),
        unit="rows",
        rtol=0.01,
        mistakes=[
            Mistake(lambda: 1000.0, "Those are the rows; they do not weigh alike."),
            Mistake(lambda: 999 * 0.1 + 900, "That is the sum of the weights: square it, then divide."),
            Mistake(lambda: (999 * 0.1**2 + 900**2) / (999 * 0.1 + 900) ** 2, "Upside down."
                    " It is the square of the sum, divided by the sum of the squares."),
        ],
        explain="One impression carries nearly all of it.",
    ),
    "reactivation-5": Exercise(
        answer=lambda: 100 * (3 * 0.2 + 0.3) / (12 - 3),
        unit="points (percent)",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 100 * 0.3 / (12 - 3), "The coupons of those who would buy anyway are missing."),
            Mistake(lambda: 100 * (3 * 0.2 + 0.3) / 12, "Who is won by the contact has a coupon, too."),
            Mistake(lambda: (3 * 0.2 + 0.3) / (12 - 3), "The size is right, but points are asked for."),
            Mistake(lambda: 100 * (3 + 0.3) / (12 - 3), "Only buyers use the coupon, not all contacted."),
        ],
        explain="Two thirds of that are for coupons of customers who would have come anyway.",
    ),
    "reactivation-6": Exercise(
        answer=lambda: _at_risk()[1],
        unit="dollars per 10,000 customers",
        rtol=0.03,
        mistakes=[
            Mistake(lambda: _at_risk()[0], "That is at a tenth; move the budget to a fifth."),
            Mistake(lambda: _at_risk()[2], "That is at one half; move the budget to a fifth."),
        ],
        explain="Less than at a tenth: the second tenth of this ranking loses money.",
    ),
    "reactivation-7": Exercise(
        answer=lambda: 0.5 + 0.25 + 0.125,
        unit="contacts",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 1 + 0.5 + 0.25, "The last mail is a week old, so it has faded already."),
            Mistake(lambda: 0.125, "That is the oldest alone; all three count."),
            Mistake(lambda: exp(-1) + exp(-2) + exp(-3), "A week is a half-life here, not a time constant."),
        ],
        explain="The same sum as that of purchases, of contacts.",
    ),
}


def _needed(share: float, other: float, power: float) -> float:
    """People a side, by the normal approximation."""
    from statistics import NormalDist

    z, mean = NormalDist().inv_cdf, (share + other) / 2
    spread = share * (1 - share) + other * (1 - other)
    return ((z(0.975) * (2 * mean * (1 - mean)) ** 0.5 + z(power) * spread**0.5) / (other - share)) ** 2

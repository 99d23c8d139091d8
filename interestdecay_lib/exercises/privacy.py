"""Exercises of the chapter "What may I keep?"."""

from functools import cache

from interestdecay_lib.checks import Exercise, Mistake


@cache
def _alone(*columns):
    """Percent of the gift shop's customers whom these columns single out, by counting."""
    from collections import Counter

    from interestdecay_lib.datasets import load_online_retail

    grouped = load_online_retail().groupby("user_id")
    found = {"country": grouped["country"].first(),
             "month": grouped["timestamp"].min().dt.strftime("%Y-%m"),
             "orders": grouped["invoice"].nunique()}
    looks = list(zip(*(found[column] for column in columns), strict=True))
    times = Counter(looks)
    return 100 * sum(times[look] == 1 for look in looks) / len(looks)


@cache
def _left():
    """Shares of CDNOW's events and customers that are left of 39 weeks at the start of 1998."""
    import pandas as pd

    from interestdecay_lib.datasets import load_cdnow

    past = load_cdnow().query("timestamp < '1998-01-01'")
    left = past[past["timestamp"] >= pd.Timestamp("1998-01-01") - pd.Timedelta(days=7 * 39)]
    return len(left) / len(past), left["user_id"].nunique() / past["user_id"].nunique()


def _spent(conversion):
    from interestdecay_lib.privacy import epsilon_spent

    return epsilon_spent(0.02, 1.5, 2000, 1e-5, conversion)


EXERCISES = {
    "privacy-1": Exercise(
        answer=lambda: _alone("country", "month"),
        unit="percent",
        rtol=0.01,
        mistakes=[
            Mistake(lambda: _alone("country", "month", "orders"), "The number of orders is not asked for."),
            Mistake(lambda: _alone("country"), "That is the country alone."),
            Mistake(lambda: 100 - _alone("country", "month"), "Those are the people who are not alone."),
        ],
        explain="Two columns do little; the third makes it three times as many.",
    ),
    "privacy-2": Exercise(
        answer=lambda: 100 * (2 ** (0.5 / 26) - 1),
        unit="percent",
        rtol=1e-2,
        mistakes=[
            Mistake(lambda: 100 * (2 ** (1 / 26) - 1), "The middle of a week is at most half a week away."),
            Mistake(lambda: 100 * (2 ** (3.5 / 26) - 1), "Both in the same unit: half a week, 26 weeks."),
            Mistake(lambda: 100 * 0.5 / 26, "A half-life is not a time constant: a power of two is needed."),
        ],
        explain="A little over one per cent, whatever the age of the event.",
    ),
    "privacy-3": Exercise(
        answer=lambda: 30 / 10,
        unit="none",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 1 / 10, "That is the price of one answer; he gave thirty."),
            Mistake(lambda: 10 / 30, "Scale is sensitivity over epsilon; turn it round."),
            Mistake(lambda: 30 * 10, "Epsilon is the sensitivity divided by the scale, not times it."),
        ],
        explain="Thirty answers, a tenth each.",
    ),
    "privacy-4": Exercise(
        answer=lambda: _spent("classic") - _spent("improved"),
        unit="none",
        rtol=1e-2,
        mistakes=[
            Mistake(lambda: _spent("classic"), "That is the classic value; the difference is asked for."),
            Mistake(lambda: _spent("improved"), "That is the improved value; the difference is asked for."),
            Mistake(lambda: _spent("improved") - _spent("classic"), "Smaller by: classic minus improved."),
        ],
        explain="The training is the same; only the bound is sharper.",
    ),
    "privacy-5": Exercise(
        answer=lambda: 100 * (1 - _left()[1]),
        unit="percent",
        rtol=1e-2,
        mistakes=[
            Mistake(lambda: 100 * _left()[1], "Those are the customers who are left."),
            Mistake(lambda: 100 * (1 - _left()[0]), "Those are the events, not the customers."),
        ],
        explain="Most of those who bought once, and the forecast does not miss them.",
    ),
    "privacy-6": Exercise(
        answer=lambda: 0.8 - 2 ** (-(21 - 14) / 7),
        unit="none",
        rtol=1e-3,
        mistakes=[
            Mistake(lambda: 0.8 - 1, "On day 21 the purchase counts half, not one."),
            Mistake(lambda: 0.8 - 2 ** (-14 / 7), "The age is 7 days: from day 14 to day 21."),
            Mistake(lambda: 0.8 / 2, "Only the erased purchase is aged; the rest stays as it is."),
        ],
        explain="A sum gives back what was added to it, if the day is known.",
    ),
}

"""Exercises of the chapter "Gone, or just quiet?"."""

from functools import cache

import numpy as np

from interestdecay_lib.checks import Exercise, Mistake
from interestdecay_lib.customer_base import BGNBD, NBD, ParetoNBD


@cache
def _seen():
    from interestdecay_lib.datasets import load_cdnow
    from interestdecay_lib.tasks import calibration_holdout

    table = calibration_holdout(load_cdnow(sample=True), "1997-10-01")
    return table["frequency"].to_numpy(), table["recency"].to_numpy(), table["T"].to_numpy()


@cache
def _fitted(kind):
    return kind.fit(*_seen())


def _alive(odds_gone):
    return float(1 / (1 + odds_gone))


def _likeliest():
    return "ABC"[int(np.argmax(_fitted(ParetoNBD).probability_return(13, [12, 2, 0], [19, 34, 0], 39)))]


def _expected(kind=ParetoNBD, t=13.0):
    return float(_fitted(kind).expected_purchases(t, *_seen()).sum())


def _returning():
    return float(_fitted(ParetoNBD).probability_return(13, *_seen()).sum())


def _waiting(weeks, event, at):
    """Kaplan-Meier by the definition."""
    share, weeks, event = 1.0, np.asarray(weeks), np.asarray(event)
    for moment in np.unique(weeks[(event == 1) & (weeks <= at)]):
        share *= 1 - np.sum((weeks == moment) & (event == 1)) / np.sum(weeks >= moment)
    return float(share)


_WEEKS, _EVENT = np.array([3, 5, 6, 8, 10, 12]), np.array([1, 0, 1, 1, 0, 1])


@cache
def _cumulative():
    """Repeat purchase days until the weeks 39 and 78: actual, and expected by BG/NBD."""
    import pandas as pd

    from interestdecay_lib.datasets import load_cdnow
    from interestdecay_lib.event_log import merge_same_day

    days = merge_same_day(load_cdnow(sample=True))
    day = (days["timestamp"] - pd.Timestamp("1997-01-01")).dt.days
    first = day.groupby(days["user_id"]).transform("min")
    born = first[~days["user_id"].duplicated()].to_numpy() / 7
    return [(int(((day > first) & (day < 7 * week)).sum()),
             float(_fitted(BGNBD).expected_purchases(np.maximum(week - born, 0)).sum()))
            for week in (39, 78)]


def _bias(alone=True):
    (actual_39, expected_39), (actual_78, expected_78) = _cumulative()
    if not alone:
        return 100 * (expected_78 / actual_78 - 1)
    return 100 * ((expected_78 - expected_39) / (actual_78 - actual_39) - 1)


def _difference_of_percentages():
    (actual_39, expected_39), (actual_78, expected_78) = _cumulative()
    return 100 * (expected_78 / actual_78 - expected_39 / actual_39)


EXERCISES = {
    "will_they_return-1": Exercise(
        answer=lambda: _alive(0.2 / 0.8 * np.exp(3)),
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: 1 - _alive(0.2 / 0.8 * np.exp(3)), "That is the probability that she has left."),
            Mistake(lambda: _alive(0.2 * np.exp(3)), "Odds, not a chance: p / (1 - p) before the power."),
            Mistake(lambda: _alive(0.2 / 0.8 * np.exp(-3)),
                    "The sign: a longer silence makes it more likely that she has left, not less."),
            Mistake(lambda: 0.8 * float(np.exp(-3)),
                    "That is the chance of being alive and silent; divide by the chance of the silence."),
            Mistake(lambda: 0.8, "That was true just after the last purchase; six quiet weeks are evidence."),
        ],
        explain="At her pace three purchases were due in six weeks.",
    ),
    "will_they_return-2": Exercise(
        answer=_likeliest,
        mistakes=[
            Mistake(lambda: "A", "At her old pace A would have bought a dozen times in 20 weeks: she is most "
                                 "probably gone."),
            Mistake(lambda: "C", "C has not bought again in 39 weeks: gone, or very slow."),
        ],
        explain="Two purchases and a short silence beat twelve and a long one.",
    ),
    "will_they_return-3": Exercise(
        answer=_expected,
        unit="purchase days",
        rtol=2e-3,
        mistakes=[
            Mistake(lambda: _expected(t=91.0), "13 weeks, not 91: the model was fitted in weeks."),
            Mistake(lambda: _expected(t=39.0), "That is for 39 weeks, the whole holdout."),
            Mistake(lambda: _expected(BGNBD), "That is BG/NBD's forecast; the question is about Pareto/NBD."),
            Mistake(_returning,
                    "That is how many customers are expected to return; asked are their purchase days."),
            Mistake(lambda: _expected(NBD), "That is NBD's forecast, where nobody ever leaves."),
            Mistake(lambda: float(2357 * _fitted(ParetoNBD).expected_purchases(13)),
                    "That is for 2,357 new customers: give frequency, recency and T."),
            Mistake(lambda: _expected() / 2357, "That is the mean per customer; sum over the customers."),
        ],
        explain="NBD, where nobody ever leaves, expects half as much again.",
    ),
    "will_they_return-4": Exercise(
        answer=lambda: _waiting(_WEEKS, _EVENT, 9),
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: _waiting(_WEEKS[_EVENT == 1], _EVENT[_EVENT == 1], 9),
                    "You left the two silent customers out; they are at risk while they are seen."),
            Mistake(lambda: _waiting(_WEEKS, np.ones(6), 9),
                    "You took the end of observation for a purchase: who was seen for 5 weeks did not "
                    "buy again."),
            Mistake(lambda: 0.5, "Three of six have bought, but the one seen for 5 weeks could have "
                                 "bought later: at week 6 only four are at risk."),
            Mistake(lambda: 1 - _waiting(_WEEKS, _EVENT, 9), "That is the share that has returned."),
        ],
        explain="The censored customer counts at week 3 and no longer at week 6.",
    ),
    "will_they_return-5": Exercise(
        answer=_bias,
        unit="percent",
        rtol=0.01,
        mistakes=[
            Mistake(lambda: _bias(alone=False), "That is the cumulative bias, counted from week 0."),
            Mistake(_difference_of_percentages, "Percentages of different totals cannot be subtracted."),
            Mistake(lambda: -_bias(), "The sign: the model expects too few."),
            Mistake(lambda: _bias() / 100, "That is a share; give the bias in percent, times 100."),
        ],
        explain="On these customers about three times the four per cent that are counted from week 0.",
    ),
    "will_they_return-6": Exercise(
        answer=lambda: float(_fitted(BGNBD).probability_alive(7, 38.86 - 9.43, 38.86)),
        rtol=5e-3,
        atol=3e-3,      # so that the colleague's number, rounded to 0, is recognised
        mistakes=[
            Mistake(lambda: float(_fitted(BGNBD).probability_alive(7, 9.43, 38.86)),
                    "That is the colleague's number: recency is the age at the last purchase, T "
                    "minus the silence."),
            Mistake(lambda: float(_fitted(ParetoNBD).probability_alive(7, 38.86 - 9.43, 38.86)),
                    "That is Pareto/NBD's P(alive); the question is about BG/NBD."),
            Mistake(lambda: 1 - float(_fitted(BGNBD).probability_alive(7, 38.86 - 9.43, 38.86)),
                    "That is the probability that she has left."),
        ],
        explain="More likely alive than gone: no reason for an alarm.",
    ),
}

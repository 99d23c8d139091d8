"""Exercises of the chapter on how events add up to interest: right answers, typical mistakes and why."""

from functools import cache

import numpy as np
import pandas as pd

from interestdecay_lib.checks import Exercise, Mistake
from interestdecay_lib.datasets import load_cdnow
from interestdecay_lib.decay import Exponential
from interestdecay_lib.event_log import as_of, merge_same_day
from interestdecay_lib.interest import DecayedCounter, decayed_sum

AGES = np.array([3.0, 10.0, 24.0])          # exercise 1, days
CUSTOMER, CUT = 7983, "1997-10-01"          # exercise 3
LATER = "1998-04-01"                        # exercise 5
FORGOTTEN_DECAY = "You added the event to the stored value as it was: between two events interest fades."


@cache
def _history() -> pd.DataFrame:
    log = load_cdnow()
    return log[log["user_id"] == CUSTOMER]


def _dollars(half_life: str) -> float:
    return float(decayed_sum(as_of(_history(), CUT), CUT, half_life, weight="value").iloc[0])


def _with_the_future() -> float:
    age = (pd.Timestamp(CUT) - _history()["timestamp"]) / pd.Timedelta("28D")
    return float((_history()["value"] * 2.0**-age).sum())


def _mean_dollars() -> float:
    known = as_of(_history(), CUT)
    weights = decayed_sum(known, CUT, "28D").iloc[0]
    return _dollars("28D") / float(weights)


def _stored(half_life: float) -> float:
    counter = DecayedCounter(half_life, value=2.4, time=0.0)
    counter.add(15.0)
    return counter.value


@cache
def _two_speeds(look_ahead: bool, merged: bool, first_counts: bool) -> tuple[pd.DataFrame, np.ndarray]:
    """Two decayed sums of every customer, and the days since the first purchase."""
    log = load_cdnow()
    log = merge_same_day(log) if merged else log
    at = "1998-07-01" if look_ahead else LATER
    known = log if look_ahead else as_of(log, at)
    first = known.groupby("user_id")["timestamp"].min()
    counted = known if first_counts else known[known.duplicated("user_id")]
    watched = ((pd.Timestamp(at) - first) / pd.Timedelta("1D")).to_numpy()
    return decayed_sum(counted, at, ["28D", "364D"], users=first.index), watched


def _warming(look_ahead: bool = False, merged: bool = True, first_counts: bool = False,
             divided: bool = True, bracket: bool = True) -> float:
    both, watched = _two_speeds(look_ahead, merged, first_counts)
    rate = {}
    for name, h in (("28D", 28), ("364D", 364)):
        rate[name] = both[name] / (h if divided else 1) / ((1 - 2 ** (-watched / h)) if bracket else 1)
    return float((rate["28D"] > rate["364D"]).sum())


EXERCISES = {
    "events_to_interest-1": Exercise(
        answer=lambda half_life=7: Exponential(half_life)(AGES).sum(),
        unit="events",
        mistakes=[
            Mistake(lambda half_life=7: np.exp(-AGES / half_life).sum(),
                    "You took the half-life for the time constant, exp(-a/h). It should be 2^(-a/h)."),
            Mistake(lambda half_life=7: Exponential(half_life)(AGES).mean(),
                    "That is the mean weight. Interest is the sum: a third event raises it."),
            Mistake(lambda half_life=7: Exponential(half_life)(AGES.min()),
                    "That is the weight of the newest event alone; the older two still count a little."),
            Mistake(lambda half_life=7: Exponential(half_life / 7)(AGES).sum(),
                    "Ages in days need a half-life in days, not in weeks."),
            Mistake(lambda half_life=7: Exponential(half_life)(AGES.sum()),
                    "You added the ages. Add the weights: each event fades on its own."),
            Mistake(lambda half_life=7: 3.0,
                    "That is the plain count: without decay every event would still weigh 1."),
        ],
        explain="More than one fresh event; the one from 24 days ago adds less than a tenth of one.",
        variants={"half_life": (5, 6, 7, 9, 10, 12, 14)},
    ),
    "events_to_interest-2": Exercise(
        answer=lambda: _stored(10),
        unit="events",
        mistakes=[
            Mistake(lambda: 3.4, FORGOTTEN_DECAY),
            Mistake(lambda: 3.4 * 2**-1.5,
                    "You let the new event fade too. It happens now: age the old value first, then add."),
            Mistake(lambda: 1 + 2.4 * np.exp(-1.5),
                    "You used 10 days as the time constant. With a half-life the factor is 2^(-15/10)."),
            Mistake(lambda: 2.4 * 2**-1.5, "That is the value just before the purchase; add its weight."),
            Mistake(lambda: (1 + 2.4 * 2**-1.5) / 2, "No division: interest is a sum, not a mean."),
        ],
        explain="Two stored numbers were enough; the history behind the 2.4 plays no part.",
    ),
    "events_to_interest-3": Exercise(
        answer=lambda: _dollars("28D"),
        unit="US dollars",
        mistakes=[
            Mistake(_with_the_future,
                    "Events after the date are in your sum, with weights above 1. Cut the log first: as_of."),
            Mistake(lambda: _dollars("4D"), "Your half-life is 4 days; 4 weeks are 28 days."),
            Mistake(lambda: float(decayed_sum(
                as_of(_history(), CUT), CUT, pd.Timedelta("28D") * np.log(2), weight="value").iloc[0]),
                    "4 weeks went in as the time constant: the factor is 2^(-age/h), not exp(-age/h)."),
            Mistake(_mean_dollars, "That is the decayed mean, dollars per purchase; the sum is asked for."),
            Mistake(lambda: float(as_of(_history(), CUT)["value"].sum()),
                    "That is all the money spent so far, without any decay."),
            Mistake(lambda: float(decayed_sum(as_of(_history(), CUT), CUT, "28D").iloc[0]),
                    "You summed the weights of the purchases; the dollars are missing: weight='value'."),
        ],
        explain="The unit of a decayed sum is the unit of its weights: dollars.",
    ),
    "events_to_interest-4": Exercise(
        answer=lambda: 128 * 0.25,
        unit="days",
        mistakes=[
            Mistake(lambda: 1024 * 0.25, "That holds for 64-bit numbers; 32-bit ones end at 2^128."),
            Mistake(lambda: 128.0, "That is the number of half-lives; one is 6 hours, a quarter of a day."),
            Mistake(lambda: 128 * 6.0, "That is in hours; the answer is asked for in days."),
            Mistake(lambda: 128 * 0.25 * np.log(2),
                    "The factor ln 2 belongs to e: the stored weight here is a power of 2."),
        ],
        explain="After about a month of 32-bit scores every new event is infinite: move the landmark weekly.",
    ),
    "events_to_interest-5": Exercise(
        answer=_warming,
        unit="customers",
        rtol=1e-6,
        mistakes=[
            Mistake(lambda: _warming(divided=False, bracket=False),
                    "You compared the two sums as they are. A long half-life adds up more events at the same "
                    "pace: turn each sum into a rate first."),
            Mistake(lambda: _warming(bracket=False),
                    "You divided by the half-lives only. In a year a half-life of a year sees half of an "
                    "endless past: without the factor 1 - 2^(-T/h) the long rate is too low, and too many "
                    "look warm."),
            Mistake(lambda: _warming(first_counts=True),
                    "You counted the first purchase. It is why the customer is in the log, and makes the "
                    "long rate too high: it only starts the clock T."),
            Mistake(lambda: _warming(first_counts=True, bracket=False),
                    "You divided by the half-lives only, and counted the first purchase. The rate needs the "
                    "factor 1 - 2^(-T/h), and the first purchase only starts the clock T."),
            Mistake(lambda: _warming(look_ahead=True),
                    "You counted at the end of the log: purchases after 1998-04-01 were not known then."),
            Mistake(lambda: _warming(merged=False),
                    "You counted rows. Two orders on one day are one purchase day: merge_same_day first."),
            Mistake(lambda: 23570 - _warming(), "Those are the others: slower of late than in the long run."),
        ],
        explain="About one in nine. Where all buy at random at a constant rate it would be more.",
    ),
    "events_to_interest-6": Exercise(
        answer=lambda: 7 / np.log(2),
        unit="days",
        mistakes=[
            Mistake(lambda: 7 * np.log(2), "The other way round: the time constant is the longer one."),
            Mistake(lambda: 7.0,
                    "That makes 7 days the time after which 1/e is left, about 37 %, not one half."),
            Mistake(lambda: np.log(2) / 7, "That is the decay rate, in 1/day; x is a length of time."),
        ],
        explain="The time constant is about 1.44 half-lives.",
    ),
    "events_to_interest-7": Exercise(
        answer=lambda: 12.5 * np.log10(400 / 100),
        unit="hours",
        mistakes=[
            Mistake(lambda: 12.5 * np.log(4), "Reddit takes the logarithm to base 10, not the natural one."),
            Mistake(lambda: 12.5 * np.log2(4), "Reddit takes the logarithm to base 10, not to base 2."),
            Mistake(lambda: 12.5 * np.log10(300), "The ratio of the votes counts, not their difference."),
            Mistake(lambda: 12.5, "12.5 hours outweigh ten times the votes; here the factor is only 4."),
            Mistake(lambda: 45_000 * np.log10(4), "That is in seconds; the answer is asked for in hours."),
            Mistake(lambda: 4 * 12.5 * np.log10(2), "Four times the votes are two doublings, not four."),
            Mistake(lambda: 4 * 12.5, "Votes enter through their logarithm, not as a factor."),
        ],
        explain="Two doublings of the votes, so two half-lives of the formula.",
    ),
}

"""Answers and typical mistakes of the chapter ``logs_to_sequences``."""

from functools import cache

import numpy as np
import pandas as pd

from interestdecay_lib import event_log, tasks
from interestdecay_lib.checks import Exercise, Mistake
from interestdecay_lib.datasets import load_cdnow

_CUT = pd.Timestamp("1997-10-01")
_PURCHASES = pd.DataFrame({"user_id": 1, "timestamp": pd.to_datetime(
    ["1997-01-05", "1997-01-05", "1997-03-16", "1997-09-20", "1997-10-01"])})


@cache
def _sample() -> pd.DataFrame:
    return load_cdnow(sample=True)


@cache
def _sizes() -> pd.Series:
    return event_log.merge_same_day(_sample()).groupby("user_id").size()


@cache
def _grid() -> np.ndarray:
    return tasks.weekly_counts(_sample(), "1997-01-01", 78)


def _weeks_as_customer() -> np.ndarray:
    return 78 - (_grid() > 0).argmax(axis=1)


def _customer_weeks() -> int:
    return int(_weeks_as_customer().sum())


def _mean_of_rates() -> float:
    return float((_grid().sum(axis=1) / _weeks_as_customer()).mean())


def _paper(cut=_CUT, **changes) -> dict:
    row = tasks.calibration_holdout(_PURCHASES, cut, observed_until="1998-07-01").iloc[0]
    return {"frequency": row["frequency"], "recency": row["recency"], "T": row["T"], **changes}


def _auc(target: np.ndarray, score: pd.Series) -> float:
    """Probability that a buyer ranks above another customer, ties counting half."""
    rank = score.rank().to_numpy()
    buyers = target > 0
    n, m = buyers.sum(), (~buyers).sum()
    return float((rank[buyers].sum() - n * (n + 1) / 2) / (n * m))


@cache
def _late_gain(horizon_weeks: int = 4, days: int = 7) -> float:
    log = load_cdnow()
    task = tasks.event_task(log, _CUT, horizon_weeks, history_weeks=39)
    late = tasks.event_features(log, _CUT + pd.Timedelta(days=days)).loc[task.users, "weeks_since_last"]
    return _auc(task.returned, -late) - _auc(task.returned, -task.features["weeks_since_last"])


def _silent_share(look_ahead: bool = False, through_the_cut: bool = False, days: int = 91) -> float:
    """Share of the sample's customers without a purchase in the days before the cut."""
    log = event_log.merge_same_day(_sample())
    day_after = _CUT + pd.Timedelta(days=1 if through_the_cut else 0)
    known = log if look_ahead else log[log["timestamp"] < day_after]
    silence = _CUT - known.groupby("user_id")["timestamp"].max()
    return float((silence.dt.days > days).mean())


EXERCISES = {
    "logs_to_sequences-1": Exercise(
        answer=lambda: len(_sample()) - int(_sizes().sum()),
        unit="rows",
        rtol=1e-6,
        mistakes=[
            Mistake(lambda: int(_sample().duplicated().sum()),
                    "These are the rows that repeat an earlier one in every column. Two orders on one day "
                    "usually "
                    "differ in money; compare user_id and timestamp only."),
            Mistake(lambda: int(_sizes().sum()), "That is the number of purchase days that stay."),
            Mistake(lambda: int(_sample().duplicated(["user_id", "timestamp"], keep=False).sum()),
                    "You counted every row of a day with several rows; the first of each day stays."),
        ],
        explain="No dollar and no CD disappears with these rows: they are added to the first of the day.",
    ),
    "logs_to_sequences-2": Exercise(
        answer=_paper,
        unit="weeks",
        rtol=3e-4,      # tells 268 days from 269
        mistakes=[
            Mistake(lambda: _paper(frequency=3.0),
                    "The first purchase makes somebody a customer and is not counted: x counts repeats."),
            Mistake(lambda: _paper(frequency=4.0), "Merge the two purchases of 5 January, leave out 1 "
                                                   "October (it is "
                                                   "at the cut, so it is future), and do not count the "
                                                   "first."),
            Mistake(lambda: _paper(_CUT + pd.Timedelta(days=1)),
                    "You included the day of the cut. The cut is the first day of the future: use < and "
                    "not <=."),
            Mistake(lambda: _paper(_CUT + pd.Timedelta(days=1), T=_paper()["T"]),
                    "You counted the purchase of 1 October. It happens at the cut and is future."),
            Mistake(lambda: _paper(recency=258.0, T=268.0), "recency and T are in days; give weeks of 7 "
                                                            "days."),
            Mistake(lambda: _paper(T=269 / 7),
                    "T ends on the day before the cut (30 September), the last day of the calibration "
                    "period."),
            Mistake(lambda: _paper(recency=11 / 7, T=269 / 7),
                    "That is the time since the last purchase, the recency of RFM. Here recency is the "
                    "time from the "
                    "first to the last purchase."),
            Mistake(lambda: _paper(recency=11 / 7),
                    "That is the time since the last purchase, the recency of RFM. Here recency is the "
                    "time from the "
                    "first to the last purchase."),
            Mistake(lambda: _paper(recency=10 / 7),
                    "Here recency is the time from the first to the last purchase, not the time since the "
                    "last."),
        ],
        explain="T - recency is the silence at the end of calibration: ten days, this customer is freshly "
                "active.",
    ),
    "logs_to_sequences-3": Exercise(
        answer=lambda: _grid().sum() / _customer_weeks(),
        unit="purchase days per week",
        rtol=1e-4,
        mistakes=[
            Mistake(lambda: _grid().mean(), "You divided by all 78 weeks; before the first purchase nobody "
                                            "was a "
                                            "customer, so these weeks are missing, not zero."),
            Mistake(lambda: _grid().sum() / (_grid() > 0).sum(),
                    "You divided by the weeks with a purchase only. Weeks without one are observed zeros."),
            Mistake(lambda: _grid().sum() / (_customer_weeks() - len(_grid())),
                    "You left the week of the first purchase out of the denominator but not out of the sum."),
            Mistake(lambda: (_grid() > 0).sum() / _customer_weeks(),
                    "You counted weeks with a purchase; count purchase days, of which a week may hold "
                    "several."),
            Mistake(_mean_of_rates,
                    "That is the mean of the customers' own rates; pool all customer-weeks instead."),
        ],
        explain="About one purchase in twenty-five weeks: most weeks of most customers are observed zeros.",
    ),
    "logs_to_sequences-4": Exercise(
        answer=lambda length=5: int(np.maximum(0, _sizes() - length).sum()),
        unit="windows",
        rtol=1e-6,
        mistakes=[
            Mistake(lambda length=5: int(np.maximum(0, _sizes() - length + 1).sum()),
                    "n - length + 1 counts windows without a target. The event after the window must "
                    "exist: n - length."),
            Mistake(lambda length=5: int(_sizes().sum()) - length,
                    "These windows run across customers: the purchases of one would predict those of the "
                    "next."),
            Mistake(lambda length=5: int((_sizes() - length).sum()),
                    "A customer with too few purchase days gives no window, not a negative number: "
                    "max(0, ...)."),
            Mistake(lambda length=5: int(np.maximum(0, _sample().groupby("user_id").size() - length).sum()),
                    "You counted rows; merge the rows of a day first (sample_days)."),
            Mistake(lambda length=5: int((_sizes() > length).sum()),
                    "That is the number of customers who give at least one window."),
        ],
        explain="Only customers with six or more purchase days take part: a small, busy minority.",
        variants={"length": (3, 4, 5, 6, 7, 8)},
    ),
    "logs_to_sequences-5": Exercise(
        answer=lambda: len(tasks.rolling_origins("1997-07-02", "1998-07-01", horizon=13, step=4)),
        unit="cuts",
        rtol=1e-6,
        mistakes=[
            Mistake(lambda: 52 // 4, "You forgot the horizon: the last targets would reach past the end of "
                                     "the log."),
            Mistake(lambda: 52 // 4 + 1,
                    "You forgot the horizon: the last targets would reach past the end of the log."),
            Mistake(lambda: (52 - 13) // 4, "One too few: the first cut, in week 0, counts as well."),
            Mistake(lambda: 52 // 13, "You stepped by the horizon; a new cut is made every 4 weeks and "
                                      "target periods may overlap."),
        ],
        explain="Target periods of neighbouring cuts overlap: ten scores, but fewer than ten independent "
                "ones.",
    ),
    "logs_to_sequences-6": Exercise(
        answer=_late_gain,
        unit="AUC",
        rtol=5e-3,
        mistakes=[
            Mistake(lambda: -_late_gain(), "The sign: late minus honest. Late features flatter."),
            Mistake(lambda: _late_gain(39), "That is the gain for the horizon of 39 weeks; take "
                                            "horizon_weeks=4."),
            Mistake(lambda: _late_gain(4, 1), "You moved the features by one day; 7 days were asked."),
            Mistake(lambda: _late_gain(4, 28), "That is recency at the end of the target period; take 7 "
                                               "days."),
        ],
        explain="With a short horizon the same delay shows a larger part of the answer.",
    ),
    "logs_to_sequences-7": Exercise(
        answer=_silent_share,
        rtol=1e-4,
        mistakes=[
            Mistake(lambda: _silent_share(look_ahead=True),
                    "That is the colleague's share: the last purchase is taken from the whole log, so "
                    "whoever comes back later counts as not silent."),
            Mistake(lambda: _silent_share(through_the_cut=True),
                    "You included purchases on 1 October, the first day of the future: use <, not <=."),
            Mistake(lambda: 1 - _silent_share(), "That is the share of those who are not silent."),
            Mistake(lambda: 100 * _silent_share(),
                    "That is in percent; a share between 0 and 1 is asked for."),
            Mistake(lambda: _silent_share(days=90), "More than 91 days are asked for: > 91, not > 90."),
            Mistake(lambda: _silent_share(days=13), "91 days are 13 weeks; you took 13 days."),
        ],
        explain="Those who come back later were silent on that day, and nobody knew that they would return.",
    ),
}

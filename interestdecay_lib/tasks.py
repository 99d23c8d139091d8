"""What is asked of a model, and what it is given: summaries of customers at a cut, and the task that follows.

Lengths of time are in weeks of 7 days unless said otherwise. Before the cut everything is known, at and after
it nothing is (see `event_log`). A *labelled* task knows what followed, so that a model can learn from it or
be judged; a task for today (`forecast_task`) does not, and a model can only be asked.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from interestdecay_lib._arguments import duration, floats, is_number, moment, whole
from interestdecay_lib._moved import renamed
from interestdecay_lib.decay import Exponential
from interestdecay_lib.event_log import DAY, WEEK, CheckedLog, checked, in_weeks

__all__ = [
    "EventTask",
    "calibration_holdout",
    "event_features",
    "event_task",
    "forecast_task",
    "rfm_summary",
    "rolling_origins",
    "split_users",
    "stack",
    "weekly_counts",
]


# -- what is known of a customer -----------------------------------------------------------------------------


def _past(log: CheckedLog, cut: object, users: object = None) -> tuple[CheckedLog, pd.Timestamp]:
    """The event days before the cut (those of `users`, in their order), and the cut as a day."""
    day = log.date(cut, "cut")
    past = log.before(log.moment(cut, "cut")).event_days()
    if not len(past):
        first = f"the first event is of {log.time.min()}" if len(log) else "the log is empty"
        raise ValueError(f"nothing is known at the cut {day.date()}: {first}; choose a later cut")
    if users is None:
        return past, day
    wanted, row = past.rows_of(users, of=log)
    strangers = len(wanted) - int((row >= 0).sum())
    if strangers:
        unknown = wanted[~wanted.isin(past.users)]
        raise ValueError(f"{strangers:,} of the {len(wanted):,} users have no event before the cut "
                         f"{day.date()}, the first is {unknown[0]!r}: nothing is known of them yet")
    order = np.argsort(row[row >= 0], kind="stable")
    return past.users_at(np.flatnonzero(row >= 0)[order]), day


def rfm_summary(log: pd.DataFrame, cut, *, users=None) -> pd.DataFrame:
    """Recency, frequency and T of every customer at a cut: what the models of `customer_base` need.

    For a customer with event days :math:`d_1 < \\dots < d_n` before the cut :math:`c`:
    frequency :math:`x = n - 1` (the first event is not counted), recency :math:`t_x = (d_n - d_1) / 7`,
    :math:`T = (c - 1 - d_1) / 7`.

    Parameters
    ----------
    log
        An event log (see `event_log`); several rows a day are merged.
    cut
        The day on which is asked; for today the first day that is no longer observed.
    users
        Customers in the order of the rows; default: all with an event before the cut.

    Returns
    -------
    pandas.DataFrame
        Index ``user_id``: ``frequency`` (int), ``recency`` and ``T`` (weeks).

    Raises
    ------
    ValueError
        If nothing happened before the cut, or one of `users` had none before it.

    Notes
    -----
    Source: Fader, Hardie and Lee (2005), whose published summary of the 2,357 customers this reproduces. In
    that paper *recency* is the age of the customer at the last purchase, not the time since it.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": 1, "timestamp": pd.to_datetime(
    ...     ["1997-01-01", "1997-01-18", "1997-08-02", "1997-12-12"])})
    >>> rfm_summary(log, "1997-10-01").round(2).to_dict("records")
    [{'frequency': 2, 'recency': 30.43, 'T': 38.86}]
    """
    return _summary(*_past(checked(log), cut, users))


def _summary(past: CheckedLog, cut: pd.Timestamp) -> pd.DataFrame:
    first = past.time[past.first]
    return pd.DataFrame({
        "frequency": past.count - 1,
        "recency": in_weeks(past.time[past.last] - first),
        "T": in_weeks((cut - DAY).as_unit("us").to_datetime64() - first),
    }, index=past.users)


def calibration_holdout(log: pd.DataFrame, cut, end=None, *, observed_until=None) -> pd.DataFrame:
    """Recency, frequency and T up to the cut, and the event days after it.

    Parameters
    ----------
    log
        An event log; several rows a day are merged.
    cut
        First day of the holdout period.
    end
        First day after the holdout period; by default the end of observation.
    observed_until
        First day that is no longer observed; by default the day after the last event of the log.

    Returns
    -------
    pandas.DataFrame
        `rfm_summary` at the cut, and ``holdout`` (int), the number of event days in ``[cut, end)``.

    Raises
    ------
    ValueError
        If nothing happened before the cut, the cut lies outside the log, or ``end`` lies beyond the end of
        observation (events after it are unknown, not zero).

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": 1, "timestamp": pd.to_datetime(
    ...     ["1997-01-01", "1997-01-18", "1997-08-02", "1997-12-12"])})
    >>> calibration_holdout(log, "1997-10-01").round(2).to_dict("records")
    [{'frequency': 2, 'recency': 30.43, 'T': 38.86, 'holdout': 1}]
    """
    found = checked(log)
    past, cut = _past(found, cut)
    until = found.observed_until(observed_until)
    end = until if end is None else found.date(end, "end")
    if not cut < end:
        raise ValueError(f"the holdout period [{cut.date()}, {end.date()}) is empty; the log is observed "
                         f"until {until.date()} (exclusive); to ask about the days after it use rfm_summary")
    _check_future(end, until)
    return _summary(past, cut).assign(holdout=_event_days(found, past.users, cut, end))


def _check_future(end: pd.Timestamp, until: pd.Timestamp) -> None:
    if end > until:
        raise ValueError(f"the target period ends on {end.date()}, but the log is observed only until "
                         f"{until.date()} (exclusive): {(end - until).days} days of the future are unknown, "
                         "not empty; choose an earlier cut or a shorter horizon, or ask with forecast_task")


def _event_days(log: CheckedLog, users: pd.Index, start: pd.Timestamp, end: pd.Timestamp) -> np.ndarray:
    """Number of event days of each of the users in [start, end)."""
    inside = log.between(log.moment(start, "start"), log.moment(end, "end")).event_days()
    row = users.get_indexer(inside.users)
    counts = np.zeros(len(users), int)
    counts[row[row >= 0]] = inside.count[row >= 0]
    return counts


def weekly_counts(log: pd.DataFrame, start, weeks: int, users=None, value: str | None = None) -> np.ndarray:
    """Event days a week (or the weekly sum of a column): the log on a regular grid.

    Week ``w`` holds the days ``start + 7w`` to ``start + 7w + 6``.

    Parameters
    ----------
    log
        An event log. Events outside the grid are not counted.
    start
        First day of week 0.
    weeks
        Number of weeks.
    users
        Users in the order of the rows; users without an event get zeros. Default: all users of the log, in
        its order. Give them where the log reaches past a cut: who appears later is knowledge of the future.
    value
        Column to sum. Default: count distinct days.

    Returns
    -------
    numpy.ndarray
        float64, shape ``(n_users, weeks)``. A zero says "nothing happened" only for weeks in which the user
        was already, and is still, observed.

    Raises
    ------
    ValueError
        If the log is not sorted, a user is named twice, or the column is missing or holds no numbers.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": 1, "value": [10.0, 5.0, 7.0], "timestamp": pd.to_datetime(
    ...     ["1997-01-01", "1997-01-07", "1997-01-08"])})
    >>> weekly_counts(log, "1997-01-01", 3).tolist()
    [[2.0, 1.0, 0.0]]
    >>> weekly_counts(log, "1997-01-01", 3, value="value").tolist()
    [[15.0, 7.0, 0.0]]
    """
    found, weeks = checked(log), whole(weeks, "weeks")
    start = found.date(start, "start")
    if value is not None:
        found.column(value)
    users, _ = found.rows_of(users)
    return _weekly(found, start, weeks, users, value)


def _weekly(log: CheckedLog, start: pd.Timestamp, weeks: int, users: pd.Index, value: str | None
            ) -> np.ndarray:
    end = start + weeks * WEEK
    inside = log.between(log.moment(start, "start"), log.moment(end, "end"))
    if value is None:
        inside = inside.days()
    row = np.repeat(users.get_indexer(inside.users), inside.count)
    week = (inside.day - start.as_unit("us").to_datetime64()) // WEEK.to_timedelta64()
    known = row >= 0
    weight = None if value is None else inside.column(value)[known]
    cells = np.bincount(row[known] * weeks + week[known], weights=weight, minlength=len(users) * weeks)
    return cells.reshape(len(users), weeks).astype(float)


def event_features(log: pd.DataFrame, cut, half_lives: Sequence[float | str] = (), *, users=None
                      ) -> pd.DataFrame:
    """What is known of each customer at the cut: recency, frequency, money, tenure, decayed counts.

    With ages :math:`a_j = (c - d_j) / 7` weeks of the event days before the cut :math:`c`, the decayed
    count with half-life :math:`h` is :math:`S_h = \\sum_j 2^{-a_j / h}`.

    Parameters
    ----------
    log
        An event log; what happens at or after the cut is not read.
    cut
        The moment of prediction, a whole day; or a list of days, for one table below the other.
    half_lives
        Half-lives, each giving one column: a number of weeks ``decayed_<h>w``, a length of time such as
        ``"28D"`` a column ``decayed_28D``.
    users
        Customers in the order of the rows; default: all with an event before the cut.

    Returns
    -------
    pandas.DataFrame
        Index ``user_id`` (for several days ``cut`` and ``user_id``): ``weeks_since_last`` (event day; the
        *recency* of marketing), ``event_days`` (the first included; its *frequency*), ``mean_value`` (per
        event day, only if the log has ``value``; *monetary value*), ``weeks_since_first`` (*tenure*),
        ``decayed_<h>w``.

    Raises
    ------
    ValueError
        If nothing happened before the cut, a value is negative or missing, one of `users` did not buy before
        it, the log is not sorted, or a half-life is not positive or given twice.

    Notes
    -----
    The columns are not called recency and frequency because the models of `customer_base` mean something else
    by these words: see `rfm_summary`.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": 1, "value": [10.0, 20.0], "timestamp": pd.to_datetime(
    ...     ["1997-09-03", "1997-09-24"])})
    >>> table = event_features(log, "1997-10-01", half_lives=[4]).round(3)
    >>> table.loc[1, ["weeks_since_last", "event_days", "mean_value"]].tolist()
    [1.0, 2.0, 15.0]
    >>> table.loc[1, ["weeks_since_first", "decayed_4w"]].tolist()
    [4.0, 1.341]
    """
    found = checked(log)
    lives = _half_lives(half_lives)
    if isinstance(cut, (list, tuple, pd.Index, pd.Series, np.ndarray)):
        tables = {found.date(day, "cut"): _features(*_past(found, day, users), lives) for day in cut}
        if len(tables) < len(cut) or not tables:
            raise ValueError(f"cut needs at least one day, and each once, got {list(cut)}")
        return pd.concat(tables, names=["cut"])
    return _features(*_past(found, cut, users), lives)


def _half_lives(given: object) -> dict[str, float]:
    """Name of the column and half-life in weeks."""
    several = [given] if is_number(given) or isinstance(given, str) else list(given)
    lives = {_column(life): duration(life, "half_lives", WEEK, "weeks") / WEEK if not is_number(life) else
             Exponential(life).half_life for life in several}
    if len(lives) < len(several):
        raise ValueError(f"half_lives names a column twice: {several}")
    return lives


def _column(half_life: object) -> str:
    return f"decayed_{half_life:g}w" if is_number(half_life) else f"decayed_{half_life}"


def _features(past: CheckedLog, cut: pd.Timestamp, lives: dict[str, float]) -> pd.DataFrame:
    age = in_weeks(cut.as_unit("us").to_datetime64() - past.time)
    columns = {"weeks_since_last": age[past.last], "event_days": past.count}
    if "value" in past.frame.columns:
        columns["mean_value"] = np.add.reduceat(past.column("value"), past.first) / past.count
    columns["weeks_since_first"] = age[past.first]
    for name, half_life in lives.items():
        columns[name] = np.add.reduceat(Exponential(half_life)(age), past.first)
    return pd.DataFrame(columns, index=past.users)


# -- the task ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class EventTask:
    """Inputs known at a cut and the targets that follow it; row ``k`` of everything is customer ``users[k]``.

    Attributes
    ----------
    cut
        The moment of prediction.
    horizon_weeks
        Length of the target period ``[cut, cut + horizon)`` in weeks.
    users
        Customers with an event before the cut, shape ``(n,)``.
    weekly
        float32, shape ``(n, history_weeks, 3)``: event days, log(1 + value), and 1 from the week of the
        first event on (0 before it: the customer was not yet one, those weeks are padding). Without values
        ``(n, history_weeks, 2)``.
    features
        `event_features` at the cut, one row a customer.
    summary
        `rfm_summary` at the cut, one row a customer.
    returned
        1.0 if the customer returns in the target period, else 0.0; float32, shape ``(n,)``; None if the
        future is not known.
    counts
        Event days in the target period; float32, shape ``(n,)``; None if the future is not known.
    """

    cut: pd.Timestamp
    horizon_weeks: int
    users: np.ndarray
    weekly: np.ndarray
    features: pd.DataFrame
    summary: pd.DataFrame
    returned: np.ndarray | None = None
    counts: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.users)

    def __repr__(self) -> str:
        known = f"{self.returned.mean():.0%} return" if self.labelled and len(self) else "outcome not known"
        return (f"EventTask({len(self):,} customers at {self.cut.date()}, {self.weekly.shape[1]} weeks of "
                f"history, the next {self.horizon_weeks} weeks: {known})")

    @property
    def labelled(self) -> bool:
        """Whether the target period was observed."""
        return self.returned is not None

    @property
    def bought(self) -> np.ndarray | None:
        """The old name of `returned`."""
        return self._old("bought", "returned")

    @property
    def purchases(self) -> np.ndarray | None:
        """The old name of `counts`."""
        return self._old("purchases", "counts")

    def _old(self, name: str, new: str) -> np.ndarray | None:
        warnings.warn(f"EventTask.{name} is now EventTask.{new}", DeprecationWarning, stacklevel=3)
        return getattr(self, new)

    def outcomes(self) -> tuple[np.ndarray, np.ndarray]:
        """`returned` and `counts` as float64, or an error for a task whose future is not known."""
        if not self.labelled:
            raise ValueError(f"the {self.horizon_weeks} weeks after {self.cut.date()} are not known: a "
                             "model can be asked about this task, not learn from it or be judged by it")
        return np.asarray(self.returned, dtype=float), np.asarray(self.counts, dtype=float)

    def take(self, indices) -> EventTask:
        """The task of some customers, by position: ``task.take(train)`` for an array of `split_users`.

        Raises
        ------
        IndexError
            If a position is outside the task.
        """
        rows = np.asarray(indices)
        return replace(self, users=self.users[rows], weekly=self.weekly[rows],
                       features=self.features.iloc[rows], summary=self.summary.iloc[rows],
                       **{name: None if getattr(self, name) is None else getattr(self, name)[rows]
                          for name in ("returned", "counts")})


def event_task(log: pd.DataFrame, cut, horizon_weeks: int, history_weeks: int,
                  half_lives: Sequence[float] = (), *, observed_until=None, value: str | None = "value",
                  users=None) -> EventTask:
    """The supervised task of the book: from the weeks before a cut, who returns in those after it, how often?

    Parameters
    ----------
    log
        An event log. Every row is a purchase, a click, a play: whatever is to be forecast.
    cut
        The moment of prediction, a whole day.
    horizon_weeks
        Length of the target period.
    history_weeks
        Weeks of input, ending at the cut. They may reach back before the log begins: such weeks are padding.
    half_lives
        Half-lives of the decayed counts among the features, as in `event_features`.
    observed_until
        First day that is no longer observed; by default the day after the last event of the log.
    value
        Column whose weekly sums are the second channel (not negative); None for a log without values.
    users
        Customers in the order of the rows; default: all with an event before the cut.

    Returns
    -------
    EventTask

    Raises
    ------
    ValueError
        If nothing happened before the cut, the target period is not fully observed (ask with
        `forecast_task`), or a value is negative or missing.

    Examples
    --------
    The 78 weeks of CDNOW, split in half:

    >>> from interestdecay_lib.datasets import load_cdnow
    >>> task = event_task(load_cdnow(sample=True), "1997-10-01", horizon_weeks=39, history_weeks=39)
    >>> task.weekly.shape, int(task.returned.sum()), int(task.counts.sum())
    ((2357, 39, 3), 684, 1882)
    """
    found = checked(log)
    asked = _asked(found, cut, horizon_weeks, history_weeks, half_lives, value, users)
    end = asked.cut + asked.horizon_weeks * WEEK
    _check_future(end, found.observed_until(observed_until))
    counts = _event_days(found, asked.features.index, asked.cut, end)
    return replace(asked, returned=(counts > 0).astype(np.float32), counts=counts.astype(np.float32))


def forecast_task(log: pd.DataFrame, horizon_weeks: int, history_weeks: int,
                  half_lives: Sequence[float] = (), *, cut=None, value: str | None = "value", users=None
                  ) -> EventTask:
    """The question of today: the inputs at the end of the log, for a future that nobody has seen.

    Parameters
    ----------
    log, horizon_weeks, history_weeks, half_lives, value, users
        As in `event_task`; `horizon_weeks` and `history_weeks` as in the task from which the model learnt.
    cut
        The day on which is asked; by default the day after the last event of the log.

    Returns
    -------
    EventTask
        Not labelled. `forecasts.predict` answers it.

    Raises
    ------
    ValueError
        As `event_task`.

    Examples
    --------
    >>> from interestdecay_lib.datasets import load_cdnow
    >>> forecast_task(load_cdnow(sample=True), horizon_weeks=13, history_weeks=39)
    EventTask(2,357 customers at 1998-07-01, 39 weeks of history, the next 13 weeks: outcome not known)
    """
    found = checked(log)
    cut = found.observed_until() if cut is None else cut
    return _asked(found, cut, horizon_weeks, history_weeks, half_lives, value, users)


def _asked(log: CheckedLog, cut: object, horizon_weeks: int, history_weeks: int, half_lives: object,
           value: str | None, users: object) -> EventTask:
    """The task without its outcomes; nothing at or after the cut is looked at."""
    horizon_weeks = whole(horizon_weeks, "horizon_weeks")
    history_weeks = whole(history_weeks, "history_weeks")
    if value is not None and value not in log.frame.columns:
        raise ValueError(f"the log needs a column {value} for the second channel of the weekly input; for a "
                         "log without values pass value=None")
    past, cut = _past(log, cut, users)
    features = _features(past, cut, _half_lives(half_lives))
    start = cut - history_weeks * WEEK
    first_week = history_weeks - np.ceil(features["weeks_since_first"].to_numpy()).astype(int)
    channels = [_weekly(past, start, history_weeks, past.users, None)]
    if value is not None:
        amounts = log.before(log.moment(cut, "cut"))
        if not (amounts.column(value) >= 0).all():
            raise ValueError(f"some events before the cut have a negative or missing {value}; decide what "
                             "refunds mean before building inputs")
        channels.append(np.log1p(_weekly(amounts, start, history_weeks, past.users, value)))
    channels.append(np.arange(history_weeks) >= first_week[:, None])
    weekly = np.stack(channels, axis=-1).astype(np.float32)
    return EventTask(cut, horizon_weeks, past.users.to_numpy(), weekly, features, _summary(past, cut))


def stack(tasks: Iterable[EventTask]) -> EventTask:
    """Several tasks below each other, for training on several cuts: a customer has one row a cut.

    Parameters
    ----------
    tasks
        With equal horizon and length of history, all labelled or none. The result carries the cut of the last
        one. Split it with ``split_users(task)``, which keeps the rows of a customer together.

    Raises
    ------
    ValueError
        For no tasks, different horizons or histories, or outcomes that only some know.
    """
    tasks = list(tasks)
    if not tasks:
        raise ValueError("give at least one task")
    if len({(t.horizon_weeks, t.weekly.shape[1:]) for t in tasks}) > 1:
        raise ValueError("the tasks must have the same horizon and history")
    if len({t.labelled for t in tasks}) > 1:
        raise ValueError("some of the tasks know their outcomes and some do not")
    below = {name: np.concatenate([getattr(t, name) for t in tasks])
             for name in ("users", "weekly", *(("returned", "counts") if tasks[0].labelled else ()))}
    return replace(tasks[-1], features=pd.concat([t.features for t in tasks]),
                   summary=pd.concat([t.summary for t in tasks]), **below)


def split_users(users, shares: Sequence[float] = (0.5, 0.1, 0.4), seed: int = 0) -> tuple[np.ndarray, ...]:
    """Cut users at random into groups of the given shares; every user is in exactly one.

    Parameters
    ----------
    users
        A task, or the user of each row: all rows of one user come into the same group. Or a number of users,
        each with one row.
    shares
        Positive shares that sum to 1, by default training, validation and test.
    seed
        Seed of ``numpy.random.default_rng(seed).permutation(n)``, for n distinct users.

    Returns
    -------
    tuple of numpy.ndarray
        Positions of the rows of each group.

    Raises
    ------
    ValueError
        If the shares do not sum to 1, a group would be empty, or a user is missing.

    Examples
    --------
    >>> [len(group) for group in split_users(23_570)]
    [11785, 2357, 9428]
    >>> [group.tolist() for group in split_users(["ann", "bob", "ann"], shares=(0.5, 0.5), seed=1)]
    [[0, 2], [1]]
    """
    if is_number(users):
        code = np.arange(whole(users, "users"))
    else:
        code = pd.factorize(np.asarray(users.users if isinstance(users, EventTask) else users))[0]
        if (code < 0).any():
            raise ValueError(f"{int((code < 0).sum()):,} rows have no user; every row belongs to one")
    n = int(code.max(initial=-1)) + 1
    shares = floats(shares, "shares")
    if shares.ndim != 1 or not (shares > 0).all() or not np.isclose(shares.sum(), 1.0):
        raise ValueError(f"shares must be positive and sum to 1, got {shares.tolist()} "
                         f"with sum {shares.sum():g}")
    bounds = np.rint(np.cumsum(shares)[:-1] * n).astype(int)
    drawn = np.random.default_rng(seed).permutation(n)
    place = np.empty(n, int)
    place[drawn] = np.arange(n)                     # of a user in the order of drawing
    rows = np.argsort(place[code], kind="stable")
    groups = tuple(np.split(rows, np.searchsorted(place[code][rows], bounds)))
    if any(len(group) == 0 for group in groups):
        raise ValueError(f"{n} users cannot be cut into shares {shares.tolist()}: a group would be empty")
    return groups


def rolling_origins(start, end, horizon, step) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Cuts that move through the log, each with the end of its target period, all inside ``end``.

    Parameters
    ----------
    start
        The first cut.
    end
        First moment that is no longer observed: no target period reaches past it.
    horizon, step
        Length of the target period, and from one cut to the next: weeks, or a Timedelta such as ``"28D"``.

    Returns
    -------
    list of (Timestamp, Timestamp)
        ``(cut, target_end)``, in the order of time.

    Raises
    ------
    ValueError
        If not even the first target period is fully observed.

    Examples
    --------
    >>> [str(cut.date()) for cut, _ in rolling_origins("1997-04-02", "1997-07-02", horizon=4, step=4)]
    ['1997-04-02', '1997-04-30', '1997-05-28']
    """
    start, end = moment(start, "start"), moment(end, "end")
    horizon, step = duration(horizon, "horizon", WEEK, "weeks"), duration(step, "step", WEEK, "weeks")
    if start + horizon > end:
        raise ValueError(f"the first target period ends at {start + horizon}, but the log is observed only "
                         f"until {end} (exclusive); choose an earlier start or a shorter horizon")
    count = (end - start - horizon) // step + 1
    return [(cut, cut + horizon) for cut in (start + k * step for k in range(count))]


def __getattr__(name):
    return renamed(sys.modules[__name__], name, {
        "PurchaseTask": "EventTask", "purchase_task": "event_task", "purchase_features": "event_features"})

"""From an event log to arrays a model can learn from, without ever looking past the cut.

Spans of time are in weeks of 7 days unless said otherwise. A *cut* is the moment a prediction is made: what
happens before it is known, what happens at or after it is the future. An event log is a DataFrame with
``user_id`` and ``timestamp``, sorted by user, then time (see `events.validate_events`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from interestdecay_lib._arguments import duration
from interestdecay_lib._arguments import moment as _moment
from interestdecay_lib.decay import Exponential

DAY = pd.Timedelta(days=1)
WEEK = pd.Timedelta(weeks=1)
_SUMMED = ("quantity", "value")


# -- what everything below checks first ---------------------------------------------------------------------


def _check_log(log: pd.DataFrame) -> None:
    """Refuse what is not a sorted event log, and say what to do."""
    missing = [name for name in ("user_id", "timestamp") if name not in log.columns]
    if missing:
        raise ValueError("an event log needs the columns user_id and timestamp; missing: "
                         f"{', '.join(missing)} (given: {', '.join(map(str, log.columns))})")
    if not pd.api.types.is_datetime64_dtype(log["timestamp"]):
        raise ValueError(f"timestamp must be datetime64 without time zone, got {log['timestamp'].dtype}; "
                         "events.validate_events brings a log into this form")
    for name in ("user_id", "timestamp"):
        unknown = int(log[name].isna().sum())
        if unknown:
            raise ValueError(f"{unknown:,} of {len(log):,} events have no {name}; see events.validate_events")
    user, time = log["user_id"].to_numpy(), log["timestamp"].to_numpy()
    backwards = (user[1:] < user[:-1]) | ((user[1:] == user[:-1]) & (time[1:] < time[:-1]))
    if backwards.any():
        raise ValueError(f"the log is not sorted by user_id, then timestamp: {int(backwards.sum()):,} rows "
                         "come before the row above them; use log.sort_values(['user_id', 'timestamp'])")


def _day(value, name: str) -> pd.Timestamp:
    """`value` as the first moment of a day: purchases are counted by whole days."""
    day = _moment(value, name)
    if day != day.normalize():
        raise ValueError(f"{name} must be a whole day, since purchases are counted by days, got {value!r}")
    return day


def _span(value, name: str) -> pd.Timedelta:
    """A positive span: a number of weeks, or a Timedelta such as '28D'."""
    return duration(value, name, WEEK, "weeks")


def _whole(value, name: str) -> int:
    """A positive whole number."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be a whole number, at least 1, got {value!r}")
    return int(value)


def _observed_until(log: pd.DataFrame, observed_until) -> pd.Timestamp:
    """First moment that is no longer observed; by default the day after the last event."""
    last_day = log["timestamp"].max().normalize()
    if observed_until is None:
        return last_day + DAY
    end = _day(observed_until, "observed_until")
    if end <= last_day:
        raise ValueError(f"observed_until is {end.date()}, but the log holds an event on {last_day.date()}; "
                         "give the first day that is no longer observed")
    return end


def _past(log: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    """Purchase days before the cut, at least one."""
    past = _purchases(as_of(log, cut))
    if past.empty:
        first = f"the first event is of {log['timestamp'].min()}" if len(log) else "the log is empty"
        raise ValueError(f"nothing is known at the cut {cut.date()}: {first}; choose a later cut")
    return past


def _purchases(log: pd.DataFrame) -> pd.DataFrame:
    """The purchase days of a log in which every row is a purchase; refuses refunds."""
    if "value" in log.columns:
        refunds = int((log["value"] < 0).sum())
        if refunds:
            raise ValueError(f"{refunds:,} events have a negative value; decide what refunds mean before "
                             "counting purchase days: drop them, or take them off the purchase they return")
    return merge_same_day(log)


def _user_slices(past: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row of the first and of the last event of every user, and the user's number of events."""
    user = past["user_id"].to_numpy()
    first = np.flatnonzero(np.append(True, user[1:] != user[:-1]))
    count = np.diff(np.append(first, len(user)))
    return first, first + count - 1, count


def _check_known(users: pd.Index, log: pd.DataFrame) -> None:
    """Users are distinct, and of the log's type: texts are strangers to a log with numbers."""
    _check_distinct(users)
    known = pd.Index(log["user_id"].unique())
    numbers = [pd.api.types.is_numeric_dtype(index.dtype) for index in (users, known)]
    if len(users) and len(known) and numbers[0] != numbers[1] and not users.isin(known).any():
        raise ValueError(f"none of the {len(users):,} users occurs in the log: they are {users.dtype} such "
                         f"as {users[0]!r}, the log's are {known.dtype} such as {known[0]!r}")


def _check_distinct(users: pd.Index) -> None:
    if not users.is_unique:
        repeated = int(users.duplicated().sum())
        raise ValueError(f"users must be distinct; {repeated:,} are named more than once")


# -- the log as of a moment ----------------------------------------------------------------------------------


def as_of(log: pd.DataFrame, cut) -> pd.DataFrame:
    """The events that were known at the cut: ``timestamp < cut``.

    Parameters
    ----------
    log
        A sorted event log.
    cut
        The moment of prediction (date, string or Timestamp, no time zone). An event *at* the cut is future.

    Returns
    -------
    pandas.DataFrame
        The rows before the cut, numbered anew; empty where nothing happened before.

    Raises
    ------
    ValueError
        If the log is not a sorted event log, or the cut is not a date.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 2],
    ...                     "timestamp": pd.to_datetime(["1997-09-30", "1997-10-01", "1997-12-24"])})
    >>> as_of(log, "1997-10-01")["user_id"].tolist()
    [1]
    """
    _check_log(log)
    return log[log["timestamp"] < _moment(cut, "cut")].reset_index(drop=True)


def merge_same_day(log: pd.DataFrame) -> pd.DataFrame:
    """One row for each user and day: the purchase days on which customer-base models count.

    Parameters
    ----------
    log
        A sorted event log.

    Returns
    -------
    pandas.DataFrame
        ``user_id``, ``timestamp`` (the day), and the sums of ``quantity`` and ``value`` where the log has
        them. Other columns describe single events and are left out.

    Raises
    ------
    ValueError
        If the log is not a sorted event log.

    Notes
    -----
    Source: P. S. Fader, B. G. S. Hardie, K. L. Lee (2005), who count several orders a day as one transaction.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 1], "value": [5.0, 7.0, 1.0], "timestamp": pd.to_datetime(
    ...     ["1997-01-01 09:00", "1997-01-01 17:30", "1997-01-02 11:00"])})
    >>> merge_same_day(log)["value"].tolist()
    [12.0, 1.0]
    """
    _check_log(log)
    day = log["timestamp"].dt.normalize().dt.as_unit("us")  # in nanoseconds three centuries overflow
    user, days = log["user_id"].to_numpy(), day.to_numpy()
    first = np.flatnonzero(np.append(True, (user[1:] != user[:-1]) | (days[1:] != days[:-1]))[:len(log)])
    merged = log.assign(timestamp=day).loc[:, ["user_id", "timestamp"]].iloc[first].reset_index(drop=True)
    for name in _SUMMED:
        if name in log.columns:
            column = log[name].to_numpy()
            merged[name] = np.add.reduceat(column, first) if len(first) else column
    return merged


def calibration_holdout(log: pd.DataFrame, cut, end=None, *, observed_until=None) -> pd.DataFrame:
    """Recency, frequency and T up to the cut, and the purchase days after it.

    For a customer with purchase days :math:`d_1 < \\dots < d_n` before the cut :math:`c`:
    frequency :math:`x = n - 1` (the first purchase is not counted), recency :math:`t_x = (d_n - d_1) / 7`,
    :math:`T = (c - 1 - d_1) / 7`, holdout = number of purchase days in ``[cut, end)``.

    Parameters
    ----------
    log
        A sorted event log; several rows a day are merged.
    cut
        First day of the holdout period.
    end
        First day after the holdout period; by default the end of observation.
    observed_until
        First day that is no longer observed; by default the day after the last event of the log.

    Returns
    -------
    pandas.DataFrame
        One row a customer who bought before the cut, index ``user_id``: ``frequency`` (int), ``recency`` and
        ``T`` (weeks), ``holdout`` (int).

    Raises
    ------
    ValueError
        If nothing happened before the cut, the cut lies outside the log, or ``end`` lies beyond the end of
        observation (purchases after it are unknown, not zero).

    Notes
    -----
    Source: Fader, Hardie and Lee (2005), whose published summary of the 2,357 customers this reproduces. In
    that paper *recency* is the age of the customer at the last purchase, not the time since it.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": 1, "timestamp": pd.to_datetime(
    ...     ["1997-01-01", "1997-01-18", "1997-08-02", "1997-12-12"])})
    >>> calibration_holdout(log, "1997-10-01").round(2).to_dict("records")
    [{'frequency': 2, 'recency': 30.43, 'T': 38.86, 'holdout': 1}]
    """
    cut = _day(cut, "cut")
    past = _past(log, cut)
    until = _observed_until(log, observed_until)
    end = until if end is None else _day(end, "end")
    if not cut < end:
        raise ValueError(f"the holdout period [{cut.date()}, {end.date()}) is empty; the log is observed "
                         f"until {until.date()} (exclusive)")
    _check_future(end, until)
    first, last, count = _user_slices(past)
    day = past["timestamp"].to_numpy()
    users = pd.Index(past["user_id"].to_numpy()[first], name="user_id")
    return pd.DataFrame({
        "frequency": count - 1,
        "recency": _weeks(day[last] - day[first]),
        "T": _weeks((cut - DAY).as_unit("us").to_datetime64() - day[first]),
        "holdout": _purchase_days(log, users, cut, end),
    }, index=users)


def _weeks(span: np.ndarray) -> np.ndarray:
    return span / np.timedelta64(1, "D") / 7


def _check_future(end: pd.Timestamp, until: pd.Timestamp) -> None:
    if end > until:
        raise ValueError(f"the target period ends on {end.date()}, but the log is observed only until "
                         f"{until.date()} (exclusive): {(end - until).days} days of the future are unknown, "
                         "not empty; choose an earlier cut or a shorter horizon")


def _purchase_days(log: pd.DataFrame, users: pd.Index, start: pd.Timestamp, end: pd.Timestamp) -> np.ndarray:
    """Number of purchase days of each of the users in [start, end)."""
    inside = _purchases(log[(log["timestamp"] >= start) & (log["timestamp"] < end)])
    row = users.get_indexer(inside["user_id"])
    return np.bincount(row[row >= 0], minlength=len(users))


def weekly_counts(log: pd.DataFrame, start, weeks: int, users=None, value: str | None = None) -> np.ndarray:
    """Purchase days a week (or the weekly sum of a column): the log on a regular grid.

    Week ``w`` holds the days ``start + 7w`` to ``start + 7w + 6``.

    Parameters
    ----------
    log
        A sorted event log. Events outside the grid are not counted.
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
        If the log is not sorted, a user is named twice, or the column is missing.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": 1, "value": [10.0, 5.0, 7.0], "timestamp": pd.to_datetime(
    ...     ["1997-01-01", "1997-01-07", "1997-01-08"])})
    >>> weekly_counts(log, "1997-01-01", 3).tolist()
    [[2.0, 1.0, 0.0]]
    >>> weekly_counts(log, "1997-01-01", 3, value="value").tolist()
    [[15.0, 7.0, 0.0]]
    """
    start, weeks = _day(start, "start"), _whole(weeks, "weeks")
    if value is not None and value not in log.columns:
        raise ValueError(f"the log has no column {value!r} (it has: {', '.join(map(str, log.columns))})")
    _check_log(log)
    users = pd.Index(log["user_id"].unique() if users is None else users)
    _check_known(users, log)
    inside = log[(log["timestamp"] >= start) & (log["timestamp"] < start + weeks * WEEK)]
    if value is None:
        inside = merge_same_day(inside)
    row = users.get_indexer(inside["user_id"])
    week = ((inside["timestamp"] - start) // WEEK).to_numpy()
    known = row >= 0
    weight = None if value is None else inside[value].to_numpy(float)[known]
    cells = np.bincount(row[known] * weeks + week[known], weights=weight, minlength=len(users) * weeks)
    return cells.reshape(len(users), weeks).astype(float)


def purchase_features(log: pd.DataFrame, cut, half_lives: Sequence[float] = ()) -> pd.DataFrame:
    """What is known of each customer at the cut: recency, frequency, money, tenure, decayed counts.

    With ages :math:`a_j = (c - d_j) / 7` weeks of the purchase days before the cut :math:`c`, the decayed
    count with half-life :math:`h` is :math:`S_h = \\sum_j 2^{-a_j / h}`.

    Parameters
    ----------
    log
        A sorted event log; what happens at or after the cut is not read.
    cut
        The moment of prediction, a whole day.
    half_lives
        Half-lives in weeks, each giving one column ``decayed_<h>w``.

    Returns
    -------
    pandas.DataFrame
        One row a customer who bought before the cut, index ``user_id``: ``recency`` (weeks since the last
        purchase day), ``frequency`` (purchase days, the first included), ``monetary`` (dollars per purchase
        day; only if the log has ``value``), ``tenure`` (weeks since the first purchase day),
        ``decayed_<h>w``.

    Raises
    ------
    ValueError
        If nothing happened before the cut, the log is not sorted, or a half-life is not positive.

    Notes
    -----
    ``recency`` and ``frequency`` follow the common use; those of `calibration_holdout` follow Fader, Hardie
    and Lee (2005).

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": 1, "value": [10.0, 20.0], "timestamp": pd.to_datetime(
    ...     ["1997-09-03", "1997-09-24"])})
    >>> purchase_features(log, "1997-10-01", half_lives=[4]).round(3).to_dict("records")
    [{'recency': 1.0, 'frequency': 2, 'monetary': 15.0, 'tenure': 4.0, 'decayed_4w': 1.341}]
    """
    cut = _day(cut, "cut")
    past = _past(log, cut)
    first, last, count = _user_slices(past)
    age = _weeks(cut.as_unit("us").to_datetime64() - past["timestamp"].to_numpy())
    columns = {"recency": age[last], "frequency": count}
    if "value" in past.columns:
        columns["monetary"] = np.add.reduceat(past["value"].to_numpy(float), first) / count
    columns["tenure"] = age[first]
    for half_life in half_lives:
        columns[f"decayed_{half_life:g}w"] = np.add.reduceat(Exponential(half_life)(age), first)
    return pd.DataFrame(columns, index=pd.Index(past["user_id"].to_numpy()[first], name="user_id"))


@dataclass(frozen=True, eq=False)
class PurchaseTask:
    """Inputs known at a cut and the targets that follow it; row ``k`` of everything is customer ``users[k]``.

    Attributes
    ----------
    cut
        The moment of prediction.
    horizon_weeks
        Length of the target period ``[cut, cut + horizon)`` in weeks.
    users
        Customers who bought before the cut, shape ``(n,)``.
    weekly
        float32, shape ``(n, history_weeks, 3)``: purchase days, log(1 + dollars), and 1 from the week of the
        first purchase on (0 before it: the customer was not yet one, those weeks are padding).
    features
        `purchase_features` at the cut, one row a customer.
    bought
        1.0 if the customer buys in the target period, else 0.0; float32, shape ``(n,)``.
    purchases
        Purchase days in the target period; float32, shape ``(n,)``.
    """

    cut: pd.Timestamp
    horizon_weeks: int
    users: np.ndarray
    weekly: np.ndarray
    features: pd.DataFrame
    bought: np.ndarray
    purchases: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    def take(self, indices) -> PurchaseTask:
        """The task of some customers, by position: ``task.take(train)`` for an array of `split_users`.

        Raises
        ------
        IndexError
            If a position is outside the task.
        """
        rows = np.asarray(indices)
        return replace(self, users=self.users[rows], weekly=self.weekly[rows],
                       features=self.features.iloc[rows], bought=self.bought[rows],
                       purchases=self.purchases[rows])


def purchase_task(log: pd.DataFrame, cut="1997-10-01", horizon_weeks: int = 39, history_weeks: int = 39,
                  half_lives: Sequence[float] = (), *, observed_until=None) -> PurchaseTask:
    """The book's supervised task: from the weeks before the cut, who buys in the weeks after it, how often?

    Parameters
    ----------
    log
        A sorted event log with ``value`` (dollars, not negative).
    cut
        The moment of prediction, a whole day. The default splits CDNOW's 78 weeks in half.
    horizon_weeks
        Length of the target period.
    history_weeks
        Weeks of input, ending at the cut. They may reach back before the log begins: such weeks are padding.
    half_lives
        Half-lives in weeks of the decayed counts among the features.
    observed_until
        First day that is no longer observed; by default the day after the last event of the log.

    Returns
    -------
    PurchaseTask

    Raises
    ------
    ValueError
        If nothing happened before the cut, the target period is not fully observed, or a value is negative.

    Examples
    --------
    >>> from interestdecay_lib.datasets import load_cdnow
    >>> task = purchase_task(load_cdnow(sample=True))
    >>> task.weekly.shape, int(task.bought.sum()), int(task.purchases.sum())
    ((2357, 39, 3), 684, 1882)
    """
    cut = _day(cut, "cut")
    horizon_weeks = _whole(horizon_weeks, "horizon_weeks")
    history_weeks = _whole(history_weeks, "history_weeks")
    if "value" not in log.columns:
        raise ValueError("the log needs a column value (dollars) for the second channel of the weekly input")
    features = purchase_features(log, cut, half_lives)
    end = cut + horizon_weeks * WEEK
    _check_future(end, _observed_until(log, observed_until))
    users = features.index
    past = as_of(log, cut)
    refused = int((~(past["value"] >= 0)).sum())
    if refused:
        raise ValueError(f"{refused:,} events before the cut have a negative or missing value; decide what "
                         "refunds mean before building inputs")
    start = cut - history_weeks * WEEK
    first_week = history_weeks - np.ceil(features["tenure"].to_numpy()).astype(int)
    purchases = _purchase_days(log, users, cut, end)
    weekly = np.stack([
        weekly_counts(past, start, history_weeks, users),
        np.log1p(weekly_counts(past, start, history_weeks, users, value="value")),
        np.arange(history_weeks) >= first_week[:, None],
    ], axis=-1)
    return PurchaseTask(cut, horizon_weeks, users.to_numpy(), weekly.astype(np.float32), features,
                        (purchases > 0).astype(np.float32), purchases.astype(np.float32))


def split_users(n: int, shares: Sequence[float] = (0.5, 0.1, 0.4), seed: int = 0) -> tuple[np.ndarray, ...]:
    """Cut ``n`` users at random into groups of the given shares; every user is in exactly one.

    Parameters
    ----------
    n
        Number of users.
    shares
        Positive shares that sum to 1, by default training, validation and test.
    seed
        Seed of ``numpy.random.default_rng(seed).permutation(n)``.

    Returns
    -------
    tuple of numpy.ndarray
        Positions of the users of each group.

    Raises
    ------
    ValueError
        If the shares do not sum to 1, or a group would be empty.

    Examples
    --------
    >>> [len(group) for group in split_users(23_570)]
    [11785, 2357, 9428]
    """
    n = _whole(n, "n")
    shares = np.asarray(shares, float)
    if shares.ndim != 1 or not (shares > 0).all() or not np.isclose(shares.sum(), 1.0):
        raise ValueError(f"shares must be positive and sum to 1, got {shares.tolist()} "
                         f"with sum {shares.sum():g}")
    bounds = np.rint(np.cumsum(shares)[:-1] * n).astype(int)
    groups = tuple(np.split(np.random.default_rng(seed).permutation(n), bounds))
    if any(len(group) == 0 for group in groups):
        raise ValueError(f"{n} users cannot be cut into shares {shares.tolist()}: a group would be empty")
    return groups


# -- windows -------------------------------------------------------------------------------------------------


def sliding_windows(values, length: int, horizon: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """All windows of a regular series, and the value ``horizon`` steps after each.

    :math:`X_i = (v_i, \\dots, v_{i+L-1})` and :math:`y_i = v_{i+L-1+H}`.

    Parameters
    ----------
    values
        One series ``(T,)``, or ``(n, T)`` or ``(n, T, k)`` for n series: with more than one axis, time is
        axis 1. (A single series of k channels is ``values[None]``.)
    length
        Length L of a window, in steps.
    horizon
        Steps H from the last value of the window to the target.

    Returns
    -------
    X, y : numpy.ndarray
        With ``W = T - L - H + 1`` windows a series: ``(W, L)`` and ``(W,)`` for one series,
        ``(n, W, L, ...)`` and ``(n, W, ...)`` for n. Read-only views of ``values``, nothing is copied.

    Raises
    ------
    ValueError
        If the series is too short for a single window.

    Examples
    --------
    >>> X, y = sliding_windows([1, 2, 3, 4, 5], length=3)
    >>> X.tolist(), y.tolist()
    ([[1, 2, 3], [2, 3, 4]], [4, 5])
    """
    length, horizon = _whole(length, "length"), _whole(horizon, "horizon")
    values = np.asarray(values)
    if values.ndim == 0:
        raise ValueError("values must be a series (T,) or several (n, T, ...), got a single number")
    axis = 0 if values.ndim == 1 else 1
    steps = values.shape[axis]
    count = steps - length - horizon + 1
    if count < 1:
        raise ValueError(f"a window of {length} steps and a target {horizon} later need {length + horizon} "
                         f"steps, the series has {steps}")
    windows = np.moveaxis(sliding_window_view(values, length, axis=axis), -1, axis + 1)
    every_series = (slice(None),) * axis
    targets = values[(*every_series, slice(length + horizon - 1, None))]
    targets.flags.writeable = False                # as the windows: both are views of one array
    return windows[(*every_series, slice(count))], targets


def event_windows(groups, values, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows of ``length`` events in a row and the event that follows, never across two users.

    Parameters
    ----------
    groups
        User of each event, shape ``(N,)``; the events of a user stand together, in the order of time.
    values
        What is known of each event, shape ``(N,)`` or ``(N, k)``.
    length
        Events in a window.

    Returns
    -------
    windows, targets : numpy.ndarray
        Shapes ``(m, length, ...)`` and ``(m, ...)``: a user with n events gives ``max(0, n - length)``
        windows.

    Raises
    ------
    ValueError
        If lengths differ, a user's events do not stand together, or no user has ``length + 1`` events.

    Notes
    -----
    One comparison finds the windows inside one user: if first and last row of a stretch belong to the same
    user and a user's rows stand together, so do all rows between.

    Examples
    --------
    >>> X, y = event_windows(["a", "a", "a", "b", "b", "b"], [1, 2, 3, 7, 8, 9], length=2)
    >>> X.tolist(), y.tolist()
    ([[1, 2], [7, 8]], [3, 9])
    """
    length = _whole(length, "length")
    groups, values = np.asarray(groups), np.asarray(values)
    if groups.ndim != 1 or values.ndim == 0 or len(groups) != len(values):
        raise ValueError(f"groups must have one entry for each event: shapes {groups.shape} and "
                         f"{values.shape}")
    _check_together(groups)
    inside = groups[:-length] == groups[length:] if len(groups) > length else np.zeros(0, bool)
    if not inside.any():
        sizes = np.unique(groups, return_counts=True)[1] if len(groups) else np.zeros(0, int)
        raise ValueError(f"no window: one needs {length} events and the next of one user, but the longest of "
                         f"the {len(sizes)} users has {sizes.max(initial=0)} events; take a shorter length")
    windows = np.moveaxis(sliding_window_view(values, length, axis=0), -1, 1)
    return windows[:-1][inside], values[length:][inside]


def _check_together(groups: np.ndarray) -> None:
    changes = groups[1:] != groups[:-1]
    if (groups[1:] >= groups[:-1]).all():
        return                                                     # sorted, the common case: one cheap pass
    pieces, users = int(changes.sum()) + 1, len(np.unique(groups))
    if pieces != users:
        raise ValueError(f"the events of a user must stand together: {users:,} users come in {pieces:,} "
                         "pieces; sort by user, then time")


def last_events(log: pd.DataFrame, length: int, cut, columns: Sequence[str] = ("age",),
                users=None) -> tuple[np.ndarray, np.ndarray]:
    """The last ``length`` events of each user before the cut, padded at the front, with a mask.

    Parameters
    ----------
    log
        A sorted event log. Rows are taken as they are: use `merge_same_day` first to count days.
    length
        Events kept for each user.
    cut
        The moment of prediction.
    columns
        Numeric columns of the log; also ``"age"`` (weeks from the event to the cut) and ``"gap"`` (weeks
        since the user's event before; 0 for the first).
    users
        Users in the order of the rows; users without an event before the cut are masked throughout. Default:
        all users with an event before the cut.

    Returns
    -------
    values, mask : numpy.ndarray
        ``(n, length, len(columns))`` float64, newest event last, zeros where the history is shorter, and
        ``(n, length)`` bool, True where there is an event.

    Raises
    ------
    ValueError
        If nothing happened before the cut, a column is missing, or a user is named twice.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 2, 2], "timestamp": pd.to_datetime(
    ...     ["1997-09-17", "1997-09-03", "1997-09-24"])})
    >>> values, mask = last_events(log, length=2, cut="1997-10-01", columns=["age"])
    >>> values[..., 0].tolist(), mask.tolist()
    ([[0.0, 2.0], [4.0, 1.0]], [[False, True], [True, True]])
    """
    length, cut = _whole(length, "length"), _moment(cut, "cut")
    past = as_of(log, cut)
    if past.empty:
        raise ValueError(f"nothing is known at the cut {cut}: no event lies before it; choose a later cut")
    missing = [name for name in columns if name not in ("age", "gap") and name not in past.columns]
    if missing:
        raise ValueError(f"the log has no column {missing[0]!r}; known besides its columns are 'age' "
                         "and 'gap'")
    first, _, count = _user_slices(past)
    known = pd.Index(past["user_id"].to_numpy()[first])
    users = known if users is None else pd.Index(users)
    _check_known(users, log)
    time = past["timestamp"].to_numpy()
    gap = _weeks(np.append(np.timedelta64(0, "D"), np.diff(time)))
    gap[first] = 0.0
    table = {"age": _weeks(cut.as_unit("us").to_datetime64() - time), "gap": gap}
    channels = np.stack([table[name] if name in table else past[name].to_numpy(float) for name in columns],
                        axis=-1)
    from_last = np.repeat(first + count, count) - np.arange(len(past))     # 1 for a user's newest event
    row = np.repeat(users.get_indexer(known), count)
    keep = (from_last <= length) & (row >= 0)
    values = np.zeros((len(users), length, channels.shape[1]))
    mask = np.zeros((len(users), length), bool)
    values[row[keep], length - from_last[keep]] = channels[keep]
    mask[row[keep], length - from_last[keep]] = True
    return values, mask


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
    start, end = _moment(start, "start"), _moment(end, "end")
    horizon, step = _span(horizon, "horizon"), _span(step, "step")
    if start + horizon > end:
        raise ValueError(f"the first target period ends at {start + horizon}, but the log is observed only "
                         f"until {end} (exclusive); choose an earlier start or a shorter horizon")
    count = (end - start - horizon) // step + 1
    return [(cut, cut + horizon) for cut in (start + k * step for k in range(count))]

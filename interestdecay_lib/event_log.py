"""What a valid event log is, and what everybody asks of one: who, when, on which day, and before which cut.

An **event log** is a DataFrame with one row an event:

- ``user_id``: any type, never missing; the rows of a user stand together, users in sorted order;
- ``timestamp``: datetime64 without time zone, meaning UTC, never missing; in order within a user;
- ``timezone``, only where the days of the log are not those of UTC: the zone in which they are counted, the
  same in every row, such as ``"Asia/Tokyo"``;
- and where present ``item_id``, ``event_type``, ``value`` and whatever else a row says.

`events.read_events` and `events.validate_events` make one; every other room reads it through `checked` here.

A **cut** is the moment at which a question is asked: what happened before it is known, what happens at or
after it is the future. A date such as ``"1997-10-01"`` is the first moment of that day in the zone of
the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.sparse import csc_array

from interestdecay_lib._arguments import instant, moment

__all__ = [
    "DAY",
    "UNITS",
    "WEEK",
    "CheckedLog",
    "as_of",
    "checked",
    "in_weeks",
    "merge_same_day",
    "unit_length",
]

DAY = pd.Timedelta(days=1)
WEEK = pd.Timedelta(weeks=1)
UNITS = {"hours": pd.Timedelta(hours=1), "days": DAY, "weeks": WEEK}
_SUMMED = ("quantity", "value")
_EARLIEST_NS = np.datetime64("1900-01-01", "ns")


@dataclass(frozen=True, eq=False)
class CheckedLog:
    """An event log that was looked at once: distinct users, where their rows begin, and the times.

    Attributes
    ----------
    frame
        The rows.
    users
        The distinct users, in the order of the rows; shape ``(n,)``.
    first
        Row of the first event of each user; shape ``(n,)``.
    time
        Of every event in UTC, datetime64 in microseconds; shape ``(rows,)``.
    zone
        In which days are counted; None is UTC.
    """

    frame: pd.DataFrame
    users: pd.Index
    first: np.ndarray
    time: np.ndarray
    zone: str | None = None

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def count(self) -> np.ndarray:
        """Number of events of each user."""
        return np.diff(self.first, append=len(self))

    @cached_property
    def code(self) -> np.ndarray:
        """For every event the position of its user among `users`."""
        return np.repeat(np.arange(len(self.users)), self.count)

    @property
    def last(self) -> np.ndarray:
        """Row of the last event of each user."""
        return self.first + self.count - 1

    @cached_property
    def day(self) -> np.ndarray:
        """The day of every event in the zone of the log, as datetime64 (its midnight, without zone)."""
        time = self.time
        if self.zone is not None:
            local = pd.DatetimeIndex(time).tz_localize("UTC").tz_convert(self.zone).tz_localize(None)
            time = local.to_numpy()
        return time.astype("datetime64[D]").astype("datetime64[us]")

    def where(self, rows: np.ndarray) -> CheckedLog:
        """The events that a boolean mask keeps; users without any are gone."""
        if rows.all():
            return self
        kept = np.add.reduceat(rows, self.first, dtype=np.intp) if len(self.first) else self.first
        there = kept > 0
        first = np.cumsum(kept[there]) - kept[there]
        return CheckedLog(self.frame[rows], self.users[there], first, self.time[rows], self.zone)

    def before(self, cut: pd.Timestamp) -> CheckedLog:
        """The events that were known at `cut`, a moment in UTC (`moment` makes one of a date)."""
        return self.where((self.frame["timestamp"] < cut).to_numpy())

    def between(self, start: pd.Timestamp, end: pd.Timestamp) -> CheckedLog:
        """The events of ``[start, end)``, moments in UTC."""
        time = self.frame["timestamp"]
        return self.where(((time >= start) & (time < end)).to_numpy())

    def column(self, name: str) -> np.ndarray:
        """A column of the log as numbers, or an error that says what the log has."""
        if name not in self.frame.columns:
            raise ValueError(f"the log has no column {name!r} (it has: "
                             f"{', '.join(map(str, self.frame.columns))})")
        column = self.frame[name]
        if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_complex_dtype(column.dtype):
            raise ValueError(f"the column {name!r} must hold numbers, but is {column.dtype}")
        return column.to_numpy(float, na_value=np.nan)

    def moment(self, value: object, name: str) -> pd.Timestamp:
        """`value` as a moment in UTC: a date is the first moment of that day in the zone of the log."""
        return _moment(value, name, self.zone)

    def date(self, value: object, name: str) -> pd.Timestamp:
        """`value` as a day (its midnight, without zone): purchases are counted by whole days."""
        found = instant(value, name)
        if found.tzinfo is not None:
            found = found.tz_convert(self.zone or "UTC").tz_localize(None)
        if found != found.normalize():
            raise ValueError(f"{name} must be a whole day, since purchases are counted by days, got "
                             f"{value!r}")
        return found

    def observed_until(self, given: object = None) -> pd.Timestamp:
        """First day that is no longer observed; by default the day after the last event."""
        if not len(self):
            raise ValueError("the log is empty: nothing says until when it was observed")
        last_day = pd.Timestamp(self.day.max())
        if given is None:
            return last_day + DAY
        end = self.date(given, "observed_until")
        if end <= last_day:
            raise ValueError(f"observed_until is {end.date()}, but the log holds an event on "
                             f"{last_day.date()}; give the first day that is no longer observed")
        return end

    def event_days(self) -> CheckedLog:
        """One row for each user and day, with the sums of ``quantity`` and ``value``; refuses refunds."""
        if "value" in self.frame.columns:
            refused = ~(self.frame["value"] >= 0).to_numpy()
            if refused.any():
                raise ValueError(f"{int(refused.sum()):,} events have a negative or missing value; decide "
                                 "what refunds mean before counting purchase days: drop them, or take them "
                                 "off the purchase they return")
        return self.days()

    def days(self) -> CheckedLog:
        """One row for each user and day: times become days, ``quantity`` and ``value`` become sums."""
        code, day = self.code, self.day
        rows = np.flatnonzero(np.append(True, (code[1:] != code[:-1]) | (day[1:] != day[:-1]))[:len(self)])
        sums = {name: self.frame[name].to_numpy() for name in _SUMMED if name in self.frame.columns}
        if len(rows):
            sums = {name: np.add.reduceat(column, rows) for name, column in sums.items()}
        users = self.frame["user_id"].iloc[rows].reset_index(drop=True)
        frame = pd.DataFrame({"user_id": users, "timestamp": day[rows], **sums})
        return CheckedLog(frame, self.users, np.searchsorted(rows, self.first), day[rows])

    def users_at(self, places: np.ndarray) -> CheckedLog:
        """The events of the users at these places, in this order."""
        count = self.count[places]
        first = np.cumsum(count) - count
        rows = np.repeat(self.first[places] - first, count) + np.arange(count.sum())
        return CheckedLog(self.frame.iloc[rows], self.users[places], first, self.time[rows], self.zone)

    def rows_of(self, users: object = None, of: CheckedLog | None = None) -> tuple[pd.Index, np.ndarray]:
        """`users` as a distinct Index (default: those of this log), and where each user of this log is in it.

        A user of this log who is not wanted is at -1. Wanted users that nobody in this log (or in the whole
        log `of` from which it was cut) can be are an error: texts are strangers to a log with numbers.
        """
        if users is None:
            return self.users, np.arange(len(self.users))
        wanted, known = pd.Index(users), (self if of is None else of).users
        if not wanted.is_unique:
            repeated = int(wanted.duplicated().sum())
            raise ValueError(f"users must be distinct; {repeated:,} are named more than once")
        check_same_kind(wanted, known)
        return wanted, wanted.get_indexer(self.users)


def checked(log: pd.DataFrame) -> CheckedLog:
    """The log, looked at once; refuses what is not a sorted event log, and says what to do.

    Parameters
    ----------
    log
        A DataFrame as the top of this page describes it.

    Returns
    -------
    CheckedLog

    Raises
    ------
    ValueError
        A missing column, a time that is missing or no datetime64, a missing user, rows out of order, or days
        counted in more than one zone.

    Examples
    --------
    >>> times = pd.to_datetime(["2024-03-01 01:00", "2024-03-01 16:00", "2024-03-02 00:00"])
    >>> log = pd.DataFrame({"user_id": ["ann", "ann", "bob"], "timestamp": times, "timezone": "Asia/Tokyo"})
    >>> found = checked(log)
    >>> found.users.tolist(), found.count.tolist(), [str(day)[:10] for day in found.day]
    (['ann', 'bob'], [2, 1], ['2024-03-01', '2024-03-02', '2024-03-02'])
    """
    if not isinstance(log, pd.DataFrame):
        raise ValueError(f"an event log is a pandas DataFrame, got {type(log).__name__}; "
                         "events.validate_events makes one of other tables")
    missing = [name for name in ("user_id", "timestamp") if name not in log.columns]
    if missing:
        raise ValueError("an event log needs the columns user_id and timestamp; missing: "
                         f"{', '.join(missing)} (given: {', '.join(map(str, log.columns))})")
    unknown = int(log["user_id"].isna().sum())
    if unknown:
        raise ValueError(f"{unknown:,} of {len(log):,} events have no user_id; see events.validate_events")
    time = timestamps(log).astype("datetime64[us]")
    key, users = _keys(log["user_id"])
    new = key[1:] != key[:-1]
    backwards = (key[1:] < key[:-1]) | (~new & (time[1:] < time[:-1]))
    if backwards.any():
        raise ValueError(f"the log is not sorted by user_id, then timestamp: {int(backwards.sum()):,} rows "
                         "come before the row above them; use log.sort_values(['user_id', 'timestamp'])")
    first = np.append(0, 1 + np.flatnonzero(new)) if len(log) else np.zeros(0, np.intp)
    return CheckedLog(log, pd.Index(users[first], name="user_id"), first, time, _zone(log))


def _keys(user: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """What is compared in place of the users (categories may lie as listed, or sorted), and the users."""
    if isinstance(user.dtype, pd.CategoricalDtype):
        code, names = user.cat.codes.to_numpy(), user.cat.categories.to_numpy()
        if (code[1:] < code[:-1]).any():
            code = np.argsort(np.argsort(names, kind="stable"))[code]
        return code, user.to_numpy()
    plain = getattr(user.dtype, "numpy_dtype", None)                # of Int64, or of int64[pyarrow]
    users = user.to_numpy() if plain is None else user.to_numpy(plain)
    return users, users


def _zone(log: pd.DataFrame) -> str | None:
    if "timezone" not in log.columns or not len(log):
        return None
    zones = log["timezone"].unique()
    if len(zones) > 1:
        raise ValueError(f"the days of one log are counted in one zone, but timezone holds {len(zones)}: "
                         f"{', '.join(map(repr, zones[:3]))}; choose one")
    if not is_zone(zones[0]):
        raise ValueError(f"timezone={zones[0]!r} is no time zone; it says in which zone the days of the log "
                         "are counted: drop or rename the column if it means something else")
    return None if str(zones[0]) == "UTC" else str(zones[0])


def is_zone(name: object) -> bool:
    """Whether pandas knows a time zone of this name, such as ``"Asia/Tokyo"`` or ``"+09:00"``."""
    if not isinstance(name, str) or not name:
        return False
    try:
        pd.Timestamp(0, tz="UTC").tz_convert(name)
    except (KeyError, ValueError, TypeError, OSError):
        return False
    return True


def timestamps(log: pd.DataFrame) -> np.ndarray:
    """The times of a log in any order as a datetime64 array; refuses what is no time in UTC, or missing."""
    if "timestamp" not in log.columns:
        raise ValueError(f"the log has no column 'timestamp'; its columns are {list(log.columns)}")
    column = log["timestamp"]
    if isinstance(column, pd.DataFrame):
        raise ValueError("the log has several columns of the name 'timestamp'; rename all but one")
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        raise ValueError("timestamp must be datetime64 without time zone, meaning UTC: use "
                         "events.validate_events, or .dt.tz_convert('UTC').dt.tz_localize(None)")
    if not len(log):
        return np.empty(0, "datetime64[us]")
    if not pd.api.types.is_datetime64_dtype(column.dtype):
        raise ValueError(f"timestamp must be datetime64 without time zone, got {column.dtype}; use "
                         "events.validate_events, or pandas.to_datetime")
    times = column.to_numpy()
    missing = np.isnat(times)
    if missing.any():
        raise ValueError(rows_named("events without a timestamp (NaT)", missing, log.index))
    if np.datetime_data(times.dtype)[0] == "ns" and times.min() < _EARLIEST_NS:
        times = times.astype("datetime64[us]")               # ages of three centuries overflow in nanoseconds
    return times


def rows_named(what: str, mask: np.ndarray, index: pd.Index) -> str:
    """`what` with the number of rows of a mask, and the index of the first of them."""
    first = ", ".join(repr(label) for label in index[mask][:5].tolist())
    return f"{mask.sum():,} {what}; the first have the index {first}: repair or drop them, and count them"


def moment_in(log: pd.DataFrame, value: object, name: str) -> pd.Timestamp:
    """`value` as a moment in UTC, for a log in any order: see `CheckedLog.moment`."""
    return _moment(value, name, _zone(log))


def check_same_kind(wanted: pd.Index, known: pd.Index) -> None:
    """Refuse users that nobody in the log can be: texts are strangers to a log with numbers."""
    numbers = [pd.api.types.is_numeric_dtype(index.dtype) for index in (wanted, known)]
    if len(wanted) and len(known) and numbers[0] != numbers[1] and not wanted.isin(known).any():
        raise ValueError(f"none of the {len(wanted):,} users occurs in the log: they are {wanted.dtype} such "
                         f"as {wanted[0]!r}, the log's are {known.dtype} such as {known[0]!r}")


def _moment(value: object, name: str, zone: str | None) -> pd.Timestamp:
    found = instant(value, name)
    if found.tzinfo is None and zone is not None:
        if found != found.normalize():
            raise ValueError(f"{name}={value!r} has a clock time and no zone, and the days of this log are "
                             f"those of {zone}: give a date, or pandas.Timestamp(..., tz='UTC')")
        found = found.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    return moment(found, name)


def unit_length(name: object) -> pd.Timedelta:
    """One hour, day or week, by the name of the unit in which ages are counted.

    >>> unit_length("weeks")
    Timedelta('7 days 00:00:00')
    """
    if name not in list(UNITS):
        raise ValueError(f"unit must be one of {', '.join(UNITS)}, got {name!r}")
    return UNITS[name]


def in_weeks(span: np.ndarray) -> np.ndarray:
    """Lengths of time (timedelta64) as numbers of weeks."""
    return span / np.timedelta64(1, "D") / 7


# -- the two functions for everybody -------------------------------------------------------------------------


def as_of(log: pd.DataFrame, cut) -> pd.DataFrame:
    """The events that were known at the cut: ``timestamp < cut``.

    Parameters
    ----------
    log
        An event log (see the top of this page).
    cut
        The moment of prediction: a date, the first moment of that day in the zone of the log; or a moment. An
        event *at* the cut is future.

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
    found = checked(log)
    return found.before(found.moment(cut, "cut")).frame.reset_index(drop=True)


def merge_same_day(log: pd.DataFrame) -> pd.DataFrame:
    """One row for each user and day: the purchase days on which customer-base models count.

    Parameters
    ----------
    log
        An event log (see the top of this page).

    Returns
    -------
    pandas.DataFrame
        ``user_id``, ``timestamp`` (the day, in the zone of the log), and the sums of ``quantity`` and
        ``value`` where the log has them. Other columns describe single events and are left out.

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
    return checked(log).days().frame


def by_group_then_time(group: np.ndarray, time: np.ndarray) -> np.ndarray:
    """The order ``np.lexsort((time, group))`` of whole numbers, ties as the rows stand, in half its time."""
    if not len(group):
        return np.zeros(0, np.intp)
    if any(int(part.max()) - int(part.min()) >= 2**63 for part in (group, time)):
        return np.lexsort((time, group))                     # their differences leave 64 bits
    group, time = group - group.min(), time - time.min()
    if not (time % 1_000_000).any():
        time //= 1_000_000
    groups, instants = int(group.max()) + 1, int(time.max()) + 1
    if groups * instants < 2**63:                            # one key sorts faster than two
        return np.argsort(group * instants + time, kind="stable")
    if groups > 4 * len(group):
        return np.lexsort((time, group))
    # sort by time, then count the groups out: a sparse matrix with one entry a column, turned into one by
    # rows, is a stable counting sort in compiled code
    by_time = np.argsort(time, kind="stable")
    entry = (np.empty(len(group), np.int8), group[by_time], np.arange(len(group) + 1))
    return by_time[csc_array(entry, shape=(groups, len(group))).tocsr().indices]

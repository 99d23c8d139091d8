"""From events to interest: every event counts, the longer ago the less, and interest returns when events do.

The interest of a user at time t is the **decayed sum** of the user's events up to t::

    S(t) = sum_j v_j 2^(-(t - t_j) / h)              h the half-life, v_j the weight of event j

It needs no history: between two events it halves every h, at an event it grows by the event's weight,
``S_n = 2^(-(t_n - t_(n-1)) / h) S_(n-1) + v_n``. The three names of this module are that formula for a whole
log at one date (`decayed_sum`), for a whole log after every event (`running_decayed_sum`) and for one user in
a stream (`DecayedCounter`).

Source: G. Cormode, V. Shkapenyuk, D. Srivastava, B. Xu (2009), Forward Decay (for the view from a landmark).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from scipy.linalg.blas import dtbsv

from interestdecay_lib._arguments import duration, moment
from interestdecay_lib.counter import DecayedCounter

__all__ = ["DecayedCounter", "decayed_sum", "running_decayed_sum"]

HalfLife = str | timedelta | np.timedelta64          # pandas.Timedelta is a timedelta

_BLOCK = 1 << 14          # events solved at a time: their five columns stay in the processor's cache
_NAT = np.iinfo(np.int64).min
_EARLIEST_NS = np.datetime64("1900-01-01", "ns").view(np.int64)


# --- what is given ---

def _half_lives(given: HalfLife | Sequence[HalfLife]) -> tuple[list, list[pd.Timedelta], bool]:
    """The half-lives as given (they label the columns), as lengths, and whether several were given."""
    several = isinstance(given, (list, tuple, pd.Index, pd.Series, np.ndarray))
    labels = list(given) if several else [given]
    if not labels:
        raise ValueError("half_life is an empty list; give at least one, such as ['7D', '90D']")
    lengths = [duration(label, "half_life") for label in labels]
    if len(set(lengths)) < len(lengths):
        raise ValueError(f"half_life names a column twice: {labels}")
    return labels, lengths, several


def _ticks(events: pd.DataFrame) -> tuple[np.ndarray, str]:
    """The times of the events as whole numbers of the column's own unit, and that unit."""
    if "timestamp" not in events:
        raise ValueError(f"events has no column 'timestamp'; its columns are {list(events.columns)}")
    column = events["timestamp"]
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        raise ValueError(
            "events['timestamp'] carries a time zone; the book's logs are in UTC without one: "
            "use .dt.tz_convert('UTC').dt.tz_localize(None)"
        )
    if len(events) == 0:
        return np.empty(0, dtype=np.int64), "ns"
    if not pd.api.types.is_datetime64_dtype(column.dtype):
        raise ValueError(
            f"events['timestamp'] must be datetime64, but is {column.dtype}; use pandas.to_datetime or "
            "interestdecay_lib.events.read_events"
        )
    times = column.to_numpy()
    ticks = times.view(np.int64)
    if ticks.min() == _NAT:
        raise ValueError(_rows("events without a timestamp (NaT)", ticks == _NAT, events.index))
    if np.datetime_data(times.dtype)[0] == "ns" and ticks.min() < _EARLIEST_NS:
        times = times.astype("datetime64[us]")               # ages of three centuries overflow in nanoseconds
        ticks = times.view(np.int64)
    return ticks, np.datetime_data(times.dtype)[0]


def _rows(what: str, mask: np.ndarray, index: pd.Index) -> str:
    first = ", ".join(repr(label) for label in index[mask][:5].tolist())
    return f"{mask.sum():,} {what}; the first have the index {first}: repair or drop them, and count them"


def _weights(events: pd.DataFrame, weight: str | np.ndarray | pd.Series | None) -> np.ndarray | None:
    """The weight of every event as float64, or None where every event counts 1."""
    if weight is None:
        return None
    if isinstance(weight, str):
        if weight not in events:
            raise ValueError(f"weight={weight!r} is no column of events; they are {list(events.columns)}")
        weight = events[weight]
    elif isinstance(weight, pd.Series) and not weight.index.equals(events.index):
        raise ValueError("weight is a Series with another index than events; align it or pass .to_numpy()")
    try:
        values = np.asarray(weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the weights must be numbers; give a column name, an array or None, not {weight!r}"
        ) from error
    if values.shape != (len(events),):
        raise ValueError(f"weight has the shape {values.shape}, but there are {len(events):,} events")
    with np.errstate(over="ignore"):
        suspect = not np.isfinite(values.sum())              # one quick pass; only then look for the rows
    broken = ~np.isfinite(values) if suspect else np.zeros(0, dtype=bool)
    if broken.any():
        raise ValueError(_rows("events with a weight that is missing or infinite", broken, events.index))
    return values


def _integer_keys(events: pd.DataFrame, by: str | list[str]) -> np.ndarray | None:
    """The keys themselves, where they are one column of whole numbers: these need no hash table."""
    names = [by] if isinstance(by, str) else list(by)
    absent = [name for name in names if name not in events]
    if absent or not names:
        raise ValueError(f"by={by!r}: no column {absent} in events; the columns are {list(events.columns)}")
    dtype = events[names[0]].dtype
    if isinstance(by, str) and isinstance(dtype, np.dtype) and dtype.kind in "iu":
        return events[by].to_numpy()
    return None


def _groups(events: pd.DataFrame, by: str | list[str]) -> tuple[np.ndarray, pd.Index]:
    """The group number of every event, numbered in the sorted order of the keys, and the keys."""
    names = [by] if isinstance(by, str) else list(by)
    missing = events[names].isna().any(axis=1).to_numpy()
    if missing.any():
        raise ValueError(_rows(f"events without a value in {' or '.join(names)}", missing, events.index))
    groups = events.groupby(by if isinstance(by, str) else names, sort=True, observed=True)
    return groups.ngroup().to_numpy(), groups.size().index


# --- a whole log ---

def decayed_sum(
    events: pd.DataFrame,
    at: str | datetime | np.datetime64,
    half_life: HalfLife | Sequence[HalfLife],
    by: str | list[str] = "user_id",
    weight: str | np.ndarray | pd.Series | None = None,
) -> pd.Series | pd.DataFrame:
    r"""Interest at one date: the decayed sum of the events of every user (or item, or pair).

    .. math:: S_u(t) = \sum_{j\,:\,u_j = u} v_j\, 2^{-(t - t_j)/h}

    Parameters
    ----------
    events
        An event log with ``timestamp`` (datetime64) and the columns of `by`, in any order. Repeated rows
        count each; an event without a timestamp, key or weight is an error, never dropped.
    at
        The date t. Events later than it are an error: cut the log first with ``sequences.as_of``.
    half_life
        A length of time, ``"28D"`` or a `pandas.Timedelta`, or a list of them.
    by
        The column or list of columns whose values get one sum each.
    weight
        What an event counts: None for 1 each, the name of a column, or an array or Series beside the events.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        One row a user, sorted; for a list of half-lives one column each, labelled as given. Unit: that of the
        weights (events, or dollars, ...).

    Raises
    ------
    ValueError
        For events after `at`, missing columns, times or weights, and a half-life without unit or not above 0.

    Examples
    --------
    Three purchases 1, 8 and 22 days ago, and one today:

    >>> days = pd.to_datetime(["2024-01-01", "2024-01-15", "2024-01-22", "2024-01-23"])
    >>> log = pd.DataFrame({"user_id": [1, 1, 1, 2], "timestamp": days})
    >>> decayed_sum(log, at="2024-01-23", half_life="7D").round(4).to_dict()
    {1: 1.4718, 2: 1.0}
    >>> decayed_sum(log, at="2024-01-23", half_life=["7D", "28D"]).round(2).loc[1].to_dict()
    {'7D': 1.47, '28D': 2.38}
    """
    labels, lengths, several = _half_lives(half_life)
    date = moment(at, "at")
    ticks, unit = _ticks(events)
    values = _weights(events, weight)
    keys = _integer_keys(events, by)

    whole = date.floor(unit)                                 # `at` may be finer than the log's unit of time
    now = whole.as_unit(unit).to_datetime64().view(np.int64)
    if len(ticks) and ticks.max() > now:
        raise ValueError(
            f"{(ticks > now).sum():,} of {len(events):,} events are later than at={date}; an event from the "
            "future has no weight: cut the log first with sequences.as_of, or choose a later date"
        )
    one = pd.Timedelta(1, unit)
    kept = [_kept(ticks, now, (date - whole) / one, half / one, values) for half in lengths]
    if keys is not None and len(keys) and (keys[1:] >= keys[:-1]).all():
        starts = np.r_[0, 1 + np.flatnonzero(keys[1:] != keys[:-1])]
        index = pd.Index(keys[starts], name=by)
        sums = [np.add.reduceat(column, starts) for column in kept]
    else:
        codes, index = _groups(events, by)
        sums = [np.zeros(len(index)) + np.bincount(codes, column, minlength=len(index)) for column in kept]
    if not several:
        return pd.Series(sums[0], index=index, name="decayed_sum")
    return pd.DataFrame(dict(zip(labels, sums, strict=True)), index=index)


def _kept(
    ticks: np.ndarray, now: int, rest: float, half_life: float, values: np.ndarray | None
) -> np.ndarray:
    """What every event still counts at ``now + rest``, block by block."""
    kept = np.empty(len(ticks))
    with np.errstate(under="ignore"):
        for start in range(0, len(ticks), _BLOCK):
            block = slice(start, start + _BLOCK)
            part = kept[block]
            np.multiply(now - ticks[block] + rest, -1 / half_life, out=part)
            np.exp2(part, out=part)
            if values is not None:
                part *= values[block]
    return kept


def running_decayed_sum(
    events: pd.DataFrame,
    half_life: HalfLife | Sequence[HalfLife],
    by: str | list[str] = "user_id",
    weight: str | np.ndarray | pd.Series | None = None,
) -> pd.Series | pd.DataFrame:
    r"""Interest just after every event: the recursion over each user's events in the order of time.

    .. math:: S_n = 2^{-(t_n - t_{n-1})/h}\, S_{n-1} + v_n, \qquad S_0 = 0

    Events at the same instant add up in the order of the rows.

    Parameters
    ----------
    events, half_life, by, weight
        As in `decayed_sum`. The log may be in any order; sorted by user, then time, it is fastest.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        One value an event, with the index and order of `events`; for a list of half-lives one column each.

    Raises
    ------
    ValueError
        As in `decayed_sum`, and if a sum leaves the range of double precision.

    Notes
    -----
    With d_n = 2^(-gap/h), and d_n = 0 at a user's first event, the recursion over the *whole* log is one
    linear system with two diagonals, S_n - d_n S_(n-1) = v_n. The BLAS routine ``dtbsv`` solves it in a
    compiled loop; no d_n exceeds 1, so nothing overflows, whatever the span of the log.

    Examples
    --------
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-22", "2024-01-22"])
    >>> log = pd.DataFrame({"user_id": [1, 1, 1, 2], "timestamp": days})
    >>> running_decayed_sum(log, half_life="7D").tolist()
    [1.0, 1.5, 1.375, 1.0]
    """
    labels, lengths, several = _half_lives(half_life)
    ticks, unit = _ticks(events)
    values = _weights(events, weight)
    keys = _integer_keys(events, by)
    codes = _groups(events, by)[0] if keys is None else keys

    columns, order = [], None
    for half in lengths:
        unit_length = half / pd.Timedelta(1, unit)
        sums = np.ones(len(events)) if values is None else values.copy()
        if order is None and not _solve(sums, ticks, codes, unit_length):
            order = np.lexsort((ticks, codes))               # stable: ties keep the order of the rows
            codes, ticks = codes[order], ticks[order]
            values = None if values is None else values[order]
        if order is not None:
            in_order = np.ones(len(events)) if values is None else values.copy()
            _solve(in_order, ticks, codes, unit_length)
            sums = np.empty_like(in_order)
            sums[order] = in_order
        columns.append(sums)
    if not several:
        return pd.Series(columns[0], index=events.index, name="decayed_sum")
    return pd.DataFrame(dict(zip(labels, columns, strict=True)), index=events.index)


def _solve(sums: np.ndarray, ticks: np.ndarray, codes: np.ndarray, half_life: float) -> bool:
    """Turn weights into running decayed sums, in place; False (and spoilt sums) if a row is out of order.

    S_n - d_n S_(n-1) = v_n for all n is U'S = v with the unit upper bidiagonal U, U[n-1, n] = -d_n. It is
    solved block by block; d_n times the last sum of the block before is added to the block's first weight.
    """
    band = np.zeros((2, _BLOCK), order="F")                  # BLAS band storage: band[0, n] = U[n-1, n]
    carried = 0.0
    with np.errstate(all="ignore"):                          # 2^-2000 is 0, and that is right
        for start in range(0, len(sums), _BLOCK):
            stop = min(start + _BLOCK, len(sums))
            first = max(start, 1)                            # the log's first event has no gap before it
            gaps = ticks[first:stop] - ticks[first - 1:stop - 1]
            here, before = codes[first:stop], codes[first - 1:stop - 1]
            new = here != before
            if (here < before).any() or ((gaps < 0) & ~new).any():
                return False
            decays = np.exp2(gaps * (-1 / half_life))
            decays[new] = 0.0                                # also where it was 2^(+5000) = inf
            np.negative(decays, out=band[0, first - start:stop - start])
            block = sums[start:stop]
            block[0] -= band[0, 0] * carried
            block[:] = dtbsv(1, band[:, :len(block)], block, trans=1, diag=1, overwrite_x=1)
            carried = block[-1]
    if not math.isfinite(carried):                           # once infinite, all later sums are inf or nan
        raise ValueError("a decayed sum exceeds the range of double precision; scale the weights down")
    return True


# --- a stream ---

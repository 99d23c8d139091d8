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
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from scipy.linalg.blas import dtbsv

from interestdecay_lib._arguments import duration, floats, instant
from interestdecay_lib.counter import DecayedCounter
from interestdecay_lib.decay import DecayCurve, Exponential
from interestdecay_lib.event_log import (
    UNITS,
    by_group_then_time,
    check_same_kind,
    moment_in,
    rows_named,
    timestamps,
    unit_length,
)

__all__ = ["DecayedCounter", "decayed_sum", "running_decayed_sum"]

HalfLife = str | timedelta | np.timedelta64          # pandas.Timedelta is a timedelta

_BLOCK = 1 << 14          # events solved at a time: their five columns stay in the processor's cache


# --- a whole log ---

def decayed_sum(
    events: pd.DataFrame,
    at: str | datetime | np.datetime64 | Sequence,
    half_life: HalfLife | DecayCurve | Sequence[HalfLife] | Mapping[str, HalfLife],
    by: str | list[str] = "user_id",
    weight: str | np.ndarray | pd.Series | Mapping[object, float] | None = None,
    *,
    users: Sequence | None = None,
    unit: str | None = None,
    weight_by: str = "event_type",
) -> pd.Series | pd.DataFrame:
    r"""Interest at one date: the decayed sum of the events of every user (or item, or pair).

    .. math:: S_u(t) = \sum_{j\,:\,u_j = u} v_j\, 2^{-(t - t_j)/h}

    Parameters
    ----------
    events
        An event log with ``timestamp`` (datetime64) and the columns of `by`, in any order. Repeated rows
        count each; an event without a timestamp, key or weight is an error, never dropped.
    at
        The date t, in the zone of the log. Events later than it are an error: cut the log first with
        `event_log.as_of`. A list of dates cuts by itself: at each date the events before it count.
    half_life
        A length of time, ``"28D"`` or a `pandas.Timedelta`, or a list of them, or a mapping from column names
        to them. Or another way to fade: a fit of `fitting.fit_decay` (its curve, in its unit), or a curve of
        `decay` with `unit`.
    by
        The column or list of columns whose values get one sum each.
    weight
        What an event counts: None for 1 each, the name of a column, an array or Series beside the events, or
        a mapping from the values of the column `weight_by` to numbers, such as ``{"view": 1, "buy": 5}``.
    users
        The users (values of `by`) in the order of the rows; one without events has the sum 0. Default: all of
        the log.
    unit
        In which the age of a curve counts: ``"hours"``, ``"days"`` or ``"weeks"``.
    weight_by
        The column that a mapping of weights looks at.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        One row a user, sorted; for a list of half-lives one column each, labelled as given. For a list of
        dates the index is (date, user). Unit: that of the weights (events, or dollars, ...).

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
    >>> decayed_sum(log, ["2024-01-02", "2024-01-23"], "7D", users=[1, 3]).round(2).tolist()
    [0.91, 0.0, 1.47, 0.0]
    """
    fading, several = _fading(half_life, unit)
    if isinstance(at, (list, tuple, pd.Index, pd.Series, np.ndarray)):
        return _at_dates(events, at, half_life, by, weight, users, unit, weight_by)
    date = moment_in(events, at, "at")
    times = timestamps(events)
    ticks, tick = times.view(np.int64), np.datetime_data(times.dtype)[0]
    values = _weights(events, weight, weight_by)

    whole = date.floor(tick)                                 # `at` may be finer than the log's unit of time
    now = whole.as_unit(tick).to_datetime64().view(np.int64)
    if len(ticks) and ticks.max() > now:
        raise ValueError(
            f"{(ticks > now).sum():,} of {len(events):,} events are later than at={date}; an event from the "
            "future has no weight: cut the log first with event_log.as_of, or choose a later date"
        )
    one = pd.Timedelta(1, tick)
    kept = [_kept(ticks, now, (date - whole) / one, fade, one, values) for fade in fading.values()]
    keys = _integer_keys(events, by)
    if keys is not None and len(keys) and (keys[1:] >= keys[:-1]).all():
        starts = np.r_[0, 1 + np.flatnonzero(keys[1:] != keys[:-1])]
        index = pd.Index(keys[starts], name=by)
        sums = [np.add.reduceat(column, starts) for column in kept]
    else:
        codes, index = _groups(events, by)
        sums = [np.zeros(len(index)) + np.bincount(codes, column, minlength=len(index)) for column in kept]
    result = pd.DataFrame(dict(zip(fading, sums, strict=True)), index=index)
    if users is not None:
        wanted = pd.Index(users, name=index.name) if isinstance(by, str) else pd.MultiIndex.from_tuples(users)
        if not wanted.is_unique:
            raise ValueError(f"users must be distinct; {int(wanted.duplicated().sum()):,} are named twice")
        check_same_kind(wanted, index)
        result = result.reindex(wanted, fill_value=0.0)
    return result if several else result.iloc[:, 0].rename("decayed_sum")


def _at_dates(events, dates, half_life, by, weight, users, unit, weight_by):
    """Below each other the sums at several dates, each of the events before it."""
    if isinstance(weight, (np.ndarray, pd.Series, list)):
        raise ValueError("for several dates give weight as the name of a column: the log is cut at each date")
    moments = {date: moment_in(events, date, "at") for date in dates}
    if len(moments) < len(dates) or not moments:
        raise ValueError(f"at needs at least one date, and each once, got {list(dates)}")
    times = events["timestamp"] if "timestamp" in events else timestamps(events)
    tables = {
        instant(date, "at"): decayed_sum(
            events[(times < when).to_numpy()], when.tz_localize("UTC"), half_life, by, weight, users=users,
            unit=unit, weight_by=weight_by,
        )
        for date, when in moments.items()
    }
    return pd.concat(tables, names=["at"])


def _fading(given: object, unit: str | None) -> tuple[dict[object, pd.Timedelta | tuple], bool]:
    """Column label -> a half-life, or (curve, unit of its age); and whether several columns are wanted."""
    if isinstance(getattr(given, "curve", None), DecayCurve) and hasattr(given, "unit"):
        given, unit = given.curve, given.unit                # a fit
    if isinstance(given, DecayCurve):
        if unit is None:
            raise ValueError(f"in which unit does the age of {given!r} count? give unit, one of "
                             f"{list(UNITS)}")
        length = unit_length(unit)
        fade = length * given.half_life if type(given) is Exponential else (given, length)
        return {"decayed_sum": fade}, False
    if unit is not None:
        raise ValueError(f"unit={unit!r} belongs to a curve; a half-life carries its own, such as '28D'")
    several = isinstance(given, (list, tuple, set, pd.Index, pd.Series, np.ndarray, Mapping))
    if isinstance(given, set):
        raise ValueError(f"half_life is a set, which has no order; give a list: {sorted(map(str, given))}")
    labels = list(given) if several else [given]
    if not labels:
        raise ValueError("half_life is an empty list; give at least one, such as ['7D', '90D']")
    named = isinstance(given, Mapping)
    lengths = [duration(given[label] if named else label, "half_life") for label in labels]
    if len(set(lengths)) < len(lengths):
        raise ValueError(f"half_life names a column twice: {list(map(str, lengths))}")
    return dict(zip(labels, lengths, strict=True)), several


def _kept(
    ticks: np.ndarray, now: int, rest: float, fade: pd.Timedelta | tuple, one: pd.Timedelta,
    values: np.ndarray | None,
) -> np.ndarray:
    """What every event still counts at ``now + rest``, block by block; `one` is the length of a tick."""
    kept = np.empty(len(ticks))
    curve, unit = fade if isinstance(fade, tuple) else (None, fade)
    per_tick = (1 if curve else -1) / (unit / one)
    with np.errstate(under="ignore"):
        for start in range(0, len(ticks), _BLOCK):
            block = slice(start, start + _BLOCK)
            part = kept[block]
            np.multiply(now - ticks[block] + rest, per_tick, out=part)
            if curve is None:
                np.exp2(part, out=part)
            else:
                part[:] = curve(part)
            if values is not None:
                part *= values[block]
    return kept


def _weights(
    events: pd.DataFrame, weight: str | np.ndarray | pd.Series | Mapping | None, weight_by: str = "event_type"
) -> np.ndarray | None:
    """The weight of every event as float64, or None where every event counts 1."""
    if weight is None:
        return None
    if isinstance(weight, Mapping):
        if weight_by not in events:
            raise ValueError(f"weight={weight!r} looks at the column {weight_by!r}, which events does not "
                             f"have; name another with weight_by: {list(events.columns)}")
        kinds = events[weight_by]
        unknown = [kind for kind in kinds.unique() if kind not in weight]
        if unknown:
            raise ValueError(f"weight says nothing of the {weight_by} {', '.join(map(repr, unknown[:5]))}; "
                             "give every kind a number, 0 for one that does not count")
        weight = kinds.map(dict(weight)).astype(float)
    elif isinstance(weight, str):
        if weight not in events:
            raise ValueError(f"weight={weight!r} is no column of events; they are {list(events.columns)}")
        weight = events[weight]
    elif isinstance(weight, pd.Series) and not weight.index.equals(events.index):
        raise ValueError("weight is a Series with another index than events; align it or pass .to_numpy()")
    try:
        values = floats(weight, "the weights")
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
        raise ValueError(rows_named("events with a weight that is missing or infinite", broken, events.index))
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


def _groups(events: pd.DataFrame, by: str | list[str], in_order: bool = True
            ) -> tuple[np.ndarray, pd.Index]:
    """The group number of every event, and the keys: numbered as they sort, or as they first appear.

    The distinct keys are sorted, not the events; categories are numbered already.
    """
    names = [by] if isinstance(by, str) else list(by)
    coded = [_codes(events[name], in_order) for name in names]
    missing = np.any([codes < 0 for codes, _ in coded], axis=0)
    if missing.any():
        raise ValueError(rows_named(f"events without a value in {' or '.join(names)}", missing, events.index))
    if len(names) == 1:
        return coded[0]
    pairs = np.ravel_multi_index([codes for codes, _ in coded], [max(len(keys), 1) for _, keys in coded])
    if in_order:
        pairs, codes = np.unique(pairs, return_inverse=True)
    else:
        codes, pairs = pd.factorize(pairs)
    places = np.unravel_index(pairs, [max(len(keys), 1) for _, keys in coded])
    return codes, pd.MultiIndex.from_arrays(
        [keys.take(place) for (_, keys), place in zip(coded, places, strict=True)], names=names)


def _codes(column: pd.Series, in_order: bool = True) -> tuple[np.ndarray, pd.Index]:
    """Of every row the place of its key among the sorted distinct keys (-1: missing), and these."""
    codes, keys = pd.factorize(column)
    keys = pd.Index(keys, name=column.name)
    if not in_order:
        return codes, keys
    if isinstance(column.dtype, pd.CategoricalDtype):
        order = np.argsort(keys.codes, kind="stable")        # as the categories are listed
    else:
        order = _sorted(keys)
    if (order[1:] > order[:-1]).all():
        return codes, keys
    place = np.empty(len(keys) + 1, np.intp)
    place[order], place[-1] = np.arange(len(keys)), -1
    return place[codes], keys.take(order)


def running_decayed_sum(
    events: pd.DataFrame,
    half_life: HalfLife | Sequence[HalfLife] | Mapping[str, HalfLife],
    by: str | list[str] = "user_id",
    weight: str | np.ndarray | pd.Series | Mapping[object, float] | None = None,
    *,
    weight_by: str = "event_type",
) -> pd.Series | pd.DataFrame:
    r"""Interest just after every event: the recursion over each user's events in the order of time.

    .. math:: S_n = 2^{-(t_n - t_{n-1})/h}\, S_{n-1} + v_n, \qquad S_0 = 0

    Events at the same instant add up in the order of the rows.

    Parameters
    ----------
    events, half_life, by, weight, weight_by
        As in `decayed_sum`, half-lives only: no other curve forgets without a history. The log may be in any
        order; sorted by user, then time, it is fastest.

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
    curve = getattr(half_life, "curve", half_life)
    if isinstance(curve, DecayCurve) and (curve is half_life or type(curve) is not Exponential):
        raise ValueError("a running sum needs an exponential half-life, such as '28D': with any other curve "
                         "the sum after an event does not follow from the one before; use decayed_sum")
    fading, several = _fading(half_life, None)
    times = timestamps(events)
    ticks, tick = times.view(np.int64), np.datetime_data(times.dtype)[0]
    values = _weights(events, weight, weight_by)
    keys = _integer_keys(events, by)
    codes = _groups(events, by, in_order=False)[0] if keys is None else keys

    columns, order = [], None
    for half in fading.values():
        unit_length = half / pd.Timedelta(1, tick)
        sums = np.ones(len(events)) if values is None else values.copy()
        if order is None and not _solve(sums, ticks, codes, unit_length):
            codes = codes if keys is None else pd.factorize(keys)[0]
            order = by_group_then_time(codes, ticks)
            codes, ticks = codes[order], ticks[order]
            values = None if values is None else values[order]
        if order is not None:
            in_order = np.ones(len(events)) if values is None else values.copy()
            if not _solve(in_order, ticks, codes, unit_length):
                raise ValueError("the times of the log span more than 292 years in nanoseconds: use "
                                 ".dt.as_unit('us')")
            sums = np.empty_like(in_order)
            sums[order] = in_order
        columns.append(sums)
    if not several:
        return pd.Series(columns[0], index=events.index, name="decayed_sum")
    return pd.DataFrame(dict(zip(fading, columns, strict=True)), index=events.index)


def _sorted(keys: pd.Index) -> np.ndarray:
    """The order of distinct keys. Short texts are compared as bytes or letters, not as objects."""
    if keys.inferred_type == "string" and keys.str.len().max() <= 64:
        texts = keys.to_numpy(object)
        try:
            texts = texts.astype("S")
        except UnicodeEncodeError:
            texts = texts.astype("U")                        # letters by code point, as Python compares
        if texts.dtype.kind == "S" and texts.itemsize <= 8:  # eight bytes are one number, the first one leads
            texts = texts.astype("S8").view(">u8").astype(np.uint64)
        return np.argsort(texts, kind="stable")
    try:
        return keys.argsort()
    except TypeError:                                        # numbers beside texts have no order
        return np.arange(len(keys))


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

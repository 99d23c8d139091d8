"""Moments, lengths of time, whole numbers and arrays as arguments: one reading for every function.

A moment is a date, datetime, Timestamp or datetime64, or a text in ISO 8601. A length is a Timedelta, or a
text with its unit; a plain number only where a function says which unit it counts. A number is a number, not
a text or a date that could be made one. All else is refused and nothing guessed: whether 03/04 is in March or
in April, of what 28 is a number, and which day "now" is, only the caller knows.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from numbers import Real

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype
from pandas.api.types import is_bool_dtype, is_numeric_dtype

_CLOCK = r"[T ]\d{2}(?::?\d{2}(?::?\d{2}(?:[.,]\d+)?)?)?\s?(?:Z|[+-]\d{2}(?::?\d{2})?)?"
_ISO = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}(?:{_CLOCK})?|\d{{8}}(?:T{_CLOCK[4:]})?")


def is_number(value: object) -> bool:
    """Whether `value` is one real number; True and lengths of time are none."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_, timedelta, np.timedelta64))


def whole(value: object, name: str, least: int = 1) -> int:
    """`value` as a whole number of at least `least`.

    >>> whole(4.0, "weeks"), whole(np.int64(4), "weeks")
    (4, 4)
    >>> whole(True, "weeks")
    Traceback (most recent call last):
        ...
    ValueError: weeks must be a whole number, at least 1, got True
    """
    if not is_number(value) or value % 1 != 0 or value < least:         # also nan and infinity
        raise ValueError(f"{name} must be a whole number, at least {least}, got {value!r}")
    return int(value)


def floats(value: object, name: str) -> np.ndarray:
    """`value` as a float64 array of any shape, if it holds numbers; pandas' missing ones are NaN.

    Dates, lengths of time, texts, booleans, complex and masked numbers are a ``TypeError``.

    >>> floats([1, 2.5], "weights")
    array([1. , 2.5])
    >>> floats(["1", "2"], "weights")
    Traceback (most recent call last):
        ...
    TypeError: weights must be real numbers, got list of <U1: ['1', '2']
    """
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, ExtensionDtype) and is_numeric_dtype(dtype) and not is_bool_dtype(dtype):
        value = value.to_numpy(dtype=object, na_value=np.nan)         # Int64, Float64, int64[pyarrow]
    given = np.asarray(value)
    if given.dtype.kind in "mM":
        raise TypeError(
            f"{name} must be plain numbers, got {given.dtype}; divide first, for example by "
            "pd.Timedelta(days=1)"
        )
    if np.ma.is_masked(value):
        raise TypeError(f"{name} must be real numbers, but some are masked; leave them out, or fill them")
    if given.dtype.kind == "O" and all(is_number(entry) for entry in given.flat):
        try:
            return given.astype(np.float64)
        except OverflowError:
            raise ValueError(f"{name} must be finite: one is too large for a float") from None
    if given.dtype.kind not in "iuf" and given.size:
        kind = f"{type(value).__name__} of {given.dtype}"
        raise TypeError(f"{name} must be real numbers, got {kind}: {value!r}")
    return given.astype(np.float64)


def instant(value: object, name: str) -> pd.Timestamp:
    """`value` as a Timestamp, with its time zone if it has one.

    >>> instant("1997-10-01", "cut")
    Timestamp('1997-10-01 00:00:00')
    >>> instant("01/10/1997", "cut")
    Traceback (most recent call last):
        ...
    ValueError: cut must be a date such as '1997-10-01', got '01/10/1997': whether the day or the month \
comes first is never guessed
    """
    wanted = f"{name} must be a date such as '1997-10-01', got {value!r}"
    if isinstance(value, str):
        if not _ISO.fullmatch(value.strip()):
            why = ": whether the day or the month comes first is never guessed" if "/" in value else ""
            raise ValueError(wanted + why)
    elif not isinstance(value, date | np.datetime64):
        of = ": a number could count days, seconds or milliseconds" if isinstance(value, Real) else ""
        raise ValueError(wanted + of)
    try:
        found = pd.Timestamp(value.strip() if isinstance(value, str) else value)
    except (TypeError, ValueError) as error:  # 31 February, the year 9999 in nanoseconds
        raise ValueError(wanted) from error
    if pd.isna(found):
        raise ValueError(wanted)
    return found


def moment(value: object, name: str) -> pd.Timestamp:
    """`value` as a Timestamp in UTC without time zone; one with a zone is converted.

    >>> moment(pd.Timestamp("1997-10-01", tz="Asia/Tokyo"), "cut")
    Timestamp('1997-09-30 15:00:00')
    """
    found = instant(value, name)
    return found if found.tzinfo is None else found.tz_convert("UTC").tz_localize(None)


def duration(value: object, name: str, number: pd.Timedelta | None = None, plural: str = "") -> pd.Timedelta:
    """`value` as a positive Timedelta; a plain number counts `number`, whose name is `plural`.

    >>> duration("28D", "half_life")
    Timedelta('28 days 00:00:00')
    >>> duration("28", "half_life")
    Traceback (most recent call last):
        ...
    ValueError: half_life='28' has no unit; give a length of time such as '28D' or pandas.Timedelta(days=28)
    """
    wanted = "give a length of time such as '28D' or pandas.Timedelta(days=28)"
    if number is not None:
        wanted = f"give a number of {plural} or a length of time such as '28D'"
    counted = is_number(value)
    without_unit = (
        isinstance(value, bool)
        or (counted and number is None)
        or (isinstance(value, str) and not re.search(r"[A-Za-z:]", value))
        or (isinstance(value, np.timedelta64) and np.datetime_data(value.dtype)[0] == "generic")
    )
    if without_unit:
        raise ValueError(f"{name}={value!r} has no unit; {wanted}")
    try:
        found = float(value) * number if counted else pd.Timedelta(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}={value!r} is not a length of time; {wanted}") from error
    if pd.isna(found) or found <= pd.Timedelta(0):
        raise ValueError(f"{name} must be longer than nothing, got {value!r}; {wanted}")
    return found

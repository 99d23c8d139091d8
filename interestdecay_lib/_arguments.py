"""Moments and lengths of time as arguments: one reading for every function, and nothing guessed.

A moment is a date, datetime, Timestamp or datetime64, or a text in ISO 8601. A length is a Timedelta, or a
text with its unit; a plain number only where a function says which unit it counts. All else is refused:
whether 03/04 is in March or in April, of what 28 is a number, and which day "now" is, only the caller knows.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from numbers import Real

import numpy as np
import pandas as pd

_CLOCK = r"[T ]\d{2}(?::?\d{2}(?::?\d{2}(?:[.,]\d+)?)?)?\s?(?:Z|[+-]\d{2}(?::?\d{2})?)?"
_ISO = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}(?:{_CLOCK})?|\d{{8}}(?:T{_CLOCK[4:]})?")


def moment(value: object, name: str) -> pd.Timestamp:
    """`value` as a Timestamp without time zone.

    >>> moment("1997-10-01", "cut")
    Timestamp('1997-10-01 00:00:00')
    >>> moment("01/10/1997", "cut")
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
    if found.tzinfo is not None:
        raise ValueError(
            f"{name} must be a date without time zone (logs are in UTC), got {value!r}; use "
            ".tz_convert('UTC').tz_localize(None)"
        )
    return found


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
    is_number = isinstance(value, Real) and not isinstance(value, timedelta | np.timedelta64 | bool)
    without_unit = (
        isinstance(value, bool)
        or (is_number and number is None)
        or (isinstance(value, str) and not re.search(r"[A-Za-z:]", value))
        or (isinstance(value, np.timedelta64) and np.datetime_data(value.dtype)[0] == "generic")
    )
    if without_unit:
        raise ValueError(f"{name}={value!r} has no unit; {wanted}")
    try:
        found = float(value) * number if is_number else pd.Timedelta(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}={value!r} is not a length of time; {wanted}") from error
    if pd.isna(found) or found <= pd.Timedelta(0):
        raise ValueError(f"{name} must be longer than nothing, got {value!r}; {wanted}")
    return found

"""What a student hands in, read as numbers: one number with its unit, or an array.

A duration, a text such as ``"415,9 min"`` and a table of one entry say which number is meant, so they are
read; what cannot be read gets a sentence that says why. `checks` judges the number.
"""

from __future__ import annotations

import datetime
import numbers
import re
from collections.abc import Sequence, Set
from typing import Any

import numpy as np
import pandas as pd

#: Seconds in each unit of time, and the abbreviations that are read; a month and a year have no fixed length.
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_SHORT = {"s": "second", "sec": "second", "min": "minute", "h": "hour", "hr": "hour", "d": "day"}
_PER_CENT = ("per cent", "percent", "percentage point", "points (percent)")
_HUGE = 1_000_000  # entries
_DURATION = "The answer is a plain number, not a date or duration: divide by the unit asked for."
_TEXTS = "The answer is made of numbers; yours holds texts."
#: What an array of another kind is told, by NumPy's letter of its type.
_NOT_NUMBERS = {
    "m": _DURATION,
    "M": _DURATION,
    "b": "The answer is made of numbers, not of True and False: count or average them?",
    "c": "The answer is real; yours holds complex numbers.",
    "U": _TEXTS,
    "S": _TEXTS,
}
_DIGITS = r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?"
_TEXT = re.compile(rf"({_DIGITS})(?:\s*/\s*({_DIGITS}))?\s*(%|[A-Za-zµ²/() ]*)")


def as_numbers(answer: Any, shape: tuple[int, ...], unit: str = "") -> np.ndarray | str:
    """The answer as a float array, or a sentence that says why it cannot be one.

    >>> as_numbers("415,9 min", (), "minutes")
    array(415.9)
    >>> as_numbers(datetime.timedelta(hours=36), (), "days")
    array(1.5)
    >>> as_numbers(True, ())
    'The answer is a number, not True or False.'
    """
    if shape == ():
        answer = _the_one(answer)
        answer = _without_unit(answer, unit) if _names_a_unit(answer) else answer
        if isinstance(answer, str):
            return answer
    if isinstance(answer, str):
        return "The answer is a number, not a text: write it without quotes."
    if isinstance(answer, bool | np.bool_):
        return "The answer is a number, not True or False."
    if isinstance(answer, Set):
        return "A set has no order and no repeats: give a list or an array."
    if isinstance(answer, numbers.Complex) and not isinstance(answer, numbers.Real):
        return "The answer is a real number, not a complex one."
    if isinstance(answer, Sequence) and len(answer) > _HUGE and (len(answer),) != shape:
        return np.broadcast_to(0.0, (len(answer),))  # its shape is wrong already: no copy of a huge list
    try:
        array = np.asarray(answer)
    except (TypeError, ValueError):
        return f"The answer is a number or an array of numbers, not {kind(answer)}."
    if array.dtype.kind in _NOT_NUMBERS:
        return _NOT_NUMBERS[array.dtype.kind]
    if array.size > _HUGE and array.shape != shape:
        return np.broadcast_to(0.0, array.shape)
    try:
        return array.astype(float)
    except (TypeError, ValueError):
        return f"The answer is a number or an array of numbers, not {kind(answer)}."


def kind(answer: Any) -> str:
    """How a sentence names what was handed in."""
    return f"a value of type {type(answer).__name__}"


def _the_one(answer: Any) -> Any:
    """The entry of a list, array or table that holds just one; anything else as it is."""
    if np.ma.isMaskedArray(answer) or not isinstance(
        answer, list | tuple | np.ndarray | pd.Series | pd.DataFrame | pd.Index
    ):
        return answer
    entries = np.asarray(answer, dtype=object) if isinstance(answer, list | tuple) else np.asarray(answer)
    return entries.reshape(-1)[0] if entries.size == 1 and entries.ndim else answer


def _names_a_unit(answer: Any) -> bool:
    return isinstance(answer, str | datetime.timedelta | np.timedelta64)


def _without_unit(answer: Any, unit: str) -> float | str:
    """The number that a text or duration stands for in the unit asked for, or why there is none."""
    asked = _singular(unit)
    if not isinstance(answer, str):
        if asked not in SECONDS:
            return _DURATION
        return float(pd.Timedelta(answer) / pd.Timedelta(seconds=SECONDS[asked]))
    read = _TEXT.fullmatch(" ".join(answer.split()).replace("\N{MINUS SIGN}", "-"))
    if not read:
        return "The answer is a number, not a text: write it without quotes."
    above, below, word = read.groups()
    if any(part and re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", part) for part in (above, below)):
        return f"{answer.strip()!r} may mean two numbers: write it without the comma."
    value = float(above.replace(",", "."))
    if below is not None:
        if float(below.replace(",", ".")) == 0:
            return "Your answer divides by zero."
        value /= float(below.replace(",", "."))
    given = _singular(word.strip())
    if given == "%":
        return value if asked in _PER_CENT else value / 100
    if given in ("", asked):
        return value
    if given in SECONDS and asked in SECONDS:
        return value * SECONDS[given] / SECONDS[asked]
    return f"The answer is asked for in {unit}, not in {word.strip()}." if unit else (
        f"The answer has no unit; yours is in {word.strip()}."
    )


def _singular(unit: str) -> str:
    """One form of a unit: "days" and "d" are both "day"."""
    unit = unit.strip().casefold()
    unit = _SHORT.get(unit, unit)
    return unit[:-1] if unit.endswith("s") and not unit.endswith("ss") else unit

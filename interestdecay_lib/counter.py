r"""A counter that forgets, for one user in a stream: two numbers, whatever the length of the history.

Between two events the sum halves every half-life h, at an event it grows by the event's weight:

.. math:: S \leftarrow 2^{-(t - T)/h}\,S + v, \qquad T \leftarrow t .

>>> interest = DecayedCounter(half_life=7)          # days
>>> interest.add(0)
>>> interest.add(7)
>>> interest.value_at(14)
0.75
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
import pandas as pd

from interestdecay_lib._arguments import duration, is_number, moment

__all__ = ["DecayedCounter"]

_TOO_FAR = (OverflowError, pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta)


class DecayedCounter:
    r"""A counter that forgets: two numbers, whatever the length of the history.

    It keeps the sum `value` :math:`= \sum_j v_j 2^{-(T - t_j)/h}` and its date `time`,
    :math:`T = \max_j t_j`.
    A newer event first ages the sum, a late one is aged itself; both cost the same. The order of events does
    not matter beyond rounding, and nothing grows with time, so nothing overflows.

    Parameters
    ----------
    half_life
        A number (then times are numbers in the same unit), or a length of time such as ``"7D"`` or a
        `pandas.Timedelta` (then times are dates). It cannot be changed later.
    value, time
        The state to continue from, as stored; a new counter is empty.

    Raises
    ------
    ValueError
        For a half-life that is not above 0, times or weights that are missing or infinite, a sum beyond the
        range of floats, and questions about the past. A refused event changes nothing.
    TypeError
        For a number where a date is due, and the reverse; for a weight that is no number (text, a boolean).

    Examples
    --------
    >>> interest = DecayedCounter(half_life=7)
    >>> for day in (0, 7):
    ...     interest.add(day)
    >>> interest.value_at(7), interest.value_at(21)
    (1.5, 0.375)
    >>> phone = DecayedCounter(half_life=7)
    >>> phone.add(14, weight=2.0)
    >>> interest.merge(phone).value_at(21)
    1.375
    """

    __slots__ = ("_half_life", "time", "value")
    __hash__ = None  # it changes

    def __init__(self, half_life: float | str | timedelta | np.timedelta64, value: float = 0.0,
                 time: float | str | datetime | None = None) -> None:
        if is_number(half_life):
            try:
                self._half_life = float(half_life)
            except OverflowError:
                self._half_life = math.inf
            if not 0 < self._half_life < math.inf:
                raise ValueError(f"half_life must be a number above 0, but {half_life!r} was given")
        else:
            self._half_life = duration(half_life, "half_life")
        self.value = _finite(value, "value")
        if time is None and self.value != 0:
            raise ValueError(f"value={value!r} was given without the time at which it held")
        self.time = None if time is None else self._instant(time)

    @property
    def half_life(self) -> float | pd.Timedelta:
        """The half-life; all that was counted is aged by it, so it cannot be changed."""
        return self._half_life

    def add(self, t: float | str | datetime, weight: float = 1.0) -> None:
        """Count an event at time `t`, which may be older than the last one."""
        last = self.time
        if type(last) is type(t) is type(weight) is float:  # most events: everything below, without a call
            if t >= last:
                value = self.value * 2.0 ** ((last - t) / self._half_life) + weight
                if value - value == t - t:  # 0 == 0; one of them is NaN if a number was NaN or infinite
                    self.value = value
                    self.time = t
                    return
            else:
                value = self.value + weight * 2.0 ** ((t - last) / self._half_life)
                if value - value == t - t:
                    self.value = value
                    return
        self._absorb(self._instant(t), _finite(weight, "weight"))

    def value_at(self, t: float | str | datetime) -> float:
        """The decayed sum at time `t`, not earlier than the last event. An empty counter has 0."""
        t = self._instant(t)
        if self.time is None:
            return 0.0
        if t < self.time:
            raise ValueError(
                f"value_at({t}) lies before the last event at {self.time}; a counter keeps no history, so it "
                "cannot answer about the past: ask before adding, or sum over the log with decayed_sum"
            )
        return self.value * self._kept(t, self.time)

    def merge(self, other: DecayedCounter) -> Self:
        """Add the events of another counter of the same half-life to this one, and return this one."""
        if not isinstance(other, DecayedCounter):
            raise TypeError(f"merge needs another DecayedCounter, but got {type(other).__name__}")
        if type(other.half_life) is not type(self.half_life) or other.half_life != self.half_life:
            raise ValueError(f"the half-lives differ: {self.half_life} here, {other.half_life} there")
        if other.time is not None:
            self._absorb(other.time, other.value)
        return self

    def to_dict(self) -> dict[str, Any]:
        """The state in the types of JSON: numbers, or text in ISO 8601 for lengths and dates.

        >>> counter = DecayedCounter("7D")
        >>> counter.add("2024-03-01")
        >>> counter.to_dict()
        {'half_life': 'P7DT0H0M0S', 'value': 1.0, 'time': '2024-03-01T00:00:00'}
        >>> DecayedCounter.from_dict(counter.to_dict()) == counter
        True
        """
        half_life, time = (x.isoformat() if isinstance(x, (pd.Timedelta, pd.Timestamp)) else x
                           for x in (self.half_life, self.time))
        return {"half_life": half_life, "value": self.value, "time": time}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """The counter that `to_dict` stored."""
        if not isinstance(state, dict) or set(state) != {"half_life", "value", "time"}:
            raise ValueError(f"the state must be a dict of half_life, value and time, but got {state!r}")
        return cls(**state)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DecayedCounter):
            return NotImplemented
        return (self.half_life, self.value, self.time) == (other.half_life, other.value, other.time)

    def __repr__(self) -> str:
        return f"DecayedCounter(half_life={self.half_life!r}, value={self.value!r}, time={self.time!r})"

    def _absorb(self, t: float | pd.Timestamp, weight: float) -> None:
        time, value = t, weight
        if self.time is not None and t >= self.time:
            value = self.value * self._kept(t, self.time) + weight
        elif self.time is not None:
            time, value = self.time, self.value + weight * self._kept(self.time, t)
        if not math.isfinite(value):
            raise ValueError("the sum leaves the range of double precision: use smaller weights")
        self.value, self.time = value, time

    def _kept(self, later: float | pd.Timestamp, earlier: float | pd.Timestamp) -> float:
        try:
            age = (later - earlier) / self._half_life
        except _TOO_FAR:  # three centuries are too many nanoseconds
            seconds = (later.as_unit("us") - earlier.as_unit("us")).total_seconds()
            age = seconds / self._half_life.total_seconds()
        return 2.0**-age

    def _instant(self, t: object) -> float | pd.Timestamp:
        if isinstance(self._half_life, float):
            if not is_number(t):
                raise TypeError(f"half_life={self.half_life} is a number, so times are numbers, not {t!r}")
            return _finite(t, "time")
        if is_number(t):
            raise TypeError(f"half_life={self.half_life} is a length of time, so times are dates, not {t!r}")
        return moment(t, "time")


def _finite(given: object, what: str) -> float:
    if not is_number(given):
        raise TypeError(f"{what} must be a number, but {given!r} was given")
    try:
        number = float(given)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{what} must be a finite number, but {given!r} was given")
    return number

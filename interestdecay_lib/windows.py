"""Windows of a fixed length: of a regular series, of a user's events, and each user's last events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from interestdecay_lib._arguments import whole
from interestdecay_lib.event_log import CheckedLog, checked, in_weeks

__all__ = ["event_windows", "last_events", "sliding_windows"]


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
    length, horizon = whole(length, "length"), whole(horizon, "horizon")
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
    length = whole(length, "length")
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
        An event log. Rows are taken as they are: use `merge_same_day` first to count days.
    length
        Events kept for each user.
    cut
        The moment of prediction, as in `event_log.as_of`.
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
        If nothing happened before the cut, a column is missing or holds no numbers, or a user is named twice.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 2, 2], "timestamp": pd.to_datetime(
    ...     ["1997-09-17", "1997-09-03", "1997-09-24"])})
    >>> values, mask = last_events(log, length=2, cut="1997-10-01", columns=["age"])
    >>> values[..., 0].tolist(), mask.tolist()
    ([[0.0, 2.0], [4.0, 1.0]], [[False, True], [True, True]])
    """
    length = whole(length, "length")
    columns = [columns] if isinstance(columns, str) else list(columns)
    found = checked(log)
    cut = found.moment(cut, "cut")
    past = found.before(cut)
    if not len(past):
        raise ValueError(f"nothing is known at the cut {cut}: no event lies before it; choose a later cut")
    unknown = [name for name in columns if name not in ("age", "gap") and name not in log.columns]
    if unknown:
        raise ValueError(f"the log has no column {unknown[0]!r}; known besides its columns are 'age' "
                         "and 'gap'")
    users, row = past.rows_of(users, of=found)
    gap = in_weeks(np.append(np.timedelta64(0, "D"), np.diff(past.time)))
    gap[past.first] = 0.0
    own = {"age": lambda: in_weeks(cut.as_unit("us").to_datetime64() - past.time), "gap": lambda: gap}
    channels = np.stack([own[name]() if name in own else _complete(past, name) for name in columns], axis=-1)
    from_last = np.repeat(past.first + past.count, past.count) - np.arange(len(past))   # 1: a user's newest
    row = np.repeat(row, past.count)
    keep = (from_last <= length) & (row >= 0)
    values = np.zeros((len(users), length, channels.shape[1]))
    mask = np.zeros((len(users), length), bool)
    values[row[keep], length - from_last[keep]] = channels[keep]
    mask[row[keep], length - from_last[keep]] = True
    return values, mask


def _complete(past: CheckedLog, name: str) -> np.ndarray:
    column = past.column(name)
    if missing := int(np.isnan(column).sum()):
        raise ValueError(f"{missing:,} events before the cut have no {name}; fill or drop them first")
    return column

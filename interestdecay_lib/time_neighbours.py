r"""Item neighbours that know the time: seven published methods as one function.

Two items are alike if the same users chose both, and a user is shown what is like the own items. Time can
enter in three places, and a method is no more than a choice for each of them::

    learn    what an event weighs when the likeness S is learned
    pair     what two events of one user add to S, by the time between them
    ask      what an event of the user who asks weighs in the scores  A S

`METHODS` names the seven choices, `time_neighbours` computes the scores of any of them. No item is its own
neighbour: whoever wants a user's own items first has `ranking.filled_up`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from interestdecay_lib._arguments import duration
from interestdecay_lib.ranking import GlobalCut, HalfLife
from interestdecay_lib.recommending import similarity, time_weight

__all__ = ["METHODS", "TimeNeighbours", "time_neighbours"]


@dataclass(frozen=True)
class TimeNeighbours:
    """Where time enters a method of item neighbours.

    Attributes
    ----------
    learn, ask
        What an event weighs: ``"none"`` (1), ``"half-life"`` (:math:`2^{-a/h}` at age a), ``"place"``
        (:math:`1 + \\log_2(1 + x)`, x from 0 for the user's first event to 1 for the last) or ``"launch"``
        (event and first sale of the item in five periods each, numbered 0 to 4: the event's number, plus a
        fifth of the item's and one fifth).
    alike
        ``"cosine"`` or ``"pearson"`` of the items' columns; or a sum over users who chose both items:
        ``"together"``, of :math:`2^{-g/h}` for the gap g between the two events; ``"mean gap"``, the mean of
        :math:`1/(1 + g + a)`, with the age a of the older event, in days.
    source
        The key of the publication in the book's bibliography.
    """

    learn: str
    ask: str
    alike: str
    source: str


#: The seven; their formulas are those that the toolkit RecPack states, whose code was read.
METHODS = {
    "Ding and Li 2005": TimeNeighbours("none", "half-life", "cosine", "ding2005time"),
    "Lee et al. 2007": TimeNeighbours("launch", "launch", "cosine", "lee2007time"),
    "Hermann 2010": TimeNeighbours("none", "none", "mean gap", "hermann2010time"),
    "N. N. Liu et al. 2010": TimeNeighbours("half-life", "half-life", "cosine", "liu2010online"),
    "Xia et al. 2010": TimeNeighbours("none", "none", "together", "xia2010dynamic"),
    "Y. Liu et al. 2012": TimeNeighbours("place", "place", "cosine", "liu2012time"),
    "Vaz et al. 2013": TimeNeighbours("half-life", "half-life", "pearson", "vaz2013understanding"),
}


def time_neighbours(cut: GlobalCut, method: TimeNeighbours, half_life: HalfLife = None) -> np.ndarray:
    r"""Scores of all items for every user of a cut.

    With the weights :math:`l_{ui}` and :math:`q_{ui}` of the user's latest event with the item (`learn` and
    `ask` of the method),

    .. math:: s_{ij} = \text{alike}(l_{\cdot i}, l_{\cdot j}), \qquad
              \text{score}_{ui} = \sum_{j \ne i} q_{uj}\,s_{ji}

    Parameters
    ----------
    cut
        Of `ranking.global_cut`, best with ``everyone=True``: the likeness is learned from the users it holds.
    method
        One of `METHODS`, or a choice of one's own.
    half_life
        A length of time such as ``"90D"``; None: nothing decays.

    Returns
    -------
    numpy.ndarray
        Shape (users, items).

    Raises
    ------
    ValueError
        For a half-life not above 0, or a method with a weight or likeness that does not exist.

    Notes
    -----
    Of several events of one user with one item the latest counts. All neighbours are used; the publications
    keep the nearest K, and some choose a rate for each user or group, which is left out here.

    Examples
    --------
    Two users bought a and b; the second long ago, and c yesterday, so that only likeness to c counts for her:

    >>> import pandas as pd
    >>> from interestdecay_lib.ranking import global_cut
    >>> days = pd.to_datetime(["2024-01-30"] * 2 + ["2024-01-31"] + ["2024-01-01"] * 2 + ["2024-01-30"])
    >>> log = pd.DataFrame({"user_id": [1, 1, 1, 2, 2, 2], "item_id": list("abaabc"), "timestamp": days})
    >>> cut = global_cut(log, "2024-01-31", everyone=True)
    >>> plain = TimeNeighbours("none", "none", "cosine", "")
    >>> time_neighbours(cut, plain).round(2).tolist()
    [[1.0, 1.0, 1.41], [1.71, 1.71, 1.41]]
    >>> time_neighbours(cut, METHODS["Ding and Li 2005"], "7D").round(2).tolist()
    [[0.91, 0.91, 1.28], [0.69, 0.69, 0.07]]
    """
    days = np.inf if half_life is None else duration(half_life, "half_life") / np.timedelta64(1, "D")
    latest = _latest(cut)
    alike = _likeness(latest, cut, method, days)
    np.fill_diagonal(alike, 0)
    return _weighted(latest, cut, method.ask, days) @ alike


def _latest(cut: GlobalCut) -> sparse.csr_array:
    """Age in days of each user's latest event with each item; an entry for every pair that was seen."""
    asked = cut.user >= 0
    user, item, age = cut.user[asked], cut.item[asked], cut.age[asked]
    order = np.lexsort((age, item, user))
    user, item, age = user[order], item[order], age[order]
    first = np.r_[True, (np.diff(user) != 0) | (np.diff(item) != 0)] if len(user) else np.zeros(0, bool)
    begin = np.searchsorted(user[first], np.arange(len(cut.users) + 1))
    return sparse.csr_array((age[first], item[first], begin), shape=(len(cut.users), len(cut.items)))


def _weighted(latest, cut: GlobalCut, weight: str, days: float) -> sparse.csr_array:
    if weight not in _WEIGHTS:
        raise ValueError(f"learn and ask must be one of {list(_WEIGHTS)}, got {weight!r}")
    values = _WEIGHTS[weight](latest, cut, days)
    return sparse.csr_array((values, latest.indices, latest.indptr), shape=latest.shape)


def _halved(latest, cut, days):
    return np.ones(latest.nnz) if np.isinf(days) else time_weight(latest.data, half_life=days)


def _place(latest, cut, days):
    """From 1 for a user's first event to 2 for the last; 2 for who has events of one moment only."""
    user = np.repeat(np.arange(latest.shape[0]), np.diff(latest.indptr))
    oldest, newest = np.full(latest.shape[0], -np.inf), np.full(latest.shape[0], np.inf)
    np.maximum.at(oldest, user, latest.data)
    np.minimum.at(newest, user, latest.data)
    span = (oldest - newest)[user]
    x = np.divide(oldest[user] - latest.data, span, out=np.ones(latest.nnz), where=span > 0)
    return 1 + np.log2(1 + x)


def _launch(latest, cut, days):
    launched = np.zeros(len(cut.items))
    np.maximum.at(launched, cut.item, cut.age)
    return _fifth(latest.data, cut.age) + (1 + _fifth(launched, launched)[latest.indices]) / 5


def _fifth(age, of):
    """0 for the oldest fifth of the time that `of` spans, 4 for the newest."""
    oldest, newest = of.max(), of.min()
    if oldest == newest:
        return np.full(len(age), 4)
    return np.minimum(np.floor(5 * (oldest - age) / (oldest - newest)), 4)


_WEIGHTS = {
    "none": lambda latest, cut, days: np.ones(latest.nnz),
    "half-life": _halved,
    "place": _place,
    "launch": _launch,
}


def _likeness(latest, cut: GlobalCut, method: TimeNeighbours, days: float) -> np.ndarray:
    if method.alike in _PAIRS:
        return _of_pairs(latest, _PAIRS[method.alike], days, mean=method.alike == "mean gap")
    learned = _weighted(latest, cut, method.learn, days)
    if method.alike == "cosine":
        return similarity(learned)
    if method.alike == "pearson":
        return _pearson(learned)
    raise ValueError(f"alike must be cosine, pearson or one of {list(_PAIRS)}, got {method.alike!r}")


_PAIRS = {
    "together": lambda gap, older, days: 2.0 ** (-gap / days),
    "mean gap": lambda gap, older, days: 1 / (1 + gap + older),
}


def _of_pairs(latest, weight, days: float, mean: bool) -> np.ndarray:
    total, count = np.zeros((latest.shape[1],) * 2), np.zeros((latest.shape[1],) * 2)
    for begin, end in pairwise(latest.indptr):
        items, age = latest.indices[begin:end], latest.data[begin:end]
        both = np.ix_(items, items)
        total[both] += weight(np.abs(age[:, None] - age), np.maximum(age[:, None], age), days)
        count[both] += 1
    return np.divide(total, count, out=total, where=count > 0) if mean else total


def _pearson(matrix) -> np.ndarray:
    users = matrix.shape[0]
    average = np.asarray(matrix.sum(axis=0)).ravel() / users
    covariance = (matrix.T @ matrix).toarray() / users - np.outer(average, average)
    spread = np.sqrt(np.maximum(covariance.diagonal(), 0))
    size = np.outer(spread, spread)
    return np.divide(covariance, size, out=np.zeros_like(covariance), where=size > 1e-15)

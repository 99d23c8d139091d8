r"""Rankings under one clock for all: cut a log once, rank every item, score the lists, ties included.

A recommender is judged as it would be used. One moment cuts the log of *everybody* (`global_cut`): what was
before it may be used, what came after is to be ranked high. Among the simplest scores are two sums of decayed
events, each with a half-life h of its own::

    popularity  f_i  = sum over events j of item i            2^(-(t - t_j) / h)
    own taste   a_ui = sum over events j of user u, item i    2^(-(t - t_j) / h)

`decayed_popularity` and `decayed_counts` compute them; `filled_up` puts the own items first and fills the
list up with what is popular. `score_ranking` scores any scores: recall, precision and nDCG at k, in
expectation over the order of tied items, so no score gains by the order in which items happen to stand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse

from interestdecay_lib._arguments import duration, floats, whole
from interestdecay_lib.decay import Exponential
from interestdecay_lib.event_log import checked

__all__ = ["GlobalCut", "decayed_counts", "decayed_popularity", "filled_up", "global_cut", "score_ranking"]

HalfLife = str | timedelta | np.timedelta64 | None


@dataclass(frozen=True)
class GlobalCut:
    """A log cut at one moment for all, as `global_cut` makes it; users and items are numbered from 0.

    Attributes
    ----------
    at
        The moment of the cut.
    users
        Whoever has an event in the window after the cut (if asked for, or before it), in the order of the
        rows.
    items
        The catalogue: every item with an event before the cut, in the order of the columns.
    relevant
        Sparse, shape (users, items): 1 where the user chose the item in the window.
    wanted
        Shape (users,): how many different items each user chose in the window, among them items that nobody
        had chosen before and that no count of events can recommend.
    known
        Shape (users,), bool: whether the user has an event before the cut.
    user, item, age
        One entry an event before the cut: number of its user (-1: not in the window), number of its item,
        and its age at the cut in days.
    """

    at: pd.Timestamp
    users: pd.Index
    items: pd.Index
    relevant: sparse.csr_array = field(repr=False)
    wanted: np.ndarray = field(repr=False)
    known: np.ndarray = field(repr=False)
    user: np.ndarray = field(repr=False)
    item: np.ndarray = field(repr=False)
    age: np.ndarray = field(repr=False)


def global_cut(log: pd.DataFrame, at, ahead: str | timedelta = "7D", *, everyone: bool = False) -> GlobalCut:
    """Cut the log of all users at one moment.

    Parameters
    ----------
    log
        A sorted event log with ``item_id``.
    at
        The moment t; events before it are known, an event *at* it is future.
    ahead
        Length of the window of test, from t on.
    everyone
        Whether users who choose nothing in the window get a row, too: methods that learn from all users want
        the rows, `score_ranking` gives NaN for them.

    Returns
    -------
    GlobalCut

    Raises
    ------
    ValueError
        If the log has no items, or nothing lies before the cut or in the window.

    Notes
    -----
    The window may reach past the end of the log; whether it was watched to its end, only the caller knows.

    Examples
    --------
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-09", "2024-01-10", "2024-01-08"])
    >>> log = pd.DataFrame({"user_id": [1, 1, 1, 2], "item_id": list("abcb"), "timestamp": days})
    >>> cut = global_cut(log, "2024-01-09")
    >>> cut.users.tolist(), cut.items.tolist(), cut.age.tolist()
    ([1], ['a', 'b'], [8.0, 1.0])
    >>> cut.relevant.toarray().tolist(), cut.wanted.tolist()      # of c nothing is known
    ([[0.0, 1.0]], [2])
    """
    if "item_id" not in log:
        raise ValueError("a ranking needs items: the log has no column item_id")
    found = checked(log)
    moment, length = found.moment(at, "at"), duration(ahead, "ahead")
    times = log["timestamp"]
    past = (times < moment).to_numpy()
    window = ((times >= moment) & (times < moment + length)).to_numpy()
    if not past.any() or not window.any():
        raise ValueError(f"{past.sum():,} events before {moment} and {window.sum():,} in the {length} from "
                         "it on: a test needs both")
    before = log.loc[past, ["user_id", "item_id", "timestamp"]]
    after = log.loc[window, ["user_id", "item_id"]].drop_duplicates()
    named = pd.concat([before["user_id"], after["user_id"]]) if everyone else after["user_id"]
    users, items = pd.Index(np.sort(named.unique())), pd.Index(np.sort(before["item_id"].unique()))
    row, column = users.get_indexer(after["user_id"]), items.get_indexer(after["item_id"])
    old = column >= 0
    relevant = sparse.csr_array((np.ones(old.sum()), (row[old], column[old])), shape=(len(users), len(items)))
    user = users.get_indexer(before["user_id"])
    return GlobalCut(
        at=moment, users=users, items=items, relevant=relevant,
        wanted=np.bincount(row, minlength=len(users)),
        known=np.isin(np.arange(len(users)), user),
        user=user, item=items.get_indexer(before["item_id"]),
        age=((moment - before["timestamp"]) / pd.Timedelta(days=1)).to_numpy(),
    )


def _kept(cut: GlobalCut, half_life: HalfLife) -> np.ndarray:
    """Weight of every event before the cut; 1 for a half-life of None."""
    if half_life is None:
        return np.ones(len(cut.age))
    return Exponential(duration(half_life, "half_life") / pd.Timedelta(days=1))(cut.age)


def decayed_popularity(cut: GlobalCut, half_life: HalfLife = None) -> np.ndarray:
    r"""How popular each item is at the cut: its events, decayed.

    .. math:: f_i = \sum_{j\,:\,i_j = i} 2^{-(t - t_j)/h}

    Parameters
    ----------
    cut
        Of `global_cut`.
    half_life
        A length of time such as ``"7D"``; None: nothing decays.

    Returns
    -------
    numpy.ndarray
        Shape (items,), in events.

    Raises
    ------
    ValueError
        For a half-life not above 0.

    Examples
    --------
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-08"])
    >>> log = pd.DataFrame({"user_id": [1, 1, 2], "item_id": list("aba"), "timestamp": days})
    >>> cut = global_cut(log, "2024-01-08")
    >>> decayed_popularity(cut, "7D").tolist(), decayed_popularity(cut).tolist()
    ([0.5], [1.0])
    """
    return np.bincount(cut.item, _kept(cut, half_life), minlength=len(cut.items))


def decayed_counts(cut: GlobalCut, half_life: HalfLife = None) -> sparse.csr_array:
    r"""How much each user of the window has chosen each item before the cut, decayed.

    .. math:: a_{ui} = \sum_{j\,:\,u_j = u,\, i_j = i} 2^{-(t - t_j)/h}

    Parameters
    ----------
    cut, half_life
        As in `decayed_popularity`.

    Returns
    -------
    scipy.sparse.csr_array
        Shape (users, items), in events; an entry is stored for each pair that was seen, however old.

    Raises
    ------
    ValueError
        For a half-life not above 0.

    Examples
    --------
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-15"])
    >>> log = pd.DataFrame({"user_id": [1, 1, 1], "item_id": list("aab"), "timestamp": days})
    >>> decayed_counts(global_cut(log, "2024-01-15"), "7D").toarray().tolist()
    [[0.75]]
    """
    asked = cut.user >= 0
    return sparse.coo_array((_kept(cut, half_life)[asked], (cut.user[asked], cut.item[asked])),
                            shape=(len(cut.users), len(cut.items))).tocsr()


def filled_up(own: sparse.csr_array, popularity: ArrayLike) -> np.ndarray:
    """Scores that put a user's own items first and fill the list up with popular ones.

    Parameters
    ----------
    own
        Shape (users, items): the scores of own items; what is not above 0 is no own item.
    popularity
        Shape (items,), at least 0: decides among the other items, and among own ones with the same score.

    Returns
    -------
    numpy.ndarray
        Shape (users, items). Only the order means anything: the dense rank of an own score (1 the lowest),
        plus the popularity, scaled to below 1.

    Raises
    ------
    ValueError
        For shapes that do not fit, or a negative popularity.

    Examples
    --------
    >>> own = sparse.csr_array(np.array([[0, 0.1, 0.7, 0.1]]))
    >>> filled_up(own, [4, 2, 0, 1]).round(2).tolist()
    [[0.8, 1.4, 2.0, 1.2]]
    """
    popularity = floats(popularity, "popularity")
    if popularity.shape != (own.shape[1],) or (popularity < 0).any():
        raise ValueError(f"popularity must be one number >= 0 for each of the {own.shape[1]} items")
    scores = np.tile(popularity / (popularity.max(initial=0) + 1), (own.shape[0], 1))
    own = sparse.csr_array(own)
    for row, (begin, end) in enumerate(pairwise(own.indptr)):
        columns, values = own.indices[begin:end], own.data[begin:end]
        columns, values = columns[values > 0], values[values > 0]
        scores[row, columns] += 1 + np.unique(values, return_inverse=True)[1]
    return scores


def score_ranking(scores: ArrayLike, relevant: sparse.csr_array, k: int = 10, wanted: ArrayLike | None = None
                  ) -> pd.DataFrame:
    r"""Recall, precision and nDCG at k of each user's list, in expectation over the order of tied items.

    With :math:`r` the ranks of the user's relevant items and :math:`R` their number,

    .. math:: \text{recall} = \frac{|\{r \le k\}|}{R},\quad \text{precision} = \frac{|\{r \le k\}|}{k},\quad
              \text{nDCG} = \frac{\sum_{r \le k} 1/\log_2(1 + r)}{\sum_{r \le \min(k, R)} 1/\log_2(1 + r)}

    Parameters
    ----------
    scores
        Shape (users, items), or (items,) if all users get one list. The higher, the further up; -inf: never
        shown. All items are ranked, none sampled.
    relevant
        Sparse or dense, shape (users, items): above 0 where the item is relevant.
    k
        Length of the list.
    wanted
        Shape (users,): R, where some relevant items are in no column. Default: the row's sum of entries.

    Returns
    -------
    pandas.DataFrame
        One row a user with the columns ``recall``, ``precision`` and ``ndcg``; NaN for a user with R = 0.

    Raises
    ------
    ValueError
        For shapes that do not fit, NaN among the scores, or R below what the row holds.

    Notes
    -----
    A group of m items with the same score holds the places g+1 to g+m, and each of its items stands at each
    of these places with probability 1/m. A broken tie would be decided by the order of the columns, which
    often knows more than it should: files are sorted by popularity or by time.

    Examples
    --------
    Two relevant items of four, one of them tied with another for the second place:

    >>> score_ranking([0.9, 0.5, 0.5, 0.1], np.array([[1, 1, 0, 0]]), k=2).round(3).to_dict("records")
    [{'recall': 0.75, 'precision': 0.75, 'ndcg': 0.807}]
    """
    k = whole(k, "k")
    hits = sparse.csr_array(relevant) > 0
    hits.eliminate_zeros()
    scores = np.asarray(scores)
    if scores.dtype.kind not in "iuf" or scores.shape not in (hits.shape, hits.shape[1:]):
        raise ValueError(f"scores must be numbers of shape {hits.shape} or {hits.shape[1:]}, got "
                         f"{scores.dtype} of {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError("scores must not be NaN; -inf for an item that is never shown")
    held = np.diff(hits.indptr)
    R = held if wanted is None else floats(wanted, "wanted")
    if R.shape != held.shape or (R < held).any():
        raise ValueError("wanted must give each user a number, at least the number of relevant columns")
    places = np.arange(1, k + 1)
    gain = np.cumsum(1 / np.log2(1 + places))
    upto = np.stack([np.r_[0, places], np.r_[0, gain]])  # hits, gain up to n

    shown = _top(scores, k) if scores.ndim == 1 else None
    found = np.zeros((len(held), 2))
    for user, (begin, end) in enumerate(pairwise(hits.indptr)):
        if begin == end:
            continue
        row = scores if scores.ndim == 1 else scores[user]
        top = _top(row, k) if shown is None else shown
        mine = row[hits.indices[begin:end]]
        mine = mine[(mine > -np.inf) & (mine >= top[0])]
        above = len(top) - np.searchsorted(top, mine, side="right")
        tied = len(top) - np.searchsorted(top, mine, side="left") - above
        share = upto[:, np.minimum(above + tied, k)] - upto[:, np.minimum(above, k)]
        found[user] = (share / tied).sum(axis=1)
    best = upto[1, np.minimum(R, k).astype(int)]
    with np.errstate(invalid="ignore"):
        table = {"recall": found[:, 0] / R, "precision": np.where(R > 0, found[:, 0] / k, np.nan),
                 "ndcg": found[:, 1] / best}
    return pd.DataFrame(table)


def _top(row: np.ndarray, k: int) -> np.ndarray:
    """The k highest scores and all that are tied with the last of them, ascending."""
    if k < len(row):
        row = row[row >= np.partition(row, -k)[-k]]
    return np.sort(row)

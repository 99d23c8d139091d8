r"""Vectors of items from the company they keep, without a network: counts, logarithms, one factorisation.

Items that stand in the same baskets get like vectors:

.. math:: \text{PMI}_{ij} = \ln \frac{C_{ij}\, C}{C_i\, C_j}, \qquad
          \max(\text{PMI} - \ln k,\ 0) \approx V V^\top

with C the number of baskets that hold both (`together`), its row sums :math:`C_i` and its sum C. `ppmi` is
the left side, `item_vectors` the factors V; `next_scores` turns any table of likeness into scores of the next
item, in which what lies further back in the basket counts less.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse.linalg import eigsh

from interestdecay_lib._arguments import floats, is_number, whole

__all__ = ["basket_table", "item_vectors", "most_frequent", "next_scores", "ppmi", "together"]


def most_frequent(items: pd.Series, number: int) -> pd.Index:
    """The items with the most rows, ties in the order of their names.

    Examples
    --------
    >>> most_frequent(pd.Series(["mug", "lamp", "lamp", "bag", "mug"]), 2).tolist()
    ['lamp', 'mug']
    """
    counts = items.value_counts().sort_index()
    return counts.sort_values(ascending=False, kind="stable").index[:whole(number, "number")]


def basket_table(log: pd.DataFrame, items: pd.Index, basket: str = "invoice", length: int = 16, least: int = 3
                 ) -> tuple[np.ndarray, pd.DataFrame]:
    """The first lines of each basket as whole numbers, which is what networks and counts here read.

    Parameters
    ----------
    log
        An event log with ``item_id`` and the column `basket`, each item at most once a basket; the order of
        the rows is that of the lines.
    items
        The items that get the numbers 1, 2, ...; lines of other items are left out.
    basket
        Name of the column that says which basket a line is of.
    length
        Lines that are kept of a basket, the first ones.
    least
        Baskets with fewer lines (of these items) are left out.

    Returns
    -------
    table : numpy.ndarray
        Shape (baskets, length), 0 behind the last line.
    baskets : pandas.DataFrame
        The first line of each basket, as it stands in the log, in the same order.

    Examples
    --------
    >>> log = pd.DataFrame({"item_id": list("abxbca"), "invoice": [1, 1, 1, 2, 2, 3]})
    >>> table, baskets = basket_table(log, pd.Index(["a", "b", "c"]), length=3, least=2)
    >>> table.tolist(), baskets["invoice"].tolist()
    ([[1, 2, 0], [2, 3, 0]], [1, 2])
    """
    number = items.get_indexer(log["item_id"]) + 1
    lines = log[number > 0]
    place, _ = pd.factorize(lines[basket])
    line = lines.groupby(place).cumcount().to_numpy()
    table = np.zeros((place.max(initial=-1) + 1, length), np.int32)
    early = line < length
    table[place[early], line[early]] = number[number > 0][early]
    kept = np.bincount(place, minlength=len(table)) >= least
    return table[kept], lines[line == 0][kept].reset_index(drop=True)


def together(baskets: ArrayLike, items: int) -> sparse.csr_array:
    """In how many baskets each two items stand together.

    Parameters
    ----------
    baskets
        Shape (n, length), whole numbers: 1 to `items` are items, 0 is nothing. An item counts once a basket.
    items
        Number of items.

    Returns
    -------
    scipy.sparse.csr_array
        Shape (items + 1, items + 1), symmetric, 0 on the diagonal and in row 0, so that item i has row i.

    Examples
    --------
    >>> together([[1, 2, 0], [2, 1, 3]], items=3).toarray().astype(int).tolist()
    [[0, 0, 0, 0], [0, 0, 2, 1], [0, 2, 0, 1], [0, 1, 1, 0]]
    """
    baskets, items = _numbers(baskets, whole(items, "items")), whole(items, "items")
    row = np.repeat(np.arange(len(baskets)), baskets.shape[1])
    inside = baskets.ravel() > 0
    B = sparse.coo_array((np.ones(inside.sum()), (row[inside], baskets.ravel()[inside])),
                         shape=(len(baskets), items + 1)).tocsr()
    B.data[:] = 1  # an item that is in a basket twice
    C = sparse.csr_array(B.T @ B)
    C.setdiag(0)
    C.eliminate_zeros()
    return C


def ppmi(counts: sparse.csr_array | ArrayLike, negatives: float = 1.0) -> sparse.csr_array:
    r"""How much more often two items stand together than chance would have it, in logarithms, never below 0.

    .. math:: m_{ij} = \max\Big(\ln \frac{C_{ij}\, C}{C_i\, C_j} - \ln k,\ 0\Big)

    Parameters
    ----------
    counts
        C, symmetric, at least 0, as `together` makes it.
    negatives
        k, at least 1: the higher, the fewer pairs are kept.

    Returns
    -------
    scipy.sparse.csr_array
        Of the same shape, symmetric.

    Raises
    ------
    ValueError
        For counts that are not symmetric or below 0, or a k below 1.

    Notes
    -----
    Levy and Goldberg (2014): skip-gram with k negative samples implicitly factorises
    :math:`\text{PMI} - \ln k`; the maximum with 0 and a factorisation by singular values are theirs, too.

    Examples
    --------
    Two items that are always together, and two that are as often together as chance has it:

    >>> ppmi([[0, 4, 0], [4, 0, 0], [0, 0, 0]]).toarray().round(3).tolist()
    [[0.0, 0.693, 0.0], [0.693, 0.0, 0.0], [0.0, 0.0, 0.0]]
    >>> ppmi([[1, 1], [1, 1]]).toarray().tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    C = sparse.coo_array(sparse.csr_array(counts, dtype=float))
    if C.shape[0] != C.shape[1] or abs(C - C.T).max() > 0 or (C.data < 0).any():
        raise ValueError("counts must be symmetric and at least 0")
    if not (is_number(negatives) and negatives >= 1):
        raise ValueError(f"negatives must be at least 1, got {negatives!r}")
    C.eliminate_zeros()
    total = C.sum(axis=1)
    i, j = C.row, C.col
    value = np.log(C.data * total.sum() / (total[i] * total[j])) - np.log(negatives)
    kept = sparse.csr_array((np.maximum(value, 0), (i, j)), shape=C.shape)
    kept.eliminate_zeros()
    return kept


def item_vectors(matrix: sparse.csr_array | ArrayLike, size: int) -> np.ndarray:
    r"""Vectors whose products come close to a symmetric matrix: its largest eigenvalues and their vectors.

    .. math:: M \approx V V^\top, \qquad V = U \sqrt{\Lambda_+}

    Parameters
    ----------
    matrix
        M, symmetric, shape (items, items), such as `ppmi`.
    size
        Columns of V, below the number of items.

    Returns
    -------
    numpy.ndarray
        Shape (items, size), most important column first; a column whose eigenvalue is not above 0 is 0. The
        largest entry of each column is positive, which fixes its sign.

    Raises
    ------
    ValueError
        For a size that is too large.

    Notes
    -----
    Among all :math:`V V^\top` of this size it has the smallest squared error. No seed, no epochs: the same
    vectors on every run, but for rounding (and for turns among columns of equal eigenvalues).

    Examples
    --------
    >>> M = np.array([[2.0, 1, 0], [1, 2, 0], [0, 0, 1]])
    >>> V = item_vectors(M, 1)
    >>> abs(V @ V.T).round(2).tolist()[0]
    [1.5, 1.5, 0.0]
    """
    M = sparse.csr_array(matrix, dtype=float)
    size = whole(size, "size")
    if size >= M.shape[0]:
        raise ValueError(f"{M.shape[0]} items have vectors of at most {M.shape[0] - 1} numbers, got {size}")
    start = np.random.default_rng(0).random(M.shape[0])  # the same on every run; ones may be orthogonal to U
    value, U = eigsh(M, k=size, which="LA", v0=start)
    order = np.argsort(-value)
    value, U = value[order], U[:, order]
    U = U * np.sign(U[np.abs(U).argmax(axis=0), np.arange(size)])
    return U * np.sqrt(np.maximum(value, 0))


def next_scores(baskets: ArrayLike, likeness: ArrayLike, half_life: float | None = None) -> np.ndarray:
    r"""Scores of the next item for each place of each basket: likeness to the items before, decayed.

    .. math:: s_t = \sum_{j < t} 2^{-(t - 1 - j)/h}\, S_{b_j}

    Parameters
    ----------
    baskets
        Shape (n, length), 0 is nothing.
    likeness
        S, shape (items + 1, items + 1): row i says how well each item follows item i; row 0 is ignored.
    half_life
        h, in items; None: all items of the basket count the same.

    Returns
    -------
    numpy.ndarray
        Shape (n, length, items + 1); 0 everywhere before the first item.

    Raises
    ------
    ValueError
        For shapes that do not fit, or a half-life not above 0.

    Examples
    --------
    >>> S = [[0, 0, 0], [0, 0, 1], [0, 3, 0]]
    >>> next_scores([[1, 2, 0]], S, half_life=1).tolist()
    [[[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 3.0, 0.5]]]
    """
    S = floats(likeness, "likeness")
    if S.ndim != 2 or S.shape[0] != S.shape[1]:
        raise ValueError(f"likeness must be a table of all pairs of items, got {S.shape}")
    if half_life is not None and not (is_number(half_life) and half_life > 0):
        raise ValueError(f"half_life must be above 0, got {half_life!r}")
    baskets = _numbers(baskets, len(S) - 1)
    S = np.vstack([np.zeros_like(S[:1]), S[1:]])
    keep = 1.0 if half_life is None else 2.0 ** (-1 / half_life)
    scores = np.zeros((*baskets.shape, len(S)))
    for t in range(1, baskets.shape[1]):
        scores[:, t] = keep * scores[:, t - 1] + S[baskets[:, t - 1]]
    return scores


def _numbers(baskets: ArrayLike, items: int) -> np.ndarray:
    """Whole numbers from 0 to items, shape (n, length)."""
    found = floats(baskets, "baskets")
    if found.ndim != 2 or (found < 0).any() or (found > items).any() or (found % 1 != 0).any():
        raise ValueError(f"baskets must be whole numbers from 0 to {items}, shape (n, length)")
    return found.astype(np.int64)

r"""Recommenders small enough to read: neighbours, factors, and the weights that time puts on them.

All of them turn a matrix A of users and items (`ranking.decayed_counts`, or ratings) into scores of the same
shape, which `ranking.score_ranking` judges:

- neighbours: items that are chosen by the same users are alike, :math:`S`; a user's scores are
  :math:`A S` (`similarity`; on the transposed matrix, users are alike and the scores are :math:`S A`);
- factors: :math:`A \approx X Y^\top` with few columns (`factorise`).

Time enters before either: what an event is worth at its age (`time_weight`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from interestdecay_lib._arguments import floats, is_number, whole

__all__ = ["TIME_WEIGHTS", "factorise", "similarity", "spread_out", "time_weight"]

#: What an event of age a keeps, by the shape of the weight; each keeps one half at a = h.
TIME_WEIGHTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda x: np.ones_like(x),
    "exponential": lambda x: 2.0 ** -x,
    "hyperbolic": lambda x: 1 / (1 + x),
    "square root": lambda x: 1 / np.sqrt(1 + 3 * x),
    "linear": lambda x: np.maximum(1 - x / 2, 0),
    "window": lambda x: np.where(x < 1, 1.0, np.where(x == 1, 0.5, 0.0)),
    "logistic": lambda x: 2 / (1 + 3.0 ** x),
}


def time_weight(age: ArrayLike, shape: str = "exponential", half_life: float = 1.0) -> np.ndarray:
    r"""What an event is worth at its age, in one of seven shapes that keep one half at the half-life.

    With :math:`x = a/h`: none 1; exponential :math:`2^{-x}`; hyperbolic :math:`1/(1+x)`; square root
    :math:`1/\sqrt{1+3x}`; linear :math:`\max(1 - x/2, 0)`; window 1 before h and 0 after; logistic
    :math:`2/(1+3^x)`.

    Parameters
    ----------
    age
        At least 0, in the unit of the half-life.
    shape
        A key of `TIME_WEIGHTS`.
    half_life
        Above 0.

    Returns
    -------
    numpy.ndarray
        Of the shape of `age`, from 0 to 1.

    Raises
    ------
    ValueError
        For a negative age, an unknown shape, or a half-life not above 0.

    Notes
    -----
    The exponential is the weight of Ding and Li (2005), Time weight collaborative filtering, there put on
    the user's own ratings when neighbours are asked.

    Examples
    --------
    >>> [float(time_weight(7, shape, 7)) for shape in TIME_WEIGHTS]
    [1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    >>> [round(float(time_weight(28, shape, 7)), 3) for shape in TIME_WEIGHTS]
    [1.0, 0.062, 0.2, 0.277, 0.0, 0.0, 0.024]
    """
    age = floats(age, "age")
    if (age < 0).any():
        raise ValueError("age must be at least 0: an event from the future has no weight")
    if not (is_number(half_life) and half_life > 0):
        raise ValueError(f"half_life must be above 0, got {half_life!r}")
    if shape not in TIME_WEIGHTS:
        raise ValueError(f"shape must be one of {list(TIME_WEIGHTS)}, got {shape!r}")
    return TIME_WEIGHTS[shape](age / half_life)


def similarity(matrix: sparse.csr_array | ArrayLike, kind: str = "cosine") -> np.ndarray:
    r"""How alike the columns of a matrix are.

    .. math:: \text{cosine } s_{ij} = \frac{\sum_u a_{ui} a_{uj}}{\|a_{\cdot i}\|\,\|a_{\cdot j}\|},\qquad
              \text{jaccard } s_{ij} = \frac{|U_i \cap U_j|}{|U_i \cup U_j|}

    Parameters
    ----------
    matrix
        Sparse or dense, shape (users, items); transposed it gives the similarity of users.
    kind
        ``"cosine"``; or ``"jaccard"``, which looks only at who has an entry, :math:`U_i`.

    Returns
    -------
    numpy.ndarray
        Shape (items, items); 0 between a column without entries and any other.

    Raises
    ------
    ValueError
        For another kind.

    Examples
    --------
    >>> similarity(np.array([[1, 1, 0], [1, 0, 0]])).round(3).tolist()
    [[1.0, 0.707, 0.0], [0.707, 1.0, 0.0], [0.0, 0.0, 0.0]]
    >>> similarity(np.array([[1, 1, 0], [1, 0, 0]]), "jaccard").round(3).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    matrix = sparse.csr_array(matrix, dtype=float)
    if kind not in ("cosine", "jaccard"):
        raise ValueError(f"kind must be 'cosine' or 'jaccard', got {kind!r}")
    if kind == "jaccard":
        matrix = (matrix != 0).astype(float)
    both = (matrix.T @ matrix).toarray()
    own = both.diagonal()
    size = own[:, None] + own - both if kind == "jaccard" else np.sqrt(own[:, None] * own)
    return np.divide(both, size, out=np.zeros_like(both), where=size > 0)


def factorise(matrix: sparse.csr_array, factors: int = 16, *, confidence: float = 1.0, penalty: float = 1.0,
              rounds: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    r"""Factors of users and items from counts, by alternating least squares.

    Minimises, over X (users) and Y (items), with :math:`p_{ui} = 1` where :math:`a_{ui} > 0`, else 0,

    .. math:: \sum_{u,i} (1 + \alpha a_{ui})\,(p_{ui} - x_u^\top y_i)^2
              + \beta \Big(\sum_u \|x_u\|^2 + \sum_i \|y_i\|^2\Big)

    Parameters
    ----------
    matrix
        Sparse, shape (users, items), at least 0.
    factors
        Columns of X and Y.
    confidence
        :math:`\alpha`, above 0.
    penalty
        :math:`\beta`, above 0.
    rounds
        How often X and then Y is solved for.
    seed
        Of the random start of Y.

    Returns
    -------
    X, Y : numpy.ndarray
        Shapes (users, factors) and (items, factors); the scores are ``X @ Y.T``.

    Raises
    ------
    ValueError
        For a negative entry, or a confidence or penalty not above 0.

    Examples
    --------
    >>> two_groups = sparse.csr_array(np.kron(np.eye(2), np.ones((3, 4))))
    >>> X, Y = factorise(two_groups, 2, penalty=0.01)
    >>> bool(np.abs(X @ Y.T - two_groups.toarray()).max() < 0.01)
    True
    """
    matrix = sparse.csr_array(matrix, dtype=float)
    factors, rounds = whole(factors, "factors"), whole(rounds, "rounds")
    if matrix.data.min(initial=0) < 0:
        raise ValueError("the entries of the matrix must be at least 0")
    if not (is_number(confidence) and confidence > 0 and is_number(penalty) and penalty > 0):
        raise ValueError(f"confidence and penalty must be above 0, got {confidence!r} and {penalty!r}")
    Y = np.random.default_rng(seed).normal(scale=0.1, size=(matrix.shape[1], factors))
    other = sparse.csr_array(matrix.T)
    for _ in range(rounds):
        X = _solve(matrix, Y, confidence, penalty)
        Y = _solve(other, X, confidence, penalty)
    return X, Y


def _solve(matrix: sparse.csr_array, Y: np.ndarray, confidence: float, penalty: float) -> np.ndarray:
    """The best X for a given Y: for each row a system of as many equations as there are factors."""
    everywhere = Y.T @ Y + penalty * np.eye(Y.shape[1])
    X = np.zeros((matrix.shape[0], Y.shape[1]))
    for row in range(matrix.shape[0]):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        chosen, extra = Y[matrix.indices[part]], confidence * matrix.data[part]
        X[row] = np.linalg.solve(everywhere + (chosen.T * extra) @ chosen, chosen.T @ (1 + extra))
    return X


def spread_out(scores: ArrayLike, alike: np.ndarray, k: int = 10, weight: float = 0.5) -> np.ndarray:
    r"""A list of k items that are good and unlike each other, chosen one after the other.

    The next item is the one with the highest :math:`(1-w)\,s_i - w \max_{j \text{ in the list}} s_{ij}`.

    Parameters
    ----------
    scores
        Shape (items,), scaled to 0 to 1 if the weight is to mean something; -inf: never.
    alike
        Shape (items, items): of `similarity`.
    k
        Length of the list, at most the number of items.
    weight
        w, from 0 (scores only) to 1.

    Returns
    -------
    numpy.ndarray
        Shape (k,): the numbers of the items, best first; ties by their number.

    Raises
    ------
    ValueError
        For shapes that do not fit, a k above the number of items, or a weight outside 0 to 1.

    Examples
    --------
    >>> alike = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])
    >>> spread_out([0.9, 0.8, 0.4], alike, k=2, weight=0).tolist()
    [0, 1]
    >>> spread_out([0.9, 0.8, 0.4], alike, k=2).tolist()
    [0, 2]
    """
    scores, k = floats(scores, "scores"), whole(k, "k")
    if scores.ndim != 1 or np.shape(alike) != (len(scores),) * 2 or k > len(scores):
        raise ValueError(f"scores {scores.shape}, alike {np.shape(alike)} and k={k} do not fit")
    if not (is_number(weight) and 0 <= weight <= 1):
        raise ValueError(f"weight must lie between 0 and 1, got {weight!r}")
    left, chosen, closest = (1 - weight) * scores, [], np.zeros(len(scores))
    for _ in range(k):
        best = int(np.argmax(left - weight * closest))
        chosen.append(best)
        closest = np.maximum(closest, alike[best])
        left[best] = -np.inf
    return np.array(chosen)

r"""Why did the model say so? Take events away, in one way or another, and see what the forecast does.

An explanation asks a model about coalitions: which of the n events (or features) of one history are shown.
Its answers are a **game** v, any function of a boolean array (coalitions, n) that returns a number a
coalition, most often log-odds; `game` makes one from a model. Three ways to share v(all) - v(none) out:

- `occlusion`: what is lost when one event alone is taken away, :math:`v(N) - v(N \setminus j)`;
- `shapley_values`: what an event adds, on average over all orders in which the events can come in;
- `lime_weights`: the slopes of a straight surface fitted to coalitions near the whole.

All three agree where v is a sum. `permutation_importance` asks the same of a column of a whole table, and
`surrogate_half_life` says in one number how effects fade with the age of an event. Explanations are judged on
people who are SIMULATED (`simulate_history`), since only there the truth is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from interestdecay_lib._arguments import floats, is_number, whole
from interestdecay_lib.lstm import LSTMWeights, lstm_forward

__all__ = ["History", "ScoringNetwork", "SurrogateHalfLife", "game", "lime_weights", "occlusion",
           "permutation_importance", "shapley_values", "simulate_history", "surrogate_half_life"]

Game = Callable[[np.ndarray], np.ndarray]


# -- one history --------------------------------------------------------------------------------------------


def game(model: Callable[[np.ndarray], ArrayLike], x: ArrayLike, base: ArrayLike = 0.0) -> Game:
    r"""The game of one history: parts that are not shown are replaced by those of a base.

    .. math:: v(z) = f\big(z \odot x + (1 - z) \odot x^0\big)

    Parameters
    ----------
    model
        f: takes an array (m, n, ...) of m histories, returns m numbers.
    x
        Shape (n, ...): the n parts (events, weeks, features) of this history.
    base
        :math:`x^0`, broadcast to the shape of x: what stands where a part is hidden. For events 0 is "did not
        happen"; for features there is no such value, and the answer depends on the choice.

    Returns
    -------
    callable
        v, from a boolean array (coalitions, n) to an array (coalitions,).

    Raises
    ------
    ValueError
        When v is asked about another number of parts.

    Examples
    --------
    >>> v = game(lambda x: x.sum(axis=1) ** 2, [1.0, 2.0])
    >>> v(np.array([[True, True], [True, False]])).tolist()
    [9.0, 1.0]
    """
    x = floats(x, "x")
    base = np.broadcast_to(floats(base, "base"), x.shape)

    def value(shown: np.ndarray) -> np.ndarray:
        shown = np.asarray(shown, dtype=bool)
        if shown.ndim != 2 or shown.shape[1] != len(x):
            raise ValueError(f"this game has {len(x)} parts, so ask it an array (coalitions, {len(x)}), "
                             f"not {shown.shape}")
        mask = shown.reshape(shown.shape + (1,) * (x.ndim - 1))
        return np.asarray(model(np.where(mask, x, base)), dtype=float)

    return value


def occlusion(value: Game, n: int) -> np.ndarray:
    r"""What is lost when one part alone is hidden.

    .. math:: \text{occ}_j = v(N) - v(N \setminus \{j\})

    Parameters
    ----------
    value
        v, from `game`.
    n
        Parts.

    Returns
    -------
    numpy.ndarray
        Shape (n,), in the unit of v. It costs n + 1 answers of the model.

    Notes
    -----
    The numbers need not add up to v(N) - v(none): of two events that would each suffice, neither is missed.

    Examples
    --------
    >>> occlusion(lambda z: z.any(axis=1) * 1.0, 2).tolist()         # either event suffices
    [0.0, 0.0]
    """
    n = whole(n, "n")
    answers = _ask(value, np.vstack([np.ones((1, n), bool), ~np.eye(n, dtype=bool)]))
    return answers[0] - answers[1:]


def shapley_values(value: Game, n: int) -> np.ndarray:
    r"""What a part adds, on average over all orders in which the parts can come in; exact.

    .. math::
        \phi_j = \sum_{Z \subseteq N \setminus \{j\}} \frac{|Z|!\,(n - |Z| - 1)!}{n!}
        \,\big(v(Z \cup \{j\}) - v(Z)\big)

    Parameters
    ----------
    value
        v, from `game`.
    n
        Parts, at most 16: all :math:`2^n` coalitions are asked about.

    Returns
    -------
    numpy.ndarray
        Shape (n,), in the unit of v; the sum is v(N) - v(none).

    Raises
    ------
    ValueError
        For more than 16 parts.

    Notes
    -----
    Source: L. S. Shapley (1953), A Value for n-Person Games; S. M. Lundberg, S.-I. Lee (2017) for models.

    Examples
    --------
    >>> shapley_values(lambda z: z.any(axis=1) * 1.0, 2).tolist()    # either event suffices: half each
    [0.5, 0.5]
    """
    n = whole(n, "n")
    if n > 16:
        raise ValueError(f"{n} parts have {2**n:,} coalitions, too many to ask; join parts, or draw some")
    number = np.arange(2**n)
    shown = (number[:, None] >> np.arange(n)) & 1 > 0
    answers, size = _ask(value, shown), shown.sum(axis=1)
    weight = np.array([1 / (n * comb(n - 1, k)) for k in range(n)])
    phi = np.empty(n)
    for j in range(n):
        without = number[~shown[:, j]]
        phi[j] = weight[size[without]] @ (answers[without | (1 << j)] - answers[without])
    return phi


def lime_weights(value: Game, n: int, coalitions: int = 1000, *, width: float = 0.25, ridge: float = 1e-3,
                 seed: int = 0) -> np.ndarray:
    r"""Slopes of a weighted ridge regression of v on random coalitions, those near the whole weighing more.

    .. math:: \min_{b, \beta} \sum_z e^{-d(z)^2 / \kappa^2} (v(z) - b - z\beta)^2 + \lambda \|\beta\|^2,
              \qquad d(z) = 1 - \sqrt{|z| / n}

    Parameters
    ----------
    value
        v, from `game`.
    n
        Parts.
    coalitions
        How many are drawn, each part shown with probability one half; the whole is always one of them.
    width, ridge
        :math:`\kappa` and :math:`\lambda`, above 0 and at least 0; d is the cosine distance to the whole.
    seed
        Of the draws: another seed is another explanation, unless v is a sum.

    Returns
    -------
    numpy.ndarray
        Shape (n,), in the unit of v.

    Raises
    ------
    ValueError
        For a width not above 0 or a negative ridge.

    Notes
    -----
    LIME of M. T. Ribeiro, S. Singh, C. Guestrin (2016), without its choice of a few parts. Nothing in a
    history says which width is right, and the width changes the answer.

    Examples
    --------
    >>> lime_weights(lambda z: z @ [1.0, 3.0], 2, ridge=0).round(6).tolist()
    [1.0, 3.0]
    """
    n, coalitions = whole(n, "n"), whole(coalitions, "coalitions")
    if not (is_number(width) and width > 0 and is_number(ridge) and ridge >= 0):
        raise ValueError(f"width must be above 0 and ridge at least 0, got {width!r} and {ridge!r}")
    shown = np.random.default_rng(seed).random((coalitions, n)) < 0.5
    shown[0] = True
    near = np.exp(-((1 - np.sqrt(shown.mean(axis=1))) / width) ** 2)
    Z = np.column_stack([np.ones(coalitions), shown])
    penalty = ridge * np.eye(n + 1)
    penalty[0, 0] = 0
    return np.linalg.lstsq((Z.T * near) @ Z + penalty, (Z.T * near) @ _ask(value, shown), rcond=None)[0][1:]


# -- a whole table ------------------------------------------------------------------------------------------


def permutation_importance(score: Callable[[pd.DataFrame], float], X: pd.DataFrame,
                           columns: list | None = None, repeats: int = 10, seed: int = 0) -> pd.DataFrame:
    r"""How far a score falls when a column is shuffled.

    .. math:: \text{imp}_j = s(X) - \frac1R \sum_r s(X^{(j, r)})

    Parameters
    ----------
    score
        s: of a table a number, larger is better; the model and the outcomes are inside.
    X
        A row a customer who did not train the model.
    columns
        Names; a list of names among them is shuffled together. Default: each column alone.
    repeats, seed
        R, and the seed of the shuffles.

    Returns
    -------
    pandas.DataFrame
        A row a column (or group): ``mean`` and ``sd`` over the repeats, in the unit of the score.

    Raises
    ------
    KeyError
        For a column that X does not have.

    Examples
    --------
    >>> X = pd.DataFrame({"used": [0.0, 1.0, 2.0, 3.0], "ignored": [5.0, 1.0, 2.0, 7.0]})
    >>> found = permutation_importance(lambda X: -((X["used"] - [0, 1, 2, 3]) ** 2).mean(), X)
    >>> bool(found.loc["used", "mean"] > 1), float(found.loc["ignored", "mean"])
    (True, 0.0)
    """
    repeats = whole(repeats, "repeats")
    named = list(X.columns) if columns is None else columns
    groups = [name if isinstance(name, list) else [name] for name in named]
    if missing := [c for group in groups for c in group if c not in X.columns]:
        raise KeyError(f"{missing} are no columns of X; there are {list(X.columns)}")
    rng, whole_score, found = np.random.default_rng(seed), score(X), {}
    for group in groups:
        losses = []
        for _ in range(repeats):
            shuffled = X.copy()
            shuffled[group] = X[group].to_numpy()[rng.permutation(len(X))]
            losses.append(whole_score - score(shuffled))
        found[" + ".join(map(str, group))] = {"mean": np.mean(losses), "sd": np.std(losses)}
    return pd.DataFrame(found).T


# -- how effects fade ---------------------------------------------------------------------------------------


class SurrogateHalfLife(NamedTuple):
    """A curve through the effects of events."""

    half_life: float
    """In the unit of the ages; infinite where effects do not fade."""
    first: float
    """The effect of an event of age 0."""
    explained: float
    """Share of the squares of the effects (around 0) that the curve explains, at most 1."""


def surrogate_half_life(age: ArrayLike, effect: ArrayLike, longest: float = 1000.0) -> SurrogateHalfLife:
    r"""The half-life that describes effects of events best, by least squares.

    .. math:: \min_{A, h} \sum_j \big(\text{effect}_j - A\, 2^{-a_j / h}\big)^2

    Parameters
    ----------
    age, effect
        Same shape: ages at least 0, and what the events do, from any of the methods above.
    longest
        Half-lives from a hundredth of the unit to this are tried; one at the end is given as infinite.

    Returns
    -------
    SurrogateHalfLife
        half_life, first, explained.

    Raises
    ------
    ValueError
        For shapes that do not fit, negative ages, or fewer than two different ages.

    Examples
    --------
    >>> found = surrogate_half_life([0, 4, 8], [2.0, 1.0, 0.5])
    >>> round(found.half_life, 3), round(found.first, 3), round(found.explained, 3)
    (4.0, 2.0, 1.0)
    """
    age, effect = floats(age, "age").ravel(), floats(effect, "effect").ravel()
    if age.shape != effect.shape or (age < 0).any() or len(np.unique(age)) < 2:
        raise ValueError("one age of at least 0 for each effect, and at least two different ages")

    def curve(log_h: float) -> tuple[float, float]:
        kept = 2.0 ** (-age / np.exp(log_h))
        first = float(kept @ effect / (kept @ kept))
        return float(((effect - first * kept) ** 2).sum()), first

    grid = np.linspace(np.log(0.01), np.log(longest), 200)
    best = int(np.argmin([curve(log_h)[0] for log_h in grid]))
    ends = grid[max(best - 1, 0)], grid[min(best + 1, 199)]
    found = minimize_scalar(lambda log_h: curve(log_h)[0], bounds=ends, method="bounded",
                            options={"xatol": 1e-9})
    left, first = curve(found.x)
    h = np.inf if found.x > grid[-1] - 1e-3 else float(np.exp(found.x))
    return SurrogateHalfLife(h, first, 1 - left / float(effect @ effect))


# -- a truth, and a network to explain ----------------------------------------------------------------------


class History(NamedTuple):
    """SIMULATED customers of whom everything is known."""

    x: np.ndarray
    """(customers, weeks, 2): purchases and opened newsletters of each week, the newest last."""
    log_odds: np.ndarray
    """(customers,): the true log-odds of buying next week."""
    bought: np.ndarray
    """(customers,): 0 or 1, drawn with these odds."""


def simulate_history(customers: int, weeks: int = 26, half_life: float = 4.0, seed: int = 0) -> History:
    r"""SIMULATED customers whose every purchase has a known effect, and newsletters that have none.

    .. math:: \ln\frac{p}{1 - p} = -2 + \sum_j 2^{-a_j / h}

    Purchases fall at random, at a rate of the customer's own (gamma, shape 2, mean 0.3 a week). A newsletter
    is opened with probability 0.15, in a week with a purchase with 0.65; it changes nothing.

    Parameters
    ----------
    customers, weeks
        Numbers of both.
    half_life
        h, above 0, in weeks; :math:`a_j` is the age of a purchase, 0 in the newest week.
    seed
        Of everything random.

    Returns
    -------
    History
        x, log_odds, bought.

    Raises
    ------
    ValueError
        For a half-life that is not above 0.

    Examples
    --------
    >>> people = simulate_history(1000)
    >>> people.x.shape, bool(people.log_odds.min() >= -2)
    ((1000, 26, 2), True)
    """
    customers, weeks = whole(customers, "customers"), whole(weeks, "weeks")
    if not (is_number(half_life) and half_life > 0):
        raise ValueError(f"half_life must be above 0, got {half_life!r}")
    rng = np.random.default_rng(seed)
    purchases = rng.poisson(rng.gamma(2, 0.15, (customers, 1)), (customers, weeks))
    opened = rng.random((customers, weeks)) < np.where(purchases > 0, 0.65, 0.15)
    log_odds = -2 + purchases @ 2.0 ** (-np.arange(weeks)[::-1] / half_life)
    bought = (rng.random(customers) < 1 / (1 + np.exp(-log_odds))).astype(int)
    return History(np.stack([purchases, opened], axis=-1).astype(float), log_odds, bought)


@dataclass(frozen=True, eq=False)
class ScoringNetwork:
    r"""An LSTM and a line, in NumPy: from weeks to log-odds.

    .. math:: \ln\frac{p}{1 - p} = b + w \cdot s, \qquad s = h_T \ \text{ or }\ s = \sum_t \alpha_t h_t,
              \quad \alpha = \text{softmax}(h_t \cdot u)

    Attributes
    ----------
    weights
        Of the LSTM.
    head, bias
        w, shape (units,), and b.
    attention
        u, shape (units,), or None: then only the last output is read.
    """

    weights: LSTMWeights
    head: np.ndarray
    bias: float
    attention: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in ("head", "attention"):
            given = getattr(self, name)
            if given is not None and np.shape(given) != (self.weights.units,):
                raise ValueError(f"{name} must have shape ({self.weights.units},), got {np.shape(given)}")

    @classmethod
    def read(cls, path: str | Path, kind: str) -> list[ScoringNetwork]:
        """The networks of one kind, a seed each, from a file of `book/_measure/explaining.py`.

        Parameters
        ----------
        path
            The npz file.
        kind
            ``"last"`` (the last output is read) or ``"attention"``.
        """
        with np.load(path) as file:
            parts = [file[f"{kind}_{part}"].astype(float) for part in ("kernel", "recurrent", "lstm_bias",
                                                                       "head", "bias")]
            attention = file["attention_u"].astype(float) if kind == "attention" else [None] * len(parts[0])
        return [cls(LSTMWeights(*arrays[:3]), arrays[3], float(arrays[4]), u)
                for *arrays, u in zip(*parts, attention, strict=True)]

    def log_odds(self, x: ArrayLike) -> np.ndarray:
        """Of histories (customers, weeks, features), shape (customers,)."""
        h = lstm_forward(x, self.weights, return_gates=False).h
        if self.attention is None:
            return h[:, -1] @ self.head + self.bias
        return np.einsum("nt,ntu->nu", self._attend(h), h) @ self.head + self.bias

    def attend(self, x: ArrayLike) -> np.ndarray:
        """The attention of each week, shape (customers, weeks), rows of sum 1.

        Raises
        ------
        ValueError
            For a network without attention.
        """
        if self.attention is None:
            raise ValueError("this network has no attention: it reads its last output only")
        return self._attend(lstm_forward(x, self.weights, return_gates=False).h)

    def _attend(self, h: np.ndarray) -> np.ndarray:
        score = h @ self.attention
        score = np.exp(score - score.max(axis=1, keepdims=True))
        return score / score.sum(axis=1, keepdims=True)

    def randomised(self, seed: int) -> ScoringNetwork:
        """The same network as it was before any training: weights as Keras draws them, nothing learned.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> network = ScoringNetwork(LSTMWeights.random(2, 3, rng), np.ones(3), 0.0)
        >>> network.randomised(1).weights
        LSTMWeights(inputs=2, units=3, parameters=72)
        """
        rng, units = np.random.default_rng(seed), self.weights.units
        limit = np.sqrt(6 / (units + 1))
        attention = None if self.attention is None else rng.uniform(-limit, limit, units)
        return ScoringNetwork(LSTMWeights.random(self.weights.inputs, units, rng),
                              rng.uniform(-limit, limit, units), 0.0, attention)


def _ask(value: Game, shown: np.ndarray) -> np.ndarray:
    answers = np.asarray(value(shown), dtype=float)
    if answers.shape != (len(shown),) or not np.isfinite(answers).all():
        raise ValueError(f"a game must return one finite number a coalition: asked {len(shown)}, got an "
                         f"array of shape {answers.shape}")
    return answers

r"""What may be kept of people's events, and what keeping less costs: names, noise, an account, forgetting.

- names: `pseudonyms` replaces them by keyed hashes, and `alike` counts how many people still look the same in
  the columns that are left: who is alone can be singled out;
- noise: a count that one person moves by at most :math:`\Delta` may be told with `laplace` noise of scale
  :math:`\Delta/\varepsilon` (`discrete_laplace` for whole numbers): no answer becomes more than
  :math:`e^\varepsilon` times as likely by her events;
- an account: training asks thousands of times, and `epsilon_spent` adds up what that gives away; `dp_sgd`
  trains a logistic regression so that the account holds;
- forgetting: `forget_before` deletes events by their age, and says whom that makes disappear.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, gammaln, logsumexp

from interestdecay_lib._arguments import duration, floats, instant, is_number, whole

__all__ = ["CONVERSIONS", "Kept", "alike", "clipped_gradients", "discrete_laplace", "dp_sgd", "epsilon_spent",
           "forget_before", "laplace", "noise_for", "pseudonyms", "renyi_divergence"]

#: How `epsilon_spent` makes one epsilon of Renyi divergences: Mironov (2017), and Canonne et al. (2020).
CONVERSIONS = ("classic", "improved")


# -- names --------------------------------------------------------------------------------------------------


def pseudonyms(ids: ArrayLike, key: bytes, length: int = 16) -> np.ndarray:
    """Names replaced by keyed hashes (HMAC with SHA-256): the same name, the same pseudonym.

    Parameters
    ----------
    ids
        Shape (n,): names or numbers, as they are written (``str``).
    key
        The secret, at least 16 bytes, for example ``secrets.token_bytes(32)``; kept apart from the data.
        Whoever has it can compute the pseudonym of any name; another key makes pseudonyms that cannot be
        joined.
    length
        Hexadecimal digits that are kept, 8 to 64.

    Returns
    -------
    numpy.ndarray
        Texts, shape (n,).

    Raises
    ------
    TypeError, ValueError
        For a key that is no bytes or too short, missing names, or two names with the same pseudonym.

    Notes
    -----
    A hash without a key hides nothing where names can be listed: hash the list and compare. Source: RFC 2104.

    Examples
    --------
    >>> pseudonyms(["ann", "ben", "ann"], key=b"sixteen bytes or more").tolist()
    ['a73f7456b484757d', 'bc56e6c0828adbba', 'a73f7456b484757d']
    """
    if not isinstance(key, bytes):
        raise TypeError(f"key must be bytes, got {type(key).__name__}")
    if len(key) < 16:
        raise ValueError(f"key must have at least 16 bytes, got {len(key)}: a short one can be tried out")
    if whole(length, "length", 8) > 64:
        raise ValueError(f"length must be 8 to 64 hexadecimal digits, got {length}")
    codes, names = pd.factorize(pd.Series(ids))
    if (codes < 0).any():
        raise ValueError(f"{np.count_nonzero(codes < 0)} names are missing")
    hashed = np.array([hmac.new(key, str(name).encode(), hashlib.sha256).hexdigest()[:length]
                       for name in names], dtype=object)
    if len(set(hashed)) < len(hashed):
        raise ValueError("two names have the same pseudonym: keep more digits, or mind how names are written")
    return hashed[codes]


def alike(people: pd.DataFrame, columns: list[str]) -> pd.Series:
    """How many people look like each person in these columns, herself counted: 1 is singled out.

    Parameters
    ----------
    people
        One row a person.
    columns
        What somebody may know of a person; missing values are alike.

    Returns
    -------
    pandas.Series
        Whole numbers by the index of `people`; their minimum is the k of k-anonymity (Sweeney, 2002).

    Raises
    ------
    ValueError
        For columns that are not there, or none.

    Examples
    --------
    >>> people = pd.DataFrame({"country": ["UK", "UK", "UK", "Iceland"], "orders": [1, 1, 7, 1]})
    >>> alike(people, ["country", "orders"]).tolist()
    [2, 2, 1, 1]
    """
    missing = [column for column in columns if column not in people]
    if missing or not columns:
        raise ValueError(f"columns must be among {list(people.columns)}, got {columns}")
    number = people.groupby(columns, dropna=False, sort=False, observed=True).ngroup()
    return number.map(number.value_counts()).rename("alike")


# -- noise --------------------------------------------------------------------------------------------------


def laplace(values: ArrayLike, epsilon: float, rng: np.random.Generator, sensitivity: float = 1.0
            ) -> np.ndarray:
    r"""Values with Laplace noise of scale b = :math:`\Delta/\varepsilon`; standard deviation :math:`\sqrt2b`.

    .. math:: \Pr[M(D) \in A] \le e^{\varepsilon}\, \Pr[M(D') \in A]

    for any set A and any two data sets D, D' that differ in one person.

    Parameters
    ----------
    values
        What is asked, any shape.
    epsilon
        :math:`\varepsilon`, above 0, for all values together.
    rng
        Where the noise comes from. NumPy's generators are fast, not secret: whoever knows the seed subtracts
        the noise.
    sensitivity
        :math:`\Delta`: by how much all values together (the sum of the absolute changes) move if one person
        with all her events comes or goes.

    Raises
    ------
    ValueError
        For an epsilon or a sensitivity that is not above 0.

    Notes
    -----
    Source: Dwork et al. (2006). For teaching: the last digits of floats give noise like this away (Mironov,
    2012). For counts use `discrete_laplace`.

    Examples
    --------
    >>> laplace([100, 3], epsilon=0.5, rng=np.random.default_rng(0)).round(1).tolist()
    [100.6, 1.8]
    """
    return floats(values, "values") + rng.laplace(scale=_scale(epsilon, sensitivity), size=np.shape(values))


def discrete_laplace(values: ArrayLike, epsilon: float, rng: np.random.Generator, sensitivity: int = 1
                     ) -> np.ndarray:
    r"""Whole numbers with whole noise: :math:`\Pr[k] \propto e^{-\varepsilon|k|/\Delta}`.

    The difference of two geometric variables, so there are no digits behind the point to give it away; what
    it promises is what `laplace` promises.

    Parameters
    ----------
    values
        Whole numbers, any shape.
    epsilon, rng, sensitivity
        As in `laplace`; the sensitivity is whole.

    Raises
    ------
    ValueError
        For numbers that are not whole, and as in `laplace`.

    Examples
    --------
    >>> discrete_laplace([100, 3], epsilon=0.5, rng=np.random.default_rng(0)).tolist()
    [102, 3]
    """
    values = floats(values, "values")
    if (values % 1 != 0).any():
        raise ValueError("values must be whole numbers; for others use laplace")
    leave = -np.expm1(-1 / _scale(epsilon, whole(sensitivity, "sensitivity")))
    return (values + rng.geometric(leave, values.shape) - rng.geometric(leave, values.shape)).astype(int)


def _scale(epsilon: float, sensitivity: float) -> float:
    for name, value in (("epsilon", epsilon), ("sensitivity", sensitivity)):
        if not (is_number(value) and 0 < value < np.inf):
            raise ValueError(f"{name} must be above 0, got {value!r}")
    return sensitivity / epsilon


# -- an account ---------------------------------------------------------------------------------------------


def renyi_divergence(rate: float, noise: float, orders: ArrayLike) -> np.ndarray:
    r"""What one noisy step gives away, as Renyi divergence of whole orders :math:`\alpha`.

    .. math:: \frac{1}{\alpha-1} \ln \sum_{k=0}^{\alpha} \binom{\alpha}{k} (1-q)^{\alpha-k} q^k
              e^{(k^2-k)/2\sigma^2}

    Parameters
    ----------
    rate
        q, above 0 and at most 1: the probability that a person is in the batch, drawn for each person on her
        own (Poisson sampling; shuffled batches are another thing).
    noise
        :math:`\sigma`: standard deviation of the Gaussian noise, in units of what one person can change.
    orders
        :math:`\alpha`, whole numbers from 2 on.

    Raises
    ------
    ValueError
        For numbers outside these ranges.

    Notes
    -----
    People come or go (add or remove one). Source: Mironov, Talwar & Zhang (2019); steps add up.

    Examples
    --------
    Without sampling it is :math:`\alpha/2\sigma^2`:

    >>> renyi_divergence(1, 2, [2, 8]).round(4).tolist()
    [0.25, 1.0]
    """
    orders = floats(orders, "orders")
    if not (is_number(rate) and 0 < rate <= 1 and is_number(noise) and noise > 0):
        raise ValueError(f"rate must be in (0, 1] and noise above 0, got {rate!r} and {noise!r}")
    if (orders < 2).any() or (orders % 1 != 0).any():
        raise ValueError("orders must be whole numbers from 2 on")
    found = []
    for a in orders:
        k = np.arange(a + 1)
        left = np.log1p(-rate) * (a - k) if rate < 1 else np.where(k == a, 0, -np.inf)
        found.append(logsumexp(gammaln(a + 1) - gammaln(k + 1) - gammaln(a - k + 1) + left + k * np.log(rate)
                               + k * (k - 1) / (2 * noise**2)) / (a - 1))
    return np.array(found)


def epsilon_spent(rate: float, noise: float, steps: int, delta: float, conversion: str = "improved") -> float:
    r"""The :math:`\varepsilon` of many noisy steps, by the accountant of `renyi_divergence`.

    .. math:: \varepsilon = \min_\alpha\; T R_\alpha + \frac{\ln(1/\delta)}{\alpha-1}

    by the classic conversion; the improved one replaces the last term by
    :math:`\ln(1-1/\alpha) - \ln(\delta\alpha)/(\alpha-1)`, and is smaller for the same training.

    Parameters
    ----------
    rate, noise
        q and :math:`\sigma`, as in `renyi_divergence`.
    steps
        T, how many steps.
    delta
        :math:`\delta`, in (0, 1): the probability that the promise is not kept; below one over the number of
        people.
    conversion
        ``"improved"`` or ``"classic"``.

    Raises
    ------
    ValueError
        For numbers outside these ranges, or another conversion.

    Notes
    -----
    Whole orders from 2 to 256. Sources: Abadi et al. (2016), Mironov (2017), Canonne et al. (2020, prop. 12).

    Examples
    --------
    The example of Abadi et al., who print 1.26:

    >>> [round(epsilon_spent(0.01, 4, 10_000, 1e-5, c), 3) for c in CONVERSIONS]
    [1.259, 1.035]
    """
    if conversion not in CONVERSIONS:
        raise ValueError(f"conversion must be one of {CONVERSIONS}, got {conversion!r}")
    if not (is_number(delta) and 0 < delta < 1):
        raise ValueError(f"delta must be between 0 and 1, got {delta!r}")
    a = np.arange(2, 257)
    R = whole(steps, "steps") * renyi_divergence(rate, noise, a)
    if conversion == "classic":
        return float((R - np.log(delta) / (a - 1)).min())
    return float(max(0.0, (R + np.log1p(-1 / a) - np.log(delta * a) / (a - 1)).min()))


def noise_for(epsilon: float, rate: float, steps: int, delta: float, conversion: str = "improved") -> float:
    r"""The :math:`\sigma` with which `epsilon_spent` is `epsilon`; the other arguments are its own.

    Raises
    ------
    ValueError
        Where no noise between 0.2 and 2,000 gives it.

    Examples
    --------
    >>> noise = noise_for(2, rate=0.05, steps=300, delta=1e-5)
    >>> round(noise, 2), round(epsilon_spent(0.05, noise, 300, 1e-5), 6)
    (2.09, 2.0)
    """
    def off(log_noise):
        return epsilon_spent(rate, np.exp(log_noise), steps, delta, conversion) - epsilon

    ends = np.log((0.2, 2000))
    if not (is_number(epsilon) and off(ends[0]) > 0 > off(ends[1])):
        raise ValueError(f"no noise between 0.2 and 2,000 spends epsilon={epsilon!r} here")
    return float(np.exp(brentq(off, *ends, xtol=1e-10)))


def clipped_gradients(w: ArrayLike, x: ArrayLike, y: ArrayLike, clip: float) -> np.ndarray:
    r"""The gradient of each person's log loss in a logistic regression, cut to length C.

    .. math:: g_i = (p_i - y_i)\, x_i, \qquad \bar g_i = g_i \min(1,\; C / \|g_i\|)

    Parameters
    ----------
    w
        Weights, shape (d,) or (runs, d).
    x, y
        Inputs (n, d), with a column of ones for the constant; outcomes 0 or 1, (n,).
    clip
        C, above 0: what one person can change at most.

    Returns
    -------
    numpy.ndarray
        Shape (n, d) or (runs, n, d).

    Examples
    --------
    >>> clipped_gradients([0.0, 0.0], [[3.0, 4.0], [0.6, 0.8]], [0, 1], clip=1).round(2).tolist()
    [[0.6, 0.8], [-0.3, -0.4]]
    """
    w, x, y = floats(w, "w"), floats(x, "x"), floats(y, "y")
    return _shrunk(w @ x.T, x, y, clip)[..., None] * x


def _shrunk(score: np.ndarray, x: np.ndarray, y: np.ndarray, clip: float) -> np.ndarray:
    """p - y of each row, made smaller where the gradient (p - y) x would be too long."""
    error = expit(score) - y
    return error / np.maximum(1, np.abs(error) * np.linalg.norm(x, axis=1) / clip)


def dp_sgd(x: ArrayLike, y: ArrayLike, noise: float, rate: float, steps: int, rng: np.random.Generator,
           clip: float = 1.0, learning_rate: float = 1.0, runs: int = 1) -> np.ndarray:
    r"""Logistic regression by stochastic gradient descent, whose weights may be told.

    .. math:: w \leftarrow w - \frac{\eta}{qn} \Big( \sum_{i \in B} \bar g_i + \sigma C z \Big),
              \qquad z \sim N(0, I)

    Each person is in the batch B with probability q, on her own; the divisor is the *expected* size of a
    batch, because the true one is about people, too.

    Parameters
    ----------
    x, y
        Inputs (n, d), with a column of ones for the constant; outcomes 0 or 1, (n,). One row is one person.
    noise
        :math:`\sigma`; 0 is training without privacy.
    rate, steps
        q and how many steps; what they cost is told by `epsilon_spent`.
    rng
        Where batches, noise come from.
    clip, learning_rate
        C and :math:`\eta`.
    runs
        How many trainings at once, each with its own batches and noise.

    Returns
    -------
    numpy.ndarray
        Weights, shape (runs, d).

    Raises
    ------
    ValueError
        For shapes and numbers that do not fit.

    Notes
    -----
    Source: Abadi et al. (2016), algorithm 1. Scales of inputs, learning rates and stopping that are chosen by
    looking at the same people are not in the account.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.c_[np.ones(4000), rng.normal(size=4000)]
    >>> y = (rng.random(4000) < expit(x @ [-1, 1])).astype(float)
    >>> dp_sgd(x, y, noise=1.0, rate=0.05, steps=300, rng=rng, learning_rate=2, runs=20).mean(axis=0).round(1)
    array([-1. ,  1.1])
    """
    x, y = floats(x, "x"), floats(y, "y")
    if x.ndim != 2 or y.shape != x.shape[:1] or not np.isin(y, (0, 1)).all():
        raise ValueError(f"x {x.shape} must be (n, d) and y {y.shape} (n,), of 0 and 1")
    if not (is_number(noise) and noise >= 0 and is_number(rate) and 0 < rate <= 1):
        raise ValueError(f"noise must be at least 0 and rate in (0, 1], got {noise!r} and {rate!r}")
    if not (is_number(clip) and clip > 0 and is_number(learning_rate) and learning_rate > 0):
        raise ValueError(f"clip and learning_rate must be above 0, got {clip!r} and {learning_rate!r}")
    n, d = x.shape
    w = np.zeros((whole(runs, "runs"), d))
    for _ in range(whole(steps, "steps")):
        batch = rng.random((runs, n), dtype=np.float32) < rate
        run, person = np.nonzero(batch)
        rows = x[person]
        error = _shrunk(np.einsum("ij,ij->i", rows, w[run]), rows, y[person], clip)
        total = np.stack([np.bincount(run, error * rows[:, j], minlength=runs) for j in range(d)], axis=1)
        w -= learning_rate / (rate * n) * (total + noise * clip * rng.normal(size=w.shape))
    return w


# -- forgetting ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """What is left of a log: its events, and the shares of events and of people that are left."""

    log: pd.DataFrame
    events: float
    people: float


def forget_before(log: pd.DataFrame, at: object, keep: object) -> Kept:
    """The log without the events that are older than `keep` at the moment `at`, nor those at or after it.

    Parameters
    ----------
    log
        With ``user_id`` and ``timestamp``.
    at
        A date; an event at this very moment is in the future.
    keep
        A length of time, such as ``"365D"``; an event of just this age is kept.

    Returns
    -------
    Kept
        The events that are left, and the shares (of events and of people before `at`) that they are.

    Raises
    ------
    ValueError
        For a log without events before `at`, and what is no date or no length.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 2], "timestamp": pd.to_datetime(
    ...     ["2024-01-01", "2024-06-01", "2024-02-01"])})
    >>> kept = forget_before(log, "2024-07-01", "90D")
    >>> len(kept.log), round(kept.events, 3), kept.people
    (1, 0.333, 0.5)
    """
    at = instant(at, "at")
    past = log[log["timestamp"] < at]
    if past.empty:
        raise ValueError(f"no event before {at}")
    kept = past[past["timestamp"] >= at - duration(keep, "keep")]
    return Kept(kept, len(kept) / len(past), kept["user_id"].nunique() / past["user_id"].nunique())

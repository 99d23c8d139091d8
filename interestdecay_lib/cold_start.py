r"""What can be said of somebody, or of something, that has hardly been seen: describe, shrink, try out.

Three answers to having too few events:

- describe: items are alike by whatever is known of them, F (words, links of a graph, baskets), and the scores
  of what a user has chosen, K, are :math:`K F F^\top` (`likeness_scores`); an item without a row in F has 0;
- shrink: the fewer events, the closer an estimate stays to that of the crowd (`shrunken_shares` for groups,
  `RateCrowd` for rates of buying, `HalfLifeCrowd` for half-lives);
- try out: show what is unknown now and then, and learn (`simulate_exploration`, on SIMULATED clicks).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, sparse, stats
from scipy.special import logsumexp

from interestdecay_lib._arguments import floats, is_number, whole
from interestdecay_lib.customer_base import NBD

__all__ = ["POLICIES", "HalfLifeCrowd", "RateCrowd", "likeness_scores", "own_half_life", "shrunken_shares",
           "simulate_exploration"]

#: The policies of `simulate_exploration`.
POLICIES = ("random", "greedy", "epsilon", "thompson")


# -- describe -----------------------------------------------------------------------------------------------


def likeness_scores(known: sparse.csr_array | ArrayLike, vectors: sparse.csr_array | ArrayLike) -> np.ndarray:
    r"""Scores of all items by their likeness to the known ones, whatever describes an item.

    .. math:: S = K \hat F \hat F^\top, \qquad \hat F_{i\cdot} = F_{i\cdot} / \|F_{i\cdot}\|

    Parameters
    ----------
    known
        K, sparse or dense, shape (users, items): how much each user has chosen each item.
    vectors
        F, sparse or dense, shape (items, features): words make it content, the baskets or customers of an
        item make it collaborative filtering, the links of a graph a graph recommender.

    Returns
    -------
    numpy.ndarray
        Shape (users, items). All 0 for a user who has chosen nothing, and for an item that nothing describes.

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Notes
    -----
    The same numbers as ``known @ recommending.similarity(vectors.T)``, without a matrix of all pairs of
    items.

    Examples
    --------
    The second item shares a word with the first, the third has no word at all; the second user is new:

    >>> words = np.array([[1, 1], [1, 0], [0, 0]])
    >>> likeness_scores(np.array([[1, 0, 0], [0, 0, 0]]), words).round(3).tolist()
    [[1.0, 0.707, 0.0], [0.0, 0.0, 0.0]]
    """
    K, F = sparse.csr_array(known, dtype=float), sparse.csr_array(vectors, dtype=float)
    if K.shape[1] != F.shape[0]:
        raise ValueError(f"known has {K.shape[1]} items, vectors describe {F.shape[0]}")
    length = np.sqrt(F.multiply(F).sum(axis=1))
    scale = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
    F = sparse.csr_array(F.multiply(scale[:, None]))
    return (K @ F @ F.T).toarray()


# -- shrink -------------------------------------------------------------------------------------------------


def shrunken_shares(counts: ArrayLike, crowd: ArrayLike, strength: float) -> np.ndarray:
    r"""Shares of a group, drawn towards those of the crowd.

    .. math:: \hat p_{gi} = \frac{n_{gi} + \kappa\, p_i}{n_g + \kappa}

    Parameters
    ----------
    counts
        :math:`n_{gi}`, shape (groups, items), at least 0; may be decayed.
    crowd
        :math:`p_i`, shape (items,), at least 0; scaled to the sum 1 here.
    strength
        :math:`\kappa`, above 0: how many events of a group weigh as much as the crowd.

    Returns
    -------
    numpy.ndarray
        Shape (groups, items); each row sums to 1. A group without events has the shares of the crowd.

    Raises
    ------
    ValueError
        For shapes that do not fit, negative counts, or a strength not above 0.

    Notes
    -----
    The mean of the posterior of a multinomial with a Dirichlet prior of parameters :math:`\kappa p_i`.

    Examples
    --------
    >>> shrunken_shares([[0, 0], [6, 0]], [1, 1], strength=6).tolist()
    [[0.5, 0.5], [0.75, 0.25]]
    """
    counts, crowd = floats(counts, "counts"), floats(crowd, "crowd")
    if counts.ndim != 2 or crowd.shape != counts.shape[1:]:
        raise ValueError(f"counts {counts.shape} must be (groups, items) and crowd {crowd.shape} (items,)")
    if (counts < 0).any() or (crowd < 0).any() or not crowd.sum() > 0:
        raise ValueError("counts and crowd must be at least 0, and the crowd not empty")
    if not (is_number(strength) and strength > 0):
        raise ValueError(f"strength must be above 0, got {strength!r}")
    prior = strength * crowd / crowd.sum()
    return (counts + prior) / (counts.sum(axis=1, keepdims=True) + strength)


@dataclass(frozen=True)
class RateCrowd:
    r"""How the rates of a crowd differ: a gamma distribution.

    .. math:: f(\lambda) \propto \lambda^{r-1} e^{-\alpha\lambda}

    Attributes
    ----------
    shape, rate
        r and :math:`\alpha`; :math:`\alpha` has the unit of the time that somebody was watched for, and the
        mean of the crowd is :math:`r/\alpha`.

    Notes
    -----
    With events at random this is the NBD model of Ehrenberg (1959), `customer_base.NBD`, which does the fit.
    """

    shape: float
    rate: float

    def __post_init__(self):
        if not (is_number(self.shape) and self.shape > 0 and is_number(self.rate) and self.rate > 0):
            raise ValueError(f"shape and rate must be above 0, got {self.shape!r} and {self.rate!r}")

    @classmethod
    def fit(cls, events: ArrayLike, watched: ArrayLike) -> RateCrowd:
        """The crowd that makes these counts most likely, each person watched for a time of her own.

        Parameters
        ----------
        events
            Shape (people,): whole numbers of at least 0.
        watched
            A number or shape (people,), above 0.

        Raises
        ------
        ValueError
            For other numbers, nobody or no event at all, or people who do not differ more than chance does.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> crowd = RateCrowd.fit(rng.poisson(4 * rng.gamma(2, 1 / 10, 20_000)), 4)
        >>> round(crowd.shape, 1), round(crowd.rate, 1)
        (2.0, 9.9)
        """
        events, watched = _watched(events, watched)
        if not events.sum() > 0:
            raise ValueError("no event: nothing can be said of this crowd")
        last = np.where(events > 0, watched, 0)  # nobody leaves, so when the last event fell does not matter
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of a crowd without spread: refused below
            crowd = NBD.fit(events, last, watched)
        if crowd.r > 1e4:
            raise ValueError("these people do not differ more than chance does: the spread of the crowd is 0")
        return cls(crowd.r, crowd.alpha)

    def estimate(self, events: ArrayLike, watched: ArrayLike) -> np.ndarray:
        r"""Everybody's rate, drawn towards the crowd's.

        .. math:: \hat\lambda = \frac{r + x}{\alpha + t}
                  = \frac{t}{\alpha + t}\,\frac{x}{t} + \frac{\alpha}{\alpha + t}\,\frac{r}{\alpha}

        Parameters
        ----------
        events, watched
            x and t, as in `fit`; t may be 0 here: of somebody new the estimate is the crowd's mean.

        Examples
        --------
        >>> RateCrowd(1, 10).estimate([0, 0, 3], [0, 10, 10]).tolist()
        [0.1, 0.05, 0.2]
        """
        events, watched = _watched(events, watched, least=0)
        return (self.shape + events) / (self.rate + watched)


def _watched(events: ArrayLike, watched: ArrayLike, least: float | None = None
             ) -> tuple[np.ndarray, np.ndarray]:
    """Counts and times of the same people, checked; times above 0, or at least `least`."""
    events, watched = floats(events, "events"), floats(watched, "watched")
    if events.ndim != 1 or len(events) == 0 or (events < 0).any() or (events % 1 != 0).any():
        raise ValueError("events must be one whole number of at least 0 for each person")
    watched = np.broadcast_to(watched, events.shape)
    if not ((watched > 0) if least is None else (watched >= least)).all():
        raise ValueError("watched must be a time above 0 for each person")
    return events, watched


def own_half_life(events: int, total_age: float, watched: float) -> float:
    r"""The half-life of one person's fading events alone, by maximum likelihood.

    Events fall at random at a rate that fades as :math:`2^{-t/h}` from the person's start on. Given that n
    fall before T, their times :math:`t_j` have the likelihood, with :math:`\rho = \ln 2 / h`,

    .. math:: L(h) = \prod_j \frac{\rho\, e^{-\rho t_j}}{1 - e^{-\rho T}},

    in which the person's speed of buying cancels; n and :math:`\sum t_j` are all that counts.

    Parameters
    ----------
    events, total_age
        n, at least 1, and :math:`\sum t_j`, each time counted from the start.
    watched
        T, in the unit of the times.

    Returns
    -------
    float
        In the unit of the times; infinite where the events do not fade, :math:`\sum t_j \ge nT/2`, or where
        it is thousands of times T.

    Raises
    ------
    ValueError
        For numbers that do not fit.

    Examples
    --------
    >>> round(own_half_life(3, 3 * 10.0, watched=1000), 2)      # nearly all is seen: ln 2 times the mean
    6.93
    >>> own_half_life(2, 60, watched=52)
    inf
    """
    n, total, T = _fading(events, total_age, watched)
    if n.ndim or not n > 0:
        raise ValueError("an own half-life needs at least one event, of one person")
    mean = float(total / n)
    if mean >= T / 2 - 1e-4 * T / 12:  # below rho T = 1e-4 the difference in `excess` is lost to rounding
        return np.inf
    if mean == 0:
        return 0.0

    def excess(rho):
        return 1 / rho - T * np.exp(-rho * T) / -np.expm1(-rho * T) - mean

    rho = optimize.brentq(excess, 0.9e-4 / T, 2 / mean)
    return float(np.log(2) / rho)


def _fading(events: ArrayLike, total_age: ArrayLike, watched: float):
    """Numbers and sums of times, checked."""
    n, total = floats(events, "events"), floats(total_age, "total_age")
    if not (is_number(watched) and watched > 0):
        raise ValueError(f"watched must be above 0, got {watched!r}")
    if n.shape != total.shape or (n < 0).any() or (n % 1 != 0).any():
        raise ValueError("events must be whole numbers of at least 0, one for each total_age")
    if (total < 0).any() or (total > n * watched).any():
        raise ValueError("total_age is a sum of times from 0 to watched, one an event")
    return n, total, float(watched)


@dataclass(frozen=True)
class HalfLifeCrowd:
    r"""How the half-lives of a crowd differ: :math:`\ln h` normal around :math:`\ln m`, standard deviation s.

    Attributes
    ----------
    median
        m, in the unit of the times.
    spread
        s, in natural logarithms: with 0.7, two thirds of the people lie between half and twice the median.
    """

    median: float
    spread: float

    def __post_init__(self):
        if not (is_number(self.median) and self.median > 0 and is_number(self.spread) and self.spread > 0):
            raise ValueError(f"median and spread must be above 0, got {self.median!r} and {self.spread!r}")

    @classmethod
    def fit(cls, events: ArrayLike, total_age: ArrayLike, watched: float) -> HalfLifeCrowd:
        """The crowd that makes these people's times most likely, its half-lives integrated out.

        Parameters
        ----------
        events, total_age, watched
            As in `own_half_life`, the first two of shape (people,).

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> h = 8 * np.exp(0.5 * rng.normal(size=3000))
        >>> times = rng.exponential(h[:, None] / np.log(2), (3000, 20))
        >>> crowd = HalfLifeCrowd.fit(np.full(3000, 20), times.sum(axis=1), watched=1e6)
        >>> round(crowd.median, 1), round(crowd.spread, 2)
        (7.9, 0.49)
        """
        n, total, T = _fading(events, total_age, watched)
        if n.ndim != 1 or not n.sum() > 0:
            raise ValueError("a crowd needs people with events")
        pooled = min(own_half_life(int(n.sum()), float(total.sum()), T), 4 * T)
        grid = np.log(max(pooled, 1e-9 * T)) + np.linspace(-8, 8, 801)
        likely = _log_likelihood(grid, n, total, T)

        def loss(theta):
            prior = stats.norm.logpdf(grid, theta[0], np.exp(theta[1]))
            return -logsumexp(likely + prior, axis=1).mean()

        found = optimize.minimize(loss, [grid[400], -0.5], method="Nelder-Mead",
                                  options={"xatol": 1e-5, "fatol": 1e-9})
        return cls(float(np.exp(found.x[0])), float(np.exp(found.x[1])))

    def estimate(self, events: ArrayLike, total_age: ArrayLike, watched: float, level: float = 0.95
                 ) -> np.ndarray:
        r"""Everybody's half-life, drawn towards the crowd's: the median of the posterior, and its interval.

        Parameters
        ----------
        events, total_age, watched
            As in `fit`; somebody without an event has the crowd's distribution.
        level
            Of the interval.

        Returns
        -------
        numpy.ndarray
            Shape (people, 3): median, low, high.

        Examples
        --------
        >>> HalfLifeCrowd(8, 0.5).estimate([0, 100], [0, 2000], watched=1000).round(1).tolist()
        [[8.0, 3.0, 21.3], [13.6, 11.3, 16.6]]
        """
        n, total, T = _fading(events, total_age, watched)
        if n.ndim != 1 or not 0 < level < 1:
            raise ValueError("one number of events a person, and a level between 0 and 1")
        grid = np.log(self.median) + self.spread * np.linspace(-8, 8, 1601)
        log_density = _log_likelihood(grid, n, total, T) + stats.norm.logpdf(
            grid, np.log(self.median), self.spread)
        density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
        below = np.cumsum((density[:, 1:] + density[:, :-1]) / 2, axis=1)
        below = np.hstack([np.zeros((len(n), 1)), below]) / below[:, -1:]
        wanted = [0.5, (1 - level) / 2, (1 + level) / 2]
        return np.exp([np.interp(wanted, row, grid) for row in below])


def _log_likelihood(grid: np.ndarray, n: np.ndarray, total: np.ndarray, T: float) -> np.ndarray:
    """Of each person's times, shape (people, grid), for the half-lives whose logarithms are the grid."""
    rho = np.log(2) / np.exp(grid)
    return n[:, None] * (np.log(rho) - np.log(-np.expm1(-rho * T))) - total[:, None] * rho


# -- try out ------------------------------------------------------------------------------------------------


def simulate_exploration(chances: ArrayLike, rounds: int, policy: str = "thompson", *, epsilon: float = 0.1,
                         prior: tuple[float, float] = (1.0, 1.0), seed: int = 0) -> np.ndarray:
    r"""SIMULATED clicks on items that are all new at first: what a way of trying them out loses.

    In every round one item is shown. Its chance of a click is known to nobody; the policy knows the clicks
    c and impressions m of each item so far, and has the beta prior :math:`(a, b)`:

    - random: any item;
    - greedy: the item with the highest mean :math:`(a + c)/(a + b + m)`;
    - epsilon: greedy, but any item with probability :math:`\varepsilon`;
    - thompson: the item with the highest draw from :math:`\text{Beta}(a + c,\; b + m - c)`.

    Parameters
    ----------
    chances
        Shape (runs, items): the true chances in each run, 0 to 1.
    rounds
        Impressions of each run.
    policy
        A name of `POLICIES`.
    epsilon
        0 to 1.
    prior
        a and b, above 0.
    seed
        Of everything random.

    Returns
    -------
    numpy.ndarray
        Shape (runs,): the regret, clicks expected from always showing the best item minus clicks expected
        from what was shown.

    Raises
    ------
    ValueError
        For chances outside 0 to 1, an unknown policy, an epsilon or a prior that is none.

    Notes
    -----
    Thompson sampling is of W. R. Thompson (1933).

    Examples
    --------
    >>> chances = np.tile([0.1, 0.3], (100, 1))
    >>> random, thompson = (simulate_exploration(chances, 500, p).mean() for p in ("random", "thompson"))
    >>> bool(thompson < random / 2), bool(abs(random - 50) < 2)
    (True, True)
    """
    chances, rounds = floats(chances, "chances"), whole(rounds, "rounds")
    if chances.ndim != 2 or (chances < 0).any() or (chances > 1).any():
        raise ValueError("chances must be numbers from 0 to 1 of shape (runs, items)")
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {POLICIES}, got {policy!r}")
    a, b = prior
    if not (is_number(epsilon) and 0 <= epsilon <= 1 and a > 0 and b > 0):
        raise ValueError("epsilon must lie between 0 and 1 and the prior above 0, "
                         f"got {epsilon!r} and {prior!r}")
    rng = np.random.default_rng(seed)
    runs, items = chances.shape
    every = np.arange(runs)
    clicks, shown = np.zeros((runs, items)), np.zeros((runs, items))
    for _ in range(rounds):
        if policy == "thompson":
            chosen = rng.beta(a + clicks, b + shown - clicks).argmax(axis=1)
        else:
            mean = (a + clicks) / (a + b + shown)
            mean += 1e-9 * rng.random((runs, items))  # ties are broken at random
            chosen = mean.argmax(axis=1)
            share = {"random": 1.0, "greedy": 0.0, "epsilon": epsilon}[policy]
            chosen = np.where(rng.random(runs) < share, rng.integers(0, items, runs), chosen)
        clicks[every, chosen] += rng.random(runs) < chances[every, chosen]
        shown[every, chosen] += 1
    return (shown * (chances.max(axis=1, keepdims=True) - chances)).sum(axis=1)

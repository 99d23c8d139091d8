"""Estimate a decay curve from an event log, and say how sure one is.

What is fitted is always ``rate(a) = background + scale * w(a)`` with a curve ``w`` of `decay`, by maximum
likelihood. A half-life means nothing without its *definition*: what it is the half-life of. There are four,
each a small object of sufficient statistics by customer:

* `rate_since_first`: purchases per week by weeks since a customer's first one (Poisson);
* `hazard_since_last`: chance of the next purchase by weeks since the last one (binomial in each week);
* `interest_kernel`: rate now as a sum over *all* earlier purchases, each decayed by its age (Poisson);
* `response_kernel`: chance of a click at an impression as a sum over all earlier clicks (logistic).

`fit_decay` estimates one curve, with an interval from resampling customers or from the profile likelihood;
`compare_curves` scores several on customers that they were not fitted to; `profile_likelihood` shows how the
likelihood depends on the half-life alone.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize
from scipy.sparse import csr_array
from scipy.special import expit, gammaincinv, gammaln, xlogy

from interestdecay_lib.decay import (
    CURVES,
    LN2,
    BiExponential,
    DecayCurve,
    Exponential,
    Gaussian,
    Hyperbolic,
    PowerLaw,
    StretchedExponential,
    TanhComplement,
    _as_floats,
    _check_positive,
)
from interestdecay_lib.event_log import DAY, checked

__all__ = [
    "BinnedCounts",
    "DecayFit",
    "KernelCounts",
    "compare_curves",
    "fit_decay",
    "hazard_since_last",
    "interest_kernel",
    "profile_likelihood",
    "rate_since_first",
    "response_kernel",
]

_DAYS = {"days": 1, "weeks": 7}
_FEWEST = 4  # customers that can be resampled; `compare_curves` asks for as many
_TINY = 1e-100  # a rate that has underflowed to 0 makes the likelihood very bad, not undefined
#: of (rate at each age, background): log likelihood and its derivatives by both
Likelihood = Callable[[np.ndarray, float], tuple[float, np.ndarray, float]]


class _Sums(NamedTuple):
    """What a fit needs of the customers, each counted as often as its weight says."""

    events: float
    exposure: np.ndarray  # by age
    moments: float  # of a kernel, otherwise the whole exposure
    likelihood: Likelihood


# -- sufficient statistics ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class BinnedCounts:
    r"""Events and exposure of every customer by age, in bins of one unit.

    With :math:`Y_k` the events and :math:`E_k` the exposure of all customers in bin ``k``, and the rate
    :math:`f_k` at the middle of the bin, the log likelihood is, for ``model="poisson"`` and ``"hazard"``,

    .. math:: \sum_k Y_k \log f_k - E_k f_k - \text{const}, \qquad
              \sum_k Y_k \log(1 - e^{-f_k}) - (E_k - Y_k) f_k .

    Parameters
    ----------
    events, exposure
        Shape (customers, bins): how many events, and how many customer-units (Poisson; may be fractions) or
        open spells (hazard; whole numbers) they come from.
    model
        ``"poisson"`` (any number of events in a bin) or ``"hazard"`` (a spell ends at its first event).
    unit
        Name of the unit of age, in the plural; bin ``k`` is one unit wide and ``k - 0.5`` its age.
    definition
        What the curve is the decay of; it is printed with every half-life.
    first
        Number of the first bin, from 1.

    Raises
    ------
    ValueError
        If the shapes differ, an entry is negative, missing or (where it counts) not whole, there are events
        without exposure or, under ``"hazard"``, more events than spells, or there is no event at all.

    Examples
    --------
    >>> BinnedCounts([[2, 1], [0, 1]], np.ones((2, 2)), "poisson", "weeks", "rate since sign-up")
    BinnedCounts(rate since sign-up: 2 customers, 4 events, ages 0.5 to 1.5 weeks)
    """

    events: np.ndarray
    exposure: np.ndarray
    model: str
    unit: str
    definition: str
    first: int = 1

    def __post_init__(self) -> None:
        if self.model not in ("poisson", "hazard"):
            raise ValueError(f'model must be "poisson" or "hazard", got {self.model!r}')
        events = _counts(self.events, "events", whole=True)
        exposure = _counts(self.exposure, "exposure", whole=self.model == "hazard")
        if events.ndim != 2 or events.shape != exposure.shape:
            raise ValueError("events and exposure must have one shape (customers, bins), got "
                             f"{events.shape} and {exposure.shape}")
        impossible = events > (exposure if self.model == "hazard" else np.where(exposure > 0, np.inf, 0))
        if impossible.any():
            row, column = np.argwhere(impossible)[0]
            raise ValueError(f"{impossible.sum():,} entries have more events than their exposure allows; the "
                             f"first is customer {row}, bin {column + 1}: {events[row, column]:g} events, "
                             f"exposure {exposure[row, column]:g}")
        if not events.any():
            raise ValueError("there is no event, so nothing to estimate a curve from")
        object.__setattr__(self, "events", events)
        object.__setattr__(self, "exposure", exposure)

    def __repr__(self) -> str:
        return _described(self)

    def __len__(self) -> int:
        return len(self.events)

    @property
    def age(self) -> np.ndarray:
        """Middle of every bin, shape (bins,)."""
        return np.arange(self.events.shape[1]) + self.first - 0.5

    def from_bin(self, first: int) -> BinnedCounts:
        """The same counts without the bins before number ``first``; ages stay what they are."""
        last = self.first + self.events.shape[1] - 1
        if first not in range(self.first, last):
            raise ValueError(f"first must be a bin from {self.first} to {last - 1}, got {first!r}")
        skip = int(first) - self.first
        return replace(self, events=self.events[:, skip:], exposure=self.exposure[:, skip:], first=int(first))

    @property
    def total_events(self) -> int:
        return int(self.events.sum())

    @property
    def raw_rate(self) -> np.ndarray:
        """One free rate a bin, shape (bins,): what the data say without any curve; NaN without exposure."""
        return self._free_rates(np.ones(len(self)))

    background_bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)

    @cached_property
    def _constant(self) -> np.ndarray:
        """Part of each customer's Poisson log likelihood that no curve changes (to be subtracted)."""
        return (gammaln(self.events + 1) - xlogy(self.events, self.exposure)).sum(axis=1)

    def _free_rates(self, weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            share = (weights @ self.events) / (weights @ self.exposure)
            return -np.log1p(-share) if self.model == "hazard" else share

    def _sums(self, weights: np.ndarray) -> _Sums:
        Y, E = weights @ self.events, weights @ self.exposure
        return _Sums(float(Y.sum()), E, float(E.sum()), self._likelihood(Y, E, weights))

    def _likelihood(self, Y: np.ndarray, E: np.ndarray, weights: np.ndarray) -> Likelihood:
        if self.model == "hazard":
            def hazard(rate: np.ndarray, background: float) -> tuple[float, np.ndarray, float]:
                f = np.maximum(rate + background, _TINY)
                slope = Y / np.expm1(np.minimum(f, 700)) - (E - Y)  # e^700 is near the largest float
                return float(Y @ np.log(-np.expm1(-f)) - (E - Y) @ f), slope, float(slope.sum())

            return hazard
        constant = float(weights @ self._constant)

        def poisson(rate: np.ndarray, background: float) -> tuple[float, np.ndarray, float]:
            f = np.maximum(rate + background, _TINY)
            slope = Y / f - E
            return float(Y @ np.log(f) - E @ f - constant), slope, float(slope.sum())

        return poisson


@dataclass(frozen=True, eq=False)
class KernelCounts:
    r"""Moments at which something may happen, each with the ages of all earlier events.

    With :math:`S_c = \sum_j n_j\,f(a_{cj})` over the earlier events of moment ``c`` and the background
    :math:`\mu`, the outcome :math:`y_c` is Poisson with mean :math:`\mu + S_c` (``model="poisson"``) or 1
    with probability :math:`1/(1 + e^{-\mu - S_c})` (``model="logistic"``). Made by `interest_kernel` and
    `response_kernel`.
    """

    customer: np.ndarray  # of each moment, (moments,)
    outcome: np.ndarray  # (moments,)
    history: csr_array  # how many earlier events of each age, (moments, ages)
    age: np.ndarray  # (ages,)
    exposure: np.ndarray | csr_array  # Poisson: earlier events by age over *all* moments, (customers, ages)
    moments: np.ndarray  # how many moments, also those without event, by customer, (customers,)
    model: str
    unit: str
    definition: str

    def __repr__(self) -> str:
        return _described(self)

    def __len__(self) -> int:
        return len(self.moments)

    @property
    def total_events(self) -> int:
        return int(self.outcome.sum())

    @property
    def background_bounds(self) -> tuple[float, float]:
        return (-30.0, 30.0) if self.model == "logistic" else (0.0, np.inf)

    def _sums(self, weights: np.ndarray) -> _Sums:
        exposure, moments = np.asarray(weights @ self.exposure), float(weights @ self.moments)
        return _Sums(float(weights[self.customer] @ self.outcome), exposure, moments,
                     self._likelihood(weights, exposure, moments))

    def _likelihood(self, weights: np.ndarray, exposure: np.ndarray, moments: float) -> Likelihood:
        w = weights[self.customer]
        drawn = np.flatnonzero(w)
        y, w, history = self.outcome[drawn], w[drawn], self.history[drawn]
        transposed = history.T.tocsr()
        if self.model == "logistic":
            def logistic(rate: np.ndarray, background: float) -> tuple[float, np.ndarray, float]:
                eta = background + history @ rate
                residual = w * (y - expit(eta))
                value = w @ (y * eta - np.logaddexp(0, eta))
                return float(value), transposed @ residual, float(residual.sum())

            return logistic
        constant = w @ gammaln(y + 1)

        def poisson(rate: np.ndarray, background: float) -> tuple[float, np.ndarray, float]:
            mean = np.maximum(background + history @ rate, _TINY)
            ratio = w * y / mean
            value = (w * y) @ np.log(mean) - exposure @ rate - background * moments - constant
            return float(value), transposed @ ratio - exposure, float(ratio.sum() - moments)

        return poisson


Counts = BinnedCounts | KernelCounts


def _described(data: Counts) -> str:
    return (f"{type(data).__name__}({data.definition}: {len(data):,} customers, {data.total_events:,} "
            f"events, ages {data.age.min():g} to {data.age.max():g} {data.unit})")


def _counts(values: ArrayLike, name: str, *, whole: bool) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    bad = ~(np.isfinite(array) & (array >= 0)) | (whole & (array != np.floor(np.nan_to_num(array))))
    if bad.any():
        what = "whole numbers >= 0" if whole else "finite numbers >= 0"
        raise ValueError(f"{name} must be {what}: {bad.sum():,} are not; the first is {array[bad][0]} at "
                         f"{tuple(int(k) for k in np.argwhere(bad)[0])}")
    return array


def _days_of(log: pd.DataFrame, unit: str, observed_until: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray,
                                                                         int, int]:
    """Customer code, day (from 0), whether it is the customer's first; width of a unit, first unseen day."""
    if unit not in _DAYS:
        raise ValueError(f"unit must be one of {', '.join(_DAYS)}, got {unit!r}")
    if len(log) == 0:
        raise ValueError("the log is empty")
    found = checked(log)
    days = found.purchase_days()
    end = found.observed_until(observed_until)
    start = pd.Timestamp(days.time.min())
    day = (days.time - days.time.min()) // DAY.to_timedelta64()
    customer = days.code
    first = np.append(True, customer[1:] != customer[:-1])
    return customer, day, first, _DAYS[unit], int((end - start) // DAY)


def _bins(periods: int) -> int:
    if isinstance(periods, bool) or not isinstance(periods, (int, np.integer)) or periods < 2:
        raise ValueError(f"periods must be a whole number of at least 2, got {periods!r}")
    return int(periods)


def _tally(customer: np.ndarray, position: np.ndarray, n: int, width: int) -> np.ndarray:
    """How often each (customer, position) occurs, shape (n, width)."""
    return np.bincount(customer * width + position, minlength=n * width).reshape(n, width).astype(float)


def rate_since_first(log: pd.DataFrame, periods: int = 65, unit: str = "weeks", *,
                     observed_until: Any = None) -> BinnedCounts:
    """Purchase days of every customer by time since the first one.

    Parameters
    ----------
    log
        A sorted event log; several events of a customer on one day count once.
    periods
        Number of bins: bin ``k`` holds days 7(k-1)+1 to 7k after the first purchase (unit weeks).
    unit
        ``"weeks"`` or ``"days"``.
    observed_until
        First day that is no longer observed; by default the day after the log's last event.

    Returns
    -------
    BinnedCounts
        One row a customer, in the order of ``user_id``; bins that were not watched to their end have exposure
        0, and their events are left out.

    Raises
    ------
    ValueError
        If the log is not a sorted event log, or nobody was watched long enough to see a second purchase.

    Examples
    --------
    >>> from interestdecay_lib.datasets import load_cdnow
    >>> counts = rate_since_first(load_cdnow())
    >>> counts
    BinnedCounts(rate since first purchase: 23,570 customers, 41,051 events, ages 0.5 to 64.5 weeks)
    >>> counts.raw_rate[[0, 25, 51]].round(4)
    array([0.0644, 0.0236, 0.022 ])
    """
    K = _bins(periods)
    customer, day, first, width, end = _days_of(log, unit, observed_until)
    begun = day[first]
    age = day - begun[customer]
    watched = (end - 1 - begun) // width  # bins seen to their end
    k = (age + width - 1) // width  # bin from 1; the first purchase itself has 0
    counted = (k >= 1) & (k <= np.minimum(watched[customer], K))
    n = len(begun)
    events = _tally(customer[counted], k[counted] - 1, n, K)
    exposure = (np.arange(1, K + 1) <= watched[:, None]).astype(float)
    return BinnedCounts(events, exposure, "poisson", unit, "rate since first purchase")


def hazard_since_last(log: pd.DataFrame, periods: int = 60, unit: str = "weeks", *,
                      observed_until: Any = None) -> BinnedCounts:
    """Ends of silence by time since the last purchase: who is still silent, and who buys.

    Every purchase day opens a spell that the next one ends, or the end of observation (censoring).

    Parameters
    ----------
    log, unit, observed_until
        As in `rate_since_first`.
    periods
        Number of bins; a spell is at risk in a bin if it is still open at its start and watched to its end.

    Returns
    -------
    BinnedCounts
        One row a customer, who may have many spells.

    Raises
    ------
    ValueError
        As in `rate_since_first`.

    Examples
    --------
    >>> from interestdecay_lib.datasets import load_cdnow
    >>> spells = hazard_since_last(load_cdnow())
    >>> (spells.events.sum(axis=0) / spells.exposure.sum(axis=0))[[0, 25, 51]].round(4)
    array([0.1119, 0.0133, 0.0042])
    """
    K = _bins(periods)
    customer, day, first, width, end = _days_of(log, unit, observed_until)
    gap = np.append(day[1:] - day[:-1], 0)
    ended = ~np.append(first[1:], True)  # the next row belongs to the same customer
    k = np.where(ended, (gap + width - 1) // width, np.iinfo(np.int32).max)
    watched = (end - 1 - day) // width
    last = np.minimum(np.minimum(k, watched), K)  # last bin at risk, 0 if there is none
    n = int(first.sum())
    event = ended & (k <= np.minimum(watched, K))
    events = _tally(customer[event], k[event] - 1, n, K)
    leaving = _tally(customer, last, n, K + 1)
    at_risk = leaving[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    return BinnedCounts(events, at_risk, "hazard", unit, "hazard since last purchase")


def interest_kernel(log: pd.DataFrame, unit: str = "weeks", *, observed_until: Any = None) -> KernelCounts:
    r"""Purchases per calendar week, each with the ages of all the customer's earlier purchases.

    The rate in week ``t`` is :math:`\mu + \sum_j f(t - t_j)` over the earlier purchase weeks
    :math:`t_j < t`: interest as a decayed count, with the curve left to be estimated.

    Parameters
    ----------
    log, unit, observed_until
        As in `rate_since_first`. Weeks are counted from the log's first day; the last one counts only if it
        was watched to its end.

    Returns
    -------
    KernelCounts
        The moments are the weeks after the week of the first purchase.

    Raises
    ------
    ValueError
        As in `rate_since_first`.

    Examples
    --------
    >>> from interestdecay_lib.datasets import load_cdnow
    >>> kernel = interest_kernel(load_cdnow(sample=True))
    >>> len(kernel), kernel.total_events, float(kernel.age.max()), kernel.unit
    (2357, 4275, 77.0, 'weeks')
    """
    customer, day, first, width, end = _days_of(log, unit, observed_until)
    steps, n = end // width, int(first.sum())
    if steps < 2:
        raise ValueError(f"the log must span at least two whole {unit}, it spans {end} days")
    seen = day < steps * width
    cells, amount = np.unique(customer[seen] * steps + day[seen] // width, return_counts=True)
    who, when = np.divmod(cells, steps)
    start = np.full(n, steps)
    np.minimum.at(start, who, when)
    # every pair of an active week and an earlier active week of the same customer
    position = np.arange(len(who)) - np.searchsorted(who, who)  # how many active weeks came before
    row = np.repeat(np.arange(len(who)), position)
    column = row - 1 - (np.arange(len(row)) - np.repeat(np.cumsum(position) - position, position))
    later = position > 0
    if not later.any():
        raise ValueError("there is no event after a customer's first one: nothing to estimate a curve from")
    moment = np.cumsum(later) - 1  # active weeks after the first one, numbered
    history = csr_array((amount[column].astype(float), (moment[row], when[row] - when[column] - 1)),
                        shape=(int(later.sum()), steps - 1))
    bought = np.zeros((n, steps))
    bought[who, when] = amount
    # lag l is looked at once for every purchase that lies l or more weeks before the end
    exposure = bought.cumsum(axis=1)[:, :-1][:, ::-1]
    return KernelCounts(who[later], amount[later].astype(float), history, np.arange(1.0, steps), exposure,
                        np.maximum(steps - 1 - start, 0).astype(float), "poisson", unit,
                        "interest kernel over all earlier purchases")


def response_kernel(user: ArrayLike, time: ArrayLike, clicked: ArrayLike, unit: str = "days") -> KernelCounts:
    r"""Impressions, each with the ages of all earlier clicks of the same user.

    The probability of a click is :math:`1/(1 + e^{-\mu - S})` with :math:`S = \sum_j f(t - t_j)` over the
    user's clicks at :math:`t_j < t`.

    Parameters
    ----------
    user, time, clicked
        One entry an impression, sorted by user, then time: the user, the time as a number in ``unit``, and 0
        or 1.
    unit
        Name of the unit of time, in the plural.

    Returns
    -------
    KernelCounts

    Raises
    ------
    ValueError
        If the arrays differ in length, are not sorted, hold missing values or outcomes other than 0 and 1, or
        if no click has an impression after it.

    Examples
    --------
    >>> response_kernel([1, 1, 1, 2], [0.0, 1.5, 4.0, 0.0], [1, 0, 1, 0])
    KernelCounts(response kernel over all earlier clicks: 2 customers, 2 events, ages 1.5 to 4 days)
    """
    code, users = pd.factorize(np.asarray(user))
    time, clicked = _as_floats(time, "times"), np.asarray(clicked, dtype=float)
    if not code.shape == time.shape == clicked.shape or code.ndim != 1:
        raise ValueError("user, time and clicked must have one entry an impression, got the shapes "
                         f"{code.shape}, {time.shape} and {clicked.shape}")
    if (code < 0).any() or not np.isfinite(time).all():
        raise ValueError("user and time must not hold missing values")
    if not np.isin(clicked, (0, 1)).all():
        raise ValueError(f"clicked must be 0 or 1, got {clicked[~np.isin(clicked, (0, 1))][0]}")
    same = code[1:] == code[:-1]
    if (np.diff(code) < 0).any() or (same & (np.diff(time) < 0)).any():
        raise ValueError("impressions must be sorted by user, then time")
    position = np.arange(len(code)) - np.searchsorted(code, code)
    row = np.repeat(np.arange(len(code)), position)
    column = row - 1 - (np.arange(len(row)) - np.repeat(np.cumsum(position) - position, position))
    age = time[row] - time[column]
    pair = (clicked[column] == 1) & (age > 0)
    row, age = row[pair], age[pair]
    if not len(row):
        raise ValueError("no click has an impression of the same user after it: nothing to estimate from")
    history = csr_array((np.ones(len(row)), (row, np.arange(len(row)))), shape=(len(code), len(row)))
    exposure = csr_array((np.ones(len(row)), (code[row], np.arange(len(row)))), shape=(len(users), len(row)))
    return KernelCounts(code, clicked, history, age, exposure, np.bincount(code).astype(float), "logistic",
                        unit, "response kernel over all earlier clicks")


# -- curves as functions of free numbers --------------------------------------------------------------------

#: Parameters of each curve as the optimiser sees them: logarithms, and the logit of a share.
_FREE: dict[type[DecayCurve], tuple[str, ...]] = {
    Exponential: ("half_life",),
    PowerLaw: ("half_life", "exponent"),
    Hyperbolic: ("half_life",),
    StretchedExponential: ("half_life", "shape"),
    Gaussian: ("half_life",),
    BiExponential: ("fast_half_life", "slow_over_fast", "fast_share"),
    TanhComplement: ("half_life",),
}
_FORM_LIMITS = {"exponent": (0.02, 50.0), "shape": (0.05, 10.0), "slow_over_fast": (1.0, 1e4),
                "fast_share": (1e-4, 1 - 1e-4)}
_FORM_STARTS = {"exponent": (0.4, 1.5), "shape": (0.5, 1.0), "slow_over_fast": (8.0, 40.0),
                "fast_share": (0.65,)}


def _freed(name: str, value: float) -> float:
    """A parameter as the free number that the search moves."""
    return math.log(value / (1 - value)) if name == "fast_share" else math.log(value)


def _build(cls: type[DecayCurve], theta: np.ndarray) -> DecayCurve:
    """The curve at free numbers ``theta``."""
    if cls is BiExponential:
        fast = math.exp(theta[0])
        return BiExponential(fast, fast * math.exp(theta[1]), float(expit(theta[2])))
    return cls(*np.exp(theta).tolist())


def _slopes(curve: DecayCurve, age: np.ndarray) -> np.ndarray:
    """Derivatives of the weight by the free numbers, shape (ages, parameters); ages > 0."""
    if isinstance(curve, BiExponential):
        p, x1, x2 = curve.fast_share, age / curve.fast_half_life, age / curve.slow_half_life
        fast, slow = np.exp2(-x1), np.exp2(-x2)
        by_slow = (1 - p) * slow * LN2 * x2
        return np.column_stack([p * fast * LN2 * x1 + by_slow, by_slow, p * (1 - p) * (fast - slow)])
    x, w = age / curve.half_life, curve(age)
    if isinstance(curve, Exponential):
        return (w * LN2 * x)[:, None]
    if isinstance(curve, Gaussian):
        return (w * 2 * LN2 * x**2)[:, None]
    if isinstance(curve, Hyperbolic):
        return (w * x / (1 + x))[:, None]
    if isinstance(curve, TanhComplement):
        return (w * math.log(3) * x / (1 + np.power(3.0, -x)))[:, None]
    if isinstance(curve, StretchedExponential):
        by_h = w * curve.shape * LN2 * x**curve.shape
        return np.column_stack([by_h, -by_h * np.log(x)])
    b, u = curve.exponent, LN2 / curve.exponent
    z = x * math.expm1(u)  # a / s
    by_h = w * b * z / (1 + z)
    return np.column_stack([by_h, by_h * u / -math.expm1(-u) - w * b * np.log1p(z)])


class _Model:
    """Negative mean log likelihood of one curve as a function of free numbers, with its gradient.

    The free numbers are log scale, those of the curve and, if there is one, the background in units of
    ``level``. Dividing by the number of events makes tolerances mean the same on every log.
    """

    def __init__(self, data: Counts, curve: type[DecayCurve], background: bool, sums: _Sums) -> None:
        self.cls, self.age = curve, data.age
        self.names = ("scale", *_FREE[curve], *(("background",) if background else ()))
        self.background = background
        self.events, self.exposure, _, self.likelihood = sums
        if self.events == 0:
            raise ValueError("these customers have no event: nothing to estimate a curve from")
        self.logistic = data.model == "logistic"
        self.level = 1.0 if self.logistic else self.events / self.exposure.sum()
        span = float(data.age.max())
        limits = {**_FORM_LIMITS, "half_life": (1e-5 * span, 100 * span)}
        limits["fast_half_life"] = limits["half_life"]
        low, high = ((b / self.level if b else b) for b in data.background_bounds)
        self.bounds = []
        for name in self.names:
            if name == "scale":
                around = math.log(self.level)
                self.bounds.append((around - 25, around + 25))
            elif name == "background":
                self.bounds.append((low, min(high, 1e3)))
            else:
                self.bounds.append(tuple(_freed(name, edge) for edge in limits[name]))
        self.starting_half_lives = span * np.array([0.02, 0.1, 0.5])

    def starts(self) -> Iterator[np.ndarray]:
        """Free numbers to begin a search from."""
        form = _FREE[self.cls][1:]
        for h, *others in itertools.product(self.starting_half_lives, *(_FORM_STARTS[n] for n in form)):
            theta = np.array([_freed(n, v) for n, v in zip(_FREE[self.cls], (h, *others), strict=True)])
            share = 0.7 if self.background else 1.0
            mass = self.exposure @ _build(self.cls, theta)(self.age)
            scale = 1.0 if self.logistic else share * self.events / max(mass, _TINY)
            extra = [0.0 if self.logistic else 1 - share] if self.background else []
            yield np.array([math.log(scale), *theta, *extra])

    def split(self, theta: np.ndarray) -> tuple[DecayCurve, float, float]:
        """Curve, scale and background at ``theta``."""
        inner = theta[1:-1] if self.background else theta[1:]
        return (_build(self.cls, inner), math.exp(theta[0]),
                float(theta[-1]) * self.level if self.background else 0.0)

    def log_likelihood(self, theta: np.ndarray) -> float:
        curve, scale, background = self.split(theta)
        return self.likelihood(scale * curve(self.age), background)[0]

    def objective(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        curve, scale, background = self.split(theta)
        weight = curve(self.age)
        value, by_rate, by_background = self.likelihood(scale * weight, background)
        gradient = np.empty(len(theta))
        gradient[0] = scale * (by_rate @ weight)
        gradient[1:1 + len(_FREE[self.cls])] = scale * (by_rate @ _slopes(curve, self.age))
        if self.background:
            gradient[-1] = by_background * self.level
        return -value / self.events, -gradient / self.events


@dataclass(frozen=True, eq=False)
class _Optimum:
    theta: np.ndarray
    log_likelihood: float
    converged: bool
    at_bound: tuple[str, ...]


def _maximise(model: _Model, starts: Iterable[np.ndarray], half_life: float | None = None) -> _Optimum:
    """The best of the searches from the two best ``starts``; ``half_life`` is held fixed if given."""
    bounds = list(model.bounds)
    if half_life is not None:
        bounds[1] = (math.log(half_life),) * 2
    low, high = np.transpose(bounds)
    best, best_value = None, np.inf
    begin = [np.clip(start, low, high) for start in starts]
    if len(begin) > 2:
        begin = sorted(begin, key=lambda theta: model.objective(theta)[0])[:2]
    for theta in begin:
        for _ in range(3):  # a search that stops short of a stationary point is taken up again from there
            found = minimize(model.objective, theta, jac=True, method="L-BFGS-B", bounds=bounds,
                             options={"maxiter": 500, "ftol": 1e-14, "gtol": 1e-7, "maxcor": 20})
            theta = found.x
            if _unsolved(found.x, found.jac, low, high) < 1e-6:
                break
        if found.fun < best_value:
            best, best_value = found, found.fun
    theta = best.x
    free = low < high
    on_edge = free & ((theta - low < 1e-6) | (high - theta < 1e-6))
    # no background at all is a finding, not a search cut short
    edge = [n for n, on, t in zip(model.names, on_edge, theta, strict=True) if on and not (
        n == "background" and t == 0)]
    return _Optimum(theta, -best_value * model.events,
                    bool(_unsolved(theta, best.jac, low, high) < 1e-4), tuple(edge))


def _unsolved(theta: np.ndarray, gradient: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Largest component of the gradient that does not push against a bound; 0 at a maximum."""
    return float(np.abs(np.clip(theta - gradient, low, high) - theta).max())


def _checked_curve(curve: Any) -> type[DecayCurve]:
    if isinstance(curve, str) and curve in CURVES:
        return CURVES[curve]
    if not (isinstance(curve, type) and curve in _FREE):
        raise ValueError(f"curve must be a curve of `decay` or its name ({', '.join(CURVES)}), got {curve!r}")
    return curve


def _checked_data(data: Any) -> Counts:
    if not isinstance(data, (BinnedCounts, KernelCounts)):
        raise TypeError("data must come from rate_since_first, hazard_since_last, interest_kernel or "
                        f"response_kernel (or be BinnedCounts), got {type(data).__name__}")
    return data


def _background(data: Counts, background: bool | None) -> bool:
    if background is None:
        return isinstance(data, KernelCounts)
    if not background and data.model == "logistic":
        raise ValueError("the logistic response kernel needs its background: without it, no history means an "
                         "even chance")
    return bool(background)


def _steps(steps: int, what: str, progress: bool | None) -> Iterable[int]:
    """``range(steps)``, with a progress bar if the work takes more than two seconds and a reader is there."""
    if progress is None:
        progress = os.environ.get("INTERESTDECAY_FIGURES", "live") == "live"
    if not progress:
        return range(steps)
    try:
        from tqdm.auto import tqdm
    except ImportError:  # a bar is a comfort, not a need
        return range(steps)
    return tqdm(range(steps), desc=what, delay=2, leave=False)


# -- one curve ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class DecayFit:
    """A fitted curve: ``rate(a) = background + scale * curve(a)``.

    Attributes
    ----------
    curve
        The fitted curve of `decay`; ``curve.half_life`` is also `half_life`.
    scale, background
        In events per customer (or open spell) and unit; of a logistic model, in log odds.
    unit, definition
        Of the half-life: what halves in how many of what.
    log_likelihood
        A sum over all customers, with all constants of the Poisson model.
    converged
        Whether the search ended at a stationary point.
    at_bound
        Names of the parameters that ended on the limit of their range: the data do not determine them, or
        the curve degenerates. Not the background, for which 0 is a proper value.
    customers, events, parameters
        How many; of the parameters, those that were estimated.
    intervals
        By parameter, ``(low, high)``; empty if none was asked for.
    level, method
        Of the intervals: 0.95; ``"bootstrap"``, ``"profile"`` or ``""``.
    replicates
        The bootstrap's estimates, one row a resample of customers, with the columns ``converged`` and
        ``at_bound``.
    """

    curve: DecayCurve
    scale: float
    background: float
    unit: str
    definition: str
    log_likelihood: float
    converged: bool
    at_bound: tuple[str, ...]
    customers: int
    events: int
    parameters: int
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    level: float = 0.95
    method: str = ""
    replicates: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def half_life(self) -> float:
        """Age in ``unit`` at which the part above the background is down to half of its value at age 0."""
        return self.curve.half_life

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the half-life; ``None`` if none was asked for."""
        return self.intervals.get("half_life")

    @property
    def trustworthy(self) -> bool:
        """Whether the search converged away from all bounds."""
        return self.converged and not self.at_bound

    def rate(self, age: Any) -> Any:
        """Fitted rate at an age; of a logistic model, the log odds after one event of that age."""
        return self.background + self.scale * self.curve(age)

    def __str__(self) -> str:
        text = f"{type(self.curve).__name__}: half-life {self.half_life:.3g}"
        if self.interval:
            text += f" [{self.interval[0]:.3g}, {self.interval[1]:.3g}]"
        text += f" {self.unit} ({self.definition})"
        if not self.converged:
            text += "; NOT CONVERGED"
        if self.at_bound:
            text += f"; ON A BOUND: {', '.join(self.at_bound)}"
        if self.replicates is not None:
            doubtful = int((self.replicates["at_bound"] | ~self.replicates["converged"]).sum())
            if doubtful:
                text += f"; {doubtful} of {len(self.replicates)} resamples on a bound or not converged"
        return text


def _values(curve: DecayCurve, scale: float, background: float) -> dict[str, float]:
    """All numbers of a fit by name."""
    own = {f.name: getattr(curve, f.name) for f in fields(curve)}
    return {"half_life": curve.half_life, **own, "scale": scale, "background": background}


def fit_decay(data: Counts, curve: type[DecayCurve] | str = Exponential, *, background: bool | None = None,
              half_life: float | None = None, interval: str | None = None, replicates: int = 200,
              level: float = 0.95, seed: int = 0, progress: bool | None = None) -> DecayFit:
    r"""Maximum-likelihood estimate of a decay curve: :math:`f(a) = \mu + s\,w(a)`.

    Parameters
    ----------
    data
        Sufficient statistics from `rate_since_first`, `hazard_since_last`, `interest_kernel` or
        `response_kernel`: they carry the definition and the unit.
    curve
        A curve of `decay`, as class or name.
    background
        Whether there is a constant part :math:`\mu` that does not decay. Default: only for the kernels.
    half_life
        Held fixed at this value, in the unit of ``data``, while everything else is fitted (not for
        `BiExponential`, which has no single half-life, and without interval); ``None``: estimated.
    interval
        ``"bootstrap"``: refit on resampled customers, percentiles for all parameters. ``"profile"``:
        half-lives whose likelihood is not significantly below the maximum; it takes all events to be
        independent given the curve, so it is too narrow when they come in bursts. An end that the data leave
        open is 0 or infinite. ``None``: no interval.
    replicates, seed
        Of the bootstrap.
    level
        Of the interval.
    progress
        Whether to show a progress bar on long work; by default only where a reader sees it.

    Returns
    -------
    DecayFit
        Its ``converged`` and ``at_bound`` say whether to believe it.

    Raises
    ------
    TypeError
        If ``data`` is no such object.
    ValueError
        If an argument is not one of those above, or there is no event.

    Notes
    -----
    The search runs with the analytic gradient from several starts; half-lives are sought between 1e-5 and 100
    times the largest age.

    Examples
    --------
    >>> from interestdecay_lib.datasets import load_cdnow
    >>> counts = rate_since_first(load_cdnow())
    >>> fit = fit_decay(counts, interval="profile")
    >>> print(fit)
    Exponential: half-life 50.2 [48.3, 52.2] weeks (rate since first purchase)
    >>> fit.converged, fit.at_bound
    (True, ())
    """
    data, cls = _checked_data(data), _checked_curve(curve)
    with_background = _background(data, background)
    if interval not in (None, "bootstrap", "profile"):
        raise ValueError(f'interval must be "bootstrap", "profile" or None, got {interval!r}')
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}")
    if half_life is not None and (interval or cls is BiExponential):
        raise ValueError("a half_life that is held fixed goes with interval=None and a curve with a single "
                         f"half-life, got interval={interval!r} and {cls.__name__}")
    model = _Model(data, cls, with_background, data._sums(np.ones(len(data))))
    fixed = None if half_life is None else _check_positive(half_life, "half_life", f"in {data.unit}")
    best = _maximise(model, model.starts(), fixed)
    fitted, scale, constant = model.split(best.theta)
    fit = DecayFit(fitted, scale, constant, data.unit, data.definition, best.log_likelihood, best.converged,
                   best.at_bound, len(data), data.total_events, len(model.names) - (fixed is not None))
    if interval == "profile":
        return replace(fit, intervals={"half_life": _profile_interval(model, best, level)}, level=level,
                       method=interval)
    if interval == "bootstrap":
        drawn = _bootstrap(data, cls, with_background, best, replicates, seed, progress)
        tail = 100 * (1 - level) / 2
        numbers = drawn.drop(columns=["converged", "at_bound"])
        low, high = np.percentile(numbers.to_numpy(), [tail, 100 - tail], axis=0)
        ends = {name: (float(a), float(b)) for name, a, b in zip(numbers, low, high, strict=True)}
        return replace(fit, intervals=ends, level=level, method=interval, replicates=drawn)
    return fit


def _bootstrap(data: Counts, cls: type[DecayCurve], background: bool, best: _Optimum, replicates: int,
               seed: int, progress: bool | None) -> pd.DataFrame:
    if isinstance(replicates, bool) or not isinstance(replicates, (int, np.integer)) or replicates < 2:
        raise ValueError(f"replicates must be a whole number of at least 2, got {replicates!r}")
    rng, n = np.random.default_rng(seed), len(data)
    if n < _FEWEST:
        raise ValueError(f"{n} customers are too few to draw from: resampled, they would seem more certain "
                         f'than they are; give at least {_FEWEST}, or use interval="profile"')
    rows = []
    for _ in _steps(int(replicates), f"{cls.__name__}: resampling customers", progress):
        weights = rng.multinomial(n, np.full(n, 1 / n)).astype(float)
        model = _Model(data, cls, background, data._sums(weights))
        found = _maximise(model, [best.theta])
        rows.append({**_values(*model.split(found.theta)), "converged": found.converged,
                     "at_bound": bool(found.at_bound)})
    return pd.DataFrame(rows)


def _profile_interval(model: _Model, best: _Optimum, level: float) -> tuple[float, float]:
    if "half_life" not in model.names:
        raise ValueError(f'{model.cls.__name__} has no single half-life to profile; use interval="bootstrap"')
    drop = float(gammaincinv(0.5, level))  # half of the chi-squared quantile with one degree of freedom
    edges = []
    for edge, factor, unlimited in zip(model.bounds[1], (1 / 1.2, 1.2), (0.0, math.inf), strict=True):
        warm = {"theta": best.theta}

        def shortfall(log_h: float, warm: dict = warm) -> float:
            found = _maximise(model, [warm["theta"]], half_life=math.exp(log_h))
            warm["theta"] = found.theta
            return best.log_likelihood - found.log_likelihood - drop

        inner = outer = float(best.theta[1])
        while shortfall(outer) < 0 and outer != edge:  # walk outwards until the likelihood is too low
            inner, outer = outer, float(np.clip(outer + math.log(factor), *model.bounds[1]))
        if shortfall(outer) < 0:  # the data do not rule out any half-life in this direction
            edges.append(unlimited)
        else:
            edges.append(math.exp(brentq(shortfall, inner, outer, xtol=1e-6)))
    return edges[0], edges[1]


def profile_likelihood(data: Counts, half_lives: ArrayLike, curve: type[DecayCurve] | str = Exponential, *,
                       background: bool | None = None) -> np.ndarray:
    """Largest log likelihood at each given half-life, all other parameters free.

    Parameters
    ----------
    data, curve, background
        As in `fit_decay`; not `BiExponential`, which has no single half-life.
    half_lives
        Positive, in the unit of ``data``.

    Returns
    -------
    numpy.ndarray
        One log likelihood a half-life.

    Raises
    ------
    ValueError
        If a half-life is not positive and finite, or as in `fit_decay`.

    Examples
    --------
    >>> counts = BinnedCounts([[8, 4, 2, 1]], np.ones((1, 4)), "poisson", "weeks", "four weeks of one shop")
    >>> at = profile_likelihood(counts, [0.5, 1, 2])
    >>> int(at.argmax())
    1
    """
    data, cls = _checked_data(data), _checked_curve(curve)
    wanted = np.atleast_1d(np.asarray(half_lives, dtype=float))
    if not (np.isfinite(wanted) & (wanted > 0)).all():
        raise ValueError(f"half_lives must be positive and finite, got {half_lives!r}")
    model = _Model(data, cls, _background(data, background), data._sums(np.ones(len(data))))
    if "half_life" not in model.names:
        raise ValueError(f"{cls.__name__} has no single half-life to profile")
    result = np.empty(wanted.shape)
    theta = _maximise(model, model.starts()).theta
    for position, h in np.ndenumerate(wanted):
        result[position] = _maximise(model, [theta], half_life=float(h)).log_likelihood
    return result


# -- several curves -----------------------------------------------------------------------------------------


def _fit_free(data: Counts, sums: _Sums, weights: np.ndarray) -> np.ndarray:
    """One free rate for each age, at least a thousandth of the mean rate.

    Without that floor an age without event in one half would forbid events of that age in the other.
    """
    unit = sums.events / sums.exposure.sum()
    if isinstance(data, BinnedCounts):
        return np.maximum(np.nan_to_num(data._free_rates(weights), nan=unit), 1e-3 * unit)

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, by_rate, _ = sums.likelihood(x * unit, 0.0)
        return -value / sums.events, -by_rate * unit / sums.events

    found = minimize(objective, np.ones(len(data.age)), jac=True, method="L-BFGS-B",
                     bounds=[(1e-3, None)] * len(data.age), options={"maxiter": 300, "ftol": 1e-9})
    return found.x * unit


def _fit_undecayed(data: Counts, sums: _Sums, background: bool) -> tuple[float, float]:
    """The same rate at every age, and the background: for a kernel, a count that never forgets."""
    if isinstance(data, BinnedCounts):
        share = sums.events / sums.exposure.sum()
        return (-math.log1p(-share) if data.model == "hazard" else share), 0.0
    logistic = data.model == "logistic"
    unit = 1.0 if logistic else sums.events / sums.exposure.sum()
    ones = np.ones(len(data.age))

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, by_rate, by_background = sums.likelihood(x[0] * unit * ones, x[1] * unit)
        gradient = np.array([by_rate.sum(), by_background]) * unit
        return -value / sums.events, -gradient / sums.events

    bounds = [(None, None)] * 2 if logistic else [(1e-9, None), (0, None if background else 0)]
    start = [0.1, 0.0] if logistic else [0.9, 0.1 if background else 0.0]
    scale, constant = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(scale * unit), float(constant * unit)


def compare_curves(data: Counts, curves: Sequence[type[DecayCurve] | str] | None = None, *,
                   reference: type[DecayCurve] | str = Exponential, background: bool | None = None,
                   replicates: int = 100, level: float = 0.95, seed: int = 0, progress: bool | None = None
                   ) -> pd.DataFrame:
    """Curves compared by the log likelihood of customers they were not fitted to.

    The customers are cut at random into two halves; each curve is fitted to one half and scored on the other,
    and the other way round. The interval repeats all of it, fits included, on resampled customers, the same
    for every curve (paired).

    Parameters
    ----------
    data, background
        As in `fit_decay`.
    curves
        Curves of `decay`; by default all seven.
    reference
        The curve that scores 0.
    replicates
        Of the bootstrap; 0 leaves the intervals out.
    level, seed, progress
        As in `fit_decay`; the seed also draws the halves.

    Returns
    -------
    pandas.DataFrame
        Best first, indexed by curve, with two more rows: ``"one value an age"`` (no curve at all; not for
        the logistic model) and ``"no decay"`` (the same rate at every age). Columns: ``parameters``;
        ``gain``, the held-out log likelihood above that of the reference per 1,000 customers; ``low`` and
        ``high``, its interval; ``half_life``, fitted to all customers; ``converged``, whether all fits did,
        and ``at_bound``, the parameters of the fit to all customers that ended on a bound.
        ``attrs["gains"]`` holds the replicates' gains, a list a curve.

    Raises
    ------
    ValueError
        As in `fit_decay`, or if there are fewer than four customers.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> events = rng.poisson(np.exp2(-np.arange(20) / 5), size=(200, 20))
    >>> simulated = BinnedCounts(events, np.ones((200, 20)), "poisson", "weeks", "simulated rate")
    >>> table = compare_curves(simulated, ["Exponential", "Gaussian", "Hyperbolic"], replicates=20)
    >>> table.index[0], table.index[-1]
    ('Exponential', 'no decay')
    """
    data = _checked_data(data)
    classes = [_checked_curve(c) for c in (CURVES.values() if curves is None else curves)]
    base = _checked_curve(reference)
    with_background = _background(data, background)
    if isinstance(replicates, bool) or not isinstance(replicates, (int, np.integer)) or replicates < 0:
        raise ValueError(f"replicates must be a whole number of at least 0, got {replicates!r}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}")
    n = len(data)
    if n < 4:
        raise ValueError(f"at least four customers are needed to hold half of them out, got {n}")
    rng = np.random.default_rng(seed)
    inside = np.zeros(n)
    inside[rng.permutation(n)[: n // 2]] = 1
    halves = (inside, 1 - inside)
    classes = list(dict.fromkeys([base, *classes]))
    names = [cls.__name__ for cls in classes]
    extra = ["no decay"] if data.model == "logistic" else ["one value an age", "no decay"]

    def score(weights: np.ndarray, warm: list | None) -> tuple[np.ndarray, list, np.ndarray]:
        """Held-out log likelihoods summed over both directions, where the searches ended, which converged."""
        totals, ends, good = np.zeros(len(names) + len(extra)), [], np.ones(len(names), dtype=bool)
        pooled = [data._sums(weights * half) for half in halves]
        for direction, train in enumerate(halves):
            fitted_to, held_out = pooled[direction], pooled[1 - direction].likelihood
            ends.append([])
            for j, cls in enumerate(classes):
                model = _Model(data, cls, with_background, fitted_to)
                found = _maximise(model, model.starts() if warm is None else [warm[direction][j]])
                curve, scale, constant = model.split(found.theta)
                totals[j] += held_out(scale * curve(data.age), constant)[0]
                good[j] &= found.converged
                ends[-1].append(found.theta)
            if len(extra) == 2:
                totals[-2] += held_out(_fit_free(data, fitted_to, weights * train), 0.0)[0]
            level, constant = _fit_undecayed(data, fitted_to, with_background)
            totals[-1] += held_out(np.full(len(data.age), level), constant)[0]
        return totals, ends, good

    totals, ends, good = score(np.ones(n), None)
    gains = []
    for _ in _steps(int(replicates), "comparing curves on resampled customers", progress):
        weights = np.zeros(n)
        for half in halves:
            weights += rng.multinomial(int(half.sum()), half / half.sum())
        resampled, _, converged = score(weights, ends)
        gains.append(1000 * (resampled - resampled[0]) / n)
        good &= converged
    table = pd.DataFrame(index=pd.Index([*names, *extra], name="curve"))
    fits = [fit_decay(data, cls, background=with_background) for cls in classes]
    undecayed = 1 + (with_background and isinstance(data, KernelCounts))
    table["parameters"] = [fit.parameters for fit in fits] + [len(data.age), undecayed][-len(extra):]
    table["gain"] = 1000 * (totals - totals[0]) / n
    drawn = np.array(gains).reshape(-1, len(table))
    if replicates:
        tail = 100 * (1 - level) / 2
        table["low"], table["high"] = np.percentile(drawn, [tail, 100 - tail], axis=0)
    table["half_life"] = [fit.half_life for fit in fits] + [np.nan] * len(extra)
    table["converged"] = [bool(g and fit.converged) for g, fit in zip(good, fits, strict=True)] + (
        [True] * len(extra))
    table["at_bound"] = [", ".join(fit.at_bound) for fit in fits] + [""] * len(extra)
    table = table.sort_values("gain", ascending=False, kind="stable")
    # as lists: pandas compares attributes when it prints a wide table, which a frame does not survive
    table.attrs["gains"] = dict(zip([*names, *extra], drawn.T.tolist(), strict=True))
    return table

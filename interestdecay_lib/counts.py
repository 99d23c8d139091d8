"""What is counted before a curve is fitted: a log becomes events and exposure, customer by customer.

A half-life means nothing without its *definition*: what it is the half-life of. There are four, each a small
object of sufficient statistics by customer, from which `fitting.fit_decay` estimates:

* `rate_since_first`: purchases per week by weeks since a customer's first one (Poisson);
* `hazard_since_last`: chance of the next purchase by weeks since the last one (binomial in each week);
* `interest_kernel`: rate now as a sum over *all* earlier purchases, each decayed by its age (Poisson);
* `response_kernel`: chance of a click at an impression as a sum over all earlier clicks (logistic).

Customers are the units of resampling: every sum is taken with a weight for each customer
(`BinnedCounts.sums`, `KernelCounts.sums`), and a bootstrap changes nothing but the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.special import expit, gammaln, xlogy

from interestdecay_lib._arguments import floats, whole
from interestdecay_lib.event_log import DAY, UNITS, checked, unit_length

__all__ = [
    "BinnedCounts",
    "KernelCounts",
    "hazard_since_last",
    "interest_kernel",
    "rate_since_first",
    "response_kernel",
]

_TINY = 1e-100  # a rate that has underflowed to 0 makes the likelihood very bad, not undefined
_EXACT = 2.0**53  # above it floats no longer count by ones
_CELLS = 1 << 20  # cells worked on at a time, so that what is temporary stays small
_LAG_RATIO, _LAG_RANGE = 1.1, 1e5  # lag bins of busy users: each 10 % wider, from 1e-5 of the longest lag


# -- the four definitions -----------------------------------------------------------------------------------


def rate_since_first(log: pd.DataFrame, periods: int = 65, unit: str = "weeks", *,
                     observed_until: Any = None) -> BinnedCounts:
    """Purchase days of every customer by time since the first one.

    Parameters
    ----------
    log
        A sorted event log; several events of a customer on one day count once (in one hour, if the unit is
        hours).
    periods
        Number of bins: bin ``k`` holds days 7(k-1)+1 to 7k after the first purchase (unit weeks), day k, or
        hour k.
    unit
        ``"weeks"``, ``"days"`` or ``"hours"``. Weeks and days count purchase days; hours take each event at
        its hour of the clock.
    observed_until
        First day that is no longer observed; by default the day after the log's last event. With hours, the
        first hour; by default the hour after that of the last event.

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
    K = whole(periods, "periods", least=2)
    customer, tick, first, width, end = _ticks(log, unit, observed_until)
    begun = tick[first]
    age = tick - begun[customer]
    watched = (end - 1 - begun) // width  # bins seen to their end
    k = (age + width - 1) // width  # bin from 1; the first purchase itself has 0
    counted = (k >= 1) & (k <= np.minimum(watched[customer], K))
    events = _tally(customer[counted], k[counted] - 1, len(begun), K)
    exposure = np.arange(1, K + 1) <= watched[:, None]
    return BinnedCounts(events, exposure, "poisson", unit, "rate since first purchase")


def hazard_since_last(log: pd.DataFrame, periods: int = 60, unit: str = "weeks", *,
                      observed_until: Any = None) -> BinnedCounts:
    """Ends of silence by time since the last purchase: who is still silent, and who buys.

    Every purchase day (or hour) opens a spell that the next one ends, or the end of observation (censoring).

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
    K = whole(periods, "periods", least=2)
    customer, tick, first, width, end = _ticks(log, unit, observed_until)
    gap = np.append(tick[1:] - tick[:-1], 0)
    ended = ~np.append(first[1:], True)  # the next row belongs to the same customer
    k = np.where(ended, (gap + width - 1) // width, np.iinfo(np.int32).max)
    watched = (end - 1 - tick) // width
    last = np.minimum(np.minimum(k, watched), K)  # last bin at risk, 0 if there is none
    n = int(first.sum())
    event = ended & (k <= np.minimum(watched, K))
    events = _tally(customer[event], k[event] - 1, n, K)
    leaving = _tally(customer, last, n, K + 1)
    spells = _smallest(np.bincount(customer).max())  # all spells of a customer may be open at once
    at_risk = leaving[:, ::-1].cumsum(axis=1, dtype=spells)[:, ::-1][:, 1:]
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
        The moments are the weeks (days, hours) after that of the first purchase. Those with a purchase are
        kept one by one, so memory grows with the pairs of active weeks (days, hours) of a customer.

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
    customer, tick, first, width, end = _ticks(log, unit, observed_until)
    steps, n = end // width, int(first.sum())
    if steps < 2:
        raise ValueError(f"the log must span at least two whole {unit}, it spans {end} "
                         f"{'hours' if unit == 'hours' else 'days'}")
    seen = tick < steps * width
    cells, amount = np.unique(customer[seen] * steps + tick[seen] // width, return_counts=True)
    who, when = np.divmod(cells, steps)
    start = np.full(n, steps)
    np.minimum.at(start, who, when)
    # every pair of an active week and an earlier active week of the same customer
    own = np.searchsorted(who, who)  # the customer's first active week
    position = np.arange(len(who)) - own  # how many active weeks came before
    row, column = _runs(own, position)
    later = position > 0
    if not later.any():
        raise ValueError("there is no event after a customer's first one: nothing to estimate a curve from")
    into = np.cumsum(later) - 1  # active weeks after the first one, numbered
    history = csr_array((amount[column].astype(float), (into[row], when[row] - when[column] - 1)),
                        shape=(int(later.sum()), steps - 1))
    followed = when < steps - 1
    watched = csr_array((amount[followed].astype(float), (who[followed], steps - 2 - when[followed])),
                        shape=(n, steps - 1))
    return KernelCounts(who[later], amount[later].astype(float), history, np.arange(1.0, steps),
                        np.maximum(steps - 1 - start, 0).astype(float), "poisson", unit,
                        "interest kernel over all earlier purchases", watched)


def response_kernel(log: pd.DataFrame | ArrayLike, time: ArrayLike | None = None,
                    clicked: str | ArrayLike = "clicked", unit: str = "days") -> KernelCounts:
    r"""Impressions, each with the ages of all earlier clicks of the same user.

    The probability of a click is :math:`1/(1 + e^{-\mu - S})` with :math:`S = \sum_j f(t - t_j)` over the
    user's clicks at :math:`t_j < t`.

    Parameters
    ----------
    log
        A sorted event log, one row an impression: ``response_kernel(log, clicked="clicked", unit="days")``.
        Or, as arrays, ``response_kernel(user, time, clicked, unit)``: the user of each impression, sorted by
        user, then time.
    time
        For arrays only: the time of each impression as a number in ``unit``.
    clicked
        Name of the log's column, or an array, that says whether the impression was clicked: booleans, or 0
        and 1.
    unit
        ``"weeks"``, ``"days"`` or ``"hours"``: in what the ages are counted. Times are taken as they are,
        not by the day.

    Returns
    -------
    KernelCounts

    Raises
    ------
    TypeError
        If times or outcomes are no numbers (dates, text), or a log comes with an array of times.
    ValueError
        If the unit is unknown, the log is no sorted event log, the arrays differ in length, are not sorted,
        hold missing values or outcomes other than 0 and 1, or if no click has an impression after it.

    Notes
    -----
    A row holds at most 121 numbers, so that memory and time grow linearly with the impressions, also those of
    a robot. Users with at most 121 clicks are counted by exact ages; of busier ones, the clicks before an
    impression are counted in lag bins each 10 % wider than the one before, whose age is the mean age in them.

    Examples
    --------
    >>> response_kernel([1, 1, 1, 2], [0.0, 1.5, 4.0, 0.0], [1, 0, 1, 0])
    KernelCounts(response kernel over all earlier clicks: 2 customers, 2 events, ages 1.5 to 4 days)
    >>> times = pd.to_datetime(["2024-01-01 00:00", "2024-01-01 06:00", "2024-01-02 00:00"])
    >>> log = pd.DataFrame({"user_id": 1, "timestamp": times, "clicked": [True, False, True]})
    >>> response_kernel(log, unit="hours")
    KernelCounts(response kernel over all earlier clicks: 1 customers, 2 events, ages 6 to 24 hours)
    """
    unit_length(unit)
    user, time, clicked = _impressions(log, time, clicked, unit)
    code, users = pd.factorize(user)
    if not code.shape == time.shape == clicked.shape or code.ndim != 1:
        raise ValueError("user, time and clicked must have one entry an impression, got the shapes "
                         f"{code.shape}, {time.shape} and {clicked.shape}")
    if (code < 0).any() or not np.isfinite(time).all():
        raise ValueError("user and time must not hold missing values")
    if not np.isin(clicked, (0, 1)).all():
        raise ValueError(f"clicked must be 0 or 1, got {clicked[~np.isin(clicked, (0, 1))][0]}")
    other = code[1:] != code[:-1]
    if (np.diff(code) < 0).any() or (~other & (np.diff(time) < 0)).any():
        raise ValueError("impressions must be sorted by user, then time")
    before = np.append(0, np.cumsum(clicked == 1))  # clicks in the rows before
    begun = np.searchsorted(code, np.arange(len(users)))  # each user's first row
    row_of_time = np.append(0, np.where(other | (np.diff(time) > 0), np.arange(1, len(code)), 0))
    first = before[begun][code]  # number of the user's first click
    stop = before[np.maximum.accumulate(row_of_time)]  # and of the first one that is not strictly earlier
    clicks = time[clicked == 1]
    if not (stop > first).any():
        raise ValueError("no click has an impression of the same user after it: nothing to estimate from")
    row, column, count, age = _histories(time, clicks, first, stop, before, begun, code)
    history = csr_array((count, (row, column)), shape=(len(code), len(age)))
    return KernelCounts(code, clicked, history, age, np.bincount(code).astype(float), "logistic", unit,
                        "response kernel over all earlier clicks")


# -- the two kinds of counts --------------------------------------------------------------------------------

#: of (rate at each age, background): log likelihood and its derivatives by both
Likelihood = Callable[[np.ndarray, float], tuple[float, np.ndarray, float]]


class Sums(NamedTuple):
    """What a fit needs of the customers, each counted as often as its weight says."""

    events: float
    exposure: np.ndarray  # by age; of a logistic model, how many earlier clicks of that age were counted
    moments: float  # of a kernel, otherwise the whole exposure
    likelihood: Likelihood


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
        open spells (hazard; whole numbers) they come from. They are copied and locked; whole numbers are
        kept as the smallest signed integers that hold them (one byte a cell in most logs).
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
        If the shapes differ, an entry is negative, missing, above 2**53 or (where it counts) not whole, there
        are events without exposure or, under ``"hazard"``, more events than spells, or there is no event at
        all.

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
        impossible = events > exposure if self.model == "hazard" else (events > 0) & (exposure == 0)
        if impossible.any():
            row, column = np.argwhere(impossible)[0]
            raise ValueError(f"{impossible.sum():,} entries have more events than their exposure allows; the "
                             f"first is customer {row}, bin {column + 1}: {events[row, column]:g} events, "
                             f"exposure {exposure[row, column]:g}")
        if not events.any():
            raise ValueError("there is no event, so nothing to estimate a curve from")
        for name, array in (("events", events), ("exposure", exposure)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

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
        return self.free_rates(np.ones(len(self)))

    background_bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)

    def free_rates(self, weights: np.ndarray) -> np.ndarray:
        """`raw_rate` with each customer counted as often as its weight says."""
        with np.errstate(invalid="ignore", divide="ignore"):
            share = _weighted(weights, self.events) / _weighted(weights, self.exposure)
            return -np.log1p(-share) if self.model == "hazard" else share

    def sums(self, weights: np.ndarray) -> Sums:
        """Events, exposure by age and likelihood, each customer counted as often as its weight says."""
        Y, E = _weighted(weights, self.events), _weighted(weights, self.exposure)
        return Sums(float(Y.sum()), E, float(E.sum()), self._likelihood(Y, E, weights))

    @cached_property
    def _constant(self) -> np.ndarray:
        """Part of each customer's Poisson log likelihood that no curve changes (to be subtracted)."""
        result = np.zeros(len(self))
        for rows in _row_blocks(self.events):
            row, column = np.nonzero(self.events[rows])  # a cell without event adds nothing
            y, e = (array[rows][row, column].astype(float) for array in (self.events, self.exposure))
            result[rows] = np.bincount(row, gammaln(y + 1) - xlogy(y, e), minlength=len(result[rows]))
        return result

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
    moments: np.ndarray  # how many moments, also those without event, by customer, (customers,)
    model: str
    unit: str
    definition: str
    #: Poisson: how many earlier events are followed up to each age and no further, (customers, ages)
    watched: csr_array | None = None

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

    def sums(self, weights: np.ndarray) -> Sums:
        """Events, exposure by age and likelihood, each customer counted as often as its weight says."""
        if self.watched is None:
            exposure = weights[self.customer] @ self.history
        else:  # an event followed up to age k was also watched at all ages before
            exposure = np.asarray(weights @ self.watched)[::-1].cumsum()[::-1]
        moments = float(weights @ self.moments)
        return Sums(float(weights[self.customer] @ self.outcome), exposure, moments,
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


# -- the clock of a log, and its bins -----------------------------------------------------------------------


class _Ticks(NamedTuple):
    """The distinct (customer, tick) of a log: a tick is a day, or an hour where the unit is hours."""

    customer: np.ndarray  # in the order of user_id, which is sorted
    tick: np.ndarray  # from the log's first
    first: np.ndarray  # whether it is the customer's first
    width: int  # ticks in a unit
    end: int  # first tick that was not observed


def _ticks(log: pd.DataFrame, unit: str, observed_until: Any) -> _Ticks:
    one = unit_length(unit)
    if len(log) == 0:
        raise ValueError("the log is empty")
    found = checked(log)
    seen, length = found.event_days(), DAY
    if unit == "hours":
        seen, length = found, UNITS["hours"]
        last, start = (pd.Timestamp(when).floor("h") for when in (found.time.max(), found.time.min()))
        end = last + length if observed_until is None else found.moment(observed_until, "observed_until")
        if end <= last or end != end.floor("h"):
            raise ValueError("observed_until must be the first whole hour that is no longer observed, got "
                             f"{observed_until!r}; the log's last event is in the hour of {last}")
    else:
        end, start = found.observed_until(observed_until), pd.Timestamp(seen.time.min())
    tick = (seen.time - start.as_unit("us").to_datetime64()) // length.to_timedelta64()
    customer = seen.code
    new = np.append(True, (customer[1:] != customer[:-1]) | (tick[1:] != tick[:-1]))
    customer, tick = customer[new], tick[new]
    first = np.append(True, customer[1:] != customer[:-1])
    return _Ticks(customer, tick, first, max(1, one // DAY), int((end - start) // length))


def _tally(customer: np.ndarray, position: np.ndarray, n: int, width: int) -> np.ndarray:
    """How often each (customer, position) occurs, shape (n, width)."""
    cells, often = np.unique(customer.astype(np.int64) * width + position, return_counts=True)
    table = np.zeros(n * width, dtype=_smallest(often.max(initial=0)))
    table[cells] = often
    return table.reshape(n, width)


def _runs(start: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows 0, 0, ..., 1, ... and numbers: ``length[row]`` of them from ``start[row]`` upwards."""
    row = np.repeat(np.arange(len(start)), length)
    return row, np.arange(len(row)) + np.repeat(start - (np.cumsum(length) - length), length)


def _impressions(log: Any, time: Any, clicked: Any, unit: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """User, time in ``unit`` and outcome, as arrays."""
    if isinstance(log, pd.DataFrame):
        if time is not None:
            raise TypeError('of a log, the times are its own: response_kernel(log, clicked="clicked")')
        if not isinstance(clicked, str) or clicked not in log.columns:
            raise ValueError(f"clicked must name a column of the log ({', '.join(map(str, log.columns))}), "
                             f"got {clicked!r}")
        if len(log) == 0:
            raise ValueError("the log is empty")
        checked(log)
        since = log["timestamp"] - log["timestamp"].min()
        user, time, clicked = log["user_id"].to_numpy(), (since / UNITS[unit]).to_numpy(), log[clicked]
    elif time is None or isinstance(clicked, str):
        raise TypeError("give a log, response_kernel(log, clicked=...), or three arrays, "
                        "response_kernel(user, time, clicked)")
    else:
        user = np.asarray(log)
    outcome = np.asarray(clicked)
    if outcome.dtype == bool:
        outcome = outcome.astype(float)
    return user, floats(time, "times"), floats(outcome, "clicked")


def _histories(time: np.ndarray, clicks: np.ndarray, first: np.ndarray, stop: np.ndarray, before: np.ndarray,
               begun: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, ...]:
    """Row, column and count of the table of earlier clicks by age, and the age of each column.

    The earlier clicks of impression ``i`` are ``clicks[first[i]:stop[i]]``.
    """
    bins = math.ceil(math.log(_LAG_RANGE) / math.log(_LAG_RATIO))
    of_user = np.diff(np.append(before[begun], before[-1]))
    busy = of_user > bins
    calm = np.flatnonzero(~busy[code])
    pair, click = _runs(first[calm], (stop - first)[calm])
    row = calm[pair]
    age, column = np.unique(time[row] - clicks[click], return_inverse=True)
    parts = [(row, column, np.ones(len(row)))]
    rows = np.flatnonzero(busy[code] & (stop > first))
    if len(rows):
        longest = float((time[rows] - clicks[first[rows]]).max())
        edges = longest * np.append(0.0, _LAG_RATIO ** np.arange(1.0 - bins, 1.0))
        total, summed = np.zeros(bins), np.zeros(bins)
        ends = np.append(begun, len(code))
        for who in np.flatnonzero(busy):
            lo, hi = before[ends[who]], before[ends[who + 1]]
            own = clicks[lo:hi]
            run = np.append(0.0, np.cumsum(own - own[0]))
            own_rows = np.arange(ends[who], ends[who + 1])[(stop > first)[ends[who]:ends[who + 1]]]
            for part in np.array_split(own_rows, len(own_rows) * bins // _CELLS + 1):
                at = np.searchsorted(own, time[part, None] - edges)  # first click younger than the edge
                at[:, 0], at[:, -1] = stop[part] - lo, 0
                number = at[:, :-1] - at[:, 1:]
                total += number.sum(axis=0)
                until = number * (time[part, None] - own[0])
                summed += (until - run[at[:, :-1]] + run[at[:, 1:]]).sum(axis=0)
                where, lag = np.nonzero(number)
                parts.append((part[where], lag + len(age), number[where, lag].astype(float)))
        used = total > 0
        place = np.append(np.arange(len(age)), len(age) + np.cumsum(used) - 1)
        age = np.append(age, summed[used] / total[used])
        parts = [(row, place[column], count) for row, column, count in parts]
    return *(np.concatenate(each) for each in zip(*parts, strict=True)), age


# -- whole tables of small numbers --------------------------------------------------------------------------


def _described(data: Counts) -> str:
    return (f"{type(data).__name__}({data.definition}: {len(data):,} customers, {data.total_events:,} "
            f"events, ages {data.age.min():g} to {data.age.max():g} {data.unit})")


def _counts(values: ArrayLike, name: str, *, whole: bool) -> np.ndarray:
    """A checked copy; whole numbers in the smallest signed integers that hold them."""
    array = np.asarray(values)
    if array.dtype.kind not in "bi":
        array = np.asarray(values, dtype=float)
        bad = ~(np.isfinite(array) & (array >= 0) & (array <= _EXACT))
        if whole:
            bad |= array != np.floor(np.nan_to_num(array))
    else:
        bad = array < 0
    if bad.any():
        what = "whole numbers >= 0" if whole else "finite numbers >= 0"
        raise ValueError(f"{name} must be {what} (at most 2**53): {bad.sum():,} are not; the first is "
                         f"{array[bad][0]} at {tuple(int(k) for k in np.argwhere(bad)[0])}")
    if whole or array.dtype.kind in "bi" or np.array_equal(array, np.floor(array)):
        return array.astype(_smallest(array.max(initial=0)))
    return array.copy()


def _smallest(largest: float) -> np.dtype:
    """The smallest integers for numbers from 0 to ``largest``; signed, since E - Y is taken of them."""
    return np.min_scalar_type(-int(largest) - 1)


def _row_blocks(array: np.ndarray) -> list[slice]:
    step = max(1, _CELLS // max(array.shape[1], 1))
    return [slice(start, start + step) for start in range(0, len(array), step)]


def _weighted(weights: np.ndarray, array: np.ndarray) -> np.ndarray:
    """``weights @ array`` in float64, without a whole copy of small integers in float64."""
    if array.dtype == float:
        return weights @ array
    total = np.zeros(array.shape[1])
    for rows in _row_blocks(array):
        total += weights[rows] @ array[rows].astype(float)
    return total

"""Estimate a decay curve from counted events, and say how sure one is.

What is fitted is always ``rate(a) = background + scale * w(a)`` with a curve ``w`` of `decay` (or one of your
own, a subclass of `decay.DecayCurve`), by maximum likelihood. A half-life means nothing without its
definition; the four functions of `counts` say what is counted, and carry the definition and the unit.

`fit_decay` estimates one curve, with an interval from resampling customers or from the profile likelihood;
`compare_curves` scores several on customers that they were not fitted to; `profile_likelihood` shows how the
likelihood depends on the half-life alone.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize
from scipy.special import gammaincinv

from interestdecay_lib import counts
from interestdecay_lib._arguments import whole
from interestdecay_lib._moved import moved
from interestdecay_lib.decay import CURVES, BiExponential, DecayCurve, Exponential, check_positive
from interestdecay_lib.event_log import UNITS

__all__ = ["DecayFit", "compare_curves", "fit_decay", "profile_likelihood"]

_FEWEST = 10  # customers that can be resampled: the bootstrap of fewer is far too sure of itself
_TINY = 1e-100
_FAR = 10.0  # a half-life this many times as long or short must be ruled out by the data


# -- one curve ----------------------------------------------------------------------------------------------


def fit_decay(data: counts.Counts, curve: type[DecayCurve] | str = Exponential, *,
              background: bool | None = None, half_life: float | None = None, interval: str | None = None,
              replicates: int = 200, level: float = 0.95, seed: int = 0, progress: bool | None = None
              ) -> DecayFit:
    r"""Maximum-likelihood estimate of a decay curve: :math:`f(a) = \mu + s\,w(a)`.

    Parameters
    ----------
    data
        Sufficient statistics from `counts.rate_since_first`, `hazard_since_last`, `interest_kernel` or
        `response_kernel`: they carry the definition and the unit.
    curve
        A curve of `decay`, as class or name (in any case), or a class of your own derived from
        `decay.DecayCurve`.
    background
        Whether there is a constant part :math:`\mu` that does not decay. Default: only for the kernels.
    half_life
        Held fixed at this value, in the unit of ``data``, while everything else is fitted (not for
        `BiExponential`, which has no single half-life, and without interval); ``None``: estimated.
    interval
        ``"bootstrap"``: refit on resampled customers (at least ten), percentiles for all parameters.
        ``"profile"``:
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
        Whether to believe it, its ``trustworthy`` says; why, ``converged``, ``at_bound``, ``determined``.

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
    >>> from interestdecay_lib.counts import rate_since_first
    >>> from interestdecay_lib.datasets import load_cdnow
    >>> fit = fit_decay(rate_since_first(load_cdnow()), "exponential", interval="profile")
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
    fixed = None if half_life is None else check_positive(half_life, "half_life", f"in {data.unit}")
    model, best, fit = _fit(data, cls, with_background, fixed)
    if fixed is None:
        fit = replace(fit, determined=_determined(model, best))
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


def _fit(data: counts.Counts, cls: type[DecayCurve], background: bool, fixed: float | None = None
         ) -> tuple[_Model, _Optimum, DecayFit]:
    model = _Model(data, cls, background, data.sums(np.ones(len(data))))
    best = _maximise(model, model.starts(), fixed)
    fitted, scale, constant = model.split(best.theta)
    return model, best, DecayFit(
        fitted, scale, constant, data.unit, data.definition, best.log_likelihood, best.converged,
        best.at_bound, len(data), data.total_events, len(model.names) - (fixed is not None))


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
    determined
        Whether the data rule out, at the level of 95 %, a half-life ten times as long and one ten times as
        short (of `BiExponential`: of the fast part). True where the half-life was held fixed.
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
    determined: bool = True
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    level: float = 0.95
    method: str = ""
    replicates: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def half_life(self) -> float:
        """Age in ``unit`` at which the part above the background is down to half of its value at age 0."""
        return self.curve.half_life

    @property
    def half_life_timedelta(self) -> pd.Timedelta:
        """The half-life as a length of time, as `interest.decayed_sum` takes it.

        Raises
        ------
        ValueError
            If the unit is not hours, days or weeks, or the half-life is beyond 292 years.
        """
        if self.unit not in UNITS:
            raise ValueError(f"a half-life in {self.unit} is no length of time; give the counts one of the "
                             f"units {', '.join(UNITS)}")
        if self.half_life * (UNITS[self.unit] / pd.Timedelta(1, "ns")) >= 2**63:
            raise ValueError(f"a half-life of {self.half_life:g} {self.unit} is too long for a "
                             "pandas.Timedelta in nanoseconds; is the fit trustworthy?")
        return self.half_life * UNITS[self.unit]

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the half-life; ``None`` if none was asked for."""
        return self.intervals.get("half_life")

    @property
    def trustworthy(self) -> bool:
        """Whether the search converged away from all bounds, and the data determine the half-life."""
        return self.converged and not self.at_bound and self.determined

    def rate(self, age: Any) -> Any:
        """Fitted rate at an age; of a logistic model, the log odds after one event of that age."""
        return self.background + self.scale * self.curve(age)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the replicates in the types of JSON; an open upper end of an interval is ``None``.

        Examples
        --------
        >>> import json
        >>> data = counts.BinnedCounts([[80, 40, 20, 10]], [[1, 1, 1, 1]], "poisson", "weeks", "one shop")
        >>> json.loads(json.dumps(fit_decay(data).to_dict()))["curve"]
        'Exponential'
        """
        own = {f.name: float(getattr(self.curve, f.name)) for f in fields(self.curve)}
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        del plain["replicates"]
        ends = {name: [low, high if math.isfinite(high) else None]
                for name, (low, high) in self.intervals.items()}
        return {**plain, "curve": type(self.curve).__name__, "curve_parameters": own,
                "half_life": float(self.half_life), "at_bound": list(self.at_bound), "intervals": ends,
                "trustworthy": self.trustworthy}

    def __str__(self) -> str:
        text = f"{type(self.curve).__name__}: half-life {self.half_life:.3g}"
        if self.interval:
            text += f" [{self.interval[0]:.3g}, {self.interval[1]:.3g}]"
        text += f" {self.unit} ({self.definition})"
        if not self.converged:
            text += "; NOT CONVERGED"
        if self.at_bound:
            text += f"; ON A BOUND: {', '.join(self.at_bound)}"
        elif not self.determined:
            text += f"; NOT DETERMINED within a factor of {_FAR:g}"
        if self.replicates is not None:
            doubtful = int((self.replicates["at_bound"] | ~self.replicates["converged"]).sum())
            if doubtful:
                text += f"; {doubtful} of {len(self.replicates)} resamples on a bound or not converged"
        return text


# -- its likelihood, and where that is highest --------------------------------------------------------------


class _Model:
    """Negative mean log likelihood of one curve as a function of free numbers, with its gradient.

    The free numbers are log scale, those of the curve and, if there is one, the background in units of
    ``level``. Dividing by the number of events makes tolerances mean the same on every log.
    """

    def __init__(self, data: counts.Counts, curve: type[DecayCurve], background: bool,
                 sums: counts.Sums) -> None:
        self.cls, self.age = curve, data.age
        self.form = curve.free_numbers()
        self.names = ("scale", *self.form, *(("background",) if background else ()))
        self.background = background
        self.events, self.exposure, self.moments, self.likelihood = sums
        if self.events == 0:
            raise ValueError("these customers have no event: nothing to estimate a curve from")
        self.logistic = data.model == "logistic"
        self.level = 1.0 if self.logistic else self.events / float(self.exposure.sum())
        span, around = float(data.age.max()), math.log(self.level)
        _, *form = ((kind.of(kind.low), kind.of(kind.high)) for kind in self.form.values())
        self.bounds = [(around - 25, around + 25), (math.log(1e-5 * span), math.log(100 * span)), *form]
        if background:
            low, high = (b / self.level if b else b for b in data.background_bounds)
            self.bounds.append((low, min(high, 1e3)))
        self.starting_half_lives = span * np.array([2e-4, 2e-3, 0.02, 0.1, 0.5][0 if self.logistic else 2:])

    def starts(self) -> Iterator[np.ndarray]:
        """Free numbers to begin a search from."""
        _, *form = ([kind.of(value) for value in kind.starts] for kind in self.form.values())
        base_log_odds = math.log(self.events / max(self.moments - self.events, 0.5))
        for theta in itertools.product(np.log(self.starting_half_lives), *form):
            mass = max(self.exposure @ self.cls.from_free(theta)(self.age), _TINY)
            if self.logistic:  # at most one unit of log odds on average, or a long history swamps the start
                scale, extra = min(1.0, self.moments / mass), [base_log_odds]
            else:
                share = 0.7 if self.background else 1.0
                scale, extra = share * self.events / mass, [1 - share] if self.background else []
            yield np.array([math.log(scale), *theta, *extra])

    def split(self, theta: np.ndarray) -> tuple[DecayCurve, float, float]:
        """Curve, scale and background at ``theta``."""
        return (self.cls.from_free(theta[1:1 + len(self.form)]), math.exp(theta[0]),
                float(theta[-1] * self.level) if self.background else 0.0)

    def log_likelihood(self, theta: np.ndarray) -> float:
        curve, scale, background = self.split(theta)
        return self.likelihood(scale * curve(self.age), background)[0]

    def objective(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        curve, scale, background = self.split(theta)
        weight = curve._of_checked(self.age)                 # checked when they were counted
        value, by_rate, by_background = self.likelihood(scale * weight, background)
        gradient = np.empty(len(theta))
        gradient[0] = scale * (by_rate @ weight)
        gradient[1:1 + len(self.form)] = scale * (by_rate @ curve.slopes(self.age))
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
        if best is None or found.fun < best_value:
            best, best_value = found, found.fun
    if not math.isfinite(best_value):
        raise ValueError("the likelihood is not a finite number wherever the search began; are events and "
                         "exposure of a sensible size?")
    theta = best.x
    free = low < high
    on_edge = free & ((theta - low < 1e-6) | (high - theta < 1e-6))
    # no background at all is a finding, not a search cut short
    edge = [n for n, on, t in zip(model.names, on_edge, theta, strict=True) if on and not (
        n == "background" and t == 0)]
    return _Optimum(theta, float(-best_value * model.events),
                    bool(_unsolved(theta, best.jac, low, high) < 1e-4), tuple(edge))


def _unsolved(theta: np.ndarray, gradient: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Largest component of the gradient that does not push against a bound; 0 at a maximum."""
    return float(np.abs(np.clip(theta - gradient, low, high) - theta).max())


def _determined(model: _Model, best: _Optimum) -> bool:
    """Whether half-lives ten times as long and ten times as short are both ruled out at the level of 95 %.

    The first of the curve's own numbers is moved, the fast half-life of `BiExponential`. Where only the limit
    of the scale forbids a shorter one, the data do not: all events may lie in the first bin.
    """
    drop = float(gammaincinv(0.5, 0.95))
    for factor in (_FAR, 1 / _FAR):
        other = float(np.clip(best.theta[1] + math.log(factor), *model.bounds[1]))
        found = _maximise(model, [best.theta], math.exp(other))
        if best.log_likelihood - found.log_likelihood < drop or "scale" in found.at_bound:
            return False
    return True


# -- how sure one is ----------------------------------------------------------------------------------------


def _bootstrap(data: counts.Counts, cls: type[DecayCurve], background: bool, best: _Optimum, replicates: int,
               seed: int, progress: bool | None) -> pd.DataFrame:
    replicates = whole(replicates, "replicates", least=2)
    rng, n = np.random.default_rng(seed), len(data)
    if n < _FEWEST:
        raise ValueError(f"{n} customers are too few to draw from: resampled, they would seem more certain "
                         f'than they are; give at least {_FEWEST}, or use interval="profile"')
    rows = []
    for _ in _steps(replicates, f"{cls.__name__}: resampling customers", progress):
        weights = rng.multinomial(n, np.full(n, 1 / n)).astype(float)
        model = _Model(data, cls, background, data.sums(weights))
        found = _maximise(model, [best.theta])
        rows.append({**_values(*model.split(found.theta)), "converged": found.converged,
                     "at_bound": bool(found.at_bound)})
    return pd.DataFrame(rows)


def _values(curve: DecayCurve, scale: float, background: float) -> dict[str, float]:
    """All numbers of a fit by name."""
    own = {f.name: getattr(curve, f.name) for f in fields(curve)}
    return {"half_life": curve.half_life, **own, "scale": scale, "background": background}


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


def profile_likelihood(data: counts.Counts, half_lives: ArrayLike,
                       curve: type[DecayCurve] | str = Exponential, *, background: bool | None = None
                       ) -> np.ndarray:
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
    >>> shop = counts.BinnedCounts([[8, 4, 2, 1]], np.ones((1, 4)), "poisson", "weeks", "four weeks")
    >>> at = profile_likelihood(shop, [0.5, 1, 2])
    >>> int(at.argmax())
    1
    """
    data, cls = _checked_data(data), _checked_curve(curve)
    wanted = np.atleast_1d(np.asarray(half_lives, dtype=float))
    if not (np.isfinite(wanted) & (wanted > 0)).all():
        raise ValueError(f"half_lives must be positive and finite, got {half_lives!r}")
    model = _Model(data, cls, _background(data, background), data.sums(np.ones(len(data))))
    if "half_life" not in model.names:
        raise ValueError(f"{cls.__name__} has no single half-life to profile")
    result = np.empty(wanted.shape)
    theta = _maximise(model, model.starts()).theta
    for position, h in np.ndenumerate(wanted):
        result[position] = _maximise(model, [theta], half_life=float(h)).log_likelihood
    return result


# -- which curve --------------------------------------------------------------------------------------------


def compare_curves(data: counts.Counts, curves: Sequence[type[DecayCurve] | str] | None = None, *,
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
    >>> simulated = counts.BinnedCounts(events, np.ones((200, 20)), "poisson", "weeks", "simulated rate")
    >>> table = compare_curves(simulated, ["Exponential", "Gaussian", "Hyperbolic"], replicates=20)
    >>> table.index[0], table.index[-1]
    ('Exponential', 'no decay')
    """
    data = _checked_data(data)
    classes = [_checked_curve(c) for c in (CURVES.values() if curves is None else curves)]
    base = _checked_curve(reference)
    with_background = _background(data, background)
    replicates = whole(replicates, "replicates", least=0)
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
        pooled = [data.sums(weights * half) for half in halves]
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
    for _ in _steps(replicates, "comparing curves on resampled customers", progress):
        weights = np.zeros(n)
        for half in halves:
            weights += rng.multinomial(int(half.sum()), half / half.sum())
        resampled, _, converged = score(weights, ends)
        gains.append(1000 * (resampled - resampled[0]) / n)
        good &= converged
    table = pd.DataFrame(index=pd.Index([*names, *extra], name="curve"))
    fits = [_fit(data, cls, with_background)[2] for cls in classes]
    undecayed = 1 + (with_background and isinstance(data, counts.KernelCounts))
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


def _fit_free(data: counts.Counts, sums: counts.Sums, weights: np.ndarray) -> np.ndarray:
    """One free rate for each age, at least a thousandth of the mean rate.

    Without that floor an age without event in one half would forbid events of that age in the other.
    """
    unit = sums.events / sums.exposure.sum()
    if isinstance(data, counts.BinnedCounts):
        return np.maximum(np.nan_to_num(data.free_rates(weights), nan=unit), 1e-3 * unit)

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, by_rate, _ = sums.likelihood(x * unit, 0.0)
        return -value / sums.events, -by_rate * unit / sums.events

    found = minimize(objective, np.ones(len(data.age)), jac=True, method="L-BFGS-B",
                     bounds=[(1e-3, None)] * len(data.age), options={"maxiter": 300, "ftol": 1e-9})
    return found.x * unit


def _fit_undecayed(data: counts.Counts, sums: counts.Sums, background: bool) -> tuple[float, float]:
    """The same rate at every age, and the background: for a kernel, a count that never forgets."""
    if isinstance(data, counts.BinnedCounts):
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


# -- what is asked for --------------------------------------------------------------------------------------


def _checked_curve(curve: Any) -> type[DecayCurve]:
    by_name = {name.lower(): cls for name, cls in CURVES.items()}
    if isinstance(curve, str) and curve.lower() in by_name:
        return by_name[curve.lower()]
    if not (isinstance(curve, type) and issubclass(curve, DecayCurve) and is_dataclass(curve)):
        raise ValueError(f"curve must be a curve of `decay` or its name ({', '.join(CURVES)}), or a "
                         f"dataclass derived from DecayCurve, got {curve!r}")
    taken = {"scale", "background"} & set(curve.free_numbers())
    if taken:
        raise ValueError(f"{curve.__name__} calls a parameter {taken.pop()!r}, which is the name of a part "
                         "of every fit; rename it")
    return curve


def _checked_data(data: Any) -> counts.Counts:
    if not isinstance(data, counts.Counts):
        raise TypeError("data must come from rate_since_first, hazard_since_last, interest_kernel or "
                        f"response_kernel (or be BinnedCounts), got {type(data).__name__}")
    return data


def _background(data: counts.Counts, background: bool | None) -> bool:
    if background is None:
        return isinstance(data, counts.KernelCounts)
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


def __getattr__(name: str) -> object:
    """What is counted stood here before it had a module of its own."""
    return moved(__name__, name, counts)

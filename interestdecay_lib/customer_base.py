r"""Gone, or just quiet? Probability models of customers who buy, fall silent, and do not say which.

All a model is told of a customer is ``frequency`` :math:`x` (repeat purchases), ``recency`` :math:`t_x` (time
from the first purchase to the last) and ``T`` (time from the first purchase to now), as
`tasks.calibration_holdout` makes them from a log. Times are in any one unit, here weeks; a model fitted
in weeks answers in weeks.

While *alive*, a customer buys at random (Poisson) with an own rate :math:`\lambda`; rates differ between
customers as :math:`\text{Gamma}(r, \alpha)`. The models differ in how customers leave:

- `NBD`: never;
- `ParetoNBD`: at any time, with an own rate :math:`\mu \sim \text{Gamma}(s, \beta)`;
- `BGNBD`: right after a repeat purchase, with an own probability :math:`p \sim \text{Beta}(a, b)`;
- `MBGNBD`: right after any purchase, the first included.

`WithCovariates` lets what is known of a customer change the rate. What a purchase is worth is another
question, answered by `GammaGamma`.

>>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)        # published for CDNOW, weeks
>>> round(float(model.probability_alive(frequency=2, recency=30.43, T=38.86)), 3)
0.727
"""

from __future__ import annotations

import dataclasses
import numbers
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.integrate import trapezoid
from scipy.optimize import minimize
from scipy.special import betaln, expit, exprel, gammaln, hyp2f1, log_expit, psi, xlog1py

from interestdecay_lib._arguments import floats

# ---------------------------------------------------------------------------------------------------- models


class _CustomerBase:
    """What the models share; a subclass gives `_log_parts`, `expected_purchases` and `_return_if_alive`.

    `_log_parts` gives for each customer the log-likelihood of the history with the customer alive at T, the
    same with the customer gone, and the derivatives of both by the parameters.
    """

    def probability_alive(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> np.ndarray:
        """Probability that the customer has not left for good by now.

        It is *not* the probability that the customer returns: for that, see `probability_return`.

        Parameters
        ----------
        frequency, recency, T
            Numbers, or arrays of one shape.

        Returns
        -------
        numpy.ndarray
            Of that shape; a Series with their index if Series were given.

        Raises
        ------
        ValueError
            As for `fit`.
        """
        alive, gone = self._parts(frequency, recency, T)
        return _labelled(np.exp(alive - np.logaddexp(alive, gone)), frequency, recency, T)

    def probability_return(self, t: ArrayLike, frequency: ArrayLike = 0, recency: ArrayLike = 0,
                           T: ArrayLike = 0) -> np.ndarray:
        """Probability of at least one purchase in the next ``t``.

        Parameters
        ----------
        t
            Length of the future period, in the unit of T.
        frequency, recency, T
            The customer; by default a new one, just after the first purchase.

        Returns
        -------
        numpy.ndarray
            Of the broadcast shape; a Series if Series were given and there is one number a customer.

        Raises
        ------
        ValueError
            As for `fit`, and for negative t.
        """
        given = t, frequency, recency, T
        t, (x, t_x, T) = _times(t, "t"), _summary(frequency, recency, T)
        return _labelled(self.probability_alive(x, t_x, T) * self._return_if_alive(t, x, T), *given)

    def log_likelihood(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> float:
        """Log-likelihood of the customers' histories, the *sum* over customers, in nats.

        Raises
        ------
        ValueError
            As for `fit`.
        """
        return float(np.sum(np.logaddexp(*self._parts(frequency, recency, T))))

    def _parts(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihood of each history with the customer alive at T, and with the customer gone."""
        parameters = np.array(list(self.parameters.values()))
        customers = _summary(frequency, recency, T)
        shape = customers[0].shape
        x, t_x, T = (np.ravel(v) for v in customers)
        alive, gone = np.empty(x.shape), np.empty(x.shape)
        for part in _slices(x.size):
            alive[part], gone[part] = self._log_parts(parameters, x[part], t_x[part], T[part], False)[:2]
        return alive.reshape(shape), gone.reshape(shape)

    @classmethod
    def fit(cls, frequency: ArrayLike | pd.DataFrame, recency: ArrayLike | None = None,
            T: ArrayLike | None = None):
        """The model whose parameters make the customers' histories most likely.

        Parameters
        ----------
        frequency, recency, T
            Of each customer, shape (n,): repeat purchases, time from the first to the last purchase, time
            from the first purchase to now. Or one table with these three columns, as
            `tasks.calibration_holdout` makes it.

        Returns
        -------
        The fitted model.

        Raises
        ------
        ValueError
            For negative or missing numbers, fractional frequencies, recency above T, recencies that
            contradict frequencies, Series in different orders, or if nobody bought twice.
        TypeError
            For text, booleans, dates and lengths of time.
        RuntimeError
            If the search for the maximum fails.

        Warns
        -----
        RuntimeWarning
            If a parameter ran to the end of its range: the data do not determine it.

        Notes
        -----
        Maximises over the logarithms of the parameters by L-BFGS-B with exact gradients. Customers with the
        same three numbers are computed once. Of more than 80,000 different ones, the search begins on 20,000
        drawn at random, and a few Newton steps with their curvature lead to the maximum for all.
        """
        if isinstance(frequency, pd.DataFrame):
            lacking = {"frequency", "recency", "T"} - set(frequency.columns)
            if lacking or recency is not None or T is not None:
                raise ValueError("a table must come alone and have the columns frequency, recency and T; its "
                                 f"columns are {', '.join(map(str, frequency.columns))}")
            frequency, recency, T = (frequency[name] for name in ("frequency", "recency", "T"))
        x, t_x, T = _summary(frequency, recency, T)
        if x.ndim != 1 or not (x > 0).any():
            raise ValueError("fit needs customers in an array of shape (n,), at least one of whom bought "
                             f"twice; got shape {x.shape} with {int((x > 0).sum())} repeat customers")
        rows, weights = _distinct(x, t_x, T)
        names = [field.name for field in dataclasses.fields(cls)]
        start = np.array([np.log(T.mean()) if name in ("alpha", "beta") else 0.0 for name in names])

        def search(start_at, rows, weights):
            return minimize(lambda theta: cls._objective(theta, rows, weights), start_at, jac=True,
                            method="L-BFGS-B", bounds=[(v - _BOUND, v + _BOUND) for v in start],
                            options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9})

        begin = start
        if rows.shape[1] > 4 * _SAMPLE:
            drawn = np.random.default_rng(0).choice(rows.shape[1], _SAMPLE, replace=False)
            rough = search(start, rows[:, drawn], weights[drawn]).x
            if (np.abs(rough - start) < _BOUND - 1).all():
                curvature = cls._curvature(rough, rows[:, drawn], weights[drawn])
                begin = cls._newton(rough, curvature, rows, weights)
        done = search(begin, rows, weights)
        at_bound = np.abs(done.x - start) >= _BOUND
        if not np.isfinite(done.fun) or np.abs(done.jac[~at_bound]).max(initial=0) > 1e-5:
            raise RuntimeError(f"{cls.__name__} was not fitted: {done.message}; check the unit of time and "
                               "the numbers of repeat purchases")
        model = cls(*map(float, np.exp(done.x)))
        for name in np.array(names)[at_bound]:
            warnings.warn(f"{cls.__name__}: {name} = {model.parameters[name]:.3g} sits on the end of its "
                          "range; these data do not determine it", RuntimeWarning, stacklevel=2)
        return model

    def standard_errors(self, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> dict[str, float]:
        """Standard errors of the parameters of a model that was fitted to these customers.

        The square roots of the diagonal of the inverse of minus the Hessian of the log-likelihood: exact
        gradients, differenced once more.

        Returns
        -------
        dict
            By parameter.

        Raises
        ------
        ValueError
            As for `fit`, and if the likelihood is not curved downwards in all directions.

        Notes
        -----
        They describe the estimates only where the log-likelihood is close to a parabola; for the parameters
        of leaving (s, beta, a, b) a bootstrap over customers is lopsided and wider.
        """
        rows, weights = _distinct(*(v.ravel() for v in _summary(frequency, recency, T)))
        theta = np.log(list(self.parameters.values()))
        information = weights.sum() * self._curvature(theta, rows, weights)
        if np.linalg.eigvalsh(information).min() <= 0:
            raise ValueError("the log-likelihood does not fall in all directions from these parameters: they "
                             "are not its maximum for these customers, or the data do not determine them all")
        deviation = np.exp(theta) * np.sqrt(np.diag(np.linalg.inv(information)))
        return dict(zip(self.parameters, map(float, deviation), strict=True))

    def simulate(self, T: ArrayLike, horizon: float, rng: np.random.Generator) -> pd.DataFrame:
        """Simulated customers of this model, with what no log shows: who is alive.

        Parameters
        ----------
        T
            Time from the first purchase to now, shape (n,): one entry a customer.
        horizon
            Length of the future period, in the unit of T.
        rng
            Source of randomness.

        Returns
        -------
        pandas.DataFrame
            One row a customer: ``frequency``, ``recency``, ``T``, ``alive`` (bool, at T) and ``holdout``
            (purchases in the horizon).

        Raises
        ------
        ValueError
            For negative or missing times.

        Notes
        -----
        Exact, without steps of time: given how many there are, the moments of purchases are uniform.
        """
        T, horizon = np.atleast_1d(_times(T, "T")), float(_times(horizon, "horizon"))
        rate = rng.gamma(self.r, 1 / self.alpha, T.shape)
        lifetime, last_purchase = self._leaving(T.size, rng)
        buying = np.minimum(T, lifetime)
        before = rng.poisson(rate * buying)
        after = rng.poisson(rate * np.clip(lifetime - T, 0, horizon))
        x = np.minimum(before, last_purchase).astype(int)
        t_x = np.where(x > 0, buying * rng.beta(np.maximum(x, 1), before - x + 1), 0.0)
        return pd.DataFrame({"frequency": x, "recency": t_x, "T": T,
                             "alive": (lifetime > T) & (before < last_purchase),
                             "holdout": np.minimum(after, last_purchase - x).astype(int)})

    def _leaving(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """When n customers leave: after which time, and after which repeat purchase at the latest."""
        return np.full(n, np.inf), np.full(n, np.inf)

    @classmethod
    def _objective(cls, theta: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the mean log-likelihood of weighted rows, and its gradient in the log parameters."""
        parameters, value, gradient = np.exp(theta), 0.0, np.zeros(len(theta))
        for part in _slices(rows.shape[1]):
            alive, gone, by_alive, by_gone = cls._log_parts(parameters, *rows[:, part])
            total = np.logaddexp(alive, gone)
            value += weights[part] @ total
            gradient += (np.exp(alive - total) * by_alive + np.exp(gone - total) * by_gone) @ weights[part]
        return -float(value) / weights.sum(), -parameters * gradient / weights.sum()

    @classmethod
    def _curvature(cls, theta: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The second derivatives of `_objective`: its gradients, differenced."""
        step = 1e-5
        slopes = [[cls._objective(theta + sign * step * unit, rows, weights)[1] for sign in (1, -1)]
                  for unit in np.eye(len(theta))]
        curvature = np.array([(up - down) / (2 * step) for up, down in slopes])
        return (curvature + curvature.T) / 2

    @classmethod
    def _newton(cls, theta: np.ndarray, curvature: np.ndarray, rows: np.ndarray, weights: np.ndarray
                ) -> np.ndarray:
        """Where Newton steps lead as long as they lead downwards, with a curvature that is nearly right.

        Each step corrects the curvature by what it learned (BFGS).
        """
        value, slope = cls._objective(theta, rows, weights)
        for _ in range(20):
            if np.abs(slope).max() < 1e-9 or np.linalg.eigvalsh(curvature).min() <= 0:
                break
            step = -np.linalg.solve(curvature, slope)
            lower, there = cls._objective(theta + step, rows, weights)
            change = there - slope
            if lower > value + 1e-14 * abs(value) or change @ step <= 0:
                break
            bent = curvature @ step
            curvature = (curvature - np.outer(bent, bent) / (bent @ step)
                         + np.outer(change, change) / (change @ step))
            theta, value, slope = theta + step, lower, there
        return theta

    def __post_init__(self) -> None:
        for name, value in self.parameters.items():
            number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not (number and np.isfinite(value) and value > 0):
                raise ValueError(f"{type(self).__name__} needs positive parameters, got {name}={value!r}")

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by name."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class NBD(_CustomerBase):
    r"""Customers who differ in their rate and never leave: the baseline of the two models that let them.

    .. math::
       L = \frac{\Gamma(r+x)}{\Gamma(r)} \frac{\alpha^r}{(\alpha+T)^{r+x}}, \qquad
       E[Y(t)] = \frac{r+x}{\alpha+T}\,t .

    Parameters
    ----------
    r, alpha
        Shape (no unit) and inverse scale (the unit of T) of the gamma distribution of purchase rates.

    Raises
    ------
    ValueError
        For parameters that are not positive.

    Notes
    -----
    The negative binomial model of repeat buying: P(alive) is 1. Source: the benchmark of P. S. Fader,
    B. G. S. Hardie, K. L. Lee (2005).

    Examples
    --------
    >>> float(NBD(r=1, alpha=4).expected_purchases(t=6, frequency=2, recency=5, T=8))    # 3 / 12 * 6
    1.5
    """

    r: float
    alpha: float

    @staticmethod
    def _log_parts(parameters, x, t_x, T, slopes=True):
        alive, slopes = _log_rates(*parameters, x, T)
        return alive, np.full_like(alive, -np.inf), np.stack(slopes), np.zeros((2, *x.shape))

    def expected_purchases(self, t: ArrayLike, frequency: ArrayLike = 0, recency: ArrayLike = 0,
                           T: ArrayLike = 0) -> np.ndarray:
        """Expected number of purchases in the next ``t``; parameters as for `probability_return`."""
        given = t, frequency, recency, T
        t, (x, _, T) = _times(t, "t"), _summary(frequency, recency, T)
        return _labelled((self.r + x) / (self.alpha + T) * t, *given)

    def _return_if_alive(self, t, x, T):
        return -np.expm1(-xlog1py(self.r + x, t / (self.alpha + T)))


@dataclass(frozen=True)
class ParetoNBD(_CustomerBase):
    r"""Pareto/NBD: customers may leave at any time.

    Likelihood of a customer, the first term for one who is alive at T, the second for one who left at
    :math:`\tau` after the last purchase:

    .. math::
       L = \frac{\Gamma(r+x)\,\alpha^r\beta^s}{\Gamma(r)} \left\{ \frac{1}{(\alpha+T)^{r+x}(\beta+T)^s}
           + \int_{t_x}^{T} \frac{s\;d\tau}{(\alpha+\tau)^{r+x}(\beta+\tau)^{s+1}} \right\}.

    P(alive) is the first term's share. A customer who is alive at T has the rates
    :math:`\lambda \sim \text{Gamma}(r+x, \alpha+T)` and :math:`\mu \sim \text{Gamma}(s, \beta+T)`, from which
    the forecasts follow.

    Parameters
    ----------
    r, alpha
        Shape (no unit) and inverse scale (the unit of T) of the gamma distribution of purchase rates.
    s, beta
        The same of the rates of leaving.

    Raises
    ------
    ValueError
        For parameters that are not positive.

    Notes
    -----
    The integral is computed by quadrature instead of as a difference of hypergeometric functions, which
    overflows for frequent buyers. Source: D. C. Schmittlein, D. G. Morrison, R. Colombo (1987), Counting your
    customers: who are they and what will they do next?

    Examples
    --------
    >>> model = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
    >>> round(float(model.expected_purchases(t=52)), 2)                  # of a new customer in the first year
    1.47
    """

    r: float
    alpha: float
    s: float
    beta: float

    @staticmethod
    def _log_parts(parameters, x, t_x, T, slopes=True):
        r, alpha, s, beta = parameters
        bought, by_bought = _log_rates(r, alpha, x, T)
        stayed = np.log(beta) - np.log(beta + T)
        alive = bought + s * stayed
        by_alive = np.stack([*by_bought, stayed, s / beta - s / (beta + T)])

        bought, by_bought = _log_rates(r, alpha, x, t_x)
        stayed = np.log(beta) - np.log(beta + t_x)
        fade, by_fade = _log_fade(r + x, alpha + t_x, s + 1, beta + t_x, T - t_x, slopes)
        gone = bought + s * stayed + np.log(s) - np.log(beta + t_x) + fade
        if not slopes:
            return alive, gone, None, None
        by_gone = by_fade + np.stack([*by_bought, stayed + 1 / s, s / beta - (s + 1) / (beta + t_x)])
        return alive, gone, by_alive, by_gone

    def expected_purchases(self, t: ArrayLike, frequency: ArrayLike = 0, recency: ArrayLike = 0,
                           T: ArrayLike = 0) -> np.ndarray:
        r"""Expected number of purchases in the next ``t``; parameters as for `probability_return`.

        .. math::
           P(\text{alive})\,\frac{r+x}{\alpha+T} \int_0^t \Bigl(\frac{\beta+T}{\beta+T+u}\Bigr)^s du
        """
        given = t, frequency, recency, T
        t, (x, t_x, T) = _times(t, "t"), _summary(frequency, recency, T)
        spans = np.log1p(t / (self.beta + T))
        still_alive = (self.beta + T) * spans * exprel((1 - self.s) * spans)    # the integral, also at s = 1
        mean = (self.r + x) / (self.alpha + T) * still_alive
        return _labelled(self.probability_alive(x, t_x, T) * mean, *given)

    def _return_if_alive(self, t, x, T):
        """The next purchase comes before t and before leaving."""
        return (self.r + x) / (self.alpha + T) * np.exp(
            _log_fade(self.r + x + 1, self.alpha + T, self.s, self.beta + T, t, slopes=False)[0])

    def _leaving(self, n, rng):
        return rng.exponential(1 / rng.gamma(self.s, 1 / self.beta, n)), np.full(n, np.inf)


@dataclass(frozen=True)
class _LeavingAfterPurchases(_CustomerBase):
    """BG/NBD and MBG/NBD. ``_FIRST`` counts the first purchase among the occasions to leave: 0 or 1."""

    r: float
    alpha: float
    a: float
    b: float
    _FIRST: ClassVar[int]

    @classmethod
    def _log_parts(cls, parameters, x, t_x, T, slopes=True):
        r, alpha, a, b = parameters
        occasions = x + cls._FIRST
        bought, by_bought = _log_rates(r, alpha, x, T)
        stayed, by_stayed = _log_staying(a, b, occasions)
        alive, by_alive = bought + stayed, np.stack([*by_bought, *by_stayed])

        before = np.maximum(occasions, 1) - 1     # a stand-in where none, replaced by -inf below
        bought, by_bought = _log_rates(r, alpha, x, t_x)
        stayed, (by_a, by_b) = _log_staying(a, b, before)         # until the last one, after which it left
        seen = a + b + before
        gone = bought + stayed + np.log(a / seen)
        by_gone = np.stack([*by_bought, by_a + 1 / a - 1 / seen, by_b - 1 / seen])
        return alive, np.where(occasions > 0, gone, -np.inf), by_alive, by_gone

    def expected_purchases(self, t: ArrayLike, frequency: ArrayLike = 0, recency: ArrayLike = 0,
                           T: ArrayLike = 0) -> np.ndarray:
        r"""Expected number of purchases in the next ``t``; parameters as for `probability_return`.

        With :math:`z = t/(\alpha+T+t)` and, for MBG/NBD, b + 1 in the place of b,

        .. math::
           P(\text{alive})\,\frac{a+b+x-1}{a-1} \left[ 1 - (1-z)^{a-1}\,
           {}_2F_1(a+b-1-r,\; a-1;\; a+b+x-1;\; z) \right],

        the published form after Euler's transformation, which takes the count out of the powers: with it the
        published one overflows for frequent buyers.
        """
        given = t, frequency, recency, T
        t, (x, t_x, T) = _times(t, "t"), _summary(frequency, recency, T)
        z, b = t / (self.alpha + T + t), self.b + self._FIRST

        def if_alive(a):
            c = a + b + x - 1
            return c / (a - 1) * (1 - (1 - z) ** (a - 1) * hyp2f1(a + b - 1 - self.r, a - 1, c, z))

        if abs(self.a - 1) < _POLE:
            low, high = if_alive(1 - _POLE), if_alive(1 + _POLE)
            mean = low + (high - low) * (self.a - 1 + _POLE) / (2 * _POLE)
        else:
            with np.errstate(all="ignore"):
                mean = if_alive(self.a)
        if max(self.r, self.a, self.b) > _LARGE or not np.all(np.isfinite(mean)):
            mean = self._mean_if_alive(t, x, T)
        return _labelled(self.probability_alive(x, t_x, T) * mean, *given)

    def _mean_if_alive(self, t, x, T):
        r"""The same by quadrature, where the closed form overflows or is 0 times infinity (a + b + x = 1).

        .. math::
           E\left[\frac{1 - (1 + p\,t/(\alpha+T))^{-(r+x)}}{p}\right],
           \quad p \sim \mathrm{Beta}(a, b+x), \text{ or } \mathrm{Beta}(a, b+x+1) \text{ for MBG/NBD}

        The bracket g(p) is split into a line, ``(1 - p) g(0) + p g(1)``, whose mean is known, and a rest that
        vanishes at both ends: for this the trapezoidal rule in the logit of p converges exponentially.
        """
        t, x, T = np.broadcast_arrays(np.asarray(t, float), x, T)
        shape, t, x, T = t.shape, t.ravel(), x.ravel(), T.ravel()
        a, b, k, scaled = self.a, self.b + self._FIRST + x, self.r + x, t / (self.alpha + T)
        at_0, at_1 = k * scaled, -np.expm1(-k * np.log1p(scaled))
        mean = (b * at_0 + a * at_1) / (a + b)
        width, centre = np.sqrt(1 / (a + 1) + 1 / (b + 1)), np.log((a + 1) / (b + 1))
        low, high = centre - 12 * width - 36 / (a + 1), centre + 12 * width + 36 / (b + 1)
        steps = int(np.max((high - low) / np.minimum(0.5, width / 3))) + 1
        grid, block = np.linspace(0, 1, steps), max(1, 2_000_000 // steps)
        for start in range(0, len(t), block):
            part = slice(start, start + block)
            rows = [v[part, None] for v in (b, k, scaled, at_0, at_1, low, high)]
            b_, k_, scaled_, at_0_, at_1_, low_, high_ = rows
            y = low_ + (high_ - low_) * grid
            p = expit(y)
            density = np.exp(a * log_expit(y) + b_ * log_expit(-y) - betaln(a, b_))
            rest = -np.expm1(-k_ * np.log1p(p * scaled_)) / p - (1 - p) * at_0_ - p * at_1_
            mean[part] += trapezoid(density * rest, y, axis=1)
        return mean.reshape(shape)

    def _return_if_alive(self, t, x, T):
        return -np.expm1(-xlog1py(self.r + x, t / (self.alpha + T)))

    def _leaving(self, n, rng):
        p = np.maximum(rng.beta(self.a, self.b, n), np.finfo(float).tiny)
        return np.full(n, np.inf), rng.geometric(p) - float(self._FIRST)


@dataclass(frozen=True)
class BGNBD(_LeavingAfterPurchases):
    r"""BG/NBD: customers may leave right after a purchase, each with an own probability.

    .. math::
       L = \frac{\Gamma(r+x)\,\alpha^r}{\Gamma(r)\,B(a,b)} \left\{ \frac{B(a,b+x)}{(\alpha+T)^{r+x}}
           + [x>0]\,\frac{B(a+1,b+x-1)}{(\alpha+t_x)^{r+x}} \right\}.

    P(alive) is the first term's share, hence 1 for every customer who never bought again: the model lets
    nobody leave without a repeat purchase. `MBGNBD` does.

    Parameters
    ----------
    r, alpha
        Shape (no unit) and inverse scale (the unit of T) of the gamma distribution of purchase rates.
    a, b
        Shapes of the beta distribution of the probability of leaving after a purchase.

    Raises
    ------
    ValueError
        For parameters that are not positive.

    Notes
    -----
    Source: P. S. Fader, B. G. S. Hardie, K. L. Lee (2005), "Counting your customers" the easy way.

    Examples
    --------
    >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> round(float(model.expected_purchases(t=39, frequency=2, recency=30.43, T=38.86)), 3)
    1.226
    """

    _FIRST = 0


@dataclass(frozen=True)
class MBGNBD(_LeavingAfterPurchases):
    r"""MBG/NBD: customers may leave right after any purchase, also after the first one.

    .. math::
       L = \frac{\Gamma(r+x)\,\alpha^r}{\Gamma(r)\,B(a,b)} \left\{ \frac{B(a,b+x+1)}{(\alpha+T)^{r+x}}
           + \frac{B(a+1,b+x)}{(\alpha+t_x)^{r+x}} \right\}.

    P(alive) is the first term's share, now below 1 for customers who never bought again, too:

    .. math::
       P(\text{alive}) = 1 \Big/
           \left\{ 1 + \frac{a}{b+x} \Bigl(\frac{\alpha+T}{\alpha+t_x}\Bigr)^{r+x} \right\}.

    Parameters
    ----------
    r, alpha
        Shape (no unit) and inverse scale (the unit of T) of the gamma distribution of purchase rates.
    a, b
        Shapes of the beta distribution of the probability of leaving after a purchase.

    Raises
    ------
    ValueError
        For parameters that are not positive.

    Notes
    -----
    Sources: E. P. Batislam, M. Denizel, A. Filiztekin (2007), Empirical validation and comparison of models
    for customer base analysis; D. Hoppe, U. Wagner (2007), Customer base analysis: the case for a central
    variant of the betageometric/NBD model.

    Examples
    --------
    >>> model = MBGNBD(r=0.525, alpha=6.183, a=0.891, b=1.614)       # CDNOW, weeks
    >>> round(float(model.probability_alive(frequency=0, recency=0, T=38.86)), 2)      # BG/NBD says 1
    0.39
    """

    _FIRST = 1


# ------------------------------------------------------------------------------------------------ covariates


@dataclass(frozen=True)
class WithCovariates:
    r"""A model in which what is known of a customer makes her buy faster or slower.

    A customer with covariates z buys at the rate :math:`\lambda\, c` with :math:`c = e^{\beta \cdot z}`, so
    :math:`\alpha / c` takes the place of :math:`\alpha`. Where only purchases give occasion to leave, this
    says that her clock ticks c times as fast:

    .. math::
       L(x, t_x, T \mid z) = c^{x}\, L(x,\; c\,t_x,\; c\,T).

    Parameters
    ----------
    model
        `NBD`, `BGNBD` or `MBGNBD`, of a customer whose covariates are all 0. Not `ParetoNBD`: its customers
        leave by the calendar, which their rate of buying does not move.
    effects
        :math:`\beta` by name of the covariate: one unit more multiplies the rate by :math:`e^\beta`.

    Raises
    ------
    TypeError
        For another model.
    ValueError
        For effects that are no finite numbers, and in every method for covariates that lack one of them.

    Notes
    -----
    The covariates must be known at the first purchase and stay as they are. Only the rate of buying depends
    on them; the source lets a and b vary as well. Source: P. S. Fader, B. G. S. Hardie (2007), Incorporating
    time-invariant covariates into the Pareto/NBD and BG/NBD models.

    Examples
    --------
    >>> model = WithCovariates(BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426), {"member": 0.7})
    >>> people = pd.DataFrame({"member": [0, 1]})
    >>> model.expected_purchases(39, people).round(2)                     # of new customers in 39 weeks
    array([1.2 , 1.87])
    """

    model: NBD | BGNBD | MBGNBD
    effects: dict[str, float]

    def __post_init__(self) -> None:
        self._possible(type(self.model))
        if not self.effects or not np.isfinite(floats(list(self.effects.values()), "effects")).all():
            raise ValueError("effects must be finite numbers by the name of a covariate, got "
                             f"{self.effects!r}")

    @classmethod
    def fit(cls, kind: type, covariates: pd.DataFrame, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
            ) -> WithCovariates:
        """The model whose parameters and effects make the customers' histories most likely.

        Parameters
        ----------
        kind
            `NBD`, `BGNBD` or `MBGNBD`.
        covariates
            One row a customer, one column of numbers a covariate (yes and no as 1 and 0).
        frequency, recency, T
            As for `BGNBD.fit`, in the order of the rows.

        Returns
        -------
        WithCovariates

        Raises
        ------
        ValueError
            As for `BGNBD.fit`; for missing covariates, one that is equal for all or follows from the others,
            or another number or order of rows.
        TypeError
            For another kind, covariates that are no table, or columns that are no numbers.
        RuntimeError
            If the search for the maximum fails.
        """
        cls._possible(kind)
        if not isinstance(covariates, pd.DataFrame) or not len(covariates.columns):
            raise TypeError("covariates must be a table with one row a customer and one column a covariate, "
                            f"got {type(covariates).__name__}")
        names = list(covariates.columns)
        z, customers = cls._known(covariates, names, frequency, recency, T)
        base = kind.fit(*customers)
        centre, spread = z.mean(axis=0), z.std(axis=0)
        flat = spread <= 1e-12 * (1 + np.abs(centre))
        if flat.any() or np.linalg.matrix_rank((z - centre) / spread) < len(names):
            raise ValueError(f"of the covariates {', '.join(map(str, names))} one is equal for all "
                             "customers, or follows from the others: no data tell its effect; leave it out")
        start = np.append(np.log(list(base.parameters.values())), np.zeros(len(names)))
        done = minimize(cls._objective, start, args=(kind, (z - centre) / spread, *customers), jac=True,
                        method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9})
        if not np.isfinite(done.fun) or np.abs(done.jac).max() > 1e-5:
            raise RuntimeError(f"{kind.__name__} with covariates was not fitted: {done.message}")
        parameters = np.exp(done.x[:-len(names)])
        effects = done.x[-len(names):] / spread
        parameters[1] *= np.exp(effects @ centre)
        return cls(kind(*map(float, parameters)), dict(zip(names, map(float, effects), strict=True)))

    def pace(self, covariates: pd.DataFrame) -> np.ndarray:
        """How many times as fast as a customer with covariates 0 each one buys, shape (n,)."""
        return self._pace(self._columns(covariates, list(self.effects)))

    def log_likelihood(self, covariates: pd.DataFrame, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
                       ) -> float:
        """Log-likelihood of the customers' histories, the sum over customers, in nats."""
        z, (x, t_x, T) = self._known(covariates, list(self.effects), frequency, recency, T)
        pace = self._pace(z)
        return self.model.log_likelihood(x, pace * t_x, pace * T) + float(x @ np.log(pace))

    def standard_errors(self, covariates: pd.DataFrame, frequency: ArrayLike, recency: ArrayLike, T: ArrayLike
                        ) -> dict[str, float]:
        """Standard errors of the parameters and effects of a model that was fitted to these customers.

        Raises
        ------
        ValueError
            If the likelihood is not curved downwards in all directions.
        """
        names = list(self.effects)
        z, customers = self._known(covariates, names, frequency, recency, T)
        parameters = np.array(list(self.model.parameters.values()))
        theta = np.append(np.log(parameters), list(self.effects.values()))
        step = 1e-5 / np.append(np.ones(len(parameters)), np.maximum(z.std(axis=0), 1e-12))
        slopes = [[self._objective(theta + move, type(self.model), z, *customers)[1] for move in (up, -up)]
                  for up in np.diag(step)]
        curvature = np.array([(up - down) / (2 * h) for (up, down), h in zip(slopes, step, strict=True)])
        information = len(z) * (curvature + curvature.T) / 2
        if np.linalg.eigvalsh(information).min() <= 0:
            raise ValueError("the log-likelihood does not fall in all directions from these parameters: they "
                             "are not its maximum for these customers, or the data do not determine them all")
        deviation = np.sqrt(np.diag(np.linalg.inv(information))) * np.append(parameters, np.ones(len(names)))
        return dict(zip([*self.model.parameters, *names], map(float, deviation), strict=True))

    def probability_alive(self, covariates: pd.DataFrame, frequency: ArrayLike, recency: ArrayLike,
                          T: ArrayLike) -> np.ndarray:
        """Probability that each customer has not left for good by now, shape (n,)."""
        z, (x, t_x, T) = self._known(covariates, list(self.effects), frequency, recency, T)
        pace = self._pace(z)
        return self.model.probability_alive(x, pace * t_x, pace * T)

    def probability_return(self, t: float, covariates: pd.DataFrame, frequency: ArrayLike = 0,
                           recency: ArrayLike = 0, T: ArrayLike = 0) -> np.ndarray:
        """Probability of at least one purchase of each customer in the next ``t``, shape (n,)."""
        z, (x, t_x, T) = self._known(covariates, list(self.effects), frequency, recency, T)
        pace = self._pace(z)
        return self.model.probability_return(pace * _times(t, "t"), x, pace * t_x, pace * T)

    def expected_purchases(self, t: float, covariates: pd.DataFrame, frequency: ArrayLike = 0,
                           recency: ArrayLike = 0, T: ArrayLike = 0) -> np.ndarray:
        """Expected number of purchases of each customer in the next ``t``, shape (n,)."""
        z, (x, t_x, T) = self._known(covariates, list(self.effects), frequency, recency, T)
        pace = self._pace(z)
        return self.model.expected_purchases(pace * _times(t, "t"), x, pace * t_x, pace * T)

    def _pace(self, z: np.ndarray) -> np.ndarray:
        return np.exp(z @ np.array(list(self.effects.values())))

    @staticmethod
    def _possible(kind: object) -> None:
        if kind not in (NBD, BGNBD, MBGNBD):
            raise TypeError("covariates are for NBD, BGNBD and MBGNBD, whose customers leave after purchases "
                            f"or never, got {getattr(kind, '__name__', kind)}")

    @staticmethod
    def _objective(theta, kind, z, x, t_x, T) -> tuple[float, np.ndarray]:
        """Minus the mean log-likelihood and its gradient by the log parameters and the effects."""
        k = len(theta) - z.shape[1]
        parameters, pace = np.exp(theta[:k]), np.exp(z @ theta[k:])
        own = parameters[0], parameters[1] / pace, *parameters[2:]
        alive, gone, by_alive, by_gone = kind._log_parts(own, x, t_x, T)
        total = np.logaddexp(alive, gone)
        slopes = np.exp(alive - total) * by_alive + np.exp(gone - total) * by_gone
        slopes[1] /= pace
        gradient = parameters * slopes.sum(axis=1)
        return -total.mean(), -np.append(gradient, -parameters[1] * slopes[1] @ z) / len(x)

    @classmethod
    def _known(cls, covariates, names, frequency, recency, T) -> tuple[np.ndarray, list[np.ndarray]]:
        """Covariates as an array, and frequency, recency and T with one entry a row."""
        z = cls._columns(covariates, names)
        index = _index(frequency, recency, T)
        if index is not None and not index.equals(covariates.index):
            raise ValueError("the covariates and the Series do not have one index in one order, so which "
                             "numbers belong to one customer? Take them from one table, or give arrays")
        customers = _summary(frequency, recency, T)
        if customers[0].shape not in ((), (len(z),)):
            raise ValueError(f"covariates have {len(z):,} rows, but frequency, recency and T the shape "
                             f"{customers[0].shape}: give one entry a customer")
        return z, [np.broadcast_to(v, len(z)) for v in customers]

    @staticmethod
    def _columns(covariates, names) -> np.ndarray:
        lacking = [name for name in names if name not in covariates]
        if lacking:
            raise ValueError(f"the covariates lack {', '.join(map(str, lacking))}; their columns are "
                             f"{', '.join(map(str, covariates.columns))}")
        z = np.stack([floats(covariates[name], f"the covariate {name}") for name in names], axis=1)
        if not np.isfinite(z).all():
            bad = [name for name, column in zip(names, z.T, strict=True) if not np.isfinite(column).all()]
            raise ValueError(f"the covariates {', '.join(map(str, bad))} hold missing or infinite values: "
                             "say what is meant by them, or leave these customers out")
        return z


# -------------------------------------------------------------------------------------------------- spending


@dataclass(frozen=True)
class GammaGamma:
    r"""What a purchase of a customer is worth on average: the gamma-gamma model of spending.

    The values of a customer's purchases vary around an own mean as :math:`\text{Gamma}(p, \nu)`, and
    customers differ as :math:`\nu \sim \text{Gamma}(q, \gamma)`. Of a customer with x purchases of mean m,

    .. math::
       L = \frac{\Gamma(px+q)}{\Gamma(px)\,\Gamma(q)}\,
           \frac{\gamma^q\,m^{px-1}\,x^{px}}{(\gamma + m x)^{px+q}}, \qquad
       E[M \mid m, x] = \frac{p\,(\gamma + m x)}{px + q - 1},

    a weighted mean of m and of the population's mean :math:`p\gamma/(q-1)`: the fewer purchases, the less
    is m believed. What customers spend must not depend on how often they buy.

    Parameters
    ----------
    p, q
        Shapes (no unit) of the values of a customer's purchases, and of the customers.
    gamma
        Inverse scale of the customers, in the unit of the values.

    Raises
    ------
    ValueError
        For parameters that are not positive.

    Notes
    -----
    Source: P. S. Fader, B. G. S. Hardie (2013), The gamma-gamma model of monetary value.

    Examples
    --------
    >>> spending = GammaGamma(p=6.25, q=3.74, gamma=15.44)          # published for CDNOW, dollars
    >>> spending.expected_value(frequency=[0, 1, 10], monetary=[0, 100, 100]).round(1)
    array([35.2, 80.3, 97.3])
    """

    p: float
    q: float
    gamma: float

    __post_init__ = _CustomerBase.__post_init__
    parameters = _CustomerBase.parameters

    @classmethod
    def fit(cls, frequency: ArrayLike, monetary: ArrayLike) -> GammaGamma:
        """The model that makes the mean values most likely.

        Parameters
        ----------
        frequency, monetary
            Of each customer, shape (n,): how many repeat purchases, and their mean value. Customers without
            repeat purchase say nothing and are left out.

        Returns
        -------
        GammaGamma

        Raises
        ------
        ValueError
            For fractional frequencies, values of repeat customers that are not above 0 (a refund is no
            purchase), Series in different orders, or fewer than two repeat customers.
        TypeError
            For text, booleans, dates and lengths of time.
        RuntimeError
            If the search for the maximum fails.
        """
        x, m = cls._spending(frequency, monetary)
        x, m = x[x > 0], m[x > 0]
        if x.ndim != 1 or len(x) < 2:
            raise ValueError(f"fit needs at least two customers who bought again, got {x.size}")
        unit = m.mean()

        def objective(theta):
            p, q, scale = np.exp(theta)
            spent, px = x * m / unit, p * x
            fade = np.log(scale) - np.log(scale + spent)
            value = (gammaln(px + q) - gammaln(px) - gammaln(q) + q * fade
                     + px * (np.log(spent) - np.log(scale + spent)) - np.log(m))
            bent = psi(px + q)
            slopes = [x * (bent - psi(px) + np.log(spent) - np.log(scale + spent)), bent - psi(q) + fade,
                      q / scale - (px + q) / (scale + spent)]
            return -value.mean(), -np.exp(theta) * np.mean(slopes, axis=1)

        done = minimize(objective, np.log([2.0, 2.0, 1.0]), jac=True, method="L-BFGS-B",
                        bounds=[(-_BOUND, _BOUND)] * 3,
                        options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9})
        if not np.isfinite(done.fun) or np.abs(done.jac).max() > 1e-5 or np.abs(done.x).max() >= _BOUND:
            raise RuntimeError(f"GammaGamma was not fitted: {done.message}; do the values differ between "
                               "customers, and between purchases of a customer?")
        p, q, scale = map(float, np.exp(done.x))
        return cls(p, q, scale * float(unit))

    def log_likelihood(self, frequency: ArrayLike, monetary: ArrayLike) -> float:
        """Log-likelihood of the mean values of all repeat customers, the sum in nats."""
        x, m = self._spending(frequency, monetary)
        x, m = x[x > 0], m[x > 0]
        px, spent = self.p * x, m * x
        return float(np.sum(
            gammaln(px + self.q) - gammaln(px) - gammaln(self.q) + self.q * np.log(self.gamma)
            - np.log(m) + px * np.log(spent) - (px + self.q) * np.log(self.gamma + spent)))

    def expected_value(self, frequency: ArrayLike, monetary: ArrayLike) -> np.ndarray | pd.Series:
        """Expected mean value of the customer's purchases, also future ones; without past, the population's.

        Infinite for a customer without repeat purchase if ``q`` <= 1: the population has no mean then.
        """
        x, m = self._spending(frequency, monetary)
        with np.errstate(divide="ignore"):
            mean = self.p * (self.gamma + m * x) / np.maximum(self.p * x + self.q - 1, 0)
        return _labelled(mean, frequency, monetary)

    @staticmethod
    def _spending(frequency: ArrayLike, monetary: ArrayLike) -> list[np.ndarray]:
        _index(frequency, monetary)
        x, m = _times(frequency, "frequency"), _times(monetary, "monetary")
        try:
            x, m = np.broadcast_arrays(x, m)
        except ValueError as error:
            raise ValueError("frequency and monetary must have one entry a customer, got the shapes "
                             f"{x.shape} and {m.shape}") from error
        if (x != np.floor(x)).any():
            raise ValueError("frequency must be whole numbers (repeat purchases)")
        if ((x > 0) & (m == 0)).any():
            raise ValueError("monetary must be above 0 for customers who bought again; "
                             f"{np.count_nonzero((x > 0) & (m == 0)):,} spent nothing: leave them out")
        return [x, np.where(x > 0, m, 0.0)]


# ------------------------------------------------------------------------------------------------ arithmetic

#: Up to which reach (see `_log_fade`) how many nodes leave a relative error below 1e-13; beyond, 48.
_REACHES = np.array([2.0, 4.0, 8.0, 12.0, 16.0])
_RULES = [np.polynomial.legendre.leggauss(n) for n in (8, 12, 16, 24, 32, 48)]
_BLOCK = 1 << 13
_SAMPLE = 20_000    # distinct customers on whom a fit to many more begins
_NATS = 38.0        # an integrand that has fallen by this many powers of e adds nothing in double precision
_BOUND = 14.0       # parameters are sought within a factor of exp(14) around 1, or around the mean T
_LARGE = 50.0       # above it the closed form of BG/NBD's expected purchases loses digits, then overflows
_POLE = 1e-5        # so near a = 1 the expected purchases of BG/NBD, 0/0 there, are interpolated


def _log_fade(p, scale_p, q, scale_q, length, slopes=True) -> tuple[np.ndarray, np.ndarray | None]:
    r"""ln of :math:`\int_0^{L} (1 + u/A)^{-p} (1 + u/B)^{-q} \, du`, and its derivatives by p, A, q and B.

    With :math:`v = \ln(1 + u/m)`, m the smaller of A and B, the integrand is analytic in a strip of
    half-width pi around the axis, whatever A and B, so that Gauss-Legendre converges fast; the axis is cut
    where nothing is left. How many nodes it takes depends on how far the integrand reaches: the length of
    the axis plus the powers of e by which it falls. Shapes broadcast; -inf where L = 0.
    """
    given = np.broadcast_arrays(*(np.asarray(v, float) for v in (p, scale_p, q, scale_q, length)))
    shape = given[0].shape
    p, A, q, B, L = (np.ravel(v) for v in given)
    swapped = A > B
    if swapped.any():                   # from here on A is the smaller one
        p, q = np.where(swapped, q, p), np.where(swapped, p, q)
        A, B = np.minimum(A, B), np.maximum(A, B)
    with np.errstate(over="ignore", divide="ignore"):
        spent = np.minimum(A * np.expm1(_NATS / p), B * np.expm1(_NATS / q))
        half = np.log1p(np.minimum(L, spent) / A) / 2
    reach = 2 * half * (1 + np.abs(p - 1)) + q * np.log1p(A * np.expm1(2 * half) / B)
    kind = np.searchsorted(_REACHES, reach)
    total, by = np.empty(len(p)), np.empty((4, len(p))) if slopes else None
    for which, rule in enumerate(_RULES):
        for part in _blocks(np.flatnonzero(kind == which)):
            _add_up(rule, p[part], A[part], q[part], B[part], half[part], part, total, by)
    if slopes and swapped.any():
        by = np.where(swapped, by[[2, 3, 0, 1]], by)
    with np.errstate(divide="ignore"):
        value = np.log(A * half * total).reshape(shape)
    return value, by.reshape(4, *shape) if slopes else None


def _add_up(rule, p, A, q, B, half, part, total, by) -> None:
    """The sum over the nodes into ``total[part]``, and the shares of its derivatives into ``by[:, part]``."""
    f_all = np.zeros_like(p)
    by_p, by_A, by_q, by_B = np.zeros((4, len(p)))
    for node, weight in zip(*rule, strict=True):         # all customers at once, node by node
        v = half * (1 + node)                            # ln(1 + u/A)
        grown = np.expm1(v)
        ratio = grown * (A / B)                          # u/B
        fall = np.log1p(ratio)
        f = weight * np.exp((1 - p) * v - q * fall)
        f_all += f
        if by is not None:
            by_p -= f * v
            by_A += f * (grown / (1 + grown))
            by_q -= f * fall
            by_B += f * (ratio / (1 + ratio))
    total[part] = f_all
    if by is not None:
        by[:, part] = np.stack([by_p, by_A * (p / A), by_q, by_B * (q / B)]) / f_all


def _blocks(rows: np.ndarray) -> list[np.ndarray]:
    """Parts of the rows whose temporary arrays stay in the processor's cache."""
    return [rows[start:start + _BLOCK] for start in range(0, len(rows), _BLOCK)]


def _slices(n: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, n, _BLOCK)]


def _log_rates(r, alpha, x, time) -> tuple[np.ndarray, list[np.ndarray]]:
    """ln of E[rate^x e^(-rate * time)] over rate ~ Gamma(r, alpha), and its derivatives by r and alpha."""
    fade = -np.log1p(time / alpha)
    rose = _over_purchases(x, lambda k: np.log(r + k), lambda x: gammaln(r + x) - gammaln(r))
    by_r = _over_purchases(x, lambda k: 1 / (r + k), lambda x: psi(r + x) - psi(r))
    by_alpha = (r * time - x * alpha) / (alpha * (alpha + time))
    return rose + r * fade - x * np.log(alpha + time), [by_r + fade, by_alpha]


def _log_staying(a, b, x) -> tuple[np.ndarray, list[np.ndarray]]:
    """ln of E[(1 - p)^x] over p ~ Beta(a, b), and its derivatives by a and b."""
    value = _over_purchases(x, lambda k: -np.log1p(a / (b + k)), lambda x: betaln(a, b + x) - betaln(a, b))
    by_a = _over_purchases(x, lambda k: -1 / (a + b + k), lambda x: psi(a + b) - psi(a + b + x))
    by_b = _over_purchases(x, lambda k: a / ((b + k) * (a + b + k)),
                           lambda x: psi(b + x) - psi(b) + psi(a + b) - psi(a + b + x))
    return value, [by_a, by_b]


def _over_purchases(x: np.ndarray, term, closed) -> np.ndarray:
    """The sum of ``term(k)`` over k = 0, ..., x - 1, which ``closed(x)`` is too.

    The sums are computed once a count, and lose no digits where parameters are so large that the gamma
    functions of the closed form cancel; it is left to counts that are too large to sum up to.
    """
    most = int(x.max(initial=0))
    if most > max(x.size, 1000):
        return closed(x)
    return np.append(0.0, np.cumsum(term(np.arange(most))))[x.astype(np.intp)]


def _distinct(x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct customers, shape (3, distinct), and how many there are of each."""
    rows = np.stack([x, t_x, T])[:, np.lexsort((T, t_x, x))]
    new = np.flatnonzero(np.append(True, (rows[:, 1:] != rows[:, :-1]).any(axis=0)))
    return rows[:, new], np.diff(np.append(new, x.size)).astype(float)


# ------------------------------------------------------------------------------------------------ validation


def _times(value: ArrayLike, name: str) -> np.ndarray:
    value = floats(value, name)
    bad = ~np.isfinite(value) | (value < 0)
    if bad.any():
        raise ValueError(f"{name} must be finite and not negative; {np.count_nonzero(bad):,} of "
                         f"{value.size:,} values are not, the first is {value[bad].flat[0]:g}")
    return value


def _index(*given: object) -> pd.Index | None:
    """The index that all Series share; ``None`` without Series."""
    indices = [each.index for each in given if isinstance(each, pd.Series)]
    if not all(index.equals(indices[0]) for index in indices):
        raise ValueError("the Series do not have one index in one order, so which numbers belong to one "
                         "customer? Take them from one table, or give arrays")
    return indices[0] if indices else None


def _labelled(result: np.ndarray, *given: object) -> np.ndarray | pd.Series:
    """The result as a Series if one was given and there is one number for each of its entries."""
    index = _index(*given)
    return result if index is None or result.shape != (len(index),) else pd.Series(result, index=index)


def _summary(frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> list[np.ndarray]:
    """The three numbers of each customer as float arrays of one shape, refused where they contradict."""
    _index(frequency, recency, T)
    x, t_x, T = _times(frequency, "frequency"), _times(recency, "recency"), _times(T, "T")
    try:
        x, t_x, T = np.broadcast_arrays(x, t_x, T)
    except ValueError as error:
        raise ValueError("frequency, recency and T must have one entry a customer, got the shapes "
                         f"{x.shape}, {t_x.shape} and {T.shape}") from error
    for bad, rule in (
        (x != np.floor(x), "frequency must be whole numbers (repeat purchases)"),
        (t_x > T, "recency must not exceed T: it is the time from the first purchase to the last, not the "
                  "time since the last"),
        ((x == 0) & (t_x > 0), "a customer with frequency 0 has no second purchase, so recency must be 0; do "
                               "not count the first purchase into frequency, or measure recency from it"),
        ((x > 0) & (t_x == 0), "a customer with frequency above 0 bought again later, so recency must be "
                               "above 0; count purchases of one day once"),
    ):
        if bad.any():
            first = np.flatnonzero(bad)[0]
            raise ValueError(f"{rule}; {np.count_nonzero(bad):,} of {x.size:,} customers break this, "
                             f"the first at position {first} (frequency {x.flat[first]:g}, "
                             f"recency {t_x.flat[first]:g}, T {T.flat[first]:g})")
    return [x, t_x, T]

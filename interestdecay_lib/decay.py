"""Decay curves: the weight an event keeps at a given age.

A curve is a frozen dataclass that is called with ages and answers with weights. The age of an event is the
time that has passed since it happened, a number >= 0 in the unit of the curve's half-life (days, weeks,
steps: the caller chooses one unit and keeps it). Every curve ``w`` satisfies

* ``w(0) == 1`` and ``w(w.half_life) == 0.5``,
* ``w`` never increases and stays in [0, 1]; where the true weight is below the smallest float, it is 0.

A negative age is an event from the future. It raises ``ValueError``; it never becomes a weight above 1.

>>> curve = Exponential(half_life=7)          # days
>>> curve(14)
0.25
>>> curve([0, 7, 21])
array([1.   , 0.5  , 0.125])
"""

from __future__ import annotations

import math
import numbers
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from interestdecay_lib._arguments import floats

__all__ = [
    "CURVES",
    "BiExponential",
    "DecayCurve",
    "Exponential",
    "FreeNumber",
    "Gaussian",
    "Hyperbolic",
    "PowerLaw",
    "StretchedExponential",
    "TanhComplement",
    "half_life_from_rate",
    "rate_from_half_life",
]

LN2 = math.log(2.0)


def _refuse(bad: np.ndarray, values: np.ndarray, message: str) -> None:
    """Raise ``ValueError`` if any value is bad, with how many, the first one and where it stands."""
    if not bad.any():
        return
    if values.ndim == 0:
        raise ValueError(f"{message}, got {values.item()!r}")
    first = int(np.flatnonzero(bad)[0])
    raise ValueError(
        f"{message}: {int(bad.sum())} of {values.size} are not; "
        f"the first is {values.flat[first].item()!r} at position {first}"
    )


def _check_ages(age: Any) -> np.ndarray:
    ages = floats(age, "ages")
    _refuse(~np.isfinite(ages), ages, "ages must be finite (no NaN, no infinity)")
    _refuse(
        ages < 0,
        ages,
        "ages must be >= 0 (a negative age is an event from the future; leave such events out first)",
    )
    return ages


def check_positive(value: Any, name: str, unit: str) -> float:
    """One positive, finite number as a float; ``ValueError`` names the parameter and what was given."""
    message = f"{name} must be a positive, finite number ({unit}), got {value!r}"
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise ValueError(message)
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(message) from None
    if not (math.isfinite(number) and number > 0):
        raise ValueError(message)
    return number


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


def _ln2_over(value: Any, name: str) -> Any:
    values = floats(value, name)
    _refuse(~(np.isfinite(values) & (values > 0)), values, f"{name} must be positive and finite")
    with np.errstate(over="ignore"):
        result = LN2 / values
    _refuse(~np.isfinite(result), values, f"{name} must not be so small that ln 2 / {name} is infinite")
    return result.item() if result.ndim == 0 else result


def rate_from_half_life(half_life: Any) -> Any:
    """Decay rate of the exponential with this half-life: ``rate = ln 2 / half_life``.

    Parameters
    ----------
    half_life : number or array
        Positive and finite, in some unit of time.

    Returns
    -------
    float or array
        The rate, per that unit of time.

    Raises
    ------
    ValueError
        If a half-life is not positive and finite.

    Examples
    --------
    >>> round(rate_from_half_life(7), 4)          # 7 days -> per day
    0.099
    """
    return _ln2_over(half_life, "half_life")


def half_life_from_rate(rate: Any) -> Any:
    """Half-life of the exponential with this rate: ``half_life = ln 2 / rate``.

    Parameters
    ----------
    rate : number or array
        Positive and finite, per unit of time.

    Returns
    -------
    float or array
        The half-life, in that unit of time.

    Raises
    ------
    ValueError
        If a rate is not positive and finite.

    Examples
    --------
    >>> round(half_life_from_rate(0.1), 3)          # 0.1 per day -> days
    6.931
    """
    return _ln2_over(rate, "rate")


class FreeNumber(NamedTuple):
    """Where `fitting.fit_decay` looks for a parameter of a curve's form."""

    low: float = 1e-3
    high: float = 1e3
    starts: tuple[float, ...] = (1.0,)
    share: bool = False
    """A share between 0 and 1: the search moves its logit instead of its logarithm."""

    def of(self, value: float) -> float:
        """The free number that the search moves."""
        return math.log(value / (1 - value)) if self.share else math.log(value)


class DecayCurve:
    """What all decay curves share: checked ages in, weights out.

    A subclass is a frozen dataclass that offers ``half_life`` (a field or a property) and ``_weight``, the
    formula for a float64 array of checked ages. That is enough for `fitting.fit_decay`, if the first field is
    a length of time and every field is positive; it looks for

    * the first field between 1e-5 and 100 times the largest age;
    * each other field as ``form`` says, or, if it does not, from a thousandth to a thousand, starting at the
      field's default value;

    and takes the slopes of the weight from finite differences, unless a subclass writes out `slopes`.

    Call a curve with a number, a list, a NumPy array of any shape or a pandas Series of ages >= 0, in the
    unit of its half-life. A number gives a ``float``, a Series gives a Series with the same index, anything
    else an array of the same shape. Negative, missing or infinite ages raise ``ValueError``; what is not a
    number (text, dates, timedeltas, booleans) raises ``TypeError``.
    """

    _units: ClassVar[dict[str, str]] = {}
    #: Where a fit looks for the parameters after the first, by name.
    form: ClassVar[dict[str, FreeNumber]] = {}
    half_life: float

    def __post_init__(self) -> None:
        for name, unit in self._units.items():
            object.__setattr__(self, name, check_positive(getattr(self, name), name, unit))

    def __call__(self, age: Any) -> Any:
        ages = _check_ages(age)
        weights = self._of_checked(ages)
        if isinstance(age, pd.Series):
            return pd.Series(weights, index=age.index, name=age.name)
        return weights.item() if ages.ndim == 0 else weights

    def _of_checked(self, ages: np.ndarray) -> np.ndarray:
        # Far out in the tail the intermediate values overflow to infinity and the weight underflows to 0,
        # which is the right answer: no warning is due.
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            return self._weight(ages)

    def _weight(self, age: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    @classmethod
    def free_numbers(cls) -> dict[str, FreeNumber]:
        """What a fit moves, by name: first a length of time (with no limits of its own), then the form."""
        first, *others = fields(cls)
        given = {f.name: FreeNumber() if f.default is MISSING else FreeNumber(starts=(f.default,))
                 for f in others}
        return {first.name: FreeNumber(), **given, **cls.form}

    @classmethod
    def from_free(cls, theta: np.ndarray) -> Self:
        """The curve at ``theta``, one number for each of `free_numbers`: logarithms, logits of shares."""
        kinds = cls.free_numbers().values()
        return cls(*(_sigmoid(t) if kind.share else math.exp(t)
                     for kind, t in zip(kinds, theta, strict=True)))

    def to_free(self) -> np.ndarray:
        """The free numbers of this curve; `from_free` takes them back."""
        return np.array([kind.of(getattr(self, name)) for name, kind in self.free_numbers().items()])

    def slopes(self, age: np.ndarray) -> np.ndarray:
        """Derivatives of the weight by the free numbers at ages above 0, shape (ages, free numbers).

        By central differences, with a relative error of about 1e-9; the curves of this module write them out.
        """
        theta, step = self.to_free(), 1e-5
        sides = [[self.from_free(theta + sign * step * unit)(age) for sign in (1, -1)]
                 for unit in np.eye(len(theta))]
        return np.column_stack([(up - down) / (2 * step) for up, down in sides])


@dataclass(frozen=True)
class Exponential(DecayCurve):
    r"""Exponential decay: each half-life takes half of what is left.

    .. math:: w(a) = 2^{-a/h} = e^{-\lambda a} = e^{-a/\tau}

    The only curve without memory of its age: from any moment on it halves in the same time, so a sum of
    decayed events can be carried forward without the events (see ``interest.DecayedCounter``).

    Parameters
    ----------
    half_life : float
        ``h`` > 0, the age at which half of the weight is left.

    Raises
    ------
    ValueError
        If the half-life is not a positive, finite number.

    Examples
    --------
    >>> curve = Exponential.from_rate(0.1)          # per day
    >>> round(curve.half_life, 3), round(curve.time_constant, 3), round(curve(14), 3)
    (6.931, 10.0, 0.247)
    """

    half_life: float
    _units: ClassVar[dict[str, str]] = {"half_life": "in the unit of age"}

    @property
    def rate(self) -> float:
        """Decay rate ``lambda = ln 2 / half_life``, per unit of age."""
        return rate_from_half_life(self.half_life)

    @property
    def time_constant(self) -> float:
        """Time constant ``tau = 1 / rate``: the age at which 1/e (about 37 %) is left. Not the half-life."""
        return self.half_life / LN2

    @classmethod
    def from_rate(cls, rate: float) -> Exponential:
        """The curve ``exp(-rate * age)``; ``rate`` > 0 per unit of age."""
        return cls(half_life_from_rate(check_positive(rate, "rate", "per unit of age")))

    @classmethod
    def from_time_constant(cls, time_constant: float) -> Exponential:
        """The curve ``exp(-age / time_constant)``; ``time_constant`` > 0 in the unit of age."""
        return cls(check_positive(time_constant, "time_constant", "in the unit of age") * LN2)

    def _weight(self, age: np.ndarray) -> np.ndarray:
        return np.exp2(-(age / self.half_life))

    def slopes(self, age: np.ndarray) -> np.ndarray:
        return (self(age) * LN2 * age / self.half_life)[:, None]


@dataclass(frozen=True)
class PowerLaw(DecayCurve):
    r"""Power-law decay: fast at first, then slower and slower.

    .. math:: w(a) = (1 + a/s)^{-b}, \qquad s = \frac{h}{2^{1/b} - 1}

    Shifted by ``s`` so that it is 1 at age 0; far out it behaves like ``a**-b``. It is what a mixture of
    exponentials with gamma-distributed rates looks like (the Lomax survival function).

    Parameters
    ----------
    half_life : float
        ``h`` > 0, the age at which half of the weight is left.
    exponent : float
        ``b`` > 0, how steep the tail is. The sum over all ages is finite only for ``b`` > 1.

    Raises
    ------
    ValueError
        If a parameter is not a positive, finite number.

    Examples
    --------
    >>> curve = PowerLaw(half_life=3, exponent=2)
    >>> round(curve.scale, 3), round(curve(3), 3), round(curve(300), 6)
    (7.243, 0.5, 0.000556)
    """

    half_life: float
    exponent: float = 1.5
    _units: ClassVar[dict[str, str]] = {"half_life": "in the unit of age", "exponent": "without unit"}
    form: ClassVar[dict[str, FreeNumber]] = {"exponent": FreeNumber(0.02, 50.0, (0.4, 1.5))}

    @property
    def scale(self) -> float:
        """The shift ``s``, in the unit of age (0 where a tiny exponent makes it too small for a float)."""
        u = LN2 / self.exponent
        return self.half_life * math.exp(-u) / -math.expm1(-u)

    def __post_init__(self) -> None:
        super().__post_init__()
        if math.isinf(LN2 / self.exponent):
            raise ValueError(f"exponent is too close to 0 to compute with, got {self.exponent!r}")

    def _weight(self, age: np.ndarray) -> np.ndarray:
        # log(a/s) rather than a/s: s underflows for small exponents, a/s overflows for large ages.
        u = LN2 / self.exponent
        log_a_over_s = np.log(age) - math.log(self.half_life) + u + math.log(-math.expm1(-u))
        return np.exp(-self.exponent * np.logaddexp(0.0, log_a_over_s))

    def slopes(self, age: np.ndarray) -> np.ndarray:
        u, w = LN2 / self.exponent, self(age)
        z = age / self.half_life * math.expm1(u)  # a / s
        by_h = w * self.exponent * z / (1 + z)
        return np.column_stack([by_h, by_h * u / -math.expm1(-u) - w * self.exponent * np.log1p(z)])


@dataclass(frozen=True)
class Hyperbolic(DecayCurve):
    r"""Hyperbolic decay, the power law with exponent 1.

    .. math:: w(a) = \frac{1}{1 + a/h}

    Its tail is so heavy that the weights of all ages up to infinity have no finite sum.

    Parameters
    ----------
    half_life : float
        ``h`` > 0, the age at which half of the weight is left.

    Raises
    ------
    ValueError
        If the half-life is not a positive, finite number.

    Examples
    --------
    >>> Hyperbolic(half_life=7)([0, 7, 21, 63])
    array([1.  , 0.5 , 0.25, 0.1 ])
    """

    half_life: float
    _units: ClassVar[dict[str, str]] = {"half_life": "in the unit of age"}

    def _weight(self, age: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + age / self.half_life)

    def slopes(self, age: np.ndarray) -> np.ndarray:
        x = age / self.half_life
        return (self(age) * x / (1 + x))[:, None]


@dataclass(frozen=True)
class StretchedExponential(DecayCurve):
    r"""Stretched exponential decay (Weibull survival, Kohlrausch function).

    .. math:: w(a) = 2^{-(a/h)^{\beta}}

    ``shape`` < 1 stretches the tail, 1 is the exponential, 2 is the Gaussian.

    Parameters
    ----------
    half_life : float
        ``h`` > 0, the age at which half of the weight is left.
    shape : float
        ``beta`` > 0.

    Raises
    ------
    ValueError
        If a parameter is not a positive, finite number.

    Examples
    --------
    >>> StretchedExponential(half_life=7, shape=0.5)([7, 28, 63])
    array([0.5  , 0.25 , 0.125])
    """

    half_life: float
    shape: float = 0.5
    _units: ClassVar[dict[str, str]] = {"half_life": "in the unit of age", "shape": "without unit"}
    form: ClassVar[dict[str, FreeNumber]] = {"shape": FreeNumber(0.05, 10.0, (0.5, 1.0))}

    def _weight(self, age: np.ndarray) -> np.ndarray:
        return np.exp2(-((age / self.half_life) ** self.shape))

    def slopes(self, age: np.ndarray) -> np.ndarray:
        x = age / self.half_life
        by_h = self(age) * self.shape * LN2 * x**self.shape
        return np.column_stack([by_h, -by_h * np.log(x)])


@dataclass(frozen=True)
class Gaussian(DecayCurve):
    r"""Gaussian decay, not normalised and centred at age 0.

    .. math:: w(a) = 2^{-(a/h)^2} = e^{-a^2 / 2\sigma^2}

    This is a weight, not the normal density: the density has the unit 1/time and is not 1 at age 0, and with
    a mean above 0 it rises before it falls.

    Parameters
    ----------
    half_life : float
        ``h`` > 0, the age at which half of the weight is left.

    Raises
    ------
    ValueError
        If the half-life is not a positive, finite number.

    Examples
    --------
    >>> curve = Gaussian.from_sigma(5)          # days
    >>> round(curve.half_life, 3), round(curve(5), 4)
    (5.887, 0.6065)
    """

    half_life: float
    _units: ClassVar[dict[str, str]] = {"half_life": "in the unit of age"}

    @property
    def sigma(self) -> float:
        """Width ``sigma = half_life / sqrt(2 ln 2)``, in the unit of age."""
        return self.half_life / math.sqrt(2 * LN2)

    @classmethod
    def from_sigma(cls, sigma: float) -> Gaussian:
        """The curve ``exp(-age**2 / (2 * sigma**2))``; ``sigma`` > 0 in the unit of age."""
        return cls(check_positive(sigma, "sigma", "in the unit of age") * math.sqrt(2 * LN2))

    def _weight(self, age: np.ndarray) -> np.ndarray:
        return np.exp2(-((age / self.half_life) ** 2))

    def slopes(self, age: np.ndarray) -> np.ndarray:
        return (self(age) * 2 * LN2 * (age / self.half_life) ** 2)[:, None]


@dataclass(frozen=True)
class BiExponential(DecayCurve):
    r"""Two exponentials at once: one part of the weight fades fast, the rest slowly.

    .. math:: w(a) = p\,2^{-a/h_1} + (1 - p)\,2^{-a/h_2}

    Parameters
    ----------
    fast_half_life, slow_half_life : float
        ``0 < h_1 <= h_2``, in the unit of age.
    fast_share : float
        ``p``, the share of the weight at age 0 that fades fast, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If a half-life is not a positive, finite number, if the fast one is the longer, or if the share is
        outside (0, 1).

    Examples
    --------
    >>> curve = BiExponential(fast_half_life=3, slow_half_life=23, fast_share=0.7)          # weeks
    >>> round(curve.half_life, 2), round(curve(52), 3)
    (4.65, 0.063)
    """

    fast_half_life: float
    slow_half_life: float
    fast_share: float = 0.5
    _units: ClassVar[dict[str, str]] = {
        "fast_half_life": "in the unit of age",
        "slow_half_life": "in the unit of age",
        "fast_share": "a share between 0 and 1, both excluded",
    }
    form: ClassVar[dict[str, FreeNumber]] = {
        "slow_over_fast": FreeNumber(1.0, 1e4, (8.0, 40.0)),  # keeps the slow one the slower
        "fast_share": FreeNumber(1e-4, 1 - 1e-4, (0.65,), share=True),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fast_share >= 1:
            raise ValueError(
                f"fast_share must lie strictly between 0 and 1, got {self.fast_share!r}; "
                "for a single part use Exponential"
            )
        if self.fast_half_life > self.slow_half_life:
            raise ValueError(
                f"fast_half_life must not exceed slow_half_life, got {self.fast_half_life!r} > "
                f"{self.slow_half_life!r}; exchange them and use 1 - fast_share"
            )

    @property
    def half_life(self) -> float:
        """Age at which half of the weight is left, solved numerically between the two half-lives."""

        def excess(log_age: float) -> float:
            return self(math.exp(log_age)) - 0.5

        fast, slow = math.log(self.fast_half_life), math.log(self.slow_half_life)
        if excess(fast) <= 0 or excess(slow) >= 0:  # the two half-lives are equal, up to rounding
            return self.fast_half_life
        solved = math.exp(brentq(excess, fast, slow, xtol=1e-15, rtol=8.9e-16))
        return min(max(solved, self.fast_half_life), self.slow_half_life)  # exp(log(h)) may round outwards

    def _weight(self, age: np.ndarray) -> np.ndarray:
        fast = np.exp2(-(age / self.fast_half_life))
        slow = np.exp2(-(age / self.slow_half_life))
        return self.fast_share * fast + (1.0 - self.fast_share) * slow

    @classmethod
    def free_numbers(cls) -> dict[str, FreeNumber]:
        return {"fast_half_life": FreeNumber(), **cls.form}

    @classmethod
    def from_free(cls, theta: np.ndarray) -> Self:
        fast = math.exp(theta[0])
        return cls(fast, fast * math.exp(theta[1]), _sigmoid(theta[2]))

    def to_free(self) -> np.ndarray:
        ratio = self.slow_half_life / self.fast_half_life
        return np.array([math.log(self.fast_half_life), math.log(ratio),
                         self.form["fast_share"].of(self.fast_share)])

    def slopes(self, age: np.ndarray) -> np.ndarray:
        p, x1, x2 = self.fast_share, age / self.fast_half_life, age / self.slow_half_life
        fast, slow = np.exp2(-x1), np.exp2(-x2)
        by_slow = (1 - p) * slow * LN2 * x2
        return np.column_stack([p * fast * LN2 * x1 + by_slow, by_slow, p * (1 - p) * (fast - slow)])


@dataclass(frozen=True)
class TanhComplement(DecayCurve):
    r"""One minus the hyperbolic tangent: the decaying counterpart of ``tanh``.

    .. math:: w(a) = 1 - \tanh(\alpha a) = \frac{2}{1 + e^{2\alpha a}}, \qquad \alpha = \frac{\ln 3}{2h}

    The hyperbolic tangent itself grows with age. Far out this curve is twice an exponential of rate
    :math:`2\alpha`; it is computed in a form that stays accurate there; ``1 - tanh(x)`` would not.

    Parameters
    ----------
    half_life : float
        ``h`` > 0, the age at which half of the weight is left.

    Raises
    ------
    ValueError
        If the half-life is not a positive, finite number.

    Examples
    --------
    >>> curve = TanhComplement.from_rate(0.1)          # per day
    >>> round(curve.half_life, 3), round(curve(30), 6)
    (5.493, 0.004945)
    """

    half_life: float
    _units: ClassVar[dict[str, str]] = {"half_life": "in the unit of age"}

    @property
    def rate(self) -> float:
        """``alpha = ln 3 / (2 half_life)``, per unit of age."""
        return math.log(3) / 2 / self.half_life

    @classmethod
    def from_rate(cls, rate: float) -> TanhComplement:
        """The curve ``1 - tanh(rate * age)``; ``rate`` > 0 per unit of age."""
        return cls(math.log(3) / 2 / check_positive(rate, "rate", "per unit of age"))

    def _weight(self, age: np.ndarray) -> np.ndarray:
        q = np.power(3.0, -(age / self.half_life))  # e^(-2 alpha a)
        return 2.0 * q / (1.0 + q)

    def slopes(self, age: np.ndarray) -> np.ndarray:
        x = age / self.half_life
        return (self(age) * math.log(3) * x / (1 + np.power(3.0, -x)))[:, None]


CURVES: dict[str, type[DecayCurve]] = {
    cls.__name__: cls
    for cls in (
        Exponential,
        PowerLaw,
        Hyperbolic,
        StretchedExponential,
        Gaussian,
        BiExponential,
        TanhComplement,
    )
}
"""All curves by class name."""

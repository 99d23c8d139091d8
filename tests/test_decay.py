"""Decay curves against independent oracles (SciPy's survival functions), properties, and bad input."""

import dataclasses
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import integrate, stats

from interestdecay_lib import decay
from interestdecay_lib.decay import (
    BiExponential,
    Exponential,
    Gaussian,
    Hyperbolic,
    PowerLaw,
    StretchedExponential,
    TanhComplement,
)

AGES = np.concatenate([[0.0], np.geomspace(1e-6, 400, 200)])
LN2 = math.log(2)

positive = st.floats(1e-3, 1e4)
moderate = st.floats(0.2, 5)
ages = st.floats(0, 1e6)


@st.composite
def curves(draw, size=positive, form=moderate):
    cls = draw(st.sampled_from(list(decay.CURVES.values())))
    h = draw(size)
    if cls is PowerLaw:
        return PowerLaw(h, exponent=draw(form))
    if cls is StretchedExponential:
        return StretchedExponential(h, shape=draw(form))
    if cls is BiExponential:
        other = draw(size)
        return BiExponential(min(h, other), max(h, other), draw(st.floats(0.001, 0.999)))
    return cls(h)


def of_three(name):
    """A curve of that name with a (fast) half-life of 3."""
    cls = decay.CURVES[name]
    return cls(3, 5) if cls is BiExponential else cls(3)


# --- oracles: every curve is the survival function of a distribution that SciPy has ------------------------


def test_exponential_is_expon_sf():
    np.testing.assert_allclose(Exponential(7)(AGES), stats.expon(scale=7 / LN2).sf(AGES), rtol=1e-13)


@pytest.mark.parametrize("b", [0.05, 0.3, 1.0, 1.5, 4.0, 50.0])
def test_power_law_is_lomax_sf(b):
    scale = 7 / (2 ** (1 / b) - 1)
    curve = PowerLaw(7, exponent=b)
    assert curve.scale == pytest.approx(scale, rel=1e-12)
    np.testing.assert_allclose(curve(AGES), stats.lomax(c=b, scale=scale).sf(AGES), rtol=1e-12)


def test_hyperbolic_is_fisk_sf_and_power_law_with_exponent_1():
    np.testing.assert_allclose(Hyperbolic(7)(AGES), stats.fisk(c=1, scale=7).sf(AGES), rtol=1e-12)
    np.testing.assert_allclose(Hyperbolic(7)(AGES), PowerLaw(7, exponent=1)(AGES), rtol=1e-13)


@pytest.mark.parametrize("shape", [0.3, 0.5, 1.0, 1.7])
def test_stretched_exponential_is_weibull_sf(shape):
    weibull = stats.weibull_min(c=shape, scale=7 / LN2 ** (1 / shape))
    np.testing.assert_allclose(StretchedExponential(7, shape)(AGES), weibull.sf(AGES), rtol=1e-11)


def test_gaussian_is_rayleigh_sf():
    curve = Gaussian.from_sigma(20)
    np.testing.assert_allclose(curve(AGES), stats.rayleigh(scale=20).sf(AGES), rtol=1e-11)
    np.testing.assert_allclose(curve(AGES), stats.norm.pdf(AGES / 20) / stats.norm.pdf(0), rtol=1e-11)


def test_tanh_complement_is_half_logistic_sf():
    curve = TanhComplement.from_rate(0.1)
    np.testing.assert_allclose(curve(AGES), stats.halflogistic(scale=5).sf(AGES), rtol=1e-12)
    np.testing.assert_allclose(curve(AGES), 2 * stats.logistic(scale=5).sf(AGES), rtol=1e-12)
    np.testing.assert_allclose(curve(AGES), 1 - np.tanh(0.1 * AGES), atol=1e-15)


def test_tanh_complement_tail_keeps_relative_accuracy():
    assert 1 - math.tanh(0.1 * 300) == 0.0  # the plain form has lost every digit
    q = math.exp(-60)
    assert TanhComplement.from_rate(0.1)(300) == pytest.approx(2 * q / (1 + q), rel=1e-13, abs=0)
    assert TanhComplement(1)(640) == pytest.approx(2 * 3.0**-640, rel=1e-12, abs=0)


def test_bi_exponential_is_a_mixture_of_expon_sf():
    mixture = 0.7 * stats.expon.sf(AGES, scale=3 / LN2) + 0.3 * stats.expon.sf(AGES, scale=23 / LN2)
    np.testing.assert_allclose(BiExponential(3, 23, 0.7)(AGES), mixture, rtol=1e-13)


def test_bi_exponential_half_life_closed_form():
    # With h2 = 2 h1 and x = 2**(-a / h2) the equation p x**2 + (1 - p) x = 1/2 is quadratic.
    p = 0.7
    x = (-(1 - p) + math.sqrt((1 - p) ** 2 + 2 * p)) / (2 * p)
    assert BiExponential(5, 10, p).half_life == pytest.approx(-10 * math.log2(x), rel=1e-13)


def test_power_law_is_a_gamma_mixture_of_exponentials():
    b, s = 1.5, PowerLaw(10, 1.5).scale
    rate = np.linspace(0, 40 / s, 400_001)
    mean = integrate.trapezoid(stats.gamma.pdf(rate, b, scale=1 / s) * np.exp(-rate * 25), rate)
    assert mean == pytest.approx(PowerLaw(10, 1.5)(25), rel=1e-5)


# --- the three names of one exponential ----------------------------------------------------------------


def test_rate_half_life_time_constant():
    curve = Exponential.from_rate(0.1)
    assert curve.half_life == pytest.approx(6.931471805599453, rel=1e-15)
    assert curve.time_constant == pytest.approx(10, rel=1e-15)
    assert curve(curve.time_constant) == pytest.approx(math.exp(-1), rel=1e-14)
    assert Exponential.from_time_constant(10).half_life == pytest.approx(curve.half_life, rel=1e-15)
    assert Exponential(7).rate == pytest.approx(-math.log(Exponential(7)(1)), rel=1e-13)


@given(positive)
def test_conversions_are_inverse(x):
    assert decay.half_life_from_rate(decay.rate_from_half_life(x)) == pytest.approx(x, rel=1e-15)
    assert Exponential.from_rate(x).rate == pytest.approx(x, rel=1e-15)
    assert Exponential.from_time_constant(x).time_constant == pytest.approx(x, rel=1e-15)
    assert Gaussian.from_sigma(x).sigma == pytest.approx(x, rel=1e-15)
    assert TanhComplement.from_rate(x).rate == pytest.approx(x, rel=1e-15)


def test_conversions_take_arrays():
    np.testing.assert_allclose(decay.rate_from_half_life([1, 2]), [LN2, LN2 / 2])
    assert isinstance(decay.half_life_from_rate(2), float)


# --- properties of every curve ---------------------------------------------------------------------------


@given(curves(size=st.floats(1e-300, 1e300), form=st.floats(1e-3, 1e3)))
def test_starts_at_exactly_one(curve):
    assert curve(0) == 1.0
    assert curve(0.0) == 1.0


@given(curves())
def test_half_is_left_at_the_half_life(curve):
    assert curve(curve.half_life) == pytest.approx(0.5, rel=1e-13)


@given(curves(), st.lists(ages, min_size=2, max_size=20))
def test_never_increases_and_stays_in_unit_interval(curve, some):
    weights = curve(np.sort(some))
    assert np.all((weights >= 0) & (weights <= 1))
    assert np.all(weights[1:] <= weights[:-1] * (1 + 1e-13))  # rounding of exp2 and pow


@given(curves(), st.floats(0.01, 100), ages)
def test_the_unit_of_time_does_not_matter(curve, factor, age):
    fields = {f.name: getattr(curve, f.name) for f in dataclasses.fields(curve)}
    scaled = type(curve)(**{k: v * factor if "half_life" in k else v for k, v in fields.items()})
    assert scaled(age * factor) == pytest.approx(curve(age), rel=1e-9, abs=1e-300)


@given(positive, ages, ages)
def test_only_the_exponential_forgets_its_age(half_life, first, second):
    curve = Exponential(half_life)
    assert curve(first + second) == pytest.approx(curve(first) * curve(second), rel=1e-9, abs=1e-300)


@given(curves(size=st.floats(1e-300, 1e300), form=st.floats(1e-3, 1e3)))
def test_enormous_ages_give_no_warning_and_no_nan(curve):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights = curve(np.array([1e-308, 1.0, 1e100, 1e308, 1.7e308]))
    assert np.all((weights >= 0) & (weights <= 1))
    assert np.all(np.diff(weights) <= 1e-13)


@given(curves(), st.lists(ages, min_size=1, max_size=5))
def test_array_and_scalar_agree(curve, some):
    assert curve(some) == pytest.approx([curve(a) for a in some], rel=1e-13, abs=1e-300)


@given(st.floats(1e-5, 1e5), st.floats(0.0, 12.0), st.floats(0.001, 0.999))
@example(fast=7.0, decades=1e-15, share=0.5)
@example(fast=0.3, decades=2e-14, share=0.999)
def test_bi_exponential_half_life_lies_between(fast, decades, share):
    slow = fast * 10**decades
    curve = BiExponential(fast, slow, share)
    assert fast <= curve.half_life <= slow
    assert curve(curve.half_life) == pytest.approx(0.5, rel=1e-12)


# --- what comes in and goes out ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", decay.CURVES)
def test_types_and_shapes(name):
    curve = of_three(name)
    for scalar in (2, 2.0, np.int64(2), np.float32(2), np.array(2)):
        assert type(curve(scalar)) is float
    grid = np.arange(6).reshape(2, 3)
    assert curve(grid).shape == (2, 3)
    assert curve(grid).dtype == np.float64
    np.testing.assert_array_equal(curve(grid), curve(grid.tolist()))
    np.testing.assert_array_equal(curve(np.float32([1, 2])), curve([1.0, 2.0]))
    assert curve([]).shape == (0,)
    series = curve(pd.Series([0, 3], index=["a", "b"], name="age"))
    assert series.index.tolist() == ["a", "b"] and series["a"] == 1 and series.name == "age"
    assert np.asarray(curve(np.array([1, 2.5], dtype=object))).dtype == np.float64


def test_input_is_not_changed():
    given_ages = np.array([0.0, 1.0, 2.0])
    for cls in (Exponential, PowerLaw, Hyperbolic, StretchedExponential, Gaussian, TanhComplement):
        cls(3)(given_ages)
    np.testing.assert_array_equal(given_ages, [0.0, 1.0, 2.0])


def test_curves_are_frozen_values():
    assert Exponential(7) == Exponential(7.0) == Exponential(np.int64(7))
    assert len({Exponential(7), Exponential(7.0), Gaussian(7)}) == 2
    assert type(Exponential(7).half_life) is float
    with pytest.raises(dataclasses.FrozenInstanceError):
        Exponential(7).half_life = 8
    assert list(decay.CURVES) == [cls.__name__ for cls in decay.CURVES.values()]
    assert len(decay.CURVES) == 7
    with pytest.raises(NotImplementedError):
        decay.DecayCurve()(1)


# --- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", decay.CURVES)
@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (-1, r"ages must be >= 0 .*future.*got -1\.0"),
        ([3, -1, 2, -5], r"ages must be >= 0 .*: 2 of 4 are not; the first is -1\.0 at position 1"),
        (math.nan, r"ages must be finite .*got nan"),
        (math.inf, r"ages must be finite .*got inf"),
        ([0, math.nan, math.inf], r"ages must be finite .*: 2 of 3 are not; the first is nan at position 1"),
        (pd.Series([1.0, None]), r"ages must be finite .*1 of 2 are not; the first is nan at position 1"),
        ([10**400], r"ages must be finite: one is too large"),
    ],
)
def test_bad_ages(name, bad, match):
    with pytest.raises(ValueError, match=match):
        of_three(name)(bad)


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (pd.to_timedelta(["1D", "2D"]), r"plain numbers.*timedelta64.*divide first"),
        (np.timedelta64(3, "D"), r"plain numbers.*timedelta64.*divide first"),
        (pd.to_datetime(["1997-01-01"]), r"plain numbers.*datetime64"),
        ("3", r"real numbers, got str"),
        (["1", "2"], r"real numbers, got list"),
        (None, r"real numbers, got NoneType"),
        ([1, None], r"real numbers, got list of object"),
        (True, r"real numbers, got bool"),
        ([True, False], r"real numbers, got list of bool"),
        (1 + 2j, r"real numbers, got complex"),
        (pd.Timedelta("2D"), r"real numbers, got Timedelta|plain numbers"),
    ],
)
def test_ages_that_are_no_numbers(bad, match):
    with pytest.raises(TypeError, match=match):
        Exponential(3)(bad)


IMPOSSIBLE = [0, -2, math.nan, math.inf, True, np.bool_(True), None, "7D", pd.Timedelta("7D"), [7], 10**400]


@pytest.mark.parametrize("value", IMPOSSIBLE, ids=lambda v: str(v)[:12])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Exponential, "half_life"),
        (PowerLaw, "half_life"),
        (Hyperbolic, "half_life"),
        (StretchedExponential, "half_life"),
        (Gaussian, "half_life"),
        (TanhComplement, "half_life"),
        (lambda v: BiExponential(v, 5), "fast_half_life"),
        (lambda v: BiExponential(5, v), "slow_half_life"),
        (lambda v: BiExponential(5, 6, v), "fast_share"),
        (lambda v: PowerLaw(5, exponent=v), "exponent"),
        (lambda v: StretchedExponential(5, shape=v), "shape"),
        (Exponential.from_rate, "rate"),
        (TanhComplement.from_rate, "rate"),
        (Exponential.from_time_constant, "time_constant"),
        (Gaussian.from_sigma, "sigma"),
    ],
)
def test_impossible_parameters(make, name, value):
    with pytest.raises(ValueError, match=f"^{name} must be a positive, finite number") as error:
        make(value)
    assert repr(value)[:12] in str(error.value)


@pytest.mark.parametrize("share", [1, 1.5])
def test_share_above_one(share):
    with pytest.raises(ValueError, match=rf"fast_share must lie strictly .* got {float(share)}"):
        BiExponential(1, 2, share)


def test_fast_must_not_be_slower_than_slow():
    with pytest.raises(ValueError, match=r"fast_half_life must not exceed slow_half_life, got 5\.0 > 2\.0"):
        BiExponential(5, 2)
    assert BiExponential(5, 5).half_life == 5


def test_exponent_too_small_to_compute_with():
    with pytest.raises(ValueError, match="exponent is too close to 0"):
        PowerLaw(1, exponent=1e-310)
    assert PowerLaw(1, exponent=1e-6)(1) == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize("function", [decay.rate_from_half_life, decay.half_life_from_rate])
def test_bad_conversions(function):
    with pytest.raises(ValueError, match=r"positive and finite, got 0\.0"):
        function(0)
    with pytest.raises(ValueError, match=r"positive and finite: 2 of 3 are not; the first is nan at"):
        function([1, math.nan, -1])
    with pytest.raises(ValueError, match="must not be so small"):
        function(1e-310)
    with pytest.raises(TypeError, match="real numbers"):
        function("7D")


@given(curves(), st.floats(max_value=-1e-300, allow_infinity=False))
def test_no_negative_age_is_ever_weighed(curve, age):
    assume(math.isfinite(age))
    with pytest.raises(ValueError, match="ages must be >= 0"):
        curve(age)

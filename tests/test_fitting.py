"""Fitted decay curves against closed forms, likelihoods in loops, GLMs, known truths and measured values."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from interestdecay_lib import counts, datasets, decay, fitting, interest
from interestdecay_lib.counts import BinnedCounts
from interestdecay_lib.fitting import compare_curves, fit_decay

EXACT = {
    "Exponential": decay.Exponential(9),
    "PowerLaw": decay.PowerLaw(5, 1.3),
    "Hyperbolic": decay.Hyperbolic(6),
    "StretchedExponential": decay.StretchedExponential(7, 0.6),
    "Gaussian": decay.Gaussian(15),
    "BiExponential": decay.BiExponential(2.5, 18, 0.7),
    "TanhComplement": decay.TanhComplement(11),
}
each_curve = pytest.mark.parametrize("name", list(decay.CURVES))


@pytest.fixture(scope="module")
def cdnow():
    return datasets.load_cdnow()


@pytest.fixture(scope="module")
def rate(cdnow):
    return counts.rate_since_first(cdnow)


@pytest.fixture(scope="module")
def hazard(cdnow):
    return counts.hazard_since_last(cdnow)


@pytest.fixture(scope="module")
def kernel(cdnow):
    return counts.interest_kernel(cdnow)


@pytest.fixture(scope="module")
def small():
    """30 customers with their counts, for loops."""
    log = datasets.load_cdnow(sample=True)
    return log[log["user_id"].isin(log["user_id"].drop_duplicates().iloc[::25][:30])].reset_index(drop=True)


@pytest.fixture(scope="module")
def responses():
    return datasets.simulate_responses(60, 30, seed=5)


def all_definitions(log, responses):
    return [
        counts.rate_since_first(log, 20),
        counts.hazard_since_last(log, 20),
        counts.interest_kernel(log),
        counts.response_kernel(responses["user_id"], responses["day"], responses["clicked"]),
    ]


def ones(data):
    return np.ones(len(data))


# --- sufficient statistics against plain loops -------------------------------------------------------------


def by_customer(log):
    days = log.assign(day=(log["timestamp"] - log["timestamp"].min()).dt.days)
    return {user: sorted(set(group["day"])) for user, group in days.groupby("user_id")}


@pytest.mark.parametrize(("unit", "width", "periods"), [("weeks", 7, 77), ("days", 1, 30)])
def test_rate_since_first_is_what_a_loop_counts(small, unit, width, periods):
    data, lives = counts.rate_since_first(small, periods, unit), by_customer(small)
    end = max(map(max, lives.values()))
    for row, days in enumerate(lives.values()):
        for k in range(1, periods + 1):
            watched = days[0] + width * k <= end
            inside = [d for d in days[1:] if width * (k - 1) < d - days[0] <= width * k]
            assert data.exposure[row, k - 1] == watched
            assert data.events[row, k - 1] == (len(inside) if watched else 0)


def test_hazard_since_last_is_what_a_loop_counts(small):
    data, lives = counts.hazard_since_last(small, 40), by_customer(small)
    end = max(map(max, lives.values()))
    for row, days in enumerate(lives.values()):
        events, at_risk = np.zeros(40), np.zeros(40)
        for day, following in zip(days, [*days[1:], None], strict=True):
            for k in range(1, 41):
                if day + 7 * k > end or (following and following <= day + 7 * (k - 1)):
                    break
                at_risk[k - 1] += 1
                events[k - 1] += bool(following and following <= day + 7 * k)
        np.testing.assert_array_equal(data.events[row], events)
        np.testing.assert_array_equal(data.exposure[row], at_risk)


def weekly(small):
    lives = by_customer(small)
    weeks = (max(map(max, lives.values())) + 1) // 7
    table = np.zeros((len(lives), weeks))
    for row, days in enumerate(lives.values()):
        for day in days:
            if day < 7 * weeks:
                table[row, day // 7] += 1
    return table


@pytest.mark.parametrize("name", ["Exponential", "BiExponential"])
def test_interest_kernel_has_the_likelihood_of_a_loop(small, name):
    data, lived, curve = counts.interest_kernel(small), weekly(small), EXACT[name]
    scale, background = 0.05, 0.01
    expected = 0.0
    for own in lived:
        active = np.flatnonzero(own)
        for week in range(active[0] + 1 if len(active) else len(own), len(own)):
            mean = background + sum(own[j] * scale * curve(float(week - j)) for j in active if j < week)
            expected += stats.poisson.logpmf(own[week], mean)
    value = data.sums(ones(data)).likelihood(scale * curve(data.age), background)[0]
    assert value == pytest.approx(expected, rel=1e-12)


def test_response_kernel_has_the_likelihood_of_a_loop(responses):
    data = counts.response_kernel(responses["user_id"], responses["day"], responses["clicked"])
    curve, expected = decay.Exponential(5), 0.0
    for _, own in responses.groupby("user_id"):
        day, clicked = own["day"].to_numpy(), own["clicked"].to_numpy()
        for now, outcome in zip(day, clicked, strict=True):
            clicks = day[(clicked == 1) & (day < now)]
            log_odds = -2 + sum(0.8 * curve(now - d) for d in clicks)
            expected += stats.bernoulli.logpmf(outcome, 1 / (1 + math.exp(-log_odds)))
    value = data.sums(ones(data)).likelihood(0.8 * curve(data.age), -2.0)[0]
    assert value == pytest.approx(expected, rel=1e-10)


def test_a_click_at_the_same_moment_is_no_history():
    """Of two impressions at one time neither can answer to the other's click."""
    data = counts.response_kernel([1, 1, 1, 2, 2], [0.0, 0.0, 2.0, 2.0, 5.0], [1, 0, 1, 0, 1])
    assert data.age.tolist() == [2.0]
    assert data.history.toarray().tolist() == [[0], [0], [1], [0], [0]]


def test_binned_likelihoods_are_those_of_scipy():
    rng = np.random.default_rng(3)
    exposure = rng.integers(1, 6, size=(40, 8)).astype(float)
    f = np.linspace(0.5, 0.05, 8)
    events = rng.poisson(exposure * f)
    poisson = BinnedCounts(events, exposure, "poisson", "weeks", "simulated")
    assert poisson.sums(np.ones(40)).likelihood(f, 0.0)[0] == pytest.approx(
        stats.poisson.logpmf(events, exposure * f).sum(), rel=1e-12)
    ended = rng.binomial(exposure.astype(int), 1 - np.exp(-f))
    spells = BinnedCounts(ended, exposure, "hazard", "weeks", "simulated")
    each = ended * np.log(1 - np.exp(-f)) - (exposure - ended) * f  # one Bernoulli a spell
    assert spells.sums(np.ones(40)).likelihood(f, 0.0)[0] == pytest.approx(each.sum(), rel=1e-12)


def test_weights_count_a_customer_as_often_as_they_say(small, responses):
    """Weight 2 is the customer twice and 0 is nobody: what the bootstrap relies on."""
    for data in all_definitions(small, responses):
        n = len(data)
        weights = np.random.default_rng(1).integers(0, 3, n).astype(float)
        whole = data.sums(weights).likelihood(0.02 * np.ones(len(data.age)), 0.01)
        single = [data.sums(np.eye(n)[i]).likelihood(0.02 * np.ones(len(data.age)), 0.01) for i in range(n)]
        assert whole[0] == pytest.approx(sum(w * one[0] for w, one in zip(weights, single, strict=True)))
        np.testing.assert_allclose(
            whole[1], sum(w * one[1] for w, one in zip(weights, single, strict=True)), atol=1e-9)


# --- the gradient ------------------------------------------------------------------------------------------


@each_curve
@pytest.mark.parametrize("background", [False, True])
def test_the_gradient_is_that_of_finite_differences(name, background, small, responses):
    for data in all_definitions(small, responses):
        if data.model == "logistic" and not background:
            continue
        model = fitting._Model(data, decay.CURVES[name], background, data.sums(ones(data)))
        for theta in list(model.starts())[1:3]:
            theta = theta + 0.05 * np.arange(1, len(theta) + 1)
            found = model.objective(theta)[1]
            step = 1e-5
            for j in range(len(theta)):
                shift = step * (np.arange(len(theta)) == j)
                numeric = (model.objective(theta + shift)[0] - model.objective(theta - shift)[0]) / (2 * step)
                assert found[j] == pytest.approx(numeric, rel=1e-5, abs=2e-8), (data, model.names[j])


# --- closed forms and other tools --------------------------------------------------------------------------


@given(st.integers(2, 400), st.integers(1, 400))
@settings(deadline=None, max_examples=40)
def test_two_weeks_have_a_closed_form(early, less):
    """With two bins the exponential goes through both: half-life ln 2 / ln(early / late)."""
    late = max(early - less, 1)
    if late == early:
        return
    data = BinnedCounts([[early, late]], [[1, 1]], "poisson", "weeks", "two weeks")
    fit = fit_decay(data)
    if fit.at_bound:  # a fall by less than 0.4 % in one unit
        assert math.log(2) / math.log(early / late) > 100 * 1.5
        return
    assert fit.half_life == pytest.approx(math.log(2) / math.log(early / late), rel=1e-4)
    assert fit.rate([0.5, 1.5]) == pytest.approx([early, late], rel=1e-4)
    assert fit.converged


def test_the_exponential_is_a_poisson_regression_on_age(rate):
    """log rate = log scale - (ln 2 / h) a: statsmodels' GLM on the pooled counts, its coefficients."""
    Y, E = rate.events.sum(axis=0), rate.exposure.sum(axis=0)
    glm = sm.GLM(Y, sm.add_constant(rate.age), family=sm.families.Poisson(), exposure=E).fit(tol=1e-12)
    fit = fit_decay(rate)
    assert fit.half_life == pytest.approx(-math.log(2) / glm.params[1], rel=1e-6)
    assert fit.scale == pytest.approx(math.exp(glm.params[0]), rel=1e-6)
    # the same difference in log likelihood from "no decay" (the constants of pooled counts differ)
    flat = sm.GLM(Y, np.ones(len(Y)), family=sm.families.Poisson(), exposure=E).fit()
    none = fit_decay(rate, half_life=1e9)
    assert fit.log_likelihood - none.log_likelihood == pytest.approx(glm.llf - flat.llf, rel=1e-5)
    gauss = fit_decay(rate, "Gaussian")
    squared = sm.GLM(Y, sm.add_constant(rate.age**2), family=sm.families.Poisson(), exposure=E).fit(tol=1e-12)
    assert fit.log_likelihood - gauss.log_likelihood == pytest.approx(glm.llf - squared.llf, abs=1e-3)


def test_the_hazard_is_a_binomial_regression_with_cloglog_link(hazard):
    Y, E = hazard.events.sum(axis=0), hazard.exposure.sum(axis=0)
    family = sm.families.Binomial(link=sm.families.links.CLogLog())
    glm = sm.GLM(np.column_stack([Y, E - Y]), sm.add_constant(hazard.age), family=family).fit(tol=1e-12)
    fit = fit_decay(hazard)
    assert fit.half_life == pytest.approx(-math.log(2) / glm.params[1], rel=1e-6)
    assert fit.scale == pytest.approx(math.exp(glm.params[0]), rel=1e-6)


def test_the_response_model_is_a_logistic_regression_at_its_half_life(responses):
    data = counts.response_kernel(responses["user_id"], responses["day"], responses["clicked"])
    fit = fit_decay(data)
    interest = data.history @ fit.curve(data.age)
    glm = sm.Logit(data.outcome, sm.add_constant(interest)).fit(disp=0, tol=1e-12)
    assert [fit.background, fit.scale] == pytest.approx(glm.params, rel=1e-4)
    assert fit.log_likelihood == pytest.approx(glm.llf, rel=1e-9)


@each_curve
def test_no_other_search_finds_a_better_curve(name, hazard):
    """SciPy's global search on the pooled likelihood, written anew, without gradient."""
    if name == "BiExponential":
        bounds = [(-4, 0), (-1, 3), (0, 4), (-3, 3)]
    else:
        extra = {"PowerLaw": [(-2, 3)], "StretchedExponential": [(-2, 1)]}.get(name, [])
        bounds = [(-5, 0), (-2, 5), *extra]
    Y, E = hazard.events.sum(axis=0), hazard.exposure.sum(axis=0)

    def negative(theta):
        own = np.exp(theta[1:])
        if name == "BiExponential":
            own = (own[0], own[0] * own[1], 1 / (1 + math.exp(-theta[3])))
        f = math.exp(theta[0]) * decay.CURVES[name](*map(float, own))(hazard.age)
        p = np.clip(-np.expm1(-f), 1e-300, 1 - 1e-15)
        return -(Y @ np.log(p) + (E - Y) @ np.log1p(-p))

    other = optimize.differential_evolution(negative, bounds, seed=1, tol=1e-10, maxiter=200, polish=True)
    fit = fit_decay(hazard, name)
    assert fit.trustworthy
    assert fit.log_likelihood >= -other.fun - 1e-3
    assert fit.log_likelihood == pytest.approx(-other.fun, abs=0.5)


# --- known truths ------------------------------------------------------------------------------------------


@each_curve
def test_a_curve_is_recovered_from_its_own_exact_counts(name):
    """Counts equal to their expectation (scaled up, so that rounding is small) give the curve back."""
    truth, age = EXACT[name], np.arange(60) + 0.5
    events = np.round(1e9 * truth(age))[None, :]
    data = BinnedCounts(events, np.full((1, 60), 1e9), "poisson", "weeks", "exact")
    fit = fit_decay(data, name)
    assert fit.trustworthy
    assert fit.half_life == pytest.approx(truth.half_life, rel=5e-3)
    np.testing.assert_allclose(fit.rate(age), truth(age), rtol=5e-3)


def test_background_is_recovered():
    age = np.arange(60) + 0.5
    mean = 0.02 + 0.05 * decay.Exponential(4)(age)
    data = BinnedCounts(np.round(1e9 * mean)[None, :], np.full((1, 60), 1e9), "poisson", "weeks", "exact")
    fit = fit_decay(data, background=True)
    assert [fit.half_life, fit.scale, fit.background] == pytest.approx([4, 0.05, 0.02], rel=1e-3)


@pytest.mark.parametrize(("burst", "ratio"), [(1, 1.0), (4, 2.0)])
def test_the_bootstrap_sees_bursts_that_the_profile_does_not(burst, ratio):
    """Half-life 10. If purchases come four at a time, the variance is fourfold and the true width double.

    That customers differ in how active they are does no harm to either.
    """
    covered, ratios = 0, []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        own = rng.gamma(0.4, 1 / 0.4, size=(200, 1)) / burst
        events = burst * rng.poisson(0.2 * own * decay.Exponential(10)(np.arange(30) + 0.5))
        data = BinnedCounts(events, np.ones((200, 30)), "poisson", "weeks", "simulated")
        resampled, profile = (
            fit_decay(data, interval=method, replicates=50, seed=seed, progress=False).interval
            for method in ("bootstrap", "profile"))
        covered += resampled[0] < 10 < resampled[1]
        ratios.append(math.log(resampled[1] / resampled[0]) / math.log(profile[1] / profile[0]))
    assert covered >= 13  # fewer than 13 of 16 intervals of 95 % cover with a chance of 0.7 %
    assert np.median(ratios) == pytest.approx(ratio, rel=0.15)


def test_profile_interval_is_where_the_likelihood_has_fallen_by_1_92(rate):
    fit = fit_decay(rate, interval="profile")
    ends = fitting.profile_likelihood(rate, fit.interval)
    np.testing.assert_allclose(fit.log_likelihood - ends, stats.chi2.ppf(0.95, 1) / 2, atol=1e-3)
    glm = sm.GLM(rate.events.sum(axis=0), sm.add_constant(rate.age), family=sm.families.Poisson()).fit()
    by_rate = -math.log(2) / glm.conf_int()[1][::-1]
    np.testing.assert_allclose(sorted(fit.interval), sorted(by_rate), rtol=2e-3)  # Wald, nearly the same


def test_an_end_that_the_data_leave_open_is_infinite():
    data = BinnedCounts([[8, 4]], [[1, 1]], "poisson", "weeks", "two weeks")
    fit = fit_decay(data, interval="profile")
    assert fit.half_life == pytest.approx(1, rel=1e-5)
    assert 0 < fit.interval[0] < 1 and fit.interval[1] == math.inf


def test_a_half_life_can_be_held_fixed(kernel):
    free = fit_decay(kernel)
    same = fit_decay(kernel, half_life=free.half_life)
    assert same.log_likelihood == pytest.approx(free.log_likelihood, abs=1e-4)
    assert same.parameters == free.parameters - 1
    other = fit_decay(kernel, half_life=30)
    assert other.half_life == pytest.approx(30) and other.log_likelihood < free.log_likelihood - 10
    assert other.log_likelihood == pytest.approx(fitting.profile_likelihood(kernel, [30])[0], abs=1e-3)


def test_clicks_give_their_half_life_back():
    log = datasets.simulate_responses(1500, seed=2)
    fit = fit_decay(counts.response_kernel(log["user_id"], log["day"], log["clicked"]))
    assert fit.half_life == pytest.approx(7, rel=0.06)
    assert [fit.background, fit.scale] == pytest.approx([-2.5, 1.0], rel=0.05)


def test_users_who_differ_look_slower_to_forget():
    """experiments: 8.03 +- .19 with a spread of 1; about the same number of impressions here."""
    log = datasets.simulate_responses(1000, spread=1.0, seed=3)
    fit = fit_decay(counts.response_kernel(log["user_id"], log["day"], log["clicked"]))
    assert 7.4 < fit.half_life < 8.7


# --- fits that must not be believed ------------------------------------------------------------------------


def test_counts_that_do_not_fall_say_so():
    data = BinnedCounts(np.full((5, 10), 3), np.ones((5, 10)), "poisson", "weeks", "flat")
    fit = fit_decay(data)
    assert fit.at_bound == ("half_life",) and not fit.trustworthy
    assert "ON A BOUND: half_life" in str(fit)


def test_a_degenerate_curve_says_so(rate):
    fit = fit_decay(rate, "StretchedExponential")
    assert "half_life" in fit.at_bound


def test_a_search_cut_short_says_so(hazard, monkeypatch):
    def impatient(*args, options, **rest):
        return optimize.minimize(*args, options={**options, "maxiter": 1}, **rest)

    monkeypatch.setattr(fitting, "minimize", impatient)
    fit = fit_decay(hazard, "BiExponential")
    assert not fit.converged and "NOT CONVERGED" in str(fit)


def test_resamples_that_run_away_are_counted():
    """Ten customers and a slow decline: some resamples do not decline at all."""
    events = np.random.default_rng(0).poisson(1 * decay.Exponential(60)(np.arange(10) + 0.5), size=(10, 10))
    data = BinnedCounts(events, np.ones((10, 10)), "poisson", "weeks", "simulated")
    fit = fit_decay(data, interval="bootstrap", replicates=60, progress=False)
    lost = int(fit.replicates["at_bound"].sum())
    assert 0 < lost < 60 and f"{lost} of 60 resamples on a bound" in str(fit)


def test_two_speeds_that_are_one_say_so():
    age = np.arange(40) + 0.5
    data = BinnedCounts(np.round(1e6 * decay.Gaussian(20)(age))[None, :], np.full((1, 40), 1e6), "poisson",
                        "weeks", "bends down")
    assert fit_decay(data, "BiExponential").at_bound


# --- measured values of the real log (a study with other code, Nelder-Mead and BFGS) ------------------------


@pytest.mark.parametrize(
    ("clock", "single", "fast", "slow", "share", "tolerance"),
    [("rate", 50.2, 3.4, 147, 0.61, 0.012), ("hazard", 10.0, 2.55, 18.2, 0.73, 0.012),
     ("kernel", 12.2, 3.0, 23.3, 0.73, 0.012)],
)
def test_cdnow_half_lives_in_weeks(clock, single, fast, slow, share, tolerance, request):
    data = request.getfixturevalue(clock)
    assert data.unit == "weeks"
    one, two = fit_decay(data), fit_decay(data, "BiExponential")
    assert one.half_life == pytest.approx(single, rel=tolerance)
    curve = two.curve
    assert curve.fast_half_life == pytest.approx(fast, rel=tolerance)
    assert curve.slow_half_life == pytest.approx(slow, rel=tolerance)
    assert curve.fast_share == pytest.approx(share, rel=tolerance)
    assert one.trustworthy and two.trustworthy


def test_cdnow_curves_with_a_floor(rate, hazard):
    for data, half_life, floor in ((rate, 4.9, 0.335), (hazard, 5.2, 0.064)):
        fit = fit_decay(data, background=True)
        assert fit.half_life == pytest.approx(half_life, abs=0.06)
        assert fit.background / fit.rate(0) == pytest.approx(floor, abs=0.002)


def test_cdnow_raw_rates(rate):
    weeks = np.array([1, 2, 3, 4, 6, 8, 12, 16, 26, 39, 52, 65])
    measured = [0.0644, 0.0573, 0.0554, 0.0471, 0.0417, 0.0361, 0.0293, 0.0277, 0.0236, 0.0245, 0.0220,
                0.0194]
    np.testing.assert_allclose(rate.raw_rate[weeks - 1], measured, atol=6e-5)


def test_cdnow_held_out_comparison(rate, hazard):
    """Other halves than the study's, so within its intervals; a hazard is scored there per 1,000 spells."""
    spells = 67_591 / 23_570
    for data, per, ends in (
        (rate, 1, {"BiExponential": (23.7, 32.2), "PowerLaw": (22.1, 29.2), "Hyperbolic": (6.9, 10.2),
                   "Gaussian": (-21.9, -16.7), "no decay": (-65.8, -50.2)}),
        (hazard, spells, {"BiExponential": (20.7, 31.6), "PowerLaw": (20.3, 31.4), "Hyperbolic": (18.8, 31.3),
                          "Gaussian": (-69.2, -56.8), "no decay": (-272.7, -238.6)}),
    ):
        gain = compare_curves(data, replicates=0)["gain"] / per
        for name, (low, high) in ends.items():
            assert low < gain[name] < high, (data.definition, name, gain[name])
        assert gain.index[0] == "BiExponential" and gain["Exponential"] == 0


def test_without_the_first_weeks_the_contest_is_nearly_over(rate):
    lead = [compare_curves(rate.from_bin(k), ["BiExponential"], replicates=0).loc["BiExponential", "gain"]
            for k in (1, 5, 9)]
    assert lead[0] > 20 > lead[1] > 5 > lead[2]


def test_without_the_first_weeks_ages_stay_ages():
    """The power law has no fixed point in time: with ages counted anew it would get another half-life."""
    truth = decay.PowerLaw(5, 1.3)
    events = np.round(1e9 * truth(np.arange(60) + 0.5))[None, :]
    whole = BinnedCounts(events, np.full((1, 60), 1e9), "poisson", "weeks", "exact")
    later = whole.from_bin(5).from_bin(9)
    assert later.age.tolist() == whole.age[8:].tolist()
    np.testing.assert_array_equal(later.events, whole.events[:, 8:])
    assert fit_decay(later, "PowerLaw").half_life == pytest.approx(5, rel=0.02)


def test_constant_heterogeneity_cannot_bend_the_rate_since_first(rate):
    """Given each customer's total the weeks are multinomial: its own maximum is the pooled one."""
    Y = rate.events.sum(axis=0)

    def conditional(log_h):
        p = decay.Exponential(math.exp(log_h))(rate.age)
        return -(Y @ np.log(p / p.sum()))

    found = optimize.minimize_scalar(conditional, bounds=(1, 6), method="bounded", options={"xatol": 1e-9})
    assert math.exp(found.x) == pytest.approx(fit_decay(rate).half_life, rel=1e-5)


def test_a_world_without_fading_fades_by_the_clock_since_the_last_purchase_only(cdnow):
    first = cdnow.groupby("user_id")["timestamp"].min()
    rates = np.random.default_rng(0).gamma(0.361, 1 / 13.85, len(first))
    world = datasets.simulate_purchases(first, rates, "1998-07-01", seed=1)
    falling = fit_decay(counts.hazard_since_last(world))
    assert falling.half_life == pytest.approx(14.8, rel=0.04)
    steady = fit_decay(counts.rate_since_first(world))
    assert steady.half_life > 500 or steady.at_bound


# --- comparison --------------------------------------------------------------------------------------------


def test_comparison_is_the_held_out_likelihood_of_a_loop(small):
    data = counts.rate_since_first(small, 30)
    table = compare_curves(data, ["Hyperbolic"], replicates=0, seed=4)
    order = np.random.default_rng(4).permutation(len(data))
    halves = order[: len(data) // 2], order[len(data) // 2:]
    total = {"Exponential": 0.0, "Hyperbolic": 0.0, "no decay": 0.0}
    for train, test in (halves, halves[::-1]):
        part = BinnedCounts(data.events[train], data.exposure[train], "poisson", "weeks", "half")
        for name in total:
            f = (part.events.sum() / part.exposure.sum() * np.ones(30) if name == "no decay"
                 else fit_decay(part, name).rate(part.age))
            mean = data.exposure[test] * f
            total[name] += stats.poisson.logpmf(data.events[test], np.maximum(mean, 1e-300))[mean > 0].sum()
    for name in total:
        expected = 1000 * (total[name] - total["Exponential"]) / len(data)
        assert table.loc[name, "gain"] == pytest.approx(expected, abs=1e-3)


def test_the_comparison_is_paired_and_reproducible(small):
    data = counts.rate_since_first(small, 30)
    first, again = (compare_curves(data, ["Gaussian"], replicates=6, seed=1, progress=False) for _ in "ab")
    pd.testing.assert_frame_equal(first, again)
    gains = pd.DataFrame(first.attrs["gains"])
    assert (gains["Exponential"] == 0).all() and gains["Gaussian"].nunique() > 1
    low, high = np.percentile(gains["Gaussian"], [2.5, 97.5])
    assert first.loc["Gaussian", ["low", "high"]].tolist() == pytest.approx([low, high])


def test_the_true_curve_wins():
    rng = np.random.default_rng(8)
    events = rng.poisson(decay.Hyperbolic(4)(np.arange(40) + 0.5), size=(600, 40))
    data = BinnedCounts(events, np.ones((600, 40)), "poisson", "weeks", "simulated")
    table = compare_curves(data, ["Hyperbolic", "Exponential", "Gaussian"], replicates=20, progress=False)
    assert table.index[0] == "Hyperbolic"
    assert table.loc["Hyperbolic", "low"] > 0 > table.loc["Gaussian", "high"]


# --- simulated logs ----------------------------------------------------------------------------------------


def test_simulated_purchases_have_the_expected_number():
    first = pd.Series(pd.Timestamp("1997-01-01"), index=np.arange(4000))
    end = pd.Timestamp("1997-01-01") + pd.Timedelta(weeks=40) + pd.Timedelta(days=1)
    for half_life, mass in ((None, 40), (8, 8 / math.log(2) * (1 - 2 ** (-40 / 8)))):
        log = datasets.simulate_purchases(first, 0.05, end, half_life=half_life, seed=1)
        repeats = (len(log) - 4000) / 4000
        assert repeats == pytest.approx(0.05 * mass, rel=0.04)  # a few share a day
        assert log["timestamp"].max() < end
    fit = fit_decay(counts.rate_since_first(log, 39, observed_until=end))
    assert fit.half_life == pytest.approx(8, rel=0.1)


def test_simulated_customers_leave():
    first = pd.Series(pd.Timestamp("1997-01-01"), index=np.arange(3000))
    log = datasets.simulate_purchases(first, 0.2, "2007-01-01", dropout=0.5, seed=1)
    later = log.groupby("user_id").size() - 1
    assert later.mean() == pytest.approx(2, rel=0.06)  # geometric with probability one half, from 1
    at_once = datasets.simulate_purchases(first, 0.2, "2007-01-01", dropout=1.0)
    assert (at_once.groupby("user_id").size() == 2).all()


@pytest.mark.parametrize("half_life", [None, 20])
@pytest.mark.parametrize("shape", [0.6, 1, 2.5])
def test_gaps_of_clumpy_customers_are_weibull(shape, half_life):
    n, rate, weeks = 20_000, 0.1, np.array([1, 4, 13, 50])
    first = pd.Series(pd.Timestamp("1997-01-01"), index=np.arange(n))
    log = datasets.simulate_purchases(first, rate, "1998-07-01", shape=shape, half_life=half_life, seed=1)
    second = log[log["user_id"].duplicated()].drop_duplicates("user_id")["timestamp"] - first.iloc[0]
    silent = [1 - (second <= pd.Timedelta(weeks=int(week))).sum() / n for week in weeks]
    passed = weeks if half_life is None else half_life / math.log(2) * (1 - 2 ** (-weeks / half_life))
    expected = stats.weibull_min.sf(passed, shape, scale=1 / rate / math.gamma(1 + 1 / shape))
    assert silent == pytest.approx(expected, abs=3.5 * 0.5 / math.sqrt(n))


@pytest.mark.parametrize("shape", [0.6, 2.5])
def test_clumpy_customers_keep_their_rate_in_the_long_run(shape):
    n, rate, weeks = 4000, 0.02, 2500  # few a week, so that few share a day
    first = pd.Series(pd.Timestamp("1700-01-01"), index=np.arange(n))
    end = first.iloc[0] + pd.Timedelta(weeks=weeks) + pd.Timedelta(days=1)
    day = datasets.simulate_purchases(first, rate, end, shape=shape, seed=2)
    repeats = day.groupby("user_id").size() - 1
    # Smith: renewals up to t are rate t + (c^2 - 1)/2; two gaps within a day merge
    scale = 1 / rate / math.gamma(1 + 1 / shape)
    squared = math.gamma(1 + 2 / shape) / math.gamma(1 + 1 / shape) ** 2 - 1
    error = 4 * repeats.std() / math.sqrt(n)
    same_day = repeats.mean() * stats.weibull_min.cdf(0.5 / 7, shape, scale=scale)
    assert repeats.mean() + same_day == pytest.approx(rate * weeks + (squared - 1) / 2, abs=error)
    # and the number of a customer varies by c^2 times its mean, not by the mean (Poisson)
    assert repeats.var() / repeats.mean() == pytest.approx(squared, rel=0.15)


def test_a_world_in_clumps_falls_since_the_first_purchase_though_nobody_changes():
    first = datasets.load_cdnow().groupby("user_id")["timestamp"].min()
    rates = np.random.default_rng(0).gamma(0.361, 1 / 13.85, len(first))
    worlds = {shape: datasets.simulate_purchases(first, rates, "1998-07-01", shape=shape, seed=1)
              for shape in (None, 1, 0.6)}
    left = {}
    for shape, world in worlds.items():
        data = counts.rate_since_first(world)
        rate = data.events.sum(axis=0) / data.exposure.sum(axis=0)
        left[shape] = rate[24:28].sum() / 4 / rate[0]
    assert left[None] == pytest.approx(1, abs=0.06) and left[1] == pytest.approx(1, abs=0.06)
    assert 0.2 < left[0.6] < 0.4  # as in CDNOW


@pytest.mark.parametrize(
    ("change", "message"),
    [({"rate": -1}, "rate"), ({"half_life": 0}, "half_life"), ({"dropout": 1.5}, "dropout"),
     ({"shape": 0}, "shape must be a positive number"), ({"shape": math.nan}, "shape must be"),
     ({"end": "1996-01-01"}, "end is 1996-01-01"), ({"first": pd.Series([pd.NaT])}, "first must give")],
)
def test_simulated_purchases_refuse_nonsense(change, message):
    given_ = {"first": pd.Series(pd.to_datetime(["1997-01-01"])), "rate": 1.0, "end": "1998-01-01"}
    with pytest.raises(ValueError, match=message):
        datasets.simulate_purchases(**{**given_, **change})


def test_simulated_responses_refuse_nonsense():
    for change in ({"users": 0}, {"users": 5, "spread": -1}, {"users": 5, "half_life": 0}):
        with pytest.raises(ValueError):
            datasets.simulate_responses(**change)


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "exposure", "model", "message"),
    [
        ([[1, 2]], [[1, 1]], "gauss", "model must be"),
        ([[1, -2]], [[1, 1]], "poisson", "events must be whole numbers >= 0.*first is -2"),
        ([[1, 0.5]], [[1, 1]], "poisson", "events must be whole"),
        ([[1, np.nan]], [[1, 1]], "poisson", "events must be whole"),
        ([[1, 2]], [[1, np.inf]], "poisson", "exposure must be finite"),
        ([[1, 2]], [[1, 1.5]], "hazard", "exposure must be whole"),
        ([[1, 2]], [[1, 1]], "hazard", "more events than their exposure.*customer 0, bin 2"),
        ([[1, 2]], [[1, 0]], "poisson", "more events than their exposure"),
        ([[1, 2]], [[1, 1, 1]], "poisson", "one shape"),
        ([1, 2], [1, 1], "poisson", "one shape"),
        ([[0, 0]], [[1, 1]], "poisson", "no event"),
    ],
)
def test_counts_are_checked(events, exposure, model, message):
    with pytest.raises(ValueError, match=message):
        BinnedCounts(events, exposure, model, "weeks", "x")


def test_the_log_is_checked(small):
    for build in (counts.rate_since_first, counts.hazard_since_last, counts.interest_kernel):
        with pytest.raises(ValueError, match="unit must be one of hours, days, weeks"):
            build(small, unit="months")
        with pytest.raises(ValueError, match="empty"):
            build(small.iloc[:0])
        with pytest.raises(ValueError, match="not sorted"):
            build(small.iloc[::-1])
        with pytest.raises(ValueError, match="observed_until is 1997-02-01"):
            build(small, observed_until="1997-02-01")
    for periods in (1, 2.5, True, "ten"):
        with pytest.raises(ValueError, match="periods"):
            counts.rate_since_first(small, periods)
    once = small.drop_duplicates("user_id").reset_index(drop=True)
    with pytest.raises(ValueError, match="no event"):
        counts.rate_since_first(once)
    with pytest.raises(ValueError, match="no event after"):
        counts.interest_kernel(once)
    with pytest.raises(ValueError, match="from 1 to 29"):
        counts.rate_since_first(small, 30).from_bin(30)


@pytest.mark.parametrize(
    ("user", "time", "clicked", "message"),
    [
        ([1, 1], [0, 1], [1], "one entry"),
        ([1, 1], [1, 0], [1, 0], "sorted"),
        ([1, 2, 1], [0, 1, 2], [1, 0, 0], "sorted"),
        ([1, 1], [0, 1], [2, 0], "0 or 1, got 2"),
        ([1, None], [0, 1], [1, 0], "missing"),
        ([1, 1], [0, np.nan], [1, 0], "missing"),
        ([1, 1], [0, 1], [0, 1], "no click"),
    ],
)
def test_impressions_are_checked(user, time, clicked, message):
    with pytest.raises(ValueError, match=message):
        counts.response_kernel(user, time, clicked)


def test_arguments_are_checked(rate, responses):
    with pytest.raises(TypeError, match="rate_since_first"):
        fit_decay(pd.DataFrame())
    for bad, message in (
        ({"curve": "Weibull"}, "its name"), ({"curve": decay.Exponential(3)}, "its name"),
        ({"interval": "wald"}, "interval must be"), ({"level": 95}, "level"),
        ({"half_life": -1}, "half_life"), ({"half_life": 3, "interval": "profile"}, "held fixed"),
        ({"curve": "BiExponential", "half_life": 3}, "held fixed"),
        ({"curve": "BiExponential", "interval": "profile"}, "no single half-life"),
        ({"interval": "bootstrap", "replicates": 1}, "replicates"),
    ):
        with pytest.raises(ValueError, match=message):
            fit_decay(rate, **bad)
    with pytest.raises(ValueError, match="positive"):
        fitting.profile_likelihood(rate, [3, 0])
    with pytest.raises(ValueError, match="four customers"):
        compare_curves(BinnedCounts([[2, 1]], [[1, 1]], "poisson", "weeks", "x"))
    clicks = counts.response_kernel(responses["user_id"], responses["day"], responses["clicked"])
    with pytest.raises(ValueError, match="needs its background"):
        fit_decay(clicks, background=False)


def test_a_progress_bar_is_shown_only_to_readers(rate, monkeypatch, capsys):
    monkeypatch.setenv("INTERESTDECAY_FIGURES", "still")
    assert isinstance(fitting._steps(3, "x", None), range)
    monkeypatch.delenv("INTERESTDECAY_FIGURES")
    bar = fitting._steps(3, "resampling", None)
    assert not isinstance(bar, range) and list(bar) == [0, 1, 2]
    assert "resampling" not in capsys.readouterr().err  # short work shows none


# --- what is handed on, and what is not to be believed ------------------------------------------------------


def test_one_event_determines_no_half_life():
    times = pd.to_datetime(["1997-01-01", "1997-01-03", "1997-01-01", "1997-06-01"])
    log = pd.DataFrame({"user_id": [1, 1, 2, 3], "timestamp": times}).sort_values(["user_id", "timestamp"])
    data = counts.rate_since_first(log, 20)
    assert data.total_events == 1
    fit = fit_decay(data)
    assert fit.converged and not fit.at_bound and not fit.determined and not fit.trustworthy
    assert "NOT DETERMINED within a factor of 10" in str(fit)


def test_events_of_the_first_bin_alone_determine_no_half_life():
    """However many there are: any half-life well below a bin, with a scale to match, says the same."""
    data = BinnedCounts([[5000, 0, 0, 0]], np.full((1, 4), 100), "poisson", "weeks", "x")
    fit = fit_decay(data)
    shorter = fitting.profile_likelihood(data, [fit.half_life / 1.5])[0]
    assert shorter > fit.log_likelihood - 1 and not fit.trustworthy


def test_determined_is_what_the_profile_says(rate):
    """Weak data: 12 events at a rate that halves in 10; the profile interval is open, and so it says."""
    age = np.arange(12) + 0.5
    events = np.round(2 * decay.Exponential(10)(age))[None]
    weak = BinnedCounts(events, np.ones((1, 12)), "poisson", "weeks", "x")
    fit = fit_decay(weak, interval="profile")
    assert fit.interval[1] > 10 * fit.half_life and not fit.determined
    strong = fit_decay(rate, interval="profile")
    assert strong.interval[1] < 10 * strong.half_life and strong.determined and strong.trustworthy


def test_a_half_life_fits_the_next_room(rate, cdnow):
    fit = fit_decay(rate, "exponential")
    assert fit.half_life_timedelta / pd.Timedelta(weeks=1) == pytest.approx(fit.half_life)
    assert (interest.decayed_sum(cdnow, "1998-07-01", fit.half_life_timedelta) > 0).all()
    by_hand = BinnedCounts([[80, 40, 20, 10]], [[1, 1, 1, 1]], "poisson", "steps", "x")
    with pytest.raises(ValueError, match="steps is no length of time"):
        _ = fit_decay(by_hand).half_life_timedelta
    with pytest.raises(ValueError, match=r"too long for a pandas\.Timedelta"):
        _ = fit_decay(rate, half_life=1e6).half_life_timedelta


def test_a_fit_is_stored_and_shown_in_plain_numbers(kernel, rate):
    for fit in (fit_decay(kernel, "BIEXPONENTIAL"), fit_decay(rate, interval="profile"),
                fit_decay(rate, "tanhcomplement", background=True, interval="bootstrap", replicates=5,
                          progress=False)):
        assert "np." not in repr(fit)
        stored = json.loads(json.dumps(fit.to_dict(), allow_nan=False))
        curve = decay.CURVES[stored["curve"]](**stored["curve_parameters"])
        assert curve == fit.curve and stored["half_life"] == fit.half_life
        assert stored["background"] == fit.background and stored["trustworthy"] is True
    data = BinnedCounts([[8, 4]], [[1, 1]], "poisson", "weeks", "two weeks")
    assert fit_decay(data, interval="profile").to_dict()["intervals"]["half_life"][1] is None


def test_a_handful_of_customers_is_not_resampled():
    for n, refused in ((9, True), (10, False)):
        data = BinnedCounts(np.tile([8, 4, 2, 1], (n, 1)), np.ones((n, 4)), "poisson", "weeks", "x")
        if refused:
            with pytest.raises(ValueError, match=r"9 customers are too few.*give at least 10"):
                fit_decay(data, interval="bootstrap", replicates=5, progress=False)
        else:
            assert fit_decay(data, interval="bootstrap", replicates=5, progress=False).interval


def test_a_likelihood_that_is_no_number_is_refused(rate, monkeypatch):
    lost = (math.nan, np.zeros(65), 0.0)
    monkeypatch.setattr(BinnedCounts, "_likelihood", lambda *given_: lambda rate, background: lost)
    with pytest.raises(ValueError, match="likelihood is not a finite number"):
        fit_decay(rate)


# --- a curve of one's own ----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Logistic(decay.DecayCurve):
    """One half at the half-life, after a plateau: only what the docstring of DecayCurve asks for."""

    half_life: float
    steepness: float = 2.0

    def _weight(self, age):
        return 1 / (1 + (age / self.half_life) ** self.steepness)


@each_curve
def test_slopes_written_out_are_those_of_the_default(name):
    curve, age = EXACT[name], np.array([0.01, 0.5, 7.0, 30.0])
    np.testing.assert_allclose(curve.slopes(age), decay.DecayCurve.slopes(curve, age), rtol=1e-6, atol=1e-10)
    assert type(curve).from_free(curve.to_free())(age) == pytest.approx(curve(age), rel=1e-12)


def test_a_curve_of_ones_own_is_fitted(rate):
    truth, age = Logistic(12.0, 3.0), np.arange(60) + 0.5
    data = BinnedCounts(np.round(1e6 * truth(age))[None], np.full((1, 60), 1e6), "poisson", "weeks", "exact")
    fit = fit_decay(data, Logistic, interval="profile")
    assert fit.trustworthy and fit.interval[0] < fit.half_life < fit.interval[1]
    assert [fit.half_life, fit.curve.steepness] == pytest.approx([12, 3], rel=1e-3)
    table = compare_curves(rate, [Logistic, "hyperbolic"], replicates=0)
    # with steepness 1 it is the hyperbolic curve, so on the customers it is fitted to it is no worse
    assert table.loc["Logistic", "parameters"] == table.loc["Hyperbolic", "parameters"] + 1
    assert fit_decay(rate, Logistic).log_likelihood > fit_decay(rate, "Hyperbolic").log_likelihood

    @dataclasses.dataclass(frozen=True)
    class Named(decay.DecayCurve):
        half_life: float
        scale: float = 1.0

    for bad, message in ((Named, "'scale'.*rename"), (decay.DecayCurve, "dataclass"), (int, "dataclass")):
        with pytest.raises(ValueError, match=message):
            fit_decay(rate, bad)


# --- what only a mutation would show ------------------------------------------------------------------------


def test_a_search_that_stops_short_is_taken_up_again(hazard, monkeypatch):
    """A search of few steps needs the second and third; and one of full length on a resample that stops."""
    def short(*args, options, **rest):
        return optimize.minimize(*args, options={**options, "maxiter": 12}, **rest)

    expected = fit_decay(hazard, "PowerLaw").log_likelihood
    monkeypatch.setattr(fitting, "minimize", short)
    fit = fit_decay(hazard, "PowerLaw")
    assert fit.converged and fit.log_likelihood == pytest.approx(expected, abs=1e-4)
    monkeypatch.undo()
    data = counts.rate_since_first(datasets.load_cdnow(sample=True))
    rng, n = np.random.default_rng(1), len(data)
    weights = [rng.multinomial(n, np.full(n, 1 / n)).astype(float) for _ in range(11)][-1]
    model = fitting._Model(data, decay.StretchedExponential, False, data.sums(weights))
    assert fitting._maximise(model, model.starts()).converged


def test_resampling_keeps_the_halves_and_their_sizes(small, monkeypatch):
    """Nobody is fitted to and scored in one replicate, and each half is drawn from itself."""
    data, seen = counts.rate_since_first(small, 30), []

    def noted(self, weights, original=BinnedCounts.sums):
        seen.append(weights)
        return original(self, weights)

    monkeypatch.setattr(BinnedCounts, "sums", noted)
    compare_curves(data, ["Exponential"], replicates=5, progress=False)
    halves, *resamples = zip(seen[0:12:2], seen[1:12:2], strict=True)
    for drawn in resamples:
        for half, weights in zip(halves, drawn, strict=True):
            assert weights.sum() == half.sum() and not weights[half == 0].any()
            assert weights.max() > 1

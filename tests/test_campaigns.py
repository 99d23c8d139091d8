"""Campaigns against statsmodels, brute force and simulation; uplift curves against scikit-uplift."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.api import OLS, add_constant
from statsmodels.stats import proportion

from interestdecay_lib import campaigns, interest, uplift
from interestdecay_lib.campaigns import (
    compare_shares,
    difference_in_differences,
    matched_difference,
    off_policy_value,
    people_needed,
    power_of_test,
)
from interestdecay_lib.uplift import (
    area_over_random,
    gain_of_contact,
    profit_by_budget,
    simulate_drifting_bandit,
    uplift_curve,
    value_of_contacts,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from sklift import metrics as sklift


# --- shares ---


@pytest.mark.parametrize(("first", "second"), [
    ((130, 30_000), (157, 30_000)), ((3, 42), (5, 9)), ((0, 8), (1, 9))])
def test_two_shares_as_in_statsmodels(first, second):
    test = compare_shares(first, second)
    (a, n), (b, m) = first, second
    low, high = proportion.confint_proportions_2indep(b, m, a, n, method="newcomb")
    assert (test.difference, test.low, test.high) == pytest.approx((b / m - a / n, low, high))
    assert test.p == pytest.approx(proportion.proportions_ztest([a, b], [n, m])[1])


def test_people_needed_as_in_statsmodels_and_as_simulated():
    for share, other in ((0.004, 0.005), (0.1, 0.12), (0.5, 0.3)):
        n = people_needed(share, other)
        assert n == pytest.approx(proportion.samplesize_proportions_2indep_onetail(
            other - share, share, 0.8, alpha=0.05, alternative="two-sided"), rel=0.02)
        assert power_of_test(n, share, other) == pytest.approx(0.8)
    rng = np.random.default_rng(0)
    n = round(people_needed(0.1, 0.13))
    a, b = (rng.binomial(n, p, 20_000) for p in (0.1, 0.13))
    both = (a + b) / (2 * n)
    z = (b - a) / n / np.sqrt(both * (1 - both) * 2 / n)
    assert np.mean(np.abs(z) > stats.norm.ppf(0.975)) == pytest.approx(0.8, abs=0.01)


def test_shares_that_are_none_are_refused():
    for wrong in ((3, 2), (-1, 2), (0.5, 2), (0, 0)):
        with pytest.raises(ValueError, match="first must be"):
            compare_shares(wrong, (1, 2))
    with pytest.raises(ValueError, match="nothing to compare"):
        compare_shares((0, 5), (0, 6))
    with pytest.raises(ValueError, match="equal shares"):
        people_needed(0.1, 0.1)
    for wrong in ({"share": 0}, {"other": 1}, {"power": 1.0}):
        with pytest.raises(ValueError, match="between 0 and 1"):
            people_needed(**{"share": 0.1, "other": 0.2, **wrong})
    with pytest.raises(ValueError, match="n must"):
        power_of_test(0, 0.1, 0.2)


# --- off-policy ---


def test_the_value_of_another_policy_is_right_on_average():
    """Every log of three impressions, with its probability: the weighted mean has no bias."""
    logged, target, chance = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6]), np.array([0.2, 0.5, 0.9])
    expected = 0
    for shown in itertools.product(range(3), repeat=3):
        shown = list(shown)
        likely = logged[shown].prod()
        for clicks in itertools.product((0, 1), repeat=3):
            pairs = zip(shown, clicks, strict=True)
            p = likely * np.prod([chance[i] if c else 1 - chance[i] for i, c in pairs])
            expected += p * off_policy_value(clicks, logged[shown], target[shown]).weighted
    assert expected == pytest.approx(target @ chance)


def test_the_same_policy_is_the_mean_and_worth_every_row():
    reward = np.random.default_rng(0).random(50)
    value = off_policy_value(reward, np.full(50, 0.2), np.full(50, 0.2))
    assert value == pytest.approx((reward.mean(), reward.mean(), 50))
    rare = off_policy_value([1, 0, 0, 0], [1e-6, 0.9, 0.9, 0.9], [0.25] * 4)
    assert rare.effective == pytest.approx(1, abs=1e-4) and rare.normalised > 0.99
    for wrong in (([1], [0], [1]), ([1], [0.5], [2]), ([1, 2], [0.5], [0.5]), ([1], [0.5], [0])):
        with pytest.raises(ValueError, match=r"propensities|same rows|nothing of what"):
            off_policy_value(*wrong)


# --- matching, differences ---


def test_matching_is_the_loop_over_strata():
    rng = np.random.default_rng(1)
    group, y = rng.integers(0, 9, 200), rng.random(200)
    treated = rng.random(200) < group / 10
    total, weight, alone = 0.0, 0, 0
    for g in range(9):
        one, other = y[(group == g) & treated], y[(group == g) & ~treated]
        if len(one) and len(other):
            total += len(one) * (one.mean() - other.mean())
            weight += len(one)
        else:
            alone += len(one)
    found = matched_difference(y, treated, group * 7 - 3)
    assert found == (pytest.approx(total / weight), alone)
    with pytest.raises(ValueError, match="partner"):
        matched_difference([1, 2], [True, False], [0, 1])
    with pytest.raises(ValueError, match="same people"):
        matched_difference([1, 2], [True], [0, 1])


def test_matching_takes_away_what_the_strata_hold_and_nothing_else():
    rng = np.random.default_rng(2)
    regular = rng.random(40_000) < 0.5
    treated = rng.random(40_000) < np.where(regular, 0.8, 0.1)
    y = rng.random(40_000) < np.where(regular, 0.9, 0.3) + 0.05 * treated
    naive = y[treated].mean() - y[~treated].mean()
    assert naive > 0.3
    assert matched_difference(y.astype(float), treated, regular)[0] == pytest.approx(0.05, abs=0.02)


def test_difference_in_differences_is_a_regression_of_the_change():
    rng = np.random.default_rng(3)
    before, treated = rng.gamma(2, 50, 90), rng.random(90) < 0.3
    after = before + rng.normal(0, 9, 90) + 4 * treated
    fit = OLS(after - before, add_constant(treated.astype(float))).fit(cov_type="HC2")
    low, high = fit.conf_int()[1]
    assert difference_in_differences(before, after, treated) == pytest.approx((fit.params[1], low, high))
    assert difference_in_differences(before, after, ~treated).estimate == pytest.approx(-fit.params[1])
    with pytest.raises(ValueError, match="at least two"):
        difference_in_differences([1, 2], [1, 2], [True, False])
    with pytest.raises(ValueError, match="same people"):
        difference_in_differences([1], [1, 2], [True, False])


# --- gain, budget ---


def test_the_gain_is_the_difference_of_two_worlds():
    b, e, v, d, c = 0.3, 0.2, 12.0, 3.0, 0.4
    contacted, left = (b + e) * (v - d) - c, b * v
    assert gain_of_contact(b, e, v, d, c) == pytest.approx(contacted - left)
    even = (d * b + c) / (v - d)
    assert gain_of_contact(b, even, v, d, c) == pytest.approx(0)
    for wrong in ((0.9, 0.2, 1), (0.1, -0.2, 1), (1.1, 0, 1), (0.5, 0.1, 1, -1), (0.5, 0.1, 1, 0, -1)):
        with pytest.raises(ValueError, match="must be"):
            gain_of_contact(*wrong)


def test_a_budget_goes_to_the_highest_scores_and_ties_are_shared():
    rng = np.random.default_rng(4)
    score, gain = rng.integers(0, 4, 7).astype(float), rng.normal(size=7)
    orders = [list(p) for p in itertools.permutations(range(7))
              if all(score[a] >= score[b] for a, b in itertools.pairwise(p))]
    for n in range(8):
        brute = np.mean([gain[order[:n]].sum() for order in orders])
        assert profit_by_budget(score, gain, [n])[0] == pytest.approx(brute)
    best = profit_by_budget(gain, gain, range(8))
    assert all(best[n] >= profit_by_budget(score, gain, [n])[0] - 1e-12 for n in range(8))
    for wrong in (([1], [1, 2], [1]), ([1], [1], [2]), ([1], [1], [0.5]), ([np.nan], [1], [1])):
        with pytest.raises(ValueError, match=r"same people|whole numbers|finite"):
            profit_by_budget(*wrong)


# --- uplift curves ---


@pytest.mark.filterwarnings("ignore:Function stable_cumsum")
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 60), st.integers(1, 20))
def test_uplift_curves_are_those_of_scikit_uplift(seed, n, values):
    rng = np.random.default_rng(seed)
    y, t, score = rng.integers(0, 2, n), rng.integers(0, 2, n), rng.integers(0, values, n).astype(float)
    y[:2] = t[1:3] = 0, 1                                       # scikit-uplift wants both
    for kind, other in (("uplift", sklift.uplift_curve), ("qini", sklift.qini_curve)):
        k, curve = uplift_curve(y, t, score, kind)
        theirs = other(y, score, t)
        assert k.tolist() == theirs[0].tolist()
        assert curve == pytest.approx(theirs[1])


@pytest.mark.filterwarnings("ignore:Function stable_cumsum")
def test_areas_and_the_end_of_a_curve():
    rng = np.random.default_rng(5)
    n = 4000
    t, e = rng.random(n) < 0.5, rng.uniform(0, 0.4, n)
    y = rng.random(n) < 0.2 + e * t
    k, curve = uplift_curve(y, t, e)
    assert curve[-1] == pytest.approx(n * (y[t].mean() - y[~t].mean()))
    ours = area_over_random(k, curve) * n**2
    theirs = sklift.uplift_curve(y.astype(int), e, t.astype(int))
    from sklearn.metrics import auc

    assert ours == pytest.approx(auc(*theirs) - theirs[1][-1] * n / 2)
    shuffled = [area_over_random(*uplift_curve(y, t, rng.random(n))) for _ in range(100)]
    assert abs(np.mean(shuffled)) < 4 * np.std(shuffled) / 10
    assert area_over_random(k, curve) > 3 * np.std(shuffled)


def test_an_uplift_curve_is_near_the_known_effect():
    rng = np.random.default_rng(6)
    n = 200_000
    e, t = rng.uniform(0, 0.3, n), rng.random(n) < 0.5
    y = rng.random(n) < 0.1 + e * t
    _, curve = uplift_curve(y, t, e)
    for share in (0.2, 0.5, 1):
        truth = np.sort(e)[::-1][: int(share * n)].sum()
        assert curve[int(share * n)] == pytest.approx(truth, rel=0.03)


def test_other_curves_are_refused():
    for wrong in (([1], [1, 0], [1]), ([2], [1], [1]), ([1], [1], [1], "gain"), ([1], [1], [np.nan])):
        with pytest.raises(ValueError, match=r"same people|0 or 1|kind|finite"):
            uplift_curve(*wrong)
    with pytest.raises(ValueError, match="increase"):
        area_over_random([0, 0], [0, 1])


# --- what moves ---


def test_a_bandit_with_one_offer_or_equal_ones_loses_nothing_and_forgetting_helps_where_chances_move():
    assert (simulate_drifting_bandit(np.full((30, 1), 0.2)) == 0).all()
    assert simulate_drifting_bandit(np.full((3, 30, 4), 0.2), 5) == pytest.approx(0)
    rng = np.random.default_rng(0)
    still = np.broadcast_to(rng.beta(2, 8, (60, 1, 4)), (60, 1500, 4))
    moving = np.concatenate([still[:, :750], still[:, 750:, ::-1]], axis=1)
    keeps, fades = (simulate_drifting_bandit(still, h, seed=1).mean() for h in (np.inf, 150))
    assert keeps < fades
    keeps, fades = (simulate_drifting_bandit(moving, h, seed=1).mean() for h in (np.inf, 150))
    assert fades < keeps
    random = (still.max(axis=2) - still.mean(axis=2)).sum(axis=1).mean()
    assert simulate_drifting_bandit(still, 0.01, seed=1).mean() == pytest.approx(random, rel=0.1)
    random = (moving.max(axis=2) - moving.mean(axis=2)).sum(axis=1)
    rising = moving * np.linspace(0.2, 1, 1500)[:, None]
    expected = (rising.max(axis=2) - rising.mean(axis=2)).sum(axis=1)
    assert expected.mean() < 0.8 * random.mean()
    assert simulate_drifting_bandit(rising, 0.01, seed=1).mean() == pytest.approx(expected.mean(), rel=0.1)
    for wrong in ((np.full(3, 0.1),), (np.full((2, 2), 2.0),), (np.full((2, 2), 0.1), 0)):
        with pytest.raises(ValueError, match=r"chances|above 0"):
            simulate_drifting_bandit(*wrong)


def test_contacts_are_as_drawn_customer_by_customer():
    rng = np.random.default_rng(7)
    gap, weeks, chance, phi, h, leave = 2.0, 13.0, 0.3, 0.8, 3.0, 0.3
    times = np.arange(0, weeks, gap)
    people = 200_000
    reachable, contacts, responses = np.ones(people, bool), 0, 0
    for k, t in enumerate(times):
        tired = sum(0.5 ** ((t - s) / h) for s in times[:k])
        contacts += reachable.sum()
        responses += (reachable & (rng.random(people) < chance * np.exp(-phi * tired))).sum()
        reachable &= rng.random(people) >= leave * tired / (1 + tired)
    found = value_of_contacts(gap, weeks, chance, 10, 0.5, fatigue=phi, half_life=h, leave=leave, worth=4)
    drawn = np.array([contacts, responses, reachable.sum()]) / people
    assert np.array(found[:3]) == pytest.approx(drawn, rel=0.01)
    assert found.profit == pytest.approx(10 * found.responses - 0.5 * found.contacts
                                         - 4 * (1 - found.reachable))


def test_fatigue_is_the_books_decayed_sum():
    times = np.arange(0, 10, 2.0)
    found = value_of_contacts(2, 10, 1.0, 1, 0, fatigue=1, half_life=3)
    stamps = np.datetime64("2020-01-01") + (times * 7 * 86400).astype("timedelta64[s]")
    import pandas as pd

    log = pd.DataFrame({"user_id": 1, "timestamp": stamps})
    running = interest.running_decayed_sum(log, pd.Timedelta("21D"))
    tired = running.to_numpy() - 1
    assert found.responses == pytest.approx(np.exp(-tired).sum())
    for wrong in ({"gap": 0}, {"chance": 1.2}, {"fatigue": -1}, {"half_life": np.inf}):
        with pytest.raises(ValueError, match="must"):
            value_of_contacts(**{"gap": 1, "weeks": 4, "chance": 0.1, "margin": 1, "cost": 0, **wrong})


def test_every_public_name_is_there():
    assert set(campaigns.__all__) <= set(vars(campaigns)) and set(uplift.__all__) <= set(vars(uplift))

"""Scores against hand calculations and brute force, the bootstrap against a loop and theory, baselines."""

import dataclasses
import math
from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, gammaln
from sklearn.metrics import brier_score_loss, f1_score, log_loss, mean_poisson_deviance, roc_auc_score

from interestdecay_lib import baselines, tasks
from interestdecay_lib import evaluation as ev
from interestdecay_lib.datasets import load_cdnow

RNG = np.random.default_rng(20)
P = RNG.beta(2, 5, 400).round(2)        # rounded: many ties
Y = (RNG.random(400) < P).astype(int)
MU = RNG.gamma(2, 1, 400)
COUNTS = RNG.poisson(MU)

outcomes = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=40).filter(
    lambda rows: len({y for y, _ in rows}) == 2)


def unpack(rows):
    y, p = np.array(rows, dtype=float).T
    return y.astype(int), p / 20


# -------------------------------------------------------------------------------------------------- scores


def test_log_loss_and_brier_by_hand():
    scores = ev.score_probabilities([1, 0, 1], [0.8, 0.4, 0.5])
    by_hand = -(math.log(0.8) + math.log(0.6) + math.log(0.5)) / 3
    assert scores["log_loss"] == pytest.approx(by_hand, rel=1e-12)
    assert scores["brier"] == pytest.approx((0.04 + 0.16 + 0.25) / 3, rel=1e-12)
    assert scores["predicted_over_actual"] == pytest.approx(1.7 / 2)


@given(outcomes)
@settings(max_examples=40)
def test_auc_counts_pairs(rows):
    y, p = unpack(rows)
    buyers, others = p[y == 1], p[y == 0]
    wins = sum((a > b) + 0.5 * (a == b) for a, b in product(buyers, others))
    assert ev.score_probabilities(y, p)["auc"] == pytest.approx(wins / (len(buyers) * len(others)), abs=1e-12)
    assert ev._auc_of(y.astype(float), p)(np.ones((1, len(y))))[0] == pytest.approx(
        wins / (len(buyers) * len(others)), abs=1e-12)


@given(outcomes)
@settings(max_examples=15)
def test_auc_sees_only_the_order_and_proper_scores_see_more(rows):
    y, p = unpack(rows)
    squared = ev.score_probabilities(y, p**2)
    assert squared["auc"] == pytest.approx(ev.score_probabilities(y, p)["auc"])
    share = np.full(len(y), y.mean())       # the best constant forecast is the base rate
    for other in (0.5 * y.mean(), (1 + y.mean()) / 2):
        constant = np.full(len(y), other)
        for metric in ("log_loss", "brier"):
            assert ev.score_probabilities(y, share)[metric] < ev.score_probabilities(y, constant)[metric]


def test_calibration_error_by_hand():
    y, p = [0, 1, 1, 1], [0.1, 0.3, 0.6, 0.8]
    assert ev.score_probabilities(y, p, bins=2)["ece"] == pytest.approx((abs(0.2 - 0.5) + abs(0.7 - 1)) / 2)
    assert ev.score_probabilities(y, p, bins=1)["ece"] == pytest.approx(abs(0.45 - 0.75))
    y, p = [0, 1, 1, 1, 0], [0.1, 0.2, 0.3, 0.6, 0.8]       # bins of 2 and 3 customers, gaps 0.35 and 0.1
    assert ev.score_probabilities(y, p, bins=2)["ece"] == pytest.approx((2 * 0.35 + 3 * 0.1) / 5)


def test_scores_agree_with_scikit_learn():
    scores = ev.score_probabilities(Y, P)
    assert scores["auc"] == pytest.approx(roc_auc_score(Y, P))
    assert ev.score_counts(COUNTS, MU)["poisson_deviance"] == pytest.approx(mean_poisson_deviance(COUNTS, MU))


def test_poisson_deviance_by_hand():
    assert ev.score_counts([0, 3], [0.5, 2.0])["poisson_deviance"] == pytest.approx(
        2 * (0.5 + (3 * math.log(1.5) - 3 + 2)) / 2)
    assert ev.score_counts([0, 2], [0, 2])["poisson_deviance"] == 0
    assert ev.score_counts([1, 2], [0, 2])["poisson_deviance"] == math.inf


def test_count_errors_by_hand():
    scores = ev.score_counts([0, 1, 5], [1, 1, 2])
    assert scores["mae"] == pytest.approx(4 / 3)
    assert scores["rmse"] == pytest.approx(math.sqrt(10 / 3))
    assert scores["predicted_over_actual"] == pytest.approx(4 / 6)
    assert math.isnan(ev.score_counts([0, 0], [1, 1])["predicted_over_actual"])


def test_the_mae_rewards_zero_and_the_rmse_does_not():
    y = np.array([0] * 70 + [3] * 30)
    zero, mean = np.zeros(100), np.full(100, y.mean())
    assert ev.score_counts(y, zero)["mae"] < ev.score_counts(y, mean)["mae"]
    assert ev.score_counts(y, zero)["rmse"] > ev.score_counts(y, mean)["rmse"]


@pytest.mark.parametrize("threshold", [0.0, 0.15, 0.3, 0.5, 1.0])
def test_classification_against_a_loop(threshold):
    found = ev.classification_at(Y, P, threshold)
    cells = {"tp": 0, "fp": 0, "fn": 0, "tn": 0}
    for y, p in zip(Y, P, strict=True):
        cells[("tp" if y else "fp") if p >= threshold else ("fn" if y else "tn")] += 1
    assert {name: found[name] for name in cells} == cells
    assert found["accuracy"] == pytest.approx((cells["tp"] + cells["tn"]) / len(Y))
    assert found["recall"] == pytest.approx(cells["tp"] / Y.sum())
    if cells["tp"]:
        precision = cells["tp"] / (cells["tp"] + cells["fp"])
        assert found["precision"] == pytest.approx(precision)
        assert found["f1"] == pytest.approx(stats.hmean([precision, found["recall"]]))
    assert found["f1"] == pytest.approx(f1_score(Y, P >= threshold))


def test_f1_is_not_the_mean_of_accuracy_and_recall():
    y, p = [1] * 16 + [0] * 84, [1] * 8 + [0] * 8 + [1] * 2 + [0] * 82
    found = ev.classification_at(y, p)
    assert found["f1"] == pytest.approx(8 / 13, rel=1e-12)
    assert stats.hmean([found["accuracy"], found["recall"]]) == pytest.approx(9 / 14, rel=1e-12)


def test_undefined_ratios_are_nan():
    nobody = ev.classification_at([0, 0], [0.1, 0.2])
    assert math.isnan(nobody["precision"]) and math.isnan(nobody["recall"]) and math.isnan(nobody["f1"])
    assert nobody["accuracy"] == 1


@given(outcomes, st.integers(1, 6))
@settings(max_examples=40)
def test_murphys_partition_against_a_loop(rows, bins):
    y, p = unpack(rows)
    parts = ev.brier_decomposition(y, p, bins)
    groups = {}
    for outcome, forecast, bin_ in zip(y, p, ev._bins(p, bins), strict=True):
        groups.setdefault(bin_, []).append((outcome, forecast))
    reliability = resolution = 0.0
    for group in groups.values():
        share, stated = (sum(column) / len(group) for column in zip(*group, strict=True))
        reliability += len(group) / len(y) * (stated - share) ** 2
        resolution += len(group) / len(y) * (share - y.mean()) ** 2
    assert parts["reliability"] == pytest.approx(reliability, abs=1e-12)
    assert parts["resolution"] == pytest.approx(resolution, abs=1e-12)
    assert parts["uncertainty"] == pytest.approx(y.var(), abs=1e-12)
    whole = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within"]
    assert whole == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    edges = np.linspace(-0.025, 1.025, 22)                 # one bin for each possible forecast: none within
    assert ev.brier_decomposition(y, p, edges)["within"] == pytest.approx(0, abs=1e-12)


def test_gain_against_all_orders_of_equal_forecasts():
    y, p = np.array([1, 0, 0, 1, 1, 0]), np.array([0.9, 0.5, 0.5, 0.5, 0.2, 0.1])
    orders = [order for order in permutations(range(6)) if (np.diff(p[list(order)]) <= 0).all()]
    for k in range(1, 7):
        found = np.mean([y[list(order)][:k].sum() for order in orders])
        row = ev.gain_table(y, p, [k / 6]).iloc[0]
        assert row["customers"] == pytest.approx(k)
        assert row["gain"] == pytest.approx(found / 3) and row["precision"] == pytest.approx(found / k)
        assert row["lift"] == pytest.approx(found / k / 0.5)
    assert ev.gain_table(Y, np.full(400, 0.3), [0.1, 1.0])["lift"].tolist() == pytest.approx([1, 1])


# ------------------------------------------------------------------------------------------- recalibration


@pytest.mark.parametrize("method", ev.RECALIBRATIONS)
def test_recalibration_restores_bent_probabilities(method):
    """The truth is known: p = sigmoid(z), stated is sigmoid(z / 2 - 1), or, for a shift, sigmoid(z - 1)."""
    rng = np.random.default_rng(3)
    z = rng.normal(-0.5, 1.2, 40_000)
    y = (rng.random(z.size) < expit(z)).astype(int)
    stated = expit(z - 1) if method == "shift" else expit(z / 2 - 1)
    mend = ev.recalibration(y[::2], stated[::2], method)
    told = mend(stated[1::2])
    assert np.abs(told - expit(z[1::2])).mean() < 0.02 < np.abs(stated - expit(z)).mean() / 4
    if method != "isotonic":
        assert mend.intercept == pytest.approx(1 if method == "shift" else 2, abs=0.1)
        assert mend.slope == pytest.approx(1 if method == "shift" else 2, abs=0.1)
        assert mend(stated[::2]).mean() == pytest.approx(y[::2].mean(), abs=1e-6)


def test_platt_against_statsmodels_and_isotonic_against_pooling():
    x = np.log(0.1 + P) - np.log(1.1 - P)
    p = expit(x)
    fitted = sm.Logit(Y, sm.add_constant(x)).fit(disp=False)
    mend = ev.recalibration(Y, p)
    assert (mend.intercept, mend.slope) == pytest.approx(tuple(fitted.params), abs=1e-5)
    blocks = [[y, 1.0] for y in pd.Series(Y).groupby(p).mean()]
    sizes = pd.Series(Y).groupby(p).size().tolist()
    blocks = [[mean, float(size), 1] for (mean, _), size in zip(blocks, sizes, strict=True)]
    k = 0
    while k < len(blocks) - 1:                              # pool adjacent violators
        (a, m, i), (b, n, j) = blocks[k], blocks[k + 1]
        if a > b:
            blocks[k:k + 2] = [[(a * m + b * n) / (m + n), m + n, i + j]]
            k = max(k - 1, 0)
        else:
            k += 1
    pooled = [mean for mean, _, levels in blocks for _ in range(levels)]
    assert ev.recalibration(Y, p, "isotonic")(np.unique(p)) == pytest.approx(pooled, abs=1e-9)


# ------------------------------------------------------------------------------------ counts as distributions


@given(st.integers(0, 60), st.floats(0.01, 40), st.floats(0, 3))
@settings(max_examples=60)
def test_the_crps_of_a_count_against_its_sum(y, mu, dispersion):
    dispersion = dispersion if dispersion > 0.01 else 0.0
    k = np.arange(6000)
    shape = 1 / dispersion if dispersion else 0
    below = stats.nbinom.cdf(k, shape, shape / (shape + mu)) if dispersion else stats.poisson.cdf(k, mu)
    brute = np.sum((below - (k >= y)) ** 2)
    scores = ev.score_count_distribution([y], [mu], dispersion)
    assert scores["crps"][0] == pytest.approx(brute, rel=1e-6, abs=1e-8)
    mass = np.diff(below, prepend=0)[y]
    if mass > 1e-12:
        assert scores["log_score"][0] == pytest.approx(-math.log(mass), rel=1e-4)


def test_the_scores_of_counts_are_proper():
    """The true distribution has the least expected score: no other mean or dispersion does better."""
    k = np.arange(400)
    mass = stats.nbinom.pmf(k, 2, 2 / (2 + 3.0))            # mean 3, dispersion 1/2
    expected = {
        (mu, a): [np.sum(mass * s) for s in ev.score_count_distribution(k, np.full(400, mu), a).values()]
        for mu in (2.5, 3.0, 3.5) for a in (0.0, 0.25, 0.5, 0.75)
    }
    for score in (0, 1):
        assert min(expected, key=lambda key: expected[key][score]) == (3.0, 0.5)


def test_dispersion_against_the_likelihood_of_statsmodels():
    rng = np.random.default_rng(5)
    mu = rng.gamma(2, 1.5, 3000)
    y = rng.negative_binomial(1 / 0.8, 1 / (1 + 0.8 * mu))
    found = ev.fit_dispersion(y, mu)
    grid = np.linspace(0.5, 1.2, 1401)
    likely = [sm.families.NegativeBinomial(alpha=a).loglike(y, mu) for a in grid]
    assert found == pytest.approx(grid[np.argmax(likely)], abs=5e-4)
    assert ev.fit_dispersion(rng.binomial(4, 0.5, 2000), np.full(2000, 2.0)) == 0


def test_calibration_table():
    table = ev.calibration_table(Y, P, bins=5)
    assert table["customers"].sum() == len(Y) and table["predicted"].is_monotonic_increasing
    assert np.average(table["predicted"], weights=table["customers"]) == pytest.approx(P.mean())
    assert np.average(table["actual"], weights=table["customers"]) == pytest.approx(Y.mean())
    row = table.iloc[2]
    wilson = stats.binomtest(round(row["actual"] * row["customers"]), int(row["customers"])).proportion_ci(
        0.95, method="wilson")
    assert (row["low"], row["high"]) == pytest.approx((wilson.low, wilson.high))
    by_edges = ev.calibration_table(Y, P, bins=[0, 0.25, 0.5, 1])
    assert by_edges["customers"].tolist() == [
        np.sum(P < 0.25), np.sum((P >= 0.25) & (P < 0.5)), np.sum(P >= 0.5)]
    assert len(ev.calibration_table([0, 1, 0], [0.3] * 3)) == 1


# ----------------------------------------------------------------------------------------------- bootstrap

METRICS = {
    "log_loss": lambda y, p: log_loss(y, p, labels=[0, 1]),
    "brier": brier_score_loss,
    "auc": roc_auc_score,
}


@pytest.mark.parametrize("metric", METRICS)
def test_vectorised_bootstrap_equals_the_loop(metric):
    fast = ev.bootstrap_interval(metric, Y, P, replicates=100, seed=4)
    slow = ev.bootstrap_interval(METRICS[metric], Y, P, replicates=100, seed=4)
    assert fast == pytest.approx(slow, abs=1e-12)
    other = np.clip(P + 0.1, 0, 1)
    fast = ev.paired_bootstrap(metric, Y, P, other, replicates=100, seed=4)
    slow = ev.paired_bootstrap(METRICS[metric], Y, P, other, replicates=100, seed=4)
    assert fast == pytest.approx(slow, abs=1e-12)


@pytest.mark.parametrize("metric", [*ev.COUNT_METRICS, "predicted_over_actual"])
def test_vectorised_bootstrap_of_counts_equals_the_loop(metric):
    fast = ev.bootstrap_interval(metric, COUNTS, MU, replicates=70, seed=4)
    slow = ev.bootstrap_interval(
        lambda y, m: ev.score_counts(y, m)[metric], COUNTS, MU, replicates=70, seed=4)
    assert fast == pytest.approx(slow, abs=1e-12)


def test_bootstrap_estimates_the_standard_error_of_a_mean():
    x = RNG.exponential(size=500)
    interval = ev.bootstrap_interval(np.mean, x, replicates=3000, seed=1)
    half = stats.norm.ppf(0.975) * x.std() / math.sqrt(500)
    assert interval.estimate == pytest.approx(x.mean())
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.06)


def test_bootstrap_interval_covers_the_truth():
    """95 % of the intervals should hold the true score; 400 repetitions have a standard error of 1.1 %."""
    rng = np.random.default_rng(8)
    forecast, truth = np.tile([0.2, 0.6], 100), np.tile([0.3, 0.5], 100)
    true_brier = np.mean(truth * (1 - forecast) ** 2 + (1 - truth) * forecast**2)
    covered = paired_covered = 0
    blunt = np.full(200, 0.4)
    true_difference = true_brier - np.mean(truth * 0.6**2 + (1 - truth) * 0.4**2)
    for _ in range(400):
        y = (rng.random(200) < truth).astype(int)
        interval = ev.bootstrap_interval("brier", y, forecast, replicates=200, seed=rng)
        covered += interval.low <= true_brier <= interval.high
        paired = ev.paired_bootstrap("brier", y, forecast, blunt, replicates=200, seed=rng)
        paired_covered += paired.low <= true_difference <= paired.high
    assert 0.91 <= covered / 400 <= 0.98 and 0.91 <= paired_covered / 400 <= 0.98


def test_drawn_seeds_give_the_standard_error_of_their_mean():
    """Customers who are all alike carry no noise: what is left is s / sqrt(seeds), not less."""
    of_seeds = np.array([0.2, 0.25, 0.3, 0.5])
    forecasts = np.repeat(of_seeds[:, None], 30, axis=1)
    loss = -np.log(1 - of_seeds)
    spread = loss.std(ddof=1) / 2
    level = stats.norm.cdf(1) - stats.norm.cdf(-1)
    draw = {"draw_seeds": True, "replicates": 4000}
    score = ev._replicate([ev._weighted("log_loss", np.zeros(30), forecasts)], 30, None, 4000, 0, True)[:, 0]
    assert score[0] == pytest.approx(loss.mean()) and score[1:].mean() == pytest.approx(loss.mean(), abs=0.01)
    assert score[1:].std() == pytest.approx(spread, rel=0.05)
    apart = ev.paired_bootstrap("log_loss", np.zeros(30), forecasts, forecasts, level=level, **draw)
    assert apart.estimate == 0 and apart.high == pytest.approx(spread * np.sqrt(2), rel=0.15)
    alone = ev.paired_bootstrap("log_loss", Y, P, P / 2, replicates=200)
    assert alone == ev.paired_bootstrap("log_loss", Y, P, P / 2, replicates=200, draw_seeds=True)
    table = ev.comparison_table(np.zeros(30), {"net": forecasts, "count": forecasts[1]}, "log_loss",
                                reference="count", **draw)
    still = ev.comparison_table(np.zeros(30), {"net": forecasts, "count": forecasts[1]}, "log_loss",
                                reference="count")
    assert still["log_loss_high"].item() == pytest.approx(still["log_loss"].item())
    assert table["log_loss_high"].item() > table["log_loss"].item() + spread


def test_groups_are_drawn_together():
    """Ten identical events of a customer carry no more information than one of them."""
    x = RNG.normal(size=50)
    once = ev.bootstrap_interval(np.mean, x, replicates=400, seed=2)
    grouped = ev.bootstrap_interval(np.mean, np.repeat(x, 10), groups=np.repeat(np.arange(50), 10),
                                    replicates=400, seed=2)
    as_events = ev.bootstrap_interval(np.mean, np.repeat(x, 10), replicates=400, seed=2)
    assert grouped == pytest.approx(once)
    assert (as_events.high - as_events.low) < 0.45 * (once.high - once.low)


def test_paired_difference_is_narrower_than_the_scores():
    one, two = P, np.clip(P * 0.95, 0, 1)
    paired = ev.paired_bootstrap("log_loss", Y, one, two, replicates=300)
    single = ev.bootstrap_interval("log_loss", Y, one, replicates=300)
    assert paired.high - paired.low < 0.5 * (single.high - single.low)
    assert ev.paired_bootstrap("auc", Y, one, two).estimate == pytest.approx(0, abs=1e-12)
    swapped = ev.paired_bootstrap("log_loss", Y, two, one, replicates=300)
    assert tuple(swapped) == pytest.approx((-paired.estimate, -paired.high, -paired.low))


def test_seed_and_generator_and_level():
    first = ev.bootstrap_interval("brier", Y, P, replicates=100, seed=3)
    assert first == ev.bootstrap_interval("brier", Y, P, replicates=100, seed=np.random.default_rng(3))
    assert first != ev.bootstrap_interval("brier", Y, P, replicates=100, seed=5)
    narrow = ev.bootstrap_interval("brier", Y, P, replicates=100, seed=3, level=0.5)
    assert first.low < narrow.low < narrow.high < first.high


def test_interval():
    assert f"{ev.Interval(0.1, -0.2, 0.3):+.2f}" == "+0.10 [-0.20, +0.30]"
    assert not ev.Interval(0.1, -0.2, 0.3).excludes_zero
    assert ev.Interval(0.1, 0.05, 0.3).excludes_zero and ev.Interval(-0.1, -0.2, -0.05).excludes_zero


def test_comparison_table():
    seeds = np.stack([P, np.clip(P + 0.05, 0, 1)])
    models = {"base": np.full(400, Y.mean()), "sharp": P, "two seeds": seeds}
    table = ev.comparison_table(Y, models, replicates=60)
    assert table.index.tolist() == list(models)
    assert table.loc["sharp", "auc"] == pytest.approx(roc_auc_score(Y, P))
    assert table.loc["two seeds", "log_loss"] == pytest.approx(np.mean([log_loss(Y, s) for s in seeds]))
    assert (table["brier_low"] <= table["brier"]).all() and (table["brier"] <= table["brier_high"]).all()
    against = ev.comparison_table(Y, models, ["auc"], reference="base", replicates=60)
    assert against.index.tolist() == ["sharp", "two seeds"]
    expected = ev.paired_bootstrap("auc", Y, P, models["base"], replicates=60)
    assert against.loc["sharp"].tolist() == pytest.approx(list(expected))
    text = ev.as_text(against, decimals=2, sign=True)
    assert text.columns.tolist() == ["auc"] and text.loc["sharp", "auc"] == f"{expected:+.2f}"
    counts = ev.comparison_table(COUNTS, {"mu": MU}, ev.COUNT_METRICS, replicates=60)
    assert counts.loc["mu", "rmse"] == pytest.approx(ev.score_counts(COUNTS, MU)["rmse"])


# -------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("y, p, match", [
    ([0, 1], [0.5, 1.2], "between 0 and 1"),
    ([0, 1], [-0.1, 0.5], "between 0 and 1"),
    ([0, 1], [0.5], r"2 entries but p has shape \(1,\)"),
    ([0, 1], [0.5, np.nan], "p holds 1 missing"),
    ([0, np.nan], [0.5, 0.5], "y holds 1 missing"),
    ([0, 2], [0.5, 0.5], "must be 0 or 1"),
    ([1, 1], [0.5, 0.5], "one class only"),
    ([], [], "at least one entry"),
    ([[0, 1]], [0.5], "one-dimensional"),
    ([0, 1], [[0.5, 0.5]], "one-dimensional"),
])
def test_bad_probabilities(y, p, match):
    with pytest.raises(ValueError, match=match):
        ev.score_probabilities(y, p)


@pytest.mark.parametrize("y, mu, match", [
    ([0, 1], [0.5, -1], "mu must be expected counts >= 0"),
    ([0, -1], [0.5, 1], "y must be counts >= 0"),
    ([0, 1], [0.5, np.inf], "missing or infinite"),
    ([0, 1, 2], [1, 2], "3 entries"),
    ([0, 1], [[1, 2]], "one-dimensional"),
])
def test_bad_counts(y, mu, match):
    with pytest.raises(ValueError, match=match):
        ev.score_counts(y, mu)


@pytest.mark.parametrize("call, match", [
    (lambda: ev.classification_at(Y, P, 50), "threshold must lie between 0 and 1"),
    (lambda: ev.calibration_table(Y, P, 0), "at least 1"),
    (lambda: ev.calibration_table(Y, P, [0.2, 0.4]), "cover all forecasts"),
    (lambda: ev.calibration_table(Y, P, [0, 0, 1]), "edges must increase"),
    (lambda: ev.calibration_table(Y, P, level=95), "level must lie strictly"),
    (lambda: ev.brier_decomposition(Y, P, 0), "at least 1"),
    (lambda: ev.gain_table(Y, P, [10]), "above 0 and at most 1"),
    (lambda: ev.gain_table([1, 1], [0.1, 0.2]), "one class only"),
    (lambda: ev.recalibration(Y, P, "sigmoid"), "unknown method 'sigmoid'; known: shift, platt, isotonic"),
    (lambda: ev.recalibration([0, 1], [0, 0.5]), "1 forecasts of exactly 0 or 1"),
    (lambda: ev.recalibration([0, 1], [0.2, 0.5])([0.5, 1.0]), "exactly 0 or 1"),
    (lambda: ev.recalibration([0, 0], [0.2, 0.5]), "one class only"),
    (lambda: ev.fit_dispersion([0, 1], [0, 1]), "mu holds 1 zeros"),
    (lambda: ev.fit_dispersion([0, 1], [[1, 1]]), "one-dimensional"),
    (lambda: ev.score_count_distribution([0, 1], [1, 1], -1), "dispersion must be a number >= 0"),
    (lambda: ev.score_count_distribution([0, 0.5], [1, 1]), "whole counts"),
    (lambda: ev.bootstrap_interval("brier", Y, P, level=95), "level must lie strictly"),
    (lambda: ev.bootstrap_interval("brier", Y, P, replicates=0), "replicates must be"),
    (lambda: ev.bootstrap_interval("ece", Y, P), "resampling inflates"),
    (lambda: ev.bootstrap_interval("brier", Y), "needs two arrays"),
    (lambda: ev.bootstrap_interval("brier"), "at least one array"),
    (lambda: ev.bootstrap_interval(np.mean, 1.0), "same length"),
    (lambda: ev.bootstrap_interval(lambda a, b: 0.0, Y, P[:3]), "same length"),
    (lambda: ev.bootstrap_interval("brier", Y, P, groups=[1, 2]), "groups must give one customer a row"),
    (lambda: ev.bootstrap_interval("auc", [0, 0, 1], [0.1, 0.2, 0.3]), "undefined in"),
    (lambda: ev.bootstrap_interval("auc", [0, 0], [0.1, 0.2]), "one class only"),
    (lambda: ev.bootstrap_interval("brier", Y, P[None], draw_seeds=True), "at least two seeds"),
    (lambda: ev.bootstrap_interval(np.mean, Y, draw_seeds=True), "needs a named metric"),
    (lambda: ev.comparison_table(Y, {}), "at least one model"),
    (lambda: ev.comparison_table(Y, {"a": P}, reference="b"), "unknown reference 'b'"),
    (lambda: ev.comparison_table(Y, {"bad one": P + 1}), "bad one: p must be probabilities"),
    (lambda: baselines.DecayedCount([0, 1]), "positive numbers of weeks"),
    (lambda: baselines.RFMLogistic(C=0), "C must be positive"),
    (lambda: tasks.stack([]), "at least one task"),
])
def test_bad_calls(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# ----------------------------------------------------------------------------------------------- baselines

GRID = (1, 4, 12, 48)


@pytest.fixture(scope="module")
def log():
    return load_cdnow(sample=True)


@pytest.fixture(scope="module")
def task(log):
    return tasks.event_task(log, "1997-10-01", 39, 39, half_lives=GRID)


MODELS = [baselines.BaseRate(), baselines.RecencyOnly(), baselines.FrequencyOnly(),
          baselines.DecayedCount(GRID), baselines.RFMLogistic(),
          baselines.RFMLogistic(["decayed_12w", "weeks_since_last"]), baselines.Boosting(iterations=20)]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_baselines_are_valid_and_calibrated_in_the_large(model, task):
    p, mu = model.fit(task).predict(task)
    assert p.shape == mu.shape == (len(task.users),)
    assert ((p > 0) & (p < 1)).all() and (mu > 0).all()
    rel = 0.03 if isinstance(model, baselines.Boosting) else 1e-5      # an intercept: exactly
    assert p.mean() == pytest.approx(task.returned.mean(), rel=rel)
    assert mu.mean() == pytest.approx(task.counts.mean(), rel=rel)


def test_forecasts_do_not_look_at_the_outcomes(task):
    blind = dataclasses.replace(task, returned=1 - task.returned, counts=task.counts + 5)
    for model in MODELS:
        fitted = model.fit(task)
        for seen, unseen in zip(fitted.predict(task), fitted.predict(blind), strict=True):
            np.testing.assert_array_equal(seen, unseen)


def test_decayed_counts_against_a_loop(log, task):
    cut = pd.Timestamp(task.cut)
    for position in (0, 5, 100):
        user = task.users[position]
        days = log.loc[(log["user_id"] == user) & (log["timestamp"] < cut), "timestamp"].drop_duplicates()
        total = sum(2 ** (-((cut - day).days / 7) / 12) for day in days)
        assert task.features["decayed_12w"].iloc[position] == pytest.approx(total, rel=1e-9)


def test_decayed_count_takes_the_likeliest_half_life(task):
    model = baselines.DecayedCount(GRID).fit(task)
    assert model.half_life_ in GRID and model.profile_["returned"].idxmax() == model.half_life_
    assert model.profile_["counts"].idxmax() == model.count_half_life_
    for h in GRID:
        p, mu = baselines.DecayedCount([h]).fit(task).predict(task)
        by_hand = np.sum(np.log(np.where(task.returned == 1, p, 1 - p)))
        assert model.profile_.loc[h, "returned"] == pytest.approx(by_hand, rel=1e-9)
        counts = task.counts.astype(float)
        poisson = stats.poisson.logpmf(counts, mu).sum() + gammaln(counts + 1).sum()
        assert model.profile_.loc[h, "counts"] == pytest.approx(poisson, rel=1e-9)


def test_decayed_count_recovers_known_half_lives(task):
    """Outcomes simulated with 4 weeks for whether and 12 for how often; these candidates must be chosen."""
    rng = np.random.default_rng(1)
    whether, how_often = (np.log(task.features[f"decayed_{h}w"].to_numpy()) for h in (4, 12))
    p = 1 / (1 + np.exp(-(1.0 + 0.8 * whether)))
    known = dataclasses.replace(task, returned=(rng.random(len(p)) < p).astype(int),
                                counts=rng.poisson(np.exp(-0.5 + 1.0 * how_often)))
    model = baselines.DecayedCount(GRID).fit(known)
    assert (model.half_life_, model.count_half_life_) == (4, 12)
    assert model.classifier_[-1].coef_[0, 0] / whether.std() == pytest.approx(0.8, abs=0.1)
    assert model.regressor_[-1].coef_[0] / how_often.std() == pytest.approx(1.0, abs=0.1)


def test_stack(log, task):
    both = tasks.stack([task.take(np.arange(2000)), task.take(np.arange(2000, 2357))])
    assert np.array_equal(both.users, task.users) and both.features.equals(task.features)
    for name in ("weekly", "returned", "counts"):
        np.testing.assert_array_equal(getattr(both, name), getattr(task, name))
    with pytest.raises(ValueError, match="same horizon"):
        tasks.stack([task, tasks.event_task(log, "1997-07-02", 13, 39)])


def test_baseline_errors(task):
    for model in (baselines.BaseRate(), baselines.DecayedCount(GRID), baselines.Boosting()):
        with pytest.raises(ValueError, match=f"this {type(model).__name__} has not been fitted"):
            model.predict(task)
    with pytest.raises(ValueError, match=r"event_task\(log, ..., half_lives"):
        baselines.DecayedCount([3]).fit(task)
    with pytest.raises(ValueError, match=r"lack the columns \['weeks_since_last'\]"):
        baselines.RecencyOnly().fit(task.features.drop(columns="weeks_since_last"), task.counts)
    empty = dataclasses.replace(task, features=task.features.assign(decayed_12w=0.0))
    with pytest.raises(ValueError, match="not positive"):
        baselines.DecayedCount([12]).fit(empty)

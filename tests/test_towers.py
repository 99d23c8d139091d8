"""The arithmetic of the networks of `recommending`, and that none sees what comes after its moment."""

import importlib.util
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from chapters import ROOT
from interestdecay_lib import ranking


@pytest.fixture(scope="module")
def measure():
    spec = importlib.util.spec_from_file_location("towers", ROOT / "book/_measure/towers.py")
    module = sys.modules["towers"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["towers"]


def test_decayed_mean_is_a_product_with_the_table_of_items(measure):
    rng = np.random.default_rng(0)
    days = np.sort(rng.integers(0, 90, 40))
    log = pd.DataFrame({"user_id": rng.integers(0, 5, 40), "item_id": rng.integers(0, 7, 40),
                        "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(days, "D")})
    log = log.sort_values(["user_id", "timestamp"], ignore_index=True)
    at, E = pd.Timestamp("2024-03-01"), rng.normal(size=(7, 3))
    cut = ranking.global_cut(log, at, "60D")
    found = measure.decayed_mean_rows(ranking.decayed_counts(cut, "14D")) @ E[cut.items]
    for row, user in enumerate(cut.users):
        past = log[(log["user_id"] == user) & (log["timestamp"] < at)]
        total, weight = np.zeros(3), 0.0
        for event in past.itertuples():
            w = 2 ** (-(at - event.timestamp).days / 14)
            total, weight = total + w * E[event.item_id], weight + w
        assert found[row] == pytest.approx(total / weight, abs=1e-6)


def test_without_a_past_the_mean_is_zero(measure):
    assert measure.decayed_mean_rows(sparse.csr_array((2, 3))).tolist() == [[0.0] * 3] * 2


def test_logits_are_the_products_less_the_logarithm_of_the_share(measure):
    rng = np.random.default_rng(1)
    U, V = rng.normal(size=(2, 4, 3)).astype("float32")
    numbers, share = np.array([5, 2, 5, 9]), np.array([0.5, 0.25, 0.5, 0.25])
    found = np.asarray(measure.in_batch_logits(U, V, np.log(share).astype("float32"), numbers))
    for i in range(4):
        for j in range(4):
            if i != j and numbers[i] == numbers[j]:
                assert found[i, j] < -1e8, "the own item is no negative of itself"
            else:
                assert found[i, j] == pytest.approx(U[i] @ V[j] - np.log(share[j]), abs=1e-5)


def test_windows_to_learn_from_end_where_choice_and_test_begin(measure):
    assert max(measure.moments(measure.CHOOSE, measure.MOMENTS)) + measure.AHEAD == measure.TEST
    assert max(measure.moments(measure.CHOOSE - measure.AHEAD, 3)) + measure.AHEAD == measure.CHOOSE


def test_features_of_a_moment_do_not_change_with_what_comes_after(measure, monkeypatch):
    """Whatever is bought after the moment, its features stay: the log is cut there, or shuffled after it."""
    at = measure.CHOOSE
    data, names = measure.shop()
    later = (data["timestamp"] >= at).to_numpy()
    other = data.copy()
    other.loc[later, "item_id"] = np.random.default_rng(0).permutation(data.loc[later, "item_id"])
    measure.cut_at.cache_clear()
    measure.moment.cache_clear()
    before = measure.moment(at)
    monkeypatch.setattr(measure, "shop", lambda: (other, names))
    measure.cut_at.cache_clear()
    measure.moment.cache_clear()
    after = measure.moment(at)
    measure.cut_at.cache_clear()
    measure.moment.cache_clear()
    assert (before.hits != after.hits).nnz > 0, "the future did change"
    assert np.array_equal(before.users, after.users)
    assert np.array_equal(before.extra, after.extra)
    assert np.array_equal(before.fashion, after.fashion)
    for life in measure.LIVES:
        assert (before.counts[life] != after.counts[life]).nnz == 0

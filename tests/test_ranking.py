"""Rankings: every measure against all orders of ties, every sum against its formula, nothing looks ahead."""

from itertools import pairwise, permutations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from interestdecay_lib.ranking import (
    decayed_counts,
    decayed_popularity,
    filled_up,
    global_cut,
    score_ranking,
)


def plain(order, relevant, k):
    """Recall, precision and nDCG of one order of the items, by the book."""
    hits = [item in relevant for item in order[:k]]
    gain = sum(hit / np.log2(2 + place) for place, hit in enumerate(hits))
    best = sum(1 / np.log2(2 + place) for place in range(min(k, len(relevant))))
    return np.array([sum(hits) / len(relevant), sum(hits) / k, gain / best])


@pytest.mark.parametrize("k", [1, 2, 3, 6])
@pytest.mark.parametrize("scores", [[3, 1, 2, 0, 5, 4], [1, 1, 1, 0, 0, 2], [0] * 6, [2, 2, 1, 1, 1, 0]])
def test_the_measures_are_the_mean_over_all_orders_of_ties(scores, k):
    relevant = {0, 3, 4}
    orders = [order for order in permutations(range(6))
              if all(scores[a] >= scores[b] for a, b in pairwise(order))]
    mean = np.mean([plain(order, relevant, k) for order in orders], axis=0)
    hits = np.isin(np.arange(6), list(relevant))[None, :].astype(float)
    assert score_ranking([scores], hits, k).to_numpy()[0] == pytest.approx(mean)
    assert score_ranking(scores, hits, k).to_numpy()[0] == pytest.approx(mean)


def test_without_ties_scikit_learn_says_the_same():
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(1)
    scores, hits = rng.normal(size=(20, 30)), (rng.random((20, 30)) < 0.2).astype(float)
    ours = score_ranking(scores, sparse.csr_array(hits), 10)["ndcg"]
    assert ours.to_numpy() == pytest.approx([ndcg_score([h], [s], k=10) 
                                              for h, s in zip(hits, scores, strict=True)])


def test_the_order_of_the_columns_and_the_size_of_the_scores_do_not_matter():
    rng = np.random.default_rng(2)
    scores, hits = rng.integers(0, 4, (20, 30)), (rng.random((20, 30)) < 0.2).astype(float)
    order = rng.permutation(30)
    there = score_ranking(scores, hits, 5)
    pd.testing.assert_frame_equal(there, score_ranking(scores[:, order], hits[:, order], 5))
    pd.testing.assert_frame_equal(there, score_ranking(np.exp(scores), hits, 5))


def test_items_that_are_never_shown_and_items_without_a_column():
    hits = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0]])
    found = score_ranking([3.0, -np.inf, -np.inf], hits, k=3, wanted=[4, 2, 1])
    assert found["recall"].tolist() == [0.25, 0, 0]
    assert score_ranking([1.0], np.zeros((1, 1)), k=1)["recall"].isna().all()


@pytest.mark.parametrize("scores, wanted, message", [
    ([[1.0]], None, "shape"), ([1.0, np.nan], None, "NaN"), ([1.0, 2.0], [0], "wanted"),
    (["a", "b"], None, "numbers")])
def test_what_cannot_be_scored_is_refused(scores, wanted, message):
    with pytest.raises(ValueError, match=message):
        score_ranking(scores, np.array([[1, 0]]), 1, wanted)


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(3)
    made = pd.DataFrame({
        "user_id": rng.integers(0, 12, 400), "item_id": rng.choice(list("abcdefgh"), 400),
        "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 60 * 24, 400), unit="h")})
    return made.sort_values(["user_id", "timestamp"], ignore_index=True)


@pytest.mark.parametrize("half_life", ["3D", None])
def test_decayed_counts_are_the_sums_of_the_formula(log, half_life):
    at = pd.Timestamp("2024-02-10")
    cut = global_cut(log, at, "5D")
    own, popular = decayed_counts(cut, half_life).toarray(), decayed_popularity(cut, half_life)
    weight = {}
    for event in log.itertuples():
        if event.timestamp < at:
            days = (at - event.timestamp).total_seconds() / 86400
            kept = 1 if half_life is None else 0.5 ** (days / 3)
            for key in (event.item_id, (event.user_id, event.item_id)):
                weight[key] = weight.get(key, 0) + kept
    assert popular == pytest.approx([weight[item] for item in cut.items])
    assert own == pytest.approx(np.array([[weight.get((u, i), 0) for i in cut.items] for u in cut.users]))


def test_the_window_is_what_was_chosen_in_it(log):
    cut = global_cut(log, "2024-02-10", "2D")
    chosen = log[(log["timestamp"] >= "2024-02-10") & (log["timestamp"] < "2024-02-12")]
    assert cut.users.tolist() == sorted(chosen["user_id"].unique())
    pairs = {(cut.users[u], cut.items[i]) for u, i in zip(*cut.relevant.nonzero(), strict=True)}
    assert pairs == set(zip(chosen["user_id"], chosen["item_id"], strict=True))
    assert (cut.wanted == chosen.groupby("user_id")["item_id"].nunique()).all() and cut.known.all()


def test_the_future_changes_no_score(log):
    later = log["timestamp"] >= "2024-02-10"
    changed = log.copy()
    changed.loc[later, "item_id"] = "a"
    for scores in (decayed_popularity, lambda cut, h: decayed_counts(cut, h).toarray()):
        a, b = (scores(global_cut(some, "2024-02-10"), "7D") for some in (log, changed))
        assert np.array_equal(a, b)


def test_new_users_and_new_items_count():
    days = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-02-01"])
    log = pd.DataFrame({"user_id": [1, 2, 2], "item_id": list("aab"), "timestamp": days})
    cut = global_cut(log, "2024-02-01")
    assert cut.users.tolist() == [2] and cut.known.tolist() == [False] and cut.wanted.tolist() == [2]
    assert score_ranking(decayed_popularity(cut), cut.relevant, 1, cut.wanted)["recall"].tolist() == [0.5]


def test_everyone_adds_rows_and_changes_no_score(log):
    few, all_ = (global_cut(log, "2024-02-10", "12h", everyone=everyone) for everyone in (False, True))
    assert len(few.users) < len(all_.users) == log["user_id"].nunique()
    asked = all_.wanted > 0
    assert all_.users[asked].equals(few.users)
    assert (decayed_counts(all_, "3D").toarray()[asked] == decayed_counts(few, "3D").toarray()).all()
    one, other = (score_ranking(decayed_popularity(cut), cut.relevant, 2, cut.wanted) for cut in (few, all_))
    pd.testing.assert_frame_equal(one, other[asked].reset_index(drop=True))
    assert other[~asked].isna().all(axis=None)


def test_own_items_come_first_whatever_is_popular_and_however_old_they_are():
    own = sparse.csr_array(np.array([[1e-300, 0, 5.0], [0, 0, 0]]))
    order = np.argsort(-filled_up(own, [0, 1e9, 3]), axis=1)
    assert order.tolist() == [[2, 0, 1], [1, 2, 0]]
    with pytest.raises(ValueError, match="popularity"):
        filled_up(own, [1, 2])


def test_a_cut_without_a_past_or_a_window_is_refused(log):
    for at in ("2023-12-01", "2025-01-01"):
        with pytest.raises(ValueError, match="a test needs both"):
            global_cut(log, at)
    with pytest.raises(ValueError, match="item_id"):
        global_cut(log.drop(columns="item_id"), "2024-02-10")
    with pytest.raises(ValueError, match="half_life"):
        decayed_popularity(global_cut(log, "2024-02-10"), "0D")

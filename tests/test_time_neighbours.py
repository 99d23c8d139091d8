"""Seven neighbours with time against loops over users and pairs, written from the publications' formulas."""

import numpy as np
import pandas as pd
import pytest

from interestdecay_lib.ranking import global_cut
from interestdecay_lib.recommending import similarity
from interestdecay_lib.time_neighbours import METHODS, TimeNeighbours, time_neighbours

PLAIN = TimeNeighbours("none", "none", "cosine", "")


@pytest.fixture(scope="module")
def cut():
    rng = np.random.default_rng(3)
    log = pd.DataFrame({
        "user_id": rng.integers(0, 25, 400), "item_id": rng.integers(0, 12, 400),
        "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 200 * 24, 400), "h"),
    }).sort_values(["user_id", "timestamp"], ignore_index=True)
    return global_cut(log, "2024-07-01", "30D", everyone=True)


def ages(cut):
    """Dense; NaN where the user never chose the item."""
    table = np.full((len(cut.users), len(cut.items)), np.nan)
    for user, item, age in zip(cut.user, cut.item, cut.age, strict=True):
        table[user, item] = np.nanmin([table[user, item], age])
    return table


def by_loops(cut, name, h):
    """Likeness and weights of one method, an entry at a time."""
    age = ages(cut)
    users, items = age.shape
    halved = np.where(np.isnan(age), 0, 2.0 ** (-age / h))
    ever = np.where(np.isnan(age), 0, 1.0)
    asked = ever
    learned = ever
    if name in ("Ding and Li 2005", "N. N. Liu et al. 2010", "Vaz et al. 2013"):
        asked = halved
    if name in ("N. N. Liu et al. 2010", "Vaz et al. 2013"):
        learned = halved
    if name == "Y. Liu et al. 2012":
        learned = np.zeros_like(age)
        for u in range(users):
            old, new = np.nanmax(age[u]), np.nanmin(age[u])
            for i in range(items):
                if not np.isnan(age[u, i]):
                    learned[u, i] = 1 + np.log2(1 + (old - age[u, i]) / (old - new)) if old > new else 2
        asked = learned
    if name == "Lee et al. 2007":
        launch = np.array([cut.age[cut.item == i].max() for i in range(items)])

        def period(value, values):
            edges = np.linspace(values.max(), values.min(), 6)          # from the oldest to the newest
            return min(sum(value <= edge for edge in edges[1:]), 4)

        learned = np.array([[0 if np.isnan(a) else period(a, cut.age) + (1 + period(launch[i], launch)) / 5
                             for i, a in enumerate(row)] for row in age])
        asked = learned
    alike = np.zeros((items, items))
    for i in range(items):
        for j in range(items):
            if i == j:
                continue
            both = ~np.isnan(age[:, i]) & ~np.isnan(age[:, j])
            gap, older = np.abs(age[both, i] - age[both, j]), np.fmax(age[both, i], age[both, j])
            if name == "Xia et al. 2010":
                alike[i, j] = (2.0 ** (-gap / h)).sum()
            elif name == "Hermann 2010":
                alike[i, j] = (1 / (1 + gap + older)).mean() if both.any() else 0
            elif name == "Vaz et al. 2013":
                alike[i, j] = np.corrcoef(learned[:, i], learned[:, j])[0, 1]
            else:
                norm = np.linalg.norm(learned[:, i]) * np.linalg.norm(learned[:, j])
                alike[i, j] = learned[:, i] @ learned[:, j] / norm
    return asked @ alike


@pytest.mark.parametrize("name", METHODS)
def test_each_method_is_its_formula(cut, name):
    assert time_neighbours(cut, METHODS[name], "40D") == pytest.approx(by_loops(cut, name, 40.0), rel=1e-9)


@pytest.mark.parametrize("name", ["Ding and Li 2005", "N. N. Liu et al. 2010"])
def test_without_a_half_life_it_is_the_plain_neighbour(cut, name):
    plain = time_neighbours(cut, PLAIN)
    ever = (~np.isnan(ages(cut))).astype(float)
    alike = similarity(ever)
    np.fill_diagonal(alike, 0)
    assert plain == pytest.approx(ever @ alike)
    assert time_neighbours(cut, METHODS[name]) == pytest.approx(plain)
    assert time_neighbours(cut, METHODS[name], "100000D") == pytest.approx(plain, rel=2e-3)


def test_only_the_one_who_asks_is_reordered_by_ding_and_li(cut):
    """All events of a user of one age: the weights are one factor, the list stays."""
    months = pd.to_datetime(["2024-01-01"] * 2 + ["2024-02-01"] * 3 + ["2024-03-01"] * 2 + ["2024-04-01"])
    users = [1, 1, 2, 2, 2, 3, 3, 3]
    log = pd.DataFrame({"user_id": users, "item_id": list("abbcacdd"), "timestamp": months})
    small = global_cut(log, "2024-03-15", "30D", everyone=True)
    before, after = time_neighbours(small, PLAIN), time_neighbours(small, METHODS["Ding and Li 2005"], "10D")
    assert after / before.clip(1e-300) == pytest.approx(
        np.where(before > 0, 2.0 ** (-np.array([74, 43, 14])[:, None] / 10), 0))


def test_a_user_with_one_moment_has_the_weight_of_the_last_place():
    log = pd.DataFrame({"user_id": [1, 1, 1], "item_id": list("aba"),
                        "timestamp": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-02-01"])})
    small = global_cut(log, "2024-01-15", "30D", everyone=True)
    assert time_neighbours(small, METHODS["Y. Liu et al. 2012"]).tolist() == [[2.0, 2.0]]
    assert np.isfinite(time_neighbours(small, METHODS["Lee et al. 2007"])).all()


@pytest.mark.parametrize(("wrong", "said"), [
    (TimeNeighbours("often", "none", "cosine", ""), "'often'"),
    (TimeNeighbours("none", "yearly", "cosine", ""), "'yearly'"),
    (TimeNeighbours("none", "none", "euclid", ""), "'euclid'"),
])
def test_a_method_that_does_not_exist_is_refused(cut, wrong, said):
    with pytest.raises(ValueError, match=said):
        time_neighbours(cut, wrong, "7D")
    with pytest.raises(ValueError, match="half_life"):
        time_neighbours(cut, PLAIN, "0D")

"""Shrinkage against integrals and conjugate forms, likeness against `similarity`, exploring against sums."""

import numpy as np
import pytest
from scipy import integrate, optimize, sparse, stats

from interestdecay_lib import cold_start, datasets
from interestdecay_lib.cold_start import (
    POLICIES,
    HalfLifeCrowd,
    RateCrowd,
    likeness_scores,
    own_half_life,
    shrunken_shares,
    simulate_exploration,
)
from interestdecay_lib.recommending import similarity


def test_likeness_is_the_product_with_the_cosines():
    rng = np.random.default_rng(0)
    K, F = rng.poisson(0.5, (6, 9)), rng.random((9, 4)) * (rng.random((9, 4)) < 0.5)
    F[3] = 0
    expected = K @ similarity(F.T)
    assert likeness_scores(K, F) == pytest.approx(expected)
    assert likeness_scores(sparse.csr_matrix(K), sparse.csr_array(F)) == pytest.approx(expected)
    assert (likeness_scores(K, F)[:, 3] == 0).all()
    with pytest.raises(ValueError, match="9 items, vectors describe 4"):
        likeness_scores(K, F.T)


def test_shares_are_the_mean_of_a_dirichlet():
    counts, crowd, strength = np.array([[3.0, 0, 1], [0, 0, 0]]), np.array([0.2, 0.5, 0.3]), 5.0
    for row, shares in zip(counts, shrunken_shares(counts, 7 * crowd, strength), strict=True):
        assert shares == pytest.approx(stats.dirichlet(row + strength * crowd).mean())
    for wrong in ((counts, crowd, 0), (-counts, crowd, 1), (counts, crowd[:2], 1), (counts, 0 * crowd, 1)):
        with pytest.raises(ValueError, match=r"strength|counts"):
            shrunken_shares(*wrong)


@pytest.mark.parametrize(("x", "t"), [(0, 3.0), (4, 8.0), (50, 2.0)])
def test_a_rate_is_the_mean_of_its_posterior(x, t):
    crowd = RateCrowd(0.8, 16.0)

    def weight(rate):
        return stats.poisson.pmf(x, rate * t) * stats.gamma.pdf(rate, 0.8, scale=1 / 16)

    top = (0.8 + x) / (16 + t)
    parts = [(0, top / 50), (top / 50, top), (top, 3 * top), (3 * top, 40 * top)]
    mass = sum(integrate.quad(weight, *p, limit=200)[0] for p in parts)
    mean = sum(integrate.quad(lambda r: r * weight(r), *p, limit=200)[0] for p in parts) / mass
    assert crowd.estimate([x], [t])[0] == pytest.approx(mean, rel=1e-5)
    assert crowd.estimate([0], [0])[0] == pytest.approx(0.8 / 16)


def test_the_crowd_is_the_most_likely_one():
    """The likelihood of gamma-mixed counts by quadrature; no neighbour of the fit is better."""
    rng = np.random.default_rng(1)
    t = rng.uniform(2, 10, 300)
    x = rng.poisson(rng.gamma(1.5, 0.2, 300) * t)
    crowd = RateCrowd.fit(x, t)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    rate = 2.0 * (nodes + 1)

    def log_likelihood(shape, scale_rate):
        density = stats.gamma.pdf(rate, shape, scale=1 / scale_rate)
        return np.log((stats.poisson.pmf(x[:, None], rate * t[:, None]) * density * 2 * weights).sum(1)).sum()

    best = log_likelihood(crowd.shape, crowd.rate)
    for a, b in ((1.05, 1), (0.95, 1), (1, 1.05), (1, 0.95), (1.02, 1.02), (0.98, 0.98)):
        assert log_likelihood(a * crowd.shape, b * crowd.rate) < best


def test_a_crowd_without_events_or_without_differences_is_refused():
    with pytest.raises(ValueError, match="no event"):
        RateCrowd.fit([0, 0], 5)
    with pytest.raises(ValueError, match="do not differ"):
        RateCrowd.fit([3] * 50, 5)
    with pytest.raises(ValueError, match="whole number"):
        RateCrowd.fit([0.5], 5)
    with pytest.raises(ValueError, match="watched"):
        RateCrowd.fit([1], 0)


def test_an_own_half_life_maximises_the_likelihood_of_truncated_times():
    times, T = np.array([1.0, 4.0, 9.0, 22.0]), 52.0

    def loss(log_h):
        scale = np.exp(log_h) / np.log(2)
        return -stats.truncexpon.logpdf(times, T / scale, scale=scale).sum()

    best = optimize.minimize_scalar(loss, bounds=(-2, 6), method="bounded", options={"xatol": 1e-10})
    assert own_half_life(4, times.sum(), T) == pytest.approx(np.exp(best.x), rel=1e-6)
    assert own_half_life(3, 30, 1e6) == pytest.approx(10 * np.log(2))   # everything was seen
    assert own_half_life(1, 26.5, T) == np.inf and own_half_life(1, 0, T) == 0
    assert 0 < own_half_life(1, 1e-6, T) < 1e-6
    for wrong in ((0, 0, T), (1, 60, T), (1.5, 3, T), (1, 3, 0)):
        with pytest.raises(ValueError, match=r"event|total_age|watched"):
            own_half_life(*wrong)


@pytest.mark.parametrize(("n", "total"), [(0, 0.0), (1, 40.0), (7, 60.0)])
def test_a_shrunken_half_life_is_the_median_of_its_posterior(n, total):
    crowd, T = HalfLifeCrowd(12.0, 0.6), 52.0

    def density(log_h):
        rho = np.log(2) / np.exp(log_h)
        times = (rho / (1 - np.exp(-rho * T))) ** n * np.exp(-rho * total)
        return times * stats.norm.pdf(log_h, np.log(12), 0.6)

    median, low, high = np.log(crowd.estimate([n], [total], T)[0])
    whole = integrate.quad(density, -1, 6, limit=300, epsabs=0)[0]
    for upto, share in ((median, 0.5), (low, 0.025), (high, 0.975)):
        assert integrate.quad(density, -1, upto, limit=300, epsabs=0)[0] / whole == pytest.approx(
            share, abs=2e-4)


def test_the_crowds_half_lives_are_found_and_their_intervals_cover():
    rng = np.random.default_rng(0)
    h = 12 * np.exp(0.5 * rng.normal(size=2000))
    rho = np.log(2) / h[:, None]
    times = -np.log1p(-rng.random((2000, 20)) * -np.expm1(-rho * 52)) / rho
    total, n = times.sum(axis=1), np.full(2000, 20)
    crowd = HalfLifeCrowd.fit(n, total, 52)
    assert crowd.median == pytest.approx(12, rel=0.05) and crowd.spread == pytest.approx(0.5, rel=0.15)
    middle, low, high = crowd.estimate(n, total, 52).T
    assert np.mean((low < h) & (h < high)) == pytest.approx(0.95, abs=0.02)
    own = np.array([own_half_life(20, s, 52) for s in total])
    error = [np.median(np.abs(np.log(e / h))) for e in (middle, own, crowd.median)]
    assert error[0] < error[1] and error[0] < error[2]


def test_a_random_policy_loses_the_distance_to_the_mean():
    chances = np.tile([0.05, 0.1, 0.3], (400, 1))
    lost = simulate_exploration(chances, 300, "random")
    assert lost.mean() == pytest.approx(300 * (0.3 - 0.15), abs=4 * lost.std() / 20)
    assert simulate_exploration(chances, 300, "epsilon", epsilon=1).mean() == pytest.approx(45, abs=0.6)


@pytest.mark.parametrize("policy", POLICIES)
def test_with_one_item_or_equal_ones_nothing_is_lost(policy):
    assert (simulate_exploration(np.full((3, 1), 0.2), 50, policy) == 0).all()
    assert simulate_exploration(np.full((3, 4), 0.2), 50, policy) == pytest.approx(0)


def test_thompson_learns_greedy_gets_stuck_and_the_seed_decides():
    chances = np.random.default_rng(3).beta(1, 4, (200, 8))
    lost = {p: simulate_exploration(chances, 1000, p, prior=(1, 4), seed=2) for p in POLICIES}
    assert lost["thompson"].mean() < lost["epsilon"].mean() < lost["random"].mean()
    assert np.quantile(lost["greedy"], 0.95) > np.quantile(lost["thompson"], 0.95)
    again = simulate_exploration(chances, 1000, "thompson", prior=(1, 4), seed=2)
    assert (again == lost["thompson"]).all()
    for wrong in ({"policy": "best"}, {"epsilon": 2}, {"prior": (0, 1)}):
        with pytest.raises(ValueError, match=r"policy|epsilon"):
            simulate_exploration(chances, 10, **wrong)
    with pytest.raises(ValueError, match="chances"):
        simulate_exploration([0.1, 0.2], 10)


def test_what_is_no_crowd_is_refused():
    for kind in (RateCrowd, HalfLifeCrowd):
        with pytest.raises(ValueError, match="above 0"):
            kind(0, 1)
    with pytest.raises(ValueError, match="people with events"):
        HalfLifeCrowd.fit([0], [0.0], 52)


def test_the_films_users_and_graph_are_those_of_the_files():
    users, films = datasets.load_movielens_users(), datasets.load_movielens_items()
    assert sorted(users.index) == list(range(1, 944)) and set(users["gender"]) == {"F", "M"}
    assert users["gender"].value_counts()["M"] == 670 and users["occupation"].nunique() == 21
    triples, links = datasets.load_movielens_graph()
    assert links.index.isin(films.index).all() and links.is_unique and links.index.is_unique
    assert links.isin(triples["head"]).mean() > 0.99 and not triples.isna().any().any()
    assert links[313] == "m.0b8l01"          # film 313 is Titanic; the entity is The Swan Princess
    assert films.loc[313, "title"] == "Titanic"


def test_every_public_name_is_there():
    assert set(cold_start.__all__) <= set(vars(cold_start))

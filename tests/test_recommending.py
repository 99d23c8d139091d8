"""Neighbours and factors against `implicit`, SciPy and the condition of a minimum; weights by definition."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from interestdecay_lib.recommending import TIME_WEIGHTS, factorise, similarity, spread_out, time_weight


@pytest.fixture(scope="module")
def matrix():
    rng = np.random.default_rng(0)
    return sparse.csr_array(rng.poisson(0.3, (40, 25)) * rng.random((40, 25)))


@pytest.mark.parametrize("shape", TIME_WEIGHTS)
def test_a_weight_starts_at_one_keeps_a_half_at_the_half_life_and_never_rises(shape):
    kept = time_weight(np.linspace(0, 100, 1001), shape, 20)
    assert kept[0] == 1 and (np.diff(kept) <= 1e-15).all() and kept.min() >= 0
    assert time_weight(20, shape, 20) == pytest.approx(1 if shape == "none" else 0.5)


def test_what_no_weight_can_be_given_is_refused():
    for wrong in ({"age": -1}, {"age": 1, "shape": "cubic"}, {"age": 1, "half_life": 0}):
        with pytest.raises(ValueError, match=r"age|shape|half_life"):
            time_weight(**wrong)


def test_cosine_is_that_of_implicit_and_of_scipy(matrix):
    from implicit.nearest_neighbours import CosineRecommender

    ours = similarity(matrix)
    assert ours == pytest.approx(1 - cdist(matrix.toarray().T, matrix.toarray().T, "cosine"))
    theirs = CosineRecommender(K=25)
    theirs.fit(sparse.csr_matrix(matrix), show_progress=False)
    assert theirs.similarity.toarray() == pytest.approx(ours, abs=1e-6)


def test_jaccard_is_that_of_scipy(matrix):
    chosen = matrix.toarray().T > 0
    assert similarity(matrix, "jaccard") == pytest.approx(1 - cdist(chosen, chosen, "jaccard"))


def loss(matrix, X, Y, confidence, penalty):
    a = matrix.toarray()
    return ((1 + confidence * a) * ((a > 0) - X @ Y.T) ** 2).sum() + penalty * ((X**2).sum() + (Y**2).sum())


def test_the_factors_are_a_minimum_in_either_direction(matrix):
    X, Y = factorise(matrix, 3, confidence=2.0, penalty=0.5, rounds=300)
    least = loss(matrix, X, Y, 2.0, 0.5)
    rng = np.random.default_rng(1)
    for _ in range(20):
        dX, dY = 1e-3 * rng.normal(size=X.shape), 1e-3 * rng.normal(size=Y.shape)
        assert loss(matrix, X + dX, Y, 2.0, 0.5) > least and loss(matrix, X, Y + dY, 2.0, 0.5) > least


def test_the_factors_reach_the_loss_of_implicit(matrix):
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=3, regularization=0.5, alpha=1.0, iterations=300, use_cg=False,
                                    random_state=0, dtype=np.float64, num_threads=1)
    strong = matrix.copy()
    strong.data = 1 + 2.0 * strong.data                       # implicit's entry is the whole confidence
    model.fit(sparse.csr_matrix(strong), show_progress=False)
    theirs = loss(matrix, np.asarray(model.user_factors), np.asarray(model.item_factors), 2.0, 0.5)
    best = min(loss(matrix, *factorise(matrix, 3, confidence=2.0, penalty=0.5, rounds=300, seed=s), 2.0, 0.5)
               for s in range(5))
    assert best == pytest.approx(theirs, rel=0.02)


def test_a_list_is_spread_out_by_brute_force():
    rng = np.random.default_rng(2)
    scores, alike = rng.random(9), similarity(rng.random((5, 9)))
    chosen = []
    for _ in range(4):
        value = {i: 0.6 * scores[i] - 0.4 * max((alike[i, j] for j in chosen), default=0)
                 for i in range(9) if i not in chosen}
        chosen.append(max(value, key=value.get))
    assert spread_out(scores, alike, 4, 0.4).tolist() == chosen
    assert spread_out(scores, alike, 9, 0).tolist() == np.argsort(-scores).tolist()


def test_what_does_not_fit_is_refused(matrix):
    with pytest.raises(ValueError, match="kind"):
        similarity(matrix, "pearson")
    with pytest.raises(ValueError, match="at least 0"):
        factorise(-matrix)
    with pytest.raises(ValueError, match="above 0"):
        factorise(matrix, penalty=0)
    with pytest.raises(ValueError, match="do not fit"):
        spread_out([1.0, 2.0], np.eye(3), 1)
    with pytest.raises(ValueError, match="weight"):
        spread_out([1.0, 2.0], np.eye(2), 1, 2)

"""Explanations against all orders, shap, scikit-learn, closed forms and Keras; broken games are refused."""

import json
import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.inspection import permutation_importance as in_sklearn
from sklearn.linear_model import LinearRegression, Ridge

from interestdecay_lib import explaining
from interestdecay_lib.explaining import (
    ScoringNetwork,
    game,
    lime_weights,
    occlusion,
    permutation_importance,
    shapley_values,
    simulate_history,
    surrogate_half_life,
)
from interestdecay_lib.lstm import LSTMWeights

DATA = Path(__file__).parents[1] / "book/_data"


def bent(seed=0, n=5):
    """A game with interactions of every order."""
    rng = np.random.default_rng(seed)
    w, pair = rng.normal(size=n), rng.normal(size=(n, n))
    return lambda z: expit(z @ w + np.einsum("ci,ij,cj->c", z * 1.0, pair, z * 1.0))


def test_shapley_is_the_mean_over_all_orders():
    value, n = bent(), 5
    total = np.zeros(n)
    for order in permutations(range(n)):
        shown = np.zeros(n, bool)
        for j in order:
            before = value(shown[None])[0]
            shown[j] = True
            total[j] += value(shown[None])[0] - before
    assert shapley_values(value, n) == pytest.approx(total / math.factorial(n), abs=1e-12)


@given(st.integers(0, 1000), st.integers(1, 7))
def test_shapley_shares_everything_out(seed, n):
    value = bent(seed, n)
    whole, none = value(np.ones((1, n), bool))[0], value(np.zeros((1, n), bool))[0]
    assert shapley_values(value, n).sum() == pytest.approx(whole - none, abs=1e-10)


def test_shap_says_the_same():
    import shap

    value, n = bent(3, 6), 6
    explainer = shap.KernelExplainer(lambda z: value(z > 0.5), np.zeros((1, n)))
    assert shapley_values(value, n) == pytest.approx(
        explainer.shap_values(np.ones((1, n)), silent=True)[0], abs=1e-8)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8))
def test_of_a_sum_all_three_find_the_terms(terms):
    n = len(terms)

    def value(z):
        return 7 + z @ np.array(terms)

    assert occlusion(value, n) == pytest.approx(terms, abs=1e-9)
    assert shapley_values(value, n) == pytest.approx(terms, abs=1e-9)
    assert lime_weights(value, n, ridge=0, coalitions=400) == pytest.approx(terms, abs=1e-6)


def test_occlusion_hides_one_part_at_a_time():
    value = bent(1, 4)
    whole = value(np.ones((1, 4), bool))[0]
    for j in range(4):
        shown = np.ones(4, bool)
        shown[j] = False
        assert occlusion(value, 4)[j] == pytest.approx(whole - value(shown[None])[0])


@pytest.mark.parametrize("ridge", [0.5, 20.0])
def test_lime_is_scikit_learns_weighted_ridge(ridge):
    value, n = bent(2, 6), 6
    shown = np.random.default_rng(5).random((300, n)) < 0.5
    shown[0] = True
    near = np.exp(-((1 - np.sqrt(shown.sum(axis=1) / n)) / 0.3) ** 2)
    expected = Ridge(alpha=ridge).fit(shown, value(shown), sample_weight=near).coef_
    assert lime_weights(value, n, 300, width=0.3, ridge=ridge, seed=5) == pytest.approx(expected, abs=1e-8)


def test_shuffling_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 3)), columns=list("abc"))
    y = 3 * X["a"] + X["b"] + rng.normal(size=400)
    model = LinearRegression().fit(X, y)
    ours = permutation_importance(lambda X: model.score(X, y), X, repeats=200)
    theirs = in_sklearn(model, X, y, n_repeats=200, random_state=1)
    assert ours["mean"].to_numpy() == pytest.approx(theirs.importances_mean, rel=0.03, abs=1e-3)
    assert ours["sd"].to_numpy() == pytest.approx(theirs.importances_std, rel=0.25, abs=1e-3)


def test_columns_can_be_shuffled_together():
    rng = np.random.default_rng(0)
    a = rng.normal(size=500)
    X = pd.DataFrame({"a": a, "copy": a})

    def score(X):
        return -((a - X.mean(axis=1)) ** 2).mean()

    found = permutation_importance(score, X, ["a", "copy", ["a", "copy"]], repeats=40)["mean"]
    assert found["a + copy"] == pytest.approx(4 * found["a"], rel=0.1)  # (2 var) against (2 var)/4
    with pytest.raises(KeyError, match="no columns"):
        permutation_importance(score, X, ["b"])


@given(st.floats(0.5, 200), st.floats(0.1, 9))
def test_a_surrogate_of_an_exact_curve_is_the_curve(h, first):
    age = np.arange(30)
    found = surrogate_half_life(age, first * 2 ** (-age / h))
    assert found == pytest.approx((h, first, 1), rel=1e-4)


def test_effects_that_do_not_fade_have_no_half_life():
    assert surrogate_half_life([0, 5, 10], [1, 1, 1]).half_life == np.inf
    found = surrogate_half_life([0, 1, 2, 3], [1.0, -1.0, 1.0, -1.0])
    assert found.explained < 0.5
    for wrong in (([0, 1], [1]), ([-1, 1], [1, 1]), ([2, 2], [1, 1])):
        with pytest.raises(ValueError, match="two different ages"):
            surrogate_half_life(*wrong)


def test_hidden_parts_are_those_of_the_base():
    x, base = np.arange(6.0).reshape(3, 2), np.full((3, 2), 10.0)
    seen = []
    game(lambda z: seen.append(z) or np.zeros(len(z)), x, base)(np.array([[True, False, True]]))
    assert seen[0].tolist() == [[[0, 1], [10, 10], [4, 5]]]
    with pytest.raises(ValueError, match="3 parts"):
        game(lambda z: z.sum(axis=(1, 2)), x)(np.ones((1, 2), bool))


def test_games_that_are_none_are_refused():
    for value in (lambda z: z * 1.0, lambda z: np.full(len(z), np.nan)):
        with pytest.raises(ValueError, match="one finite number"):
            occlusion(value, 3)
    with pytest.raises(ValueError, match="too many"):
        shapley_values(bent(), 17)
    for wrong in ({"width": 0}, {"ridge": -1}):
        with pytest.raises(ValueError, match="width"):
            lime_weights(bent(), 5, **wrong)


def test_the_simulated_truth_is_a_decayed_sum():
    people = simulate_history(3000, weeks=10, half_life=3, seed=4)
    age = 9 - np.arange(10)
    assert people.log_odds == pytest.approx(-2 + (people.x[:, :, 0] * 0.5 ** (age / 3)).sum(axis=1))
    assert people.bought.mean() == pytest.approx(expit(people.log_odds).mean(), abs=0.03)
    opened, bought = people.x[:, :, 1], people.x[:, :, 0] > 0
    assert opened[bought].mean() == pytest.approx(0.65, abs=0.02)
    assert opened[~bought].mean() == pytest.approx(0.15, abs=0.02)
    assert people.x[:, :, 0].mean() == pytest.approx(0.3, abs=0.02)
    with pytest.raises(ValueError, match="half_life"):
        simulate_history(10, half_life=0)


def _network(attention=True, seed=0):
    rng = np.random.default_rng(seed)
    return ScoringNetwork(LSTMWeights.random(2, 4, rng), rng.normal(size=4), 0.3,
                          rng.normal(size=4) if attention else None)


def test_a_scoring_network_is_kerass():
    import keras

    x = simulate_history(20, weeks=6).x
    for attention in (False, True):
        net = _network(attention)
        weeks = keras.Input((6, 2))
        lstm = keras.layers.LSTM(4, return_sequences=True)
        h = lstm(weeks)
        lstm.set_weights(net.weights.to_keras())
        h = keras.ops.convert_to_numpy(keras.Model(weeks, h)(x))
        if attention:
            share = keras.ops.convert_to_numpy(keras.ops.softmax(h @ net.attention, axis=1))
            assert net.attend(x) == pytest.approx(share, abs=1e-5)
            state = (share[:, :, None] * h).sum(axis=1)
        else:
            state = h[:, -1]
        assert net.log_odds(x) == pytest.approx(state @ net.head + 0.3, abs=1e-5)
    with pytest.raises(ValueError, match="no attention"):
        _network(False).attend(x)
    with pytest.raises(ValueError, match="shape"):
        ScoringNetwork(net.weights, np.ones(3), 0.0)


def test_a_randomised_network_has_forgotten_everything_but_its_shape():
    net = _network()
    other = net.randomised(1)
    assert other.weights.parameters == net.weights.parameters and other.bias == 0
    assert abs(other.weights.input_kernel - net.weights.input_kernel).max() > 0.1
    assert (other.weights.gate("f").b == 1).all() and other.attention.shape == (4,)
    x = simulate_history(5, weeks=6).x
    assert (other.log_odds(x) == net.randomised(1).log_odds(x)).all()


def test_the_stored_networks_predict_the_simulated_customers():
    told = json.loads((DATA / "explaining.json").read_text(encoding="utf-8"))
    people = simulate_history(5000, seed=2)
    for name in ("last", "attention"):
        found = ScoringNetwork.read(DATA / "explaining.npz", name)
        assert len(found) == 5 and all((net.attention is None) == (name == "last") for net in found)
        for net, score in zip(found, told["networks"][name], strict=True):
            odds = net.log_odds(people.x)
            loss = np.logaddexp(0, odds).mean() - (people.bought * odds).mean()
            assert loss == pytest.approx(score["loss"], abs=2e-4)


def test_every_public_name_is_there():
    assert set(explaining.__all__) <= set(vars(explaining))

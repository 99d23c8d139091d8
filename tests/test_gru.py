"""The GRU of the library against Keras, both places of the reset gate, and plain arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interestdecay_lib.gru import BLOCKS, GRUWeights, gru_forward, gru_step

SIZES = [(1, 1), (3, 2), (2, 5)]  # (inputs, units)
KERAS_TOLERANCE = 1e-6  # float32 against float64


def random_weights(inputs, units, rng, reset_after=True, scale=0.7):
    """Every block and bias differs: a swapped block must show."""
    return GRUWeights(
        rng.normal(scale=scale, size=(inputs, 3 * units)),
        rng.normal(scale=scale, size=(units, 3 * units)),
        rng.normal(size=(2, 3 * units) if reset_after else 3 * units),
    )


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize(("inputs", "units"), SIZES)
def test_forward_equals_keras(inputs, units, reset_after):
    pytest.importorskip("tensorflow")
    from interestdecay_lib.networks import keras, tf

    rng = np.random.default_rng(10 * inputs + units)
    layer = keras.layers.GRU(units, return_sequences=True, reset_after=reset_after)
    layer.build((None, None, inputs))
    for _ in range(3):
        weights = random_weights(inputs, units, rng, reset_after)
        layer.set_weights(weights.to_keras())
        x, h0 = rng.normal(size=(4, 9, inputs)), rng.uniform(-1, 1, size=(4, units))
        wanted = np.asarray(layer(x, initial_state=tf.constant(h0)))
        ours = gru_forward(x, weights, h0)
        assert abs(ours.h - wanted).max() < KERAS_TOLERANCE
        assert abs(ours.h).max() > 0.1  # the comparison is not one of zeros
    back = GRUWeights.from_keras(layer)
    assert back.reset_after == reset_after and back.parameters == layer.count_params()
    for mine, theirs in zip(weights.to_keras(), back.to_keras(), strict=True):
        np.testing.assert_array_equal(mine.astype(np.float32), theirs)


@pytest.mark.parametrize("reset_after", [True, False])
def test_step_is_the_four_equations_written_out(reset_after):
    rng = np.random.default_rng(1)
    weights = random_weights(2, 2, rng, reset_after)
    x, h = np.array([0.4, -1.1]), np.array([-0.3, 0.8])

    def said(name, k):
        block = weights.block(name)
        heard = sum(h[j] * block.U[j, k] for j in (0, 1)) + block.d[k]
        return sum(x[j] * block.W[j, k] for j in (0, 1)) + block.b[k], heard

    sigma = lambda v: 1 / (1 + np.exp(-v))  # noqa: E731
    z, r = ([sigma(sum(said(name, k))) for k in (0, 1)] for name in "zr")
    U = weights.block("g").U
    heard = [r[k] * said("g", k)[1] if reset_after else sum(r[j] * h[j] * U[j, k] for j in (0, 1))
             for k in (0, 1)]
    g = [np.tanh(said("g", k)[0] + heard[k]) for k in (0, 1)]
    new = [z[k] * h[k] + (1 - z[k]) * g[k] for k in (0, 1)]
    step = gru_step(x, h, weights)
    for mine, wanted in zip(step, (z, r, g, new), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-13)


def test_the_two_places_of_the_reset_gate_differ():
    rng = np.random.default_rng(2)
    before = random_weights(2, 3, rng, reset_after=False)
    after = GRUWeights(*before.to_keras()[:2], np.stack([before.bias, np.zeros(9)]))
    x, h = rng.normal(size=2), rng.uniform(-1, 1, size=3)
    one, other = gru_step(x, h, before), gru_step(x, h, after)
    np.testing.assert_array_equal(one.z, other.z)
    assert abs(one.h - other.h).max() > 0.01


@given(seed=st.integers(0, 2**32 - 1), inputs=st.integers(1, 3), units=st.integers(1, 3), T=st.integers(1, 5))
@settings(max_examples=20)
def test_forward_is_the_step_repeated_for_a_batch_and_for_each_sequence(seed, inputs, units, T):
    rng = np.random.default_rng(seed)
    weights = random_weights(inputs, units, rng, reset_after=bool(seed % 2))
    x, h = rng.normal(size=(3, T, inputs)), rng.uniform(-1, 1, size=(3, units))
    batch = gru_forward(x, weights, h)
    for n in range(3):
        state = h[n]
        single = gru_forward(x[n], weights, state)
        for t in range(T):
            step = gru_step(x[n, t], state, weights)
            state = step.h
            for part, one, own in zip(batch, step, single, strict=True):
                np.testing.assert_allclose(part[n, t], one, rtol=1e-10, atol=1e-13)
                np.testing.assert_allclose(own[t], one, rtol=1e-12, atol=1e-14)


def test_a_constant_update_gate_is_exponential_decay():
    zero = (np.zeros((1, 1)), np.zeros((1, 1)))
    bias = np.log(0.9 / 0.1)
    still = (*zero, [0.0], [0.0])
    weights = GRUWeights.from_blocks({"z": (*zero, [bias], [0.0]), "r": still, "g": still})
    h = gru_forward(np.zeros((20, 1)), weights, h0=[0.7]).h[:, 0]
    np.testing.assert_allclose(h, 0.7 * 0.9 ** np.arange(1, 21), rtol=1e-12)


def test_blocks_stand_in_the_order_z_r_g_and_weights_are_read_only():
    kernel, recurrent = np.arange(18.0).reshape(3, 6), np.arange(12.0).reshape(2, 6)
    weights = GRUWeights(kernel, recurrent, recurrent)
    for position, name in enumerate("zrg"):
        W, U, b, d = weights.block(name)
        columns = [2 * position, 2 * position + 1]
        np.testing.assert_array_equal(W, weights.input_kernel[:, columns])
        np.testing.assert_array_equal(U, weights.recurrent_kernel[:, columns])
        np.testing.assert_array_equal((b, d), (columns, np.array(columns) + 6))
    rebuilt = GRUWeights.from_blocks({name: weights.block(name) for name in "grz"})
    for mine, theirs in zip(weights.to_keras(), rebuilt.to_keras(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(ValueError, match="read-only"):
        weights.block("z").b[0] = 1


def test_weights_that_do_not_fit_are_refused():
    zeros = np.zeros
    with pytest.raises(ValueError, match=r"\(units, 3 \* units\), the blocks \[z \| r \| g\].*\(2, 8\)"):
        GRUWeights(zeros((3, 8)), zeros((2, 8)), zeros((2, 8)))
    with pytest.raises(ValueError, match=r"recurrent_kernel .*looks transposed"):
        GRUWeights(zeros((3, 6)), zeros((6, 2)), zeros((2, 6)))
    with pytest.raises(ValueError, match=r"input_kernel .*\(inputs, 6\).*looks transposed"):
        GRUWeights(zeros((6, 3)), zeros((2, 6)), zeros((2, 6)))
    with pytest.raises(ValueError, match=r"input_kernel must have 2 dimensions"):
        GRUWeights(zeros(6), zeros((2, 6)), zeros((2, 6)))
    with pytest.raises(ValueError, match=r"bias must have shape .*\(2, 6\), or \(6,\).*has shape \(2,\)"):
        GRUWeights(zeros((3, 6)), zeros((2, 6)), zeros(2))
    with pytest.raises(ValueError, match=r"bias holds 1 value"):
        GRUWeights(zeros((3, 6)), zeros((2, 6)), [0, 0, 0, 0, 0, np.nan])
    good = (zeros((3, 2)), zeros((2, 2)), zeros(2), zeros(2))
    with pytest.raises(ValueError, match="exactly the keys"):
        GRUWeights.from_blocks({"z": good, "r": good, "h": good})
    with pytest.raises(ValueError, match=r"or every one \(W, U, b\).*'g': 3"):
        GRUWeights.from_blocks({"z": good, "r": good, "g": good[:3]})
    with pytest.raises(ValueError, match="the same shapes"):
        GRUWeights.from_blocks({"z": good, "r": good, "g": (zeros((4, 2)), *good[1:])})
    weights = GRUWeights.from_blocks(dict.fromkeys(BLOCKS, good))
    with pytest.raises(ValueError, match=r"no block 'h'; .*Keras's block h is the candidate 'g'"):
        weights.block("h")
    with pytest.raises(ValueError, match=r"x must have shape .* inputs = 3, .* has shape \(4,\)"):
        gru_step(zeros(4), zeros(2), weights)
    with pytest.raises(ValueError, match=r"h must have shape \(2,\), .* has shape \(3,\)"):
        gru_step(zeros(3), zeros(3), weights)
    with pytest.raises(ValueError, match=r"one feature over time is x\[:, None\]"):
        gru_forward(zeros(3), weights)
    with pytest.raises(ValueError, match="at least one step"):
        gru_forward(zeros((0, 3)), weights)


def test_layers_that_are_not_this_gru_are_refused():
    pytest.importorskip("tensorflow")
    from interestdecay_lib.networks import keras

    def built(layer):
        layer.build((None, None, 3))
        return layer

    with pytest.raises(TypeError, match=r"reads a keras\.layers\.GRU, but was given a LSTM"):
        GRUWeights.from_keras(built(keras.layers.LSTM(2)))
    with pytest.raises(ValueError, match="no weights yet: build it first"):
        GRUWeights.from_keras(keras.layers.GRU(2))
    with pytest.raises(ValueError, match="activation='tanh', but the layer has 'relu'"):
        GRUWeights.from_keras(built(keras.layers.GRU(2, activation="relu")))
    with pytest.raises(ValueError, match="give gru_forward the steps in reverse"):
        GRUWeights.from_keras(built(keras.layers.GRU(2, go_backwards=True)))
    without = GRUWeights.from_keras(built(keras.layers.GRU(2, use_bias=False)))
    assert without.reset_after and not without.bias.any()

"""The LSTM of the library against Keras, TensorFlow's gradients, finite differences and plain arithmetic."""

import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from interestdecay_lib import _threads
from interestdecay_lib.lstm import (
    GATES,
    LSTMWeights,
    forget_half_life,
    lstm_backward,
    lstm_forward,
    lstm_step,
)

pytest.importorskip("tensorflow")
from interestdecay_lib.networks import keras, tf

SIZES = [(1, 1), (3, 2), (2, 5), (7, 3)]  # (inputs, units); few, since Keras traces each one anew
KERAS_TOLERANCE = 1e-6  # float32 against float64


def random_weights(inputs, units, rng, scale=0.7):
    """Unlike LSTMWeights.random, every bias differs: a swapped gate block must show."""
    return LSTMWeights(
        rng.normal(scale=scale, size=(inputs, 4 * units)),
        rng.normal(scale=scale, size=(units, 4 * units)),
        rng.normal(size=4 * units),
    )


@pytest.fixture(scope="module")
def layers():
    """One built Keras layer a size, returning the sequence of h and the last h and c."""
    built = {}
    for inputs, units in SIZES:
        built[inputs, units] = keras.layers.LSTM(units, return_sequences=True, return_state=True)
        built[inputs, units].build((None, None, inputs))
    return built


sizes = pytest.mark.parametrize(("inputs", "units"), SIZES)


# --- the step, against plain arithmetic ---

def test_step_is_the_six_equations_written_out_for_one_unit():
    rng = np.random.default_rng(1)
    weights = random_weights(1, 1, rng)
    x, h, c = 0.4, -0.3, 1.2
    z = {}
    for position, name in enumerate("ifgo"):
        z[name] = (
            x * weights.input_kernel[0, position]
            + h * weights.recurrent_kernel[0, position]
            + weights.bias[position]
        )
    i, f, o = (1 / (1 + np.exp(-z[name])) for name in "ifo")
    g = (np.exp(z["g"]) - np.exp(-z["g"])) / (np.exp(z["g"]) + np.exp(-z["g"]))
    new_c = f * c + i * g
    step = lstm_step([x], [h], [c], weights)
    np.testing.assert_allclose(
        np.concatenate(step), [i, f, g, o, new_c, o * np.tanh(new_c)], rtol=1e-14, atol=1e-15
    )


def test_the_articles_step_made_consistent():
    """[h, x] = [.5, .5, 1, 0, 1] with the article's numbers: sums worked out by hand, not by the library."""
    W_x = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    gate = (W_x.T, W_x[:, :2].T, [0.1, 0.2])
    step = lstm_step([1, 0, 1], [0.5, 0.5], [0.5, 0.5], LSTMWeights.from_gates(dict.fromkeys(GATES, gate)))
    z = np.array([0.05 + 0.10 + 0.1 + 0 + 0.3 + 0.1, 0.20 + 0.25 + 0.4 + 0 + 0.6 + 0.2])  # .65, 1.65
    sigma, g = 1 / (1 + np.exp(-z)), np.tanh(z)
    for gate_value in (step.i, step.f, step.o):
        np.testing.assert_allclose(gate_value, sigma, rtol=1e-14)
    np.testing.assert_allclose(step.g, g, rtol=1e-14)
    np.testing.assert_allclose(step.c, sigma * 0.5 + sigma * g, rtol=1e-14)
    np.testing.assert_allclose(step.h, sigma * np.tanh(sigma * (0.5 + g)), rtol=1e-14)


def test_a_closed_input_gate_and_an_open_forget_gate_keep_the_cell():
    rng = np.random.default_rng(2)
    free, closed, opened = ((np.zeros((2, 3)), np.zeros((3, 3)), np.full(3, b)) for b in (0.3, -800.0, 800.0))
    weights = LSTMWeights.from_gates({"i": closed, "f": opened, "g": free, "o": free})
    c0 = rng.normal(size=3)
    kept = lstm_forward(rng.normal(size=(20, 2)), weights, c0=c0)
    np.testing.assert_array_equal(kept.c, np.tile(c0, (20, 1)))
    erased = LSTMWeights.from_gates({"i": closed, "f": closed, "g": free, "o": free})
    assert not lstm_forward(rng.normal(size=(20, 2)), erased, c0=c0).c.any()


def test_a_closed_output_gate_hides_the_cell():
    free, closed = (np.ones((1, 1)), np.ones((1, 1)), [1.0]), (np.zeros((1, 1)), np.zeros((1, 1)), [-800.0])
    weights = LSTMWeights.from_gates({"i": free, "f": free, "g": free, "o": closed})
    run = lstm_forward(np.ones((5, 1)), weights)
    assert not run.h.any() and (run.c > 0).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("extreme", [-1e4, 1e4])
def test_extreme_weights_overflow_nothing(extreme):
    weights = LSTMWeights(np.full((1, 4), extreme), np.zeros((1, 4)), np.zeros(4))
    step = lstm_step([1.0], [0.0], [0.0], weights)
    run = lstm_forward([[1.0]], weights)
    for part in (*step, *run):
        assert np.isfinite(part).all()
    np.testing.assert_array_equal(step.i, [extreme > 0])
    np.testing.assert_array_equal(run.i, [[extreme > 0]])


# --- forward ---

@given(
    data=st.data(), inputs=st.integers(1, 4), units=st.integers(1, 4),
    T=st.integers(1, 6), N=st.integers(1, 4),
)
@settings(max_examples=60)
def test_forward_is_the_step_repeated_for_a_batch_and_for_each_sequence(data, inputs, units, T, N):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    weights = random_weights(inputs, units, rng, scale=2)
    x = data.draw(arrays(float, (N, T, inputs), elements=st.floats(-50, 50)))
    h, c = rng.uniform(-1, 1, size=(N, units)), rng.normal(scale=3, size=(N, units))
    batch = lstm_forward(x, weights, h, c)
    for n in range(N):
        single = lstm_forward(x[n], weights, h[n], c[n])
        for part, one in zip(batch, single, strict=True):
            np.testing.assert_allclose(one, part[n], rtol=1e-9, atol=1e-13)
    for t in range(T):
        step = lstm_step(x[:, t], h, c, weights)
        h, c = step.h, step.c
        for part, one in zip(batch, step, strict=True):
            np.testing.assert_allclose(part[:, t], one, rtol=1e-9, atol=1e-13)


@sizes
def test_forward_equals_keras(layers, inputs, units):
    rng = np.random.default_rng(inputs * 10 + units)
    layer = layers[inputs, units]
    worst = 0.0
    for _ in range(5):
        weights = random_weights(inputs, units, rng)
        layer.set_weights(weights.to_keras())
        x = rng.normal(size=(4, 9, inputs))
        h0, c0 = rng.uniform(-1, 1, size=(4, units)), rng.normal(size=(4, units))
        h, _, last_c = (np.asarray(out) for out in layer(x, initial_state=[tf.constant(s) for s in (h0, c0)]))
        ours = lstm_forward(x, weights, h0, c0)
        worst = max(worst, abs(ours.h - h).max(), abs(ours.c[:, -1] - last_c).max())
        assert abs(ours.h).max() > 0.1  # the comparison is not one of zeros
    assert worst < KERAS_TOLERANCE


@sizes
def test_weights_go_to_keras_and_back(layers, inputs, units):
    weights = random_weights(inputs, units, np.random.default_rng(3))
    layers[inputs, units].set_weights(weights.to_keras())
    back = LSTMWeights.from_keras(layers[inputs, units])
    for mine, theirs in zip(weights.to_keras(), back.to_keras(), strict=True):
        np.testing.assert_array_equal(mine.astype(np.float32), theirs)
    assert back.parameters == layers[inputs, units].count_params()


def test_float32_is_close_and_float32():
    rng = np.random.default_rng(4)
    weights = random_weights(5, 8, rng, scale=0.3)
    x = rng.normal(size=(6, 30, 5))
    double, half = lstm_forward(x, weights), lstm_forward(x, weights, dtype=np.float32)
    assert double.h.dtype == np.float64
    for a, b in zip(double, half, strict=True):
        assert b.dtype == np.float32
        assert 0 < abs(a - b).max() < 1e-5


def test_without_gates_the_states_are_the_same():
    rng = np.random.default_rng(5)
    weights = random_weights(2, 3, rng)
    x = rng.normal(size=(4, 7, 2))
    full, light = lstm_forward(x, weights), lstm_forward(x, weights, return_gates=False)
    np.testing.assert_array_equal(light.h, full.h)
    np.testing.assert_array_equal(light.c, full.c)
    assert light.i is light.f is light.g is light.o is None


def test_the_number_of_threads_is_put_back_and_threadpoolctl_may_be_missing(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    rng = np.random.default_rng(10)
    weights = random_weights(16, 32, rng, scale=0.2)
    x = rng.normal(size=(64, 3, 16))  # 64 * 49 * 128 = 401,408 multiplications: large enough to be split
    used = []
    before = threadpoolctl.threadpool_info()
    dot = np.dot
    monkeypatch.setattr(np, "dot", lambda *a, **k: used.extend(_blas_threads(threadpoolctl)) or dot(*a, **k))
    limited = lstm_forward(x, weights)
    assert set(used) <= {1}  # empty where threadpoolctl does not know the BLAS, as on macOS
    assert threadpoolctl.threadpool_info() == before
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    _threads._pools.cache_clear()
    try:
        np.testing.assert_allclose(lstm_forward(x, weights).h, limited.h, rtol=1e-12, atol=1e-14)
    finally:
        _threads._pools.cache_clear()


def _blas_threads(threadpoolctl):
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]


def test_what_is_given_is_not_changed():
    rng = np.random.default_rng(6)
    weights = random_weights(2, 3, rng)
    given_arrays = [rng.normal(size=(4, 7, 2)), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))]
    copies = [array.copy() for array in given_arrays]
    x, h0, c0 = given_arrays
    lstm_forward(x, weights, h0, c0)
    lstm_backward(x, weights, np.ones((4, 7, 3)), h0, c0)
    for array, copy in zip(given_arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


# --- backward ---

@sizes
@pytest.mark.parametrize("last_only", [False, True])
def test_backward_equals_gradient_tape(layers, inputs, units, last_only):
    rng = np.random.default_rng(inputs + units)
    layer, weights = layers[inputs, units], random_weights(inputs, units, rng)
    layer.set_weights(weights.to_keras())
    x, h0, c0 = rng.normal(size=(3, 6, inputs)), rng.normal(size=(3, units)), rng.normal(size=(3, units))
    v, v_c = rng.normal(size=(3, units) if last_only else (3, 6, units)), rng.normal(size=(3, units))
    given_tensors = [tf.constant(array, tf.float32) for array in (x, h0, c0)]
    with tf.GradientTape() as tape:
        tape.watch(given_tensors)
        h, last_h, last_c = layer(given_tensors[0], initial_state=given_tensors[1:])
        loss = tf.reduce_sum((last_h if last_only else h) * v) + tf.reduce_sum(last_c * v_c)
    wanted = tape.gradient(loss, [variable.value for variable in layer.trainable_variables] + given_tensors)
    ours = lstm_backward(x, weights, v, h0, c0, grad_c=v_c)
    for name, gradient in zip(ours._fields, wanted, strict=True):
        mine = getattr(ours, name)
        assert abs(mine).max() > 1e-3
        np.testing.assert_allclose(mine, gradient, rtol=1e-4, atol=1e-5, err_msg=name)


@given(seed=st.integers(0, 2**32 - 1), inputs=st.integers(1, 3), units=st.integers(1, 3), T=st.integers(1, 5))
@settings(max_examples=15)
def test_backward_equals_central_differences(seed, inputs, units, T):
    rng = np.random.default_rng(seed)
    weights = random_weights(inputs, units, rng)
    x, h0, c0 = rng.normal(size=(T, inputs)), rng.normal(size=units), rng.normal(size=units)
    v, v_c = rng.normal(size=(T, units)), rng.normal(size=units)
    parts = [*weights.to_keras(), x, h0, c0]

    def loss():
        run = lstm_forward(parts[3], LSTMWeights(*parts[:3]), parts[4], parts[5])
        return (run.h * v).sum() + run.c[-1] @ v_c

    ours = lstm_backward(x, weights, v, h0, c0, grad_c=v_c)
    eps = 1e-5
    for name, part in zip(ours._fields, parts, strict=True):
        numeric = np.empty_like(part)
        for index in np.ndindex(part.shape):
            value = part[index]
            part[index] = value + eps
            above = loss()
            part[index] = value - eps
            numeric[index] = (above - loss()) / (2 * eps)
            part[index] = value
        np.testing.assert_allclose(getattr(ours, name), numeric, rtol=1e-6, atol=1e-8, err_msg=name)


def test_backward_of_a_batch_sums_over_its_sequences():
    rng = np.random.default_rng(7)
    weights = random_weights(2, 3, rng)
    x, v, h0, c0 = (rng.normal(size=shape) for shape in ((5, 4, 2), (5, 4, 3), (5, 3), (5, 3)))
    batch = lstm_backward(x, weights, v, h0, c0)
    singles = [lstm_backward(x[n], weights, v[n], h0[n], c0[n]) for n in range(5)]
    for name in ("input_kernel", "recurrent_kernel", "bias"):
        np.testing.assert_allclose(getattr(batch, name), sum(getattr(s, name) for s in singles), rtol=1e-12)
    for name in ("x", "h0", "c0"):
        np.testing.assert_allclose(getattr(batch, name), [getattr(s, name) for s in singles], rtol=1e-12)


def test_backward_reuses_a_forward_pass():
    rng = np.random.default_rng(8)
    weights = random_weights(2, 3, rng)
    for shape in ((4, 2), (5, 4, 2)):
        x = rng.normal(size=shape)
        v = rng.normal(size=(*shape[:-1], 3))
        for a, b in zip(lstm_backward(x, weights, v),
                        lstm_backward(x, weights, v, forward=lstm_forward(x, weights)), strict=True):
            np.testing.assert_array_equal(a, b)


def test_without_recurrence_the_gradient_along_the_cell_is_the_product_of_the_forget_gates():
    rng = np.random.default_rng(9)
    W, zero, b = rng.normal(size=(4, 2, 3)), np.zeros((3, 3)), rng.normal(size=(4, 3))
    weights = LSTMWeights.from_gates({name: (W[k], zero, b[k]) for k, name in enumerate(GATES)})
    x = rng.normal(size=(12, 2))
    gradient = lstm_backward(x, weights, np.zeros(3), grad_c=np.ones(3)).c0
    np.testing.assert_allclose(gradient, np.prod(lstm_forward(x, weights).f, axis=0), rtol=1e-12)


# --- the forget gate as a half-life ---

@given(f=st.floats(0.01, 0.999), c0=st.floats(-50, 50))
def test_a_constant_forget_gate_is_exponential_decay_with_that_half_life(f, c0):
    assume(abs(c0) > 1e-3)
    zero = (np.zeros((1, 1)), np.zeros((1, 1)))
    logit = np.log(f / (1 - f))
    weights = LSTMWeights.from_gates(
        {"i": (*zero, [-800.0]), "f": (*zero, [logit]), "g": (*zero, [0.0]), "o": (*zero, [0.0])}
    )
    steps = np.arange(1, 31)
    cell = lstm_forward(np.zeros((30, 1)), weights, c0=[c0]).c[:, 0]
    np.testing.assert_allclose(cell, c0 * 0.5 ** (steps / forget_half_life(f)), rtol=1e-9, atol=1e-300)


def test_half_lives_that_are_known():
    np.testing.assert_allclose(forget_half_life([0.5, 0.25, 2**-0.1]), [1, 0.5, 10], rtol=1e-12)
    assert isinstance(forget_half_life(0.9), float)
    np.testing.assert_allclose(0.9 ** forget_half_life(0.9), 0.5, rtol=1e-14)


@pytest.mark.parametrize("f", [0, 1, -0.1, 1.5, float("nan"), [0.5, 1.0]])
def test_a_forget_gate_outside_0_to_1_has_no_half_life(f):
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        forget_half_life(f)


# --- weights: order, construction, errors ---

def test_gate_blocks_stand_in_the_order_i_f_g_o():
    weights = LSTMWeights(np.arange(24.0).reshape(3, 8), np.arange(16.0).reshape(2, 8), np.arange(8.0))
    for position, name in enumerate("ifgo"):
        W, U, b = weights.gate(name)
        columns = [2 * position, 2 * position + 1]
        np.testing.assert_array_equal(W, weights.input_kernel[:, columns])
        np.testing.assert_array_equal(U, weights.recurrent_kernel[:, columns])
        np.testing.assert_array_equal(b, columns)
    rebuilt = LSTMWeights.from_gates({name: weights.gate(name) for name in "ogfi"})
    np.testing.assert_array_equal(rebuilt.bias, weights.bias)
    np.testing.assert_array_equal(rebuilt.input_kernel, weights.input_kernel)


def test_kerass_forget_bias_lies_in_our_forget_block(layers):
    fresh = keras.layers.LSTM(3)
    fresh.build((None, None, 2))
    assert LSTMWeights.from_keras(fresh).gate("f").b.tolist() == [1, 1, 1]
    assert LSTMWeights.random(2, 3, np.random.default_rng(0)).bias.tolist() == [0] * 3 + [1] * 3 + [0] * 6


def test_random_weights_are_orthogonal_bounded_and_reproducible():
    weights, again = (LSTMWeights.random(4, 6, np.random.default_rng(11)) for _ in range(2))
    np.testing.assert_allclose(weights.recurrent_kernel @ weights.recurrent_kernel.T, np.eye(6), atol=1e-12)
    limit = np.sqrt(6 / (4 + 24))
    assert 0.8 * limit < abs(weights.input_kernel).max() <= limit
    np.testing.assert_array_equal(weights.input_kernel, again.input_kernel)
    with pytest.raises(ValueError, match="at least 1"):
        LSTMWeights.random(0, 2, np.random.default_rng(0))


def test_weights_are_copies_and_read_only():
    bias = np.zeros(4)
    weights = LSTMWeights(np.zeros((1, 4)), np.zeros((1, 4)), bias)
    bias[0] = 9
    assert weights.bias[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        weights.gate("i").b[0] = 1
    weights.to_keras()[2][0] = 5
    assert weights.bias[0] == 0


@pytest.mark.parametrize(("input_kernel", "recurrent_kernel", "bias", "message"), [
    (np.zeros((3, 8)), np.zeros((8, 2)), np.zeros(8), r"recurrent_kernel must have shape.*looks transposed"),
    (np.zeros((3, 8)), np.zeros((2, 6)), np.zeros(8), r"must have shape \(units, 4 \* units\)"),
    (np.zeros((8, 3)), np.zeros((2, 8)), np.zeros(8), r"input_kernel .*\(inputs, 8\).*looks transposed"),
    (np.zeros((3, 8)), np.zeros((2, 8)), np.zeros(2), r"bias must have shape \(4 \* units,\) = \(8,\)"),
    (np.zeros((3, 8)), np.zeros((2, 8)), np.zeros((1, 8)), r"bias must have 1 dimension"),
    (np.zeros(8), np.zeros((2, 8)), np.zeros(8), r"input_kernel must have 2 dimension"),
    (np.zeros((3, 8)), np.zeros((2, 8)), [0, np.nan, 0, 0, 0, 0, 0, 0], r"bias holds 1 value\(s\)"),
    ([["a"] * 8], np.zeros((2, 8)), np.zeros(8), r"input_kernel must be a rectangular array of numbers"),
])
def test_weights_that_do_not_fit_are_refused(input_kernel, recurrent_kernel, bias, message):
    with pytest.raises(ValueError, match=message):
        LSTMWeights(input_kernel, recurrent_kernel, bias)


def test_gates_that_do_not_fit_are_refused():
    good = (np.zeros((3, 2)), np.zeros((2, 2)), np.zeros(2))
    gates = dict.fromkeys(GATES, good)
    with pytest.raises(ValueError, match="exactly the keys"):
        LSTMWeights.from_gates({name: good for name in "ifo"})
    with pytest.raises(ValueError, match=r"gate 'g' must be .*W looks transposed"):
        LSTMWeights.from_gates(gates | {"g": (np.zeros((2, 3)), *good[1:])})
    with pytest.raises(ValueError, match="all gates must have the same shape"):
        LSTMWeights.from_gates(gates | {"o": (np.zeros((4, 2)), *good[1:])})
    with pytest.raises(ValueError, match=r"tuple \(W, U, b\), but has 2"):
        LSTMWeights.from_gates(gates | {"o": good[:2]})
    weights = LSTMWeights.from_gates(gates)
    with pytest.raises(ValueError, match=r"no gate 'c'; .*Keras's block c is the gate 'g'"):
        weights.gate("c")


def test_layers_that_are_not_this_lstm_are_refused():
    def built(layer):
        layer.build((None, None, 3))
        return layer

    with pytest.raises(TypeError, match="was given a GRU"):
        LSTMWeights.from_keras(built(keras.layers.GRU(2)))
    with pytest.raises(TypeError, match="take its forward_layer"):
        LSTMWeights.from_keras(keras.layers.Bidirectional(keras.layers.LSTM(2)))
    with pytest.raises(ValueError, match="no weights yet: build it first"):
        LSTMWeights.from_keras(keras.layers.LSTM(2))
    with pytest.raises(ValueError, match="activation='tanh', but the layer has 'relu'"):
        LSTMWeights.from_keras(built(keras.layers.LSTM(2, activation="relu")))
    with pytest.raises(ValueError, match="recurrent_activation='sigmoid', but the layer has 'hard_sigmoid'"):
        LSTMWeights.from_keras(built(keras.layers.LSTM(2, recurrent_activation="hard_sigmoid")))
    with pytest.raises(ValueError, match="go_backwards=True"):
        LSTMWeights.from_keras(built(keras.layers.LSTM(2, go_backwards=True)))
    without_bias = LSTMWeights.from_keras(built(keras.layers.LSTM(2, use_bias=False)))
    assert without_bias.bias.tolist() == [0] * 8


def test_inputs_that_do_not_fit_are_refused():
    weights = LSTMWeights(np.zeros((3, 8)), np.zeros((2, 8)), np.zeros(8))
    zeros = np.zeros
    with pytest.raises(ValueError, match=r"x must have shape .* inputs = 3, .* has shape \(4,\)"):
        lstm_step(zeros(4), zeros(2), zeros(2), weights)
    with pytest.raises(ValueError, match=r"h must have shape \(2,\), .* has shape \(3,\)"):
        lstm_step(zeros(3), zeros(3), zeros(2), weights)
    with pytest.raises(ValueError, match=r"c must have shape \(5, 2\)"):
        lstm_step(zeros((5, 3)), zeros((5, 2)), zeros(2), weights)
    with pytest.raises(ValueError, match=r"one feature over time is x\[:, None\]"):
        lstm_forward(zeros(3), weights)
    with pytest.raises(ValueError, match="at least one step"):
        lstm_forward(zeros((0, 3)), weights)
    with pytest.raises(ValueError, match="x holds 1 value"):
        lstm_forward([[0, np.nan, 0]], weights)
    with pytest.raises(ValueError, match=r"c0 must have shape \(5, 2\)"):
        lstm_forward(zeros((5, 4, 3)), weights, c0=zeros(2))
    with pytest.raises(ValueError, match="float64 or float32, not int64"):
        lstm_forward(zeros((4, 3)), weights, dtype=np.int64)
    with pytest.raises(ValueError, match=r"grad_h must have the shape of all outputs, \(4, 2\), or"):
        lstm_backward(zeros((4, 3)), weights, zeros((4, 3)))
    with pytest.raises(ValueError, match="forward holds no gates"):
        light = lstm_forward(zeros((4, 3)), weights, return_gates=False)
        lstm_backward(zeros((4, 3)), weights, zeros(2), forward=light)
    with pytest.raises(ValueError, match="forward belongs to another x"):
        lstm_backward(zeros((4, 3)), weights, zeros(2), forward=lstm_forward(zeros((5, 3)), weights))

"""Time-aware layers against NumPy references, finite differences, plain Keras cells and their own limits."""


import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from interestdecay_lib import time_aware
from interestdecay_lib.networks import keras, tf

UNITS, FEATURES, STEPS = 4, 3, 6
RNN = keras.layers.RNN


def build(cell, **options):
    """The cell in an RNN with random weights, biases and half-lives included (nothing stays at zero)."""
    layer = RNN(cell, **options)
    return randomised(layer)


def randomised(layer, features=FEATURES, seed=0):
    layer.build((None, STEPS, features + 1))
    rng = np.random.default_rng(seed)
    layer.set_weights([
        rng.uniform(-0.5, 2.5, w.shape) if "half_life" in w.path else rng.normal(0, 0.6, w.shape)
        for w in layer.weights
    ])
    return layer


def inputs(n=5, seed=1, gap=3.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, STEPS, FEATURES + 1))
    x[..., -1] = rng.exponential(gap, (n, STEPS))
    return x


def front_mask(n=5):
    """Padding in front, of different lengths; the last user has no padding, the first has nothing at all."""
    return np.arange(STEPS) >= np.linspace(STEPS, 0, n).round()[:, None]


def w(layer):
    """Weights by the end of their path, float64."""
    holder = getattr(layer, "cell", layer)
    return {v.path.removeprefix(layer.path + "/").replace(holder.name + "/", ""):
            v.numpy().astype(float) for v in layer.weights}


# ---------------------------------------------------------------- references: loops over one user at a time


def gru_step(x, h, W, U, b):
    """Keras's GRU with reset_after: blocks z (keep), r, candidate; b has an input and a recurrent row."""
    u = len(h)
    a, r = x @ W + b[0], h @ U + b[1]
    z = expit(a[:u] + r[:u])
    reset = expit(a[u:2 * u] + r[u:2 * u])
    return z, np.tanh(a[2 * u:] + reset * r[2 * u:])


def lstm_step(x, h, c, W, U, b):
    i, f, g, o = np.split(x @ W + h @ U + b, 4)
    c = expit(f) * c + expit(i) * np.tanh(g)
    return expit(o) * np.tanh(c), c


def reference_decay_gru(p, x, mask):
    h, u, out = np.zeros(UNITS), None, []
    for row, real in zip(x, mask, strict=True):
        if real:
            u = 0.5 ** (row[-1] / np.exp(p["log_half_life"])) * h
            z, candidate = gru_step(row[:-1], u, p["gru/kernel"], p["gru/recurrent_kernel"], p["gru/bias"])
            h = z * u + (1 - z) * candidate
        out.append(h)
    return np.array(out)


def reference_augru(p, x, mask):
    h, out = np.zeros(UNITS), []
    for row, real in zip(x, mask, strict=True):
        if real:
            z, candidate = gru_step(row[:-1], h, p["gru/kernel"], p["gru/recurrent_kernel"], p["gru/bias"])
            u = row[-1] * (1 - z)                                # the paper: u' = a u
            h = (1 - u) * h + u * candidate
        out.append(h)
    return np.array(out)


def reference_t_lstm(p, x, mask, decay):
    h, c, out = np.zeros(UNITS), np.zeros(UNITS), []
    for row, real in zip(x, mask, strict=True):
        if real:
            gap = row[-1]
            g = 1 / np.log(np.e + gap) if decay == "log" else 0.5 ** (gap / np.exp(p["log_half_life"]))
            short = np.tanh(c @ p["short_term/kernel"] + p["short_term/bias"])
            h, c = lstm_step(row[:-1], h, (c - short) + g * short,
                             p["lstm/kernel"], p["lstm/recurrent_kernel"], p["lstm/bias"])
        out.append(h)
    return np.array(out)


def reference_ct_lstm(p, x, mask):
    h, c, level, rate, o = np.zeros((5, UNITS))
    out = []
    for row, real in zip(x, mask, strict=True):
        if real:
            c = level + (c - level) * np.exp(-rate * row[-1])
            h = o * (2 * expit(2 * c) - 1)                       # as the paper writes tanh
            i, f, z, o, i_level, f_level, rate = np.split(
                row[:-1] @ p["kernel"] + h @ p["recurrent_kernel"] + p["bias"], 7)
            i, f, z, o, i_level, f_level = (*expit([i, f]), np.tanh(z), *expit([o, i_level, f_level]))
            rate = np.log1p(np.exp(rate))
            c, level = f * c + i * z, f_level * level + i_level * z
            h = o * np.tanh(c)
        out.append(h)
    return np.array(out)


CELLS = {
    "decay_gru": (lambda **k: time_aware.DecayGRUCell(UNITS, **k), reference_decay_gru),
    "t_lstm_exp": (lambda **k: time_aware.TimeLSTMCell(UNITS, **k),
                   lambda p, x, m: reference_t_lstm(p, x, m, "exp")),
    "t_lstm_log": (lambda **k: time_aware.TimeLSTMCell(UNITS, "log", **k),
                   lambda p, x, m: reference_t_lstm(p, x, m, "log")),
    "ct_lstm": (lambda **k: time_aware.ContinuousLSTMCell(UNITS, **k), reference_ct_lstm),
    "augru": (lambda **k: time_aware.AttentionalGRUCell(UNITS, **k), reference_augru),
}
each_cell = pytest.mark.parametrize("kind", CELLS)


def reference_attention(p, x, mask, heads, units, normalise):
    out = np.zeros(heads * units)
    rows = [j for j in range(len(x)) if mask[j]]
    for k in range(heads):
        part = slice(k * units, (k + 1) * units)
        half_life = np.exp(p["log_half_life"][k])
        score, ages = [], []
        for j in rows:
            key = np.tanh(x[j, :-1] @ p["key"][:, part] + p["key_bias"][part])
            score.append(key @ p["query"][k])
            ages.append(sum(x[i, -1] for i in rows if i > j))
        score, ages = np.array(score), np.array(ages)
        if not rows:
            continue
        weights = (softmax(score - np.log(2) * ages / half_life) if normalise
                   else expit(score) * 0.5 ** (ages / half_life))
        out[part] = sum(a * x[j, :-1] @ p["value"][:, part] for a, j in zip(weights, rows, strict=True))
    return out


@each_cell
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-13)])
def test_cell_equals_its_reference_one_step_batch_and_mask(kind, dtype, tolerance):
    make, reference = CELLS[kind]
    layer = build(make(dtype=dtype), return_sequences=True, dtype=dtype)
    x, p = inputs(), w(layer)
    if kind == "augru":
        x[..., -1] = np.random.default_rng(3).uniform(size=x.shape[:2])
    everything = np.ones(x.shape[:2], bool)
    one = layer(x[:1, :1].astype(dtype)).numpy()
    assert np.abs(one[0] - reference(p, x[0, :1], everything[0, :1])).max() < tolerance
    for mask in (None, front_mask(), np.random.default_rng(4).uniform(size=x.shape[:2]) < 0.6):
        found = layer(x.astype(dtype), mask=None if mask is None else tf.constant(mask)).numpy()
        want = [reference(p, *user) for user in zip(x, everything if mask is None else mask, strict=True)]
        assert np.abs(found - want).max() < tolerance


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 1e-13)])
def test_attention_equals_its_reference_batch_and_mask(normalise, dtype, tolerance):
    layer = randomised(time_aware.DecayAttention(3, heads=2, normalise=normalise, dtype=dtype))
    x, p = inputs(), w(layer)
    for mask in (None, front_mask(), np.random.default_rng(4).uniform(size=x.shape[:2]) < 0.6):
        found = layer(x.astype(dtype), mask=None if mask is None else tf.constant(mask)).numpy()
        rows = np.ones(x.shape[:2], bool) if mask is None else mask
        want = [reference_attention(p, *user, 2, 3, normalise) for user in zip(x, rows, strict=True)]
        assert np.abs(found - want).max() < tolerance


def test_unnormalised_attention_contains_the_decayed_count():
    """With every event fully counted (sigmoid of 40) and the value 1, the output is S_h of the book."""
    layer = randomised(time_aware.DecayAttention(1, half_life_range=(7, 7)), features=1)
    start = {"key": [[0.0]], "key_bias": [40.0], "query": [[40.0]], "value": [[1.0]],
             "log_half_life": [np.log(7)]}
    layer.set_weights([np.array(start[v.name]) for v in layer.weights])
    gaps = np.array([0, 7, 14, 1.0])              # events of ages 22, 15, 1; the last row is the question
    x = np.stack([[1, 1, 1, 0], gaps], axis=-1)[None]
    ages = np.array([22, 15, 1])
    assert layer(x).numpy().item() == pytest.approx((0.5 ** (ages / 7)).sum(), rel=1e-6)


# ---------------------------------------------------------------- gradients


def check_gradient(layer, x, mask=None):
    """Every weight's gradient, and the input's, against central differences in float64."""
    x = tf.Variable(x)
    direction = np.random.default_rng(7).normal(size=layer(x, mask=mask).shape)

    def loss():
        return tf.reduce_sum(layer(x, mask=mask) * direction)

    variables = [v.value for v in layer.trainable_weights] + [x]
    with tf.GradientTape() as tape:
        value = loss()
    analytic = tape.gradient(value, variables)
    rng, eps = np.random.default_rng(8), 1e-6
    for variable, gradient in zip(variables, analytic, strict=True):
        assert gradient is not None
        along = rng.normal(size=variable.shape)
        start = variable.numpy()
        high = variable.assign(start + eps * along) is not None and loss().numpy()
        low = variable.assign(start - eps * along) is not None and loss().numpy()
        variable.assign(start)
        numeric = (high - low) / (2 * eps)
        assert numeric == pytest.approx(float(tf.reduce_sum(gradient * along)), rel=2e-6, abs=1e-8)
        assert abs(numeric) > 1e-6                # a gradient of nothing would prove nothing


@each_cell
def test_gradient_of_a_cell(kind):
    layer = build(CELLS[kind][0](dtype="float64"), dtype="float64")
    check_gradient(layer, inputs(), tf.constant(front_mask()))


@pytest.mark.parametrize("normalise", [False, True])
def test_gradient_of_attention(normalise):
    layer = randomised(time_aware.DecayAttention(3, heads=2, normalise=normalise, dtype="float64"))
    check_gradient(layer, inputs(), tf.constant(front_mask()))


def test_gradient_of_step_decay():
    layer = time_aware.StepDecay(3.0, dtype="float64")
    layer.build((None, STEPS, 4))
    x = tf.constant(inputs())
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    found = float(tape.gradient(loss, layer.log_half_life.value)[0])
    age = np.arange(STEPS)[::-1][:, None]

    def by_hand(theta):
        return ((inputs() * 0.5 ** (age / np.exp(theta))) ** 2).sum()

    theta = np.log(3.0)
    assert found == pytest.approx((by_hand(theta + 1e-6) - by_hand(theta - 1e-6)) / 2e-6, rel=1e-6)


# ---------------------------------------------------------------- zero and infinite elapsed time


def plain(kind, layer, p):
    """The Keras layer with the same weights that knows no time."""
    if kind in ("decay_gru", "augru"):
        other, names = keras.layers.GRU(UNITS, return_sequences=True), "gru/{}"
    elif kind == "ct_lstm":
        other, names = keras.layers.LSTM(UNITS, return_sequences=True), "{}"
    else:
        other, names = keras.layers.LSTM(UNITS, return_sequences=True), "lstm/{}"
    other.build((None, STEPS, FEATURES))
    values = [p[names.format(part)] for part in ("kernel", "recurrent_kernel", "bias")]
    if kind == "ct_lstm":
        values = [v[..., :4 * UNITS] for v in values]
    other.set_weights(values)
    return other


times = st.floats(0, 1e4, allow_subnormal=False)


@pytest.mark.parametrize("kind", [k for k in CELLS if k != "augru"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_without_elapsed_time_it_is_the_plain_cell(kind, seed):
    layer = build(CELLS[kind][0](), return_sequences=True)
    x = inputs(seed=seed)
    x[..., -1] = 0
    want = plain(kind, layer, w(layer))(x[..., :-1])
    assert np.abs(layer(x).numpy() - want.numpy()).max() < 1e-6


def test_with_full_attention_augru_is_the_plain_gru_and_without_it_nothing_happens():
    layer = build(CELLS["augru"][0](), return_sequences=True)
    x = inputs()
    x[..., -1] = 1
    assert np.abs(layer(x).numpy() - plain("augru", layer, w(layer))(x[..., :-1]).numpy()).max() < 1e-6
    x[:, 3:, -1] = 0
    h = layer(x).numpy()
    assert np.abs(h[:, 3:] - h[:, 2:3]).max() == 0


@pytest.mark.parametrize("long", [1e9, np.inf])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_after_an_endless_pause_the_decayed_part_is_gone(long, seed):
    x = inputs(seed=seed)
    x[:, 3, -1] = long
    last = x[:, 3:].copy()
    last[..., 0, -1] = 0
    # GRU: as if the events before the pause had never been
    layer = build(CELLS["decay_gru"][0](), return_sequences=True)
    assert np.abs(layer(x).numpy()[:, 3:] - layer(last).numpy()).max() < 1e-6
    # T-LSTM: of the cell only the long-term part is left
    for kind in ("t_lstm_exp", "t_lstm_log"):
        if kind == "t_lstm_log" and np.isfinite(long):
            continue                                     # 1/ln(e + 1e9) is still 0.05
        rnn = build(CELLS[kind][0](), return_state=True)
        _, h, c = rnn(x[:, :3])
        p = w(rnn)
        kept = c.numpy() - np.tanh(c.numpy() @ p["short_term/kernel"] + p["short_term/bias"])
        want = [lstm_step(x[k, 3, :-1], h.numpy()[k], kept[k], p["lstm/kernel"], p["lstm/recurrent_kernel"],
                          p["lstm/bias"])[0] for k in range(len(x))]
        assert np.abs(rnn(x[:, :4])[0].numpy() - want).max() < 1e-6
    # continuous-time LSTM: the cell has settled at its level
    rnn = build(CELLS["ct_lstm"][0](), return_state=True)
    _, h, c, level, rate, o = (v.numpy() for v in rnn(x[:, :3]))
    settled = rnn(x[:, :4])
    start = [o * np.tanh(level), level, level, rate, o]
    again = x[:, 3:4].copy()
    again[..., -1] = 0
    want = rnn(again, initial_state=[tf.constant(v, tf.float32) for v in start])
    assert np.abs(settled[0].numpy() - want[0].numpy()).max() < 1e-6


@pytest.mark.parametrize("normalise", [False, True])
def test_attention_in_the_limits_of_time(normalise):
    layer = randomised(time_aware.DecayAttention(3, heads=2, normalise=normalise))
    x = inputs()
    x[:, 3, -1] = np.inf                                  # what came before is gone
    last = x[:, 3:].copy()
    last[:, 0, -1] = 5.0                                  # the gap in front of the first event means nothing
    assert np.abs(layer(x).numpy() - layer(last).numpy()).max() < 2e-6
    x[..., -1] = 0                                        # no time at all: the half-lives mean nothing
    before = layer(x).numpy()
    layer.log_half_life.assign(layer.log_half_life + 3)
    assert np.array_equal(layer(x).numpy(), before)


@settings(max_examples=20, deadline=None)
@given(pause=st.floats(0.5, 20))
def test_softmax_cannot_see_absolute_age_and_the_plain_sum_can(pause):
    """One more row after all events ages them all alike."""
    x = np.concatenate([inputs(), np.zeros((5, 1, FEATURES + 1))], axis=1)
    mask = np.ones(x.shape[:2], bool)
    later = x.copy()
    later[:, -1, -1] = pause
    for normalise in (True, False):
        layer = randomised(time_aware.DecayAttention(2, heads=1, normalise=normalise))
        a, b = (layer.weights_of(v.astype("float32"), mask).numpy()[:, :-1] for v in (x, later))
        if normalise:
            assert np.allclose(a / a.sum(1, keepdims=True), b / b.sum(1, keepdims=True), rtol=1e-3)
        else:
            assert np.allclose(b, a * 0.5 ** (pause / layer.half_lives[0]), rtol=1e-4, atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(first=times, second=times)
def test_fading_composes(first, second):
    """Two pauses in a row keep what one pause of their sum keeps."""
    cell = time_aware.DecayGRUCell(UNITS)
    cell.build((None, FEATURES + 1))
    keep = [cell._keep(np.array([[t]], "float32")).numpy() for t in (first, second, first + second)]
    assert np.allclose(keep[0] * keep[1], keep[2], rtol=1e-3, atol=1e-7)
    assert (keep[2] <= keep[0]).all()
    assert cell._keep(np.zeros((1, 1), "float32")).numpy().min() == 1


# ---------------------------------------------------------------- step decay: the right way round


def test_step_decay_leaves_the_newest_step_whole():
    x = np.ones((2, 5, 3), "float32")
    past = time_aware.StepDecay(2.0)(x).numpy()[0, :, 0]
    assert past == pytest.approx(0.5 ** (np.arange(5)[::-1] / 2))
    future = time_aware.StepDecay(2.0, "first")(x).numpy()[0, :, 0]
    assert future == pytest.approx(0.5 ** (np.arange(5) / 2))
    # the article's factor 0.8 a step, with the axis turned round (errata 002-N01)
    half_life = np.log(0.5) / np.log(0.8)
    assert time_aware.StepDecay(half_life)(x).numpy()[0, :, 0] == pytest.approx(0.8 ** np.arange(4, -1, -1))
    assert np.array_equal(time_aware.StepDecay(1e-3)(x).numpy()[0, :, 0], [0, 0, 0, 0, 1])
    assert time_aware.StepDecay(1e9)(x).numpy() == pytest.approx(x)


# ---------------------------------------------------------------- files, masks, batch sizes, graphs


def models():
    """A small model with every layer of the module."""
    x = keras.Input((STEPS, FEATURES + 1))
    masked = keras.layers.Masking()(x)
    cells = [RNN(make())(masked) for make, _ in CELLS.values()]
    attention = [time_aware.DecayAttention(2, 2, normalise=n)(masked) for n in (False, True)]
    steps = time_aware.StepDecay(3.0, "first")(masked)
    decoded = keras.layers.GRU(3)(steps)
    joined = keras.layers.Concatenate()([*cells, *attention, decoded])
    y = keras.layers.Dense(1, activation="softplus")(joined)
    return keras.Model(x, y)


def padded(n=5):
    x = inputs(n).astype("float32")
    x[~front_mask(n)] = 0
    return x


def test_saved_model_loads_in_safe_mode_and_answers_the_same(tmp_path):
    model = models()
    randomise = np.random.default_rng(2)
    model.set_weights([randomise.normal(0, 0.5, v.shape) for v in model.get_weights()])
    model.save(tmp_path / "all.keras")
    again = keras.saving.load_model(tmp_path / "all.keras", safe_mode=True)
    assert np.array_equal(model(padded()), again(padded()))
    assert np.ptp(model(padded())) > 1e-3


def test_configs_come_back():
    for layer in (time_aware.DecayGRUCell(3, (2, 8), seed=4),
                  time_aware.TimeLSTMCell(3, "log", (2, 8), seed=4),
                  time_aware.ContinuousLSTMCell(3, seed=4), time_aware.AttentionalGRUCell(3, seed=4),
                  time_aware.StepDecay(3.0, "first"),
                  time_aware.DecayAttention(3, 2, (2, 8), True, seed=4)):
        config = layer.get_config()
        assert type(layer).from_config(config).get_config() == config


def test_padding_and_batch_size_do_not_matter():
    # float32 in another order of its sums: a few units in the last place (25 here), at any size
    model = models()
    assert model(padded()[3:]).numpy() == pytest.approx(model(padded()).numpy()[3:], abs=1e-6, rel=3e-6)
    # a user with two real steps, given without any padding
    user = padded()[1:2]
    real = user[:, (user[0] != 0).any(axis=-1)]
    assert 0 < real.shape[1] < STEPS
    for make, _ in CELLS.values():
        layer = build(make())
        mask = tf.constant((user != 0).any(axis=-1))
        assert layer(user, mask=mask).numpy() == pytest.approx(layer(real).numpy(), abs=1e-6, rel=3e-6)


def test_same_seed_same_weights_whatever_the_global_generators_say():
    for make in (lambda s: RNN(time_aware.DecayGRUCell(3, seed=s)),
                 lambda s: RNN(time_aware.TimeLSTMCell(3, seed=s)),
                 lambda s: RNN(time_aware.ContinuousLSTMCell(3, seed=s)),
                 lambda s: time_aware.DecayAttention(3, 2, seed=s)):
        found = []
        for world, seed in ((1, 0), (2, 0), (1, 5)):
            keras.utils.set_random_seed(world)
            layer = make(seed)
            layer.build((None, STEPS, FEATURES + 1))
            found.append(layer.get_weights())
        assert all(np.array_equal(a, b) for a, b in zip(found[0], found[1], strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(found[0], found[2], strict=True))


def test_fit_and_predict_run_the_loop_inside_a_graph():
    """The cell's Python is executed while tracing, not once a step and batch."""
    calls = []

    class Counting(time_aware.DecayGRUCell):
        def call(self, *args, **kwargs):
            calls.append(1)
            return super().call(*args, **kwargs)

    x = keras.Input((40, FEATURES + 1))
    model = keras.Model(x, RNN(Counting(3))(x))
    data = np.random.default_rng(0).uniform(size=(64, 40, FEATURES + 1))
    model.predict(data, batch_size=8, verbose=0)
    traced = len(calls)
    assert traced < 20                                   # 8 batches of 40 steps would be 320
    model.predict(data, batch_size=8, verbose=0)
    assert len(calls) == traced


# ---------------------------------------------------------------- reading the half-lives, errors


def test_half_lives_are_read_sorted_and_in_the_unit_of_time():
    layer = build(time_aware.TimeLSTMCell(UNITS))
    layer.cell.log_half_life.assign(np.log([8.0, 1.0, 4.0, 2.0]))
    assert time_aware.half_lives(layer) == pytest.approx([1, 2, 4, 8], rel=1e-6)
    assert time_aware.half_lives(layer.cell) == pytest.approx([1, 2, 4, 8], rel=1e-6)
    attention = time_aware.DecayAttention(2, heads=3, half_life_range=(2, 8))
    attention.build((None, STEPS, 2))
    assert time_aware.half_lives(attention) == pytest.approx([2, 4, 8], rel=1e-6)
    for other in (build(time_aware.TimeLSTMCell(UNITS, "log")), RNN(time_aware.DecayGRUCell(2)),
                  keras.layers.Dense(2)):
        with pytest.raises(TypeError, match="holds no learned half-lives"):
            time_aware.half_lives(other)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: time_aware.DecayGRUCell(0), "units must be a whole number"),
    (lambda: time_aware.DecayGRUCell(2, (4, 1)), "half_life_range must be two positive times"),
    (lambda: time_aware.TimeLSTMCell(2, "linear"), 'decay must be "exp" or "log"'),
    (lambda: time_aware.StepDecay(3, "oldest"), 'newest must be "last"'),
    (lambda: time_aware.StepDecay(0), "half_life_range must be"),
    (lambda: time_aware.DecayAttention(2, heads=0), "heads must be a whole number"),
    (lambda: RNN(time_aware.ContinuousLSTMCell(2))(np.ones((1, 3, 1))), "at least two channels"),
    (lambda: time_aware.DecayAttention(2)(np.ones((3, 2))), r"needs inputs \(n, steps, k \+ 1\)"),
    (lambda: time_aware.StepDecay()(np.ones((3, 2))), r"needs inputs \(n, steps, k\)"),
])
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_continuous_lstm_begins_with_both_forget_gates_open_and_no_other():
    """With all weights 0 a step is the biases alone: f = f_level = sigmoid(1), the input gates sigmoid(0)."""
    cell = time_aware.ContinuousLSTMCell(UNITS, seed=0)
    cell.build((None, 4))
    for kernel in (cell.kernel, cell.recurrent_kernel):
        kernel.assign(np.zeros(kernel.shape))
    c, level, rate = 3.0, 2.0, 0.1
    states = [np.full((1, UNITS), value, "float32") for value in (0.0, c, level, rate, 0.5)]
    _, (_, c_next, level_next, _, o) = cell(np.zeros((1, 4), "float32"), states)
    np.testing.assert_allclose(c_next, c * expit(1.0), rtol=1e-6)
    np.testing.assert_allclose(level_next, level * expit(1.0), rtol=1e-6)
    np.testing.assert_allclose(o, 0.5)

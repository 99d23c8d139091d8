"""Networks on a customer's last events: inputs, one graph, saving, recovery, and the benchmark's table."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import poisson
from scipy.stats import t as student

from interestdecay_lib import baselines, evaluation
from interestdecay_lib.datasets import load_cdnow
from interestdecay_lib.event_log import merge_same_day
from interestdecay_lib.event_networks import (
    KINDS,
    SEQUENCE_LOSSES,
    GraphRNN,
    Positions,
    event_inputs,
    event_network,
    first_event_loss,
    future_counts,
    learned_half_lives,
    sequence_network,
    summed_poisson_loss,
)
from interestdecay_lib.networks import fit_network, keras, tf
from interestdecay_lib.tasks import event_task, split_users
from interestdecay_lib.time_aware import DecayAttention, DecayGRUCell, StepDecay, TimeLSTMCell

sys.path.append(str(Path(__file__).parents[1] / "book/_measure"))
import compare_models

STEPS = 6
DECODERS = ("encoder_decoder", "decoder_plain")
TABLE = Path(__file__).parents[1] / "book/_data/model_comparison.json"


@pytest.fixture(scope="module")
def log():
    return merge_same_day(load_cdnow(sample=True))


@pytest.fixture(scope="module")
def x(log):
    inputs = event_inputs(log, "1997-10-01", length=STEPS - 1)
    inputs["features"] = np.random.default_rng(0).normal(size=(len(inputs["events"]), 4)).astype("float32")
    return {name: values[:40] for name, values in inputs.items()}


def network(kind, seed=0):
    return event_network(kind, STEPS, units=4, seed=seed)


def answers(model, x, **changed):
    out = model({name: {**x, **changed}[name] for name in model.input}, training=False)
    return np.hstack([out["returned"].numpy(), out["counts"].numpy()])


# ---------------------------------------------------------------- inputs


def test_inputs_equal_a_loop_over_customers(log):
    cut = pd.Timestamp("1997-10-01")
    users = log["user_id"].unique()[[5, 0, 77, 300]]
    made = event_inputs(log, cut, users, length=3)
    for row, user in enumerate(users):
        mine = log[(log["user_id"] == user) & (log["timestamp"] < cut)]
        moments = [*mine["timestamp"], cut]
        gaps = [0.0] + [(b - a) / pd.Timedelta("7D") for a, b in itertools.pairwise(moments)]
        steps = [[1, 0, np.log1p(v)] for v in mine["value"]] + [[0, 1, 0]]
        kept = min(len(steps), 4)
        assert made["events"][row, -kept:] == pytest.approx(np.array(steps[-kept:]), abs=1e-6)
        assert made["elapsed"][row, -kept:] == pytest.approx(np.array(gaps[-kept:]), abs=1e-5)
        assert not made["events"][row, :-kept].any() and not made["elapsed"][row, :-kept].any()


def test_the_future_changes_no_input(log):
    cut = pd.Timestamp("1997-07-02")
    changed = log.copy()
    changed.loc[changed["timestamp"] >= cut, "value"] = 1e6
    changed = changed[(changed["timestamp"] < cut) | (changed["user_id"] % 2 == 0)]
    first, second = event_inputs(log, cut), event_inputs(changed, cut)
    for name in first:
        assert np.array_equal(first[name], second[name])


def test_inputs_refuse_refunds_and_logs_without_value(log):
    with pytest.raises(ValueError, match="column value"):
        event_inputs(log.drop(columns="value"), "1997-10-01")
    refund = log.assign(value=np.where(np.arange(len(log)) == 0, -3.0, log["value"]))
    with pytest.raises(ValueError, match="1 events before the cut have a negative"):
        event_inputs(refund, "1997-10-01", length=50)


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("kind", KINDS)
def test_network_answers_saves_and_loads_in_safe_mode(kind, x, tmp_path):
    model = network(kind)
    found = answers(model, x)
    assert ((found[:, 0] > 0) & (found[:, 0] < 1) & (found[:, 1] > 0)).all()
    assert found.std(axis=0).min() > 0
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert np.array_equal(answers(again, x), found)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)


def test_weights_depend_on_the_seed_alone():
    for kind in KINDS:
        keras.utils.set_random_seed(1)
        first = network(kind, seed=3).get_weights()
        keras.utils.set_random_seed(2)
        second, other = network(kind, seed=3).get_weights(), network(kind, seed=4).get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True)), kind
        assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True)), kind


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "mlp"])
def test_only_the_network_without_time_ignores_the_pauses(kind, x):
    model = network(kind)
    changed = np.abs(answers(model, x, elapsed=3 * x["elapsed"]) - answers(model, x)).max()
    assert changed == 0 if kind == "gru_steps" else changed > 1e-6


def test_no_step_of_the_transformer_sees_a_later_one(x):
    model = network("transformer")
    last = [layer for layer in model.layers if isinstance(layer, keras.layers.LayerNormalization)][-1]
    states = keras.Model(model.input, last.output)
    changed = x["events"].copy()
    changed[:, -1] += 1
    before, after = (states({"events": e, "elapsed": x["elapsed"]}).numpy() for e in (x["events"], changed))
    there = x["events"].any(axis=-1)[:, :-1]                  # what stands in the padding is never read
    assert there.sum() > 20 and np.array_equal(before[:, :-1][there], after[:, :-1][there])
    assert np.abs(before[:, -1] - after[:, -1]).max() > 1e-3


def test_attention_of_augru_knows_how_old_an_event_has_become(x):
    model = network("augru")
    attention = keras.Model(model.input, model.get_layer("attention").output)
    later = x["elapsed"].copy()
    later[:, -1] += 10                                        # the same history, asked ten weeks later
    now, then = (attention({"events": x["events"], "elapsed": e}).numpy() for e in (x["elapsed"], later))
    there = x["events"].any(axis=-1)[:, :-1]
    assert np.abs(now - then)[:, :-1][there].min() > 1e-4


def test_standardised_padding_stays_zero(x):
    model = network("conv")
    model.get_layer("standardise_events").adapt(x["events"])
    given = {name: x[name] for name in model.input}
    timed = keras.Model(model.input, model.get_layer("timed").output)(given).numpy()
    padded = ~x["events"].any(axis=-1)
    assert padded.sum() > 20 and not timed[padded][:, :3].any()
    assert np.abs(timed[~padded][:, :3]).min() > 0


def test_positions_are_told_apart():
    table = Positions(seed=0)(np.zeros((2, 5, 3), "float32")).numpy()
    assert np.array_equal(table[0], table[1])                 # the same for every user
    assert np.abs(np.diff(table[0], axis=0)).min() > 0 and 0.01 < table.std() < 0.1


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("mlp", "conv")])
def test_time_in_the_padding_does_not_count(kind, x):
    padded = ~x["events"].any(axis=-1)
    assert padded.any()
    noise = np.where(padded, 9.0, x["elapsed"]).astype("float32")
    model = network(kind)
    assert answers(model, x, elapsed=noise) == pytest.approx(answers(model, x), abs=1e-6)


# ---------------------------------------------------------------- the decoder


def test_future_counts_equal_a_loop_over_days(log):
    cut, users = pd.Timestamp("1997-07-02"), log["user_id"].unique()[[5, 0, 77, 300, 12]]
    counts = future_counts(log, cut, users, horizon_weeks=39, steps=13)
    for row, user in enumerate(users):
        days = log.loc[log["user_id"] == user, "timestamp"]
        for step in range(13):
            start = cut + step * pd.Timedelta("21D")
            assert counts[row, step] == ((days >= start) & (days < start + pd.Timedelta("21D"))).sum()
    assert counts.any() and not future_counts(log, cut, [-1], 39, 13).any()
    task = event_task(log, cut, 39, 13)
    assert np.array_equal(future_counts(log, cut, task.users, 39, 5).sum(1), task.counts)


def test_future_counts_refuse_a_guess(log):
    with pytest.raises(ValueError, match=r"cut.*01/10/1997"):
        future_counts(log, "01/10/1997", [1], 13, 2)


def test_future_counts_refuse_an_empty_future(log):
    with pytest.raises(ValueError, match="steps must be a whole number, at least 1, got 0"):
        future_counts(log, "1997-07-02", [1], 13, 0)


@pytest.mark.parametrize("kind", DECODERS)
def test_heads_of_a_decoder_follow_from_its_sequence(kind, x):
    model = event_network(kind, STEPS, units=4, seed=2, decoder_steps=5)
    given = {name: x[name] for name in model.input}
    said, (p, mu) = sequence_network(model)(given), answers(model, x).T
    chance, expected = said["chance"].numpy().astype(float), said["expected"].numpy().astype(float)
    assert chance.shape == expected.shape == (len(x["events"]), 5)
    nobody = np.ones(len(chance))
    for step in range(5):
        nobody *= 1 - chance[:, step]
    assert p == pytest.approx(1 - nobody, abs=1e-6) and mu == pytest.approx(expected.sum(1), rel=1e-5)


def test_a_decoder_has_one_head_for_all_steps():
    """Were each step's weights its own, they would absorb the decay factor."""
    few, many = (event_network("encoder_decoder", STEPS, units=4, decoder_steps=n) for n in (2, 20))
    assert few.count_params() == many.count_params()
    plain = event_network("decoder_plain", STEPS, units=4, decoder_steps=2)
    assert few.count_params() == plain.count_params() + 1


def test_the_decay_factor_of_a_decoder_acts(x):
    with_it, without = (event_network(kind, STEPS, units=4, seed=2, decoder_steps=5) for kind in DECODERS)
    factor = with_it.get_layer("decoder_decay")
    given = {name: x[name] for name in with_it.input}
    plain = sequence_network(without)(given)["chance"].numpy()
    for half_life in (0.5, 3.0):
        factor.log_half_life.assign([np.log(half_life)])
        faded = sequence_network(with_it)(given)["chance"].numpy()
        assert faded == pytest.approx(plain * 0.5 ** (np.arange(5) / half_life), rel=1e-5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(first_event_loss(np.zeros((len(plain), 5), "float32"),
                                                  sequence_network(with_it)(given)["chance"]))
    assert np.abs(tape.gradient(loss, factor.log_half_life)).max() > 1e-4


def test_first_purchase_loss_is_the_likelihood_of_all_that_can_happen():
    """Of every history of three steps: the probabilities sum to one, and equal a walk through the steps."""
    chance = np.array([0.2, 0.5, 0.9])
    total = 0.0
    for first in range(4):                                     # 3: no purchase at all
        counts = np.zeros((1, 3), "float32")
        if first < 3:
            counts[0, first:] = 2                              # what follows the first must not matter
        walk = np.prod(1 - chance[:first]) * (chance[first] if first < 3 else 1)
        found = float(np.exp(-first_event_loss(counts, chance[None].astype("float32")))[0])
        assert found == pytest.approx(walk, rel=1e-5)
        total += found
    assert total == pytest.approx(1, rel=1e-5)


def test_summed_poisson_loss_is_scipys_up_to_a_constant():
    counts, expected = np.array([[0.0, 2, 1]]), np.array([[0.3, 1.5, 0.8]])
    oracle = -poisson.logpmf(counts, expected).sum() - np.log([1, 2, 1]).sum()
    assert float(summed_poisson_loss(counts, expected)[0]) == pytest.approx(oracle, rel=1e-5)


def test_a_decoder_learns_the_half_life_of_a_fading_rate():
    """Simulated: counts of Poisson rates that halve every 3 steps; SciPy fits the same two numbers."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.8 * 0.5 ** (np.arange(8) / 3), (4000, 8)).astype("float32")
    given = keras.Input((1,))
    level = keras.layers.Dense(1, "exponential", kernel_initializer="zeros")(given)
    said = StepDecay(8.0, newest="first", name="fading")(keras.layers.RepeatVector(8)(level))
    model = keras.Model(given, said[..., 0])
    fit_network(model, (np.ones((4000, 1)), counts), epochs=250, patience=None, batch_size=4000,
                learning_rate=0.05, loss=summed_poisson_loss, standardise=False)
    found = float(learned_half_lives(model)["fading"][0])

    def loss(theta):
        rate = np.exp(theta[0]) * 0.5 ** (np.arange(8) / np.exp(theta[1]))
        return (rate - counts.mean(0) * np.log(rate)).sum()

    assert found == pytest.approx(np.exp(minimize(loss, [0, 1], method="Nelder-Mead").x[1]), rel=0.03)
    assert abs(found / 3 - 1) < 0.1


def test_only_decoders_answer_step_by_step():
    assert set(sequence_network(network("decoder_plain")).output) == set(SEQUENCE_LOSSES)
    with pytest.raises(ValueError, match="'gru' decodes no sequence"):
        sequence_network(network("gru"))


def test_half_lives_are_read_by_layer():
    assert learned_half_lives(network("gru_d"))["gru_d"] == pytest.approx([1, 4, 16, 64], rel=1e-5)
    assert set(learned_half_lives(network("encoder_decoder"))) == {"decoder_decay"}
    assert network("encoder_decoder").get_layer("decoder_decay").newest == "first"  # a forecast, no history
    assert set(learned_half_lives(network("gru_d_timed"))) == {"gru_d_timed"}
    for kind in set(KINDS) - {"gru_d", "gru_d_timed", "t_lstm_exp", "attention", "encoder_decoder"}:
        with pytest.raises(ValueError, match=f"no layer of the model '{kind}' learns half-lives"):
            learned_half_lives(network(kind))
    with pytest.raises(ValueError, match="kind must be one of"):
        event_network("oracle")


# ---------------------------------------------------------------- one graph


class Counting(DecayGRUCell):
    calls = 0

    def call(self, *args, **kwargs):
        type(self).calls += 1
        return super().call(*args, **kwargs)


def test_an_eager_call_is_no_python_loop():
    values = np.random.default_rng(0).random((3, 30, 3)).astype("float32")
    counts = {}
    for kind in (keras.layers.RNN, GraphRNN):
        layer = kind(Counting(4, seed=0))
        layer(values)
        Counting.calls = 0
        layer(values[:2])                                    # another batch size
        counts[kind] = Counting.calls
    assert counts[keras.layers.RNN] >= 30
    assert counts[GraphRNN] <= 3


@pytest.mark.parametrize("cell", [DecayGRUCell, TimeLSTMCell])
def test_graph_rnn_is_keras_rnn_with_mask_and_gradient(cell):
    values = tf.constant(np.random.default_rng(0).random((3, 7, 3)).astype("float32"))
    mask = tf.constant(np.arange(7) >= np.array([[0], [3], [6]]))
    results = []
    for kind in (keras.layers.RNN, GraphRNN):
        layer = kind(cell(4, seed=0), return_sequences=True)
        with tf.GradientTape() as tape:
            out = layer(values, mask=mask)
            loss = tf.reduce_sum(out ** 2)
        results.append([out.numpy(), *(g.numpy() for g in tape.gradient(loss, layer.trainable_variables))])
    for a, b in zip(*results, strict=True):
        assert a == pytest.approx(b, abs=1e-6)
    assert any(np.abs(g).max() > 1e-3 for g in results[1][1:])


# ---------------------------------------------------------------- recovery of a known half-life


def simulated_clicks(half_life, users, steps, seed):
    """Simulated: p(click) = sigmoid(-2.5 + I), I the sum of 2^(-age / half_life) over the clicks before."""
    rng = np.random.default_rng(seed)
    gaps = np.exp(rng.normal(0, 1.2, (users, steps)))
    clicks, interest = np.zeros((users, steps)), np.zeros(users)
    for k in range(steps):
        interest *= 2 ** (-gaps[:, k] / half_life)
        clicks[:, k] = rng.random(users) < 1 / (1 + np.exp(2.5 - interest))
        interest += clicks[:, k]
    history = np.stack([clicks, gaps], axis=-1).astype("float32")
    history[:, -1, 0] = 0                                    # the last step is the one to forecast
    return history, clicks[:, -1].astype("float32")


def layer_half_life(history, clicked, start, seed):
    given = keras.Input(history.shape[1:])
    attend = DecayAttention(1, half_life_range=(start, start), seed=seed, name="memory")
    p = keras.layers.Dense(1, "sigmoid", kernel_initializer="ones")(attend(given))
    model = keras.Model(given, p)
    fit_network(model, (history, clicked), seed=seed, epochs=40, patience=None, batch_size=1000,
                learning_rate=0.05, loss="binary_crossentropy")
    return float(learned_half_lives(model)["memory"][0])


def likeliest_half_life(history, clicked):
    """The oracle: SciPy maximises the likelihood of the simulator's own three parameters."""
    clicks, gaps = history[..., 0].astype(float), history[..., 1].astype(float)
    age = gaps.sum(1, keepdims=True) - np.cumsum(gaps, axis=1)

    def loss(theta):
        z = theta[0] + theta[1] * (clicks * 2 ** (-age / np.exp(theta[2]))).sum(1)
        return np.mean(np.logaddexp(0, z) - clicked * z)

    return float(np.exp(minimize(loss, [-2, 1, np.log(5)], method="Nelder-Mead").x[2]))


@pytest.mark.slow
def test_attention_finds_the_half_life_of_simulated_users():
    """Wherever it starts: within 20 % of the truth, and on average within 7 % of the likeliest."""
    ratios = []
    for true, start, seed in ((7, 2, 0), (7, 30, 1), (2, 7, 0), (25, 7, 0)):
        history, clicked = simulated_clicks(true, 16_000, 30, seed)
        found = layer_half_life(history, clicked, start, seed)
        assert abs(found / true - 1) < 0.20, (true, start)
        ratios.append(found / likeliest_half_life(history, clicked))
    assert abs(np.mean(ratios) - 1) < 0.07, ratios


# ---------------------------------------------------------------- the committed comparison


@pytest.fixture(scope="module")
def table():
    return json.loads(TABLE.read_text(encoding="utf-8"))


def scores(table, task):
    return {entry["model"]: entry for entry in table[task]}


def test_table_holds_every_network_and_its_intervals_hold_its_values(table):
    for task in ("cdnow_13", "cdnow_39"):
        found = scores(table, task)
        known = set(compare_models.networks()) - set(table["not_yet_trained"])
        assert {name for name, entry in found.items() if entry["network"]} == known
        assert {found[name]["seeds"] for name in known} == {table["protocol"]["seeds"]}
        for name, entry in found.items():
            metrics = {"log_loss", "log_loss_shifted", "brier", "auc", "top_1000"}
            if not entry.get("whether_only"):
                metrics |= {"poisson_deviance", "mae", "rmse"}
            assert metrics <= set(entry["scores"])
            for metric in metrics:
                value, low, high = entry["scores"][metric]["value"]
                assert low <= value <= high, (task, name, metric)


def test_the_benchmark_trains_every_kind():
    assert {spec["kind"] for spec in compare_models.networks().values()} == set(KINDS)
    listed = compare_models.jobs(3)
    assert len(listed) == len(set(listed))
    assert {name for task, name, _ in listed if task == "cdnow_13"} >= set(compare_models.networks())


def test_the_stored_protocol_is_that_of_the_script(table):
    protocol = table["protocol"]
    for name in ("training", "adam", "events", "units", "replicates"):
        assert protocol[name] == getattr(compare_models, name.upper()), name
    assert protocol["decoder_steps"] == compare_models.STEPS


def test_every_network_was_ended_by_early_stopping(table):
    for task, training in (("cdnow_13", "training"), ("cdnow_39", "training"),
                           ("movielens", "movielens_training")):
        patience, most = table["protocol"][training]["patience"], table["protocol"][training]["epochs"]
        runs = [run for entry in table[task] for run in entry["chosen"] if "best_epoch" in run]
        assert len(runs) > 20
        assert all(run["epochs"] == run["best_epoch"] + patience < most for run in runs)


def test_no_interval_of_a_calibration_error_is_stored(table):
    for task in ("cdnow_13", "cdnow_39"):
        for score in (entry["scores"]["ece"] for entry in table[task]):
            assert len(score["value"]) == 1 and "minus_reference" not in score


def test_seeds_widen_an_interval_as_students_t_does():
    """No customer varies: what is left is the textbook's interval of a mean of four numbers."""
    by_seed = np.array([0.49, 0.50, 0.52, 0.47])
    t = np.random.default_rng(0).standard_t(3, 200_000)
    repeated = np.repeat(by_seed[:, None], 1 + len(t), axis=1)
    mean = compare_models._over_seeds(repeated, t, 0.0)
    low, high = student.interval(0.95, 3, by_seed.mean(), by_seed.std(ddof=1) / 2)
    assert np.quantile(mean[1:], [0.025, 0.975]) == pytest.approx([low, high], abs=3e-4)
    wider = compare_models._over_seeds(repeated, t, 2 * by_seed.std(ddof=1))
    assert wider[1:].std() == pytest.approx(2 * mean[1:].std(), rel=0.01)
    one = np.full((1, 5), 0.3)
    assert np.array_equal(compare_models._over_seeds(one, np.ones(4), 0.1), one[0])


def test_a_typical_spread_is_found_whatever_one_network_does():
    rng = np.random.default_rng(0)
    runs = {k: {"m": rng.normal(0, 0.7, (3, 1))} for k in range(999)}
    typical, free = compare_models._typical({**runs, "wild": {"m": np.array([[0.0], [1e6]])}, "c": {}}, "m")
    assert typical == pytest.approx(0.7, rel=0.05) and free == 1999


def test_buyers_among_the_top_are_counted(monkeypatch):
    monkeypatch.setattr(compare_models, "TOP", 3)
    y, p = np.array([1, 0, 1, 1, 0, 0.0]), np.array([0.9, 0.8, 0.1, 0.7, 0.2, 0.3])
    twice = np.array([[1.0] * 6, [2, 0, 0, 1, 1, 2], [0, 3, 0, 0, 3, 0]])
    assert compare_models._among_the_top(y, p, twice) == pytest.approx([2, 3, 0])


def test_the_level_is_put_right_by_one_number():
    p, y = np.array([0.1, 0.2, 0.6]), np.array([1.0, 0, 1])
    shift = compare_models._shift(p, y)
    assert (1 / (1 + np.exp(-np.log(p / (1 - p)) - shift))).mean() == pytest.approx(2 / 3)


@pytest.fixture(scope="module")
def split():
    raw = load_cdnow()
    task = event_task(raw, "1997-10-01", 39, 39, half_lives=baselines.HALF_LIVES)
    return merge_same_day(raw), [task.take(rows) for rows in split_users(len(task))]


def test_table_agrees_with_the_baselines_fitted_again(table, split):
    _, (train, _, test) = split
    for model, name in ((baselines.DecayedCount(), "decayed count"), (baselines.BaseRate(), "base rate")):
        p, mu = model.fit(train).predict(test)
        kept = scores(table, "cdnow_39")[name]["scores"]
        again = evaluation.score_probabilities(test.returned, p) | evaluation.score_counts(test.counts, mu)
        for metric in ("log_loss", "brier", "auc", "poisson_deviance", "mae", "rmse"):
            assert again[metric] == pytest.approx(kept[metric]["value"][0], abs=2e-5), (name, metric)


@pytest.mark.slow
def test_table_agrees_with_a_network_trained_again(table, split):
    """The LSTM for one answer with another seed: within a twentieth of what a decayed count gains, as the
    chapter says.
    """
    log, (train, validation, test) = split
    protocol = table["protocol"]
    kept = scores(table, "cdnow_39")[KINDS["lstm"] + compare_models.ALONE]["scores"]["log_loss"]
    model = event_network("lstm", protocol["events"] + 1, units=protocol["units"], seed=11)

    def pair(task):
        inputs = event_inputs(log, task.cut, task.users, protocol["events"])
        return inputs, {"returned": task.returned[:, None], "counts": task.counts[:, None]}

    fit_network(model, pair(train), pair(validation), seed=11, **protocol["training"],
                optimizer=keras.optimizers.Adam(**protocol["adam"]),
                loss_weights={"returned": 1, "counts": 0})
    p = model.predict(pair(test)[0], batch_size=4096, verbose=0)["returned"][:, 0]
    again = evaluation.score_probabilities(test.returned, p)["log_loss"]
    loss = {name: scores(table, "cdnow_39")[name]["scores"]["log_loss"]["value"][0]
            for name in ("base rate", "decayed count")}
    assert abs(again - kept["value"][0]) < (loss["base rate"] - loss["decayed count"]) / 20, (again, kept)

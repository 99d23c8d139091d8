"""networks: parameter counts, heads, training, standardisation, saving, seeds, errors."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from interestdecay_lib import networks
from interestdecay_lib.forecasts import predict
from interestdecay_lib.lstm import LSTMWeights, lstm_forward
from interestdecay_lib.networks import keras
from interestdecay_lib.tasks import EventTask


@pytest.fixture(scope="module")
def task():
    """120 simulated customers over 12 weeks, in the shape of a `tasks.EventTask`."""
    rng = np.random.default_rng(1)
    rate = rng.gamma(0.5, 0.6, size=120)
    days = rng.poisson(rate[:, None], (120, 12)).astype(np.float32)
    dollars = np.log1p(days * rng.gamma(4.0, 8.0, size=days.shape)).astype(np.float32)
    begun = (np.arange(12) >= rng.integers(0, 6, 120)[:, None]).astype(np.float32)
    purchases = rng.poisson(8 * rate)
    features = pd.DataFrame({"recency": rng.uniform(0, 12, 120), "frequency": days.sum(1)})
    return EventTask(
        cut=pd.Timestamp("1997-10-01"),
        horizon_weeks=8,
        users=np.arange(120),
        weekly=np.stack([days, dollars, begun], axis=-1),
        features=features,
        summary=pd.DataFrame(index=range(120)),
        returned=(purchases > 0).astype(int),
        counts=purchases,
    )


def pair(task, rows, static=()):
    return networks.weekly_arrays(task, rows, static)


def weights_equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


# ---------------------------------------------------------------- builders


@pytest.mark.parametrize(("steps", "features", "units"), [(11, 1, 50), (3, 1, 50), (78, 2, 50), (5, 4, 7)])
def test_article_lstm_parameter_count(steps, features, units):
    first = 4 * (units * (features + units) + units)
    second = 4 * (units * (units + units) + units)
    model = networks.article_lstm(steps, features, units=units)
    assert model.count_params() == first + second + units + 1
    assert model.output_shape == (None, 1)


def test_article_lstm_of_the_articles_has_30651_parameters_and_their_activation():
    for activation in ("relu", "tanh"):
        model = networks.article_lstm(11, activation=activation)
        assert model.count_params() == 30_651
        assert [layer.activation.__name__ for layer in model.layers[:2]] == [activation] * 2


@pytest.mark.parametrize(("cell", "gates", "biases"), [("lstm", 4, 1), ("gru", 3, 2), ("rnn", 1, 1)])
def test_purchase_network_parameter_count(cell, gates, biases):
    units, features = 8, 3
    model = networks.weekly_network(12, features, units=units, cell=cell, static=("recency",))
    trunk = gates * (units * (features + units) + biases * units)
    heads = 2 * (units + 1 + 1)  # one static input joins the state
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == trunk + heads


@pytest.mark.slow
def test_trunk_is_the_lstm_of_the_book(task):
    model = networks.weekly_network(12, 3, units=5, seed=3)
    networks.fit_network(model, pair(task, np.arange(100)), epochs=2, patience=None, batch_size=50)
    scaled = keras.Model(model.input, model.get_layer("standardise_weekly").output)
    x = scaled.predict(task.weekly, verbose=0).astype(float)
    h = lstm_forward(x, LSTMWeights.from_keras(model.get_layer("lstm"))).h[:, -1]
    kernel, bias = model.get_layer("returned").get_weights()
    p, mu = predict(model, task)
    assert p == pytest.approx(expit(h @ kernel + bias)[:, 0], abs=1e-6)
    kernel, bias = model.get_layer("counts").get_weights()
    assert mu == pytest.approx(np.exp(h @ kernel + bias)[:, 0], rel=1e-5)


def test_heads_stay_in_their_ranges_on_extreme_input(task):
    model = networks.weekly_network(12, 3, units=4)
    wild = dataclasses.replace(task, weekly=task.weekly * 1e6)
    p, mu = predict(model, wild)
    assert p.shape == mu.shape == (120,)
    assert p.dtype == mu.dtype == np.float64
    assert ((p >= 0) & (p <= 1)).all()
    assert (mu >= 0).all() and np.isfinite(mu).all()


def test_l2_adds_the_sum_of_squared_kernels():
    model = networks.weekly_network(4, 3, units=3, l2=0.01)
    kernels = [w.numpy() for w in model.trainable_weights if "kernel" in w.path]
    assert len(kernels) == 4
    assert float(sum(model.losses)) == pytest.approx(0.01 * sum((k**2).sum() for k in kernels), rel=1e-5)
    assert not networks.weekly_network(4, 3, units=3).losses


def test_dropout_acts_in_training_only(task):
    model = networks.weekly_network(12, 3, units=16, dropout=0.5)
    x = task.weekly[:8]
    calm = [np.asarray(model(x)["returned"]) for _ in range(2)]
    wild = [np.asarray(model(x, training=True)["returned"]) for _ in range(2)]
    assert np.array_equal(*calm)
    assert not np.allclose(*wild)


@pytest.mark.slow
def test_flat_weights_carry_a_trained_model_and_its_scale(task):
    trained = networks.weekly_network(12, 3, units=4, seed=0)
    networks.fit_network(trained, pair(task, np.arange(80)), epochs=1, patience=None)
    numbers = networks.flat_weights(trained)
    again = networks.set_flat_weights(networks.weekly_network(12, 3, units=4, seed=5), numbers)
    assert numbers.dtype == np.float32 and len(numbers) == trained.count_params()
    assert np.array_equal([*predict(again, task)], [*predict(trained, task)])
    with pytest.raises(ValueError, match="numbers, got an array of shape"):
        networks.set_flat_weights(again, numbers[1:])
    with pytest.raises(ValueError, match="1 of the numbers"):
        networks.set_flat_weights(again, np.where(np.arange(len(numbers)) == 3, np.nan, numbers))


# ---------------------------------------------------------------- standardisation


@pytest.mark.slow
def test_standardisation_uses_training_rows_only(task):
    train, rest = np.arange(60), np.arange(60, 120)
    changed = dataclasses.replace(task, weekly=task.weekly.copy())
    changed.weekly[rest] *= 50
    models = []
    for data in (task, changed):
        model = networks.weekly_network(12, 3, units=4, static=("recency",))
        networks.fit_network(
            model, pair(data, train, ["recency"]), pair(data, rest, ["recency"]), epochs=2, patience=None
        )
        models.append(model)
    assert weights_equal(*models)
    scaler = models[0].get_layer("standardise_weekly")
    flat = task.weekly[train].reshape(-1, 3)
    assert np.asarray(scaler.mean).ravel() == pytest.approx(flat.mean(0), abs=1e-6)
    assert np.asarray(scaler.variance).ravel() == pytest.approx(flat.var(0), rel=1e-4)
    recency = np.log1p(task.features["recency"].to_numpy()[train])
    assert float(np.asarray(models[0].get_layer("standardise_recency").mean).item()) == pytest.approx(
        recency.mean(), rel=1e-5
    )


@pytest.mark.slow
def test_predicting_before_training_leaves_no_old_scale_behind(task):
    rows = np.arange(80)
    curious, plain = (networks.weekly_network(12, 3, units=4) for _ in range(2))
    predict(curious, task)
    for model in (curious, plain):
        networks.fit_network(model, pair(task, rows), epochs=1, patience=None)
    assert np.array_equal([*predict(curious, task)], [*predict(plain, task)])


def test_constant_feature_is_refused(task):
    x, y = pair(task, np.arange(50))
    x[..., 2] = 3
    with pytest.raises(ValueError, match=r"feature\(s\) \[2\] have one value"):
        networks.fit_network(networks.weekly_network(12, 3, units=2), (x, y), epochs=1)


# ---------------------------------------------------------------- training


@pytest.mark.slow
def test_network_can_learn_twenty_customers_by_heart(task):
    rows = np.arange(20)
    model = networks.weekly_network(12, 3, units=16)
    history = networks.fit_network(
        model, pair(task, rows), epochs=250, patience=None, batch_size=20, learning_rate=0.02
    )
    assert history["returned_loss"].iloc[0] > 0.5
    assert history["returned_loss"].iloc[-1] < 0.02
    p, mu = predict(model, task.take(rows))
    assert ((p > 0.5) == (task.returned[rows] == 1)).all()
    assert np.corrcoef(mu, task.counts[rows])[0, 1] > 0.97


@pytest.mark.slow
def test_same_seed_same_weights_whatever_the_global_generators_say(task):
    rows, rest = np.arange(90), np.arange(90, 120)
    models, histories = [], []
    for seed, world in ((5, 1), (5, 2), (6, 1)):
        networks.set_seed(world)
        model = networks.weekly_network(12, 3, units=6, dropout=0.3, seed=seed)
        histories.append(
            networks.fit_network(
                model, pair(task, rows), pair(task, rest), seed=seed, epochs=4, batch_size=30
            )
        )
        models.append(model)
    assert weights_equal(models[0], models[1])
    pd.testing.assert_frame_equal(histories[0], histories[1])
    assert not weights_equal(models[0], models[2])


@pytest.mark.slow
def test_fit_seed_changes_the_order_of_the_batches_only(task):
    models = [networks.weekly_network(12, 3, units=2) for _ in range(2)]
    assert weights_equal(*models)
    for seed, model in enumerate(models):
        networks.fit_network(model, pair(task, np.arange(60)), seed=seed, epochs=1, batch_size=20)
    assert not weights_equal(*models)


def test_an_epoch_visits_every_row_once_in_even_batches():
    x = np.arange(21, dtype=np.float32)[:, None]
    batches, steps = networks._shuffled(x, -x, 5, seed=1)
    assert steps == 5
    seen = [(a[:, 0].numpy(), b[:, 0].numpy()) for a, b in batches.take(2 * steps)]
    epochs = seen[:steps], seen[steps:]
    for epoch in epochs:
        assert sorted(len(a) for a, _ in epoch) == [4, 4, 4, 4, 5]
        assert sorted(np.concatenate([a for a, _ in epoch])) == x[:, 0].tolist()
        assert all(np.array_equal(a, -b) for a, b in epoch)
    first, second = (np.concatenate([a for a, _ in epoch]) for epoch in epochs)
    assert not np.array_equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sgd", "SGD"])
def test_clipping_keeps_the_direction_of_the_whole_gradient(name):
    """Two arrays, one with a huge gradient: one number scales both (with Keras' clipnorm it would not)."""
    weights = [keras.Variable(np.zeros(2)), keras.Variable(0.0)]
    gradient = [np.array([300.0, 400.0]), np.array(0.5)]
    optimizer = networks._optimizer(name, 1.0, 1.0)
    optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradient], weights)
    step = -np.r_[weights[0].numpy(), weights[1].numpy()]
    flat = np.r_[gradient[0], gradient[1]]
    assert step == pytest.approx(flat / np.linalg.norm(flat), rel=1e-5)
    short = [keras.ops.convert_to_tensor(1e-3 * g, "float32") for g in gradient]     # length 0.5: untouched
    before = weights[1].numpy()
    optimizer.apply(short, weights)
    assert before - weights[1].numpy() == pytest.approx(0.0005, rel=1e-3)


def test_fit_leaves_the_global_generator_alone(task):
    networks.set_seed(3)
    expected = np.random.random(), float(keras.random.uniform(()))  # noqa: NPY002
    networks.set_seed(3)
    networks.fit_network(
        networks.weekly_network(12, 3, units=2, dropout=0.2), pair(task, np.arange(40)), epochs=1
    )
    networks.article_lstm(3, units=2)
    assert (np.random.random(), float(keras.random.uniform(()))) == expected  # noqa: NPY002


@pytest.mark.slow
def test_early_stopping_restores_the_best_epoch(task):
    rows, rest = np.arange(30), np.arange(30, 120)
    model = networks.weekly_network(12, 3, units=16)
    history = networks.fit_network(
        model, pair(task, rows), pair(task, rest), epochs=150, patience=5, batch_size=30, learning_rate=0.02
    )
    best = history.attrs["best_epoch"]
    assert len(history) == best + 5 < 150
    assert history["val_loss"].idxmin() == best
    p, mu = predict(model, task.take(rest))
    tiny = keras.config.epsilon()  # Keras keeps both losses finite by it
    bce = -np.mean(np.log(np.clip(np.where(task.returned[rest] == 1, p, 1 - p), tiny, 1 - tiny)))
    poisson = np.mean(mu - task.counts[rest] * np.log(mu + tiny))
    # single precision; in some worlds the two terms cancel, so what counts is the error itself
    assert history["val_loss"][best] == pytest.approx(bce + poisson, abs=1e-5)
    assert history["val_returned_loss"][best] == pytest.approx(bce, abs=1e-5)


@pytest.mark.slow
def test_validation_rows_never_reach_the_weights(task):
    rows, rest = np.arange(60), np.arange(60, 120)
    models = [networks.weekly_network(12, 3, units=4) for _ in range(2)]
    networks.fit_network(models[0], pair(task, rows), pair(task, rest), epochs=3, patience=None)
    networks.fit_network(models[1], pair(task, rows), epochs=3, patience=None)
    assert weights_equal(*models)


@pytest.mark.slow
def test_article_lstm_learns_a_line():
    x = np.random.default_rng(0).uniform(0, 1, (200, 4, 1))
    y = x[:, -1, 0]
    history = networks.fit_network(
        networks.article_lstm(4, units=10),
        (x, y),
        epochs=100,
        patience=None,
        batch_size=32,
        learning_rate=0.01,
    )
    assert history["loss"].iloc[-1] < 0.02 * y.var()


@pytest.mark.slow
def test_compare_optimizers_starts_from_one_point_and_gives_the_model_back(task):
    rows, rest = np.arange(90), np.arange(90, 120)
    model = networks.weekly_network(12, 3, units=4)
    start = model.get_weights()
    curves = networks.compare_optimizers(
        model, pair(task, rows), pair(task, rest), ("sgd", "adam"), (0.001, 0.01), epochs=3, batch_size=45
    )
    assert list(curves.columns) == ["optimizer", "learning_rate", "epoch", "val_loss"]
    assert len(curves) == 2 * 2 * 4
    assert curves.query("epoch == 0")["val_loss"].nunique() == 1
    moving = ("standardise", "count", "mean", "variance")
    for before, variable in zip(start, model.weights, strict=True):
        if not any(word in variable.path for word in moving):
            assert np.array_equal(before, variable.numpy())
    # the second rate of one optimiser must equal a run of its own: neither weights nor moments carry over
    alone = networks.weekly_network(12, 3, units=4)
    history = networks.fit_network(
        alone, pair(task, rows), pair(task, rest), epochs=3, patience=None, batch_size=45, learning_rate=0.01
    )
    together = curves.query("optimizer == 'adam' and learning_rate == 0.01 and epoch > 0")["val_loss"]
    assert together.to_numpy() == pytest.approx(history["val_loss"].to_numpy(), rel=1e-6)


# ---------------------------------------------------------------- arrays and files


def test_purchase_arrays(task):
    rows = np.array([7, 3, 11])
    x, y = networks.weekly_arrays(task, rows, "frequency")
    assert np.array_equal(x["weekly"], task.weekly[rows])
    assert x["frequency"] == pytest.approx(np.log1p(task.weekly[rows, :, 0].sum(1))[:, None])
    assert np.array_equal(y["counts"][:, 0], task.counts[rows])
    assert np.array_equal(y["returned"][:, 0], task.returned[rows])
    with pytest.raises(KeyError, match="age"):
        networks.weekly_arrays(task, rows, ["age"])


@pytest.mark.parametrize("static", [(), ("recency", "frequency")])
@pytest.mark.slow
def test_reloaded_model_predicts_the_same(task, tmp_path, static):
    model = networks.weekly_network(12, 3, units=4, cell="gru", dropout=0.1, l2=1e-4, static=static)
    networks.fit_network(model, pair(task, np.arange(100), static), epochs=2, patience=None)
    path = tmp_path / "model.keras"
    model.save(path)
    again = keras.saving.load_model(path, safe_mode=True)
    assert np.array_equal([*predict(model, task)], [*predict(again, task)])
    scaler = again.get_layer("standardise_weekly")
    assert np.asarray(scaler.mean).ravel() == pytest.approx(
        task.weekly[:100].reshape(-1, 3).mean(0), abs=1e-6
    )


def test_no_builder_uses_lambda():
    built = [
        networks.article_lstm(3),
        *(networks.weekly_network(3, 2, cell=cell) for cell in networks.CELLS),
    ]
    kinds = {type(layer) for model in built for layer in model.layers}
    assert keras.layers.Lambda not in kinds
    assert all(kind.__module__.startswith("keras.") for kind in kinds)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0, "features": 3}, "steps must be a whole number"),
        ({"steps": 3, "features": 3, "units": 2.5}, "units must be a whole number"),
        ({"steps": 3, "features": 3, "cell": "transformer"}, "cell must be one of"),
        ({"steps": 3, "features": 3, "dropout": 1.0}, r"dropout must lie in \[0, 1\)"),
        ({"steps": 3, "features": 3, "l2": -1}, "l2 must be zero or positive"),
        ({"steps": 3, "features": 3, "static": ("recency", "recency")}, "static must name different"),
    ],
)
def test_purchase_network_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        networks.weekly_network(**arguments)


def test_other_refusals(task):
    with pytest.raises(ValueError, match='activation must be "relu" or "tanh"'):
        networks.article_lstm(3, activation="gelu")
    model = networks.weekly_network(12, 3, units=2)
    x, y = pair(task, np.arange(10))
    with pytest.raises(ValueError, match="same number of rows"):
        networks.fit_network(model, (x[:5], y))
    broken = x.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="validation: the inputs hold NaN"):
        networks.fit_network(model, (x, y), (broken, y))
    with pytest.raises(ValueError, match="optimizer must be one of"):
        networks.fit_network(model, (x, y), optimizer="magic")
    with pytest.raises(ValueError, match="give learning_rate to the optimizer object"):
        networks.fit_network(model, (x, y), optimizer=keras.optimizers.Adam(), learning_rate=0.1)
    with pytest.raises(ValueError, match="epochs must be a whole number"):
        networks.fit_network(model, (x, y), epochs=0)
    with pytest.raises(ValueError, match='heads "returned" and "counts"'):
        predict(networks.article_lstm(12, 3, units=2), task)
    with pytest.raises(ValueError, match=r"shape \(9, 3\), got \(12, 3\)"):
        predict(networks.weekly_network(9, 3, units=2), task)

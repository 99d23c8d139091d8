"""The networks that `explaining` takes apart, and what a library of explanations makes of one.

    python book/_measure/explaining.py            train, compare, write both files (a few minutes)
    python book/_measure/explaining.py shap       only what shap does, with the stored networks

Five LSTMs that read their last output and five with attention learn from 20,000 SIMULATED customers
(`explaining.simulate_history`), 0 or 1 each; 5,000 more stop the training. Weights go to
book/_data/explaining.npz, a row a seed; losses, and what shap does with an LSTM, to
book/_data/explaining.json.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from interestdecay_lib import networks
from interestdecay_lib.explaining import ScoringNetwork, game, shapley_values, simulate_history
from interestdecay_lib.lstm import LSTMWeights

ROOT = Path(__file__).parents[2]
WEIGHTS, OUTPUT = ROOT / "book/_data/explaining.npz", ROOT / "book/_data/explaining.json"
SEEDS, UNITS, PROTOCOL = 5, 8, {"customers": 20_000, "unseen": 5_000, "epochs": 60, "patience": 5,
                                "batch_size": 256, "learning_rate": 0.005}


def build(attention: bool, seed: int):
    """A Keras network of two inputs a week: LSTM, perhaps attention, one log-odds."""
    keras = networks.keras
    weeks = keras.Input((26, 2))
    h = keras.layers.LSTM(UNITS, return_sequences=True, seed=seed, name="lstm",
                          kernel_initializer=keras.initializers.GlorotUniform(seed),
                          recurrent_initializer=keras.initializers.Orthogonal(seed=seed + 1))(weeks)
    if attention:
        score = keras.layers.Dense(1, use_bias=False, name="score",
                                   kernel_initializer=keras.initializers.GlorotUniform(seed + 2))(h)
        pooled = keras.layers.Flatten()(keras.layers.Dot(axes=1)([keras.layers.Softmax(axis=1)(score), h]))
    else:
        pooled = keras.layers.Cropping1D((25, 0))(h)
        pooled = keras.layers.Flatten()(pooled)
    odds = keras.layers.Dense(1, name="odds", kernel_initializer=keras.initializers.GlorotUniform(seed + 3))
    return keras.Model(weeks, odds(pooled))


def in_numpy(net) -> ScoringNetwork:
    names = {layer.name for layer in net.layers}
    head, bias = net.get_layer("odds").get_weights()
    u = net.get_layer("score").get_weights()[0][:, 0] if "score" in names else None
    return ScoringNetwork(LSTMWeights.from_keras(net.get_layer("lstm")), head[:, 0], float(bias[0]), u)


def train(attention: bool, seed: int, people, unseen):
    keras = networks.keras
    networks.set_seed(seed)
    net = build(attention, 5 * seed)
    net.compile(keras.optimizers.Adam(PROTOCOL["learning_rate"]),
                keras.losses.BinaryCrossentropy(from_logits=True))
    stop = keras.callbacks.EarlyStopping(patience=PROTOCOL["patience"], restore_best_weights=True)
    fitted = net.fit(people.x, people.bought, validation_data=(unseen.x, unseen.bought), verbose=0,
                     epochs=PROTOCOL["epochs"], batch_size=PROTOCOL["batch_size"], callbacks=[stop])
    here = in_numpy(net)
    assert np.abs(here.log_odds(unseen.x[:500]) - net.predict(unseen.x[:500], verbose=0)[:, 0]).max() < 1e-5
    loss = fitted.history["val_loss"]
    return here, {"epochs": len(loss), "loss": round(min(loss), 4)}


def compare(net, here: ScoringNetwork, unseen) -> list[dict]:
    """What shap says of a trained LSTM and 5 customers with 8 weeks of purchases; against all coalitions."""
    import shap

    weeks = unseen.x[:, :, 0] > 0
    some = np.flatnonzero(weeks.sum(axis=1) == 8)[:5]
    where = [np.flatnonzero(weeks[i]) for i in some]

    def model_of(i):
        def model(z):
            x = np.repeat(unseen.x[[i]], len(z), axis=0)
            x[:, np.flatnonzero(weeks[i]), 0] *= np.asarray(z)
            return here.log_odds(x)
        return model

    exact = np.array([shapley_values(game(model_of(i), np.ones(8)), 8) for i in some])
    none, ones = np.zeros((1, 8)), np.ones((1, 8))

    def by_masks(kind):
        if kind == "KernelExplainer":
            return [shap.KernelExplainer(model_of(i), none).shap_values(ones, silent=True)[0] for i in some]
        if kind == "SamplingExplainer":
            return [shap.SamplingExplainer(model_of(i), none).shap_values(ones, silent=True)[0] for i in some]
        if kind == "ExactExplainer":
            return [shap.explainers.Exact(model_of(i), none)(ones).values[0] for i in some]
        return [shap.PermutationExplainer(model_of(i), none)(ones, silent=True).values[0] for i in some]

    def by_weeks(kind):
        base = unseen.x[some] * 1.0
        base[:, :, 0] = 0
        explain = shap.GradientExplainer if kind == "GradientExplainer" else shap.DeepExplainer
        found = [np.squeeze(explain(net, base[[k]].astype("float32")).shap_values(
            unseen.x[[i]].astype("float32"))) for k, i in enumerate(some)]
        return [f[w, 0] for f, w in zip(found, where, strict=True)]

    rows = []
    for kind, how in [("KernelExplainer", by_masks), ("ExactExplainer", by_masks),
                      ("PermutationExplainer", by_masks), ("SamplingExplainer", by_masks),
                      ("GradientExplainer", by_weeks), ("DeepExplainer", by_weeks)]:
        np.random.seed(0)  # noqa: NPY002 (shap draws from it)
        started = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                off, failed = float(np.abs(np.array(how(kind)) - exact).max()), None
        except Exception as error:  # a failure is the result
            off, failed = None, type(error).__name__
        rows.append({"explainer": kind, "off": off, "failed": failed,
                     "seconds": round(time.process_time() - started, 2)})
        print(rows[-1], flush=True)
    return rows


def trains(net, people) -> bool:
    """Whether TensorFlow can still make one step."""
    try:
        net.compile("sgd", networks.keras.losses.BinaryCrossentropy(from_logits=True))
        net.fit(people.x[:64], people.bought[:64], verbose=0)
    except Exception as error:  # a failure is the result
        print(type(error).__name__)
        return False
    return True


def libraries(unseen) -> dict:
    """What shap does with the first stored network, and whether TensorFlow trains before and afterwards."""
    import shap

    here = ScoringNetwork.read(WEIGHTS, "last")[0]
    net = build(False, 0)
    net.get_layer("lstm").set_weights(here.weights.to_keras())
    net.get_layer("odds").set_weights([here.head[:, None], np.array([here.bias])])
    if not trains(build(False, 0), unseen):
        raise AssertionError("TensorFlow does not train to begin with")
    return {"shap": compare(net, here, unseen), "trains_afterwards": trains(build(False, 1), unseen),
            "version": shap.__version__}


def main() -> None:
    unseen = simulate_history(PROTOCOL["unseen"], seed=2)
    if sys.argv[1:] == ["shap"]:
        scores = json.loads(OUTPUT.read_text(encoding="utf-8"))["networks"]
    else:
        scores = train_all(unseen)
    OUTPUT.write_text(json.dumps({"protocol": PROTOCOL, "networks": scores, **libraries(unseen)}, indent=1)
                      + "\n", encoding="utf-8")


def train_all(unseen) -> dict:
    """Ten networks; their weights are stored, their losses returned."""
    people = simulate_history(PROTOCOL["customers"], seed=1)
    arrays, scores = {}, {}
    for attention in (False, True):
        name, found = ("attention" if attention else "last"), []
        for seed in range(SEEDS):
            here, score = train(attention, seed, people, unseen)
            print(name, seed, score, flush=True)
            found.append(here)
            scores.setdefault(name, []).append(score)
        arrays |= {f"{name}_kernel": [f.weights.input_kernel for f in found],
                   f"{name}_recurrent": [f.weights.recurrent_kernel for f in found],
                   f"{name}_lstm_bias": [f.weights.bias for f in found],
                   f"{name}_head": [f.head for f in found], f"{name}_bias": [f.bias for f in found]}
        if attention:
            arrays["attention_u"] = [f.attention for f in found]
    np.savez_compressed(WEIGHTS, **{k: np.array(v, dtype=np.float32) for k, v in arrays.items()})
    return scores


if __name__ == "__main__":
    main()

"""One LSTM layer forward: `lstm.lstm_forward` against the ways to run the same weights in Keras."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from interestdecay_lib.lstm import LSTMWeights, lstm_forward

SHAPES = [                              # batch, steps, inputs, units
    (256, 50, 16, 64),
    (32, 39, 3, 32),
]


def run(time_it: Callable) -> list[dict]:
    return [row for shape in SHAPES for row in _one_shape(*shape, time_it)]


def _one_shape(batch: int, steps: int, inputs: int, units: int, time_it: Callable) -> list[dict]:
    from interestdecay_lib.networks import keras, tf

    x64 = np.random.default_rng(0).normal(size=(batch, steps, inputs))
    x = x64.astype(np.float32)
    tensor = tf.constant(x)
    model = keras.Sequential([keras.Input((steps, inputs)), keras.layers.LSTM(units)])
    weights = LSTMWeights.from_keras(model.layers[0])
    graph = tf.function(lambda batch: model(batch, training=False))
    compiled = tf.function(lambda batch: model(batch, training=False), jit_compile=True)
    methods = {
        "this book: lstm_forward, float64":
            lambda: lstm_forward(x64, weights, return_gates=False).h[:, -1],
        "this book: lstm_forward, float32":
            lambda: lstm_forward(x, weights, return_gates=False, dtype=np.float32).h[:, -1],
        "Keras, tf.function": lambda: graph(tensor).numpy(),
        "Keras, tf.function with XLA": lambda: compiled(tensor).numpy(),
        "Keras, predict_on_batch": lambda: model.predict_on_batch(x),
        "Keras, predict": lambda: model.predict(x, batch_size=batch, verbose=0),
        "Keras, eager call": lambda: model(tensor, training=False).numpy(),
    }
    right = methods["this book: lstm_forward, float64"]()
    rows = []
    for name, call in methods.items():
        difference = float(np.abs(call() - right).max())
        assert difference < 1e-5, f"{name}: differs by {difference}"
        rows.append({"batch": batch, "steps": steps, "inputs": inputs, "units": units, "method": name,
                     "ms": 1000 * time_it(call), "max_difference": difference})
        rows[-1]["ratio_to_book"] = rows[-1]["ms"] / rows[0]["ms"]
    return rows

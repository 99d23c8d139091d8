"""The time-aware layers against `keras.layers.LSTM` and `keras.layers.RNN(LSTMCell)` of the same size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BATCH, STEPS, INPUTS, UNITS = 256, 50, 16, 64


def run(time_it: Callable) -> list[dict]:
    """One forward pass and one training step (forward and backward), compiled; one forward pass, eager."""
    from interestdecay_lib.event_networks import GraphRNN
    from interestdecay_lib.networks import keras, tf
    from interestdecay_lib.time_aware import ContinuousLSTMCell, DecayGRUCell, TimeLSTMCell

    layers = {
        "keras.layers.LSTM": keras.layers.LSTM(UNITS),
        "keras.layers.GRU": keras.layers.GRU(UNITS),
        "keras.layers.RNN(LSTMCell)": keras.layers.RNN(keras.layers.LSTMCell(UNITS)),
        "keras.layers.RNN(GRUCell)": keras.layers.RNN(keras.layers.GRUCell(UNITS)),
        "this book: GraphRNN(LSTMCell)": GraphRNN(keras.layers.LSTMCell(UNITS)),
        "this book: GraphRNN(DecayGRUCell)": GraphRNN(DecayGRUCell(UNITS)),
        "this book: GraphRNN(TimeLSTMCell, log)": GraphRNN(TimeLSTMCell(UNITS, "log")),
        "this book: GraphRNN(TimeLSTMCell, exp)": GraphRNN(TimeLSTMCell(UNITS, "exp")),
        "this book: GraphRNN(ContinuousLSTMCell)": GraphRNN(ContinuousLSTMCell(UNITS)),
    }
    x = np.abs(np.random.default_rng(0).normal(size=(BATCH, STEPS, INPUTS + 1))).astype(np.float32)
    rows = []
    for name, layer in layers.items():
        cell = getattr(layer, "cell", None)
        decays = isinstance(cell, (DecayGRUCell, TimeLSTMCell, ContinuousLSTMCell))
        given = tf.constant(x if decays else x[..., :-1])               # its last channel is the elapsed time
        layer(given)                                                    # builds it

        def train(layer=layer, given=given):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(layer(given) ** 2)
            return tape.gradient(loss, layer.trainable_variables)

        forward, step = tf.function(layer), tf.function(train)
        assert np.allclose(forward(given), layer(given), atol=1e-5), name
        rows.append({"batch": BATCH, "steps": STEPS, "inputs": INPUTS, "units": UNITS, "method": name,
                     "ms": 1000 * time_it(lambda forward=forward, given=given: forward(given).numpy()),
                     "train_ms": 1000 * time_it(lambda step=step: step()[0].numpy()),
                     "eager_ms": 1000 * time_it(lambda layer=layer, given=given: layer(given).numpy())})
    of = {row["method"]: row for row in rows}
    for row in rows:
        for key, base in (("lstm", "keras.layers.LSTM"), ("rnn_lstm_cell", "keras.layers.RNN(LSTMCell)")):
            for kind in ("ms", "train_ms", "eager_ms"):
                row[f"{kind.removesuffix('ms')}ratio_to_{key}"] = round(row[kind] / of[base][kind], 2)
    return rows

"""The time-aware layers and Keras' own, all against `keras.layers.RNN(LSTMCell)` of the same size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from race import Case, Method, Table

BATCH, STEPS, INPUTS, UNITS = 256, 50, 16, 64
BASE = "keras.layers.RNN(LSTMCell)"
NEEDS: list[str] = []
#: A training step (forward and backward) and one forward pass, compiled; one forward pass, eager.
TABLES = {
    "layers": Table("Training step of one layer", "shape", "train_ratio_to_rnn_lstm_cell", shown=False),
    "layers_forward": Table("Forward pass of one layer", "shape", "ratio_to_rnn_lstm_cell", shown=False),
    "layers_eager": Table("Forward pass, eager", "shape", "eager_ratio_to_rnn_lstm_cell", shown=False),
}


def layers() -> dict[str, tuple]:
    """Every layer by its name, and whether it is given the elapsed time."""
    from interestdecay_lib.event_networks import GraphRNN
    from interestdecay_lib.networks import keras
    from interestdecay_lib.time_aware import ContinuousLSTMCell, DecayGRUCell, TimeLSTMCell

    return {
        BASE: (keras.layers.RNN(keras.layers.LSTMCell(UNITS)), False),
        "keras.layers.LSTM": (keras.layers.LSTM(UNITS), False),
        "keras.layers.GRU": (keras.layers.GRU(UNITS), False),
        "keras.layers.RNN(GRUCell)": (keras.layers.RNN(keras.layers.GRUCell(UNITS)), False),
        "this book: GraphRNN(LSTMCell)": (GraphRNN(keras.layers.LSTMCell(UNITS)), False),
        "this book: GraphRNN(DecayGRUCell)": (GraphRNN(DecayGRUCell(UNITS)), True),
        "this book: GraphRNN(TimeLSTMCell, log)": (GraphRNN(TimeLSTMCell(UNITS, "log")), True),
        "this book: GraphRNN(TimeLSTMCell, exp)": (GraphRNN(TimeLSTMCell(UNITS, "exp")), True),
        "this book: GraphRNN(ContinuousLSTMCell)": (GraphRNN(ContinuousLSTMCell(UNITS)), True),
    }


def forward_pass(layer, given) -> Callable:
    from interestdecay_lib.networks import tf

    compiled = tf.function(layer)
    return lambda: compiled(given).numpy()


def eager_pass(layer, given) -> Callable:
    return lambda: layer(given).numpy()


def training_step(layer, given) -> Callable:
    from interestdecay_lib.networks import tf

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(given) ** 2)
        return tape.gradient(loss, layer.trainable_variables)

    return lambda: step()[0].numpy()


def cases(scale: float = 1.0) -> Iterator[Case]:
    from interestdecay_lib.networks import tf

    batch = max(int(BATCH * scale), 2)
    x = np.random.default_rng(0).normal(size=(batch, STEPS, INPUTS + 1))
    x = np.abs(x).astype(np.float32)                                # its last channel is the elapsed time
    racing = {}
    for name, (layer, timed) in layers().items():
        given = tf.constant(x if timed else x[..., :-1])
        layer(given)                                                # builds it
        racing[name] = layer, given
    facts = {"shape": f"{batch} × {STEPS} × {INPUTS}, {UNITS} units"}
    ways = {"layers": training_step, "layers_forward": forward_pass, "layers_eager": eager_pass}
    for table, way in ways.items():
        methods = {name: Method(lambda way=way, given=given: way(*given), parallel=True)
                   for name, given in racing.items()}
        yield Case(table, facts, methods, _compare(table, racing))


def _compare(table: str, racing: dict[str, tuple]) -> Callable:
    """The compiled graph gives what the layer gives; so does its gradient, by the first weights."""
    from interestdecay_lib.networks import tf

    def compare(name: str, got: np.ndarray) -> dict:
        layer, given = racing[name]
        if table == "layers":
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(layer(given) ** 2)
            wanted = tape.gradient(loss, layer.trainable_variables)[0].numpy()
        else:
            wanted = layer(given).numpy()
        np.testing.assert_allclose(got, wanted, atol=1e-5, err_msg=f"{table}, {name}")
        return {}

    return compare

"""One LSTM layer forward: `lstm.lstm_forward` against the ways to run the same weights in Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from interestdecay_lib.lstm import LSTMWeights, lstm_forward
from race import Case, Method, Table

SHAPES = [                              # batch, steps, inputs, units
    (256, 50, 16, 64),
    (32, 39, 3, 32),
]
NEEDS: list[str] = []
TABLES = {"lstm": Table("One LSTM layer forward (batch × steps × inputs)", "shape")}


def cases(scale: float = 1.0) -> Iterator[Case]:
    for batch, steps, inputs, units in SHAPES:
        yield _case(max(int(batch * scale), 2), steps, inputs, units)


def _case(batch: int, steps: int, inputs: int, units: int) -> Case:
    from interestdecay_lib.networks import keras, tf

    x64 = np.random.default_rng(0).normal(size=(batch, steps, inputs))
    x = x64.astype(np.float32)
    tensor = tf.constant(x)
    model = keras.Sequential([keras.Input((steps, inputs)), keras.layers.LSTM(units)])
    weights = LSTMWeights.from_keras(model.layers[0])

    def forward(x: np.ndarray, dtype: type) -> np.ndarray:
        return lstm_forward(x, weights, return_gates=False, dtype=dtype).h[:, -1]

    def graph(**options: bool) -> Callable:
        compiled = tf.function(lambda batch: model(batch, training=False), **options)
        return lambda: compiled(tensor).numpy()

    methods = {
        "this book: lstm_forward, float64": lambda: lambda: forward(x64, np.float64),
        "this book: lstm_forward, float32": lambda: lambda: forward(x, np.float32),
        "Keras, tf.function": graph,
        "Keras, tf.function with XLA": lambda: graph(jit_compile=True),
        "Keras, predict_on_batch": lambda: lambda: model.predict_on_batch(x),
        "Keras, predict": lambda: lambda: model.predict(x, batch_size=batch, verbose=0),
        "Keras, eager call": lambda: lambda: model(tensor, training=False).numpy(),
    }
    right = model(tensor, training=False).numpy()

    def compare(name: str, last: np.ndarray) -> dict:
        difference = float(np.abs(last - right).max())
        assert difference < 1e-5, f"{name}: differs by {difference}"
        return {"max_difference": difference}

    ways = {name: Method(prepare, parallel=name.startswith("Keras")) for name, prepare in methods.items()}
    shape = f"{batch} × {steps} × {inputs}, {units} units"
    facts = {"shape": shape, "batch": batch, "steps": steps, "inputs": inputs, "units": units}
    return Case("lstm", facts, ways, compare)

r"""Networks that read a customer's last events, from plain to time-aware, all with the same two answers.

The layers that forget by the clock are in `time_aware`; here they become models that can be compared: same
inputs, same heads as `networks.purchase_network`, same training (`networks.fit_network`). The last step of
every history is the cut itself, an event-less step whose elapsed time is the pause since the last event.

Plain networks are given :math:`\ln(1 + \Delta)` as one feature more. The time-aware ones are not: there the
elapsed time acts through the decay alone. ``"gru_steps"`` sees no time at all; what it lacks against
``"gru"`` is what the pauses are worth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from interestdecay_lib.networks import keras, tf
from interestdecay_lib.time_aware import (
    AttentionalGRUCell,
    ContinuousLSTMCell,
    DecayAttention,
    DecayGRUCell,
    StepDecay,
    TimeLSTMCell,
    half_lives,
)
from interestdecay_lib.windows import last_events

__all__ = ["KINDS", "GraphRNN", "Positions", "event_inputs", "event_network", "learned_half_lives"]

ops = keras.ops
_registered = keras.saving.register_keras_serializable(package="interestdecay_lib")

#: What `event_network` builds, and its name in tables.
KINDS: dict[str, str] = {
    "mlp": "MLP on RFM features",
    "conv": "Conv1D, time as a feature",
    "rnn": "SimpleRNN, time as a feature",
    "lstm": "LSTM, time as a feature",
    "gru": "GRU, time as a feature",
    "gru_steps": "GRU that sees no time",
    "gru_d": "GRU-D, learned half-lives",
    "t_lstm": "T-LSTM, 1/log(e + elapsed)",
    "t_lstm_exp": "T-LSTM, learned half-lives",
    "ct_lstm": "continuous-time LSTM",
    "encoder_decoder": "encoder-decoder with decay factor",
    "attention": "time-decay attention",
    "augru": "AUGRU, attention fades with age",
    "transformer": "causal Transformer, time as a feature",
}


@_registered
class GraphRNN(keras.layers.RNN):
    """``keras.layers.RNN`` whose loop over time is one compiled graph also when it is called eagerly.

    ``fit`` and ``predict`` compile it anyway; a bare eager call of ``keras.layers.RNN`` (or of
    ``keras.layers.LSTM`` without a GPU) is a Python loop over the steps. Nothing else differs.

    Examples
    --------
    >>> GraphRNN(DecayGRUCell(4, seed=0))(np.ones((2, 5, 3), "float32")).shape
    TensorShape([2, 4])
    """

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        if not tf.executing_eagerly():
            return super().inner_loop(sequences, initial_state, mask, training=training)
        if not hasattr(self, "_compiled_loop"):
            self._compiled_loop = tf.function(super().inner_loop, reduce_retracing=True)
        return self._compiled_loop(sequences, initial_state, mask, training=bool(training))


@_registered
class Positions(keras.layers.Layer):
    """Add a learned vector to every step of ``(n, steps, k)``: attention alone has no order.

    Examples
    --------
    >>> Positions(seed=0)(np.zeros((2, 5, 3))).shape
    TensorShape([2, 5, 3])
    """

    def __init__(self, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed

    def build(self, input_shape: tuple) -> None:
        self.table = self.add_weight(shape=tuple(input_shape[1:]), name="table",
                                     initializer=keras.initializers.RandomNormal(stddev=0.05, seed=self.seed))
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs + self.table

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


def event_inputs(log: pd.DataFrame, cut, users=None, length: int = 12, value: str | None = "value"
                 ) -> dict[str, np.ndarray]:
    """The last events of each customer before the cut, and the cut as one more step.

    Parameters
    ----------
    log : DataFrame
        An event log. To count purchase days, pass it through `event_log.merge_same_day`.
    cut
        The moment of prediction; nothing at or after it is looked at.
    users : array, optional
        Users in the order of the rows; by default all with an event before the cut.
    length : int
        Events kept for each user; ``steps = length + 1``.
    value : str, optional
        Column of the third channel, not negative; None for a log without values.

    Returns
    -------
    dict of float32 arrays
        ``events`` (n, steps, 3): 1 for an event, 1 for the cut, log(1 + value); all three 0 where there is no
        step (padding in front). Without values (n, steps, 2). ``elapsed`` (n, steps): weeks since the user's
        event before, at the cut weeks since the last event.

    Raises
    ------
    ValueError
        Nothing happened before the cut, a column is missing, or a value is negative or missing.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [2, 2], "timestamp": pd.to_datetime(["1997-09-03", "1997-09-24"]),
    ...                     "value": [9.0, 19.0]})
    >>> x = event_inputs(log, "1997-10-01", length=3)
    >>> x["elapsed"].tolist(), x["events"][0, :, 0].tolist()
    ([[0.0, 0.0, 3.0, 1.0]], [0.0, 1.0, 1.0, 0.0])
    """
    if value is not None and value not in log.columns:
        raise ValueError(f"the log needs a column {value} for the third channel of the events; for a log "
                         "without values pass value=None")
    columns = ["gap", "age"] if value is None else ["gap", "age", value]
    found, present = last_events(log, length, cut, columns=columns, users=users)
    gap, age = found[..., 0], found[..., 1]
    n = len(found)
    events = np.zeros((n, length + 1, len(columns)), np.float32)
    events[:, :-1, 0], events[:, -1, 1] = present, 1
    if value is not None:
        if refused := int((found[..., 2] < 0).sum()):
            raise ValueError(f"{refused:,} events before the cut have a negative {value}; decide what "
                             "refunds mean before building inputs")
        events[:, :-1, 2] = np.log1p(found[..., 2])
    pause = np.where(present[:, -1], age[:, -1], 0.0)       # a user without events has had no last one
    return {"events": events, "elapsed": np.column_stack([gap, pause]).astype(np.float32)}


def event_network(kind: str, steps: int = 13, features: int = 3, units: int = 16, *, columns: int = 4,
                  decoder_steps: int = 6, half_life_range=(1.0, 64.0), seed: int = 0) -> keras.Model:
    """One of the networks in `KINDS`, with the heads ``bought`` and ``purchases``.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    steps, features : int
        Shape of ``events`` in `event_inputs`.
    units : int
        Size of the state; heads of attention share it.
    columns : int
        For ``"mlp"``: size of its only input, ``features``.
    decoder_steps : int
        For ``"encoder_decoder"``: the future is decoded in this many steps, and decays along them.
    half_life_range : (float, float)
        Where learned half-lives start, in weeks.
    seed : int
        Of the initial weights.

    Returns
    -------
    keras.Model
        Not compiled. Outputs ``bought`` in (0, 1) and ``purchases`` above 0, each (n, 1).

    Raises
    ------
    ValueError
        For an unknown kind.

    Examples
    --------
    >>> sorted(event_network("gru_d", units=4).output)
    ['bought', 'purchases']
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}, got {kind!r}")
    layers = keras.layers
    seeds = iter(range(1000 * seed, 1000 * seed + 1000))

    def dense(size: int, activation: str | None = None, name: str | None = None) -> keras.layers.Layer:
        return layers.Dense(size, activation, name=name,
                            kernel_initializer=keras.initializers.GlorotUniform(next(seeds)))

    def weights() -> dict[str, Any]:
        return {"kernel_initializer": keras.initializers.GlorotUniform(next(seeds)),
                "recurrent_initializer": keras.initializers.Orthogonal(seed=next(seeds)), "seed": seed}

    def model(inputs: dict[str, Any], state: Any) -> keras.Model:
        heads = {"bought": dense(1, "sigmoid", "bought")(state),
                 "purchases": dense(1, "exponential", "purchases")(state)}
        return keras.Model(inputs, heads, name=kind)

    if kind == "mlp":
        given = keras.Input((columns,), name="features")
        state = dense(2 * units, "relu")(layers.Normalization(name="standardise_features")(given))
        return model({"features": given}, dense(units, "relu")(state))

    given = {"events": keras.Input((steps, features), name="events"),
             "elapsed": keras.Input((steps,), name="elapsed")}
    elapsed = given["elapsed"][..., None]
    mask = ops.any(ops.not_equal(given["events"], 0), axis=-1)
    there = ops.cast(mask, "float32")[..., None]
    events = layers.Normalization(name="standardise_events")(given["events"]) * there
    clocked = layers.Concatenate(name="clocked")([events, elapsed])      # for the layers that decay by it
    timed = layers.Concatenate(name="timed")([events, ops.log1p(elapsed)])

    def recurrent(cell: Any, inputs: Any, **options: Any) -> Any:
        return GraphRNN(cell, name=options.pop("name", None), **options)(inputs, mask=mask)

    plain = {"rnn": layers.SimpleRNNCell, "lstm": layers.LSTMCell, "gru": layers.GRUCell}
    first = 1000 * seed
    if kind in plain:
        state = recurrent(plain[kind](units, **weights()), timed)
    elif kind == "gru_steps":
        state = recurrent(layers.GRUCell(units, **weights()), events)
    elif kind == "gru_d":
        state = recurrent(DecayGRUCell(units, half_life_range, seed=first), clocked, name=kind)
    elif kind in ("t_lstm", "t_lstm_exp"):
        decay = "exp" if kind == "t_lstm_exp" else "log"
        state = recurrent(TimeLSTMCell(units, decay, half_life_range, seed=first), clocked, name=kind)
    elif kind == "ct_lstm":
        state = recurrent(ContinuousLSTMCell(units, seed=first), clocked, name=kind)
    elif kind == "conv":
        state = timed
        for dilation in (1, 2):
            state = there * layers.Conv1D(
                units, 3, padding="causal", dilation_rate=dilation, activation="relu",
                kernel_initializer=keras.initializers.GlorotUniform(next(seeds)))(state)
        state = dense(units, "relu")(layers.Flatten()(state))
    elif kind == "attention":
        attend = DecayAttention(units // 4 or 1, 4, half_life_range, seed=first, name=kind)
        state = dense(units, "relu")(attend(clocked, mask=mask))
    elif kind == "augru":
        # attention of an event = relevance x what its age has left of it; the ages are sums of elapsed times
        interest = recurrent(layers.GRUCell(units, **weights()), timed, return_sequences=True)
        later = ops.concatenate([elapsed[:, 1:], ops.zeros_like(elapsed[:, :1])], axis=1)
        age = ops.flip(ops.cumsum(ops.flip(later, axis=1), axis=1), axis=1)
        score = dense(1, "sigmoid", "attention")(ops.concatenate([interest, ops.log1p(age)], axis=-1))
        state = recurrent(AttentionalGRUCell(units, seed=first),
                          layers.Concatenate()([interest, score]), name=kind)
    elif kind == "transformer":
        state = Positions(seed=next(seeds))(dense(units)(timed))
        for _ in range(2):
            inner = layers.LayerNormalization()(state)
            attended = layers.MultiHeadAttention(
                2, units // 2 or 1, seed=seed,
                kernel_initializer=keras.initializers.GlorotUniform(next(seeds)))
            state = state + attended(inner, inner, attention_mask=mask[:, None, :], use_causal_mask=True)
            state = state + dense(units)(dense(2 * units, "relu")(layers.LayerNormalization()(state)))
        state = layers.LayerNormalization()(state)[:, -1]
    else:
        code = recurrent(layers.GRUCell(units, **weights()), timed)
        decoded = layers.RNN(layers.GRUCell(units, **weights()), return_sequences=True)(
            layers.RepeatVector(decoder_steps)(code))
        state = layers.Flatten()(StepDecay(4.0, newest="first", name="decoder_decay")(decoded))
    return model(given, state)


def learned_half_lives(model: keras.Model) -> dict[str, np.ndarray]:
    """The half-lives of every layer that learns some, by the layer's name; in the unit of its elapsed times.

    Of ``"encoder_decoder"`` the unit is a decoder step.

    Raises
    ------
    ValueError
        If no layer of the model learns half-lives.

    Examples
    --------
    >>> learned_half_lives(event_network("attention", units=4))["attention"].round(2).tolist()
    [1.0, 4.0, 16.0, 64.0]
    """
    found = {}
    for layer in model.layers:
        if hasattr(getattr(layer, "cell", layer), "log_half_life"):
            found[layer.name] = half_lives(layer)
    if not found:
        raise ValueError(f"no layer of the model {model.name!r} learns half-lives: it has "
                         f"{[type(layer).__name__ for layer in model.layers]}")
    return found

r"""Networks that read a customer's last events, from plain to time-aware, all with the same two answers.

The layers that forget by the clock are in `time_aware`; here they become models that can be compared: same
inputs, same heads as `networks.weekly_network`, same training (`networks.fit_network`). The last step of
every history is the cut itself, an event-less step whose elapsed time is the pause since the last event.

Plain networks are given :math:`\ln(1 + \Delta)` as one feature more. The time-aware ones are not: there the
elapsed time acts through the decay alone (``"gru_d_timed"`` is given both). ``"gru_steps"`` sees no time at
all; what it lacks against ``"gru"`` is what the pauses are worth.

The encoder-decoder answers with a sequence, one step of the future after the other: `future_counts` are its
targets, `sequence_network` and `SEQUENCE_LOSSES` train it, and its two heads follow from the sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from interestdecay_lib._arguments import whole
from interestdecay_lib.event_log import WEEK, checked
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

__all__ = [
    "KINDS",
    "SEQUENCE_LOSSES",
    "GraphRNN",
    "Positions",
    "event_inputs",
    "event_network",
    "first_event_loss",
    "future_counts",
    "learned_half_lives",
    "sequence_network",
    "summed_poisson_loss",
]

layers, ops = keras.layers, keras.ops
_registered = keras.saving.register_keras_serializable(package="interestdecay_lib")

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


# -- the networks, one function each -------------------------------------------------------------------------


@dataclass
class _Parts:
    """What the networks share: sizes, the source of initial weights, and the inputs in four forms."""

    steps: int
    features: int
    units: int
    columns: int
    decoder_steps: int
    half_life_range: tuple[float, float]
    seed: int

    def __post_init__(self) -> None:
        self.seeds = iter(range(1000 * self.seed, 1000 * self.seed + 1000))
        self.first = 1000 * self.seed  # of the layers that draw all their weights from one seed

    @cached_property
    def given(self) -> dict[str, Any]:
        """The inputs of the model, as `event_inputs` makes them."""
        return {"events": keras.Input((self.steps, self.features), name="events"),
                "elapsed": keras.Input((self.steps,), name="elapsed")}

    @cached_property
    def elapsed(self) -> Any:
        return self.given["elapsed"][..., None]

    @cached_property
    def mask(self) -> Any:
        return ops.any(ops.not_equal(self.given["events"], 0), axis=-1)

    @cached_property
    def there(self) -> Any:
        return ops.cast(self.mask, "float32")[..., None]

    @cached_property
    def events(self) -> Any:
        """Nothing is said of time."""
        return layers.Normalization(name="standardise_events")(self.given["events"]) * self.there

    @cached_property
    def timed(self) -> Any:
        """Time is one feature more, for networks that count steps."""
        return layers.Concatenate(name="timed")([self.events, ops.log1p(self.elapsed)])

    @cached_property
    def clocked(self) -> Any:
        """The elapsed time is the last channel, for layers that decay by it."""
        return layers.Concatenate(name="clocked")([self.events, self.elapsed])

    @cached_property
    def both(self) -> Any:
        return layers.Concatenate(name="both")([self.timed, self.elapsed])

    def glorot(self) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(next(self.seeds))

    def dense(self, size: int, activation: str | None = None, name: str | None = None,
              bias: float = 0.0) -> keras.layers.Layer:
        return layers.Dense(size, activation, name=name, bias_initializer=keras.initializers.Constant(bias),
                            kernel_initializer=self.glorot())

    def cell(self, kind: Any) -> Any:
        """One of Keras' cells."""
        return kind(self.units, kernel_initializer=self.glorot(), seed=self.seed,
                    recurrent_initializer=keras.initializers.Orthogonal(seed=next(self.seeds)))

    def run(self, cell: Any, inputs: Any, name: str | None = None, **options: Any) -> Any:
        """The cell, over the steps that are no padding."""
        return GraphRNN(cell, name=name, **options)(inputs, mask=self.mask)


#: What `event_network` builds, and its name in tables.
KINDS: dict[str, str] = {}
_BUILDERS: dict[str, Callable[[_Parts], Any]] = {}


def _kind(kind: str, label: str) -> Callable:
    """Enter a function of `_Parts` that returns the state which the two heads read, or the heads."""
    def enter(build: Callable[[_Parts], Any]) -> Callable[[_Parts], Any]:
        KINDS[kind], _BUILDERS[kind] = label, build
        return build
    return enter


@_kind("mlp", "MLP on RFM features")
def _mlp(net: _Parts) -> Any:
    net.given = {"features": keras.Input((net.columns,), name="features")}
    x = layers.Normalization(name="standardise_features")(net.given["features"])
    hidden = net.dense(2 * net.units, "relu")(x)
    return net.dense(net.units, "relu")(hidden)


@_kind("conv", "Conv1D, time as a feature")
def _conv(net: _Parts) -> Any:
    state = net.timed
    for dilation in (1, 2):
        state = net.there * layers.Conv1D(net.units, 3, padding="causal", dilation_rate=dilation,
                                          activation="relu", kernel_initializer=net.glorot())(state)
    return net.dense(net.units, "relu")(layers.Flatten()(state))


@_kind("rnn", "SimpleRNN, time as a feature")
def _rnn(net: _Parts) -> Any:
    return net.run(net.cell(layers.SimpleRNNCell), net.timed)


@_kind("lstm", "LSTM, time as a feature")
def _lstm(net: _Parts) -> Any:
    return net.run(net.cell(layers.LSTMCell), net.timed)


@_kind("gru", "GRU, time as a feature")
def _gru(net: _Parts) -> Any:
    return net.run(net.cell(layers.GRUCell), net.timed)


@_kind("gru_steps", "GRU that sees no time")
def _gru_steps(net: _Parts) -> Any:
    return net.run(net.cell(layers.GRUCell), net.events)


@_kind("gru_d", "GRU-D, learned half-lives")
def _gru_d(net: _Parts) -> Any:
    return net.run(DecayGRUCell(net.units, net.half_life_range, seed=net.first), net.clocked, "gru_d")


@_kind("gru_d_timed", "GRU-D that is also told the time")
def _gru_d_timed(net: _Parts) -> Any:
    return net.run(DecayGRUCell(net.units, net.half_life_range, seed=net.first), net.both, "gru_d_timed")


@_kind("t_lstm", "T-LSTM, 1/log(e + elapsed)")
def _t_lstm(net: _Parts) -> Any:
    cell = TimeLSTMCell(net.units, "log", net.half_life_range, seed=net.first)
    return net.run(cell, net.clocked, "t_lstm")


@_kind("t_lstm_exp", "T-LSTM, learned half-lives")
def _t_lstm_exp(net: _Parts) -> Any:
    cell = TimeLSTMCell(net.units, "exp", net.half_life_range, seed=net.first)
    return net.run(cell, net.clocked, "t_lstm_exp")


@_kind("ct_lstm", "continuous-time LSTM")
def _ct_lstm(net: _Parts) -> Any:
    return net.run(ContinuousLSTMCell(net.units, seed=net.first), net.clocked, "ct_lstm")


@_kind("encoder_decoder", "encoder-decoder with decay factor")
def _encoder_decoder(net: _Parts) -> dict[str, Any]:
    return _summed(StepDecay(float(net.decoder_steps), newest="first", name="decoder_decay")(_decoded(net)))


@_kind("decoder_plain", "encoder-decoder, no decay factor")
def _decoder_plain(net: _Parts) -> dict[str, Any]:
    return _summed(_decoded(net))


def _decoded(net: _Parts) -> Any:
    """Chance of a first event and events expected, ``(n, decoder_steps, 2)``: what each step says."""
    code = net.run(net.cell(layers.GRUCell), net.timed, "encoder")
    states = GraphRNN(net.cell(layers.GRUCell), return_sequences=True, name="decoder")(
        layers.RepeatVector(net.decoder_steps)(code))
    return layers.Concatenate(name="said")([               # few buy in any one step: begin near 5 %
        net.dense(1, "sigmoid", "chance_of_a_step", bias=-3.0)(states),
        net.dense(1, "exponential", "expected_of_a_step", bias=-3.0)(states)])


def _summed(said: Any) -> dict[str, Any]:
    """The heads that follow from the steps."""
    chance = layers.Identity(name="chance")(said[..., 0])
    expected = layers.Identity(name="expected")(said[..., 1])
    returned = 1 - ops.prod(1 - chance, axis=1, keepdims=True)
    return {"returned": layers.Identity(name="returned")(returned),
            "counts": layers.Identity(name="counts")(ops.sum(expected, axis=1, keepdims=True))}


@_kind("attention", "time-decay attention")
def _attention(net: _Parts) -> Any:
    attend = DecayAttention(net.units // 4 or 1, 4, net.half_life_range, seed=net.first, name="attention")
    return net.dense(net.units, "relu")(attend(net.clocked, mask=net.mask))


@_kind("augru", "AUGRU, attention sees age")
def _augru(net: _Parts) -> Any:
    # the attention sees each event's age, a sum of elapsed times; whether it falls with it is learned
    interest = net.run(net.cell(layers.GRUCell), net.timed, return_sequences=True)
    later = ops.concatenate([net.elapsed[:, 1:], ops.zeros_like(net.elapsed[:, :1])], axis=1)
    age = ops.flip(ops.cumsum(ops.flip(later, axis=1), axis=1), axis=1)
    score = net.dense(1, "sigmoid", "attention")(ops.concatenate([interest, ops.log1p(age)], axis=-1))
    return net.run(AttentionalGRUCell(net.units, seed=net.first),
                   layers.Concatenate()([interest, score]), "augru")


@_kind("transformer", "causal Transformer, time as a feature")
def _transformer(net: _Parts) -> Any:
    position = Positions(seed=next(net.seeds))
    state = position(net.dense(net.units)(net.timed))
    for _ in range(2):
        inner = layers.LayerNormalization()(state)
        attend = layers.MultiHeadAttention(2, net.units // 2 or 1, seed=net.seed,
                                           kernel_initializer=net.glorot())
        state = state + attend(inner, inner, attention_mask=net.mask[:, None, :], use_causal_mask=True)
        back, wide = net.dense(net.units), net.dense(2 * net.units, "relu")
        state = state + back(wide(layers.LayerNormalization()(state)))
    return layers.LayerNormalization()(state)[:, -1]


def event_network(kind: str, steps: int = 13, features: int = 3, units: int = 16, *, columns: int = 4,
                  decoder_steps: int = 13, half_life_range=(1.0, 64.0), seed: int = 0) -> keras.Model:
    r"""One of the networks in `KINDS`, with the heads ``returned`` and ``counts``.

    A decoder's heads are sums over its steps, and no step has weights of its own. With the states
    :math:`h_t` of the decoder and the decay factor :math:`\alpha_t = 2^{-t/\tau}` (1 in ``"decoder_plain"``)

    .. math::
        q_t &= \alpha_t\, \sigma(w_q \cdot h_t + b_q), & p &= 1 - \prod_t (1 - q_t), \\
        \lambda_t &= \alpha_t \exp(w_\lambda \cdot h_t + b_\lambda), & \mu &= \sum_t \lambda_t .

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
        For ``"encoder_decoder"`` and ``"decoder_plain"``: the future is decoded in this many steps.
    half_life_range : (float, float)
        Where learned half-lives start, in weeks.
    seed : int
        Of the initial weights.

    Returns
    -------
    keras.Model
        Not compiled. Outputs ``returned`` in (0, 1) and ``counts`` above 0, each (n, 1).

    Raises
    ------
    ValueError
        For an unknown kind.

    Examples
    --------
    >>> sorted(event_network("gru_d", units=4).output)
    ['counts', 'returned']
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {list(KINDS)}, got {kind!r}")
    net = _Parts(steps, features, units, columns, decoder_steps, half_life_range, seed)
    heads = _BUILDERS[kind](net)
    if not isinstance(heads, dict):
        heads = {"returned": net.dense(1, "sigmoid", "returned")(heads),
                 "counts": net.dense(1, "exponential", "counts")(heads)}
    return keras.Model(net.given, heads, name=kind)


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


def future_counts(log: pd.DataFrame, cut, users, horizon_weeks: int, steps: int) -> np.ndarray:
    """What a decoder has to say: the events of each user in equal parts of the weeks after the cut.

    Parameters
    ----------
    log : DataFrame
        An event log; to count purchase days, pass it through `event_log.merge_same_day`.
    cut
        The moment of prediction; the target period begins here.
    users : array
        Users in the order of the rows.
    horizon_weeks : int
        Length of the target period.
    steps : int
        Parts of it.

    Returns
    -------
    array (n, steps), float32

    Raises
    ------
    ValueError
        The log is no event log, `cut` no moment, or `horizon_weeks` or `steps` no whole number above 0.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [2, 2], "timestamp": pd.to_datetime(["1997-10-01", "1997-10-20"])})
    >>> future_counts(log, "1997-10-01", [2, 7], horizon_weeks=4, steps=2).tolist()
    [[1.0, 1.0], [0.0, 0.0]]
    """
    steps, length = whole(steps, "steps"), whole(horizon_weeks, "horizon_weeks") * WEEK
    found = checked(log)
    start = found.moment(cut, "cut")
    ahead = found.between(start, start + length)
    part = (ahead.time - start.as_unit("us").to_datetime64()) * steps // length.to_timedelta64()
    row = np.repeat(pd.Index(users).get_indexer(ahead.users), ahead.count)
    counts = np.zeros((len(users), steps), np.float32)
    np.add.at(counts, (row[row >= 0], part[row >= 0]), 1)
    return counts


@_registered
def first_event_loss(counts: Any, chance: Any) -> Any:
    r"""Minus the log-likelihood of the step of the first event, summed over the steps.

    .. math:: -\sum_t r_t\,\bigl[b_t \ln q_t + (1 - b_t) \ln(1 - q_t)\bigr]

    with :math:`b_t` = an event in step t, :math:`r_t` = none in a step before it, and the chance
    :math:`q_t` of a first event there. It is what discrete-time survival analysis calls the likelihood of
    a hazard.

    Parameters
    ----------
    counts, chance : arrays (n, steps)

    Returns
    -------
    array (n,)

    Examples
    --------
    Nobody comes in the first step (chance 1/2), then somebody does (1/4): what follows no longer counts.

    >>> counts, chance = np.array([[0.0, 2, 0]]), np.array([[0.5, 0.25, 0.9]])
    >>> bool(np.isclose(first_event_loss(counts, chance), -np.log(0.5 * 0.25)).all())
    True
    """
    counts, q = ops.convert_to_tensor(counts), ops.clip(chance, 1e-7, 1 - 1e-7)
    came = ops.cast(counts > 0, q.dtype)
    waiting = ops.cast(ops.cumsum(counts, axis=-1) - counts < 0.5, q.dtype)
    return -ops.sum(waiting * (came * ops.log(q) + (1 - came) * ops.log(1 - q)), axis=-1)


@_registered
def summed_poisson_loss(counts: Any, expected: Any) -> Any:
    r"""Poisson loss of each step's count, summed: :math:`\sum_t (\lambda_t - n_t \ln \lambda_t)`.

    Examples
    --------
    >>> bool(np.isclose(summed_poisson_loss(np.array([[1.0, 0]]), np.array([[1.0, 2]])), 3).all())
    True
    """
    expected = ops.maximum(expected, 1e-7)
    return ops.sum(expected - ops.cast(counts, expected.dtype) * ops.log(expected), axis=-1)


#: For `networks.fit_network` with a `sequence_network`.
SEQUENCE_LOSSES = {"chance": first_event_loss, "expected": summed_poisson_loss}


def sequence_network(model: keras.Model) -> keras.Model:
    """The same encoder-decoder, answering step by step; it shares the weights of `model`.

    Train this one with `SEQUENCE_LOSSES` on `future_counts`, then ask `model`.

    Returns
    -------
    keras.Model
        Outputs ``chance`` (n, steps), of the first event in a step if none came before it, and
        ``expected`` (n, steps), events in a step.

    Raises
    ------
    ValueError
        The model decodes no sequence.

    Examples
    --------
    >>> decoder = sequence_network(event_network("encoder_decoder", units=4, decoder_steps=13))
    >>> {name: answer.shape for name, answer in decoder.output.items()}
    {'chance': (None, 13), 'expected': (None, 13)}
    """
    try:
        answers = {name: model.get_layer(name).output for name in SEQUENCE_LOSSES}
    except ValueError:
        raise ValueError(f"the model {model.name!r} decodes no sequence; those that do are encoder_decoder "
                         "and decoder_plain") from None
    return keras.Model(model.input, answers, name=f"{model.name}_sequence")


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

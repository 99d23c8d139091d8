r"""Networks that know how much time has passed: memory that fades by the clock, not by the step.

Every layer here takes one array ``(n, steps, k + 1)`` whose **last channel is the time elapsed since the step
before** (:math:`\Delta_t \ge 0`, in the unit of the half-lives; 0 at the first step). The cells run inside
``keras.layers.RNN``, so masks, ``return_sequences`` and mixed batch sizes work as for any Keras cell, and
``fit`` and ``predict`` compile the loop over time into a graph. A masked step leaves the state as it is; its
elapsed time is not counted, so put padding in front, where no time passes.

====================  ====================================================================================
`DecayGRUCell`        h fades: :math:`\hat h = 2^{-\Delta/\tau}\odot h`, then a plain GRU step (GRU-D)
`TimeLSTMCell`        the short-term part of c fades, then a plain LSTM step (T-LSTM)
`ContinuousLSTMCell`  c fades towards a learned level :math:`\bar c` (neural Hawkes process)
`AttentionalGRUCell`  the last channel is an attention a, not a time: a times the GRU step (AUGRU)
`StepDecay`           a decay factor :math:`\alpha_t` along regular steps, for a decoder
`DecayAttention`      attention over past events whose weights fade with the events' age
====================  ====================================================================================

All are registered with Keras: ``keras.saving.load_model(path, safe_mode=True)`` loads a saved model once
this module is imported. There is no ``Lambda``.

Sources: Che et al. (2018); Baytas et al. (2017); Mei and Eisner (2017); Zhou et al. (2019).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from interestdecay_lib._arguments import whole
from interestdecay_lib.networks import keras

__all__ = [
    "AttentionalGRUCell",
    "ContinuousLSTMCell",
    "DecayAttention",
    "DecayGRUCell",
    "StepDecay",
    "TimeLSTMCell",
    "half_lives",
]

ops = keras.ops
LN2 = math.log(2)
_registered = keras.saving.register_keras_serializable(package="interestdecay_lib")


def _range(half_life_range: Sequence[float]) -> tuple[float, float]:
    low, high = (float(h) for h in half_life_range)
    if not 0 < low <= high < math.inf:
        raise ValueError(f"half_life_range must be two positive times, low <= high, got {half_life_range!r}")
    return low, high


def _split(inputs: Any) -> tuple[Any, Any]:
    """Features and elapsed time of a step. Time that would run backwards does not pass, as in GRU-D."""
    return inputs[:, :-1], ops.maximum(inputs[:, -1:], 0.0)


def _features(shape: tuple, name: str) -> int:
    """Channels without the last, which is the elapsed time (or the attention)."""
    if len(shape) < 2 or shape[-1] is None or shape[-1] < 2:
        raise ValueError(f"{name} needs inputs with at least two channels, the last being the elapsed time "
                         f"(or attention), got shape {tuple(shape)}")
    return shape[-1] - 1


def _initializers(seed: int | None) -> dict[str, Any]:
    if seed is None:
        return {}
    return {"kernel_initializer": keras.initializers.GlorotUniform(seed),
            "recurrent_initializer": keras.initializers.Orthogonal(seed=seed + 1), "seed": seed}


class _HalfLives:
    """A trainable half-life for each unit, stored as its logarithm: always positive, learned by factors."""

    def _add_half_lives(self, count: int) -> None:
        spread = np.log(np.geomspace(*self.half_life_range, count))
        self.log_half_life = self.add_weight(
            shape=(count,), name="log_half_life",
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(spread, dtype=dtype))

    def _keep(self, elapsed: Any) -> Any:
        """2^(-elapsed / half-life): (..., 1) elapsed times to (..., count) weights."""
        return ops.exp(-LN2 * elapsed * ops.exp(-self.log_half_life))

    @property
    def half_lives(self) -> np.ndarray:
        """The half-lives as they are now, in the unit of the elapsed time; float64."""
        return np.exp(self.log_half_life.numpy().astype(float))


def half_lives(layer: keras.layers.Layer) -> np.ndarray:
    """The learned half-lives of a layer of this module, also inside ``keras.layers.RNN``; sorted.

    Raises
    ------
    TypeError
        If the layer has none, or has not been built.

    Examples
    --------
    >>> layer = keras.layers.RNN(DecayGRUCell(3, half_life_range=(1, 16)))
    >>> _ = layer(np.zeros((1, 2, 2)))
    >>> half_lives(layer).round(3).tolist()
    [1.0, 4.0, 16.0]
    """
    holder = getattr(layer, "cell", layer)
    if not isinstance(holder, _HalfLives) or not hasattr(holder, "log_half_life"):
        raise TypeError(f"{type(holder).__name__} holds no learned half-lives (or has not seen data yet)")
    return np.sort(holder.half_lives)


class _Cell(keras.layers.Layer):
    """What the cells share: units, seed, and their config."""

    def __init__(self, units: int, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = whole(units, "units")
        self.seed = seed
        self.state_size: Any = self.units
        self.output_size = self.units

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "seed": self.seed}


@_registered
class DecayGRUCell(_HalfLives, _Cell):
    r"""A GRU whose state fades with the elapsed time (GRU-D's hidden decay).

    .. math:: \gamma = 2^{-\Delta_t / \tau}, \qquad h_t = \mathrm{GRU}(x_t,\ \gamma \odot h_{t-1})

    with a half-life :math:`\tau` learned for every unit. Without elapsed time it is a plain GRU; after an
    endless pause it starts from nothing.

    Parameters
    ----------
    units : int
    half_life_range : (float, float)
        The half-lives at the start of training: evenly spread, on a logarithmic scale, between these two.
    seed : int, optional
        Of the initial weights.

    Notes
    -----
    Che et al. write :math:`\gamma = \exp(-\max(0, w\Delta + b))`. Here b = 0 and w > 0 by construction: with
    b > 0 a state would fade although no time has passed, with w < 0 never. Their other half, a decay of
    missing *inputs* towards the mean, has no use here: an event log has no missing values, only gaps.

    Source: Z. Che et al. (2018), Recurrent Neural Networks for Multivariate Time Series with Missing Values.

    Examples
    --------
    >>> layer = keras.layers.RNN(DecayGRUCell(4, seed=0))
    >>> layer(np.ones((2, 5, 3))).shape            # two features and the elapsed time
    TensorShape([2, 4])
    """

    def __init__(self, units: int, half_life_range: Sequence[float] = (1.0, 64.0), *,
                 seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(units, seed=seed, **kwargs)
        self.half_life_range = _range(half_life_range)
        self.gru = keras.layers.GRUCell(self.units, **_initializers(seed), dtype=self.dtype_policy,
                                        name="gru")

    def build(self, input_shape: tuple) -> None:
        self.gru.build((*input_shape[:-1], _features(input_shape, type(self).__name__)))
        self._add_half_lives(self.units)
        self.built = True

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        (h,) = states if isinstance(states, (list, tuple)) else (states,)
        x, elapsed = _split(inputs)
        h, _ = self.gru(x, [self._keep(elapsed) * h])
        return h, [h]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "half_life_range": self.half_life_range}


@_registered
class TimeLSTMCell(_HalfLives, _Cell):
    r"""T-LSTM: the short-term part of the cell fades with the elapsed time, the rest stays.

    .. math::
        c^S &= \tanh(c_{t-1} W_d + b_d) \qquad\text{short-term part} \\
        c^* &= (c_{t-1} - c^S) + g(\Delta_t)\, c^S \\
        h_t, c_t &= \mathrm{LSTM}(x_t, h_{t-1}, c^*)

    Parameters
    ----------
    units : int
    decay : {"exp", "log"}
        :math:`g = 2^{-\Delta/\tau}` with a half-life learned for every unit, or the authors' fixed
        :math:`g = 1/\ln(e + \Delta)`, which depends on the unit in which time is written.
    half_life_range : (float, float)
        As in `DecayGRUCell`; of no effect with ``decay="log"``.
    seed : int, optional
        Of the initial weights.

    Notes
    -----
    g(0) = 1, so without elapsed time it is a plain LSTM.

    Source: I. M. Baytas et al. (2017), Patient Subtyping via Time-Aware LSTM Networks.

    Examples
    --------
    >>> layer = keras.layers.RNN(TimeLSTMCell(4, "log", seed=0), return_sequences=True)
    >>> layer(np.ones((2, 5, 3))).shape
    TensorShape([2, 5, 4])
    """

    def __init__(self, units: int, decay: str = "exp", half_life_range: Sequence[float] = (1.0, 64.0), *,
                 seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(units, seed=seed, **kwargs)
        if decay not in ("exp", "log"):
            raise ValueError(f'decay must be "exp" or "log", got {decay!r}')
        self.decay, self.half_life_range = decay, _range(half_life_range)
        self.state_size = [self.units, self.units]
        self.lstm = keras.layers.LSTMCell(self.units, **_initializers(seed), dtype=self.dtype_policy,
                                          name="lstm")
        self.short_term = keras.layers.Dense(
            self.units, activation="tanh", dtype=self.dtype_policy, name="short_term",
            kernel_initializer=keras.initializers.GlorotUniform(None if seed is None else seed + 2))

    def build(self, input_shape: tuple) -> None:
        self.lstm.build((*input_shape[:-1], _features(input_shape, type(self).__name__)))
        self.short_term.build((input_shape[0], self.units))
        if self.decay == "exp":
            self._add_half_lives(self.units)
        self.built = True

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        h, c = states
        x, elapsed = _split(inputs)
        g = self._keep(elapsed) if self.decay == "exp" else 1 / ops.log(math.e + elapsed)
        short = self.short_term(c)
        return self.lstm(x, [h, c - short + g * short])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "decay": self.decay, "half_life_range": self.half_life_range}


@_registered
class ContinuousLSTMCell(_Cell):
    r"""The continuous-time LSTM of the neural Hawkes process: between events c fades to a learned level.

    .. math::
        c(t) &= \bar c + (c - \bar c)\, e^{-\delta \Delta_t}, \qquad h(t) = o \odot \tanh c(t) \\
        c &\leftarrow f \odot c(t) + i \odot z, \qquad
        \bar c \leftarrow \bar f \odot \bar c + \bar\imath \odot z, \qquad
        \delta \leftarrow \mathrm{softplus}(\cdot)

    where the gates :math:`i, f, o, \bar\imath, \bar f` (sigmoid), the candidate z (tanh) and the rate
    :math:`\delta` are computed from x and h(t) at every event. An event lifts c (interest returns), the pause
    after it lets c fade to :math:`\bar c`, at a rate that this very event has set.

    Parameters
    ----------
    units : int
    seed : int, optional
        Of the initial weights.

    Notes
    -----
    States: ``[h, c, level, rate, o]``, each (n, units), as they are right after the event. The blocks of the
    kernels stand in the order i, f, z, o (as in Keras's LSTM), then level's i and f, then the rate. With zero
    elapsed time h and c are those of a plain LSTM. The half-lives are ``ln 2 / rate``: one for every unit
    *and event*, to be had with ``keras.layers.RNN(cell, return_state=True)``.

    Source: H. Mei, J. Eisner (2017), The Neural Hawkes Process. In the paper :math:`2\sigma(2c) - 1` stands
    for :math:`\tanh c`, the same function.

    Examples
    --------
    >>> layer = keras.layers.RNN(ContinuousLSTMCell(4, seed=0), return_state=True)
    >>> output, h, c, level, rate, o = layer(np.ones((2, 5, 3)))
    >>> bool((rate.numpy() > 0).all())
    True
    """

    def __init__(self, units: int, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(units, seed=seed, **kwargs)
        self.state_size = [self.units] * 5

    def build(self, input_shape: tuple) -> None:
        init, seed = keras.initializers, self.seed
        k, u = _features(input_shape, type(self).__name__), self.units
        self.kernel = self.add_weight(shape=(k, 7 * u), name="kernel", initializer=init.GlorotUniform(seed))
        self.recurrent_kernel = self.add_weight(
            shape=(u, 7 * u), name="recurrent_kernel",
            initializer=init.Orthogonal(seed=None if seed is None else seed + 1))
        start = np.zeros((7, u))
        start[[1, 5]] = 1.0                           # both forget gates open, as Keras's LSTM begins
        self.bias = self.add_weight(
            shape=(7 * u,), name="bias",
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(start.ravel(), dtype=dtype))
        self.built = True

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        _, c, level, rate, o = states
        x, elapsed = _split(inputs)
        c = level + (c - level) * ops.exp(-rate * elapsed)
        h = o * ops.tanh(c)
        blocks = ops.matmul(x, self.kernel) + ops.matmul(h, self.recurrent_kernel) + self.bias
        i, f, z, o, i_level, f_level, rate = ops.split(blocks, 7, axis=-1)
        i, f, z, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(z), ops.sigmoid(o)
        c = f * c + i * z
        level = ops.sigmoid(f_level) * level + ops.sigmoid(i_level) * z
        h = o * ops.tanh(c)
        return h, [h, c, level, ops.softplus(rate), o]


@_registered
class AttentionalGRUCell(_Cell):
    r"""AUGRU: :math:`a_t` times a GRU step, :math:`a_t \in [0, 1]` being the last input channel.

    .. math:: u'_t = a_t u_t, \qquad h_t = (1 - u'_t) \odot h_{t-1} + u'_t \odot \tilde h_t
              = h_{t-1} + a_t\,\bigl(\mathrm{GRU}(x_t, h_{t-1}) - h_{t-1}\bigr)

    An event that has nothing to do with the target (a = 0) passes without a trace; a = 1 is a plain GRU.

    Parameters
    ----------
    units : int
    seed : int, optional
        Of the initial weights.

    Notes
    -----
    u is the *update* gate of the paper; Keras's z is the *keep* gate, u = 1 - z. Code released for DIEN
    multiplies the keep gate by 1 - a instead, :math:`h = z' h_{t-1} + (1 - z')\tilde h` with z' = (1 - a) z:
    there an irrelevant event (a = 0) is a plain step, and a relevant one erases the state.

    Source: G. Zhou et al. (2019), Deep Interest Evolution Network for Click-Through Rate Prediction.

    Examples
    --------
    >>> layer = keras.layers.RNN(AttentionalGRUCell(4, seed=0))
    >>> x = np.ones((2, 5, 3)); x[..., -1] = 0     # no event is relevant: the state stays at zero
    >>> float(abs(layer(x).numpy()).max())
    0.0
    """

    def __init__(self, units: int, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(units, seed=seed, **kwargs)
        self.gru = keras.layers.GRUCell(self.units, **_initializers(seed), dtype=self.dtype_policy,
                                        name="gru")

    def build(self, input_shape: tuple) -> None:
        self.gru.build((*input_shape[:-1], _features(input_shape, type(self).__name__)))
        self.built = True

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        (h,) = states if isinstance(states, (list, tuple)) else (states,)
        x, attention = inputs[:, :-1], inputs[:, -1:]
        step, _ = self.gru(x, [h])
        h = h + attention * (step - h)
        return h, [h]


@_registered
class StepDecay(_HalfLives, keras.layers.Layer):
    r"""Multiply step t of a regular sequence by a decay factor :math:`\alpha_t = 2^{-a_t/\tau}`.

    Parameters
    ----------
    half_life : float
        :math:`\tau` at the start of training, in steps; one number is learned.
    newest : {"last", "first"}
        Where the present is. ``"last"`` (a history): the age of step t is :math:`a_t = T - 1 - t`, so the
        newest step keeps its whole weight. ``"first"`` (a forecast, what a decoder emits): step 0 is next,
        :math:`a_t = t`.

    Notes
    -----
    Article C multiplies by ``0.8 ** range(len(x))``: along the batch, and, were it along
    time, with the oldest step kept whole. A mask passes through and is not needed: padding in front of a
    history is the oldest part anyway.

    Examples
    --------
    >>> StepDecay(half_life=1)(np.ones((1, 3, 1))).numpy().ravel().tolist()
    [0.25, 0.5, 1.0]
    >>> StepDecay(half_life=1, newest="first")(np.ones((1, 3, 1))).numpy().ravel().tolist()
    [1.0, 0.5, 0.25]
    """

    def __init__(self, half_life: float = 4.0, newest: str = "last", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if newest not in ("last", "first"):
            raise ValueError(f'newest must be "last" (a history) or "first" (a forecast), got {newest!r}')
        self.half_life, self.newest = float(half_life), newest
        self.half_life_range = _range((half_life, half_life))
        self.supports_masking = True

    def build(self, input_shape: tuple) -> None:
        if len(input_shape) != 3:
            raise ValueError(f"StepDecay needs inputs (n, steps, k), got shape {tuple(input_shape)}")
        self._add_half_lives(1)
        self.built = True

    def call(self, inputs: Any) -> Any:
        steps = ops.shape(inputs)[1]
        age = ops.cast(ops.arange(steps), inputs.dtype)
        if self.newest == "last":
            age = ops.flip(age)
        return inputs * self._keep(age[:, None])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "half_life": self.half_life, "newest": self.newest}


@_registered
class DecayAttention(_HalfLives, keras.layers.Layer):
    r"""Attention over past events, with weights that fade with age: a decayed count that learns what counts.

    With events :math:`x_j`, their ages :math:`a_j` at the last step, a learned query q for every head, and a
    learned half-life :math:`\tau` for every head:

    .. math::
        s_j &= q \cdot \tanh(x_j K + b), \qquad y = \sum_j w_j\, x_j V, \\
        w_j &= \sigma(s_j)\, 2^{-a_j/\tau} \quad\text{or}\quad
        w = \mathrm{softmax}_j\bigl(s_j - a_j \ln 2/\tau\bigr)

    Parameters
    ----------
    units : int
        Size of y for each head.
    heads : int
        Heads, each with a half-life of its own.
    half_life_range : (float, float)
        Half-lives at the start, as in `DecayGRUCell`.
    normalise : bool
        ``False``: weights between 0 and 1 that do not sum to 1, so the output of a user who falls silent goes
        to zero. ``True``: softmax with a time-decay bias. It sees *differences* of age only: the same history
        a year later gives the same output.
    seed : int, optional
        Of the initial weights.

    Notes
    -----
    Input ``(n, steps, k + 1)`` as everywhere in this module: the layer adds up the elapsed times to ages,
    :math:`a_j = \sum_{i > j} \Delta_i`. Masked steps get no weight and their elapsed time is not counted.
    Output ``(n, heads * units)``. A user with no event at all gets zeros.

    Examples
    --------
    >>> layer = DecayAttention(units=2, heads=3, seed=0)
    >>> layer(np.ones((2, 5, 3))).shape
    TensorShape([2, 6])
    """

    def __init__(self, units: int, heads: int = 1, half_life_range: Sequence[float] = (1.0, 64.0),
                 normalise: bool = False, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.heads = whole(units, "units"), whole(heads, "heads")
        self.half_life_range, self.normalise, self.seed = _range(half_life_range), bool(normalise), seed
        self.supports_masking = True

    def build(self, input_shape: tuple) -> None:
        if len(input_shape) != 3:
            raise ValueError(f"DecayAttention needs inputs (n, steps, k + 1), got shape {tuple(input_shape)}")
        k, size = _features(input_shape, "DecayAttention"), self.heads * self.units

        def glorot(offset: int) -> keras.initializers.Initializer:
            return keras.initializers.GlorotUniform(None if self.seed is None else self.seed + offset)

        self.key = self.add_weight(shape=(k, size), name="key", initializer=glorot(0))
        self.key_bias = self.add_weight(shape=(size,), name="key_bias", initializer="zeros")
        self.query = self.add_weight(shape=(self.heads, self.units), name="query", initializer=glorot(1))
        self.value = self.add_weight(shape=(k, size), name="value", initializer=glorot(2))
        self._add_half_lives(self.heads)
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        weights = self.weights_of(inputs, mask)                             # (n, steps, heads)
        value = self._by_head(ops.matmul(inputs[..., :-1], self.value))     # (n, steps, heads, units)
        summed = ops.sum(weights[..., None] * value, axis=1)
        return ops.reshape(summed, (-1, self.heads * self.units))

    def weights_of(self, inputs: Any, mask: Any = None) -> Any:
        """The weights w of every event and head, (n, steps, heads)."""
        inputs = ops.convert_to_tensor(inputs, self.compute_dtype)
        present = ops.ones_like(inputs[..., -1:]) if mask is None else ops.cast(mask, inputs.dtype)[..., None]
        elapsed = ops.where(present > 0, ops.maximum(inputs[..., -1:], 0.0), 0.0)
        later = ops.concatenate([elapsed[:, 1:], ops.zeros_like(elapsed[:, :1])], axis=1)
        age = ops.flip(ops.cumsum(ops.flip(later, axis=1), axis=1), axis=1)
        key = self._by_head(ops.tanh(ops.matmul(inputs[..., :-1], self.key) + self.key_bias))
        score = ops.sum(key * self.query, axis=-1)
        if not self.normalise:
            return present * ops.sigmoid(score) * self._keep(age)
        biased = score - LN2 * age * ops.exp(-self.log_half_life)
        if "16" in keras.backend.standardize_dtype(present.dtype):   # -1e30 is no number in half precision
            biased = ops.cast(biased, "float32")
        biased = ops.where(present > 0, biased, -1e30)
        # a user without events: the softmax over nothing is made zero by the factor in front
        return present * ops.cast(ops.softmax(biased, axis=1), present.dtype)

    def _by_head(self, x: Any) -> Any:
        return ops.reshape(x, (-1, ops.shape(x)[1], self.heads, self.units))

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None                                       # the steps are summed away

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "heads": self.heads, "seed": self.seed,
                "half_life_range": self.half_life_range, "normalise": self.normalise}

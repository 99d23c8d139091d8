r"""One LSTM step, then many, then backwards: float64 NumPy, the same numbers as ``keras.layers.LSTM``.

.. math::
    i_t &= \sigma(x_t W_i + h_{t-1} U_i + b_i) \qquad\text{input gate} \\
    f_t &= \sigma(x_t W_f + h_{t-1} U_f + b_f) \qquad\text{forget gate} \\
    g_t &= \tanh(x_t W_g + h_{t-1} U_g + b_g) \qquad\text{candidate} \\
    o_t &= \sigma(x_t W_o + h_{t-1} U_o + b_o) \qquad\text{output gate} \\
    c_t &= f_t \odot c_{t-1} + i_t \odot g_t \qquad\text{cell} \\
    h_t &= o_t \odot \tanh(c_t) \qquad\text{output}

**The order of the gate blocks is that of Keras: i, f, g, o.** The weights of the four gates lie side by side
in one matrix, columns ``[i | f | g | o]``. Keras calls the third block ``c``; PyTorch calls it ``g`` and
stacks rows; other texts write i, f, o, g. A wrong order raises no error, it only gives wrong numbers:
`LSTMWeights.gate` and `LSTMWeights.from_gates` name the blocks, so nobody needs to count columns.

Vectors are rows, as in Keras: ``x @ W``. A text that writes ``W [h, x]`` has columns instead; its
``(units, units + inputs)`` matrix, cut after ``units`` columns and transposed, gives ``U`` and ``W``.

Source: S. Hochreiter, J. Schmidhuber (1997), Long Short-Term Memory (no forget gate yet); F. A. Gers,
J. Schmidhuber, F. Cummins (2000), Learning to Forget (adds it).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from scipy.special import expit

from interestdecay_lib._threads import one_thread

_ACTIVATIONS = {"tanh": np.tanh, "sigmoid": expit}
_PROBE = np.linspace(-4, 4, 17, dtype=np.float32)  # where an activation is compared

GATES = ("i", "f", "g", "o")
"""The gate blocks in the order in which they stand in every weight matrix (Keras's; its ``c`` is ``g``)."""

Array = NDArray[np.floating[Any]]


class GateWeights(NamedTuple):
    """The weights of one gate: ``x @ W + h @ U + b``."""

    W: Array
    """(inputs, units): what the input contributes."""
    U: Array
    """(units, units): what the previous output contributes."""
    b: Array
    """(units,): the bias."""


class LSTMStep(NamedTuple):
    """Everything one step computes; each array is (units,) or (N, units)."""

    i: Array
    """Input gate, in (0, 1): how much of the candidate is written."""
    f: Array
    """Forget gate, in (0, 1): how much of the old cell is kept."""
    g: Array
    """Candidate, in (-1, 1): what would be written."""
    o: Array
    """Output gate, in (0, 1): how much of the cell is shown."""
    c: Array
    """Cell (long-term state), unbounded."""
    h: Array
    """Output (short-term state), in (-1, 1)."""


class LSTMSequence(NamedTuple):
    """Everything a sequence of steps computes; each array is (T, units) or (N, T, units), time as in ``x``.

    ``i``, ``f``, ``g`` and ``o`` are ``None`` after ``lstm_forward(..., return_gates=False)``.
    """

    i: Array | None
    f: Array | None
    g: Array | None
    o: Array | None
    c: Array
    h: Array


class LSTMGradients(NamedTuple):
    """Gradients of one number, a loss, by all that `lstm_forward` takes, each shaped as its namesake."""

    input_kernel: Array
    recurrent_kernel: Array
    bias: Array
    x: Array
    h0: Array
    c0: Array


@dataclass(frozen=True, eq=False)
class LSTMWeights:
    """The weights of an LSTM layer, gate blocks in the order **i, f, g, o** (Keras's order).

    Parameters
    ----------
    input_kernel
        (inputs, 4 * units): ``[W_i | W_f | W_g | W_o]``.
    recurrent_kernel
        (units, 4 * units): ``[U_i | U_f | U_g | U_o]``.
    bias
        (4 * units,): ``[b_i | b_f | b_g | b_o]``.

    Raises
    ------
    ValueError
        If the shapes do not belong together or a weight is not a finite number.

    Notes
    -----
    The arrays are stored as read-only float64 copies. A layer has 4 (units (units + inputs) + units) weights.

    Examples
    --------
    >>> weights = LSTMWeights(np.zeros((3, 8)), np.zeros((2, 8)), np.zeros(8))
    >>> weights
    LSTMWeights(inputs=3, units=2, parameters=48)
    >>> weights.gate("f").W.shape
    (3, 2)
    """

    input_kernel: Array = field(repr=False)
    recurrent_kernel: Array = field(repr=False)
    bias: Array = field(repr=False)

    def __post_init__(self) -> None:
        columns = _own_arrays(self, GATES)
        if self.bias.ndim != 1:
            raise ValueError(f"bias must have 1 dimension, but has shape {self.bias.shape}")
        if self.bias.shape != (columns,):
            raise ValueError(
                f"bias must have shape (4 * units,) = ({columns},), but has shape {self.bias.shape}; a layer "
                f"with two biases a gate, as PyTorch's, needs their sum"
            )

    def __repr__(self) -> str:
        return f"LSTMWeights(inputs={self.inputs}, units={self.units}, parameters={self.parameters})"

    @property
    def inputs(self) -> int:
        """How many features a step takes."""
        return self.input_kernel.shape[0]

    @property
    def units(self) -> int:
        """How many cells, and outputs, a step has."""
        return self.recurrent_kernel.shape[0]

    @property
    def parameters(self) -> int:
        """How many weights there are: 4 (units (units + inputs) + units)."""
        return self.input_kernel.size + self.recurrent_kernel.size + self.bias.size

    def gate(self, name: str) -> GateWeights:
        """Weights of one gate, ``"i"``, ``"f"``, ``"g"`` or ``"o"``, as read-only views.

        Examples
        --------
        >>> weights = LSTMWeights(np.zeros((1, 4)), np.zeros((1, 4)), [0.0, 1.0, 2.0, 3.0])
        >>> weights.gate("f").b
        array([1.])
        """
        if name not in GATES:
            keras = " (Keras's block c is the gate 'g' here)" if name in ("c", "c~") else ""
            raise ValueError(f"there is no gate {name!r}; the gates are {', '.join(map(repr, GATES))}{keras}")
        block = slice(GATES.index(name) * self.units, (GATES.index(name) + 1) * self.units)
        return GateWeights(self.input_kernel[:, block], self.recurrent_kernel[:, block], self.bias[block])

    @classmethod
    def from_gates(cls, gates: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]]) -> LSTMWeights:
        """Put the weights of the four gates side by side, in the right order whatever the order given.

        Parameters
        ----------
        gates
            For each of ``"i"``, ``"f"``, ``"g"``, ``"o"`` a tuple ``(W, U, b)`` of shapes (inputs, units),
            (units, units) and (units,).

        Examples
        --------
        >>> gate = ([[0.1]], [[0.2]], [0.0])
        >>> forget = ([[0.1]], [[0.2]], [1.0])
        >>> LSTMWeights.from_gates({"f": forget, "i": gate, "g": gate, "o": gate}).bias
        array([0., 1., 0., 0.])
        """
        if set(gates) != set(GATES):
            raise ValueError(f"gates must have exactly the keys {list(GATES)}, but has {list(gates)}")
        blocks = {}
        for name in GATES:
            if len(gates[name]) != 3:
                raise ValueError(
                    f"gate {name!r} must be a tuple (W, U, b), but has {len(gates[name])} entries"
                )
            W, U, b = (
                _floats(part, f"{letter} of gate {name!r}")
                for letter, part in zip("WUb", gates[name], strict=True)
            )
            if W.ndim != 2 or b.ndim != 1 or W.shape[1] != b.size or U.shape != (b.size, b.size):
                hint = "; W looks transposed" if W.ndim == 2 and W.shape[0] == b.size else ""
                raise ValueError(
                    f"gate {name!r} must be (W, U, b) with the shapes (inputs, units), (units, units), "
                    f"(units,), but has {W.shape}, {U.shape}, {b.shape}{hint}"
                )
            blocks[name] = W, U, b
        shapes = {name: blocks[name][0].shape for name in GATES}
        if len(set(shapes.values())) > 1:
            raise ValueError(f"all gates must have the same shape of W (inputs, units), but have {shapes}")
        return cls(*(np.concatenate([blocks[name][part] for name in GATES], axis=-1) for part in range(3)))

    @classmethod
    def random(cls, inputs: int, units: int, rng: np.random.Generator) -> LSTMWeights:
        """Random weights, drawn as Keras starts a layer.

        Glorot-uniform input kernel, orthogonal recurrent kernel, bias 0 except the forget gate's, which is 1
        (Keras's ``unit_forget_bias``): a fresh cell loses half of itself in about two steps.

        Examples
        --------
        >>> weights = LSTMWeights.random(inputs=3, units=2, rng=np.random.default_rng(0))
        >>> weights.parameters, weights.gate("f").b.tolist()
        (48, [1.0, 1.0])
        """
        if inputs < 1 or units < 1:
            raise ValueError(f"inputs and units must be at least 1, but are {inputs} and {units}")
        limit = np.sqrt(6 / (inputs + 4 * units))
        kernel = rng.uniform(-limit, limit, size=(inputs, 4 * units))
        q, r = np.linalg.qr(rng.normal(size=(4 * units, units)))
        bias = np.zeros(4 * units)
        bias[units: 2 * units] = 1
        return cls(kernel, (q * np.sign(np.diag(r))).T, bias)

    @classmethod
    def from_keras(cls, layer: Any) -> LSTMWeights:
        """Weights of a built ``keras.layers.LSTM`` (or ``LSTMCell``); Keras itself is not imported here.

        Raises
        ------
        TypeError
            If the layer is of another kind: a GRU's three blocks cannot be read as an LSTM's four.
        ValueError
            If it has no weights yet, runs backwards, or uses other activations than sigmoid and tanh.
        """
        arrays = _keras_arrays(layer, "LSTM")
        if len(arrays) == 2:  # use_bias=False
            arrays = [*arrays, np.zeros(arrays[0].shape[1])]
        return cls(*arrays)

    def to_keras(self) -> list[Array]:
        """``[input_kernel, recurrent_kernel, bias]``, writable copies, ready for ``layer.set_weights``."""
        return [self.input_kernel.copy(), self.recurrent_kernel.copy(), self.bias.copy()]


def lstm_step(x: ArrayLike, h: ArrayLike, c: ArrayLike, weights: LSTMWeights) -> LSTMStep:
    r"""One step: the six equations at the top of this module, in their order.

    Parameters
    ----------
    x
        (inputs,) or (N, inputs): the input of this step.
    h, c
        (units,) or (N, units): output and cell after the step before; zeros at the start.
    weights
        What the layer has learned.

    Returns
    -------
    LSTMStep
        i, f, g, o, c, h: each (units,) or (N, units).

    Raises
    ------
    ValueError
        If a shape does not fit the weights, or an input is not a finite number.

    Examples
    --------
    All weights .5, the forget gate's bias 1, the others 0:

    >>> gate, forget = ([[0.5]], [[0.5]], [0.0]), ([[0.5]], [[0.5]], [1.0])
    >>> weights = LSTMWeights.from_gates({"i": gate, "f": forget, "g": gate, "o": gate})
    >>> step = lstm_step(x=[1.0], h=[0.0], c=[0.5], weights=weights)
    >>> [round(float(part[0]), 4) for part in step]
    [0.6225, 0.8176, 0.4621, 0.6225, 0.6964, 0.3748]
    """
    x = _step_input(x, weights.inputs)
    h, c = (_state(state, name, (*x.shape[:-1], weights.units)) for state, name in ((h, "h"), (c, "c")))
    z = x @ weights.input_kernel + h @ weights.recurrent_kernel + weights.bias
    z_i, z_f, z_g, z_o = np.split(z, 4, axis=-1)
    i, f, o = expit(z_i), expit(z_f), expit(z_o)
    g = np.tanh(z_g)
    c = f * c + i * g
    h = o * np.tanh(c)
    return LSTMStep(i, f, g, o, c, h)


def lstm_forward(
    x: ArrayLike,
    weights: LSTMWeights,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    *,
    return_gates: bool = True,
    dtype: DTypeLike = np.float64,
) -> LSTMSequence:
    """Run a whole sequence, or a batch of sequences, through the layer: `lstm_step` in a fast loop.

    Parameters
    ----------
    x
        (T, inputs) or (N, T, inputs).
    weights
        What the layer has learned.
    h0, c0
        (units,) or (N, units): the state before the first step; zeros if not given.
    return_gates
        ``False`` keeps only c and h: less memory, a little faster.
    dtype
        ``numpy.float32`` computes as Keras does by default: about twice as fast, seven digits.

    Returns
    -------
    LSTMSequence
        i, f, g, o, c, h, each (T, units) or (N, T, units). ``h[..., -1, :]`` is what Keras returns without
        ``return_sequences``.

    Raises
    ------
    ValueError
        If a shape does not fit the weights, there is no step, or an input is not a finite number.

    Notes
    -----
    Each step is one matrix product of ``[x, h, 1]`` with all weights, one tanh over all gates (since
    sigma(z) = (1 + tanh(z / 2)) / 2, which never overflows) and a few operations in place. Medium-sized
    products are kept on one thread where `threadpoolctl` is installed (it comes with scikit-learn).

    Examples
    --------
    A cell with f = 1/2 that is given 8 and then nothing halves at each step:

    >>> off = ([[0.0]], [[0.0]], [-50.0])
    >>> half = ([[0.0]], [[0.0]], [0.0])
    >>> weights = LSTMWeights.from_gates({"i": off, "f": half, "g": half, "o": half})
    >>> lstm_forward(np.zeros((3, 1)), weights, c0=[8.0]).c.ravel()
    array([4., 2., 1.])
    """
    dtype = np.dtype(dtype)
    if dtype not in (np.float64, np.float32):
        raise ValueError(f"dtype must be float64 or float32, not {dtype}")
    x, h0, c0, single = _sequence_inputs(x, weights, h0, c0, dtype)
    N, T, inputs = x.shape
    units = weights.units
    # Columns i, f, o, g: the three sigmoids lie together. Halving theirs turns sigma into the one tanh.
    order = np.r_[0:2 * units, 3 * units:4 * units, 2 * units:3 * units]
    kernel = np.vstack([weights.input_kernel, weights.recurrent_kernel, weights.bias])[:, order]
    kernel[:, : 3 * units] /= 2
    kernel = kernel.astype(dtype, copy=False)

    steps = np.ascontiguousarray(x.swapaxes(0, 1))
    row = np.ones((N, inputs + units + 1), dtype)  # [x, h, 1]
    gates = np.empty((T if return_gates else 1, N, 4 * units), dtype)
    cells = np.empty((T, N, units), dtype)
    outputs = np.empty((T, N, units), dtype)
    written = np.empty((N, units), dtype)
    h, c = h0, c0
    with _one_thread(N * kernel.size):
        for t in range(T):
            z = gates[t if return_gates else 0]
            row[:, :inputs] = steps[t]
            row[:, inputs:-1] = h
            np.dot(row, kernel, out=z)
            np.tanh(z, out=z)
            sigmoids = z[:, : 3 * units]
            sigmoids *= 0.5
            sigmoids += 0.5
            i, f, o, g = (z[:, k * units:(k + 1) * units] for k in range(4))
            np.multiply(i, g, out=written)
            c = np.multiply(f, c, out=cells[t])
            c += written
            h = np.tanh(c, out=outputs[t])
            h *= o

    def as_given(array: Array) -> Array:
        return array[:, 0] if single else array.swapaxes(0, 1)

    if not return_gates:
        return LSTMSequence(None, None, None, None, as_given(cells), as_given(outputs))
    i, f, o, g = (as_given(gates[..., k * units:(k + 1) * units]) for k in range(4))
    return LSTMSequence(i, f, g, o, as_given(cells), as_given(outputs))


def lstm_backward(
    x: ArrayLike,
    weights: LSTMWeights,
    grad_h: ArrayLike,
    h0: ArrayLike | None = None,
    c0: ArrayLike | None = None,
    *,
    grad_c: ArrayLike | None = None,
    forward: LSTMSequence | None = None,
) -> LSTMGradients:
    r"""Back-propagation through time: from a loss's gradients by the outputs to those by all that went in.

    With :math:`\bar v = \partial L / \partial v`, from the last step to the first:

    .. math::
        \bar c_t &\mathrel{+}= \bar h_t\, o_t (1 - \tanh^2 c_t), \qquad \bar c_{t-1} = \bar c_t f_t, \\
        \bar z_i &= \bar c_t\, g_t\, i_t (1 - i_t), \quad \bar z_f = \bar c_t\, c_{t-1}\, f_t (1 - f_t), \\
        \bar z_g &= \bar c_t\, i_t (1 - g_t^2), \quad \bar z_o = \bar h_t \tanh(c_t)\, o_t (1 - o_t), \\
        \bar x_t &= \bar z W^\top, \quad \bar h_{t-1} \mathrel{+}= \bar z U^\top, \\
        \bar W &= \sum_t x_t^\top \bar z, \quad \bar U = \sum_t h_{t-1}^\top \bar z, \quad
        \bar b = \sum_t \bar z.

    Parameters
    ----------
    x, weights, h0, c0
        As given to `lstm_forward`.
    grad_h
        dL/dh for every step, (T, units) or (N, T, units), or for the last step only, (units,) or (N, units).
    grad_c
        dL/dc of the last cell, (units,) or (N, units), where the loss looks at it; zero if not given.
    forward
        The result of ``lstm_forward(x, weights, h0, c0)``, if at hand; computed if not.

    Returns
    -------
    LSTMGradients
        By input_kernel, recurrent_kernel, bias (gate blocks i, f, g, o), x, h0 and c0.

    Raises
    ------
    ValueError
        If a shape does not fit, or ``forward`` was computed without its gates.

    Examples
    --------
    Along the cell a gradient shrinks by the forget gate at each step; here it is 1/2, three times:

    >>> half = ([[0.0]], [[0.0]], [0.0])
    >>> weights = LSTMWeights.from_gates({name: half for name in GATES})
    >>> lstm_backward(np.zeros((3, 1)), weights, grad_h=[0.0], grad_c=[1.0]).c0
    array([0.125])
    """
    x, h0, c0, single = _sequence_inputs(x, weights, h0, c0, np.dtype(np.float64))
    N, T, inputs = x.shape
    units = weights.units
    last, every = ((units,), (T, units)) if single else ((N, units), (N, T, units))
    if forward is None:
        i, f, g, o, c, h = (part.swapaxes(0, 1) for part in lstm_forward(x, weights, h0, c0))
    elif forward.i is None:
        raise ValueError("forward holds no gates: compute it with lstm_forward(..., return_gates=True)")
    elif forward.h.shape != every:
        raise ValueError(f"forward belongs to another x: its h has shape {forward.h.shape}, expected {every}")
    else:
        i, f, g, o, c, h = (part[:, None] if single else part.swapaxes(0, 1) for part in forward)

    grad_h = _floats(grad_h, "grad_h")
    if grad_h.shape not in (last, every):
        raise ValueError(
            f"grad_h must have the shape of all outputs, {every}, or of the last one, {last}, "
            f"but has shape {grad_h.shape}"
        )
    by_step = np.zeros((T, N, units))  # from here on time comes first
    if grad_h.shape == last:
        by_step[-1] = grad_h
    else:
        by_step[:] = grad_h[:, None] if single else grad_h.swapaxes(0, 1)
    bar_c = np.zeros((N, units)) + _state(grad_c, "grad_c", last)
    bar_h = np.zeros((N, units))

    # What each pre-activation does to c_t (gates i, f, g) or h_t (gate o), for all steps at once.
    shown = np.tanh(c)
    before_c = np.concatenate([c0[None], c[:-1]])
    slopes = np.stack([g * i * (1 - i), before_c * f * (1 - f), i * (1 - g**2), shown * o * (1 - o)], axis=2)
    through_h = o * (1 - shown**2)
    with _one_thread(N * weights.recurrent_kernel.size):
        for t in reversed(range(T)):
            bar_h = bar_h + by_step[t]
            bar_c = bar_c + bar_h * through_h[t]
            slopes[t, :, :3] *= bar_c[:, None]
            slopes[t, :, 3] *= bar_h
            bar_c = bar_c * f[t]
            bar_h = slopes[t].reshape(N, 4 * units) @ weights.recurrent_kernel.T

    bar_z = slopes.reshape(T * N, 4 * units)
    before_h = np.concatenate([h0[None], h[:-1]]).reshape(T * N, units)
    bar_x = (bar_z @ weights.input_kernel.T).reshape(T, N, inputs)
    return LSTMGradients(
        input_kernel=x.swapaxes(0, 1).reshape(T * N, inputs).T @ bar_z,
        recurrent_kernel=before_h.T @ bar_z,
        bias=bar_z.sum(axis=0),
        x=bar_x[:, 0] if single else bar_x.swapaxes(0, 1),
        h0=bar_h[0] if single else bar_h,
        c0=bar_c[0] if single else bar_c,
    )


def forget_half_life(f: ArrayLike) -> float | Array:
    r"""Steps after which a cell with a constant forget gate f, and no input, has lost half of itself.

    .. math:: f^n = \tfrac12 \quad\Longleftrightarrow\quad n = \frac{\ln \frac12}{\ln f}

    Parameters
    ----------
    f
        Forget gate, strictly between 0 and 1; a number or an array.

    Returns
    -------
    float or array
        Half-life in **steps**, not days: an LSTM counts steps and does not know how long they are.

    Raises
    ------
    ValueError
        If a value is not strictly between 0 and 1: f = 1 never forgets, f = 0 forgets at once.

    Examples
    --------
    >>> forget_half_life(0.5)
    1.0
    >>> forget_half_life([0.731, 0.9, 0.99]).round(2)
    array([ 2.21,  6.58, 68.97])
    """
    f = np.asarray(f, dtype=float)
    outside = ~((f > 0) & (f < 1))
    if outside.any():
        raise ValueError(
            f"a forget gate must lie strictly between 0 and 1 to have a half-life, "
            f"but f = {f[outside].flat[0]}"
        )
    steps = np.log(0.5) / np.log(f)
    return float(steps) if steps.ndim == 0 else steps


def _one_thread(multiplications: int) -> AbstractContextManager[None]:
    """Keep OpenBLAS from splitting a product of this size over several threads.

    On a product of a few million multiplications two threads gain little, but they wait for each other after
    each one, and on a busy machine that takes several times longer. OpenBLAS itself does not split below
    2^18 multiplications; above 2^24 it is left alone.
    """
    return one_thread() if 2**18 < multiplications < 2**24 else nullcontext()


def _own_arrays(weights: Any, blocks: tuple[str, ...]) -> int:
    """Keep read-only copies of a frozen layer's arrays; how many columns they have, if the kernels agree."""
    for name in ("input_kernel", "recurrent_kernel", "bias"):
        array = _floats(getattr(weights, name), name).copy()
        array.flags.writeable = False
        object.__setattr__(weights, name, array)
    input_kernel, recurrent_kernel = weights.input_kernel, weights.recurrent_kernel
    for name, kernel in (("input_kernel", input_kernel), ("recurrent_kernel", recurrent_kernel)):
        if kernel.ndim != 2:
            raise ValueError(f"{name} must have 2 dimensions, but has shape {kernel.shape}")
    (rows, columns), n = recurrent_kernel.shape, len(blocks)
    if rows == 0 or columns != n * rows:
        transposed = rows == n * columns > 0
        hint = "; it looks transposed (PyTorch stacks the gates as rows)" if transposed else ""
        raise ValueError(
            f"recurrent_kernel must have shape (units, {n} * units), the blocks [{' | '.join(blocks)}] side "
            f"by side, but has shape {(rows, columns)}{hint}"
        )
    if input_kernel.shape[1] != columns or input_kernel.shape[0] == 0:
        hint = "; it looks transposed" if input_kernel.shape[0] == columns else ""
        raise ValueError(
            f"input_kernel must have shape (inputs, {n} * units) = (inputs, {columns}), because "
            f"recurrent_kernel says {rows} unit(s), but has shape {input_kernel.shape}{hint}"
        )
    return columns


def _keras_arrays(layer: Any, wanted: str) -> list[Array]:
    """The weights of a built Keras layer of the wanted kind that computes what this library computes."""
    kind = type(layer).__name__
    weights = f"{wanted}Weights"
    if not any(base.__name__ in (wanted, f"{wanted}Cell") for base in type(layer).__mro__):
        hint = "; take its forward_layer" if kind == "Bidirectional" else ""
        raise TypeError(f"from_keras reads a keras.layers.{wanted}, but was given a {kind}{hint}")
    for role, expected in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
        activation = getattr(layer, role, None)
        if activation is None or not hasattr(layer, "get_weights"):
            raise TypeError(
                f"from_keras reads a keras.layers.{wanted}, but this {kind} is of {type(layer).__module__}; "
                f"build {weights} from its arrays, in the order that its documentation gives"
            )
        # by what it does: an object may have any name, or none
        if not np.allclose(np.asarray(activation(_PROBE)), _ACTIVATIONS[expected](_PROBE), atol=1e-5):
            given = getattr(activation, "__name__", repr(activation))
            raise ValueError(
                f"this module computes an {wanted} with {role}={expected!r}, but the layer has {given!r}; "
                f"its weights would give other numbers here than there"
            )
    if getattr(layer, "go_backwards", False):
        raise ValueError(
            f"the layer has go_backwards=True, which a set of weights cannot say; use "
            f"{weights}(*layer.get_weights()) and give {wanted.lower()}_forward the steps in reverse order"
        )
    arrays = layer.get_weights()
    if not arrays:
        raise ValueError(
            "the layer has no weights yet: build it first, with layer.build((None, None, inputs))"
        )
    return arrays


def _floats(values: ArrayLike, name: str, dtype: DTypeLike = np.float64) -> Array:
    try:
        array = np.asarray(values, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a rectangular array of numbers ({error})") from error
    if not np.isfinite(array).all():
        bad = np.count_nonzero(~np.isfinite(array))
        raise ValueError(
            f"{name} holds {bad} value(s) that are not finite (NaN or infinite); decide first what they mean"
        )
    return array


def _state(
    state: ArrayLike | None, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float64
) -> Array:
    if state is None:
        return np.zeros(shape, dtype)
    array = _floats(state, name, dtype)
    if array.shape != shape:
        raise ValueError(
            f"{name} must have shape {shape}, to fit x and the weights, but has shape {array.shape}"
        )
    return array


def _step_input(x: ArrayLike, inputs: int) -> Array:
    x = _floats(x, "x")
    if x.ndim not in (1, 2) or x.shape[-1] != inputs:
        raise ValueError(
            f"x must have shape (inputs,) or (N, inputs) with inputs = {inputs}, as the weights say, "
            f"but has shape {x.shape}"
        )
    return x


def _steps_input(x: ArrayLike, inputs: int, dtype: Any = np.float64) -> Array:
    x = _floats(x, "x", dtype)
    if x.ndim not in (2, 3) or x.shape[-1] != inputs:
        hint = "; one step is x[None, :], one feature over time is x[:, None]" if x.ndim == 1 else ""
        raise ValueError(
            f"x must have shape (T, inputs) or (N, T, inputs) with inputs = {inputs}, as the weights "
            f"say, but has shape {x.shape}{hint}"
        )
    if x.shape[-2] == 0:
        raise ValueError(f"x must have at least one step, but has shape {x.shape}")
    return x


def _sequence_inputs(
    x: ArrayLike, weights: LSTMWeights, h0: ArrayLike | None, c0: ArrayLike | None, dtype: np.dtype[Any]
) -> tuple[Array, Array, Array, bool]:
    """x as (N, T, inputs), the two start states as (N, units), and whether a single sequence was given."""
    x = _steps_input(x, weights.inputs, dtype)
    single = x.ndim == 2
    shape = (*x.shape[:-2], weights.units)
    h0, c0 = _state(h0, "h0", shape, dtype), _state(c0, "c0", shape, dtype)
    if single:
        return x[None], h0[None], c0[None], True
    return x, h0, c0, False

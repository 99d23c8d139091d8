r"""One GRU step, then many: float64 NumPy, the same numbers as ``keras.layers.GRU``.

.. math::
    z_t &= \sigma(x_t W_z + b_z + h_{t-1} U_z + d_z) \qquad\text{update gate: the share kept} \\
    r_t &= \sigma(x_t W_r + b_r + h_{t-1} U_r + d_r) \qquad\text{reset gate} \\
    g_t &= \tanh(x_t W_g + b_g + r_t \odot (h_{t-1} U_g + d_g)) \qquad\text{candidate} \\
    h_t &= z_t \odot h_{t-1} + (1 - z_t) \odot g_t \qquad\text{output, and memory}

There is no cell beside the output, and one gate does the work of two: what is not kept is written.

**Two things differ between implementations.** Keras's z (and that of Cho et al.) is the share that is
*kept*; other texts call *update gate* the share that is replaced, 1 - z. And Keras resets *after* the matrix
product, as above (``reset_after=True``, its default; the candidate then has a second bias d); before it, as
Cho et al. print it, the candidate is :math:`\tanh(x_t W_g + b_g + (r_t \odot h_{t-1}) U_g)`. Here the shape
of the bias says which.

The blocks stand in Keras's order **z, r, g** (its ``h`` is g), side by side as in `interestdecay_lib.lstm`.

Source: K. Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder for Statistical
Machine Translation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from interestdecay_lib.lstm import (
    Array,
    _floats,
    _keras_arrays,
    _own_arrays,
    _state,
    _step_input,
    _steps_input,
)

BLOCKS = ("z", "r", "g")
"""The blocks in the order in which they stand in every weight matrix (Keras's; its ``h`` is ``g``)."""


class BlockWeights(NamedTuple):
    """The weights of one block: ``x @ W + b`` and ``h @ U + d``."""

    W: Array
    """(inputs, units): what the input contributes."""
    U: Array
    """(units, units): what the previous output contributes."""
    b: Array
    """(units,): the bias."""
    d: Array
    """(units,): the second bias, that of the recurrent part; zeros where the reset comes before."""


class GRUStep(NamedTuple):
    """Everything one step computes; each array is (units,) or (N, units)."""

    z: Array
    """Update gate, in (0, 1): how much of the old output is kept."""
    r: Array
    """Reset gate, in (0, 1): how much the candidate listens to the old output."""
    g: Array
    """Candidate, in (-1, 1): what would be written."""
    h: Array
    """Output, the only state."""


class GRUSequence(NamedTuple):
    """Everything a sequence of steps computes; each is (T, units) or (N, T, units), time as in ``x``."""

    z: Array
    r: Array
    g: Array
    h: Array


@dataclass(frozen=True, eq=False)
class GRUWeights:
    """The weights of a GRU layer, blocks in the order **z, r, g** (Keras's order).

    Parameters
    ----------
    input_kernel
        (inputs, 3 * units): ``[W_z | W_r | W_g]``.
    recurrent_kernel
        (units, 3 * units): ``[U_z | U_r | U_g]``.
    bias
        (2, 3 * units), ``[b_z | b_r | b_g]`` over ``[d_z | d_r | d_g]``: the reset comes after the product,
        as in Keras; or (3 * units,), ``[b_z | b_r | b_g]``: it comes before.

    Raises
    ------
    ValueError
        If the shapes do not belong together or a weight is not a finite number.

    Notes
    -----
    The arrays are stored as read-only float64 copies. A layer has 3 (units (units + inputs) + units) weights,
    and 3 units more where the reset comes after.

    Examples
    --------
    >>> weights = GRUWeights(np.zeros((3, 6)), np.zeros((2, 6)), np.zeros((2, 6)))
    >>> weights
    GRUWeights(inputs=3, units=2, parameters=42, reset_after=True)
    >>> weights.block("r").W.shape
    (3, 2)
    """

    input_kernel: Array = field(repr=False)
    recurrent_kernel: Array = field(repr=False)
    bias: Array = field(repr=False)

    def __post_init__(self) -> None:
        columns = _own_arrays(self, BLOCKS)
        if self.bias.shape not in ((2, columns), (columns,)):
            raise ValueError(
                f"bias must have shape (2, 3 * units) = (2, {columns}), or ({columns},) where the reset "
                f"comes before the product, but has shape {self.bias.shape}"
            )

    def __repr__(self) -> str:
        return (f"GRUWeights(inputs={self.inputs}, units={self.units}, parameters={self.parameters}, "
                f"reset_after={self.reset_after})")

    @property
    def inputs(self) -> int:
        """How many features a step takes."""
        return self.input_kernel.shape[0]

    @property
    def units(self) -> int:
        """How many outputs a step has."""
        return self.recurrent_kernel.shape[0]

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return self.input_kernel.size + self.recurrent_kernel.size + self.bias.size

    @property
    def reset_after(self) -> bool:
        """Whether the reset gate acts after the matrix product (Keras's default), not before."""
        return self.bias.ndim == 2

    def block(self, name: str) -> BlockWeights:
        """Weights of one block, ``"z"``, ``"r"`` or ``"g"``, as read-only views."""
        if name not in BLOCKS:
            keras = " (Keras's block h is the candidate 'g' here)" if name == "h" else ""
            raise ValueError(f"there is no block {name!r}; the blocks are 'z', 'r', 'g'{keras}")
        columns = slice(BLOCKS.index(name) * self.units, (BLOCKS.index(name) + 1) * self.units)
        b, d = self._biases()
        return BlockWeights(self.input_kernel[:, columns], self.recurrent_kernel[:, columns], b[columns],
                            d[columns])

    def _biases(self) -> tuple[Array, Array]:
        """b and d side by side for all blocks; d is zero where the reset comes before."""
        return (self.bias[0], self.bias[1]) if self.reset_after else (self.bias, np.zeros_like(self.bias))

    @classmethod
    def from_blocks(cls, blocks: Mapping[str, tuple[ArrayLike, ...]]) -> GRUWeights:
        """Put the weights of the three blocks side by side, in the right order whatever the order given.

        Parameters
        ----------
        blocks
            For each of ``"z"``, ``"r"``, ``"g"`` a tuple ``(W, U, b, d)`` of shapes (inputs, units), (units,
            units), (units,) and (units,); or ``(W, U, b)`` for all three, where the reset comes before.

        Examples
        --------
        A unit with z = 1/2 that is given nothing halves at each step:

        >>> off = ([[0.0]], [[0.0]], [0.0], [0.0])
        >>> weights = GRUWeights.from_blocks({"z": off, "r": off, "g": off})
        >>> gru_forward(np.zeros((3, 1)), weights, h0=[0.8]).h.ravel()
        array([0.4, 0.2, 0.1])
        """
        if set(blocks) != set(BLOCKS):
            raise ValueError(f"blocks must have exactly the keys {list(BLOCKS)}, but has {list(blocks)}")
        parts = {name: len(blocks[name]) for name in BLOCKS}
        if set(parts.values()) not in ({3}, {4}):
            raise ValueError("every block must be a tuple (W, U, b, d), or every one (W, U, b) where the "
                             f"reset comes before the product, but they have {parts} entries")
        arrays = [[_floats(part, f"a part of block {name!r}") for part in blocks[name]] for name in BLOCKS]
        try:
            W, U, *biases = (np.concatenate(part, axis=-1) for part in zip(*arrays, strict=True))
        except ValueError as error:
            raise ValueError(f"all blocks must have the same shapes ({error})") from error
        return cls(W, U, np.stack(biases) if len(biases) == 2 else biases[0])

    @classmethod
    def from_keras(cls, layer: Any) -> GRUWeights:
        """Weights of a built ``keras.layers.GRU`` (or ``GRUCell``); Keras itself is not imported here.

        Raises
        ------
        TypeError
            If the layer is of another kind.
        ValueError
            If it has no weights yet, runs backwards, or uses other activations than sigmoid and tanh.
        """
        arrays = _keras_arrays(layer, "GRU")
        if len(arrays) == 2:  # use_bias=False
            columns = arrays[0].shape[1]
            arrays = [*arrays, np.zeros((2, columns) if layer.reset_after else columns)]
        return cls(*arrays)

    def to_keras(self) -> list[Array]:
        """``[input_kernel, recurrent_kernel, bias]``, writable copies, ready for ``layer.set_weights``."""
        return [self.input_kernel.copy(), self.recurrent_kernel.copy(), self.bias.copy()]


def gru_step(x: ArrayLike, h: ArrayLike, weights: GRUWeights) -> GRUStep:
    r"""One step: the four equations at the top of this module, in their order.

    Parameters
    ----------
    x
        (inputs,) or (N, inputs): the input of this step.
    h
        (units,) or (N, units): the output after the step before; zeros at the start.
    weights
        What the layer has learned.

    Returns
    -------
    GRUStep
        z, r, g, h: each (units,) or (N, units).

    Raises
    ------
    ValueError
        If a shape does not fit the weights, or an input is not a finite number.

    Examples
    --------
    >>> block = ([[0.5]], [[0.5]], [0.0], [0.0])
    >>> weights = GRUWeights.from_blocks({"z": block, "r": block, "g": block})
    >>> step = gru_step(x=[1.0], h=[0.5], weights=weights)
    >>> [round(float(part[0]), 4) for part in step]
    [0.6792, 0.6792, 0.5848, 0.5272]
    """
    x = _step_input(x, weights.inputs)
    h = _state(h, "h", (*x.shape[:-1], weights.units))
    b, d = weights._biases()
    x_z, x_r, x_g = np.split(x @ weights.input_kernel + b, 3, axis=-1)
    U_z, U_r, U_g = np.split(weights.recurrent_kernel, 3, axis=-1)
    d_z, d_r, d_g = np.split(d, 3)
    z, r = expit(x_z + h @ U_z + d_z), expit(x_r + h @ U_r + d_r)
    heard = r * (h @ U_g + d_g) if weights.reset_after else (r * h) @ U_g
    g = np.tanh(x_g + heard)
    return GRUStep(z, r, g, z * h + (1 - z) * g)


def gru_forward(x: ArrayLike, weights: GRUWeights, h0: ArrayLike | None = None) -> GRUSequence:
    """Run a whole sequence, or a batch of sequences, through the layer: `gru_step` in a loop.

    Parameters
    ----------
    x
        (T, inputs) or (N, T, inputs).
    weights
        What the layer has learned.
    h0
        (units,) or (N, units): the state before the first step; zeros if not given.

    Returns
    -------
    GRUSequence
        z, r, g, h, each (T, units) or (N, T, units). ``h[..., -1, :]`` is what Keras returns without
        ``return_sequences``.

    Raises
    ------
    ValueError
        If a shape does not fit the weights, there is no step, or an input is not a finite number.

    Examples
    --------
    >>> still = ([[0.0]], [[0.0]], [0.0], [0.0])
    >>> weights = GRUWeights.from_blocks({"z": still, "r": still, "g": ([[9.0]], [[0.0]], [0.0], [0.0])})
    >>> gru_forward([[1.0], [0.0], [0.0]], weights).h.ravel().round(3)
    array([0.5  , 0.25 , 0.125])
    """
    x = _steps_input(x, weights.inputs)
    h = _state(h0, "h0", (*x.shape[:-2], weights.units))
    steps = []
    for t in range(x.shape[-2]):
        steps.append(gru_step(x[..., t, :], h, weights))
        h = steps[-1].h
    return GRUSequence(*(np.stack(part, axis=-2) for part in zip(*steps, strict=True)))

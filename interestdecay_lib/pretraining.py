r"""A small causal Transformer over baskets: trained on many, then fine-tuned on few, in parts or as a whole.

A basket is a row of whole numbers, 0 behind its last item. The network reads the items so far and scores all
items for the next place (`basket_transformer`); its loss is the cross-entropy of the item that did come
(`item_loss`), so the log labels itself. Two other ways to learn without labels need no other network:

- masked items: hide some, and name them from both sides (`masked_baskets`);
- contrast: two crops of a basket are to be alike, and unlike those of other baskets (`contrastive_loss`).

Both make use of changed copies: `crop_baskets`, `noisy_baskets`. Fine-tuning is a choice of what may move
(`let_move`): the output only, low-rank updates of every kernel, :math:`W + \tfrac{1}{r}\alpha A B`, or all.
A list is judged by `next_item_hits`, ties included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from interestdecay_lib._arguments import floats, is_number, whole
from interestdecay_lib.event_networks import Positions
from interestdecay_lib.networks import keras

__all__ = ["MODES", "ItemTable", "basket_transformer", "contrastive_loss", "crop_baskets", "item_loss",
           "let_move", "masked_baskets", "next_item_hits", "next_item_pairs", "noisy_baskets"]

ops, layers = keras.ops, keras.layers

#: What may move in fine-tuning, from little to all.
MODES = ("output", "low rank", "all")


# -- the network --------------------------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="interestdecay_lib")
class ItemTable(layers.Embedding):
    """A table with a vector for each item, used twice: items to vectors, and vectors to a score of each item.

    Examples
    --------
    >>> table = ItemTable(4, 2)
    >>> vectors = table(np.array([[1, 3]]))
    >>> vectors.shape, table(vectors, reverse=True).shape
    (TensorShape([1, 2, 2]), TensorShape([1, 2, 4]))
    """

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        if reverse:
            return ops.matmul(inputs, ops.transpose(self.embeddings))
        return super().call(inputs)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        width = self.input_dim if reverse else self.output_dim
        shape = inputs.shape[:-1] if reverse else inputs.shape
        return keras.KerasTensor((*shape, width), dtype=self.compute_dtype)


@keras.saving.register_keras_serializable(package="interestdecay_lib")
class ItemBias(layers.Layer):
    """Add a learned number to the score of each item: how popular it is, whatever came before."""

    def build(self, input_shape: tuple) -> None:
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs + self.bias


def basket_transformer(items: int, length: int, size: int = 16, depth: int = 1, *, heads: int = 2,
                       causal: bool = True, seed: int = 0) -> keras.Model:
    r"""A Transformer that scores every item for every place of a basket.

    Items become vectors of a table E, places add a vector of their own; each of `depth` blocks adds attention
    and a small dense network to them; one more dense layer, the *head*, and the table again give the scores,

    .. math:: z_t = E\, W_{\text{head}}\, h_t + b .

    Parameters
    ----------
    items
        Numbers 1 to `items` are items, 0 is the beginning or nothing, ``items + 1`` a hidden item.
    length
        Places of a basket.
    size, depth, heads
        Numbers a vector has, blocks, and heads of the attention.
    causal
        Whether a place sees only itself and what stands before it. The weights are the same either way, so
        what was trained with hidden items can go on causally.
    seed
        Of the initial weights.

    Returns
    -------
    keras.Model
        From whole numbers (n, length) to scores (n, length, items + 2), before any softmax. The layer called
        ``state`` holds h, (n, length, size).

    Raises
    ------
    ValueError
        For sizes below 1, or a size that the heads do not divide.

    Notes
    -----
    The network of SASRec (Kang and McAuley, 2018) in outline: causal self-attention over items, one table for
    input and output. With ``causal=False`` that of BERT4Rec (Sun and others, 2019).

    Examples
    --------
    >>> model = basket_transformer(items=10, length=5, size=8)
    >>> model(np.array([[0, 3, 7, 0, 0]])).shape, model.count_params()
    (TensorShape([1, 5, 12]), 828)
    """
    for name, value in {"items": items, "length": length, "size": size, "depth": depth,
                        "heads": heads}.items():
        whole(value, name)
    if size % heads:
        raise ValueError(f"the heads divide the size among them: {size} numbers are not {heads} equal parts")
    seeds = iter(range(1000 * seed, 1000 * seed + 1000))

    def kernel():
        return keras.initializers.GlorotUniform(seed=next(seeds))

    basket = keras.Input((length,), dtype="int32")
    table = ItemTable(items + 2, size, name="table",
                      embeddings_initializer=keras.initializers.RandomNormal(stddev=0.1, seed=next(seeds)))
    state = Positions(seed=next(seeds), name="places")(table(basket))
    for block in range(depth):
        inner = layers.LayerNormalization(name=f"norm_{block}")(state)
        attend = layers.MultiHeadAttention(heads, size // heads, kernel_initializer=kernel(),
                                           seed=next(seeds), name=f"attention_{block}")
        state = state + attend(inner, inner, use_causal_mask=causal)
        wide = layers.Dense(2 * size, "gelu", kernel_initializer=kernel(), name=f"wide_{block}")
        back = layers.Dense(size, kernel_initializer=kernel(), name=f"back_{block}")
        state = state + back(wide(layers.LayerNormalization(name=f"norm_{block}b")(state)))
    state = layers.LayerNormalization(name="state")(state)
    head = layers.Dense(size, use_bias=False, kernel_initializer=kernel(), name="head")
    scores = ItemBias(name="bias")(table(head(state), reverse=True))
    return keras.Model(basket, scores, name="basket_transformer")


def item_loss() -> keras.losses.Loss:
    """Cross-entropy of the item that came, over the places that have one; a target of 0 counts nothing.

    Examples
    --------
    >>> even = np.zeros((1, 3, 4))
    >>> round(float(item_loss()(np.array([[2, 1, 0]]), even)), 4)      # ln 4
    1.3863
    """
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)


def let_move(model: keras.Model, what: str, rank: int = 4, seed: int = 0) -> keras.Model:
    r"""Choose what fine-tuning may change, in place.

    - "output": the head and the bias of each item; all that leads to h is frozen;
    - "low rank": besides, each frozen kernel W gets an update of low rank, :math:`W + A B`, A of r columns
      and B of r rows, with B = 0 at first, so that the network begins as the pretrained one;
    - "all": everything.

    Parameters
    ----------
    model
        Of `basket_transformer`.
    what
        A name of `MODES`.
    rank
        r, at least 1; here :math:`\alpha = r`, so the factor before A B is one.
    seed
        Of the start of A.

    Returns
    -------
    keras.Model
        The same model; compile it again before training.

    Raises
    ------
    ValueError
        For another name.

    Notes
    -----
    Low-rank updates are the LoRA of Hu and others (2022), here Keras' own ``enable_lora``, on every dense
    layer and every projection of the attention. The table of items stays frozen in the first two.

    Examples
    --------
    >>> model = basket_transformer(items=10, length=5, size=8)
    >>> for what in ("all", "output", "low rank"):
    ...     moving = let_move(model, what).trainable_weights
    ...     print(what, sum(int(np.prod(w.shape)) for w in moving))
    all 828
    output 76
    low rank 572
    """
    if what not in MODES:
        raise ValueError(f"what may move must be one of {MODES}, got {what!r}")
    for layer in model.layers:
        layer.trainable = what == "all" or layer.name in ("head", "bias")
    if what == "low rank":
        numbers = iter(range(seed, seed + 1000))
        for layer in model.layers:
            parts = layer._flatten_layers() if layer.name.startswith(("attention", "wide", "back")) else []
            for part in parts:
                if isinstance(part, (layers.Dense, layers.EinsumDense)):
                    layer.trainable = part.trainable = True
                    part.enable_lora(rank, a_initializer=keras.initializers.HeUniform(seed=next(numbers)))
                    part.bias.trainable = False
    return model


# -- what it learns from ------------------------------------------------------------------------------------


def next_item_pairs(baskets: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of the next item: the basket, one place later, and the basket.

    Examples
    --------
    >>> x, y = next_item_pairs([[5, 2, 7, 0]])
    >>> x.tolist(), y.tolist()
    ([[0, 5, 2, 7]], [[5, 2, 7, 0]])
    """
    y = _baskets(baskets)
    return np.hstack([np.zeros((len(y), 1), y.dtype), y[:, :-1]]), y


def masked_baskets(baskets: ArrayLike, items: int, share: float = 0.2, seed: int = 0
                   ) -> tuple[np.ndarray, np.ndarray]:
    """Inputs with hidden items, and targets that hold only those: for a network that sees both sides.

    Parameters
    ----------
    baskets
        Shape (n, length).
    items
        As in `basket_transformer`: a hidden item is the number ``items + 1``.
    share
        Probability of each item to be hidden, between 0 and 1.
    seed
        Of the choice.

    Examples
    --------
    >>> x, y = masked_baskets([[5, 2, 7, 4, 0]], items=9, share=0.5, seed=3)
    >>> x.tolist(), y.tolist()
    ([[10, 10, 7, 4, 0]], [[5, 2, 0, 0, 0]])
    """
    baskets = _baskets(baskets)
    if not (is_number(share) and 0 < share < 1):
        raise ValueError(f"share must lie between 0 and 1, got {share!r}")
    hidden = (np.random.default_rng(seed).random(baskets.shape) < share) & (baskets > 0)
    return np.where(hidden, items + 1, baskets), np.where(hidden, baskets, 0)


def crop_baskets(baskets: ArrayLike, share: float = 0.6, seed: int = 0) -> np.ndarray:
    """A random run of neighbouring items of each basket, at its beginning: augmentation by cropping.

    Parameters
    ----------
    baskets
        Shape (n, length).
    share
        Of the items that are kept, above 0 and at most 1; at least one item is kept of each basket.
    seed
        Of where each run begins.

    Examples
    --------
    >>> crop_baskets([[5, 2, 7, 4, 0]], share=0.5, seed=1).tolist()
    [[2, 7, 0, 0, 0]]
    """
    baskets = _baskets(baskets)
    if not (is_number(share) and 0 < share <= 1):
        raise ValueError(f"share must lie above 0 and at most at 1, got {share!r}")
    n = (baskets > 0).sum(axis=1)
    kept = np.maximum(np.ceil(share * n - 1e-9).astype(int), np.minimum(n, 1))
    start = np.random.default_rng(seed).integers(0, n - kept + 1)
    places = np.arange(baskets.shape[1])
    moved = np.take_along_axis(baskets, np.minimum(places + start[:, None], baskets.shape[1] - 1), axis=1)
    return np.where(places < kept[:, None], moved, 0)


def noisy_baskets(baskets: ArrayLike, items: int, share: float = 0.1, seed: int = 0) -> np.ndarray:
    """Baskets in which some items are replaced by any item: augmentation by noise.

    Examples
    --------
    >>> noisy_baskets([[5, 2, 7, 4, 0]], items=9, share=0.5, seed=3).tolist()
    [[9, 3, 7, 4, 0]]
    """
    x, _ = masked_baskets(baskets, items, share, seed)
    other = np.random.default_rng([seed, 1]).integers(1, items + 1, x.shape)
    return np.where(x == items + 1, other, x)


def contrastive_loss(pairs: Any, temperature: float = 0.1) -> Any:
    r"""How well each basket finds its own other copy among all baskets of the batch.

    With rows :math:`u_i, v_i` of length one,

    .. math:: \ell = -\frac{1}{n}\sum_i \ln
              \frac{e^{u_i^\top v_i/\tau}}{\sum_j e^{u_i^\top v_j/\tau}} .

    Parameters
    ----------
    pairs
        Shape (n, 2, size): the vectors of two copies of each basket.
    temperature
        :math:`\tau`, above 0.

    Returns
    -------
    tensor
        A number: ln n if all vectors are alike, towards 0 if each pair is alike and unlike all others.

    Examples
    --------
    >>> alike = np.ones((4, 2, 3), "float32")
    >>> round(float(contrastive_loss(alike)), 4)                        # ln 4
    1.3863
    """
    if not (is_number(temperature) and temperature > 0):
        raise ValueError(f"temperature must be above 0, got {temperature!r}")
    unit = pairs / ops.sqrt(ops.sum(pairs ** 2, axis=-1, keepdims=True) + 1e-9)
    likeness = ops.matmul(unit[:, 0], ops.transpose(unit[:, 1])) / temperature
    return -ops.mean(ops.diagonal(ops.log_softmax(likeness, axis=-1)))


# -- how it is judged ---------------------------------------------------------------------------------------


def next_item_hits(scores: ArrayLike, baskets: ArrayLike, k: int = 10, first: int = 1) -> np.ndarray:
    """Whether the next item of each basket stands among the k highest that are not in the basket yet.

    Parameters
    ----------
    scores
        Shape (n, length, items) or more columns: column i is item i, and row t is what was known before place
        t; column 0 and columns beyond the largest item are never shown.
    baskets
        Shape (n, length), whole numbers, 0 behind the last item, no item twice.
    k
        Places of the list.
    first
        The first place of a basket that counts; 1 leaves out its first item, before which nothing is known.

    Returns
    -------
    numpy.ndarray
        Shape (n, length): 0 to 1, in expectation over the order of tied items; NaN where no item counts.

    Examples
    --------
    Of the two items left after item 1 and with one place, the right one has the higher score, then a tie:

    >>> scores = [[[0, 0, 0, 0], [0, 9, 5, 1], [0, 9, 9, 1]]]
    >>> next_item_hits(scores, [[1, 2, 3]], k=1).tolist()
    [[nan, 1.0, 1.0]]
    >>> next_item_hits(np.ones((1, 3, 4)), [[1, 2, 3]], k=1).tolist()
    [[nan, 0.5, 1.0]]
    """
    baskets, k = _baskets(baskets), whole(k, "k")
    scores = np.asarray(scores)
    if scores.shape[:2] != baskets.shape or scores.ndim != 3 or baskets.max(initial=0) >= scores.shape[2]:
        raise ValueError(f"scores {scores.shape} must give each place of {baskets.shape} a score an item")
    hits = np.full(baskets.shape, np.nan)
    for n, basket in enumerate(baskets):
        size = int((basket > 0).sum())
        table = np.array(scores[n, :size], dtype=float)
        if np.isnan(table).any():
            raise ValueError("scores must not be NaN")
        table[:, 0] = -np.inf
        for t in range(size):
            table[t + 1:, basket[t]] = -np.inf
        own = table[np.arange(size), basket[:size]][:, None]
        above, tied = (table > own).sum(axis=1), (table == own).sum(axis=1)
        hits[n, first:size] = np.clip((k - above) / tied, 0, 1)[first:]
    return hits


def _baskets(baskets: ArrayLike) -> np.ndarray:
    """Whole numbers of shape (n, length), items first and 0 behind, checked."""
    found = floats(baskets, "baskets")
    if found.ndim != 2 or (found < 0).any() or (found % 1 != 0).any():
        raise ValueError("baskets must be whole numbers of at least 0, shape (n, length)")
    if ((found[:, 1:] > 0) & (found[:, :-1] == 0)).any():
        raise ValueError("a basket has its items first and 0 behind them")
    return found.astype(np.int32)

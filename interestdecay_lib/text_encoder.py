r"""A pretrained text encoder, run with NumPy alone: words to pieces, pieces through six blocks, one vector.

Attention is the one new idea: every place asks all places, and takes the mean of what they hold, weighted by
how well they answer,

.. math:: \text{attention}(Q, K, V) = \text{softmax}\Big(\frac{Q K^\top}{\sqrt{d}}\Big)\, V .

`encode_texts` runs it with the weights of `datasets.load_minilm`, as they are: nothing is trained here.
`bert_size` counts the weights of an encoder of this kind from its sizes, to compare it with others.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf

from interestdecay_lib._arguments import whole

__all__ = ["attention", "bert_size", "encode_texts", "word_pieces"]


def attention(queries: ArrayLike, keys: ArrayLike, values: ArrayLike, seen: ArrayLike | None = None
              ) -> NDArray:
    r"""What each place takes from all places: a mean of the values, weighted by products of queries and keys.

    .. math:: O = \text{softmax}\big(Q K^\top / \sqrt{d}\big)\, V

    Parameters
    ----------
    queries, keys
        Q and K, shapes (..., places, d) and (..., others, d).
    values
        V, shape (..., others, m).
    seen
        Bool, shape (..., places, others): which other places a place may see; at least one. Default: all.

    Returns
    -------
    numpy.ndarray
        Shape (..., places, m).

    Raises
    ------
    ValueError
        If a place may see nothing.

    Notes
    -----
    Scaled dot-product attention of Vaswani and others (2017). Several *heads* are this, several times, on
    parts of the vectors.

    Examples
    --------
    One question, two answers: the second key fits it, so its value weighs more.

    >>> attention([[1.0]], [[0.0], [1.0]], [[0.0], [1.0]]).round(3).tolist()
    [[0.731]]
    >>> attention([[1.0]], [[0.0], [1.0]], [[0.0], [1.0]], seen=[[True, False]]).tolist()
    [[0.0]]
    """
    Q, K, V = (np.asarray(a) for a in (queries, keys, values))
    fit = Q @ np.swapaxes(K, -1, -2) / np.sqrt(Q.shape[-1]).astype(Q.dtype)
    if seen is not None:
        seen = np.broadcast_to(np.asarray(seen, dtype=bool), fit.shape)
        if not seen.any(axis=-1).all():
            raise ValueError("a place that may see nothing has no mean: let each see at least itself")
        fit = np.where(seen, fit, -np.inf)
    weight = np.exp(fit - fit.max(axis=-1, keepdims=True))
    return (weight / weight.sum(axis=-1, keepdims=True)) @ V


def encode_texts(texts: Iterable[str], weights: Mapping[str, NDArray], vocabulary: Mapping[str, int],
                 batch_size: int = 64, longest: int = 128) -> NDArray[np.float32]:
    """Vectors of texts, of length one: the mean over the pieces of what the last block says of each.

    Parameters
    ----------
    texts
        Strings, any number.
    weights, vocabulary
        Of `datasets.load_minilm`.
    batch_size
        Texts at a time, those of like length together.
    longest
        Pieces of a text that are read, its begin and end among them; what follows is left out.

    Returns
    -------
    numpy.ndarray
        Shape (texts, 384), float32. The product of two rows is their cosine.

    Raises
    ------
    TypeError
        If a text is no string.

    Notes
    -----
    A BERT encoder: per block, attention in twelve heads and a dense network with the exact GELU, each added
    to what came in and normalised after it. The mean and the length follow the model's own card.

    Examples
    --------
    >>> from interestdecay_lib.datasets import load_minilm
    >>> u = encode_texts(["red mug", "scarlet cup", "tax return"], *load_minilm())
    >>> [f"{c:.2f}" for c in u @ u[0]]
    ['1.00', '0.54', '0.06']
    """
    begin, end = vocabulary["[CLS]"], vocabulary["[SEP]"]
    rows = [[begin, *word_pieces(text, vocabulary)[:longest - 2], end] for text in texts]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    size = weights["embeddings.word_embeddings.weight"].shape[1]
    found = np.zeros((len(rows), size), np.float32)
    for first in range(0, len(order), batch_size):
        part = order[first:first + batch_size]
        length = max(len(rows[i]) for i in part)
        pieces = np.array([rows[i] + [0] * (length - len(rows[i])) for i in part])
        there = np.arange(length) < np.array([len(rows[i]) for i in part])[:, None]
        state = _blocks(pieces, there, weights)
        mean = (state * there[..., None]).sum(axis=1) / there.sum(axis=1, keepdims=True)
        found[part] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return found


def _blocks(pieces: NDArray, there: NDArray, w: Mapping[str, NDArray], heads: int = 12) -> NDArray:
    """State of each piece after the last block, shape (texts, pieces, size)."""

    def dense(x, name):  # the file keeps a matrix as (out, in)
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x, name):
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x ** 2).mean(axis=-1, keepdims=True) + 1e-12)
        return x * w[f"{name}.LayerNorm.weight"] + w[f"{name}.LayerNorm.bias"]

    def split(x):  # (texts, pieces, size) to (texts, heads, pieces, size / heads)
        return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)

    e = "embeddings"
    x = norm(w[f"{e}.word_embeddings.weight"][pieces] + w[f"{e}.token_type_embeddings.weight"][0]
             + w[f"{e}.position_embeddings.weight"][:pieces.shape[1]], e)
    for block in range(sum(name.endswith("attention.self.query.bias") for name in w)):
        b = f"encoder.layer.{block}"
        q, k, v = (split(dense(x, f"{b}.attention.self.{name}")) for name in ("query", "key", "value"))
        o = attention(q, k, v, there[:, None, None, :]).swapaxes(1, 2).reshape(x.shape)
        x = norm(x + dense(o, f"{b}.attention.output.dense"), f"{b}.attention.output")
        wide = dense(x, f"{b}.intermediate.dense")
        wide = wide * (1 + erf(wide / np.sqrt(2).astype(wide.dtype))) / 2
        x = norm(x + dense(wide, f"{b}.output.dense"), f"{b}.output")
    return x


def word_pieces(text: str, vocabulary: Mapping[str, int]) -> list[int]:
    """Numbers of the pieces of a text: each word is cut, from the left, into the longest known pieces.

    Parameters
    ----------
    text
        Letters are made small and lose their accents; a punctuation mark is a word of its own.
    vocabulary
        Pieces and their numbers; a piece inside a word begins with ``##``.

    Returns
    -------
    list of int
        A word that cannot be cut into known pieces is one ``[UNK]``.

    Raises
    ------
    TypeError
        If the text is no string.

    Notes
    -----
    The WordPiece rule of BERT, uncased; without its rule for Chinese characters, which no name here has.

    Examples
    --------
    >>> known = {"[UNK]": 0, "tea": 1, "##pot": 2, "!": 3, "##s": 4}
    >>> word_pieces("Teapots! xyz", known)
    [1, 2, 4, 3, 0]
    """
    if not isinstance(text, str):
        raise TypeError(f"a text is a string, got {text!r}")
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    words = "".join(f" {c} " if _punctuation(c) else c for c in plain).split()
    return [piece for word in words for piece in _cut(word, vocabulary)]


def _punctuation(c: str) -> bool:
    """BERT's: all of Unicode's, and the marks of ASCII that Unicode calls symbols."""
    return unicodedata.category(c).startswith("P") or c in "$+<=>^`|~"


def _cut(word: str, vocabulary: Mapping[str, int]) -> Sequence[int]:
    found, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                found.append(vocabulary[piece])
                start = end
                break
        else:
            return [vocabulary["[UNK]"]]
    return found


def bert_size(words: int, places: int, size: int, blocks: int, wide: int | None = None) -> int:
    r"""Number of weights of a BERT encoder, counted from its sizes.

    .. math:: \underbrace{(V + L + 2 + 2)\,d}_{\text{tables and their norm}}
              + B\,\underbrace{(4 d^2 + 2 d m + 9 d + m)}_{\text{a block}}
              + \underbrace{d^2 + d}_{\text{a last dense layer}}

    Parameters
    ----------
    words, places, size, blocks
        V pieces in the vocabulary, L places of a text, d numbers a vector, B blocks.
    wide
        m, units of the dense network of a block. Default: 4 d.

    Examples
    --------
    BERT-base and BERT-large, of the sizes that are published:

    >>> bert_size(30_522, 512, 768, 12), bert_size(30_522, 512, 1024, 24)
    (109482240, 335141888)
    """
    V, L, d, B = (whole(n, name) for n, name in (
        (words, "words"), (places, "places"), (size, "size"), (blocks, "blocks")))
    m = 4 * d if wide is None else whole(wide, "wide")
    return (V + L + 4) * d + B * (4 * d * d + 2 * d * m + 9 * d + m) + d * d + d

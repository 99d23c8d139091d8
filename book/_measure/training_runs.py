"""The trainings of `training_keras` that no page can wait for: many seeds of what one seed shows by luck.

    python book/_measure/training_runs.py                run what is missing, write the tables
    python book/_measure/training_runs.py weekly joint   only of these what is missing

Three things are repeated: the first gradient of the article's stacked network, untrained, with ReLU and with
tanh (40 seeds); a network that overfits one hundred customers, without and with a remedy (10 seeds, 250
epochs); and the weekly LSTM of `training_keras` and `evaluating_forecasts`, trained until early stopping ends
it (5 seeds): for both answers at once, for one alone, and on customers that were drawn again (bagging). The
weights of its runs go to book/_data/weekly_lstm.npz, one row a seed (`networks.set_flat_weights`).

Every run is kept in _build/benchmark/training_runs, so the command can be stopped at any time; delete that
directory after changing a network. Two run at a time (WORKERS=1: one), one thread each.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from tqdm import tqdm

from interestdecay_lib.baselines import HALF_LIVES, DecayedCount
from interestdecay_lib.datasets import load_cdnow
from interestdecay_lib.tasks import event_task, split_users, weekly_counts

ROOT = Path(__file__).parents[2]
STORE = ROOT / "_build/benchmark/training_runs"
OUTPUT = ROOT / "book/_data/training_runs.json"
WEIGHTS = ROOT / "book/_data/weekly_lstm.npz"
REMEDIES = {"none": {}, "dropout 0.5": {"dropout": 0.5}, "L2 0.01": {"l2": 0.01}}
OVERFITTING = {"customers": 100, "unseen": 400, "units": 32, "epochs": 250, "batch_size": 100,
               "learning_rate": 0.02}
GRADIENT_SEEDS, OVERFITTING_SEEDS, WEEKLY_SEEDS, REPLICATES = 40, 10, 5, 1000
WEEKLY = {"units": 16, "learning_rate": 0.005, "batch_size": 512, "epochs": 60, "patience": 6}
#: A weekly network's task: the weight of each answer's loss, and whether its customers are drawn again.
KINDS = {
    "joint": ({"returned": 1.0, "counts": 1.0}, False),
    "whether": ({"returned": 1.0, "counts": 0.0}, False),
    "how often": ({"returned": 0.0, "counts": 1.0}, False),
    "bagged": ({"returned": 1.0, "counts": 1.0}, True),
}


@cache
def histories() -> tuple[np.ndarray, np.ndarray]:
    """Every 39th customer's 78 weeks of counts and raw dollars; the purchases of weeks 40 to 78."""
    log = load_cdnow()
    some = np.sort(log["user_id"].unique())[::39]
    counts = weekly_counts(log, "1997-01-01", 78, some)
    dollars = weekly_counts(log, "1997-01-01", 78, some, value="value")
    return np.stack([counts, dollars], axis=-1), counts[:, 39:, None].sum(1)


def first_gradient(activation: str, seed: int) -> float:
    """Norm of the gradient of the mean squared error by all weights of the untrained network.

    The seeds are five apart, since a network uses five numbers from its seed on.
    """
    from interestdecay_lib import networks

    x, y = (networks.tf.constant(a, networks.tf.float32) for a in histories())
    stacked = networks.article_lstm(78, 2, activation, seed=5 * seed)
    with networks.tf.GradientTape() as tape:
        loss = networks.tf.reduce_mean((stacked(x) - y) ** 2)
    norm = networks.tf.linalg.global_norm(tape.gradient(loss, stacked.trainable_variables))
    return float(f"{float(norm):.3g}")


@cache
def few_customers() -> tuple:
    from interestdecay_lib import networks

    task = event_task(load_cdnow(), "1997-10-01", 39, 39, half_lives=(4, 8, 12, 16, 26))
    train, validation, _ = split_users(task)
    parts = train[: OVERFITTING["customers"]], validation[: OVERFITTING["unseen"]]
    return tuple(networks.weekly_arrays(task, part) for part in parts)


def overfitted(remedy: str, seed: int) -> dict[str, list[float]]:
    """Log loss of the training customers and of unseen ones after every epoch, a step each."""
    from interestdecay_lib import networks

    net = networks.weekly_network(39, 3, units=OVERFITTING["units"], seed=5 * seed, **REMEDIES[remedy])
    options = {key: OVERFITTING[key] for key in ("epochs", "batch_size", "learning_rate")}
    history = networks.fit_network(net, *few_customers(), seed=seed, patience=None, **options)
    columns = {"training": "returned_loss", "unseen": "val_returned_loss"}
    return {name: history[column].round(3).tolist() for name, column in columns.items()}


@cache
def weekly_task() -> tuple:
    """The task of 39 weeks at the cut, and the rows of training, validation and test customers."""
    task = event_task(load_cdnow(), "1997-10-01", 39, 39, half_lives=HALF_LIVES)
    return task, split_users(task)


def weekly(kind: str, seed: int) -> dict[str, object]:
    """Learning curves and weights of a network whose training early stopping ended."""
    from interestdecay_lib import networks

    weights, bagged = KINDS[kind]
    task, (train, validation, _) = weekly_task()
    if bagged:
        train = np.random.default_rng(seed).choice(train, len(train))
    net = networks.weekly_network(39, 3, units=WEEKLY["units"], seed=5 * seed)
    options = {key: WEEKLY[key] for key in ("epochs", "patience", "batch_size", "learning_rate")}
    pairs = (networks.weekly_arrays(task, rows) for rows in (train, validation))
    history = networks.fit_network(net, *pairs, seed=seed, loss_weights=weights, **options)
    epochs, best = len(history), history.attrs["best_epoch"]
    if epochs != best + WEEKLY["patience"]:
        raise AssertionError(f"{kind} {seed}: {epochs} epochs, best {best}: not ended by early stopping")
    columns = {"training": "returned_loss", "unseen": "val_returned_loss", "both_unseen": "val_loss"}
    return {"epochs": epochs, "best_epoch": best, "seconds": round(history.attrs["seconds"], 1),
            **{name: history[column].round(4).tolist() for name, column in columns.items()},
            "weights": [float(w) for w in networks.flat_weights(net)]}


def weekly_scores(found: dict[str, list[dict]]) -> dict[str, object]:
    """Each run's scores on the test customers, and differences to the decayed count.

    Intervals as in `compare_models`: they draw the test customers and, for a network, its seeds.
    """
    from compare_models import _draws, _over_seeds
    from interestdecay_lib import evaluation, networks
    from interestdecay_lib.forecasts import predict

    task, (train, _, test) = weekly_task()
    tested = task.take(test)
    y, n = tested.returned.astype(float), tested.counts.astype(float)
    draws, rng = _draws(len(y)), np.random.default_rng(1)
    size = draws.sum(1)

    def replicated(p: np.ndarray, mu: np.ndarray) -> dict[str, np.ndarray]:
        p = np.clip(p, 1e-7, 1 - 1e-7)
        deviance = 2 * (np.where(n > 0, n * np.log(np.maximum(n, 1) / mu), 0) - n + mu)
        losses = {"log_loss": -np.log(np.where(y > 0, p, 1 - p)), "poisson_deviance": deviance}
        return {name: draws @ loss / size for name, loss in losses.items()}

    def interval(values: np.ndarray) -> list[float]:
        return [round(float(v), 5) for v in (values[0], *np.quantile(values[1:], [0.025, 0.975]))]

    reference = replicated(*DecayedCount().fit(task.take(train)).predict(tested))
    net = networks.weekly_network(39, 3, units=WEEKLY["units"])
    table: dict[str, object] = {"decayed count": {name: interval(v) for name, v in reference.items()}}
    for kind, runs in found.items():
        asked = [name for name, answer in (("log_loss", "returned"), ("poisson_deviance", "counts"))
                 if KINDS[kind][0][answer]]
        answers = [predict(networks.set_flat_weights(net, run["weights"]), tested) for run in runs]
        one = [replicated(*answer) for answer in answers]
        together = replicated(*(np.mean([[*answer] for answer in answers], axis=0)))
        picked = rng.integers(0, len(runs), (len(runs), len(draws) - 1))
        table[kind] = {"runs": [
            {**{key: run[key] for key in ("epochs", "best_epoch", "seconds")},
             **{name: round(float(of[name][0]), 5) for name in asked},
             **({"auc": round(evaluation.score_probabilities(y, answer.p)["auc"], 5)}
                if "log_loss" in asked else {}),
             **{key: run[key] for key in ("training", "unseen", "both_unseen")}}
            for run, of, answer in zip(runs, one, answers, strict=True)]}
        for name in asked:
            of_seeds = np.stack([of[name] for of in one])
            mean = _over_seeds(of_seeds, picked)
            table[kind][name] = {
                "mean": interval(mean), "seed_sd": round(float(of_seeds[:, 0].std(ddof=1)), 5),
                "minus_decayed_count": interval(mean - reference[name]),
                "ensemble": interval(together[name]),
                "ensemble_minus_decayed_count": interval(together[name] - reference[name]),
                "ensemble_minus_mean": interval(together[name] - of_seeds.mean(0)),
            }
    return table


def _run(file: str, function: str, *arguments: object) -> None:
    found = globals()[function](*arguments)
    path = STORE / file
    path.with_suffix(".part").write_text(json.dumps(found), encoding="utf-8")
    path.with_suffix(".part").replace(path)


def runs() -> dict[str, tuple]:
    """File name of every run: the function that makes it, and its arguments."""
    found: dict[str, tuple] = {}
    for remedy in REMEDIES:
        for seed in range(OVERFITTING_SEEDS):
            found[f"overfitting {remedy} {seed}.json"] = ("overfitted", remedy, seed)
    for kind in KINDS:
        for seed in range(WEEKLY_SEEDS):
            found[f"weekly {kind} {seed}.json"] = ("weekly", kind, seed)
    for activation in ("relu", "tanh"):
        for seed in range(GRADIENT_SEEDS):
            found[f"gradient {activation} {seed}.json"] = ("first_gradient", activation, seed)
    return found


def stored(file: str) -> object:
    return json.loads((STORE / file).read_text(encoding="utf-8"))


def tables() -> dict[str, object]:
    """What the chapters read: a section for each family of runs that is complete, the others as stored."""
    found = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    done = {file for file in runs() if (STORE / file).exists()}

    def complete(family: str) -> bool:
        return all(file in done for file in runs() if file.startswith(family))

    if complete("weekly"):
        of = {kind: [stored(f"weekly {kind} {k}.json") for k in range(WEEKLY_SEEDS)] for kind in KINDS}
        weights = {kind: np.array([run["weights"] for run in runs], np.float32) for kind, runs in of.items()}
        np.savez_compressed(WEIGHTS, **weights)
        found["weekly"] = {
            "protocol": WEEKLY | {"seeds": WEEKLY_SEEDS, "replicates": REPLICATES},
            "note": "test customers of the split; [estimate, low, high]: 95 % bootstrap that draws customers "
                    "and, for the mean over seeds, the seeds; ensemble: the forecasts averaged first",
            "scores": weekly_scores(of),
        }
    if complete("overfitting"):
        seeds = range(OVERFITTING_SEEDS)
        found["overfitting"] = {
            "protocol": OVERFITTING,
            "runs": {name: [stored(f"overfitting {name} {k}.json") for k in seeds] for name in REMEDIES},
        }
    if complete("gradient"):
        found["first_gradient"] = {
            activation: [stored(f"gradient {activation} {seed}.json") for seed in range(GRADIENT_SEEDS)]
            for activation in ("relu", "tanh")
        }
    return found


def main(wanted: str = "") -> None:
    STORE.mkdir(parents=True, exist_ok=True)
    missing = {file: job for file, job in runs().items()
               if file.startswith(wanted) and not (STORE / file).exists()}
    with ProcessPoolExecutor(int(os.environ.get("WORKERS", 2)), mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_run, file, *job) for file, job in missing.items()]
        for job in tqdm(as_completed(jobs), total=len(jobs)):
            job.result()
    OUTPUT.write_text(json.dumps(tables(), separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"written to {OUTPUT} and {WEIGHTS}")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))

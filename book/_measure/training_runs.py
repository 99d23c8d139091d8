"""The trainings of `training_keras` that no page can wait for: many seeds of what one seed shows by luck.

    python book/_measure/training_runs.py        run what is missing, write the table

Two things are repeated: the first gradient of the article's stacked network, untrained, with ReLU and with
tanh (40 seeds), and a network that overfits one hundred customers, without and with a remedy (10 seeds,
250 epochs). Every run is kept in _build/benchmark/training_runs, so the command can be stopped at any time;
delete that directory after changing a network. Two run at a time, one thread each.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from tqdm import tqdm

from interestdecay_lib.datasets import load_cdnow
from interestdecay_lib.tasks import purchase_task, split_users, weekly_counts

ROOT = Path(__file__).parents[2]
STORE = ROOT / "_build/benchmark/training_runs"
OUTPUT = ROOT / "book/_data/training_runs.json"
REMEDIES = {"none": {}, "dropout 0.5": {"dropout": 0.5}, "L2 0.01": {"l2": 0.01}}
OVERFITTING = {"customers": 100, "unseen": 400, "units": 32, "epochs": 250, "batch_size": 100,
               "learning_rate": 0.02}
GRADIENT_SEEDS, OVERFITTING_SEEDS = 40, 10


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

    task = purchase_task(load_cdnow(), "1997-10-01", 39, 39, half_lives=(4, 8, 12, 16, 26))
    train, validation, _ = split_users(task)
    parts = train[: OVERFITTING["customers"]], validation[: OVERFITTING["unseen"]]
    return tuple(networks.purchase_arrays(task, part) for part in parts)


def overfitted(remedy: str, seed: int) -> dict[str, list[float]]:
    """Log loss of the training customers and of unseen ones after every epoch, a step each."""
    from interestdecay_lib import networks

    net = networks.purchase_network(39, 3, units=OVERFITTING["units"], seed=5 * seed, **REMEDIES[remedy])
    options = {key: OVERFITTING[key] for key in ("epochs", "batch_size", "learning_rate")}
    history = networks.fit_network(net, *few_customers(), seed=seed, patience=None, **options)
    columns = {"training": "bought_loss", "unseen": "val_bought_loss"}
    return {name: history[column].round(3).tolist() for name, column in columns.items()}


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
    for activation in ("relu", "tanh"):
        for seed in range(GRADIENT_SEEDS):
            found[f"gradient {activation} {seed}.json"] = ("first_gradient", activation, seed)
    return found


def stored(file: str) -> object:
    return json.loads((STORE / file).read_text(encoding="utf-8"))


def main() -> None:
    STORE.mkdir(parents=True, exist_ok=True)
    missing = {file: job for file, job in runs().items() if not (STORE / file).exists()}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_run, file, *job) for file, job in missing.items()]
        for job in tqdm(as_completed(jobs), total=len(jobs)):
            job.result()
    seeds = range(OVERFITTING_SEEDS)
    found = {
        "overfitting": {
            "protocol": OVERFITTING,
            "runs": {name: [stored(f"overfitting {name} {k}.json") for k in seeds] for name in REMEDIES},
        },
        "first_gradient": {
            activation: [stored(f"gradient {activation} {seed}.json") for seed in range(GRADIENT_SEEDS)]
            for activation in ("relu", "tanh")
        },
    }
    OUTPUT.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"written to {OUTPUT}")


if __name__ == "__main__":
    main()

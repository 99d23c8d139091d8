"""How far the customer-base models' forecasts move with the customers they were fitted to.

    python book/_measure/refits.py        fit each model to 400 resamples of customers, write the table

CDNOW's sample of 2,357 customers as of 1 October 1997 is drawn with replacement; each model is fitted again
to every resample, and its forecast of the next 39 weeks is compared with what the customers of that resample
bought. The chapter `will_they_return` shows the intervals. About five minutes.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from tqdm import tqdm

from interestdecay_lib.customer_base import BGNBD, MBGNBD, NBD, ParetoNBD
from interestdecay_lib.datasets import load_cdnow
from interestdecay_lib.event_log import merge_same_day
from interestdecay_lib.tasks import calibration_holdout

OUTPUT = Path(__file__).parents[2] / "book/_data/refits.json"
CUT, REPLICATES, SEED = "1997-10-01", 400, 0
MODELS = {kind.__name__: kind for kind in (NBD, BGNBD, MBGNBD, ParetoNBD)}


def customers() -> dict[str, np.ndarray]:
    """Of each customer: frequency, recency, T, holdout; the weeks from 1 January 1997 to the first day."""
    log = load_cdnow(sample=True)
    table = calibration_holdout(log, CUT)
    first = merge_same_day(log).groupby("user_id")["timestamp"].min().reindex(table.index)
    born = (first - np.datetime64("1997-01-01")).dt.days.to_numpy() / 7
    names = "frequency", "recency", "T", "holdout"
    return {name: table[name].to_numpy() for name in names} | {"born": born}


def resamples(n: int, replicates: int = REPLICATES):
    """Rows of each resample: the same for every model, and those of the chapter."""
    rng = np.random.default_rng(SEED)
    for _ in range(replicates):
        yield rng.integers(0, n, n)


def refit(kind: type, found: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, float]:
    """Parameters, log-likelihood, bias of the next 39 weeks and of all 78 weeks since 1 January.

    The bias of 78 weeks is that of a model without the customers' history, as the literature counts it.
    """
    x, t_x, T, bought, born = (found[name][rows] for name in ("frequency", "recency", "T", "holdout", "born"))
    model = kind.fit(x, t_x, T)
    ahead, lived = model.expected_purchases(39, x, t_x, T).sum(), model.expected_purchases(78 - born).sum()
    numbers = {**model.parameters, "log_likelihood": model.log_likelihood(x, t_x, T),
               "bias": ahead / bought.sum() - 1, "cumulative": lived / (x + bought).sum() - 1}
    return {name: float(f"{value:.6g}") for name, value in numbers.items()}


def main() -> None:
    found = customers()
    n = len(found["T"])
    whole = {name: refit(kind, found, np.arange(n)) for name, kind in MODELS.items()}
    again = {name: [refit(kind, found, rows) for rows in tqdm(resamples(n), total=REPLICATES, desc=name)]
             for name, kind in MODELS.items()}
    columns = {name: {key: [run[key] for run in runs] for key in runs[0]} for name, runs in again.items()}
    stored = {"cut": CUT, "weeks": 39, "replicates": REPLICATES, "seed": SEED, "customers": n,
              "estimate": whole, "resampled": columns}
    OUTPUT.write_text(json.dumps(stored, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"written to {OUTPUT}")


if __name__ == "__main__":
    main()

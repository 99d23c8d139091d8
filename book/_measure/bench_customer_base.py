"""Fits of BG/NBD and Pareto/NBD to customers who all differ: `customer_base` against the package `lifetimes`.

Times are continuous, so no two customers have the same three numbers, and grouping them helps nobody. Both
fits must reach the same likelihood, within a thousandth of a nat a thousand customers, and one above that of
the parameters from which the customers were drawn.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from interestdecay_lib.customer_base import BGNBD, ParetoNBD
from race import Case, Method, Table

TRUTHS = {                              # as Fader, Hardie and Lee fitted them to CDNOW; customers drawn
    "BG/NBD": (BGNBD(0.243, 4.414, 0.793, 2.426), 100_000),
    "Pareto/NBD": (ParetoNBD(0.553, 10.578, 0.606, 11.669), 20_000),    # lifetimes needs seconds for these
}
AT_LEAST = 1000                         # fewer do not determine four parameters
NEEDS: list[str] = []                   # lifetimes is in the lock for its data, and autograd with it
TABLES = {"customer_base": Table("Fit to customers who all differ", "fit")}


def book(kind: type, table: pd.DataFrame) -> Callable:
    return lambda: kind.fit(table)


def with_lifetimes(kind: type, table: pd.DataFrame) -> Callable:
    import lifetimes

    fitter = {BGNBD: lifetimes.BetaGeoFitter, ParetoNBD: lifetimes.ParetoNBDFitter}[kind]
    known = [table[name].to_numpy() for name in ("frequency", "recency", "T")]
    # left alone, its Pareto/NBD starts at random near 1: another amount of work each time
    start = {"initial_params": np.ones(4)} if kind is ParetoNBD else {}

    def call():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")                     # its search tries what overflows
            return kind(**fitter().fit(*known, **start).params_.to_dict())

    return call


def cases(scale: float = 1.0) -> Iterator[Case]:
    for name, (truth, customers) in TRUTHS.items():
        yield _case(name, truth, max(int(customers * scale), AT_LEAST))


def _case(name: str, truth: BGNBD | ParetoNBD, customers: int) -> Case:
    rng = np.random.default_rng(0)
    table = truth.simulate(rng.uniform(20, 60, customers), 0.0, rng)[["frequency", "recency", "T"]]
    assert not table.duplicated().any(), "two customers have the same three numbers"
    known = [table[name].to_numpy() for name in table]
    best = type(truth).fit(*known).log_likelihood(*known)

    def compare(method: str, fitted: BGNBD | ParetoNBD) -> dict:
        likelihood = fitted.log_likelihood(*known)
        assert likelihood > truth.log_likelihood(*known), f"{method}, {name}: the truth is likelier"
        short = abs(best - likelihood)
        assert short < 1e-6 * customers, f"{method}, {name}: the likelihoods differ by {short} nats"
        return {"nats_apart": short}

    prepare = {"this book: fit": book, "lifetimes: fit": with_lifetimes}
    methods = {method: Method(lambda way=way: way(type(truth), table), parallel=True)   # both by way of BLAS
               for method, way in prepare.items()}
    facts = {"fit": f"{name}, {customers:,} customers", "model": name, "customers": customers}
    return Case("customer_base", facts, methods, compare)

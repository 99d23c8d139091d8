"""Fits and forecasts for customers with continuous times, all different, against `lifetimes`.

Both must reach the same likelihood (within a thousandth of a nat a thousand customers) before times count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from interestdecay_lib.customer_base import BGNBD, ParetoNBD

TRUTH = {"BG/NBD": BGNBD(0.243, 4.414, 0.793, 2.426), "Pareto/NBD": ParetoNBD(0.553, 10.578, 0.606, 11.669)}


def simulate(model: BGNBD | ParetoNBD, customers: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    table = model.simulate(rng.uniform(20, 60, customers), 0.0, rng)
    return [table[name].to_numpy() for name in ("frequency", "recency", "T")]


def book(name: str, known: list[np.ndarray]) -> BGNBD | ParetoNBD:
    return type(TRUTH[name]).fit(*known)


def lifetimes(name: str, known: list[np.ndarray]) -> BGNBD | ParetoNBD:
    import lifetimes

    fitter = {"BG/NBD": lifetimes.BetaGeoFitter, "Pareto/NBD": lifetimes.ParetoNBDFitter}[name]()
    fitter.fit(*known)
    return type(TRUTH[name])(**{key: float(value) for key, value in fitter.params_.items()})


def run(customers: int, time_it: Callable, opponents: tuple[str, ...] = tuple(TRUTH)) -> list[dict]:
    """One row a model and method; `lifetimes` fits only `opponents` (it takes minutes)."""
    rows = []
    for name, truth in TRUTH.items():
        known = simulate(truth, customers)
        best = book(name, known)
        methods = {"this book": lambda name=name, known=known: book(name, known)}
        if name in opponents:
            methods["lifetimes 0.11.3"] = lambda name=name, known=known: lifetimes(name, known)
            short = best.log_likelihood(*known) - methods["lifetimes 0.11.3"]().log_likelihood(*known)
            assert abs(short) < 1e-6 * customers, f"{name}: the likelihoods differ by {short} nats"
        for method, call in methods.items():
            rows.append({"customers": customers, "model": name, "method": method, "s": time_it(call)})
        rows.append({"customers": customers, "model": name, "method": "this book: expected purchases",
                     "s": time_it(lambda best=best, known=known: best.expected_purchases(26.0, *known))})
    return rows

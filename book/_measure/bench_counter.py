"""A counter in a stream of plain numbers: events a second, against a bare class without any check.

Every counter's sum is checked against the sum written out before it is timed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from interestdecay_lib.counter import DecayedCounter

HALF_LIFE = 7.0


class Bare:
    """The arithmetic and nothing else: NaN, text and overflow all pass."""

    __slots__ = ("half_life", "time", "value")

    def __init__(self, half_life: float) -> None:
        self.half_life, self.value, self.time = half_life, 0.0, -math.inf

    def add(self, t: float, weight: float = 1.0) -> None:
        if t >= self.time:
            self.value = self.value * 2.0 ** ((self.time - t) / self.half_life) + weight
            self.time = t
        else:
            self.value += weight * 2.0 ** ((t - self.time) / self.half_life)

    def value_at(self, t: float) -> float:
        return self.value * 2.0 ** ((self.time - t) / self.half_life)


def count(kind: Callable, times: list[float]) -> Callable:
    def call():
        counter = kind(HALF_LIFE)
        add = counter.add
        for t in times:
            add(t)
        return counter

    return call


def run(events: int, time_it: Callable) -> list[dict]:
    rng = random.Random(0)
    shuffled = [rng.uniform(0, 1000) for _ in range(events)]
    right = math.fsum(2.0 ** ((t - 1000) / HALF_LIFE) for t in shuffled)
    rows = []
    for order, times in (("in order", sorted(shuffled)), ("shuffled", shuffled)):
        for name, kind in (("this book: DecayedCounter", DecayedCounter), ("bare class, no checks", Bare)):
            call = count(kind, times)
            assert abs(call().value_at(1000.0) / right - 1) < 1e-11, name
            rows.append({"events": events, "order": order, "method": name,
                         "million_a_second": events / time_it(call) / 1e6})
    return rows

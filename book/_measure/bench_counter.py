"""A counter in a stream of plain numbers: `counter.DecayedCounter.add` against a class without any check.

Every counter's sum is compared with the sum written out. The bare class is what the checks and the dates of
the book's counter are paid against, not a replacement: NaN, text and overflow pass through it unseen.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

from interestdecay_lib.counter import DecayedCounter
from race import Case, Method, Table

HALF_LIFE = 7.0
END = 1000.0                            # times are uniform from 0 to here: 143 half-lives
EVENTS = 100_000
NEEDS: list[str] = []
TABLES = {"counter": Table("A counter, one call an event", "order", transposed=True)}


class Bare:
    """The arithmetic and nothing else."""

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


def count(kind: type, times: list[float]) -> Callable:
    def call():
        counter = kind(HALF_LIFE)
        add = counter.add
        for t in times:
            add(t)
        return counter

    return call


def cases(scale: float = 1.0) -> Iterator[Case]:
    rng = random.Random(0)
    times = [rng.uniform(0, END) for _ in range(int(EVENTS * scale))]
    yield _case("in order of time", sorted(times))
    yield _case("in any order", times)


def _case(order: str, times: list[float]) -> Case:
    right = math.fsum(2.0 ** ((t - END) / HALF_LIFE) for t in times)

    def compare(name: str, sum_at_end: float) -> dict:
        error = abs(sum_at_end / right - 1)
        assert error < 1e-11, f"{name}, {order}: relative error {error}"
        return {"max_relative_error": error}

    kinds = {"this book: DecayedCounter.add": DecayedCounter, "bare Python class, checks nothing": Bare}
    methods = {name: Method(lambda kind=kind: count(kind, times), lambda counter: counter.value_at(END))
               for name, kind in kinds.items()}
    return Case("counter", {"order": order, "events": len(times)}, methods, compare)

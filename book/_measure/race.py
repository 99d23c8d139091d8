"""A race: several ways to one result, compared first, then timed in turn within one process.

A bench module is a file ``bench_NAME.py`` beside this one; `run.py` finds it by its name. It has

    TABLES = {"name": Table("its title on the status page"), ...}
    NEEDS = ["package==1.2.3"]          opponents that are not in the book's lock; may be left out
    def cases(scale): yield Case(...)   one at a time, so that one input is in memory at a time

and a function for every opponent, which imports it, gives it the input and returns the call that is timed.
An opponent that cannot be imported is missing, and the status page says so; one whose result differs ends
the run. The first method of a case is the one that all others are compared with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter, process_time

THREADS = 2                             # of every opponent that takes a number of threads


@dataclass(frozen=True)
class Table:
    """How the rows of some cases are stored and shown.

    Parameters
    ----------
    title
        Of the table on the status page.
    column
        The fact of a case (see `Case.facts`) that tells the cases of this table apart.
    ratio
        The name of the ratio in the stored rows.
    transposed
        Show the methods side by side and the cases one below the other: for many cases of few methods.
    shown
        False keeps the table off the status page; a chapter may still read it.
    """

    title: str
    column: str = "events"
    ratio: str = "ratio_to_book"
    transposed: bool = False
    shown: bool = True


@dataclass(frozen=True)
class Method:
    """One way to the result.

    Parameters
    ----------
    prepare
        Imports what the method needs, gives it the input in its own form (neither is timed), and returns the
        call that is timed.
    result
        Brings what the call returns into the form that `Case.compare` takes (not timed).
    parallel
        It uses more than one thread: its CPU time is shown as well.
    facts
        Stored with its row.
    """

    prepare: Callable[[], Callable[[], object]]
    result: Callable[[object], object] = lambda returned: returned
    parallel: bool = False
    facts: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One input and the methods that race on it.

    Parameters
    ----------
    table
        A name of the module's ``TABLES``; with a dot, ``"interest.final"``, it is stored one level down.
    facts
        What is told of the input, the table's column among it.
    methods
        By name, the base of the ratios first.
    compare
        Called with a method's name and its result; returns facts for the row, such as the error, and raises
        AssertionError if the result is not what it must be.
    timed
        False only compares; a call that raises is then recorded as ``refuses``.
    """

    table: str
    facts: dict
    methods: dict[str, Method]
    compare: Callable[[str, object], dict]
    timed: bool = True


def race(case: Case, turn: int = 0, rounds: int = 3, seconds: float = 2.0, least: float = 0.02) -> dict:
    """Compare all methods, then let each run once a round; every round, and every `turn`, another begins.

    Parameters
    ----------
    case
        What to run.
    turn
        Number of the process: shifts who begins.
    rounds, seconds
        So many rounds, fewer once the case has taken so many seconds, but at least one.
    least
        A short call is repeated within its round until it has taken so many seconds.

    Returns
    -------
    dict
        The table, the facts, and for every method its facts and the milliseconds of a call in every round,
        ``ms`` of waiting and ``cpu_ms`` of all threads; ``missing`` names the opponents that are not here.
    """
    calls, entries, missing = {}, {}, {}
    base = next(iter(case.methods))
    for name, method in case.methods.items():
        try:
            call = method.prepare()
        except ImportError as error:
            if name == base:
                raise
            missing[name] = str(error)
            continue
        entries[name] = {**method.facts, "parallel": method.parallel}
        try:
            returned = call()                                   # also warms up, and compiles
        except Exception as error:
            if case.timed:
                raise
            entries[name]["refuses"] = type(error).__name__     # better than a wrong sum
            continue
        entries[name].update(case.compare(name, method.result(returned)))
        del returned
        if case.timed:
            calls[name] = call
            entries[name].update(ms=[], cpu_ms=[])

    names, spent = list(calls), 0.0
    for round_ in range(rounds if calls else 0):
        first = (turn + round_) % len(names)
        for name in names[first:] + names[:first]:
            wall, cpu, all_of_it = _seconds(calls[name], least)
            entries[name]["ms"].append(1000 * wall)
            entries[name]["cpu_ms"].append(1000 * cpu)
            spent += all_of_it
        if spent > seconds:
            break
    return {"table": case.table, "facts": case.facts, "missing": missing, "methods": entries}


def _seconds(call: Callable[[], object], least: float) -> tuple[float, float, float]:
    """Waiting and CPU seconds of one call, and the seconds of all calls that were needed to fill `least`."""
    calls, start, cpu = 0, perf_counter(), process_time()
    while True:
        call()
        calls += 1
        wall = perf_counter() - start
        if wall >= least:
            return wall / calls, (process_time() - cpu) / calls, wall

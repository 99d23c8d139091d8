"""A CSV file of events to a sorted table: `events.read_events` against pandas, polars and DuckDB.

Every opponent reads the same file and sorts by user and time (ties by item, then value), and its table must
be the book's, value by value. The book checks what it reads; the others do not.

    python book/_measure/bench_events.py 1e7

reads another number of rows, once and each in a process of its own, and tells its peak memory as well.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from race import THREADS, Case, Method, Table

HERE = Path(__file__).resolve().parent
SIZES = (1e5, 1e6)                      # many different texts weigh more in a small file
ORDER = ["user_id", "timestamp", "item_id", "value"]
SPAN = 540 * 86_400                     # seconds
NEEDS: list[str] = []
TABLES = {"events": Table("CSV file to a sorted table", "file")}
LINES = {"integer ids": "{},{},{},{}\n", "text ids": "u{:07d}x,{},sku-{},{}\n"}


def write(path: Path, events: int, line: str, seed: int = 0) -> None:
    """N/50 users of log-normal activity, whole seconds, 50,000 items, prices; in no order."""
    rng = np.random.default_rng(seed)
    users = max(events // 50, 1)
    share = rng.lognormal(size=users)
    with path.open("w", encoding="ascii") as file:
        file.write(",".join(ORDER) + "\n")
        for start in range(0, events, 500_000):
            n = min(500_000, events - start)
            user = rng.choice(users, size=n, p=share / share.sum()).tolist()
            times = np.datetime64("2024-01-01", "s") + rng.integers(0, SPAN, n).astype("timedelta64[s]")
            item, value = rng.integers(1, 50_000, n).tolist(), np.round(rng.gamma(2.0, 10.0, n), 2).tolist()
            rows = zip(user, np.datetime_as_string(times).tolist(), item, value, strict=True)
            file.writelines(line.format(*row) for row in rows)


# --- a function for every opponent, which gives the call that is timed ---


def book(path: Path) -> Callable:
    from interestdecay_lib.events import read_events

    return lambda: read_events(path, duplicates="keep")


def with_pandas(path: Path) -> Callable:
    def call():
        table = pd.read_csv(path, parse_dates=["timestamp"], date_format="ISO8601")
        return table.sort_values(ORDER, ignore_index=True)

    return call


def with_polars(path: Path) -> Callable:
    import polars as pl

    return lambda: pl.read_csv(path, try_parse_dates=True).sort(ORDER)


def with_duckdb(path: Path) -> Callable:
    import duckdb

    def call():
        # a new connection each time: one that has read the file before may remember it
        with duckdb.connect(config={"threads": THREADS}) as connection:
            return connection.execute(f"SELECT * FROM read_csv('{path}') ORDER BY {', '.join(ORDER)}").df()

    return call


METHODS = {
    "this book: read_events": book,
    "pandas, read_csv and sort_values": with_pandas,
    "polars, read_csv and sort": with_polars,
    "DuckDB, read_csv and ORDER BY": with_duckdb,
}


# --- what is raced ---


def cases(scale: float = 1.0) -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        for size in [int(size * scale) for size in SIZES]:
            for ids, line in LINES.items():
                write(path, size, line)
                yield _case({"file": f"{size:,} rows, {ids}", "events": size, "ids": ids}, path)


def _case(facts: dict, path: Path) -> Case:
    right = book(path)()

    def compare(name: str, table: object) -> dict:
        assert list(table.columns) == ORDER, f"{name}: the columns are {list(table.columns)}"
        for column in ORDER:
            found = table[column].to_numpy()
            if column == "timestamp":
                found = found.astype("datetime64[us]")
            np.testing.assert_array_equal(found, right[column].to_numpy(), err_msg=f"{name}, {column}")
        return {}

    methods = {name: Method(lambda way=way: way(path), parallel=name.startswith(("polars", "DuckDB")))
               for name, way in METHODS.items()}
    return Case("events", facts, methods, compare)


# --- another number of rows, with the peak memory ---


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=float)
    rows = int(parser.parse_args().rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        for ids, line in LINES.items():
            write(path, rows, line)
            for name in METHODS:
                print(f"{rows:,} rows, {ids}, {name}:", flush=True)
                code = f"import bench_events; bench_events.read_once({name!r}, {str(path)!r})"
                settings = {**os.environ, "POLARS_MAX_THREADS": str(THREADS)}
                subprocess.run([sys.executable, "-c", code], cwd=HERE, env=settings, check=True)


def read_once(name: str, path: str) -> None:
    call, wall, cpu = METHODS[name](Path(path)), time.perf_counter(), time.process_time()
    call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"    {wall:.1f} s, CPU {cpu:.1f} s, peak memory {_peak():.2f} GiB")


def _peak() -> float:
    """Peak memory of this process in GiB; Linux's rusage would include that of the parent before it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 2**20
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


if __name__ == "__main__":
    main()

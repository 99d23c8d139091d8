"""A CSV file of events to a sorted table: `events.read_events` against pandas, polars and DuckDB.

    python book/_measure/bench_events.py --sizes 1e6,1e7

Every opponent reads the same file and sorts by user and time (ties by item, then value), and its table is
compared with the book's before it is timed. The book checks what it reads; the others do not. Peak memory is
that of a process of its own that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

ORDER = ["user_id", "timestamp", "item_id", "value"]
SPAN = 540 * 86_400  # seconds


def write(path: Path, events: int, text: bool, seed: int = 0) -> None:
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
            form = "u{:07d}x,{},sku-{},{}\n" if text else "{},{},{},{}\n"
            rows = zip(user, np.datetime_as_string(times).tolist(), item, value, strict=True)
            file.writelines(form.format(*row) for row in rows)


def book(path: Path):
    from interestdecay_lib.events import read_events

    return read_events(path, duplicates="keep")


def with_pandas(path: Path):
    return pd.read_csv(path, parse_dates=["timestamp"], date_format="ISO8601").sort_values(
        ORDER, ignore_index=True
    )


def with_polars(path: Path):
    import polars as pl

    return pl.read_csv(path, try_parse_dates=True).sort(ORDER)


def with_duckdb(path: Path, threads: int = 2):
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    return connection.execute(f"SELECT * FROM read_csv('{path}') ORDER BY {', '.join(ORDER)}").df()


METHODS = {
    "this book: read_events": book,
    "pandas, read_csv and sort_values": with_pandas,
    "polars, read_csv and sort": with_polars,
    "DuckDB, read_csv and ORDER BY": with_duckdb,
}


def peak_gigabytes(method: str, path: Path) -> float:
    """Peak memory of a new process that reads `path` once."""
    command = [sys.executable, __file__, "--peak-of", method, "--path", str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def _peak() -> float:
    """Peak memory of this process in GiB; Linux's rusage would include that of the parent before it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def run(sizes: list[int], time_it: Callable, kinds: tuple[str, ...] = ("numbers", "texts")) -> list[dict]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            for kind in kinds:
                path = Path(folder) / "events.csv"
                write(path, size, kind == "texts")
                rows += _compare(path, size, kind, time_it)
    return rows


def _compare(path: Path, size: int, kind: str, time_it: Callable) -> list[dict]:
    right, rows = book(path), []
    for name, method in METHODS.items():
        _check(right, method(path), name)
        cpu, calls = time.process_time(), 0

        def call(method=method):
            nonlocal calls
            calls += 1
            method(path)

        seconds = time_it(call)
        cpu = (time.process_time() - cpu) / calls
        rows.append({"events": size, "ids": kind, "method": name, "ms": 1000 * seconds, "cpu_ms": 1000 * cpu,
                     "peak_gigabytes": round(peak_gigabytes(name, path), 2)})  # fmt: skip
    for row in rows:
        row["ratio_to_book"] = row["ms"] / rows[0]["ms"]
        row["cpu_ratio_to_book"] = row["cpu_ms"] / rows[0]["cpu_ms"]
    return rows


def _check(right: pd.DataFrame, found, name: str) -> None:
    for column in ORDER:
        other = found[column].to_numpy()
        if column == "timestamp":
            other = other.astype("datetime64[us]")
        np.testing.assert_array_equal(right[column].to_numpy(), other, err_msg=f"{name}, {column}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1e6,1e7")
    parser.add_argument("--repeats", type=int, default=3, help="calls of which the median is taken")
    parser.add_argument("--peak-of", help="read --path once with this method and print the peak memory")
    parser.add_argument("--path", type=Path)
    options = parser.parse_args()
    if options.peak_of:
        METHODS[options.peak_of](options.path)
        print(_peak())
        return

    def time_it(call) -> float:
        seconds = []
        for _ in range(options.repeats):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        return float(np.median(seconds))

    for row in run([int(float(size)) for size in options.sizes.split(",")], time_it):
        print(json.dumps(row))


if __name__ == "__main__":
    os.environ.setdefault("POLARS_MAX_THREADS", "2")  # read when polars is imported
    main()

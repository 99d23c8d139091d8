"""Time and memory of the decayed sum as the log grows, in one engine after the other; a process each.

    python book/_measure/at_scale.py                  1e5 to 1e8 generated events, about five minutes
    python book/_measure/at_scale.py --largest 1e6 --output small.json

Writes book/_data/at_scale.json, which the chapter `at_scale` shows. Needs 1.3 GB of disk for the largest log,
and the network the first time: ClickHouse (`chdb`) is not in the book's lock.
Peak memory is that of the process, its libraries included, so it is measured on Linux only.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from run import add_rooms, fetch

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "book/_data/at_scale.json"
AT, HALF_LIFE = "2026-01-01", "28D"
NEEDS = ["chdb-core==26.9.0"]
IN_MEMORY = 10_000_000              # above that pandas would need more than the machine of a reader has


def duckdb(path):
    """The expression of the chapter, out of core, on two threads and at most 1 GB."""
    import ibis

    from interestdecay_lib.scale import decayed_expression

    engine = ibis.duckdb.connect(threads=2, memory_limit="1GB")
    return decayed_expression(engine.read_parquet(path), AT, HALF_LIFE).execute()["interest"].to_numpy()


def row_groups(path):
    """NumPy, one row group of the file after the other: the sums are all that stays."""
    import numpy as np
    import pyarrow.parquet as pq

    sums, at = np.zeros(0), np.datetime64(AT, "ms").astype(np.int64)
    half_life = 28 * 86_400_000
    for part in pq.ParquetFile(path).iter_batches(1_000_000):
        user = part["user_id"].to_numpy()
        time_ms = part["timestamp"].to_numpy().astype("datetime64[ms]").astype(np.int64)
        kept = np.exp2((time_ms - at) / half_life)
        new = np.bincount(user, kept, minlength=len(sums))
        new[:len(sums)] += sums
        sums = new
    return sums[sums > 0]


def in_memory(path):
    """The library's own function on the whole log in pandas."""
    import pandas as pd

    from interestdecay_lib.interest import decayed_sum

    return decayed_sum(pd.read_parquet(path), AT, HALF_LIFE).to_numpy()


def polars(path):
    """The streaming engine of polars."""
    import datetime

    import polars as pl

    at = datetime.datetime.fromisoformat(AT)
    age = (pl.lit(at) - pl.col("timestamp")).dt.total_milliseconds() / (28 * 86_400_000)
    kept = pl.lit(2.0).pow(-age).sum().alias("interest")
    table = pl.scan_parquet(path).group_by("user_id").agg(kept).sort("user_id").collect(engine="streaming")
    return table["interest"].to_numpy()


def clickhouse(path):
    """ClickHouse in the process, on two threads; held to 1 GB it stops at 1e8 events, spilling or not."""
    import chdb

    return chdb.query(f"""
        SELECT sum(exp2(-dateDiff('ms', timestamp, toDateTime64('{AT}', 3, 'UTC'))
                        / (28 * 86400000.))) AS interest
        FROM file('{path}', Parquet) GROUP BY user_id ORDER BY user_id
        SETTINGS max_threads = 2
        """, "DataFrame")["interest"].to_numpy()


ENGINES = {"duckdb": duckdb, "row groups": row_groups, "polars": polars, "clickhouse": clickhouse,
           "in memory": in_memory}


def work(engine, path):
    """What one process found: seconds of the wall and of the processor, peak memory, the sum to compare."""
    begun = time.perf_counter()
    interest = ENGINES[engine](path)
    wall = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak_mb": int(peak.split()[1]) / 1024,
            "users": len(interest), "total": float(interest.sum())}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=float, default=1e8)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        add_rooms(NEEDS)
        print(json.dumps(work(*options.worker)))
        return
    for need, why in fetch(set(NEEDS)).items():
        sys.exit(f"{need} could not be installed: {why}")
    add_rooms(NEEDS)
    sys.path.insert(0, str(ROOT))
    from interestdecay_lib.scale import write_events

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for power in range(5, 9):
            events, path = 10**power, Path(folder) / "log.parquet"
            if events > options.largest:
                break
            write_events(path, events, users=max(events // 100, 1))
            for engine in ENGINES:
                if engine == "in memory" and events > IN_MEMORY:
                    continue
                done = subprocess.run([sys.executable, __file__, "--worker", engine, str(path)],
                                      capture_output=True, text=True, check=True)
                rows.append({"engine": engine, "events": events, "file_mb": path.stat().st_size / 2**20,
                             **json.loads(done.stdout.splitlines()[-1])})
                print(rows[-1])
    names = ("chdb-core", "duckdb", "ibis-framework", "numpy", "pandas", "polars", "pyarrow")
    told = {"machine": f"{platform.system()} {platform.machine()}, two cores",
            "packages": {name: version(name) for name in names}, "rows": rows}
    options.output.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

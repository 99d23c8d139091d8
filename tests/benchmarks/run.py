"""Time the library against its alternatives and write the ratios to results.json.

    python tests/benchmarks/run.py                      all, about two minutes on two quiet cores
    python tests/benchmarks/run.py --sizes 1e5 --only interest --output /tmp/small.json

Nothing here asserts a time; every opponent's result is checked before it is timed. Compare ratios, not
milliseconds, and only within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

THREADS = 2
os.environ.setdefault("POLARS_MAX_THREADS", str(THREADS))          # read when polars is imported
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(THREADS))      # the book's own choice is one
os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(THREADS))
HERE = Path(__file__).parent
PACKAGES = ["numpy", "scipy", "pandas", "polars", "duckdb", "numba", "tensorflow", "keras"]


def timer(repeats: int):
    """A function that calls once to warm up, then gives the median of several calls in seconds."""

    def time_it(call) -> float:
        call()
        seconds, spent = [], 0.0
        # at least `repeats` calls and 0.3 s, so that short ones are steady; long ones at most 6 s
        while not seconds or (spent < 6 and len(seconds) < (repeats if spent >= 0.3 else 50)):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
            spent += seconds[-1]
        return median(seconds)

    return time_it


def installed(package: str) -> str:
    for name in (package, f"{package}-cpu"):
        try:
            return version(name)
        except ModuleNotFoundError:
            continue
    return "not installed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1e5,1e6,1e7", help="events of the decayed sums")
    parser.add_argument("--windows", default="1e4,2e4,1e6", help="events of the windows")
    parser.add_argument("--only", default="interest,windows,lstm,layers")
    parser.add_argument("--repeats", type=int, default=5, help="calls of which the median is taken")
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    only = options.only.split(",")
    sizes = [int(float(size)) for size in options.sizes.split(",")]
    windows = [int(float(size)) for size in options.windows.split(",")]

    sys.path.insert(0, str(HERE))
    started, time_it = time.monotonic(), timer(options.repeats)
    report = {
        "versions": {"python": platform.python_version(), **{name: installed(name) for name in PACKAGES}},
        "cores": os.cpu_count(),
        "threads_of_polars_and_duckdb": THREADS,
        "repeats": options.repeats,
        "note": "medians of one run; ratio_to_book above 1 means slower than this book's function",
    }
    if "interest" in only:
        import bench_interest
        report["interest"] = bench_interest.run(sizes, time_it, THREADS)
    if "windows" in only:
        import bench_windows
        report["windows"] = bench_windows.run(windows, time_it)
    if "lstm" in only:
        import bench_lstm
        report["lstm"] = bench_lstm.run(time_it)
    if "layers" in only:
        import bench_layers
        report["layers"] = bench_layers.run(time_it)
    report["minutes"] = round((time.monotonic() - started) / 60, 1)
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(summary(report))
    print(f"written to {options.output} after {report['minutes']} minutes")


def summary(report: dict) -> str:
    rows = []
    for task, part in (("running sum", report.get("interest", {}).get("running", [])),
                       ("final sum", report.get("interest", {}).get("final", [])),
                       ("windows", report.get("windows", [])), ("LSTM", report.get("lstm", []))):
        for row in part:
            size = f"{row['events']:,} events" if "events" in row else f"batch {row['batch']}"
            rows.append(f"{task:12} {size:>18} {row['method']:34} {row['ms']:10.2f} ms "
                        f"{row['ratio_to_book']:9.2f}")
    for row in report.get("layers", []):
        rows.append(f"{'layers':12} {row['method']:42} {row['ms']:8.2f} ms "
                    f"{row['ratio_to_lstm']:5.2f} x LSTM; "
                    f"training {row['train_ratio_to_rnn_lstm_cell']:5.2f} x RNN(LSTMCell); "
                    f"eager {row['eager_ratio_to_lstm']:5.2f} x LSTM")
    for row in report.get("interest", {}).get("beyond_range", []):
        left = row.get("refuses") or f"{row['share_wrong']:.2%} wrong, error {row['max_relative_error']:.0e}"
        rows.append(f"{'beyond range':12} {row['events']:>11,} events {row['method']:34} {left}")
    return "\n".join(rows)


if __name__ == "__main__":
    main()

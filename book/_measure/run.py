"""Race the library against its alternatives in fresh processes, and write the ratios to results.json.

    python book/_measure/run.py                        what is missing of five processes a module
    python book/_measure/run.py --only interest --keep-others       renews one module's rows in results.json
    python book/_measure/run.py --scale 0.01 --processes 2 --only interest,windows --output _build/small.json

Every ``bench_*.py`` beside this file takes part (its form stands in race.py). Each process is a fresh
interpreter and leaves one line in _build/benchmark/ratios.jsonl, so the command can be stopped at any time
and goes on where it stopped. Lines of another library, module, version, scale or number of threads do not
count.

Compare ratios, not milliseconds. Nothing here asserts a time. Another program that runs at the same time
widens the ranges: how much of the processors others used is stored with every process.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import psutil
from tqdm import tqdm

import ratios
from race import THREADS, race

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "_build/benchmark"
RECORDS = BUILD / "ratios.jsonl"
OUTPUT = ROOT / "book/_data/results.json"
AT, RECORD = "at: ", "record: "         # how a process tells its parent where it is, and what it found
ENOUGH = 5                              # processes for a ratio that the book prints
PACKAGES = ["numpy", "scipy", "pandas", "polars", "duckdb", "numba", "lifetimes", "autograd", "tensorflow",
            "keras"]
#: Read when the libraries are imported, so they are set before the process starts.
THREAD_SETTINGS = {
    name: str(THREADS)
    for name in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
                 "TF_NUM_INTEROP_THREADS")
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=ENOUGH, help="fresh interpreters a module")
    parser.add_argument("--only", default="", help="modules, such as interest,windows")
    parser.add_argument("--keep-others", action="store_true", help="leave the stored rows of the modules not "
                        "chosen: for a change that cannot touch them (every process keeps its date)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor of all sizes; 0.01 to try it out")
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--worker", help=argparse.SUPPRESS)         # this process is one of the five
    parser.add_argument("--process", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        try:
            print(RECORD + json.dumps(work(options.worker, options.process, options.scale)))
        except KeyboardInterrupt:                                   # its parent says what there is to say
            sys.exit(1)
        return
    if options.output.resolve() == OUTPUT and (options.processes < ENOUGH or options.scale != 1):
        parser.error(f"the book prints {OUTPUT.name}: it takes {ENOUGH} processes of full size at least; "
                     "give another --output")
    modules = discover()
    chosen = [name for name in options.only.split(",") if name] or list(modules)
    unknown = [name for name in chosen if name not in modules]
    if unknown:
        parser.error(f"there is no module {', '.join(unknown)}; there are {', '.join(modules)}")

    absent = fetch({need for name in chosen for need in modules[name].NEEDS})
    for need, why in absent.items():
        print(f"{need} could not be installed and is left out: {why}")
    wanted = {name: fingerprint(name, options.scale) for name in modules}
    try:
        measure(chosen, wanted, options)
    except KeyboardInterrupt:
        sys.exit("\nStopped. What is done is kept; the same command goes on from here.")

    found = current(read(options.records), wanted, options.processes)
    needed = chosen if options.keep_others else modules
    found = {name: found[name] for name in needed}
    lacking = [name for name in needed if len(found[name]) < options.processes]
    if lacking and options.output.resolve() == OUTPUT:
        sys.exit(f"Not written: {', '.join(lacking)} not yet measured {options.processes} times.")
    shown = {name: vars(table) for module in modules.values() for name, table in module.TABLES.items()}
    stored = json.loads(OUTPUT.read_text(encoding="utf-8")) if options.keep_others else {}
    report = assemble([record for part in found.values() for record in part], shown, stored)
    options.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"Written to {options.output}; the processes took {report['minutes']} minutes.")


# --- the modules and what they need ---


def discover(folder: Path = HERE) -> dict:
    """The bench modules by name: files ``bench_NAME.py`` of the form that race.py tells."""
    modules = {}
    for file in sorted(folder.glob("bench_*.py")):
        module = importlib.import_module(file.stem)
        lacks = [name for name in ("TABLES", "NEEDS", "cases") if not hasattr(module, name)]
        if lacks:
            print(f"{file.name} takes no part: it has no {', '.join(lacks)} (see race.py)")
        else:
            modules[file.stem.removeprefix("bench_")] = module
    return modules


def room(need: str) -> Path:
    """Where a package stands that is in nobody's environment but the race's."""
    return BUILD / "opponents" / need


def fetch(needs: set[str]) -> dict[str, str]:
    """Install what is not in the lock, each into a folder of its own; what fails, and why."""
    sys.path.append(str(ROOT / "book/_tools"))
    from environment import clean, uv_settings

    command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--no-deps", "--python", sys.executable]
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], env=clean(),
                          capture_output=True, text=True, check=False).stdout
    settings = clean(**uv_settings(told, os.environ))
    absent = {}
    for need in sorted(needs):
        if room(need).exists():
            continue
        print(f"Installing {need}, for the race only ...", flush=True)
        part = BUILD / "opponents" / f"{need}.part"
        options = ["--target", str(part), "--index-strategy", "unsafe-best-match", need]
        done = subprocess.run([*command, *options], env=settings, capture_output=True, text=True, check=False)
        if done.returncode:
            absent[need] = (done.stderr.strip().splitlines() or ["no reason given"])[-1].strip()
        else:
            part.replace(room(need))
    return absent


def add_rooms(needs: list[str]) -> None:
    for need in needs:
        if room(need).exists() and str(room(need)) not in sys.path:
            sys.path.append(str(room(need)))                # last: what the lock has goes first


def versions(needs: list[str]) -> dict[str, str]:
    add_rooms(needs)
    found = {"python": platform.python_version()}
    for package in [*PACKAGES, *(need.split("==")[0] for need in needs)]:
        for name in (package, f"{package}-cpu"):
            try:
                found[package] = version(name)
                break
            except PackageNotFoundError:
                continue
    return found


def fingerprint(name: str, scale: float) -> str:
    """Changes with whatever may change a ratio of the module, apart from the machine."""
    module = importlib.import_module(f"bench_{name}")
    total = hashlib.sha256(json.dumps([scale, THREAD_SETTINGS, versions(module.NEEDS)]).encode())
    files = [HERE / f"bench_{name}.py", HERE / "race.py", HERE / "simulated.py"]
    for file in [*files, *sorted((ROOT / "interestdecay_lib").glob("*.py"))]:
        total.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()[:16]


# --- the processes and their records ---


def measure(chosen: list[str], wanted: dict[str, str], options: argparse.Namespace) -> None:
    """Start the processes that are missing, one after the other, the modules in turn."""
    found = current(read(options.records), wanted, options.processes)
    jobs = [(process, name) for process in range(options.processes) for name in chosen
            if process not in {record["process"] for record in found[name]}]
    options.records.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--scale", str(options.scale)]
    for process, name in (bar := tqdm(jobs, unit="process")):
        bar.set_description(f"{name}, process {process + 1} of {options.processes}")
        record = start([*command, "--worker", name, "--process", str(process)], bar.set_postfix_str)
        if record is None:
            sys.exit(f"bench_{name}.py failed (see above). What is done is kept.")
        with options.records.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**record, "fingerprint": wanted[name]}, ensure_ascii=False) + "\n")


def start(command: list[str], show: Callable[[str], None]) -> dict | None:
    """Run a process, show what it is at, and return its record; None if it failed."""
    record = None
    with subprocess.Popen(command, env={**os.environ, **THREAD_SETTINGS}, stdout=subprocess.PIPE, text=True,
                          encoding="utf-8") as process:
        for line in process.stdout:
            if line.startswith(AT):
                show(line.removeprefix(AT).strip())
            elif line.startswith(RECORD):
                record = json.loads(line.removeprefix(RECORD))
    return None if process.returncode else record


def work(name: str, process: int, scale: float) -> dict:
    """What one process finds, and how busy the machine was with others meanwhile."""
    module = importlib.import_module(f"bench_{name}")
    load, started = _load(), time.monotonic()
    others = _processor_seconds() - sum(os.times()[:2])
    record = {
        "module": name,
        "process": process,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average_before": load,
        "versions": versions(module.NEEDS),
        "cores": os.cpu_count(),
        "thread_settings": {key: os.environ.get(key) for key in THREAD_SETTINGS},
    }
    record["cases"] = []
    for case in module.cases(scale):
        print(AT, case.table, *list(case.facts.values())[:1], flush=True)
        record["cases"].append(race(case, process))
    seconds = time.monotonic() - started
    share = (_processor_seconds() - sum(os.times()[:2]) - others) / (seconds * os.cpu_count())
    return {**record, "seconds": round(seconds, 1), "others_share": round(max(share, 0.0), 3)}


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _processor_seconds() -> float:
    """What all processors have worked since the machine started, for whomever."""
    spent = psutil.cpu_times()._asdict()
    counted = ("user", "nice", "system", "steal", "irq", "softirq")  # guests are counted within user
    return sum(spent.get(key, 0.0) for key in counted)


def read(records: Path) -> list[dict]:
    """The records; a last line that an interruption cut off does not count."""
    if not records.exists():
        return []
    found = []
    for line in records.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def current(records: list[dict], wanted: dict[str, str], processes: int) -> dict[str, list[dict]]:
    """Of every module the records that still count, the first of each process."""
    found: dict[str, dict] = {name: {} for name in wanted}
    for record in records:
        name, process = record["module"], record["process"]
        if wanted.get(name) == record["fingerprint"] and process < processes:
            found[name].setdefault(process, record)
    return {name: [part[process] for process in sorted(part)] for name, part in found.items()}


# --- what is stored ---


def assemble(records: list[dict], shown: dict[str, dict], stored: dict | None = None) -> dict:
    """The content of results.json: how it was measured, and the rows of every table.

    A module without a record keeps what ``stored``, an earlier report, has of it.
    """
    stored = stored or {}
    busy = [{key: record[key] for key in ("module", "process", "started", "load_average_before",
                                          "others_share", "seconds")} for record in records]
    measured = {row["module"] for row in busy}
    busy = [row for row in stored.get("processes", []) if row["module"] not in measured] + busy
    report = {
        "note": "Every ratio: median over the processes of waiting time by that of the base, and its range; "
                "above 1 is slower than the base. ms and cpu_ms: medians of a call's waiting and CPU time.",
        "versions": stored.get("versions", {})
                    | {name: what for record in records for name, what in record["versions"].items()},
        "cores": records[0]["cores"] if records else os.cpu_count(),
        "threads": THREADS,
        "missing": stored.get("missing", {}) | ratios.missing(records),
        "others_share": {"median": median(row["others_share"] for row in busy),
                         "largest": max(row["others_share"] for row in busy)} if busy else None,
        "minutes": round(sum(row["seconds"] for row in busy) / 60, 1),
        "tables": shown,
    }
    for table, rows in ratios.aggregate(records, shown).items():
        *above, last = table.split(".")
        place, before = report, stored
        for part in above:
            place, before = place.setdefault(part, {}), before.get(part, {})
        place[last] = rows or before.get(last, [])
    return {**report, "processes": busy}


if __name__ == "__main__":
    main()

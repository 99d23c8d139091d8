"""The command: ``python -m interestdecay_lib.report log.csv [--user ... --time ... --out ...]``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from interestdecay_lib.report import make_report
from interestdecay_lib.report.columns import WORDS
from interestdecay_lib.report.writing import PAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m interestdecay_lib.report",
        description="A report on a log of events: one HTML page, and the tables behind it. Nothing is sent "
        "anywhere.",
    )
    parser.add_argument("log", help="CSV, TSV, Parquet or Excel; one row an event")
    for role, what in WORDS.items():
        parser.add_argument(f"--{role}", metavar="COLUMN", help=f"column of the {what}; by default guessed")
    parser.add_argument("--only", metavar="KIND", help="the one kind of event that counts, such as purchase")
    parser.add_argument("--cut", metavar="DAY", help="first day of the period on which forecasts are judged")
    parser.add_argument("--until", metavar="DAY", help="first day that is no longer observed")
    parser.add_argument(
        "--out", metavar="FOLDER", help="folder of the report; default: the log's name and -report"
    )
    parser.add_argument("--timezone", help="zone of times without an offset, such as Europe/Paris")
    parser.add_argument("--time-format", metavar="FORMAT", help='such as "%%d/%%m/%%Y"')
    parser.add_argument("--time-unit", choices=["s", "ms", "us", "ns", "D"], help="of times that are numbers")
    parser.add_argument("--delimiter", help="between columns; by default found")
    parser.add_argument("--encoding", default="utf-8", help="of the text, such as gb18030 or cp1252")
    parser.add_argument("--sheet", help="of an Excel file; default: the first one")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    return parser


class _Steps:
    """Prints each step as it begins, with the seconds since the start, to standard error."""

    def __init__(self) -> None:
        self.begun = time.monotonic()

    def __call__(self, step: str) -> None:
        print(f"{time.monotonic() - self.begun:6.1f} s  {step} ...", file=sys.stderr, flush=True)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Make the report; returns 0, or 1 after one sentence that says what is wrong, 130 if interrupted."""
    given = vars(_parser().parse_args(arguments))
    signal.signal(signal.SIGTERM, _interrupted)
    log, out = Path(given.pop("log")), given.pop("out")
    folder = Path(out) if out else Path(f"{log.stem}-report")
    columns = {role: given.pop(role) for role in WORDS}
    tell = _Steps()
    try:
        tell("starting")
        report = make_report(log, folder, columns=columns, tell=tell, **given)
    except KeyboardInterrupt:
        print("\nInterrupted. Nothing was written.", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        print(
            f"\nStopped: the report needs {error.name}: pip install 'interestdecay-lib[report]'",
            file=sys.stderr,
        )
        return 1
    except (ValueError, OSError, MemoryError) as error:
        why = str(error) or type(error).__name__
        print(f"\nStopped: {why}\nNothing was written.", file=sys.stderr)
        return 1
    for sentence in report.sections[1].blocks:
        if getattr(sentence, "name", "").startswith("columns"):
            print(sentence.text)
    print()
    for sentence in report.sections[0].blocks:
        print(sentence.text)
    print(f"\nThe report: {folder / PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""From a file to an event log, with an account of everything that was read, guessed, left out and why."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from interestdecay_lib._textfile import _sniffed
from interestdecay_lib.event_log import DAY, checked
from interestdecay_lib.events import EventLogError, _parquet, read_events, validate_events
from interestdecay_lib.report.columns import NAMES, Choice, Times, guess

_SAMPLE_BYTES = 2_000_000
_ROLES = {"user": "user", "time": "timestamp", "item": "item", "type": "event_type", "value": "value"}
EXCEL = (".xlsx", ".xlsm", ".xls")
PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class Reading:
    """A log and how it came about.

    Attributes
    ----------
    log
        The event log on which everything else rests: events that count, before ``until``.
    file
        Name of the file, without its folder.
    choice
        Which column is what.
    until
        First day that is no longer observed.
    rows
        What became of the rows: words and numbers that add up, first all, last those that count.
    times
        How the times were read.
    repeated
        Rows that repeat an earlier one.
    notes
        What else is to be told of the reading.
    """

    log: pd.DataFrame
    file: str
    choice: Choice
    until: pd.Timestamp
    rows: list[tuple[str, int]]
    times: str
    repeated: int = 0
    notes: tuple[str, ...] = field(default=())


def read(
    path: str | Path,
    *,
    columns: Mapping[str, str | None] | None = None,
    only: str | None = None,
    until: object = None,
    today: object = None,
    timezone: str | None = None,
    time_format: str | None = None,
    time_unit: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Reading:
    """Read a log of events from CSV, TSV, Parquet or Excel.

    Parameters
    ----------
    path
        The file.
    columns
        Columns by role (``user``, ``time``, ``item``, ``type``, ``value``); the others are guessed.
    only
        The one kind of event that counts, such as ``"purchase"``; default: all.
    until
        First day that is no longer observed; default: the day after the last event that is not in the future.
    today
        The day on which the report is made; events after it are left out. Default: the clock of the machine.
    timezone, time_format, time_unit, delimiter, encoding
        As in `events.read_events`.
    sheet
        Of an Excel file; default: the first one.

    Raises
    ------
    EventLogError
        Whatever `events.read_events` and `columns.guess` find; no row is left; or openpyxl is missing.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "visits.csv"
    >>> _ = path.write_text("customer,when\\n7,2024-03-02\\n7,2024-03-01\\n,2024-03-01\\n")
    >>> reading = read(path, today="2024-06-01")
    >>> reading.rows
    [('rows in the file', 3), ('without a user: left out', 1), ('events that count', 2)]
    """
    path = Path(path)
    given = {role: (columns or {}).get(role) for role in NAMES}
    times = Times(time_format, time_unit)
    text = path.suffix.lower() not in (*EXCEL, *PARQUET)
    notes: list[str] = []
    if path.suffix.lower() in EXCEL:
        table, told = _excel(path, sheet)
        notes += told
    elif not text and path.is_file():
        table = _parquet(path, 4_000_000_000)
    else:
        table = _first_rows(path, delimiter, encoding)
    choice = guess(table.head(20_000), given, times)
    options = {
        "timezone": timezone,
        "time_format": choice.times.time_format,
        "time_unit": choice.times.time_unit,
        "duplicates": "keep",
        "missing_users": "drop",
    }

    def read_with(chosen: Mapping[str, str | None]) -> pd.DataFrame:
        named = {_ROLES[role]: name for role, name in chosen.items() if name is not None}
        if text:
            return read_events(path, **named, **options, delimiter=delimiter, encoding=encoding)
        return validate_events(table, **named, **options)

    try:
        log = read_with(choice.columns)
    except EventLogError as error:
        needed = {
            role: name
            for role, name in choice.columns.items()
            if role in ("user", "time") or role not in choice.guessed
        }
        if needed == {role: name for role, name in choice.columns.items() if name is not None}:
            raise
        log = read_with(needed)  # if it is not the columns that were merely guessed, it fails as before
        lost = [name for role, name in choice.columns.items() if role not in needed and name is not None]
        notes.append(f"{' and '.join(map(repr, lost))} could not be used and was left aside: {error}")
        choice = Choice(
            {role: needed.get(role) for role in NAMES}, choice.guessed, choice.times, choice.notes
        )
    return _counted(log, path.name, choice, only, until, today, [*choice.notes, *notes])


def _counted(log: pd.DataFrame, file: str, choice: Choice, only, until, today, notes: list[str]) -> Reading:
    """Leave out what does not count, and say how much it was."""
    told = log.attrs["report"]
    rows = [("rows in the file", told["rows_read"])]
    if told["missing_users_dropped"]:
        rows.append(("without a user: left out", told["missing_users_dropped"]))
    log = _kept(log, only, rows)
    found = checked(log)
    today = found.date(pd.Timestamp.now().normalize() if today is None else today, "today")
    end = today + DAY if until is None else found.date(until, "until")
    late = found.day >= end.as_unit("us").to_datetime64()
    if late.all():
        hint = (
            "is the clock of this machine right? If these dates are meant, say until when they were "
            "observed (--until)"
            if until is None
            else "choose a later day"
        )
        raise EventLogError(
            f"all {len(log):,} events lie on or after {end.date()}, the first of them on "
            f"{pd.Timestamp(found.day.min()).date()}: {hint}"
        )
    if late.any():
        what = f"in the future (after {today.date()})" if until is None else f"on or after {end.date()}"
        rows.append((f"{what}: left out", int(late.sum())))
        log = log[~late].reset_index(drop=True)
    if until is None:
        end = checked(log).observed_until()
    rows.append(("events that count", len(log)))
    log.attrs = {}
    return Reading(log, file, choice, end, rows, told["times"], told["duplicates_found"], tuple(notes))


def _kept(log: pd.DataFrame, only: str | None, rows: list) -> pd.DataFrame:
    """The kind of events that counts, without refunds."""
    if only is not None:
        if "event_type" not in log.columns:
            raise EventLogError(
                f"only={only!r} asks for one kind of event, but no column says of which kind an "
                "event is: give --type"
            )
        there = (log["event_type"].astype(str) == only).to_numpy()
        if not there.any():
            kinds = log["event_type"].astype(str).value_counts().index[:8].tolist()
            raise EventLogError(f"no event is of the kind {only!r}; there are: {', '.join(map(repr, kinds))}")
        rows.append((f"of another kind than {only}: left out", int((~there).sum())))
        log = log[there].reset_index(drop=True)
    if "value" in log.columns:
        refund = (log["value"] < 0).to_numpy()
        if refund.all():
            raise EventLogError(
                "the value of every event is negative, as of refunds: nothing is left; is it "
                "the right column (--value)?"
            )
        if refund.any():
            rows.append(("with a negative value, as refunds have: left out", int(refund.sum())))
            log = log[~refund].reset_index(drop=True)
    return log


def _first_rows(path: Path, delimiter: str | None, encoding: str) -> pd.DataFrame:
    """The first rows of a text file as texts; what is wrong with the file, `read_events` says better."""
    try:
        with path.open("rb") as file:
            start = file.read(_SAMPLE_BYTES)
            whole = len(start) < _SAMPLE_BYTES
    except OSError:
        start, whole = b"", True
    if b"\x00" in start[:4096] and not encoding.lower().startswith("utf-16"):
        start = b""
    try:
        text = (start if whole else start[: start.rfind(b"\n") + 1]).decode(
            "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
        )
    except (UnicodeDecodeError, LookupError):
        text = ""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if not first:
        read_events(path, delimiter=delimiter, encoding=encoding)  # says what is wrong
        raise EventLogError(f"{path.name} holds no table")
    mark = delimiter or _sniffed(first, [])
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=mark) if row]
    except (csv.Error, TypeError) as error:
        raise EventLogError(f"{path.name} cannot be taken apart into columns: {error}") from error
    header = [name.strip() for name in rows[0]]
    if len(set(header)) < len(header) or len(rows) < 2:
        read_events(path, header[0], header[-1], delimiter=delimiter, encoding=encoding)
    body = [row for row in rows[1:20_001] if len(row) == len(header)]
    return pd.DataFrame(body, columns=header, dtype=object)


def _excel(path: Path, sheet: str | None) -> tuple[pd.DataFrame, list[str]]:
    if not path.is_file():
        raise EventLogError(f"there is no file {path}")
    if path.suffix.lower() == ".xls" or not find_spec("openpyxl"):
        way = "" if path.suffix.lower() == ".xls" else "; or install openpyxl: pip install openpyxl"
        raise EventLogError(f"{path.name} is an Excel file: save it as CSV (File, Save as){way}")
    try:
        with pd.ExcelFile(path, engine="openpyxl") as book:
            names = [str(name) for name in book.sheet_names]
            if sheet is not None and sheet not in names:
                raise EventLogError(f"{path.name} has no sheet {sheet!r}; its sheets are: {', '.join(names)}")
            table = pd.read_excel(book, sheet_name=sheet if sheet is not None else names[0])
    except EventLogError:
        raise
    except Exception as error:  # openpyxl and zipfile have errors of their own
        raise EventLogError(f"{path.name} cannot be read as an Excel file: {error}") from error
    table.columns = [str(name).strip() for name in table.columns]
    told = (
        []
        if sheet is not None or len(names) == 1
        else [
            f"of the {len(names)} sheets the first one was read, {names[0]!r}; for another one give --sheet"
        ]
    )
    return table, told

"""What a valid event log is, and the one door through which foreign data enters.

An **event log** is a DataFrame with one row per event and the columns ``user_id`` and ``timestamp``
(datetime64 without time zone, meaning UTC), and where present ``item_id``, ``event_type`` and ``value``,
sorted by user, then time. `read_events` makes one from a text file, `validate_events` from a DataFrame. Both
check everything once, say which rows are at fault, guess nothing that changes the meaning of a column, and
count whatever they do in ``log.attrs["report"]``.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

_ROLES = ("user_id", "timestamp", "item_id", "event_type", "value")
_ARGUMENTS = dict(zip(_ROLES, ("user", "timestamp", "item", "event_type", "value"), strict=True))
_NAMES_ALSO_USED = {
    "user_id": ("user", "userid", "uid", "customer", "customer_id", "client_id", "member_id", "visitor_id"),
    "timestamp": ("time", "date", "datetime", "ts", "event_time", "created_at", "day"),
    "item_id": ("item", "product_id", "sku", "article_id"),
    "event_type": ("event", "action", "behavior", "behaviour", "type"),
    "value": ("amount", "price", "revenue", "sales"),
}
_UNITS = {"D": "days", "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_PER_DAY = {"D": 1.0, "s": 86_400.0, "ms": 86_400e3, "us": 86_400e6, "ns": 86_400e9}
_FIRST_DAY, _LAST_DAY = 0.0, 47_846.0  # days since 1970-01-01 of 1970-01-01 and 2100-12-31
_CLEARLY_A_DATE = 1826.0  # 1975-01-01
_EXCEL_TO_UNIX = -25_569.0  # days from 1970-01-01 back to 1899-12-30
_FIRST_YEAR, _LAST_YEAR = 1678, 2261  # what nanoseconds, the coarsest common unit of pandas 2, can hold
_MAGIC = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG picture",
}
_OFFSET = re.compile(
    r"(?:\d:\d{2}|T\d{2}|\d{4})(?::?\d{2}(?:[.,]\d+)?)?\s*(Z|z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)$"
)
_DATE_ONLY = re.compile(r"\d{4}(?:-\d{1,2}){1,2}|\d{4,8}")  # its last part is no offset
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_CHUNK = 1 << 20
_ONE_READER = threading.Lock()


class EventLogError(ValueError):
    """A table is not a valid event log.

    Attributes
    ----------
    rows : list of int
        Where: line numbers of the file as an editor shows them (the header is line 1), or, for a DataFrame,
        row positions for ``df.iloc`` (the first row is 0). Empty if the fault is not in single rows.
    """

    def __init__(self, message: str, rows: Iterable[int] = ()):
        super().__init__(message)
        self.rows = [int(row) for row in rows]


class _Rows:
    """Turns a boolean mask into row numbers, and row numbers into words."""

    def __init__(self, numbers: np.ndarray, word: str):
        self.numbers, self.word = numbers, word

    def fail(self, mask, problem: str, remedy: str = "") -> None:
        rows = self.numbers[np.asarray(mask, dtype=bool)].tolist()
        raise _fault(len(rows), rows, self.word, problem, remedy)


def _fault(count: int, rows: Sequence[int], word: str, problem: str, remedy: str = "") -> EventLogError:
    shown = ", ".join(str(row) for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
    where = f"{count:,} {'row' if count == 1 else 'rows'} ({word} {shown})"
    return EventLogError(f"{where}: {problem}" + (f"; {remedy}" if remedy else ""), rows)


def read_events(
    path: str | Path,
    user: str = "user_id",
    timestamp: str = "timestamp",
    item: str | None = None,
    event_type: str | None = None,
    value: str | None = None,
    *,
    timezone: str | None = None,
    time_unit: str | None = None,
    time_format: str | None = None,
    duplicates: str = "error",
    also_sum: Sequence[str] = (),
    delimiter: str | None = None,
    encoding: str = "utf-8",
    missing_values: Sequence[str] = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"),
    max_bytes: int = 4_000_000_000,
    max_line_length: int = 1_000_000,
) -> pd.DataFrame:
    """Event log from a delimited text file (CSV, TSV) with a header line.

    Parameters
    ----------
    path
        The file.
    user, timestamp, item, event_type, value
        Names of the columns in the file. The last three may be left out: columns that already bear the
        log's names (``item_id``, ``event_type``, ``value``) are then used if present.
    timezone, time_unit, time_format, duplicates, also_sum
        As in `validate_events`.
    delimiter
        One character; by default the one of ``, ; tab |`` that makes the most of the header line.
    encoding
        Name of the text encoding. A byte-order mark of UTF-8 is skipped.
    missing_values
        Texts that mean "missing".
    max_bytes, max_line_length
        Limits of the whole file in bytes, and of one line or field in characters. They are enforced while the
        file is scanned in pieces of 1 MiB, so that a file without line ends cannot fill the memory.

    Returns
    -------
    pandas.DataFrame
        As `validate_events`. User and item identifiers that are all plain integers become integers; with a
        leading zero anywhere they stay text. Columns without a role stay text.

    Raises
    ------
    EventLogError
        No such file, a directory, empty, no rows below the header, binary, other encoding, a line or field
        above the limit, an unbalanced quote, rows with too few or too many fields, and whatever
        `validate_events` finds. Line numbers count from 1, the header.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "visits.csv"
    >>> _ = path.write_text("customer;when;amount\\n7;2024-03-02;5\\n7;2024-03-01;2.5\\n")
    >>> log = read_events(path, user="customer", timestamp="when", value="amount")
    >>> log.values.tolist()
    [[7, Timestamp('2024-03-01 00:00:00'), 2.5], [7, Timestamp('2024-03-02 00:00:00'), 5.0]]
    >>> log.attrs["report"]["rows_read"], log.attrs["report"]["delimiter"]
    (2, ';')
    """
    path = Path(path)
    _scan(path, encoding, max_bytes, max_line_length)
    header, columns, lines, delimiter, blank = _parse(
        path, encoding, delimiter, max_line_length, (user, timestamp, item, event_type, value)
    )
    missing = set(missing_values)
    table = pd.DataFrame(
        {
            position: pd.Series(
                [None if field.strip() in missing else field for field in column], dtype=object
            )
            for position, column in enumerate(columns)
        }
    ).infer_objects()
    table.columns = header
    for name in {user, item or "item_id"}:
        if header.count(name) == 1:
            table[name] = _integers_if_plain(table[name])
    return _build(
        table,
        _Rows(np.asarray(lines), "line"),
        user,
        timestamp,
        item,
        event_type,
        value,
        timezone,
        time_unit,
        time_format,
        duplicates,
        tuple(also_sum),
        {"file": path.name, "encoding": encoding, "delimiter": delimiter, "blank_lines": blank},
    )


def validate_events(
    df: pd.DataFrame,
    user: str = "user_id",
    timestamp: str = "timestamp",
    item: str | None = None,
    event_type: str | None = None,
    value: str | None = None,
    *,
    timezone: str | None = None,
    time_unit: str | None = None,
    time_format: str | None = None,
    duplicates: str = "error",
    also_sum: Sequence[str] = (),
) -> pd.DataFrame:
    """Sorted event log from a DataFrame, or an error that names the rows at fault.

    Parameters
    ----------
    df
        One row per event. It is not changed.
    user, timestamp, item, event_type, value
        Names of the columns in `df`; they are renamed to ``user_id``, ``timestamp``, ``item_id``,
        ``event_type`` and ``value``. The last three are optional. Other columns are kept as they are.
    timezone
        Zone in which times without an offset were recorded, such as ``"Europe/Paris"``. Needed only if times
        with and without offset, or with several offsets, are mixed. Everything ends up in UTC.
    time_unit
        ``"s"``, ``"ms"``, ``"us"``, ``"ns"`` or ``"D"`` (since 1970-01-01 UTC); needed if times are numbers.
    time_format
        Format of `datetime.datetime.strptime`, such as ``"%d/%m/%Y"``; needed unless times are ISO 8601.
    duplicates
        What to do with rows that agree in user, time, item and event type: ``"error"``; ``"keep"`` all;
        ``"merge"`` them into one row that sums ``value``; ``"drop"`` all but the first.
    also_sum
        Further numeric columns to sum under ``duplicates="merge"``.

    Returns
    -------
    pandas.DataFrame
        The event log, sorted by user and time (ties by item, event type, value), with a fresh index. What was
        found and done is counted in ``.attrs["report"]``: ``rows_read``, ``rows_returned``,
        ``duplicates_found`` (rows that repeat an earlier one), ``merged``, ``dropped``, ``was_sorted``,
        ``users``, ``first``, ``last``, ``times`` (how they were read), ``missing_item_id`` ...

    Raises
    ------
    EventLogError
        Missing column, no rows, missing user, missing or unparsable time, mixed time zones, numeric times
        without a unit or with an impossible one, a value that is not a finite number, duplicate rows.

    Examples
    --------
    >>> clicks = pd.DataFrame({"who": ["b", "a", "a"], "at": ["2024-01-05", "2024-01-09", "2024-01-09"]})
    >>> validate_events(clicks, user="who", timestamp="at")
    Traceback (most recent call last):
        ...
    interestdecay_lib.events.EventLogError: 1 row (row 2): repeats the user_id and timestamp of an \
earlier row; choose duplicates="keep", "merge" (one row each, values summed) or "drop" (the first stays)
    >>> log = validate_events(clicks, user="who", timestamp="at", duplicates="drop")
    >>> log["user_id"].tolist(), log.attrs["report"]["dropped"]
    (['a', 'b'], 1)
    """
    if not isinstance(df, pd.DataFrame):
        raise EventLogError(
            f"expected a pandas DataFrame, got {type(df).__name__}; to read a file, use read_events(path)"
            + (f", for a table of {_package(df)} .to_pandas()" if hasattr(df, "to_pandas") else "")
        )
    return _build(
        df.reset_index(drop=True),
        _Rows(np.arange(len(df)), "row"),
        user,
        timestamp,
        item,
        event_type,
        value,
        timezone,
        time_unit,
        time_format,
        duplicates,
        tuple(also_sum),
        {},
    )


# ---------------------------------------------------------------------------------------------- the checks


def _build(
    table,
    rows,
    user,
    timestamp,
    item,
    event_type,
    value,
    timezone,
    time_unit,
    time_format,
    duplicates,
    also_sum,
    report,
) -> pd.DataFrame:
    if duplicates not in ("error", "keep", "merge", "drop"):
        raise ValueError(f'duplicates must be "error", "keep", "merge" or "drop", got {duplicates!r}')
    table = _rename(table, dict(zip(_ROLES, (user, timestamp, item, event_type, value), strict=True)))
    if table.empty:
        raise EventLogError("there are no rows, only column names; an event log needs at least one event")
    report |= {"rows_read": len(table)}

    for name, column in table.items():
        if isinstance(column.dtype, pd.CategoricalDtype):  # sorted by their values, not by their categories
            table[name] = column.astype(column.cat.categories.dtype)
    table["user_id"] = _checked_ids(_checked_users(table["user_id"], rows), rows, "user_id")
    if "item_id" in table:
        table["item_id"] = _checked_ids(table["item_id"], rows, "item_id")
    table["timestamp"], report["times"] = _checked_times(
        table["timestamp"], rows, timezone, time_unit, time_format
    )
    for name in ("value", "quantity"):
        if name in table:
            table[name] = _checked_values(table[name], rows, name)
    for name in also_sum:
        if name not in table:
            raise EventLogError(
                f"also_sum names the column {name!r}, which is not there; there are: "
                f"{', '.join(map(str, table.columns))}"
            )
        table[name] = _checked_values(table[name], rows, name)
    for name in ("item_id", "event_type"):
        if name in table:
            report[f"missing_{name}"] = int(table[name].isna().sum())

    key = [name for name in ("user_id", "timestamp", "item_id", "event_type") if name in table]
    order = key + (["value"] if "value" in table else [])
    users, times = table["user_id"], table["timestamp"]
    step_back = (users == users.shift()) & (times < times.shift())
    report["was_sorted"] = bool(not step_back.any() and users.is_monotonic_increasing)
    repeated = table.duplicated(key)
    report |= {"duplicates_found": int(repeated.sum()), "duplicates": duplicates, "merged": 0, "dropped": 0}
    if repeated.any():
        if duplicates == "error":
            rows.fail(
                repeated,
                f"repeats the {_listed(key)} of an earlier row",
                'choose duplicates="keep", "merge" (one row each, values summed) or "drop" (the first stays)',
            )
        elif duplicates == "drop":
            table = table[~repeated]
            report["dropped"] = int(repeated.sum())
        elif duplicates == "merge":
            table = _merge(table, key, repeated, also_sum, rows)
            report["merged"] = int(repeated.sum())
    table = table.sort_values(order, kind="stable", ignore_index=True)
    report |= {
        "rows_returned": len(table),
        "users": int(table["user_id"].nunique()),
        "first": str(table["timestamp"].min()),
        "last": str(table["timestamp"].max()),
        "other_columns": [str(name) for name in table.columns if name not in _ROLES],
    }
    table.attrs = {"report": report}
    return table


def _package(thing: object) -> str:
    return type(thing).__module__.partition(".")[0]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _rename(table: pd.DataFrame, wanted: dict[str, str | None]) -> pd.DataFrame:
    present = list(table.columns)
    twice = sorted({str(name) for name in present if present.count(name) > 1})
    if twice:
        raise EventLogError(
            "column names must be unique, but these occur several times: "
            f"{', '.join(repr(name) for name in twice)}"
            + (" (an empty name: does the header end in a delimiter?)" if "" in twice else "")
        )
    chosen = {}
    for role, name in wanted.items():
        if name is None:
            if role in present:
                chosen[role] = role
        elif name in present:
            chosen[role] = name
        else:
            near = _close(role, name, present)
            hint = f'; did you mean {_ARGUMENTS[role]}="{near}"?' if near else ""
            raise EventLogError(
                f"there is no column {name!r} for the {role} (argument {_ARGUMENTS[role]}); there "
                f"are: {', '.join(map(str, present))}{hint}"
            )
    used = list(chosen.values())
    for name in used:
        if used.count(name) > 1:
            raise EventLogError(
                f"the column {name!r} is asked to be "
                f"{_listed([role for role in chosen if chosen[role] == name])} at once"
            )
    for role, name in chosen.items():
        if role != name and role in present and role not in used:
            raise EventLogError(
                f"the column {name!r} would be renamed to {role!r}, but a column of that name is "
                f"there too; drop or rename it first"
            )
    renamed = table.rename(columns={name: role for role, name in chosen.items()})
    others = [name for name in renamed.columns if name not in _ROLES]
    return renamed[[role for role in _ROLES if role in renamed] + others]


def _close(role: str, name: str, present: Sequence) -> str | None:
    by_lower = {str(column).strip().lower(): str(column) for column in present}
    for guess in (str(name).lower(), role, *_NAMES_ALSO_USED[role]):
        if guess in by_lower:
            return by_lower[guess]
    near = difflib.get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def _checked_users(users: pd.Series, rows: _Rows) -> pd.Series:
    missing = users.isna()
    text_like = users.dtype == object or pd.api.types.is_string_dtype(users.dtype)
    if text_like:
        missing |= users.map(lambda user: isinstance(user, str) and not user.strip()).astype(bool)
    if missing.any():
        rows.fail(missing, "the user_id is missing", "drop these rows yourself if they belong to nobody")
    if text_like:
        is_text = users.map(lambda user: isinstance(user, str)).astype(bool)
        if is_text.any() and not is_text.all():
            rows.fail(
                _minority(is_text),
                "user_id mixes text and numbers, so that one user may appear as two",
                "convert the column with .astype(str)",
            )
    return users.infer_objects()


def _checked_ids(ids: pd.Series, rows: _Rows, name: str) -> pd.Series:
    """Refuse identifiers of which two may be the same, or one may have been two."""
    if pd.api.types.is_float_dtype(ids.dtype):
        values = ids.astype(float)
        lossy = (values % 1 != 0) | (values.abs() >= 2**53)
        lossy &= ids.notna()
        if lossy.any():
            rows.fail(
                lossy,
                f"the {name} {ids[lossy].iloc[0]!r} is a floating-point number that may stand for several",
                "read the column as text",
            )
        return ids
    known = pd.Series(ids.dropna().unique())
    texts = known[known.map(lambda value: isinstance(value, str)).astype(bool)]
    plain = texts.map(lambda text: unicodedata.normalize("NFC", text).strip().strip("\u200b\ufeff"))
    twins = plain[plain.duplicated(keep=False)]
    if len(twins):
        alike = texts[twins[twins == twins.iloc[0]].index].tolist()
        rows.fail(
            ids.isin(texts[twins.index]),
            f"the {name} {alike[0]!r} and {alike[1]!r} look the same and differ in blanks or encoding",
            "strip the column, or bring it to one Unicode form (unicodedata.normalize)",
        )
    return ids


def _minority(mask: pd.Series) -> pd.Series:
    return mask if mask.sum() <= len(mask) / 2 else ~mask


def _checked_values(values: pd.Series, rows: _Rows, name: str) -> pd.Series:
    missing = values.isna()
    if missing.any():
        rows.fail(
            missing, f"the {name} is missing", f"fill or drop these rows yourself: a missing {name} is not 0"
        )
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    if numbers.isna().any():
        example = values[numbers.isna()].iloc[0]
        rows.fail(
            numbers.isna(),
            f"the {name} is not a number, for example {example!r}",
            "this is a decimal comma or a thousands separator: write 12.5 for twelve and a half"
            if re.search(r"\d,\d", str(example))
            else "remove currency signs and thousands separators",
        )
    if not pd.api.types.is_numeric_dtype(values):
        numbers = values.astype(float)  # pandas 2 rounds the last digit of a text less exactly than Python
    if not np.isfinite(numbers).all():
        rows.fail(~np.isfinite(numbers), f"the {name} is infinite")
    return numbers


def _merge(table, key, repeated, also_sum, rows) -> pd.DataFrame:
    summed = [name for name in dict.fromkeys(("value", "quantity", *also_sum)) if name in table]
    others = [name for name in table.columns if name not in key and name not in summed]
    grouped = table.groupby(key, sort=False, dropna=False)
    for name in others:
        differs = grouped[name].transform("nunique", dropna=False).to_numpy() > 1
        if differs.any():
            rows.fail(
                differs,
                f"duplicate rows differ in the column {name!r}, which merging would lose",
                f"drop that column, or sum it with also_sum=[{name!r}]",
            )
    first = table[~repeated].copy()
    for name in summed:
        first[name] = grouped[name].transform("sum")[~repeated]
    return first


# ------------------------------------------------------------------------------------------------ the times


def _checked_times(times: pd.Series, rows: _Rows, timezone, time_unit, time_format) -> tuple[pd.Series, str]:
    """Times as datetime64 without zone, in UTC; and how they were read."""
    if time_unit is not None and time_unit not in _UNITS:
        raise ValueError(f"time_unit must be one of {', '.join(map(repr, _UNITS))}, got {time_unit!r}")
    missing = times.isna()
    if pd.api.types.is_string_dtype(times.dtype) or times.dtype == object:
        missing |= times.map(lambda time: isinstance(time, str) and not time.strip()).astype(bool)
    if missing.any():
        rows.fail(
            missing,
            "the timestamp is missing",
            "an event without a time cannot decay; drop these rows yourself",
        )
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        plain = _plain(times.dt.tz_convert("UTC").dt.tz_localize(None))
        return _in_range(plain, rows), f"{times.dtype.tz}, converted to UTC"
    if pd.api.types.is_datetime64_dtype(times.dtype):
        plain, how = _to_utc(times, timezone, rows)
        return _in_range(plain, rows), how
    if pd.api.types.is_bool_dtype(times.dtype):
        raise EventLogError("the timestamps are True and False; give the column that holds the time")
    if pd.api.types.is_numeric_dtype(times.dtype):
        return _from_numbers(times, times.astype(str), rows, time_unit, time_format, timezone)
    plain, how = _from_text(times.map(str).str.strip(), rows, timezone, time_unit, time_format)
    return _in_range(plain, rows), how


def _in_range(times: pd.Series, rows: _Rows) -> pd.Series:
    """Refuse what no log of people's events holds: sentinels, and numbers that lost their unit."""
    years = times.dt.year
    outside = (years < _FIRST_YEAR) | (years > _LAST_YEAR)
    if outside.any():
        rows.fail(
            outside,
            f"the time {times[outside].iloc[0]} lies outside {_FIRST_YEAR}-{_LAST_YEAR}",
            "a stand-in for an unknown or a never ending time? drop or correct these rows",
        )
    if times.max() < pd.Timestamp("1970-01-01 01:00") and years.eq(1970).all():
        raise EventLogError(
            "all times lie in the first hour of 1970: numbers became times with the wrong unit; give the "
            "numbers themselves and time_unit"
        )
    return times


def _from_text(text: pd.Series, rows: _Rows, timezone, time_unit, time_format) -> tuple[pd.Series, str]:
    if time_format is not None:
        return _parsed(text, rows, time_format, timezone, time_format)
    numeric = text.map(lambda field: _NUMBER.fullmatch(field) is not None).astype(bool)
    spoilt = numeric & text.str.contains("[eE]")
    if spoilt.any():
        rows.fail(
            spoilt,
            f"the time {text[spoilt].iloc[0]!r} has an exponent, as spreadsheets write it: digits are lost",
            "export the column as plain numbers or dates",
        )
    wordy = ~text.str.match(r"[\d+-]")
    if wordy.any():
        rows.fail(
            wordy,
            f"cannot read {text[wordy].iloc[0]!r} as a time (a time begins with a digit)",
            "correct these rows, or give time_format for names of months or days",
        )
    if numeric.all():
        whole = text.str.fullmatch(r"[+-]?\d{1,18}").all()
        return _from_numbers(
            pd.to_numeric(text) if whole else text.astype(float), text, rows, time_unit, None, timezone
        )
    if numeric.any():
        rows.fail(
            _minority(numeric),
            f"plain numbers and dates are mixed, for example {text[numeric].iloc[0]!r} and "
            f"{text[~numeric].iloc[0]!r}",
            "bring all times into one form",
        )
    if time_unit is not None:
        raise EventLogError(
            f"time_unit={time_unit!r} is for numbers, but the times are text such as "
            f"{text.iloc[0]!r}; leave it out"
        )
    return _parsed(text, rows, "ISO8601", timezone, "ISO 8601")


def _parsed(text: pd.Series, rows: _Rows, form: str, timezone, words: str) -> tuple[pd.Series, str]:
    """Parse with one stated format; settle offsets before anything is converted."""
    compact = re.fullmatch(r"(%[Ymd]){3}", form)
    if compact:
        short = text.str.len() != 8
        if short.any():
            rows.fail(
                short,
                f"the date {text[short].iloc[0]!r} has not the 8 digits of {form!r}: is a leading zero lost?",
                "read the column as text, or write the dates with their zeros",
            )
    offsets = text.map(_offset)
    if "%z" in form:
        aware = pd.Series(True, index=text.index)
    else:
        aware = offsets != ""
    kinds = sorted({"UTC" if offset in ("Z", "UTC", "GMT") else offset for offset in offsets[aware].unique()})
    if aware.any() and timezone is None:
        if not aware.all():
            rows.fail(
                _minority(aware),
                f"times with an offset (such as {text[aware].iloc[0]!r}) and without (such as "
                f"{text[~aware].iloc[0]!r}) are mixed",
                'say in which zone those without were recorded, for example timezone="UTC"',
            )
        if len(kinds) > 1:
            rows.fail(
                offsets != offsets.mode().iloc[0],
                f"the times carry several offsets ({', '.join(kinds[:4])})",
                'pass timezone="UTC" to convert them all to UTC',
            )

    def parse(part: pd.Series, utc: bool) -> pd.Series:
        try:
            return pd.to_datetime(part, format=form, errors="coerce", utc=utc)
        except ValueError as error:  # an impossible format string
            raise EventLogError(f"cannot parse times with format {form!r}: {error}") from error

    if timezone is not None and text.map(_DATE_ONLY.fullmatch).astype(bool).all():
        timezone, words = None, f"{words}, days of {timezone}"  # without a clock time nothing is shifted
    naive = parse(text[~aware], False)
    zoned = parse(text[aware], True)
    failed = pd.concat([naive.isna(), zoned.isna()]).reindex(text.index)
    if failed.any():
        example = text[failed].iloc[0]
        remedy = (
            "correct these rows"
            if form != "ISO8601"
            else f"it lies outside {_FIRST_YEAR}-{_LAST_YEAR}: a stand-in for never? correct these rows"
            if re.match(r"\d{4}-\d\d-\d\d", example) and not _FIRST_YEAR <= int(example[:4]) <= _LAST_YEAR
            else "times must be ISO 8601 (2024-03-31 or 2024-03-31T18:05:00Z); for another form give "
            'time_format, for example "%d/%m/%Y": whether 03/04 is in March or in April is never guessed'
        )
        rows.fail(failed, f"cannot read {example!r} as a time ({words})", remedy)
    parts, how = [], words
    if len(naive):
        local, zone = _to_utc(naive, timezone, rows, np.flatnonzero(~aware.to_numpy()))
        parts.append(local)
        how += f", {zone}"
    if len(zoned):
        parts.append(_plain(zoned.dt.tz_convert("UTC").dt.tz_localize(None)))
        how += f", offset {_listed(kinds[:4] or ['given'])} converted to UTC"
    return pd.concat(parts).reindex(text.index), how


def _offset(text: str) -> str:
    """The offset at the end of a time, "" if it has none."""
    found = None if _DATE_ONLY.fullmatch(text) else _OFFSET.search(text)
    return found[1].upper() if found else ""


def _to_utc(times: pd.Series, timezone, rows: _Rows, positions=None) -> tuple[pd.Series, str]:
    if timezone is None:
        return _plain(times), "without zone, taken as UTC"
    try:
        local = times.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise EventLogError(
            f'unknown timezone {timezone!r}; use a name such as "Europe/Paris" or "UTC"'
        ) from error
    if local.isna().any():
        mask = np.zeros(len(rows.numbers), dtype=bool)
        mask[np.arange(len(times)) if positions is None else positions] = local.isna().to_numpy()
        rows.fail(
            mask,
            f"this local time occurs twice or not at all in {timezone} (the clock was changed), for "
            f"example {times[local.isna()].iloc[0]}",
            "record times with their offset, or in UTC",
        )
    return _plain(local.dt.tz_convert("UTC").dt.tz_localize(None)), f"{timezone}, converted to UTC"


def _from_numbers(numbers, text, rows: _Rows, time_unit, time_format, timezone) -> tuple[pd.Series, str]:
    if time_format is not None:
        return _parsed(text.str.replace(r"\.0+$", "", regex=True), rows, time_format, timezone, time_format)
    if not np.isfinite(numbers.astype(float)).all():
        rows.fail(~np.isfinite(numbers.astype(float)), "the timestamp is infinite")
    if timezone is not None:
        raise EventLogError(
            f"timezone={timezone!r} does not fit numeric times: they count from 1970-01-01 UTC; leave it out"
        )
    span = numbers.astype(float).agg(["min", "max"]).to_numpy()
    likely = [unit for unit in _UNITS if _within(span / _PER_DAY[unit], _CLEARLY_A_DATE)]
    if time_unit is None:
        raise EventLogError(
            f"the times are numbers from {numbers.min()} to {numbers.max()}, and numbers have no "
            f"unit; {_unit_hint(span, likely, numbers)}"
        )
    days = numbers.astype(float) / _PER_DAY[time_unit]
    outside = (days < _FIRST_DAY) | (days > _LAST_DAY)
    if outside.any():
        rows.fail(
            outside,
            f"as {_UNITS[time_unit]} since 1970 (time_unit={time_unit!r}) the times, for example "
            f"{numbers[outside].iloc[0]}, fall outside 1970-2100",
            _unit_hint(span, likely, numbers),
        )
    early = days < _CLEARLY_A_DATE
    if early.any() and not early.all():
        rows.fail(
            early,
            f"as {_UNITS[time_unit]} since 1970 these times, for example {numbers[early].iloc[0]}, lie "
            f"before 1975 and the others up to {np.datetime64(0, 'D') + int(days.max())}",
            "is 0 written for unknown, or another unit used? correct or drop these rows",
        )
    larger = [unit for unit in likely if _PER_DAY[unit] < _PER_DAY[time_unit]]
    if larger and days.max() < 365:
        raise EventLogError(
            f"as {_UNITS[time_unit]} (time_unit={time_unit!r}) every event falls in the year 1970; "
            f"{_unit_hint(span, larger, numbers)}"
        )
    if pd.api.types.is_integer_dtype(numbers.dtype):
        unit_times = pd.to_datetime(numbers, unit=time_unit)
    else:  # fractions: to the microsecond
        per_number = _PER_DAY["us"] / _PER_DAY[time_unit]
        microseconds = np.rint(numbers.to_numpy(dtype=float) * per_number).astype("int64")
        unit_times = pd.Series(microseconds.view("datetime64[us]"), index=numbers.index)
    return _plain(unit_times), f"{_UNITS[time_unit]} since 1970-01-01 UTC"


def _within(days: np.ndarray, first: float) -> bool:
    return bool(days.min() >= first and days.max() <= _LAST_DAY)


def _unit_hint(span: np.ndarray, likely: list[str], numbers: pd.Series) -> str:
    compact = pd.to_datetime(
        numbers.iloc[:1000].map(lambda number: f"{number:.0f}"), format="%Y%m%d", errors="coerce"
    )
    if compact.notna().all() and compact.dt.year.between(1970, 2100).all():
        return 'they look like dates of the form 20240331: pass time_format="%Y%m%d"'
    serial = span + _EXCEL_TO_UNIX
    if likely == ["D"] and _within(serial, _CLEARLY_A_DATE) and span.max() > 2 * serial.max():
        first, last = (np.datetime64(0, "D") + int(day) for day in serial)
        return (
            f"as Excel's serial numbers (days since 1899-12-30) they would run from {first} to {last}: "
            'subtract 25569 and pass time_unit="D"'
        )
    if not likely:
        return f"pass time_unit, one of {', '.join(map(repr, _UNITS))} (since 1970-01-01 UTC)"
    unit = likely[0]
    first, last = (np.datetime64(0, "D") + int(day) for day in span / _PER_DAY[unit])
    return (
        f"as {_UNITS[unit]} since 1970 they would run from {first} to {last}: if that is so, "
        f"pass time_unit={unit!r}"
    )


def _plain(times: pd.Series) -> pd.Series:
    """Microseconds, unless that would lose something."""
    rounded = times.dt.as_unit("us")
    return rounded if (rounded == times).all() else times


# ------------------------------------------------------------------------------------------------- the file


def _scan(path: Path, encoding: str, max_bytes: int, max_line_length: int) -> None:
    """One pass in pieces: size, binary content, encoding, longest line. Memory stays bounded."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    except LookupError as error:
        raise EventLogError(
            f'unknown encoding {encoding!r}; use a name such as "utf-8", "gb18030" or "cp1252"'
        ) from error
    if path.is_dir():
        raise EventLogError(f"{path} is a directory; give one file in it")
    if not path.exists():
        near = (
            difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*")], n=1)
            if path.parent.is_dir()
            else []
        )
        raise EventLogError(f"there is no file {path}" + (f"; did you mean {near[0]}?" if near else ""))
    size = path.stat().st_size
    if size == 0:
        raise EventLogError(f"{path.name} is empty (0 bytes)")
    if size > max_bytes:
        raise EventLogError(
            f"{path.name} has {size:,} bytes, more than max_bytes={max_bytes:,}; split it, or "
            "raise the limit if the memory suffices"
        )
    wide = any(wide in encoding.lower().replace("_", "-") for wide in ("utf-16", "utf16", "utf-32", "utf32"))
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    read, line, length = 0, 1, 0
    try:
        with path.open("rb") as file:
            while True:
                chunk = file.read(_CHUNK)
                if read == 0:
                    for magic, kind in _MAGIC.items():
                        if chunk.startswith(magic):
                            raise EventLogError(
                                f"{path.name} is {kind}, not a text file; export the table as CSV"
                            )
                if (
                    not wide
                    and (zero := chunk.find(0)) >= 0
                    and not chunk.startswith((b"\xff\xfe", b"\xfe\xff"))
                ):
                    raise EventLogError(
                        f"{path.name} is a binary file, not text: byte {read + zero:,} is zero; "
                        'export the table as CSV (or, if it is UTF-16 text, pass encoding="utf-16")'
                    )
                pending = len(decoder.getstate()[0])
                try:
                    text = decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    data = error.object
                    at_line = line + data[: error.start].count(b"\n")
                    raise EventLogError(
                        f"{path.name} is not {encoding}: byte 0x{data[error.start]:02x} at byte offset "
                        f"{read - pending + error.start:,} (line {at_line}) does not fit; "
                        f"{_other_encodings(data)}",
                        [at_line],
                    ) from error
                if not chunk:
                    break
                read += len(chunk)
                pieces = newlines.decode(text).split("\n")
                for number, piece in enumerate(pieces):
                    length = length + len(piece) if number == 0 else len(piece)
                    if length > max_line_length:
                        raise EventLogError(
                            f"line {line + number} of {path.name} is longer than max_line_length="
                            f"{max_line_length:,}; this is hardly a table of events (raise the limit "
                            "if it is)",
                            [line + number],
                        )
                line += len(pieces) - 1
    except OSError as error:
        raise EventLogError(f"cannot read {path}: {error.strerror}") from error


def _other_encodings(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return 'it begins like UTF-16: try encoding="utf-16"'
    sample, fitting = data[:200_000], []
    for name in ("utf-8", "gb18030", "cp1252", "shift_jis"):
        try:
            codecs.getincrementaldecoder(name)().decode(sample)
            fitting.append(name)
        except UnicodeDecodeError:
            pass
    return (
        "it may be "
        + " or ".join(f'encoding="{name}"' for name in [*fitting, "latin-1"])
        + " (check names and accents afterwards: a wrong choice can succeed)"
    )


def _parse(path: Path, encoding: str, delimiter: str | None, max_line: int, wanted: Sequence[str | None]):
    """Header, columns (lists of text), line numbers, delimiter, count of blank lines."""
    if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1):
        raise EventLogError(f"delimiter must be one character, got {delimiter!r}")
    encoding = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    _ONE_READER.acquire()  # the limit is one for the whole process
    limit_before = csv.field_size_limit(max_line)
    try:
        with path.open(encoding=encoding, newline="") as file:
            if delimiter is None:
                first = next((line for line in file if line.strip()), "")
                delimiter = _sniffed(first, [name for name in wanted if name])
                file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            header, fields, lines, blank, uneven = None, [], [], 0, []
            start = 1
            try:
                for row in reader:
                    if not row:
                        blank += 1
                    elif header is None:
                        header = [name.strip() for name in row]
                    elif len(row) != len(header):
                        uneven.append((start, len(row)))
                    else:
                        fields.append(row)
                        lines.append(start)
                    start = reader.line_num + 1
            except csv.Error as error:
                what = str(error)
                hint = {"unexpected end of data": "a quotation mark is opened here and never closed"}.get(
                    what,
                    f"a field is longer than {max_line:,} characters: is a quotation mark not closed?"
                    if "field limit" in what
                    else what,
                )
                raise EventLogError(f"line {start} of {path.name}: {hint}", [start]) from error
    finally:
        csv.field_size_limit(limit_before)
        _ONE_READER.release()
    if header is None:
        raise EventLogError(f"{path.name} holds nothing but blank lines")
    if uneven:
        rows = [row for row, _ in uneven]
        raise _fault(
            len(rows),
            rows,
            "line",
            f"{uneven[0][1]} fields instead of the header's {len(header)} (delimiter {delimiter!r})",
            "a text with the delimiter in it must be quoted",
        )
    if not fields:
        raise EventLogError(f"{path.name} has a header ({', '.join(header)}) and no rows below it")
    return header, list(zip(*fields, strict=True)), lines, delimiter, blank


def _sniffed(header: str, wanted: Sequence[str]) -> str:
    def quality(delimiter: str) -> tuple[int, int]:
        names = next(csv.reader([header.lstrip("\ufeff")], delimiter=delimiter), [])
        names = [name.strip() for name in names]
        return sum(name in names for name in wanted), len(names)

    return max((",", "\t", ";", "|"), key=quality)


def _integers_if_plain(texts: pd.Series) -> pd.Series:
    known = texts.dropna()
    if len(known) and known.map(lambda text: re.fullmatch(r"0|-?[1-9]\d{0,17}", text) is not None).all():
        if len(known) == len(texts):
            return texts.astype("int64")
        # not through float: from 2^53 on it would merge neighbours
        whole = [pd.NA if pd.isna(text) else int(text) for text in texts]
        return pd.Series(pd.array(whole, dtype="Int64"), index=texts.index)
    return texts

"""What a valid event log is, and the one door through which foreign data enters.

An **event log** is a DataFrame with one row per event and the columns ``user_id`` and ``timestamp``
(datetime64 without time zone, meaning UTC), and where present ``item_id``, ``event_type`` and ``value``,
sorted by user, then time. Where the days of the events are not those of UTC, a column ``timezone`` says whose
they are. `read_events` makes a log from a file, `validate_events` from a DataFrame. Both check everything
once, say which rows are at fault, guess nothing that changes the meaning of a column, and count whatever they
do in ``log.attrs["report"]``.
"""

from __future__ import annotations

import datetime
import difflib
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from interestdecay_lib import _textfile
from interestdecay_lib.event_log import by_group_then_time, is_zone

_ROLES = ("user_id", "timestamp", "item_id", "event_type", "value")


def _event_log(table: pd.DataFrame, rows: _Rows, wish: _Wishes, report: dict, iso=None) -> pd.DataFrame:
    """The definition of an event log, as the steps that bring a table into its form."""
    log = _by_role(table, wish)  # a Series for each column: the roles first, then the others
    report["rows_read"] = len(rows)
    log, rows, report["missing_users_dropped"] = _of_somebody(log, rows, wish.missing_users)
    for name in ("user_id", "item_id", "event_type"):
        if name in log:
            log[name] = _checked_ids(log[name], rows, name)
    log["timestamp"], report["times"], zone = _checked_times(log["timestamp"], rows, wish, iso)
    log, report["timezone"] = _with_zone(log, rows, zone, wish, report["times"])
    for name in dict.fromkeys(("value", "quantity", *wish.also_sum)):
        if name in log:
            log[name] = _checked_values(log[name], rows, name)
    for name in ("item_id", "event_type"):
        if name in log:
            report[f"missing_{name}"] = int(log[name].isna().sum())

    # sorted by user and time; ties by item, event type, value; no two events equal in all but the value
    order, repeated, report["was_sorted"] = _order(log)
    report |= {"duplicates_found": int(repeated.sum()), "duplicates": wish.duplicates}
    report |= {"merged": 0, "dropped": 0}
    if repeated.any():
        log, counted = _settled(log, order, repeated, wish, rows)
        report |= {counted: int(repeated.sum())} if counted else {}
        order = order[~repeated[order]] if counted else order
    return _finished(log, order, report)


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


@dataclass(frozen=True)
class _Wishes:
    """What the caller said: which column is what, and what to do where there is a choice."""

    user: str
    timestamp: str
    item: str | None
    event_type: str | None
    value: str | None
    timezone: str | None
    time_unit: str | None
    time_format: str | None
    duplicates: str
    missing_users: str
    also_sum: tuple[str, ...]

    def __post_init__(self):
        if self.duplicates not in ("error", "keep", "merge", "drop"):
            raise ValueError(
                f'duplicates must be "error", "keep", "merge" or "drop", got {self.duplicates!r}'
            )
        if self.missing_users not in ("error", "drop"):
            raise ValueError(f'missing_users must be "error" or "drop", got {self.missing_users!r}')
        if self.time_unit is not None and self.time_unit not in _UNITS:
            raise ValueError(
                f"time_unit must be one of {', '.join(map(repr, _UNITS))}, got {self.time_unit!r}"
            )

    @property
    def columns(self) -> dict[str, str | None]:
        names = (self.user, self.timestamp, self.item, self.event_type, self.value)
        return dict(zip(_ROLES, names, strict=True))


class _Rows:
    """Turns a mask of rows into an error that names them.

    With `codes`, masks are of distinct values, and ``codes[row]`` is the value of a row.
    """

    def __init__(self, count: int, word: str, numbers: Callable[[], np.ndarray], codes=None):
        self.count, self.word, self.numbers, self.codes = count, word, numbers, codes

    @classmethod
    def of_frame(cls, table: pd.DataFrame) -> _Rows:
        return cls(len(table), "row", lambda: np.arange(len(table)))

    def __len__(self) -> int:
        return self.count

    def only(self, kept: np.ndarray) -> _Rows:
        return _Rows(int(kept.sum()), self.word, lambda: self.numbers()[kept])

    def by(self, codes: np.ndarray) -> _Rows:
        return _Rows(self.count, self.word, self.numbers, codes)

    def of(self, mask) -> np.ndarray:
        mask = np.asarray(mask, dtype=bool)
        return mask if self.codes is None else mask[self.codes]

    def fail(self, mask, problem: str, remedy: str = "", rarer: bool = False) -> None:
        """Name the rows of `mask`; if `rarer`, the others should they be fewer."""
        mask = self.of(mask)
        mask = ~mask if rarer and mask.sum() > len(mask) / 2 else mask
        rows = self.numbers()[mask].tolist()
        where = _textfile.rows_in_words(len(rows), rows, self.word)
        raise EventLogError(f"{where}: {problem}" + (f"; {remedy}" if remedy else ""), rows)


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
    missing_users: str = "error",
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
        The file: text, or Parquet if its name ends in ``.parquet`` or ``.pq`` (needs pyarrow, fastparquet or
        polars; the arguments about text do not apply, and errors name rows as `validate_events` does).
    user, timestamp, item, event_type, value
        Names of the columns in the file. The last three may be left out: columns that already bear the
        log's names (``item_id``, ``event_type``, ``value``) are then used if present.
    timezone, time_unit, time_format, duplicates, missing_users, also_sum
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
        As `validate_events`, with the column ``timezone`` where the days are not those of UTC. User and item
        identifiers that are all plain integers become integers; with a leading zero anywhere they stay text.
        Columns without a role stay text. The report describes this reading, not what is done to the log
        later.

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
    wish = _Wishes(
        user, timestamp, item, event_type, value, timezone, time_unit, time_format, duplicates, missing_users,
        tuple(also_sum),
    )  # fmt: skip
    if path.suffix.lower() in (".parquet", ".pq") and path.is_file():
        table = _parquet(path, max_bytes)
        return _event_log(table, _Rows.of_frame(table), wish, {"file": path.name})
    time = "integer" if time_unit else "time" if time_format is None else "text"
    try:
        file = _textfile.read(
            path,
            encoding=encoding,
            delimiter=delimiter,
            missing=missing_values,
            max_bytes=max_bytes,
            max_line_length=max_line_length,
            wanted=[name for name in wish.columns.values() if name],
            kinds=dict.fromkeys(("quantity", *wish.also_sum, value or "value"), "number")
            | {event_type or "event_type": "text", timestamp: time}
            | {user: "integer", item or "item_id": "integer"},
        )
    except _textfile.TextFileError as error:
        raise EventLogError(str(error), error.rows) from error.__cause__
    iso = next((column for column in file.columns if isinstance(column, _textfile.IsoTimes)), None)
    columns = [
        column.local
        if column is iso
        else pd.Series(column, dtype=object).infer_objects()
        if column.dtype == object
        else column
        for column in file.columns
    ]
    table = pd.DataFrame(dict(enumerate(columns)), copy=False)
    table.columns = file.header
    report = {"file": path.name, "encoding": encoding, "delimiter": file.delimiter}
    report["blank_lines"] = file.blank_lines
    del file.columns, columns  # else they stay beside their sorted copies
    return _event_log(table, _Rows(len(table), "line", file.lines), wish, report, iso)


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
    missing_users: str = "error",
    also_sum: Sequence[str] = (),
) -> pd.DataFrame:
    """Sorted event log from a DataFrame, or an error that names the rows at fault.

    Parameters
    ----------
    df
        One row per event, of pandas or polars (a LazyFrame is collected), an Arrow table, or whatever offers
        Arrow's stream or ``to_pandas()``. It is not changed. A user or time in the index is found there.
    user, timestamp, item, event_type, value
        Names of the columns in `df`; they are renamed to ``user_id``, ``timestamp``, ``item_id``,
        ``event_type`` and ``value``. The last three are optional. Other columns are kept as they are.
    timezone
        Zone in which times without an offset were recorded, such as ``"Europe/Paris"``. Needed only if times
        with and without offset, or with several offsets, are mixed. Everything ends up in UTC; the zone stays
        as that in which days are counted. Dates without clock times are days and not shifted.
    time_unit
        ``"s"``, ``"ms"``, ``"us"``, ``"ns"`` or ``"D"`` (since 1970-01-01 UTC); needed if times are numbers.
    time_format
        Format of `datetime.datetime.strptime`, such as ``"%d/%m/%Y"``; needed unless times are ISO 8601.
    duplicates
        What to do with rows that agree in user, time, item and event type: ``"error"``; ``"keep"`` all;
        ``"merge"`` them into one row that sums ``value``; ``"drop"`` all but the first.
    missing_users
        What to do with rows that have no user: ``"error"``; or ``"drop"`` them, counted in the report.
    also_sum
        Further numeric columns to sum under ``duplicates="merge"``.

    Returns
    -------
    pandas.DataFrame
        The event log, sorted by user and time (ties by item, event type, value), with a fresh index.

        Its times are in UTC. If they were recorded by a clock of another zone (`timezone`, a column with a
        zone, or one offset common to all texts), the log has one more column, ``timezone`` (categorical, one
        value such as ``"Asia/Tokyo"`` or ``"+09:00"``, which ``Series.dt.tz_convert`` takes): its days are
        those of that zone. A log in UTC, or of dates without clock times, has no such column.

        What was found and done is counted in ``.attrs["report"]``: ``rows_read``, ``rows_returned``,
        ``missing_users_dropped``, ``duplicates_found`` (rows that repeat an earlier one), ``merged``,
        ``dropped``, ``was_sorted``, ``users``, ``first``, ``last``, ``times`` (how they were read),
        ``timezone``, ``missing_item_id`` ... It describes this reading, not what is done to the log later:
        pandas hands it on to a filtered copy, whose rows and users it does not count.

    Raises
    ------
    EventLogError
        Missing column, no rows, missing user, missing or unparsable time, mixed time zones, numeric times
        without a unit or with an impossible one, a value that is not a finite number, duplicate rows, a
        column ``timezone`` that does not name one zone (logs of several zones put together, for example).

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
    >>> night = pd.DataFrame({"user_id": [1], "timestamp": ["2024-03-02 01:30"]})
    >>> log = validate_events(night, timezone="Asia/Tokyo")
    >>> log["timestamp"][0], log["timezone"][0]  # still 2 March for those who count days in Tokyo
    (Timestamp('2024-03-01 16:30:00'), 'Asia/Tokyo')
    """
    wish = _Wishes(
        user, timestamp, item, event_type, value, timezone, time_unit, time_format, duplicates, missing_users,
        tuple(also_sum),
    )  # fmt: skip
    table = _pandas_frame(df)
    return _event_log(table, _Rows.of_frame(table), wish, {})


# ------------------------------------------------------------------------------------------------ the columns

_ARGUMENTS = dict(zip(_ROLES, ("user", "timestamp", "item", "event_type", "value"), strict=True))
_NAMES_ALSO_USED = {
    "user_id": ("user", "userid", "uid", "customer", "customer_id", "client_id", "member_id", "visitor_id"),
    "timestamp": ("time", "date", "datetime", "ts", "event_time", "created_at", "day"),
    "item_id": ("item", "product_id", "sku", "article_id"),
    "event_type": ("event", "action", "behavior", "behaviour", "type"),
    "value": ("amount", "price", "revenue", "sales"),
}


def _by_role(table: pd.DataFrame, wish: _Wishes) -> dict[str, pd.Series]:
    hidden = [
        name
        for name in (*wish.columns.values(), *_ROLES)
        if name is not None and name in table.index.names and name not in table.columns
    ]
    table = table.reset_index(level=list(dict.fromkeys(hidden))) if hidden else table
    renamed = _rename(table, wish.columns)
    if renamed.empty:
        raise EventLogError("there are no rows, only column names; an event log needs at least one event")
    for name in wish.also_sum:
        if name not in renamed:
            raise EventLogError(
                f"also_sum names the column {name!r}, which is not there; there are: "
                f"{', '.join(map(str, renamed.columns))}"
            )
    fresh = pd.RangeIndex(len(renamed))
    log = {name: _coded(renamed[name].set_axis(fresh)) for name in renamed}
    for name in ("user_id", "item_id", "event_type"):
        if name in log:
            log[name] = _coded_if_text(log[name])
    return log


# A column of texts travels as a Categorical, each distinct text once and a number for each row, in the order
# in which the texts first occur; so nothing is looked at twice. `_finished` makes it what it was.


def _is_coded(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


def _coded(column: pd.Series) -> pd.Series:
    """Categories that are texts as described above; every other column as pandas would have made it."""
    if not _is_coded(column) or (
        pd.api.types.infer_dtype(column.dtype.categories) not in ("string", "empty")
    ):
        return _plain_column(column)
    codes, used = pd.factorize(column.cat.codes.to_numpy(), use_na_sentinel=False)
    if len(used) == len(column.dtype.categories) and (used == np.arange(len(used))).all():
        return column
    code = np.cumsum(used >= 0) - 1
    code[used < 0] = -1
    known = column.dtype.categories[used[used >= 0]]
    return pd.Series(pd.Categorical.from_codes(code[codes], categories=known), index=column.index)


def _coded_if_text(column: pd.Series) -> pd.Series:
    if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
        try:
            codes, known = pd.factorize(column)
        except TypeError:  # lists; whoever needs identifiers will say so
            return column
        if (codes >= 0).all() and pd.api.types.infer_dtype(known) == "string":
            return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(known)), index=column.index)
    return column


def _distinct(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Code of each row (-1 if missing), and the values coded, in the order in which they first occur."""
    if _is_coded(column):
        return column.cat.codes.to_numpy(), np.asarray(column.dtype.categories, dtype=object)
    return pd.factorize(column)


def _plain_column(column: pd.Series) -> pd.Series:
    """The column as pandas makes it by itself: no categories, no Arrow, Int64 only if one is missing."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):  # sorted by their values, not by their categories
        values = _plain_column(pd.Series(dtype.categories))
        codes = column.cat.codes.to_numpy()
        if (codes >= 0).all():
            return values.take(codes).set_axis(column.index)
        if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
            padded = np.append(values.to_numpy(dtype=object), None)
            return pd.Series(padded[codes], index=column.index, dtype=object).infer_objects()
        if values.dtype.kind in "iu":  # a missing one would make them floats
            values = values.astype("Int64")
        return values.reindex(codes).set_axis(column.index)
    if isinstance(dtype, np.dtype) or isinstance(dtype, pd.DatetimeTZDtype):
        return column
    arrow = isinstance(dtype, pd.ArrowDtype)
    kind, whole = getattr(dtype, "kind", "O"), not column.isna().any()
    if kind in "iu" and whole:
        return column.astype(f"{'int' if kind == 'i' else 'uint'}64")
    if kind in "iu":  # not by astype: Arrow's would pass through float
        values = column.to_numpy(dtype=object, na_value=pd.NA)
        return pd.Series(pd.array(values, dtype="Int64"), index=column.index)
    if kind == "f":
        return pd.Series(column.to_numpy(dtype=float, na_value=np.nan), index=column.index)
    if kind == "b" and whole:
        return column.astype(bool)
    if arrow and kind == "M":
        unit, zone = (getattr(dtype.pyarrow_dtype, name, None) for name in ("unit", "tz"))
        times = column.astype(f"datetime64[{unit or 's'}{', UTC' if zone else ''}]")
        return times.dt.tz_convert(zone) if zone else times
    if arrow or kind == "b" or pd.api.types.is_string_dtype(dtype):
        values = column.to_numpy(dtype=object, na_value=None)
        return _inferred(pd.Series(values, index=column.index, dtype=object))
    return column


def _inferred(column: pd.Series) -> pd.Series:
    """An object column as what its values are; whole numbers of which one is missing do not become floats."""
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) == "integer":
        if column.isna().any():
            return pd.Series(pd.array(column.where(column.notna(), pd.NA), dtype="Int64"), index=column.index)
    return column.infer_objects()


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


def _of_somebody(log: dict, rows: _Rows, choice: str) -> tuple[dict, _Rows, int]:
    """Only the rows that have a user, unless that is not wished."""
    users = log["user_id"]
    missing = users.isna().to_numpy()
    if not isinstance(users.dtype, np.dtype) or users.dtype == object:
        codes, known = _distinct_or_fail(users, rows, "user_id")
        blank = [isinstance(user, str) and not user.strip() for user in known]
        missing = missing | np.append(blank, False).astype(bool)[codes]
    count = int(missing.sum())
    if not count:
        return log, rows, 0
    if choice == "error":
        rows.fail(
            missing,
            "the user_id is missing",
            'drop these rows yourself, or with missing_users="drop", if they belong to nobody',
        )
    if count == len(missing):
        raise EventLogError("the user_id is missing in all rows: nothing is left; is it another column?")
    kept = {name: column[~missing].reset_index(drop=True) for name, column in log.items()}
    for name in ("user_id", "item_id", "event_type"):
        if name in kept:
            kept[name] = _coded_if_text(_coded(kept[name]))
    return kept, rows.only(~missing), count


def _checked_ids(ids: pd.Series, rows: _Rows, name: str) -> pd.Series:
    """Refuse identifiers of which two may be the same, or one may have been two."""
    if pd.api.types.is_float_dtype(ids.dtype) and name != "event_type":
        values = ids.to_numpy(dtype=float)
        lossy = (values % 1 != 0) | (np.abs(values) >= 2**53)
        lossy &= ~np.isnan(values)
        if lossy.any():
            rows.fail(
                lossy,
                f"the {name} {ids[lossy].iloc[0]!r} is a floating-point number that may stand for several",
                "read the column as text",
            )
        return ids
    if isinstance(ids.dtype, np.dtype) and ids.dtype != object:
        return ids
    codes, known = _distinct_or_fail(ids, rows, name)
    is_text = np.array([isinstance(value, str) for value in known], dtype=bool)
    if name == "user_id" and is_text.any() and not is_text.all():
        rows.by(codes).fail(
            is_text,
            "user_id mixes text and numbers, so that one user may appear as two",
            "convert the column with .astype(str)",
            rarer=True,
        )
    if name != "event_type":
        _refuse_twins(known, is_text, rows.by(codes), name)
    return ids if _is_coded(ids) else _inferred(ids)


def _distinct_or_fail(ids: pd.Series, rows: _Rows, name: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        return _distinct(ids)
    except TypeError:
        several = ids.map(lambda value: isinstance(value, (list, dict, set, np.ndarray))).to_numpy(bool)
        rows.fail(
            several,
            f"the {name} is a {type(ids[several].iloc[0]).__name__}, not one identifier",
            "use a column of texts or whole numbers",
        )


def _refuse_twins(known, is_text: np.ndarray, rows: _Rows, name: str) -> None:
    plain = pd.Series([
        (text if text.isascii() else unicodedata.normalize("NFC", text)).strip().strip("\u200b\ufeff")
        for text in known[is_text]
    ], dtype=object)  # fmt: skip
    twin = plain.duplicated(keep=False).to_numpy(bool)
    if twin.any():
        texts = known[is_text]
        alike = texts[(plain == plain[twin].iloc[0]).to_numpy(bool)].tolist()
        mask = np.append(np.zeros(len(known), dtype=bool), False)  # the last one is for the missing
        mask[np.flatnonzero(is_text)[twin]] = True
        rows.fail(
            mask,
            f"the {name} {alike[0]!r} and {alike[1]!r} look the same and differ in blanks or encoding",
            "strip the column, or bring it to one Unicode form (unicodedata.normalize)",
        )


def _checked_values(values: pd.Series, rows: _Rows, name: str) -> pd.Series:
    values = _plain_column(values)
    missing = values.isna()
    if missing.any():
        rows.fail(
            missing, f"the {name} is missing", f"fill or drop these rows yourself: a missing {name} is not 0"
        )
    if getattr(values.dtype, "kind", "O") in "mM":
        raise EventLogError(f"the {name} is a column of {values.dtype}: give numbers")
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


def _package(thing: object) -> str:
    return type(thing).__module__.partition(".")[0]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# --------------------------------------------------------------------------------------- order and duplicates


def _order(log: dict[str, pd.Series]) -> tuple[np.ndarray, np.ndarray, bool]:
    """The order of a log; which rows repeat an earlier one; and whether users and times came in order."""
    user, time = _ranks(log["user_id"]), _ranks(log["timestamp"])
    same = user[1:] == user[:-1]
    was_sorted = bool(((user[1:] > user[:-1]) | (same & (time[1:] >= time[:-1]))).all())
    order = np.arange(len(user)) if was_sorted else by_group_then_time(user, time)
    if not was_sorted:
        same, time = user[order[1:]] == user[order[:-1]], time[order]
    tied = same & (time[1:] == time[:-1])
    repeated = np.zeros(len(user), dtype=bool)
    if tied.any():  # only these rows are looked at more closely
        at = np.flatnonzero(np.append(tied, False) | np.append(False, tied))
        tie = np.cumsum(~np.append(False, tied))[at]
        rows = order[at]
        key = [tie, *(_ranks(log[name].iloc[rows]) for name in ("item_id", "event_type") if name in log)]
        by_key = np.lexsort(key[::-1])
        again = np.logical_and.reduce([part[by_key[1:]] == part[by_key[:-1]] for part in key])
        repeated[rows[by_key[1:][again]]] = True
        if again.any() and "value" in log:
            by_key = np.lexsort([log["value"].to_numpy()[rows], *key[::-1]])
        order[at] = rows[by_key]
    return order, repeated, was_sorted


def _ranks(column: pd.Series) -> np.ndarray:
    """Whole numbers in the order of the column's values; a missing one comes last."""
    if isinstance(column.dtype, np.dtype):
        if column.dtype.kind == "M":
            return column.to_numpy().view(np.int64)
        if column.dtype.kind in "ib":
            return column.to_numpy().astype(np.int64, copy=False)
    codes, known = _distinct(column)
    try:
        by_value = np.argsort(np.asarray(known), kind="stable")
    except TypeError:  # texts and numbers in one column: numbers first
        codes, known = pd.factorize(_plain_column(column), sort=True)
        by_value = np.arange(len(known))
    rank = np.empty(len(known) + 1, dtype=np.int64)
    rank[by_value], rank[-1] = np.arange(len(known)), len(known)
    return rank[codes]


def _settled(log, order, repeated, wish: _Wishes, rows: _Rows) -> tuple[dict, str | None]:
    """What is to be done with repeated rows: the log, and what was done with those rows."""
    if wish.duplicates == "error":
        key = [name for name in ("user_id", "timestamp", "item_id", "event_type") if name in log]
        rows.fail(
            repeated,
            f"repeats the {_listed(key)} of an earlier row",
            'choose duplicates="keep", "merge" (one row each, values summed) or "drop" (the first stays)',
        )
    if wish.duplicates == "keep":
        return log, None
    return (log, "dropped") if wish.duplicates == "drop" else (_merged(log, repeated, wish, rows), "merged")


def _merged(log, repeated, wish: _Wishes, rows: _Rows) -> dict[str, pd.Series]:
    """The log in which the first row of each group of duplicates holds the group's sums."""
    key = [name for name in ("user_id", "timestamp", "item_id", "event_type") if name in log]
    group = (
        pd.DataFrame({name: _ranks(log[name]) for name in key}).groupby(key, sort=False).ngroup().to_numpy()
    )
    several = np.isin(group, group[repeated])
    at = np.flatnonzero(several)
    group, first_of = pd.factorize(group[several])[0], at[~repeated[several]]
    summed = [name for name in dict.fromkeys(("value", "quantity", *wish.also_sum)) if name in log]
    for name in log:
        if name in key:
            continue
        column = log[name].iloc[at].reset_index(drop=True)
        if name in summed:
            sums = log[name].to_numpy(copy=True)
            sums[first_of] = column.groupby(group).sum().to_numpy()
            log = log | {name: pd.Series(sums)}
            continue
        differs = ~_equal(column, log[name].iloc[first_of[group]].reset_index(drop=True))
        if differs.any():
            mask = np.zeros(len(rows), dtype=bool)
            mask[at] = np.isin(group, group[differs])
            rows.fail(
                mask,
                f"duplicate rows differ in the column {name!r}, which merging would lose",
                f"drop that column, or sum it with also_sum=[{name!r}]",
            )
    return log


def _equal(one: pd.Series, other: pd.Series) -> np.ndarray:
    try:
        codes = pd.factorize(pd.concat([one, other], ignore_index=True))[0]
        return codes[: len(one)] == codes[len(one) :]
    except TypeError:  # lists, arrays, dictionaries
        return np.array([_same(a, b) for a, b in zip(one, other, strict=True)], dtype=bool)


def _same(one, other) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return type(one) is type(other) and bool(one == other or one is other)


def _finished(log: dict[str, pd.Series], order: np.ndarray, report: dict) -> pd.DataFrame:
    as_it_is = len(order) == len(log["user_id"]) and bool((order[1:] > order[:-1]).all())
    done = {}
    for name in list(log):
        column = log.pop(name)  # or it stays beside its sorted copy
        column = column if as_it_is else column.take(order).reset_index(drop=True)
        if name == "user_id":
            user = _distinct(column)[0] if _is_coded(column) else _ranks(column)
        if name != "timezone":
            column = _plain_column(column)
        done[name] = column.copy() if as_it_is else column
    table = pd.DataFrame(done, copy=False)
    report |= {
        "rows_returned": len(table),
        "users": int((user[1:] != user[:-1]).sum()) + 1,
        "first": str(table["timestamp"].min()),
        "last": str(table["timestamp"].max()),
        "other_columns": [str(name) for name in table.columns if name not in (*_ROLES, "timezone")],
    }
    table.attrs = {"report": report}
    return table


# -------------------------------------------------------------------------------------------------- the times

_UNITS = {"D": "days", "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_PER_DAY = {"D": 1.0, "s": 86_400.0, "ms": 86_400e3, "us": 86_400e6, "ns": 86_400e9}
_FIRST_DAY, _LAST_DAY = 0.0, 47_846.0  # days since 1970-01-01 of 1970-01-01 and 2100-12-31
_CLEARLY_A_DATE = 1826.0  # 1975-01-01
_EXCEL_TO_UNIX = -25_569.0  # days from 1970-01-01 back to 1899-12-30
_FIRST_YEAR, _LAST_YEAR = 1678, 2261  # what nanoseconds, the coarsest common unit of pandas 2, can hold
_OFFSET = re.compile(
    r"(?:\d:\d{2}|T\d{2}|\d{4})(?::?\d{2}(?:[.,]\d+)?)?\s*(Z|z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)$"
)
_DATE_ONLY = re.compile(r"\d{4}(?:-\d{1,2}){1,2}|\d{4,8}")  # its last part is no offset
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def _checked_times(times: pd.Series, rows: _Rows, wish: _Wishes, iso) -> tuple[pd.Series, str, str | None]:
    """Times in UTC, as datetime64 without zone; how they were read; the zone of their days, unless UTC."""
    times = _plain_column(times)
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
        zone = _zone_name(wish.timezone if wish.timezone is not None else times.dtype.tz, times)
        utc = times.dt.tz_convert("UTC").dt.tz_localize(None)
        return _in_range(utc, rows), f"{times.dtype.tz}, converted to UTC", zone
    if pd.api.types.is_datetime64_dtype(times.dtype):
        dates_only = (
            iso.dates_only if iso else wish.timezone is not None and not (times != times.dt.normalize()).any()
        )
        how = "ISO 8601, " if iso else ""
        if iso and iso.offset:
            utc = _in_range(times - pd.Timedelta(minutes=_minutes(iso.offset)), rows)
            how += f"offset {_offset_name(iso.offset)} converted to UTC"
            return utc, how, _zone_name(wish.timezone or _offset_name(iso.offset), times)
        if dates_only and wish.timezone is not None:  # without a clock time nothing is shifted
            _to_utc(times.iloc[:0], wish.timezone, rows)
            return _in_range(times, rows), f"{how}days of {wish.timezone}, without zone, taken as UTC", None
        utc, done = _to_utc(times, wish.timezone, rows)
        return _in_range(utc, rows), how + done, _zone_name(wish.timezone, times)
    if pd.api.types.is_bool_dtype(times.dtype):
        raise EventLogError("the timestamps are True and False; give the column that holds the time")
    if pd.api.types.is_numeric_dtype(times.dtype) and wish.time_format is None:
        return *_from_numbers(times, rows, wish), None
    texts = times.map(str).str.strip()
    if pd.api.types.is_numeric_dtype(times.dtype):  # such as 20240331.0 for "%Y%m%d"
        texts = texts.str.replace(r"\.0+$", "", regex=True)
    codes, text = pd.factorize(texts)
    utc, how, zone = _from_text(pd.Series(text), rows.by(codes), wish)
    return _in_range(utc.take(codes).set_axis(times.index), rows), how, zone


def _in_range(times: pd.Series, rows: _Rows) -> pd.Series:
    """Refuse what no log of people's events holds: sentinels, and numbers that lost their unit."""
    values = times.to_numpy()
    first, end = np.datetime64(f"{_FIRST_YEAR}-01-01"), np.datetime64(f"{_LAST_YEAR + 1}-01-01")
    if values.min() < first or values.max() >= end:
        outside = (values < first) | (values >= end)
        rows.fail(
            outside,
            f"the time {times[outside].iloc[0]} lies outside {_FIRST_YEAR}-{_LAST_YEAR}",
            "a stand-in for an unknown or a never ending time? drop or correct these rows",
        )
    if values.max() < np.datetime64("1970-01-01T01:00") and values.min() >= np.datetime64("1970-01-01"):
        raise EventLogError(
            "all times lie in the first hour of 1970: numbers became times with the wrong unit; give the "
            "numbers themselves and time_unit"
        )
    return _plain(times)


def _from_text(text: pd.Series, rows: _Rows, wish: _Wishes) -> tuple[pd.Series, str, str | None]:
    """Of distinct texts; `rows` knows which row holds which."""
    timezone, time_unit, time_format = wish.timezone, wish.time_unit, wish.time_format
    if time_format is not None:
        return _parsed(text, rows, time_format, timezone)
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
        return *_from_numbers(pd.to_numeric(text) if whole else text.astype(float), rows, wish), None
    if numeric.any():
        rows.fail(
            numeric,
            f"plain numbers and dates are mixed, for example {text[numeric].iloc[0]!r} and "
            f"{text[~numeric].iloc[0]!r}",
            "bring all times into one form",
            rarer=True,
        )
    if time_unit is not None:
        raise EventLogError(
            f"time_unit={time_unit!r} is for numbers, but the times are text such as "
            f"{text.iloc[0]!r}; leave it out"
        )
    return _parsed(text, rows, "ISO8601", timezone)


def _parsed(text: pd.Series, rows: _Rows, form: str, timezone) -> tuple[pd.Series, str, str | None]:
    """Parse with one stated format; settle offsets before anything is converted."""
    words = "ISO 8601" if form == "ISO8601" else form
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
    kinds = sorted(set(map(_offset_name, offsets[aware].unique())))
    if aware.any() and timezone is None:
        if not aware.all():
            rows.fail(
                aware,
                f"times with an offset (such as {text[aware].iloc[0]!r}) and without (such as "
                f"{text[~aware].iloc[0]!r}) are mixed",
                'say in which zone those without were recorded, for example timezone="UTC"',
                rarer=True,
            )
        if len(kinds) > 1:
            rows.fail(
                offsets != offsets.take(rows.codes).mode().iloc[0],
                f"the times carry several offsets ({', '.join(kinds[:4])})",
                'pass timezone="UTC" to convert them all to UTC',
            )

    def parse(part: pd.Series, utc: bool) -> pd.Series:
        try:
            return pd.to_datetime(part, format=form, errors="coerce", utc=utc)
        except ValueError as error:  # an impossible format string
            raise EventLogError(f"cannot parse times with format {form!r}: {error}") from error

    if timezone is not None and text.map(_DATE_ONLY.fullmatch).astype(bool).all():
        _to_utc(parse(text[:0], False), timezone, rows)
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
        local, zone = _to_utc(naive, timezone, rows, ~aware.to_numpy())
        parts.append(local)
        how += f", {zone}"
    if len(zoned):
        parts.append(zoned.dt.tz_convert("UTC").dt.tz_localize(None))
        how += f", offset {_listed(kinds[:4] or ['given'])} converted to UTC"
    zone = timezone if timezone is not None else kinds[0] if len(kinds) == 1 else None
    utc = pd.concat(parts).reindex(text.index)
    return utc, how, _zone_name(zone, utc)


def _offset(text: str) -> str:
    """The offset at the end of a time, "" if it has none."""
    found = None if _DATE_ONLY.fullmatch(text) else _OFFSET.search(text)
    return found[1].upper() if found else ""


def _offset_name(offset: str) -> str:
    return "UTC" if offset in ("Z", "UTC", "GMT") else offset


def _minutes(offset: str) -> int:
    """Of an offset such as "+09:00", "-0330", "+2" or "Z"; east of Greenwich is positive."""
    sign, hours, minutes = re.fullmatch(r"([+-]?)(\d{1,2})?:?(\d\d)?", re.sub("[A-Z]", "", offset)).groups()
    return (-1 if sign == "-" else 1) * (60 * int(hours or 0) + int(minutes or 0))


def _to_utc(times: pd.Series, timezone, rows: _Rows, part=None) -> tuple[pd.Series, str]:
    """Clock times of `timezone` in UTC; `part` is the mask of those rows (or texts) that `times` holds."""
    if timezone is None:
        return times, "without zone, taken as UTC"
    try:
        local = times.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise _unknown_zone(timezone) from error
    if local.isna().any():
        mask = np.ones(len(times), dtype=bool) if part is None else part.copy()
        mask[mask] = local.isna().to_numpy()
        rows.fail(
            mask,
            f"this local time occurs twice or not at all in {timezone} (the clock was changed), for "
            f"example {times[local.isna()].iloc[0]}",
            "record times with their offset, or in UTC",
        )
    return local.dt.tz_convert("UTC").dt.tz_localize(None), f"{timezone}, converted to UTC"


def _from_numbers(numbers: pd.Series, rows: _Rows, wish: _Wishes) -> tuple[pd.Series, str]:
    time_unit, timezone = wish.time_unit, wish.timezone
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
    if times.dtype == "datetime64[us]":
        return times
    rounded = times.dt.as_unit("us")
    return rounded if (rounded == times).all() else times


# --------------------------------------------------------------------------------------- the zone of the days

_NAMES_OF_UTC = ("UTC", "GMT", "Z", "ETC/UTC", "ETC/GMT", "ZULU", "UCT", "UNIVERSAL", "GREENWICH")


def _zone_name(zone, times: pd.Series) -> str | None:
    """A name that `Series.dt.tz_convert` takes, None for UTC. `times` are some times in that zone."""
    if zone is None or str(zone).upper() in _NAMES_OF_UTC:
        return None
    if isinstance(zone, str) and re.fullmatch(r"[+-]\d{1,2}(:?\d\d)?", zone):
        return _fixed(_minutes(zone))
    file_of_dateutil = getattr(zone, "_filename", None)
    for name in (str(zone), f"dateutil/{file_of_dateutil}" if file_of_dateutil else ""):
        if not name.startswith("UTC") and is_zone(name):
            return name
    try:  # a fixed offset under another name
        time = times.iloc[0].tz_localize(None).tz_localize(zone)
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise _unknown_zone(zone) from error
    return _fixed(round(time.utcoffset() / datetime.timedelta(minutes=1)))


def _unknown_zone(zone) -> EventLogError:
    return EventLogError(f'unknown timezone {zone!r}; use a name such as "Europe/Paris" or "UTC"')


def _fixed(minutes: int) -> str | None:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}" if minutes else None


def _with_zone(log, rows: _Rows, zone: str | None, wish: _Wishes, how: str) -> tuple[dict, str]:
    """The log with the column `timezone`, if its days are not those of UTC."""
    if "timezone" in log:
        names = _plain_column(log["timezone"]).unique().tolist()
        shown = ["no zone (UTC)" if pd.isna(name) else repr(name) for name in names[:4]]
        what = f"the column 'timezone' holds {_listed(shown)}"
        what += " ..." if len(names) > 4 else ""
        remedy = "drop or rename it"
        if len(names) > 1 and any(map(is_zone, names)):
            raise EventLogError(
                f"{what}: a log counts its days in one zone; are these logs of several zones? set the column "
                f"to the one zone whose days are meant, or {remedy}"
            )
        if len(names) > 1 or not is_zone(names[0]):
            raise EventLogError(
                f"{what}; in an event log it names the one zone whose days are counted: {remedy}"
            )
        if zone is not None or wish.timezone is not None:
            raise EventLogError(
                f"{what}: the times are in UTC and the days those of that zone; but the times are also said "
                f"to be of {wish.timezone or zone}: {remedy}"
            )
        zone = _zone_name(names[0], log["timestamp"])
    others = {name: column for name, column in log.items() if name not in (*_ROLES, "timezone")}
    log = {name: log[name] for name in _ROLES if name in log}
    if zone is not None:
        codes = np.zeros(len(rows), dtype=np.int8)
        log["timezone"] = pd.Series(pd.Categorical.from_codes(codes, categories=[zone]))
    return log | others, zone or "UTC"


# ---------------------------------------------------------------------------------- tables of other libraries


def _pandas_frame(df) -> pd.DataFrame:
    """A DataFrame of any library, or what offers its columns through Arrow, as one of pandas."""
    given, polars = df, sys.modules.get("polars")  # who has such a frame has imported its library
    if polars and isinstance(df, polars.LazyFrame):
        df = df.collect()
    if polars and isinstance(df, polars.DataFrame):
        return _from_polars(df)
    if not isinstance(df, pd.DataFrame) and hasattr(df, "__arrow_c_stream__"):
        df = _from_arrow(df)
    elif not isinstance(df, pd.DataFrame) and hasattr(df, "to_pandas"):
        df = df.to_pandas()
    if not isinstance(df, pd.DataFrame):
        raise EventLogError(
            f"expected a pandas DataFrame, got {type(given).__name__}; to read a file, use read_events(path)"
            + (f", for a table of {_package(given)} .to_pandas()" if hasattr(given, "to_pandas") else "")
        )
    return df


def _from_polars(df) -> pd.DataFrame:
    """Without pyarrow, and without floats for integers of which one is missing."""
    columns = {}
    for series in df.get_columns():
        kind, zone = str(series.dtype), getattr(series.dtype, "time_zone", None)
        if kind.startswith(("Categorical", "Enum")):
            series = series.cast(type(series)("", [""]).dtype)
        if series.dtype.is_integer() and series.null_count():
            column = pd.array(series.to_list(), dtype="Int64")
        elif (series.dtype.is_numeric() and not kind.startswith("Decimal")) or kind.startswith(
            ("Datetime", "Date")
        ):
            column = pd.Series(series.to_numpy())
            column = column.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else column
        else:
            column = pd.Series(series.to_list(), dtype=object).infer_objects()
        columns[series.name] = column
    return pd.DataFrame(columns)


def _from_arrow(table) -> pd.DataFrame:
    if find_spec("pyarrow"):
        import pyarrow

        whole = {getattr(pyarrow, name)(): pd.Int64Dtype() for name in ("int8", "int16", "int32", "int64")}
        return pyarrow.table(table).to_pandas(types_mapper=whole.get)
    if find_spec("polars"):
        import polars

        return _from_polars(polars.DataFrame(table))
    raise EventLogError(f"to take a table of {_package(table)}, install pyarrow (or polars)")


def _parquet(path: Path, max_bytes: int) -> pd.DataFrame:
    if (size := path.stat().st_size) > max_bytes:
        raise EventLogError(f"{path.name} has {size:,} bytes, more than max_bytes={max_bytes:,}")
    try:
        if find_spec("pyarrow"):
            return pd.read_parquet(path, engine="pyarrow", dtype_backend="numpy_nullable")
        if find_spec("fastparquet"):
            return pd.read_parquet(path, engine="fastparquet")
        if find_spec("polars"):
            import polars

            return _from_polars(polars.read_parquet(path))
    except Exception as error:  # each library has errors of its own
        raise EventLogError(f"{path.name} cannot be read as a Parquet file: {error}") from error
    raise EventLogError(f"to read the Parquet file {path.name}, install pyarrow (or fastparquet, or polars)")

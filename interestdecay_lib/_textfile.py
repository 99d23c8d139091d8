"""A delimited text file as columns, within bounds: in whole blocks where it is plain, else field by field.

`read` first takes the file in blocks of bytes: NumPy finds the separators, makes whole numbers, decimal
numbers and ISO 8601 times out of their digits, and keeps each distinct text once. Whatever is unusual there
(uneven rows, stray quotes, a wrong encoding, a line without end) makes it give up, and the file is read field
by field, which is slow and finds the byte or line at fault. Both give the same table of every file that both
can read. Nothing here knows what the columns mean.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view


@dataclass
class TextTable:
    """The columns of a file; and what is needed to speak about its rows.

    A column is an int64 or Int64 array ("integer"), a float64 array ("number"), `IsoTimes` ("time"), or text:
    a Categorical of the distinct texts, or an object array, with code -1 or None for a missing one.
    """

    header: list[str]
    columns: list
    lines: Callable[[], np.ndarray]  # line numbers of the rows; made when asked for
    delimiter: str
    blank_lines: int


@dataclass
class IsoTimes:
    """ISO 8601 times of one offset."""

    local: np.ndarray  # datetime64[us] as on the clock
    offset: str  # as written: "Z", "+09:00", or "" for none
    dates_only: bool  # no clock times


class TextFileError(ValueError):
    """The file is no table; `rows` are the line numbers at fault."""

    def __init__(self, message: str, rows: Iterable[int] = ()):
        super().__init__(message)
        self.rows = list(rows)


def read(
    path: Path,
    *,
    encoding: str,
    delimiter: str | None,
    missing: Iterable[str],
    max_bytes: int,
    max_line_length: int,
    wanted: Sequence[str],
    kinds: Mapping[str, str],
) -> TextTable:
    """Read a text file with a header line.

    `wanted` are the names by which a delimiter is recognised. `kinds` says what columns to expect: "integer"
    (if every field is a plain integer or missing), "number" or "time" (if every field is one, and it may stay
    text all the same). All other columns, and those that are not what was expected, are text.
    """
    missing = frozenset(missing)
    try:
        return _quick(path, encoding, delimiter, missing, max_bytes, max_line_length, wanted, kinds)
    except _Unusual:
        pass
    _scan(path, encoding, max_bytes, max_line_length)
    header, columns, lines, delimiter, blank = _parse(path, encoding, delimiter, max_line_length, wanted)
    texts = [
        np.array([None if field.strip() in missing else field for field in column], dtype=object)
        for column in columns
    ]
    for position, name in enumerate(header):
        if kinds.get(name) == "integer" and header.count(name) == 1:
            texts[position] = _integers_if_plain(texts[position])
    return TextTable(header, texts, lambda: np.asarray(lines), delimiter, blank)


def rows_in_words(count: int, rows: Sequence[int], word: str) -> str:
    """How a message names rows.

    >>> rows_in_words(7, [2, 3, 5, 8, 13, 21, 34], "line")
    '7 rows (line 2, 3, 5, 8, 13, ...)'
    """
    shown = ", ".join(str(row) for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
    return f"{count:,} {'row' if count == 1 else 'rows'} ({word} {shown})"


# -------------------------------------------------------------------------------------------- in whole blocks

_BLOCK = 1 << 21  # bytes: the arrays of one block stay near the processor
_FRONT = 24  # bytes before a block, so that eight bytes may be loaded that end in its first field
_QUOTE, _NEWLINE, _MINUS, _POINT, _ZERO = b'"\n-.0'
_SEPARATORS = frozenset(map(chr, range(1, 128))) - set('"\r\n')
_ONES = np.uint64(0x0101010101010101)
_PLAIN_INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")
_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_ISO_TIME = re.compile(
    rb"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?"
    rb"(Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?)?"
)
_FIRST_YEAR, _LAST_YEAR = 1678, 2261  # as whole years, what datetime64[ns] can hold
_MONTH_STARTS = (
    np.arange(f"{_FIRST_YEAR}-01", f"{_LAST_YEAR + 1}-02", dtype="datetime64[M]")
    .astype("datetime64[D]")
    .astype(np.int64)
)
_MAGIC = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG picture",
}


class _Unusual(Exception):
    """The file is to be read field by field."""


class _NotOfItsKind(Exception):
    """The column (args[0]) is text after all, or what args[1] says."""


def _quick(path, encoding, delimiter, missing, max_bytes, max_line_length, wanted, kinds) -> TextTable:
    kinds = dict(kinds)
    while True:
        blocks = _blocks(path, encoding, max_bytes)
        try:
            return _quick_table(blocks, delimiter, missing, max_line_length, wanted, kinds)
        except _NotOfItsKind as error:
            name, *kind = error.args
            kinds[name] = kind[0] if kind else "text"
        except (OSError, UnicodeError, LookupError) as error:
            raise _Unusual from error


def _blocks(path: Path, encoding: str, max_bytes: int) -> Iterator[bytes]:
    """The file as UTF-8, in pieces that end with the end of a row."""
    plain = encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii")
    decoder = None if plain else codecs.getincrementaldecoder(encoding)(errors="strict")
    if not path.is_file() or path.stat().st_size > max_bytes:
        raise _Unusual
    rest, first = b"", True
    with path.open("rb", buffering=0) as file:
        while data := file.read(_BLOCK):
            if first and data.startswith(tuple(_MAGIC)):
                raise _Unusual
            if decoder:
                data = decoder.decode(data).encode()
            elif first and not encoding.lower().endswith("ascii"):
                data = data.removeprefix(codecs.BOM_UTF8)
            first, data = False, rest + data
            end = _end_of_rows(data)
            if end == 0:  # a row longer than a block
                raise _Unusual
            yield _checked(data[:end], encoding)
            rest = data[end:]
    if decoder:
        rest += decoder.decode(b"", final=True).encode()
    if rest:
        yield _checked(rest + b"\n", encoding)


def _end_of_rows(data: bytes) -> int:
    if _QUOTE not in data:
        return data.rfind(b"\n") + 1
    array = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((array == _NEWLINE) & ~_quoted(array))
    return int(ends[-1]) + 1 if len(ends) else 0


def _quoted(array: np.ndarray) -> np.ndarray:
    """Which bytes lie between quotation marks; one doubled within quotes closes and opens again."""
    return np.logical_xor.accumulate(array == _QUOTE)


def _checked(block: bytes, encoding: str) -> bytes:
    """Refuse what the csv module or the scan may see otherwise: zero bytes, lone carriage returns."""
    if not block.isascii():
        if encoding.lower().endswith("ascii"):
            raise _Unusual
        block.decode("utf-8")
    if b"\r" in block:
        if _QUOTE in block:  # a line end within a field is to be kept as it is
            array = np.frombuffer(block, np.uint8)
            if (_quoted(array) & (array == _NEWLINE)).any():
                raise _Unusual
        block = block.replace(b"\r\n", b"\n")
    if b"\r" in block or b"\0" in block or block.startswith(codecs.BOM_UTF8):
        raise _Unusual
    return block


def _quick_table(blocks, delimiter, missing, max_line_length, wanted, kinds) -> TextTable:
    header, columns, line, blank, lines = None, [], 1, 0, []
    for block in blocks:
        if header is None:
            kept = block.lstrip(b"\n")
            line, blank = line + len(block) - len(kept), blank + len(block) - len(kept)
            end = kept.find(b"\n") + 1
            if end == 0:
                continue
            delimiter, header = _header(kept[:end], delimiter, max_line_length, wanted)
            columns = [_MAKERS[kinds.get(name, "text")](name, missing) for name in header]
            block, line = kept[end:], line + 1
            if not block:
                continue
        array, starts, ends, numbers, skipped = _fields(block, delimiter, len(header), max_line_length)
        if len(numbers):  # else nothing but blank lines
            for position, column in enumerate(columns):
                column.add(array, starts[:, position], ends[:, position])
            lines.append((line, numbers))
        line, blank = line + block.count(b"\n"), blank + skipped
    if header is None or not lines:
        raise _Unusual
    made = []
    while columns:
        made.append(columns.pop(0).made())

    def line_numbers() -> np.ndarray:
        return np.concatenate([start + np.asarray(numbers) for start, numbers in lines])

    return TextTable(header, made, line_numbers, delimiter, blank)


def _header(line: bytes, delimiter: str | None, max_line_length: int, wanted) -> tuple[str, list[str]]:
    text = line.decode()
    if len(line) > max_line_length:
        raise _Unusual
    if delimiter is None:
        delimiter = _sniffed(text, wanted)
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter not in _SEPARATORS:
        raise _Unusual
    try:
        header = [name.strip() for name in next(csv.reader([text], delimiter=delimiter, strict=True))]
    except csv.Error as error:
        raise _Unusual from error
    if len(header) == 1 or len(set(header)) < len(header):
        raise _Unusual
    return delimiter, header


def _fields(block: bytes, delimiter: str, width: int, max_line_length: int):
    """Where the fields begin and end (rows, columns); the rows' lines, counted from 0; how many are blank."""
    array = np.frombuffer(b"\n" * _FRONT + block, np.uint8)
    newline = array == _NEWLINE
    mask = newline | (array == ord(delimiter))
    mask[:_FRONT] = False
    quotes = _QUOTE in block
    if quotes:
        mask &= ~_quoted(array)
    ends = np.flatnonzero(mask)
    if len(ends) == 0:
        raise _Unusual
    starts = np.empty_like(ends)
    starts[0], starts[1:] = _FRONT, ends[:-1] + 1
    last = array[ends] == _NEWLINE
    empty = last & np.append(True, last[:-1]) & (starts == ends)
    skipped = int(np.count_nonzero(empty))
    if skipped:
        starts, ends, last = starts[~empty], ends[~empty], last[~empty]
    if len(ends) % width:
        raise _Unusual
    starts, ends, last = (part.reshape(-1, width) for part in (starts, ends, last))
    if last[:, :-1].any() or not last[:, -1].all():
        raise _Unusual
    if len(ends) and int((ends[:, -1] - starts[:, 0]).max()) > max_line_length:
        raise _Unusual
    numbers = range(len(ends))
    if quotes or skipped:
        numbers = np.searchsorted(np.flatnonzero(newline[_FRONT:]) + _FRONT, starts[:, 0])
    if quotes:
        starts, ends = _within_quotes(array, starts, ends)
    return array, starts, ends, numbers, skipped


def _within_quotes(array, starts, ends):
    """Fields without their quotation marks; unusual if a mark is neither at a field's end nor doubled."""
    marks = np.flatnonzero(array == _QUOTE)
    opening, closing = marks[::2], marks[1::2]
    if len(closing) < len(opening):
        raise _Unusual
    doubled = np.append(False, opening[1:] == closing[:-1] + 1)
    opened = np.zeros(len(array) + 1, dtype=bool)
    opened[opening[~doubled]] = True
    closed = np.zeros(len(array) + 1, dtype=bool)
    closed[closing[~np.append(doubled[1:], False)] + 1] = True
    at_start, at_end = opened[starts], closed[ends]
    if (at_start != at_end).any() or np.count_nonzero(at_start) != np.count_nonzero(~doubled):
        raise _Unusual
    return starts + at_start, ends - at_end


class _ShortTexts:
    """Texts of at most 24 bytes as whole numbers of 8 bytes each, so that equal ones are found by NumPy."""

    def __init__(self, name: str, missing: frozenset[str]):
        self.name, self.missing, self.words = name, missing, []

    def add(self, array, starts, ends) -> None:
        widths = ends - starts
        longest = int(widths.max())
        if longest > _FRONT:
            raise _NotOfItsKind(self.name, "long text")
        loaded = _loader(array)
        self.words.append(
            [
                loaded(ends - done) & _KEPT[np.clip(widths - done, 0, 8)]
                for done in range(0, max(longest, 1), 8)
            ]
        )

    def made(self) -> pd.Categorical:
        deepest = max(map(len, self.words))
        words = [
            np.concatenate(
                [
                    block[depth] if depth < len(block) else np.zeros(len(block[0]), np.uint64)
                    for block in self.words
                ]
            )
            for depth in range(deepest)
        ]
        self.words.clear()
        mixed = words[0].copy()
        for word in words[1:]:
            mixed = (mixed ^ (mixed >> np.uint64(29))) * _ODD + word
        codes, distinct = pd.factorize(mixed)
        first = np.empty(len(distinct), dtype=np.int64)
        first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
        if any((word[first][codes] != word).any() for word in words[1:]):  # two texts with one mixture
            raise _NotOfItsKind(self.name, "long text")
        pieces = np.stack([word[first] for word in words[::-1]], axis=1).astype("<u8")
        texts = [piece.lstrip(b"\0") for piece in map(bytes, pieces.view(np.uint8))]
        return _categorical(codes, texts, self.missing)


class _LongTexts:
    """Distinct texts in a dictionary, and the code of each row."""

    def __init__(self, name: str, missing: frozenset[str]):
        self.missing, self.codes, self.known = missing, [], _Codes()

    def add(self, array, starts, ends) -> None:
        pieces = _pieces(array, starts, ends)
        self.codes.append(np.fromiter(map(self.known.__getitem__, pieces), np.int64, len(starts)))

    def made(self) -> pd.Categorical:
        return _categorical(_joined(self.codes), self.known, self.missing)


def _categorical(codes: np.ndarray, pieces: Iterable[bytes], missing: frozenset[str]) -> pd.Categorical:
    texts = np.array([_unquoted(piece) for piece in pieces], dtype=object)
    gone = np.array([text.strip() in missing for text in texts])
    codes = np.where(gone, -1, np.cumsum(~gone) - 1)[codes]
    categories = pd.Index(pd.Series(texts[~gone], dtype=object).infer_objects())
    return pd.Categorical.from_codes(codes, categories=categories)


class _Codes(dict):
    def __missing__(self, key: bytes) -> int:
        self[key] = code = len(self)
        return code


class _Integers:
    """Plain integers: no leading zero, no plus sign, at most 18 digits; or missing."""

    def __init__(self, name: str, missing: frozenset[str]):
        self.name, self.missing = name, missing
        self.values, self.gone = [], []

    def add(self, array, starts, ends) -> None:
        negative = array[starts] == _MINUS
        digits = starts + negative
        values, plain = _digits(array, digits, ends, 18)
        plain &= (array[digits] != _ZERO) | ((ends - digits == 1) & ~negative)
        values = np.where(negative, -values, values)
        if not plain.all():
            odd = np.flatnonzero(~plain)
            texts = set(_pieces(array, starts[odd], ends[odd]))
            if not all(_unquoted(text).strip() in self.missing for text in texts):
                raise _NotOfItsKind(self.name)
            values[odd] = 1  # as pandas fills what its mask hides
        self.values.append(values)
        self.gone.append(None if plain.all() else ~plain)

    def made(self):
        if all(gone is None for gone in self.gone):
            return _joined(self.values)
        gone = np.concatenate(
            [
                np.zeros(len(values), bool) if gone is None else gone
                for values, gone in zip(self.values, self.gone, strict=True)
            ]
        )
        if gone.all():
            raise _NotOfItsKind(self.name)
        return pd.arrays.IntegerArray(_joined(self.values), gone)


class _Numbers:
    """Decimal numbers, rounded once."""

    def __init__(self, name: str, missing: frozenset[str]):
        self.name, self.values = name, []

    def add(self, array, starts, ends) -> None:
        negative = array[starts] == _MINUS
        digits = starts + negative
        points = np.append(np.flatnonzero(array == _POINT), len(array))
        point = np.minimum(points[np.searchsorted(points, digits)], ends)
        whole, plain = _digits(array, digits, point, 15)
        decimals = np.maximum(ends - point - 1, 0)
        if decimals.any():
            fraction, also = _digits(array, np.minimum(point + 1, ends), ends, 15)
            plain &= (also | (point == ends)) & (point - digits + decimals <= 15)
            # both at most 10^15, hence exact: their quotient is the double next to the decimal number
            power = np.minimum(decimals, 15)
            values = (whole * _POWERS[power] + fraction) / _POWERS[power].astype(float)
        else:
            values = whole.astype(float)
            plain &= point == ends
        values = np.where(negative, -values, values)
        odd = np.flatnonzero(~plain)
        if len(odd):
            texts = list(_pieces(array, starts[odd], ends[odd]))
            if not all(map(_NUMBER.fullmatch, texts)):
                raise _NotOfItsKind(self.name)
            values[odd] = [float(text) for text in texts]
            if not np.isfinite(values[odd]).all():
                raise _NotOfItsKind(self.name)
        self.values.append(values)

    def made(self) -> np.ndarray:
        return _joined(self.values)


class _Times:
    """ISO 8601 dates and times, all with the same offset, or all without."""

    def __init__(self, name: str, missing: frozenset[str]):
        self.name, self.values = name, []
        self.offset, self.dates_only = None, True

    def add(self, array, starts, ends) -> None:
        widths = ends - starts
        values = np.empty(len(starts), dtype=np.int64)
        for width in np.flatnonzero(np.bincount(widths)):
            if not 10 <= width <= 32:
                raise _NotOfItsKind(self.name)
            here = widths == width
            values[here] = self._of_one_width(sliding_window_view(array, width)[starts[here]])
        self.values.append(values.view("datetime64[us]"))

    def _of_one_width(self, texts: np.ndarray) -> np.ndarray:
        """Microseconds of texts (rows, bytes) that have the layout of the first one."""
        first = _ISO_TIME.fullmatch(texts[0].tobytes())
        if first is None:
            raise _NotOfItsKind(self.name)
        offset = (first[8] or b"").decode()
        if self.offset is None:
            self.offset = offset
        self.dates_only &= first[4] is None
        varies = np.zeros(len(first[0]), dtype=bool)
        for part in range(1, 8):
            varies[slice(*first.span(part))] = first[part] is not None
        digits = np.ascontiguousarray(texts.T) - np.uint8(_ZERO)
        same = (digits[~varies] == digits[~varies][:, :1]).all()
        if offset != self.offset or not same or (digits[varies] > 9).any():
            raise _NotOfItsKind(self.name)

        def number(part: int) -> np.ndarray:
            value = np.zeros(len(texts), dtype=np.int32)
            for position in range(*first.span(part)) if first[part] else ():
                value = value * np.int32(10) + digits[position]
            return value

        year, month, day, hour, minute, second, fraction = (number(part) for part in range(1, 8))
        if not (year.min() >= _FIRST_YEAR and year.max() <= _LAST_YEAR and month.min() >= 1
                and month.max() <= 12 and day.min() >= 1 and hour.max() <= 23
                and minute.max() <= 59 and second.max() <= 59):  # fmt: skip
            raise _NotOfItsKind(self.name)
        months = (year - _FIRST_YEAR) * 12 + month - 1
        days = _MONTH_STARTS[months] + day - 1
        if (days >= _MONTH_STARTS[months + 1]).any():  # 30 February
            raise _NotOfItsKind(self.name)
        seconds = days * 86_400 + (hour * 3600 + minute * 60 + second)
        return seconds * 1_000_000 + fraction * 10 ** (6 - len(first[7] or b"000000"))

    def made(self) -> IsoTimes:
        return IsoTimes(_joined(self.values), self.offset, self.dates_only)


_MAKERS = {
    "text": _ShortTexts,
    "long text": _LongTexts,
    "integer": _Integers,
    "number": _Numbers,
    "time": _Times,
}
_ODD = np.uint64(0x9E3779B97F4A7C15)
_POWERS = 10 ** np.arange(19, dtype=np.int64)
_KEPT = np.array([(2**64 - 1) ^ (2 ** (8 * (8 - n)) - 1) for n in range(9)], dtype=np.uint64)


def _digits(array, starts, ends, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of at most `most` digits, eight digits at a time; and which fields are such numbers."""
    loaded = _loader(array)
    widths = ends - starts
    plain = (widths >= 1) & (widths <= most)
    values = np.zeros(len(widths), dtype=np.int64)
    for done in range(0, min(int(widths.max(initial=0)), most), 8):
        kept = _KEPT[np.clip(widths - done, 0, 8)]  # the last bytes; the others read as zeros
        word = (loaded(ends - done) & kept) | (_ONES * np.uint64(_ZERO) & ~kept)
        high = _ONES * np.uint64(0xF0)
        plain &= ((word & high) == _ONES * np.uint64(0x30)) & (
            ((word + _ONES * np.uint64(6)) & high) == _ONES * np.uint64(0x30)
        )
        word &= _ONES * np.uint64(0x0F)  # neighbours become pairs, then fours, then all eight
        word = (word * np.uint64(10 * 2**8 + 1)) >> np.uint64(8) & np.uint64(0x00FF00FF00FF00FF)
        word = (word * np.uint64(100 * 2**16 + 1)) >> np.uint64(16) & np.uint64(0x0000FFFF0000FFFF)
        word = (word * np.uint64(10_000 * 2**32 + 1)) >> np.uint64(32)
        values += word.astype(np.int64) * _POWERS[done]
    return values, plain


def _loader(array) -> Callable[[np.ndarray], np.ndarray]:
    """Gives the eight bytes before each position as one number, the first byte lowest."""
    words = np.ndarray(len(array) - 7, dtype="<u8", buffer=array, strides=(1,))
    return lambda ends: words[ends - 8]


def _pieces(array, starts, ends) -> Iterable[bytes]:
    return map(array.tobytes().__getitem__, map(slice, starts.tolist(), ends.tolist()))


def _unquoted(piece: bytes) -> str:
    return piece.decode().replace('""', '"')


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate(parts)
    parts.clear()  # or the column is there twice
    return joined


# --------------------------------------------------------------------------------------------- field by field

_CHUNK = 1 << 20
_ONE_READER = threading.Lock()


def _scan(path: Path, encoding: str, max_bytes: int, max_line_length: int) -> None:
    """One pass in pieces: size, binary content, encoding, longest line. Memory stays bounded."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    except LookupError as error:
        raise TextFileError(
            f'unknown encoding {encoding!r}; use a name such as "utf-8", "gb18030" or "cp1252"'
        ) from error
    if path.is_dir():
        raise TextFileError(f"{path} is a directory; give one file in it")
    if not path.exists():
        near = (
            difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*")], n=1)
            if path.parent.is_dir()
            else []
        )
        raise TextFileError(f"there is no file {path}" + (f"; did you mean {near[0]}?" if near else ""))
    size = path.stat().st_size
    if size == 0:
        raise TextFileError(f"{path.name} is empty (0 bytes)")
    if size > max_bytes:
        raise TextFileError(
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
                            raise TextFileError(
                                f"{path.name} is {kind}, not a text file; export the table as CSV"
                            )
                if (
                    not wide
                    and (zero := chunk.find(0)) >= 0
                    and not chunk.startswith((b"\xff\xfe", b"\xfe\xff"))
                ):
                    raise TextFileError(
                        f"{path.name} is a binary file, not text: byte {read + zero:,} is zero; "
                        'export the table as CSV (or, if it is UTF-16 text, pass encoding="utf-16")'
                    )
                pending = len(decoder.getstate()[0])
                try:
                    text = decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    data = error.object
                    at_line = line + data[: error.start].count(b"\n")
                    raise TextFileError(
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
                        raise TextFileError(
                            f"line {line + number} of {path.name} is longer than max_line_length="
                            f"{max_line_length:,}; this is hardly a table of events (raise the limit "
                            "if it is)",
                            [line + number],
                        )
                line += len(pieces) - 1
    except OSError as error:
        raise TextFileError(f"cannot read {path}: {error.strerror}") from error


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
        raise TextFileError(f"delimiter must be one character, got {delimiter!r}")
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
                raise TextFileError(f"line {start} of {path.name}: {hint}", [start]) from error
    finally:
        csv.field_size_limit(limit_before)
        _ONE_READER.release()
    if header is None:
        raise TextFileError(f"{path.name} holds nothing but blank lines")
    if uneven:
        rows = [row for row, _ in uneven]
        raise TextFileError(
            f"{rows_in_words(len(rows), rows, 'line')}: {uneven[0][1]} fields instead of the header's "
            f"{len(header)} (delimiter {delimiter!r}); a text with the delimiter in it must be quoted",
            rows,
        )
    if not fields:
        raise TextFileError(f"{path.name} has a header ({', '.join(header)}) and no rows below it")
    return header, list(zip(*fields, strict=True)), lines, delimiter, blank


def _sniffed(header: str, wanted: Sequence[str]) -> str:
    def quality(delimiter: str) -> tuple[int, int]:
        names = next(csv.reader([header.lstrip("\ufeff")], delimiter=delimiter), [])
        names = [name.strip() for name in names]
        return sum(name in names for name in wanted), len(names)

    return max((",", "\t", ";", "|"), key=quality)


def _integers_if_plain(texts: np.ndarray):
    known = [text for text in texts if text is not None]
    if not known or not all(map(_PLAIN_INTEGER.fullmatch, known)):
        return texts
    if len(known) == len(texts):
        return np.array([int(text) for text in texts], dtype=np.int64)
    # not through float: from 2^53 on it would merge neighbours
    return pd.array([pd.NA if text is None else int(text) for text in texts], dtype="Int64")

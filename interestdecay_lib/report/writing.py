"""A folder that is there as a whole or not at all, and that replaces nothing but a report of ours."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from interestdecay_lib.report.page import GENERATOR

PAGE, TABLES = "report.html", "tables"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")  # what a spreadsheet may compute


class OutputError(ValueError):
    """The report cannot be written there."""


def check_place(folder: str | Path) -> Path:
    """The folder, if a report may be written there; it is asked before the work begins.

    Raises
    ------
    OutputError
        If something stands there that is not a report of ours, or the place cannot be written to.
    """
    folder = Path(folder)
    if folder.suffix.lower() in (".html", ".htm"):
        raise OutputError(
            f"{folder} is the name of a page, but a report is a folder (with {PAGE} and {TABLES}): "
            f"give --out {folder.with_suffix('')}"
        )
    if folder.exists():
        foreign = _foreign(folder)
        if foreign:
            raise OutputError(
                f"{folder} is there and is no report of ours ({foreign}); nothing was overwritten: "
                "choose another folder with --out"
            )
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise OutputError(f"nothing can be written into {above}: choose another folder with --out")
    return folder


def _foreign(folder: Path) -> str:
    """What in this folder is not of a report; empty if it may be replaced."""
    if not folder.is_dir() or folder.is_symlink():
        return "it is not a plain folder"
    inside = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    others = [
        name
        for name in inside
        if name != PAGE
        and not (name.startswith(f"{TABLES}/") and name.endswith(".csv") and name.count("/") == 1)
    ]
    if others:
        return f"it holds {others[0]}"
    if inside and not _is_ours(folder / PAGE):
        return f"its {PAGE} is of somebody else" if PAGE in inside else f"it holds {inside[0]}"
    return ""


def _is_ours(page: Path) -> bool:
    try:
        start = page.read_bytes()[:2000]
    except OSError:
        return False
    return f'<meta name="generator" content="{GENERATOR}">'.encode() in start


def as_text(value: object) -> object:
    """The value as a spreadsheet may see it: a text that it would compute gets an apostrophe before it.

    A user may have called himself ``=HYPERLINK(...)``; whoever opens the table must not run it. Numbers stay.

    >>> as_text("=1+1"), as_text("@ann"), as_text("ann"), as_text(-3)
    ("'=1+1", "'@ann", 'ann', -3)
    """
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value


def harmless(table: pd.DataFrame) -> pd.DataFrame:
    """The table with each text of its index and columns `as_text`; headings are ours."""
    texts = [name for name, column in table.items() if column.dtype.kind == "O"]
    shown = table.assign(**{name: table[name].map(as_text) for name in texts})
    return shown.set_axis(table.index.map(as_text)) if table.index.dtype.kind == "O" else shown


def changed(table: pd.DataFrame) -> bool:
    """Whether `harmless` changes anything in the table.

    >>> changed(pd.DataFrame({"events": [3]}, index=["=1+1"])), changed(pd.DataFrame({"events": [-3]}))
    (True, False)
    """
    parts = [table.index, *(column for _, column in table.items())]
    return any(as_text(value) is not value for part in parts if part.dtype.kind == "O" for value in part)


def write(folder: str | Path, page: str, tables: Mapping[str, pd.DataFrame]) -> Path:
    """Write page and tables beside the place, then put them there in one step; returns the page.

    Whatever interrupts it, the folder is what it was before, or whole.

    Raises
    ------
    OutputError
        As `check_place`.
    """
    folder = check_place(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    aside = None
    try:
        (made / TABLES).mkdir()
        for name, table in tables.items():
            harmless(table).to_csv(made / TABLES / name, encoding="utf-8", lineterminator="\n")
        (made / PAGE).write_text(page, encoding="utf-8", newline="\n")
        os.chmod(made, 0o755)
        if folder.exists():
            aside = made.with_name(f"{made.name}-before")
            os.replace(folder, aside)
        os.replace(made, folder)
    except BaseException:
        if aside is not None and aside.exists() and not folder.exists():
            os.replace(aside, folder)
        raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if aside is not None and folder.exists():
            shutil.rmtree(aside, ignore_errors=True)
    return folder / PAGE

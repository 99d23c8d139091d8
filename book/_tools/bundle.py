"""The built book as one file: `make bundle` packs ``_build/html`` into a zip that opens from its folder.

The same pages give the same bytes: names in order, one date, one permission. Needs nothing but Python itself.
"""

import sys
import zipfile
from pathlib import Path

from environment import BUILD, HTML, Stop, say

FOLDER = "fading-interest"
FILE = BUILD / f"{FOLDER}.zip"
DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip knows
#: what a reader of the pages does not need: Sphinx's own notes, and the sources that no page links to
LEFT_OUT = {".buildinfo", ".buildinfo.bak", "objects.inv"}
START = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Fading Interest</title>
<meta http-equiv="refresh" content="0; url=pages/index.html">
<p><a href="pages/index.html">Open the book</a></p></html>
"""


def pack(html=HTML, file=FILE):
    """Write the zip; returns its path.

    Inside stand a start page, ``open.html``, and all pages in the folder ``pages``.
    """
    if not (html / "index.html").is_file():
        raise Stop("the book is not built: run `make book` first")
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part")
    paths = sorted(path for path in html.rglob("*") if path.is_file() and path.name not in LEFT_OUT)
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        _add(bundle, "open.html", START.encode())
        for path in paths:
            _add(bundle, f"pages/{path.relative_to(html).as_posix()}", path.read_bytes())
    unfinished.replace(file)
    return file


def _add(bundle, name, data):
    entry = zipfile.ZipInfo(f"{FOLDER}/{name}", DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # as on Unix, so that the permission below is read everywhere
    entry.external_attr = 0o644 << 16
    bundle.writestr(entry, data)


if __name__ == "__main__":
    try:
        made = pack(*(Path(argument) for argument in sys.argv[1:]))
        say(f"{made} ({made.stat().st_size / 1e6:.0f} MB): unpack it and open {FOLDER}/open.html")
    except Stop as stop:
        sys.exit(f"\nStopped: {stop}")

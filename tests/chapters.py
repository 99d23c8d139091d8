"""Reading the chapters for the tests."""

import re
from functools import cache
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
NAMES = [path.stem for path in CHAPTERS]


@cache
def cells(name):
    return nbformat.read(ROOT / "chapters" / f"{name}.ipynb", 4).cells


def code_cells(name):
    return [cell for cell in cells(name) if cell.cell_type == "code"]


def markdown(name):
    return "\n\n".join(cell.source for cell in cells(name) if cell.cell_type == "markdown")


def tags(cell):
    return set(cell.metadata.get("tags", []))


def prose(text):
    """Markdown without code, mathematics, fenced directives' options and quotations of code."""
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", "", text, flags=re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def objectives(name):
    """The numbered list of the opening cell."""
    listed = re.search(
        r"\*\*After this chapter you can\*\*\n+((?:\d+\..*\n?(?:   .*\n?)*)+)", cells(name)[0].source
    )
    return re.findall(r"^(\d+)\.", listed.group(1), flags=re.M) if listed else []


def exercises(name):
    """(title, label) of every exercise."""
    return re.findall(r"```\{exercise-start\}\s*(.*?)\n:label:\s*(\S+)", markdown(name))

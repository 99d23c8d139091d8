"""Reading the chapters for the tests, which keep their own expectations."""

import dataclasses
import re
from functools import cache
from pathlib import Path

from chapter import Chapter
from interestdecay_lib import checks
from interestdecay_lib.checks import exercises as computed_anew

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
NAMES = [path.stem for path in CHAPTERS]
PAGES = sorted(re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8")))


@cache
def chapter(name):
    """A chapter, read once: who changes it reads his own."""
    return Chapter.read(name)


def cells(name):
    return chapter(name).notebook.cells


def code_cells(name):
    return [cell for cell in cells(name) if cell.cell_type == "code"]


def markdown(name):
    return chapter(name).markdown


def tags(cell):
    return set(cell.metadata.get("tags", []))


def prose(text):
    """Markdown without code, mathematics, fenced directives' options and quotations of code."""
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", "", text, flags=re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def objectives(name):
    """The numbers of the list in the opening cell, as texts."""
    return [str(number) for number in chapter(name).objectives]


def exercises(name):
    """(title, label) of every exercise."""
    return [(exercise.title, exercise.label) for exercise in chapter(name).exercises]


def computed_once(exercise):
    """The exercise with everything computed at most once: `check` computes it at every call."""
    mistakes = [checks.Mistake(cache(mistake.value), mistake.why) for mistake in exercise.mistakes]
    return dataclasses.replace(exercise, answer=cache(exercise.answer), mistakes=mistakes)


@cache
def judged(name):
    """The exercises of a chapter by name, each computed at most once by all tests of a process."""
    return {label: computed_once(exercise) for label, exercise in computed_anew(name).items()}

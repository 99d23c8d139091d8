"""A chapter as its notebook says it: title, question, time, objectives, sections, exercises and solutions.

The one place that knows how a chapter is written down. Which chapters there are, and in which order and part,
stands in `_toc.yml`.
"""

import ast
import re
from dataclasses import dataclass, field
from functools import cached_property

import nbformat
import yaml

import fingerprint
from environment import CHAPTERS, ROOT, Stop
from reading_time import words_read

TIME_LINE = re.compile(
    r"^\*\*Time:\*\* about (\d+) minutes to read, (\d+) seconds to run\.$", re.MULTILINE
)
TITLE = re.compile(r"^# (.*)$", re.MULTILINE)
QUESTION = re.compile(r"```\{admonition\} The question\n:class: question\n(.*?)\n```", re.DOTALL)
OBJECTIVES = re.compile(r"\*\*After this chapter you can\*\*\n+((?:\d+\..*\n?(?:   .*\n?)*)+)")
MARK = re.compile(
    r"^```\{(exercise-start|exercise-end|solution-start|solution-end)\}[ \t]*(.*)\n((?::.*\n)*)```[ \t]*\n?",
    re.MULTILINE,
)
END = "Three sentences to remember"  # the first of the closing sections


def contents():
    """{caption: entries} of every part of `_toc.yml`; an entry has a file, and perhaps sections."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return {part["caption"]: part["chapters"] for part in toc["parts"]}


def parts():
    """{caption: names of its chapters} of the parts that have chapters, in the order of the book."""
    listed = {caption: [entry["file"] for entry in entries] for caption, entries in contents().items()}
    chapters = {
        caption: [file.removeprefix("chapters/") for file in files if file.startswith("chapters/")]
        for caption, files in listed.items()
    }
    return {caption: names for caption, names in chapters.items() if names}


def names():
    """The chapters in the order of the book."""
    return [name for part in parts().values() for name in part]


def label(name):
    """What a reference in the book calls a chapter.

    >>> label("first_look")
    'chapter-first-look'
    """
    return f"chapter-{name.replace('_', '-')}"


def said(notebook):
    """(name, index of the cell, text) of each number that a notebook's outputs hand to its text.

    >>> metadata, told = {"scrapbook": {"name": "a-b"}}, {"application/papermill.record/text/plain": "'12'"}
    >>> cell = nbformat.v4.new_code_cell('plots.say("a-b", 12)')
    >>> cell.outputs = [nbformat.v4.new_output("display_data", told, metadata=metadata)]
    >>> list(said(nbformat.v4.new_notebook(cells=[cell])))
    [('a-b', 0, '12')]
    """
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name:
                yield name, index, ast.literal_eval(output["data"]["application/papermill.record/text/plain"])


class Chapter:
    """One chapter: what its notebook says, read when it is asked for.

    Attributes
    ----------
    name, notebook
        The file's name without its ending, and what nbformat reads.
    """

    def __init__(self, name, notebook):
        self.name, self.notebook = name, notebook

    @classmethod
    def read(cls, name):
        """The chapter of a name; `Stop` names the known ones if there is none."""
        path = CHAPTERS / f"{name}.ipynb"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in CHAPTERS.glob("*.ipynb")))
            raise Stop(f'there is no chapter "{name}". Chapters: {known}')
        return cls(name, nbformat.read(path, 4))

    @property
    def label(self):
        """What a reference in the book calls it."""
        return label(self.name)

    @property
    def opening(self):
        """The text of the first cell."""
        return self.notebook.cells[0].source

    @property
    def code(self):
        """The sources of the code cells."""
        return fingerprint.code_cells(self.notebook)

    @property
    def markdown(self):
        """All text."""
        return "\n\n".join(cell.source for cell in self.notebook.cells if cell.cell_type == "markdown")

    @property
    def title(self):
        return self._stated(TITLE, "title")[1]

    @property
    def question(self):
        return " ".join(self._stated(QUESTION, "question")[1].split())

    @property
    def minutes(self):
        """Minutes to read, as the chapter states them."""
        return int(self._stated(TIME_LINE, "Time line")[1])

    @property
    def seconds(self):
        """Seconds to run, as the chapter states them."""
        return int(self._stated(TIME_LINE, "Time line")[2])

    def _stated(self, pattern, what):
        found = pattern.search(self.opening)
        if not found:
            raise Stop(f"chapter {self.name}: the first cell lacks its {what}")
        return found

    @property
    def objectives(self):
        """{number: objective as plain text}; empty without a list."""
        listed = OBJECTIVES.search(self.opening)
        found = re.findall(r"^(\d+)\. (.*(?:\n   .*)*)", listed[1] if listed else "", re.MULTILINE)
        return {int(number): " ".join(text.replace("**", "").split()).rstrip(",;.") for number, text in found}

    @property
    def sections(self):
        """{second-level heading: words to read}, up to the closing sections."""
        words, heading = {}, None
        for cell in self.notebook.cells[1:]:
            if cell.cell_type == "code":
                if heading:
                    words[heading] += words_read(cell)
                continue
            for part in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
                found = re.match(r"## (.*)", part)
                if found and found[1] == END:
                    return words
                if found:
                    heading = found[1]
                    words[heading] = 0
                if heading:
                    words[heading] += len(part.split())
        raise Stop(f"chapter {self.name} has no section {END!r}")

    @cached_property
    def exercises(self):
        """The exercises, in order."""
        return list(exercises(self.notebook).values())

    @cached_property
    def fingerprint(self):
        """Changes with what the chapter's outputs depend on."""
        return fingerprint.of_chapter(self.name, self.notebook)


# ----------------------------------------------------------------------------------------------- exercises


def checked_as(label):
    """What `check` calls the exercise of a label.

    >>> checked_as("ex-decay-formula-1")
    'decay_formula-1'
    """
    chapter, _, number = label.removeprefix("ex-").rpartition("-")
    return f"{chapter.replace('-', '_')}-{number}"


@dataclass
class Exercise:
    """One exercise as the chapter prints it; `cell` is the one with `answer = None`, if there is one."""

    label: str
    title: str
    kind: str
    text: str = ""
    cell: nbformat.NotebookNode | None = None
    solution: list = field(default_factory=list)

    @property
    def name(self):
        """What `check` calls it."""
        return checked_as(self.label)

    @property
    def stars(self):
        return self.title.count("★")

    @property
    def objectives(self):
        told = re.search(r"\(objectives? ([\d, and]+)", self.title)
        return [int(number) for number in re.findall(r"\d+", told.group(1))] if told else []

    @property
    def heading(self):
        return re.sub(r"\s*\(objectives?.*?\)", "", self.title.replace("★", "")).strip()

    @property
    def solution_text(self):
        return "\n\n".join(cell.source for cell in self.solution if cell.cell_type == "markdown").strip()

    @property
    def solution_code(self):
        """The solution's code without its own call of `check`."""
        code = [cell.source for cell in self.solution if cell.cell_type == "code"]
        lines = "\n".join(code).splitlines()
        return "\n".join(line for line in lines if not line.startswith("check(")).strip()


def pieces(notebook):
    """(cell, label of the exercise or "", inside its solution?) with markdown cells cut at the directives.

    A directive stands with what it opens: `exercise-start` with the exercise, `solution-start` with the
    solution. A solution's end gives a cell of None, the place of the solution, even of an empty one. A
    directive that is never closed is a `Stop`, since everything after it would be lost.
    """
    label, inside = "", False
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            yield cell, label, inside
            continue
        if re.search(r"\{solution\}", cell.source):
            raise Stop("use solution-start and solution-end: a {solution} directive is not recognised")
        for directive, text in _cut(cell.source):
            if directive and directive[0] == "solution-end":
                yield None, label, True
            label, inside = _after(directive, label, inside)
            if text.strip():
                yield nbformat.v4.new_markdown_cell(text.strip("\n")), label, inside
    if inside:
        raise Stop(f"the solution of {label} is never closed")


def _cut(source):
    """(directive or None, text up to the next one): an exercise's directive stays in its text."""
    directive, position = None, 0
    for mark in MARK.finditer(source):
        if mark[1] != "exercise-end":
            yield directive, source[position : mark.start()]
            directive = mark.groups()
            position = mark.start() if directive[0] == "exercise-start" else mark.end()
    yield directive, source[position:]


def _after(directive, label, inside):
    """(label of the exercise or "", inside its solution?) behind a directive."""
    kind, argument, options = directive or ("", "", "")
    if kind == "exercise-start":
        if inside:
            raise Stop(f"the solution of {label} is not closed before the next exercise")
        return re.search(r":label:\s*(\S+)", options).group(1), False
    if kind == "solution-start":
        if argument.strip() != label:
            raise Stop(f"a solution of {argument.strip()} stands in the exercise {label or 'none'}")
        return label, True
    return ("", False) if kind == "solution-end" else (label, inside)


def exercises(notebook):
    """The exercises of a notebook, by label, in order."""
    found = {}
    for cell, label, inside in pieces(notebook):
        if not label or cell is None:
            continue
        if label not in found:
            start = next(m for m in MARK.finditer(cell.source) if m.group(1) == "exercise-start")
            kind = re.search(r":class:\s*(.*)", start.group(3))
            kind = kind.group(1).strip().removeprefix("kind-") if kind else ""
            found[label] = Exercise(label, start.group(2).strip(), kind)
        exercise = found[label]
        if inside:
            exercise.solution.append(cell)
        elif cell.cell_type == "code" and f'check("{exercise.name}"' in cell.source:
            exercise.cell = cell
        elif cell.cell_type == "markdown":
            exercise.text += MARK.sub("", cell.source) + "\n"
    return found

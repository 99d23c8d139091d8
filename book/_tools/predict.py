"""Predict, then see: one question a chapter before a figure, answered by a number of the chapter.

The questions stand in ``book/predictions.yml`` and not in the notebooks, so that a notebook that is handed
out needs no page::

    decay_formula:
      before: fig-decay-formula-season   # the figure that shows it
      number: df-rising                  # what `plots.say` stores, the truth
      unit: steps                        # "" for a ratio or a plain number
      scale: [0, 15]                     # the ends of the slider
      log: true                          # only where guesses differ by factors
      ahead: 1                           # text cells further up, where an output shows the number before
      question: Text in MyST Markdown.
      truth: Text with {number} where the number stands. Both may show other numbers, with `glue:text`.

When a chapter is read, its question is put before the figure, the line that says the number and the text that
shows it, whichever comes first. `predict.js` compares; without a script the question is a sentence and the
answer a fold.
"""

import re
from html import escape

import nbformat
import yaml
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from chapter import said
from environment import ROOT

FILE = ROOT / "book/predictions.yml"
MARK = '<form class="predict-guess"'
KEYS = {"before", "number", "unit", "scale", "question", "truth"}


def load(path=FILE):
    """{chapter: its prediction}; a fault of the file is named with its chapter."""
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    for chapter, prediction in told.items():
        fault = _fault(prediction)
        if fault:
            raise ExtensionError(f"{path.name}, {chapter}: {fault}")
    return told


def _fault(prediction):
    missing, unknown = KEYS - set(prediction), set(prediction) - KEYS - {"log", "ahead"}
    if missing or unknown:
        return f"missing {sorted(missing)}, unknown {sorted(unknown)}"
    low, high = prediction["scale"]
    if not low < high or (prediction.get("log") and low <= 0):
        return "the scale needs two numbers, the smaller first, and both above 0 if it is logarithmic"
    return "" if prediction["truth"].count("{number}") == 1 else "truth needs {number} once"


def value(text):
    """The first number of what a chapter says; `predict.js` reads it in the same way.

    >>> value("+2.6 [+2.1, +3.1]"), value("1,234"), value("−1.2 points")
    (2.6, 1234.0, -1.2)
    """
    found = re.search(r"[-+−]?\d[\d,]*(?:\.\d+)?", text)
    return float(found[0].replace(",", "").replace("−", "-"))


def place(notebook, prediction):
    """Index of the text cell after which the question stands; an `ExtensionError` names what is missing."""
    figures = {
        cell.metadata.get("mystnb", {}).get("figure", {}).get("name"): index
        for index, cell in enumerate(notebook.cells)
    }
    numbers = {name: index for name, index, _ in said(notebook)}
    for kind, found, name in (("figure", figures, "before"), ("number", numbers, "number")):
        if prediction[name] not in found:
            raise ExtensionError(f"predictions.yml: the chapter has no {kind} {prediction[name]}")
    role = f"{{glue:text}}`{prediction['number']}`"
    shown = [index for index, cell in enumerate(notebook.cells) if index and role in cell.source]
    first = min(figures[prediction["before"]], numbers[prediction["number"]], *shown)
    texts = [index for index in range(first) if notebook.cells[index].cell_type == "markdown"]
    return texts[-1 - prediction.get("ahead", 0)]


def placed(text, chapter):
    """A cell's text with the question at its end, before a last paragraph that ends in a colon.

    >>> print(placed("One.\\n\\nCounted:", "x"))
    One.
    <BLANKLINE>
    ```{predict} x
    ```
    <BLANKLINE>
    Counted:
    """
    before, last = text.rstrip(), ""
    if before.endswith(":"):
        before, _, last = before.rpartition("\n\n")
    return "\n\n".join(part for part in (before, f"```{{predict}} {chapter}\n```", last) if part)


def add(app, docname, source):
    """Put the chapter's question into the text that Sphinx is about to read; the file stays as it is."""
    folder, _, chapter = docname.partition("/")
    if folder != "chapters":
        return
    app.env.note_dependency(str(FILE))
    predictions = load()
    if chapter not in predictions:
        return
    notebook = nbformat.reads(source[0], 4)
    cell = notebook.cells[place(notebook, predictions[chapter])]
    cell.source = placed(cell.source, chapter)
    source[0] = nbformat.writes(notebook)


def form(chapter, prediction):
    """The field, the slider and the button as HTML, hidden until the script takes over."""
    low, high = prediction["scale"]
    unit, name = escape(prediction["unit"]), f"predict-{chapter.replace('_', '-')}"
    ends = escape(f"from {low} to {high} {prediction['unit']}".strip())
    return (
        f'{MARK} data-chapter="{chapter}" data-number="{prediction["number"]}" data-unit="{unit}" '
        f'data-from="{low}" data-to="{high}" data-log="{str(bool(prediction.get("log"))).lower()}" hidden>'
        f'<label for="{name}">Your guess{f", in {unit}" if unit else ""}</label>'
        f'<input id="{name}" type="text" inputmode="decimal" autocomplete="off">'
        '<input type="range" min="0" max="1000" value="500" autocomplete="off" '
        f'aria-label="Your guess, {ends}">'
        '<button type="submit">Compare</button>'
        f'<span class="predict-scale" aria-hidden="true"></span><p role="status"></p></form>'
    )


class Predict(SphinxDirective):
    """``{predict} CHAPTER``"""

    required_arguments = 1

    def run(self):
        chapter = self.arguments[0]
        prediction = load()[chapter]
        number = f"{{glue:text}}`{prediction['number']}`"
        box = nodes.container(classes=["predict"])
        box += nodes.rubric("", "Predict, then see")
        box += self.parse_text_to_nodes(prediction["question"])
        box += nodes.raw("", form(chapter, prediction), format="html")
        box += nodes.raw("", '<details class="predict-truth"><summary>What the chapter computes</summary>',
                         format="html")
        truth = prediction["truth"].replace("{number}", number)
        box += self.parse_text_to_nodes(f"{truth} {{numref}}`{prediction['before']}` shows more.")
        box += nodes.raw("", "</details>", format="html")
        return [box]


def setup(app):
    app.add_directive("predict", Predict)
    app.connect("source-read", add)

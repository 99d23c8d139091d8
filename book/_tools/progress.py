"""The page of progress: ``{progress}`` sets a table of what there is to do, `progress.js` what was done.

What was done is kept by the reader's browser alone (`kept.js`) and leaves it only as a file that the reader
saves.
"""

from functools import cache
from html import escape

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import answer_box
import parsons
import predict
import quiz
from chapter import Chapter, names
from interestdecay_lib import checks

MARK = '<div class="progress-panel"'
#: part of what is kept: the heading of its column
PARTS = {
    "answers": "Exercises",
    "quizzes": "Quick questions",
    "predictions": "Prediction",
    "parsons": "Code in order",
}
PANEL = f"""{MARK} hidden>
<p><button type="button" class="practice-button" data-do="save">Save my progress as a file</button>
<button type="button" class="practice-button" data-do="forget">Delete everything that is kept</button></p>
<p role="status"></p></div>"""


@cache  # to know which exercises have a box, all of them are computed
def counts(name):
    """How much there is of each part in a chapter."""
    judged = checks.exercises(name).values()
    return {
        "answers": sum(answer_box.specification(exercise) is not None for exercise in judged),
        "quizzes": len(quiz.load(name)),
        "predictions": int(name in predict.load()),
        "parsons": sum(problem["chapter"] == name for problem in parsons.load()),
    }


def table():
    """The table as HTML: without a script it says how much there is."""
    rows = [_row(number, name) for number, name in enumerate(names(), start=1)]
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Chapter", *PARTS.values()))
    return (
        '<div class="progress-frame" tabindex="0" role="region" aria-label="Progress by chapter">'
        f'<table class="progress-table"><thead><tr>{heads}</tr></thead>'
        f'<tbody>{"".join(rows)}</tbody></table></div>'
    )


def _row(number, name):
    all_of = counts(name)
    cells = "".join(
        f'<td data-part="{part}" data-all="{all_of[part]}" data-head="{head}">{all_of[part] or "–"}</td>'
        for part, head in PARTS.items()
    )
    link = f'<a href="../chapters/{name}.html">{number}. {escape(Chapter.read(name).title)}</a>'
    return f'<tr data-chapter="{name}"><th scope="row">{link}</th>{cells}</tr>'


class Progress(SphinxDirective):
    """``{progress}``"""

    def run(self):
        for file in (predict.FILE, parsons.FILE):
            self.env.note_dependency(str(file))
        return [nodes.raw("", PANEL + table(), format="html")]


def setup(app):
    app.add_directive("progress", Progress)

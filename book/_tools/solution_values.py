"""Under each worked solution that ends in numbers: the numbers with their unit, as `check` knows them.

The line stands in the solution's own box, so it opens and closes, prints, and is left out with it.
"""

import math
from collections.abc import Mapping

import numpy as np
from docutils import nodes
from sphinx_exercise.nodes import solution_node

from chapter import checked_as
from interestdecay_lib import checks


def value(exercise):
    """The answer of an exercise's specification as text; empty if it is no number.

    As many digits as its tolerance asks for, at least four. A dictionary's parts have units of their own.

    >>> value(checks.Exercise(lambda: 60 * math.log(2), unit="minutes"))
    '41.59 minutes'
    >>> value(checks.Exercise(lambda: {"mae": 0.0, "rmse": 2.0}, unit="purchases"))
    'mae 0, rmse 2'
    >>> value(checks.Exercise(lambda: "b"))
    ''
    """
    answer = exercise.answer()
    parts, unit = (answer, "") if isinstance(answer, Mapping) else ({"": answer}, exercise.unit)
    digits = max(4, math.ceil(1 - math.log10(exercise.rtol)))
    said = []
    for name, part in parts.items():
        array = np.asarray(part)
        if array.dtype.kind not in "iuf":
            return ""
        said += [f"{name} {', '.join(_number(one, digits) for one in array.ravel())}".strip()]
    return f"{', '.join(said)} {unit}".strip()


def _number(number, digits):
    """
    >>> _number(0.0016682, 4), _number(-12961.2, 4), _number(5.000000000000001, 4)
    ('0.001668', '-12961', '5')
    """
    return f"{number:.0f}" if abs(number) >= 10**digits else f"{number:.{digits}g}"


def add(app, doctree):
    """The line at the end of each solution of a chapter that was just read."""
    folder, _, chapter = app.env.docname.partition("/")
    if folder != "chapters" or chapter not in checks.chapters():
        return
    judged = checks.exercises(chapter)
    for solution in doctree.findall(solution_node):
        name = checked_as(solution["target_label"])
        said = value(judged[name]) if name in judged else ""
        if said:
            line = nodes.paragraph("", "", nodes.strong("", "Value:"), nodes.Text(f" {said}"))
            line["classes"].append("solution-value")
            solution += line


def setup(app):
    app.connect("doctree-read", add)

"""An answer box under each exercise that `check` can judge from what is typed: `answer_box.js` judges there.

The page carries the exercise's specification, the right answer among it: a page that judges without a kernel
and without a network must hold what it judges by. It is sealed, so that nobody reads it by accident in the
page's source, as the student's library is. Sealed is not secret: the key is the exercise's name, and whoever
reads `answer_box.js` can open it. Marks that count are given on the teacher's machine.

An exercise with numbers of its own for each student carries the specification of every set of numbers
that `checks.given` can draw (six to eight), computed here: the script draws as `given` does and computes no
answer.

Without a script the box stays hidden and the page reads as before.
"""

import base64
import json
import re
from collections.abc import Mapping
from html import escape

import numpy as np
from docutils import nodes
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node

from chapter import Chapter, checked_as
from interestdecay_lib import checks

MARK = '<form class="answer-box"'
#: How a chapter says what is asked for, beside the `None` that the answer replaces.
WANTED = re.compile(r"^answer = None *# *(?:your answer)?[ ,:]*(.*)$", re.MULTILINE)


def specification(exercise):
    """What the page judges an answer by, as JSON knows it; None if the answer is not to be typed.

    >>> specification(checks.Exercise(lambda: np.float64(0.5), unit="days", rtol=0.01))
    {'right': 0.5, 'unit': 'days', 'rtol': 0.01, 'atol': 0.0, 'explain': '', 'counts': [], 'mistakes': []}
    >>> specification(checks.Exercise(lambda: np.eye(2))) is None
    True
    """
    answer = exercise.answer()
    right = _plain(answer)
    if right is None or exercise.blocks:
        return None
    mistakes = [{"value": _plain(mistake.value()), "why": mistake.why} for mistake in exercise.mistakes]
    told = {name: getattr(exercise, name) for name in ("unit", "rtol", "atol", "explain")}
    parts = answer.items() if isinstance(answer, Mapping) else ()
    told["counts"] = [key for key, part in parts if isinstance(part, int | np.integer)]  # these have no unit
    return {"right": right, **told, "mistakes": [one for one in mistakes if one["value"] is not None]}


def own_numbers(exercise):
    """What the page judges by for each set of numbers that `checks.given` draws, with the numbers drawn from.

    >>> told = own_numbers(checks.Exercise(lambda rate=2.0: 1 / rate, variants={"rate": (2.0, 4.0)}))
    >>> told["variants"], [one["right"] for one in told["sets"]]
    ({'rate': [2.0, 4.0]}, [0.5, 0.25])
    >>> own_numbers(checks.Exercise(lambda: 1)) is None
    True
    """
    if not exercise.variants:
        return None
    sets = [specification(checks.for_numbers(exercise, numbers)) for numbers in checks.variants(exercise)]
    return {"variants": {name: list(values) for name, values in exercise.variants.items()}, "sets": sets}


def _plain(value):
    """A number, a list of numbers, a text, or a dictionary of these; None for all else."""
    if isinstance(value, Mapping):
        parts = {key: _plain(part) for key, part in value.items()}
        return None if None in parts.values() else parts
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    return array.astype(float).tolist() if array.dtype.kind in "iuf" and array.ndim < 2 else None


def sealed(told, name):
    """A specification as text that nobody reads by accident; `answer_box.js` opens it.

    Its JSON in UTF-8, each byte combined (exclusive or) with the next of a stream that starts from the
    exercise's name (FNV-1a, then a linear congruential generator of 32 bits), in base 64.

    >>> sealed({"right": 0.0625}, "decay_formula-5")
    '8NeriytAhED5haeZJYDxXR4='
    """
    state = 2166136261
    for letter in name.encode("utf-8"):
        state = (state ^ letter) * 16777619 % 2**32
    packed = bytearray(json.dumps(told, ensure_ascii=False, allow_nan=False).encode("utf-8"))
    for place, letter in enumerate(packed):
        state = (state * 1664525 + 1013904223) % 2**32
        packed[place] = letter ^ state >> 24
    return base64.b64encode(packed).decode("ascii")


def form(name, exercise, wanted=""):
    """The box of one exercise as HTML, hidden until the script takes over; empty where there is none.

    Parameters
    ----------
    wanted
        What is asked for, as the chapter says it: "in minutes", "a share".
    """
    told = specification(exercise)
    if told is None:
        return ""
    place, right = f"answer-{name.replace('_', '-')}", told["right"]
    own = own_numbers(exercise)
    told["own"], fold = own, _own(place) if own else ""
    ask = escape(f"Your answer, {wanted}" if wanted else "Your answer")
    if isinstance(right, dict):
        fields = "".join(_field(f"{place}-{k}", escape(key), key) for k, key in enumerate(right))
        asked = f"<fieldset><legend>{ask}</legend>{fields}</fieldset>"
    elif isinstance(right, str):
        choices = {right, *(one["value"] for one in told["mistakes"])}
        options = "".join(f"<option>{escape(choice)}</option>" for choice in sorted(choices))
        asked = f'<label for="{place}">{ask}</label><select id="{place}" autocomplete="off">'
        asked += f'<option value="">choose</option>{options}</select>'
    else:
        asked = _field(place, ask)
    return (
        f'{MARK} data-exercise="{name}" data-sealed="{sealed(told, name)}" hidden>'
        f'{asked}<button type="submit">Check</button>{fold}<p role="status"></p></form>'
    )


def _field(place, label, key=""):
    return (
        f'<label for="{place}">{label}</label><input id="{place}" type="text" data-key="{escape(key)}" '
        'autocomplete="off" autocapitalize="none" spellcheck="false">'
    )


def _own(place):
    """The fold where a reader says whose numbers the answer is for."""
    return (
        '<details class="answer-own"><summary>With your own numbers</summary>'
        f'<label for="{place}-student">Your name or number</label>'
        f'<input id="{place}-student" type="text" data-student autocomplete="off" spellcheck="false" '
        f'aria-describedby="{place}-drawn"><p id="{place}-drawn" class="answer-drawn" aria-live="polite"></p>'
        "</details>"
    )


def wanted(exercise):
    """What a chapter's exercise asks for, without what only code has: braces, brackets and quotes.

    The exercise is one of `chapter.Chapter.exercises`.
    """
    found = WANTED.search(exercise.cell.source) if exercise.cell is not None else None
    told = re.sub(r"a dictionary, |\{.*\}|[\[\]]|^\".*", "", found[1]) if found else ""
    return told.strip(" ,:")


def add(app, doctree):
    """The box at the end of each exercise of a chapter that was just read."""
    folder, _, chapter = app.env.docname.partition("/")
    if folder != "chapters" or chapter not in checks.chapters():
        return
    judged = checks.exercises(chapter)
    asked = {exercise.name: wanted(exercise) for exercise in Chapter.read(chapter).exercises}
    for kind in (exercise_node, exercise_enumerable_node):
        for exercise in doctree.findall(kind):
            name = checked_as(exercise["label"])
            if name in judged:
                exercise += nodes.raw("", form(name, judged[name], asked.get(name, "")), format="html")


def setup(app):
    app.connect("doctree-read", add)

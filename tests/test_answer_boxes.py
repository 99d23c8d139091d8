"""The answer boxes of the pages, in a browser, against `checks.check`: the same verdict and the same sentence.

The boxes stand in a bare page with the script, so that no book need be built; what a reader types goes into
the fields, and what the page then says is read from it.
"""

import base64
import json
import math
import re
from functools import cache

import numpy as np
import pytest

import answer_box
from chapters import NAMES, ROOT, chapter
from interestdecay_lib import checks
from interestdecay_lib.checks import check

pytestmark = pytest.mark.page
SCRIPT = (ROOT / "book/_static/answer_box.js").read_text(encoding="utf-8")
ALL = {name: exercise for one in NAMES for name, exercise in checks.exercises(one).items()}
each_exercise = pytest.mark.parametrize("name", ALL)

#: Types each answer into the boxes of one exercise, sends it, and reads the page.
TYPE = """([name, answers]) => {
    const form = document.querySelector(`form[data-exercise="${name}"]`);
    const fields = [...form.querySelectorAll('input, select')];
    const status = form.querySelector('[role=status]');
    return answers.map((typed) => {
        fields.forEach((field) => {
            field.value = typeof typed === 'string' ? typed : typed[field.dataset.key];
        });
        form.requestSubmit();
        return [status.dataset.verdict, status.querySelector('.answer-why').textContent];
    });
}"""


@cache
def boxes():
    """{exercise: its box} of the book."""
    found = {}
    for one in NAMES:
        judged = checks.exercises(one)
        for exercise in chapter(one).exercises:
            if exercise.name in judged:
                box = answer_box.form(exercise.name, judged[exercise.name], answer_box.wanted(exercise))
                found |= {exercise.name: box} if box else {}
    return found


@pytest.fixture(scope="module")
def page(browser):
    """All boxes in a page that has nothing else."""
    tab = browser.new_page()
    errors = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.set_content(f"<!doctype html><title>Boxes</title>{''.join(boxes().values())}")
    tab.add_script_tag(content=SCRIPT)
    yield tab
    tab.close()
    assert errors == []


def said(page, name, typed):
    """(verdict, sentence) of the page for each of the texts."""
    return [tuple(told) for told in page.evaluate(TYPE, [name, typed])]


def expected(name, answer):
    feedback = check(name, answer)
    return feedback.verdict, feedback.message.replace("`", "")  # the page sets code as code


def typed(answer):
    """An answer as a reader types it: a number, a list, a choice, or the fields of a dictionary."""
    if isinstance(answer, dict):
        return {key: typed(part) for key, part in answer.items()}
    if isinstance(answer, str):
        return answer
    array = np.asarray(answer)
    if array.ndim:
        return ", ".join(typed(one) for one in array)
    return repr(int(array)) if array.dtype.kind in "iu" else repr(float(array))


def scaled(answer, change):
    """The answer with each of its numbers changed."""
    if isinstance(answer, dict):
        return {key: scaled(part, change) for key, part in answer.items()}
    return answer if isinstance(answer, str) else change(np.asarray(answer, dtype=float))


def changed(exercise):
    """Answers around the right one that `check` tells apart: near misses, slips of unit, sign and form."""
    right, atol, rtol = exercise.answer(), exercise.atol, exercise.rtol
    yield right
    for times in (0.9, 1.2, 9, 11):  # both sides of right and nearly right
        for sign in (1, -1):
            yield scaled(right, lambda x, off=times * sign: x + off * (atol + rtol * np.abs(x)))
    yield from (scaled(right, lambda x: -x), scaled(right, lambda x: x + 1), scaled(right, lambda x: x * 1.7))
    for factor in (*checks._FACTORS, 2.5):
        yield scaled(right, lambda x, f=factor: x * f)
        yield scaled(right, lambda x, f=factor: x / f)
    with np.errstate(all="ignore"):
        yield from (scaled(right, change) for change in (np.square, lambda x: np.abs(x) ** 0.5))
        yield from (scaled(right, change) for change in (lambda x: 1 / x, lambda x: np.log(2) / x))
    yield from (scaled(right, lambda x: 1 - x), scaled(right, lambda x: x * 0), scaled(right, lambda x: x * np.nan))
    yield from (scaled(right, lambda x: x + np.inf), scaled(right, lambda x: x - np.inf), scaled(right, lambda x: x + 1e300))
    yield scaled(right, lambda x: np.trunc(x).astype(int))
    if isinstance(right, dict):
        yield {key: None for key in right}
        yield {**right, next(iter(right)): None}
        yield {key: right[other] for key, other in zip(right, reversed(right), strict=True)}
    elif isinstance(right, str):
        yield from ("A", "b", "nothing")
    elif np.ndim(right):
        yield from (right[::-1], np.roll(right, 1), np.roll(right, -1), right[:-1], right[[1, 0, *range(2, len(right))]])
        yield from (np.append(right, 1.5), np.append(right, [1.5, 2]), np.where(right == right[-1], 7, right), right[0])
    else:
        yield from ([right, right], [right], [right, 1, 2])


def test_most_exercises_have_a_box():
    """Every one whose answer is a number, a few numbers or a choice."""
    assert len(boxes()) >= 50
    without = {name: np.shape(ALL[name].answer()) for name in set(ALL) - set(boxes())}
    assert not [name for name, shape in without.items() if len(shape) < 2]


@each_exercise
def test_a_box_says_what_check_says(page, name):
    """The right answer, near misses on both sides of each tolerance, slips, and every typical mistake."""
    exercise = ALL[name]
    answers = [*changed(exercise), *(mistake.value() for mistake in exercise.mistakes)]
    answers = [one for one in answers if not isinstance(exercise.answer(), str) or one in _choices(exercise)]
    texts = [{k: "" if v is None else typed(v) for k, v in a.items()} if isinstance(a, dict) else typed(a) for a in answers]
    told = said(page, name, texts)
    assert told[0][0] == "right"
    for text, answer, one in zip(texts, answers, told, strict=True):
        assert one == expected(name, answer), text


def _choices(exercise):
    return {exercise.answer(), *(mistake.value() for mistake in exercise.mistakes)}

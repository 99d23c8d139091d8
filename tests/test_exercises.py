"""Every exercise of the book: right, near and typically wrong answers, and odd ones."""

import numbers
import re

import numpy as np
import pandas as pd
import pytest

from interestdecay_lib import checks
from interestdecay_lib.checks import check

ALL = [
    (name, exercise) for chapter in checks.chapters() for name, exercise in checks.exercises(chapter).items()
]
each_exercise = pytest.mark.parametrize(("name", "exercise"), ALL, ids=[name for name, _ in ALL])


def _is_number(value):
    return isinstance(value, numbers.Real | np.ndarray) and not isinstance(value, bool | np.bool_)


@each_exercise
def test_the_right_answer_is_right(name, exercise):
    feedback = check(name, exercise.answer())
    assert feedback, feedback
    assert len(feedback.message.split()) > 1, "a right answer is told what it means"


@each_exercise
def test_an_answer_just_outside_the_tolerance_is_not_right(name, exercise):
    right = exercise.answer()
    if not _is_number(right):
        pytest.skip("not a number")
    right = np.asarray(right, dtype=float)
    tolerance = exercise.atol + exercise.rtol * np.abs(right)
    assert np.all(tolerance < 0.2 * np.abs(right) + 1e-9 + (right == 0)), (
        "a tolerance this wide checks nothing"
    )
    for sign in (1, -1):
        assert check(name, right + sign * 0.9 * tolerance), "inside the tolerance"
        assert not check(name, right + sign * 1.2 * tolerance), "outside the tolerance"


@each_exercise
def test_typical_mistakes_are_recognised(name, exercise):
    assert exercise.mistakes or isinstance(exercise.answer(), bool | str), (
        "no typical mistake is written down"
    )
    for mistake in exercise.mistakes:
        feedback = check(name, mistake.value())
        assert feedback.verdict == "wrong", mistake.why
        assert feedback.message in [other.why for other in exercise.mistakes], feedback.message
        assert len(mistake.why.split()) >= 5


@each_exercise
def test_the_solution_is_never_printed(name, exercise):
    right = exercise.answer()
    if not isinstance(right, numbers.Real) or isinstance(right, bool | np.bool_):
        pytest.skip("not a single number")
    said = " ".join(str(check(name, answer)) for answer in (None, 0, 1e9, -right, right * 7, "x", [1, 2]))
    told = [float(number) for number in re.findall(r"-?\d+\.\d+", said)]
    assert not any(np.isclose(number, right, rtol=5e-3) for number in told), said


@each_exercise
@pytest.mark.parametrize(
    "odd",
    [
        "",
        "text",
        float("nan"),
        float("inf"),
        [],
        {},
        object(),
        pd.DataFrame(),
        b"x",
        1j,
        np.zeros((1000, 1000)),
        check,
    ],
    ids=lambda odd: type(odd).__name__,
)
def test_odd_answers_get_a_sentence(name, exercise, odd):
    feedback = check(name, odd)
    assert feedback.verdict == "wrong"
    assert feedback.message

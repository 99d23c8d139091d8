"""Every exercise of the book: right, near and typically wrong answers, and odd ones."""

import decimal
import inspect
import numbers
import re
import warnings

import numpy as np
import pandas as pd
import pytest

from chapters import NAMES, chapter, computed_anew, judged, objectives
from interestdecay_lib import checks
from interestdecay_lib.checks import check, given, variants

ALL = [(name, exercise) for chapter in checks.chapters() for name, exercise in judged(chapter).items()]
OWN = [(name, exercise) for name, exercise in ALL if exercise.variants]
KINDS = {"predict", "by-hand", "code", "figure", "mistake", "explain", "project"}
each_exercise = pytest.mark.parametrize(("name", "exercise"), ALL, ids=[name for name, _ in ALL])


def _is_number(value):
    return isinstance(value, numbers.Real | np.ndarray) and not isinstance(value, bool | np.bool_)


@each_exercise
def test_the_right_answer_is_right(name, exercise):
    feedback = check(name, exercise.answer())
    assert feedback, feedback
    assert len(feedback.message.split()) > 1, "a right answer is told what it means"


@each_exercise
def test_an_answer_computed_again_is_the_same(name, exercise):
    """The page judges by the answer of its build, a reader's `check` by one of its own."""
    again = computed_anew(name.rpartition("-")[0])[name].answer()
    np.testing.assert_equal(again, exercise.answer())


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
        {1, 2},
        pd.NA,
        pd.NaT,
        pd.Timestamp("2024-01-01"),
        decimal.Decimal("NaN"),
        10**400,
        [1, [2, 3]],
        np.array([None, "a"]),
        np.array([1 + 1j]),
        range(10**9),
        np.broadcast_to(np.float32(1), (10**5, 10**5)),
    ],
    ids=lambda odd: type(odd).__name__,
)
def test_odd_answers_get_a_sentence(name, exercise, odd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        feedback = check(name, odd)
    assert feedback.verdict == "wrong"
    assert feedback.message


@pytest.mark.parametrize(("name", "exercise"), OWN, ids=[name for name, _ in OWN])
def test_every_students_numbers_can_be_judged(name, exercise):
    """Right, just outside the tolerance, and each typical mistake, for every set of numbers."""
    defaults = {key: p.default for key, p in inspect.signature(exercise.answer).parameters.items()}
    assert defaults.keys() == exercise.variants.keys()
    assert defaults in variants(exercise), "the page's numbers are among the variants"
    wanted = variants(exercise)
    seen = set()
    for k in range(400):
        numbers_given = given(name, f"student {k}")
        if str(numbers_given) in seen:
            continue
        seen.add(str(numbers_given))
        right = exercise.answer(**numbers_given)
        assert check(name, right, student=f"student {k}")
        for sign in (1, -1):
            off = right + sign * 1.2 * (exercise.atol + exercise.rtol * abs(right))
            assert not check(name, off, student=f"student {k}")
        for mistake in exercise.mistakes:
            feedback = check(name, mistake.value(**numbers_given), student=f"student {k}")
            assert feedback.verdict == "wrong", (numbers_given, mistake.why)
            assert feedback.message in [other.why for other in exercise.mistakes]
    assert len(seen) == len(wanted) >= 5
    answers = [float(exercise.answer(**numbers_given)) for numbers_given in wanted]
    assert len(np.unique(np.round(answers, 9))) >= 5, "numbers that differ have answers that differ"


# --------------------------------------------------------------------- what a chapter's exercises must have


@pytest.mark.parametrize("name", NAMES)
def test_kinds_of_exercise(name):
    """All kinds; explaining and the project, at the end, are for discussion; each exercise names its kind."""
    told = chapter(name).exercises
    kinds = [exercise.kind for exercise in told]
    assert set(kinds) == KINDS
    assert kinds[-1] == "project" and kinds.count("project") == 1
    assert 6 <= len(kinds) <= 9, "at most eight and the project"
    for exercise in told:
        open_ended = exercise.kind in ("explain", "project")
        assert open_ended == ("for discussion" in exercise.text), exercise.label
        assert open_ended == (exercise.name not in checks.exercises(name)), exercise.label
        assert 1 <= exercise.stars <= 3 and exercise.objectives


@pytest.mark.parametrize("name", NAMES)
def test_every_exercise_of_the_library_stands_in_its_chapter(name):
    printed = {exercise.name for exercise in chapter(name).exercises}
    assert set(checks.exercises(name)) <= printed


@pytest.mark.parametrize("name", NAMES)
def test_every_objective_has_an_exercise_that_answers_back(name):
    covered = set()
    for exercise in chapter(name).exercises:
        if exercise.name in checks.exercises(name):
            covered |= set(map(str, exercise.objectives))
    discussed = {"first_look": {"4"}}  # judging a pipeline has no number to check
    assert covered >= set(objectives(name)) - discussed.get(name, set())


@pytest.mark.parametrize("name", NAMES)
def test_own_numbers_are_offered_where_they_exist(name):
    exercises = chapter(name).exercises
    offered = {exercise.name for exercise in exercises if "given(" in exercise.text}
    assert offered == {exercise for exercise, judged in checks.exercises(name).items() if judged.variants}
    for exercise in exercises:
        if "given(" in exercise.text:
            assert f'given("{exercise.name}", "your name")' in exercise.text

"""The framework on exercises of its own; test_exercises.py runs those of the book."""

import re

import numpy as np
import pandas as pd
import pytest

from interestdecay_lib import checks
from interestdecay_lib.checks import Exercise, Feedback, Mistake, check

HALF_LIFE = Exercise(
    answer=lambda: np.log(2) / 0.1,
    unit="days",
    rtol=1e-3,
    mistakes=[Mistake(lambda: 1 / 0.1, "That is the time constant.")],
    explain="After 6.9 days one half is left.",
)
GATES = Exercise(
    answer=lambda: np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]),
    mistakes=[Mistake(lambda: np.array([[0.4, 0.5, 0.6], [0.1, 0.2, 0.3]]), "The rows are swapped.")],
)
PAIR = Exercise(answer=lambda: {"rate": 0.1, "half_life": 6.931}, mistakes=())
CURVE = Exercise(
    answer=lambda: "power law", mistakes=[Mistake(lambda: "exponential", "Its tail is too light.")]
)
FACT = Exercise(answer=lambda: True)


@pytest.fixture(autouse=True)
def book(monkeypatch):
    known = {"x-1": HALF_LIFE, "x-2": GATES, "x-3": PAIR, "x-4": CURVE, "x-5": FACT}
    monkeypatch.setattr(checks, "chapters", lambda: ["x"])
    monkeypatch.setattr(checks, "exercises", lambda chapter: known)


@pytest.mark.parametrize(
    "answer", [6.9315, np.float32(6.9315), np.array(6.9315), 6.9315 * (1 + 0.9e-3), 6.9315 * (1 - 0.9e-3)]
)
def test_right_within_the_tolerance(answer):
    feedback = check("x-1", answer)
    assert feedback and feedback.verdict == "right"
    assert repr(feedback) == "✓ Right. After 6.9 days one half is left."


@pytest.mark.parametrize("factor", [1 + 1.1e-3, 1 - 1.1e-3, 1 + 9e-3, 1 - 9e-3])
def test_nearly_just_outside(factor):
    feedback = check("x-1", np.log(2) / 0.1 * factor)
    assert feedback.verdict == "nearly" and not feedback


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (10, "time constant"),
        (-6.9315, "wrong sign"),
        (6.9315 * 7, "days and weeks"),
        (6.9315 / 24, "hours and days"),
        (693.15, "percent"),
        (8, "too large"),
        (5, "too small"),
        ([6.9315], r"One number is asked for"),
        ([1, 2], r"One number is asked for"),
        ("6.9", "without quotes"),
        (True, "not True or False"),
        (6.9 + 0j, "real number"),
        (float("nan"), "NaN"),
        (float("inf"), "too large|differ"),
        (pd.Timedelta("7D"), "number"),
        (np.timedelta64(7, "D"), "divide by the unit"),
        (pd.DataFrame({"a": [1]}), "One number is asked for"),
        ({"a": 1}, "not a value of type dict"),
        (object(), "type object"),
        (np.zeros((200, 500)), "One number is asked for"),
    ],
)
def test_wrong_and_why(answer, why):
    feedback = check("x-1", answer)
    assert feedback.verdict == "wrong"
    assert re.search(why, feedback.message), feedback.message


def test_arrays():
    right = GATES.answer()
    assert check("x-2", right.tolist())
    assert "Transposed" in check("x-2", right.T).message
    assert "swapped" in check("x-2", right[::-1]).message
    assert "shape should be (2, 3)" in check("x-2", right[0]).message
    changed = right.copy()
    changed[1, 2] = 9
    assert check("x-2", changed).message == "1 of 6 entries differ; the first at index [1, 2]."


def test_dictionaries():
    assert check("x-3", {"rate": 0.1, "half_life": 6.931})
    assert check("x-3", {"rate": 0.2, "half_life": 6.931}).message.startswith("rate:")
    assert "keys should be" in check("x-3", {"rate": 0.1}).message
    assert "dict" in check("x-3", 0.1).message


def test_texts_and_truths():
    assert check("x-4", " Power Law ")
    assert "tail" in check("x-4", "exponential").message
    assert check("x-4", 3).verdict == "wrong"
    assert check("x-5", True) and not check("x-5", False)
    assert check("x-5", 1).verdict == "wrong"


@pytest.mark.parametrize("name", ["x-9", "y-1", "", "x", "x-1 ", 3, None])
def test_unknown_names(name):
    assert check(name, 1).verdict == "unknown"


def test_a_close_name_is_suggested():
    assert 'Did you mean "x-1"?' in check("x_1", 1).message


def test_no_answer_yet():
    assert check("x-1").verdict == check("x-1", None).verdict == "missing"


def test_what_raises_inside_is_reported_not_raised():
    class Odd:
        def __array__(self, *args, **kwargs):
            raise RuntimeError("boom")

    assert check("x-1", Odd()).verdict == "wrong"


def test_feedback_is_immutable():
    with pytest.raises(AttributeError):
        Feedback("right", "x").verdict = "wrong"

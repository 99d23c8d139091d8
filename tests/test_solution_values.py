"""The values that the pages print under the worked solutions."""

import re

import numpy as np
import pytest

from chapters import judged
from interestdecay_lib import checks
from solution_values import value

EXERCISES = {}
for chapter in checks.chapters():
    EXERCISES |= judged(chapter)
NUMBER = r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-\d+)?"


def _typed_in(text, like):
    """What somebody answers who copies the numbers of a printed value."""
    if isinstance(like, dict):
        return {key: float(re.search(rf"\b{key} ({NUMBER})", text)[1]) for key in like}
    numbers = [float(number) for number in re.findall(NUMBER, text)]
    return np.array(numbers[: np.size(like)]).reshape(np.shape(like))


@pytest.mark.parametrize(("name", "exercise"), EXERCISES.items(), ids=EXERCISES)
def test_a_printed_value_is_judged_right_and_has_its_unit(name, exercise):
    printed, answer = value(exercise), exercise.answer()
    if any(isinstance(part, str) for part in (answer.values() if isinstance(answer, dict) else [answer])):
        assert printed == ""
        return
    assert isinstance(answer, dict) or printed.endswith(exercise.unit)
    assert checks.check(name, _typed_in(printed, answer)).verdict == "right", printed


def test_most_solutions_have_a_value():
    assert sum(value(exercise) != "" for exercise in EXERCISES.values()) > 0.9 * len(EXERCISES)


def test_a_strict_tolerance_prints_more_digits_and_yes_or_no_is_no_value():
    assert value(checks.Exercise(lambda: 1 / 3, rtol=1e-6)) == "0.3333333"
    assert value(checks.Exercise(lambda: 1 / 3)) == "0.3333"
    assert value(checks.Exercise(lambda: True)) == value(checks.Exercise(lambda: {"a": 1, "b": "x"})) == ""

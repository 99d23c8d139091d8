"""Feedback on an exercise: right, nearly or wrong, and why.

A chapter's exercises are described in ``interestdecay_lib/exercises/<chapter>.py`` as a dictionary::

    from interestdecay_lib.checks import Exercise, Mistake

    EXERCISES = {
        "decay_formula-1": Exercise(
            answer=lambda: half_life_from_rate(0.1),       # computed, never typed
            unit="days",
            rtol=1e-3,
            mistakes=[
                Mistake(lambda: 1 / 0.1, "That is the time constant: after it 1/e is left, not one half."),
                Mistake(lambda: 0.1, "That is the rate, in 1/day."),
            ],
        ),
    }

``answer`` and every ``Mistake.value`` are functions without arguments, so that a chapter costs nothing until
one of its exercises is checked. They return a number, an array, a string, a bool, or a dictionary of these.
"""

from __future__ import annotations

import difflib
import importlib
import numbers
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: Ratios of answer and solution that give a confusion of units away.
_FACTORS = {
    7.0: "7: days and weeks",
    24.0: "24: hours and days",
    100.0: "100: percent",
    float(np.log(2)): "ln 2: time constant and half-life, or natural and base-2 logarithms",
}
RIGHT, NEARLY, WRONG, MISSING, UNKNOWN = "right", "nearly", "wrong", "missing", "unknown"


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer: the value it leads to, and the sentence that explains it."""

    value: Callable[[], Any]
    why: str


@dataclass(frozen=True)
class Exercise:
    """What is needed to judge an answer.

    Parameters
    ----------
    answer
        Function that computes the right answer.
    unit
        The unit the answer is asked in, for the messages ("days", "weeks", "steps").
    rtol, atol
        An answer within ``atol + rtol * |right|`` is right; within ten times that, nearly right (rounding).
    mistakes
        Typical wrong answers, recognised with the same tolerance.
    explain
        One sentence printed after a right answer: what it means.
    """

    answer: Callable[[], Any]
    unit: str = ""
    rtol: float = 1e-3
    atol: float = 0.0
    mistakes: Sequence[Mistake] = field(default=())
    explain: str = ""


@dataclass(frozen=True)
class Feedback:
    """What `check` says: ``verdict`` ("right", "nearly", "wrong", "missing" or "unknown") and ``message``."""

    verdict: str
    message: str

    @property
    def right(self) -> bool:
        return self.verdict == RIGHT

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        mark = {RIGHT: "✓", NEARLY: "≈"}.get(self.verdict, "✗" if self.verdict == WRONG else "…")
        return f"{mark} {self.message}"


def chapters() -> list[str]:
    """Names of the chapters that have exercises.

    >>> "decay_formula" in chapters()
    True
    """
    from interestdecay_lib import exercises

    return sorted(module.name for module in pkgutil.iter_modules(exercises.__path__))


def exercises(chapter: str) -> dict[str, Exercise]:
    """The exercises of one chapter by name."""
    return importlib.import_module(f"interestdecay_lib.exercises.{chapter}").EXERCISES


def check(name: str, answer: Any = None) -> Feedback:
    """Judge an answer to an exercise and say what is wrong with it.

    Never raises on an odd answer and never prints the solution.

    Parameters
    ----------
    name
        The exercise, as printed on the page: ``"<chapter>-<number>"``.
    answer
        The reader's answer: a number, an array, a string, a bool or a dictionary of these.

    Returns
    -------
    Feedback
        True in a condition if the answer is right; its text is the explanation.

    Examples
    --------
    >>> check("decay_formula-1", None)
    … No answer yet: replace None by your answer and run the cell again.
    >>> check("decay-formula-1", 3)
    … There is no exercise "decay-formula-1". Did you mean "decay_formula-1"?
    """
    if not isinstance(name, str):
        return Feedback(UNKNOWN, f"The first argument is the exercise's name as text, not {_kind(name)}.")
    chapter = name.rpartition("-")[0]
    exercise = exercises(chapter).get(name) if chapter in chapters() else None
    if exercise is None:
        return Feedback(UNKNOWN, _unknown(name))
    if answer is None:
        return Feedback(MISSING, "No answer yet: replace None by your answer and run the cell again.")
    try:
        return _judge(exercise, answer)
    except Exception as error:  # whatever a reader hands in must not end in a traceback
        return Feedback(WRONG, f"Your answer could not be read ({type(error).__name__}: {error}).")


def _unknown(name: str) -> str:
    names = [known for chapter in chapters() for known in exercises(chapter)]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f'Did you mean "{close[0]}"?' if close else "Names look like decay_formula-1."
    return f'There is no exercise "{name}". {hint}'


def _judge(exercise: Exercise, answer: Any) -> Feedback:
    right = exercise.answer()
    if isinstance(right, Mapping):
        return _judge_parts(exercise, right, answer)
    if isinstance(right, str):
        if not isinstance(answer, str):
            return Feedback(WRONG, f"The answer is a text, not {_kind(answer)}.")
        if answer.strip().casefold() == right.strip().casefold():
            return Feedback(RIGHT, _praise(exercise))
        return Feedback(WRONG, _recognised(exercise, answer) or "Not that one. Read the hint and try again.")
    if isinstance(right, bool | np.bool_):
        if not isinstance(answer, bool | np.bool_):
            return Feedback(WRONG, f"The answer is True or False, not {_kind(answer)}.")
        return Feedback(RIGHT, _praise(exercise)) if answer == right else Feedback(WRONG, "The other one.")
    return _judge_numbers(exercise, np.asarray(right, dtype=float), answer)


def _judge_parts(exercise: Exercise, right: Mapping, answer: Any) -> Feedback:
    if not isinstance(answer, Mapping):
        return Feedback(WRONG, f"The answer is a dict with the keys {_keys(right)}, not {_kind(answer)}.")
    if set(answer) != set(right):
        return Feedback(WRONG, f"The keys should be {_keys(right)}; yours are {_keys(answer)}.")
    recognised = _recognised(exercise, answer)
    worst = Feedback(RIGHT, _praise(exercise))
    for key, value in right.items():
        part = Exercise(lambda value=value: value, exercise.unit, exercise.rtol, exercise.atol)
        feedback = _judge(part, answer[key])
        if feedback.verdict == WRONG:
            return Feedback(WRONG, recognised or f"{key}: {feedback.message}")
        if feedback.verdict == NEARLY:
            worst = Feedback(NEARLY, f"{key}: {feedback.message}")
    return worst


def _judge_numbers(exercise: Exercise, right: np.ndarray, answer: Any) -> Feedback:
    numbers_given = _as_numbers(answer)
    if isinstance(numbers_given, str):
        return Feedback(WRONG, numbers_given)
    if numbers_given.shape != right.shape:
        return Feedback(WRONG, _recognised(exercise, answer) or _wrong_shape(right, numbers_given))
    if np.isnan(numbers_given).any() and not np.isnan(right).any():
        return Feedback(WRONG, "Your answer holds NaN: look for 0/0, the log of 0 or missing data.")
    tolerance = exercise.atol + exercise.rtol * np.abs(right)
    distance = np.abs(numbers_given - right)
    if np.all(distance <= tolerance):
        return Feedback(RIGHT, _praise(exercise))
    message = _recognised(exercise, answer)
    if message:
        return Feedback(WRONG, message)
    if np.all(distance <= 10 * tolerance):
        return Feedback(NEARLY, "Nearly: keep more digits on the way and round only at the end.")
    return Feedback(WRONG, _direction(exercise, right, numbers_given))


def _praise(exercise: Exercise) -> str:
    return f"Right. {exercise.explain}".strip()


def _recognised(exercise: Exercise, answer: Any) -> str:
    """The explanation of the typical mistake that the answer equals, or an empty text."""
    for mistake in exercise.mistakes:
        as_right = Exercise(mistake.value, rtol=exercise.rtol, atol=exercise.atol)
        if _judge(as_right, answer).verdict == RIGHT:
            return mistake.why
    return ""


def _wrong_shape(right: np.ndarray, given: np.ndarray) -> str:
    if right.ndim == 0:
        return f"One number is asked for; yours has the shape {given.shape}."
    if given.shape == right.shape[::-1]:
        return f"Transposed? The shape should be {right.shape}; yours is {given.shape}."
    return f"The shape should be {right.shape}; yours is {given.shape or 'a single number'}."


def _direction(exercise: Exercise, right: np.ndarray, given: np.ndarray) -> str:
    """A hint on sign, size or unit that does not give the answer away."""
    unit = f" (asked for in {exercise.unit})" if exercise.unit else ""
    if right.ndim == 0 and np.isfinite(given):
        if right != 0 and np.isclose(given, -right, rtol=exercise.rtol, atol=exercise.atol):
            return f"Right size, wrong sign{unit}."
        ratio = float(given / right) if right != 0 else np.inf
        for factor, what in _FACTORS.items():
            if any(np.isclose(ratio, f, rtol=max(exercise.rtol, 1e-6)) for f in (factor, 1 / factor)):
                return f"Off by the factor {what}{unit}."
        return f"Not yet: your number is too {'large' if given > right else 'small'}{unit}."
    wrong = ~np.isclose(given, right, rtol=exercise.rtol, atol=exercise.atol)
    first = ", ".join(str(int(k)) for k in np.argwhere(wrong)[0]) if wrong.any() else ""
    return f"{int(wrong.sum())} of {right.size} entries differ{unit}; the first at index [{first}]."


def _as_numbers(answer: Any) -> np.ndarray | str:
    """The answer as a float array, or a sentence that says why it cannot be one."""
    if isinstance(answer, str):
        return "The answer is a number, not a text: write it without quotes."
    if isinstance(answer, bool | np.bool_):
        return "The answer is a number, not True or False."
    if isinstance(answer, numbers.Complex) and not isinstance(answer, numbers.Real):
        return "The answer is a real number, not a complex one."
    try:
        array = np.asarray(answer)
        if array.dtype.kind in "mM":
            return "The answer is a plain number, not a date or duration: divide by the unit asked for."
        return array.astype(float)
    except (TypeError, ValueError):
        return f"The answer is a number or an array of numbers, not {_kind(answer)}."


def _kind(answer: Any) -> str:
    return f"a value of type {type(answer).__name__}"


def _keys(mapping: Mapping) -> str:
    return ", ".join(sorted(map(repr, mapping)))


def points(name: str, answer: Any, out_of: float = 1, student: str | None = None) -> float:
    """Points for an answer: all if it is right, half if it is nearly right, else none."""
    share = {RIGHT: 1.0, NEARLY: 0.5}.get(check(name, answer).verdict, 0.0)
    return out_of * share

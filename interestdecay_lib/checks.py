"""Feedback on an exercise: right, nearly or wrong, and why.

A chapter's exercises are described in ``interestdecay_lib/exercises/<chapter>.py`` as a dictionary::

    from interestdecay_lib.checks import Exercise, Mistake

    EXERCISES = {
        "my_chapter-1": Exercise(
            answer=lambda radius=2.0: math.pi * radius**2,      # computed, never typed
            unit="m²",
            rtol=1e-3,
            mistakes=[
                Mistake(lambda radius=2.0: 2 * math.pi * radius, "That is the circumference."),
            ],
            variants={"radius": (1.0, 2.0, 5.0)},               # for `given`: a value for each student
        ),
    }

``answer`` and every ``Mistake.value`` are functions, so that a chapter costs nothing until one of its
exercises is checked. They return a number, an array, a string, a bool, or a dictionary of these. The
arguments of an exercise with variants have defaults: the numbers that the page prints.

What every exercise shares (units, signs, shapes, order) is recognised here; what belongs to one exercise
(a time constant for a half-life, a leaked future) is written down with it as a `Mistake`. No sentence says on
which side of the right number an answer lies, unless it is wrong by more than a power of ten: else plain
bisection would find it. And how an answer compares with the right one ("close", "nearly", "off by the factor
60") is told for the first ten different answers to an exercise only: else a patient guesser would find it.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import itertools
import pkgutil
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from interestdecay_lib._answers import SECONDS, as_numbers, kind

#: Ratios of answer and solution that give a confusion of units away.
_FACTORS = {
    7.0: "7: days and weeks",
    24.0: "24: hours and days",
    60.0: "60: minutes and hours, or seconds and minutes",
    3600.0: "3600: seconds and hours, or 60 the wrong way round",
    86400.0: "86400: seconds and days",
    1000.0: "1000: thousands, or milliseconds and seconds",
    100.0: "100: percent",
    float(np.log(2)): "ln 2: time constant and half-life, or natural and base-2 logarithms",
    float(np.log(10)): "ln 10: natural and base-10 logarithms",
}
_TIMES = (*SECONDS, "month", "year", "step")
_SHARES = ("share", "probability", "none, 0 to 1")
_ENOUGH = 3  # significant digits, where the tolerance is not narrower than a thousandth
_TOLD = 10  # different answers to an exercise, after which `check` compares none with the right one
_tried: dict[tuple[str, str], list[str]] = {}  # those answers, by exercise and student
_CLOSE = "Close, yet not the right number rounded: digits lost on the way, or another method?"
_SPENT = "Not yet. After ten different answers no more is said of how far off one is: take the next hint."
RIGHT, NEARLY, WRONG, MISSING, UNKNOWN = "right", "nearly", "wrong", "missing", "unknown"


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer: the value it leads to, and the sentence that explains it."""

    value: Callable[..., Any]
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
        An answer within ``atol + rtol * |right|`` is right. So is the right number rounded to three digits
        or more, unless it is whole or ``rtol`` is below a thousandth; rounded to two it is nearly right.
    mistakes
        Typical wrong answers, recognised with the same tolerance; of several the nearest.
    explain
        One sentence printed after a right answer: what it means.
    variants
        Values that `given` draws from, by argument of ``answer`` and of every mistake's ``value``.
    blocks
        Names of equal blocks along an array's last axis, in order, such as an LSTM's gates.
    """

    answer: Callable[..., Any]
    unit: str = ""
    rtol: float = 1e-3
    atol: float = 0.0
    mistakes: Sequence[Mistake] = field(default=())
    explain: str = ""
    variants: Mapping[str, Sequence] = field(default_factory=dict)
    blocks: Sequence[str] = field(default=())


@dataclass(frozen=True)
class Feedback:
    """What `check` says: ``verdict`` ("right", "nearly", "wrong", "missing" or "unknown") and ``message``.

    ``compares`` says whether the message compares the answer with the right one, which helps a guesser.
    """

    verdict: str
    message: str
    compares: bool = False

    @property
    def right(self) -> bool:
        return self.verdict == RIGHT

    @property
    def share(self) -> float:
        """The share of the points: all for a right answer, half of them for a nearly right one, else none."""
        return {RIGHT: 1.0, NEARLY: 0.5}.get(self.verdict, 0.0)

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


def check(name: str, answer: Any = None, student: str | None = None) -> Feedback:
    """Judge an answer to an exercise and say what is wrong with it.

    Never raises on an odd answer and never prints the solution. From the eleventh different answer to an
    exercise on it recognises mistakes only, and tells no more how far off one is, until Python starts again.

    Parameters
    ----------
    name
        The exercise, as printed on the page: ``"<chapter>-<number>"``.
    answer
        The reader's answer: a number, an array, a string, a bool or a dictionary of these.
    student
        For an exercise with variants: whose numbers (see `given`). Without it, the numbers of the page.

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
    return _rationed(judge(name, answer, student), (name, str(student)), answer)


def judge(name: str, answer: Any, student: str | None = None) -> Feedback:
    """What `check` says to an answer that is the first one: marks are given by it, see `points`.

    >>> judge("decay_formula-1", None)
    … No answer yet: replace None by your answer and run the cell again.
    """
    exercise = _find(name)
    if isinstance(exercise, Feedback):
        return exercise
    if student is not None:
        if not exercise.variants:
            return Feedback(UNKNOWN, f'"{name}" has the same numbers for everybody: leave student= out.')
        if not str(student).strip():
            return Feedback(UNKNOWN, "student= is empty: write your name or number between the quotes.")
        exercise = for_numbers(exercise, given(name, student))
    if answer is None:
        return Feedback(MISSING, "No answer yet: replace None by your answer and run the cell again.")
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            right = exercise.answer()
    except Exception as error:  # not the reader's fault: a log that is not installed, for example
        return Feedback(
            UNKNOWN, f"This exercise cannot be judged here, which is not your answer's fault: {error}"
        )
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _judge(exercise, right, answer)
    except Exception as error:  # whatever a reader hands in must not end in a traceback
        return Feedback(WRONG, f"Your answer could not be read ({type(error).__name__}: {error}).")


def given(name: str, student: str) -> dict[str, Any]:
    """The numbers of an exercise for one student: drawn from its variants, always the same for one name.

    Spaces around the name and capitals do not matter. An unknown exercise, or one without variants, is a
    ``ValueError``.

    >>> given("decay_formula-1", "Ada Lovelace") == given("decay_formula-1", " ada lovelace ")
    True
    """
    exercise = _find(name)
    if isinstance(exercise, Feedback):
        raise ValueError(exercise.message)
    if not exercise.variants:
        raise ValueError(f'"{name}" has the same numbers for everybody')
    # one name however it is encoded or spaced: a list made on a Mac spells Zoë with two characters
    who = " ".join(unicodedata.normalize("NFKC", str(student)).split()).casefold()
    drawn = {}
    for argument, values in exercise.variants.items():
        digest = hashlib.sha256(f"{name}|{argument}|{who}".encode()).digest()
        drawn[argument] = values[int.from_bytes(digest[:8], "big") % len(values)]
    return drawn


def variants(exercise: Exercise) -> list[dict[str, Any]]:
    """Every set of numbers that `given` can draw for an exercise; one empty set if it has no variants."""
    sets = itertools.product(*exercise.variants.values())
    return [dict(zip(exercise.variants, values, strict=True)) for values in sets]


def points(name: str, answer: Any, out_of: float = 1, student: str | None = None) -> float:
    """Points for an answer: all if it is right, half of them if it is nearly right, else none.

    >>> points("decay_formula-1", None, out_of=2)
    0.0
    """
    return out_of * judge(name, answer, student).share


def for_numbers(exercise: Exercise, numbers_given: Mapping[str, Any]) -> Exercise:
    """The exercise with these numbers in place of those of the page: one of its `variants`."""
    mistakes = [
        Mistake(lambda value=mistake.value: value(**numbers_given), mistake.why)
        for mistake in exercise.mistakes
    ]
    return Exercise(
        lambda: exercise.answer(**numbers_given),
        exercise.unit,
        exercise.rtol,
        exercise.atol,
        mistakes,
        blocks=exercise.blocks,  # but not its `explain`, which speaks of the page's numbers
    )


def _find(name: Any) -> Exercise | Feedback:
    if not isinstance(name, str):
        return Feedback(UNKNOWN, f"The first argument is the exercise's name as text, not {kind(name)}.")
    chapter = name.rpartition("-")[0]
    exercise = exercises(chapter).get(name) if chapter in chapters() else None
    return Feedback(UNKNOWN, _unknown(name)) if exercise is None else exercise


def _rationed(feedback: Feedback, asked: tuple[str, str], answer: Any) -> Feedback:
    """The feedback, or no more than "wrong" if enough other answers were compared with the right one."""
    if not feedback.compares:
        return feedback
    try:
        written = repr(answer)[:1000]
    except Exception:  # whatever a reader hands in
        written = kind(answer)
    tried = _tried.setdefault(asked, [])
    if written not in tried:
        if len(tried) == _TOLD:
            return Feedback(WRONG, _SPENT)
        tried.append(written)
    return feedback


def _unknown(name: str) -> str:
    names = [known for chapter in chapters() for known in exercises(chapter)]
    close = difflib.get_close_matches(name[:200], names, n=1)
    hint = f'Did you mean "{close[0]}"?' if close else "Names look like decay_formula-1."
    return f'There is no exercise "{name[:80]}". {hint}'


def _judge(exercise: Exercise, right: Any, answer: Any) -> Feedback:
    if isinstance(right, Mapping):
        return _judge_parts(exercise, right, answer)
    if callable(answer):
        if hasattr(answer, "__name__"):
            return Feedback(WRONG, "That is a function, not its result: call it, with brackets.")
        return Feedback(WRONG, f"That is {kind(answer)}, not a number: take the attribute asked for.")
    if isinstance(right, str):
        if not isinstance(answer, str):
            return Feedback(WRONG, f"The answer is a text, not {kind(answer)}.")
        if answer.strip().casefold() == right.strip().casefold():
            return Feedback(RIGHT, _praise(exercise))
        return Feedback(WRONG, _recognised(exercise, answer) or "Not that one. Read the hint and try again.")
    if isinstance(right, bool | np.bool_):
        if not isinstance(answer, bool | np.bool_):
            return Feedback(WRONG, f"The answer is True or False, not {kind(answer)}.")
        return Feedback(RIGHT, _praise(exercise)) if answer == right else Feedback(WRONG, "The other one.")
    return _judge_numbers(exercise, np.asarray(right, dtype=float), answer)


def _judge_parts(exercise: Exercise, right: Mapping, answer: Any) -> Feedback:
    if not isinstance(answer, Mapping):
        return Feedback(WRONG, f"The answer is a dict with the keys {_keys(right)}, not {kind(answer)}.")
    if set(answer) != set(right):
        return Feedback(WRONG, f"The keys should be {_keys(right)}; yours are {_keys(answer)}.")
    missing = [key for key in right if answer[key] is None]
    if missing:
        return Feedback(MISSING, f"No answer yet for {', '.join(map(repr, missing))}.")
    recognised = _recognised(exercise, answer)
    worst = Feedback(RIGHT, _praise(exercise))
    for key, value in right.items():
        count = isinstance(value, int | np.integer)  # has no unit beside parts that have one
        part = Exercise(lambda: None, "" if count else exercise.unit, exercise.rtol, exercise.atol)
        feedback = _judge(part, value, answer[key])
        if feedback.verdict == WRONG:
            told = replace(feedback, message=f"{key}: {feedback.message}")
            return Feedback(WRONG, recognised) if recognised else told
        if feedback.verdict == NEARLY:
            worst = replace(feedback, message=f"{key}: {feedback.message}")
    return worst


def _judge_numbers(exercise: Exercise, right: np.ndarray, answer: Any) -> Feedback:
    if isinstance(answer, list | tuple) and right.ndim:
        unknown = [k for k, entry in enumerate(answer) if entry is None]
        if unknown and len(answer) == len(right):
            return Feedback(MISSING, f"No answer yet at index {unknown}.")
    numbers_given = as_numbers(answer, right.shape, exercise.unit)
    if isinstance(numbers_given, str):
        return Feedback(WRONG, numbers_given)
    if numbers_given.shape != right.shape:
        return Feedback(WRONG, _recognised(exercise, answer) or _wrong_shape(right, numbers_given.shape))
    if np.isnan(numbers_given).any() and not np.isnan(right).any():
        return Feedback(WRONG, "Your answer holds NaN: look for 0/0, the log of 0 or missing data.")
    tolerance = exercise.atol + exercise.rtol * np.abs(right)
    inside = np.abs(numbers_given - right) <= tolerance
    digits = _digits(right[~inside], numbers_given[~inside])
    if inside.all() or (digits >= _ENOUGH and exercise.rtol >= 1e-3):
        return Feedback(RIGHT, _praise(exercise))
    message = _recognised(exercise, answer)
    if message:
        return Feedback(WRONG, message)
    near = np.all(np.abs(numbers_given - right) <= 10 * tolerance)
    if near and np.asarray(answer).dtype == np.float16:
        return Feedback(NEARLY, "Nearly: float16 keeps three digits; compute in float64.", compares=True)
    if digits >= 2:
        return Feedback(NEARLY, "Nearly: that is the right number rounded; give more digits.", compares=True)
    whole = np.asarray(answer).dtype.kind in "iu" and np.any(numbers_given != 0)
    if whole and np.array_equal(numbers_given, np.trunc(right)):
        cut = "Your answer is a whole number (integer type): the fraction was cut off."
        return Feedback(WRONG, cut, compares=True)
    told = _CLOSE if near else _direction(exercise, right, numbers_given)
    return Feedback(WRONG, told, compares=True)


def _digits(right: np.ndarray, given: np.ndarray) -> int:
    """To how many significant digits (2 to 6, or else 0) the numbers given are the right ones rounded.

    A whole number has a digit less: 1840 for a count of 1844 is nearly right, and 1800 is wrong.

    >>> _digits(np.array([2.8933]), np.array([2.89])), _digits(np.array([2.8933]), np.array([2.88]))
    (3, 0)
    >>> _digits(np.array([1844.0]), np.array([1840.0])), _digits(np.array([1844.0]), np.array([1800.0]))
    (2, 0)
    """
    for digits in range(6, 1, -1):
        rounded = [float(f"{x:.{digits - 1}e}") for x in right]
        if np.all(np.isclose(given, rounded, rtol=2e-7, atol=0)):
            exact = min(digits, 3) - 1 if np.any(right == np.round(right)) else digits
            return exact if exact > 1 else 0
    return 0


def _praise(exercise: Exercise) -> str:
    return f"Right. {exercise.explain}".strip()


def _recognised(exercise: Exercise, answer: Any) -> str:
    """The explanation of the typical mistake that the answer equals, or an empty text."""
    found = []
    for mistake in exercise.mistakes:
        as_right = Exercise(mistake.value, exercise.unit, exercise.rtol, exercise.atol)
        value = mistake.value()
        if _judge(as_right, value, answer).verdict == RIGHT:
            found.append((_distance(exercise, value, answer), mistake.why))
    return min(found, key=lambda each: each[0])[1] if found else ""


def _distance(exercise: Exercise, value: Any, answer: Any) -> float:
    """Between a typical mistake and an answer that equals it, where both are one number."""
    if np.ndim(value) or isinstance(value, str | Mapping):
        return 0.0
    return float(abs(value - as_numbers(answer, (), exercise.unit)))


def _wrong_shape(right: np.ndarray, shape: tuple[int, ...]) -> str:
    if right.ndim == 0:
        return f"One number is asked for; yours has the shape {shape}."
    if shape == right.shape[::-1]:
        return f"Transposed? The shape should be {right.shape}; yours is {shape}."
    squeezed = tuple(n for n in shape if n != 1)
    if shape and squeezed == tuple(n for n in right.shape if n != 1):
        return f"The shape should be {right.shape}; yours is {shape}: an axis of length 1 is the difference."
    if shape and right.ndim == len(shape) == 1 and shape[0] - right.size in (1, -1):
        return f"{right.size} numbers are asked for, and yours are {shape[0]}: off by one at an end?"
    return f"The shape should be {right.shape}; yours is {shape or 'a single number'}."


def _direction(exercise: Exercise, right: np.ndarray, given: np.ndarray) -> str:
    """A hint on sign, size, unit or order that does not give the answer away."""
    unit = f" (asked for in {exercise.unit})" if exercise.unit else ""

    def close(a: np.ndarray, b: np.ndarray) -> bool:
        near = np.isclose(a, b, rtol=max(exercise.rtol, 1e-6), atol=exercise.atol)
        return bool(near.all() and np.isfinite(a).all())

    if np.any(right != 0):
        if close(given, -right):
            return f"Right size, wrong sign{unit}."
        for factor, what in _FACTORS.items():
            if close(given, right * factor) or close(given, right / factor):
                return f"Off by the factor {what}{unit}."
    if right.ndim == 0:
        return _direction_of_one(right, given, unit, exercise.unit, close)
    order = _order(exercise, right, given, close)
    if order:
        return order
    wrong = ~np.isclose(given, right, rtol=exercise.rtol, atol=exercise.atol)
    first = ", ".join(str(int(k)) for k in np.argwhere(wrong)[0]) if wrong.any() else ""
    return f"{int(wrong.sum())} of {right.size} entries differ{unit}; the first at index [{first}]."


def _direction_of_one(
    right: np.ndarray, given: np.ndarray, unit: str, unit_name: str, close: Callable
) -> str:
    if right > 0 and unit_name.rstrip("s") in _TIMES and close(given, np.log(2) / right):
        return f"That is a rate, ln 2 divided by the half-life asked for{unit}."
    if right > 0 and right != 1:
        if close(given, 1 / right):
            return f"Upside down: yours is one over the number asked for{unit}."
        if (right != np.round(right)) and (close(given, right**2) or close(given, right**0.5)):
            return f"A square or a square root too many or too few{unit}."
    if unit_name in _SHARES and close(given, 1 - right):
        return "The complement: yours and the share asked for add up to 1."
    # by powers of ten only: a limit that moved with the right number would give it away by bisection
    if right != 0 and abs(_magnitude(given) - _magnitude(right)) > 1:
        return f"Not yet: more than ten times too {'large' if abs(given) > abs(right) else 'small'}{unit}."
    return f"Not yet: not this number{unit}. Go through your steps, or open the hint."


def _magnitude(x: np.ndarray) -> float:
    """The power of ten that a number is written with: 2 for 415.9, minus infinity for 0."""
    if x == 0 or not np.isfinite(x):
        return -np.inf if x == 0 else np.inf
    return int(f"{float(x):e}".partition("e")[2])


def _order(exercise: Exercise, right: np.ndarray, given: np.ndarray, close: Callable) -> str:
    """Right numbers in the wrong places: transposed, blocks exchanged, reversed, shifted."""
    if right.ndim == 2 and right.shape[0] == right.shape[1] and close(given, right.T):
        return "Transposed: rows and columns are exchanged."
    if exercise.blocks:
        blocks = dict(zip(exercise.blocks, np.split(right, len(exercise.blocks), axis=-1), strict=True))
        for order in itertools.permutations(exercise.blocks):
            if close(given, np.concatenate([blocks[name] for name in order], axis=-1)):
                return f"Your blocks stand in the order {', '.join(order)}; asked is {', '.join(blocks)}."
    if close(given, right[::-1]):
        return "Right numbers, in reverse order along the first axis."
    if len(right) > 2 and close(given[1:], right[:-1]):
        return "Right numbers, one step too late along the first axis."
    if len(right) > 2 and close(given[:-1], right[1:]):
        return "Right numbers, one step too early along the first axis."
    if close(np.sort(given, axis=None), np.sort(right, axis=None)):
        return "Right numbers, in another order."
    return ""


def _keys(mapping: Mapping) -> str:
    return ", ".join(sorted(map(repr, mapping)))

"""What sixty tries find: bisection, which reads no word, round numbers; who reads, little beyond chance."""

import numpy as np
import pytest

from chapters import judged
from interestdecay_lib import checks

pytestmark = pytest.mark.slow  # computes every exercise of the book
TRIES = 60


class Solved(Exception):
    pass


class Spent(Exception):
    pass


def asked(judge):
    """The sentence to a number, as often as there are tries; a right answer ends the game."""
    tries = 0
    game = ("a game", "")
    checks._tried.pop(game, None)

    def ask(number):
        nonlocal tries
        if tries == TRIES:
            raise Spent
        tries += 1
        feedback = checks._rationed(judge(number), game, number)
        if feedback.right:
            raise Solved
        return feedback.message

    return ask


def attack(ask):
    """Whether the sentences alone lead to the right number.

    The adversary knows no word: between two guesses with different sentences it bisects, in logarithms, for
    the place where the sentence changes, and then tries that place and what a limit may be a multiple of.
    """
    try:
        grid = 10.0 ** np.arange(-6, 9, 3)
        told = [ask(guess) for guess in grid]
        for k in range(len(grid) - 1):
            low, high = grid[k], grid[k + 1]
            if told[k] == told[k + 1]:
                continue
            before = told[k]
            for _ in range(16):
                middle = (low * high) ** 0.5
                low, high = (middle, high) if ask(middle) == before else (low, middle)
            for multiple in (1, 2, 0.5, 10, 0.1, 100, 0.01):
                ask((low * high) ** 0.5 * multiple)
    except Solved:
        return True
    except Spent:
        pass
    return False


def read(ask, power=None):
    """As `attack`, by an adversary who reads: the power of ten first, then its numbers of two digits.

    With ``power`` that of the right number is known, and no sentence is needed for it.
    """
    try:
        low, high = -7, 11  # 10^high is more than ten times too large, 10^low is not
        while power is None and high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if "too large" in ask(10.0**middle) else (middle, high)
        unit = 10.0 ** ((high - 2 if power is None else power) - 1)
        for lead in np.random.default_rng(0).permutation(np.arange(10, 100)):
            guess = float(lead) * unit
            _follow(ask, guess, ask(guess))
    except Solved:
        return True
    except Spent:
        pass
    return False


def _follow(ask, guess, told):
    """Try what a sentence gives away."""
    if "Nearly" in told or "Close" in told:
        for k in range(1, 11):
            for sign in (1, -1):
                ask(guess * (1 + sign * k * (0.0049 if "Nearly" in told else 0.001)))
    for factor, what in checks._FACTORS.items():
        if f"factor {what}" in told:
            ask(guess * factor)
            ask(guess / factor)
    if "Upside down" in told:
        ask(1 / guess)
    if "square" in told:
        ask(guess**2)
        ask(guess**0.5)
    if "complement" in told:
        ask(1 - guess)
    if "a rate" in told:
        ask(np.log(2) / guess)


def games():
    """{exercise, or exercise and part: (how a number is judged, the right number)}; lists have no side."""
    found = {}
    for chapter in checks.chapters():
        for name, exercise in judged(chapter).items():
            right = exercise.answer()
            if isinstance(right, dict):
                for key, part in right.items():
                    if not isinstance(part, str) and np.ndim(part) == 0:
                        found[f"{name} {key}"] = _part(exercise, right, key), float(part)
            elif not isinstance(right, str | bool | np.bool_) and np.ndim(right) == 0:
                sign = -1 if right < 0 else 1  # which the adversary is told
                found[name] = _alone(exercise, sign), abs(float(right))
    return found


def _alone(exercise, sign):
    return lambda number: checks._judge(exercise, exercise.answer(), sign * number)


def _part(exercise, right, key):
    """One part of several, all others right: more than an adversary has."""
    return lambda number: checks._judge(exercise, right, {**right, key: np.copysign(number, right[key])})


def solved(played, adversary=attack):
    return {name for name, (judge, _) in played.items() if adversary(asked(judge))}


@pytest.fixture(scope="module")
def played():
    return games()


def guessed(played):
    """What a first guess solves: 1, 2 or 5 times a power of ten, the multiples that the attack tries."""
    plain = [lead * 10.0**k for lead in (1, 2, 5) for k in range(-6, 7)]
    return {name for name, (judge, _) in played.items() if any(judge(number).right for number in plain)}


def test_plain_bisection_finds_round_numbers_only(played, monkeypatch):
    """But one that is a round number, within its tolerance; with every try compared to the right one."""
    monkeypatch.setattr(checks, "_TOLD", TRIES)
    assert len(played) > 100
    found = solved(played)
    assert found <= guessed(played)
    assert len(found) < len(played) / 10


def test_the_attack_succeeds_where_a_sentence_moves_with_the_answer(played, monkeypatch):
    """Where "too large" began at ten times the right number, most answers would fall."""

    def telling(right, given, *_):
        return "large" if given > 10 * right else "small" if given < right / 10 else "near"

    monkeypatch.setattr(checks, "_TOLD", TRIES)
    monkeypatch.setattr(checks, "_direction_of_one", telling)
    assert len(solved(played)) > len(played) / 2


def test_reading_tells_the_power_of_ten_and_little_more(played, monkeypatch):
    """Ten answers are compared with the right number; were all sixty, most numbers would fall."""
    played = dict(list(played.items())[::2])
    reading = solved(played, read)
    monkeypatch.setattr(checks, "_TOLD", TRIES)
    unlimited = solved(played, read)
    monkeypatch.setattr(checks, "_TOLD", 0)
    chance = {name for name, (judge, right) in played.items() if read(asked(judge), checks._magnitude(right))}
    assert len(reading - chance) < 0.1 * len(played)
    assert len(reading) < len(played) / 3 < len(played) / 2 < len(unlimited)

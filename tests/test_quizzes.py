"""The quick questions: complete, right where they can be computed, and refused when faulty."""

import math
import re
from collections import Counter

import numpy as np
import pytest
import yaml
from sphinx.errors import ExtensionError

import quiz
from chapters import NAMES, markdown, objectives
from interestdecay_lib import datasets, decay, evaluation, interest, lstm, tasks

each_chapter = pytest.mark.parametrize("name", NAMES)
SCOPE = {"math": math, "np": np, "datasets": datasets, "decay": decay, "evaluation": evaluation}
SCOPE |= {"interest": interest, "lstm": lstm, "tasks": tasks}
ALL = [(n, q) for n in NAMES if (quiz.FOLDER / f"{n}.yml").exists() for q in quiz.load(n)]


@each_chapter
def test_three_to_five_questions_on_objectives_of_the_chapter(name):
    questions = quiz.load(name)
    assert 3 <= len(questions) <= 5
    asked = {str(question["objective"]) for question in questions}
    assert asked <= set(objectives(name)) and len(asked) >= 3
    assert len({question["question"] for question in questions}) == len(questions)


@each_chapter
def test_the_chapter_shows_its_quiz(name):
    assert markdown(name).count(f"```{{quiz}} {name}\n```") == 1


@pytest.mark.parametrize(("name", "question"), ALL, ids=lambda value: str(value)[:12])
def test_numbers_are_computed(name, question):
    """A decimal number of a choice is given in the question or computed here, to the printed digits."""
    computed = {number: str(told) for number, told in question.get("computed", {}).items()}
    text = " ".join(choice["text"] + " " + choice["why"] for choice in question["choices"])
    given = re.findall(r"\d+\.\d+", question["question"])
    assert set(re.findall(r"\d+\.\d+", text)) <= {*computed, *given}
    for number, expression in computed.items():
        assert number in text, "a number that is not printed"
        digits = len(number.partition(".")[2])
        assert f"{float(eval(expression, SCOPE)):.{digits}f}" == number, expression


def test_right_choices_do_not_always_stand_in_one_place():
    places = Counter([choice.get("right", False) for choice in q["choices"]].index(True) for _, q in ALL)
    assert max(places.values()) <= 0.5 * len(ALL)
    for name in NAMES:
        assert len({[c.get("right", False) for c in q["choices"]].index(True) for q in quiz.load(name)}) > 1


def test_the_right_choice_is_not_always_the_longest():
    longest = 0
    for _, question in ALL:
        lengths = [len(choice["text"]) for choice in question["choices"]]
        longest += question["choices"][lengths.index(max(lengths))].get("right", False)
    assert longest <= 0.6 * len(ALL)


GOOD = {
    "question": "?",
    "objective": 1,
    "choices": [{"text": "a", "right": True, "why": "b"}, {"text": "c", "why": "d"}],
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"choices": [{"text": "a", "right": True, "why": "b"}]}, "1 choices, not two to five"),
        ({"choices": [{"text": "a", "why": "b"}] * 2}, "exactly one choice must be right"),
        ({"choices": [{"text": "a", "right": True, "why": "b"}] * 2}, "exactly one choice must be right"),
        ({"choices": [{"text": "a", "right": True}, {"text": "c", "why": "d"}]}, "needs text and why"),
        ({"choices": [{"text": 3, "right": True, "why": "b"}, {"text": "c", "why": "d"}]}, "both texts"),
        ({"objective": None}, "objective is missing"),
        ({"question": " "}, "the question is empty"),
        ({"answer": 1}, r"unknown keys \['answer'\]"),
    ],
)
def test_a_faulty_question_is_named(tmp_path, monkeypatch, changed, message):
    monkeypatch.setattr(quiz, "FOLDER", tmp_path)
    (tmp_path / "x.yml").write_text(yaml.safe_dump([GOOD, {**GOOD, **changed}]))
    with pytest.raises(ExtensionError, match=rf"x\.yml, question 2: .*{message}"):
        quiz.load("x")
    (tmp_path / "x.yml").write_text(yaml.safe_dump([GOOD]))
    assert quiz.load("x") == [GOOD]


def test_a_missing_quiz_is_named():
    with pytest.raises(ExtensionError, match=r"no quiz half_life\.yml"):
        quiz.load("half_life")

"""Hints in three steps: idea, formula or function, solution with gaps. None gives an answer away."""

import ast
import re

import pytest

from chapters import NAMES, chapter
from editions import shown
from interestdecay_lib import checks

each_chapter = pytest.mark.parametrize("name", NAMES)
STEPS = re.compile(
    r"^``````\{admonition\} Hint 1: the idea\n:class: dropdown\n(?P<first>(?:(?!^`{5}).)+)\n"
    r"^`````\{admonition\} Hint 2: [^\n]+\n:class: dropdown\n(?P<second>(?:(?!^`{4}).)+)\n"
    r"^````\{admonition\} Hint 3: (?P<what>the solution|an answer) with gaps\n:class: dropdown\n"
    r"(?P<third>.+?)\n"
    r"^````\n`````\n``````$",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")


def hints(exercise):
    """The one three-step hint of an exercise, and its statement without it."""
    found = list(STEPS.finditer(exercise.text))
    assert len(found) == 1 and exercise.text.count("{admonition} Hint") == 3, exercise.name
    return found[0], STEPS.sub("", exercise.text)


def statements(code):
    """What leads to the answer: no assertions, nothing that only these need, nothing after it."""
    body = ast.parse(code).body
    ends = [place for place, one in enumerate(body) if ast.unparse(one).startswith("answer = ")]
    needed, kept = {"answer"}, []
    for one in reversed(body[: ends[-1] + 1 if ends else None]):
        made = {name for target in getattr(one, "targets", []) for name in _names(target)}
        if not isinstance(one, ast.Assert) and (not made or made & needed or not ends):
            needed |= _names(one)
            kept.insert(0, one)
    return kept


def _names(node):
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def with_gaps(prose, text):
    """Whether prose is the beginning of a text, some of its words left out."""
    return re.match(r"\S.*?".join(map(re.escape, prose.split("…"))), text, re.DOTALL)


def gap(node):
    return isinstance(node, ast.Constant) and node.value is ...


def fits(hint, solution):
    """Whether two syntax trees are the same where the hint has no gap; a gap stands for one expression."""
    if gap(hint):
        return isinstance(solution, ast.expr) and not gap(solution)
    if isinstance(hint, list):
        return len(hint) == len(solution) and all(map(fits, hint, solution))
    if isinstance(hint, ast.AST):
        same = type(hint) is type(solution)
        return same and all(fits(getattr(hint, key), getattr(solution, key)) for key in hint._fields)
    return type(hint) is type(solution) and hint == solution


def gaps(code):
    return sum(map(gap, ast.walk(ast.parse(code))))


def numbers(value):
    """Every number of an answer."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, str | bool):
        return []
    return [float(one) for one in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", shown(value).replace("−", "-"))]


def told(text):
    """The numbers of a text."""
    return {float(number.replace(",", "")) for number in NUMBER.findall(text)}


def gives_away(texts, statement, exercise):
    """The numbers in hints that `check` would take for the answer and that the statement does not name."""
    answers = numbers(exercise.answer())
    tolerance = max(exercise.rtol, 0.005)
    return {
        number
        for number in told(texts) - told(statement)
        if any(abs(number - abs(one)) <= tolerance * abs(one) for one in answers)
    }


@each_chapter
def test_every_exercise_has_a_hint_in_three_steps(name):
    for exercise in chapter(name).exercises:
        steps, _ = hints(exercise)
        first, second, third = (steps[key].strip() for key in ("first", "second", "third"))
        assert min(len(first.split()), len(second.split())) >= 6, exercise.name
        assert len({first, second, third}) == 3
        assert steps["what"] == ("the solution" if exercise.solution_code else "an answer"), exercise.name


@each_chapter
def test_the_third_step_is_the_solution_with_gaps(name):
    for exercise in chapter(name).exercises:
        third = hints(exercise)[0]["third"]
        if exercise.solution_code:
            prose, code = re.fullmatch(r"(.*?)(?:\n\n)?```python\n(.*)\n```", third, re.DOTALL).groups()
            assert gaps(code) >= 1, exercise.name
            assert fits(ast.parse(code).body, statements(exercise.solution_code)), exercise.name
            assert code != "answer = ..." or "…" in prose, f"{exercise.name}: a gap alone helps nobody"
            assert with_gaps(prose, exercise.solution_text), exercise.name
        else:
            assert third.count("…") >= 2, exercise.name
            assert with_gaps(third, exercise.solution_text), exercise.name


@each_chapter
def test_no_hint_gives_the_answer_away(name):
    known = checks.exercises(name)
    for exercise in chapter(name).exercises:
        if exercise.name in known:
            steps, statement = hints(exercise)
            texts = "\n".join(steps[key] for key in ("first", "second", "third"))
            assert gives_away(texts, statement, known[exercise.name]) == set(), exercise.name


@pytest.mark.parametrize(
    ("hint", "same"),
    [("a = f(..., 2)", True), ("a = ...", True), ("a = f(1, ...)", True), ("a = f(...)", False),
     ("a = f(..., 3)", False), ("b = ...", False), ("a = f(..., k=2)", False), ("a = f(..., True)", False)],
)
def test_a_gap_stands_for_one_expression(hint, same):
    assert fits(ast.parse(hint).body, statements("a = f(1, 2)\nassert a")) is same


def test_what_only_an_assertion_needs_is_no_part_of_a_solution():
    kept = statements("a = 1\nb = a\nc = 2\nassert c\nanswer = b\nd = answer")
    assert [ast.unparse(one) for one in kept] == ["a = 1", "b = a", "answer = b"]


def test_words_left_out_of_a_text():
    assert with_gaps("It is … and …", "It is so and not otherwise.")
    assert not with_gaps("It is … or …", "It is so and not otherwise.")


def test_a_number_of_the_key_is_found():
    key = checks.Exercise(answer=lambda: {"x": 1234.5, "y": [0.25, 7]})
    assert gives_away("It is 1,234.5, about 0.25.", "", key) == {1234.5, 0.25}
    assert gives_away("Take 0.3 of 6, in 1234 steps; 7 days.", "In 7 days and 1234 steps.", key) == set()

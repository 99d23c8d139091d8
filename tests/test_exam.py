"""The bank of examination questions: keys against formulas of their own, mistakes, drawing, the papers."""

import ast
import doctest
import math
import re

import pytest
from scipy import integrate, optimize, special, stats

import editions
import exam
import tasks
from chapter import Chapter
from chapters import NAMES
from environment import ROOT, Stop
from exam_bank import QUESTIONS
from interestdecay_lib import checks

SEEDS = range(20)


def drawn(name):
    return [variant for seed in SEEDS for variant in exam.variants(name, seed).values()]


def _root(function, low, high):
    return optimize.brentq(function, low, high, xtol=1e-13)


def _shifted(n, d, c, e):
    """Kaplan and Meier by people: one entry each, (week, has returned)."""
    people = [(1, True)] * d + [(1, False)] * c + [(2, True)] * e + [(2, False)] * (n - d - c - e)
    data = stats.CensoredData.right_censored([w for w, _ in people], [not back for _, back in people])
    return 100 * stats.ecdf(data).sf.evaluate(2)


def _pauses(mu, n):
    """All generations, added one by one."""
    return sum(mu * n**k for k in range(200))


def _cases(n, t, length, h):
    return n * sum(1 for first in range(t) if first + length - 1 + h <= t - 1)


def _two_layers(k, u, v):
    """Kernel, recurrent kernel and bias of each block, entry by entry."""
    return sum(units * inputs + units * units + units for inputs, units in ((k, u), (u, v)) for _ in "ifgo")


def _descent(a, w, lr):
    for _ in range(2):
        w -= lr * 2 * (w - a)
    return w


def _gain(b, e, v, d, c):
    return ((b + e) * (v - d) - c) - b * v


def _wilson(k, n):
    """Where the test of the share gives just 1.96."""
    z = stats.norm.ppf(0.975)
    return 100 * _root(lambda p: (p - k / n) / math.sqrt(p * (1 - p) / n) - z, k / n, 0.999)


def _limit(h, limit):
    q = 0.5 ** (1 / h)
    return limit * math.sqrt(sum(((1 - q) * q**k) ** 2 for k in range(3000)))


ORACLES = {
    "time-constant": lambda tau: 24 * _root(lambda a: math.exp(-a / tau) - 0.5, 0, 50 * tau),
    "weight-in-weeks": lambda h, a: 100 * math.exp(-math.log(2) * 7 * a / h),
    "two-tails": lambda k: 2**k / (1 + k),
    "one-exponential": lambda a, b: b * (b / a) * (b / a),
    "three-events": lambda x, y, h: sum(0.5 ** (age / h) for age in (x, y, 0)),
    "carried-forward": lambda v, h, d: v * math.exp(-math.log(2) * d / h) + 1,
    "kept-a-day": lambda q: _root(lambda n: q**n - 0.5, 0, 1000),
    "half-life-from-ages": lambda n, total: math.log(2) / optimize.minimize_scalar(
        lambda x: -(n * math.log(x) - x * total), bounds=(1e-3, 1), method="bounded",
        options={"xatol": 1e-12}).x,
    "beyond-the-data": lambda t, p: _root(lambda h: 0.5 ** (t / h) - p / 100, 1, 500),
    "branching": _pauses,
    "hazard-of-a-crowd": lambda alpha, p: _root(lambda t: alpha / (alpha + t) - p / 100, 0, 1e4),
    "alive-is-not-returning": lambda p, rate, t: 100 * p * integrate.quad(
        lambda x: rate * math.exp(-rate * x), 0, t)[0],
    "not-yet-returned": _shifted,
    "two-layers": _two_layers,
    "forget-bias": lambda n: special.logit(0.5 ** (1 / n)),
    "windows": _cases,
    "entropy": lambda p: stats.entropy([p / 100, 1 - p / 100]),
    "two-steps-of-sgd": _descent,
    "upper-end": _wilson,
    "worth-a-contact": _gain,
    "break-even": lambda n, a, m: _root(lambda h: n * 0.5 ** (a / h) - m, 0.1, 500),
    "shrunken-share": lambda k, n, p, kappa: n / (n + kappa) * 100 * k / n + kappa / (n + kappa) * p,
    "two-players": lambda a, b, c: (a - 0 + c - b) / 2,
    "noise": lambda s, eps: stats.laplace(scale=s / eps).std(),
    "alarm-limit": _limit,
}


def test_the_bank_is_whole():
    assert len(QUESTIONS) >= 30 and {q.chapter for q in QUESTIONS.values()} == set(NAMES)
    texts = [q.text for q in QUESTIONS.values()]
    assert len(set(texts)) == len(texts)
    objectives = {name: Chapter.read(name).objectives for name in NAMES}
    for name, q in QUESTIONS.items():
        assert q.objective in objectives[q.chapter], name
        assert q.minutes > 0 and q.points > 0 and len(q.mistakes) >= 2
        assert set(re.findall(r"{(\w+)}", q.text)) == set(q.ranges), name
        assert set(re.findall(r"{(\w+)}", q.how)) <= set(q.ranges), name


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_key_is_finite_and_every_mistake_is_told_from_it(name):
    """For all variants that can be drawn, so for every seed."""
    question = QUESTIONS[name]
    assert all(variant in question.variants() for variant in drawn(name))
    for variant in question.variants():
        key = question.key(**variant)
        assert math.isfinite(key) and (question.tolerance or float(key).is_integer())
        for wrong, shows in question.mistakes:
            assert not exam.same(wrong(**variant), key, question.tolerance), (variant, shows)


@pytest.mark.parametrize("name", ORACLES)
def test_a_key_is_what_another_formula_gives(name):
    for variant in drawn(name):
        assert QUESTIONS[name].key(**variant) == pytest.approx(ORACLES[name](**variant), rel=1e-6)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_papers_have_different_numbers(name):
    for seed in SEEDS:
        keys = [QUESTIONS[name].key(**variant) for variant in exam.variants(name, seed).values()]
        assert not exam.same(*keys, QUESTIONS[name].tolerance)


@pytest.mark.slow  # computes the answers of all exercises
def test_no_question_is_an_exercise():
    """No key of the bank is an answer of its chapter's exercises, for the numbers that the chapter prints."""
    for name, question in QUESTIONS.items():
        answers = [one.answer() for one in checks.exercises(question.chapter).values()]
        for answer in (a for a in answers if isinstance(a, float)):
            keys = [question.key(**variant) for variant in question.variants()]
            assert all(key != pytest.approx(answer, rel=1e-9) for key in keys), name


@pytest.mark.parametrize("seed", SEEDS)
def test_points_and_minutes_add_up(seed):
    asked = exam.chosen_questions(seed, NAMES, 60)
    minutes, points = (sum(getattr(QUESTIONS[q], what) for q in asked) for what in ("minutes", "points"))
    assert 58 <= minutes <= 60 and len(set(asked)) == len(asked)
    text = exam.paper(seed, asked, "A")
    assert f"{minutes} minutes, {points} points." in text
    assert sum(map(int, re.findall(r"\((\d+) points\)", text))) == points


def test_a_paper_holds_no_key_and_the_key_holds_both(tmp_path):
    asked = exam.write(3, chapters="decay_formula,lstm_by_hand", minutes=20, folder=tmp_path)
    assert {QUESTIONS[name].chapter for name in asked} == {"decay_formula", "lstm_by_hand"}
    papers = {letter: (tmp_path / f"paper_{letter}.html").read_text(encoding="utf-8") for letter in "AB"}
    key = (tmp_path / "key.html").read_text(encoding="utf-8")
    assert papers["A"] != papers["B"]
    for name in asked:
        for letter, variant in exam.variants(name, 3).items():
            question = QUESTIONS[name]
            assert exam.escape(question.text.format(**variant)) in papers[letter]
            assert f"<b>{exam.number(question.key(**variant))}" in key
            for _, shows in question.mistakes:
                assert exam.escape(shows) in key and exam.escape(shows) not in papers[letter]
            assert exam.escape(question.how.format(**variant)) not in papers[letter]
    again = tmp_path / "again"
    exam.write(3, chapters="decay_formula,lstm_by_hand", minutes=20, folder=again)
    assert (again / "key.html").read_text(encoding="utf-8") == key


@pytest.mark.parametrize(("given", "message"), [
    (["--seed=x"], "SEED=x: a whole number"),
    (["--minutes=1.5"], "MINUTES=1.5: a whole number"),
    (["--minutes=0"], "at least one minute"),
    (["--minutes=1"], "the shortest question"),
    (["--chapters=decay"], 'no chapter "decay"'),
    (["--chapters=decay_formula"], "fill 14 minutes, not 60"),
    (["--weeks=0"], "numbers from 1 to 12"),
    (["--weeks=2-13"], "numbers from 1 to 12"),
    (["--weeks=3-"], "numbers from 1 to 12"),
    (["--weeks=4-2"], "first week comes after"),
    (["--weeks=1", "--chapters=decay_formula"], "not both"),
])
def test_bad_input_is_refused(given, message, tmp_path):
    with pytest.raises(Stop, match=message):
        exam.main([*given, f"--out={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()


def test_weeks_are_those_of_the_course():
    assert exam.chosen_chapters(weeks="2,12,2") == ["decay_formula", "recommending", "your_own_data"]


def test_no_page_and_no_student_gets_the_bank():
    """Not in the table of contents, not in the library, and named by the instructor's edition alone."""
    assert "exam" not in (ROOT / "_toc.yml").read_text(encoding="utf-8")
    tree = ast.parse((ROOT / "book/_tools/editions.py").read_text(encoding="utf-8"))
    holders = [f.name for f in tree.body if isinstance(f, ast.FunctionDef) and "exam_bank" in ast.unparse(f)]
    assert holders == [editions.instructor.__name__]
    library = [path.read_text(encoding="utf-8") for path in (ROOT / "interestdecay_lib").rglob("*.py")]
    assert not [name for name, q in QUESTIONS.items() if any(q.text in text for text in library)]


def test_the_command_hands_its_options_on(monkeypatch):
    ran = []
    monkeypatch.setattr(tasks.environment, "prepare", lambda: None)
    monkeypatch.setattr(tasks, "run", lambda command, failure: ran.extend(command))
    tasks.main(["exam", "--seed=3", "--weeks=1-4"])
    assert ran[-2:] == ["--seed=3", "--weeks=1-4"] and ran[-3].endswith("exam.py")


def test_examples():
    assert doctest.testmod(exam)[0] == 0

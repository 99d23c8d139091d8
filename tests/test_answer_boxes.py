"""The answer boxes of the pages, in a browser, against `checks.check`: one verdict and one sentence.

The boxes stand in a bare page with the script, so that no book need be built; what a reader types goes into
the fields, and what the page then says is read from it.
"""

import base64
import json
import math
import re
from functools import cache

import numpy as np
import pytest

import answer_box
from chapters import NAMES, ROOT, chapter, computed_once, judged
from interestdecay_lib import checks
from interestdecay_lib.checks import check, judge

pytestmark = pytest.mark.page
SCRIPT = (ROOT / "book/_static/answer_box.js").read_text(encoding="utf-8")


ALL = {name: exercise for one in NAMES for name, exercise in judged(one).items()}
each_exercise = pytest.mark.parametrize("name", ALL)

#: Types each answer into the boxes of one exercise (`first`: as if none came before) and reads the page.
TYPE = """([name, answers, first]) => {
    const form = document.querySelector(`form[data-exercise="${name}"]`);
    const fields = [...form.querySelectorAll('input:not([data-student]), select')];
    const status = form.querySelector('[role=status]');
    return answers.map((typed) => {
        if (first) form.tried.clear();
        fields.forEach((field) => {
            field.value = typeof typed === 'string' ? typed : typed[field.dataset.key];
        });
        form.requestSubmit();
        return [status.dataset.verdict, status.querySelector('.answer-why').textContent];
    });
}"""


@cache
def boxes():
    """{exercise: its box} of the book."""
    found = {}
    for one in NAMES:
        for exercise in chapter(one).exercises:
            if exercise.name in judged(one):
                box = answer_box.form(exercise.name, ALL[exercise.name], answer_box.wanted(exercise))
                found |= {exercise.name: box} if box else {}
    return found


@pytest.fixture(scope="module")
def page(browser):
    """All boxes in a page that has nothing else."""
    tab = browser.new_page()
    errors = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.set_content(f"<!doctype html><title>Boxes</title>{''.join(boxes().values())}")
    tab.add_script_tag(content=SCRIPT)
    yield tab
    tab.close()
    assert errors == []


def said(page, name, typed, first=True):
    """(verdict, sentence) of the page for each of the texts, as the first of all or after those before it."""
    return [tuple(told) for told in page.evaluate(TYPE, [name, typed, first])]


def expected(name, answer):
    feedback = judge(name, answer)
    return feedback.verdict, feedback.message.replace("`", "")  # the page sets code as code


def typed(answer):
    """An answer as a reader types it: a number, a list, a choice, or the fields of a dictionary."""
    if isinstance(answer, dict):
        return {key: typed(part) for key, part in answer.items()}
    if isinstance(answer, str):
        return answer
    array = np.asarray(answer)
    if array.ndim:
        return f"[{', '.join(typed(one) for one in array)}]"
    return repr(int(array)) if array.dtype.kind in "iu" else repr(float(array))


def scaled(answer, change):
    """The answer with each of its numbers changed."""
    if isinstance(answer, dict):
        return {key: scaled(part, change) for key, part in answer.items()}
    return answer if isinstance(answer, str) else change(np.asarray(answer, dtype=float))


def changed(exercise):
    """Answers around the right one that `check` tells apart: near misses, slips of unit, sign and form."""
    right, atol, rtol = exercise.answer(), exercise.atol, exercise.rtol
    yield right
    for digits in range(1, 8):
        yield scaled(right, lambda x, d=digits: np.vectorize(lambda one: float(f"{one:.{d - 1}e}"))(x))
    for times in (0.9, 1.2, 9, 11):  # both sides of right and nearly right
        for sign in (1, -1):
            yield scaled(right, lambda x, off=times * sign: x + off * (atol + rtol * np.abs(x)))
    yield from (scaled(right, lambda x, k=k: k * x) for k in (-1, 1.7))
    yield scaled(right, lambda x: x + 1)
    for factor in (*checks._FACTORS, 2.5):
        yield scaled(right, lambda x, f=factor: x * f)
        yield scaled(right, lambda x, f=factor: x / f)
    with np.errstate(all="ignore"):
        yield from (scaled(right, change) for change in (np.square, lambda x: np.abs(x) ** 0.5))
        yield from (scaled(right, change) for change in (lambda x: 1 / x, lambda x: np.log(2) / x))
    yield from (scaled(right, lambda x: 1 - x), scaled(right, lambda x: x * 0))
    yield from (scaled(right, lambda x, far=far: x + far) for far in (np.nan, np.inf, -np.inf, 1e300))
    yield scaled(right, lambda x: np.trunc(x).astype(int))
    if isinstance(right, dict):
        yield {key: None for key in right}
        yield {**right, next(iter(right)): None}
        yield {key: right[other] for key, other in zip(right, reversed(right), strict=True)}
    elif isinstance(right, str):
        yield from ("A", "b", "nothing")
    elif np.ndim(right):
        yield from (right[::-1], np.roll(right, 1), np.roll(right, -1), right[:-1], right[0])
        yield from (right[[1, 0, *range(2, len(right))]], np.where(right == right[-1], 7, right))
        yield from (np.append(right, 1.5), np.append(right, [1.5, 2]))
    else:
        yield from ([right, right], [right], [right, 1, 2])


def test_most_exercises_have_a_box():
    """Every one whose answer is a number, a few numbers or a choice."""
    assert len(boxes()) >= 50
    without = {name: np.shape(ALL[name].answer()) for name in set(ALL) - set(boxes())}
    assert not [name for name, shape in without.items() if len(shape) < 2]


@each_exercise
def test_a_box_says_what_check_says(page, name):
    """The right answer, its roundings, near misses on both sides of each tolerance, slips, each mistake."""
    exercise = ALL[name]
    answers = [*changed(exercise), *(mistake.value() for mistake in exercise.mistakes)]
    if isinstance(exercise.answer(), str):
        answers = sorted({exercise.answer(), *(mistake.value() for mistake in exercise.mistakes)})
    texts = [{key: "" if part is None else typed(part) for key, part in answer.items()}
             if isinstance(answer, dict) else typed(answer) for answer in answers]
    told = said(page, name, texts)
    assert "right" in {verdict for verdict, _ in told}
    for text, answer, one in zip(texts, answers, told, strict=True):
        assert one == expected(name, answer), text


# ------------------------------------------------------------------------------------------- own numbers

OWN = [name for name, exercise in ALL.items() if exercise.variants]
#: Names as students write them: capitals, spaces, accents in one character or two, other scripts, a number.
STUDENTS = ["Ada Lovelace", "  ada   LOVELACE ", "Zoë", "Zoe\u0308", "Strauß", "STRAUSS", "Işıl", "İbrahim",
            "Νίκος ΣΤΕΦΑΝΟΣ", "Ольга", "李雷", "Ａｄａ", "17", "x" * 55, "x" * 56, "y" * 64, "z" * 200, "😀"]


def own(page, name, student, texts):
    """(verdict, sentence) of the page for a student's numbers, and what the page says that they are."""
    field = page.locator(f'form[data-exercise="{name}"] [data-student]')
    field.evaluate("(field, who) => { field.value = who; field.dispatchEvent(new Event('input')); }", student)
    told = said(page, name, texts)
    drawn = page.locator(f'form[data-exercise="{name}"] .answer-drawn').text_content()
    field.evaluate("(field) => { field.value = ''; field.dispatchEvent(new Event('input')); }")
    return told, drawn


def test_every_exercise_with_own_numbers_takes_a_name(page):
    asked = page.locator("[data-student]").evaluate_all("all => all.map((one) => one.form.dataset.exercise)")
    assert sorted(asked) == sorted(OWN) and len(OWN) >= 7


@pytest.mark.parametrize("name", OWN)
def test_the_page_draws_the_numbers_that_given_draws(page, name):
    for student in [*STUDENTS, *(f"student {k}" for k in range(30))]:
        numbers = ", ".join(f"{key} = {value:g}" for key, value in checks.given(name, student).items())
        assert own(page, name, student, [])[1].startswith(f"Your numbers: {numbers}. "), student


@pytest.mark.parametrize("name", OWN)
def test_own_numbers_are_judged_as_check_judges_them(page, name, monkeypatch):
    """Every set of numbers, by the first student who draws it: right, near, slips and coded mistakes."""
    made = {tuple(numbers.items()): computed_once(checks.for_numbers(ALL[name], numbers))
            for numbers in checks.variants(ALL[name])}  # computed once
    monkeypatch.setattr(checks, "for_numbers", lambda _, numbers: made[tuple(numbers.items())])
    for numbers, exercise in ((dict(key), exercise) for key, exercise in made.items()):
        student = next(who for who in map(str, range(1000)) if checks.given(name, who) == numbers)
        answers = [*changed(exercise), *(mistake.value() for mistake in exercise.mistakes)]
        texts = [{key: "" if part is None else typed(part) for key, part in answer.items()}
                 if isinstance(answer, dict) else typed(answer) for answer in answers]
        told = own(page, name, student, texts)[0]
        assert told[0] == ("right", "Right.")
        for text, answer, one in zip(texts, answers, told, strict=True):
            feedback = judge(name, answer, student=student)
            assert one == (feedback.verdict, feedback.message.replace("`", "")), (numbers, text)


def test_ten_answers_are_compared_with_the_right_one(page):
    """On the page as by `check`: after them only the right one, a known mistake and NaN get a sentence."""
    name = "decay_formula-1"
    right, mistake = ALL[name].answer(), ALL[name].mistakes[0].value()
    off = [right * (1.6 + 0.013 * k) for k in range(12)]
    tried = [*off, off[0], off[11], mistake, float(f"{right:.1e}"), float("nan"), right]
    page.evaluate("name => document.querySelector(`form[data-exercise='${name}']`).tried.clear()", name)
    told = said(page, name, [typed(answer) for answer in tried], first=False)
    feedbacks = [check(name, answer) for answer in tried]
    assert told == [(one.verdict, one.message.replace("`", "")) for one in feedbacks]
    spent = [message == checks._SPENT for _, message in told]
    assert spent == [False] * 10 + [True, True, False, True, False, True, False, False]
    assert feedbacks[-1].right


def test_a_blank_name_means_the_numbers_of_the_page(page):
    told, drawn = own(page, "decay_formula-1", "  ", ["5"])
    assert told == [expected("decay_formula-1", 5)]
    assert drawn == "No name yet: answers are judged by the numbers of the page."


#: What is typed, and the same in Python.
ODD = {
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "1e400": math.inf,
    "-1e300": -1e300,
    "10^30": 10**30,
    "0": 0,
    "-0.0": -0.0,
    "True": True,
    "[]": [],
    "[1, 2, 3, 4, 5]": [1, 2, 3, 4, 5],
    "1; 2,5": [1, 2.5],
    "1/0": "1/0",
    '"1"': "'1'",
}


@each_exercise
def test_odd_answers_get_the_sentence_of_check(page, name):
    right = ALL[name].answer()
    if isinstance(right, str):
        pytest.skip("one of a list is chosen")
    if isinstance(right, dict):
        if any(isinstance(part, str) for part in right.values()):
            pytest.skip("texts have no odd form")
        texts = [dict.fromkeys(right, text) for text in ODD]
        answers = [dict.fromkeys(right, answer) for answer in ODD.values()]
    else:
        texts, answers = list(ODD), list(ODD.values())
    for text, answer, one in zip(texts, answers, said(page, name, texts), strict=True):
        told = expected(name, answer)
        if text == "1/0" and np.ndim(right):
            told = ("wrong", "Your answer divides by zero.")  # where check reads no text in a list
        assert one in (told, (told[0], told[1].partition(": ")[2])), text


# ------------------------------------------------------------------------------------ what may be typed


def boxed(browser, exercises):
    """A page with boxes of exercises that are not the book's."""
    tab = browser.new_page()
    tab.set_content("".join(answer_box.form(name, exercise) for name, exercise in exercises.items()))
    tab.add_script_tag(content=SCRIPT)
    return tab


READ = [
    # what is typed, the unit asked for, the number that it means
    ("2^(-3/7)", "", 2 ** (-3 / 7)),
    ("2**(-3/7)", "", 2 ** (-3 / 7)),
    ("2 ^ -3", "", 1 / 8),
    ("2⁻³", "", 1 / 8),
    ("2^3^2", "", 512),
    ("-2^2", "", -4),
    ("ln(2)/0.1", "", math.log(2) / 0.1),
    ("60 ln 2 / 0,1", "", 60 * math.log(2) / 0.1),
    ("np.log(2)/0.1", "", math.log(2) / 0.1),
    ("14 * math.log2(100)", "", 14 * math.log2(100)),
    ("log10(5)", "", math.log10(5)),
    ("exp(-1.5) + e^-1.5", "", 2 * math.exp(-1.5)),
    ("2 sqrt(2) · √2", "", 4),
    ("2π", "", 2 * math.pi),
    ("1 − 0.3", "", 0.7),
    ("3 ÷ 7", "", 3 / 7),
    ("¾", "", 0.75),
    ("1/2/2", "", 0.25),
    ("(1 + 2) * -3", "", -9),
    ("answer = 4.5", "", 4.5),
    ("≈ 4,5", "", 4.5),
    (".5", "", 0.5),
    ("5.", "", 5),
    ("1.5E3", "", 1500),
    ("0,125", "", 0.125),
    ("1.125", "", 1.125),
    ("12961", "", 12961),
    ("12 961", "", 12961),
    ("12'961", "", 12961),
    ("1,234.5", "", 1234.5),
    ("1.234,5", "", 1234.5),
    ("1,234,567", "", 1234567),
    ("35 %", "share", 0.35),
    ("35,5 per cent", "", 0.355),
    ("35 %", "per cent", 35),
    ("35", "percent", 35),
    ("3.7 pp", "percentage points", 3.7),
    ("-11.6 %", "percent", -11.6),
    ("415.9 min", "minutes", 415.9),
    ("6.93 hours", "minutes", 6.93 * 60),
    ("2 weeks", "days", 14),
    ("36h", "days", 1.5),
    ("3 d", "hours", 72),
    ("7 steps", "steps", 7),
    ("0.14 per day", "1/week", 0.98),
    ("0.98 / week", "1/week", 0.98),
    ("0.98 1/week", "1/week", 0.98),
    ("ln(2)/7 per day", "1/week", math.log(2)),
    ("0.01/day^2", "1/week²", 0.49),
    ("0.49 per week squared", "1/week²", 0.49),
    ("0.49/week²", "1/week²", 0.49),
    ("$332.68", "US dollars", 332.68),
    ("332.68 USD", "US dollars", 332.68),
    ("2591 customers", "customers", 2591),
    ("0.0393 purchase days per week", "purchase days per week", 0.0393),
]


def test_what_is_typed_is_read(browser):
    """Each row's number is the right answer to ten digits of an exercise of its own."""
    rows = {f"x-{k}": row for k, row in enumerate(READ)}
    known = {
        name: checks.Exercise(lambda value=value: value, unit=unit, rtol=1e-10)
        for name, (_, unit, value) in rows.items()
    }
    tab = boxed(browser, known)
    told = {rows[name][0]: said(tab, name, [rows[name][0]])[0][0] for name in known}
    assert {text: verdict for text, verdict in told.items() if verdict != "right"} == {}
    tab.close()


def _expression(rng, depth=3):
    """Arithmetic as Python writes it, at random."""
    if depth == 0 or rng.random() < 0.2:
        return str(rng.choice(["2", "0.5", "7", "1.25", "3e-1", "pi", "e", "ln(3)", "sqrt(2)", "exp(0.3)"]))
    one, other = _expression(rng, depth - 1), _expression(rng, depth - 1)
    sign = rng.choice([" + ", " - ", "*", " / ", "**", "bracket", "minus"])
    if sign == "bracket":
        return f"({one} + {other})"
    if sign == "minus":
        return f"-{one}"
    return f"{one}**{rng.choice(['2', '-1', '(1/2)', '-0.5'])}" if sign == "**" else f"{one}{sign}{other}"


def test_arithmetic_means_what_python_computes(browser):
    names = {"pi": math.pi, "e": math.e, "ln": math.log, "sqrt": math.sqrt, "exp": math.exp}
    rng, known = np.random.default_rng(7), {}
    while len(known) < 300:
        text = _expression(rng)
        value = eval(text, {"__builtins__": {}}, names)  # our own text
        if isinstance(value, float) and math.isfinite(value) and abs(value) > 1e-6:
            known[f"x-{len(known)}"] = text, value
    made = {name: checks.Exercise(lambda v=v: v, rtol=1e-9) for name, (_, v) in known.items()}
    tab = boxed(browser, made)
    told = {text: said(tab, name, [text, text.replace("**", "^")]) for name, (text, _) in known.items()}
    assert {text: both for text, both in told.items() if {one[0] for one in both} != {"right"}} == {}
    tab.close()


#: Ways to write the list 0.5, 1, 0.25, 2.
LISTS = [
    "0.5, 1, 0.25, 2",
    "[0.5, 1, 0.25, 2]",
    "0.5,1,0.25,2",
    "0,5; 1; 0,25; 2",
    "0,5 1 0,25 2",
    "0,5, 1, 0,25, 2",
    "(1/2, 1, 1/4, 2)",
    "2^-1; 2^0; 2^-2; 2",
    "np.array([0.5, 1.0, 0.25, 2.0])",
    "50 %, 100 %, 25 %, 200 %",
    "0.5\t1\t0.25\t2",
]


def test_lists_are_read(browser):
    tab = boxed(browser, {"x-1": checks.Exercise(lambda: [0.5, 1, 0.25, 2], rtol=1e-10)})
    told = dict(zip(LISTS, said(tab, "x-1", LISTS), strict=True))
    assert {text: one for text, one in told.items() if one[0] != "right"} == {}
    tab.close()


@pytest.mark.parametrize("name", [name for name in ALL if np.ndim(ALL[name].answer()) == 0
                                  and not isinstance(ALL[name].answer(), dict | str)])
def test_texts_that_check_reads_are_read_alike(page, name):
    """Units, per cent, commas and fractions in the words that `check` knows too."""
    right, unit = float(ALL[name].answer()), ALL[name].unit
    numbers = [repr(right), f"{right:.2e}", repr(right * 1.5), repr(right).replace(".", ","), f"{right!r}/2",
               f"{2 * right!r} / 2", "1,234", "6 metres", "abc" * (name == "decay_formula-1")]
    texts = [*filter(None, numbers), *(f"{number} %" for number in numbers[:4])]
    units = ("s", "min", "hours", "d", "weeks", unit) if unit.rstrip("s") in checks.SECONDS else (unit,)
    known = [one for one in units if not re.search("[/,(]", one)]
    texts += [f"{number} {one}" for number in (repr(right), repr(right / 7)) for one in known]
    for text, one in zip(texts, said(page, name, texts), strict=True):
        told = expected(name, text)
        if told[1].startswith("The answer is a number, not a text"):
            assert one[0] == "wrong" and "cannot be read as a number" in one[1], text
        else:
            assert one == told, text


UNREAD = {
    "": ("missing", "No answer yet: write it into the box, then press Check."),
    "  ": ("missing", "No answer yet: write it into the box, then press Check."),
    "text": ("wrong", "“text” cannot be read as a number"),
    "5 +": ("wrong", "“5 +” cannot be read as a number"),
    "(1 + 2": ("wrong", "cannot be read as a number"),
    "1.2.3": ("wrong", "cannot be read as a number"),
    "12 monkeys": ("wrong", "The answer is asked for in days, not in monkeys."),
    "12 per day": ("wrong", "The answer is asked for in days, not in per day."),
    "2 months": ("wrong", "The answer is asked for in days, not in months."),
    "log(2)": ("wrong", "Write ln, log2 or log10"),
    "1,234": ("wrong", "'1,234' may mean two numbers"),
    "0/0": ("wrong", "Your answer divides by zero."),
    "2i": ("wrong", "not in i."),
    "<img src=x>": ("wrong", "cannot be read as a number"),
}


def test_what_cannot_be_read_is_told_why(browser):
    tab = boxed(browser, {"x-1": checks.Exercise(lambda: 12.5, unit="days")})
    for (text, (verdict, why)), told in zip(UNREAD.items(), said(tab, "x-1", list(UNREAD)), strict=True):
        assert told[0] == verdict and why in told[1], (text, told)
    tab.close()


# ------------------------------------------------------------------------------------------ seal and page


def test_no_answer_and_no_explanation_stands_in_the_source():
    """Sealed, not secret: nobody meets an answer by looking at the page's source."""
    for name, box in boxes().items():
        told = answer_box.specification(ALL[name])
        sealed = box.partition('data-sealed="')[2].partition('"')[0]
        for text in (box, base64.b64decode(sealed).decode("latin-1")):
            long = [number for number in re.findall(r"[\d.]+", json.dumps(told["right"])) if len(number) > 4]
            assert not [number for number in long if number in text], name
            for sentence in (told["explain"], *(mistake["why"] for mistake in told["mistakes"])):
                assert not sentence or sentence not in text
        assert sealed != answer_box.sealed(told, f"{name}0"), "the name is the key"


def test_a_box_is_used_by_keyboard_and_speaks(browser):
    context = browser.new_context(viewport={"width": 320, "height": 600})
    tab = context.new_page()
    tab.set_content(boxes()["decay_formula-1"] + boxes()["time_aware_networks-7"] + boxes()["lstm_by_hand-7"])
    tab.add_script_tag(content=SCRIPT)
    field = tab.get_by_label("Your answer, in minutes")
    field.focus()
    tab.keyboard.type("600")
    tab.keyboard.press("Enter")
    status = tab.get_by_role("status").first
    assert "time constant" in status.inner_text()
    assert status.get_attribute("data-verdict") == "wrong"
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Check"
    tab.get_by_label("Your answer", exact=True).select_option("b")
    tab.get_by_role("button").nth(1).press("Enter")
    assert tab.get_by_role("status").nth(1).get_attribute("data-verdict") == "right"
    tab.get_by_label("right", exact=True).fill("0.5")
    tab.get_by_label("printed", exact=True).fill("0.5")
    tab.get_by_role("button").nth(2).click()
    assert tab.get_by_role("status").nth(2).get_attribute("data-verdict") == "wrong"
    context.close()


def test_own_numbers_by_keyboard_at_320_pixels(browser):
    """The fold opens, the name is typed, the verdict says whose numbers it is for; nothing is wider."""
    context = browser.new_context(viewport={"width": 320, "height": 600})
    tab = context.new_page()
    tab.set_content(boxes()["decay_formula-1"])
    tab.add_style_tag(content=(ROOT / "book/_static/book.css").read_text(encoding="utf-8"))
    tab.add_script_tag(content=SCRIPT)
    rate = checks.given("decay_formula-1", "Ada")["rate"]
    field = tab.get_by_label("Your answer, in minutes")
    field.fill(repr(ALL["decay_formula-1"].answer(rate)))
    tab.get_by_role("button", name="Check").focus()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    student = tab.get_by_label("Your name or number")
    drawn = tab.locator(f"#{student.get_attribute('aria-describedby')}")
    drawn.get_by_text("No name yet").wait_for()
    tab.keyboard.press("Tab")
    tab.keyboard.type("Ada")
    assert drawn.text_content() == f"Your numbers: rate = {rate}. Answers are judged by them."
    tab.keyboard.press("Enter")
    status = tab.get_by_role("status").first
    assert status.get_attribute("data-verdict") == "right"
    assert f"Judged by your numbers: rate = {rate}." in status.text_content()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()


def test_without_a_script_nothing_shows(browser):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.set_content("".join(boxes().values()))
    assert tab.locator("form, input, button").evaluate_all("all => all.length") > 150
    assert tab.locator("body").inner_text().strip() == ""
    context.close()

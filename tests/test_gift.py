"""The quick questions as GIFT, read back by the rules of Moodle's own reader.

The reader below follows `question/format/gift/format.php` of Moodle: escapes first, then the name between
double colons, the answers between the first braces, a tilde or a sign of equality before each, feedback
behind the first hash.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gift
import quiz
from chapters import NAMES

SIGNS = {":": "\ue000", "#": "\ue001", "=": "\ue002", "{": "\ue003", "}": "\ue004", "~": "\ue005"}


def hidden(text):
    """Escaped signs as placeholders, as Moodle does it before it looks for any sign."""
    text = text.replace("\\\\", "\ue010")
    for sign, placeholder in SIGNS.items():
        text = text.replace(f"\\{sign}", placeholder)
    return text.replace("\\n", "\n").replace("\ue010", "\\")


def plain(text):
    for sign, placeholder in SIGNS.items():
        text = text.replace(placeholder, sign)
    return text.strip()


def read(text):
    """[(name, question, [(fraction, answer, feedback)])] and the categories of a GIFT file."""
    questions, categories = [], []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [" " if line.strip().startswith("//") else line for line in block.splitlines()]
        block = hidden("\n".join(lines).strip())
        if block.startswith("$CATEGORY:"):
            categories.append(plain(block.removeprefix("$CATEGORY:")))
            continue
        name, _, rest = block.removeprefix("::").partition("::")
        assert block.startswith("::") and rest.count("{") == rest.count("}") == 1 and rest.endswith("}")
        asked, _, inside = rest[:-1].partition("{")
        assert asked.startswith("[html]") and "####" not in inside
        answers = []
        for one in filter(None, (part.strip() for part in inside.replace("=", "~=").split("~"))):
            right = one.startswith("=")
            answer, _, feedback = one.removeprefix("=").partition("#")
            assert not re.match(r"%-*\d", answer), "would be read as a weight"
            answers.append((float(right), plain(answer), plain(feedback)))
        questions.append((plain(name), plain(asked.removeprefix("[html]")), answers))
    return questions, categories


@pytest.mark.parametrize("name", NAMES)
def test_every_question_comes_back(name):
    questions, categories = read(gift.chapter(name))
    assert len(categories) == 1 and categories[0].startswith("$course$/top/Fading Interest/")
    told = quiz.load(name)
    assert len(questions) == len(told)
    for number, ((called, asked, answers), one) in enumerate(zip(questions, told, strict=True), start=1):
        assert called == f"{name} {number}"
        assert asked == gift.html(one["question"])
        wanted = [(float(c.get("right", False)), gift.html(c["text"]), gift.html(c["why"]))
                  for c in one["choices"]]
        assert answers == wanted


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1), min_size=6,
                max_size=6))
def test_whatever_a_text_holds_comes_back(texts):
    """Signs of GIFT, backslashes in any order, comments, weights: nothing of it is read as a sign."""
    asked, name, *rest = texts
    told = {"question": asked, "choices": [{"text": rest[0], "why": rest[1], "right": True},
                                           {"text": rest[2], "why": rest[3]}]}
    if any(re.match(r"%-*\d", gift.html(text)) for text in (rest[0], rest[2])):
        return  # no question of the book begins like this; `read` would say so
    questions, _ = read(gift.question(name, told))
    assert questions == [(name.strip(), gift.html(asked).strip(), [
        (1.0, gift.html(rest[0]).strip(), gift.html(rest[1]).strip()),
        (0.0, gift.html(rest[2]).strip(), gift.html(rest[3]).strip()),
    ])]


@pytest.mark.parametrize(("text", "html"), [
    (r"$e^{-\lambda a}$ and $2^{-a/h}$", r"\(e^{-\lambda a}\) and \(2^{-a/h}\)"),
    ("`a = {1: 2}` ~ **b** & $x < y$", r"<code>a = {1: 2}</code> ~ <strong>b</strong> &amp; \(x &lt; y\)"),
    ("five\n  lines\n\nin one", "five lines in one"),
    ("costs $5", "costs $5"),
])
def test_markdown_becomes_html(text, html):
    assert gift.html(text) == html


def test_the_files_are_written(tmp_path):
    assert gift.write(tmp_path) == sum(len(quiz.load(name)) for name in NAMES)
    questions, categories = read((tmp_path / "all_chapters.txt").read_text(encoding="utf-8"))
    assert len(questions) == gift.write(tmp_path) and len(categories) == len(NAMES)
    assert {path.stem for path in tmp_path.glob("*.txt")} == {*NAMES, "all_chapters"}

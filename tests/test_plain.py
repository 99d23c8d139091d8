"""Chapters as they are handed out: nothing of MyST, every number, formula, caption and work in its place."""

import re

import nbformat
import pytest
from nbconvert.filters import markdown2html_mistune

import editions
import plain
from chapter import Chapter, said
from chapters import NAMES, ROOT, chapter
from tasks import Stop

each_chapter = pytest.mark.parametrize("name", NAMES)
NOTHING = plain.Numbers({}, {})


def told(name):
    """The text of a handed-out notebook, and of the chapter it comes from."""
    made = plain.plain(editions.edition(chapter(name).notebook, solutions=False), name)
    return "\n\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")


@each_chapter
def test_what_a_chapter_says_stands_in_its_plain_form(name):
    text, source = told(name), chapter(name).markdown
    values = {key: value for key, _, value in said(chapter(name).notebook)}
    assert not re.search(r"\{[\w:-]+\}`|^[`:]{3,}\{|^\([\w-]+\)=$", text, re.MULTILINE)
    for value in {values[key] for key in re.findall(r"\{glue:text\}`([^`]*)`", source)}:
        assert value in text
    for exercise in chapter(name).exercises:
        assert re.search(rf"^### Exercise \d+\.\d+ {re.escape(exercise.title)}$", text, re.MULTILINE)
    steps = re.findall(r"<details><summary>Hint (\d): [^<]+</summary>", text)
    assert steps == list("123") * len(chapter(name).exercises)
    equations = re.findall(r"^```\{math\}$", source, re.MULTILINE)
    assert len(re.findall(r"^\$\$$", text, re.MULTILINE)) >= 2 * len(equations)
    captions = [cell for cell in chapter(name).notebook.cells if "'caption'" in str(cell.metadata)]
    assert len(re.findall(r"^\*\*Fig\. \d+\.\d+\.\*\* ", text, re.MULTILINE)) == len(captions)
    assert len(re.findall(r"^\*\*\d\.\*\* ", text, re.MULTILINE)) >= 3, "quick questions"
    works = set(plain.cited(source))
    assert len(re.findall("^- ", text.partition("## Works cited")[2], re.MULTILINE)) == len(works) > 0


@pytest.mark.page
@each_chapter
def test_numbers_are_those_of_the_page(name):
    """Sphinx counts the formulas, figures and exercises of the built page, not `plain`."""
    page = (ROOT / f"_build/html/chapters/{name}.html").read_text(encoding="utf-8")
    shown = dict(re.findall(r'id="equation-(eq-[\w-]+)">\s*<span class="eqno">(\([\d.]+\))', page))
    figures = re.findall(r'<figure [^>]*id="(fig-[\w-]+)".*?caption-number">(Fig\. [\d.]+)', page, re.DOTALL)
    given = r'id="(ex-[\w-]+)">\s*<p[^>]*><span class="caption-number">(Exercise [\d.]+)'
    found = {**shown, **dict(figures), **dict(re.findall(given, page))}
    assert len(found) > 8
    assert {label: plain.labels()[label] for label in found} == {k: v.strip() for k, v in found.items()}


def test_a_hint_is_folded_and_its_formula_whole_where_jupyter_renders_it():
    hint = "```{admonition} Hint\n:class: dropdown\nTake **half** of $a_1$:\n\n```{math}\na_1/2\n```\n```"
    hint = hint.replace("```{adm", "````{adm").removesuffix("```") + "````"
    made = plain.text(hint, NOTHING)
    html = markdown2html_mistune(made)
    assert re.search(r"<details>\s*<summary>Hint</summary>", html) and "<strong>half</strong>" in html
    assert "$$\na_1/2\n$$" in html and "</details>" in html


def test_steps_of_a_hint_are_folds_within_folds():
    source = "`````{admonition} Hint 1: a\n:class: dropdown\nA\n\n"
    source += "````{admonition} Hint 2: b\n:class: dropdown\n"
    made = plain.text(source + "```python\nx = ...\n```\n````\n`````", NOTHING)
    inner = "<details><summary>Hint 2: b</summary>\n\n```python\nx = ...\n```\n\n</details>"
    assert made == f"<details><summary>Hint 1: a</summary>\n\nA\n\n{inner}\n\n</details>"


@pytest.mark.parametrize(
    ("source", "message"),
    [("```{mermaid}\nx\n```", "directive 'mermaid'"), ("{abbr}`x`", "role 'abbr'"),
     ("```{math}\nx", "never closed")],
)
def test_what_has_no_plain_form_is_refused(source, message):
    with pytest.raises(Stop, match=message):
        plain.text(source, NOTHING)


def test_code_stays_as_it_is():
    code = "```python\n{glue:text}`a`\n(label)=\n```"
    assert plain.text(code, NOTHING) == code


def test_a_number_that_nobody_said_is_an_error():
    with pytest.raises(KeyError, match="a-b"):
        plain.text("{glue:text}`a-b`", NOTHING)


def test_the_source_is_left_alone():
    notebook = editions.edition(Chapter.read("first_look").notebook, solutions=False)
    before = nbformat.writes(notebook)
    plain.plain(notebook, "first_look")
    assert nbformat.writes(notebook) == before

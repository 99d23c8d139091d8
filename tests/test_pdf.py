"""The printed book that `make pdf` left, looked at before and after printing."""

import re

import pytest

import pdf
import solution_values
from chapters import NAMES, exercises, judged

pytestmark = [pytest.mark.page, pytest.mark.xdist_group("pdf")]  # one worker draws the whole book, once


@pytest.fixture(autouse=True, scope="module")
def printed():
    if not pdf.PDF.exists():
        pytest.fail("the book is not printed: run `make pdf` first")


@pytest.fixture(scope="module")
def sheet(browser):
    """The one page as it is handed to the printer."""
    with pdf.sheet(pdf.FOLDER / "_build/singlehtml", browser) as (tab, _):
        yield tab


def test_a_pdf_with_outline_and_tags():
    content = pdf.PDF.read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) > 20 * len(NAMES)
    assert b"/Outlines" in content and b"/StructTreeRoot" in content


def test_solutions_stand_at_the_end_under_a_visible_title(sheet):
    title = sheet.locator("h1", has_text="Solutions")
    assert title.is_visible()
    before = """title => [...document.querySelectorAll('.solution.admonition')].filter(solution =>
        !(title.compareDocumentPosition(solution) & Node.DOCUMENT_POSITION_FOLLOWING)).length"""
    assert title.evaluate(before) == 0
    assert sheet.locator(".solution.admonition").count() == sum(len(exercises(name)) for name in NAMES)
    values = sum(solution_values.value(one) != "" for name in NAMES for one in judged(name).values())
    shown = sheet.locator(".printed-solutions .solution-value:visible").count()
    assert shown == values
    assert values > len(NAMES)
    hidden = "[...document.querySelectorAll('details')].filter(fold => !fold.open).length"
    assert sheet.evaluate(hidden) == 0


def test_nothing_is_cut_and_every_link_leads_somewhere(sheet):
    cut = """[...document.querySelectorAll('article pre')]
        .filter(code => code.scrollWidth > code.clientWidth + 1).map(code => code.textContent.slice(0, 80))"""
    assert sheet.evaluate(cut) == []
    wide = """(() => { const edge = document.querySelector('article').getBoundingClientRect().right + 1;
        return [...document.querySelectorAll('article table, article div.math, article img')]
        .filter(part => part.getBoundingClientRect().right > edge)
        .map(part => part.outerHTML.slice(0, 80)); })()"""
    assert sheet.evaluate(wide) == []
    lost = """[...document.querySelectorAll('article a[href^="#"]')].filter(link => link.hash.length > 1 &&
        !document.getElementById(decodeURIComponent(link.hash.slice(1)))).map(link => link.outerHTML)"""
    assert sheet.evaluate(lost) == []

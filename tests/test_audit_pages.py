"""The built pages of many entries in a real browser: what chooses among them, what shows without a script."""

from collections import Counter

import pytest

import audit
import covered
from chapters import ROOT
from serving import served

pytestmark = pytest.mark.page
HTML = ROOT / "_build/html"
PAGES = {
    "source_audit": (audit.entries(), {"article": "article", "kind": "kind", "verdict": "verdict"}),
    "coverage": (covered.features(), {"article": "article", "answer": "answer"}),
}
each_page = pytest.mark.parametrize("page", PAGES)


@pytest.fixture(scope="module")
def address():
    with served(HTML) as running:
        yield running


@each_page
def test_each_menu_chooses_as_the_data_do(browser, address, page):
    rows, fields = PAGES[page]
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    tab.goto(f"{address}book/{page}.html", wait_until="load")
    said = tab.locator(".entry-filter [role=status]")
    assert said.inner_text() == f"{len(rows)} of {len(rows)} entries are shown."
    for place, field in enumerate(fields):
        menu = tab.locator(".entry-filter select").nth(place)
        for value, count in Counter(row[field] for row in rows).items():
            menu.select_option(f"{field}-{value.lower()}")
            assert tab.locator(".entry:visible").count() == count
            assert said.inner_text() == f"{count} of {len(rows)} entries are shown."
        menu.select_option("")
    tab.close()


@each_page
def test_words_choose_and_empty_sections_go(browser, address, page):
    rows, _ = PAGES[page]
    tab = browser.new_page()
    tab.goto(f"{address}book/{page}.html", wait_until="load")
    tab.get_by_label("Words or id").fill(f"{rows[-1]['id']} article")
    assert tab.locator(".entry:visible").count() == 0
    tab.get_by_label("Words or id").fill(rows[-1]["id"].lower())
    assert tab.locator(".entry:visible strong").first.inner_text() == rows[-1]["id"]
    headings = tab.locator("article h2:visible").all_inner_texts()
    assert [text[:9] for text in headings if text.startswith("Article ")] == ["Article E"]
    assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    tab.close()


@each_page
def test_a_link_to_a_hidden_entry_shows_it(browser, address, page):
    rows, _ = PAGES[page]
    tab = browser.new_page()
    tab.goto(f"{address}book/{page}.html", wait_until="load")
    tab.locator(".entry-filter select").first.select_option("article-e")
    anchor = f"{'audit' if page == 'source_audit' else 'coverage'}-{rows[0]['id'].lower()}"
    assert not tab.locator(f"[id='{anchor}']").first.is_visible()
    tab.evaluate(f"location.hash = '{anchor}'")
    tab.wait_for_function(f"document.getElementById('{anchor}').checkVisibility()")
    assert tab.locator(".entry:visible").count() == len(rows)
    tab.close()


@each_page
def test_without_a_script_everything_shows(browser, address, page):
    rows, _ = PAGES[page]
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{address}book/{page}.html", wait_until="load")
    assert tab.locator(".entry:visible").count() == len(rows)
    assert tab.locator(".entry-filter form").count() == 0
    context.close()

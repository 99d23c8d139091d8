"""The predictions: one a chapter, of a figure and a number of the chapter, compared fairly on the page.

In a browser the boxes stand in a bare page with the scripts, so that no book need be built.
"""

import re

import nbformat
import pytest
import yaml
from sphinx.errors import ExtensionError

import editions
import predict
from bare import show
from chapter import said
from chapters import NAMES, ROOT, chapter

ALL = predict.load()
SCRIPTS = [(ROOT / f"book/_static/{name}.js").read_text(encoding="utf-8") for name in ("kept", "predict")]
STYLE = (ROOT / "book/_static/practice.css").read_text(encoding="utf-8")
each = pytest.mark.parametrize("name", ALL)


def test_every_chapter_has_one():
    assert sorted(ALL) == sorted(NAMES)


@each
def test_its_figure_and_its_number_are_the_chapters(name):
    place = predict.place(chapter(name).notebook, ALL[name])
    assert place > 0, "the question does not stand in the opening"
    truth = dict((key, text) for key, _, text in said(chapter(name).notebook))[ALL[name]["number"]]
    low, high = ALL[name]["scale"]
    assert low <= predict.value(truth) <= high
    assert not re.search(rf"(?<![\d.]){re.escape(truth.strip(' %'))}(?![\d.])", ALL[name]["question"])


@each
def test_nothing_above_it_gives_the_number_away(name):
    """Neither the opening nor the text says it, nor does an output print it as it is said."""
    place, number = predict.place(chapter(name).notebook, ALL[name]), ALL[name]["number"]
    for cell in chapter(name).notebook.cells[: place + 1]:
        assert f"`{number}`" not in cell.source
        assert not any(key == number for key, _, _ in said(nbformat.v4.new_notebook(cells=[cell])))


@each
def test_the_students_edition_asks_it_in_the_same_place(name):
    edition = editions.edition(chapter(name).notebook, solutions=False, nbgrader=False)
    asked = [notebook.cells[predict.place(notebook, ALL[name])].source
             for notebook in (edition, chapter(name).notebook)]
    assert asked[0] == asked[1]


def _notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def _says(name, text):
    cell = nbformat.v4.new_code_cell(f'plots.say("{name}", x)')
    data = {"application/papermill.record/text/plain": repr(text)}
    cell.outputs = [nbformat.v4.new_output("display_data", data, metadata={"scrapbook": {"name": name}})]
    return cell


def test_it_stands_before_number_and_figure():
    text, figure = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell("plots.show(figure)")
    figure.metadata["mystnb"] = {"figure": {"name": "fig-a"}}
    wanted = {"before": "fig-a", "number": "a"}
    assert predict.place(_notebook(text("0"), text("1"), figure, text("3"), _says("a", "1")), wanted) == 1
    assert predict.place(_notebook(text("0"), _says("a", "1"), text("2"), figure), wanted) == 0
    shown = text("so {glue:text}`a`")
    assert predict.place(_notebook(text("0"), text("1"), shown, figure, _says("a", "1")), wanted) == 1
    further = _notebook(text("0"), text("1"), text("2"), figure, _says("a", "1"))
    assert predict.place(further, {**wanted, "ahead": 1}) == 1
    with pytest.raises(ExtensionError, match="no figure fig-b"):
        predict.place(further, {**wanted, "before": "fig-b"})
    with pytest.raises(ExtensionError, match="no number b"):
        predict.place(further, {**wanted, "number": "b"})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scale": [1, 1]}, "the smaller first"),
        ({"scale": [0, 1], "log": True}, "above 0"),
        ({"truth": "no number"}, "truth needs"),
        ({"unit": None, "figure": "x"}, r"unknown \['figure'\]"),
    ],
)
def test_a_fault_is_named_with_its_chapter(tmp_path, changed, message):
    file = tmp_path / "predictions.yml"
    file.write_text(yaml.safe_dump({"x": {**ALL["decay_formula"], **changed}}))
    with pytest.raises(ExtensionError, match=rf"predictions\.yml, x: .*{message}"):
        predict.load(file)


# ------------------------------------------------------------------------------------------ in a browser


def box(name, text, **changed):
    """What the build makes of a prediction."""
    number = ALL[name]["number"]
    return (
        f'<div class="predict"><p>{ALL[name]["question"]}</p>{predict.form(name, {**ALL[name], **changed})}'
        f'<details class="predict-truth"><summary>What the chapter computes</summary>'
        f'<p>It is <a href="#number-{number}">{text}</a>.</p></details></div>'
    )


def _page(context, *boxes):
    tab = context.new_page()
    show(tab, "Predictions", STYLE, f"<main>{''.join(boxes)}")
    for script in SCRIPTS:
        tab.add_script_tag(content=script)
    return tab


@pytest.fixture
def context(browser):
    made = browser.new_context(viewport={"width": 320, "height": 700})
    yield made
    made.close()


COMPARED = [
    # guess, what the chapter says, scale, logarithmic, unit, the distance in words
    ("40", "25", [0, 100], False, "%", "Some way off: 15 percentage points too high."),
    ("25", "25", [0, 100], False, "%", "That is the very number."),
    ("24 %", "25", [0, 100], False, "%", "Very near: 1 percentage point too low."),
    ("100", "25", [0, 100], False, "%", "Far off: 75 percentage points too high."),
    ("2", "3", [0, 15], False, "steps", "Near: 1 step too low."),
    ("5", "-1.2 [-1.9, -0.3]", [-10, 20], False, "points", "Some way off: 6.2 points too high."),
    ("−1", "-1.2 [-1.9, -0.3]", [-10, 20], False, "points", "Very near: 0.2 points too high."),
    ("2", "93", [0.05, 1000], True, "days", "Far off: 46.5 times too low."),
    ("1,000", "93", [0.05, 1000], True, "days", "Far off: 10.8 times too high."),
    ("90,5", "93", [0.05, 1000], True, "days", "Very near: less than a tenth off."),
    ("3", "2.0", [0.5, 8], True, "", "Near: 50 % off, too high."),
]


@pytest.mark.page
@pytest.mark.parametrize(("guess", "text", "scale", "log", "unit", "words"), COMPARED)
def test_the_guess_stays_beside_the_truth(context, guess, text, scale, log, unit, words):
    tab = _page(context, box("decay_formula", text, scale=scale, log=log, unit=unit))
    tab.get_by_role("textbox").fill(guess)
    tab.keyboard.press("Enter")
    told = tab.get_by_role("status").inner_text()
    assert told.endswith(words), told
    assert f"the chapter computes {predict.value(text):g}" in told
    assert tab.locator(".predict-mark").all_inner_texts() == ["you", "data"]
    assert tab.locator("details").get_attribute("open") is not None
    assert tab.errors == []


@pytest.mark.page
@pytest.mark.parametrize("guess", ["", "many", "1 2 3", "--4", "1,2,3"])
def test_no_guess_no_comparison(context, guess):
    tab = _page(context, box("decay_formula", "3"))
    tab.get_by_role("textbox").fill(guess)
    tab.get_by_role("button").click()
    assert re.search("Guess first|cannot be read", tab.get_by_role("status").inner_text())
    assert tab.locator("details").get_attribute("open") is None


@pytest.mark.page
def test_by_keyboard_with_the_slider_and_it_is_remembered(context):
    tab = _page(context, box("decay_formula", "3"), box("first_look", "25"))
    tab.get_by_label("Your guess, from 0 to 15 steps").focus()
    tab.keyboard.press("End")
    assert tab.get_by_label("Your guess, in steps", exact=True).input_value() == "15"
    assert tab.get_by_label("Your guess, from 0 to 15 steps").get_attribute("aria-valuetext") == "15 steps"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert "12 steps too high" in tab.get_by_role("status").first.inner_text()
    again = _page(context, box("decay_formula", "3"), box("first_look", "25"))
    assert "You said 15 steps" in again.get_by_role("status").first.inner_text()
    assert again.get_by_role("status").nth(1).inner_text() == ""


@pytest.mark.page
def test_without_a_script_it_is_a_question_and_a_fold(browser):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.set_content(box("decay_formula", "3"))
    assert tab.locator("form:visible").count() == 0
    tab.locator("summary").click()
    assert "It is 3." in tab.locator("details").inner_text()
    tab.emulate_media(media="print")
    tab.set_content(f"<style>{STYLE}</style>{box('decay_formula', '3')}")
    assert tab.locator("body").inner_text().strip() == "", "print is as before"
    context.close()


@pytest.mark.page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_predictions_are_accessible_and_narrow(browser, scheme):
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": 320, "height": 700}, color_scheme=scheme)
    tab = _page(context, *(f"<h1>Predictions</h1>{box(name, '3')}" for name in ("decay_formula",)))
    tab.get_by_role("textbox").fill("14")
    tab.keyboard.press("Enter")
    rules = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
    faults = Axe().run(tab, options={"runOnly": rules}).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    for control in tab.locator("form input, form button, summary").all():
        assert control.bounding_box()["height"] >= 24
    context.close()

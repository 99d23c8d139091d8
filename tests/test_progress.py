"""Progress: kept by the browser alone, shown by chapter, saved as a file, deleted for good."""

import json

import pytest

import answer_box
import class_report
import parsons
import predict
import progress
from bare import show
from chapters import NAMES, ROOT
from interestdecay_lib import checks

SCRIPTS = {name: (ROOT / f"book/_static/{name}.js").read_text(encoding="utf-8")
           for name in ("kept", "answer_box", "predict", "parsons", "progress")}
STYLE = (ROOT / "book/_static/practice.css").read_text(encoding="utf-8")
QUIZ = """<div class="quiz"><ol><li><p>Which?</p>
<details class="quiz-choice quiz-wrong"><summary>Left</summary>No.</details>
<details class="quiz-choice quiz-right"><summary>Right</summary>Yes.</details></li>
<li><p>When?</p>
<details class="quiz-choice quiz-right"><summary>Now</summary>Yes.</details></li></ol></div>"""


def test_the_table_counts_what_there_is():
    for name in NAMES:
        told = progress.counts(name)
        assert told["answers"] >= 2 and told["quizzes"] >= 3 and told["predictions"] == 1, name
    assert sum(progress.counts(name)["parsons"] for name in NAMES) == len(parsons.load())
    text = progress.table()
    assert [text.count(f'data-chapter="{name}"') for name in NAMES] == [1] * len(NAMES)


def page_of(context, address, body):
    tab = context.new_page()
    show(tab, "Book", STYLE, f"<main><h1>Book</h1>{body}</main>", address)
    for script in SCRIPTS.values():
        tab.add_script_tag(content=script)
    return tab


def chapter_page(context):
    exercise = checks.exercises("decay_formula")["decay_formula-1"]
    problem = next(one for one in parsons.load() if one["name"] == "weights")
    guess = predict.form("decay_formula", predict.load()["decay_formula"])
    truth = '<details class="predict-truth"><summary>It</summary><a href="#number-df-rising">3</a></details>'
    body = answer_box.form("decay_formula-1", exercise, "in minutes") + QUIZ + parsons.form(problem)
    body += f'<div class="predict">{guess}{truth}</div>'
    return page_of(context, "http://book.test/chapters/decay_formula.html", body)


def progress_page(context):
    return page_of(context, "http://book.test/book/progress.html", progress.PANEL + progress.table())


def row(tab, name="decay_formula"):
    return tab.locator(f"tr[data-chapter={name}] td").all_inner_texts()


@pytest.fixture
def context(browser):
    made = browser.new_context(viewport={"width": 320, "height": 900}, accept_downloads=True)
    yield made
    made.close()


@pytest.mark.page
def test_marks_are_kept_shown_saved_and_deleted(context, tmp_path):
    all_of = progress.counts("decay_formula")
    nothing = [f"0 of {all_of[part]}" if all_of[part] else "–" for part in progress.PARTS]
    assert row(progress_page(context)) == nothing

    tab = chapter_page(context)
    right = checks.exercises("decay_formula")["decay_formula-1"].answer()
    field = tab.get_by_label("Your answer, in minutes")
    for typed in ("600", "", "600", str(right), "1"):
        field.fill(typed)
        field.press("Enter")
    tab.get_by_text("Left", exact=True).click()
    tab.get_by_text("Right", exact=True).click()  # the second look does not count
    tab.get_by_text("Now", exact=True).click()
    tab.get_by_label("Your guess, in steps").fill("7")
    tab.get_by_label("Your guess, in steps").press("Enter")
    tab.locator(".parsons [data-do=check]").click()
    assert tab.errors == []

    shown = progress_page(context)
    assert row(shown) == [f"1 of {all_of['answers']}", f"1 of {all_of['quizzes']}", "1 of 1",
                          f"0 of {all_of['parsons']}"]
    with shown.expect_download() as saved:
        shown.get_by_role("button", name="Save my progress").click()
    saved.value.save_as(tmp_path / "mine.json")
    file = json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))
    assert set(file) == {"format", "answers", "quizzes", "predictions", "parsons"}
    answer = file["answers"]["decay_formula-1"]
    assert answer["tries"] == 4 and answer["solved"] is True
    assert sorted(answer["told"].values()) == [1, 2]
    known = [mistake.why for mistake in checks.exercises("decay_formula")["decay_formula-1"].mistakes]
    assert [text for text, times in answer["told"].items() if times == 2][0] in known  # noqa: RUF015
    assert "600" not in json.dumps(file["answers"]).replace("3600", ""), "what was typed is not kept"
    assert file["quizzes"] == {"decay_formula": {"1": "wrong", "2": "right"}}
    assert file["predictions"] == {"decay_formula": {"guess": 7, "truth": 3}}

    tally = class_report.exercises([class_report.read(tmp_path / "mine.json")])["decay_formula-1"]
    assert (tally.tried, tally.solved, tally.tries, len(tally.told)) == (1, 1, [4], 2)

    shown.evaluate("kept.change('deck', deck => { deck.log = [['one', 1, 1, 0]]; })")
    shown.on("dialog", lambda dialog: dialog.accept())
    shown.get_by_role("button", name="Delete everything").click()
    assert row(shown) == nothing
    assert shown.evaluate("localStorage.length") == 0
    assert row(progress_page(context)) == nothing


@pytest.mark.page
def test_what_another_tab_does_is_shown_at_once(context):
    shown = progress_page(context)
    shown.on("dialog", lambda dialog: dialog.accept())
    shown.get_by_role("button", name="Delete everything").click()
    assert row(shown)[1].startswith("0 of")
    chapter_page(context).get_by_text("Now", exact=True).click()
    shown.locator("tr[data-chapter=decay_formula] td[data-part=quizzes]", has_text="1 of").wait_for()
    assert shown.locator(".progress-panel [role=status]").inner_text() == "", "no longer that all is deleted"


@pytest.mark.page
def test_deleting_asks_first(context):
    tab = chapter_page(context)
    tab.get_by_text("Now", exact=True).click()
    shown = progress_page(context)
    shown.on("dialog", lambda dialog: dialog.dismiss())
    shown.get_by_role("button", name="Delete everything").click()
    assert row(shown)[1].startswith("1 of")


@pytest.mark.page
def test_an_empty_table_from_a_folder_says_why_it_may_be_empty(context, tmp_path):
    """Firefox keeps the marks of every page of files for that page alone."""
    file = tmp_path / "progress.html"
    scripts = "".join(f"<script>{SCRIPTS[name]}</script>" for name in ("kept", "progress"))
    body = progress.PANEL + progress.table() + scripts
    file.write_text(f"<!doctype html><meta charset='utf-8'>{body}", encoding="utf-8")
    tab = context.new_page()
    tab.goto(file.as_uri())
    status = tab.locator(".progress-panel [role=status]")
    assert "Firefox keeps the marks of every page apart" in status.inner_text()
    mark = json.dumps({"quizzes": {"decay_formula": {"1": "right"}}})  # Chromium may forget it over a reload
    tab.add_init_script(f"localStorage.setItem('fading-interest', '{mark}')")
    tab.reload()
    assert row(tab)[1].startswith("1 of") and status.inner_text() == ""
    served = progress_page(context).locator(".progress-panel [role=status]")
    assert served.inner_text() == "", "behind a server"


@pytest.mark.page
@pytest.mark.parametrize("kept", [
    "{", "3", '{"answers": 3, "quizzes": [], "predictions": null, "parsons": "x"}',
    '{"answers": {"decay_formula-1": null}, "parsons": {"weights": 4}}',
])
def test_a_damaged_memory_is_shown_as_none(context, kept):
    tab = page_of(context, "http://book.test/book/progress.html", "")
    tab.evaluate("text => localStorage.setItem('fading-interest', text)", kept)
    shown = progress_page(context)
    assert row(shown)[0].startswith("0 of") and shown.errors == []


@pytest.mark.page
def test_a_browser_that_keeps_nothing_breaks_nothing(context):
    refuse = "{ get() { throw new Error('no'); } }"
    context.add_init_script(f"Object.defineProperty(window, 'localStorage', {refuse})")
    tab = chapter_page(context)
    tab.get_by_text("Now", exact=True).click()
    tab.get_by_label("Your answer, in minutes").fill("600")
    tab.get_by_label("Your answer, in minutes").press("Enter")
    assert tab.evaluate("Object.keys(kept.all())") == ["quizzes", "answers"], "for this page only"
    assert tab.errors == []


@pytest.mark.page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_progress_is_accessible_and_narrow(browser, scheme):
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": 320, "height": 900}, color_scheme=scheme)
    tab = progress_page(context)
    rules = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
    faults = Axe().run(tab, options={"runOnly": rules}).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()

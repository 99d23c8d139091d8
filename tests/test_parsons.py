"""Code to put in order: the right orders print what is said, no others do; moved by key and pointer.

In a browser the problems stand in a bare page with the scripts, so that no book need be built.
"""

import contextlib
import io
import itertools
import json
import re

import pytest
import yaml
from sphinx.errors import ExtensionError

import parsons
from bare import show
from chapters import NAMES, ROOT

ALL = {problem["name"]: problem for problem in parsons.load()}
SCRIPTS = [(ROOT / f"book/_static/{name}.js").read_text(encoding="utf-8")
           for name in ("kept", "answer_box", "parsons")]
STYLE = (ROOT / "book/_static/practice.css").read_text(encoding="utf-8")
each = pytest.mark.parametrize("name", ALL)


def run(problem, lines):
    """What a program prints; None if it fails."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            exec(problem["given"] + "\n" + "\n".join(lines), {})
    except Exception:
        return None
    return said.getvalue().strip()


def test_ten_problems_with_gaps_of_known_chapters():
    assert len(ALL) >= 10
    assert sum(any(map(parsons.choices, problem["lines"])) for problem in ALL.values()) >= 5
    assert {problem["chapter"] for problem in ALL.values()} <= set(NAMES)
    assert len({problem["chapter"] for problem in ALL.values()}) >= 8


@each
def test_the_right_orders_print_what_is_said_and_no_other_order_does(name):
    problem, lines = ALL[name], [parsons.filled(line) for line in ALL[name]["lines"]]
    right = {tuple(map(int, order)) for order in parsons.orders(problem)}
    for order in itertools.permutations(range(len(lines))):
        printed = run(problem, [lines[k] for k in order])
        assert (printed == problem["prints"]) == (order in right), (order, printed)


@each
def test_a_wrong_gap_or_a_wrong_line_prints_something_else(name):
    problem = ALL[name]
    right = [parsons.filled(line) for line in problem["lines"]]
    for k, line in enumerate(problem["lines"]):
        for picked in itertools.product(*parsons.choices(line)):
            text = parsons.filled(line, picked)
            if text != right[k]:
                assert run(problem, [*right[:k], text, *right[k + 1 :]]) != problem["prints"], text
    assert problem["wrong"]
    for wrong in problem["wrong"]:
        k = wrong["instead"]
        assert run(problem, [*right[:k], wrong["line"], *right[k + 1 :]]) != problem["prints"], wrong["line"]


@each
def test_the_page_never_shows_the_right_order_nor_says_it(name):
    problem = ALL[name]
    keys = [key for key, _ in parsons.shown(problem)]
    others = [f"w{k}" for k in range(len(problem["wrong"]))]
    assert sorted(keys) == sorted(parsons.orders(problem)[0] + others)
    assert [key for key in keys if key.isdigit()] not in parsons.orders(problem)
    form = parsons.form(problem)
    assert not [wrong["why"] for wrong in problem["wrong"] if wrong["why"][:25] in form]
    assert "orders" not in re.sub(r'data-sealed="[^"]*"', "", form)


def test_a_fault_is_named(tmp_path):
    file = tmp_path / "parsons.yml"
    file.write_text(yaml.safe_dump([{**ALL["as-of"], "hint": "x"}]))
    with pytest.raises(ExtensionError, match=r"parsons\.yml, as-of: .*unknown \['hint'\]"):
        parsons.load(file)


# ------------------------------------------------------------------------------------------ in a browser


@pytest.fixture
def context(browser):
    made = browser.new_context(viewport={"width": 320, "height": 900})
    yield made
    made.close()


def opened(context, *names):
    tab = context.new_page()
    body = "".join(f"<h2>{name}</h2>{parsons.form(ALL[name])}" for name in names)
    hidden = ".visually-hidden {position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
    show(tab, "Parsons", f"{STYLE} {hidden}", f"<main><h1>Order</h1>{body}</main>")
    for script in SCRIPTS:
        tab.add_script_tag(content=script)
    return tab


def texts(tab):
    return tab.locator(".parsons-lines li:not(.parsons-out)").evaluate_all(
        "all => all.map(line => line.dataset.line)"
    )


def place_of(problem, key):
    return [k for k, _ in parsons.shown(problem)].index(key)


def solve(tab, problem, order):
    """With the keyboard alone: leave out what does not belong, move the rest, fill the gaps."""
    shown = [key for key, _ in parsons.shown(problem)]
    for key in shown:
        if key.startswith("w") and str(shown.index(key)) in texts(tab):
            tab.locator(f"li[data-line='{shown.index(key)}'] [data-do=out]").focus()
            tab.keyboard.press("Delete")
    for place, key in enumerate(order):
        line = str(shown.index(key))
        tab.locator(f"li[data-line='{line}'] [data-do=up]").focus()
        while texts(tab).index(line) > place:
            tab.keyboard.press("ArrowUp")
    for key in order:
        gaps = tab.locator(f"li[data-line='{shown.index(key)}'] select")
        for k, gap in enumerate(parsons.choices(problem["lines"][int(key)])):
            gaps.nth(k).select_option(gap[0])
    tab.get_by_role("button", name="Check").click()
    return tab.locator(".parsons-told").inner_text()


@pytest.mark.page
@each
def test_every_right_order_is_right_by_keyboard(context, name):
    problem = ALL[name]
    for order in parsons.orders(problem):
        tab = opened(context, name)
        assert solve(tab, problem, order) == f"Right. It prints {problem['prints']}"
        assert tab.errors == []
        tab.close()


@pytest.mark.page
def test_it_says_what_to_look_at(context):
    problem = ALL["running-sum"]
    tab = opened(context, "running-sum")
    tab.get_by_role("button", name="Check").click()
    told = tab.locator(".parsons-told")
    assert "does not belong" in told.inner_text() and problem["wrong"][0]["why"] in told.inner_text()
    assert "The first 2 lines are in place." in solve(tab, problem, ["0", "1", "3", "2", "4"])
    assert solve(tab, problem, ["0", "1", "2", "3", "4"]).startswith("Right.")
    tab.locator("select").select_option("")
    tab.get_by_role("button", name="Check").click()
    assert "Line 3 has an open gap" in told.inner_text()
    tab.locator("select").select_option(parsons.choices(problem["lines"][2])[0][1])
    tab.get_by_role("button", name="Check").click()
    assert "In line 3 something else" in told.inner_text()
    tab.locator(f"li[data-line='{place_of(problem, '3')}'] [data-do=out]").click()
    tab.get_by_role("button", name="Check").click()
    assert "left out" in told.inner_text()
    assert tab.evaluate("kept.part('parsons')['running-sum']") == {
        "chapter": "events_to_interest", "tries": 6, "solved": True}


@pytest.mark.page
def test_moves_are_announced_and_undone(context):
    tab = opened(context, "as-of")
    before = texts(tab)
    second = tab.locator("li").nth(1)
    second.locator("[data-do=up]").press("Enter")
    assert texts(tab) == [before[1], before[0], *before[2:]]
    assert tab.locator(".parsons-moved").inner_text().startswith(f"Place 1 of {len(before)}: ")
    assert tab.evaluate("document.activeElement.dataset.do") == "up", "the focus goes along"
    tab.locator("li").first.locator("[data-do=out]").click()
    assert tab.locator(".parsons-moved").inner_text().startswith("Left out: ")
    assert tab.get_by_role("button", name="Use again").count() == 1
    tab.get_by_role("button", name="Start again").click()
    assert texts(tab) == before


@pytest.mark.page
def test_the_pointer_drags(context):
    tab = opened(context, "as-of")
    before = texts(tab)
    first, third = (tab.locator("li").nth(k).bounding_box() for k in (0, 2))
    tab.mouse.move(first["x"] + 20, first["y"] + 8)
    tab.mouse.down()
    for step in range(1, 11):
        tab.mouse.move(first["x"] + 20, first["y"] + (third["y"] + third["height"] - first["y"]) * step / 10)
    tab.mouse.up()
    assert texts(tab)[:3] == [before[1], before[2], before[0]]
    assert tab.locator(".parsons-held").count() == 0


@pytest.mark.page
def test_without_a_script_the_lines_are_read(browser):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.set_content(parsons.form(ALL["as-of"]))
    assert tab.locator("li").count() == len(ALL["as-of"]["lines"]) + 1
    assert tab.locator("button:visible").count() == 0
    context.close()


@pytest.mark.page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_problems_are_accessible_and_narrow(browser, scheme):
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": 320, "height": 900}, color_scheme=scheme)
    tab = opened(context, *ALL)
    rules = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
    faults = Axe().run(tab, options={"runOnly": rules}).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    sizes = tab.locator(".parsons button, .parsons select").evaluate_all(
        "all => all.map(one => Math.min(one.offsetHeight, one.offsetWidth))")
    assert min(sizes) >= 24
    assert json.dumps(tab.errors) == "[]"
    context.close()

"""What Firefox and Safari do otherwise than Chromium, as far as it can be held in Chromium or in the text.

Each fault was found by opening the built pages in Firefox and in WebKit.
"""

import json
import re

import pytest

import answer_box
import parsons
import predict
from bare import show
from chapters import ROOT
from interestdecay_lib import checks
from test_widgets import explorer

LIVE = ROOT / "interestdecay_lib/explorer.js"
SCRIPTS = [*sorted((ROOT / "book/_static").glob("*.js")), LIVE]
STYLES = [*sorted((ROOT / "book/_static").glob("*.css")), LIVE.with_suffix(".css")]


def _named(path):
    return path.name


@pytest.mark.parametrize("script", SCRIPTS, ids=_named)
def test_no_script_looks_behind(script):
    """Safari before 16.4 refuses a whole script for one lookbehind."""
    assert not re.search(r"\(\?<[=!]", script.read_text(encoding="utf-8"))


@pytest.mark.parametrize("style", STYLES, ids=_named)
def test_lines_below_text_are_written_out(style):
    """Of ``text-decoration`` Safari long took the line alone, and dropped a declaration that says more."""
    text = style.read_text(encoding="utf-8")
    assert all(len(value.split()) == 1 for value in re.findall(r"text-decoration:\s*([^;}]+)", text))


def test_a_page_that_is_loaded_again_begins_anew():
    """Firefox keeps what stands in a form over a reload, and the scripts' words beside it would not fit."""
    chosen = checks.Exercise(lambda: "a", mistakes=[checks.Mistake(lambda: "b", "Not b.")])
    forms = [answer_box.form("x-1", one) for one in (chosen, checks.Exercise(lambda: {"a": 1.5, "b": 2.5}))]
    forms += [predict.form(name, told) for name, told in predict.load().items()]
    forms += map(parsons.form, parsons.load())
    controls = re.findall("<(?:input|select)[^>]*>", "".join(forms))
    assert len(controls) > 40
    assert [one for one in controls if 'autocomplete="off"' not in one] == []


NOTED = "window.faults = []; addEventListener('error', (event) => faults.push(event.message))"
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture
def live(browser):
    """A bare page with both kinds of live figure, which notes its errors as the console would show them."""
    rates = json.dumps({"rates": [1 / week for week in range(1, 66)]})
    figure = explorer(alt=lambda height, kind: "The higher the bar, the longer the words." * height).to_html()
    theme = "output { display: inline-block }"
    style = theme + "".join(path.read_text(encoding="utf-8") for path in STYLES)
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.add_init_script(NOTED)
    curve = f"<moving-curve><script type='application/json'>{rates}</script></moving-curve>"
    show(tab, "Live", style, figure + curve)
    tab.add_script_tag(content=LIVE.read_text(encoding="utf-8"), type="module")
    tab.add_script_tag(path=ROOT / "book/_static/curves.js")
    tab.wait_for_selector("fading-explorer .explorer-status")
    yield tab
    tab.close()


@pytest.mark.page
def test_live_figures_follow_the_window_without_an_error(live):
    """To change the size of what one observes is an error in every browser; Firefox shows it."""
    room = []
    for width in (1280, 320):
        live.set_viewport_size({"width": width, "height": 900})
        live.evaluate(DRAWN)
        room.append(live.locator(".explorer-status").first.evaluate("p => parseFloat(p.style.minHeight)"))
    assert room[1] > 2 * room[0]
    picture = live.locator("moving-curve svg").bounding_box()
    last = live.locator("moving-curve circle.real").last.bounding_box()
    assert last["x"] + last["width"] <= picture["x"] + picture["width"], "the whole curve on a small phone"
    assert live.evaluate("faults") == []


@pytest.mark.page
def test_controls_do_not_leave_their_look_to_the_browser(live):
    """WebKit's own button is white on light grey in the dark, and it raises an ``output`` above its line."""
    live.evaluate("document.body.style.color = 'rgb(1, 2, 3)'")
    for figure in ("fading-explorer", "moving-curve"):
        look = "node => [getComputedStyle(node).color, getComputedStyle(node).backgroundColor]"
        button = live.locator(f"{figure} button").first
        assert button.evaluate(look) == ["rgb(1, 2, 3)", "rgba(0, 0, 0, 0)"]
    number = live.locator("moving-curve output").first
    assert number.evaluate("node => getComputedStyle(node).display") == "inline"


@pytest.mark.page
def test_to_drag_the_point_selects_no_text(live):
    """Chromium never did, Firefox and WebKit the axes' numbers; Safari knows the property by its prefix."""
    assert live.locator("moving-curve svg").evaluate("svg => getComputedStyle(svg).userSelect") == "none"
    assert "-webkit-user-select: none" in (ROOT / "book/_static/book.css").read_text(encoding="utf-8")

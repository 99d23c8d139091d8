"""The built book, on disk and in a real browser (run by `make test` after the build)."""

import html
import inspect
import json
import math
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from playwright.sync_api import TimeoutError

import library_pages
import quiz
import solution_values
from chapters import NAMES, PAGES, ROOT, exercises
from figures import FIGURES
from interestdecay_lib import checks
from serving import served

pytestmark = pytest.mark.page
HTML = ROOT / "_build/html"
ONE_OF_A_KIND = {"book/index", "book/source_audit", "book/api/decay", "chapters/lstm_by_hand"}


def of_page(page, value=None):
    """A parameter whose tests run in the worker of its page."""
    return pytest.param(value or page, marks=pytest.mark.xdist_group(page))


each_page = pytest.mark.parametrize("page", list(map(of_page, PAGES)))
each_chapter = pytest.mark.parametrize("name", [of_page(f"chapters/{name}", name) for name in NAMES])


@pytest.fixture(scope="session")
def address():
    """The book behind a local server."""
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: run `make book` first")

    with served(HTML) as running:
        yield running


def _noting(tab):
    """A tab that notes every request to another host, which the browser does not find, and every error."""
    tab.foreign, tab.errors = [], []

    def note(request):
        if not request.url.startswith(("http://127.0.0.1", "file:", "data:", "blob:")):
            tab.foreign.append(request.url)

    tab.on("request", note)
    tab.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.on("console", lambda message: message.type == "error" and tab.errors.append(message.text))
    tab.on("response", lambda response: response.status >= 400 and tab.errors.append(response.url))
    return tab


@pytest.fixture
def tab(browser):
    """A tab for one test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield _noting(context.new_page())
    context.close()


class Reading:
    """Opens a page, or gives it again if it is open, for tests that look, or leave it as they found it.

    All tests of one page run in one worker, one after the other (`of_page`), so that it is opened once. They
    stand in the order of a reader who first looks, then plays, and at last opens all folds.
    """

    def __init__(self, browser, address):
        self.address = address
        self.tab = _noting(browser.new_context(viewport={"width": 1280, "height": 900}).new_page())

    def __call__(self, page):
        self.tab.set_viewport_size({"width": 1280, "height": 900})
        if urldefrag(self.tab.url)[0] != f"{self.address}{page}.html":
            self.tab.foreign.clear()
            self.tab.errors.clear()
            _open(self.tab, self.address, page)
        # off every button: a tooltip stays a moment where the wider window had it, outside the narrower
        self.tab.mouse.move(0, 0)
        self.tab.evaluate("document.activeElement.blur()")
        self.tab.wait_for_function("!document.querySelector('.tooltip')")
        return self.tab

    def close(self):
        """The next test opens its page anew."""
        self.tab.emulate_media(color_scheme="light")
        self.tab.goto("about:blank")


@pytest.fixture(scope="session")
def reading(browser, address):
    return Reading(browser, address)


@pytest.fixture(scope="session")
def offline(browser):
    """The same from the files, without a server."""
    return Reading(browser, HTML.as_uri() + "/")


@pytest.fixture
def last_reading(reading):
    """For a test that leaves a page in disorder."""
    yield reading
    reading.close()


def _open(tab, address, page):
    """A page when its pictures are there and its mathematics is drawn."""
    tab.goto(f"{address}{page}.html", wait_until="load")
    tab.evaluate("() => window.MathJax?.startup?.promise")


def _source(page):
    return (HTML / f"{page}.html").read_text(encoding="utf-8")


def _frames(page):
    """The stored data of every live figure of a page."""
    scripts = re.findall(r'<script type="application/json">(.*?)</script>', _source(page), flags=re.S)
    return [data for data in map(json.loads, scripts) if "frames" in data]


@each_page
def test_the_keyboard_reaches_everything_and_shows_where_it_is(reading, page):
    """The first test of a page: the first stop is counted from where the page was touched last."""
    tab = reading(page)
    tab.keyboard.press("Tab")
    assert "Skip to" in tab.evaluate("document.activeElement.textContent"), "the first stop is the skip link"
    unseen = tab.evaluate(
        """() => [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
        .filter((node) => node.checkVisibility({visibilityProperty: true}) && !node.disabled)
        .filter((node) => {
            node.focus({focusVisible: true});
            if (document.activeElement !== node) return true;
            const [own, around] = [node, node.parentElement].map((one) => getComputedStyle(one));
            return own.outlineStyle === 'none' && own.boxShadow === 'none' && around.outlineStyle === 'none';
        }).map((node) => node.outerHTML.slice(0, 120))"""
    )
    assert unseen == []


@each_page
def test_every_picture_has_words_and_loads(reading, page):
    tab = reading(page)
    pictures = tab.locator("article img").evaluate_all(
        "images => images.map(i => [i.alt, i.naturalWidth, i.src])"
    )
    for alt, width, source in pictures:
        assert len(alt.split()) >= 5, source[:80]
        assert width > 0, source[:80]


@each_chapter
def test_mathematics_is_drawn(reading, name):
    tab = reading(f"chapters/{name}")
    written = tab.locator("article .math").count()
    assert written > 0
    tab.wait_for_function("document.querySelectorAll('article .math mjx-container').length > 0")
    assert tab.locator("article .math mjx-container").count() >= written
    assert tab.locator("mjx-merror").count() == 0


@each_page
def test_a_page_asks_nobody_and_throws_nothing(reading, page):
    """When it opens, when the theme is switched, and (on one page of a kind) when the book is searched."""
    tab = reading(page)
    tab.wait_for_load_state("networkidle")  # nor a little later
    shown = set()
    for _ in range(3):
        tab.locator(".theme-switch-button:visible").first.click()
        shown.add(tab.evaluate("document.documentElement.dataset.mode"))
    assert shown == {"auto", "light", "dark"}
    if page in ONE_OF_A_KIND:
        tab.keyboard.press("Control+k")
        tab.keyboard.type("forget gate")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#search-results li a")
    assert tab.foreign == []
    assert tab.errors == []
    assert "thebe-config" not in _source(page) and "kernelName" not in _source(page), "a dead script"


@each_page
def test_a_page_works_from_a_file(offline, page):
    tab = offline(page)
    tab.wait_for_load_state("networkidle")
    assert tab.foreign == []
    assert [error for error in tab.errors if "CORS" not in error] == []
    assert tab.locator("fading-explorer img.explorer-picture").count() == len(_frames(page))


@each_page
def test_nothing_failed_while_building(page):
    source = _source(page)
    outputs = re.findall(r'<div class="output.*?</div>', source, flags=re.S)
    assert not [output for output in outputs if "traceback" in output.lower()]
    assert "{glue:" not in re.sub(r"<(pre|code).*?</\1>", "", source, flags=re.S)
    assert "No key" not in source


@each_page
def test_links_and_anchors_resolve(page):
    here = f"{page}.html"
    article = re.search(r"<article.*?</article>", _source(page), flags=re.S).group()
    for target in {html.unescape(link) for link in re.findall(r'href="([^"]+)"', article)}:
        if re.match(r"[a-z]+:", target):
            continue
        path, anchor = urldefrag(urljoin(here, target))
        file = HTML / unquote(path.partition("?")[0])
        assert file.is_file(), target
        if anchor and file.suffix == ".html":
            assert f'id="{unquote(anchor)}"' in file.read_text(encoding="utf-8"), target


@each_chapter
def test_live_figures_follow_the_keyboard(reading, name):
    """Each control of each figure is stepped with the keyboard; picture and words must be the stored ones."""
    page = f"chapters/{name}"
    figures = _frames(page)
    assert figures, "a chapter has at least one live figure"
    tab = reading(page)
    for number, figure in enumerate(figures):
        controls = figure["spec"]["controls"]
        box = tab.locator("fading-explorer").nth(number)
        state = list(figure["spec"]["start"])
        assert box.locator(".explorer-status").inner_text() == box.locator("img").get_attribute("alt")
        for k, control in enumerate(controls):
            size = len(control["values"])
            step = ("ArrowDown" if control["kind"] == "select" else "ArrowRight", 1)
            if state[k] == size - 1:
                step = ("ArrowUp" if control["kind"] == "select" else "ArrowLeft", -1)
            steered = box.locator(f"[data-name={control['name']}]")
            (steered.locator("input:checked") if _stops(control) else steered).focus()
            tab.keyboard.press(step[0])
            state[k] += step[1]
            flat = 0
            for c, index in zip(controls, state, strict=True):
                flat = flat * len(c["values"]) + index
            frame = figure["frames"][flat]
            picture = box.locator(".explorer-picture")
            assert picture.get_attribute("src") == frame["src"]
            assert picture.get_attribute("alt") == frame["alt"]
            assert box.locator(".explorer-status").inner_text() == frame["alt"], "announced"
        box.get_by_role("button", name="Reset").click()
        assert box.locator(".explorer-picture").get_attribute("data-state") == ",".join(
            map(str, figure["spec"]["start"])
        )


@each_chapter
def test_answer_boxes_judge_on_the_page(offline, name):
    """From a file, without kernel or network: every exercise that `check` knows; in print the box is gone."""
    tab = offline(f"chapters/{name}")
    boxes = tab.locator(".exercise form.answer-box:visible")
    judged = boxes.evaluate_all("all => all.map((box) => box.dataset.exercise)")
    assert judged == list(checks.exercises(name))
    for number, exercise in enumerate(judged):
        box, right = boxes.nth(number), checks.exercises(name)[exercise].answer()
        for field in box.locator("input:not([data-student]), select").all():
            part = right[field.get_attribute("data-key")] if isinstance(right, dict) else right
            listed = part.tolist() if hasattr(part, "tolist") else part
            typed = field.select_option if isinstance(right, str) else field.fill
            typed(str(listed))
        box.get_by_role("button").click()
        assert box.get_by_role("status").get_attribute("data-verdict") == "right", exercise
        assert "Right." in box.get_by_role("status").inner_text()
        for own in box.locator("summary").all():  # the fold with the reader's own numbers
            own.click()
    sizes = boxes.locator("input, select, button, summary").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map((box) => Math.min(box.width, box.height))"
    )
    assert min(sizes) >= 24, "large enough for a finger"
    tab.emulate_media(media="print")
    assert tab.locator("form.answer-box:visible").count() == 0
    tab.emulate_media(media="screen")
    assert tab.foreign == []


@each_chapter
def test_live_figures_follow_the_mouse(reading, name):
    tab = reading(f"chapters/{name}")
    slider = tab.locator("fading-explorer input[type=range]").first
    if slider.count() == 0:
        pytest.skip("menus only")
    slider.scroll_into_view_if_needed()
    place = slider.bounding_box()
    tab.mouse.click(place["x"] + place["width"] - 2, place["y"] + place["height"] / 2)
    assert slider.input_value() == slider.get_attribute("max")


@each_chapter
def test_frames_differ(name):
    """A control that changes nothing would be a dead control."""
    for figure in _frames(f"chapters/{name}"):
        sizes = [len(control["values"]) for control in figure["spec"]["controls"]]
        assert len(figure["frames"]) == math.prod(sizes)
        assert len({frame["src"] for frame in figure["frames"]}) > len(figure["frames"]) / 2
        assert len({frame["alt"] for frame in figure["frames"]}) > len(figure["frames"]) / 2


@each_page
def test_size(page):
    assert len(_source(page).encode()) < 1_500_000


def test_the_site_is_small():
    total = sum(file.stat().st_size for file in HTML.rglob("*") if file.is_file())
    assert total < 40_000_000


@each_page
def test_no_sideways_scrolling(reading, page):
    tab = reading(page)
    for width in (1280, 640, 320):  # 640: a laptop at 200 %; 320: a small phone
        tab.set_viewport_size({"width": width, "height": 900})
        too_wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, f"at {width} pixels"


@each_chapter
def test_no_code_wraps_or_scrolls_on_a_laptop(reading, name):
    """Every visible cell of code stands in full, one line a line, beside both side bars."""
    cells = reading(f"chapters/{name}").locator("article div.cell_input pre:visible")
    assert cells.count() > 5
    wide = cells.evaluate_all(
        """all => {
            all.forEach(cell => { cell.style.whiteSpace = 'pre'; });
            const wide = all.filter(cell => cell.scrollWidth > cell.clientWidth);
            all.forEach(cell => { cell.style.whiteSpace = ''; });
            return wide.map(cell => cell.textContent);
        }"""
    )
    assert wide == []


def test_search_finds_the_half_life(tab, address):
    tab.goto(address + "search.html?q=half-life", wait_until="networkidle")
    tab.wait_for_selector("#search-results li a")
    assert tab.locator("#search-results li a").count() >= 3
    assert tab.foreign == []


def test_no_path_of_the_building_machine():
    for file in HTML.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert str(ROOT) not in text and str(Path.home()) + "/" not in text, file


# ------------------------------------------------------------- live figures against the library itself


@pytest.mark.parametrize("hand", ["keyboard", "mouse"])
@each_chapter
def test_live_figures_show_what_the_library_computes(reading, name, hand):
    tab = reading(f"chapters/{name}")
    for number, figure in enumerate(_frames(f"chapters/{name}")):
        spec = figure["spec"]
        oracle, states = FIGURES[spec["name"]]
        box = tab.locator("fading-explorer").nth(number)
        for wanted in states:
            box.get_by_role("button", name="Reset").click()
            start = zip(spec["controls"], spec["start"], strict=True)
            state = {control["name"]: control["values"][k] for control, k in start} | wanted
            for control in spec["controls"]:
                if control["name"] in wanted:
                    place = control["values"].index(wanted[control["name"]])
                    _steer(tab, box.locator(f"[data-name={control['name']}]"), control, place, hand)
            said = box.locator(".explorer-picture").get_attribute("alt")
            extra = {"said": said} if "said" in inspect.signature(oracle).parameters else {}
            for piece in oracle(**state, **extra):
                assert piece in said


def _stops(control):
    """A few numbers are stops to choose from."""
    return control["kind"] == "range" and len(control["values"]) < 5


def _steer(tab, control, spec, place, hand):
    last = len(spec["values"]) - 1
    if _stops(spec):
        if hand == "mouse":
            control.get_by_text(spec["values"][place], exact=True).click()
        else:
            control.locator("input:checked").focus()
            for _ in range((place - int(control.locator("input:checked").input_value())) % (last + 1)):
                tab.keyboard.press("ArrowRight")
        assert control.locator("input:checked").input_value() == str(place)
        return
    if spec["kind"] == "select":
        control.focus() if hand == "keyboard" else control.select_option(str(place))
        if hand == "keyboard":
            tab.keyboard.press("Home")
            for _ in range(place):
                tab.keyboard.press("ArrowDown")
    elif hand == "keyboard":
        control.focus()
        tab.keyboard.press("Home")
        for _ in range(place):
            tab.keyboard.press("ArrowRight")
    else:
        control.scroll_into_view_if_needed()
        track = control.bounding_box()
        thumb = 16  # pixels; its middle moves from one end of the track to the other
        x = track["x"] + thumb / 2 + (track["width"] - thumb) * place / last
        tab.mouse.click(x, track["y"] + track["height"] / 2)
    assert control.input_value() == str(place)


def test_every_live_figure_has_an_oracle():
    shown = [figure["spec"]["name"] for name in NAMES for figure in _frames(f"chapters/{name}")]
    assert sorted(shown) == sorted(FIGURES)
    assert all(
        len(json.dumps(figure)) < 520_000 for name in NAMES for figure in _frames(f"chapters/{name}")
    ), "a live figure weighs at most about half a megabyte"


# ------------------------------------------------------------------------ what a reader does with a page


def test_a_link_restores_a_state(tab, address):
    """A link holds values; what no control has is left at the start."""
    page = f"{address}chapters/decay_formula.html"
    link = "#curves?curve=Hyperbolic&half_life=4&age=999"
    tab.goto(page + link, wait_until="load")
    figure = _frames("chapters/decay_formula")[0]["spec"]
    curve, half_life, age = figure["controls"]
    wanted = [curve["values"].index("Hyperbolic"), half_life["values"].index("4"), figure["start"][2]]
    assert tab.locator(".explorer-picture").get_attribute("data-state") == ",".join(map(str, wanted))
    tab.get_by_role("button", name="Copy link").first.click()
    assert tab.evaluate("location.hash") == link.replace("999", age["values"][figure["start"][2]])


@each_chapter
def test_live_figures_say_their_range_and_do_not_jump(reading, name):
    """No slider with a handful of stops; the ends are written; what is below stays where it is."""
    tab = reading(f"chapters/{name}")
    for number, figure in enumerate(_frames(f"chapters/{name}")):
        box = tab.locator("fading-explorer").nth(number)
        caption = box.locator("xpath=ancestor::figure").locator(".caption-number")
        assert caption.inner_text().strip() in box.locator(".explorer").get_attribute("aria-label")
        for control in figure["spec"]["controls"]:
            steered = box.locator(f"[data-name={control['name']}]")
            values = control["values"]
            if control["kind"] == "select":
                continue
            if len(values) < 5:
                assert steered.locator("label").all_inner_texts() == values
                continue
            assert steered.locator("xpath=..").locator("datalist option").count() == len(values)
            ends = steered.locator("xpath=..").locator(".explorer-ends span").all_inner_texts()
            assert ends == [values[0], values[-1]]
        height = box.bounding_box()["height"]
        longest = max(range(len(figure["frames"])), key=lambda k: len(figure["frames"][k]["alt"]))
        for frame in (figure["frames"][longest], figure["frames"][-1]):
            for control, place in zip(figure["spec"]["controls"], frame["state"].split(","), strict=True):
                _steer(tab, box.locator(f"[data-name={control['name']}]"), control, int(place), "keyboard")
            assert box.locator(".explorer-status").inner_text() == frame["alt"]
            assert abs(box.bounding_box()["height"] - height) < 1


def test_search_works_from_a_folder(tab):
    tab.goto((HTML / "search.html").as_uri() + "?q=half-life", wait_until="load")
    tab.wait_for_selector("#search-results li a")
    assert tab.foreign == []


def test_terms_and_equations_are_previewed(tab, address):
    _open(tab, address, "chapters/decay_formula")
    tab.wait_for_function("document.querySelector('.math mjx-container') !== null")
    box = tab.locator("#preview")
    for link in ("a[data-preview*='fallen to one half']", "a[href^='#equation-']:not(.headerlink)"):
        link = tab.locator("article").locator(link).first
        link.focus()
        box.wait_for(state="visible")
        assert link.get_attribute("aria-describedby") == "preview"
        tab.keyboard.press("Escape")
        box.wait_for(state="detached")
        assert link.get_attribute("aria-describedby") is None
        link.hover()
        box.wait_for(state="visible")
        tab.mouse.move(0, 0)
        tab.wait_for_function("document.getElementById('preview') === null")


def test_reduced_motion_is_respected(browser, address):
    context = browser.new_context(reduced_motion="reduce")
    tab = context.new_page()
    _open(tab, address, "chapters/decay_formula")
    moving = tab.evaluate(
        """() => [...document.querySelectorAll('*')].filter((node) => {
            const style = getComputedStyle(node);
            return [style.transitionDuration, style.animationDuration].some((all) =>
                all.split(',').some((one) => parseFloat(one) > 0.01)) || style.scrollBehavior === 'smooth';
        }).map((node) => node.outerHTML.slice(0, 100))"""
    )
    context.close()
    assert moving == []


@each_chapter
def test_without_javascript_a_chapter_is_whole(browser, address, name):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{address}chapters/{name}.html")
    stills = tab.locator("fading-explorer > img")
    assert stills.count() == len(_frames(f"chapters/{name}"))
    assert all(len(alt.split()) >= 5 for alt in stills.evaluate_all("all => all.map((i) => i.alt)"))
    context.close()


@each_chapter
def test_a_chapter_says_how_to_run_it(reading, name):
    tab = reading(f"chapters/{name}")
    block = tab.get_by_label("Run this chapter")
    with tab.expect_download() as download:
        block.get_by_text("download the notebook").click()
    stored = Path(download.value.path()).read_text(encoding="utf-8")
    assert stored == (ROOT / "chapters" / f"{name}.ipynb").read_text(encoding="utf-8")
    links = block.locator("a").all_inner_texts()
    own = ["download the notebook", "show it as slides", "print its worksheet"]
    assert links == own, "no launch link without a repository"
    assert tab.locator(".prev-next-area a").count() >= 1


def test_the_front_page_shows_every_chapter_and_a_live_figure(tab, address):
    _open(tab, address, "book/index")
    cards = tab.locator(".sd-card")
    assert cards.count() == len(NAMES)
    assert all("minutes to read" in text for text in cards.all_inner_texts())
    figure = tab.locator("moving-curve")
    said = figure.locator("svg").get_attribute("aria-label")
    assert figure.locator("polyline").count() == 1 and figure.locator(".real").count() == 65
    low, high = (figure.locator(".explorer-ends").first.locator("span").nth(k).bounding_box() for k in (0, 1))
    assert high["x"] - low["x"] > 150, "an end of the scale stands at each end of the slider"
    figure.locator("[name=halfLife]").focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowRight")
    moved = figure.locator("svg").get_attribute("aria-label")
    assert moved != said and "half-life of 12.5 weeks: an event 14 weeks old" in moved
    assert figure.locator(".explorer-status").inner_text() == moved
    figure.locator("svg").scroll_into_view_if_needed()
    point = figure.locator("circle.asked").bounding_box()
    x, y = point["x"] + point["width"] / 2, point["y"] + point["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 100, y)
    tab.mouse.up()
    week = int(re.search(r"an event (\d+) weeks", figure.locator("svg").get_attribute("aria-label"))[1])
    assert 20 <= week <= 30, "the point was taken along the curve"


def test_the_front_page_draws_what_the_library_computes(tab, address):
    """The script's formulas, on a grid, are the library's; its points are the shop's rates."""
    from figures import _rate_since_first
    from interestdecay_lib import decay

    tab.goto(address + "book/index.html", wait_until="load")
    ages, half_lives = [0, 0.5, 1, 3, 13, 52, 65, 400], [1, 4, 12.5, 50, 104]
    formulas = "customElements.get('moving-curve').weights"
    assert tab.evaluate(f"Object.keys({formulas})") == list(decay.CURVES)
    for name, curve in decay.CURVES.items():
        for half_life in half_lives:
            if name == "BiExponential":
                unit = half_life / curve(1, 10).half_life
                wanted = curve(unit, 10 * unit)(ages)
            else:
                wanted = curve(half_life)(ages)
            drawn = tab.evaluate(f"{ages}.map((age) => {formulas}.{name}(age / {half_life}))")
            assert drawn == pytest.approx(list(wanted), rel=1e-9, abs=1e-300), (name, half_life)
    rates = _rate_since_first()
    stored = tab.evaluate("document.querySelector('moving-curve').rates")
    assert stored == pytest.approx(list(rates / rates[0]), abs=1e-5)


def test_code_can_be_copied_and_output_is_told_apart(tab, address):
    _open(tab, address, "chapters/decay_formula")
    code = tab.locator("div.cell_input")
    assert code.locator("button.copybtn").count() >= code.locator("pre").count() > 10
    look = "node => [getComputedStyle(node).backgroundColor, getComputedStyle(node).borderLeftColor].join()"
    written = code.locator("div.highlight").first.evaluate(look)
    printed = tab.locator("div.cell_output div.highlight").first.evaluate(look)
    assert written != printed


def test_the_picture_for_messengers():
    from PIL import Image

    assert Image.open(HTML / "_static/social.png").size == (1200, 630)
    assert '<meta property="og:title" content="' in _source("book/index")
    assert "og:image" not in _source("book/index"), "an address that is not configured is not invented"


@each_chapter
def test_quick_questions_answer_the_keyboard(offline, name):
    """From a file, without a script: Enter opens a choice, and what appears is the stored explanation."""
    tab = offline(f"chapters/{name}")
    questions = tab.locator(".quiz > ol > li")
    stored = quiz.load(name)
    assert questions.count() == len(stored)
    shown = "all => all.map((why) => why.checkVisibility())"
    for number, question in enumerate(stored):
        choices = questions.nth(number).locator("details")
        explanations = choices.locator(".quiz-why")
        count = len(question["choices"])
        assert explanations.evaluate_all(shown) == [False] * count, "nothing is given away before"
        choices.first.locator("summary").focus()
        for position in range(count):
            tab.keyboard.press("Enter")
            assert explanations.evaluate_all(shown) == [k <= position for k in range(count)]
            tab.keyboard.press("Tab")
        rights = [choice.get("right", False) for choice in question["choices"]]
        words = [text.split()[0] for text in explanations.all_inner_texts()]
        assert words == ["Right." if right else "No." for right in rights]
    assert tab.foreign == []


# --------------------------------------------------------------------------------- scrolled, in the dark


def test_the_fade_follows_the_scrolling(tab, address):
    tab.set_viewport_size({"width": 390, "height": 844})
    _open(tab, address, "chapters/evaluating_forecasts")
    box = tab.locator("article .more-right").first
    box.evaluate("node => node.classList.add('watched')")
    box = tab.locator(".watched")
    sides = """sides => {
        const { classList } = document.querySelector('.watched');
        return ['left', 'right'].filter((side) => classList.contains(`more-${side}`)).join() === sides;
    }"""
    assert tab.evaluate(sides, "right")
    for place, wanted in ((20, "left,right"), (9999, "left")):
        box.evaluate(f"node => {{ node.scrollLeft = {place}; }}")
        tab.wait_for_function(sides, arg=wanted)


def test_figures_in_the_dark_share_one_quiet_ground(browser, address):
    context = browser.new_context(color_scheme="dark")
    tab = context.new_page()
    _open(tab, address, "chapters/decay_formula")
    looks = tab.locator("article figure img").evaluate_all(
        """all => all.map((image) => {
            const [own, frame] = [image, image.parentElement].map((node) => getComputedStyle(node));
            return [own.backgroundColor, own.filter, own.padding, frame.backgroundColor].join();
        })"""
    )
    grounds = tab.locator("article .output.text_html").evaluate_all(
        "all => [...new Set(all.map((node) => getComputedStyle(node).backgroundColor))]"
    )
    context.close()
    assert len(looks) > 3 and len(set(looks)) == 1, set(looks)
    brightness = float(re.search(r"brightness\(([\d.]+)\)", looks[0])[1])
    assert brightness <= 0.8 and ",0px," in looks[0]
    assert grounds == ["rgba(0, 0, 0, 0)"]


def test_paper_is_light_and_complete(browser, address):
    """Printed from the dark: light, quizzes answered, solutions at the end, no buttons; then as before."""
    context = browser.new_context(color_scheme="dark")
    tab = context.new_page()
    _open(tab, address, "chapters/decay_formula")
    state = """() => ({
        theme: document.documentElement.dataset.theme,
        text: getComputedStyle(document.querySelector('article p')).color,
        open: document.querySelectorAll('details.quiz-choice[open]').length,
        buttons: [...document.querySelectorAll('article button')].filter((b) => b.checkVisibility()).length,
        solutions: document.querySelectorAll('.printed-solutions .solution').length,
        order: [...document.querySelectorAll('article [id]')].map((node) => node.id).join(),
    })"""
    before = tab.evaluate(state)
    tab.emulate_media(media="print", color_scheme="dark")
    tab.wait_for_function("document.documentElement.dataset.theme === 'light'")
    printed = tab.evaluate(state)
    tab.emulate_media(media="screen", color_scheme="dark")
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    after = tab.evaluate(state)
    context.close()
    assert before["theme"] == "dark" and before["open"] == before["solutions"] == 0
    assert printed["theme"] == "light" and max(map(int, re.findall(r"\d+", printed["text"])[:3])) < 80
    choices = sum(len(question["choices"]) for question in quiz.load("decay_formula"))
    assert printed["open"] == choices and printed["buttons"] == 0
    assert printed["solutions"] == _source("chapters/decay_formula").count('class="solution ')
    assert after == before


# --------------------------------------------------------------------------------- found, named, remembered


CJK = "[\u3400-\u9fff]"


@each_chapter
def test_a_chapter_can_be_walked_by_headings_and_folds(reading, name):
    tab = reading(f"chapters/{name}")
    exercises = tab.get_by_role("heading", name=re.compile(r"^Exercise \d+\.\d+ "))
    titles = exercises.all_inner_texts()
    assert len(titles) == _source(f"chapters/{name}").count('<div class="exercise ')
    assert not [title for title in titles if "(" in title and "objective" in title.split("(")[1]]
    assert tab.get_by_role("heading", name="Quick questions").count() == 1
    numbers = [re.match(r"Exercise ([\d.]+)", title)[1] for title in titles]
    for number in numbers:
        for what in (f"Show hint 1: the idea, exercise {number}", f"Show solution, exercise {number}"):
            assert tab.get_by_role("button", name=what, exact=True).count() >= 1, what
    solution = tab.get_by_role("button", name=f"Show solution, exercise {numbers[0]}")
    solution.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.ariaLabel") == f"Hide solution, exercise {numbers[0]}"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.ariaLabel") == f"Show solution, exercise {numbers[0]}"
    names = tab.locator("article .toggle-button").evaluate_all("all => all.map((b) => b.ariaLabel)")
    assert not [said for said in names if "Toggle" in said] and len(set(names)) == len(names)
    inline = tab.locator("mjx-container:not([display])[tabindex='0']")
    assert inline.count() == 0, "formulas in a line are no stops of the keyboard"


@each_page
def test_chinese_is_marked(page):
    article = re.search(r"<article.*?</article>", _source(page), flags=re.S).group()
    article = re.sub(r"<script.*?</script>", "", article, flags=re.S)
    assert not re.findall(f'data-preview="[^"]*{CJK}[^"]*"', article), "a tooltip in English"
    unmarked = re.sub(r'<span lang="zh">[^<]*</span>', "", article)
    assert re.findall(f">[^<]*{CJK}[^<]*<", unmarked) == []
    if page == "book/glossary":
        assert article.count('<span lang="zh">') >= 80


def test_search_reads_what_a_reader_reads(tab, address):
    expected = {"forget gate": "lstm_by_hand", "half-life": "decay_formula", "衰减": "glossary"}
    for asked, page in expected.items():
        tab.goto(f"{address}search.html?q={asked}", wait_until="networkidle")
        tab.wait_for_selector("#search-results li a")
        tab.wait_for_function("!document.querySelector('#search-progress')?.textContent.endsWith('...')")
        found = tab.locator("#search-results li a").evaluate_all("all => all.map((a) => a.href)")
        assert any(f"/{page}.html" in target for target in found), asked
        extracts = tab.locator("#search-results li p.context").all_inner_texts()
        assert extracts
        assert not [text for text in extracts if re.search(r"\\[a-z(\[]|Contents", text)]


def test_the_contents_mark_what_is_read(tab, address):
    _open(tab, address, "chapters/decay_formula")
    links = tab.locator("#page-contents a")
    targets = links.evaluate_all("all => all.map((a) => a.hash)")
    marked = """(target) => target ===
        [...document.querySelectorAll('#page-contents [aria-current]')].map((a) => a.hash).join()"""
    for target in [*targets[::3], *targets[::-4]]:
        tab.evaluate(f"document.getElementById('{target[1:]}').scrollIntoView()")
        top = tab.evaluate(f"document.getElementById('{target[1:]}').getBoundingClientRect().top")
        if abs(top) < 150:  # else the page ends before it comes to the top
            tab.wait_for_function(marked, arg=target)
    tab.keyboard.press("End")
    tab.wait_for_function(marked, arg=targets[-1])
    links.nth(2).click()
    tab.wait_for_function(marked, arg=targets[2])


@pytest.mark.parametrize("asked", ["fit_decay", "lstm_step", "load_cdnow"])
def test_search_finds_a_function_on_its_modules_page(tab, address, asked):
    """The first thing found is its place in the documentation, and the link leads there."""
    tab.goto(f"{address}search.html?q={asked}", wait_until="load")
    tab.wait_for_selector("#search-results li a")
    tab.wait_for_function("!document.querySelector('#search-progress')?.textContent.endsWith('...')")
    first = tab.locator("#search-results li a").first
    page, anchor = re.fullmatch(r"book/api/(\w+)\.html#(\S+)", first.get_attribute("href")).groups()
    assert anchor == f"interestdecay_lib.{page}.{asked}"
    first.click()
    tab.wait_for_url("**/book/api/**")
    assert tab.locator(f"dt[id='{anchor}']").is_visible()


def test_the_librarys_index_leads_to_every_module(tab, address):
    tab.goto(address + "book/api.html", wait_until="load")
    for module in library_pages.modules():
        row = tab.get_by_role("row").filter(has=tab.get_by_role("link", name=module, exact=True)).last
        assert row.locator("a").get_attribute("href") == f"api/{module}.html"
        said = re.sub("[`*]", "", library_pages.purpose(module)).replace("'", "’")
        assert " ".join(row.locator("td").last.inner_text().split()) == said


#: Of every solution: its exercise, whether its value is seen before and after a click, and the value.
OPENED = """all => all.map((solution) => {
    const value = solution.querySelector(':scope > .solution-value');
    const seen = () => value?.checkVisibility({visibilityProperty: true}) ?? false;
    const before = seen();
    solution.querySelector('.toggle-button').click();
    return [solution.querySelector('.admonition-title a').hash, before, seen(),
            value?.innerText ?? ''];
})"""


@each_chapter
def test_a_solution_ends_in_its_value_once_it_is_open(reading, name):
    tab = reading(f"chapters/{name}")
    judged = checks.exercises(name)
    wanted = {label: solution_values.value(judged[label]) for label in judged}
    assert tab.locator(".solution-value").count() == sum(said != "" for said in wanted.values())
    found = tab.locator("article .solution").evaluate_all(OPENED)
    assert len(found) > 4 and not any(before for _, before, _, _ in found), "hidden at first"
    values = {anchor: text for anchor, _, after, text in found if after}
    assert values == {
        f"#ex-{label.replace('_', '-')}": f"Value: {said}" for label, said in wanted.items() if said
    }


def test_the_bibliography_is_labelled_as_cited():
    def words(text):
        return " ".join(html.unescape(re.sub("<[^>]*>", "", text)).split())

    label = r'<span class="label">(.*?</span>)</span>'
    labels = {words(text).strip("[]") for text in re.findall(label, _source("book/bibliography"), re.S)}
    bracket = re.compile(r'<span class="bibtex-citation"[^>]*>\[(.*?)\]</span>', re.S)
    cited = {
        words(work)
        for name in NAMES
        for group in bracket.findall(_source(f"chapters/{name}"))
        for work in re.findall(r"<a [^>]*>.*?</a>", group, re.S)
    }
    assert len(cited) > 20 and cited <= labels


def test_all_code_of_a_page_folds_and_stays_folded(tab, address):
    """The choice is kept by this browser, read before anything is drawn, and can be undone."""
    _open(tab, address, "chapters/decay_formula")
    code = tab.locator("article div.cell_input pre:visible")
    assert code.count() > 10
    switch = tab.get_by_role("button", name="Fold all code")
    switch.click()
    assert switch.get_attribute("aria-pressed") == "true" and code.count() == 0
    tab.reload(wait_until="commit")
    tab.wait_for_selector("article", state="attached")
    assert tab.evaluate("document.documentElement.dataset.code") == "folded", "read before all else"
    tab.wait_for_load_state("load")
    assert code.count() == 0
    tab.locator(".unfold:visible").first.click()
    assert code.count() == 1, "one can be shown alone"
    switch.click()
    assert switch.get_attribute("aria-pressed") == "false" and code.count() > 10
    assert tab.foreign == [] and tab.errors == []


SLIDE = """() => {
    const shown = [...document.querySelectorAll('[data-slide]')].filter((block) => block.checkVisibility());
    return {
        slides: [...new Set(shown.map((block) => Number(block.dataset.slide)))],
        blocks: shown.length,
        high: Math.max(...shown.map((block) => block.getBoundingClientRect().bottom)) - innerHeight,
    };
}"""


@pytest.mark.parametrize("name", ["decay_formula", "lstm_by_hand"])
def test_a_chapter_is_a_talk(tab, name):
    """From a file: every block on one slide, in order, nearly all of them whole on the screen."""
    page = (HTML / f"chapters/{name}.html").as_uri()
    tab.goto(page + "?slides", wait_until="load")
    told = tab.locator(".slide-turn output")
    count = int(re.fullmatch(r"Slide 1 of (\d+)", told.inner_text())[1])
    headings = tab.locator("article :is(h2, h3)").count()
    assert headings / 2 < count < 8 * headings
    assert tab.locator(":is(.bd-sidebar-primary, .run-chapter):visible").count() == 0
    seen, high = 0, []
    for slide in range(count):
        assert told.inner_text() == f"Slide {slide + 1} of {count}"
        state = tab.evaluate(SLIDE)
        assert state["slides"] == [slide]
        seen += state["blocks"]
        high.append(state["high"] > 0)
        tab.keyboard.press("ArrowRight")
    assert told.inner_text() == f"Slide {count} of {count}", "it ends at the last one"
    empty = tab.evaluate("document.querySelectorAll('[data-slide]').length") - seen
    assert 0 <= empty <= 0.2 * seen, "blocks that show nothing"
    assert sum(high) < 0.2 * count, "slides that have to be scrolled"
    tab.keyboard.press("ArrowLeft")
    tab.reload(wait_until="load")
    assert told.inner_text() == f"Slide {count - 1} of {count}", "a slide is kept"
    tab.get_by_role("button", name="Next").click()
    assert tab.evaluate(SLIDE)["slides"] == [count - 1]
    tab.keyboard.press("Escape")
    tab.locator(".bd-sidebar-primary").wait_for(state="visible")
    assert tab.locator("[data-slide]").count() == 0
    assert tab.url.startswith(page + "#")
    assert tab.foreign == [] and [error for error in tab.errors if "CORS" not in error] == []


@each_chapter
def test_a_chapter_has_a_worksheet(tab, name):
    """From a file: every question and exercise with room to write, on A4, and nothing that solves them."""
    page = (HTML / f"chapters/{name}.html").as_uri()
    tab.goto(page + "?worksheet", wait_until="load")
    tab.locator(".worksheet-exercise").first.wait_for()
    tab.set_viewport_size({"width": 680, "height": 960})  # A4 less its margins
    tab.emulate_media(media="print")
    titles = [" ".join(title.split()) for title in tab.locator(".worksheet-exercise h3").all_inner_texts()]
    asked = exercises(name)
    assert len(set(titles)) == len(asked)
    assert [title.count("★") for title in titles] == [one.count("★") for one, _ in asked]
    lines = "all => all.map((one) => one.querySelectorAll('.worksheet-line').length)"
    assert min(tab.locator(".worksheet-exercise").evaluate_all(lines)) >= 4
    choices = [label for question in quiz.load(name) for label in question["choices"]]
    assert tab.locator(".worksheet li .worksheet-choice").count() == len(choices)
    tells = "article :is(details, form, .solution, .quiz-why, .dropdown, .answer-why, .printed-solutions)"
    assert tab.locator(tells).count() == 0
    around = ":is(.worksheet-bar, .bd-header, .run-chapter, .bd-sidebar-primary, #jb-print-docs-body):visible"
    assert tab.locator(around).count() == 0 and tab.locator("h1:visible").count() == 1
    wide = """[...document.querySelectorAll('article *')].filter((part) => !part.closest('mjx-container') &&
        part.getBoundingClientRect().right > innerWidth + 1).map((part) => part.outerHTML.slice(0, 80))"""
    assert tab.evaluate(wide) == []
    tab.emulate_media(media="screen")
    tab.get_by_role("link", name="Back to the chapter").click()
    tab.locator("article .exercise").first.wait_for()
    assert tab.url == page
    assert tab.foreign == [] and [error for error in tab.errors if "CORS" not in error] == []


def test_in_a_talk_the_arrows_stay_with_the_control_that_has_the_focus(tab):
    """They move the live figure and turn no slide."""
    tab.goto((HTML / "chapters/decay_formula.html").as_uri() + "?slides#move-it-yourself", wait_until="load")
    told = tab.locator(".slide-turn output")
    control = tab.locator("fading-explorer input:checked").first
    for _ in range(20):
        if control.is_visible():
            break
        tab.keyboard.press("ArrowRight")
    control.focus()
    slide, picture = told.inner_text(), tab.locator(".explorer-picture").first
    before = picture.get_attribute("data-state")
    tab.keyboard.press("ArrowRight")
    assert told.inner_text() == slide and picture.get_attribute("data-state") != before


def test_the_front_page_begins_with_who_what_and_where(tab, address):
    """For whom, the answer with its computed number, and where to start, on the first screen."""
    tab.goto(address + "book/index.html", wait_until="load")
    for words in ("For analysts and engineers", "Does it take a network?", "Where to start"):
        place = tab.locator("article").get_by_text(words).first.bounding_box()
        assert place["y"] + place["height"] < 900, words
    assert re.search(r"an LSTM adds [\d.]+ % to", tab.locator("article").inner_text())
    for part in re.findall(r"caption: I+\. (.+)", (ROOT / "_toc.yml").read_text(encoding="utf-8")):
        assert part in tab.locator("article").inner_text()


def _said(source):
    """The numbers of a page, each with the place after its anchor."""
    anchors = re.finditer(r'<span class="said" id="([^"]+)"></span>', source)
    return [(anchor[1], anchor.end()) for anchor in anchors]


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("chapters/")])
def test_every_computed_number_leads_to_the_line_that_said_it(page):
    """No number without a link, no link without its line, and the line puts the number's name together."""
    source = _source(page)
    lines = {name: source[at:].partition("\n")[0] for name, at in _said(source)}
    numbers = re.findall(r'(<a [^>]*href="#([^"]+)"[^>]*>)?<span class="pasted-text">', source)
    assert numbers
    for link, name in numbers:
        assert 'tabindex="-1"' in link, name
        code = html.unescape(re.sub("<[^>]*>", "", lines[name]))
        assert re.search(rf"\b(say|glue)\(|{re.escape(name.removeprefix('number-'))}", code), (name, code)


def test_a_number_opens_the_fold_of_its_line(tab, address):
    _open(tab, address, "chapters/decay_formula")
    name = tab.evaluate("""() => [...document.querySelectorAll("article a.number")]
        .map((link) => link.hash.slice(1))
        .find((name) => document.getElementById(name).closest("details:not([open])"))
    """)
    fold = tab.locator(f"details:has(#{name})")
    assert fold.get_attribute("open") is None
    tab.locator(f'article a.number[href="#{name}"]').first.click()
    tab.wait_for_function("name => document.getElementById(name).closest('details').open", arg=name)
    assert 0 < tab.locator(f"#{name}").bounding_box()["y"] < 900
    tab.go_back()
    tab.wait_for_function("!location.hash")


# --------------------------------------------------- with all folds open: on a phone, and without seeing it


OPEN = """() => {
    document.querySelectorAll('article details').forEach((fold) => { fold.open = true; });
    document.querySelectorAll('article .toggle-button-hidden').forEach((button) => button.click());
}"""
#: What is wider or higher than its box can be reached by keyboard, once it has been measured.
REACHED = """() => [...document.querySelectorAll('article pre')].every(
    (p) => !p.checkVisibility() || p.scrollWidth <= p.clientWidth || p.tabIndex === 0)"""


def _left(tab, faults):
    """What a script finds: nothing as soon as it finds nothing, or what is left when the page has settled."""
    with suppress(TimeoutError):
        tab.wait_for_function(f"({faults})().length === 0", timeout=5000)
    return tab.evaluate(faults)


@each_chapter
def test_on_a_phone_nothing_is_cut_unseen(reading, name):
    """Equations fit, captions and symbols stay on the screen, what scrolls fades, lettering is legible."""
    tab = reading(f"chapters/{name}")
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.evaluate(OPEN)
    wide = tab.locator("article div.math mjx-container").evaluate_all(
        """all => all.filter(e => e.scrollWidth > e.clientWidth + 1)
        .map(e => [e.closest('.math').id, e.scrollWidth, e.clientWidth])"""
    )
    assert wide == [], "displayed equations fit 390 pixels"
    cut = tab.locator("article :is(.caption-words, table.symbols td, figcaption)").evaluate_all(
        """all => all.filter(e => e.checkVisibility() && e.textContent.trim())
        .map(e => [e.getBoundingClientRect(), e.textContent])
        .filter(([box]) => box.left < 0 || box.right > innerWidth).map(([, text]) => text)"""
    )
    assert cut == []
    small = tab.locator("article figure .pan > img").evaluate_all(
        """all => all.filter(i => i.naturalWidth > 500)
        .filter(i => i.clientWidth < 0.6 * Math.min(i.naturalWidth, 768)).map(i => i.alt)"""
    )
    assert small == [], "lettering of ten points is at least nine pixels high"
    for width in (390, 320):
        tab.set_viewport_size({"width": width, "height": 844})
        unseen = _left(
            tab,
            """() => [...document.querySelectorAll('article *')].filter((node) => {
                const style = getComputedStyle(node);
                if (!['auto', 'scroll'].includes(style.overflowX) || !node.checkVisibility()) return false;
                if (node.scrollWidth <= node.clientWidth + 1) return false;
                return style.maskImage === 'none' || node.tabIndex !== 0;
            }).map((node) => node.outerHTML.slice(0, 150))""",
        )
        assert unseen == [], f"at {width} pixels"


#: axe-core: WCAG 2.2 A and AA, and best practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: What the dark can break beside the contrast of text: links known by their colour, pictures of the dark.
IN_THE_DARK = ["color-contrast", "link-in-text-block", "image-alt", "role-img-alt", "svg-img-alt"]
#: One run for all rules, the contrast that of some texts: it walks the whole page before its first rule.
#: "violations": what passed is not listed, else each of its thousands of elements gets a selector.
AXE = """async ([rules, texts]) => {
    axe.configure({rules: [{id: 'color-contrast', selector: texts}]});
    return (await axe.run({runOnly: rules, resultTypes: ['violations']})).violations;
}"""
#: Marks the first, the middle and the last text of each look: its colour and size, and all that is behind it.
LOOKS = """(kept) => {
    const behind = new Map([[null, '']]);
    const ground = (node) => {
        if (!behind.has(node)) {
            const style = getComputedStyle(node);
            const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter].join();
            const seen = own === 'rgba(0, 0, 0, 0),none,1,none' ? '' : `|${own}`;
            behind.set(node, ground(node.parentElement) + seen);
        }
        return behind.get(node);
    };
    const looks = new Map();
    const before = kept ? [] : document.querySelectorAll('[data-look]');
    before.forEach((node) => node.removeAttribute('data-look'));
    document.querySelectorAll('body *').forEach((node) => {
        const text = [...node.childNodes].some((part) => part.nodeType === 3 && part.data.trim());
        if (!(text || node.matches('input, select, textarea')) || !node.checkVisibility()) return;
        const style = getComputedStyle(node);
        const own = [style.color, style.fontSize, style.fontWeight, style.textShadow].join();
        const key = own + ground(node);
        looks.set(key, [...(looks.get(key) ?? []), node]);
    });
    looks.forEach((nodes) => [0, nodes.length >> 1, nodes.length - 1].forEach((k) => {
        nodes[k].setAttribute('data-look', '');
    }));
    return looks.size;
}"""
LOOKED = "[data-look], [data-look] *"
#: Takes the marks of syntax that carry no look out of code: half of a chapter, which axe walks in vain.
THIN = """() => document.querySelectorAll('pre').forEach((code) => {
    code.querySelectorAll('span:not([id], [data-look])').forEach((mark) => {
        if (!mark.querySelector('[data-look]')) mark.replaceWith(...mark.childNodes);
    });
    code.normalize();
})"""
#: The button that comes when one scrolls up lies on whatever is there.
TO_TOP = "display => { document.getElementById('pst-back-to-top').style.display = display; }"


@each_page
def test_accessibility(last_reading, page):
    """Without exception: unfolded, in the light and in the dark, and on a phone.

    One page of a kind is looked at folded too, and in the dark on a phone; there the contrast of every text
    is computed, on the other pages that of each look: it is nine tenths of axe's work.
    """
    from axe_playwright_python.sync_playwright import Axe

    whole = page in ONE_OF_A_KIND
    if whole:
        last_reading.close()  # to see it folded
    tab = last_reading(page)
    tab.evaluate("scrollTo({top: 0, behavior: 'instant'})")  # the head lies on nothing that is measured
    tab.evaluate(TO_TOP, "none")
    tab.evaluate(Axe().axe_script)
    told = []

    def run(state, rules=RULES, texts=LOOKED):
        tab.wait_for_function(REACHED)
        for fault in tab.evaluate(AXE, [rules, texts]):
            what = f"{state}: {fault['id']} ({fault['impact']})"
            told.extend(f"{what}: {node['html'][:160]}" for node in fault["nodes"])

    def mark(kept=False):
        assert tab.evaluate(LOOKS, kept) > 5

    def switch(scheme):
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        tab.wait_for_function("document.getAnimations().length === 0")  # colours have arrived

    if whole:
        mark()
        run("folded")
    tab.evaluate(OPEN)
    assert tab.locator("article .toggle-button-hidden").count() == 0
    mark()
    switch("dark")
    mark(kept=True)  # what looks alike in the light may not in the dark
    if not whole:
        tab.evaluate(THIN)
    run("unfolded, dark", IN_THE_DARK)
    switch("light")
    run("unfolded", texts="*" if whole else LOOKED)
    tab.set_viewport_size({"width": 390, "height": 844})
    mark()
    run("unfolded, on a phone")
    if whole:
        tab.evaluate(TO_TOP, "block")
        run("the button to the top", ["color-contrast"], "#pst-back-to-top")
        tab.evaluate(TO_TOP, "none")
        switch("dark")
        mark()
        run("unfolded, dark, on a phone", IN_THE_DARK)
    assert told == []

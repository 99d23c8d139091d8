"""The built book, on disk and in a real browser (run by `make test` after the build)."""

import html
import inspect
import json
import math
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest

import quiz
from chapters import NAMES, ROOT
from figures import FIGURES
from serving import served

pytestmark = pytest.mark.page
HTML = ROOT / "_build/html"
PAGES = sorted(re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text()))
each_page = pytest.mark.parametrize("page", PAGES)


@pytest.fixture(scope="session")
def address():
    """The book behind a local server."""
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: run `make book` first")

    with served(HTML) as running:
        yield running


@pytest.fixture
def tab(browser):
    """A page that blocks and notes every request to another host, and notes every error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.foreign, page.errors = [], []

    def pass_or_block(route):
        own = route.request.url.startswith(("http://127.0.0.1", "file:", "data:", "blob:"))
        if not own:
            page.foreign.append(route.request.url)
        route.continue_() if own else route.abort()

    context.route("**/*", pass_or_block)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
    page.on("response", lambda response: response.status >= 400 and page.errors.append(response.url))
    yield page
    context.close()


def _source(page):
    return (HTML / f"{page}.html").read_text(encoding="utf-8")


def _frames(page):
    """The stored data of every live figure of a page."""
    scripts = re.findall(r'<script type="application/json">(.*?)</script>', _source(page), flags=re.S)
    return [data for data in map(json.loads, scripts) if "frames" in data]


@each_page
def test_a_page_asks_nobody_and_throws_nothing(tab, address, page):
    """Neither when it opens nor when the theme is switched or the book is searched."""
    tab.goto(address + page + ".html", wait_until="networkidle")
    tab.wait_for_function("!window.MathJax?.startup || window.MathJax.startup.promise !== undefined")
    shown = set()
    for _ in range(3):
        tab.locator(".theme-switch-button:visible").first.click()
        shown.add(tab.evaluate("document.documentElement.dataset.mode"))
    assert shown == {"auto", "light", "dark"}
    tab.keyboard.press("Control+k")
    tab.keyboard.type("forget gate")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#search-results li a")
    assert tab.foreign == []
    assert tab.errors == []
    assert "thebe-config" not in _source(page) and "kernelName" not in _source(page), "a dead script"


@each_page
def test_a_page_works_from_a_file(tab, page):
    tab.goto((HTML / f"{page}.html").as_uri(), wait_until="load")
    tab.wait_for_timeout(500)
    assert tab.foreign == []
    assert [error for error in tab.errors if "CORS" not in error] == []
    assert tab.locator("fading-explorer img.explorer-picture").count() == len(_frames(page))


@pytest.mark.parametrize("name", NAMES)
def test_mathematics_is_drawn(tab, address, name):
    tab.goto(f"{address}chapters/{name}.html", wait_until="networkidle")
    written = tab.locator("article .math").count()
    assert written > 0
    tab.wait_for_function("document.querySelectorAll('article .math mjx-container').length > 0")
    assert tab.locator("article .math mjx-container").count() >= written
    assert tab.locator("mjx-merror").count() == 0


@each_page
def test_every_picture_has_words_and_loads(tab, address, page):
    tab.goto(address + page + ".html", wait_until="networkidle")
    pictures = tab.locator("article img").evaluate_all(
        "images => images.map(i => [i.alt, i.naturalWidth, i.src])"
    )
    for alt, width, source in pictures:
        assert len(alt.split()) >= 5, source[:80]
        assert width > 0, source[:80]


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
        file = HTML / unquote(path)
        assert file.is_file(), target
        if anchor and file.suffix == ".html":
            assert f'id="{unquote(anchor)}"' in file.read_text(encoding="utf-8"), target


@pytest.mark.parametrize("name", NAMES)
def test_live_figures_follow_the_keyboard(tab, address, name):
    """Each control of each figure is stepped with the keyboard; picture and words must be the stored ones."""
    page = f"chapters/{name}"
    figures = _frames(page)
    assert figures, "a chapter has at least one live figure"
    tab.goto(f"{address}{page}.html", wait_until="networkidle")
    for number, figure in enumerate(figures):
        controls = figure["spec"]["controls"]
        box = tab.locator("fading-explorer").nth(number)
        state = list(figure["spec"]["start"])
        for k, control in enumerate(controls):
            size = len(control["values"])
            step = ("ArrowDown" if control["kind"] == "select" else "ArrowRight", 1)
            if state[k] == size - 1:
                step = ("ArrowUp" if control["kind"] == "select" else "ArrowLeft", -1)
            box.locator(f"[data-name={control['name']}]").focus()
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


@pytest.mark.parametrize("name", NAMES)
def test_live_figures_follow_the_mouse(tab, address, name):
    tab.goto(f"{address}chapters/{name}.html", wait_until="networkidle")
    slider = tab.locator("fading-explorer input[type=range]").first
    if slider.count() == 0:
        pytest.skip("menus only")
    slider.scroll_into_view_if_needed()
    place = slider.bounding_box()
    tab.mouse.click(place["x"] + place["width"] - 2, place["y"] + place["height"] / 2)
    assert slider.input_value() == slider.get_attribute("max")


@pytest.mark.parametrize("name", NAMES)
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
def test_no_sideways_scrolling(tab, address, page):
    tab.goto(address + page + ".html", wait_until="load")
    for width in (1280, 640, 320):  # 640: a laptop at 200 %; 320: a small phone
        tab.set_viewport_size({"width": width, "height": 900})
        too_wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, f"at {width} pixels"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@each_page
def test_accessibility(browser, address, page, scheme):
    """axe-core: WCAG 2.2 A and AA and best practice, without exception."""
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto(address + page + ".html", wait_until="networkidle")
    # the theme makes wide code reachable by keyboard once it has measured it
    tab.wait_for_function(
        "[...document.querySelectorAll('pre')].every(p => p.scrollWidth <= p.clientWidth || p.tabIndex === 0)"
    )
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(tab, options={"runOnly": rules}).response["violations"]
    context.close()
    told = [f"{v['id']} ({v['impact']}): {node['html'][:160]}" for v in found for node in v["nodes"]]
    assert told == []


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
@pytest.mark.parametrize("name", NAMES)
def test_live_figures_show_what_the_library_computes(tab, address, name, hand):
    tab.goto(f"{address}chapters/{name}.html", wait_until="load")
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


def _steer(tab, control, spec, place, hand):
    last = len(spec["values"]) - 1
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
    tab.goto(f"{address}chapters/decay_formula.html#curves?curve=2&half_life=0&age=1", wait_until="load")
    assert tab.locator(".explorer-picture").get_attribute("data-state") == "2,0,1"


def test_search_works_from_a_folder(tab):
    tab.goto((HTML / "search.html").as_uri() + "?q=half-life", wait_until="load")
    tab.wait_for_selector("#search-results li a")
    assert tab.foreign == []


@each_page
def test_the_keyboard_reaches_everything_and_shows_where_it_is(tab, address, page):
    tab.goto(address + page + ".html", wait_until="networkidle")
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


def test_terms_and_equations_are_previewed(tab, address):
    tab.goto(f"{address}chapters/decay_formula.html", wait_until="networkidle")
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
    tab.goto(f"{address}chapters/decay_formula.html", wait_until="networkidle")
    moving = tab.evaluate(
        """() => [...document.querySelectorAll('*')].filter((node) => {
            const style = getComputedStyle(node);
            return [style.transitionDuration, style.animationDuration].some((all) =>
                all.split(',').some((one) => parseFloat(one) > 0.01)) || style.scrollBehavior === 'smooth';
        }).map((node) => node.outerHTML.slice(0, 100))"""
    )
    context.close()
    assert moving == []


@pytest.mark.parametrize("name", NAMES)
def test_without_javascript_a_chapter_is_whole(browser, address, name):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{address}chapters/{name}.html")
    stills = tab.locator("fading-explorer > img")
    assert stills.count() == len(_frames(f"chapters/{name}"))
    assert all(len(alt.split()) >= 5 for alt in stills.evaluate_all("all => all.map((i) => i.alt)"))
    context.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_chapter_says_how_to_run_it(tab, address, name):
    tab.goto(f"{address}chapters/{name}.html", wait_until="load")
    block = tab.get_by_label("Run this chapter")
    with tab.expect_download() as download:
        block.get_by_text("download the notebook").click()
    stored = Path(download.value.path()).read_text(encoding="utf-8")
    assert stored == (ROOT / "chapters" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert block.locator("a").count() == 1, "no launch link without a repository"
    assert tab.locator(".prev-next-area a").count() >= 1


def test_the_front_page_shows_every_chapter_and_a_live_figure(tab, address):
    tab.goto(address + "book/index.html", wait_until="networkidle")
    cards = tab.locator(".sd-card")
    assert cards.count() == len(NAMES)
    assert all("minutes to read" in text for text in cards.all_inner_texts())
    slider = tab.locator("fading-explorer input[type=range]").first
    before = tab.locator(".explorer-picture").get_attribute("alt")
    slider.focus()
    tab.keyboard.press("ArrowRight")
    assert tab.locator(".explorer-picture").get_attribute("alt") != before


def test_code_can_be_copied_and_output_is_told_apart(tab, address):
    tab.goto(f"{address}chapters/decay_formula.html", wait_until="networkidle")
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


@pytest.mark.parametrize("name", NAMES)
def test_quick_questions_answer_the_keyboard(tab, name):
    """From a file, without a script: Enter opens a choice, and what appears is the stored explanation."""
    tab.goto((HTML / f"chapters/{name}.html").as_uri(), wait_until="load")
    questions = tab.locator(".quiz > ol > li")
    stored = quiz.load(name)
    assert questions.count() == len(stored)
    for number, question in enumerate(stored):
        choices = questions.nth(number).locator("details")
        assert choices.count() == len(question["choices"])
        for position, choice in enumerate(question["choices"]):
            box = choices.nth(position)
            explanation = box.locator(".quiz-why")
            assert not explanation.is_visible(), "nothing is given away before"
            box.locator("summary").focus()
            tab.keyboard.press("Enter")
            assert explanation.is_visible()
            right = choice.get("right", False)
            assert explanation.inner_text().strip().startswith("Right." if right else "No.")
    assert tab.foreign == []

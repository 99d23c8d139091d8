"""The review deck: enough prompts, asked when their half-life says so, and an export that the library reads.

In a browser the deck stands in a bare page with a clock of its own, so that no book need be built.
"""

import re
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import yaml
from sphinx.errors import ExtensionError

import deck
from bare import show
from chapters import NAMES, ROOT
from interestdecay_lib.events import read_events

CARDS = deck.cards()
SCRIPTS = [(ROOT / f"book/_static/{name}.js").read_text(encoding="utf-8") for name in ("kept", "deck")]
STYLE = (ROOT / "book/_static/practice.css").read_text(encoding="utf-8")
PAGE = (ROOT / "book/review_deck.md").read_text(encoding="utf-8")
START = datetime(2024, 3, 1, 12, tzinfo=UTC)


def test_there_are_enough_and_every_chapter_has_some():
    assert len(CARDS) >= 120
    assert len(deck.own()) >= 60
    assert len({card.name for card in CARDS}) == len(CARDS)
    assert {card.chapter for card in CARDS} == set(NAMES)


def test_a_prompt_asks_one_thing_and_is_short():
    for card in deck.own():
        assert card.ask.count("?") <= 1 or card.ask.endswith("?"), card.name
        assert len(card.ask.split()) <= 45 and len(card.answer.split()) <= 45, card.name
        assert card.ask.rstrip()[-1] in "?.:", card.name


def test_no_answer_stands_in_its_question():
    for card in deck.own():
        formula = re.findall(r"\$([^$]{6,})\$", card.answer)
        assert not [one for one in formula if one in card.ask], card.name


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ({"a": {"ask": "?"}}, "ask and answer"),
        ({"a": {"ask": "?", "answer": " "}}, "ask and answer"),
        ({"A b": {"ask": "?", "answer": "."}}, "small letters"),
    ],
)
def test_a_fault_is_named(tmp_path, prompts, message):
    (tmp_path / "deck.yml").write_text(yaml.safe_dump({"decay_formula": prompts}))
    with pytest.raises(ExtensionError, match=rf"deck\.yml, decay_formula.*{message}"):
        deck.own(tmp_path / "deck.yml")


# ------------------------------------------------------------------------------------------- its export


def the_pages_fit(tmp_path, monkeypatch, interval=', interval="bootstrap"'):
    """What the code on the page computes from the file beside it."""
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    assert ', interval="bootstrap"' in code
    code = code.replace(', interval="bootstrap"', interval)
    monkeypatch.chdir(tmp_path)
    scope = {"print": lambda fit: scope.update(fit=fit)}
    exec(code, scope)
    return scope


@pytest.mark.parametrize("half_life", [3.0, 12.0])
def test_a_known_half_life_is_found_again(tmp_path, monkeypatch, half_life):
    """400 prompts, alike, asked ten times after random pauses: the page's code finds what made them."""
    rng, rows = np.random.default_rng(5), []
    for prompt in range(400):
        now = pd.Timestamp("2024-01-01") + pd.Timedelta(days=rng.uniform(0, 30))
        rows.append((f"term--{prompt}", now, "recalled", 0.0))
        for pause in rng.uniform(0.01, 2.5 * half_life, size=10):
            now += pd.Timedelta(days=pause)
            recalled = rng.random() < 2 ** (-pause / half_life)
            rows.append((f"term--{prompt}", now, "recalled" if recalled else "forgotten", round(pause, 6)))
    lines = [f"{p},{at.isoformat(timespec='milliseconds')}Z,{what},{age}" for p, at, what, age in rows]
    text = "\n".join(lines)
    (tmp_path / "fading-interest-reviews.csv").write_text(f"user_id,timestamp,event_type,value\n{text}\n")
    scope = the_pages_fit(tmp_path, monkeypatch)
    assert len(scope["log"]) == 4400 and scope["asked"].sum() == 4000
    fit = scope["fit"]
    assert fit.half_life == pytest.approx(half_life, rel=0.08)
    low, high = fit.intervals["half_life"]
    assert low < half_life < high < 1.3 * low


# ------------------------------------------------------------------------------------------ in a browser

THREE = "".join(
    f'<details class="deck-card" data-card="{name}" data-chapter="{where}"><summary><span class="deck-asked">'
    f'{name.title()}?</span></summary><div class="deck-said"><p>{answer}.</p></div></details>'
    for name, where, answer in (
        ("one", "decay_formula", "First"), ("two", "decay_formula", "Second"), ("three", "at_scale", "Third")
    )
)
OPTIONS = '<option value="decay_formula">The decay formula</option><option value="at_scale">At scale</option>'


def open_deck(context, kept=None):
    tab = context.new_page()
    tab.clock.install(time=START)
    show(tab, "Deck", STYLE, f"<main><h1>Deck</h1>{deck.PANEL.format(options=OPTIONS)}{THREE}</main>")
    if kept is not None:
        tab.evaluate("text => localStorage.setItem('fading-interest', text)", kept)
    for script in SCRIPTS:
        tab.add_script_tag(content=script)
    return tab


@pytest.fixture
def context(browser):
    made = browser.new_context(viewport={"width": 320, "height": 800}, accept_downloads=True)
    yield made
    made.close()


def press(tab, *names):
    for name in names:
        tab.get_by_role("button", name=name, exact=True).click()


def asked(tab):
    return tab.locator(".deck-ask").inner_text()


@pytest.mark.page
def test_prompts_come_back_when_the_curve_says_so(context):
    """Known: h is 2 days, due after 2 log2(1/0.8) = 0.64 days. Forgotten: h is half a day, due after 0.16."""
    tab = open_deck(context)
    assert asked(tab) == "One?"
    press(tab, "Show the answer")
    assert tab.locator(".deck-answer").inner_text() == "First."
    press(tab, "I knew it")
    assert asked(tab) == "Two?" and tab.locator(".deck-answer").inner_text() == ""
    press(tab, "Show the answer", "I did not know it", "Show the answer", "I knew it")
    assert asked(tab) == "Two?", "what was forgotten comes again in the same sitting"
    assert "not counted" in tab.get_by_role("status").inner_text()
    press(tab, "Show the answer", "I knew it")
    assert "Nothing to review now" in tab.get_by_role("status").inner_text()
    assert "due in 4 hours" in tab.get_by_role("status").inner_text()  # 0.161 days
    kept = tab.evaluate("kept.part('deck')")
    assert {name: card["h"] for name, card in kept["cards"].items()} == {"one": 2, "two": 0.5, "three": 2}
    assert [row[0] for row in kept["log"]] == ["one", "two", "three"]

    for hours, due in ((3.8, []), (0.1, ["Two?"]), (11.4, ["Two?"]), (0.2, ["Two?", "One?", "Three?"])):
        tab.clock.fast_forward(int(hours * 3_600_000))
        tab.locator("#deck-chapter").dispatch_event("change")
        assert asked(tab) == (due[0] if due else ""), hours
        shown = tab.get_by_role("status").inner_text()
        assert shown.startswith(f"{len(due)} to go" if due else "Nothing")
    press(tab, "Show the answer", "I knew it")
    after = tab.evaluate("kept.part('deck')")
    assert after["cards"]["two"]["h"] == 1
    assert after["log"][-1][3] == pytest.approx(15.5 / 24, abs=1e-3)
    assert tab.errors == []


@pytest.mark.page
def test_level_and_chapter_are_chosen(context):
    tab = open_deck(context)
    tab.get_by_label("Prompts of").select_option("at_scale")
    assert asked(tab) == "Three?"
    press(tab, "Show the answer", "I knew it")
    tab.get_by_label("Ask again").select_option("0.9")
    tab.clock.fast_forward(8 * 3_600_000)  # 2 log2(1/0.9) = 0.304 days
    tab.locator("#deck-chapter").dispatch_event("change")
    assert asked(tab) == "Three?"
    tab.get_by_label("Ask again").select_option("0.7")
    assert asked(tab) == ""
    again = open_deck(context)
    assert again.get_by_label("Ask again").input_value() == "0.7", "remembered"


@pytest.mark.page
def test_by_keyboard_alone(context):
    tab = open_deck(context)
    tab.get_by_role("button", name="Show the answer").focus()
    for _ in range(3):
        tab.keyboard.press("Enter")  # show; the focus is then on "I knew it"
        tab.keyboard.press("Enter")  # the focus is then on the next question
        tab.keyboard.press("Tab")
    assert len(tab.evaluate("kept.part('deck').log")) == 3
    assert "Nothing to review now" in tab.get_by_role("status").inner_text()


@pytest.mark.page
def test_the_saved_file_is_an_event_log(context, tmp_path, monkeypatch):
    tab = open_deck(context)
    press(tab, "Show the answer", "I knew it", "Show the answer", "I knew it", "Show the answer", "I knew it")
    for days in (2, 3):
        tab.clock.fast_forward(days * 86_400_000)
        tab.locator("#deck-chapter").dispatch_event("change")
        press(tab, "Show the answer", "I knew it", "Show the answer", "I knew it")
    with tab.expect_download() as saved:
        press(tab, "Save my reviews as a file (CSV)")
    saved.value.save_as(tmp_path / "fading-interest-reviews.csv")
    log = read_events(tmp_path / "fading-interest-reviews.csv")
    assert len(log) == 7 and set(log["event_type"]) == {"recalled"}
    assert set(log["user_id"]) == {"one", "two", "three"}
    assert log["timestamp"].min().floor("min") == pd.Timestamp("2024-03-01 12:00")
    one = log[log["user_id"] == "one"]
    pauses = one["timestamp"].diff().dt.total_seconds().iloc[1:] / 86400
    np.testing.assert_allclose(pauses, one["value"].iloc[1:], atol=1e-4)
    assert the_pages_fit(tmp_path, monkeypatch, interval="")["asked"].sum() == 4  # too few to resample


@pytest.mark.page
@pytest.mark.parametrize("kept", [
    "", "{", "[]", "null", '{"deck": 3}', '{"deck": {"cards": [], "log": 5, "level": 9}}',
    '{"deck": {"cards": {"one": {"h": -1, "at": "x"}}}}',
])
def test_a_damaged_memory_is_no_memory(context, kept):
    tab = open_deck(context, kept)
    assert asked(tab) == "One?"
    press(tab, "Show the answer", "I knew it")
    assert asked(tab) == "Two?"
    assert tab.errors == []


@pytest.mark.page
def test_it_can_be_forgotten(context):
    tab = open_deck(context)
    press(tab, "Show the answer", "I knew it")
    tab.on("dialog", lambda dialog: dialog.accept())
    press(tab, "Forget all my reviews")
    assert tab.evaluate("kept.part('deck')") == {}
    assert asked(tab) == "One?"


@pytest.mark.page
def test_without_a_script_it_is_a_list_of_questions(browser):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.set_content(deck.PANEL.format(options=OPTIONS) + THREE)
    assert tab.locator("button:visible").count() == 0
    tab.locator("summary").first.click()
    assert "First." in tab.locator("details").first.inner_text()
    context.close()


@pytest.mark.page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_deck_is_accessible_and_narrow(browser, scheme):
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": 320, "height": 700}, color_scheme=scheme)
    tab = open_deck(context)
    press(tab, "Show the answer")
    rules = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
    tab.clock.resume()
    faults = Axe().run(tab, options={"runOnly": rules}).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320
    for control in tab.locator(".deck button:visible, .deck select, summary").all():
        assert control.bounding_box()["height"] >= 24
    context.close()

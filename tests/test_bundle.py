"""The book as one zip: the same bytes each time, every page inside, opened from its folder."""

import zipfile

import pytest

import bundle
from chapters import ROOT
from environment import Stop


@pytest.fixture
def small(tmp_path):
    """Two pages with a picture and a script, as a build leaves them."""
    html = tmp_path / "html"
    (html / "chapters").mkdir(parents=True)
    (html / "index.html").write_text('<title>Book</title><a href="chapters/one.html">one</a>')
    (html / "chapters/one.html").write_text('<title>One</title><script src="../say.js"></script>')
    (html / "say.js").write_text("document.title = 'One, and its script';")
    (html / ".buildinfo").write_text("x")
    return html


def test_the_same_pages_give_the_same_bytes(small, tmp_path):
    first = bundle.pack(small, tmp_path / "a.zip").read_bytes()
    for path in small.rglob("*"):
        path.touch()
        path.chmod(0o700)
    assert bundle.pack(small, tmp_path / "b.zip").read_bytes() == first
    (small / "say.js").write_text("1")
    assert bundle.pack(small, tmp_path / "b.zip").read_bytes() != first


def test_every_page_is_inside_and_can_be_read(small, tmp_path):
    with zipfile.ZipFile(bundle.pack(small, tmp_path / "a.zip")) as made:
        assert made.testzip() is None
        assert made.namelist() == [f"fading-interest/{name}" for name in (
            "open.html", "pages/chapters/one.html", "pages/index.html", "pages/say.js")]
        assert {entry.external_attr >> 16 for entry in made.infolist()} == {0o644}


def test_without_pages_it_says_what_to_do(tmp_path):
    with pytest.raises(Stop, match="make book"):
        bundle.pack(tmp_path, tmp_path / "a.zip")
    assert not list(tmp_path.glob("*.zip"))


def unpacked(html, folder):
    with zipfile.ZipFile(bundle.pack(html, folder / "a.zip")) as made:
        made.extractall(folder)
    return (folder / "fading-interest/open.html").as_uri()


@pytest.mark.page
def test_it_opens_from_its_folder(small, tmp_path, browser):
    tab = browser.new_page()
    tab.goto(unpacked(small, tmp_path))
    tab.wait_for_url("**/pages/index.html")
    tab.get_by_role("link", name="one").click()
    tab.wait_for_function("document.title === 'One, and its script'")
    tab.close()


@pytest.mark.page
def test_the_whole_book_opens_from_its_folder_and_remembers(tmp_path, browser):
    """A guess in a chapter is found on the page of progress: both are files, nothing is served.

    On a busy machine Chromium itself forgets some of what pages of files keep (how often stands in
    `book/progress.md`), so the reader guesses up to three times.
    """
    tab = browser.new_page()
    errors = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(unpacked(ROOT / "_build/html", tmp_path))
    tab.wait_for_url("**/pages/index.html")
    tab.wait_for_selector("article h1")
    pages = tmp_path / "fading-interest/pages"
    found = []
    while "1 of 1" not in found and len(found) < 3:
        tab.goto((pages / "chapters/decay_formula.html").as_uri())
        tab.evaluate("() => window.MathJax.startup.promise")  # until then the page moves under the pointer
        tab.get_by_label("Your guess, in steps", exact=True).fill("7")
        tab.get_by_role("button", name="Compare").click()
        tab.get_by_text("You said 7 steps").wait_for()
        assert tab.evaluate("kept.part('predictions').decay_formula.guess") == 7
        tab.goto((pages / "book/progress.html").as_uri())
        found.append(tab.locator("tr[data-chapter=decay_formula] td[data-part=predictions]").inner_text())
    assert found[-1] == "1 of 1", found
    assert errors == []
    tab.close()

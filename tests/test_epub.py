"""The book for e-readers: what a zip must have to be an EPUB, and the whole book inside it."""

import base64
import doctest
import io
import posixpath
import re
import xml.etree.ElementTree as ElementTree
import zipfile
from html import unescape
from urllib.parse import unquote, urldefrag

import pytest
from PIL import Image

import epub
from chapters import NAMES, PAGES, exercises
from environment import Stop
from serving import served

XHTML = "{http://www.w3.org/1999/xhtml}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"
#: TeX as Sphinx writes it for MathJax, behind the number of an equation
FORMULA = re.compile(
    r'class="math notranslate nohighlight"[^>]*>(?:<span class="eqno">.*?</span>|\s)*'
    r"\\[(\[](.*?)\\[)\]]</(?:span|div)>",
    re.DOTALL,
)
PACKAGE = "{http://www.idpf.org/2007/opf}"


def drawn(kind, **options):
    out = io.BytesIO()
    Image.new("RGB", (30, 20), "#0b5394").save(out, kind, **options)
    return out.getvalue()


@pytest.fixture
def html(tmp_path):
    """The folder of built pages, as far as the packing needs it."""
    folder = tmp_path / "html"
    for name, data in {
        "_static/pygments.css": b'html[data-theme="light"] .highlight .k { color: #00f }\n'
        b'html[data-theme="dark"] .highlight .k { color: #fff }\n',
        "_static/social.png": drawn("PNG"),
        "_images/one.png": drawn("PNG"),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


PARTS = [
    {"part": "", "pages": [("book/index", "Book")]},
    {"part": "I. Fish & chips", "pages": [("chapters/one", "1. One < two")]},
]


def pages():
    live = base64.b64encode(drawn("WEBP", lossless=True)).decode()
    formula = f'<math xmlns="{MATHML[1:-1]}"><mi mathvariant="script">L</mi></math>'
    front = '<h1>Book</h1><p><a href="../chapters/one.xhtml">1</a></p>'
    return {
        "book/index": {"title": "Book", "written": front},
        "chapters/one": {
            "title": "1. One < two",
            "written": f'<h1>One</h1><p>{formula}<img alt="Still." src="../_images/one.png"/>'
            f'<img alt="Live." src="data:image/webp;base64,{live}"/></p>',
        },
    }


def made(html, tmp_path, name="a.epub"):
    return epub.pack(PARTS, pages(), html, tmp_path / name)


def sheets(book):
    """The pages of an EPUB by name, parsed: an error where one is no XML."""
    names = (name for name in book.namelist() if name.endswith(".xhtml"))
    return {name: ElementTree.fromstring(book.read(name)) for name in names}


def test_the_same_pages_give_the_same_bytes(html, tmp_path):
    first = made(html, tmp_path).read_bytes()
    assert made(html, tmp_path, "b.epub").read_bytes() == first
    (html / "_images/one.png").write_bytes(drawn("PNG", compress_level=0))
    assert made(html, tmp_path, "b.epub").read_bytes() != first


def test_the_first_file_says_what_it_is_as_bytes_38_to_58(html, tmp_path):
    data = made(html, tmp_path).read_bytes()
    assert data[:4] == b"PK\3\4" and data[30:58] == b"mimetypeapplication/epub+zip"


def the_manifest_names_every_file_and_no_other(book):
    package = ElementTree.fromstring(book.read("book.opf"))
    items = {item.get("id"): item for item in package.iter(f"{PACKAGE}item")}
    named = sorted(item.get("href") for item in items.values())
    assert named == sorted(set(book.namelist()) - {"mimetype", "META-INF/container.xml", "book.opf"})
    for item in items.values():
        formulas = b"<math" in book.read(item.get("href"))
        assert formulas == ("mathml" in (item.get("properties") or "")), item.get("href")
    order = [items[place.get("idref")].get("href") for place in package.iter(f"{PACKAGE}itemref")]
    assert order == [name for name in named_in_order(book) if name.endswith(".xhtml")]
    return items


def named_in_order(book):
    contents = ElementTree.fromstring(book.read("nav.xhtml"))
    return ["nav.xhtml", *(link.get("href") for link in contents.iter(f"{XHTML}a"))]


def test_the_manifest_and_the_order_of_pages(html, tmp_path):
    with zipfile.ZipFile(made(html, tmp_path)) as book:
        items = the_manifest_names_every_file_and_no_other(book)
        assert named_in_order(book) == ["nav.xhtml", "book/index.xhtml", "chapters/one.xhtml"]
        properties = {item.get("href"): item.get("properties") for item in items.values()}
        assert properties["cover.png"] == "cover-image" and properties["nav.xhtml"] == "nav mathml"
        contents = "".join(sheets(book)["nav.xhtml"].itertext())
        assert "I. Fish & chips" in contents and "1. One < two" in contents


def test_pictures_become_files_that_every_reader_shows(html, tmp_path):
    with zipfile.ZipFile(made(html, tmp_path)) as book:
        sources = [img.get("src") for img in sheets(book)["chapters/one.xhtml"].iter(f"{XHTML}img")]
        still, live = (book.read(posixpath.normpath(f"chapters/{source}")) for source in sources)
        assert still == (html / "_images/one.png").read_bytes()
        picture = Image.open(io.BytesIO(live))
        assert (picture.format, picture.size) == ("PNG", (30, 20))
        assert picture.convert("RGB").getpixel((9, 9)) == (0x0B, 0x53, 0x94)


def test_only_the_light_colours_of_code_come_along(html, tmp_path):
    with zipfile.ZipFile(made(html, tmp_path)) as book:
        style = book.read("book.css").decode()
    assert ".highlight .k { color: #00f }" in style and "data-theme" not in style and "#fff" not in style


def test_examples():
    assert doctest.testmod(epub, raise_on_error=True).attempted > 0
    # letters that Unicode had before its mathematical alphabets, and what is no capital
    assert epub.unicode_letters('<mi mathvariant="script">L</mi>') == "<mi>ℒ</mi>"
    assert epub.unicode_letters('<mi mathvariant="bold">L</mi>') == '<mi mathvariant="bold">L</mi>'


# ------------------------------------------------------------------------------------------ the whole book


once = pytest.mark.xdist_group("epub")  # one worker makes the whole book's


@pytest.fixture(scope="module")
def whole(browser, tmp_path_factory):
    """The EPUB of the built pages, open."""
    tab = browser.new_page()
    with served(epub.HTML) as address:
        parts, read = epub.read(tab, address)
    tab.close()
    with zipfile.ZipFile(epub.pack(parts, read, file=tmp_path_factory.mktemp("epub") / "a.epub")) as book:
        yield book


@pytest.mark.page
@once
def test_every_page_every_formula_no_script(whole):
    the_manifest_names_every_file_and_no_other(whole)
    written = sheets(whole)
    names = set(PAGES) - epub.LEFT_OUT
    assert written.keys() == {f"{name}.xhtml" for name in names} | {"nav.xhtml"}
    for name in names:
        page = written[f"{name}.xhtml"]
        html = (epub.HTML / f"{name}.html").read_text(encoding="utf-8")
        article = html[html.index("<article") : html.index("</article>")]
        assert sorted(math.get("alttext") for math in page.iter(f"{MATHML}math")) == sorted(
            unescape(tex).strip() for tex in FORMULA.findall(article)
        ), name
        tags = {node.tag.partition("}")[2] for node in page.iter()}
        assert not tags & {"script", "form", "button", "input", "select", "iframe", "merror", "style"}, name
        assert not [tag for tag in tags if tag.endswith(("explorer", "curve"))], name
        handlers = [key for node in page.iter() for key in node.attrib if key.startswith("on")]
        assert handlers == [], name
        assert all(img.get("alt") for img in page.iter(f"{XHTML}img")), name


@pytest.mark.page
@once
def test_every_link_leads_somewhere(whole):
    written = sheets(whole)
    ids = {name: [node.get("id") for node in page.iter() if node.get("id")] for name, page in written.items()}
    assert [name for name, there in ids.items() if len(there) != len(set(there))] == []
    lost = []
    for name, page in written.items():
        for link in page.iter(f"{XHTML}a"):
            target, place = urldefrag(link.get("href", ""))
            if re.match("[a-z]+:", target):
                assert not re.search(r'[<>"\s]', target), target
                continue
            there = posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if target else name
            if there not in ids or (place and unquote(place) not in ids[there]):
                lost.append((name, link.get("href")))
    assert lost == []


@pytest.mark.page
@once
def test_solutions_stand_behind_their_chapter_and_hints_are_folds(whole):
    for name, page in sheets(whole).items():
        chapter = name.removeprefix("chapters/").removesuffix(".xhtml")
        if chapter not in NAMES:
            continue
        after = list(page.iter())
        title = next(k for k, node in enumerate(after) if node.get("class") == "solutions")
        places = [k for k, node in enumerate(after) if "solution" in (node.get("class") or "").split()]
        assert len(places) == len(exercises(chapter)) and min(places) > title, name
        unfolded = [node for node in after if "dropdown" in (node.get("class") or "").split()]
        assert unfolded == [], name
        assert "Hint 1" in " ".join("".join(s.itertext()) for s in page.iter(f"{XHTML}summary")), name


@pytest.mark.page
@once
def test_nothing_is_wider_than_a_small_screen(whole, browser, tmp_path):
    """600 pixels, of which a reader keeps 24 on each side as margin."""
    wide = """[...document.querySelectorAll('table, math, pre, img')]
        .filter((part) => part.getBoundingClientRect().right > 577)
        .map((part) => part.outerHTML.slice(0, 200))"""
    whole.extractall(tmp_path)
    tab = browser.new_page(viewport={"width": 600, "height": 800})
    for name in sheets(whole):
        tab.goto((tmp_path / name).as_uri())
        assert tab.evaluate("document.querySelectorAll('body > *').length") > 0, name
        tab.add_style_tag(content="body { margin: 0 24px !important }")
        assert tab.evaluate(wide) == [], name
    tab.close()


@pytest.mark.page
@pytest.mark.parametrize("tex", [r"\lamda + 1", r"\frac{1}{2"], ids=["unknown", "unfinished"])
def test_a_formula_that_mathjax_cannot_read_stops_it(browser, monkeypatch, tex):
    monkeypatch.setattr(epub, "CONTENTS", "() => [{ part: '', pages: [['one', 'One']] }]")
    formulas = rf'<span class="math">\({tex}\)</span><span class="math">\(x\)</span>'
    page = f"<article><h1>One</h1>{formulas}</article>"
    tab = browser.new_page()
    tab.route("**/one.html", lambda route: route.fulfill(body=page, content_type="text/html"))
    with served(epub.HTML) as address, pytest.raises(Stop, match=re.escape(repr([tex]))):
        epub.read(tab, address)
    tab.close()

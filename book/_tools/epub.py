"""The book for e-readers: `make epub` makes one EPUB 3 of the built pages, mathematics as MathML, no script.

An installed Chromium, whose path is handed over, reads the pages as a browser does and MathJax (of the lock)
turns their TeX into MathML (`epub.js`); what comes out is packed here. The same pages give the same bytes.
"""

import base64
import io
import re
import sys
import time
import unicodedata
import uuid
import zipfile
from html import escape
from pathlib import Path

from PIL import Image

from bundle import DATE
from environment import BUILD, HTML, ROOT, Stop, minutes, say
from serving import chromium, served
from social_card import SUBTITLE

HERE = Path(__file__).parent
FILE = BUILD / "fading-interest.epub"
LEFT_OUT = {"book/progress"}  # nothing without its script
RELEASED, VERSION = (
    re.search(rf"^{key}: (.*)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)[1]
    for key in ("date-released", "version")
)
#: The parts of the book and their pages, as the list of contents has them on every page.
CONTENTS = """() => [...document.querySelectorAll('nav.bd-links ul.bd-sidenav')].map((list) => ({
  part: list.previousElementSibling?.textContent.trim() ?? '',
  pages: [...list.querySelectorAll('a.reference')].map((link) =>
    [new URL(link.href).pathname.slice(1).replace('.html', ''), link.textContent.trim()]),
}))"""
SHEET = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en" xml:lang="en">
<head><title>{title}</title><link rel="stylesheet" type="text/css" href="{root}book.css"/></head>
<body>{body}</body></html>
"""
CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>
"""
PACKAGE = f"""<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f"fading-interest {VERSION}")}</dc:identifier>
<dc:title>Fading Interest</dc:title><dc:description>{SUBTITLE}</dc:description><dc:language>en</dc:language>
<dc:creator>The Fading Interest authors</dc:creator><dc:rights>CC BY 4.0; code BSD-3-Clause</dc:rights>
<meta property="dcterms:modified">{RELEASED}T00:00:00Z</meta>
<meta property="schema:accessMode">textual</meta><meta property="schema:accessMode">visual</meta>
<meta property="schema:accessibilityFeature">MathML</meta>
<meta property="schema:accessibilityFeature">alternativeText</meta>
<meta property="schema:accessibilityFeature">tableOfContents</meta>
<meta property="schema:accessibilityHazard">none</meta>
</metadata>
<manifest>{{items}}</manifest>
<spine>{{order}}</spine>
</package>
"""
#: On the first page: a reader without MathML shows 2 − a/h where a power of two is meant, and says nothing.
TRIAL = """<p><strong>Can your reader show formulas?</strong> In
<math xmlns="http://www.w3.org/1998/Math/MathML" alttext="2^{-a/h}"><msup><mn>2</mn><mrow><mo>−</mo><mi>a</mi>
<mo>/</mo><mi>h</mi></mrow></msup></math> all behind the 2 must be small and raised. If it is not, your reader
knows no MathML and would show every formula of this book wrong: take the PDF or the pages.</p>"""
KINDS = {"png": "image/png", "css": "text/css", "xhtml": "application/xhtml+xml"}


def read(tab, address):
    """The parts with their pages, and each page as `epub.js` leaves it, by name."""
    tab.goto(address + "book/index.html")
    parts = tab.evaluate(CONTENTS)
    for part in parts:
        part["pages"] = [(name, title) for name, title in part["pages"] if name not in LEFT_OUT]
    tab.evaluate("window.MathJax = { startup: { typeset: false } }")
    tab.add_script_tag(url=f"{address}_static/mathjax/tex-mml-chtml.js")
    tab.evaluate("() => MathJax.startup.promise")
    names = [name for part in parts for name, _ in part["pages"]]
    code = (HERE / "epub.js").read_text(encoding="utf-8")
    pages = {name: tab.evaluate(code, [name, names]) for name in names}
    if failed := [tex for page in pages.values() for tex in page["failed"]]:
        raise Stop(f"MathJax could not read {failed}")
    return parts, pages


def unicode_letters(mathml):
    r"""Script and double-struck capitals as characters of their own: readers know no other ``mathvariant``.

    >>> unicode_letters('<mi mathvariant="double-struck">R</mi><mi mathvariant="script">N</mi>')
    '<mi>ℝ</mi><mi>𝒩</mi>'
    """

    def letter(match):
        for words in ("MATHEMATICAL {} CAPITAL {}", "{} CAPITAL {}"):
            try:
                return f"<mi>{unicodedata.lookup(words.format(match[1].upper(), match[2]))}</mi>"
            except KeyError:
                continue
        return match[0]

    return re.sub(r'<mi mathvariant="(script|double-struck)">([A-Z])</mi>', letter, mathml)


def pictures(page, name, html):
    """The page with its pictures as files, and these: live figures hold theirs as WebP, new to readers."""
    found = {}
    root = "../" * name.count("/")

    def take(match):
        source = match[1]
        if source.startswith("data:"):
            drawn = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB")
            out = io.BytesIO()
            drawn.quantize(128).save(out, "PNG", optimize=True)
            file, data = f"_images/{name.replace('/', '-')}-{len(found)}.png", out.getvalue()
        else:
            file = f"_images/{Path(source).name}"
            data = (html / file).read_bytes()
        found[file] = data
        return f'src="{root}{file}"'

    return re.sub(r'(?<= )src="([^"]*)"', take, page), found


def navigation(parts):
    """The first page: whether formulas can be read, and the table of contents, by part."""
    listed = ""
    for part in parts:
        links = (f'<a href="{name}.xhtml">{escape(title)}</a>' for name, title in part["pages"])
        pages = "".join(f"<li>{link}</li>" for link in links)
        listed += f"<li><span>{escape(part['part'])}</span><ol>{pages}</ol></li>" if part["part"] else pages
    return f'{TRIAL}<nav epub:type="toc"><h1>Contents</h1><ol>{listed}</ol></nav>'


def pack(parts, pages, html=HTML, file=FILE):
    """Write the EPUB; returns its path."""
    colours = (html / "_static/pygments.css").read_text(encoding="utf-8")
    light = re.findall(r'^html\[data-theme="light"\] (\.highlight \..*)$', colours, re.MULTILINE)
    inside = {"book.css": (HERE / "epub.css").read_bytes() + "\n".join(light).encode()}
    inside["cover.png"] = (html / "_static/social.png").read_bytes()
    inside["nav.xhtml"] = SHEET.format(title="Contents", root="", body=navigation(parts)).encode()
    for name, page in pages.items():
        body, found = pictures(unicode_letters(page["written"]), name, html)
        inside |= found
        root = "../" * name.count("/")
        inside[f"{name}.xhtml"] = SHEET.format(title=escape(page["title"]), root=root, body=body).encode()
    items = order = ""
    for number, (path, data) in enumerate(inside.items()):
        special = [{"cover.png": "cover-image", "nav.xhtml": "nav"}.get(path), b"<math" in data and "mathml"]
        said = f' properties="{" ".join(filter(None, special))}"' if any(special) else ""
        items += f'<item id="i{number}" href="{path}" media-type="{KINDS[path.rpartition(".")[2]]}"{said}/>\n'
        order += f'<itemref idref="i{number}"/>\n' if path.endswith(".xhtml") else ""
    head = {"mimetype": b"application/epub+zip", "META-INF/container.xml": CONTAINER.encode()}
    head["book.opf"] = PACKAGE.format(items=items, order=order).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as book:
        for path, data in (head | inside).items():
            stored = path == "mimetype" or path.endswith(".png")  # the first says what the file is, unpacked
            entry = zipfile.ZipInfo(path, DATE)
            book.writestr(entry, data, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED, 9)
    return file


if __name__ == "__main__":
    started = time.monotonic()
    try:
        with served(HTML) as address, chromium(sys.argv[1]) as running:
            parts, pages = read(running.new_page(), address)
        made = pack(parts, pages)
    except Stop as stop:
        sys.exit(f"Stopped: {stop}")
    formulas = sum(page["formulas"] for page in pages.values())
    size = made.stat().st_size / 1e6
    say(f"{made} ({size:.1f} MB, {len(pages)} pages, {formulas:,} formulas; {minutes(started)})")

"""References by number are what Sphinx makes of them, and no page is unpickled twice for them."""

import pytest
from sphinx.environment import BuildEnvironment
from sphinx.testing.util import SphinxTestApp

PAGES = {
    "index": "Book\n====\n\n.. toctree::\n   :numbered:\n\n   one\n   two\n",
    "one": "One\n===\n\n.. _table-one:\n\n.. table:: First\n\n   = =\n   1 2\n   = =\n\n"
    "See :numref:`table-two`.\n",
    "two": "Two\n===\n\n.. _table-two:\n\n.. table:: Second\n\n   = =\n   1 2\n   = =\n\n"
    + "See :numref:`table-one`, :numref:`so {number} <table-two>`, :numref:`table-nowhere`.\n\n" * 5,
}


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Builds the three pages, with our class or without; returns the pages and the calls of `get_doctree`."""
    original = BuildEnvironment.get_doctree

    def build(kind, with_ours):
        read = []

        def get_doctree(env, page):
            read.append(page)
            return original(env, page)

        monkeypatch.setattr(BuildEnvironment, "get_doctree", get_doctree)
        source = tmp_path / f"{kind}-{with_ours}"
        source.mkdir()
        (source / "conf.py").touch()
        for name, text in PAGES.items():
            (source / f"{name}.rst").write_text(text, encoding="utf-8")
        extensions = ["numbered"] if with_ours else []
        app = SphinxTestApp(kind, srcdir=source, confoverrides={"numfig": True, "extensions": extensions})
        app.build()
        told = app.warning.getvalue().replace(str(source), "")
        made = {path.name: path.read_text(encoding="utf-8") for path in app.outdir.glob("*.html")}
        app.cleanup()
        return made, told, read

    return build


@pytest.mark.parametrize("kind", ["html", "singlehtml"])
def test_the_numbers_are_those_of_sphinx(built, kind):
    (plain, warned, often), (ours, ours_warned, once) = built(kind, False), built(kind, True)
    assert "Table 1.1" in "".join(plain.values()) and "so 2.1" in "".join(plain.values())
    assert ours == plain
    assert "table-nowhere" in warned and ours_warned == warned
    assert len(often) - len(once) == 11 - 2, "eleven references to two pages"

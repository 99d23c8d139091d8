"""The library's pages: one a module, listed with what each is for."""

import pkgutil
import re

import pytest

import interestdecay_lib
import library_pages
from chapters import ROOT

#: `sequences` only warns that its names have moved; `exercises` holds the answers.
NO_PAGE = {"sequences", "exercises"}
MODULES = {module.name for module in pkgutil.iter_modules(interestdecay_lib.__path__)}
PUBLIC = {name for name in MODULES if not name.startswith("_")} - NO_PAGE


def test_every_public_module_has_its_page_and_every_page_its_module():
    pages = {path.stem for path in (ROOT / "book/api").glob("*.md")}
    assert pages == PUBLIC, "book/api/<module>.md"
    assert sorted(library_pages.modules()) == sorted(PUBLIC), "the sections of book/api in _toc.yml"


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_a_page_documents_its_module_under_its_name(module):
    text = (ROOT / f"book/api/{module}.md").read_text(encoding="utf-8")
    assert re.search(r"^# `(\w+)`$", text, re.M)[1] == module
    assert re.findall(r"automodule:: (\S+)", text) == [f"interestdecay_lib.{module}"]


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_a_module_says_in_one_line_what_it_is_for(module):
    said = library_pages.purpose(module)
    assert said.endswith((".", "?")) and len(said.split()) >= 5 and "|" not in said

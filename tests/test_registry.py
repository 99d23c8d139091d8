"""One registry of symbols and terms: what is written from it, and what it refuses."""

import doctest
import importlib
import io
import re
import tokenize
from dataclasses import fields, is_dataclass

import nbformat
import pytest

import registry
from chapter import Chapter
from chapters import NAMES, ROOT, cells, chapter, code_cells

TOLD = registry.REGISTRY.read_text(encoding="utf-8")
REGISTRY = registry.load()
CHAPTERS = [chapter(name) for name in registry.names()]
RENEW = "run book/_tools/registry.py"


def _with(before, after):
    """The registry with one passage of its file changed."""
    assert TOLD.count(before) == 1, before
    return registry.load(TOLD.replace(before, after))


def _altered(name, before, after):
    """The book's chapters with a passage of one of them changed."""
    notebook = nbformat.read(ROOT / "chapters" / f"{name}.ipynb", 4)
    cell = next(cell for cell in notebook.cells if before in cell.source)
    cell.source = cell.source.replace(before, after)
    return [Chapter(name, notebook) if one.name == name else one for one in CHAPTERS]


# --- what is written ---


@pytest.mark.parametrize("name", NAMES)
def test_a_chapter_has_the_rows_of_the_registry(name):
    source = cells(name)[0].source
    assert registry.opening(REGISTRY, name, source) == source, RENEW
    rows = re.findall(r"^\| (\$.*\$) \| (.*) \| (.*) \| (.*) \|$", source, re.MULTILINE)
    assert rows, "no table"
    for symbol, _, meaning, unit in rows:  # read without the tool that wrote it
        assert any(
            meaning == known.meaning and (known.chapters[name] or {}).get("symbol", known.symbol) == symbol
            for known in REGISTRY.symbols
            if name in known.chapters
        ), symbol
        assert unit, f"{symbol} has no unit"


def test_the_pages_are_what_the_registry_makes_of_them():
    text = registry.NOTATION.read_text(encoding="utf-8")
    assert registry.notation(REGISTRY, text) == text, RENEW
    text = registry.GLOSSARY.read_text(encoding="utf-8")
    assert registry.glossary(REGISTRY, text, CHAPTERS) == text, RENEW


def test_a_row_of_a_chapters_own_is_seen():
    source = cells("lstm_by_hand")[0].source
    for changed in (
        source + "\n| $y$ | `y` | a letter of its own | none |",
        source.replace("cell state", "state of the cell"),
        source.replace("| $x_t$ |", "| $x$ |"),
    ):
        assert changed != source
        assert registry.opening(REGISTRY, "lstm_by_hand", changed) == source
    with pytest.raises(ValueError, match="one table of symbols"):
        registry.opening(REGISTRY, "lstm_by_hand", "# A chapter without a table")


def test_both_lists_of_the_glossary_hold_every_term():
    english, chinese = registry.GLOSSARY.read_text(encoding="utf-8").split("(glossary-chinese)=")
    terms = {term.name: term.zh for term in REGISTRY.terms}
    listed = re.findall(r"^(\S.*)\n  ([^。]*)。 ", english, re.MULTILINE)
    assert listed == sorted(terms.items(), key=lambda entry: entry[0].casefold())
    rows = re.findall(r"^\| (.*?) \| \{term\}`(.*?)` \|", chinese, re.MULTILINE)
    assert sorted(rows) == sorted((zh, name) for name, zh in terms.items())
    assert [zh for zh, _ in rows][:1] == ["BG/NBD模型"] and [zh for zh, _ in rows][-1:] == ["最小二乘法"]


def test_chinese_names_can_be_sorted():
    """By the first level of GB2312, which is in pinyin's order; signs of several readings are replaced."""
    for term in REGISTRY.terms:
        key = registry.by_pinyin(term.zh)
        assert key[0] < 0x80 or b"\xb0\xa1" <= key[:2] <= b"\xd7\xf9", f"no pinyin for {term.zh}"


# --- what it says ---


def test_the_registry_has_no_faults():
    assert registry.faults(REGISTRY, CHAPTERS) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("- symbol: $H$", "- symbol: $T$", "T has two meanings and no reason"),
        ("- symbol: $\\rho(l)$", "- symbol: $\\eta$", "fading_or_different uses \\eta twice"),
        ("  \\sigma:\n    why:", "  \\pi:\n    why:", "\\sigma has two meanings and no reason"),
        ("  \\sigma:\n    why:", "  \\pi:\n    why:", "\\pi has one meaning only"),
        ("  training_keras: $m$ alone", "  first_look: $m$ alone", "training_keras uses m twice"),
        ("  training_keras: $m$ alone", "  first_look: $m$ alone", "first_look no longer uses m twice"),
        ("training_keras: {unit: weeks}", "first_look: {unit: weeks}", "not some of the book's, in order"),
        ("{symbol: $c$, table", "{symbol: $C$, table", "writes $C$ for $c_t$: another letter"),
        ("  first_look: N S", "  first_look: S", "first_look does not say what N is"),
        ("  first_look: N S", "  first_look: N S Z", "first_look has no Z in passing"),
        ("  accuracy:\n", "  exactness:\n", "links the unknown term accuracy"),
        ("  accuracy:\n", "  exactness:\n", "no chapter links exactness"),
    ],
)
def test_a_fault_of_the_registry_is_told(before, after, told):
    assert any(told in fault for fault in registry.faults(_with(before, after), CHAPTERS))


def test_a_new_letter_in_a_formula_is_seen():
    changed = _altered("decay_formula", "that it keeps is its", "$\\xi$, that it keeps is its")
    assert registry.faults(REGISTRY, changed) == ["decay_formula does not say what \\xi is"]


# --- code ---


def _names(code):
    """Names and attributes in a chapter's code, and the text of its strings."""
    found = set()
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.NAME:
            found.add(token.string)
        elif token.type == tokenize.STRING:
            found |= set(re.findall(r"[A-Za-z_]\w*", token.string))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_code_of_a_symbol_stands_in_the_chapter(name):
    written = set().union(*(_names(cell.source) for cell in code_cells(name)))
    for symbol in REGISTRY.shown(name):
        code = symbol.written(name)[1]
        stems = re.findall(r"\bdecayed_(?=<)", code)  # decayed_<h>w: one column for each half-life
        assert all(any(word.startswith(stem) for word in written) for stem in stems), code
        plain = set(re.findall(r"[A-Za-z_]\w*", re.sub(r"decayed_<h>w", "", code)))
        plain -= {part for dotted in symbol.resolved for part in dotted.split(".")}  # that test is the next
        assert plain - {"fit", "counts"} <= written, f"{name} has no {plain - written} for {symbol.symbol}"


LIBRARY = sorted({name for symbol in REGISTRY.symbols for name in symbol.resolved})


@pytest.mark.parametrize("dotted", LIBRARY)
def test_a_name_of_the_library_resolves(dotted):
    module, *names = dotted.split(".")
    found = importlib.import_module(f"interestdecay_lib.{module}")
    for name in names:
        assert _has(found, name), f"{dotted}: no {name}"
        found = getattr(found, name, None)


def _has(owner, name):
    """A field without default is no attribute of its class."""
    own = {field.name for field in fields(owner)} if is_dataclass(owner) else set()
    return hasattr(owner, name) or name in own or name in getattr(owner, "_fields", ())


def test_a_name_that_the_library_does_not_have_is_seen():
    curve = importlib.import_module("interestdecay_lib.decay").Gaussian
    assert _has(curve, "half_life") and not _has(curve, "half_lives")


def test_the_examples_of_the_tool_run():
    failed, tried = doctest.testmod(registry)
    assert failed == 0 and tried > 3

"""One registry of symbols and terms: what they mean stands in `book/registry.yml`, and nowhere else.

`python book/_tools/registry.py` writes from it the symbol table in the first cell of each chapter, the tables
of the page on notation and the glossary. A test compares all three with what is written here; `faults` says
what is wrong with the registry itself.
"""

import re
from dataclasses import dataclass, field
from functools import cache, cached_property

import nbformat
import yaml

import blocks
import notebooks
from chapter import Chapter, label, names
from environment import CHAPTERS, ROOT

REGISTRY = ROOT / "book/registry.yml"
NOTATION = ROOT / "book/notation.md"
GLOSSARY = ROOT / "book/glossary.md"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was compiled
HEAD = "| mathematics | code | meaning | unit |\n| --- | --- | --- | --- |"
#: The table of symbols and what follows it: the end of a chapter's first cell.
TABLE = re.compile(r"^\| mathematics \| code \|.*\Z", re.MULTILINE | re.DOTALL)
MATH = re.compile(r"```\{math\}\n(?::[^\n]*\n)*(.*?)```|\$\$(.*?)\$\$|(?<!\\)\$([^$]+)\$", re.DOTALL)
TERM = re.compile(r"\{term\}`(?:[^`<]*<([^`>]*)>|([^`]*))`")
#: Greek letters; every other command is an operator, a function or a layout.
GREEK = (
    "alpha beta gamma delta varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi "
    "omega Gamma Delta Theta Lambda Sigma Phi Psi Omega ell"
).split()
#: Signs that GB2312, whose order is that of pinyin, files under another reading than the terms begin with.
READ_AS = str.maketrans({"校": "叫", "重": "虫", "伽": "嘎"})


@dataclass(frozen=True)
class Symbol:
    """One meaning of a letter; `chapters` has what each chapter writes otherwise, the first introduces it."""

    symbol: str
    meaning: str
    unit: str
    chapters: dict
    code: str = ""
    library: str | list = ""
    equation: str = ""

    def written(self, chapter=None):
        """(mathematics, code, meaning, unit) as a chapter writes them, or as the registry does."""
        other = (self.chapters.get(chapter) or {}) if chapter else {}
        return (
            other.get("symbol", self.symbol),
            other.get("code", self.code),
            self.meaning,
            other.get("unit", self.unit),
        )

    def row(self, chapter=None):
        mathematics, code, meaning, unit = self.written(chapter)
        return f"| {mathematics} | {_code(code)} | {meaning} | {unit} |"

    @property
    def letters(self):
        """The letters that it gives this meaning."""
        return letters(self.symbol)

    @property
    def resolved(self):
        """The dotted names in the library."""
        return [self.library] if isinstance(self.library, str) and self.library else list(self.library)


@dataclass(frozen=True)
class Term:
    """A term with its Chinese name and its definition."""

    name: str
    zh: str
    means: str


@dataclass(frozen=True)
class Registry:
    """What the file says: symbols by section, letters that are used twice, letters in passing, terms."""

    sections: dict
    twice: dict
    passing: dict
    terms: list = field(default_factory=list)

    @cached_property
    def symbols(self):
        return [symbol for section in self.sections.values() for symbol in section]

    def of(self, chapter):
        """The symbols of a chapter, in the order of the registry."""
        return [symbol for symbol in self.symbols if chapter in symbol.chapters]

    def shown(self, chapter):
        """Those of them that stand in the chapter's table."""
        return [symbol for symbol in self.of(chapter) if (symbol.chapters[chapter] or {}).get("table", True)]

    def meanings(self, chapter=None):
        """{letter: its symbols}, in one chapter or in the book."""
        found = {}
        for symbol in self.of(chapter) if chapter else self.symbols:
            for letter in symbol.letters:
                found.setdefault(letter, []).append(symbol)
        return found


def load(text=None):
    """The registry, or that of another text."""
    told = yaml.load(text or REGISTRY.read_text(encoding="utf-8"), Loader=LOADER)
    sections = {
        name: [Symbol(**entry) for entry in entries] for name, entries in told["symbols"].items()
    }
    terms = [Term(name, **term) for name, term in told["terms"].items()]
    return Registry(sections, told["twice"], told["passing"], terms)


# ------------------------------------------------------------------------------------------------- letters


def letters(symbol):
    r"""The letters of a table's mathematics: without index and hat, and without what they depend on.

    A bar, an x or a fraction below make a letter of their own: t_x is no t, T_{1/2} no T.

    >>> letters(r"$\hat\lambda,\ r_k$") == [r"\lambda", "r"], letters("$w(a)$"), letters(r"$c = e^{\beta z}$")
    (True, ['w'], ['c'])
    >>> letters("$t_x$"), letters("$T_{1/2}$"), letters("$S_h$"), letters(r"$\bar c$") == [r"\bar c"]
    (['t_x'], ['T_{1/2}'], ['S'], True)
    """
    found = []
    for part in re.split(r",\\ ", symbol.strip("$")):
        name = re.match(r"(?:\\hat ?)?((?:\\bar )?(?:\\[a-zA-Z]+|[a-zA-Z])(?:_\{[^}]*\}|_x)?)", part)
        letter = name[1]
        if letter not in found:
            found.append(letter)
    return found


@cache
def formula_letters(markdown):
    r"""Every letter in the mathematics of a text, indices too; e is a number.

    >>> sorted(formula_letters(r"With $h = \ln 2/\text{rate}$ and $x_i$, `$y$` in code, costs 5 dollars"))
    ['h', 'i', 'x']
    """
    found = set()
    for match in MATH.finditer(re.sub(r"`[^`\n]+`", "", markdown)):
        text = match[1] or match[2] or match[3]
        text = re.sub(r"\\(?:text|mathrm|operatorname|mathbf|begin|end|label)\*?\s*\{[^{}]*\}", " ", text)
        for name in re.findall(r"\\[a-zA-Z]+|[a-zA-Z]", text):
            if not name.startswith("\\") or name[1:] in GREEK:
                found.add(name)
    return frozenset(found - {"e"})


# ---------------------------------------------------------------------------------------------- in the book


def table(registry, chapter):
    """The symbol table of a chapter, and what it says of a letter that means two things in it."""
    rows = [symbol.row(chapter) for symbol in registry.shown(chapter)]
    said = [told["here"][chapter] for told in registry.twice.values() if chapter in told.get("here", {})]
    return "\n".join([HEAD, *rows]) + (f"\n\n**Used twice here:** {'; '.join(said)}." if said else "")


def opening(registry, chapter, source):
    """A chapter's first cell with its table renewed."""
    if len(TABLE.findall(source)) != 1:
        raise ValueError(f"the first cell of {chapter} must end with one table of symbols")
    return TABLE.sub(lambda match: table(registry, chapter), source)


def notation(registry, text):
    """The page on notation with its tables renewed."""
    made = {_slug(name): _section(symbols) for name, symbols in registry.sections.items()}
    return blocks.renew(text, {**made, "twice": _twice(registry)})


def _section(symbols):
    head = "| symbol | code | meaning | unit or shape | chapters |\n| --- | --- | --- | --- | --- |"
    rows = [f"{symbol.row()} {_where(symbol)} |" for symbol in symbols]
    return "\n".join([head, *rows]) + "\n"


def _twice(registry):
    head = "| symbol | meanings, and the chapters of each | why |\n| --- | --- | --- |"
    rows, known = [], registry.meanings()
    for letter, told in registry.twice.items():
        meanings = "; ".join(
            f"{one.symbol} {one.meaning.split(';')[0]} ({_chapters(one)})" for one in known[letter]
        )
        rows.append(f"| ${letter}$ | {meanings} | {told['why']} |")
    return "\n".join([head, *rows]) + "\n"


def _where(symbol):
    equation = f", {{eq}}`{symbol.equation}`" if symbol.equation else ""
    return _chapters(symbol) + equation


def _chapters(symbol):
    return ", ".join(f"{{numref}}`%s <{label(chapter)}>`" for chapter in symbol.chapters)


def glossary(registry, text, chapters):
    """The glossary with its two lists renewed: by English, and by Chinese."""
    first = first_uses(chapters)
    where = {term.name: f"%s <{label(first[term.name.casefold()])}>" for term in registry.terms}
    return blocks.renew(text, {"english": _english(registry, where), "chinese": _chinese(registry, where)})


def _english(registry, where):
    entries = [
        f"{term.name}\n  {term.zh}。 {term.means}\n\n  First used in {{numref}}`chapter {where[term.name]}`."
        for term in sorted(registry.terms, key=lambda term: term.name.casefold())
    ]
    return "```{glossary}\n" + "\n\n".join(entries) + "\n```\n"


def _chinese(registry, where):
    rows = [
        f"| {term.zh} | {{term}}`{term.name}` | {{numref}}`{where[term.name]}` |"
        for term in sorted(registry.terms, key=lambda term: by_pinyin(term.zh))
    ]
    return "\n".join(["| 中文 | English | first in chapter |", "| --- | --- | --- |", *rows]) + "\n"


def by_pinyin(text):
    """A key that sorts as a Chinese reader looks it up: Latin letters first, then by pinyin.

    >>> sorted(["注意力", "门", "半衰期", "重置门", "AUC", "早停"], key=by_pinyin)
    ['AUC', '半衰期', '重置门', '门', '早停', '注意力']
    """
    return (text[0].translate(READ_AS) + text[1:]).encode("gb18030")


def first_uses(chapters):
    """{term in small letters: the name of the first chapter that links it}."""
    found = {}
    for chapter in chapters:
        for term in terms_used(chapter):
            found.setdefault(term, chapter.name)
    return found


def terms_used(chapter):
    """The terms that a chapter links to the glossary, captions of figures included, in small letters."""
    figures = [cell.metadata.get("mystnb", {}).get("figure", {}) for cell in chapter.notebook.cells]
    text = "\n".join([chapter.markdown, *(figure.get("caption", "") for figure in figures)])
    return {" ".join((a or b).split()).casefold() for a, b in TERM.findall(text)}


def _slug(name):
    return name.lower().replace(" ", "-")


def _code(code):
    """Names that stand beside each other get their own ticks; a call is one.

    >>> _code("t, times"), _code("curve(age)"), _code("")
    ('`t`, `times`', '`curve(age)`', '')
    """
    return ", ".join(f"`{name}`" for name in re.split(r", (?![^(]*\))", code)) if code else ""


# -------------------------------------------------------------------------------------------------- faults


def faults(registry, chapters):
    """What is wrong with the registry for these chapters, in sentences; empty if nothing is."""
    order = [chapter.name for chapter in chapters]
    used = first_uses(chapters)
    known = {term.name.casefold() for term in registry.terms}
    found = [fault for symbol in registry.symbols for fault in _astray(symbol, order)]
    found += _undeclared(registry, order)
    found += [fault for chapter in chapters for fault in _in_formulas(registry, chapter)]
    found += [f"{used[term]} links the unknown term {term}" for term in sorted(set(used) - known)]
    return found + [f"no chapter links {term}" for term in sorted(known - set(used))]


def _astray(symbol, order):
    """Chapters of a symbol that are not the book's, in its order, or that write it with another letter."""
    found = []
    if not symbol.chapters or list(symbol.chapters) != [name for name in order if name in symbol.chapters]:
        found.append(f"{symbol.symbol} ({symbol.meaning}): chapters are not some of the book's, in order")
    written = {name: symbol.written(name)[0] for name in symbol.chapters}
    return found + [
        f"{name} writes {other} for {symbol.symbol}: another letter"
        for name, other in written.items()
        if not set(letters(other)) <= set(symbol.letters)
    ]


def _undeclared(registry, order):
    """Letters with several meanings that nobody declared, and declarations of what is no longer so."""
    found = []
    several = {letter for letter, symbols in registry.meanings().items() if len(symbols) > 1}
    found += [f"{letter} has two meanings and no reason" for letter in sorted(several - set(registry.twice))]
    found += [f"{letter} has one meaning only" for letter in sorted(set(registry.twice) - several)]
    for name in order:
        both = {letter for letter, symbols in registry.meanings(name).items() if len(symbols) > 1}
        said = {letter for letter, told in registry.twice.items() if name in told.get("here", {})}
        found += [f"{name} uses {letter} twice and does not say so" for letter in sorted(both - said)]
        found += [f"{name} no longer uses {letter} twice" for letter in sorted(said - both)]
    return found


def _in_formulas(registry, chapter):
    """Letters in a chapter's formulas that neither its table nor the list of letters in passing knows."""
    passing = set(registry.passing.get(chapter.name, "").split())
    known = set(passing)
    for symbol in registry.of(chapter.name):
        mathematics, _, meaning, _ = symbol.written(chapter.name)
        known |= formula_letters(f"{mathematics} {meaning}")
    used = formula_letters(chapter.markdown)
    stale = passing - used
    return [f"{chapter.name} does not say what {letter} is" for letter in sorted(used - known)] + [
        f"{chapter.name} has no {letter} in passing" for letter in sorted(stale)
    ]


# --------------------------------------------------------------------------------------------------- write


def renew():
    """Write the chapters' tables and both pages anew."""
    registry = load()
    for name in names():
        path = CHAPTERS / f"{name}.ipynb"
        notebook = nbformat.read(path, 4)
        source = opening(registry, name, notebook.cells[0].source)
        if source != notebook.cells[0].source:
            notebook.cells[0].source = source
            notebooks.normalise(notebook, notebooks.stated_seconds(notebook))
            nbformat.write(notebook, path)
    made = notation(registry, NOTATION.read_text(encoding="utf-8"))
    NOTATION.write_text(made, encoding="utf-8")
    made = glossary(registry, GLOSSARY.read_text(encoding="utf-8"), [Chapter.read(name) for name in names()])
    GLOSSARY.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    renew()

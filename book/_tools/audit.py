"""The source audit: every checked statement of the five articles, what is right, and where the book shows it.

What was printed, what is wrong with it and where it is shown stands in `book/_data/errata.yml`; right values
that are numbers are computed here, by `audit_values.py`. `python book/_tools/audit.py` writes the page anew.
A test compares the page with what is computed, and computes every value a second time by other means.
Mistakes of tools stand in `elsewhere.py`.

An entry has an id, a section, a kind, a verdict, what is printed (text, or numbers), and where they apply:
what is right in words, why, `see` (sections of chapters or pages, "name: heading"), `planned` (a chapter that
is not yet written), `cite` (a work of the bibliography) and `isbn` (a number that is printed).
"""

import ast
import datetime
import re
from collections import Counter

import numpy as np
import yaml

import audit_values
import blocks
import elsewhere
from chapter import Chapter, names
from environment import ROOT

BOOK = ROOT / "book"
PAGE = BOOK / "source_audit.md"
ERRATA = BOOK / "_data/errata.yml"
ARTICLES = {
    "A": "deep learning and the LSTM by hand",
    "B": '"large models" for a shop',
    "C": "an encoder-decoder",
    "D": "interest that fades and is activated",
    "E": "exponential, Gaussian, tanh",
}
HEADING = re.compile(r"^##+ (.*)", re.MULTILINE)
KINDS = {
    "number": "numbers",
    "formula": "formulas",
    "code": "code",
    "claim": "claims",
    "citation": "works that it names",
}
VERDICTS = ["wrong", "misleading", "ill-defined", "unverified", "right"]


def entries():
    """What `errata.yml` says, in its order, each with its article's letter."""
    found = yaml.safe_load(ERRATA.read_text(encoding="utf-8"))
    return [{**entry, "article": letter(entry["id"])} for entry in found]


def letter(name):
    """The article of an id.

    >>> letter("003-F05")
    'D'
    """
    return "ABCDE"[int(name[:3])]


def expressions():
    """{id: the source of the expression that computes its value}."""
    text = (BOOK / "_tools/audit_values.py").read_text(encoding="utf-8")
    table = ast.parse(text).body[-1].value
    return {
        key.value: " ".join(ast.get_source_segment(text, made.body).split())
        for key, made in zip(table.keys, table.values, strict=True)
    }


def shown(value):
    """A value as the page prints it: six digits that count.

    >>> shown([0.1, 2 / 3]), shown(30651), shown(1 / 3)
    ('[0.1, 0.666667]', '30,651', '0.333333')
    """
    if isinstance(value, datetime.date):
        return f"{value:%Y-%m-%d}"
    if np.ndim(value):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def page(text):
    """The page with its computed blocks renewed."""
    found = entries()
    made = {"summary": summary(found), "counts": counts(found), "errata": errata(found)}
    return blocks.renew(text, {**made, "elsewhere": elsewhere.entries()})


def renewed():
    """The page's text as data and library want it."""
    return page(PAGE.read_text(encoding="utf-8"))


def summary(found):
    """One paragraph: how many statements, how many of them are right, how many values are computed."""
    said = Counter(entry["verdict"] for entry in found)
    shown_in = sum("see" in entry for entry in found)
    later = sum("see" not in entry and "planned" in entry for entry in found)
    return (
        f"**{len(found)} statements** of five articles were checked: {said['right']} are right, "
        f"{said['wrong']} wrong, {said['misleading']} misleading, {said['ill-defined']} ill-defined, and "
        f"{said['unverified']} could not be verified.\n"
        f"{len(audit_values.VALUES)} of them have a number as their right answer: each is computed when "
        "this page is made, and again, by other means, in a test.\n"
        f"{shown_in} lead to a section of this book that shows more, {later} wait for a chapter that is not "
        "yet written, the others are answered here.\n"
    )


def counts(found):
    """Markdown table: verdicts of each article and each kind."""
    lines = [
        "| of | " + " | ".join(VERDICTS) + " | all |",
        "| --- |" + " ---: |" * (len(VERDICTS) + 1),
    ]
    for field, rows in {"article": ARTICLES, "kind": KINDS}.items():
        for row in rows:
            said = Counter(entry["verdict"] for entry in found if entry[field] == row)
            name = f"article {row}" if field == "article" else KINDS[row].replace(" that it names", " named")
            cells = [*(said[verdict] for verdict in VERDICTS), said.total()]
            lines.append(f"| {name} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def errata(found):
    """All entries, by article and by kind."""
    sources, targets, parts = expressions(), headings(), []
    for article, about in ARTICLES.items():
        parts.append(f"## Article {article}: {about}")
        for kind, name in KINDS.items():
            here = [entry for entry in found if (entry["article"], entry["kind"]) == (article, kind)]
            if here:
                parts.append(f"### Article {article}, {name}")
            parts += [erratum(entry, sources, targets) for entry in here]
    return "\n\n".join(parts) + "\n"


def erratum(entry, sources, targets):
    """One entry as a box with an address of its own."""
    name, kind, verdict = entry["id"], entry["kind"], entry["verdict"]
    lines = [
        f"(audit-{name.lower()})=",
        f":::{{container}} entry article-{entry['article'].lower()} kind-{kind} verdict-{verdict}",
        f"**{name}** · section {entry['section']} · {kind} · *{verdict}*",
        "",
        f"Printed: {printed(entry['printed'], kind)}",
        "",
        f"Right: {' '.join(right(entry, sources))}",
    ]
    more = [entry["why"]] if "why" in entry else []
    if "see" in entry:
        more.append(f"See {linked(entry['see'], targets)}.")
    if "planned" in entry:
        more.append(f"Planned for the chapter `{entry['planned']}`, which is not there yet.")
    if more:
        lines += ["", " ".join(more)]
    return referred("\n".join([*lines, ":::"]), name)


def referred(text, own):
    """The text with every id of another entry as a link to it.

    >>> referred("see 001-F02", "001-F04")
    'see {ref}`001-F02 <audit-001-f02>`'
    """
    return re.sub(
        r"\b00\d-[A-Z]\w+(?:-[\w-]+)?",
        lambda found: found[0] if found[0] == own else f"{{ref}}`{found[0]} <audit-{found[0].lower()}>`",
        text,
    )


def plain(text):
    """Words in which nothing is Markdown.

    >>> plain("h_t = W*x")
    'h\\\\_t = W\\\\*x'
    """
    return re.sub(r"([\\`*_<>$\[\]])", r"\\\1", text)


def printed(value, kind):
    """What the article prints: its numbers as they are, its sentences as a quotation."""
    if not isinstance(value, str):
        return f"`{value}`"
    return f"“{value}”" if kind == "claim" and re.search(r"[\u4e00-\u9fff]", value) else value


def right(entry, sources):
    """What is right, in words or as a number with the expression behind it."""
    if "right" in entry:
        yield entry["right"]
    if entry["id"] in sources:
        yield f"**{shown(audit_values.VALUES[entry['id']]())}**"
        yield f"from `{sources[entry['id']]}`."
    if "cite" in entry:
        yield f"{{cite:p}}`{entry['cite']}`"
    if "isbn" in entry:
        number, digit = entry["isbn"], check_digit(entry["isbn"])
        yield f"Its ISBN, {number}, ends in {number[-1]}; the check digit of the first twelve is **{digit}**."


def check_digit(isbn):
    """The last digit of an ISBN of 13 digits: with it, the sum of the digits times 1, 3, 1, 3, ... ends in 0.

    >>> check_digit("9780306406157")
    7
    """
    return -sum(int(digit) * weight for digit, weight in zip(isbn[:12], [1, 3] * 6, strict=True)) % 10


def headings():
    """{"name: heading": Markdown link} of every section of the chapters and the pages."""
    found = {}
    for number, name in enumerate(names(), 1):
        chapter = Chapter.read(name)
        found[name] = f"{{ref}}`chapter {number} <{chapter.label}>`"
        for heading in HEADING.findall(chapter.markdown):
            link = f"[chapter {number}, {heading}](../chapters/{name}.ipynb#{slug(heading)})"
            found[f"{name}: {heading}"] = link
    for file in BOOK.glob("*.md"):
        text = file.read_text(encoding="utf-8")
        title = re.search("^# (.*)", text, re.MULTILINE)[1]
        found[file.stem] = f"{{doc}}`{file.stem}`"
        for heading in HEADING.findall(text):
            found[f"{file.stem}: {heading}"] = f"[{title}, {heading}]({file.name}#{slug(heading)})"
    return found


def slug(heading):
    """The anchor that MyST gives to a heading.

    >>> slug("Pareto/NBD: who's gone?")
    'paretonbd-whos-gone'
    """
    return re.sub(r"[^\w\u4e00-\u9fff\- ]", "", heading.lower()).replace(" ", "-")


def linked(places, targets):
    """Links to sections; a section that is not there is an error that names it."""
    places = [places] if isinstance(places, str) else places
    lost = [place for place in places if place not in targets]
    if lost:
        raise ValueError(f"there is no section {lost[0]!r}; the data of the page must follow the chapter")
    return " and ".join(targets[place] for place in places)


if __name__ == "__main__":
    PAGE.write_text(renewed(), encoding="utf-8")

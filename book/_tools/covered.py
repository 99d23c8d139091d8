"""The coverage page: every method, formula, scenario and tool that an article names, and where it is shown.

The rows stand in `book/_data/features.yml`: id, section of the article, what it asks for, and the answer.
`see` names the sections that show it, `missing` what they do not show, `because` why something is not built,
`planned` the chapter that is to show it. `python book/_tools/covered.py` writes the page anew; a test
compares. The audit's page comes first: its sections are among the answers.
"""

from collections import Counter

import yaml

import audit
import blocks

PAGE = audit.BOOK / "coverage.md"
FEATURES = audit.BOOK / "_data/features.yml"
ANSWERS = ["shown", "partly", "planned", "not-built"]


def features():
    """What `features.yml` says, each row with its article's letter and the kind of its answer."""
    found = yaml.safe_load(FEATURES.read_text(encoding="utf-8"))
    return [{**row, "article": audit.letter(row["id"]), "answer": answer(row)} for row in found]


def answer(row):
    """The kind of a row's answer.

    >>> answer({"see": "speed"}), answer({"planned": "privacy"}), answer({"because": "of its size"})
    ('shown', 'planned', 'not-built')
    """
    if "missing" in row:
        return "partly"
    if "because" in row:
        return "not-built"
    return "shown" if "see" in row else "planned"


def page(text):
    """The page with its computed blocks renewed."""
    found = features()
    return blocks.renew(text, {"summary": summary(found), "counts": counts(found), "features": boxes(found)})


def renewed():
    """The page's text as data and chapters want it."""
    return page(PAGE.read_text(encoding="utf-8"))


def summary(found):
    """One paragraph: how many rows there are, and how they are answered."""
    said = Counter(row["answer"] for row in found)
    return (
        f"The five articles name **{len(found)} methods, formulas, scenarios, tools and practices**. "
        f"{said['shown']} of them are shown in this book, {said['partly']} partly, {said['planned']} wait "
        f"for a chapter of part III, and {said['not-built']} are named and not built, with the reason.\n"
    )


def counts(found):
    """Markdown table: answers of each article."""
    lines = ["| article | " + " | ".join(ANSWERS).replace("-", " ") + " | all |", "| --- |" + " ---: |" * 5]
    for article in audit.ARTICLES:
        said = Counter(row["answer"] for row in found if row["article"] == article)
        cells = [*(said[kind] for kind in ANSWERS), said.total()]
        lines.append(f"| {article} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def boxes(found):
    """All rows, by article."""
    targets, parts = audit.headings(), []
    for article, about in audit.ARTICLES.items():
        parts.append(f"## Article {article}: {about}")
        parts += [box(row, targets) for row in found if row["article"] == article]
    return "\n\n".join(parts) + "\n"


def box(row, targets):
    """One row as a box with an address of its own."""
    return "\n".join(
        [
            f"(coverage-{row['id'].lower()})=",
            f":::{{container}} entry article-{row['article'].lower()} answer-{row['answer']}",
            f"**{row['id']}** · section {row['section']} · {audit.plain(row['asks'])}",
            "",
            " ".join(answered(row, targets)),
            ":::",
        ]
    )


def answered(row, targets):
    """The sentences of an answer."""
    if row["answer"] == "not-built":
        yield f"*Named, not built*, because {row['because']}."
        if "see" in row:
            yield f"See {audit.linked(row['see'], targets)}."
        return
    if "see" in row:
        yield f"*{row['answer'].capitalize()}*: {audit.linked(row['see'], targets)}."
    if "missing" in row:
        yield f"Missing: {row['missing']}"
        yield f"(because {row['because']})." if "because" in row else f"(planned for `{row['planned']}`)."
    elif "planned" in row:
        yield f"*Planned* for the chapter `{row['planned']}`, not there yet."


if __name__ == "__main__":
    PAGE.write_text(renewed(), encoding="utf-8")

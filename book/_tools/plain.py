"""A chapter as any Jupyter shows it: plain Markdown in place of MyST's directives and roles.

What is handed out is opened in JupyterLab, a hub or Colab, where a directive is a block of code and a glued
number a hole. Here numbers stand as the last execution gave them, formulas carry their number, hints and
quick questions are folds of HTML, figures have their captions, and the works cited stand at the end.
"""

import copy
import re
from dataclasses import dataclass
from functools import cache

import nbformat
from pybtex.database import parse_file
from pybtex.plugin import find_plugin

import citations
import quiz
from chapter import Chapter, exercises, names, said
from environment import ROOT, Stop

BOOK = ROOT / "book"
FENCE = re.compile(r"^(`{3,}|:{3,})\{([\w:-]+)\} *(.*)$")
CODE = re.compile(r"^(`{3,})(?!.*`)")
OPTION = re.compile(r"^:([\w-]+): *(.*)$")
TARGET = re.compile(r"^\([\w-]+\)=$")
ROLE = re.compile(r"\{([a-z:]+)\}`([^`]*)`")
STATED = {"prf:definition": "Definition", "prf:theorem": "Theorem", "prf:proposition": "Proposition"}


@dataclass
class Numbers:
    """What the references of one chapter lead to: {label: what they show}, and the numbers it says."""

    said: dict
    labels: dict


def plain(notebook, name):
    """The notebook, or an edition of it, in plain Markdown; ``name`` is the chapter's."""
    numbers = Numbers({key: told for key, _, told in said(notebook)}, labels())
    made = copy.deepcopy(notebook)
    made.cells = [part for cell in made.cells for part in _cells(cell, numbers)]
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    works = sorted({key for source in texts for key in cited(source)})
    if works:
        made.cells.append(nbformat.v4.new_markdown_cell(f"## Works cited\n\n{bibliography(works)}"))
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"
    left = [cell.source for cell in made.cells if cell.cell_type == "markdown" and _leftover(cell.source)]
    if left:
        raise Stop(f"chapter {name}: no plain form is known of\n{left[0]}")
    return made


def _cells(cell, numbers):
    """The cell, a figure's caption behind it."""
    if cell.cell_type == "markdown":
        cell.source = text(cell.source, numbers)
        return [cell]
    figure = cell.metadata.get("mystnb", {}).get("figure", {})
    if "caption" not in figure:
        return [cell]
    title = numbers.labels.get(figure.get("name"), "Figure")
    caption = f"**{title}.** {text(figure['caption'], numbers)}"
    return [cell, nbformat.v4.new_markdown_cell(caption)]


def _leftover(source):
    """Whether something of MyST is left outside blocks of code."""
    outside = re.sub(r"^```.*?^```$", "", source, flags=re.MULTILINE | re.DOTALL)
    return re.search(r"\{[a-z:]+\}`|^(`{3,}|:{3,})\{", outside, re.MULTILINE)


# --------------------------------------------------------------------------------------------------- text


def text(source, numbers):
    """MyST as plain Markdown, block by block."""
    lines, made = source.split("\n"), []
    while lines:
        fence, code = FENCE.match(lines[0]), CODE.match(lines[0])
        if fence:
            body, lines = _inside(lines, fence[1])
            options = {}
            while body and (option := OPTION.match(body[0])):
                options[option[1]] = option[2]
                body = body[1:]
            made.append(block(fence[2], fence[3], options, "\n".join(body), numbers))
        elif code:
            body, rest = _inside(lines, code[1])
            made.append("\n".join(lines[: len(lines) - len(rest)]))
            lines = rest
        elif TARGET.match(line := lines.pop(0)):
            continue
        else:
            made.append(inline(line, numbers))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(made)).strip("\n")


def _inside(lines, fence):
    """What stands between a fence and its end, and what comes after."""
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == fence:
            return lines[1:number], lines[number + 1 :]
    raise Stop(f"a block is never closed: {lines[0]}")


def block(kind, argument, options, body, numbers):
    """One directive."""
    if kind in ("exercise-end", "calculator"):
        return ""
    if kind == "exercise-start":
        return f"\n### {numbers.labels[options['label']]} {argument}\n"
    if kind == "math":
        number = numbers.labels.get(options.get("label"), "").strip("()")
        tag = [rf"\tag{{{number}}}"] if number else []
        return "\n".join(["", "$$", body.strip(), *tag, "$$", ""])
    if kind == "quiz":
        return quick_questions(argument, numbers)
    inner = text(body, numbers)
    title = inline(argument, numbers)
    if kind == "admonition" and "dropdown" in options.get("class", ""):
        return f"\n{fold(title, inner)}\n"
    if kind in STATED:
        number = numbers.labels.get(options.get("label"), STATED[kind])
        return f"\n{_quoted(f'{number} ({title}).', inner)}\n"
    plain_titles = {"admonition": title, "prf:proof": "Proof.", "warning": "Warning."}
    if kind not in plain_titles:
        raise Stop(f"no plain form is known of the directive {kind!r}")
    return f"\n{_quoted(plain_titles[kind], inner)}\n"


def _quoted(title, inner):
    return "\n".join(f"> {line}".rstrip() for line in [f"**{title}**", "", *inner.split("\n")])


def fold(title, inner):
    """HTML that Jupyter folds; Markdown within it needs the empty lines."""
    return f"<details><summary>{title}</summary>\n\n{inner}\n\n</details>"


def quick_questions(name, numbers):
    """Each choice is a fold, as on the page: opened, it says whether it is right, and why."""
    parts = ["\n### Quick questions\n", "Open a choice to see whether it is right, and why."]
    for number, question in enumerate(quiz.load(name), 1):
        parts.append(f"**{number}.** {text(question['question'].strip(), numbers)}")
        for choice in question["choices"]:
            verdict = "Right." if choice.get("right") else "No."
            why = f"**{verdict}** {text(choice['why'].strip(), numbers)}"
            parts.append(fold(inline(choice["text"].strip(), numbers), why))
    return "\n\n".join(parts) + "\n"


def inline(line, numbers):
    """One line with its roles as words.

    >>> numbers = Numbers({"a-b": "12"}, {"eq-x": "(2.1)", "chapter-x": "chapter 1, *A first look*"})
    >>> inline("{glue:text}`a-b` {term}`half-lives <half-life>`, {eq}`eq-x`, {ref}`chapter-x`", numbers)
    '12 half-lives, (2.1), chapter 1, *A first look*'
    """

    def shown(role):
        kind, content = role.groups()
        named = re.fullmatch(r"(.*?)\s*<([^<>]*)>", content)
        if kind == "glue:text":
            return numbers.said[content]
        if kind == "term":
            return named[1] if named else content
        if kind in ("cite:t", "cite:p"):
            return citation(content.split(","), kind == "cite:p")
        label = named[2] if named else content
        if kind in ("ref", "eq", "numref", "prf:ref", "doc"):
            return named[1] if named and "%s" not in named[1] else numbers.labels[label]
        raise Stop(f"no plain form is known of the role {kind!r}")

    return ROLE.sub(shown, line)


# ------------------------------------------------------------------------------------------------ numbers


@cache
def labels():
    """{label: what a reference shows} of all chapters and pages: numbers as on the page, titles elsewhere."""
    found = {}
    for number, name in enumerate(names(), 1):
        chapter = Chapter.read(name)
        found |= _titles(chapter.markdown)
        found[chapter.label] = f"chapter {number}, *{chapter.title}*"
        found |= {
            label: f"({number}.{k})" for k, label in enumerate(_labelled(chapter.markdown, "math"), 1)
        }
        figures = [cell.metadata.get("mystnb", {}).get("figure", {}) for cell in chapter.notebook.cells]
        captioned = [figure for figure in figures if "caption" in figure]
        found |= {figure.get("name"): f"Fig. {number}.{k}" for k, figure in enumerate(captioned, 1)}
        for kind, word in STATED.items():
            stated = _labelled(chapter.markdown, kind)
            found |= {label: f"{word} {number}.{k}" for k, label in enumerate(stated, 1)}
        found |= {label: f"Exercise {number}.{k}" for k, label in enumerate(exercises(chapter.notebook), 1)}
    for page in BOOK.glob("*.md"):
        markdown = page.read_text(encoding="utf-8")
        found |= _titles(markdown)
        found[page.stem] = found[f"../book/{page.stem}"] = re.search("^# (.*)$", markdown, re.M)[1]
    return found


def _titles(markdown):
    """{label: heading} of what stands before a heading."""
    return dict(re.findall(r"^\(([\w-]+)\)=\n+#+ (.*)$", markdown, re.M))


def _labelled(markdown, kind):
    """The labels of one directive, in order."""
    return re.findall(rf"^`{{3,}}\{{{kind}\}}.*\n(?::(?!label).*\n)*:label: *(\S+)", markdown, re.M)


# -------------------------------------------------------------------------------------------- works cited


@cache
def _library():
    return parse_file(str(BOOK / "references.bib"), "bibtex").entries


def cited(source):
    """The keys of the works that a text names."""
    return [key for _, keys in re.findall(r"\{cite:([pt])\}`([^`]*)`", source) for key in keys.split(",")]


def citation(keys, within):
    """Authors and year, in the words of the page.

    >>> citation(["cormode2009forward"], False), citation(["cormode2009forward"], True)
    ('Cormode et al. [2009]', '[Cormode et al., 2009]')
    """
    entries = [_library()[key] for key in keys]
    told = list(citations.AuthorYearLabels().format_labels(entries))
    if within:
        return f"[{'; '.join(told)}]"
    return " and ".join(re.sub(r", (\S+)$", r" [\1]", one) for one in told)


def bibliography(keys):
    """The works as a list."""
    style = citations.Style()
    backend = find_plugin("pybtex.backends", "markdown")()
    works = style.format_entries([_library()[key] for key in keys])
    return "\n".join(f"- {_unescaped(work.text.render(backend))}" for work in works)


def _unescaped(work):
    """One line, without the backslashes that Markdown does not need.

    >>> _unescaped("A\\\\.\\nB, 2\\\\(6\\\\)")
    'A. B, 2(6)'
    """
    return re.sub(r"\\([^\w*_`\[\]])", r"\1", work.replace("\n", " "))

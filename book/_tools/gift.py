"""The quick questions in Moodle's GIFT format: `make gift` writes one file for the book and one a chapter.

A question keeps its choices, which one is right, and the sentence that explains each. Text becomes HTML,
formulas stand between ``\\(`` and ``\\)``, where Moodle's MathJax filter finds them. GIFT's own signs are
escaped.
"""

import re
import sys
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

import quiz
from chapter import Chapter, names
from environment import BUILD, Stop, say

FOLDER = BUILD / "gift"
MARKDOWN = MarkdownIt("commonmark").use(dollarmath_plugin, renderer=lambda math, _: escape(math, quote=False))


def html(text):
    r"""One line of HTML of a question's Markdown.

    >>> html("Is *half* of `x < 1` left, $\\lambda = 2$?")
    'Is <em>half</em> of <code>x &lt; 1</code> left, \\(\\lambda = 2\\)?'
    """
    made = MARKDOWN.renderInline(" ".join(text.split()))
    return re.sub(r'<span class="math inline">(.*?)</span>', r"\\(\1\\)", made)


def escaped(text):
    r"""A text in which no sign means anything to GIFT.

    >>> print(escaped(r"\(f = 2\), {a: 1} # 5 ~"))
    \\(f \= 2\\), \{a\: 1\} \# 5 \~
    """
    return re.sub(r"([\\~=#{}:])", r"\\\1", text)


def question(name, told):
    """One question as GIFT; without a line break inside, since an empty line ends a question."""
    choices = [
        f"{'=' if choice.get('right') else '~'}{_said(choice['text'])} #{_said(choice['why'])}"
        for choice in told["choices"]
    ]
    inside = "\n".join(["{", *choices, "}"])
    return f"::{escaped(name)}::[html]{_said(told['question'])} {inside}\n"


def _said(text):
    return escaped(html(text))


def chapter(name):
    """All questions of a chapter, in a category of its own."""
    title = Chapter.read(name).title.replace("/", "//")  # one slash would begin a category within
    asked = [question(f"{name} {number}", told) for number, told in enumerate(quiz.load(name), start=1)]
    return "\n".join([f"$CATEGORY: $course$/top/Fading Interest/{title}\n", *asked])


def write(folder=FOLDER):
    """Write the files; returns how many questions they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {name: chapter(name) for name in names()}
    for name, text in made.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / "all_chapters.txt").write_text("\n".join(made.values()), encoding="utf-8")
    return sum(len(quiz.load(name)) for name in made)


if __name__ == "__main__":
    try:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
        say(f"{write(folder)} quick questions are in {folder}, for Moodle's question bank (format GIFT)")
    except Stop as stop:
        sys.exit(f"\nStopped: {stop}")

"""Code to put in order: ``{parsons}`` sets the problems of ``book/parsons.yml``, `parsons.js` judges.

A problem::

    - name: running-sum               # a browser remembers it by this name
      title: ...
      chapter: events_to_interest
      task: Text in MyST Markdown.
      given: |                        # code that stands above and is run first
        h = 7.0
      lines:                          # in the right order; a gap has its choices, the right one first
        - "S = S * [[2 ** (-gap / h)|2 ** (gap / h)]] + 1"
      also: [[1, 0, 2]]               # every other order that is right
      wrong:                          # lines too many, and the right line that each is mistaken for
        - line: "..."
          instead: 0
          why: Text for who uses it.
      prints: "1.28"                  # what the right program prints

Lines keep their indentation. The order in which they are shown depends on the name alone and is never right.
What judges is sealed like the answers of the boxes (`answer_box.sealed`): nobody reads it by accident.
"""

import hashlib
import re
from html import escape

import yaml
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from answer_box import sealed
from chapter import label
from environment import ROOT

FILE = ROOT / "book/parsons.yml"
MARK = '<div class="parsons"'
NEEDED = {"name", "title", "chapter", "task", "given", "lines", "wrong", "prints"}
GAP = re.compile(r"\[\[(.*?)\]\]")


def load(path=FILE):
    """The problems; a fault of the file is named with its problem."""
    problems = yaml.safe_load(path.read_text(encoding="utf-8"))
    for problem in problems:
        missing, unknown = NEEDED - set(problem), set(problem) - NEEDED - {"also"}
        if missing or unknown:
            raise ExtensionError(
                f"{path.name}, {problem.get('name')}: missing {sorted(missing)}, unknown {sorted(unknown)}"
            )
    return problems


def choices(line):
    """The choices of each gap of a line.

    >>> choices("a = [[b|c]] + [[1|2]]")
    [['b', 'c'], ['1', '2']]
    """
    return [inside.split("|") for inside in GAP.findall(line)]


def filled(line, picked=None):
    """A line with its gaps filled, with the right choices unless others are given.

    >>> filled("a = [[b|c]]"), filled("a = [[b|c]]", ["c"])
    ('a = b', 'a = c')
    """
    told = iter([gap[0] for gap in choices(line)] if picked is None else picked)
    return GAP.sub(lambda _: next(told), line)


def shown(problem):
    """The lines as they are shown: (key, line). A right line has its place as key, the others w0, w1, ..."""
    keyed = [(str(k), line) for k, line in enumerate(problem["lines"])]
    keyed += [(f"w{k}", wrong["line"]) for k, wrong in enumerate(problem["wrong"])]
    mixed = sorted(keyed, key=lambda one: hashlib.sha256(f"{problem['name']}{one[0]}".encode()).digest())
    while [key for key, _ in mixed if key.isdigit()] in orders(problem):
        mixed = mixed[1:] + mixed[:1]
    return mixed


def orders(problem):
    """The right orders, as lists of keys."""
    return [[str(k) for k in order] for order in [range(len(problem["lines"])), *problem.get("also", [])]]


def form(problem):
    """The lines of a problem as HTML: a list to read, which the script makes movable."""
    mixed = shown(problem)
    place = {key: k for k, (key, _) in enumerate(mixed)}
    told = {
        "orders": [[place[key] for key in order] for order in orders(problem)],
        "gaps": {str(place[key]): [gap[0] for gap in choices(line)] for key, line in mixed if choices(line)},
        "wrong": {str(place[f"w{k}"]): wrong["why"] for k, wrong in enumerate(problem["wrong"])},
    }
    items = [f'<li data-line="{k}"><code>{_line(line)}</code></li>' for k, (_, line) in enumerate(mixed)]
    name, chapter, prints = problem["name"], problem["chapter"], escape(problem["prints"])
    return (
        f'{MARK} data-name="{name}" data-chapter="{chapter}" data-prints="{prints}" '
        f'data-sealed="{sealed(told, name)}">'
        f'<ol class="parsons-lines" aria-label="Lines">{"".join(items)}</ol>'
        '<p class="parsons-buttons" hidden><button type="button" data-do="check">Check</button> '
        '<button type="button" data-do="reset">Start again</button></p>'
        '<p class="parsons-told" role="status"></p>'
        '<p class="parsons-moved visually-hidden" aria-live="polite"></p></div>'
    )


def _line(line):
    """A line of code, its gaps as lists to choose from, in the order of the alphabet."""
    parts, gaps = GAP.split(line), iter(choices(line))
    made = []
    for k, part in enumerate(parts):
        if k % 2 == 0:
            made.append(escape(part))
            continue
        options = "".join(f"<option>{escape(choice)}</option>" for choice in sorted(next(gaps)))
        made.append(f'<select aria-label="The gap" autocomplete="off"><option value="">…</option>{options}')
        made.append("</select>")
    return "".join(made)


class Parsons(SphinxDirective):
    """``{parsons}``"""

    def run(self):
        self.env.note_dependency(str(FILE))
        made = []
        for number, problem in enumerate(load(), start=1):
            section = nodes.section(ids=[f"parsons-{problem['name']}"])
            section += nodes.title("", f"{number}. {problem['title']}")
            told = f"{problem['task']} ({{ref}}`{label(problem['chapter'])}`)"
            section += self.parse_text_to_nodes(told)
            section += nodes.literal_block("", problem["given"].rstrip(), language="python")
            section += nodes.raw("", form(problem), format="html")
            made.append(section)
        return made


def setup(app):
    app.add_directive("parsons", Parsons)

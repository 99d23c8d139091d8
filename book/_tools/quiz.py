"""Quick questions of a chapter: ``{quiz} NAME`` sets ``book/quizzes/NAME.yml`` as plain HTML.

Each choice is a disclosure (`details`): opening it says whether it is right, and why. So a quiz needs no
script, works from a file, with the keyboard and with a screen reader, and an answer leaves the page nowhere.

A file is a list of questions::

    - question: Text in MyST Markdown.
      objective: 1                  # number in the chapter's list
      choices:                      # two to five, in this order
        - text: ...
          right: true               # exactly one
          why: ...
        - text: ...
          why: ...
      computed:                     # a decimal number of the text: how the library computes it
        "6.93": decay.half_life_from_rate(0.1)
"""

import yaml
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from environment import ROOT

FOLDER = ROOT / "book/quizzes"
LEAD = "Open a choice to see whether it is right, and why. Nothing leaves this browser."


class quiz_choice(nodes.General, nodes.Element):
    """One choice: a `quiz_label` and the explanation."""


class quiz_label(nodes.General, nodes.TextElement):
    """What a choice says before it is opened."""


def load(name):
    """The questions of a chapter; a fault of the file is named with its question."""
    path = FOLDER / f"{name}.yml"
    if not path.is_file():
        raise ExtensionError(f"there is no quiz {path.name} in book/quizzes")
    questions = yaml.safe_load(path.read_text(encoding="utf-8"))
    for number, question in enumerate(questions, start=1):
        fault = _fault(question)
        if fault:
            raise ExtensionError(f"{path.name}, question {number}: {fault}")
    return questions


def _fault(question):
    unknown = set(question) - {"question", "objective", "choices", "computed"}
    if unknown:
        return f"unknown keys {sorted(unknown)}"
    if not isinstance(question.get("objective"), int):
        return "objective is missing or no whole number"
    choices = question.get("choices") or []
    if not 2 <= len(choices) <= 5:
        return f"{len(choices)} choices, not two to five"
    if sum(choice.get("right") is True for choice in choices) != 1:
        return "exactly one choice must be right"
    for choice in choices:
        if set(choice) - {"text", "right", "why"} or not all(
            isinstance(choice.get(key), str) and choice[key].strip() for key in ("text", "why")
        ):
            return f"a choice needs text and why (both texts), and may have right: {choice}"
    return "" if str(question.get("question", "")).strip() else "the question is empty"


class Quiz(SphinxDirective):
    """``{quiz} NAME``"""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        self.env.note_dependency(str(FOLDER / f"{name}.yml"))
        quiz = nodes.container(classes=["quiz"])
        quiz += nodes.rubric("", "Quick questions")
        quiz += nodes.paragraph("", LEAD)
        listed = nodes.enumerated_list(enumtype="arabic", prefix="", suffix=".")
        for question in load(name):
            item = nodes.list_item()
            item += self.parse_text_to_nodes(question["question"])
            for choice in question["choices"]:
                item += self._choice(choice)
            listed += item
        quiz += listed
        return [quiz]

    def _choice(self, choice):
        right = choice.get("right", False)
        made = quiz_choice(right=right)
        label = quiz_label()
        for paragraph in self.parse_text_to_nodes(choice["text"]):
            label += paragraph.children
        made += label
        why = self.parse_text_to_nodes(choice["why"])
        why[0].insert(0, nodes.strong("", "Right. " if right else "No. "))
        made += why
        return made


def _open(self, node):
    kind = "quiz-right" if node["right"] else "quiz-wrong"
    self.body.append(self.starttag(node, "details", CLASS=f"quiz-choice {kind}"))


def _close(self, node):
    self.body.append("</div></details>\n")


def _open_label(self, node):
    self.body.append("<summary>")


def _close_label(self, node):
    self.body.append('</summary>\n<div class="quiz-why">')


def _nothing(self, node):
    pass


def setup(app):
    other = {builder: (_nothing, _nothing) for builder in ("latex", "text", "man", "texinfo")}
    app.add_node(quiz_choice, html=(_open, _close), **other)
    app.add_node(quiz_label, html=(_open_label, _close_label), **other)
    app.add_directive("quiz", Quiz)
    app.add_css_file("quiz.css")

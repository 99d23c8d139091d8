"""The review deck: ``{review-deck}`` sets every prompt as a fold, and `deck.js` asks them one at a time.

A prompt is a term of the glossary (`registry.yml`) or one of ``book/deck.yml``. Its name is what a reader's
browser remembers it by. Without a script the page is a list of questions, each with its answer in a fold.
"""

import re
from dataclasses import dataclass
from html import escape

import yaml
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

import registry
from chapter import Chapter, label, names
from environment import ROOT

FILE = ROOT / "book/deck.yml"
MARK = '<section class="deck"'


@dataclass(frozen=True)
class Card:
    """One prompt, in MyST Markdown."""

    name: str
    chapter: str
    ask: str
    answer: str


def own(path=FILE):
    """The prompts of ``deck.yml``; a fault is named with its place."""
    cards = []
    for chapter, prompts in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        for name, prompt in prompts.items():
            parts = [prompt.get(key) for key in ("ask", "answer")]
            if set(prompt) != {"ask", "answer"} or not all(isinstance(p, str) and p.strip() for p in parts):
                raise ExtensionError(f"{path.name}, {chapter}, {name}: ask and answer are needed, both texts")
            if not re.fullmatch("[a-z0-9-]+", name):
                raise ExtensionError(f"{path.name}, {chapter}: {name!r} is not small letters and hyphens")
            cards.append(Card(f"{chapter.replace('_', '-')}--{name}", chapter, *parts))
    return cards


def of_terms(terms, first):
    """A prompt for each term: what does it mean? Of the chapter that uses it first.

    >>> term = registry.Term(name="half-life", zh="半衰期", means="The age at which one half is left.")
    >>> of_terms([term], {"half-life": "decay_formula"})[0].answer
    'The age at which one half is left. (半衰期, see {term}`half-life`)'
    """
    return [
        Card(
            f"term--{re.sub('[^a-z0-9]+', '-', term.name.casefold()).strip('-')}",
            first[term.name.casefold()],
            f"What is meant by **{term.name}**?",
            f"{term.means} ({term.zh}, see {{term}}`{term.name}`)",
        )
        for term in terms
    ]


def cards():
    """All prompts, by chapter in the order of the book: its own first, then the terms it introduces."""
    chapters = [Chapter.read(name) for name in names()]
    found = [*own(), *of_terms(registry.load().terms, registry.first_uses(chapters))]
    return [card for name in names() for card in found if card.chapter == name]


PANEL = """
<section class="deck" aria-label="Review" hidden>
<form class="deck-choice">
<label for="deck-chapter">Prompts of</label><select id="deck-chapter"><option value="">the whole book</option>
{options}</select>
<label for="deck-level">Ask again when the predicted recall falls to</label>
<select id="deck-level"><option value="0.9">90 %</option>
<option value="0.8" selected>80 %</option><option value="0.7">70 %</option></select>
</form>
<p class="deck-state" role="status"></p>
<div class="deck-card-box">
<p class="deck-ask" tabindex="-1"></p>
<div class="deck-answer" aria-live="polite"></div>
<div class="deck-buttons">
<button type="button" data-do="show">Show the answer</button>
<button type="button" data-do="right" hidden>I knew it</button>
<button type="button" data-do="wrong" hidden>I did not know it</button>
<button type="button" data-do="more" hidden>Ten new prompts</button>
</div>
</div>
<p class="deck-files"><button type="button" data-do="export">Save my reviews as a file (CSV)</button>
<button type="button" data-do="forget">Forget all my reviews</button></p>
</section>
"""


class ReviewDeck(SphinxDirective):
    """``{review-deck}``"""

    def run(self):
        for file in (FILE, registry.REGISTRY):
            self.env.note_dependency(str(file))
        titles = {name: Chapter.read(name).title for name in names()}
        options = "\n".join(f'<option value="{n}">{escape(title)}</option>' for n, title in titles.items())
        made = [nodes.raw("", PANEL.format(options=options), format="html")]
        chapter = None
        for card in cards():
            if card.chapter != chapter:
                chapter = card.chapter
                where = label(chapter)
                made += self.parse_text_to_nodes(f"**{{numref}}`Chapter %s <{where}>`: {{ref}}`{where}`**")
            made += self._card(card)
        return made

    def _card(self, card):
        begin = f'<details class="deck-card" data-card="{card.name}" data-chapter="{card.chapter}"><summary>'
        asked = nodes.inline("", "", *self.parse_text_to_nodes(card.ask)[0].children, classes=["deck-asked"])
        answer = nodes.container("", *self.parse_text_to_nodes(card.answer), classes=["deck-said"])
        tags = [nodes.raw("", text, format="html") for text in (begin, "</summary>", "</details>")]
        return [tags[0], asked, tags[1], answer, tags[2]]


def setup(app):
    app.add_directive("review-deck", ReviewDeck)

"""What a term means, shown where it is used: definitions go into the pages when the book is built."""

import html
import re

from docutils import nodes

GLOSSARY = "book/glossary"
#: What a definition begins with: the term in Chinese. A box with English text leaves it to the glossary.
CHINESE_TERM = re.compile("^[^。]*。 ?")
TERM = re.compile(r'(<a class="reference internal" href="[^"]*#(term-[^"]+)")(?=>)')


def definitions(env):
    """The definition of every glossary term by its anchor, as plain text."""
    if not hasattr(env, "book_definitions"):
        env.book_definitions = {}
        for item in env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
            meaning = item.next_node(nodes.definition).next_node(nodes.paragraph)  # without its first use
            text = " ".join(meaning.astext().split())
            text = CHINESE_TERM.sub("", text)
            for term in item.findall(nodes.term):
                env.book_definitions.update(dict.fromkeys(term["ids"], text))
    return env.book_definitions


def forget(app, env, docnames):
    """Definitions are read anew in each build."""
    if hasattr(env, "book_definitions"):
        del env.book_definitions


def add_previews(body, known):
    """Links to terms get their definition as an attribute, which ``previews.js`` shows."""

    def with_definition(match):
        text = known.get(match[2])
        return f'{match[1]} data-preview="{html.escape(text)}"' if text else match[1]

    return TERM.sub(with_definition, body)

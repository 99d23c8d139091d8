"""The library's pages, one a module: which there are says `_toc.yml`, what each is for its docstring."""

import ast
import re

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from chapter import contents
from environment import LIBRARY, ROOT

INDEX = "book/api"
FOLD = re.compile("(>([^<>]*)</a><details[^>]*>)<summary>")


def modules():
    """The modules that have a page, in the order of the book."""
    entries = [entry for part in contents().values() for entry in part]
    index = next(entry for entry in entries if entry["file"] == INDEX)
    return [entry["file"].removeprefix(f"{INDEX}/") for entry in index["sections"]]


def source(module):
    """The file of a module or package of the library."""
    package = LIBRARY / module / "__init__.py"
    return package if package.is_file() else LIBRARY / f"{module}.py"


def purpose(module):
    """The first line of a module's docstring, read without importing it.

    >>> purpose("decay")
    'Decay curves: the weight an event keeps at a given age.'
    """
    return ast.get_docstring(ast.parse(source(module).read_text(encoding="utf-8"))).partition("\n")[0]


class LibraryModules(SphinxDirective):
    """``{library-modules}``: a table of the library's pages, each with what its module is for."""

    def run(self):
        self.env.note_dependency(str(ROOT / "_toc.yml"))
        rows = ["| module | what it is for |", "| --- | --- |"]
        for module in modules():
            self.env.note_dependency(str(source(module)))
            rows.append(f"| [`{module}`](/{INDEX}/{module}.md) | {purpose(module)} |")
        parent = nodes.container()
        self.state.nested_parse(StringList(rows, self.env.docname), self.content_offset, parent)
        return parent.children


def name_folds(app, pagename, templatename, context, doctree):
    """In the side bar, the button that shows the pages below another is called what it shows."""
    drawn = context.get("generate_toctree_html")
    if drawn:
        context["generate_toctree_html"] = lambda *given, **named: FOLD.sub(
            r'\1<summary aria-label="Pages of \2">', str(drawn(*given, **named))
        )


def setup(app):
    app.add_directive("library-modules", LibraryModules)
    app.connect("html-page-context", name_folds, priority=990)

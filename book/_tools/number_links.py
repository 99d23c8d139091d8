"""Every computed number of a page leads to the line of the page's code that said it.

`plots.say` and `glue` store a number under a name, the role ``glue:text`` shows it: here the shown number
becomes a link, and the line that said it gets an anchor. A link stays out of the order of the Tab key, of
which a chapter would have up to seventy more: the cell of its line is within a keyboard's reach without it.
"""

import ast
import re
from pathlib import Path

import nbformat
from docutils import nodes
from myst_nb.ext.glue.domain import NbGlueDomain
from myst_nb.ext.glue.roles import PasteTextRole

from chapter import said

CELL = "code-cell-{}"
ANCHOR = "number-{}"
SAYS = {"say", "glue"}


class LinkedNumber(PasteTextRole):
    """What ``glue:text`` shows, as a link to the line that said it, if that line is on this page."""

    def run(self):
        shown, messages = super().run()
        name = self.text.partition(":")[0]
        if shown and isinstance(shown[0], nodes.inline) and name in origins_of(self.document):
            link = nodes.reference(
                "", "", *shown, internal=True, refid=ANCHOR.format(name), classes=["number"]
            )
            return [link], messages
        return shown, messages


def origins_of(document):
    """`origins` of the notebook that is being read."""
    path = Path(document.settings.env.doc2path(document.settings.env.docname))
    if path.suffix != ".ipynb":
        return {}
    found = document.settings.env.temp_data.get("number_origins")
    if found is None:
        found = document.settings.env.temp_data["number_origins"] = origins(nbformat.read(path, 4))
    return found


def origins(notebook):
    """{name: (index of the cell, line in it, from 0)} of all that a notebook's code says.

    The cell is the one whose output carries the name.

    >>> say = nbformat.v4.new_code_cell('say("a-b", 1)\\nfor k in (7, 8):\\n    say(f"a-{k}", k)')
    >>> made = [{"scrapbook": {"name": name}} for name in ("a-b", "a-7", "a-8")]
    >>> text = {"application/papermill.record/text/plain": "'1'"}
    >>> say.outputs = [nbformat.v4.new_output("display_data", text, metadata=each) for each in made]
    >>> origins(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("Text."), say]))
    {'a-b': (1, 0), 'a-7': (1, 2), 'a-8': (1, 2)}
    """
    return {name: (index, line(notebook.cells[index].source, name)) for name, index, _ in said(notebook)}


def line(source, name):
    """The line of a cell (from 0) that says a name: where it is written, or put together, or else the call.

    >>> line('x = 1\\nfor key in ("a-b", "a-c"):\\n    say(key, x)', "a-c")
    1
    >>> line('x = 1\\nassert f"{x}" == "1"\\nfor key in keys:\\n    say(key, x)', "a-c")
    3
    """
    tree = list(ast.walk(ast.parse(re.sub(r"^[%!].*", "", source, flags=re.M))))
    calls = [node for node in tree if isinstance(node, ast.Call) and _called(node) in SAYS]
    written = [node for node in tree if isinstance(node, ast.Constant) and node.value == name]
    built = [node for node in tree if isinstance(node, ast.JoinedStr) and _may_be(node, name)]
    return min((node.lineno for node in written or built or calls), default=1) - 1


def _called(call):
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _may_be(joined, name):
    """Whether an f-string with words of its own can have made a name."""
    words = [part.value if isinstance(part, ast.Constant) else None for part in joined.values]
    pattern = "".join(".*" if word is None else re.escape(word) for word in words)
    return any(words) and re.fullmatch(pattern, name)


def name_cells(app, doctree):
    """Give each code cell that says something an id, so that its lines are found in the page."""
    if not app.env.docname.startswith("chapters/"):
        return
    doctree["number_origins"] = origins_of(doctree)
    wanted = {cell for cell, _ in doctree["number_origins"].values()}
    for node in doctree.findall(nodes.container):
        if node.get("nb_element") == "cell_code" and node["cell_index"] in wanted:
            node["ids"].append(CELL.format(node["cell_index"]))


def anchored(body, places):
    """The page with an anchor at each line of `places`, and its links out of the Tab order.

    >>> page = '<div id="code-cell-3"><div><pre><span></span>a = 1\\nsay("n", a)\\n</pre></div></div>'
    >>> anchored(page, {"n": (3, 1)}).partition("<span></span>")[2]
    'a = 1\\n<span class="said" id="number-n"></span>say("n", a)\\n</pre></div></div>'
    """
    for cell in {cell for cell, _ in places.values()}:
        start = body.index("<pre>", body.index(f'id="{CELL.format(cell)}"'))
        end = body.find("</pre>", start)
        lines = body[start + len("<pre>") : end].split("\n")
        for name, (where, at) in places.items():
            if where == cell:
                lines[at] = f'<span class="said" id="{ANCHOR.format(name)}"></span>{lines[at]}'
        body = body[: start + len("<pre>")] + "\n".join(lines) + body[end:]
    link = 'class="number reference internal"'
    return body.replace(f"<a {link}", f'<a tabindex="-1" {link}')


def setup(app):
    NbGlueDomain.roles["text"] = LinkedNumber()
    app.connect("doctree-read", name_cells)

"""What the book says about its own chapters: cards on the front page, and how to run a chapter.

Everything is read from the notebooks and `_toc.yml`, so that no card can disagree with its chapter.
"""

import html
import json
import re
from pathlib import PurePosixPath
from urllib.parse import quote

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

import executed
from chapter import Chapter, names
from chapter import said as numbers_said
from tasks import failures


class ChapterCards(SphinxDirective):
    """``{chapter-cards}``: one card a chapter, with its question and its reading time."""

    def run(self):
        self.env.note_reread()  # it depends on every notebook
        lines = [":::::{grid} 1 1 2 2", ":gutter: 3", ""]
        for number, chapter in enumerate(map(Chapter.read, names()), start=1):
            lines += [f"::::{{grid-item-card}} {number} · {chapter.title}"]
            lines += [f":link: /chapters/{chapter.name}", ":link-type: doc", "", chapter.question, ""]
            lines += [":::{card-footer}", f"{chapter.minutes} minutes to read", ":::", "::::"]
        lines.append(":::::")
        parent = nodes.container()
        self.state.nested_parse(StringList(lines, self.env.docname), self.content_offset, parent)
        return parent.children


class MovingCurve(SphinxDirective):
    """``{moving-curve} chapter name``: a decay curve over the shop's rates, which `curves.js` draws.

    Without a script, and on paper, it is the live figure of that chapter and name as a still.
    """

    required_arguments = 2
    has_content = True

    def run(self):
        self.env.note_reread()
        chapter, name = self.arguments
        if chapter in failures():
            return [nodes.paragraph("", "This figure could not be drawn here: its chapter failed.")]
        still = re.search("<img [^>]*>", executed_figure(chapter, name))[0]
        rates = json.dumps({"rates": [round(float(rate), 5) for rate in relative_rates()]})
        data = f'<script type="application/json">{rates}</script>'
        on_paper = self.env.app.builder.name == "singlehtml"
        drawn = still if on_paper else f"<moving-curve>{still}{data}</moving-curve>"
        figure = nodes.figure("", nodes.raw("", drawn, format="html"))
        caption = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, caption)
        figure += nodes.caption("", "", *caption.children[0].children)
        return [figure]


def relative_rates():
    """How often the shop's customers buy in week 1, 2, ... after their first purchase, relative to week 1."""
    from interestdecay_lib.counts import rate_since_first
    from interestdecay_lib.datasets import load_cdnow

    counted = rate_since_first(load_cdnow())
    rate = counted.events.sum(axis=0) / counted.exposure.sum(axis=0)
    return rate / rate[0]


def said(role, rawtext, text, lineno, inliner, options=None, content=()):
    """``{said}`chapter name```: a number that a chapter hands to its text, on another page."""
    inliner.document.settings.env.note_reread()
    chapter, name = text.split()
    if chapter in failures():
        return [nodes.Text("…")], []
    return [nodes.Text(executed_number(chapter, name))], []


def executed_number(chapter, name):
    """What `plots.say` made available under a name in an executed chapter."""
    for other, _, text in numbers_said(executed.outputs(Chapter.read(chapter))):
        if other == name:
            return text
    raise ValueError(f"the executed chapter {chapter} says no {name!r}")


def executed_figure(chapter, name):
    """The HTML of a live figure among the outputs of an executed chapter."""
    for cell in executed.outputs(Chapter.read(chapter)).cells:
        for output in cell.get("outputs", []):
            drawn = output.get("data", {}).get("text/html", "")
            if "<fading-explorer>" in drawn and f'"name": {json.dumps(name)}' in drawn:
                return drawn
    raise ValueError(f"no live figure {name!r} in the executed chapter {chapter}")


# ------------------------------------------------------------------------------------- run this chapter


def launch_links(name, repository, branch, hub=""):
    """(label, address) of every service that can open a chapter of a repository; none without a repository.

    >>> launch_links("first_look", "", "main")
    []
    """
    if not repository:
        return []
    repository = repository.rstrip("/").removesuffix(".git")
    owner = "/".join(repository.split("/")[-2:])
    path = f"chapters/{name}.ipynb"
    links = []
    if "//github.com/" in repository:
        links.append(("Colab", f"https://colab.research.google.com/github/{owner}/blob/{branch}/{path}"))
        links.append(("Binder", f"https://mybinder.org/v2/gh/{owner}/{branch}?urlpath=lab/tree/{path}"))
    if hub:
        folder = PurePosixPath(repository).name
        query = f"repo={quote(repository, safe='')}&branch={branch}&urlpath=lab/tree/{folder}/{path}"
        links.append(("JupyterHub", f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{query}"))
    return links


def run_block(name, links, root):
    """HTML that tells how to run a chapter; ``root`` leads from the page to the book's first folder."""
    minutes = Chapter.read(name).minutes
    notebook = f'<a href="{root}_sources/chapters/{name}.ipynb" download>download the notebook</a>'
    slides = f'<a href="{name}.html?slides">show it as slides</a>'
    sheet = f'<a href="{name}.html?worksheet">print its worksheet</a>'
    parts = [notebook, "<code>make lab</code> opens it in the book’s folder", slides, sheet]
    parts += [f'<a href="{html.escape(address)}">{label}</a>' for label, address in links]
    return (
        '<aside class="run-chapter" aria-label="Run this chapter"><p><strong>Run this chapter</strong> '
        f"({minutes} minutes to read): {' · '.join(parts)}</p></aside>\n"
    )


def failed_block(told, repository=""):
    """HTML for the top of a chapter whose execution failed here: which claim, and how to report it."""
    what = html.escape(told["claim"] or told["error"])
    also = f" ({html.escape(told['error'])})" if told["claim"] else ""
    address = f"{repository.rstrip('/').removesuffix('.git')}/issues"
    where = f'at <a href="{html.escape(address)}">{html.escape(address)}</a>' if repository else (
        "to whoever gave you this book"
    )
    report = "\n".join([told["error"], "", told["processor"], told["versions"], "", told["cell"]])
    return (
        '<aside class="admonition danger failed-here" aria-label="This chapter failed here">'
        '<p class="admonition-title">This chapter did not come out on this machine as its text says</p>'
        f"<p>What failed: <code>{what}</code>{also}. The outputs below were computed elsewhere and are "
        "stored with the book. A claim that depends on the machine is a mistake of the book: please report "
        f"it {where}, with these lines.</p><pre>{html.escape(report)}</pre></aside>\n"
    )


def add_run_block(body, pagename, config, root):
    """The page's body with the block below the opening of a chapter."""
    if not pagename.startswith("chapters/"):
        return body
    name = pagename.partition("/")[2]
    theme = config.html_theme_options
    links = launch_links(
        name,
        theme.get("repository_url", ""),
        theme.get("repository_branch", "main"),
        theme.get("launch_buttons", {}).get("jupyterhub_url", ""),
    )
    head, section, rest = body.partition("\n<section id=")
    told = failures().get(name)
    if told:
        title, end, opening_text = head.partition("</h1>")
        head = title + end + "\n" + failed_block(told, theme.get("repository_url", "")) + opening_text
    return head + "\n" + run_block(name, links, root) + section.lstrip("\n") + rest if section else body

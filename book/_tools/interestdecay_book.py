"""The book's Sphinx extension: live figures, alternative texts, and nothing from other hosts.

The front page's cards and the block that tells how to run a chapter come from `front_page.py`, previews of
terms from `previews.py`, quick questions from `quiz.py`, predictions from `predict.py`, the review deck
from `deck.py`, answer boxes from `answer_box.py`, fields for own numbers from `calculator.py`, the picture
for messengers from `social_card.py`, the library's pages from `library_pages.py`, values under solutions
from `solution_values.py`, the link from a number to its line from `number_links.py`; what phones, screen
readers and search need of a page from `body.py`, `citations.py` and `search_words.py`. `numbered.py` makes
references quicker.
"""

import importlib.util
import os
import re
import sys
from pathlib import Path

from myst_nb.core.render import NbElementRenderer

sys.path.insert(0, str(Path(__file__).resolve().parent))
import answer_box
import body
import calculator
import citations  # noqa: F401  registers the bibliography's style
import deck
import executed
import front_page
import library_pages
import number_links
import numbered
import parsons
import predict
import previews
import progress
import quiz
import search_words  # noqa: F401  registers the search's words
import social_card
import solution_values
from chapter import Chapter, names
from environment import LIBRARY

EXPLORER = "<fading-explorer>"
CURVE = "<moving-curve>"
SCRIPTS = "kept progress previews scrollers folds contents filter print search slides worksheet".split()
#: Scripts of pages that have one of these marks, in the order in which they are to run.
WHERE_NEEDED = {
    "answer_box": (answer_box.MARK, parsons.MARK),
    "parsons": (parsons.MARK,),
    "predict": (predict.MARK,),
    "deck": (deck.MARK,),
    "calculators": (calculator.MARK,),
    "curves": (CURVE,),
}
#: Before anything is drawn: whether this reader folded all code, as `folds.js` remembered it.
CODE = """
<script>
try { document.documentElement.dataset.code = localStorage.getItem("code") ?? "shown"; } catch { /* none */ }
</script>"""


def mathjax_folder():
    """MathJax as files, from a package of the lock (its name is no module name, so it is found by path)."""
    folders = [Path(entry) / "sphinx-mathjax-offline" / "static" for entry in sys.path]
    found = next((folder for folder in folders if (folder / "mathjax").is_dir()), None)
    if found is None:
        raise SystemExit("sphinx-mathjax-offline is not installed: run `make book`, which installs it")
    return found


def configure(app, config):
    # Jupyter Book puts every *.js below a configured static folder on every page, so MathJax's folder is
    # added here, after it has looked.
    config.html_static_path = [*config.html_static_path, str(mathjax_folder())]
    config.nb_execution_cache_path = str(executed.CACHE)
    # Jupyter's cache knows the notebooks' code only: what was executed with another library must not be found
    executed.forget_stale()
    # Jupyter Book loads Thebe whether it is used or not; its start-up script throws on every page. Its style
    # sheet is linked already by now, so the listener that copies it (builder-inited) stays.
    for event in ("env-before-read-docs", "doctree-resolved"):
        for listener in list(app.events.listeners[event]):
            if listener.handler.__module__ == "sphinx_thebe":
                app.disconnect(listener.id)


def changed_outputs(app, env, added, changed, removed):
    """The chapters that were executed anew since their pages were read, though their sources are the same."""
    before = getattr(env, "book_fingerprints", {})
    env.book_fingerprints = {f"chapters/{name}": Chapter.read(name).fingerprint for name in names()}
    return [page for page, value in env.book_fingerprints.items() if before.get(page, value) != value]


def one_page(app):
    """An extension that names "singlehtml" for its own nodes hides the other extensions' "html" handlers."""
    handlers = app.registry.translation_handlers
    if "singlehtml" in handlers:
        handlers["singlehtml"] = {**handlers.get("html", {}), **handlers["singlehtml"]}


def trim(app, exception):
    """Leave out what no page of an English book loads: MathJax's other bundles, the rules by which it would
    speak formulas in other languages, and the maps with which scripts are debugged."""
    static = Path(app.outdir) / "_static"
    for bundle in (static / "mathjax").glob("*.js"):
        if bundle.name != Path(app.config.mathjax_path).name:
            bundle.unlink()
    for source_map in static.rglob("*.map"):
        source_map.unlink()
    for spoken in (static / "mathjax/sre/mathmaps").glob("*.json"):
        if spoken.stem not in ("base", "en", "nemeth"):
            spoken.unlink()


def alternative_text(render_image):
    """myst-nb takes alternative texts from cell metadata only; ours are computed and lie with the output."""

    def render(self, data):
        images = render_image(self, data)
        alt = data.output_metadata.get(data.mime_type, {}).get("alt")
        if alt:
            for image in images:
                image["alt"] = alt
        return images

    return render


def page(app, pagename, templatename, context, doctree):
    # a bibliography is a div of divs, which may not carry these two roles together
    text = context.get("body", "").replace(' role="doc-biblioentry"', "")
    context["body"] = text.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    # a fold is called what its title says
    context["body"] = context["body"].replace('<summary aria-label="Toggle hidden content">', "<summary>")
    root = context.get("content_root", "./")
    context["body"] = front_page.add_run_block(context["body"], pagename, app.config, root)
    sources = {name: Path(app.srcdir, source) for source, name in app.builder.images.items()}
    context["body"] = body.complete(context["body"], sources)
    if doctree is not None:
        context["body"] = previews.add_previews(context["body"], previews.definitions(app.env))
        context["metatags"] = context.get("metatags", "") + words_for_messengers(app, pagename, context)
        context["body"] = number_links.anchored(context["body"], doctree.get("number_origins", {}))
    if 'class="cell_input' in context["body"]:
        context["metatags"] = context.get("metatags", "") + CODE
        context.setdefault("header_buttons", []).insert(0, code_switch())
    for script, marks in WHERE_NEEDED.items():
        if any(mark in context["body"] for mark in marks):
            app.add_js_file(f"{script}.js", loading_method="defer")
    if EXPLORER in context["body"]:
        # inlined as a module: a module file does not load from file://
        app.add_js_file(None, body=(LIBRARY / "explorer.js").read_text(encoding="utf-8"), type="module")
    if EXPLORER in context["body"] or CURVE in context["body"]:
        style = (LIBRARY / "explorer.css").read_text(encoding="utf-8")
        context["metatags"] = context.get("metatags", "") + f"\n<style>{style}</style>"


def code_switch():
    """A button of the page's head, which `folds.js` brings to life."""
    return {"type": "javascript", "javascript": "", "tooltip": "Fold all code", "icon": "fas fa-code",
            "label": "code-switch"}


def words_for_messengers(app, pagename, context):
    chapter = pagename.startswith("chapters/")
    question = Chapter.read(pagename.partition("/")[2]).question if chapter else ""
    title = re.sub("<[^>]*>", "", context.get("title", ""))
    description = question or social_card.SUBTITLE + "."
    return social_card.meta_tags(title, description, pagename, app.config.html_baseurl)


def setup(app):
    if importlib.util.find_spec("interestdecay_lib") is None:
        raise SystemExit("the library is not installed: run `make book`, which installs it")
    os.environ["INTERESTDECAY_FIGURES"] = "page"  # kernels started by the build draw every frame
    NbElementRenderer.render_image = alternative_text(NbElementRenderer.render_image)
    app.add_css_file("practice.css")
    for script in SCRIPTS:
        app.add_js_file(f"{script}.js", loading_method="defer")
    app.add_directive("chapter-cards", front_page.ChapterCards)
    app.add_directive("moving-curve", front_page.MovingCurve)
    app.add_role("said", front_page.said)
    number_links.setup(app)
    numbered.setup(app)
    quiz.setup(app)
    answer_box.setup(app)
    calculator.setup(app)
    predict.setup(app)
    deck.setup(app)
    parsons.setup(app)
    progress.setup(app)
    library_pages.setup(app)
    solution_values.setup(app)
    app.connect("config-inited", configure)
    app.connect("builder-inited", one_page)
    app.connect("env-get-outdated", changed_outputs)
    app.connect("env-before-read-docs", previews.forget)
    app.connect("html-page-context", page, priority=990)
    app.connect("build-finished", trim)
    app.connect("build-finished", social_card.write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

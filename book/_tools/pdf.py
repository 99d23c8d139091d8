"""Print the book: one page of HTML, printed by an installed Chromium, whose path `make pdf` hands over."""

import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

from environment import BUILD, ROOT, Stop, clean, minutes, say
from serving import chromium, served
from tasks import JUPYTER_BOOK

FOLDER = BUILD / "pdf"
PDF = FOLDER / "fading_interest.pdf"
SCALE, SIDE = 0.78, 15  # of the print; margin left and right in mm
WIDTH = round((210 - 2 * SIDE) / 25.4 * 96 / SCALE)  # of the text on A4, in CSS pixels
PATIENCE = 300_000  # ms: the whole book on one page takes a minute to draw, more on a busy machine
FOOTER = (
    '<div style="font-size:8px;width:100%;text-align:center;color:#555">Fading Interest · '
    '<span class="pageNumber"></span> / <span class="totalPages"></span></div>'
)

# Worked solutions move behind the last page, in the order of their chapters; links stay inside the one page.
PREPARE = """() => {
  // the code cells of all chapters share their ids here, so a number leads to its line on the pages alone
  document.querySelectorAll('a.number.reference').forEach((link) => link.replaceWith(...link.childNodes));
  document.querySelectorAll('a[href*="#"]').forEach((link) => { link.setAttribute('href', link.hash); });
  document.querySelectorAll('details').forEach((fold) => { fold.open = true; });
  document.querySelectorAll('.toggle-hidden').forEach((box) => box.classList.remove('toggle-hidden'));
  document.querySelectorAll('a.headerlink, .toggle-button, button').forEach((node) => node.remove());
  const chapters = [...document.querySelectorAll('span[id^="document-chapters/"]')];
  const appendix = document.createElement('section');
  appendix.className = 'printed-solutions';  // print.js finds its work done
  const title = document.createElement('h1');
  title.textContent = 'Solutions';
  title.className = 'new-page';
  title.style.setProperty('display', 'block', 'important');  // the theme hides the first heading
  appendix.append(title);
  let count = 0;
  chapters.forEach((start, k) => {
    const chapter = start.nextElementSibling;
    const heading = chapter.querySelector('h1, h2');
    if (k > 0) heading.classList.add('new-page');
    const solutions = [...chapter.querySelectorAll('.solution.admonition')];
    if (solutions.length === 0) return;
    const part = document.createElement('h2');
    part.textContent = heading.textContent;
    appendix.append(part, ...solutions);
    count += solutions.length;
  });
  document.querySelector('article').append(appendix);
  return count;
}"""


def build():
    """All pages as one, from the notebooks that `make book` executed and the pages that it read."""
    shutil.rmtree(FOLDER / "_build", ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    read = BUILD / ".doctrees"
    if read.exists():  # else Sphinx reads them once more, which takes a minute
        shutil.copytree(read, FOLDER / "_build/.doctrees")
    options = ["--builder", "singlehtml", "--path-output", str(FOLDER), "-n", "-W", "--keep-going"]
    log = FOLDER / "book.log"
    with log.open("w", encoding="utf-8") as output:
        code = subprocess.run(
            [*JUPYTER_BOOK, str(ROOT), *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean(),
            cwd=ROOT,
        ).returncode
    pages = FOLDER / "_build/singlehtml"
    if code or not (pages / "book/index.html").exists():
        raise Stop(f"the book could not be built as one page, or not without warnings; see {log}")
    # its links to styles and pictures start from the first folder, though it is not written there
    shutil.copy(pages / "book/index.html", pages / "one.html")
    return pages


@contextmanager
def sheet(pages, running):
    """The one page in a browser's tab, its solutions moved, as the printer gets it; and how many they are."""
    with served(pages) as address:
        tab = running.new_page(color_scheme="light", viewport={"width": WIDTH, "height": 1200})
        tab.set_default_timeout(PATIENCE)
        tab.goto(address + "one.html", wait_until="load")
        tab.wait_for_load_state("networkidle")  # alone it may come before the last script has run
        tab.evaluate("() => window.MathJax?.startup?.promise")
        moved = tab.evaluate(PREPARE)
        tab.emulate_media(media="print", color_scheme="light")
        yield tab, moved
        tab.close()


def print_pages(pages, browser):
    """The one page as A4, with outline, page numbers and tags for screen readers."""
    with chromium(browser) as running, sheet(pages, running) as (tab, moved):
        tab.pdf(
            path=str(PDF),
            format="A4",
            scale=SCALE,
            margin={"top": "16mm", "bottom": "18mm", "left": f"{SIDE}mm", "right": f"{SIDE}mm"},
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            print_background=True,
            outline=True,
            tagged=True,
        )
    return moved


if __name__ == "__main__":
    started = time.monotonic()
    try:
        moved = print_pages(build(), sys.argv[1])
    except Stop as stop:
        sys.exit(f"Stopped: {stop}")
    say(f"{PDF} ({PDF.stat().st_size / 1e6:.1f} MB, {moved} solutions at its end; {minutes(started)})")

"""Print the book: one page of HTML, printed by an installed Chromium, whose path `make pdf` hands over."""

import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from tasks import BUILD, PYTHON, ROOT, Stop, clean, minutes, say

FOLDER = BUILD / "pdf"
PDF = FOLDER / "fading_interest.pdf"
FOOTER = (
    '<div style="font-size:8px;width:100%;text-align:center;color:#555">Fading Interest · '
    '<span class="pageNumber"></span> / <span class="totalPages"></span></div>'
)

# Worked solutions move behind the last page, in the order of their chapters.
SOLUTIONS_LAST = """() => {
  document.querySelectorAll('details').forEach((fold) => { fold.open = true; });
  document.querySelectorAll('.toggle-hidden').forEach((box) => box.classList.remove('toggle-hidden'));
  const solutions = [...document.querySelectorAll('.solution.admonition')];
  if (solutions.length === 0) return 0;
  const appendix = document.createElement('section');
  appendix.id = 'solutions';
  const heading = document.createElement('h1');
  heading.textContent = 'Solutions';
  appendix.append(heading);
  let last = null;
  solutions.forEach((solution) => {
    const chapter = [...document.querySelectorAll('h1')].filter(
      (h1) => h1.compareDocumentPosition(solution) & Node.DOCUMENT_POSITION_FOLLOWING).pop();
    const name = chapter ? chapter.firstChild.textContent + chapter.childNodes[1]?.textContent : '';
    if (name && name !== last) {
      const part = document.createElement('h2');
      part.textContent = (last = name).replace(/#$/, '');
      appendix.append(part);
    }
    appendix.append(solution);
  });
  document.querySelector('article').append(appendix);
  return solutions.length;
}"""


def build():
    """All pages as one, from the notebooks that `make book` executed."""
    shutil.rmtree(FOLDER / "_build", ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    jupyter_book = [str(PYTHON), "-c", "from jupyter_book.cli.main import main; main()"]
    options = ["--builder", "singlehtml", "--path-output", str(FOLDER), "-n", "-W", "--keep-going"]
    log = FOLDER / "book.log"
    with log.open("w", encoding="utf-8") as output:
        code = subprocess.run(
            [*jupyter_book, "build", str(ROOT), *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean(),
            cwd=ROOT,
        ).returncode
    pages = FOLDER / "_build/singlehtml"
    if code or not (pages / "index.html").exists():
        raise Stop(f"the book could not be built as one page, or not without warnings; see {log}")
    return pages


def print_pages(pages, browser):
    """The one page as A4, with outline, page numbers and tags for screen readers."""
    from playwright.sync_api import sync_playwright

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(pages)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        tab = chromium.new_page(color_scheme="light")
        root = next(p for p in (pages / "book/index.html", pages / "index.html") if p.exists())
        address = f"http://127.0.0.1:{server.server_port}/{root.relative_to(pages).as_posix()}"
        tab.goto(address, wait_until="networkidle", timeout=180_000)
        tab.evaluate("() => window.MathJax?.startup?.promise")
        moved = tab.evaluate(SOLUTIONS_LAST)
        tab.emulate_media(media="print", color_scheme="light")
        tab.pdf(
            path=str(PDF),
            format="A4",
            margin={"top": "16mm", "bottom": "18mm", "left": "15mm", "right": "15mm"},
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            print_background=True,
            outline=True,
            tagged=True,
        )
        chromium.close()
    server.shutdown()
    return moved


if __name__ == "__main__":
    started = time.monotonic()
    try:
        moved = print_pages(build(), sys.argv[1])
    except Stop as stop:
        sys.exit(f"Stopped: {stop}")
    say(f"{PDF} ({PDF.stat().st_size / 1e6:.1f} MB, {moved} solutions at its end; {minutes(started)})")

"""A folder behind a quiet local server, and the browser that prints, measures and tests its pages."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextmanager
def served(folder):
    """The folder's address, ending in a slash, while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    server.handle_error = lambda request, client: None  # a tab that closes before its last picture came
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chromium(path):
    """The Chromium or Chrome of a path (`environment.browser`), without a window or another host."""
    from playwright.sync_api import sync_playwright

    switches = ["no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update",
                "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # another host is not found
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, args=[f"--{switch}" for switch in switches]
        )
        try:
            yield running
        finally:
            running.close()

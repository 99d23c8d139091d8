"""Weigh the built pages and time them on an emulated mid-range phone; `make measure` hands over the browser.

Largest contentful paint: median of three cold loads (nothing cached) from a local server, in a window of
390 by 844 pixels at three device pixels each, with the processor slowed down four times.
"""

import json
import statistics
import sys

import status
from environment import HTML, ROOT, say
from serving import chromium, served

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "has_touch": True,
    "is_mobile": True,
}
SLOWER = 4
PAINT = """() => new Promise((done) => new PerformanceObserver((list) =>
    done(list.getEntries().at(-1).startTime)).observe({type: 'largest-contentful-paint', buffered: true}))"""


def largest_paint(browser, address):
    """Milliseconds until the largest element of the first screen is painted."""
    context = browser.new_context(**PHONE)
    tab = context.new_page()
    context.new_cdp_session(tab).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    tab.goto(address, wait_until="networkidle")
    painted = tab.evaluate(PAINT)
    context.close()
    return painted


def measure(browser):
    pages = {}
    with served(HTML) as address, chromium(browser) as running:
        for path in sorted([*HTML.glob("chapters/*.html"), *HTML.glob("book/*.html")]):
            name = path.relative_to(HTML).as_posix()
            painted = statistics.median(largest_paint(running, address + name) for _ in range(3))
            pages[name] = {"kilobytes": round(path.stat().st_size / 1000), "largest_paint_ms": round(painted)}
            say(f"{name}: {pages[name]['kilobytes']} kB, largest contentful paint {painted:.0f} ms")
        version = running.version
    total = sum(file.stat().st_size for file in HTML.rglob("*") if file.is_file())
    return {
        "chromium": version,
        "cpu_slowdown": SLOWER,
        "site_megabytes": round(total / 1e6, 1),
        "pages": pages,
    }


if __name__ == "__main__":
    status.PAGES.write_text(json.dumps(measure(sys.argv[1]), indent=1) + "\n", encoding="utf-8")
    status.renew()
    say(f"Stored in {status.PAGES.relative_to(ROOT)} and on the status page.")

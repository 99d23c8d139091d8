"""The picture and the words that a messenger shows for a link to the book."""

import html
from pathlib import Path

SUBTITLE = "How user interest decays and returns: a book to read, run and check"
SIZE = (12, 6.3)  # inches at 100 dpi: the 1200 × 630 pixels that messengers expect


def draw(path):
    """Three decay curves of one half-life, drawn by the library, and the book's name."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from interestdecay_lib import decay, plots

    age = np.linspace(0, 6, 300)
    figure = plt.figure(figsize=SIZE, facecolor="white")
    axes = figure.add_axes((0.07, 0.1, 0.86, 0.5))
    for color, name in zip(plots.COLORS, ("Exponential", "Hyperbolic", "Gaussian"), strict=False):
        axes.plot(age, decay.CURVES[name](1)(age), color=color, linewidth=6)
    axes.set(xlim=(0, 6), ylim=(0, 1.02), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.spines[["left", "bottom"]].set_visible(True)
    figure.text(0.07, 0.79, "Fading Interest", fontsize=58, fontweight="bold")
    figure.text(0.07, 0.69, SUBTITLE, fontsize=22, color="0.25")
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)


def write(app, exception):
    if exception is None:
        draw(Path(app.outdir) / "_static/social.png")


def meta_tags(title, description, page, base):
    """Meta elements of a page. The picture needs a full address, so it waits for ``html.baseurl``."""
    tags = {"og:title": title, "og:description": description, "og:type": "book"}
    if base:
        base = base.rstrip("/")
        tags |= {"og:url": f"{base}/{page}.html", "og:image": f"{base}/_static/social.png"}
        tags |= {"twitter:card": "summary_large_image", "og:image:alt": f"Decay curves. {SUBTITLE}."}
    written = [f'<meta name="description" content="{html.escape(description)}">']
    written += [f'<meta property="{key}" content="{html.escape(value)}">' for key, value in tags.items()]
    return "\n".join(written) + "\n"

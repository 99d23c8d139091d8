"""The HTML that the builder wrote for a page, completed for phones, screen readers and search.

Each function takes the body of a page and returns it with one thing added. A browser could not add them: they
must be there without a script, and before the page is laid out.
"""

import html
import re

from PIL import Image

SCRIPT = re.compile(r"(<script\b.*?</script>)", re.S)
TAG = re.compile("(<[^>]*>)")
CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff][\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef]*")
EXERCISE = re.compile(
    r'<p class="admonition-title"><span class="caption-number">(Exercise [\d.]+) ?</span> '
    r"\((★+) (.*?)(?: \((objectives? [^()]*)\))?\)</p>"
)
SOLUTION = re.compile(
    r'<p class="admonition-title">Solution to(<a class="reference internal" href="[^"]*">)'
    r" ?Exercise ([\d.]+).*?</a></p>"
)
SYMBOLS = re.compile(
    r'<table class="table">(\s*<thead>\s*<tr[^>]*><th[^>]*><p>(?:mathematics|symbol)</p>.*?)</table>', re.S
)
PART = re.compile("<(?:thead|tbody|tr|th|td)(?=[ >])")
FIGURE = re.compile(r'(<figure\b[^>]*>\s*)(<img\b[^>]*\bsrc="(?:[^"]*/)?([^"/]+\.png)"[^>]*?)( ?/?>)')


def complete(body, pictures):
    """All of it; ``pictures`` are the paths of the page's pictures by their names in the book."""
    parts = SCRIPT.split(body)  # what a live figure holds is no page
    for k in range(0, len(parts), 2):
        text = caption_words(symbol_tables(exercise_titles(parts[k])))
        parts[k] = chinese(figures(text, pictures))
    return "".join(parts)


def exercise_titles(body):
    """Exercises and quick questions stand among the headings; titles without the marks of the source.

    >>> number = '<span class="caption-number">Exercise 9.1 </span>'
    >>> title = exercise_titles(f'<p class="admonition-title">{number} (★ Surprise (objective 1))</p>')
    >>> re.sub("<[^>]*>", "", title), 'role="heading"' in title
    ('Exercise 9.1 Surprise ★ · objective 1', True)
    """

    def exercise(match):
        number, stars, title, objective = match.groups()
        kind = f"{stars} · {objective}" if objective else stars
        return (
            '<p class="admonition-title" role="heading" aria-level="3">'
            f'<span class="caption-number">{number}</span> {title} '
            f'<span class="exercise-kind">{kind}</span></p>'
        )

    body = EXERCISE.sub(exercise, body)
    body = SOLUTION.sub(r'<p class="admonition-title">Solution to \1exercise \2</a></p>', body)
    return body.replace(
        '<p class="rubric">Quick questions</p>',
        '<p class="rubric" role="heading" aria-level="3">Quick questions</p>',
    )


def symbol_tables(body):
    """Tables of symbols get the class by which a phone shows them as lists, and keep their roles there."""

    def table(match):
        heads = [re.sub("<[^>]*>", "", head).strip() for head in re.findall(r"<th\b.*?</th>", match[1], re.S)]
        roles = {"<thead": "rowgroup", "<tbody": "rowgroup", "<tr": "row", "<th": "columnheader"}
        column = 0

        def part(found):
            nonlocal column
            column = 0 if found[0] == "<tr" else column + 1
            if found[0] == "<td":
                return f'<td role="cell" data-head="{html.escape(heads[column - 1])}"'
            return f'{found[0]} role="{roles[found[0]]}"'

        return f'<table class="table symbols" role="table">{re.sub(PART, part, match[1])}</table>'

    return SYMBOLS.sub(table, body)


def caption_words(body):
    """A caption is as wide as its table; its words are a box of their own, no wider than the screen.

    >>> caption_words("<table><caption>Scores.</caption>")
    '<table><caption><span class="caption-words">Scores.</span></caption>'
    """
    words = r'<caption><span class="caption-words">\1</span></caption>'
    return re.sub(r"<caption>(.*?)</caption>", words, body, flags=re.S)


def figures(body, pictures):
    """Pictures know their size before they are there, and lie in a box in which a phone can move them."""

    def figure(match):
        start, image, name, end = match.groups()
        size = png_size(pictures[name]) if name in pictures else None
        if size is None or " width=" in image:
            return match[0]
        wide = f' style="--natural: {size[0]}px"'
        return f'{start}<div class="pan"{wide}>{image} width="{size[0]}" height="{size[1]}"{end}</div>'

    return FIGURE.sub(figure, body)


def png_size(path):
    """Width and height in pixels; None for a file that is not there or no PNG."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return image.size
    except OSError:  # also of a file that is no PNG
        return None


def chinese(body):
    """Chinese is marked as such, so that a screen reader changes its voice.

    >>> chinese('<dd title="衰减"><p>衰减。 The loss.</p></dd>')
    '<dd title="衰减"><p><span lang="zh">衰减。</span> The loss.</p></dd>'
    """
    parts = TAG.split(body)
    parts[::2] = [CHINESE.sub(r'<span lang="zh">\g<0></span>', text) for text in parts[::2]]
    return "".join(parts)

"""The computed blocks of a page: what stands between ``<!-- name:begin -->`` and ``<!-- name:end -->``."""

import re


def renew(text, made):
    """The page's text with its blocks written anew; ``made`` has the Markdown of each by its name.

    >>> renew("Sum:\\n<!-- sum:begin -->\\n\\nold\\n\\n<!-- sum:end -->", {"sum": "new\\n"}).split()
    ['Sum:', '<!--', 'sum:begin', '-->', 'new', '<!--', 'sum:end', '-->']
    """
    for name, block in made.items():
        mark = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
        if len(mark.findall(text)) != 1:
            raise ValueError(f"the page needs one place for {name}, between its two marks")
        text = mark.sub(lambda match, block=block: f"{match[1]}\n{block}\n{match[2]}", text)
    return text

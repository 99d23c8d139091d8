"""How long a chapter takes to read."""

import math
import re

WORDS_PER_MINUTE = 200
WORDS_PER_LINE = 8  # a line of code costs as much as eight words of prose
FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
FURTHER_HINT = re.compile(r"^(`{5,})\{admonition\} Hint 2.*?^\1\n`+$", re.MULTILINE | re.DOTALL)


def words_read(cell):
    """Words of a cell as a reader meets it: folded code and the further steps of a hint are not read."""
    if cell.cell_type == "markdown":
        return len(FURTHER_HINT.sub("", cell.source).split())
    folded = FOLDED & set(cell.metadata.get("tags", []))
    return 0 if folded else WORDS_PER_LINE * len(cell.source.splitlines())


def reading_minutes(notebook):
    """Minutes to read a chapter, to the next five; worked solutions are left out."""
    total = 0
    solution = False
    for cell in notebook.cells:
        solution = solution or "{solution-start}" in cell.source
        if not solution:
            total += words_read(cell)
        if "{solution-end}" in cell.source:
            solution = False
    return max(5, 5 * math.ceil(total / WORDS_PER_MINUTE / 5))

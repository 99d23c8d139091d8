"""How long a chapter takes to read."""

import math

WORDS_PER_MINUTE = 200
WORDS_PER_LINE = 8  # a line of code costs as much as eight words of prose


def reading_minutes(notebook):
    """Minutes to read a chapter, to the next five; worked solutions are left out."""
    words = 0
    solution = False
    for cell in notebook.cells:
        solution = solution or "{solution-start}" in cell.source
        if not solution:
            prose = cell.cell_type == "markdown"
            words += len(cell.source.split()) if prose else WORDS_PER_LINE * len(cell.source.splitlines())
        if "{solution-end}" in cell.source:
            solution = False
    return max(5, 5 * math.ceil(words / WORDS_PER_MINUTE / 5))

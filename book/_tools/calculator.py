"""Own numbers beside a chapter's key figure: ``{calculator} NAME`` sets fields, `calculators.js` computes.

A test holds the script against the library. Without a script the fields stay hidden; in print, and where a
chapter is handed out as a notebook, they are left out: there the code computes.
"""

from html import escape

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

MARK = '<form class="calculator"'
_GATES = {"i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate"}
#: {name: (title, {key: (label, what stands in the field at first)})}
CALCULATORS = {
    "weight": (
        "Your own numbers: the weight of an event",
        {"age": ("Age", "14"), "half_life": ("Half-life, in the same unit", "7")},
    ),
    "sum": (
        "Your own numbers: a decayed sum",
        {
            "ages": ("Ages of the events, with spaces between", "0 3 10 24"),
            "half_life": ("Half-life, in the same unit", "7"),
        },
    ),
    "alive": (
        "Your own numbers: P(alive) and P(return) of the BG/NBD",
        {
            "x": ("Repeat purchases x", "2"),
            "recency": ("Weeks from the first to the last purchase", "30"),
            "T": ("Weeks since the first purchase", "39"),
            "t": ("Weeks ahead", "26"),
            # of the 2,357 customers of the CDNOW sample: Fader, Hardie and Lee (2005), table 2
            "r": ("r", "0.243"),
            "alpha": ("α, in weeks", "4.414"),
            "a": ("a", "0.793"),
            "b": ("b", "2.426"),
        },
    ),
    "lstm": (
        "Your own numbers: one step of an LSTM with one unit",
        {"x": ("Input x", "1"), "h": ("Output before, h", "0"), "c": ("Cell before, c", "0.5")}
        | {
            f"{part}_{gate}": (f"{what} of the {name}", "1" if (part, gate) == ("b", "f") else first)
            for gate, name in _GATES.items()
            for part, what, first in (
                ("w", "Weight of x", "0.5"),
                ("u", "Weight of h", "0.5"),
                ("b", "Bias", "0"),
            )
        },
    ),
}


def form(name):
    """The fields of a calculator as HTML, hidden until the script takes over."""
    title, fields = CALCULATORS[name]
    rows = "".join(
        f'<label for="own-{name}-{key}">{escape(label)}</label>'
        f'<input id="own-{name}-{key}" data-key="{key}" type="text" value="{escape(first)}" '
        'autocomplete="off" spellcheck="false">'
        for key, (label, first) in fields.items()
    )
    return (
        f'{MARK} data-calculator="{name}" hidden><fieldset><legend>{escape(title)}</legend>'
        f'<div class="calculator-fields">{rows}</div></fieldset><p role="status"></p></form>'
    )


class Calculator(SphinxDirective):
    """``{calculator} NAME``"""

    required_arguments = 1

    def run(self):
        if self.arguments[0] not in CALCULATORS:
            raise ExtensionError(f"there is no calculator {self.arguments[0]!r}: {', '.join(CALCULATORS)}")
        return [nodes.raw("", form(self.arguments[0]), format="html")]


def setup(app):
    app.add_directive("calculator", Calculator)

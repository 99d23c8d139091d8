"""The bibliography's labels: authors and year, in the words of the text's citations.

On paper there is no link to follow, so "[Fader et al., 2005]" must be found as it stands.
"""

from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.template import field, first_of, join, optional
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle

STYLE = "author_year"


class AuthorYearLabels(BaseLabelStyle):
    def __init__(self):
        self.text = AuthorYearReferenceStyle()  # what the text cites with
        names = self.text.person.author_or_editor_or_title(full=False)
        self.words = join(sep=", ")[names, first_of[optional[field("year")], "n.d."]]

    def format_labels(self, sorted_entries):
        for entry in sorted_entries:
            data = {"entry": entry, "style": self.text}
            yield self.words.format_data(data).render_as("text")


class Style(PlainStyle):
    default_label_style = STYLE


register_plugin("pybtex.style.labels", STYLE, AuthorYearLabels)
register_plugin("pybtex.style.formatting", STYLE, Style)

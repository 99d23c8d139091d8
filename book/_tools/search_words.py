"""How the book's search splits text into words: English, and Chinese by every two characters.

Chinese has no spaces, so a term would be found by its whole name alone. The browser splits what is asked in
the same way (``js_splitter_code``), and a page is found that has all the pairs.
"""

import re

from sphinx.search import languages
from sphinx.search.en import SearchEnglish

CHINESE = re.compile("[\u3400-\u9fff]+")


class BookSearch(SearchEnglish):
    js_splitter_code = """
var splitQuery = (query) => query
  .replace(/[\\u3400-\\u9fff]+/g, (run) => run.length < 3 ? ` ${run} `
    : ` ${[...run].slice(1).map((_, k) => run.slice(k, k + 2)).join(" ")} `)
  .split(/[^\\p{Letter}\\p{Number}_\\p{Emoji_Presentation}]+/gu)
  .filter((term) => term);
"""

    def split(self, input):
        """The words of a text.

        >>> BookSearch({}).split("decay 指数衰减。")
        ['decay', '指', '指数', '数', '数衰', '衰', '衰减', '减']
        """
        return [word for piece in super().split(input) for word in self._pairs(piece)]

    def _pairs(self, piece):
        found, last = [], 0
        for run in CHINESE.finditer(piece):
            found += [piece[last : run.start()]]
            for k, sign in enumerate(run[0]):
                found += [sign, run[0][k : k + 2]] if k + 1 < len(run[0]) else [sign]
            last = run.end()
        return [word for word in [*found, piece[last:]] if word]


languages["en"] = BookSearch

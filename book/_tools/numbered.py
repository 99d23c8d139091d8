"""References by number (`numref`), with every page unpickled once.

To know what kind of thing a reference means, Sphinx unpickles the whole page that it stands on, for each
reference anew: 600 times in this book, a quarter of the time in which its pages are built.
"""

from functools import cache, cached_property

from sphinx.domains.std import StandardDomain


class Looking:
    """The build's environment for somebody who looks at pages and changes none."""

    def __init__(self, env):
        self._env = env
        self.get_doctree = cache(env.get_doctree)

    def __getattr__(self, name):
        return getattr(self._env, name)


class NumberedOnce(StandardDomain):
    @cached_property
    def looking(self):
        return Looking(self.env)

    def resolve_xref(self, env, fromdocname, builder, typ, target, node, contnode):
        if typ == "numref":  # these are resolved when all pages have been read
            env = self.looking
        return super().resolve_xref(env, fromdocname, builder, typ, target, node, contnode)


def setup(app):
    app.add_domain(NumberedOnce, override=True)

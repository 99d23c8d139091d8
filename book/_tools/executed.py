"""The chapters as `make book` last executed them: Jupyter's cache, where each has a fingerprint of its own.

Jupyter's cache finds a notebook by its code. What else the outputs depend on (`fingerprint`) stands beside
each entry, and an entry with another fingerprint is none.
"""

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

from chapter import Chapter
from environment import BUILD, CHAPTERS

CACHE = BUILD / ".jupyter_cache"


def outputs(chapter):
    """The notebook of a chapter's code cells with the outputs of its last execution.

    Its live figures have all their frames. A chapter that was not executed as it is now is a `KeyError`.
    """
    cache = get_cache(str(CACHE))
    return cache.get_cache_bundle(_entry(cache, chapter).pk).nb


def is_there(chapter):
    try:
        _entry(get_cache(str(CACHE)), chapter)
    except KeyError:
        return False
    return True


def _entry(cache, chapter):
    wanted = chapter.fingerprint  # taken before the chapter runs, and kept if the library changes meanwhile
    entry = cache.match_cache_notebook(chapter.notebook)
    if entry.data.get("fingerprint") != wanted:
        raise KeyError(f"{chapter.name} was executed with another library, other data or other versions")
    return entry


def keep(chapter, seconds, failed=False):
    """Store a chapter with its outputs; of one that failed they are those that came with the book."""
    data = {"execution_seconds": seconds, "fingerprint": chapter.fingerprint}
    bundle = CacheBundleIn(chapter.notebook, f"chapters/{chapter.name}.ipynb", data=data)
    get_cache(str(CACHE)).cache_notebook_bundle(bundle, overwrite=True, check_validity=not failed)


def forget_stale():
    """Remove what no chapter can use any more: Jupyter Book would take it for the notebook's code alone."""
    cache = get_cache(str(CACHE))
    used = set()
    for path in CHAPTERS.glob("*.ipynb"):
        try:
            used.add(_entry(cache, Chapter.read(path.stem)).pk)
        except KeyError:
            continue
    for entry in cache.list_cache_records():
        if entry.pk not in used:
            cache.remove_cache(entry.pk)

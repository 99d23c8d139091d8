"""Settings of all tests."""

from hypothesis import settings

# A shared or slow machine must not fail a property by being slow.
settings.register_profile("book", deadline=None, database=None)
settings.load_profile("book")

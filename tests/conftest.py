"""Settings of all tests, and the browser of those that need one."""

import os

import pytest
from hypothesis import settings

from chapters import judged
from interestdecay_lib import checks
from serving import chromium

# A shared or slow machine must not fail a property by being slow.
settings.register_profile("book", deadline=None, database=None)
settings.load_profile("book")


@pytest.fixture(autouse=True)
def a_reader_who_begins(monkeypatch):
    """`check` counts the answers to an exercise, and computes the right one each time, which takes long."""
    monkeypatch.setattr(checks, "_tried", {})
    monkeypatch.setattr(checks, "exercises", judged)


@pytest.fixture(scope="session")
def browser_path():
    return os.environ.get("BROWSER_PATH") or pytest.fail(
        "set BROWSER_PATH, or run `make test`, which finds it"
    )


@pytest.fixture(scope="session")
def browser(browser_path):
    """One Chromium for all tests of pages that a worker runs."""
    with chromium(browser_path) as running:
        yield running

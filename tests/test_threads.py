"""One thread within a block, and as many as before after it, whichever threads of Python overlap."""

import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from interestdecay_lib import baselines
from interestdecay_lib._threads import one_thread


def counts():
    return [pool["num_threads"] for pool in threadpool_info()]


@pytest.fixture
def two():
    assert baselines.HALF_LIVES                     # its import has loaded BLAS and OpenMP
    with threadpool_limits(2):
        yield


def test_blocks_of_two_threads_leave_no_limit_behind(two):
    before, seen = counts(), []
    inside = threading.Event()

    def other():
        inside.set()
        with one_thread():
            seen.append(counts())

    thread = threading.Thread(target=other)
    with one_thread():
        thread.start()
        assert inside.wait(30)
        with one_thread():                          # also within itself
            assert set(counts()) == {1}
        assert set(counts()) == {1}
    thread.join(30)
    assert set(seen[0]) == {1} and counts() == before and 2 in before

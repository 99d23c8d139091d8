"""One thread within a block, and as many as before after it, whichever threads of Python overlap."""

import threading

from threadpoolctl import threadpool_info

from interestdecay_lib import baselines
from interestdecay_lib._threads import one_thread


def counts():
    return [pool["num_threads"] for pool in threadpool_info()]


def test_blocks_of_two_threads_leave_no_limit_behind():
    assert baselines.HALF_LIVES                     # its import has loaded BLAS and OpenMP
    before, inside = counts(), threading.Event()

    def other():
        inside.set()
        with one_thread():
            pass

    thread = threading.Thread(target=other)
    with one_thread():
        thread.start()
        assert inside.wait(30)
        with one_thread():                          # also within itself
            assert set(counts()) == {1}
        assert set(counts()) == {1}
    thread.join(30)
    assert counts() == before

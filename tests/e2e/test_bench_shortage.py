"""meari bench without descriptors for all its connections: it tries again now and then, and not in a frenzy."""

import resource

from meari import Server, run


def test_a_shortage_is_not_hammered_at(engine):
    """Each try fails as long as nobody lets go of one: ten times a second are enough to see."""
    limit = 60
    with Server("tcp://127.0.0.1:0", "--threads", 1) as server:
        result = run("bench", server.addresses[0], "-c", 400, "-d", "2s", "-w", "0", "--engine", engine,
                     "--threads", 1, "--trace", env=None,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    failed = result.stderr.count("EMFILE")
    # Each of the 400 is called once in the beginning; afterwards some tries in each tenth of a second.
    assert 300 <= failed <= 400 + 2 * 10 * 4, failed

"""meari ping: times, loss, damage, gaps, against good services and bad ones."""

import pytest

from meari import run
from talk_peers import Peer, echo


def test_streams_are_answered():
    with Peer(echo) as peer:
        result = run("ping", "-c", 3, "-i", "20ms", peer.address)
    assert result.returncode == 0
    assert result.stderr == ""
    assert "3 sent, 3 received, 0% loss" in result.stdout

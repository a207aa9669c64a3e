"""Free ports."""

import socket

import pytest

from house import ports
from house.ports import HIGHEST, LOOPBACK, LOWEST, free_port, is_free
from house.trouble import Trouble

pytestmark = pytest.mark.unit


def test_free_port_takes_the_preferred_one_when_it_is_free() -> None:
    preferred = free_port()

    assert free_port(prefer=preferred) == preferred


def test_free_port_finds_another_when_the_preferred_one_is_taken() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]

        found = free_port(prefer=port)

        assert found != port
        assert LOWEST <= found <= HIGHEST
        assert is_free(found)


def test_free_port_avoids_a_port_that_is_free_but_promised() -> None:
    promised = free_port()

    assert free_port(prefer=promised, avoid=[promised]) != promised


def test_free_port_says_so_when_none_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        only = taken.getsockname()[1]
        monkeypatch.setattr(ports, "LOWEST", only)
        monkeypatch.setattr(ports, "HIGHEST", only)

        with pytest.raises(Trouble, match=f"No free port was found between {only} and {only}"):
            free_port()

import socket

import pytest

from framework.local_emr.daemons import ports


def test_ports_are_free_each_another_one_and_below_those_that_connections_get() -> None:
    found = ports.free(50)
    assert len(set(found)) == 50
    assert all(ports.FIRST <= port < ports.LAST for port in found)
    for port in found:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))


def test_no_port_is_given_twice_as_the_daemon_of_the_first_may_not_listen_yet() -> None:
    found = [port for _ in range(300) for port in ports.free(2)]
    assert len(set(found)) == 600


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ports.free(1)[0]
    monkeypatch.setattr(ports, "_untried", lambda: iter(range(first, first + 100)))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        assert first not in ports.free(5)


def test_an_address_of_this_machine_is_told_from_one_that_is_not() -> None:
    assert ports.has("127.0.0.1")
    assert not ports.has("192.0.2.1")  # of documentation only

"""Only this machine's loopback is ever sent a load."""

from __future__ import annotations

import pytest

from conformance.load.target import LoadRefused, Target, parse_target


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("http://127.0.0.1:8080/fhir", Target("t", "127.0.0.1", 8080, "/fhir"), id="ipv4"),
        pytest.param("http://127.8.9.1:81", Target("t", "127.8.9.1", 81, ""), id="whole-net-127"),
        pytest.param("http://[::1]:8080/fhir/", Target("t", "::1", 8080, "/fhir"), id="ipv6"),
        pytest.param("http://localhost/", Target("t", "127.0.0.1", 80, ""), id="name"),
    ],
)
def test_loopback_is_taken(url: str, expected: Target) -> None:
    assert parse_target("t", url) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("http://192.0.2.7/fhir", "not on this machine's loopback", id="other-machine"),
        pytest.param("http://0.0.0.0:8080/fhir", "not on this machine's loopback", id="every-address"),
        pytest.param("http://[2001:db8::1]/fhir", "not on this machine's loopback", id="other-ipv6"),
        pytest.param("http://127.0.0.1.invalid/fhir", "unknown", id="unknown-name"),
        pytest.param("https://127.0.0.1/fhir", "plain http", id="https"),
        pytest.param("127.0.0.1:8080", "plain http", id="no-scheme"),
        pytest.param("http://127.0.0.1/fhir?a=b", "plain http", id="query"),
        pytest.param("http://127.0.0.1:99999/", "port", id="port"),
    ],
)
def test_anything_else_is_refused(url: str, reason: str) -> None:
    with pytest.raises(LoadRefused, match=reason):
        parse_target("t", url)


def test_user_and_password_do_not_change_the_host() -> None:
    with pytest.raises(LoadRefused, match=r"192\.0\.2\.7"):
        parse_target("t", "http://127.0.0.1@192.0.2.7/fhir")

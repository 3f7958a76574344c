"""The zone of days: that of the settings, else that of the policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

from fhir_server.access.policy_file import load_policy
from fhir_server.settings import Settings
from fhir_server.starting import in_zone


def test_the_policy_says_the_zone_where_the_settings_do_not() -> None:
    assert in_zone(Settings(), load_policy("fr")).zone == ZoneInfo("Europe/Paris")


def test_a_zone_that_is_set_wins() -> None:
    assert in_zone(replace(Settings(), timezone=UTC), load_policy("fr")).zone is UTC


def test_without_a_policy_it_is_utc() -> None:
    assert in_zone(Settings(), None).zone is UTC

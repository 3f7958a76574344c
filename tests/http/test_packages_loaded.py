"""A package that is loaded beside running servers counts in them a second later."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from fhir_server.app import close_app, create_app
from fhir_server.commands.package import package
from tests.conftest import FixedClock
from tests.http.calls import patient
from tests.http.conftest import settings_of
from tests.http.test_profiles_posted import judged
from tests.profiles.test_loaded_packages import URL, archive_of


def test_every_worker_uses_a_loaded_package_a_second_later_and_keeps_it_if_the_next_is_refused(
    database_uri: str, database_name: str, clock: FixedClock, tmp_path: Path
) -> None:
    settings = settings_of(database_uri, database_name, data_dir=tmp_path / "data")
    workers = [create_app(settings, clock=clock) for _ in range(2)]
    nameless = {key: value for key, value in patient().items() if key != "name"}

    def load(archive: Path) -> int:
        environment = {"FHIR_DATA_DIR": str(settings.data_dir)}
        return CliRunner().invoke(package, ["load", str(archive)], env=environment).exit_code

    def found() -> list[list[tuple[str, str | None]]]:
        return [judged(app.test_client(), URL, nameless) for app in workers]

    try:
        assert found() == [[("unknown-profile", "Patient")]] * 2
        assert load(archive_of(tmp_path, 1)) == 0
        clock.advance(seconds=1)
        assert found() == [[("missing-element", "Patient.name")]] * 2
        cut = tmp_path / "cut.tgz"
        cut.write_bytes(archive_of(tmp_path, 0).read_bytes()[:-40])
        assert load(cut) == 1
        clock.advance(seconds=1)
        assert found() == [[("missing-element", "Patient.name")]] * 2
        assert load(archive_of(tmp_path, 0)) == 0
        clock.advance(seconds=1)
        assert found() == [[]] * 2
    finally:
        for app in workers:
            close_app(app)

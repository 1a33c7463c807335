"""No container engine runs here, so the files are linted, and what they say is compared with the program."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from bugflow import __version__
from bugflow.cli.main import app
from bugflow.core.settings import Settings
from bugflow.operation.doctor.examination import GROUPS
from factories.server import prepare_people, run_server

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GUIDE = (ROOT / "docs/guide/installing.md").read_text()
SETTINGS = {f"BUGFLOW_{name.upper()}" for name in Settings.model_fields}
COMMANDS = set(get_command(app).list_commands(None))  # type: ignore[attr-defined]
VARIABLE = re.compile(r"\$\{(\w+)(:[?-])?([^}]*)\}")


def read_instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, each with its words."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


def read_final_stage() -> dict[str, str]:
    """Return the instructions of the last stage by name, the last of each."""
    instructions = read_instructions()
    begin = max(number for number, (name, _) in enumerate(instructions) if name == "FROM")
    return dict(instructions[begin:])


def variables_of(text: str) -> set[str]:
    return set(re.findall(r"BUGFLOW_\w+", text))


def test_a_linter_finds_nothing_in_the_dockerfile() -> None:
    command = [str(Path(sys.executable).with_name("hadolint")), "--no-color", str(ROOT / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- A development tool.
    assert (done.stdout, done.returncode) == ("", 0)


def test_the_linter_notices_a_bad_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp && sudo pip install x\n")
    command = [str(Path(sys.executable).with_name("hadolint")), "--no-color", str(tmp_path / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- A development tool.
    assert (done.returncode, "DL3007" in done.stdout) == (1, True)


def test_the_final_image_has_another_user_than_root_and_no_compiler() -> None:
    final = read_final_stage()
    assert final["USER"] == "10001:10001"
    assert "slim" in final["FROM"]
    installed = re.findall(r"apt-get install (?:--\S+ )*([^&]*)", " ".join(words for _, words in read_instructions()))
    assert [each.strip() for each in installed] == ["libgomp1"]
    assert final["VOLUME"] in final["ENV"]
    assert json.loads(final["ENTRYPOINT"]) == ["bugflow"]
    assert set(json.loads(final["CMD"])) <= COMMANDS


def test_every_file_that_the_image_needs_is_let_in() -> None:
    wanted = {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "src"}
    copied = {
        word
        for name, words in read_instructions()
        if name == "COPY" and "--from" not in words
        for word in words.split()
    }
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied - {"./"} == let_in == wanted
    assert all((ROOT / name).exists() for name in wanted)


def test_the_image_sets_only_settings_that_exist() -> None:
    assert variables_of((ROOT / "Dockerfile").read_text()) <= SETTINGS


def test_the_health_check_of_the_image_notices_whether_a_server_answers(database_url: str, tmp_path: Path) -> None:
    command = json.loads(read_final_stage()["HEALTHCHECK"].partition("CMD ")[2])
    assert command[0] == "python"
    prepare_people(database_url)
    with run_server(tmp_path, database_url) as server:
        environment = {"BUGFLOW_PORT": str(server.port)}
        assert subprocess.run([sys.executable, *command[1:]], env=environment, check=False).returncode == 0  # noqa: S603
    gone = subprocess.run([sys.executable, *command[1:]], env=environment, capture_output=True, check=False)  # noqa: S603
    assert gone.returncode != 0


def test_the_services_are_those_of_the_guide() -> None:
    assert set(SERVICES) == {"server", "worker", "database", "broker"}
    assert all(f"`{name}`" in GUIDE for name in SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_restarted_examined_and_limited_in_its_logs(name: str) -> None:
    service = SERVICES[name]
    image, _, tag = service["image"].partition(":")
    assert image
    assert re.match(r"\d+(\.\d+)*", tag), "pinned to a version"
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"]["max-size"]
    if name == "server":
        assert "HEALTHCHECK" in read_final_stage()
    else:
        assert {"test", "interval", "timeout", "retries"} <= service["healthcheck"].keys()


def test_the_image_has_the_version_of_the_program() -> None:
    assert SERVICES["server"]["image"] == SERVICES["worker"]["image"] == f"bugflow:{__version__}"
    assert f"bugflow:{__version__}" in (ROOT / ".env.example").read_text()


@pytest.mark.parametrize("name", ["server", "worker"])
def test_ours_wait_for_what_they_need_run_commands_and_name_settings_that_exist(name: str) -> None:
    service = SERVICES[name]
    assert service["depends_on"] == {each: {"condition": "service_healthy"} for each in ("database", "broker")}
    assert service["command"][0] in COMMANDS
    assert set(service["environment"]) <= SETTINGS
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert "no-new-privileges:true" in service["security_opt"]


def test_addresses_name_the_services_and_their_database() -> None:
    environment = SERVICES["server"]["environment"]
    database = SERVICES["database"]["environment"]
    password = "${POSTGRES_PASSWORD:?is not set in .env}"
    assert environment["BUGFLOW_DATABASE_URL"] == (
        f"postgresql+psycopg://{database['POSTGRES_USER']}:{password}@database:5432/{database['POSTGRES_DB']}"
    )
    assert environment["BUGFLOW_BROKER_URL"].startswith("redis://broker:")


def test_the_worker_is_examined_by_a_group_that_exists() -> None:
    check = SERVICES["worker"]["healthcheck"]["test"]
    assert check[:3] == ["CMD", "bugflow", "doctor"]
    assert check[check.index("--only") + 1] in GROUPS


def test_no_secret_has_a_default_and_each_variable_is_in_the_example() -> None:
    text = (ROOT / "compose.yaml").read_text()
    example = (ROOT / ".env.example").read_text()
    for name, kind, _ in VARIABLE.findall(text):
        assert f"{name}=" in example
        assert kind == ":?" or name == "BUGFLOW_FORWARDED_ALLOW_IPS", f"{name} must be asked for"
    given = dict(line.split("=", 1) for line in example.splitlines() if line and not line.startswith("#"))
    assert set(given.values()) == {""}
    assert variables_of(example) <= SETTINGS


def test_only_this_machine_reaches_the_server_and_nobody_the_rest() -> None:
    assert SERVICES["server"]["ports"] == ["127.0.0.1:8000:8000"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["server"]


def test_every_volume_is_declared_and_used() -> None:
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())]
    assert set(mounts) == set(COMPOSE["volumes"])
    assert SERVICES["server"]["volumes"] == [f"home:{read_final_stage()['VOLUME']}"]


@pytest.mark.parametrize("guide", ["installing.md", "doctor.md", "backup.md"])
def test_every_command_and_setting_of_the_guides_exists(guide: str) -> None:
    text = (ROOT / "docs/guide" / guide).read_text()
    named = {words.split()[0] for words in re.findall(r"(?<!-u )\bbugflow ([a-z]+)\b", text)}
    assert named <= COMMANDS | {"bugflow"}
    assert variables_of(text) <= SETTINGS | {"BUGFLOW_NEW_PASSWORD"}


def test_the_unit_of_the_guide_starts_the_server_and_lets_it_stop() -> None:
    unit = GUIDE.partition("```ini\n")[2].partition("```")[0]
    values = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)
    assert shlex.split(values["ExecStart"])[1] in COMMANDS
    assert {"User", "EnvironmentFile", "Restart", "TimeoutStopSec", "NoNewPrivileges"} <= values.keys()

"""setup.sh looks before it acts, and acts only once."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

import pytest
from docker import DockerClient

from reference_stack import REPOSITORY
from reference_stack.project import parse_env
from stackproof import find_free_subnet

pytestmark = pytest.mark.timeout(120)

SETUP = REPOSITORY / "stack" / "scripts" / "setup.sh"
_SECONDS = 90.0


def run_setup(
    env_file: Path, *options: str, **limits: str
) -> subprocess.CompletedProcess[str]:
    """Run setup.sh for an environment file of the test's own."""
    variables = [f"{name}={value}" for name, value in limits.items()]
    return subprocess.run(
        ["env", *variables, str(SETUP), "--env-file", str(env_file), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def env_file(tmp_path: Path, engine: DockerClient) -> Path:
    """Return an environment file with a project, ports and secrets of its own."""
    template = REPOSITORY / "stack" / ".env.production"
    settings = parse_env(template.read_text(encoding="utf-8")) | {
        "COMPOSE_PROJECT_NAME": f"setup-{secrets.token_hex(4)}",
        "STACK_SUBNET": str(find_free_subnet(engine)),
        "INFLUXDB_PORT": "0",
        "ADMIN_PORT": "0",
        "SECRETS_DIR": str(tmp_path / "keys"),
    }
    file = tmp_path / "stack.env"
    file.write_text(
        "".join(f"{name}={value}\n" for name, value in settings.items()),
        encoding="utf-8",
    )
    return file


def test_all_problems_are_listed_and_nothing_is_changed(env_file: Path) -> None:
    """Four things wrong give four lines, each with its fix, and no file."""
    text = env_file.read_text(encoding="utf-8")
    broken = text + "STACK_SUBNET=172.20.1.1/16\n"
    env_file.write_text(broken, encoding="utf-8")

    done = run_setup(
        env_file,
        "--yes",
        PREFLIGHT_MIN_CORES="4096",
        PREFLIGHT_MIN_MEMORY_MB="99999999",
        PREFLIGHT_MIN_DISK_MB="999999999",
    )

    assert done.returncode == 1
    assert "4 problem(s); nothing was changed" in done.stderr
    assert done.stderr.count("fix: ") == 4
    for subject in ("core(s)", "of memory", "free in", "STACK_SUBNET=172.20.1.1/16"):
        assert subject in done.stderr
    assert env_file.read_text(encoding="utf-8") == broken
    assert not (env_file.parent / "keys").exists()


def test_second_run_changes_nothing(env_file: Path) -> None:
    """Secrets are made once, closed to others, and the user's file stays as it is."""
    before = env_file.read_text(encoding="utf-8")
    first = run_setup(env_file, "--yes")
    keys = env_file.parent / "keys"
    made = {file.name: file.read_text(encoding="utf-8") for file in keys.iterdir()}
    second = run_setup(env_file, "--yes")

    assert (first.returncode, second.returncode) == (0, 0)
    assert set(made) == {
        "admin_token",
        "ha_access_token",
        "influxdb_admin_password",
        "influxdb_admin_token",
        "weather_api_key",
    }
    assert {name for name, value in made.items() if len(value) < 40} == {
        "ha_access_token",
        "weather_api_key",
    }
    assert keys.stat().st_mode & 0o777 == 0o700
    assert env_file.read_text(encoding="utf-8") == before
    again = {file.name: file.read_text(encoding="utf-8") for file in keys.iterdir()}
    assert again == made
    assert "made" not in second.stdout


def test_clash_of_subnets_is_named(env_file: Path, engine: DockerClient) -> None:
    """The engine's own default network as STACK_SUBNET is refused by name."""
    (default,) = engine.networks.list(names=["bridge"], filters={"driver": "bridge"})
    taken = (default.attrs or {})["IPAM"]["Config"][0]["Subnet"]
    text = env_file.read_text(encoding="utf-8")
    env_file.write_text(f"{text}STACK_SUBNET={taken}\n", encoding="utf-8")

    done = run_setup(env_file, "--dry-run")

    assert done.returncode == 1
    assert "overlaps the docker network bridge" in done.stderr

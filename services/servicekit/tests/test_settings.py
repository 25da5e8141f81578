"""Settings: sources in order, all problems at once, no secret shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from servicekit.errors import SettingsError
from servicekit.settings import (
    HttpAddress,
    ServiceSettings,
    WebSocketAddress,
    redact,
)


class Sample(ServiceSettings):
    """Settings of an imagined service."""

    prefixes = ("SAMPLE_",)

    http_port: int = 8000
    sample_url: WebSocketAddress
    sample_key: SecretStr
    sample_other_url: HttpAddress | None = None
    sample_size: int = 5
    sample_pause: float = 1.5
    sample_lazy: SecretStr | None = None
    sample_lazy_file: Path | None = None


GOOD = {"SAMPLE_URL": "ws://ha:8123/api", "SAMPLE_KEY": "s3cret-key"}


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give a process environment that holds nothing but what the test sets."""
    monkeypatch.setattr("os.environ", {})
    return monkeypatch


def put(env: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    """Set the variables."""
    for name, value in values.items():
        env.setenv(name, value)


def problems(env: pytest.MonkeyPatch, values: dict[str, str]) -> tuple[str, ...]:
    """Return what is wrong with the variables."""
    put(env, values)
    with pytest.raises(SettingsError) as caught:
        Sample.load()
    return caught.value.problems


def test_reads_the_environment(env: pytest.MonkeyPatch) -> None:
    """Values come from the environment, the rest from defaults."""
    put(env, {**GOOD, "SAMPLE_SIZE": "7", "LOG_LEVEL": "debug", "HTTP_PORT": ""})
    settings = Sample.load()

    assert settings.sample_url == "ws://ha:8123/api"
    assert settings.sample_key.get_secret_value() == "s3cret-key"
    assert settings.sample_size == 7
    assert settings.log_level == "DEBUG"
    assert settings.http_port == 8000
    assert settings.environment == "production"


def test_order_of_the_sources(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An argument beats a variable, a variable beats a file."""
    file = tmp_path / "size"
    file.write_text(" 3 \n")
    put(env, {**GOOD, "SAMPLE_SIZE_FILE": str(file)})
    from_file = Sample.load().sample_size
    env.setenv("SAMPLE_SIZE", "2")
    from_variable = Sample.load().sample_size
    from_argument = Sample.load(sample_size=1).sample_size

    assert (from_file, from_variable, from_argument) == (3, 2, 1)


def test_a_lazy_file_is_not_read(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A class with its own name_file field may name a file that is not there yet."""
    put(env, {**GOOD, "SAMPLE_LAZY_FILE": str(tmp_path / "later")})
    settings = Sample.load()

    assert settings.sample_lazy is None
    assert settings.sample_lazy_file == tmp_path / "later"


def test_every_problem_at_once(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All problems come in one error, each with the name and the fix."""
    found = problems(
        env,
        {
            "SAMPLE_KEY_FILE": str(tmp_path / "none"),
            "SAMPLE_SIZE": "many",
            "SAMPLE_SIEZ": "3",
            "SAMPLE_OTHER_URL": "ftp://x",
        },
    )

    file = "stack/.env"
    none = tmp_path / "none"
    assert found == (
        f"SAMPLE_URL: is missing; fix: set SAMPLE_URL in {file} (or SAMPLE_URL_FILE)",
        (
            f"SAMPLE_KEY_FILE: cannot read {none}: No such file or directory; fix: put "
            f"the value of SAMPLE_KEY there, or correct SAMPLE_KEY_FILE in {file}"
        ),
        (
            "SAMPLE_OTHER_URL: is not an address that starts with http:// or https://; "
            f"fix: set SAMPLE_OTHER_URL in {file} (or SAMPLE_OTHER_URL_FILE)"
        ),
        (
            "SAMPLE_SIZE: should be a valid integer, unable to parse string as an "
            f"integer; fix: set SAMPLE_SIZE in {file} (or SAMPLE_SIZE_FILE)"
        ),
        (
            "SAMPLE_SIEZ: is an unknown variable, did you mean SAMPLE_SIZE?; "
            f"fix: correct or remove SAMPLE_SIEZ in {file}"
        ),
    )


def test_an_unknown_variable_alone_is_a_problem(env: pytest.MonkeyPatch) -> None:
    """A misspelt variable stops the service although all values are valid."""
    found = problems(env, {**GOOD, "SAMPLE_ZZZZZZZZZZZZZZZZ": "1", "ZZZ_OTHER": "1"})

    assert found == (
        (
            "SAMPLE_ZZZZZZZZZZZZZZZZ: is an unknown variable; "
            "fix: correct or remove SAMPLE_ZZZZZZZZZZZZZZZZ in stack/.env"
        ),
    )


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_an_empty_file_is_a_problem(
    env: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    """A secret's file that holds nothing is named, not taken for an empty secret."""
    file = tmp_path / "key"
    file.write_bytes(content)
    url = {"SAMPLE_URL": GOOD["SAMPLE_URL"]}
    found = problems(env, {**url, "SAMPLE_KEY_FILE": str(file)})

    assert len(found) == 1
    assert found[0].startswith(f"SAMPLE_KEY_FILE: {file} is empty; fix: ")


def test_a_binary_file_is_a_problem(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is no text is named with the reason."""
    file = tmp_path / "key"
    file.write_bytes(b"\xff\xfe\xff")
    url = {"SAMPLE_URL": GOOD["SAMPLE_URL"]}
    found = problems(env, {**url, "SAMPLE_KEY_FILE": str(file)})

    assert "it is not UTF-8 text" in found[0]


@pytest.mark.parametrize(
    "value",
    [
        "your_production_token",
        "YOUR-TOKEN",
        "changeme",
        "change_me_please",
        "replace_me",
        "example-token",
        "<the token>",
    ],
)
def test_a_placeholder_is_refused_in_production(
    env: pytest.MonkeyPatch, value: str
) -> None:
    """A value that nobody replaced is a problem in production only."""
    found = problems(env, {**GOOD, "SAMPLE_KEY": value})
    env.setenv("ENVIRONMENT", "development")
    settings = Sample.load()

    assert found == (
        (
            "SAMPLE_KEY: is still the placeholder of the template; "
            "fix: set SAMPLE_KEY in stack/.env (or SAMPLE_KEY_FILE)"
        ),
    )
    assert settings.sample_key.get_secret_value() == value


@pytest.mark.parametrize(
    "url", ["ws://your_home_assistant:8123", "ws://<host>:8123", "ws://u:changeme@ha"]
)
def test_a_placeholder_in_an_address_is_refused(
    env: pytest.MonkeyPatch, url: str
) -> None:
    """Placeholders are also found inside of a URL."""
    found = problems(env, {**GOOD, "SAMPLE_URL": url})

    assert found[0].startswith("SAMPLE_URL: is still the placeholder")


@pytest.mark.parametrize(
    "url", ["", "ha:8123", "http://ha", "ws://", "ws://ha:99999", "ws://h a", "ws://[x"]
)
def test_a_malformed_address_is_refused(env: pytest.MonkeyPatch, url: str) -> None:
    """An address needs the scheme, a host and a port that can exist."""
    found = problems(env, {**GOOD, "SAMPLE_URL": url})

    assert len(found) == 1
    assert found[0].startswith("SAMPLE_URL: is ")


def test_problems_name_the_file_that_the_caller_names(
    env: pytest.MonkeyPatch,
) -> None:
    """A service that is run without the stack can point elsewhere."""
    put(env, {**GOOD, "SAMPLE_SIZE": "x"})

    with pytest.raises(SettingsError, match=r"in /etc/sample \(or SAMPLE_SIZE_FILE\)"):
        Sample.load("/etc/sample")


def test_a_wrong_environment_is_careful(env: pytest.MonkeyPatch) -> None:
    """With a malformed ENVIRONMENT the rules of production hold."""
    found = problems(env, {"ENVIRONMENT": "prod", **GOOD, "SAMPLE_KEY": "changeme"})

    assert [line.partition(":")[0] for line in found] == ["ENVIRONMENT", "SAMPLE_KEY"]


def test_no_problem_shows_the_secret(env: pytest.MonkeyPatch) -> None:
    """The text of an error does not contain any given value."""
    found = problems(env, {"SAMPLE_KEY": "hunter2hunter2", "SAMPLE_SIZE": "sesame"})

    assert "hunter2" not in " ".join(found)
    assert "sesame" not in " ".join(found)


def test_redacted_hides_secrets_and_userinfo(env: pytest.MonkeyPatch) -> None:
    """The printable form has stars for secrets and URLs without userinfo."""
    put(env, {**GOOD, "SAMPLE_OTHER_URL": "https://bob:hunter2@db:8086/x?token=t"})
    settings = Sample.load()
    shown = settings.redacted()

    assert shown["SAMPLE_KEY"] == "**********"
    assert shown["SAMPLE_OTHER_URL"] == "https://db:8086/x"
    assert shown["SAMPLE_SIZE"] == "5"
    assert shown["SAMPLE_LAZY"] == ""
    assert shown["ENVIRONMENT"] == "production"
    assert settings.secret_values() == ["s3cret-key", "hunter2"]


def test_an_address_that_cannot_be_taken_apart_is_hidden(
    env: pytest.MonkeyPatch,
) -> None:
    """A text field may hold anything; nobody can tell where a secret begins in it."""
    put(env, {**GOOD, "HTTP_HOST": "a://me:hunter2@["})
    settings = Sample.load()

    assert settings.redacted()["HTTP_HOST"] == "**********"
    assert settings.secret_values() == ["s3cret-key"]


@pytest.mark.parametrize("number", ["inf", "nan", "-Infinity", "1e999"])
def test_a_time_without_end_is_a_problem(env: pytest.MonkeyPatch, number: str) -> None:
    """It would become a wait without end, or a crash where it is rounded."""
    (problem,) = problems(env, {**GOOD, "SAMPLE_PAUSE": number})

    assert problem.startswith("SAMPLE_PAUSE: ")


def test_an_empty_secret_is_shown_as_empty() -> None:
    """Stars would claim that a secret is set."""
    assert redact(SecretStr("")) == ""


def test_settings_are_frozen(env: pytest.MonkeyPatch) -> None:
    """Nobody changes a setting after the start."""
    put(env, GOOD)
    settings = Sample.load()

    with pytest.raises(ValueError, match="frozen"):
        settings.sample_size = 9

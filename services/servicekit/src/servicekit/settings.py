"""Settings from the environment or from files, with every problem at once.

The order is: keyword arguments, the variable NAME, the file that NAME_FILE names.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self, get_args
from urllib.parse import urlsplit, urlunsplit

from pydantic import (
    AfterValidator,
    AnyUrl,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .errors import SettingsError

__all__ = [
    "ENV_FILE",
    "Address",
    "HttpAddress",
    "ServiceSettings",
    "WebSocketAddress",
    "redact",
]

ENV_FILE: Final = "stack/.env"
"""Where a user of the stack sets variables."""

_HIDDEN: Final = "**********"
_PLACEHOLDER: Final = re.compile(
    r"(?:^|[/@:.=])(?:your[_-]|change[_-]?me|replace[_-]?me|example-token|<[^>]*>)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Address:
    """Validator of a URL setting: one of `schemes`, a host, no trailing slash."""

    schemes: tuple[str, ...]

    def __call__(self, value: str) -> str:
        """Return the address, or raise ValueError with what is wrong."""
        wanted = " or ".join(f"{scheme}://" for scheme in self.schemes)
        try:
            parts = urlsplit(value)
            usable = parts.scheme in self.schemes and bool(parts.hostname)
            port = parts.port
        except ValueError:
            usable, port = False, None
        if not usable or port == 0 or any(mark.isspace() for mark in value):
            raise ValueError(f"is not an address that starts with {wanted}")
        return value.rstrip("/")


HttpAddress = Annotated[str, AfterValidator(Address(("http", "https")))]
"""An http:// or https:// URL, kept as text without a trailing slash."""

WebSocketAddress = Annotated[str, AfterValidator(Address(("ws", "wss")))]
"""A ws:// or wss:// URL, kept as text without a trailing slash."""


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands for the value of a NAME_FILE that could not be read."""

    variable: str
    problem: str


class _FromFiles(PydanticBaseSettingsSource):
    """Takes the value of NAME from the file that NAME_FILE names."""

    def get_field_value(
        self, field: FieldInfo, field_name: str
    ) -> tuple[Any, str, bool]:
        """Return what the file holds; None if no file is named, or nothing is in it.

        An empty file of a setting that must be there is a problem of its own.
        """
        variable = f"{field_name}_file".upper()
        path = os.environ.get(variable)
        own = f"{field_name}_file" in self.settings_cls.model_fields
        if not path or own:
            return None, field_name, False
        read = _read(variable, Path(path), required=field.is_required())
        return read, field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(fields[name], name)[0] for name in fields}
        return {name: value for name, value in found.items() if value is not None}


def _read(variable: str, path: Path, *, required: bool) -> str | _Unreadable | None:
    try:
        content = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or "it is not UTF-8 text"
        return _Unreadable(variable, f"cannot read {path}: {reason}")
    if not content and required:
        return _Unreadable(variable, f"{path} is empty")
    return content or None


class ServiceSettings(BaseSettings):
    """What every service can be told; a service adds its own fields.

    Field NAME is read from the variable NAME in upper case or from the file that
    NAME_FILE names. A class that has a field `name_file` itself reads that file
    when it needs it, so it is not read here.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        hide_input_in_errors=True,
        env_ignore_empty=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    prefixes: ClassVar[tuple[str, ...]] = ()
    """Variables with such a beginning must be fields: a typo is a problem."""

    environment: Literal["development", "production"] = "production"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    http_host: str = "0.0.0.0"
    http_port: int = Field(ge=0, le=65535)
    shutdown_deadline_seconds: float = Field(default=2.5, gt=0, le=600)
    memory_alert_percent: float = Field(default=90.0, gt=0, le=100)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - its signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, the strongest first."""
        return init_settings, env_settings, _FromFiles(settings_cls)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_unusable(cls, value: Any, info: ValidationInfo) -> Any:
        name = str(info.field_name)
        if isinstance(value, _Unreadable):
            raise PydanticCustomError(
                "settings_file",
                "{problem}",
                {"problem": value.problem, "variable": value.variable},
            )
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        # A bad ENVIRONMENT is missing from the data: then production's rule holds.
        careful = info.data.get("environment", "production") == "production"
        if careful and isinstance(text, str) and _is_guarded(cls.model_fields[name]):
            _refuse_placeholder(text)
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @classmethod
    def load(cls, env_file_hint: str = ENV_FILE, **values: Any) -> Self:
        """Return the settings of this process.

        Args:
            env_file_hint: the file that messages point to.
            **values: fields given by the caller, stronger than the environment.

        Raises:
            SettingsError: anything is missing, malformed, unknown or still a
                placeholder; it lists all problems and never a secret.
        """
        problems = list(_unknown(cls, env_file_hint))
        try:
            settings = cls(**values)
        except ValidationError as err:
            found = err.errors(include_url=False, include_input=False)
            problems = [_line(problem, env_file_hint) for problem in found] + problems
        else:
            if not problems:
                return settings
        raise SettingsError(tuple(problems))

    def redacted(self) -> dict[str, str]:
        """Return every setting by its variable's name, without any secret."""
        return {
            name.upper(): redact(getattr(self, name))
            for name in type(self).model_fields
        }

    def secret_values(self) -> list[str]:
        """Return the secrets in the settings, for the scrubber of the logs."""
        values = [getattr(self, name) for name in type(self).model_fields]
        found = [
            value.get_secret_value() for value in values if isinstance(value, SecretStr)
        ]
        texts = [str(value) for value in values if isinstance(value, str | AnyUrl)]
        found += [_password(text) for text in texts if "://" in text]
        return [secret for secret in found if secret]


def redact(value: object) -> str:
    """Return a setting as text: secrets hidden, URLs without userinfo and query."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return _HIDDEN if value.get_secret_value() else ""
    text = str(value)
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        # Whatever it is, nobody can tell where a secret begins in it.
        return _HIDDEN
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def _password(address: str) -> str:
    """Return the password in an address, empty without one."""
    try:
        return urlsplit(address).password or ""
    except ValueError:
        return ""


def _is_guarded(field: FieldInfo) -> bool:
    """Tell whether a field holds a secret or an address."""
    return _mentions_guarded([field.annotation, *field.metadata])


def _mentions_guarded(annotations: list[Any]) -> bool:
    return any(
        _is_guard(annotation) or _mentions_guarded(list(get_args(annotation)))
        for annotation in annotations
    )


def _is_guard(annotation: object) -> bool:
    if isinstance(annotation, AfterValidator):
        return isinstance(annotation.func, Address)
    return isinstance(annotation, type) and issubclass(annotation, SecretStr | AnyUrl)


def _refuse_placeholder(text: str) -> None:
    if _PLACEHOLDER.search(text):
        raise PydanticCustomError(
            "placeholder", "is still the placeholder of the template"
        )


def _line(problem: ErrorDetails, hint: str) -> str:
    name = str(problem["loc"][0]).upper() if problem["loc"] else "SETTINGS"
    kind = problem["type"]
    if kind == "settings_file":
        variable = problem["ctx"]["variable"]
        fix = f"put the value of {name} there, or correct {variable} in {hint}"
        return f"{variable}: {problem['msg']}; fix: {fix}"
    wrong = "is missing" if kind == "missing" else problem["msg"]
    wrong = wrong.removeprefix("Value error, ").replace("Input should", "should")
    return f"{name}: {wrong}; fix: set {name} in {hint} (or {name}_FILE)"


def _unknown(cls: type[ServiceSettings], hint: str) -> Iterator[str]:
    """Yield a problem for every variable that looks like ours and is no field."""
    names = {name.upper() for name in cls.model_fields}
    known = names | {f"{name}_FILE" for name in names}
    for variable in sorted(os.environ):
        if not cls.prefixes or not variable.startswith(cls.prefixes):
            continue
        if variable not in known:
            close = difflib.get_close_matches(variable, sorted(known), n=1)
            guess = f", did you mean {close[0]}?" if close else ""
            yield (
                f"{variable}: is an unknown variable{guess}; "
                f"fix: correct or remove {variable} in {hint}"
            )

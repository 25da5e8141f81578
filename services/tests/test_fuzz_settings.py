"""No environment makes a service's settings crash, or shows a secret.

benchmarks/fuzz.py runs it for longer.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

import admin_api.settings
import enrichment_pipeline.settings
import websocket_ingestion.settings
from servicekit.errors import SettingsError
from servicekit.settings import ServiceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A service's settings, an environment that is good, and what of it is secret."""

    settings: type[ServiceSettings]
    good: dict[str, str]
    secrets: tuple[str, ...]


SECRET = "a-secret-that-is-longer-than-thirty-characters"
CASES = {
    "admin-api": Case(
        settings=admin_api.settings.Settings,
        good={
            "ADMIN_TOKEN": SECRET,
            "INGESTION_URL": "http://websocket-ingestion:8001",
            "ENRICHMENT_URL": "http://enrichment-pipeline:8002",
            "INFLUXDB_URL": "http://influxdb:8086",
            "INFLUXDB_ORG": "home",
            "INFLUXDB_BUCKET": "ha",
            "INFLUXDB_TOKEN": f"{SECRET}-read",
        },
        secrets=("ADMIN_TOKEN", "INFLUXDB_TOKEN"),
    ),
    "enrichment-pipeline": Case(
        settings=enrichment_pipeline.settings.Settings,
        good={
            "INFLUXDB_URL": "http://influxdb:8086",
            "INFLUXDB_ORG": "home",
            "INFLUXDB_BUCKET": "ha",
            "INFLUXDB_TOKEN": SECRET,
            "WEATHER_API_KEY": f"{SECRET}-key",
            "DEADLETTER_PATH": "/var/lib/dead.jsonl",
        },
        secrets=("INFLUXDB_TOKEN", "WEATHER_API_KEY"),
    ),
    "websocket-ingestion": Case(
        settings=websocket_ingestion.settings.Settings,
        good={
            "HA_URL": "ws://homeassistant:8123",
            "HA_ACCESS_TOKEN": SECRET,
            "ENRICHMENT_URL": "http://enrichment-pipeline:8002",
            "SPOOL_PATH": "/var/lib/spool/spool.db",
        },
        secrets=("HA_ACCESS_TOKEN",),
    ),
}
# Bytes that are no UTF-8 arrive as lone surrogates; a variable holds no NUL.
texts = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    | st.sampled_from("\udc80\udcff"),
    max_size=40,
)
numbers = st.integers().map(str) | st.floats().map(str) | st.just("9" * 5_000)
addresses = st.builds(
    "{}://{}".format,
    st.sampled_from(["http", "https", "ws", "wss", "", "a"]),
    texts
    | st.sampled_from(
        ["[", "[::1", "u:p@h:1/x?q=1#f", "h:99999", "h:0", "\u2100", "@"]
    ),
)
values = (
    st.sampled_from(["", "production", "off", "DEBUG", "/x"])
    | texts
    | numbers
    | addresses
)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@given(data=st.data())
def test_any_environment_gives_settings_or_all_its_problems(
    case: Case, data: st.DataObject
) -> None:
    """What can be loaded can be shown; what cannot says why, without a secret."""
    names = [name.upper() for name in case.settings.model_fields]
    variables = st.sampled_from([*names, *(f"{name}_FILE" for name in names)])
    changes = data.draw(st.dictionaries(variables, values, max_size=8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.environ", case.good | changes)
        try:
            settings = case.settings.load()
        except SettingsError as err:
            shown = str(err)
        else:
            shown = str(settings.redacted())
            assert all(settings.secret_values())

    assert not any(case.good[name] in shown for name in case.secrets)

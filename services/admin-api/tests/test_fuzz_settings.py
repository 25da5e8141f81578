"""No environment makes the settings crash, or shows a secret.

benchmarks/fuzz.py runs it for longer.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.settings import Settings
from servicekit.errors import SettingsError

GOOD = {
    "ADMIN_TOKEN": "a-secret-that-is-longer-than-thirty-characters",
    "INGESTION_URL": "http://websocket-ingestion:8001",
    "ENRICHMENT_URL": "http://enrichment-pipeline:8002",
    "INFLUXDB_URL": "http://influxdb:8086",
    "INFLUXDB_ORG": "home",
    "INFLUXDB_BUCKET": "ha",
    "INFLUXDB_TOKEN": "a-secret-that-is-longer-than-thirty-characters-read",
}
SECRETS = ("ADMIN_TOKEN", "INFLUXDB_TOKEN")
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
names = [name.upper() for name in Settings.model_fields]
variables = st.sampled_from([*names, *(f"{name}_FILE" for name in names)])


@given(changes=st.dictionaries(variables, values, max_size=8))
def test_any_environment_gives_settings_or_all_its_problems(
    changes: dict[str, str],
) -> None:
    """What can be loaded can be shown; what cannot says why, without a secret."""
    variables = GOOD | changes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.environ", variables)
        try:
            settings = Settings.load()
        except SettingsError as err:
            shown = str(err)
        else:
            shown = str(settings.redacted())
            secrets = settings.secret_values()
            assert all(secrets)

    assert not any(GOOD[name] in shown for name in SECRETS)

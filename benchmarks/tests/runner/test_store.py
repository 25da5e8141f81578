"""What is asked of the database, and how its answers are read."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
import requests

from capacity.errors import BadAnswer
from capacity.store import InfluxStore, Row, count_query, row_query

COUNTS = (
    "#group,false,false,false,false\r\n"
    ",result,table,entity_id,_value\r\n"
    ",_result,0,sensor.cap_0,12\r\n"
    ",_result,0,sensor.cap_1,7\r\n\r\n"
)
ROWS = (
    ",result,table,_time,_value,entity_id\r\n"
    ",_result,0,2023-11-14T22:13:20.000001Z,40.1,sensor.cap_0\r\n"
    ',_result,0,2023-11-14T22:13:21Z,"a, b",sensor.cap_0\r\n'
)


class FakeSession:
    """Answers each query with the same text."""

    def __init__(self, text: str, status: int = 200) -> None:
        self.text = text
        self.status = status
        self.asked: list[str] = []

    def request(self, method: str, url: str, **kinds: Any) -> requests.Response:
        """Answer."""
        self.asked.append(kinds["json"]["query"])
        if not self.status:
            raise requests.ConnectionError("gone")
        answer = requests.Response()
        answer.status_code = self.status
        answer._content = self.text.encode()
        return answer


def store(session: FakeSession) -> InfluxStore:
    """Return a store that asks a session."""
    return InfluxStore(
        url="http://db",
        org="o",
        bucket="b",
        token="secret",
        session=cast("requests.Session", session),
    )


def test_stored_events_are_counted_by_entity() -> None:
    """An empty answer is none stored."""
    found = store(FakeSession(COUNTS)).counts("sensor.cap", since_us=0, until_us=9)
    assert found == {"sensor.cap_0": 12, "sensor.cap_1": 7}
    assert store(FakeSession("\r\n")).counts("a.b", since_us=0, until_us=9) == {}


def test_rows_have_their_key_to_the_microsecond() -> None:
    """Many entities are asked for in several queries."""
    session = FakeSession(ROWS)
    rows = store(session).rows(["sensor.cap_0"], since_us=0, until_us=9)
    start = 1_700_000_000_000_000
    assert rows == [
        Row(entity_id="sensor.cap_0", time_us=start + 1, state="40.1"),
        Row(entity_id="sensor.cap_0", time_us=start + 1_000_000, state="a, b"),
    ]
    store(session).rows([f"a.b_{i}" for i in range(101)], since_us=0, until_us=9)
    assert len(session.asked) == 1 + 3


def test_queries_name_times_and_entities() -> None:
    """Whole microseconds; a prefix cannot leave its pattern, nor an id its quotes."""
    start = 1_700_000_000_000_000
    text = count_query("b", "sensor.cap12", start + 1, start + 1_000_000)
    assert (
        "start: 2023-11-14T22:13:20.000001Z, stop: 2023-11-14T22:13:21.000000Z" in text
    )
    assert r"r.entity_id =~ /^sensor\.cap12_/" in text
    with pytest.raises(ValueError, match="no beginning"):
        count_query("b", "sensor./.*/", 0, 1)
    rows = row_query("b", ['a"b', "c.d"], 0, 1)
    assert f"r.entity_id == {json.dumps('a' + chr(34) + 'b')} or r.entity_id ==" in rows


@pytest.mark.parametrize(("status", "said"), [(500, "trouble"), (0, "gone")])
def test_a_refusal_is_said_without_the_token(status: int, said: str) -> None:
    """Nothing stored is something else than nobody to ask."""
    asked = store(FakeSession("trouble", status))
    with pytest.raises(BadAnswer, match=said):
        asked.counts("a.b", since_us=0, until_us=9)
    assert "secret" not in repr(asked)

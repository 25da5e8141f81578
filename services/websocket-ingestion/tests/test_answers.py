"""Answers of enrichment-pipeline as a table."""

from __future__ import annotations

import json

import pytest

from servicekit.wire import Outcome
from websocket_ingestion.answers import judge
from websocket_ingestion.errors import ForwardError

TAKEN = b'{"written":3,"merged":1,"dead_lettered":1,"expired":0}'


def problem(code: str) -> bytes:
    """Return the body of an error."""
    return json.dumps({"error": {"code": code, "message": "because"}}).encode()


def test_a_full_account_is_the_outcome() -> None:
    """A 200 whose counts sum to the batch is the outcome."""
    assert judge(200, TAKEN, retry_after="", events=5) == Outcome(3, 1, 1, 0)


@pytest.mark.parametrize(
    ("status", "body", "pause", "code", "seconds"),
    [
        pytest.param(200, TAKEN, "", "outcome_mismatch", None, id="wrong-sum"),
        pytest.param(200, b"[]", "", "outcome_mismatch", None, id="no-outcome"),
        pytest.param(204, b"", "", "enrichment_rejects", None, id="204"),
        pytest.param(302, b"", "", "enrichment_rejects", None, id="redirect"),
        pytest.param(
            400, problem("bad_batch"), "", "enrichment_rejects", None, id="400"
        ),
        pytest.param(404, b"<html>", "", "enrichment_rejects", None, id="404"),
        pytest.param(413, problem("x"), "", "too_large", None, id="413"),
        pytest.param(
            503,
            problem("influxdb_unreachable"),
            "7",
            "influxdb_unreachable",
            7.0,
            id="503",
        ),
        pytest.param(
            503,
            problem("influxdb_overloaded"),
            "soon",
            "influxdb_overloaded",
            None,
            id="odd-pause",
        ),
        pytest.param(503, b"", "", "enrichment_failed", None, id="bare-503"),
        pytest.param(500, problem("X Y"), "", "enrichment_failed", None, id="odd-code"),
        pytest.param(502, b"\xff", "", "enrichment_failed", None, id="proxy"),
    ],
)
def test_everything_else_keeps_the_batch(
    status: int, body: bytes, pause: str, code: str, seconds: float | None
) -> None:
    """Each refusal has a code for the health answer and maybe a pause."""
    with pytest.raises(ForwardError) as caught:
        judge(status, body, retry_after=pause, events=6)

    assert (caught.value.code, caught.value.retry_after) == (code, seconds)
    assert "enrichment-pipeline" in str(caught.value)


def test_the_message_holds_what_was_answered() -> None:
    """Status, code and message of the answer are in the sentence."""
    with pytest.raises(ForwardError, match="answered 503 shutting_down: because"):
        judge(503, problem("shutting_down"), retry_after="", events=1)


@pytest.mark.parametrize("pause", ["²", "٣", "9" * 400, "-1", ""])
def test_a_pause_that_is_no_number_is_none(pause: str) -> None:
    """Whatever the header holds, the batch is kept and tried again."""
    with pytest.raises(ForwardError) as caught:
        judge(503, b"{}", retry_after=pause, events=1)

    assert caught.value.retry_after is None


@pytest.mark.parametrize("body", [b'{"error":{"code":"\xff"}}', b"[" * 100_000])
def test_an_answer_that_is_no_json_is_shown_as_text(body: bytes) -> None:
    """A proxy may answer anything."""
    with pytest.raises(ForwardError) as caught:
        judge(503, body, retry_after="", events=1)

    assert caught.value.code == "enrichment_failed"

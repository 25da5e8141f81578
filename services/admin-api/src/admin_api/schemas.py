"""The JSON schemas of the answers, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["SCHEMAS", "Schema"]

Schema = dict[str, Any]


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
    }


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(kind: str) -> Schema:
    return {"type": [kind, "null"]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer"}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_MOMENT_OR_NULL: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_ANY_OBJECT: Final[Schema] = {"type": "object", "additionalProperties": True}
_BY_SERVICE: Final[Schema] = {
    "type": "object",
    "additionalProperties": _ANY_OBJECT,
    "description": "By service; one that does not answer has `status` and `cause`.",
}
_STATUS: Final[Schema] = {
    "type": "string",
    "description": "ready, degraded, starting or failing; unreachable, unusable, "
    "unauthorized or not_found for one that gives no usable answer.",
}

SCHEMAS: Final[Schema] = {
    "Object": _ANY_OBJECT,
    "Text": _TEXT,
    "Error": _object(error=_object(code=_TEXT, message=_TEXT)),
    "Reason": _object(code=_TEXT, status=_STATUS, detail=_TEXT, since=_TEXT),
    "Health": _object(
        service=_TEXT,
        version=_TEXT,
        status=_STATUS,
        reasons=_array(_ref("Reason")),
        uptime_seconds={"type": "number"},
    ),
    "StackHealth": _object(
        status=_STATUS,
        services=_array(
            _object(
                name=_TEXT,
                status=_STATUS,
                cause=_or_null("string"),
                reasons=_array(_ref("Reason")),
            )
        ),
    ),
    "Services": _object(status=_STATUS, services=_array(_ref("ServiceReport"))),
    "ServiceReport": _object(
        name=_TEXT,
        status=_STATUS,
        cause=_or_null("string"),
        reasons=_array(_ref("Reason")),
        uptime_seconds=_or_null("number"),
        version=_or_null("string"),
        resources={"oneOf": [_ref("Resources"), {"type": "null"}]},
    ),
    "Resources": _object(
        memory_bytes=_WHOLE,
        memory_limit_bytes=_or_null("integer"),
        cpu_seconds={"type": "number"},
        cpu_limit_cores=_or_null("number"),
        throttled_seconds={"type": "number"},
        pids=_WHOLE,
    ),
    "Stats": _object(
        reconciled={
            "type": ["boolean", "null"],
            "description": "received = forwarded + pending and forwarded = written + "
            "merged + dead_lettered + expired; null when the counts are not known.",
        },
        reconciliation={"oneOf": [_ref("Reconciliation"), {"type": "null"}]},
        services=_BY_SERVICE,
    ),
    "Reconciliation": _object(
        reconciled={"type": "boolean"},
        received=_WHOLE,
        forwarded=_WHOLE,
        pending=_WHOLE,
        accounted=_WHOLE,
        received_less_forwarded_and_pending=_WHOLE,
        forwarded_less_accounted=_WHOLE,
    ),
    "Config": _object(services=_BY_SERVICE),
    "Events": _object(events=_array(_ref("Event"))),
    "Event": _object(
        time={"type": "string", "format": "date-time"},
        time_us=_WHOLE,
        entity_id=_TEXT,
        domain=_TEXT,
        state=_TEXT,
        value=_or_null("number"),
        unit=_or_null("string"),
        last_changed_us=_or_null("integer"),
        attributes={"type": ["object", "string", "null"]},
        attributes_truncated={"type": "boolean"},
        removed={"type": "boolean"},
        weather=_or_null("object"),
    ),
    "DeadLetters": _object(
        deadletters=_array(_ref("DeadLetter")), next=_or_null("string")
    ),
    "DeadLetter": _object(
        id=_TEXT,
        at={"type": "string", "format": "date-time"},
        reason=_TEXT,
        detail=_TEXT,
        events=_WHOLE,
        entity_id=_TEXT,
        time_us=_or_null("integer"),
        payload=_TEXT,
        truncated={"type": "boolean"},
        origin=_or_null("string"),
        retries=_WHOLE,
        last_retry_at=_or_null("string"),
    ),
    "RetryWish": {
        "type": "object",
        "properties": {
            "ids": {
                "type": ["array", "null"],
                "items": {"type": "string", "pattern": "^[0-9a-f]{24}$"},
                "maxItems": 1000,
                "description": "Which records; all of them without it.",
            }
        },
        "additionalProperties": False,
    },
    "Retried": _object(
        retried=_WHOLE, stored=_WHOLE, expired=_WHOLE, refused=_WHOLE, unusable=_WHOLE
    ),
    "Gaps": _object(gaps=_array(_ref("Gap"))),
    "Gap": _object(
        id=_WHOLE,
        state={"type": "string", "enum": ["open", "closed"]},
        cause=_TEXT,
        opened_at=_MOMENT,
        **{"from": _MOMENT},
        until=_MOMENT_OR_NULL,
        closed_at=_MOMENT_OR_NULL,
        from_us=_WHOLE,
        until_us=_or_null("integer"),
        entities=_WHOLE,
        expected=_WHOLE,
        recovered=_WHOLE,
        unrecoverable=_WHOLE,
        reasons=_ANY_OBJECT,
        examples=_array(_TEXT),
    ),
    "ReplayWish": _object(since=_MOMENT) | {"additionalProperties": False},
    "Replayed": _object(
        replay=_object(
            events=_WHOLE,
            frames=_WHOLE,
            since=_MOMENT,
            retained_since=_MOMENT_OR_NULL,
            gap=_or_null("integer"),
        )
    ),
}

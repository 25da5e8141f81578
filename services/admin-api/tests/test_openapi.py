"""The OpenAPI document says what is served, no more and no less."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from admin_api import routes
from admin_api.openapi import document

if TYPE_CHECKING:
    from conftest import Stack

DOCUMENT = document(routes.ALL, "1.2.3")
OPERATIONS = [
    pytest.param(path, operation, id=path)
    for path, item in DOCUMENT["paths"].items()
    for operation in item.values()
]
# Example answers of services and InfluxDB that the schemas must fit.
CASES = [
    "config",
    "deadletters",
    "events",
    "gaps",
    "health",
    "openapi.json",
    "services",
    "stats",
]
WISHES = [
    ("deadletters/retry", {}),
    ("deadletters/retry", {"ids": ["a" * 24]}),
    ("replay", {"since": "2026-11-23T14:40:00Z"}),
]


def references(node: Any) -> Iterator[str]:
    """Yield every $ref in a document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for one in node:
            yield from references(one)


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Tell whether a value fits a schema; as much of JSON Schema as is used here."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/")[-1]
        return fits(value, DOCUMENT["components"]["schemas"][name])
    if "oneOf" in schema:
        return sum(fits(value, one) for one in schema["oneOf"]) == 1
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    types: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    if not any(isinstance(value, types[kind]) for kind in kinds):
        return False
    if isinstance(value, dict):
        missing = set(schema.get("required", ())) - value.keys()
        inner = schema.get("properties", {})
        return not missing and all(
            fits(one, inner[name]) for name, one in value.items() if name in inner
        )
    if isinstance(value, list) and "items" in schema:
        return all(fits(one, schema["items"]) for one in value)
    return True


@pytest.mark.asyncio
async def test_every_route_is_in_the_document(stack: Stack) -> None:
    """What the server routes and what the document lists are the same."""
    served = {
        (route.resource.canonical, route.method.lower())
        for route in stack.application.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    written = {
        (path, method) for path, item in DOCUMENT["paths"].items() for method in item
    }

    assert served == written


@pytest.mark.asyncio
async def test_document_is_served(stack: Stack) -> None:
    """The served document is the one of the table, with the service's version."""
    status, served = await stack.get("openapi.json")

    assert status == 200
    assert served == json.loads(json.dumps(document(routes.ALL, "0.1.0")))


def test_document_has_its_required_parts() -> None:
    """Version, info, paths and components are as OpenAPI 3.1 wants them."""
    assert re.fullmatch(r"3\.1\.\d+", DOCUMENT["openapi"])
    assert DOCUMENT["info"]["title"]
    assert DOCUMENT["info"]["version"] == "1.2.3"
    assert all(path.startswith("/") for path in DOCUMENT["paths"])
    scheme = DOCUMENT["components"]["securitySchemes"]["adminToken"]
    assert scheme == {"type": "http", "scheme": "bearer"}


def test_references_lead_somewhere_and_every_schema_is_used() -> None:
    """No dangling reference, no forgotten schema."""
    schemas = DOCUMENT["components"]["schemas"]

    assert set(references(DOCUMENT)) == {
        f"#/components/schemas/{name}" for name in schemas
    }


def test_operation_ids_are_unique() -> None:
    """Generators of clients need a name for each operation."""
    names = [
        operation["operationId"]
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
    ]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("path", "operation"), OPERATIONS)
def test_operation_is_complete(path: str, operation: dict[str, Any]) -> None:
    """Summary, answers with content, security; parameters with a schema."""
    assert operation["summary"].endswith(".")
    for status, response in operation["responses"].items():
        assert re.fullmatch(r"[1-5]\d\d", status)
        assert response["description"]
        assert all("schema" in one for one in response["content"].values())
    protected = path.startswith("/api/")
    assert operation["security"] == ([{"adminToken": []}] if protected else [])
    assert ("401" in operation["responses"]) is protected
    for parameter in operation.get("parameters", []):
        assert parameter["in"] == "query"
        assert parameter["required"] is False
        assert parameter["schema"]["type"] in {"integer", "string"}


@pytest.mark.asyncio
@pytest.mark.parametrize("path", CASES)
async def test_answers_fit_their_schema(stack: Stack, path: str) -> None:
    """What is answered is what the document promises."""
    stack.influx.csv = (
        ",result,table,_time,domain,entity_id,state\r\n"
        ",_result,0,2026-11-23T14:47:56Z,light,light.a,on\r\n\r\n"
    )
    status, answer = await stack.get(path)

    content = DOCUMENT["paths"][f"/api/v1/{path}"]["get"]["responses"]["200"]["content"]
    assert status == 200
    assert fits(answer, content["application/json"]["schema"])


@pytest.mark.asyncio
@pytest.mark.parametrize(("path", "wish"), WISHES)
async def test_wishes_and_their_answers_fit_their_schemas(
    stack: Stack, path: str, wish: dict[str, Any]
) -> None:
    """What may be posted and what comes back is what the document promises."""
    operation = DOCUMENT["paths"][f"/api/v1/{path}"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]

    status, answer = await stack.post(path, json.dumps(wish).encode())

    content = operation["responses"][str(status)]["content"]["application/json"]
    assert fits(wish, body)
    assert fits(answer, content["schema"])


@pytest.mark.asyncio
async def test_errors_fit_their_schema(stack: Stack) -> None:
    """Errors are promised too."""
    for path in ("events?limit=0", "nothing"):
        _, answer = await stack.get(path)
        assert fits(answer, DOCUMENT["components"]["schemas"]["Error"])


def test_schema_check_can_fail() -> None:
    """The check of this module refuses what does not fit."""
    schema = DOCUMENT["components"]["schemas"]["Health"]
    good = {
        "service": "x",
        "version": "1",
        "status": "ready",
        "reasons": [],
        "uptime_seconds": 1.5,
    }

    assert fits(good, schema)
    assert not fits(good | {"service": 1}, schema)
    assert not fits({"service": "x"}, schema)
    assert not fits(good | {"reasons": [{}]}, schema)

"""The OpenAPI 3.1 document, made from the table of routes. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .routes import Route, parameter_objects
from .schemas import SCHEMAS

__all__ = ["Document", "document"]

Document = dict[str, Any]


def document(routes: Iterable[Route], version: str) -> Document:
    """Return the document of these routes."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ha-ingestor admin API",
            "version": version,
            "description": "Health, counts, stored events and settings of the stack.",
        },
        "paths": {
            route.path: {route.method.lower(): _operation(route)} for route in routes
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"adminToken": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> Document:
    operation: Document = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": _responses(route),
        "security": [{"adminToken": []}] if route.protected else [],
    }
    parameters = parameter_objects(route)
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = {
            "required": True,
            "content": _content("application/json", route.body),
        }
    return operation


def _responses(route: Route) -> Document:
    done = _response("The answer.", route.media_type, route.schema)
    responses = {str(route.status): done}
    if route.protected:
        responses["400"] = _error(
            "A parameter or the body is unknown or out of bounds; it is named."
        )
        responses["401"] = _error("The admin token is missing or wrong.")
    if route.may_be_unavailable and route.protected:
        responses["503"] = _error("The service that knows or can cannot; says why.")
    elif route.may_be_unavailable:
        responses["503"] = _response("Not so.", route.media_type, route.schema)
    return responses


def _error(description: str) -> Document:
    return _response(description, "application/json", "Error")


def _response(description: str, media_type: str, schema: str) -> Document:
    return {"description": description, "content": _content(media_type, schema)}


def _content(media_type: str, schema: str) -> Document:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}

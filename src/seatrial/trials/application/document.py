"""The backend's own OpenAPI document: which operations there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from seatrial.app import App
from seatrial.errors import ClusterError

PATH = "/api/openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")
_PARAMETER = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True)
class Operation:
    """One operation of the document.

    Attributes:
        method: in capitals.
        path: with its parameters in braces.
        takes_json: it has a body of JSON.
        needs_fields: a JSON object without any field is no valid body.
        statuses: of success, as documented.
    """

    method: str
    path: str
    takes_json: bool
    needs_fields: bool
    statuses: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def has_parameter(self) -> bool:
        return _PARAMETER.search(self.path) is not None

    def filled(self, value: str) -> str:
        """The path with every parameter set to a value."""
        return _PARAMETER.sub(value, self.path)


def read(app: App, http: httpx.Client) -> list[Operation]:
    """The operations that the edge leads to the backend.

    Raises:
        ClusterError: the document cannot be had, or names none.
    """
    try:
        answer = http.get(PATH)
        answer.raise_for_status()
        found = operations(answer.json())
    except (httpx.HTTPError, ValueError) as error:
        raise ClusterError(f"the OpenAPI document at {PATH} cannot be read: {type(error).__name__}: {error}") from None
    routes = app.ingress.routes if app.ingress is not None else {}
    prefixes = [path.rstrip("/") + "/" for path, name in routes.items() if app.components[name].role == "backend"]
    reached = [operation for operation in found if operation.path.startswith(tuple(prefixes))]
    if not reached:
        raise ClusterError(f"the OpenAPI document at {PATH} has no operation below {', '.join(prefixes) or 'any route'}")
    return reached


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """All operations of a document (OpenAPI 3.1)."""
    found = []
    for path, item in (document.get("paths") or {}).items():
        for method in METHODS:
            if method not in item:
                continue
            schema = _body(document, item[method])
            statuses = tuple(int(code) for code in item[method].get("responses") or {} if code.startswith("2") and code.isdigit())
            needed = bool((schema or {}).get("required"))
            found.append(Operation(method.upper(), path, schema is not None, needed, statuses))
    return found


def _body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    content = (operation.get("requestBody") or {}).get("content") or {}
    if "application/json" not in content:
        return None
    return _resolved(document, content["application/json"].get("schema") or {})


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with the reference at its top followed."""
    reference = schema.get("$ref", "")
    if not reference.startswith("#/"):
        return schema
    found: Any = document
    for key in reference.removeprefix("#/").split("/"):
        found = found.get(key, {})
    return _resolved(document, found)

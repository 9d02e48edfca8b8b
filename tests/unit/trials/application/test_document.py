from typing import Any

import httpx
import pytest

from seatrial.errors import ClusterError
from seatrial.trials import users
from seatrial.trials.application import document


def test_operations_below_the_edges_route_to_the_backend(world: Any) -> None:
    with users.at_edge(world) as http:
        found = {str(item): item for item in document.read(world.app, http)}
    assert len(found) == 12
    assert "GET /health" not in found
    add = found["POST /api/todos"]
    assert (add.takes_json, add.needs_fields, add.has_parameter) == (True, True, False)
    change = found["PATCH /api/todos/{todo_id}"]
    assert (change.takes_json, change.needs_fields, change.filled("7")) == (True, False, "/api/todos/7")


@pytest.mark.parametrize("text", ["not json", "{}", '{"paths": {"/health": {"get": {}}}}'])
def test_a_document_without_operations_is_said(world: Any, text: str) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text=text))
    with httpx.Client(base_url="http://x", transport=transport) as http, pytest.raises(ClusterError, match=r"/api/openapi\.json"):
        document.read(world.app, http)

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from seatrial.chart.objects import parse
from seatrial.discovery.pages import PageCall
from seatrial.discovery.served import Passed, Routes
from seatrial.images.dockerfile import read_dockerfile
from seatrial.wiring.given import Given, Health, Rendering
from seatrial.wiring.judge import Wiring, judge

HERE = Path(__file__).parent
DOCKERFILES = {
    "frontend": 'FROM node:22-alpine\nENV PORT=3000\nUSER node\nEXPOSE 3000\nCMD ["node", "server.js"]\n',
    "backend": 'FROM python:3.13-slim\nUSER 1001\nEXPOSE 8001\nCMD ["serve", "--port", "8001"]\n',
}
VALUES = {"ingress": {"tls": {"enabled": True, "secretName": "shop-tls"}}, "replicas": {"backend": 2}}


@pytest.fixture
def shop() -> str:
    """A healthy chart, as it is rendered."""
    return (HERE / "shop.yaml").read_text(encoding="utf-8")


@pytest.fixture
def wire(tmp_path: Path) -> Callable[..., Wiring]:
    """Judge a rendering: ``wire(text, values=..., dockerfiles={"backend": text})``. The second release is called other.

    ``pages`` are what the pages of an image call, ``passed`` where its nginx passes requests on to, ``routes`` what its program
    answers, each by the name of its Dockerfile.
    """

    def make(
        text: str,
        *,
        dockerfiles: Mapping[str, str] | None = None,
        pages: Mapping[str, Sequence[PageCall]] | None = None,
        passed: Mapping[str, Sequence[Passed]] | None = None,
        routes: Mapping[str, Routes] | None = None,
        **fields: Any,
    ) -> Wiring:
        parsed = []
        for name, source in (DOCKERFILES | dict(dockerfiles or {})).items():
            path = tmp_path / name / "Dockerfile"
            path.parent.mkdir(exist_ok=True)
            path.write_text(source, encoding="utf-8")
            parsed.append(read_dockerfile(path))
        chart = Path("shop")
        given: dict[str, Any] = {
            "rendering": Rendering("shop", "shop", parse(text, chart=chart)),
            "second": Rendering("other", "other", parse(text.replace("shop", "other"), chart=chart)),
            "values": VALUES,
            "dockerfiles": parsed,
            "pages": {tmp_path / name / "Dockerfile": calls for name, calls in (pages or {}).items()},
            "passed": {tmp_path / name / "Dockerfile": urls for name, urls in (passed or {}).items()},
            "routes": lambda path: (routes or {}).get(path.parent.name),
            "health": [Health("backend", {"tier": "backend"}, frozenset({"/health", "/ready"}))],
            "storage_classes": frozenset({"standard"}),
            "ingress_classes": frozenset({"nginx", "traefik"}),
        }
        return judge(Given(**{**given, **fields}))

    return make


@pytest.fixture
def recorded() -> Callable[[str], str]:
    """The reference application's chart as Helm rendered it: ``default`` and ``second`` (another release), ``test``."""
    return lambda name: (HERE / "recorded" / f"{name}.yaml").read_text(encoding="utf-8")

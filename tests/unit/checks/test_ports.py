from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.found import parts
from seatrial.checks.ports import Mention, Ports, _in_chart, _in_code, _in_dockerfile, judge_ports
from seatrial.errors import Place
from seatrial.verdict import Outcome

HERE = Place(Path("file"), 1)


def mentions(component: str, **numbers: int | None) -> tuple[Mention, ...]:
    return tuple(Mention(component, what, number, HERE) for what, number in numbers.items())


BACK = mentions("backend", EXPOSE=8001, containerPort=8001, targetPort=8001, probe=8001, Service=8001, Ingress=8001, code=5432)
FRONT = mentions("frontend", EXPOSE=3000, containerPort=3000, targetPort=3000, probe=3000, Service=80)
PORTS = Ports(
    (*BACK, *FRONT), {"backend": "backend", "frontend": "frontend"}, 8001, frozenset({8001}), 80, frozenset({8001, 3000, 5432}), (), 8000, 40
)  # fmt: skip


def test_one_scheme_passes():
    verdict = judge_ports(PORTS)
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 12)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (mentions("backend", EXPOSE=8000), "backend / EXPOSE"),
        (mentions("backend", probe=None), "a port that leads nowhere"),
        (mentions("backend", code=8080), "backend / code"),
        (mentions("backend", Ingress=80), "backend / Ingress"),
        (mentions("frontend", probe=80), "frontend / probe"),
        (mentions("frontend", targetPort=None), "a port that leads nowhere"),
    ],
)
def test_another_port_is_named(more, says):
    verdict = judge_ports(replace(PORTS, mentions=(*PORTS.mentions, *more)))
    assert verdict.outcome is Outcome.FAILED and says in verdict.reason


def test_the_frontends_service_has_its_own_port():
    front = tuple(replace(mention, number=3000) if mention.what == "Service" else mention for mention in FRONT)
    verdict = judge_ports(replace(PORTS, mentions=(*BACK, *front)))
    assert verdict.outcome is Outcome.FAILED and "frontend / Service" in verdict.reason


def test_a_stray_port_is_named_with_its_line():
    verdict = judge_ports(replace(PORTS, strays=((Place(Path("README.md"), 7), "open http://localhost:8000"),)))
    assert verdict.outcome is Outcome.FAILED and "README.md:7" in verdict.reason


def test_nothing_that_names_a_port_is_a_failure():
    assert judge_ports(replace(PORTS, mentions=(), roles={"backend": "backend"})).outcome is Outcome.FAILED


def numbers(found: Iterable[Mention]) -> list[tuple[str, int | None]]:
    return [(mention.what, mention.number) for mention in found]


def test_ports_of_a_dockerfile(tmp_path: Path):
    file = tmp_path / "Dockerfile"
    file.write_text(
        "FROM python:3.13 AS build\nEXPOSE 1\nFROM python:3.13\nENV A=b \\\n    PORT=8001\nEXPOSE 8001/tcp 9000 5514/udp\n"
        'HEALTHCHECK CMD curl http://localhost:8002/health\nCMD ["uvicorn", "--port", "8003"]\n'
    )
    wanted = [("ENV PORT", 8001), ("EXPOSE", 8001), ("EXPOSE", 9000), ("HEALTHCHECK", 8002), ("CMD", 8003)]
    assert numbers(_in_dockerfile("backend", file, {})) == wanted


def test_ports_of_code(tmp_path: Path):
    (tmp_path / "main.py").write_text(
        'PORT = int(os.environ.get("PORT", "8001"))\nif 1 <= port <= 65535: pass\ndatabase_port = 5432\n'
    )
    (tmp_path / "server.ts").write_text("const port = process.env.PORT ?? 8080;\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_main.py").write_text("port = 9999\n")
    assert numbers(_in_code("backend", tmp_path)) == [("code", 8001), ("code", 8080)]


def test_ports_of_a_chart(app, render, healthy):
    config = (
        "---\n# Source: shop/templates/config.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\n"
        "data: {BACKEND_URL: 'http://shop-backend.shop.svc:8005/api'}\n"
    )
    rendered = render(healthy + config)
    frontend, backend = parts(app, rendered, "frontend", "backend")
    found = numbers(_in_chart(backend, 8001, rendered))
    wanted = [
        ("containerPort", 8001),
        *[("probe", 8001)] * 3,
        ("Service", 8001),
        ("targetPort", 8001),
        ("Ingress", 8001),
        ("Service", 8005),
    ]
    assert found == wanted
    assert ("Ingress", 80) in numbers(_in_chart(frontend, 3000, rendered))
    for port in ("ports: [{name: http, containerPort: 8001}]", "ports: [{name: http, port: 8001, targetPort: http}]"):
        by_udp = port.replace("]", ", {name: heard, protocol: UDP, port: 5514, containerPort: 5514}]")
        both = render(healthy + config, port, by_udp)
        assert numbers(_in_chart(parts(app, both, "backend")[0], 8001, both)) == wanted, "what is opened by UDP is beside it"
    more = port.replace("]", ", {name: metrics, port: 9797, targetPort: 9797}]")
    both = render(healthy + config, port, more)
    assert numbers(_in_chart(parts(app, both, "backend")[0], 8001, both)) == wanted, "a port for metrics is beside it"
    other = numbers(_in_chart(parts(app, both, "backend")[0], 8009, both))
    assert {("Service", 9797), ("targetPort", 9797), ("targetPort", 8001)} <= set(other), "none of them is the declared one"


def test_a_route_to_a_port_that_the_service_lacks_leads_nowhere(app, render, healthy):
    rendered = render(healthy, "port: {number: 8001}", "port: {number: 8000}")
    backend = parts(app, rendered, "backend")[0]
    assert ("Ingress", None) in numbers(_in_chart(backend, 8001, rendered))

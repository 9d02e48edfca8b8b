from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.chart.objects import parse
from seatrial.check.registry import explain, page
from seatrial.criteria import load_catalogue
from seatrial.errors import ConfigError, Place
from seatrial.wiring.finding import Finding, Group
from seatrial.wiring.given import Rendering
from seatrial.wiring.graph import Miss, Relation
from seatrial.wiring.judge import Wiring
from seatrial.wiring.rules import RULES


def test_references_are_edges_with_their_place(shop: str, wire: Callable[..., Wiring]) -> None:
    template = Path("shop/templates/backend.yaml")
    graph = wire(shop, templates={template: "kind: Deployment\nspec:\n  template:\n    spec:\n      initContainers:\n"}).graph
    called = {(str(edge.source), str(edge.target)) for edge in graph.edges[Relation.CALLS]}
    assert called == {
        ("ConfigMap shop/shop-frontend key BACKEND_URL", "Service shop/shop-backend port 80"),
        ("Secret shop/shop-database key DATABASE_URL", "Service shop/shop-db port 5432"),
        ("Deployment shop/shop-backend container wait", "Service shop/shop-db port 5432"),
    }
    waiting = next(edge for edge in graph.edges[Relation.CALLS] if "wait" in str(edge.source))
    assert graph.place_of(waiting) == Place(template, 5)
    assert {edge.relation for edges in graph.edges.values() for edge in edges} == set(Relation) - {
        Relation.SHOWS,
        Relation.CLAIMS,
    }
    ends = {str(node) for node in graph.nodes}
    assert {"Deployment shop/shop-backend container backend port 8001", "image postgres:16-alpine"} <= ends
    assert len(ends) == len(graph.nodes)


def test_references_that_lead_nowhere_say_why(shop: str, wire: Callable[..., Wiring]) -> None:
    graph = wire(shop.replace("http://shop-backend:80", "http://shop-backend:81")).graph
    [edge] = graph.dangling(Relation.CALLS)
    assert (edge.wanted, edge.target, edge.miss, edge.beside) == ("shop-backend:81", None, Miss.PORT, ("80",))


def test_accounts_for_programs_that_are_installed_elsewhere_stay_there(shop: str, wire: Callable[..., Wiring]) -> None:
    account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: shop-proxy, namespace: kube-system}\n"
    assert wire(account).findings == ()
    assert [each.id for each in wire(f"{shop}---\n{account}").findings] == ["W-NAME-NAMESPACE"]


def test_what_is_made_beforehand_is_told_once(shop: str, wire: Callable[..., Wiring]) -> None:
    text = shop.replace("name: shop-database, key", "name: made-before, key")
    wiring = wire(text, values={"existingSecret": "made-before", "tls": {"secretName": "shop-tls"}})
    assert wiring.findings == ()
    assert [each.what for each in wiring.expectations if "made-before key DATABASE_URL" in each.what] == [
        "reads Secret made-before key DATABASE_URL: the value existingSecret names it: made beforehand"
    ]


def test_no_finding_ever_holds_a_secret(shop: str, wire: Callable[..., Wiring]) -> None:
    text = shop.replace("  LOG_LEVEL: info", "  LOG_LEVEL: info\n  API_KEY: k3y-of-mine\n  U: http://me:hunter2@nowhere:80")
    wiring = wire(text.replace("@shop-db:5432", "@nobody:5432"), dockerfiles={"backend": "FROM x\nENV NEXT_PUBLIC_TOKEN=tok3n\n"})
    said = "".join(map(str, (*wiring.findings, *wiring.expectations, *wiring.graph.nodes)))
    said += "".join(edge.wanted for edges in wiring.graph.edges.values() for edge in edges)
    assert {"W-SECRET-LITERAL", "W-ADDRESS-HOST", "W-SECRET-BROWSER"} <= {finding.id for finding in wiring.findings}
    for secret in ("x1y2", "k3y-of-mine", "hunter2", "tok3n"):
        assert secret not in said


def test_findings_are_told_the_worst_first(shop: str, wire: Callable[..., Wiring]) -> None:
    text = (
        shop.replace("  clusterIP: None\n", "")
        .replace("minAvailable: 1", "minAvailable: 2")
        .replace("targetPort: 8001", "targetPort: 1")
    )
    wiring = wire(text)
    assert [finding.group for finding in wiring.findings] == [Group.BREAKS, Group.WILL_BREAK, Group.HYGIENE]
    assert [finding.id for finding in wiring.of(Group.HYGIENE)] == ["W-STS-HEADLESS"]


def test_a_finding_reads_as_one_line() -> None:
    finding = Finding(
        "W-X", None, Group.BREAKS, "Service a/b", Place(Path("t.yaml"), 3), "a.b", "it is so", "Nothing works.", "Mend it."
    )
    assert str(finding) == "t.yaml:3: W-X Service a/b: it is so (value a.b). Nothing works. Mend it."


def test_rules_tell_everything_about_themselves() -> None:
    known = {criterion.id for criterion in load_catalogue()}
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.id.startswith("W-")
        assert rule.criterion is None or rule.criterion in known
        assert rule.title and rule.why.endswith(".") and rule.mend.endswith(".") and rule.example
        assert explain(rule.id.lower()).startswith(f"{rule.id}: {rule.title}")
        assert f"### {rule.id}\n" in page()


def test_an_unknown_rule_is_refused_with_the_choice() -> None:
    with pytest.raises(ConfigError, match=r"there is no rule W-NOTHING\. W-NP-NOTHING or W-PDB-NOTHING may be meant"):
        explain("W-NOTHING")


@pytest.mark.parametrize(("port", "told"), [(80, []), (3000, ["path / leads to web:3000, but that Service has port 80"])])
def test_an_ingress_without_a_namespace_meets_the_service_of_a_chart(
    port: int, told: list[str], wire: Callable[..., Wiring]
) -> None:
    text = (
        "# Source: shop/ingress.yaml\nkind: Ingress\napiVersion: networking.k8s.io/v1\nmetadata: {name: shop}\n"
        f"spec: {{rules: [{{http: {{paths: [{{path: /, backend: {{service: {{name: web, port: {{number: {port}}}}}}}}}]}}}}]}}\n---\n"
        "# Source: shop/service.yaml\nkind: Service\napiVersion: v1\nmetadata: {name: web, namespace: application}\n"
        "spec: {ports: [{port: 80}]}\n"
    )
    objects = parse(text, chart=Path("shop"))
    wiring = wire("", rendering=Rendering("", "default", objects), second=None, assumed=frozenset({"application"}))
    assert [finding.what for finding in wiring.findings if finding.id == "W-INGRESS-BACKEND"] == told

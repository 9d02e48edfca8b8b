from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.chart.objects import ChartObject, parse
from seatrial.check.apis import before, gone
from seatrial.check.objects import Schemas, judge_object, judge_twice
from seatrial.wiring.given import Rendering
from seatrial.wiring.places import Places
from seatrial.wiring.shelf import Shelf

SCHEMAS = Schemas("1.34.4")
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
"""


def judged(item: ChartObject, text: str = "") -> list[str]:
    places = Places({item.template: text}, {})
    return [f"{found.id} {found.what}" for found in judge_object(item, item.subject, places, SCHEMAS)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("web:1", "web:2", []),
        ("  selector:", "  replicas: 2\n  selector:", []),
        ("apps/v1", "v1", ["K-KIND-UNKNOWN v1 has no kind Deployment"]),
        ("Deployment", "Deploymnet", ["K-KIND-UNKNOWN apps/v1 has no kind Deploymnet"]),
        ("apps/v1", "apps/v1beta1", ["K-API-REMOVED Kubernetes serves Deployment of apps/v1beta1 no more since 1.16"]),
        (
            "  selector:",
            "  replicas: two\n  selector:",
            ['K-FIELD-INVALID spec.replicas is the text "two", but must be a whole number'],
        ),
        ("  selector: {matchLabels: {app: web}}\n", "", ["K-FIELD-INVALID spec.selector is missing"]),
        (
            '"web:1"',
            '"web:1", prots: []',
            ["K-FIELD-UNKNOWN the field spec.template.spec.containers[0].prots is unknown; ports may be meant"],
        ),
        (
            "    spec: {",
            "    spec: {image: a, ",
            ["K-FIELD-UNKNOWN the field spec.template.spec.image is unknown; it belongs to a container"],
        ),
        (
            '"web:1"',
            '"web:1", env: [{name: PORT, value: 8000}]',
            ["K-FIELD-INVALID spec.template.spec.containers[0].env[0].value is 8000, but must be text"],
        ),
        (
            '"web:1"',
            '"web:1", ports: [{containerPort: http}]',
            [
                'K-FIELD-INVALID spec.template.spec.containers[0].ports[0].containerPort is the text "http", but must be a whole number'
            ],
        ),
        ("metadata: {name: web}", "metadata: {}", ["K-FIELD-INVALID metadata.name is missing"]),
        ("{name: web}", "{name: Web}", ['K-NAME metadata.name is the text "Web": not allowed as it is written']),
        (
            "{name: web}",
            "{name: web, labels: {a: 'b c'}}",
            ['K-NAME metadata.labels.a is the text "b c": not allowed as it is written'],
        ),
    ],
)
def test_what_the_api_server_says(old: str, new: str, said: list[str], item: Callable[[str], ChartObject]):
    assert judged(item(DEPLOYMENT.replace(old, new, 1))) == said


def test_an_empty_field_is_one_that_is_left_out(item: Callable[[str], ChartObject]):
    empty = "  strategy: {rollingUpdate: {maxSurge: , maxUnavailable: 1}}\n  selector:"
    assert judged(item(DEPLOYMENT.replace("  selector:", empty))) == []
    assert judged(item(DEPLOYMENT.replace("  selector:", empty.replace("maxSurge: ", "maxSurge: {}")))) != []


@pytest.mark.parametrize("value", ["${REPLICAS}", "$REPLICAS", "{{ replicas }}"])
def test_what_something_fills_in_later_is_not_judged(value: str, item: Callable[[str], ChartObject]):
    assert judged(item(DEPLOYMENT.replace("  selector:", f"  replicas: '{value}'\n  selector:"))) == []


def test_names_have_a_length(item: Callable[[str], ChartObject]):
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: " + "a" * 64 + "}\nspec: {ports: [{port: 80}]}\n"
    said = judged(item(service))
    assert len(said) == 1 and said[0].endswith("64 characters, more than 63")


def test_a_fault_has_the_line_of_its_template(item: Callable[[str], ChartObject]):
    text = DEPLOYMENT.replace("  selector:", "  replicas: two\n  selector:")
    thing = item(text)
    (found,) = judge_object(thing, "x", Places({thing.template: text}, {}), SCHEMAS)
    assert found.place.line == 5


def test_deprecated_is_no_end_of_it(item: Callable[[str], ChartObject]):
    said = judged(item("apiVersion: v1\nkind: Endpoints\nmetadata: {name: db}\n"))
    assert said == ["K-API-DEPRECATED Endpoints of v1 is deprecated"]


def test_deep_nesting_is_one_sentence(item: Callable[[str], ChartObject]):
    deep = "{properties: {a: " * 60 + "{type: string}" + "}}" * 60
    crd = (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\n"
        "spec: {group: b, scope: Namespaced, names: {kind: A, plural: a}, versions: [{name: v1, served: true, storage: true, "
        f"schema: {{openAPIV3Schema: {deep}}}}}]}}\n"
    )
    assert all("Traceback" not in line for line in judged(item(crd)))


def test_nothing_is_there_twice():
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    things = parse(f"{text}---\n{text}---\n{text.replace('name: a', 'name: b')}", chart=Path("x"))
    found = list(judge_twice(Shelf(Rendering("r", "n", things)), Places({}, {})))
    assert [(each.id, each.object) for each in found] == [("K-TWICE", "ConfigMap n/a")]


def test_hooks_may_share_a_name():
    hook = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {helm.sh/hook: test}}\n"
    things = parse(f"{hook}---\n{hook}", chart=Path("x"))
    assert list(judge_twice(Shelf(Rendering("r", "n", things)), Places({}, {}))) == []


def test_versions_are_compared_as_numbers():
    assert before("1.9", "1.22") and not before("1.34.4", "1.34") and before("1.33.9", "1.34.0")


def test_every_removed_version_names_what_took_its_place_or_that_nothing_did():
    assert gone("batch/v1beta1", "CronJob").instead == "batch/v1"  # type: ignore[union-attr]
    assert gone("extensions/v1beta1", "Ingress").instead == "networking.k8s.io/v1"  # type: ignore[union-attr]
    assert gone("extensions/v1beta1", "Deployment").instead == "apps/v1"  # type: ignore[union-attr]
    assert gone("policy/v1beta1", "PodSecurityPolicy").instead == ""  # type: ignore[union-attr]
    assert gone("apps/v1", "Deployment") is None


def test_an_unknown_version_of_kubernetes_takes_the_newest_schemas_before_it(item: Callable[[str], ChartObject]):
    assert Schemas("1.99.0").validator("apps/v1", "Deployment") is not None
    assert Schemas("1.1.0").validator("apps/v1", "Deployment") is not None


def test_parts_of_objects_are_no_kinds():
    assert SCHEMAS.validator("v1", "Container") is None
    assert SCHEMAS.validator("v1", "../../etc/passwd") is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("c2hvcA==", []),
        ('"c2hv\\ncA=="', []),
        ('""', []),
        ("apple-is-red", ["K-FIELD-INVALID data.KEY is not base64; what is plain belongs to stringData"]),
        ('"<apikey>"', []),
        ("c2hvcA", ["K-FIELD-INVALID data.KEY is not base64; what is plain belongs to stringData"]),
    ],
)
def test_the_data_of_a_secret_are_base64(value: str, said: list[str]) -> None:
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: shop}}\ndata:\n  KEY: {value}\n"
    [item] = parse(text, chart=Path("shop"))
    assert judged(item) == said

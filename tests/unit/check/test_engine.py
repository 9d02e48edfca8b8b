"""The whole check of small repositories, with a real Helm: healthy ones, broken ones, and ones that mean harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from seatrial.check import rendering
from seatrial.check.report import GRAVE, Report
from seatrial.wiring.finding import Group

from .conftest import CHART, ids, told
from .test_command import DEPLOYMENT, HEALTHY, SERVICE

Check = Callable[..., Report]


def test_everything_of_a_healthy_repository_is_counted(check: Check):
    report = check({**HEALTHY, "web/Dockerfile": "FROM debian:12.1\nUSER 1001\n"})
    assert report.of(*GRAVE) == ()
    assert report.counts == {
        "files": 5,
        "charts": 1,
        "Dockerfiles": 1,
        "renderings": 1,
        "objects": 2,
        "references": report.counts["references"],
    }
    assert report.counts["references"] > 0 and report.judged == 3
    assert any(note.startswith("checkov judged nothing: checkov is not to be had") for note in report.notes)


def test_each_values_file_is_rendered_and_named(check: Check):
    report = check({**HEALTHY, "chart/values-prod.yaml": "port: 1\n", "chart/values-dev.yaml": "replicas: 1\n"})
    assert report.counts["renderings"] == 3
    (found,) = [each for each in report.findings if each.finding.id == "W-SERVICE-PORT"]
    assert found.settings == ("chart/values-prod.yaml",)


def test_a_chart_without_values_of_its_own_is_installed_with_others(check: Check):
    files = {name: text for name, text in HEALTHY.items() if name != "chart/values.yaml"}
    values = HEALTHY["chart/values.yaml"]
    report = check({**files, "chart/values-prod.yaml": values})
    assert report.counts["renderings"] == 1 and report.of(*GRAVE) == ()
    bare = check({**files, "chart/values-prod.yaml": values, "README.md": "helm install shop ./chart\n"})
    assert bare.counts["renderings"] > 1 or "C-RENDER" in ids(bare), "somebody says that it is installed with none"


def test_a_chart_is_judged_under_the_name_that_documents_give_it(check: Check):
    service = SERVICE.replace("name: shop", "name: {{ .Release.Name }}-web")
    env = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\ndata: {API_URL: 'http://my-shop-web:80'}\n"
    files = {**HEALTHY, "chart/templates/service.yaml": service, "chart/templates/config.yaml": env}
    (found,) = [each.finding for each in check(files).findings if each.finding.id == "W-ADDRESS-HOST"]
    assert found.group is Group.WILL_BREAK and "only in a release called my-shop" in found.what
    assert "W-ADDRESS-HOST" not in ids(check({**files, "README.md": "helm install my-shop ./chart\n"}))


def test_charts_that_documents_put_into_different_namespaces_do_not_meet(check: Check):
    hpa = (
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  maxReplicas: 3\n"
        "  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n"
        "  metrics: [{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 50Mi}}}]\n"
    )
    web = DEPLOYMENT.replace('"{{ .Release.Name }}-web"', "web")
    plain = {f"{name}/templates/web.yaml": web for name in ("a", "b")} | {
        f"{name}/values.yaml": "replicas: 2\n" for name in ("a", "b")
    }
    files = {**plain, **{f"{name}/Chart.yaml": CHART.format(name=name) for name in ("a", "b")}, "b/templates/hpa.yaml": hpa}
    report = check({**files, "README.md": "helm install a ./a -n one\nhelm install b ./b -n two\n"})
    told = {each.finding.object for each in report.findings if each.finding.id == "W-HPA-REPLICAS"}
    assert told == {"Deployment two/web"}


def test_a_broken_template_under_one_values_file_only(check: Check):
    broken = SERVICE + "{{- if gt (int .Values.replicas) 2 }}\n{{ .Values.no.such }}\n{{- end }}\n"
    report = check({**HEALTHY, "chart/templates/service.yaml": broken, "chart/values-prod.yaml": "replicas: 3\n"})
    (found,) = [each for each in report.findings if each.finding.id == "C-RENDER"]
    assert found.settings == ("chart/values-prod.yaml",)
    assert str(found.finding.place).startswith("chart/templates/service.yaml:8")


def test_required_values_are_told_and_the_rest_is_judged(check: Check):
    template = SERVICE + 'sessionAffinity: {{ required "password is missing" .Values.password }}\n'
    report = check(
        {**HEALTHY, "chart/values.yaml": "replicas: 2\nport: 9999\npassword: ''\n", "chart/templates/service.yaml": template}
    )
    assert "C-RENDER" not in ids(report) and "W-SERVICE-PORT" in ids(report)
    assert "chart shop asks for password, which its own values leave open: placeholders stood in." in report.notes


def test_names_and_namespaces_that_are_written_out_show_under_other_names(check: Check):
    fixed = SERVICE.replace('"{{ .Release.Name }}-web"', "web, namespace: shop")
    report = check({**HEALTHY, "chart/templates/service.yaml": fixed})
    assert {"W-NAME-FIXED", "W-NAME-NAMESPACE"} <= set(ids(report))
    assert not {"W-NAME-FIXED", "W-NAME-NAMESPACE"} & set(ids(check(HEALTHY)))


def test_charts_of_one_repository_see_each_other(check: Check):
    caller = DEPLOYMENT.replace("ports:", 'env: [{name: API_URL, value: "http://api-web:80"}]\n          ports:')
    web = {name.replace("chart/", "web/"): text.replace("{{ .Release.Name }}-web", "web-web") for name, text in HEALTHY.items()}
    api = {name.replace("chart/", "api/"): text for name, text in HEALTHY.items()}
    files = {**web, "web/Chart.yaml": CHART.format(name="web"), "web/templates/deployment.yaml": caller}
    assert "W-ADDRESS-HOST" in ids(check(files))
    assert "W-ADDRESS-HOST" not in ids(check({**files, **api, "api/Chart.yaml": CHART.format(name="api")}))


def test_subcharts_beside_the_chart_are_judged_where_they_lie(check: Check):
    umbrella = CHART.format(name="all") + "dependencies: [{name: shop, version: 1.0.0, repository: 'file://../chart'}]\n"
    report = check({**HEALTHY, "chart/values.yaml": "replicas: 2\nport: 9999\n", "all/Chart.yaml": umbrella})
    assert {str(each.finding.place) for each in report.findings if each.finding.id == "W-SERVICE-PORT"} == {
        "chart/templates/service.yaml:6"
    }


def test_manifests_are_judged_beside_charts(check: Check):
    job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: ask, namespace: shop}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: ask, image: 'ghcr.io/a/ask:1', args: ['http://shop-web:80/']}]}}}\n"
    assert "W-ADDRESS-HOST" not in ids(check({**HEALTHY, "k8s/job.yaml": job}))
    assert "W-ADDRESS-HOST" in ids(check({**HEALTHY, "k8s/job.yaml": job.replace("shop-web", "shop-api")}))


def test_manifests_alone(check: Check):
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - {name: a, image: 'ghcr.io/a/b:1', prots: []}\n"
    report = check({"k8s/a.yaml": pod, "k8s/a-old.yaml": pod, "k8s/broken.yaml": "apiVersion: v1\nkind: Pod\n a: [\n"})
    assert told(report, "K-FIELD-UNKNOWN")[0].startswith("k8s/a-old.yaml:6 the field spec.containers[0].prots is unknown")
    assert told(report, "M-TWICE") == ["k8s/a.yaml:1 it is also defined in a-old.yaml"]
    assert [line.split()[0] for line in told(report, "M-YAML")] == ["k8s/broken.yaml:3"]


@pytest.mark.parametrize(("again", "group"), [("{c: d}", Group.BREAKS), ("{a: b}", Group.HYGIENE)])
def test_a_manifest_that_says_something_twice_is_judged_by_what_it_says_last(again: str, group: Group, check: Check):
    twice = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {{a: b}}\n  labels: {again}\ndata: {{A: b}}\n"
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: a}}\nspec:\n  containers:\n"
    pod += "    - {name: a, image: 'ghcr.io/a/b:1', envFrom: [{configMapRef: {name: a}}, {configMapRef: {name: b}}]}\n"
    report = check({"k8s/a.yaml": twice, "k8s/pod.yaml": pod})
    (found,) = [each.finding for each in report.findings if each.finding.id == "M-YAML"]
    assert (found.place.line, found.group) == (6, group) and "the later one" in found.consequence
    (missing,) = told(report, "W-REF-OBJECT")
    assert "ConfigMap b" in missing, "nothing is missed, and nothing hidden, because a file says something twice"
    assert report.counts["objects"] == 2


@pytest.mark.parametrize(
    ("name", "group"), [("web-fixed", Group.WILL_BREAK), ("web-2", Group.WILL_BREAK), ("web-nodeport", Group.HYGIENE)]
)
def test_a_copy_is_told_by_its_name(name: str, group: Group, check: Check):
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'ghcr.io/a/b:1'}]}\n"
    report = check({"k8s/web.yaml": pod, f"k8s/{name}.yaml": pod})
    assert [each.finding.group for each in report.findings if each.finding.id == "M-TWICE"] == [group]


def test_alternatives_in_one_folder_are_hygiene(check: Check):
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'ghcr.io/a/b:1'}]}\n"
    report = check({"k8s/aws.yaml": pod, "k8s/gce.yaml": f"{pod}---\n{pod.replace('name: a}', 'name: b}')}"})
    assert [(told(report, "M-TWICE"), each.finding.group) for each in report.findings if each.finding.id == "M-TWICE"] == [
        (["k8s/gce.yaml:1 it is also defined in aws.yaml"], Group.HYGIENE)
    ]


def test_items_of_a_list_and_json_have_their_lines(check: Check):
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n  spec:\n    contaners: []\n"
    )
    report = check(
        {"k8s/all.yaml": text, "k8s/b.json": '{"apiVersion": "v1", "kind": "Service",\n "spce": {},\n "metadata": {"name": "b"}}'}
    )
    assert [line.split()[0] for line in told(report, "K-FIELD-UNKNOWN")] == ["k8s/all.yaml:8", "k8s/b.json:2"]


def test_what_stands_in_a_file_that_cannot_be_read_is_not_missed(check: Check):
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n"
    other = "apiVersion: v1\nkind: Pod\nmetadata: {name: c, labels: {app: c}}\nspec: {containers: [{name: c, image: 'ghcr.io/a/c:1'}]}\n"
    broken = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: a}}\nkind: Pod\n"
    files = {"k8s/service.yaml": service, "k8s/other.yaml": other}
    assert "W-SERVICE-SELECTOR" in ids(check(files))
    report = check({**files, "k8s/pod.yaml": broken})
    assert "M-YAML" in ids(report) and "W-SERVICE-SELECTOR" not in ids(report)


def test_what_stands_in_a_file_above_that_cannot_be_read_is_not_missed_and_anything_else_is(check: Check):
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {selector: {app: %s}, ports: [{port: 80}]}\n"
    other = "apiVersion: v1\nkind: Pod\nmetadata: {name: c, labels: {app: c}}\nspec: {containers: [{name: c, image: 'ghcr.io/a/c:1'}]}\n"
    broken = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web}}\nkind: Pod\n"
    files = {
        "k8s/services/a.yaml": service % ("web", "web"),
        "k8s/services/b.yaml": service % ("wbe", "wbe"),
        "k8s/services/c.yaml": other,
    }
    report = check({**files, "k8s/pod.yaml": broken})
    assert [line.split()[0] for line in told(report, "W-SERVICE-SELECTOR")] == ["k8s/services/b.yaml:4"]


def test_manifests_that_replace_a_part_of_others_lack_nothing_that_those_have(check: Check):
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {ports: [{port: 80}]}\n"
    ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {defaultBackend: {service: {name: %s, port: {number: 80}}}}\n"
    whole = "---\n".join(service % name for name in ("one", "two", "three", "four"))
    files = {"k8s/a.yaml": f"{whole}---\n{ingress % 'one'}", "extras/a.yaml": ingress % "two"}
    assert told(check(files), "W-INGRESS-BACKEND") == []
    found = told(check({**files, "extras/a.yaml": ingress % "five"}), "W-INGRESS-BACKEND")
    assert len(found) == 1 and "leads to Service five" in found[0]


def test_a_chart_that_only_calls_is_told_its_hosts_by_whoever_installs(check: Check):
    caller = DEPLOYMENT + "          env: [{name: BROKER_URL, value: {{ .Values.broker }}}]\n"
    files = {name: text for name, text in HEALTHY.items() if "service" not in name}
    values = files["chart/values.yaml"] + "broker: amqp://rabbitmq:5672\n"
    alone = {**files, "chart/values.yaml": values, "chart/templates/deployment.yaml": caller}
    assert "W-ADDRESS-HOST" not in ids(check(alone))
    assert "W-ADDRESS-HOST" in ids(check({**alone, "chart/templates/service.yaml": SERVICE})), "it offers something itself"


def test_whoever_applies_a_manifest_without_a_namespace_chooses_it(check: Check):
    call = "apiVersion: v1\nkind: Pod\nmetadata: {name: a%s}\nspec: {containers: [{name: a, image: 'ghcr.io/a/a:1', args: ['http://db:80']}]}\n"
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {ports: [{port: 80}]}\n"
    assert told(check({"k8s/a.yaml": call % "", "k8s/b.yaml": service}), "W-ADDRESS-HOST") == []
    found = told(check({"k8s/a.yaml": call % ", namespace: web", "k8s/b.yaml": service}), "W-ADDRESS-HOST")
    assert len(found) == 1 and "in the namespace shop" in found[0]


def test_a_chart_for_which_no_placeholder_fits_is_not_judged(check: Check):
    template = SERVICE + '{{ range $k, $v := required "give the stores" .Values.stores }}# {{ $v.name }}\n{{ end }}'
    report = check(
        {**HEALTHY, "chart/values.yaml": HEALTHY["chart/values.yaml"] + "stores: ''\n", "chart/templates/service.yaml": template}
    )
    assert "C-RENDER" not in ids(report)
    assert [note for note in report.notes if "it asks for stores, for which no placeholder fits" in note]


def test_a_namespace_that_is_written_out_is_told_once(check: Check):
    written = SERVICE.replace("metadata: {", "metadata: {namespace: tools, ")
    assert len(told(check({**HEALTHY, "chart/templates/service.yaml": written}), "W-NAME-NAMESPACE")) == 1


def test_manifests_that_are_no_utf_8_are_told(check: Check):
    pod = "apiVersion: v1\nkind: Pod\n# caf\N{LATIN SMALL LETTER E WITH ACUTE}\nmetadata: {name: a}\n"
    report = check(
        {"k8s/a.yaml": pod.encode("latin-1"), "k8s/b.yaml": pod.encode("utf-16"), "k8s/c.yaml": b"\xff\x00 no manifest"}
    )
    assert told(report, "M-YAML") == ["k8s/a.yaml:3 it is no UTF-8 text"]
    assert [note for note in report.notes if "UTF" in note] == ["k8s/b.yaml is UTF-16: save it as UTF-8; it was not judged."]


def test_what_kustomizations_and_documents_make_is_not_missed(check: Check):
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'ghcr.io/a/b:1', "
        "envFrom: [{secretRef: {name: db-login}}], env: [{name: API_URL, value: 'http://helper:80'}]}]}\n"
    )
    files = {"k8s/a.yaml": pod}
    assert {"W-REF-OBJECT", "W-ADDRESS-HOST"} <= set(ids(check(files)))
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: helper}\nspec: {ports: [{port: 80}]}\n"
    more = {"extra/kustomization.yaml": "resources: [s.yaml]\n", "extra/s.yaml": service}
    told_how = {"README.md": "kubectl create secret generic db-login --from-env-file=.env\n"}
    assert not {"W-REF-OBJECT", "W-ADDRESS-HOST"} & set(ids(check({**files, **more, **told_how})))


def test_manifests_without_a_namespace_may_go_to_the_one_that_is_named(check: Check):
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: a}}\nspec: {containers: [{name: a, image: 'ghcr.io/a/b:1', "
        "args: ['http://a.staging.svc.cluster.local:80']}]}\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n"
    )
    assert "W-ADDRESS-HOST" not in ids(check({"k8s/a.yaml": text}))
    assert "W-ADDRESS-HOST" in ids(
        check({"k8s/a.yaml": text.replace("metadata: {name: a}", "metadata: {name: a, namespace: prod}")})
    )


def test_a_manifest_may_go_where_a_chart_goes(check: Check):
    ingress = (
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: edge}\nspec: {rules: [{http: {paths: [{path: /, "
        "pathType: Prefix, backend: {service: {name: NAME, port: {number: 80}}}}]}}]}\n"
    )
    service = SERVICE.replace("metadata: {", "metadata: {namespace: '{{ .Release.Namespace }}', ")
    files = {**HEALTHY, "chart/templates/service.yaml": service}
    report = check({**files, "k8s/ingress.yaml": ingress.replace("NAME", "shop-web")})
    assert "W-INGRESS-BACKEND" not in ids(report)
    assert "W-INGRESS-BACKEND" in ids(check({**files, "k8s/ingress.yaml": ingress.replace("NAME", "other")}))


def test_kustomizations_are_recognised(check: Check):
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    report = check(
        {
            "base/kustomization.yaml": "resources: [a.yaml]\n",
            "base/a.yaml": config,
            "prod/kustomization.yaml": "resources: [../base]\n",
        }
    )
    assert "2 kustomizations were found; they are not built, so their wiring was not judged." in report.notes
    assert report.counts["objects"] == 1


def test_a_library_and_a_chart_that_cannot_be_read(check: Check):
    report = check({"lib/Chart.yaml": CHART.format(name="lib") + "type: library\n", "bad/Chart.yaml": "name: [\n"})
    assert ids(report) == ["C-CHART-FILE"] and report.judged
    assert "chart lib is a library: it is judged where other charts include it." in report.notes


@pytest.mark.parametrize(
    ("template", "rule"),
    [
        ('{{- define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}', "C-ENDLESS"),
        ("{{- range until 3000000 }}\n# {{ . }}\n{{- end }}", "C-ENDLESS"),
        ("a: 1\n---\nb: 2\n", "C-OUTPUT"),
        ("a: {{ .Values.x.y.z }}", "C-RENDER"),
        ("a: {{ nosuch }}", "C-RENDER"),
        ("{{ if }}", "C-RENDER"),
        ("a: [\n", "C-RENDER"),
        ("apiVersion: v1\nkind: Pod\nkind: Pod\n", "C-OUTPUT"),
        ("[" * 3000, "C-RENDER"),
    ],
)
def test_templates_that_mean_harm(template: str, rule: str, check: Check, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rendering, "SECONDS", 10.0)
    started = time.monotonic()
    report = check({**HEALTHY, "chart/templates/bad.yaml": template})
    assert rule in ids(report)
    assert all("Traceback" not in each.finding.what and "\n" not in each.finding.what for each in report.findings)
    assert time.monotonic() - started < 90


def test_links_out_of_a_chart_bring_nothing_in(check: Check, tmp_path: Any, repository: Callable[..., Any]):
    (tmp_path / "secret.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: outside}\n")
    root = repository(HEALTHY).root
    (root / "k8s").mkdir()
    (root / "k8s" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    assert check({}).counts["objects"] == 2

from __future__ import annotations

import base64
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from seatrial.chart import workloads
from seatrial.journal import Redactor
from seatrial.process import Completed
from seatrial.tools.kube import ExecFailed, ExecResult
from seatrial.trials import sensitive
from seatrial.trials.sensitive import Sensitive, decoded, everything, texts
from seatrial.trials.settings import (
    environment,
    judge_config,
    judge_secrets,
    observe_secrets,
    parse_environment,
    setting_of,
    wanted,
)
from seatrial.verdict import Outcome

PASSWORD = "Zf3-xyQ9_kLmN2pR"


def pod(**container: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "web-1"}, "spec": {"containers": [{"name": "web", **container}]}}


MAPS = {"web": {"data": {"LOG_LEVEL": "info", "app.conf": "a=1", "PORT": "80"}}}


def received(**container: Any) -> dict[str, str]:
    (box,) = workloads.containers(pod(**container))
    return {entry["variable"]: entry["value"] for entry in wanted(box, MAPS)}


def test_what_a_container_gets_out_of_configmaps() -> None:
    assert received(envFrom=[{"configMapRef": {"name": "web"}}]) == {"LOG_LEVEL": "info", "PORT": "80"}
    assert received(envFrom=[{"prefix": "APP_", "configMapRef": {"name": "web"}}]) == {"APP_LOG_LEVEL": "info", "APP_PORT": "80"}
    one = {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "LOG_LEVEL"}}}
    assert received(env=[one, {"name": "PORT", "value": "81"}]) == {"LEVEL": "info"}
    assert received(env=[{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "gone"}}}]) == {}
    assert received(envFrom=[{"configMapRef": {"name": "gone", "optional": True}}, {"secretRef": {"name": "web"}}]) == {}


def test_the_environment_is_read_with_either_separator() -> None:
    assert parse_environment("A=1\0B=x\ny=2\0", "\0") == {"A": "1", "B": "x\ny=2"}
    assert parse_environment("A=1\nB=2=3\n", "\n") == {"A": "1", "B": "2=3"}


def said(*answers: ExecResult | Exception) -> Any:
    """A world whose containers answer ``env -0`` and ``env`` in this order, and whose node knows the main process."""
    rest = list(answers)

    def run(*arguments: Any, **options: Any) -> ExecResult:
        answer = rest.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    node = {"crictl": "41\n", "cat": "A=node\0"}
    cluster = SimpleNamespace(node_exec=lambda argv, seconds: Completed(tuple(argv), 0, node[argv[0]], "", 0.0))
    return SimpleNamespace(kube=SimpleNamespace(exec=run), cluster=cluster)


@pytest.mark.parametrize(
    ("answers", "value"),
    [
        ([ExecResult(0, "A=zero\0", "")], "zero"),
        ([ExecResult(1, "", "bad option"), ExecResult(0, "A=line\n", "")], "line"),
        ([ExecFailed("no such program")], "node"),
        ([ExecResult(1, "", ""), ExecResult(1, "", "")], "node"),
    ],
)
def test_the_environment_is_had_from_whoever_knows_it(answers: list[Any], value: str) -> None:
    item = {"metadata": {"name": "web-1", "namespace": "shop"}}
    item["status"] = {"containerStatuses": [{"name": "web", "containerID": "containerd://c0"}]}  # type: ignore[dict-item]
    assert environment(said(*answers), item, "web") == {"A": value}


def test_settings_are_found_by_how_they_are_called() -> None:
    for name in ("LOG_LEVEL", "logLevel", "APP_LOG_LEVEL", "LOGGING_LEVEL", "log-level"):
        assert setting_of("log level", [name]) == name
    assert setting_of("log level", ["LEVEL_OF_DETAIL", "LOGO"]) is None
    assert setting_of("rate limit", ["A", "RATE_LIMIT_PER_MINUTE"]) == "RATE_LIMIT_PER_MINUTE"


# M2-CFG-01


def shown(variable: str, **changes: Any) -> dict[str, Any]:
    base = {"variable": variable, "config": "shop-api", "key": variable, "present": True, "same": True}
    return {**base, "found": None, "wanted": None, **changes}


def config(**changes: Any) -> dict[str, Any]:
    base = {
        "configs": [{"name": "shop-api", "missing": [], "keys": ["LOG_LEVEL", "RATE_LIMIT"], "unread": [], "place": "cm.yaml:4"}],
        "containers": [
            {
                "component": "api",
                "pod": "api-1",
                "container": "api",
                "error": "",
                "settings": [shown("LOG_LEVEL"), shown("RATE_LIMIT")],
            }
        ],
        "literals": {"api": []},
        "received": {"api": ["LOG_LEVEL", "RATE_LIMIT"], "pages": ["PUBLIC_API"]},
        "unready": [],
        "roles": {"api": "backend", "pages": "frontend"},
        "api_urls": {"pages": "PUBLIC_API"},
        "asked": True,
        "reference": False,
    }
    return {**base, **changes}


def container(*settings: dict[str, Any], error: str = "") -> list[dict[str, Any]]:
    return [{"component": "api", "pod": "api-1", "container": "api", "error": error, "settings": list(settings)}]


def literal(variable: str) -> dict[str, Any]:
    return {"subject": "Deployment api / container api", "variable": variable, "hides": "", "place": "api.yaml:9"}


def test_what_was_seen_on_a_cluster_passes(recorded: Callable[[str], Any]) -> None:
    verdict = judge_config(recorded("config"))
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 30)
    assert judge_secrets(recorded("secrets")).outcome is Outcome.PASSED


def test_settings_that_arrive_pass() -> None:
    verdict = judge_config(config())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"configs": []}, "no ConfigMap"),
        ({"configs": [{**config()["configs"][0], "missing": ["app.kubernetes.io/name"]}]}, "(cm.yaml:4): found no label"),
        ({"configs": [{**config()["configs"][0], "unread": ["OLD"]}]}, "ConfigMap shop-api / OLD (cm.yaml:4)"),
        ({"containers": container(shown("LOG_LEVEL", same=False, present=False))}, "found no such variable"),
        (
            {"containers": container(shown("A", same=False, found="debug", wanted="info"))},
            "found 'debug', wanted 'info' of ConfigMap",
        ),
        ({"containers": container(shown("A_TOKEN", same=False))}, "found another value, wanted its value of ConfigMap"),
        (
            {"received": {"pages": ["PUBLIC_API"]}, "literals": {"api": [literal("LOG_LEVEL")]}},
            "(api.yaml:9): found a value in the pod",
        ),
        ({"received": {"api": ["LOG_LEVEL"], "pages": ["PUBLIC_API"]}, "reference": True}, "no setting for the rate limit"),
        ({"received": {"api": ["LOG_LEVEL", "RATE_LIMIT"]}}, "component pages / env PUBLIC_API: found no such variable"),
    ],
)
def test_a_setting_that_does_not_arrive_fails(changes: dict[str, Any], words: str) -> None:
    verdict = judge_config(config(**changes))
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_another_application_need_not_have_a_rate_limit() -> None:
    verdict = judge_config(config(received={"api": ["LOG_LEVEL"], "pages": ["PUBLIC_API"]}))
    assert verdict.outcome is Outcome.PASSED
    assert any("called like a rate limit" in item.what for item in verdict.evidence)


def test_what_cannot_be_read_is_unknown() -> None:
    assert judge_config(config(containers=container(error="no env"))).outcome is Outcome.INCONCLUSIVE
    assert judge_config(config(unready=["api"])).outcome is Outcome.INCONCLUSIVE


def test_without_configmaps_it_does_not_apply_unless_asked() -> None:
    assert judge_config(config(configs=[], asked=False)).outcome is Outcome.NOT_APPLICABLE
    assert judge_config(config(containers=[], configs=config()["configs"])).outcome is Outcome.FAILED  # nothing to judge


# secret values


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("plain", ""),
        ("two\nlines\n", ""),
        ("plain\n", "a trailing newline"),
        (base64.b64encode(b"a long readable text").decode(), "encoded twice"),
        ("cGFzc3dvcmQ=", ""),  # too short to tell
        (PASSWORD, ""),
    ],
)
def test_how_a_value_was_encoded(text: str, trouble: str) -> None:
    assert decoded(base64.b64encode(text.encode()).decode()) == (text, trouble)


def test_what_is_no_base64_is_told() -> None:
    assert decoded("***")[1] == decoded(base64.b64encode(b"\xff\xfe").decode())[1] == "no base64 of a text"


def test_long_values_are_found_anywhere_and_short_ones_as_a_whole() -> None:
    value = Sensitive("Secret s / k", PASSWORD)
    assert value.stands_in(f"--password={PASSWORD}")
    assert value.stands_in("x " + base64.b64encode(PASSWORD.encode()).decode())
    assert not value.stands_in(PASSWORD[:-1])
    weak = Sensitive("Secret s / k", "postgres")
    assert weak.stands_in("postgres") and weak.stands_in("postgresql://u:postgres@h/d")
    assert not weak.stands_in("postgresql://u:other@postgres/postgres")
    assert not Sensitive("Secret s / k", "a").stands_in("a")


def test_a_value_does_not_show_itself() -> None:
    assert PASSWORD not in repr(Sensitive("Secret s / k", PASSWORD))


def test_every_text_of_an_object_is_named() -> None:
    item = pod(env=[{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {}}], command=["run"], args=["--x"])
    item["metadata"]["annotations"] = {"note": "n"}
    wheres = {text.where.removeprefix("Pod web-1 / ") for text in texts(item)}
    assert {"annotation note", "container web / env A", "container web / command", "container web / args"} <= wheres
    maps = {"kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"KEY": "v", "secrets.conf": "a\nb"}}
    assert [(text.where, text.name) for text in texts(maps)] == [("ConfigMap m / KEY", "KEY"), ("ConfigMap m / secrets.conf", "")]


def test_the_values_of_a_release() -> None:
    def coded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    hidden: list[str] = []
    made = {"s": {"SALT": "random", "USER": "todo"}}
    redactor = SimpleNamespace(hide=lambda *values, source: hidden.extend(values))
    world: Any = SimpleNamespace(
        app=SimpleNamespace(chart=SimpleNamespace(secrets=made)), journal=SimpleNamespace(redactor=redactor)
    )
    data = {"USER": coded("todo-user-name"), "SALT": coded(PASSWORD), "DATABASE_URL": coded(f"postgresql://u:{PASSWORD}x@h/d")}
    found = sensitive.of_secrets(world, [{"metadata": {"name": "s"}, "data": data}])
    assert [one.source for one in found] == [
        "Secret s / SALT",
        "Secret s / DATABASE_URL",
        "Secret s / DATABASE_URL (its password)",
    ]
    assert f"{PASSWORD}x" in hidden
    data["DATABASE_URL"] = coded(f"postgresql://u:{PASSWORD}@h/d")
    found = sensitive.of_secrets(world, [{"metadata": {"name": "s"}, "data": data}])
    assert [one.source for one in found] == ["Secret s / SALT", "Secret s / DATABASE_URL"]


def test_whatever_is_described_of_an_object_is_looked_at_but_a_secrets_data() -> None:
    item = pod(env=[{"name": "A", "value": "1"}])
    item["metadata"] |= {"managedFields": [{"fieldsV1": {'f:x{"v":"set"}': {}}}], "annotations": {"last": "applied"}}
    item["status"] = {"conditions": [{"type": "Ready", "message": "no good"}]}
    found = set(everything(item))
    assert {
        ("metadata.annotations.last", "applied"),
        ("metadata.managedFields[0].fieldsV1", 'f:x{"v":"set"}'),
        ("spec.containers[0].env[0].value", "1"),
        ("status.conditions[0].message", "no good"),
    } <= found
    kept = {"kind": "Secret", "metadata": {"name": "s", "annotations": {"last": "shown"}}, "data": {"KEY": "aGlkZGVu"}}
    texts_of = {text for _, text in everything({**kept, "stringData": {"KEY": "hidden"}})}
    assert "shown" in texts_of and not texts_of & {"aGlkZGVu", "hidden", "KEY"}


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


EVENT = {"metadata": {"name": "api-1.17"}, "reason": "Failed", "involvedObject": {"kind": "Pod", "name": "api-1"}}


@pytest.mark.parametrize(
    ("kind", "item", "where"),
    [
        ("Event", {**EVENT, "message": f"dial db?password={quote(PASSWORD, safe='')}"}, "Event api-1.17 / message"),
        ("Event", {**EVENT, "message": f"header {_coded('api:' + PASSWORD)}"}, "Event api-1.17 / message"),
        (
            "Secret",
            {
                "metadata": {"name": "shop", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": PASSWORD}},
                "type": "Opaque",
                "data": {"DB_PASSWORD": _coded(PASSWORD)},
            },
            "Secret shop / metadata.annotations.kubectl.kubernetes.io/last-applied-configuration",
        ),
        (
            "Pod",
            {"metadata": {"name": "api-1"}, "spec": {}, "status": {"conditions": [{"message": f"no {PASSWORD}"}]}},
            "Pod api-1 / status.conditions[0].message",
        ),
        (
            "ReplicaSet",
            {"metadata": {"name": "api-1", "managedFields": [{"fieldsV1": {f'v:"{PASSWORD}"': {}}}]}},
            "ReplicaSet api-1 / metadata.managedFields[0].fieldsV1",
        ),
    ],
)
def test_a_secret_that_is_described_somewhere_is_found_in_every_form(kind: str, item: dict[str, Any], where: str) -> None:
    secret_item = {"kind": "Secret", "metadata": {"name": "shop"}, "type": "Opaque", "data": {"DB_PASSWORD": _coded(PASSWORD)}}
    there = {"Secret": [secret_item], "Service": [{"kind": "Service", "metadata": {"name": "api"}}]}
    there[kind] = [{"kind": kind, **item}]
    world: Any = SimpleNamespace(
        kube=SimpleNamespace(find=lambda kind, namespace: there.get(kind, [])),
        app=SimpleNamespace(namespace="shop", reference=False, chart=SimpleNamespace(secrets={}, inventory=())),
        rendered=SimpleNamespace(objects=()),
        journal=SimpleNamespace(redactor=Redactor()),
    )
    seen = observe_secrets(world)
    assert seen["described"] == [{"source": "Secret shop / DB_PASSWORD", "where": where}]
    assert seen["looked"]["objects"] == (2 if kind == "Secret" else 3)
    assert where in judge_secrets(seen).reason and PASSWORD not in str(seen)
    there[kind] = [secret_item] if kind == "Secret" else []
    assert observe_secrets(world)["described"] == []


def test_where_nothing_is_described_nothing_can_be_told() -> None:
    verdict = judge_secrets(kept(looked={"texts": 0, "objects": 0, "events": 0}))
    assert verdict.outcome is Outcome.INCONCLUSIVE


# M2-CFG-02


def secret(**changes: Any) -> dict[str, Any]:
    base = {
        "name": "shop",
        "type": "Opaque",
        "labelled": True,
        "variables": True,
        "keys": [{"key": "DB_PASSWORD", "trouble": ""}],
    }
    return {**base, **changes}


def kept(**changes: Any) -> dict[str, Any]:
    base = {
        "secrets": [secret()],
        "absent": [],
        "arrivals": [
            {"subject": "Deployment api / container api", "variable": "DB_PASSWORD", "secret": "shop", "key": "DB_PASSWORD"}
        ],
        "hits": [],
        "plain": [],
        "described": [],
        "looked": {"texts": 900, "objects": 30, "events": 5},
        "unread": [],
        "searched": {"values": 1, "texts": 40},
        "short": [],
        "asked": True,
    }
    return {**base, **changes}


HIT = {"source": "Secret shop / DB_PASSWORD", "where": "ConfigMap web / GREETING", "place": "cm.yaml:7"}


def test_secrets_that_are_kept_pass() -> None:
    verdict = judge_secrets(kept())
    assert (verdict.outcome, verdict.judged) == (Outcome.PASSED, 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hits": [HIT]}, "ConfigMap web / GREETING (cm.yaml:7): found the value of Secret shop / DB_PASSWORD"),
        (
            {"described": [{"source": "Secret shop / DB_PASSWORD", "where": "Pod api-1 / status.conditions[0].message"}]},
            "Pod api-1 / status.conditions[0].message: found the value of Secret shop / DB_PASSWORD",
        ),
        ({"plain": [{"where": "Deployment api / env API_KEY", "place": ""}]}, "env API_KEY: found a secret in plain text"),
        ({"secrets": [secret(type="kubernetes.io/basic-auth")]}, "type kubernetes.io/basic-auth"),
        ({"secrets": [secret(labelled=False)]}, "no standard label"),
        (
            {"secrets": [secret(keys=[{"key": "K", "trouble": "a trailing newline"}])]},
            "Secret shop / K: found a trailing newline",
        ),
        ({"unread": ["Secret shop / OLD"]}, "Secret shop / OLD: found no container reads it"),
        ({"arrivals": []}, "no container reads a Secret"),
    ],
)
def test_secrets_that_are_not_kept_fail(changes: dict[str, Any], words: str) -> None:
    verdict = judge_secrets(kept(**changes))
    assert verdict.outcome is Outcome.FAILED
    assert words in verdict.reason


def test_one_place_is_named_once() -> None:
    assert judge_secrets(kept(hits=[HIT], plain=[{"where": HIT["where"], "place": ""}])).reason.count("more") == 0


def test_a_file_in_a_secret_may_end_in_a_newline_and_have_a_type() -> None:
    tls = secret(
        type="kubernetes.io/tls", variables=False, labelled=False, keys=[{"key": "tls.crt", "trouble": "a trailing newline"}]
    )
    assert judge_secrets(kept(secrets=[tls])).outcome is Outcome.PASSED


def test_without_secrets_it_does_not_apply_unless_asked() -> None:
    nothing = {"secrets": [], "arrivals": [], "asked": False}
    assert judge_secrets(kept(**nothing)).outcome is Outcome.NOT_APPLICABLE
    assert judge_secrets(kept(**{**nothing, "plain": [{"where": "x", "place": ""}]})).outcome is Outcome.FAILED
    assert judge_secrets(kept(absent=["gone"])).outcome is Outcome.INCONCLUSIVE

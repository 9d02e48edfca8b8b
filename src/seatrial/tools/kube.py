"""The Kubernetes API on raw JSON.

The official client's typed models refuse partial objects, and rendered and live objects share judges: so everything here is
plain dicts, as the API writes them. Waits watch events; on time-out they say which object was not ready and why.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream
from urllib3.exceptions import HTTPError
from websocket import WebSocketException

from seatrial.errors import ClusterError, SeatrialError

Object = dict[str, Any]
T = TypeVar("T")

FIELD_MANAGER = "seatrial"
NOT_YET = "container not found"
MOST_LOST = 3
"""How often a command is asked again of which nothing arrived."""
APPEAR_SECONDS = 60.0
"""How long a kubelet may not know a container that the API calls running."""
REQUEST_SECONDS = 30.0
"""How long one request may take; a watch is asked for in pieces of this length at most."""
FOLLOW_SECONDS = 0.5
"""How often who follows a silent command is asked whether that is enough."""

# kind -> (path of its API group version, plural, namespaced). What is not here is looked up by discovery.
_KINDS: dict[str, tuple[str, str, bool]] = {
    "Namespace": ("api/v1", "namespaces", False),
    "Node": ("api/v1", "nodes", False),
    "PersistentVolume": ("api/v1", "persistentvolumes", False),
    "Pod": ("api/v1", "pods", True),
    "Service": ("api/v1", "services", True),
    "ConfigMap": ("api/v1", "configmaps", True),
    "Secret": ("api/v1", "secrets", True),
    "ServiceAccount": ("api/v1", "serviceaccounts", True),
    "PersistentVolumeClaim": ("api/v1", "persistentvolumeclaims", True),
    "ResourceQuota": ("api/v1", "resourcequotas", True),
    "LimitRange": ("api/v1", "limitranges", True),
    "Event": ("api/v1", "events", True),
    "Deployment": ("apis/apps/v1", "deployments", True),
    "ReplicaSet": ("apis/apps/v1", "replicasets", True),
    "StatefulSet": ("apis/apps/v1", "statefulsets", True),
    "DaemonSet": ("apis/apps/v1", "daemonsets", True),
    "Job": ("apis/batch/v1", "jobs", True),
    "CronJob": ("apis/batch/v1", "cronjobs", True),
    "EndpointSlice": ("apis/discovery.k8s.io/v1", "endpointslices", True),
    "Ingress": ("apis/networking.k8s.io/v1", "ingresses", True),
    "IngressClass": ("apis/networking.k8s.io/v1", "ingressclasses", False),
    "NetworkPolicy": ("apis/networking.k8s.io/v1", "networkpolicies", True),
    "HorizontalPodAutoscaler": ("apis/autoscaling/v2", "horizontalpodautoscalers", True),
    "PodDisruptionBudget": ("apis/policy/v1", "poddisruptionbudgets", True),
    "StorageClass": ("apis/storage.k8s.io/v1", "storageclasses", False),
    "ClusterRole": ("apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "Role": ("apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
    "PodMetrics": ("apis/metrics.k8s.io/v1beta1", "pods", True),
    "NodeMetrics": ("apis/metrics.k8s.io/v1beta1", "nodes", False),
}


class WaitTimeout(ClusterError):
    """Something did not become true in its time; the message says what stood in the way."""


class ExecFailed(SeatrialError):
    """A command in a container could not be run at all: nothing is known about what it would have said."""


class UnknownKind(ClusterError):
    """The cluster does not serve a kind in the API version that was asked for."""


class ApiError(ClusterError):
    """The API server refused a request.

    Attributes:
        status: HTTP status code.
        reason: the server's own words.
    """

    def __init__(self, verb: str, what: str, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"{verb} {what} was refused with {status}: {reason}")


@dataclass(frozen=True)
class DryRun:
    """What the API server says of an object that it was only asked about.

    Attributes:
        status: HTTP status; 0 where it was not asked because it does not know the kind.
        error: its own words where it refuses; empty where it takes the object.
        warnings: of admission, quotas and API versions that are on their way out.
    """

    status: int
    error: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class ExecResult:
    """A command that ran in a container."""

    returncode: int
    stdout: str
    stderr: str


class Kube:
    """One cluster, reached through one kubeconfig and one of its contexts.

    Args:
        kubeconfig: file; the user's own is never read.
        context: name of a context in it; its current one by default.
    """

    def __init__(self, kubeconfig: Path, context: str | None = None) -> None:
        self.kubeconfig = kubeconfig
        self.context = context
        self._client = self._new_client()
        self._discovered: dict[str, tuple[str, str, bool]] = {}

    def _new_client(self) -> Any:
        return config.new_client_from_config(  # type: ignore[no-untyped-call]
            str(self.kubeconfig), context=self.context
        )

    def close(self) -> None:
        """Close the kept connections."""
        self._client.rest_client.pool_manager.clear()
        self._client.close()

    # requests

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        timeout: float = REQUEST_SECONDS,
    ) -> Any:
        """One request; the answer as JSON, or as text where it is not JSON.

        Raises:
            ApiError: the server answered with an error.
            ClusterError: it did not answer.
        """
        response = self._raw(method, path, query, body, content_type, timeout, stream_it=False)
        text = response.data.decode("utf-8", "replace")
        try:
            return json.loads(text)
        except ValueError:
            return text

    def _raw(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Any,
        content_type: str,
        timeout: float,
        *,
        stream_it: bool,
    ) -> Any:
        address = self._client.configuration.host + "/" + path + ("?" + urlencode(query, doseq=True) if query else "")
        headers: dict[str, str] = {"Accept": "application/json, */*", "Content-Type": content_type}
        self._client.update_params_for_auth(headers, [], ["BearerToken"], "/" + path, method, None)
        pool = self._client.rest_client.pool_manager
        payload = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            response = pool.request(
                method, address, body=payload, headers=headers, timeout=timeout, preload_content=not stream_it, retries=False
            )
        except HTTPError as error:
            raise ClusterError(f"{method} {path} got no answer from the API server: {error}") from error
        if response.status >= 400:
            text = response.data.decode("utf-8", "replace")
            raise ApiError(method, path, response.status, _message(text))
        return response

    # objects

    def path(self, kind: str, namespace: str | None = None, name: str | None = None, api_version: str | None = None) -> str:
        """URL path of a kind, of all its objects in a namespace, or of one object."""
        base, plural, namespaced = self._resource(kind, api_version)
        where = f"/namespaces/{quote(namespace)}" if namespaced and namespace else ""
        return f"{base}{where}/{plural}" + (f"/{quote(name)}" if name else "")

    def _resource(self, kind: str, api_version: str | None) -> tuple[str, str, bool]:
        if kind in _KINDS and (api_version is None or _KINDS[kind][0].endswith(api_version)):
            return _KINDS[kind]
        if api_version is None:
            raise UnknownKind(f"the kind {kind} is unknown without its apiVersion")
        key = f"{api_version}/{kind}"
        if key not in self._discovered:
            base = f"api/{api_version}" if "/" not in api_version else f"apis/{api_version}"
            for resource in self._resources(base):
                if "/" not in resource["name"]:
                    self._discovered[f"{api_version}/{resource['kind']}"] = (base, resource["name"], resource["namespaced"])
        if key not in self._discovered:
            raise UnknownKind(f"the cluster does not serve {key}")
        return self._discovered[key]

    def _resources(self, base: str) -> list[Object]:
        """What an API group version offers; nothing where the cluster does not have it."""
        try:
            found: list[Object] = self.request("GET", base)["resources"]
        except ApiError as error:
            if error.status == 404:
                return []
            raise
        return found

    def read(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None where it does not exist."""
        try:
            found: Object = self.request("GET", self.path(kind, namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return found

    def find(self, kind: str, namespace: str | None = None, selector: str = "", field_selector: str = "") -> list[Object]:
        """All objects of a kind, each with its kind and apiVersion."""
        query = {"labelSelector": selector, "fieldSelector": field_selector}
        answer = self.request("GET", self.path(kind, namespace), query={key: value for key, value in query.items() if value})
        version = answer.get("apiVersion")
        return [{"kind": kind, "apiVersion": version, **item} for item in answer["items"]]

    def create(self, item: Object, namespace: str | None = None, *, dry_run: bool = False) -> Object:
        """Create an object; ApiError with status 403 or 422 is how admission refuses."""
        where = namespace or item["metadata"].get("namespace")
        query = {"dryRun": "All", "fieldValidation": "Strict"} if dry_run else {"fieldValidation": "Strict"}
        made: Object = self.request("POST", self.path(item["kind"], where, None, item.get("apiVersion")), query=query, body=item)
        return made

    def apply(self, item: Object, namespace: str | None = None, *, dry_run: bool = False) -> Object:
        """Server-side apply, as field manager ``seatrial``."""
        where = namespace or item["metadata"].get("namespace")
        query = {
            "fieldManager": FIELD_MANAGER,
            "force": "true",
            "fieldValidation": "Strict",
            **({"dryRun": "All"} if dry_run else {}),
        }
        path = self.path(item["kind"], where, item["metadata"]["name"], item.get("apiVersion"))
        made: Object = self.request("PATCH", path, query=query, body=item, content_type="application/apply-patch+yaml")
        return made

    def dry_run(self, item: Object, namespace: str | None = None) -> DryRun:
        """Ask whether the server would take an object (server-side apply with ``dryRun=All`` and strict field validation).

        Nothing is changed. Raises ClusterError where the server does not answer.
        """
        where = namespace or item["metadata"].get("namespace")
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict", "dryRun": "All"}
        try:
            path = self.path(item["kind"], where, item["metadata"]["name"], item.get("apiVersion"))
            content_type = "application/apply-patch+yaml"
            response = self._raw("PATCH", path, query, item, content_type, REQUEST_SECONDS, stream_it=False)
        except ApiError as error:
            return DryRun(error.status, error.reason, ())
        except UnknownKind as error:
            return DryRun(0, str(error), ())
        return DryRun(response.status, "", tuple(_warning(text) for text in response.headers.getlist("Warning")))

    def patch(
        self, kind: str, name: str, namespace: str | None, body: Any, *, subresource: str = "", strategic: bool = False
    ) -> Object:
        """Merge patch (a list is a JSON patch). ``strategic``: lists of named items are merged by name, not replaced."""
        merge = "application/strategic-merge-patch+json" if strategic else "application/merge-patch+json"
        content_type = "application/json-patch+json" if isinstance(body, list) else merge
        path = self.path(kind, namespace, name) + (f"/{subresource}" if subresource else "")
        made: Object = self.request("PATCH", path, body=body, content_type=content_type)
        return made

    def scale(self, kind: str, name: str, namespace: str, replicas: int) -> None:
        self.patch(kind, name, namespace, {"spec": {"replicas": replicas}}, subresource="scale")

    def delete(self, kind: str, name: str, namespace: str | None = None, *, grace: int | None = None) -> bool:
        """Delete an object; whether it existed. Does not wait for the end: see :meth:`wait_gone`."""
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        try:
            self.request("DELETE", self.path(kind, namespace, name), body=body)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def evict(self, pod: str, namespace: str) -> int:
        """Ask for an eviction; the HTTP status: 201 allowed, 429 refused by a budget."""
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
        try:
            self.request("POST", self.path("Pod", namespace, pod) + "/eviction", body=body)
        except ApiError as error:
            if error.status == 429:
                return 429
            raise
        return 201

    # events and logs

    def logs(
        self,
        pod: str,
        namespace: str,
        container: str | None = None,
        *,
        previous: bool = False,
        tail: int | None = None,
        since: int | None = None,
    ) -> str:
        """A container's log. ``since``: seconds."""
        query = {"container": container, "previous": "true" if previous else None, "tailLines": tail, "sinceSeconds": since}
        path = self.path("Pod", namespace, pod) + "/log"
        response = self._raw(
            "GET",
            path,
            {key: value for key, value in query.items() if value is not None},
            None,
            "application/json",
            REQUEST_SECONDS,
            stream_it=False,
        )
        return str(response.data.decode("utf-8", "replace"))

    def warnings(self, namespace: str, names: Iterable[str] = ()) -> list[str]:
        """Warning events of a namespace, a line each, latest first; those of certain objects and what they made before others."""
        mine = tuple(names)

        def rank(event: Object) -> tuple[bool, str]:
            when = event.get("lastTimestamp") or event.get("eventTime") or ""
            return str(event["involvedObject"].get("name")).startswith(mine), when

        events = self.find("Event", namespace, field_selector="type=Warning")
        return [_event_line(event) for event in sorted(events, key=rank, reverse=True)]

    # waiting

    def watch(self, kind: str, namespace: str | None, *, selector: str = "", timeout: float) -> Iterator[dict[str, Object]]:
        """The objects of a kind by name, once as they are and again after each change, until ``timeout`` seconds are over.

        A watch that the server ends (it expired, or the connection was cut) is taken up again with a fresh list.
        """
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            query: dict[str, Any] = {"labelSelector": selector} if selector else {}
            answer = self.request("GET", self.path(kind, namespace), query=query)
            known = {item["metadata"]["name"]: item for item in answer["items"]}
            yield dict(known)
            left = max(1.0, min(deadline - time.monotonic(), REQUEST_SECONDS))
            query |= {"watch": "true", "resourceVersion": answer["metadata"]["resourceVersion"], "timeoutSeconds": int(left) or 1}
            for event in self._watch_events(self.path(kind, namespace), query, left + 5):
                if event["type"] == "ERROR":
                    break
                name = event["object"]["metadata"]["name"]
                if event["type"] == "DELETED":
                    known.pop(name, None)
                elif event["type"] in ("ADDED", "MODIFIED"):
                    known[name] = event["object"]
                yield dict(known)
                if time.monotonic() > deadline:
                    return

    def _watch_events(self, path: str, query: Mapping[str, Any], timeout: float) -> Iterator[Object]:
        try:
            response = self._raw("GET", path, query, None, "application/json", timeout, stream_it=True)
        except ClusterError:
            return  # the caller lists again, and that request tells if the server is gone
        rest = b""
        try:
            for piece in response.stream(65536, decode_content=False):
                *lines, rest = (rest + piece).split(b"\n")
                yield from (json.loads(line) for line in lines if line.strip())
        except HTTPError:
            return
        finally:
            response.close()  # what is left unread of a stream must not reach the next request
            response.release_conn()

    def wait(
        self,
        kind: str,
        namespace: str | None,
        until: Callable[[dict[str, Object]], T | None],
        *,
        what: str,
        timeout: float,
        selector: str = "",
        why_not: Callable[[dict[str, Object]], str] | None = None,
    ) -> T:
        """Watch a kind until ``until`` returns something.

        Args:
            kind, namespace, selector: what to watch.
            until: gets the objects by name; returns None while they are not as they should be.
            what: what is waited for, for the message ("the Deployment backend to be available").
            timeout: seconds.
            why_not: says from the last objects what stood in the way.

        Raises:
            WaitTimeout: with ``why_not``'s words and the latest warning events, those of what is watched before others.
        """
        last: dict[str, Object] = {}
        for last in self.watch(kind, namespace, selector=selector, timeout=timeout):
            found = until(last)
            if found is not None:
                return found
        reasons = [why_not(last)] if why_not else []
        if namespace:
            reasons += self.warnings(namespace, last)[:3]
        raise WaitTimeout(
            f"waited {timeout:.0f} s for {what}" + ("; " + "; ".join(reason for reason in reasons if reason) if reasons else "")
        )

    def wait_gone(self, kind: str, name: str, namespace: str | None = None, *, timeout: float) -> None:
        """Wait until an object is gone."""
        self.wait(
            kind, namespace, lambda known: None if name in known else True, what=f"{kind} {name} to be gone", timeout=timeout
        )

    # exec

    def exec(
        self,
        pod: str,
        namespace: str,
        argv: Sequence[str],
        *,
        container: str | None = None,
        timeout: float = REQUEST_SECONDS,
        looks: bool = False,
    ) -> ExecResult:
        """Run a command in a container, without a shell.

        A busy kubelet says for some seconds that it knows no such container, although the API calls it running: nothing was run
        then, so it is asked again.

        Args:
            looks: the command changes nothing and has something to say. Where nothing of it arrives although it ended well, the
                container engine has lost it (moby/moby#27289), and it is asked again, up to :data:`MOST_LOST` times.

        Raises:
            ExecFailed: it could not be run (no such container or program, no answer): which says nothing about its outcome.
        """
        deadline = time.monotonic() + APPEAR_SECONDS
        lost = 0
        while True:
            try:
                done = self._exec_once(pod, namespace, argv, container, timeout)
                if looks and done.returncode == 0 and not (done.stdout or done.stderr) and lost < MOST_LOST:
                    lost += 1
                    continue
                return done
            except ExecFailed as error:
                if NOT_YET not in error.message or time.monotonic() > deadline:
                    raise
                time.sleep(0.3)  # the kubelet announces nothing

    def _exec_once(self, pod: str, namespace: str, argv: Sequence[str], container: str | None, timeout: float) -> ExecResult:
        where = f"{namespace}/{pod}"
        with self._session(pod, namespace, argv, container, timeout) as session:
            session.run_forever(timeout=timeout)
            if session.is_open():
                raise ExecFailed(f"{argv[0]} in {where} did not end within {timeout:.0f} s")
            stdout, stderr = session.read_stdout(), session.read_stderr()
            return ExecResult(_exec_code(session.read_channel(3), argv, where), stdout, stderr)

    def follow(
        self, pod: str, namespace: str, argv: Sequence[str], *, container: str | None = None, ended: Callable[[], bool]
    ) -> Iterator[str]:
        """Run a command in a container; each line that it prints, as soon as it does, until it ends or ``ended`` says so.

        That alone does not stop the command: it goes with its container. Empty lines are left out.

        Raises:
            ExecFailed: it could not be run, or the connection broke off.
        """
        with self._session(pod, namespace, argv, container, REQUEST_SECONDS) as session:
            while session.is_open() and not ended():
                if line := session.readline_stdout(timeout=FOLLOW_SECONDS):
                    yield line
            yield from filter(None, session.read_stdout().splitlines())

    @contextmanager
    def _session(self, pod: str, namespace: str, argv: Sequence[str], container: str | None, timeout: float) -> Iterator[Any]:
        """A command that runs. ``stream()`` swaps the client's call function while it runs, so each has a client of its own."""
        own = self._new_client()
        arguments: dict[str, Any] = {"container": container} if container else {}
        where = f"{namespace}/{pod}"
        try:
            session = stream(
                client.CoreV1Api(own).connect_get_namespaced_pod_exec,
                pod,
                namespace,
                command=list(argv),
                stdin=False,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
                _request_timeout=timeout,
                **arguments,
            )
            try:
                yield session
            finally:
                session.close()
                session.sock.shutdown()  # close() leaves the socket open where the server said goodbye first
        except ApiException as error:
            raise ExecFailed(f"{argv[0]} in {where} could not be run: {_message(str(error.reason))}") from error
        except (WebSocketException, OSError) as error:
            raise ExecFailed(f"{argv[0]} in {where}: the connection broke off: {error}") from error
        finally:
            own.close()


def _exec_code(status: str, argv: Sequence[str], where: str) -> int:
    """Exit code from the error channel's Status object."""
    if not status:
        raise ExecFailed(f"{argv[0]} in {where} ended without a status")
    answer = yaml.safe_load(status)
    if answer.get("status") == "Success":
        return 0
    for cause in answer.get("details", {}).get("causes", ()):
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise ExecFailed(f"{argv[0]} in {where} could not be run: {answer.get('message', status)}")


def _message(text: str) -> str:
    try:
        return str(json.loads(text).get("message", text))
    except (ValueError, AttributeError):
        return " ".join(text.split())[:300]


def _event_line(event: Object) -> str:
    about = event["involvedObject"]
    return f"{about.get('kind')}/{about.get('name')}: {event.get('reason')}: {event.get('message', '').strip()}"


def _warning(header: str) -> str:
    """The text of a Warning header: ``299 - "text"`` (RFC 7234)."""
    return header.partition(' "')[2].removesuffix('"').replace('\\"', '"') or header


def selector_of(labels: Mapping[str, str]) -> str:
    """Label selector text of a plain map."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))

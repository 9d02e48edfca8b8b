"""Outages of what the application depends on are survived (M4-APP-09).

The database's outage is the one of :mod:`seatrial.trials.persistence`: users look on while it lasts. In the same window the
model's endpoint is scaled to 0 and the frontend's way to the backend is closed in its policies; both stay so until the database
is back, for only then does a failure show that it is theirs. What users write is written before the window or after it, since the
rows are compared.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
from playwright.sync_api import Error, Locator, Page

from seatrial.app import Step
from seatrial.chart import workloads
from seatrial.errors import ClusterError, SeatrialError
from seatrial.tools.kube import ApiError, Object
from seatrial.trials import journeys, live, users
from seatrial.trials.application import document
from seatrial.trials.application.access import TODOS
from seatrial.trials.application.chat import say
from seatrial.trials.database import marker
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

CRITERION = "M4-APP-09"
DATABASE, MODEL, PATH = "database", "model", "way from the frontend to the backend"
UNAVAILABLE = (502, 503, 504)
CALL_SECONDS = 1.0
"""Between two rounds of calls while something is cut."""
FAILING_SECONDS = 20.0
"""How long the first call may take to fail after the database's pod was told to go."""
PATIENCE_SECONDS = 5.0
"""How much longer than allowed an answer is waited for, so that the message can say how late it was."""
ALERT = "[role=alert]:not(#__next-route-announcer__)"
"""What tells users of a failure; Next.js has an alert of its own, empty, for screen readers."""

WORKS = "the page works: the browser reaches the backend by the edge"


class Watch:
    """Nobody looks on: for applications whose users seatrial does not know."""

    def cut(self) -> None:
        """The database is told to go."""

    def hold(self) -> None:
        """Returns when the outage has lasted long enough."""

    def mending(self) -> None:
        """The database is about to be brought back."""

    def end(self) -> None:
        """The database is back and its rows have been compared."""

    def seen(self) -> dict[str, Any] | None:
        """What was seen."""
        return None


@contextmanager
def watching(world: World) -> Iterator[Watch]:
    """Users who look on, for the length of a block; what was cut for them is whole again after it."""
    if not (world.app.reference and world.app.ingress and world.app.auth):
        yield Watch()
        return
    with ExitStack() as stack:
        onlookers = Onlookers(world, stack)
        try:
            yield onlookers
        finally:
            onlookers.close()


class Onlookers(Watch):
    """A user at a browser and one who calls the API, from before the outage until all is well again.

    What goes wrong with them themselves is kept, and is no fault of whoever else judges the outage. To be used in one thread.

    Args:
        stack: closes the browser.
    """

    def __init__(self, world: World, stack: ExitStack) -> None:
        self._world = world
        self._trouble: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._shown: list[dict[str, Any]] = []
        self._controls: list[dict[str, Any]] = []
        self._normal: list[dict[str, Any]] = []
        self._lasted: dict[str, float] = {}
        self._recovered: dict[str, float | None] = {}
        self._mends: list[Callable[[], None]] = []
        self._limits = {key: float(world.limit(CRITERION, key)) for key in ("answer", "restarts", "recovered")}
        self._limits["outage"] = world.window(CRITERION, "outage")
        self._before = _restarts(world)
        self._mark = marker(world.run_id, "onlooker")
        self._caller: Caller | None = None
        self._attempt(lambda: self._come(stack))

    def _attempt(self, action: Callable[[], None]) -> None:
        if self._trouble:
            return
        try:
            action()
        except SeatrialError as error:
            self._trouble.append(error.message)
        except Error as error:
            self._trouble.append(f"the browser: {error.message.splitlines()[0]}")

    def _come(self, stack: ExitStack) -> None:
        """Sign up and see that everything works: what fails later fails for the outage."""
        self._visit = stack.enter_context(journeys.visitor(self._world))
        self._sitting = stack.enter_context(self._visit.sit(self._mark))
        self._user = users.sign_up(self._world, "caller")
        with users.at_edge(self._world, self._user) as http:
            self._controls += [_call(http, *each) for each in (("GET", TODOS, None), ("POST", TODOS, {"title": self._mark}))]
            said = say(self._world, http, "good morning")
            self._controls.append({"what": "chat", "status": said["status"], "error": said["error"]})
        _, stopped = self._sitting.take([*_SIGN_UP, *_add(f"before {self._mark}")])
        self._controls.append({"what": "the pages", "status": None if stopped else 200, "error": stopped})

    # the database

    def cut(self) -> None:
        """Cut the other two as well, and begin to call."""
        self._attempt(self._cut)

    def _cut(self) -> None:
        self._controls.append(self._through_frontend())
        self._began = time.monotonic()
        self._mends += [_without_model(self._world), _without_path(self._world)]
        self._caller = Caller(self._world, self._user, self._limits["answer"] + PATIENCE_SECONDS)
        self._caller.start()

    def hold(self) -> None:
        """Let the user at the browser try, and wait until the outage has lasted."""
        self._attempt(self._hold)

    def _hold(self) -> None:
        assert self._caller is not None
        failing = self._caller.failing.wait(FAILING_SECONDS)
        since = time.monotonic()
        if failing:
            self._try(DATABASE, "adding a todo", lambda page: _fill_and_click(page, "New todo", f"in vain {self._mark}", "Add"))
            self._try(DATABASE, "opening the page", lambda page: page.goto("/", wait_until="load"))
        while time.monotonic() - since < self._limits["outage"]:
            self._sitting.page.wait_for_timeout(200)
        self._lasted[DATABASE] = round(time.monotonic() - since, 1)

    def mending(self) -> None:
        """No call may write any more when the database comes back."""
        if self._caller is not None:
            self._caller.only_read()

    # the model, and the way to the backend

    def end(self) -> None:
        """With the database back: what the other two bring about; then mend them and see that all is well."""
        self._attempt(self._end)

    def _end(self) -> None:
        assert self._caller is not None
        self._recovered[DATABASE] = self._caller.recovered(self._limits["recovered"])
        self._calls += self._caller.calls
        with users.at_edge(self._world, self._user) as http:
            http.timeout = httpx.Timeout(self._limits["answer"] + PATIENCE_SECONDS)
            self._controls.append({**_call(http, "GET", TODOS, None), "what": f"GET {TODOS} with the database back"})
            self._calls += [{**_chat(self._world, http), "outage": MODEL} for _ in range(2)]
            self._calls.append({**self._through_frontend(), "outage": PATH})
            self._try(PATH, "opening the page", lambda page: page.goto("/", wait_until="load"), or_works=True)
            self._try(MODEL, "a message", lambda page: _fill_and_click(page, "Message", f"add in vain {self._mark}", "Send"))
            self._lasted |= dict.fromkeys((MODEL, PATH), round(time.monotonic() - self._began, 1))
            mended = time.monotonic()
            self._mend()
            self._recovered[PATH] = self._until(mended, lambda: self._through_frontend()["status"] == 200)
            self._recovered[MODEL] = self._until(mended, lambda: _chat(self._world, http)["status"] == 200)
        title = f"after {self._mark}"
        steps = [Step(open="/"), *_add(title), Step(fill={"Message": f"add {title} by chat"}), Step(click="Send")]
        done, stopped = self._sitting.take([*steps, Step(see=f"“{title} by chat”")])
        self._normal.append({"what": "adding by form and by chat", "done": done, "stopped": stopped})

    def _until(self, began: float, works: Callable[[], bool]) -> float | None:
        while time.monotonic() - began < self._limits["recovered"] + PATIENCE_SECONDS:
            if works():
                return round(time.monotonic() - began, 1)
            time.sleep(CALL_SECONDS)
        return None

    def _through_frontend(self) -> dict[str, Any]:
        """Ask the frontend itself for something of the backend's: at the edge the backend has a way of its own.

        Through the API server, which hands on what a Service answers, errors and all, and which no policy of the release stops.
        """
        kube, app = self._world.kube, self._world.app
        name = next(iter(app.having("frontend")))
        service = live.service_of(kube, app, name)
        if service is None:
            raise ClusterError(f"component {name} has no Service", todo="Let one select its pods.")
        port = live.service_port(service, app.components[name].service_port)
        where = f"{kube.path('Service', app.namespace, service['metadata']['name'])}:{port}/proxy{document.PATH}"
        began = time.monotonic()
        seen: dict[str, Any] = {"what": f"GET {document.PATH} through the frontend", "ready": None, "error": ""}
        try:
            kube.request("GET", where, timeout=self._limits["answer"] + PATIENCE_SECONDS)
            seen |= {"status": 200, "json": True}
        except ApiError as error:
            seen |= {"status": error.status, "json": _is_json(error.reason), "error": error.reason[:200]}
        except ClusterError as error:
            seen |= {"status": None, "json": False, "error": error.message}
        return {**seen, "seconds": round(time.monotonic() - began, 2)}

    # the browser

    def _try(self, outage: str, what: str, action: Callable[[Page], Any], *, or_works: bool = False) -> None:
        """Do something that must fail, and see what the page says.

        Args:
            or_works: the browser may have another way to the backend, as it has where the edge leads there itself.
        """
        self._sitting.settle()
        page, began, text = self._sitting.page, time.monotonic(), None
        milliseconds = (self._limits["answer"] + PATIENCE_SECONDS) * 1000
        with suppress(Error):  # then nothing is shown, which is judged
            action(page)
            alert: Locator = page.locator(ALERT)
            works = page.get_by_role("button", name="Log out", exact=True)
            (alert.or_(works) if or_works else alert).first.wait_for(state="visible", timeout=milliseconds)
            text = " ".join(alert.first.inner_text().split()) if alert.count() else WORKS
        seconds = round(time.monotonic() - began, 1)
        picture = self._visit.screenshot(page, f"outage {outage} {what}")
        self._shown.append({"outage": outage, "what": what, "text": text, "seconds": seconds, "screenshot": picture})

    # the end

    def _mend(self) -> None:
        while self._mends:
            try:
                self._mends.pop()()
            except SeatrialError as error:  # the others must be mended all the same
                self._trouble.append(f"what was cut could not be mended: {error.message}")

    def close(self) -> None:
        """Whatever happened: call no more, and leave nothing cut."""
        if self._caller is not None:
            self._caller.stop()
        self._mend()

    def seen(self) -> dict[str, Any]:
        """What was seen.

        Returns:
            ``controls`` (what, status, error: before anything was cut, or with the database back), ``calls`` (outage, what,
            status, json: whether the body is, seconds, ready: backends at that time where it is not, error, broke: how the
            connection broke off), ``shown`` (outage, what, text that the page told or None, seconds, screenshot), ``lasted`` and
            ``recovered`` (outage -> seconds; recovered None where it did not), ``normal`` (what, done, stopped: afterwards),
            ``restarts`` (before, after: pod -> count), ``trouble`` (why the onlookers saw no more), ``limits``.
        """
        return {
            "controls": self._controls,
            "calls": self._calls,
            "shown": self._shown,
            "lasted": self._lasted,
            "recovered": self._recovered,
            "normal": self._normal,
            "restarts": {"before": self._before, "after": _restarts(self._world)},
            "trouble": self._trouble,
            "limits": self._limits,
        }


_SIGN_UP = (
    Step(open="/login?new=1"),
    Step(fill={"E-mail": "{marker}@example.com", "Password": "{password}"}),
    Step(click="Sign up"),
    Step(see="Log out"),
)


def _add(title: str) -> list[Step]:
    return [Step(fill={"New todo": title}), Step(click="Add"), Step(see=title)]


def _fill_and_click(page: Page, label: str, text: str, button: str) -> None:
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name=button, exact=True).click()


class Caller(threading.Thread):
    """Calls the API once a second: reads, and as soon as that fails tries to write and to chat too.

    Attributes:
        calls: from the first that failed on; see :meth:`Onlookers.seen`.
        failing: set when a call has failed.
    """

    def __init__(self, world: World, user: users.User, seconds: float) -> None:
        super().__init__(name="onlooker", daemon=True)
        self.calls: list[dict[str, Any]] = []
        self.failing = threading.Event()
        self._world = world
        self._http = users.at_edge(world, user)
        self._http.timeout = httpx.Timeout(seconds)
        self._writing = threading.Lock()
        self._reads_only = False
        self._over = threading.Event()
        self._mended: float | None = None
        self._well: float | None = None

    def run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            read = self._noted(lambda: _call(self._http, "GET", TODOS, None))
            if self._mended is not None and began > self._mended and read["status"] == 200:
                self._well = time.monotonic()
                break
            with self._writing:
                if self.failing.is_set() and not self._reads_only:
                    self._noted(lambda: _call(self._http, "POST", TODOS, {"title": "in vain"}))
                    self._noted(lambda: _chat(self._world, self._http))
            self._over.wait(CALL_SECONDS)
        self._http.close()

    def _noted(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Ask, and keep what failed; once more what broke off while no backend was left: the edge may have been changing."""
        call = ask()
        if call["status"] is None or call["status"] >= 400:
            self.failing.set()
        if self.failing.is_set() and self._mended is None:
            ready = None if call["json"] else _ready_backends(self._world)
            if call["broke"] and ready == 0:
                call = {**ask(), "broke": call["error"]}
            self.calls.append({**call, "outage": DATABASE, "ready": ready})
        return call

    def only_read(self) -> None:
        """Write no more; returns when the last attempt to is over. The database is being brought back from now on."""
        with self._writing:
            self._reads_only = True
            self._mended = time.monotonic()

    def recovered(self, limit: float) -> float | None:
        """Seconds from then until a call that began later was answered well; None where none was within the limit."""
        assert self._mended is not None
        self.join(max(0.0, self._mended + limit + PATIENCE_SECONDS - time.monotonic()))
        return round(self._well - self._mended, 1) if self._well is not None else None

    def stop(self) -> None:
        self._over.set()
        self.join()


def _call(http: httpx.Client, method: str, path: str, body: Any) -> dict[str, Any]:
    began = time.monotonic()
    broke = ""
    try:
        answer = http.request(method, path, json=body)
        status, text, error = answer.status_code, answer.text, "" if answer.is_success else answer.text[:200]
    except httpx.HTTPError as failure:
        status, text, error = None, "", f"{type(failure).__name__}: {failure}"
        broke = error if isinstance(failure, httpx.NetworkError | httpx.ProtocolError) else ""
    seconds = round(time.monotonic() - began, 2)
    told = {"what": f"{method} {path}", "status": status, "json": _is_json(text), "seconds": seconds, "error": error}
    return {**told, "broke": broke}


def _chat(world: World, http: httpx.Client) -> dict[str, Any]:
    assert world.app.chat is not None, "the reference application chats"
    return {**_call(http, "POST", world.app.chat.path, {"message": "good morning"}), "what": "chat", "ready": None}


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False


def _ready_backends(world: World) -> int | None:
    """How many backends the edge could ask; None where that cannot be read."""
    name = next(iter(world.app.having("backend")))
    try:
        service = live.service_of(world.kube, world.app, name)
        where = f"{live.SERVICE_NAME}={service['metadata']['name'] if service is not None else ''}"
        slices = world.kube.find("EndpointSlice", world.app.namespace, where)
    except SeatrialError:
        return None
    return len(live.ready_addresses(slices))


def _restarts(world: World) -> dict[str, int]:
    """Pod -> restarts, of what is not cut itself."""
    app = world.app
    cut = {app.data.component if app.data else None, app.chat.model if app.chat else None}
    names = [name for name in app.components if name not in cut]
    return {pod["metadata"]["name"]: live.restarts(pod) for name in names for pod in live.app_pods(world.kube, app, name)}


# what is cut beside the database; each returns what mends it


def _without_model(world: World) -> Callable[[], None]:
    kube, app = world.kube, world.app
    name = app.chat.model if app.chat else None
    workload = live.workload_of(kube, app, name) if name else None
    if workload is None:
        raise ClusterError(
            "no workload is known as the model's endpoint", todo="Name its component in chat.model of seatrial.yaml."
        )
    scaled = (workload["kind"], workload["metadata"]["name"], app.namespace)
    replicas = int(workload["spec"].get("replicas", 1))
    kube.scale(*scaled, 0)
    return lambda: kube.scale(*scaled, replicas)


def _without_path(world: World) -> Callable[[], None]:
    """Close the frontend's way to the backend in the policies that open it to leaving packets; what is connected may stay so."""
    kube, app = world.kube, world.app
    front, back = next(iter(app.having("frontend"))), next(iter(app.having("backend")))
    opening = [item for item in kube.find("NetworkPolicy", app.namespace) if _lets_out(item, *_labels(world, front, back))]
    if not opening:
        raise ClusterError(f"no policy opens the way from {front} to {back}, so it cannot be closed")
    for item in opening:
        kube.patch("NetworkPolicy", item["metadata"]["name"], app.namespace, {"spec": {"egress": []}})

    def mend() -> None:
        for item in opening:
            kube.patch("NetworkPolicy", item["metadata"]["name"], app.namespace, {"spec": {"egress": item["spec"]["egress"]}})

    return mend


def _labels(world: World, *names: str) -> list[dict[str, str]]:
    found = []
    for name in names:
        workload = live.workload_of(world.kube, world.app, name)
        found.append(workloads.pod_labels(workload) if workload is not None else {})
    return found


def _lets_out(policy: Object, caller: Mapping[str, str], called: Mapping[str, str]) -> bool:
    """Whether a policy of the caller's lets it call a pod with certain labels in the same namespace."""

    def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
        wanted = (selector or {}).get("matchLabels") or {}
        return bool(wanted) and wanted.items() <= labels.items()

    spec = policy["spec"]
    peers = [peer for rule in spec.get("egress") or [] for peer in rule.get("to") or []]
    return selects(spec.get("podSelector"), caller) and any(
        "namespaceSelector" not in peer and selects(peer.get("podSelector"), called) for peer in peers
    )


# judging


def judge_outages(seen: Mapping[str, Any]) -> Verdict:
    """M4-APP-09: in each outage calls fail soon and in JSON and the pages say so; nothing restarts; service returns in time."""
    if seen["trouble"]:
        return judge(len(seen["calls"]), "calls", unknown=[f"the onlookers saw no more: {text}" for text in seen["trouble"]])
    limits = seen["limits"]
    faults: list[Fault] = []
    unknown = [
        f"{item['what']} did not work without an outage ({item['error'] or item['status']}): what fails in one proves nothing"
        for item in seen["controls"]
        if item["status"] is None or item["status"] >= 400
    ]
    for outage in (DATABASE, MODEL, PATH):
        more, doubts = _outage_faults(outage, seen, limits)
        faults += more
        unknown += doubts
    for item in seen["normal"]:
        if item["stopped"]:
            faults.append(
                Fault(f"{item['what']} on the pages afterwards", item["stopped"], "as before the outages", "See its picture")
            )
    for pod, count in seen["restarts"]["after"].items():
        if count - seen["restarts"]["before"].get(pod, 0) > limits["restarts"]:
            found = f"{count - seen['restarts']['before'].get(pod, 0)} restarts"
            faults.append(
                Fault(f"Pod {pod}", found, f"{limits['restarts']:g}", "Let liveness ask nobody else, and catch what fails")
            )
    return judge(len(seen["calls"]) + len(seen["shown"]), "calls and pages", faults, unknown=unknown, evidence=_evidence(seen))


def _outage_faults(outage: str, seen: Mapping[str, Any], limits: Mapping[str, float]) -> tuple[list[Fault], list[str]]:
    subject = f"without the {outage}"
    calls = [call for call in seen["calls"] if call["outage"] == outage]
    faults = [fault for call in calls for fault in _call_faults(subject, call, limits["answer"])]
    unknown = []
    for what in sorted({call["what"] for call in calls}):
        if not any(call["json"] for call in calls if call["what"] == what) and not faults:
            unknown.append(f"{what} {subject}: the application itself answered none of these calls")
    if not calls:
        faults.append(Fault(f"calls {subject}", "none failed", "502 or 503 in JSON", "Find out who still answers, and from what"))
    for item in (item for item in seen["shown"] if item["outage"] == outage):
        if not item["text"]:
            faults.append(
                Fault(f"{item['what']} {subject}", "no alert on the page", "a sentence", "Tell users what did not work")
            )
        elif item["seconds"] > limits["answer"]:
            found = f"an alert after {item['seconds']} s"
            faults.append(Fault(f"{item['what']} {subject}", found, f"within {limits['answer']:g} s", "Give up sooner"))
    if calls and not any(item["outage"] == outage for item in seen["shown"]):
        unknown.append(f"nobody looked at the pages {subject}")
    if calls and seen["lasted"].get(outage, 0.0) < limits["outage"]:
        unknown.append(f"the outage of the {outage} lasted only {seen['lasted'].get(outage)} s of {limits['outage']:g} s")
    recovered = seen["recovered"].get(outage)
    if recovered is None or recovered > limits["recovered"]:
        found = "no normal service" if recovered is None else f"normal service after {recovered} s"
        faults.append(
            Fault(f"after the outage of the {outage}", found, f"within {limits['recovered']:g} s", "Reconnect by itself")
        )
    return faults, unknown


def _call_faults(subject: str, call: Mapping[str, Any], limit: float) -> Sequence[Fault]:
    """A call must fail, soon, with a status that says whose fault it is, in JSON.

    Where no backend is ready any more, as /ready demands without the database, nobody but the edge's own controller can answer,
    and its words are not the application's.
    """
    what = f"{call['what']} {subject}"
    if call["status"] is None or call["seconds"] > limit:
        found = f"{call['error'] or 'an answer'} after {call['seconds']} s"
        return [Fault(what, found, f"an answer within {limit:g} s", "Set time-outs that end before the client's")]
    if call["status"] not in UNAVAILABLE:
        return [
            Fault(what, f"status {call['status']}: {call['error']}", "502 or 503", "Catch what the dependency's client raises")
        ]
    if not call["json"] and call["ready"] != 0:
        return [
            Fault(what, f"status {call['status']} without JSON: {call['error']}", "a body of JSON", "Answer errors in JSON too")
        ]
    return []


def _evidence(seen: Mapping[str, Any]) -> list[Evidence]:
    found = []
    for outage in (DATABASE, MODEL, PATH):
        calls = [call for call in seen["calls"] if call["outage"] == outage]
        own = sum(call["json"] for call in calls)
        slowest = max((call["seconds"] for call in calls), default=0)
        text = f"without the {outage} for {seen['lasted'].get(outage)} s: {len(calls)} calls, {own} answered in JSON"
        text += f", the rest by the edge, which had no backend left; the slowest after {slowest} s" if own < len(calls) else ""
        broken = [call["broke"] for call in calls if call.get("broke")]
        text += f"; {len(broken)} broke off and were asked once more: {broken[0]}" if broken else ""
        found.append(Evidence(f"{text}; well {seen['recovered'].get(outage)} s after its repair", data=calls))
    found += [
        Evidence(f"{item['what']} without the {item['outage']}: {item['text']!r}", artefact=item["screenshot"])
        for item in seen["shown"]
    ]
    return [
        *found,
        Evidence("before and between the outages", data=seen["controls"]),
        Evidence("restarts", data=seen["restarts"]),
    ]

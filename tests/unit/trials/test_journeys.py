"""Journeys: a real browser on a page of this test's own, and what is made of a walk."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from seatrial.app import Journey, Step
from seatrial.journal import Redactor
from seatrial.toolchain import Toolchain
from seatrial.trials import journeys, users
from seatrial.world import World


def _chromium() -> Path | None:
    """The browser that the toolchain has already; a unit test fetches none."""
    with closing(Toolchain()) as toolchain:
        return toolchain.tool("chromium").path if toolchain.ready("chromium") else None


CHROMIUM = _chromium()

PAGE = b"""<!doctype html><title>shop</title>
<label for="t">Title</label><input id="t"><button id="b">Add</button><button>Add more</button><button>Twin</button><button>Twin</button><ul id="l"></ul>
<script>
setTimeout(() => fetch("/late").then(() => {
  document.getElementById("t").value = "";
  document.getElementById("b").onclick = () => fetch("/broken", {method: "POST"}).then(() => {
    const item = document.createElement("li");
    item.textContent = document.getElementById("t").value;
    document.getElementById("l").append(item);
  });
}), 50);
</script>"""


DOOR = b"""<!doctype html><title>door</title>
<div role="tablist"><button role="tab" id="tab">Sign up</button></div>
<label for="p">Password</label><input id="p" type="password"><button id="enter">Log in</button>
<label><input type="checkbox" id="c">I agree</label>
<script>
const enter = document.getElementById("enter");
document.getElementById("tab").onclick = () => { enter.textContent = "Sign up"; };
enter.onclick = async () => {
  const agreed = document.getElementById("c").checked;
  await fetch("/slow", {method: "POST", body: enter.textContent + " " + agreed + " " + document.getElementById("p").value});
};
</script>"""


RENDERED = b"""<!doctype html><title>rendered</title>
<label for="t">Title</label><input id="t"><button id="b">Add</button><p id="p"></p>
<script>
const next = new MessageChannel();
let left = 200;
next.port1.onmessage = () => {  // takes the page over in pieces of 5 ms, as React does
  for (const until = performance.now() + 5; performance.now() < until;);
  if (left-- > 0) { next.port2.postMessage(0); return; }
  document.getElementById("t").value = "";
  document.getElementById("b").onclick = () => { document.getElementById("p").textContent = document.getElementById("t").value; };
};
setTimeout(() => fetch("/late").then(() => next.port2.postMessage(0)), 200);
</script>"""

MOVER = b"""<!doctype html><title>mover</title><button onclick="fetch('/late').then(() => location.replace('/rendered'))">Enter</button>"""

RESTLESS = b"""<!doctype html><title>restless</title><button onclick="this.textContent = 'Rung'">Ring</button>
<script>(async () => { for (;;) await fetch("/poll"); })();</script>"""


BUSY = b"""<!doctype html><title>busy</title><button onclick="this.textContent = 'Rung'">Ring</button>
<script>
const next = new MessageChannel();
next.port1.onmessage = () => { for (const until = performance.now() + 5; performance.now() < until;); next.port2.postMessage(0); };
next.port2.postMessage(0);
</script>"""

HUNG = b"""<!doctype html><title>hung</title><button>Ring</button><script>setTimeout(() => { for (;;); }, 100);</script>"""


class _Shop(BaseHTTPRequestHandler):
    hosts: ClassVar[list[str]] = []
    posted: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        if self.path == "/poll":
            time.sleep(0.3)
        known = "session=kim" in (self.headers["Cookie"] or "")
        pages = {
            "/": PAGE,
            "/door": DOOR,
            "/rendered": RENDERED,
            "/mover": MOVER,
            "/restless": RESTLESS,
            "/busy": BUSY,
            "/hung": HUNG,
            "/inside": b"<title>in</title>Hello Kim" if known else b"<title>out</title>Who are you?",
        }
        self._answer(200, pages.get(self.path, b""))

    def do_POST(self) -> None:
        if self.path != "/slow":
            self._answer(500, b"")
            return
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        time.sleep(0.5)  # longer than the browser would need to close
        self.posted.append(body)
        self._answer(200, b"", cookie="session=kim; HttpOnly; SameSite=Strict; Path=/")

    def _answer(self, status: int, body: bytes, *, cookie: str = "") -> None:
        self.send_response(status)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """As much of a world as a visitor needs; its edge is a server of this test."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def keep(name: str, content: bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return name

    monkeypatch.setattr(journeys, "STEP_SECONDS", 2.0)
    yield cast(
        World,
        SimpleNamespace(
            app=SimpleNamespace(ingress=SimpleNamespace(host="shop.local"), steps=lambda journey: journey.steps),
            cluster=SimpleNamespace(edge=SimpleNamespace(http=f"127.0.0.1:{server.server_port}")),
            journal=SimpleNamespace(redactor=Redactor()),
            run_id=tmp_path.name,
            toolchain=SimpleNamespace(tool=lambda name: SimpleNamespace(path=CHROMIUM)),
            artefact=keep,
        ),
    )
    server.shutdown()
    server.server_close()
    thread.join()


def journey(*steps: dict[str, Any], again: tuple[dict[str, Any], ...] = ()) -> Journey:
    return Journey(name="Buy milk!", steps=tuple(Step(**step) for step in steps), again=tuple(Step(**step) for step in again))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_walks_to_the_end_and_to_where_it_stops(world: World, tmp_path: Path) -> None:
    steps: list[dict[str, Any]] = [
        {"open": "/"},
        {"fill": {"Title": "milk {marker}"}},
        {"click": "Add"},
        {"see": "milk {marker}"},
    ]
    with journeys.visitor(world) as visit:
        whole = visit.walk(journey(*steps), "run 7")
        broken = visit.walk(journey(*steps[:3], {"click": "Twin"}), "run 8")

    assert (whole["done"], whole["steps"], whole["stopped"]) == (4, 4, "")
    assert len(whole["failed"]) == 1 and whole["failed"][0].endswith("/broken: status 500")
    assert any("500" in text for text in whole["console"])
    assert set(_Shop.hosts) == {"shop.local"}
    assert (tmp_path / whole["screenshot"]).read_bytes().startswith(b"\x89PNG")

    assert broken["done"] == 3
    assert broken["stopped"].startswith("click 'Twin': ") and "resolved to 2 elements" in broken["stopped"]
    assert (tmp_path / broken["screenshot"]).exists() and broken["screenshot"] != whole["screenshot"]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_page_that_another_one_turned_to_is_waited_for(world: World) -> None:
    steps: list[dict[str, Any]] = [
        {"open": "/mover"},
        {"click": "Enter"},
        {"see": "Title"},
        {"fill": {"Title": "{marker}"}},
        {"click": "Add"},
        {"see": "{marker}"},
    ]
    with journeys.visitor(world) as visit:
        seen = visit.walk(journey(*steps), "run-13")
    assert (seen["done"], seen["stopped"]) == (6, "")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("path", ["/restless", "/busy"])
def test_a_page_that_never_rests_is_used_all_the_same(world: World, path: str) -> None:
    with journeys.visitor(world) as visit:
        seen = visit.walk(journey({"open": path}, {"click": "Ring"}, {"see": "Rung"}), "run-14")
    assert (seen["done"], seen["stopped"]) == (3, "")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_page_that_hangs_stops_the_walk(world: World) -> None:
    with journeys.visitor(world) as visit, visit.sit("run-15") as sitting:
        done, stopped = sitting.take([Step(open="/hung"), Step(click="Ring")])
    assert done == 1 and stopped.startswith("click 'Ring': ")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_user_comes_back_with_his_cookies_in_another_browser(world: World, tmp_path: Path) -> None:
    steps: list[dict[str, Any]] = [
        {"open": "/door"},
        {"click": "Sign up"},
        {"click": "I agree"},
        {"fill": {"Password": "{password}"}},
        {"click": "Sign up"},
    ]
    profiles: journeys.Profiles = {}
    visits = journey(*steps, again=({"open": "/inside"}, {"see": "Hello Kim"}))
    with journeys.visitor(world, profiles) as visit:
        first = visit.walk(visits, "run-9")
    with journeys.visitor(world, profiles) as visit:
        known = visit.come_back(visits, "run-9", "after the upgrade")
        stranger = visit.come_back(visits, "run-10", "after the upgrade")

    assert (first["done"], first["stopped"]) == (5, "")
    assert _Shop.posted == [f"Sign up true {users.password(world)}"], "the button is clicked, and the page is let finish"
    assert (known["done"], known["stopped"]) == (2, "")
    assert stranger["done"] == 1 and "see 'Hello Kim'" in stranger["stopped"]
    assert first["screenshot"] != known["screenshot"]
    assert "session" not in str(known) + str(first)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_password_is_not_in_what_is_said(world: World) -> None:
    with journeys.visitor(world) as visit:
        seen = visit.walk(journey({"open": "/door"}, {"fill": {"No such field": "{password}"}}), "run-11")
    assert seen["stopped"].startswith("fill 'No such field = {password}': ")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_request_that_a_script_makes_later_is_waited_for(world: World) -> None:
    with journeys.visitor(world) as visit, visit.sit("run-12") as sitting:
        sitting.page.goto("/door", wait_until="load")
        sitting.page.evaluate("() => { setTimeout(() => fetch('/late'), 1000); }")
        sitting.await_answer(lambda answer: str(answer["url"]).endswith("/late"))
        assert sitting.seen.answers[-1]["kind"] == "fetch"


def walk(**changed: Any) -> dict[str, Any]:
    good = {"journey": "buy", "marker": "m", "steps": 4, "done": 4, "stopped": "", "crashed": False, "console": [], "requests": 9}
    return {**good, "failed": [], "seconds": 1.2, "screenshot": "evidence/buy.png", "rows": 1, "expected": 1, **changed}


def test_a_good_walk_has_no_fault() -> None:
    assert journeys.faults_of(walk(), while_="now") == []
    assert journeys.unknown_of(walk(), while_="now") == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"stopped": "click 'Add': Timeout", "done": 2}, "stopped at step 3 of 4: click 'Add'"),
        ({"failed": ["GET http://shop.local/api: status 502"]}, "1 of 9 requests failed, the first: GET"),
        ({"rows": 0}, "0 rows in the database, wanted 1"),
        ({"rows": 2}, "2 rows in the database, wanted 1"),
    ],
)
def test_what_went_wrong_is_said(changed: dict[str, Any], words: str) -> None:
    faults = journeys.faults_of(walk(**changed), while_="under revision 1")
    assert len(faults) == 1
    assert words in str(faults[0]) and str(faults[0]).startswith("journey 'buy' under revision 1")


def test_a_browser_that_crashed_proves_nothing() -> None:
    crashed = walk(crashed=True, stopped="see 'x': Page crashed", rows=0)
    assert journeys.faults_of(crashed, while_="now") == []
    assert len(journeys.unknown_of(crashed, while_="now")) == 1


def test_console_errors_and_the_screenshot_are_evidence() -> None:
    seen = journeys.seen(walk(console=["boom"]), while_="now")
    assert "4 of 4 steps in 1.2 s, 1 rows, 1 console errors" in seen.what
    assert seen.artefact == "evidence/buy.png"

"""One tour of a browser through the whole reference application; what is seen on it is judged by several criteria.

Before it, the same browser shows that it would tell: an error in the console, an exception, a picture that is missing, and a call
to the API from a foreign site, which it must be kept from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Error, Page

from seatrial.app import Step
from seatrial.trials import journeys, users
from seatrial.trials.database import marker
from seatrial.trials.journeys import Sitting, Visitor
from seatrial.verdict import Evidence
from seatrial.world import World, once

PAGES = {"landing": "/", "login": "/login", "todos": "/", "chat": "/chat"}
"""The pages that users see; the last two when they are known."""
CONTROL = "seatrial control"
MISSING = "/seatrial-control.png"


@once
def observe_browser(world: World) -> dict[str, Any]:
    """Show what the browser tells, then visit all pages, sign up, and do with todos what one does.

    Returns:
        ``origin``, ``api`` (paths of the backend), ``control`` (console, uncaught, missing: what was seen of each thing that went
        wrong on purpose), ``foreign`` (calls from another site: call, granted: the status that the page got to see, told: the
        console, unknown: why nothing could be called); of the tour ``parts`` (part, steps, done, stopped), ``pages``,
        ``created`` and ``remaining`` (titles and whether they are completed, as the page listed them; None where it came to no
        list), ``wanted`` (the same, as it should be), ``answers`` (see :class:`journeys.Seen`), ``console``, ``mixed``,
        ``crashed``, ``screenshot``.
    """
    mark = marker(world.run_id, "tour")
    number = int(world.limit("M4-APP-03", "created"))
    _, ingress = users.door(world)
    with journeys.visitor(world) as visit:
        control = _control(visit)
        foreign = _from_elsewhere(visit, f"http://{ingress.host}{_api(world)}")
        toured = _tour(visit, mark, number)
    return {"origin": f"http://{ingress.host}", "api": list(_prefixes(world)), "control": control, "foreign": foreign, **toured}


def _api(world: World) -> str:
    return f"{_prefixes(world)[0].rstrip('/')}/todos"


def _prefixes(world: World) -> Sequence[str]:
    """Paths at the edge that lead to the backend."""
    _, ingress = users.door(world)
    return [path for path, name in ingress.routes.items() if world.app.components[name].role == "backend"]


# controls


def _control(visit: Visitor) -> dict[str, Any]:
    """Let one thing of each kind go wrong on a page, and read what was seen of it."""
    with visit.sit("control") as sitting:
        sitting.take([Step(open=PAGES["login"])])
        page, seen = sitting.page, sitting.seen
        before = len(seen.console)
        page.evaluate(
            """([words, picture]) => {
                console.error(words);
                setTimeout(() => { throw new Error(words); });
                new Image().src = picture;
            }""",
            [CONTROL, MISSING],
        )
        sitting.seen.rest(page)
        told = seen.console[before:]
        missing = [answer["status"] for answer in seen.answers if urlsplit(answer["url"]).path == MISSING]
    return {
        "console": CONTROL in told,
        "uncaught": any(text.startswith(journeys.UNCAUGHT) and CONTROL in text for text in told),
        "missing": missing[0] if missing else None,
    }


def _from_elsewhere(visit: Visitor, url: str) -> list[dict[str, Any]]:
    """Call the API from a page of another site, as a plain request and as one that has to be asked for beforehand."""
    found = []
    with visit.sit("foreign") as sitting:
        page = sitting.page
        try:
            page.goto(f"http://{journeys.FOREIGN_HOST}/", wait_until="load")
        except Error as error:
            return [
                {
                    "call": "any",
                    "granted": None,
                    "told": [],
                    "unknown": f"no page of another site could be opened: {error.message}",
                }
            ]
        for call, headers in (("plain", {}), ("with a token", {"Authorization": "Bearer none"})):
            before = len(sitting.seen.console)
            granted = page.evaluate(
                "([url, headers]) => fetch(url, {headers}).then((answer) => answer.status, () => null)", [url, headers]
            )
            sitting.seen.rest(page)
            found.append({"call": call, "granted": granted, "told": sitting.seen.console[before:], "unknown": ""})
    return found


# the tour


def _tour(visit: Visitor, mark: str, number: int) -> dict[str, Any]:
    titles = [f"errand {count} {mark}" for count in range(1, number + 1)]
    changed = f"changed {mark}"
    parts = {
        "pages": _look_round(),
        "creating": [step for title in titles for step in _add(title)] + _look_again(titles),
        "changing": _change(titles, changed),
        "chat": _talk(f"errand by chat {mark}"),
    }
    wanted = {
        "created": [{"title": title, "completed": False} for title in titles],
        "remaining": [
            {"title": changed, "completed": False},
            {"title": titles[1], "completed": True},
            *({"title": title, "completed": False} for title in titles[3:]),
        ],
    }
    listed: dict[str, Any] = {}
    taken: list[dict[str, Any]] = []
    with visit.sit(mark) as sitting:
        for name, steps in parts.items():
            taken.append(_take(sitting, name, steps))
            if taken[-1]["stopped"]:
                break
            if name in ("creating", "changing"):
                listed["created" if name == "creating" else "remaining"] = _todos(sitting.page)
        screenshot = visit.screenshot(sitting.page, "tour")
        seen = sitting.seen
    return {
        "parts": taken,
        "pages": list(PAGES),
        "created": listed.get("created"),
        "remaining": listed.get("remaining"),
        "wanted": wanted,
        "answers": seen.answers,
        "console": seen.console,
        "mixed": seen.mixed,
        "crashed": seen.crashed,
        "screenshot": screenshot,
    }


def _take(sitting: Sitting, part: str, steps: Sequence[Step]) -> dict[str, Any]:
    done, stopped = sitting.take(steps)
    return {"part": part, "steps": len(steps), "done": done, "stopped": stopped}


def _look_round() -> list[Step]:
    """Every page, as nobody and as a user who has just signed up."""
    return [
        Step(open=PAGES["landing"]),
        Step(see="Sign up"),
        Step(open=PAGES["login"]),
        Step(see="Log in"),
        Step(click="Sign up"),
        Step(see="8 characters or more."),
        Step(fill={"E-mail": "{marker}@example.com", "Password": "{password}"}),
        Step(click="Sign up"),
        Step(see="Log out"),
        Step(open=PAGES["chat"]),
        Step(see="Tell the assistant what to do"),
        Step(open=PAGES["todos"]),
        Step(see="Nothing to do"),
    ]


def _add(title: str) -> list[Step]:
    return [Step(fill={"New todo": title}), Step(click="Add"), Step(see=title)]


def _look_again(titles: Sequence[str]) -> list[Step]:
    """The list as the server gives it to a page that is opened anew."""
    return [Step(open=PAGES["todos"]), *(Step(see=title) for title in titles)]


def _change(titles: Sequence[str], changed: str) -> list[Step]:
    """Update the first, complete the second and delete the third."""
    return [
        Step(click=f"Edit {titles[0]}"),
        Step(fill={"Title": changed}),
        Step(click="Save"),
        Step(see=changed),
        Step(click=titles[1]),
        Step(click=f"Delete {titles[2]}"),
        *_look_again([changed, titles[1], *titles[3:]]),
    ]


def _talk(title: str) -> list[Step]:
    return [Step(open=PAGES["chat"]), Step(fill={"Message": f"add {title}"}), Step(click="Send"), Step(see=f"“{title}”")]


def _todos(page: Page) -> list[dict[str, Any]]:
    """What the page lists, oldest first: open ones, then those that are done, as it groups them."""
    found = []
    for box in page.get_by_role("checkbox").all():
        try:
            name = box.evaluate("box => (box.labels[0] || box).textContent || box.getAttribute('aria-label')")
            found.append({"title": str(name).strip(), "completed": box.is_checked()})
        except Error as error:
            found.append({"title": f"unreadable: {error.message[:100]}", "completed": None})
    return found


# what other judges share


def stops(seen: Mapping[str, Any], *parts: str) -> list[dict[str, Any]]:
    """The parts of the tour that did not come to their end, or were not begun because one before them did not."""
    known = {part["part"]: part for part in seen["parts"]}
    never = {"steps": 0, "done": 0, "stopped": "not begun: the tour had stopped before"}
    return [item for name in parts if (item := known.get(name, {"part": name, **never}))["stopped"]]


def is_api(seen: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Whether a request of the tour went to the backend's routes, or is a script's to another origin."""
    url = urlsplit(answer["url"])
    ours = f"{url.scheme}://{url.netloc}" == seen["origin"]
    below = any(url.path == prefix or url.path.startswith(prefix.rstrip("/") + "/") for prefix in seen["api"])
    return answer["kind"] in (*journeys.SCRIPTED, "preflight") and (below or not ours)


def evidence(seen: Mapping[str, Any]) -> Evidence:
    """How far the tour came."""
    told = ", ".join(f"{part['part']} {part['done']}/{part['steps']} steps" for part in seen["parts"])
    return Evidence(f"a headless browser at {seen['origin']}: {told}", data=list(seen["parts"]), artefact=seen["screenshot"])

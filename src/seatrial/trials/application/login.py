"""Login issues a working JWT, and only to who knows the password (M4-APP-01)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx

from seatrial.app import Auth, SignIn
from seatrial.errors import SeatrialError
from seatrial.trials import users
from seatrial.trials.application import tokens
from seatrial.trials.users import Answer, User
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

PAGE = "/login"
ME = "/api/auth/me"
PARTS = 3
SKEW_SECONDS = 60
"""How far issued-at may lie ahead of this machine's clock."""


def observe_login(world: World) -> dict[str, Any]:
    """Sign up, log in, use the token, and fail to log in by a wrong password and as nobody.

    Returns:
        ``page`` (status, html), ``sign_up`` (why it made no user, empty where it did), ``login`` (status, wanted, parts, claims:
        names of those that are there, subject, issued and expires: seconds from now, algorithm, signed: None where the deployed
        key cannot be read, with ``why``), ``use`` (status, subject: of the user that the token stands for), ``refused`` (who,
        status, token: whether one came back); or ``missing``: what seatrial.yaml has to name first.
    """
    auth = world.app.auth
    assert auth is not None, "applies_when: auth"
    if auth.log_in is None:
        return {"missing": "auth.log_in"}
    mark, signed_up = users.try_to_sign_up(world, auth, "login")
    known = {"marker": mark, "password": users.password(world)}
    answer = users.ask(world, auth, auth.log_in, known)
    return {
        "missing": None,
        "page": _page(world),
        "sign_up": users.why_not(auth, signed_up),
        "login": {"status": answer.status, "said": answer.said, "wanted": auth.log_in.status, **_token(world, answer)},
        "use": _use(world, User(answer.token)),
        "refused": [
            _refused(world, auth, auth.log_in, "a wrong password", {**known, "password": f"not {known['password']}"}),
            _refused(world, auth, auth.log_in, "somebody unknown", {**known, "marker": f"{mark}-nobody"}),
        ],
    }


def _page(world: World) -> dict[str, Any]:
    with users.at_edge(world) as http:
        try:
            answer = http.get(PAGE, follow_redirects=True)
        except httpx.HTTPError as error:
            return {"status": None, "html": False, "error": f"{type(error).__name__}: {error}"}
    return {"status": answer.status_code, "html": "<html" in answer.text[:2000].lower(), "error": ""}


def _token(world: World, answer: Answer) -> dict[str, Any]:
    """What a token says, without the token."""
    now, claims = time.time(), tokens.claims(answer.token)
    seen: dict[str, Any] = {
        "parts": tokens.parts(answer.token),
        "algorithm": tokens.header(answer.token).get("alg"),
        "claims": sorted(claims),
        "subject": claims.get("sub"),
        "issued": _seconds(claims.get("iat"), now),
        "expires": _seconds(claims.get("exp"), now),
        "signed": None,
        "why": "",
    }
    try:
        seen["signed"] = tokens.is_signed(answer.token, tokens.deployed_key(world))
    except SeatrialError as error:
        seen["why"] = error.message
    return seen


def _seconds(value: Any, now: float) -> float | None:
    return round(value - now, 1) if isinstance(value, int | float) else None


def _use(world: World, user: User) -> dict[str, Any]:
    with users.at_edge(world, user) as http:
        try:
            answer = http.get(ME)
            return {"status": answer.status_code, "subject": str(answer.json().get("id")), "error": ""}
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            return {"status": None, "subject": None, "error": f"{type(error).__name__}: {error}"}


def _refused(world: World, auth: Auth, request: SignIn, who: str, known: Mapping[str, str]) -> dict[str, Any]:
    answer = users.ask(world, auth, request, known)
    return {"who": who, "status": answer.status, "token": bool(answer.token), "said": answer.said}


def judge_login(seen: Mapping[str, Any]) -> Verdict:
    """M4-APP-01: the page renders, the token is a JWT of the deployed key that works, and nobody else gets one."""
    if seen["missing"]:
        return judge(0, "answers", unknown=[f"seatrial.yaml names no {seen['missing']}"])
    faults, login = _page_faults(seen["page"]), seen["login"]
    if seen["sign_up"]:
        faults.append(Fault("sign-up", seen["sign_up"], "a user", "See the backend's log"))
    elif login["status"] != login["wanted"] or not login["parts"]:
        found = f"status {login['status']}: {login['said']}"
        faults.append(Fault("login", found, f"status {login['wanted']} with a token", "See the backend's log"))
    else:
        faults += _token_faults(login)
        if seen["use"]["status"] != 200 or seen["use"]["subject"] != login["subject"]:
            found = seen["use"]["error"] or f"status {seen['use']['status']}, user {seen['use']['subject']}"
            mend = "Accept at every route what login issues"
            faults.append(Fault(f"GET {ME} with the token", found, f"200, user {login['subject']}", mend))
    for entry in seen["refused"]:
        if entry["status"] != 401 or entry["token"]:
            found = f"status {entry['status']}{' and a token' if entry['token'] else ''}"
            faults.append(Fault(f"login by {entry['who']}", found, "401 and no token", "Compare the password's hash"))
    unknown = [login["why"]] if login["parts"] and login["signed"] is None else []
    lives = f"{login['expires']:.0f} s" if login["expires"] is not None else "an unknown time"
    text = f"{login['algorithm']} token of {login['parts']} parts with {', '.join(login['claims'])}, valid for {lives}"
    return judge(3 + len(seen["refused"]), "answers", faults, unknown=unknown, evidence=[Evidence(text)])


def _page_faults(page: Mapping[str, Any]) -> list[Fault]:
    if page["status"] == 200 and page["html"]:
        return []
    found = page["error"] or f"status {page['status']}{'' if page['html'] else ', no HTML'}"
    return [Fault(PAGE, found, "a page with status 200", "See the frontend's log")]


def _token_faults(login: Mapping[str, Any]) -> list[Fault]:
    faults = []
    if login["parts"] != PARTS or not login["algorithm"]:
        faults.append(Fault("token", f"{login['parts']} parts", f"{PARTS} parts, a JWT", "Issue a JWT"))
    if not login["subject"]:
        faults.append(Fault("token", f"claims {login['claims']}", "a subject", "Set sub"))
    if login["issued"] is None or login["issued"] > SKEW_SECONDS:
        faults.append(Fault("token", f"issued {login['issued']} s from now", "issued just now", "Set iat, in seconds"))
    if login["expires"] is None or login["expires"] <= 0:
        faults.append(Fault("token", f"expires {login['expires']} s from now", "a future expiry", "Set exp, in seconds"))
    if login["signed"] is False:
        mend = f"Sign by HS256 with {tokens.VARIABLE}"
        faults.append(Fault("token", "not signed with the deployed secret", f"the signature of {tokens.VARIABLE}", mend))
    return faults

"""JSON Web Tokens signed by HS256 (RFC 7515, RFC 7519): read, checked and forged.

By hand, since what must be refused is what a library refuses to make.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from seatrial.chart import workloads
from seatrial.errors import ClusterError
from seatrial.trials import live
from seatrial.world import World

HEADER = {"alg": "HS256", "typ": "JWT"}
VARIABLE = "BETTER_AUTH_SECRET"
"""Environment variable of the backend that holds the key."""
DAY = 86_400


def parts(token: str) -> int:
    """How many parts a token has; a JWT has three."""
    return len(token.split(".")) if token else 0


def header(token: str) -> dict[str, Any]:
    """The header; empty where it cannot be read."""
    return _read(token, 0)


def claims(token: str) -> dict[str, Any]:
    """The claims; empty where they cannot be read."""
    return _read(token, 1)


def _read(token: str, part: int) -> dict[str, Any]:
    try:
        text = token.split(".")[part]
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def sign(content: Mapping[str, Any], key: str) -> str:
    """A token with these claims."""
    signed = f"{_encode(json.dumps(HEADER).encode())}.{_encode(json.dumps(dict(content)).encode())}"
    return f"{signed}.{_signature(signed, key)}"


def is_signed(token: str, key: str) -> bool:
    """Whether a token bears the signature of this key."""
    signed, _, signature = token.rpartition(".")
    return signature == _signature(signed, key)


def _signature(signed: str, key: str) -> str:
    return _encode(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# forged


def expired(token: str, key: str) -> str:
    """The same token, a day too old."""
    now = int(time.time())
    return sign({**claims(token), "iat": now - 2 * DAY, "exp": now - DAY}, key)


def tampered(token: str, subject: str) -> str:
    """The same token in another one's name, the signature left as it was."""
    first, _, last = token.split(".")
    return f"{first}.{_encode(json.dumps({**claims(token), 'sub': subject}).encode())}.{last}"


# the deployed key


def deployed_key(world: World) -> str:
    """The key that the backend's Deployment reads.

    Raises:
        ClusterError: its Deployment, or the Secret that it names, has none.
    """
    kube, app = world.kube, world.app
    name = next(iter(app.having("backend")), "")
    workload = live.workload_of(kube, app, name) if name else None
    for reference in workloads.references(workload) if workload else []:
        if reference.kind != "Secret" or not reference.container or (reference.variable or VARIABLE) != VARIABLE:
            continue
        secret = kube.read("Secret", reference.name, app.namespace) or {}
        value = (secret.get("data") or {}).get(reference.key or VARIABLE)
        if value:
            key = base64.b64decode(value).decode()
            world.journal.redactor.hide(key, source=f"Secret {reference.name} / {reference.key or VARIABLE}")
            return key
    raise ClusterError(f"the backend's workload takes no {VARIABLE} from a Secret", todo="Give it by secretKeyRef.")

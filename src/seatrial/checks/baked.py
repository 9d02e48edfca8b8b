"""Secrets in images (M1-IMG-05)."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from seatrial.checks.remembered import digest, own_source, recall, remember
from seatrial.errors import Place
from seatrial.images import content
from seatrial.images.build import ImageBuild
from seatrial.images.content import SECRETS, Hit, find_secrets
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

AT_ONCE = 2
"""Archives that are read at the same time."""


@dataclass(frozen=True)
class Searched:
    """An image that was searched for secrets.

    Attributes:
        component: whose it is.
        build: how it was built.
        hits: in layers and configuration.
        args: build arguments whose value looks like a secret -> rule.
    """

    component: str
    build: ImageBuild
    hits: tuple[Hit, ...]
    args: Mapping[str, str]


def observe_secrets(world: World) -> list[Searched]:
    """Search every layer of every image; what an image of the same id was found to hold is remembered."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda name: _searched(world, name), world.images))


def _searched(world: World, name: str) -> Searched:
    build, args = world.images[name], world.app.components[name].image.args
    key = digest([own_source(content.__file__), build.id, build.base_image, build.canary])
    known = recall(world.toolchain.cache, "secrets", key)
    if known is None:
        canaries = {"build secrets": build.canary}
        hits = find_secrets(world.docker, build.reference, base=build.base_image or None, canaries=canaries)
        remember(world.toolchain.cache, "secrets", key, {"hits": [asdict(hit) for hit in hits]})
    else:
        hits = [Hit(**hit) for hit in known["hits"]]
    looking = {
        argument: rule for argument, value in args.items() for rule, pattern in SECRETS.items() if pattern.search(value.encode())
    }
    return Searched(name, build, tuple(hits), looking)


def judge_secrets(seen: list[Searched]) -> Verdict:
    """M1-IMG-05: no secret in any layer, in the history, the environment or the build arguments."""
    faults = []
    for each in seen:
        subject, place = f"the image of {each.component}", Place(each.build.dockerfile)
        for hit in each.hits:
            where = f"{hit.where} {hit.path}".strip() + (f" of the base {each.build.base_reference}" if hit.from_base else "")
            mend = "Give it as a build secret (RUN --mount=type=secret) or at run time, and change the secret: it is known now"
            faults.append(Fault(subject, f"{hit.rule} in {where}", "no secret", mend, place))
        for argument, rule in each.args.items():
            faults.append(
                Fault(subject, f"{rule} in the build argument {argument}", "no secret", "Give it as a build secret", place)
            )
    rules = f"{len(SECRETS)} kinds of secret and the canary that every build secret carries"
    told = [
        Evidence(f"{each.component}: all layers, history, environment, labels, command and build arguments: {rules}")
        for each in seen
    ]
    return judge(len(seen), "images", faults, evidence=told)

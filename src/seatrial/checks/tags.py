"""Names and tags of images (M1-IMG-06)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial import process, yamlfile
from seatrial.checks.parameters import own
from seatrial.checks.rendering import chart_path
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World


@dataclass(frozen=True)
class Named:
    """What M1-IMG-06 is judged on.

    Attributes:
        images: component -> (repository, tag, wanted end of the repository, whether the engine has it).
        version: the chart's appVersion.
        commit: the whole git commit; None outside a repository.
    """

    images: Mapping[str, tuple[str, str, str, bool]]
    version: str
    commit: str | None


def observe_names(world: World) -> Named:
    """Names as seatrial.yaml has them and the engine knows them."""
    images = {}
    for name, part in world.app.built().items():
        if part.role in ("frontend", "backend"):
            prefix = own(world, "M1-IMG-06", "image_prefix", part.image.repository.rpartition("-")[0] or part.image.repository)
            wanted = f"{prefix}-{part.role}" if world.app.reference else part.image.repository.rpartition("/")[2]
            known = world.docker.image(part.image.reference) is not None
            images[name] = (part.image.repository, part.image.tag, wanted, known)
    chart = yamlfile.load(chart_path(world) / "Chart.yaml")
    return Named(images, str(chart.get("appVersion") or ""), _commit(world.app.root))


def _commit(root: Path) -> str | None:
    git = shutil.which("git")
    done = process.run([git, "-C", root, "rev-parse", "HEAD"], timeout=10, check=False) if git else None
    return done.stdout.strip() if done is not None and done.returncode == 0 else None


def judge_names(seen: Named) -> Verdict:
    """M1-IMG-06: the expected repositories, and a tag that leads back to a version or commit."""
    faults = []
    for name, (repository, tag, wanted, known) in seen.images.items():
        subject = f"the image of {name}"
        if not (repository == wanted or repository.endswith(f"/{wanted}")):
            faults.append(Fault(subject, repository, wanted, "Rename it in seatrial.yaml and the chart"))
        if not known:
            faults.append(Fault(subject, f"no {repository}:{tag} in the engine", "it", "Build it under that name"))
        if not _traceable(tag, seen):
            mend = "Tag it with the version that the chart names"
            faults.append(
                Fault(subject, f"the tag {tag}", f"the chart's appVersion {seen.version or '(none)'} or the commit", mend)
            )
    told = [Evidence(f"{name}: {repository}:{tag}") for name, (repository, tag, _, _) in seen.images.items()]
    return judge(len(seen.images), "images", faults, evidence=told)


def _traceable(tag: str, seen: Named) -> bool:
    bare = tag.removeprefix("v")
    if seen.version and bare == seen.version.removeprefix("v"):
        return True
    return seen.commit is not None and len(tag) >= 7 and seen.commit.startswith(tag)

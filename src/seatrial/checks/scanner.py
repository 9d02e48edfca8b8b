"""What checkov says of Dockerfiles and of the rendered chart, in one call for both criteria (M5-SEC-01, M5-QA-01).

It knows no severity without its publisher's service: every finding counts, unless it is explained. Explained is what a file skips
with a reason (``checkov:skip=RULE:reason``, ``checkov.io/skip1: RULE=reason``), and each rule under ``security.findings`` in
seatrial.yaml.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from seatrial.app import FILE
from seatrial.chart.render import Rendered
from seatrial.checks.remembered import digest, own_source, recall, remember
from seatrial.checks.repository import Repository
from seatrial.errors import Place
from seatrial.tools import checkov
from seatrial.tools.checkov import DOCKERFILE, KUBERNETES, Finding, Scan
from seatrial.verdict import Evidence, Fault, Verdict, judge, not_applicable
from seatrial.world import World

RENDERED = Path("rendered.yaml")
"""The file that checkov reads the rendered chart from."""
_PLAIN = TypeAdapter(Scan)
EXPLAIN = "Mend it, or explain it: checkov:skip in the file, or security.findings in seatrial.yaml"


@dataclass(frozen=True)
class Scanned:
    """A scan and what is said of its findings.

    Attributes:
        scan: findings in the chart name the object and its template.
        dockerfiles: that were read.
        accepted: rule -> why what it finds stays.
        config: seatrial.yaml, which says so.
        limit: how many findings in manifests may stay unexplained.
    """

    scan: Scan
    dockerfiles: tuple[Path, ...]
    accepted: Mapping[str, str]
    config: Path
    limit: int


def observe_scan(world: World) -> Scanned:
    """checkov on all Dockerfiles of the repository and on the rendered chart; remembered while neither changes."""
    dockerfiles, rendered = Repository.of(world.app).dockerfiles, world.rendered
    texts = {Path(str(number), "Dockerfile"): path.read_bytes() for number, path in enumerate(dockerfiles)}
    texts[RENDERED] = _stream(rendered)
    origins = dict(zip(texts, dockerfiles, strict=False))
    found = _scan(world, texts)
    return Scanned(
        scan=replace(
            found,
            failed=tuple(_named(finding, origins, rendered) for finding in found.failed),
            skipped=tuple(_named(finding, origins, rendered) for finding in found.skipped),
            read=frozenset(origins[path] for path in found.read if path in origins),
        ),
        dockerfiles=dockerfiles,
        accepted=world.app.security.findings,
        config=world.app.root / FILE,
        limit=int(world.limit("M5-SEC-01", "findings")),
    )


def _stream(rendered: Rendered) -> bytes:
    """The rendered chart as it is installed: Helm gives each object the release's namespace, which checkov would miss."""
    objects = (item.put_into(rendered.namespace) for item in rendered.objects)
    return yaml.dump_all(objects, Dumper=yaml.CSafeDumper, explicit_start=True, allow_unicode=True, encoding="utf-8")


def _scan(world: World, texts: Mapping[Path, bytes]) -> Scan:
    """Scan copies of the files: checkov knows Dockerfiles by that name only."""
    cache, version = world.toolchain.cache, world.toolchain.lock().entry("checkov").version
    content = [part for name, text in texts.items() for part in (str(name), text)]
    key = digest([version, own_source(__file__), own_source(checkov.__file__), *content])
    known = recall(cache, "checkov", key)
    if known is not None:
        return _PLAIN.validate_python(known)
    with tempfile.TemporaryDirectory(prefix="seatrial-scan-") as scratch:
        folder = Path(scratch).resolve()
        for name, text in texts.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(text)
        found = checkov.scan(world.toolchain.tool("checkov").path, [folder / name for name in texts], folder=folder)
    remember(cache, "checkov", key, _PLAIN.dump_python(found, mode="json"))
    return found


def _named(finding: Finding, origins: Mapping[Path, Path], rendered: Rendered) -> Finding:
    """A finding with the object's usual name and its template, or with the Dockerfile that was copied."""
    if finding.place.path in origins:
        place = replace(finding.place, path=origins[finding.place.path])
        return replace(finding, resource=f"the Dockerfile {finding.resource.rpartition('.')[2]}".strip(), place=place)
    known = {f"{item.kind}.{item.namespace or rendered.namespace}.{item.name}": item for item in rendered.objects}
    item = known.get(finding.resource)
    return replace(finding, resource=item.subject, place=item.place()) if item else finding


def judge_manifests(seen: Scanned) -> Verdict:
    """M5-SEC-01: no finding in the rendered chart without an explanation, and no explanation without a finding."""
    unexplained = _unexplained(seen, KUBERNETES)
    faults = _faults(unexplained) if len(unexplained) > seen.limit else []
    found = {finding.rule for finding in seen.scan.failed}
    faults += _mute(seen, KUBERNETES) + [_out_of_date(seen, rule) for rule in seen.accepted if rule not in found]
    judged = seen.scan.passed.get(KUBERNETES, 0) + sum(finding.framework == KUBERNETES for finding in seen.scan.failed)
    unknown = [
        f"checkov could not parse the rendered chart ({name})" for name in seen.scan.unread if Path(name).name == RENDERED.name
    ]
    return judge(judged, "checks", faults, evidence=_told(seen, KUBERNETES), unknown=unknown)


def judge_dockerfiles(seen: Scanned) -> Verdict:
    """M5-QA-01: no finding in a Dockerfile without an explanation."""
    if not seen.dockerfiles:
        return not_applicable("there is no Dockerfile in the repository")
    faults = _faults(_unexplained(seen, DOCKERFILE)) + _mute(seen, DOCKERFILE)
    unknown = [f"checkov did not read {path}" for path in seen.dockerfiles if path not in seen.scan.read]
    return judge(len(seen.dockerfiles), "checks", faults, evidence=_told(seen, DOCKERFILE), unknown=unknown)


def _unexplained(seen: Scanned, framework: str) -> list[Finding]:
    return [each for each in seen.scan.failed if each.framework == framework and each.rule not in seen.accepted]


def _faults(findings: Iterable[Finding]) -> list[Fault]:
    """One for each rule: what explains it explains all that it finds."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    faults = []
    for rule, (first, *others) in by_rule.items():
        more = f" and {len(others)} more" if others else ""
        faults.append(Fault(f"{first.resource}{more}", f"{rule}: {first.title}", "no finding", EXPLAIN, first.place))
    return faults


def _mute(seen: Scanned, framework: str) -> list[Fault]:
    """Rules that a file skips without saying why."""
    return [
        Fault(finding.resource, f"{finding.rule} skipped without a reason", "a reason", "Write it after the rule", finding.place)
        for finding in seen.scan.skipped
        if finding.framework == framework and not finding.skipped
    ]


def _out_of_date(seen: Scanned, rule: str) -> Fault:
    found, mend = "an explanation of a rule that finds nothing", "Take it out of security.findings"
    return Fault(f"security.findings / {rule}", found, "none", mend, Place(seen.config))


def _told(seen: Scanned, framework: str) -> list[Evidence]:
    """What was accepted and what was skipped, each with its reason."""
    accepted = Counter(each.rule for each in seen.scan.failed if each.framework == framework and each.rule in seen.accepted)
    skipped = {(each.rule, each.skipped) for each in seen.scan.skipped if each.framework == framework and each.skipped}
    told = [Evidence(f"checkov {seen.scan.version}: {seen.scan.passed.get(framework, 0)} {framework} checks hold")]
    told += [
        Evidence(f"{rule}, found {count} times, accepted: {seen.accepted[rule]}") for rule, count in sorted(accepted.items())
    ]
    return told + [Evidence(f"{rule}, skipped in the file: {reason}") for rule, reason in sorted(skipped)]

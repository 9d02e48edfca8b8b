"""detect-secrets, the scanner of credentials that checkov brings along: its patterns over whole texts, in one call.

Only what has a form of its own is looked for. Its detectors of entropy and of variable names find something in every lock file
and every settings module; what is secret by its name is judged where it can be told from a reference, by
:mod:`seatrial.chart.secrecy`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seatrial import process
from seatrial.errors import ToolchainError

SECONDS = 120.0
"""For one call; 10 MB take some 5 s."""
REPORT_LINES = 1_000_000
LEFT_OUT = (
    "Azure Storage Account access key",  # of checkov's edition: takes every SHA-512 in base64 for one
    "Cloudant Credentials",
    "IBM COS HMAC Credentials",
    "IBM Cloud IAM Key",
    "SoftLayer Credentials",  # these four go by names of variables too, and take two thirds of the time
)
BASIC_AUTH = "Basic Auth Credentials"
ADDED = {
    "OpenAI or Anthropic key": r"(?<![\w-])sk-(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,}",
    "GitHub fine-grained token": r"\bgithub_pat_[A-Za-z0-9_]{40,}",
    "Google API key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "Azure Storage account key": r"\bAccountKey=[A-Za-z0-9+/]{86}==",
}
"""What the scanner's edition does not know, or knows too widely."""
_SCRIPT = """\
import bisect, json, re, sys
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import RegexBasedDetector
asked = json.load(sys.stdin)
known = get_mapping_from_secret_type_to_class()
detectors = {
    kind: (known[kind]().denylist, known[kind]().analyze_string)
    for kind in sorted(known)
    if issubclass(known[kind], RegexBasedDetector) and kind not in asked["left_out"]
}
detectors.update({kind: ([re.compile(pattern)], None) for kind, pattern in asked["added"].items()})
found = set()
for index, text in enumerate(asked["texts"]):
    ends = [match.start() for match in re.finditer("\\n", text)]
    for kind, (patterns, detect) in detectors.items():
        # Some throw out what only looks like one; where it stands, the patterns alone know.
        kept = set(map(str, detect(text))) if detect else None
        for pattern in patterns if kept or detect is None else ():
            for match in pattern.finditer(text):
                if kept is None or kept & {match[0], *match.groups()}:
                    value = match[1] if kind == asked["in_urls"] else match[0]
                    found.add((index, bisect.bisect_left(ends, match.start(0)) + 1, kind, value))
json.dump({"detectors": sorted(detectors), "found": sorted(found)}, sys.stdout)
"""


@dataclass(frozen=True)
class Hit:
    """What looks like a credential.

    Attributes:
        text: number of the text, as it was asked for.
        line: from 1.
        kind: as the scanner calls it.
        value: itself; it must not leave this process.
    """

    text: int
    line: int
    kind: str
    value: str = field(repr=False)


def scan(program: Path, texts: Sequence[str]) -> list[Hit]:
    """Look through texts, each by itself; the hits in their order.

    Args:
        program: checkov's; the scanner lies in the same environment.
        texts: at least one.

    Raises:
        ToolchainError: the scanner is not there, or says something else than findings.
        ProcessTimeout: it did not end in time.
    """
    interpreter = program.resolve().with_name("python")
    asked = {"texts": list(texts), "left_out": LEFT_OUT, "added": ADDED, "in_urls": BASIC_AUTH}
    # Isolated: nothing may be imported from what is judged.
    argv: list[str | Path] = [interpreter, "-I", "-c", _SCRIPT]
    done = process.run(argv, timeout=SECONDS, input=json.dumps(asked), check=False, kept_lines=REPORT_LINES)
    try:
        told = json.loads(done.stdout)
        assert len(told["detectors"]) > len(ADDED)
        return [Hit(int(index), int(line), str(kind), str(value)) for index, line, kind, value in told["found"]]
    except (ValueError, KeyError, AssertionError):
        said = " ".join(done.stderr.split())[-300:] or "nothing"
        raise ToolchainError(
            f"the scanner of credentials ended with {done.returncode} and said: {said}",
            todo="Remove checkov from the cache and run again: the scanner comes with it.",
        ) from None

"""``python tests/afterwards.py [ARGUMENTS]``: what the main job does after the suite, unless it was told to do less.

One round of faults on a cluster of its own, held against the run that the suite has just made, and the application's own tests.
Arguments are the main job's; tox knows no other way to say "only where there are none".
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = Path(sys.executable).parent
ROUND = "doors"
"""The shortest one that needs a cluster."""

STEPS: tuple[tuple[str | Path, ...], ...] = (
    ("seatrial", "sabotage", ROOT, "--only", ROUND, "--against", ROOT / "reports" / "latest"),
    ("pytest", f"--junitxml={ROOT / 'reports' / 'app' / 'junit.xml'}", ROOT / "tests" / "app"),
)

if sys.argv[1:]:
    print("Sabotage and the application's own tests are left out, because the main job was given arguments: run")
    print(f"`tox -e sabotage -- --only {ROUND}` and `tox -e app`.")
else:
    codes = [subprocess.run([PROGRAMS / program, *arguments]).returncode for program, *arguments in STEPS]
    sys.exit(next(filter(None, codes), 0))

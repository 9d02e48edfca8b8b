"""``python tests/app [ARGUMENTS]``, the main job's last step: the application's own tests, unless the job was told to do less.

Arguments are the main job's; tox knows no other way to say "only where there are none".
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PYTEST = Path(sys.executable).with_name("pytest")
FOLDER = Path(__file__).resolve().parent

if sys.argv[1:]:
    print("The application's own tests are left out, because the main job was given arguments: run `tox -e app`.")
else:
    os.execv(PYTEST, [str(PYTEST), f"--junitxml={FOLDER.parents[1] / 'reports' / 'app' / 'junit.xml'}", str(FOLDER)])

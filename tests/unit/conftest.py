import os
import shutil
from pathlib import Path

import pytest
from platformdirs import user_cache_path

pytest_plugins = ["pytester"]

# No test asks anybody but loopback; what a test starts finds all other ways closed.
for name in ("HTTPS_PROXY", "HTTP_PROXY"):
    os.environ[name] = os.environ[name.lower()] = "http://127.0.0.1:9"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost,::1"


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """A Helm that is already on this machine; these tests start no download and no build."""
    on_path = shutil.which("helm")
    built = sorted((user_cache_path("seatrial") / "tools" / "helm").glob("*/helm"))
    if on_path is None and not built:
        pytest.skip("no Helm on this machine yet: `seatrial doctor` says how to get it")
    return Path(on_path) if on_path else built[-1]

"""The run's own kubeconfig. The user's file and current context are read at most, and never written."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from ruamel.yaml import YAML

from seatrial.errors import ClusterError, ProcessError
from seatrial.tools.kubectl import Kubectl


def write_certificates(target: Path, *, name: str, server: str, ca: Path, certificate: Path, key: Path) -> None:
    """A kubeconfig with certificates inside, whose one cluster, user and context are called ``name``."""
    ca_data, certificate_data, key_data = (base64.b64encode(file.read_bytes()).decode() for file in (ca, certificate, key))
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": ca_data}}],
        "users": [{"name": name, "user": {"client-certificate-data": certificate_data, "client-key-data": key_data}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
    }
    with os.fdopen(_open_private(target), "w") as file:
        YAML().dump(content, file)


def copy_context(kubectl: Kubectl, target: Path) -> None:
    """A kubeconfig with nothing but the context that ``kubectl`` is set to, credentials included.

    Raises:
        ClusterError: there is no such context.
    """
    try:
        text = kubectl.run(["config", "view", "--minify", "--flatten", "--raw"]).stdout
    except ProcessError as error:
        raise ClusterError(
            f"the context {kubectl.context} cannot be used: {error.message}", todo="See `kubectl config get-contexts`."
        ) from error
    with os.fdopen(_open_private(target), "w") as file:
        file.write(text)


def _open_private(path: Path) -> int:
    """For writing, by nobody else to be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from seatrial.tools import helm as helm_module
from seatrial.tools.helm import Helm, HelmError, Severity
from seatrial.tools.helmfaults import ChartError

FAKE = """\
#!{python}
import json, os, sys
said = json.load(open({plan!r}))
heard = {{"argv": sys.argv[1:], "stdin": sys.stdin.read(),
         "env": {{key: value for key, value in os.environ.items() if key.startswith(("HELM", "KUBE"))}}}}
json.dump(heard, open({heard!r}, "w"))
sys.stdout.write(said["stdout"]); sys.stderr.write(said["stderr"]); sys.exit(said["code"])
"""


class Fake:
    """A program in Helm's place that says what a test plans and writes down how it was called."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "helm"
        self._plan, self._heard = folder / "plan.json", folder / "heard.json"
        self.path.write_text(FAKE.format(python=sys.executable, plan=str(self._plan), heard=str(self._heard)))
        self.path.chmod(0o755)

    def says(self, stdout: str = "", stderr: str = "", code: int = 0) -> None:
        self._plan.write_text(json.dumps({"stdout": stdout, "stderr": stderr, "code": code}))

    @property
    def heard(self) -> dict[str, Any]:
        return dict(json.loads(self._heard.read_text()))


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


@pytest.fixture
def helm(fake: Fake) -> Helm:
    env = {
        "PATH": "/usr/bin",
        "KUBECONFIG": "/users/own",
        "HELM_NAMESPACE": "other",
        "HELM_KUBECONTEXT": "other",
        "HELM_CACHE_HOME": "/c",
    }
    return Helm(fake.path, kubeconfig=Path("/run/kubeconfig"), context="trial", env=env)


STATUS = {
    "name": "r",
    "namespace": "n",
    "version": 3,
    "info": {"status": "deployed", "description": "done", "notes": "N"},
    "manifest": "M",
}


def test_every_call_goes_to_the_named_cluster_only(helm: Helm, fake: Fake) -> None:
    fake.says(json.dumps(STATUS))
    helm.status("r", namespace="n")
    assert fake.heard["env"] == {"KUBECONFIG": "/run/kubeconfig", "HELM_CACHE_HOME": "/c"}
    assert fake.heard["argv"] == ["status", "r", "--namespace", "n", "--output", "json", "--kube-context", "trial"]


def test_without_a_kubeconfig_no_cluster_is_reached(fake: Fake) -> None:
    fake.says("v3.19.0")
    assert Helm(fake.path, env={"KUBECONFIG": "/users/own"}).version() == "3.19.0"
    assert fake.heard["env"] == {"KUBECONFIG": "/dev/null"}


def test_template_live_asks_the_cluster_and_says_why_a_chart_refuses(helm: Helm, fake: Fake) -> None:
    fake.says("---\nkind: X\n")
    assert (
        helm.template_live(Path("c"), release="r", namespace="n", values=[Path("a.yaml")], overrides={"x": 1}) == "---\nkind: X\n"
    )
    argv = fake.heard["argv"]
    assert argv[:3] == ["template", "r", "c"] and {"--dry-run=server", "--no-hooks", "--kube-context"} <= set(argv)
    assert fake.heard["env"]["KUBECONFIG"] == "/run/kubeconfig"
    fake.says(stderr="Error: execution error at (c/templates/secret.yaml:3:8): secrets.token is required\n", code=1)
    with pytest.raises(ChartError, match=r"secrets\.token is required"):
        helm.template_live(Path("c"), release="r", namespace="n")


def test_template_gives_values_and_overrides_in_order(helm: Helm, fake: Fake) -> None:
    fake.says("---\nkind: X\n", stderr="engine.go: note\n")
    text = helm.template(
        Path("c"),
        release="r",
        namespace="n",
        values=[Path("a.yaml"), Path("b.yaml")],
        overrides={"x": {"y.z": 1}},
        kube_version="1.34.4",
    )
    assert text == "---\nkind: X\n"
    argv = fake.heard["argv"]
    assert argv[:3] == ["template", "r", "c"]
    assert [argv[i + 1] for i, word in enumerate(argv) if word == "--values"] == ["a.yaml", "b.yaml", "-"]
    assert json.loads(fake.heard["stdin"]) == {"x": {"y.z": 1}}
    assert argv[argv.index("--kube-version") + 1] == "1.34.4"


def test_too_much_output_is_refused(helm: Helm, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm_module, "RENDER_LINES", 100)
    for lines in (101, 5000):
        fake.says("x\n" * lines)
        with pytest.raises(ChartError, match="more than 100 lines"):
            helm.template(Path("c"), release="r", namespace="n", kube_version="1.34.4")
    fake.says("x\n" * 100)
    assert helm.template(Path("c"), release="r", namespace="n", kube_version="1.34.4").count("x") == 100


def test_lint_messages(helm: Helm, fake: Fake) -> None:
    fake.says(
        "==> Linting c\n[INFO] Chart.yaml: icon is recommended\n[WARNING] templates/x.yaml: object name does not conform\n"
        "[ERROR] templates/: parse error at (a/templates/x.yaml:3): unexpected EOF\n\nError: 1 chart(s) linted, 1 chart(s) failed\n",
        code=1,
    )
    lint = helm.lint(Path("c"))
    assert not lint.passed
    assert [(message.severity, message.path) for message in lint.messages] == [
        (Severity.INFO, "Chart.yaml"),
        (Severity.WARNING, "templates/x.yaml"),
        (Severity.ERROR, "templates/"),
    ]
    assert lint.messages[2].text == "parse error at (a/templates/x.yaml:3): unexpected EOF"


def test_one_process_lints_several_charts(helm: Helm, fake: Fake) -> None:
    fake.says(
        "==> Linting a\n[INFO] Chart.yaml: icon is recommended\n\n==> Linting b\n[WARNING] templates/x.yaml: is deprecated\n\n"
        "Error: 2 chart(s) linted, 1 chart(s) failed\n",
        code=1,
    )
    charts = [Path("b"), Path("a"), Path("c")]
    found = helm.lint_all(charts, namespace="n", values=[Path("v")], overrides={"x": 1}, kube_version="1.34.4")
    assert [[message.text for message in each] for each in found] == [["is deprecated"], ["icon is recommended"], []]
    assert fake.heard["argv"][:4] == ["lint", "b", "a", "c"] and fake.heard["stdin"] == '{"x": 1}'


def test_install_result(helm: Helm, fake: Fake) -> None:
    fake.says(json.dumps(STATUS))
    status = helm.install("r", Path("c"), namespace="n", timeout=90)
    assert (status.revision, status.status, status.notes, status.manifest) == (3, "deployed", "N", "M")
    assert fake.heard["argv"][-6:] == ["json", "--timeout", "90s", "--wait", "--kube-context", "trial"]


@pytest.mark.parametrize(
    ("stderr", "error", "words"),
    [
        (
            "Error: INSTALLATION FAILED: cannot re-use a name that is still in use\n",
            HelmError,
            "helm install failed: cannot re-use a name",
        ),
        ("Error: INSTALLATION FAILED: context deadline exceeded\n", HelmError, "deadline exceeded"),
        (
            "Error: INSTALLATION FAILED: execution error at (a/templates/x.yaml:1:2): key K is missing\n",
            ChartError,
            "c/templates/x.yaml:1:3: key K is missing",
        ),
    ],
)
def test_install_faults_are_the_charts_or_the_clusters(
    helm: Helm, fake: Fake, stderr: str, error: type[Exception], words: str
) -> None:
    fake.says(stderr=stderr, code=1)
    with pytest.raises(error, match=words):
        helm.install("r", Path("c"), namespace="n")


TEST_OUTPUT = """\
NAME: todo-app
STATUS: deployed
TEST SUITE:     todo-app-test
Last Started:   Thu Nov 20 12:00:00 2025
Last Completed: Thu Nov 20 12:00:05 2025
Phase:          {phase}
"""


@pytest.mark.parametrize(("phase", "code", "passed"), [("Succeeded", 0, True), ("Failed", 1, False), ("Succeeded", 1, False)])
def test_test_hooks(helm: Helm, fake: Fake, phase: str, code: int, passed: bool) -> None:
    fake.says(TEST_OUTPUT.format(phase=phase), code=code)
    run = helm.test("todo-app", namespace="n")
    assert run.passed is passed
    assert run.phases == (phase,)


def test_a_release_without_test_hooks_has_not_passed(helm: Helm, fake: Fake) -> None:
    fake.says("NAME: todo-app\nTEST SUITE: None\n")
    assert not helm.test("todo-app", namespace="n").passed


def test_questions_about_an_unknown_release(helm: Helm, fake: Fake) -> None:
    fake.says(stderr="Error: release: not found\n", code=1)
    for ask in (lambda: helm.history("zz", namespace="n"), lambda: helm.test("zz", namespace="n")):
        with pytest.raises(HelmError, match="release: not found"):
            ask()


def test_history_and_values(helm: Helm, fake: Fake) -> None:
    row = {
        "revision": 1,
        "updated": "2026",
        "status": "deployed",
        "chart": "a-1",
        "app_version": "1",
        "description": "Install complete",
    }
    fake.says(json.dumps([row]))
    assert [revision.status for revision in helm.history("r", namespace="n")] == ["deployed"]
    fake.says("null\n")
    assert helm.get_values("r", namespace="n") == {}

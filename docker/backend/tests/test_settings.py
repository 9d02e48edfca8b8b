from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from app.__main__ import main, uvicorn_command
from app.settings import Settings, SettingsError

URL = "postgresql://todo:hunter2@db:5432/todo"
FOLDER = Path(__file__).parents[1]
NEEDED = {"DATABASE_URL": URL, "BETTER_AUTH_SECRET": "hunter3" * 5}


class Recorded(dict[str, str]):
    """An environment that knows what was looked for."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


@pytest.fixture(scope="module")
def read() -> set[str]:
    """The variables that are read."""
    environment = Recorded(NEEDED)
    Settings.from_environment(environment)
    return environment.names


def test_defaults() -> None:
    settings = Settings.from_environment(NEEDED)
    assert (settings.port, settings.log_level, settings.rate_limit_per_minute, settings.cors_origins) == (8001, "INFO", 0, ())
    assert (settings.openai_api_key, settings.openai_base_url) == ("", "https://api.openai.com/v1")
    assert (settings.openai_model, settings.model_timeout_seconds, settings.token_lifetime_minutes) == ("gpt-4o-mini", 10, 720)


def test_an_empty_variable_is_one_that_is_not_set(read: set[str]) -> None:
    assert Settings.from_environment(dict.fromkeys(read, "") | NEEDED) == Settings.from_environment(NEEDED)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"])
def test_every_way_to_write_the_scheme_works(scheme: str) -> None:
    settings = Settings.from_environment(NEEDED | {"DATABASE_URL": f"{scheme}://todo:p%40ss@db/todo"})
    assert settings.database_url.drivername == "postgresql+psycopg"
    assert settings.database_url.password == "p@ss"


def test_all_variables(read: set[str]) -> None:
    environment = {
        **NEEDED,
        "PORT": "9001",
        "LOG_LEVEL": "debug",
        "RATE_LIMIT_PER_MINUTE": "60",
        "CORS_ORIGINS": "http://todo.local, https://todo.example",
        "TOKEN_LIFETIME_MINUTES": "5",
        "OPENAI_API_KEY": "sk-1\n",
        "OPENAI_BASE_URL": "http://model:8002/v1",
        "OPENAI_MODEL": "other",
        "MODEL_TIMEOUT_SECONDS": "20",
    }
    assert set(environment) == read
    settings = Settings.from_environment(environment)
    assert (settings.port, settings.log_level, settings.rate_limit_per_minute) == (9001, "DEBUG", 60)
    assert settings.cors_origins == ("http://todo.local", "https://todo.example")
    assert (settings.auth_secret, settings.openai_api_key) == (NEEDED["BETTER_AUTH_SECRET"], "sk-1")
    assert (settings.openai_base_url, settings.openai_model) == ("http://model:8002/v1", "other")
    assert (settings.token_lifetime_minutes, settings.model_timeout_seconds) == (5, 20)


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "hunter2"}, "DATABASE_URL is not a URL"),
        ({"DATABASE_URL": "postgresql://todo:hunter2@db:port/todo"}, "DATABASE_URL is not a URL"),
        ({"DATABASE_URL": "mysql://todo:hunter2@db/todo"}, "names mysql"),
        ({"BETTER_AUTH_SECRET": ""}, "BETTER_AUTH_SECRET is not set"),
        ({"BETTER_AUTH_SECRET": "hunter2"}, "BETTER_AUTH_SECRET has 7 characters"),
        ({"PORT": "eighty"}, "PORT is 'eighty'"),
        ({"PORT": "0"}, "PORT is '0'"),
        ({"RATE_LIMIT_PER_MINUTE": "-1"}, "RATE_LIMIT_PER_MINUTE"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        ({"TOKEN_LIFETIME_MINUTES": "0"}, "TOKEN_LIFETIME_MINUTES"),
        ({"MODEL_TIMEOUT_SECONDS": "1.5"}, "MODEL_TIMEOUT_SECONDS"),
        ({"OPENAI_BASE_URL": "model:8002/v1"}, "OPENAI_BASE_URL is not a URL"),
        ({"OPENAI_BASE_URL": "http://key:hunter2@model:port/v1"}, "OPENAI_BASE_URL is not a URL"),
    ],
)
def test_faults_name_the_variable_and_not_the_secret(environment: dict[str, str], names: str) -> None:
    with pytest.raises(SettingsError, match=names) as caught:
        Settings.from_environment(NEEDED | environment)
    assert "hunter" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_repr_hides_secrets() -> None:
    shown = repr(Settings.from_environment(NEEDED | {"OPENAI_API_KEY": "hunter4"}))
    assert "8001" in shown
    assert "hunter" not in shown


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_start_without_what_is_needed_stops(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for each, value in NEEDED.items():
        monkeypatch.setenv(each, value)
    monkeypatch.delenv(name)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert f"{name} is not set" in capsys.readouterr().out


def test_the_readme_names_every_variable(read: set[str]) -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(read)


def test_uvicorn_listens_where_port_says() -> None:
    command = uvicorn_command("/opt/venv/bin/uvicorn", Settings.from_environment(NEEDED | {"PORT": "9001"}))
    assert "--host=0.0.0.0" in command
    assert "--port=9001" in command
    assert "hunter2" not in " ".join(command)


def test_a_stop_waits_as_long_as_a_turn_of_the_chat_may_take() -> None:
    command = uvicorn_command("/opt/venv/bin/uvicorn", Settings.from_environment(NEEDED | {"MODEL_TIMEOUT_SECONDS": "20"}))
    assert "--timeout-graceful-shutdown=24" in command

"""What the backend reads from its environment. README.md documents the same table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
OPENAI_BASE_URL = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-4o-mini"
SHORTEST_SECRET = 32
"""Characters: what HMAC-SHA256 needs for its full strength (RFC 7518, 3.2)."""
CHAT_MARGIN_SECONDS = 4
"""What a turn of the chat may take beyond its time: a tool that runs to its end, and storing the answer."""


class SettingsError(ValueError):
    """A variable is missing or cannot be used; the message names it and never holds its value where that is secret."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The backend's configuration.

    Attributes:
        database_url: where PostgreSQL is, with the driver's name filled in.
        auth_secret: what tokens are signed with.
        port: TCP port to listen on.
        log_level: least severe level that is written.
        rate_limit_per_minute: requests to ``/api`` and ``/mcp`` per client and minute; 0 sets no limit.
        cors_origins: origins of other sites whose pages may call the API.
        token_lifetime_minutes: how long a token counts.
        openai_api_key: key for the model's endpoint; empty switches the chat off.
        openai_base_url: where the model's endpoint is.
        openai_model: name of the model.
        model_timeout_seconds: how long one turn of the chat may take.
    """

    database_url: URL = field(repr=False)
    auth_secret: str = field(repr=False)
    port: int = 8001
    log_level: str = "INFO"
    rate_limit_per_minute: int = 0
    cors_origins: tuple[str, ...] = ()
    token_lifetime_minutes: int = 720
    openai_api_key: str = field(default="", repr=False)
    openai_base_url: str = OPENAI_BASE_URL
    openai_model: str = OPENAI_MODEL
    model_timeout_seconds: float = 10

    @property
    def chat_seconds(self) -> float:
        """How long a request to the chat may take: the longest of all."""
        return self.model_timeout_seconds + CHAT_MARGIN_SECONDS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read every variable; an empty one counts as not set.

        Raises:
            SettingsError: DATABASE_URL or BETTER_AUTH_SECRET is missing, or a value cannot be used.
        """

        def integer(name: str, default: int, low: int, high: int) -> int:
            return _integer(name, environment.get(name, ""), default=default, low=low, high=high)

        return cls(
            database_url=_database_url(environment.get("DATABASE_URL", "")),
            auth_secret=_auth_secret(environment.get("BETTER_AUTH_SECRET", "")),
            port=integer("PORT", 8001, 1, 65535),
            log_level=_log_level(environment.get("LOG_LEVEL", "")),
            rate_limit_per_minute=integer("RATE_LIMIT_PER_MINUTE", 0, 0, 1_000_000),
            cors_origins=tuple(part.strip() for part in environment.get("CORS_ORIGINS", "").split(",") if part.strip()),
            token_lifetime_minutes=integer("TOKEN_LIFETIME_MINUTES", 720, 1, 525_600),
            # A Secret made from a file often ends in a line feed, which no HTTP header may hold.
            openai_api_key=environment.get("OPENAI_API_KEY", "").strip(),
            openai_base_url=_base_url(environment.get("OPENAI_BASE_URL", "") or OPENAI_BASE_URL),
            openai_model=environment.get("OPENAI_MODEL", "") or OPENAI_MODEL,
            model_timeout_seconds=integer("MODEL_TIMEOUT_SECONDS", 10, 1, 60),
        )


def _database_url(text: str) -> URL:
    if not text:
        raise SettingsError(
            "the environment variable DATABASE_URL is not set; set it to postgresql://USER:PASSWORD@HOST:PORT/NAME"
        )
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # "from None": the parser's own message repeats the URL, and the password with it.
        raise SettingsError("DATABASE_URL is not a URL; it must look like postgresql://USER:PASSWORD@HOST:PORT/NAME") from None
    if url.get_backend_name() not in ("postgres", "postgresql"):
        raise SettingsError(f"DATABASE_URL names {url.get_backend_name()}, but this application needs postgresql")
    return url.set(drivername="postgresql+psycopg")


def _auth_secret(text: str) -> str:
    advice = f"set it to {SHORTEST_SECRET} random characters or more, such as `openssl rand -hex 32` makes"
    if not text:
        raise SettingsError(f"the environment variable BETTER_AUTH_SECRET is not set; {advice}")
    if len(text) < SHORTEST_SECRET:
        raise SettingsError(f"BETTER_AUTH_SECRET has {len(text)} characters; {advice}")
    return text


def _base_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError("OPENAI_BASE_URL is not a URL; it must look like https://api.openai.com/v1")
    return text


def _integer(name: str, text: str, *, default: int, low: int, high: int) -> int:
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise SettingsError(f"{name} is {text!r}, but must be a whole number from {low} to {high}")
    return value


def _log_level(text: str) -> str:
    level = text.upper() or "INFO"
    if level not in LOG_LEVELS:
        raise SettingsError(f"LOG_LEVEL is {text!r}, but must be one of {', '.join(LOG_LEVELS)}")
    return level

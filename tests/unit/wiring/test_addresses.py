from __future__ import annotations

import pytest

from seatrial.wiring.addresses import in_file, in_variable, in_words


def told(found: object) -> list[str]:
    return [str(each) for each in found]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("URL", "http://api", ["api"]),
        ("URL", "http://API.Shop.SVC./x", ["api.shop.svc"]),
        ("URL", "postgresql+psycopg://u:p@db:5432/x?host=other", ["db:5432"]),
        ("URL", "http://api:80/users/@me", ["api:80"]),
        ("URL", "mongodb://a:27017,b:27018/x", ["a:27017", "b:27018"]),
        ("URLS", "http://a:1,http://b:2", ["a:1", "b:2"]),
        ("URL", "jdbc:sqlserver://db:1433;database=x", ["db:1433"]),
        ("URL", "mongodb+srv://cluster/x", []),
        ("URL", "s3://bucket/x", []),
        ("URL", "http://api:²", []),
        ("URL", "http://api:99999999999999", []),
        ("URL", "http://10.0.0.1:80 http://localhost http://[::1]:80", []),
        ("URL", "http://$(HOST):80", []),
        ("BROKERS", "kafka:9092", ["kafka:9092"]),
        ("db.host", "postgres", ["postgres"]),
        ("PGHOST", "postgres", ["postgres"]),
        ("HOST", "postgres", []),
        ("HOSTNAME", "0.0.0.0", []),
        ("SMTP_HOST", "none", []),
        ("GREETING", "hello", []),
        ("ANY", "api.shop.svc.cluster.local:80", ["api.shop.svc.cluster.local:80"]),
        ("CORS_ORIGINS", "http://web", []),
        ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://broker:9092,PLAINTEXT_HOST://desk:29092", ["broker:9092"]),
        ("KAFKA_CFG_ADVERTISED_LISTENERS", "EXTERNAL://minikube:30092, SASL_SSL://kafka-0.kafka:9093", ["kafka-0.kafka:9093"]),
        ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://localhost:9092,INSIDE://$(POD_NAME).kafka:9092,CONTROLLER://:9093", []),
        ("KAFKA_LISTENERS", "PLAINTEXT://broker:9092", []),
    ],
)
def test_variables(name: str, value: str, wanted: list[str]) -> None:
    assert told(in_variable(name, value)) == wanted


def test_a_port_that_is_usual_is_known_but_not_told() -> None:
    [http] = in_variable("URL", "http://api/x")
    assert (http.port, http.named, str(http)) == (80, False, "api")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["wait-for-it", "db:5432", "--", "serve"], ["db:5432"]),
        (["sh", "-c", "nc -z -w 2 db 5432 && pg_isready -U todo -h pg"], ["db:5432", "pg"]),
        (["pg_isready", "--host=127.0.0.1"], []),
        (["pg_isready", "-h", "pg", "-p", "5432"], ["pg"]),
        (["serve", "--bind", "0.0.0.0:8000", "app:main", "at", "12:30"], []),
        (["curl", "http://api:8001/health"], ["api:8001"]),
    ],
)
def test_commands(words: list[str], wanted: list[str]) -> None:
    assert told(in_words(words)) == wanted


def test_what_may_be_something_else_is_not_certain() -> None:
    [maybe] = in_words(["--image=worker:20240"])
    assert not maybe.certain
    [sure] = in_words(["worker:20240"])
    assert sure.certain


def test_files() -> None:
    text = "# http://old:1\nupstream app { server web:3000; }\nproxy_pass http://app;\n; http://older\nurl = http://api:80\n"
    assert told(in_file(text)) == ["api:80", "web:3000"]

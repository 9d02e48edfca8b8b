from __future__ import annotations

import pytest

from seatrial.wiring.logins import Asked, in_url


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("postgresql+asyncpg://shop:a%40b@Db.shop:5432/orders?x=1", Asked("db.shop", "postgres", "orders", "shop", "a@b")),
        ("jdbc:mysql://mysql:3306/blog", Asked("mysql", "mysql", "blog")),
        ("mariadb://root@db", Asked("db", "mysql", user="root")),
    ],
)
def test_what_a_url_asks_for(text: str, asked: Asked):
    assert list(in_url(text)) == [asked]


@pytest.mark.parametrize("text", ["http://postgres/orders", "postgresql", "postgresql://[db/orders"])
def test_what_asks_nothing_that_must_be_made(text: str):
    assert list(in_url(text)) == []

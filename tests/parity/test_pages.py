import httpx
import pytest


@pytest.mark.parametrize("path", ["/", "/login", "/login?new=1", "/chat"])
def test_a_page_is_there(nobody: httpx.Client, path: str) -> None:
    answer = nobody.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "Content-Security-Policy" in answer.headers


def test_another_page_is_not(nobody: httpx.Client) -> None:
    assert nobody.get("/no/such/page").status_code == 404

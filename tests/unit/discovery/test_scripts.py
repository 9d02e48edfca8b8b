from __future__ import annotations

import time

import pytest

from seatrial.discovery.scripts import Script, calls, reads


def found(*texts: str, page: bool = False) -> list[tuple[str, int, tuple[str, ...]]]:
    return [(each.address, each.line, each.variables) for each in calls([Script(text, page=page) for text in texts])]


CALLED = {
    "fetch": "fetch('http://localhost:8000/tasks')",
    "fetch of a template": "fetch(`http://localhost:8000/tasks/${id}`)",
    "the port is followed by an expression": "fetch(`http://localhost:8000${path}`)",
    "fetch of a window": "window.fetch('http://localhost:8000/tasks')",
    "axios": "axios('http://localhost:8000')",
    "axios with a type": "await axios.get<Task[]>('http://localhost:8000/tasks')",
    "axios's options": "axios({ method: 'get', url: 'http://localhost:8000/tasks' })",
    "an instance of axios": "const api = axios.create({\n baseURL: 'http://localhost:8000', timeout: 10 })",
    "axios's defaults": "axios.defaults.baseURL = 'http://localhost:8000'",
    "jQuery": "$.ajax({ type: 'GET', url: 'http://localhost:8000/tasks' })",
    "XMLHttpRequest": "request.open('GET', 'http://localhost:8000/tasks', true)",
    "socket.io": "const socket = io('http://localhost:8000')",
    "Angular": "return this.http.get<Task[]>('http://localhost:8000/tasks')",
    "Apollo": "new HttpLink({ uri: 'http://localhost:8000/graphql' })",
    "a constant": "const API = 'http://localhost:8000'\nfetch(API + '/tasks')",
    "a constant with a type": "export const API: string = 'http://localhost:8000';\nfetch(`${API}/tasks`)",
    "a constant of a constant": "const API = 'http://localhost:8000'\nconst TASKS = `${API}/tasks`\naxios.get(TASKS)",
    "a variable that is set once": "let api = 'http://localhost:8000'\nfetch(api)",
    "a field of a class": "class A {\n  private url = 'http://localhost:8000';\n  all() { return this.http.get(`${this.url}/tasks`) } }",
    "a bare field": "class A {\n  url = 'http://localhost:8000';\n  all() { return this.http.get(this.url) } }",
    "set in the constructor": "this.base = 'http://localhost:8000'\nfetch(this.base)",
    "a field of an object": "const config = { apiUrl: 'http://localhost:8000' }\nfetch(config.apiUrl + '/tasks')",
    "the other case": "if (id) { axios.put(url) } else { axios.post('http://localhost:8000/tasks') }",
    "a condition on a product": "if (products.length) { fetch('http://localhost:8000') }",
    "behind a comment's sign in a string": "const a = 'https://example.com'; fetch('http://localhost:8000')",
    "behind a template in a template": "const a = `x ${b ? `y ${c}` : '{'} z`; fetch('http://localhost:8000')",
}


@pytest.mark.parametrize("text", CALLED.values(), ids=CALLED)
def test_what_is_called(text: str):
    assert [(address, variables) for address, _, variables in found(text)] == [("http://localhost:8000", ())]


NOT_CALLED = {
    "a comment": "// fetch('http://localhost:8000')\n/* fetch('http://localhost:8000') */",
    "said": "console.log('http://localhost:8000')",
    "a constant that nothing calls": "const API = 'http://localhost:8000'\nconsole.log(API)",
    "another host": "fetch('http://localhost.example.com:8000'); fetch('https://example.com/?u=http://localhost:8000')",
    "only what the machine itself serves": "fetch('/api/tasks')",
    "a variable that is set again": "let api = 'http://localhost:8000'\nif (x) api = '/api'\nfetch(api)",
    "where somebody develops": "if (process.env.NODE_ENV === 'development') { fetch('http://localhost:8000') }",
    "the other case of production": "if (import.meta.env.PROD) { fetch('/api') } else { fetch('http://localhost:8000') }",
    "one line": "if (location.hostname === 'localhost') axios.defaults.baseURL = 'http://localhost:8000'",
    "a choice": "const API = location.hostname === 'localhost' ? 'http://localhost:8000' : '/api'\nfetch(API)",
    "settings of a window first": "const API = window.config.api || 'http://localhost:8000'\nfetch(API)",
    "what was stored first": "const API = localStorage.getItem('api') ?? 'http://localhost:8000'\nfetch(API)",
    "settings for development": "const config = { development: { apiUrl: 'http://localhost:8000' } }\nfetch(config[mode].apiUrl)",
    "by name for development": "const api = { dev: 'http://localhost:8000', prod: '/api' }\nfetch(api[mode])",
    "a field that says nothing": "const a = { url: 'http://localhost:8000' }\nfetch(request.url)",
    "a link": "window.location.href = 'http://localhost:8000/login'",
    "a test of equality": "const A = 'http://localhost:8000'\nif (A === origin) fetch('/api')",
}


@pytest.mark.parametrize("text", NOT_CALLED.values(), ids=NOT_CALLED)
def test_what_is_not_called(text: str):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("fetch((process.env.REACT_APP_API || 'http://localhost:8000') + '/tasks')", ("REACT_APP_API",)),
        ("const API = import.meta.env.VITE_API ?? 'http://localhost:8000'\nfetch(API)", ("VITE_API",)),
        ("const API = process.env['NEXT_PUBLIC_API'] || `http://localhost:8000`\nfetch(API)", ("NEXT_PUBLIC_API",)),
        ("const API = process.env.A || process.env.B || 'http://localhost:8000'\nfetch(API)", ("B", "A")),
        ("const TASKS = `${process.env.NEXT_PUBLIC_API || 'http://localhost:8000'}/tasks`\nfetch(TASKS)", ("NEXT_PUBLIC_API",)),
        ("axios.create({ baseURL: import.meta.env.VITE_API || 'http://localhost:8000' })", ("VITE_API",)),
    ],
)
def test_what_is_taken_where_a_variable_is_not_set(text: str, variables: tuple[str, ...]):
    assert found(text) == [("http://localhost:8000", 1, variables)]


@pytest.mark.parametrize("address", ["http://127.0.0.1:5000", "https://0.0.0.0", "ws://localhost:8080"])
def test_other_spellings(address: str):
    assert found(f"new WebSocket('{address}/ws')") == [(address, 1, ())]


def test_a_constant_is_called_where_it_is_imported():
    config = "export const API = 'http://localhost:8000'"
    [call] = calls([Script(config), Script("import { API } from './config'\nfetch(`${API}/x`)"), Script("fetch(API)")])
    assert (call.script, call.callers) == (0, {1}), "the last script has a constant of its own by that name"


def test_a_field_is_called_elsewhere():
    config = "export const environment = {\n  production: true,\n  apiUrl: 'http://localhost:8000'\n}"
    service = "class A { private base = environment.apiUrl; all() { return this.http.get(`${this.base}/tasks`) } }"
    assert found(config, service) == [("http://localhost:8000", 3, ())]
    assert found(config, "class B { apiUrl = '/api'; all() { return fetch(this.apiUrl) } }") == []


def test_of_pages_only_scripts_count():
    page = (
        "<a href='http://localhost:8000'>fetch('http://localhost:8000')</a>\n<script>\nfetch('http://localhost:8000')\n</script>"
    )
    assert found(page, page=True) == [("http://localhost:8000", 3, ())]
    assert found("<!-- <script>fetch('http://localhost:8000')</script> -->", page=True) == []


def test_who_calls_what_a_variable_holds():
    scripts = [Script("const API = process.env.REACT_APP_API\nexport const all = () => axios.get(`${API}/x`)"), Script("x")]
    assert reads(scripts, "REACT_APP_API") == {0}
    assert reads(scripts, "REACT_APP") == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "fetch(" * 20_000,
        "`${" * 30_000,
        "'" * 100_000,
        "{" * 100_000 + "'http://localhost'",
        "a." * 50_000,
        "if (" * 30_000 + "\nelse " * 9_000,
        "fetch('http://localhost:8000');\n" * 5_000,
        "const API = 'http://localhost:8000';\n" * 1_000,
    ],
)
def test_it_ends(text: str):
    started = time.monotonic()
    list(calls([Script(f"{text}\nfetch('http://localhost:1')"), Script(text, page=True)]))
    assert time.monotonic() - started < 20

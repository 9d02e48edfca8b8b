from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.app import App, apply_limits, load_app
from seatrial.criteria import load_catalogue
from seatrial.errors import ConfigError

MINIMAL = """\
seatrial: 1
name: shop
namespace: shop
chart:
  path: chart
  release: shop
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    return tmp_path


def load(folder: Path, text: str) -> App:
    (folder / "seatrial.yaml").write_text(text)
    return load_app(folder)


def test_the_smallest_file_is_enough(folder: Path):
    app = load(folder, MINIMAL)
    assert (app.name, app.root, app.reference) == ("shop", folder, False)
    assert app.missing_feature("frontend") == "seatrial.yaml names no component of role frontend"
    assert app.missing_feature("database") == "seatrial.yaml has no data section"
    assert app.missing_feature("auth") == "seatrial.yaml has no auth section"
    assert app.missing_feature("chat") == "seatrial.yaml has no chat section"


def test_the_programs_are_those_that_serve_or_the_workers(folder: Path):
    def component(name: str, role: str) -> str:
        return f"  {name}: {{role: {role}, image: {{repository: {name}, tag: 1.0.0}}, port: 80}}\n"

    kinds = {name: component(name, name) for name in ("frontend", "backend", "worker", "database")}
    whole = load(folder, MINIMAL + "components:\n" + "".join(kinds.values()))
    assert list(whole.serving()) == list(whole.programs()) == ["frontend", "backend"]
    hidden = load(folder, MINIMAL + "components:\n" + kinds["worker"] + kinds["database"])
    assert (list(hidden.serving()), list(hidden.programs())) == ([], ["worker"])
    assert hidden.missing_feature("serving") == "seatrial.yaml names no component of role frontend or backend"
    assert (hidden.missing_feature("program"), whole.missing_feature("serving")) == (None, None)
    stored = load(folder, MINIMAL + "components:\n" + kinds["database"])
    assert stored.missing_feature("program") == "seatrial.yaml names no component of role frontend, backend or worker"
    assert stored.missing_feature("upgrade") == "seatrial.yaml has no upgrade section"


def test_a_journey_begins_with_those_that_it_comes_after(folder: Path):
    text = """\
journeys:
  - {name: sign up, steps: [{open: /signup}]}
  - {name: add, after: sign up, steps: [{click: Add}]}
  - {name: change, after: add, steps: [{click: Change}]}
"""
    app = load(folder, MINIMAL + text)
    assert [step.open or step.click for step in app.steps(app.journeys[2])] == ["/signup", "Add", "Change"]
    assert len(app.steps(app.journeys[0])) == 1


def test_signed_in_users_and_chat_are_features(folder: Path):
    text = "auth: {sign_up: {path: /signup, body: {name: '{marker}'}, status: 201}, token: token}\nchat: {path: /chat}\n"
    app = load(folder, MINIMAL + text)
    assert (app.missing_feature("auth"), app.missing_feature("chat")) == (None, None)


def test_https_is_a_feature_where_its_switch_is_named(folder: Path):
    ingress = "ingress: {host: shop.local, routes: {}"
    assert load(folder, MINIMAL).missing_feature("tls") == "seatrial.yaml has no ingress.tls section"
    assert load(folder, MINIMAL + ingress + "}\n").missing_feature("tls") == "seatrial.yaml has no ingress.tls section"
    app = load(folder, MINIMAL + ingress + ", tls: {values: {tls: true}, secret: shop-edge}}\n")
    assert app.missing_feature("tls") is None


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("(?P<level>", "is no regular expression"), ("(?P<level>.) (?P<message>.)", r"it has no \(\?P<timestamp>...\)")],
)
def test_a_log_format_names_its_three_parts(folder: Path, pattern: str, words: str):
    component = "components: {{api: {{role: backend, image: {{repository: api, tag: '1'}}, port: 80, log_format: '{0}'}}}}\n"
    with pytest.raises(ConfigError, match=words):
        load(folder, MINIMAL + component.format(pattern))
    good = "(?P<timestamp>.)(?P<level>.)(?P<message>.)"
    assert load(folder, MINIMAL + component.format(good)).components["api"].log_format == good


@pytest.mark.parametrize(
    ("logs", "line", "words"),
    [
        (
            "  errors: [gave up]\n  harmless:\n    - {pattern: 'cold (', reason: the first user fills it}\n",
            10,
            "is no regular exp",
        ),
        (
            "  harmless: []\n  errors:\n    - gave up\n    - '*'\n",
            11,
            "logs.errors.1: is no regular expression: nothing to repeat",
        ),
        ("  errors: ['x*']\n", 8, "logs.errors.0: fits every line"),
        ("  harmless:\n    - {pattern: cold, reason: why}\n", 9, "logs.harmless.0.reason: "),
    ],
)
def test_patterns_of_log_lines_are_complained_of_with_their_line(folder: Path, logs: str, line: int, words: str):
    with pytest.raises(ConfigError, match=words) as caught:
        load(folder, MINIMAL + "logs:\n" + logs)
    assert caught.value.place is not None
    assert caught.value.place.line == line


def test_log_lines_may_be_declared_as_errors_and_as_harmless(folder: Path):
    assert load(folder, MINIMAL).logs.errors == ()
    app = load(folder, MINIMAL + "logs: {errors: ['gave up$'], harmless: [{pattern: cold, reason: the first user fills it}]}\n")
    assert (app.logs.errors, app.logs.harmless[0].pattern) == (("gave up$",), "cold")


def test_a_job_may_be_the_source_of_a_route(folder: Path):
    text = """\
components:
  db: {role: database, image: {repository: a, tag: b}, port: 5432}
jobs: {backup: {}, report: {labels: {app: report}}}
routes:
  - {from: backup, to: db, port: 5432}
  - {from: report, to: db, port: 5432}
"""
    app = load(folder, MINIMAL + text)
    assert app.labels("backup") == {"app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": "backup"}
    assert app.labels("report") == {"app": "report"}


def test_documents_are_where_most_have_them_unless_said_otherwise(folder: Path):
    assert load(folder, MINIMAL).documents.runbook == Path("docs/runbook.md")
    app = load(folder, MINIMAL + "documents: {runbook: ops/run.md, specifications: [a.md]}\n")
    assert (app.documents.runbook, app.documents.specifications) == (Path("ops/run.md"), (Path("a.md"),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("jobs: {ingress: {}}\n", r"jobs names 'ingress', which is a component's name or one that routes know already"),
        (
            "components:\n  db: {role: database, image: {repository: a, tag: b}, port: 5432}\n"
            "data: {component: db, user: u, database: d, backup: {job: backup}}\n",
            r"data\.backup\.job names 'backup', which is not among jobs",
        ),
        ("colour: red\n", r"seatrial\.yaml:7: unknown key colour"),
        (
            "components:\n  web:\n    role: clown\n    image: {repository: a, tag: b}\n    port: 80\n",
            r"seatrial\.yaml:9: components\.web\.role",
        ),
        (
            "components:\n  web: {role: frontend, image: {repository: a, tag: b}, port: 99999}\n",
            r"seatrial\.yaml:8: components\.web\.port",
        ),
        (
            "data: {component: db, user: u, database: d}\n",
            r"data\.component names the component 'db', which is not among components",
        ),
        (
            "waivers:\n  - {criterion: M1-TOOL-01, reason: because we can, owner: Kim, expires: someday}\n",
            r"seatrial\.yaml:8: waivers\.0\.expires",
        ),
        ("name: twice\n", r"seatrial\.yaml:7"),
        ("journeys:\n  - name: buy\n    steps: [{open: /, click: Buy}]\n", r"a step is exactly one of open, fill, click, see"),
        (
            "journeys:\n  - {name: buy, after: sign up, steps: [{open: /}]}\n",
            r"journey 'buy' comes after 'sign up', which is no journey further up",
        ),
        (
            "journeys:\n  - {name: buy, steps: [{open: /}]}\n  - {name: buy, steps: [{open: /}]}\n",
            r"there are two journeys 'buy'",
        ),
        ("auth: {sign_up: {path: /signup}, token: token}\n", r"seatrial\.yaml:7: auth\.sign_up\.body"),
        ("documents: {handbook: a.md}\n", r"seatrial\.yaml:7: unknown key documents\.handbook"),
        (
            "documents: {environment: {web: a.md}}\n",
            r"documents\.environment names the component 'web', which is not among components",
        ),
        ("criteria: [own.yaml]\n", r"seatrial\.yaml:7: own\.yaml does not exist"),
    ],
)
def test_each_mistake_is_one_sentence_with_its_line(folder: Path, change: str, message: str):
    with pytest.raises(ConfigError, match=message) as caught:
        load(folder, MINIMAL + change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("namespace", ["default", "kube-system", "Not A Label"])
def test_a_namespace_that_is_not_ones_own_is_refused(folder: Path, namespace: str):
    with pytest.raises(ConfigError, match=r"seatrial\.yaml:3: namespace"):
        load(folder, MINIMAL.replace("namespace: shop", f"namespace: {namespace}"))


def test_a_missing_file_says_what_to_do(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"there is no seatrial\.yaml"):
        load_app(tmp_path)


def test_own_limits_replace_the_catalogues_and_an_unknown_one_names_its_line(folder: Path):
    app = load(folder, MINIMAL + "limits:\n  M1-HOST-01.cpus: 2\n")
    changed = apply_limits(app, load_catalogue(), folder / "seatrial.yaml")
    assert changed["M1-HOST-01"].limit("cpus") == 2
    app = load(folder, MINIMAL + "limits:\n  M1-HOST-01.wheels: 2\n")
    with pytest.raises(ConfigError, match=r"seatrial\.yaml:8: limit M1-HOST-01\.wheels does not exist"):
        apply_limits(app, load_catalogue(), folder / "seatrial.yaml")


def test_a_waiver_for_nothing_names_its_line(folder: Path):
    text = MINIMAL + "waivers:\n  - {criterion: M9-NONE-01, reason: because we can, owner: Kim, expires: 2026-12-01}\n"
    app = load(folder, text)
    with pytest.raises(ConfigError, match=r"seatrial\.yaml:8: waiver for M9-NONE-01"):
        apply_limits(app, load_catalogue(), folder / "seatrial.yaml")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_content_is_an_app_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, content: str | bytes):
    file = tmp_path_factory.mktemp("any") / "seatrial.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        load_app(file)
    except ConfigError as error:
        assert "\n" not in str(error)


def test_the_repository_describes_itself():
    app = load_app(Path(__file__).parents[2])
    assert app.reference and set(app.built()) == set(app.components) > {"frontend", "backend"}

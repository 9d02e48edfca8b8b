from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from seatrial.process import Completed
from seatrial.sabotage.answers import Answers
from seatrial.sabotage.foretold import foretell
from seatrial.sabotage.model import Edit, Fault

TEMPLATES = {"api.yaml": "kind: Deployment", "web.yaml": "kind: Service", "sum.yaml": "sum: {{ all of api.yaml }}"}


class Helm:
    """Prints each template below its source; ``{{ random }}`` is another word each time, ``{{ all of FILE }}`` that template."""

    def __init__(self) -> None:
        self.asked: list[Path] = []

    def __call__(self, argv: Any, **how: Any) -> Completed:
        if "--help" in argv:
            return Completed(tuple(map(str, argv)), 0, "Render chart templates locally", "", 0.1)
        chart = Path(argv[3])
        self.asked.append(chart)
        texts = {path.relative_to(chart): path.read_text() for path in sorted((chart / "templates").rglob("*.yaml"))}

        def filled(text: str) -> str:
            text = re.sub(r"\{\{ all of (\S+) }}", lambda found: texts[Path("templates", found[1])], text)
            return text.replace("{{ random }}", f"word{len(self.asked)}")

        stream = "".join(f"---\n# Source: shop/{path}\n{filled(text)}\n" for path, text in texts.items())
        return Completed(tuple(map(str, argv)), 0, stream, "", 0.1)


@pytest.mark.parametrize(
    ("edit", "foretold"),
    [
        (Edit("chart/templates/web.yaml", "Service", "Ingress"), True),
        (Edit("chart/templates/web.yaml", "Service", "{{ random }}"), False),
        (Edit("chart/templates/api.yaml", "Deployment", "Job"), False),
        (Edit("chart/values.yaml", "a: 1", "a: 2"), False),
    ],
    ids=["a template", "another rendering each time", "a template that another one takes in", "values"],
)
def test_a_fault_in_templates_alone_is_foretold_where_helm_says_the_same(tmp_path: Path, edit: Edit, foretold: bool):
    helm, fault = Helm(), Fault("f", (edit,))
    answers = Answers(helm)
    for name in ("well", "ill"):
        (tmp_path / name / "chart" / "templates").mkdir(parents=True)
        (tmp_path / name / "chart" / "values.yaml").write_text("a: 1\n")
        (tmp_path / name / "chart" / "Chart.yaml").write_text("name: shop\n")
        for template, text in TEMPLATES.items():
            (tmp_path / name / "chart" / "templates" / template).write_text(text)
    fault.apply(tmp_path / "ill")
    for release in ("one", "two"):
        answers.run(["/bin/helm", "template", release, tmp_path / "well" / "chart"], timeout=1)
    answers.run(["/bin/helm", "template", "--help"], timeout=1)  # where nothing is remembered of a documented command

    assert foretell(answers, tmp_path / "well", "chart", {tmp_path / "ill": fault}) == ([tmp_path / "ill"] if foretold else [])
    answers.answering = True
    before = len(helm.asked)
    said = answers.run(["/bin/helm", "template", "two", tmp_path / "ill" / "chart"], timeout=1)
    assert len(helm.asked) - before == int(not foretold)
    assert "fault-" not in said.stdout
    if foretold:
        assert "# Source: shop/templates/web.yaml\nkind: Ingress\n" in said.stdout and "Deployment" in said.stdout

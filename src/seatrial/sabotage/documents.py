"""Faults of the reference application's sources and documents. They show in files."""

from __future__ import annotations

from seatrial.sabotage.model import Edit, Sabotage

DOCUMENTS = "docs/todo-app"

IN_DOCUMENTS: tuple[Sabotage, ...] = (
    Sabotage(
        name="ai-tool-not-on-record",
        milestone=1,
        description="The record of the AI tools leaves open whether kagent can be used.",
        criterion="M1-AI-01",
        says="unknown on record",
        edits=(Edit(f"{DOCUMENTS}/records/0001-ai-tools.md", "| kagent | unavailable |", "| kagent | unknown |"),),
    ),
    Sabotage(
        name="fallback-that-cannot-be-run",
        milestone=1,
        description="The command that deploys without AI has an option that Helm does not know.",
        criterion="M1-AI-02",
        says="--instal",
        edits=(Edit(f"{DOCUMENTS}/ai-tools.md", "`helm upgrade --install ", "`helm upgrade --instal "),),
    ),
    Sabotage(
        name="frontend-without-a-build",
        milestone=1,
        description="The frontend's package.json has no build script: nobody can build it, and its Dockerfile cannot either.",
        criterion="M1-SRC-01",
        says="no build script",
        edits=(Edit("docker/frontend/package.json", '    "build": "next build",\n', ""),),
        consequences=("M1-DF-01",),
    ),
    Sabotage(
        name="dependency-nobody-wrote-down",
        milestone=1,
        description="The backend gets a dependency, and the analysis of its sources does not say so.",
        criterion="M1-SRC-02",
        says="orjson",
        edits=(Edit("docker/backend/requirements.in", "openai\n", "openai\norjson\n"),),
    ),
    Sabotage(
        name="decision-for-another-database",
        milestone=1,
        description="The decision says files, while code and chart keep the data in PostgreSQL.",
        criterion="M1-SRC-03",
        says="as the decision says",
        edits=(
            Edit(
                f"{DOCUMENTS}/decisions/0001-database.md",
                "PostgreSQL, in a StatefulSet of the chart with a volume claim of its own (`postgres.enabled`), or one",
                "SQLite, in a file on a volume claim of the backend, or one",
            ),
        ),
    ),
    Sabotage(
        name="specification-of-another-port",
        milestone=1,
        description="The backend's specification names a port where nobody listens.",
        criterion="M1-SPEC-01",
        says="port 8000",
        edits=(
            Edit(
                f"{DOCUMENTS}/specifications/network.md",
                "| frontend | backend | port 8001 |",
                "| frontend | backend | port 8000 |",
            ),
        ),
    ),
    Sabotage(
        name="variable-nobody-documents",
        milestone=1,
        description="The backend reads a variable by another name than its table has: what operators set does nothing.",
        criterion="M1-ENV-02",
        says="OPENAI_MODEL",
        edits=(Edit("docker/backend/README.md", "| `OPENAI_MODEL` |", "| `OPENAI_MODELL` |"),),
    ),
    Sabotage(
        name="value-nobody-explains",
        milestone=3,
        description="The backups' schedule has no comment: nobody can tell in what form it is written.",
        criterion="M3-CHART-04",
        says="backup.schedule",
        edits=(Edit("helm-chart/values.yaml", "  # When, in cron's syntax.\n", ""),),
    ),
    Sabotage(
        name="key-in-a-command",
        milestone=5,
        description="The runbook puts the key on the command line: it ends in the shell's history and in the release's values.",
        criterion="M5-SEC-02",
        says="OPENAI_API_KEY",
        edits=(
            Edit(
                f"{DOCUMENTS}/runbook.md",
                "todo-app-secrets --namespace todo-app --from-env-file=secrets.private.env",
                "todo-app-secrets --namespace todo-app --from-literal=OPENAI_API_KEY=mine",
            ),
        ),
    ),
    Sabotage(
        name="key-in-the-repository",
        milestone=5,
        description="Somebody's key stands in the load test: whoever clones the repository pays with it.",
        criterion="M5-SEC-02",
        says="found what looks like: OpenAI or Anthropic key",
        edits=(
            Edit(
                "loadtests/locustfile.py",
                '"""Load on the Todo application: people',
                '# KEY = "sk-' + 'proj-Q8fK2mZ7xR4tW9pL3vB6nY1c"\n"""Load on the Todo application: people',
            ),
        ),
    ),
    Sabotage(
        name="symptom-without-a-solution",
        milestone=5,
        description="The guide describes a claim that stays Pending, and not what to do about it.",
        criterion="M5-DOC-02",
        says="no solution under",
        edits=(
            Edit(
                f"{DOCUMENTS}/TROUBLESHOOTING.md",
                "*Solution*: give the cluster a default StorageClass",
                "Give the cluster a default StorageClass",
            ),
        ),
    ),
    Sabotage(
        name="example-without-a-risk",
        milestone=5,
        description="An example of kubectl-ai does not say that the tool may propose to delete something.",
        criterion="M5-DOC-04",
        says="nothing under 'risk'",
        edits=(Edit(f"{DOCUMENTS}/ai-tools.md", "| it may propose a deletion: do not confirm |", "| |"),),
    ),
    Sabotage(
        name="grave-finding-left-open",
        milestone=5,
        description="The review knows that each pod reaches each other, and nobody has done anything about it.",
        criterion="M5-SEC-03",
        says="open, and high",
        edits=(
            Edit(
                f"{DOCUMENTS}/security-review.md",
                "and the internet, by default | high | closed |",
                "and the internet, by default | high | open |",
            ),
        ),
    ),
    Sabotage(
        name="runbook-of-another-release",
        milestone=5,
        description="The runbook looks at a Deployment that the chart does not make: in an incident its command finds nothing.",
        criterion="M5-DOC-01",
        says="todo-app-api",
        edits=(
            Edit(
                f"{DOCUMENTS}/runbook.md",
                "kubectl rollout status deployment/todo-app-backend",
                "kubectl rollout status deployment/todo-app-api",
            ),
        ),
    ),
    Sabotage(
        name="table-of-values-out-of-date",
        milestone=5,
        description="The table in the chart's README has a default that is not the one in force.",
        criterion="M5-DOC-03",
        says="backend.replicas",
        edits=(Edit("helm-chart/README.md", "| `backend.replicas` | integer | `2` |", "| `backend.replicas` | integer | `1` |"),),
    ),
    Sabotage(
        name="risk-nobody-does-anything-about",
        milestone=5,
        description="A risk stands in the list without a word on what is done about it.",
        criterion="M5-DOC-05",
        says="no mitigation",
        edits=(Edit(f"{DOCUMENTS}/risks.md", "| one scheme, from code to Ingress |", "| |"),),
    ),
)

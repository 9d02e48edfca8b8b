"""Files of the reference application that faults are put into."""

from __future__ import annotations

CHART = "helm-chart/templates"
BACKEND, FRONTEND = (f"{CHART}/{part}/deployment.yaml" for part in ("backend", "frontend"))
BACKEND_SERVICE, FRONTEND_SERVICE = (f"{CHART}/{part}/service.yaml" for part in ("backend", "frontend"))
BACKEND_BUDGET, FRONTEND_BUDGET = (f"{CHART}/{part}/pdb.yaml" for part in ("backend", "frontend"))
BACKEND_SCALER, FRONTEND_SCALER = (f"{CHART}/{part}/hpa.yaml" for part in ("backend", "frontend"))
DATABASE = f"{CHART}/postgres/statefulset.yaml"
DATABASE_SERVICE = f"{CHART}/postgres/service.yaml"
HELPERS = f"{CHART}/_helpers.tpl"
INGRESS = f"{CHART}/ingress.yaml"
MODEL = f"{CHART}/model/deployment.yaml"
MODEL_SERVICE = f"{CHART}/model/service.yaml"
NOTES = f"{CHART}/NOTES.txt"
POLICIES = f"{CHART}/networkpolicy.yaml"
QUOTA = f"{CHART}/resourcequota.yaml"
TEST_POD = f"{CHART}/tests/health.yaml"
VALUES = "helm-chart/values.yaml"
APPLICATION = "seatrial.yaml"
REFERENCE = "reference: true\n"
"""A line of it that others may be put behind."""
BACKEND_IMAGE, FRONTEND_IMAGE = "docker/backend", "docker/frontend"
APP = f"{BACKEND_IMAGE}/app"
PAGES = f"{FRONTEND_IMAGE}/src"

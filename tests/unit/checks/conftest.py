from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.app import App
from seatrial.chart.objects import parse
from seatrial.chart.render import Rendered

LABELS = """\
    app.kubernetes.io/name: shop
    app.kubernetes.io/instance: shop
    app.kubernetes.io/component: {component}
    app.kubernetes.io/part-of: shop
    app.kubernetes.io/version: "1.0"
    app.kubernetes.io/managed-by: Helm
"""
DEPLOYMENT = """\
---
# Source: shop/templates/{component}.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop-{component}
  labels:
{labels}
spec:
  revisionHistoryLimit: 5
  strategy: {{type: RollingUpdate, rollingUpdate: {{maxUnavailable: 0, maxSurge: 1}}}}
  selector:
    matchLabels: {{app.kubernetes.io/instance: shop, app.kubernetes.io/component: {component}}}
  template:
    metadata:
      labels: {{app.kubernetes.io/instance: shop, app.kubernetes.io/component: {component}}}
    spec:
      terminationGracePeriodSeconds: 30
      containers:
        - name: {component}
          image: shop-{component}:1.0
          ports: [{{name: http, containerPort: {port}}}]
          startupProbe: {{httpGet: {{path: {live}, port: http}}, timeoutSeconds: 2}}
          readinessProbe: {{httpGet: {{path: {ready}, port: http}}, timeoutSeconds: 2}}
          livenessProbe: {{httpGet: {{path: {live}, port: http}}, timeoutSeconds: 2}}
          lifecycle: {{preStop: {{sleep: {{seconds: 5}}}}}}
          resources:
            requests: {{cpu: 100m, memory: {request}}}
            limits: {{cpu: {cpu}, memory: {limit}}}
---
# Source: shop/templates/{component}.yaml
apiVersion: v1
kind: Service
metadata:
  name: shop-{component}
  labels:
{labels}
spec:
  selector: {{app.kubernetes.io/instance: shop, app.kubernetes.io/component: {component}}}
  ports: [{{name: http, port: {service_port}, targetPort: http}}]
---
# Source: shop/templates/{component}.yaml
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: shop-{component}
  labels:
{labels}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: shop-{component}}}
  minReplicas: 2
  maxReplicas: 5
  metrics:
    - {{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 70}}}}}}
    - {{type: Resource, resource: {{name: memory, target: {{type: Utilization, averageUtilization: 80}}}}}}
"""
REST = """\
---
# Source: shop/templates/tests/test.yaml
apiVersion: v1
kind: Pod
metadata:
  name: shop-test
  labels:
{labels}
  annotations: {{helm.sh/hook: test, helm.sh/hook-delete-policy: before-hook-creation}}
spec:
  restartPolicy: Never
  securityContext: {{runAsNonRoot: true}}
  containers:
    - name: ask
      image: shop-backend:1.0
      command: [ask, "http://shop-frontend:80/", "http://shop-backend:8001/health"]
      resources: {{requests: {{cpu: 10m, memory: 16Mi}}, limits: {{cpu: 20m, memory: 32Mi}}}}
---
# Source: shop/templates/ingress.yaml
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  labels:
{ingress}
spec:
  rules:
    - host: shop.local
      http:
        paths:
          - {{path: /, pathType: Prefix, backend: {{service: {{name: shop-frontend, port: {{number: 80}}}}}}}}
          - {{path: /api, pathType: Prefix, backend: {{service: {{name: shop-backend, port: {{number: 8001}}}}}}}}
"""


def _labels(component: str) -> str:
    return LABELS.format(component=component).rstrip("\n")


def healthy_text() -> str:
    front = DEPLOYMENT.format(
        component="frontend", labels=_labels("frontend"), port=3000, service_port=80, live="/api/health", ready="/api/health",
        request="128Mi", limit="256Mi", cpu="200m",
    )  # fmt: skip
    back = DEPLOYMENT.format(
        component="backend", labels=_labels("backend"), port=8001, service_port=8001, live="/health", ready="/ready",
        request="256Mi", limit="512Mi", cpu="500m",
    )  # fmt: skip
    return front + back + REST.format(labels=_labels("test"), ingress=_labels("ingress"))


@pytest.fixture
def healthy() -> str:
    """What a healthy chart of frontend, backend, test hook and Ingress renders."""
    return healthy_text()


@pytest.fixture
def render() -> Callable[..., Rendered]:
    """A rendering from its text, changed first: ``render(text, old, new, ...)``. Every ``old`` must be there."""

    def make(text: str, *changes: str, **fields: Any) -> Rendered:
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert old in text, old
            text = text.replace(old, new, 1)
        given: dict[str, Any] = {"release": "shop", "namespace": "shop", "values": (), "overrides": {}, "kube_version": "1.34.4"}
        chart = Path("shop")
        return Rendered(chart=chart, text=text, objects=parse(text, chart=chart), **{**given, **fields})

    return make


@pytest.fixture
def app() -> App:
    return App.model_validate(
        {
            "seatrial": 1,
            "name": "shop",
            "reference": True,
            "namespace": "shop",
            "chart": {"path": "chart", "release": "shop"},
            "components": {
                "frontend": {
                    "role": "frontend",
                    "image": {"repository": "shop-frontend", "tag": "1.0"},
                    "port": 3000,
                    "service_port": 80,
                    "health": {"live": "/api/health", "ready": "/api/health"},
                },
                "backend": {
                    "role": "backend",
                    "image": {"repository": "shop-backend", "tag": "1.0"},
                    "port": 8001,
                    "service_port": 8001,
                    "health": {"live": "/health", "ready": "/ready"},
                },
            },
            "ingress": {"host": "shop.local", "routes": {"/": "frontend", "/api": "backend"}},
        }
    )

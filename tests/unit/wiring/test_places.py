from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.chart.objects import ChartObject, parse
from seatrial.wiring.places import Places

TEMPLATE = """\
{{- if .Values.backend.enabled }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "shop.fullname" . }}-backend
spec:
  replicas: {{ .Values.backend.replicas }}
  template:
    spec:
      containers:
        {{- if .Values.proxy }}
        - name: proxy
          image: {{ .Values.proxy.image | quote }}
        {{- end }}
        - name: backend
          image: "{{ .Values.backend.image }}"
          args:
            - |
              name: not a key
              image: not one either
          env:
            - name: HOST
              value: db
            - name: PORT
              value: {{ $.Values.port | quote }}
{{- end }}
---
kind: Service
metadata:
  name: {{ include "shop.fullname" . }}-backend
spec:
  ports:
    - port: 80
---
kind: Service
metadata:
  name: {{ include "shop.fullname" . }}-frontend
spec:
  ports:
    - port: 81
"""
RENDERED = """\
# Source: shop/templates/a.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop-backend}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: backend
          image: shop-backend:1.0
          args: [x]
          env:
            - {name: HOST, value: db}
            - {name: PORT, value: "8001"}
---
# Source: shop/templates/a.yaml
apiVersion: v1
kind: Service
metadata: {name: shop-frontend}
spec: {ports: [{port: 81}]}
"""
CHART = Path("shop")
BACKEND = ("spec", "template", "spec", "containers", 0)


@pytest.fixture
def objects() -> tuple[ChartObject, ...]:
    return parse(RENDERED, chart=CHART)


@pytest.fixture
def places() -> Places:
    return Places({CHART / "templates" / "a.yaml": TEMPLATE}, {"port": 8001, "names": {"database": "shop-db"}, "on": True})


@pytest.mark.parametrize(
    ("path", "line", "value"),
    [
        (("spec", "replicas"), 7, "backend.replicas"),
        ((*BACKEND, "image"), 16, "backend.image"),
        ((*BACKEND, "env", 0, "value"), 23, None),
        ((*BACKEND, "env", 1, "value"), 25, "port"),
        ((*BACKEND, "readinessProbe", "httpGet"), 15, None),
        ((*BACKEND, "args", 0), 18, None),
        (("metadata", "labels"), 4, None),
        (("status",), 3, None),
    ],
)
def test_line_and_value(
    path: tuple[str | int, ...], line: int, value: str | None, places: Places, objects: tuple[ChartObject, ...]
) -> None:
    assert places.of(objects[0], path).line == line
    assert places.values_path(objects[0], path) == value


def test_the_document_of_the_same_name_is_taken(places: Places, objects: tuple[ChartObject, ...]) -> None:
    assert places.of(objects[1], ("spec", "ports", 0, "port")).line == 40
    assert places.written_out(objects[1], ("spec", "ports", 0, "port"))
    assert not places.written_out(objects[0], ("spec", "replicas"))


def test_without_the_template_the_file_is_named(objects: tuple[ChartObject, ...]) -> None:
    place = Places({}, {}).of(objects[0], ("spec",))
    assert (place.path, place.line) == (CHART / "templates" / "a.yaml", None)


def test_a_value_that_is_the_only_one_like_this() -> None:
    [item] = parse("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {DB: shop-db, ON: 'true'}\n", chart=CHART)
    places = Places({}, {"names": {"database": "shop-db"}, "on": True})
    assert places.values_path(item, ("data", "DB")) == "names.database"
    assert places.values_path(item, ("data", "ON")) is None
    assert Places({}, {"a": "shop-db", "b": "shop-db"}).values_path(item, ("data", "DB")) is None

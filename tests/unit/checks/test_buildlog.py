from __future__ import annotations

from seatrial.checks.buildlog import steps

LOG = """\
#0 building with "default" instance using docker driver

#4 [context node:22-alpine] registry.example/node:1
#4 DONE 0.0s

#5 [runner 1/4] FROM docker.io/library/node:22-alpine
#5 CACHED

#6 [deps 1/4] WORKDIR /app
#6 CACHED

#7 [deps 2/4] COPY package.json package-lock.json ./
#7 DONE 0.0s

#8 [deps 3/4] RUN npm ci
#8 1.204 npm error code E404
#8 3.900 added 20 packages, 0 errors
#8 4.100 - error-handling.ts
#8 DONE 4.2s

#9 [2/3] RUN npm run build
#9 CACHED
"""


def test_steps_are_those_of_the_dockerfile():
    found = {step.instruction: step for step in steps(LOG)}
    assert list(found) == ["WORKDIR /app", "COPY package.json package-lock.json ./", "RUN npm ci", "RUN npm run build"]
    assert [step.cached for step in found.values()] == [True, False, False, True]
    assert [step.works for step in found.values()] == [False, True, True, True]
    assert (found["RUN npm ci"].stage, found["RUN npm run build"].stage) == ("deps", "")


def test_error_lines_are_found_and_words_with_error_in_them_are_none():
    assert [step.errors for step in steps(LOG) if step.output] == [["npm error code E404"]]

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from seatrial.images.prove import ImageProof, ImagesSeen, Running, judge_running_images, observe_running_images
from seatrial.verdict import Outcome

BUILT = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
RUNNING = Running("todo-app-backend-1", "backend", BUILT, "IfNotPresent")
GOOD = ImageProof("backend", "todo-chatbot-backend:0.1.0", BUILT, BUILT, (RUNNING,))


def test_the_same_image_everywhere_passes() -> None:
    verdict = judge_running_images(ImagesSeen((GOOD,), ()))
    assert (verdict.outcome, verdict.judged, verdict.of_what) == (Outcome.PASSED, 1, "containers")


@pytest.mark.parametrize(
    ("proof", "says"),
    [
        (replace(GOOD, in_node=""), "found no such image"),
        (replace(GOOD, in_node=OTHER), "found bbbbbbbbbbbb"),
        (replace(GOOD, running=()), "found no container that runs it"),
        (replace(GOOD, running=(replace(RUNNING, image_id=OTHER),)), "still runs an older image"),
        (replace(GOOD, running=(replace(RUNNING, image_id=""),)), "found no image id yet"),
        (replace(GOOD, running=(replace(RUNNING, waiting="ErrImageNeverPull"),)), "found ErrImageNeverPull"),
        (replace(GOOD, running=(replace(RUNNING, pull_policy="Always"),)), "imagePullPolicy Always"),
    ],
)
def test_each_difference_fails(proof: ImageProof, says: str) -> None:
    verdict = judge_running_images(ImagesSeen((proof,), ()))
    assert verdict.outcome is Outcome.FAILED
    assert says in verdict.reason


def test_a_failed_pull_fails() -> None:
    verdict = judge_running_images(ImagesSeen((GOOD,), ("todo-app-x: Failed: Error: ErrImagePull",)))
    assert verdict.outcome is Outcome.FAILED


def test_nothing_built_is_nothing_to_judge() -> None:
    assert judge_running_images(ImagesSeen((), ())).outcome is Outcome.FAILED


def pod(image: str, image_id: str) -> dict[str, Any]:
    container = {"name": "backend", "image": image, "imagePullPolicy": "IfNotPresent"}
    status = {"name": "backend", "imageID": image_id, "state": {"running": {}}}
    waiting = {"name": "migrate", "imageID": "", "state": {"waiting": {"reason": "PodInitializing"}}}
    return {
        "metadata": {"name": "p1"},
        "spec": {"containers": [container], "initContainers": [{**container, "name": "migrate"}]},
        "status": {"containerStatuses": [status], "initContainerStatuses": [waiting]},
    }


def test_observation_matches_names_and_ids() -> None:
    app = SimpleNamespace(namespace="todo-app")
    builds = {"backend": SimpleNamespace(reference="todo-chatbot-backend:0.1.0", id=BUILT)}
    node = SimpleNamespace(
        node_images=lambda: [
            {"id": OTHER, "repoTags": ["docker.io/library/todo-chatbot-backend:0.0.9"]},
            {"id": BUILT, "repoTags": ["docker.io/library/todo-chatbot-backend:0.1.0"]},
        ]
    )
    objects = {
        "Pod": [pod("todo-chatbot-backend:0.1.0", f"docker-pullable://todo@{BUILT}"), pod("other:1", OTHER)],
        "Event": [
            {"reason": "Failed", "message": "Error: ImagePullBackOff", "involvedObject": {"name": "p1"}},
            {"reason": "Started", "message": "Started container", "involvedObject": {"name": "p1"}},
        ],
    }
    kube = SimpleNamespace(find=lambda kind, namespace, selector="": objects[kind])
    seen = observe_running_images(app, builds, node, kube)  # type: ignore[arg-type]
    assert seen.pull_faults == ("p1: Failed: Error: ImagePullBackOff",)
    (proof,) = seen.proofs
    assert proof.in_node == BUILT
    assert proof.running == (
        Running("p1", "migrate", "", "IfNotPresent", "PodInitializing"), Running("p1", "backend", BUILT, "IfNotPresent")
    )  # fmt: skip

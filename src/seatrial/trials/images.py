"""That the images which were built are the ones that run (M2-IMG-01)."""

from __future__ import annotations

from seatrial.images.prove import ImagesSeen, observe_running_images
from seatrial.trials import live
from seatrial.world import World


def observe_running(world: World) -> ImagesSeen:
    """Each built image, in the engine, in the node and in the pods."""
    # Other trials put copies beside the application's pods, which may just be starting.
    return observe_running_images(world.app, world.images, world.cluster, world.kube, f"!{live.HELPER}")

"""From the answer of a worker to the scene of a job."""

from __future__ import annotations

import dataclasses
from typing import Any

from vsdpo_jax.errors import UserError
from vsdpo_jax.render import wire
from vsdpo_jax.types import Scene


class RenderSetupError(UserError, RuntimeError):
    """This machine cannot render: a layer, a browser or a package is missing. One clear line."""


def read_answer(job: dict[str, Any], message: dict[str, Any], payload: bytes) -> Scene:
    """The scene of a job from the envelope and the frames of its answer.

    Raises:
      RenderSetupError: it is not the job that failed, but the farm.
    """
    if "setup" in message:
        raise RenderSetupError(message["setup"])
    source, kind, seconds = job["source"], job["kind"], message.get("seconds", 0.0)
    if message["status"] == "sandbox-setup":
        raise RenderSetupError(f"a render job could not be isolated: {message['message']}")
    if not message["status"]:
        try:
            return wire.read_scene(source, kind, payload, seconds)
        except wire.WireError as error:
            return wire.failure(source, kind, "no-result", f"the program answered nonsense: {error}")
    try:
        statements = wire.read_statements(source, payload)
    except wire.WireError:
        statements = ()
    scene = wire.failure(source, kind, message["status"], message["message"], statements)
    return dataclasses.replace(scene, seconds=seconds)


def with_pixels(drawn: Scene, reference: Scene) -> Scene:
    """The scene of a program with the pixels of another renderer, or with what went wrong there."""
    if reference.error is not None:
        return wire.failure(drawn.source, drawn.kind, reference.error.status, reference.error.message, drawn.statements)
    if reference.image.shape != drawn.image.shape:
        return wire.failure(drawn.source, drawn.kind, "no-result", "LibreOffice drew another size", drawn.statements)
    return dataclasses.replace(drawn, image=reference.image, seconds=drawn.seconds + reference.seconds)

"""A worker that draws decks with LibreOffice: the reference that the built-in renderer of slides is held against.

    python -m vsdpo_jax.render.office DESCRIPTOR LIMITS_JSON EXTRA_JSON

A farm with `slides="libreoffice"` runs every python-pptx program as always, then has its deck drawn here. LibreOffice
is loaded into this process and stays warm. It knows nothing of the program, so a scene keeps the elements of the
built-in layout and gets these pixels. A deck that hangs or crashes it takes the worker with it, which is then replaced.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
import resource
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vsdpo_jax.errors import UserError
from vsdpo_jax.render import landlock, namespaces, sandbox, seccomp, wire
from vsdpo_jax.render.deck_raster import FAMILIES, WIDTH
from vsdpo_jax.render.limits import RenderLimits
from vsdpo_jax.render.office_kit import Office, find_library, folders

# The same faces stand in for those that are not installed as in the built-in renderer.
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>{aliases}</fontconfig>"""
_ALIAS = "<alias binding='same'><family>{name}</family><accept>{others}</accept></alias>"
_NAMES = {
    "Carlito": "Carlito",
    "Caladea": "Caladea",
    "LiberationSans": "Liberation Sans",
    "LiberationSerif": "Liberation Serif",
    "LiberationMono": "Liberation Mono",
    "DejaVuSans": "DejaVu Sans",
}


class LibreOffice:
    """Draws pixels, without a display list. `folder` is where it keeps its settings and files."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "fonts.conf").write_text(_FONTS.format(aliases="".join(map(_alias, FAMILIES))))
        os.environ["FONTCONFIG_FILE"] = str(folder / "fonts.conf")
        self._office = Office(find_library(), folder / "profile")

    def draw(self, deck: bytes, heights: list[int] | None = None) -> list[np.ndarray]:
        """Draws all slides, uint8[height, WIDTH, 3]; raises ValueError for a deck that cannot be read.

        Args:
          deck: the file.
          heights: of the slides in pixels, where they must fit others; None for what their shape says.
        """
        path, picture = self.folder / "deck.pptx", self.folder / "slide.png"
        path.write_bytes(deck)
        document = self._office.open(path)
        try:
            width, height = document.size
            heights = heights or [round(WIDTH * height / width)] * document.slides
            if len(heights) != document.slides:
                raise ValueError(f"LibreOffice finds {document.slides} slides where there should be {len(heights)}")
            drawn = []
            for index, rows in enumerate(heights):
                document.draw(index, WIDTH, rows, picture)
                with Image.open(io.BytesIO(picture.read_bytes())) as opened:
                    pixels = Image.alpha_composite(Image.new("RGBA", opened.size, "white"), opened.convert("RGBA"))
                drawn.append(np.asarray(pixels.convert("RGB")))
            return drawn
        finally:
            document.close()


def _alias(name: str) -> str:
    return _ALIAS.format(name=name, others="".join(f"<family>{_NAMES[file]}</family>" for file in FAMILIES[name]))


def answer(office: LibreOffice, job: dict[str, Any], limits: RenderLimits) -> tuple[dict[str, Any], bytes]:
    """The envelope and the frames of one job. `job` has the `deck`, base64, and the `heights` of its slides."""
    began = time.monotonic()
    # Nothing of this process is left to decide when it is in LibreOffice's code, so the system ends it.
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds)
    status, message, frames = "", "", b""
    try:
        slides = office.draw(base64.b64decode(job["deck"]), job["heights"])
        image = np.concatenate(slides)
        result = {"width": image.shape[1], "height": image.shape[0], "elements": []}
        frames = wire.pack({"statements": []}) + wire.pack(result, image.tobytes())
    except ValueError as error:
        status, message = "no-result", str(error)[:400]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = round(time.monotonic() - began, 6)
    return {"id": job["id"], "status": status, "message": message, "seconds": seconds}, frames


def check(office: LibreOffice) -> str:
    """Draws a known deck; returns what is wrong, empty if nothing is."""
    import pptx

    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[0])
    slide.shapes.title.text = "healthy"
    buffer = io.BytesIO()
    presentation.save(buffer)
    try:
        (drawn,) = office.draw(buffer.getvalue())
    except ValueError as error:
        return f"the health check failed: {error}"
    return "" if np.ptp(drawn) > 100 else "the health check gave an empty picture"


def confine(folder: str, library: Path, limits: RenderLimits) -> dict[str, Any]:
    """Locks this process in: files, sockets, other processes, capabilities, memory."""
    layers = sandbox.probe(namespaces.enter())
    if layers.landlock:
        read = [*sandbox.readable_folders(), *folders(library), "/etc", "/proc", "/sys"]
        landlock.restrict(landlock.ruleset(read, [folder, *sandbox.DEVICES], browser=True))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sandbox.drop_capabilities()
    if layers.seccomp:
        seccomp.install(seccomp.job_filter(os.getpid()))
    return dataclasses.asdict(layers)


def serve(connection: socket.socket, limits: RenderLimits, folder: str) -> None:
    """Answers jobs until the other side closes."""
    problem, layers = "", None
    try:
        layers = confine(folder, find_library(), limits)
        office = LibreOffice(Path(folder))
        problem = check(office)
    except (UserError, OSError) as error:
        problem = str(error)
    _write(connection, {"ready": not problem, "problem": problem, "layers": layers, "pid": os.getpid()})
    while not problem and (frame := wire.receive(connection)) is not None:
        _write(connection, *answer(office, frame[0], limits))


def _write(connection: socket.socket, message: dict[str, Any], payload: bytes = b"") -> None:
    """Writes one frame as to a file: the calls that send on a socket are among those that are refused here."""
    view = memoryview(wire.pack(message, payload))
    while view:
        view = view[os.write(connection.fileno(), view) :]


def main() -> None:
    """Entry point of the process."""
    sandbox.die_with(os.getppid())
    sandbox.spare_others()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limits = RenderLimits(**json.loads(sys.argv[2]))
    folder = json.loads(sys.argv[3])["folder"]
    os.environ["TMPDIR"] = os.environ["HOME"] = tempfile.tempdir = folder
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection, limits, folder)
        # LibreOffice has threads that would keep the process.
        os._exit(0)


if __name__ == "__main__":
    main()

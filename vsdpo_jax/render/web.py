"""A worker that renders web pages and HTML slides with Chromium, through Playwright.

    python -m vsdpo_jax.render.web DESCRIPTOR LIMITS_JSON EXTRA_JSON

Nothing reaches the network: a filter refuses every socket that is not a Unix socket, for the whole browser; requests
are answered here, only the document itself with content; and a content security policy forbids the rest. Pages without
a script share one page that runs none; a page with scripts gets a context of its own. A page that does not finish in
time is closed; a browser that is lost ends its worker, because a fresh one has all the time that a start takes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import socket
import sys
import tempfile
import time
from typing import Any

from playwright.async_api import Error

from vsdpo_jax.errors import UserError
from vsdpo_jax.render import landlock, namespaces, sandbox, seccomp, wire
from vsdpo_jax.render.browser import find_chromium
from vsdpo_jax.render.limits import RenderLimits
from vsdpo_jax.render.web_renderer import BrowserLost, PageLost, PageTooLarge, WebRenderer

HEALTHY = "<!doctype html><body style='background:#fff'><h1>healthy</h1></body>"
ATTEMPTS = 2


async def answer(renderer: WebRenderer, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The envelope and the frames of one job; what goes wrong in the page is a status.

    Raises:
      BrowserLost: the browser is gone.
    """
    began = time.monotonic()
    status, message, frames = "", "", b""
    for _ in range(ATTEMPTS):
        try:
            result, pixels, document = await renderer.render(job["source"], job["kind"], job.get("assets"))
        except TimeoutError:
            status, message = "timeout", "the page was not ready when its time was up"
            break
        except PageTooLarge:
            status, message = "oom", "the page used more memory than a job may"
            break
        except (PageLost, Error) as error:
            # Perhaps somebody else ended the page; one that ends again has done it itself.
            status, message = "died", "the page crashed: " + (str(error).splitlines() or ["its process ended"])[0][:200]
            if not await renderer.tidy(doubtful=True):
                raise BrowserLost(begun=True) from None
            continue
        except BrowserLost:
            raise
        except Exception as error:
            # The page made something of itself that nobody thought of.
            status, message = "died", f"the page cannot be read: {type(error).__name__}: {error}"[:300]
            break
        rows = [[s.start, s.end, s.line_start, s.line_end] for s in document.statements]
        status, message, frames = "", "", wire.pack({"statements": rows}) + wire.pack(result, pixels)
        break
    seconds = round(time.monotonic() - began, 6)
    return {"id": job.get("id"), "status": status, "message": message, "seconds": seconds}, frames


def confine(folder: str) -> dict[str, Any]:
    """Puts this process, and the browser that it will start, under Landlock and the socket filter."""
    # Not without root: in a user namespace of ours Chromium could not make those of its own sandbox everywhere.
    layers = sandbox.probe(os.geteuid() == 0 and namespaces.enter())
    if layers.landlock:
        system = ["/etc", "/proc", "/sys", "/dev", "/run/fonts", "/opt", os.path.dirname(find_chromium())]
        cache = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or os.path.expanduser("~/.cache/ms-playwright")
        read = [*sandbox.readable_folders(), *system, cache]
        landlock.restrict(landlock.ruleset(read, [folder, "/dev/shm", *sandbox.DEVICES], browser=True))
    if layers.seccomp:
        seccomp.install(seccomp.socket_filter())
    return dataclasses.asdict(layers)


async def serve(connection: socket.socket, limits: RenderLimits, folder: str, layers: dict[str, Any]) -> None:
    """Answers jobs until the other side closes."""
    renderer = WebRenderer(limits, folder)
    problem = ""
    try:
        await renderer.start()
        checked, _ = await answer(renderer, {"source": HEALTHY, "kind": "web"})
        if checked["status"]:
            problem = "the health check gave no picture: " + checked["message"]
    except (UserError, Error, BrowserLost) as error:
        problem = (str(error).splitlines() or [type(error).__name__])[0]
    ready = {"ready": not problem, "problem": problem, "layers": layers, "pid": os.getpid()}
    reader, writer = await asyncio.open_connection(sock=connection)
    writer.write(wire.pack(ready))
    await writer.drain()
    is_well = not problem
    while is_well:
        try:
            text, payload = wire.HEADER.unpack(await reader.readexactly(wire.HEADER.size))
            job = json.loads(await reader.readexactly(text))
            await reader.readexactly(payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        try:
            envelope, frames = await answer(renderer, job)
        except BrowserLost as lost:
            if lost.begun:
                return
            envelope, frames = {"id": job["id"], "again": True}, b""
        writer.write(wire.pack(envelope, frames))
        await writer.drain()
        is_well = "again" not in envelope and await renderer.tidy()


def main() -> None:
    """Entry point of the process."""
    sandbox.die_with(os.getppid())
    sandbox.spare_others()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limits = RenderLimits(**json.loads(sys.argv[2]))
    connection = socket.socket(fileno=int(sys.argv[1]))
    folder = json.loads(sys.argv[3])["folder"]
    try:
        layers = confine(folder)
    except UserError as error:
        connection.sendall(wire.pack({"ready": False, "problem": str(error), "layers": None}))
        return
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    asyncio.run(serve(connection, limits, folder, layers))


if __name__ == "__main__":
    main()

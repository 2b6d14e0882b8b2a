"""A worker that renders web pages and HTML slides with Chromium, through Playwright.

    python -m vsdpo_jax.render.web DESCRIPTOR LIMITS_JSON EXTRA_JSON

Nothing reaches the network: a filter refuses every socket that is not a Unix socket, for the whole browser; requests
are answered here, only the document itself with content; and a content security policy forbids the rest. Pages without
a script share one page that runs none; a page with scripts gets a context of its own. A page that does not finish in
time is closed; a browser that does not answer is started again.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import functools
import io
import json
import mimetypes
import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import numpy as np
from PIL import Image
from playwright.async_api import Browser, CDPSession, Error, Page, Playwright, Route, async_playwright

from vsdpo_jax.errors import UserError
from vsdpo_jax.render import glyphs, landlock, namespaces, sandbox, seccomp, wire
from vsdpo_jax.render.browser import find_chromium
from vsdpo_jax.render.fonts import font_files
from vsdpo_jax.render.html_source import HtmlSource
from vsdpo_jax.render.limits import RenderLimits
from vsdpo_jax.render.measures import ORDINARY, find_measure, set_viewport
from vsdpo_jax.render.web_elements import STYLES, read_snapshot
from vsdpo_jax.render.web_rules import add_rules
from vsdpo_jax.render.web_scripts import add_makers, prepare

ADDRESS = "http://page.test/"
SIZES = {"web": ORDINARY, "slide": (1280, 720)}
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; font-src data:; "
    "media-src data:; base-uri 'none'; form-action 'none'; sandbox allow-scripts"
)
# With assets a page may ask for files, and gets those; every other request is refused all the same.
ASSET_POLICY = re.sub("(style|script|img|font)-src", r"\1-src http: https:", POLICY)
ASSET_TYPES = {"script": "text/javascript", "stylesheet": "text/css"}
# The same bytes on every machine, no background traffic, nothing on the screen.
ARGUMENTS = (
    "--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb", "--hide-scrollbars",
    # Nothing uses a graphics processor here; a process of its own for it only costs time.
    "--disable-gpu", "--in-process-gpu", "--disable-webrtc", "--disable-sync", "--no-first-run",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp", "--disable-background-networking",
    "--disable-component-update",
)  # fmt: skip
HEALTHY = "<!doctype html><body style='background:#fff'><h1>healthy</h1></body>"
PAGE_SECONDS = 10.0
# A benchmark's measure loads a page several times. It has the time of a whole job, less what it takes to answer.
ANSWER_SECONDS = 2.0
START_SECONDS = 40.0
PAGES_PER_BROWSER = 1000
ATTEMPTS = 2


class BrowserLost(Exception):
    """The browser cannot be started again. Ends the worker, whose job is tried once more on a fresh one."""


class WebRenderer:
    """One browser. `start` before the first page."""

    def __init__(self, limits: RenderLimits, folder: str):
        self.limits = limits
        self.folder = folder
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._shared: tuple[Page, CDPSession] | None = None
        self._pages = 0
        self._document = ""
        self._assets: dict[str, bytes] = {}

    async def start(self) -> None:
        """Starts Playwright and the browser.

        Raises:
          UserError: there is no Chromium.
          playwright.async_api.Error: it does not start.
        """
        path = find_chromium()
        self._playwright = self._playwright or await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(
            executable_path=path,
            args=list(ARGUMENTS),
            # Chromium refuses to use its own sandbox as root.
            chromium_sandbox=os.geteuid() != 0,
            env={**os.environ, "TMPDIR": self.folder, "HOME": self.folder},
            handle_sigint=False,
        )
        self._shared, self._pages = None, 0

    async def render(
        self, source: str, kind: str, assets: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any], bytes, HtmlSource]:
        """Elements, pixels and the parsed source of a page. `assets` are files by address, base64."""
        measure = find_measure(kind)
        document = HtmlSource("" if measure else source)
        scripted = "<script" in source.lower()
        if self._browser is None or not self._browser.is_connected() or self._pages >= PAGES_PER_BROWSER:
            await self._restart()
        self._pages += 1
        self._document = document.marked
        self._assets = {urljoin(ADDRESS, name): base64.b64decode(data) for name, data in (assets or {}).items()}
        page, session = await self._page(scripted)
        if measure is not None:
            work = measure(functools.partial(self._load, page), session, source, scripted)
        else:
            work = self._capture(page, session, document, kind)
        try:
            answer = await asyncio.wait_for(
                work, self.limits.wall_seconds - ANSWER_SECONDS if measure else PAGE_SECONDS
            )
        except BaseException:
            await self._discard(page)
            raise
        if scripted:
            await self._discard(page)
        return *answer, document

    async def _load(self, page: Page, text: str) -> None:
        self._document = text
        await page.goto(ADDRESS, wait_until="load")

    async def _capture(
        self, page: Page, session: CDPSession, document: HtmlSource, kind: str
    ) -> tuple[dict[str, Any], bytes]:
        width, height = SIZES[kind]
        if SIZES[kind] != ORDINARY:
            # Heights in percent or vh, and bodies without a doctype, fill the viewport.
            await set_viewport(session, width, height)
        try:
            return await self._shoot(page, session, document, kind)
        finally:
            if SIZES[kind] != ORDINARY and not page.is_closed():
                await set_viewport(session, *ORDINARY)

    async def _shoot(
        self, page: Page, session: CDPSession, document: HtmlSource, kind: str
    ) -> tuple[dict[str, Any], bytes]:
        width, height = SIZES[kind]
        await page.goto(ADDRESS, wait_until="load")
        if kind == "web":
            metrics = await session.send("Page.getLayoutMetrics")
            height = min(self.limits.page_height, max(height, round(metrics["cssContentSize"]["height"])))
        snapshot = await session.send(
            "DOMSnapshot.captureSnapshot",
            {
                "computedStyles": list(STYLES),
                "includePaintOrder": True,
                "includeBlendedBackgroundColors": True,
            },
        )
        shot = await session.send(
            "Page.captureScreenshot",
            {
                "format": "png",
                "optimizeForSpeed": True,
                "captureBeyondViewport": True,
                "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
            },
        )
        with Image.open(io.BytesIO(base64.b64decode(shot["data"]))) as picture:
            pixels = (picture if picture.mode == "RGB" else picture.convert("RGB")).tobytes()
            image = np.frombuffer(pixels, np.uint8).reshape(picture.height, picture.width, 3)
        elements = read_snapshot(snapshot, document, self.limits.elements)
        warnings = glyphs.warnings_for((element.get("text", "") for element in elements), font_files)
        message = {"width": image.shape[1], "height": image.shape[0], "elements": elements, "warnings": warnings}
        await add_makers(session, document, elements)
        await add_rules(session, document, elements)
        return message, pixels

    async def _page(self, scripted: bool) -> tuple[Page, CDPSession]:
        if not scripted and self._shared is not None:
            return self._shared
        context = await self._browser.new_context(
            viewport=dict(zip(("width", "height"), ORDINARY, strict=True)),
            java_script_enabled=scripted,
            offline=False,
            service_workers="block",
        )
        await context.route("**/*", self._answer)
        page = await context.new_page()
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.dismiss()))
        context.on("page", lambda other: asyncio.ensure_future(other.close()) if other is not page else None)
        session = await context.new_cdp_session(page)
        if scripted:
            await prepare(context, session)
        else:
            self._shared = page, session
        return page, session

    async def _answer(self, route: Route) -> None:
        if route.request.url == ADDRESS and route.request.is_navigation_request():
            policy = ASSET_POLICY if self._assets else POLICY
            headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": policy}
            await route.fulfill(body=self._document, headers=headers)
        elif route.request.url in self._assets and not route.request.is_navigation_request():
            kind = mimetypes.guess_type(urlsplit(route.request.url).path)[0] or ASSET_TYPES.get(
                route.request.resource_type, "application/octet-stream"
            )
            headers = {"content-type": kind, "access-control-allow-origin": "*"}
            await route.fulfill(body=self._assets[route.request.url], headers=headers)
        else:
            await route.abort()

    async def _discard(self, page: Page) -> None:
        """Closes a page whatever it is doing; a browser that does not react in time is started again."""
        if self._shared is not None and self._shared[0] is page:
            self._shared = None
        try:
            session = await asyncio.wait_for(self._browser.new_browser_cdp_session(), 2)
            targets = await asyncio.wait_for(session.send("Target.getTargets"), 2)
            for target in targets["targetInfos"]:
                if target["type"] == "page":
                    await asyncio.wait_for(session.send("Target.closeTarget", {"targetId": target["targetId"]}), 2)
            self._shared = None
            await asyncio.wait_for(page.context.close(), 2)
        except (Error, TimeoutError):
            await self._restart()

    async def _restart(self) -> None:
        browser, self._browser, self._shared = self._browser, None, None
        if browser is not None:
            with contextlib.suppress(Error, TimeoutError):
                await asyncio.wait_for(browser.close(), 3)
        try:
            await asyncio.wait_for(self.start(), START_SECONDS)
        except (Error, TimeoutError) as error:
            raise BrowserLost(str(error)) from None


async def answer(renderer: WebRenderer, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The envelope and the frames of one job; what goes wrong in the page is a status."""
    began = time.monotonic()
    status, message, frames = "", "", b""
    for _ in range(ATTEMPTS):
        try:
            result, pixels, document = await renderer.render(job["source"], job["kind"], job.get("assets"))
        except TimeoutError:
            status, message = "timeout", f"the page was not ready after {PAGE_SECONDS:g} s"
            break
        except Error as error:
            # Perhaps somebody else ended the browser; a page that does it again has done it itself.
            status, message = "died", "the page took its browser down: " + str(error).splitlines()[0][:200]
            continue
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
        await asyncio.wait_for(renderer.start(), START_SECONDS)
        checked, _ = await answer(renderer, {"source": HEALTHY, "kind": "web"})
        if checked["status"]:
            problem = "the health check gave no picture: " + checked["message"]
    except (UserError, Error, TimeoutError) as error:
        problem = (str(error).splitlines() or [type(error).__name__])[0]
    ready = {"ready": not problem, "problem": problem, "layers": layers, "pid": os.getpid()}
    reader, writer = await asyncio.open_connection(sock=connection)
    writer.write(wire.pack(ready))
    await writer.drain()
    while not problem:
        try:
            text, payload = wire.HEADER.unpack(await reader.readexactly(wire.HEADER.size))
            job = json.loads(await reader.readexactly(text))
            await reader.readexactly(payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        envelope, frames = await answer(renderer, job)
        writer.write(wire.pack(envelope, frames))
        await writer.drain()


def main() -> None:
    """Entry point of the process."""
    sandbox.die_with(os.getppid())
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

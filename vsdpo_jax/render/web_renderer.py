"""Renders pages in one Chromium, through Playwright. `web.py` is the worker around it."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import functools
import mimetypes
import os
import re
import time
from collections.abc import Coroutine, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from playwright.async_api import Browser, CDPSession, Error, Page, Playwright, Route, async_playwright

from vsdpo_jax.render import glyphs, usage, web_motion
from vsdpo_jax.render.browser import find_chromium
from vsdpo_jax.render.fonts import font_files
from vsdpo_jax.render.html_source import HtmlSource
from vsdpo_jax.render.limits import RenderLimits
from vsdpo_jax.render.measures import ORDINARY, find_measure, set_viewport
from vsdpo_jax.render.png import read_png
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
    # Moving pictures stay at their first frame.
    "--disable-component-update", "--blink-settings=imageAnimationPolicy=2",
)  # fmt: skip
# A page has the time of a whole job, less what it takes to answer.
ANSWER_SECONDS = 2.0
# Whether the page has used up its processor time or its memory is asked this often: most pages are done before.
PATROL = 0.25
CLOSE_SECONDS = 5.0


class BrowserLost(Exception):
    """The browser is gone or does not answer. Ends the worker; `begun` is whether a page can have done it."""

    def __init__(self, begun: bool):
        super().__init__("the browser is gone")
        self.begun = begun


class PageLost(Exception):
    """The process of the page has ended."""


class PageTooLarge(Exception):
    """The page has used up its memory."""


@dataclasses.dataclass
class Opened:
    """A page, its CDP session, whether its process has ended, and its viewport."""

    page: Page
    session: CDPSession
    crashed: asyncio.Event
    viewport: tuple[int, int] = ORDINARY


class WebRenderer:
    """One browser. `start` before the first page; `tidy` after every page."""

    def __init__(self, limits: RenderLimits, folder: str):
        self.limits = limits
        self.folder = folder
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._control: CDPSession | None = None
        self._shared: Opened | None = None
        self._left: list[Opened] = []
        self._document = b""
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
            # The supervisor ends a worker that does not move any more.
            timeout=0,
        )
        self._control = await self._browser.new_browser_cdp_session()

    async def render(
        self, source: str, kind: str, assets: Mapping[str, str] | None = None
    ) -> tuple[dict[str, Any], bytes, HtmlSource]:
        """Elements, pixels and the parsed source of a page. `assets` are files by address, base64."""
        if not self._browser.is_connected():
            raise BrowserLost(begun=False)
        measure = find_measure(kind)
        document = HtmlSource("" if measure else source)
        scripted = _is_scripted(source)
        # A program can spell half a character.
        self._document = document.marked.encode(errors="replace")
        self._assets = {urljoin(ADDRESS, name): base64.b64decode(data) for name, data in (assets or {}).items()}
        opened = await self._open(scripted)
        if measure is not None:
            work = measure(functools.partial(self._load, opened, scripted), opened.session, source, scripted)
        else:
            work = self._shoot(opened.page, opened.session, document, kind)
        is_done = False
        try:
            # Heights in percent or vh, and bodies without a doctype, fill the viewport.
            answer = await self._within_limits(self._in_viewport(opened, SIZES.get(kind, ORDINARY), work), opened)
            is_done = True
        finally:
            if scripted or not is_done:
                self._left.append(opened)
        return *answer, document

    async def _within_limits(self, work: Coroutine[Any, Any, Any], opened: Opened) -> Any:
        """The result of `work`.

        Raises:
          TimeoutError: it took more processor time than a job may, or more wall time.
          PageTooLarge: it took more memory, all processes of the browser counted.
          PageLost: the process of the page has ended.
        """
        working, crashed = asyncio.ensure_future(work), asyncio.ensure_future(opened.crashed.wait())
        deadline = time.monotonic() + self.limits.wall_seconds - ANSWER_SECONDS
        spent = None
        try:
            while not working.done():
                await asyncio.wait({working, crashed}, timeout=PATROL, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    break
                if crashed.done():
                    raise PageLost
                now = usage.tree_seconds(os.getpid())
                spent = now if spent is None else spent
                if now - spent > self.limits.cpu_seconds or time.monotonic() > deadline:
                    raise TimeoutError
                if usage.tree_memory(os.getpid()) > self.limits.memory_bytes:
                    raise PageTooLarge
            return working.result()
        finally:
            crashed.cancel()
            working.cancel()
            # Whatever it still says is of no interest.
            working.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _load(self, opened: Opened, scripted: bool, text: str) -> None:
        self._document = text.encode(errors="replace")
        await self._show(opened.page, opened.session, scripted, text)

    async def _in_viewport(self, opened: Opened, size: tuple[int, int], work: Coroutine[Any, Any, Any]) -> Any:
        """The result of `work` on a page with this viewport. It stays: one job is mostly followed by others like it."""
        if opened.viewport != size:
            await set_viewport(opened.session, *size)
            opened.viewport = size
        return await work

    async def _show(self, page: Page, session: CDPSession, scripted: bool, text: str) -> None:
        """Loads the document and waits until nothing on it moves any more."""
        await page.goto(ADDRESS, wait_until="load")
        if scripted:
            await web_motion.run_timers(session)
        if web_motion.moves(text):
            await web_motion.come_to_rest(session)

    async def _shoot(
        self, page: Page, session: CDPSession, document: HtmlSource, kind: str
    ) -> tuple[dict[str, Any], memoryview]:
        width, height = SIZES[kind]
        scripted = _is_scripted(document.source)
        await self._show(page, session, scripted, document.source)
        if kind == "web":
            metrics = await session.send("Page.getLayoutMetrics")
            height = min(self.limits.page_height, max(height, round(metrics["cssContentSize"]["height"])))
        snapshot = await session.send(
            "DOMSnapshot.captureSnapshot",
            {"computedStyles": list(STYLES), "includePaintOrder": True},
        )
        shot = await session.send(
            "Page.captureScreenshot",
            {
                "format": "png",
                "optimizeForSpeed": True,
                # Looking beyond the viewport costs another layout, even where there is nothing beyond it. What has
                # moved needs that one: without it the picture can still be of a frame in which it did.
                "captureBeyondViewport": (width, height) != SIZES[kind] or web_motion.moves(document.source),
                "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
            },
        )
        image = read_png(base64.b64decode(shot["data"]))
        elements = read_snapshot(snapshot, document, self.limits.elements)
        warnings = glyphs.warnings_for((element.get("text", "") for element in elements), font_files)
        message = {"width": image.shape[1], "height": image.shape[0], "elements": elements, "warnings": warnings}
        await add_makers(session, document, elements)
        await add_rules(session, document, elements, scripted)
        return message, image.data.cast("B")

    async def _open(self, scripted: bool) -> Opened:
        if not scripted and self._shared is not None:
            if not self._shared.crashed.is_set():
                return self._shared
            self._left.append(self._shared)
        context = await self._browser.new_context(
            viewport=dict(zip(("width", "height"), ORDINARY, strict=True)),
            java_script_enabled=scripted,
            offline=False,
            service_workers="block",
        )
        # What a page may use is checked here (`_within_limits`).
        context.set_default_timeout(0)
        await context.route("**/*", self._answer)
        page = await context.new_page()
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.dismiss()))
        context.on("page", lambda other: asyncio.ensure_future(other.close()) if other is not page else None)
        opened = Opened(page, await context.new_cdp_session(page), asyncio.Event())
        page.on("crash", lambda _: opened.crashed.set())
        if scripted:
            await prepare(context, opened.session)
        else:
            self._shared = opened
        return opened

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

    async def tidy(self, doubtful: bool = False) -> bool:
        """Closes the pages that are not needed any more, whatever they are doing; whether the browser can go on.

        A `doubtful` browser is asked: without the driver between it and us it seems to be connected for ever.
        """
        left, self._left = self._left, []
        if self._shared in left:
            self._shared = None
        try:
            if doubtful:
                await asyncio.wait_for(self._control.send("Browser.getVersion"), CLOSE_SECONDS)
            for opened in left:
                await asyncio.wait_for(self._close(opened), CLOSE_SECONDS)
        except (Error, TimeoutError):
            return False
        return self._browser.is_connected()

    async def _close(self, opened: Opened) -> None:
        if not opened.crashed.is_set():
            # A page that is busy closes only when the browser ends it.
            info = await opened.session.send("Target.getTargetInfo")
            await self._control.send("Target.closeTarget", {"targetId": info["targetInfo"]["targetId"]})
        await opened.page.context.close()


def _is_scripted(source: str) -> bool:
    return "<script" in source.lower()

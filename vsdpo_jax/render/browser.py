"""Finds the Chromium that renders web pages, and installs one where there is none.

    python -m vsdpo_jax.render.browser --install

prints the path of the browser. Never imports JAX.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from vsdpo_jax.errors import UserError, exit_cleanly

VARIABLE = "VSDPO_CHROMIUM"
# The headless shell renders the same bytes as the full browser with a third of the processor time.
_CACHED = ("chromium_headless_shell-*/*/*headless*shell", "chromium-*/*/chrome")
_COMMANDS = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
_ADVICE = f"run `make browser`, or install Chromium and set {VARIABLE} to its path"
_INSTALL_SECONDS = 900


def find_chromium() -> str:
    """Path of the Chromium to use: `$VSDPO_CHROMIUM`, else Playwright's own, else one on the PATH.

    Raises:
      UserError: there is none, or the variable names something that cannot be run.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        path = shutil.which(chosen)
        if path is None:
            raise UserError(f"{VARIABLE}={chosen} is not a program; set it to the path of a Chromium, or unset it")
        return path
    for path in _candidates():
        return path
    raise UserError(f"no Chromium found: {_ADVICE}")


def find_full_chromium() -> str:
    """Path of a Chromium with all that a window needs, which is what people compare with; any where there is none.

    Raises:
      UserError: there is no Chromium.
    """
    full = [path for path in _candidates() if "headless" not in Path(path).name]
    return full[0] if full else find_chromium()


def _candidates() -> Iterator[str]:
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ms-playwright"
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or default)
    for pattern in _CACHED:
        # The newest revision: folders end in its number.
        found = [path for path in cache.glob(pattern) if os.access(path, os.X_OK) and path.is_file()]
        yield from map(str, sorted(found, key=lambda path: _revision(path.relative_to(cache).parts[0]), reverse=True))
    for name in _COMMANDS:
        path = shutil.which(name)
        if path is not None and not _is_snap(path):
            yield path


def _revision(folder: str) -> int:
    digits = folder.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


def _is_snap(path: str) -> bool:
    """Ubuntu's `chromium-browser` only starts, or asks for, a snap, which cannot read the folders of a render job."""
    real = Path(path).resolve()
    if "snap" in real.parts or real.name == "snap":
        return True
    with open(real, "rb") as file:
        head = file.read(4096)
    return head.startswith(b"#!") and b"snap" in head


def install_chromium() -> str:
    """Installs Chromium with the first installer that works; returns its path.

    Raises:
      UserError: none works; the line says why each failed.
    """
    failures = []
    for name, commands in _installers():
        print(f"installing Chromium with {name} …", file=sys.stderr, flush=True)
        reason = next(filter(None, map(_failure, commands)), "")
        try:
            return find_chromium()
        except UserError as error:
            failures.append(f"{name}: {reason or error}")
    raise UserError(
        f"Chromium could not be installed ({'; '.join(failures)}); install it and set {VARIABLE} to its path"
    )


def _installers() -> Iterator[tuple[str, list[list[str]]]]:
    """(name, commands) of each installer; a command is only tried when those before it succeeded."""
    apt = shutil.which("apt-get")
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if apt is not None and (not sudo or shutil.which("sudo") is not None):
        environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
        update, install = [*sudo, apt, "update"], [*sudo, *environment, apt, "install", "--yes"]
        install += ["--no-install-recommends", "fonts-liberation"]
        # Debian packs the headless shell by itself; Ubuntu has neither, and Playwright's own comes next.
        yield "apt-get (headless shell)", [update, [*install, "chromium-headless-shell"]]
        yield "apt-get", [update, [*install, "chromium"]]
    yield "playwright", [[sys.executable, "-m", "playwright", "install", "--with-deps", "--only-shell", "chromium"]]


def _failure(command: list[str]) -> str:
    """Runs a command; its last line if it failed, empty if it worked."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_INSTALL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return " ".join(str(error).split())[:200]
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return (lines[-1][:200] if lines else f"exit code {done.returncode}") if done.returncode else ""


def main() -> None:
    """Entry point of `python -m vsdpo_jax.render.browser`."""
    parser = argparse.ArgumentParser(
        prog="python -m vsdpo_jax.render.browser", description="Print the Chromium to use."
    )
    parser.add_argument("--install", action="store_true", help="install one where there is none")
    options = parser.parse_args()
    try:
        path = find_chromium()
    except UserError:
        if not options.install or os.environ.get(VARIABLE):
            raise
        path = install_chromium()
    print(path)


if __name__ == "__main__":
    exit_cleanly(main)

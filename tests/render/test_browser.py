"""Which Chromium is found, and what `--install` tries: fake programs on a PATH of the test's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vsdpo_jax.errors import UserError
from vsdpo_jax.render.browser import find_chromium


def program(path: Path, text: str = "exit 0") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def places(tmp_path, monkeypatch):
    """(folder on the PATH, Playwright's cache), both empty."""
    folder, cache = tmp_path / "bin", tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(cache))
    monkeypatch.delenv("VSDPO_CHROMIUM", raising=False)
    return folder, cache


def test_the_order_of_the_places(places, monkeypatch):
    folder, cache = places
    # From the last resort to the first: each new one must win over all before it.
    for path in (
        folder / "chromium-browser",
        folder / "google-chrome",
        folder / "chromium",
        folder / "chromium-headless-shell",
        cache / "chromium-1300" / "chrome-linux" / "chrome",
        cache / "chromium_headless_shell-999" / "chrome-linux" / "headless_shell",
        cache / "chromium_headless_shell-1200" / "chrome-linux64" / "chrome-headless-shell",
    ):
        expected = program(path)
        assert find_chromium() == expected
    chosen = program(folder / "mine")
    monkeypatch.setenv("VSDPO_CHROMIUM", chosen)
    assert find_chromium() == chosen


def test_a_snap_is_passed_over(places):
    folder, _ = places
    program(folder / "chromium-browser", "echo requires the chromium snap to be installed; exit 1")
    with pytest.raises(UserError):
        find_chromium()
    # Debian's own `chromium` is a script as well.
    real = program(folder / "chromium", "exec /usr/lib/chromium/chromium")
    assert find_chromium() == real


def test_what_cannot_run_is_passed_over(places):
    folder, cache = places
    for path in (folder / "chromium", cache / "chromium-1300" / "chrome-linux" / "chrome"):
        os.chmod(program(path), 0o644)
    with pytest.raises(UserError, match="no Chromium found.*make browser.*VSDPO_CHROMIUM"):
        find_chromium()


def test_a_wrong_variable_is_named(places, monkeypatch):
    folder, _ = places
    program(folder / "chromium")
    monkeypatch.setenv("VSDPO_CHROMIUM", "/nowhere/chrome")
    with pytest.raises(UserError, match="VSDPO_CHROMIUM=/nowhere/chrome"):
        find_chromium()


def install(places, *arguments: str) -> subprocess.CompletedProcess:
    """Runs the command with the fake PATH; Playwright could reach no server."""
    folder, cache = places
    program(folder / "sudo", '[ "$1" = -n ] && shift\nexec "$@"')
    program(folder / "env", 'while case "$1" in *=*) true;; *) false;; esac; do shift; done\nexec "$@"')
    environment = {
        "PATH": str(folder),
        "HOME": str(cache),
        "PLAYWRIGHT_BROWSERS_PATH": str(cache),
        "PLAYWRIGHT_DOWNLOAD_HOST": "http://127.0.0.1:9",
    }
    command = [sys.executable, "-m", "vsdpo_jax.render.browser", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_nothing_is_installed_where_there_is_one(places):
    folder, _ = places
    path = program(folder / "chromium")
    program(folder / "apt-get", f"/bin/touch {folder}/called")
    done = install(places, "--install")
    assert (done.returncode, done.stdout, done.stderr) == (0, path + "\n", "")
    assert not (folder / "called").exists()


def test_apt_is_updated_before_it_installs(places):
    folder, _ = places
    browser = program(folder / "hidden" / "chromium")
    program(
        folder / "apt-get",
        f'echo "$@" >> {folder}/calls\n'
        f'case "$*" in *install*chromium*) [ -e {folder}/updated ] && /bin/cp {browser} {folder}/chromium;; esac\n'
        f'[ "$1" = update ] && /bin/touch {folder}/updated\nexit 0',
    )
    done = install(places, "--install")
    assert (done.returncode, done.stdout) == (0, f"{folder}/chromium\n"), done.stderr
    calls = (folder / "calls").read_text().splitlines()
    assert calls[0] == "update" and calls[1].startswith("install --yes") and len(calls) == 2


def test_when_all_installers_fail_one_line_says_why(places):
    folder, _ = places
    program(folder / "apt-get", 'echo "E: Unable to locate package chromium" >&2; exit 100')
    done = install(places, "--install")
    assert done.returncode == 2 and done.stdout == ""
    error = [line for line in done.stderr.splitlines() if not line.startswith("installing ")]
    assert len(error) == 1 and error[0].startswith("error: Chromium could not be installed"), done.stderr
    assert "apt-get: E: Unable to locate package chromium; playwright: " in error[0]
    assert "VSDPO_CHROMIUM" in error[0]


def test_without_install_a_missing_browser_is_one_line(places):
    done = install(places)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: no Chromium found")

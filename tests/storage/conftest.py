"""`gs://` against a server on this machine, with the real clients: gcsfs, TensorStore, array_record."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from etils import epath

from vsdpo_jax import storage


class Gcs:
    """The server, and how to make it fail."""

    def __init__(self, address: str):
        self.address = address
        self._folders = 0

    def folder(self) -> epath.Path:
        """A new empty place in a bucket."""
        self._folders += 1
        return epath.Path(f"gs://bucket/test{self._folders}")

    def fail(self, count: int, status: int = 503, method: str = "POST") -> None:
        """The next `count` requests of this method fail; 0 heals the server."""
        content = json.dumps({"fail": count, "status": status, "method": method}).encode()
        urllib.request.urlopen(f"{self.address}/control", data=content).close()


@pytest.fixture(scope="session")
def gcs_server():
    server = Path(__file__).parent / "fake_gcs.py"
    process = subprocess.Popen(
        [sys.executable, str(server)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    address = process.stdout.readline().strip()
    variables = {
        "STORAGE_EMULATOR_HOST": address,
        "TENSORSTORE_GCS_HTTP_URL": address,
        "CLOUD_STORAGE_EMULATOR_ENDPOINT": address,
        # Asks Google about the bucket by another protocol.
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    yield Gcs(address)
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    process.stdin.close()
    process.wait()


@pytest.fixture
def gcs(gcs_server, monkeypatch):
    monkeypatch.setattr(storage, "PAUSES", (0.01, 0.01, 0.01))
    yield gcs_server
    gcs_server.fail(0)

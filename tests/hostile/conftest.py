"""A farm with short limits, and files that hostile programs would like to read or break."""

import pytest

from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.limits import RenderLimits

# Short, but long enough for a good chart on a machine that does other things as well.
LIMITS = RenderLimits(wall_seconds=8, cpu_seconds=2, memory_bytes=2 << 30, folder_files=200)


@pytest.fixture(scope="session")
def hostile_farm():
    with RenderFarm(workers=1, limits=LIMITS, cache=0) as farm:
        yield farm


@pytest.fixture
def victim(tmp_path):
    """A file outside of every job; it must stay as it is."""
    path = tmp_path / "victim"
    path.write_text("precious")
    yield path
    assert path.read_text() == "precious" and path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in tmp_path.iterdir()] == ["victim"]

"""One farm for the tests of this folder: its worker stays warm."""

import pytest

from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.limits import RenderLimits


@pytest.fixture(scope="session")
def farm():
    with RenderFarm(workers=1, limits=RenderLimits(cpu_seconds=2, wall_seconds=20)) as farm:
        yield farm

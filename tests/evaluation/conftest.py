"""One farm for the tests of this folder: its workers stay warm."""

import pytest

from vsdpo_jax.evaluation.types import Workshop
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.limits import RenderLimits


@pytest.fixture(scope="session")
def workshop():
    with RenderFarm(workers=1, limits=RenderLimits(cpu_seconds=20, wall_seconds=60)) as farm:
        yield Workshop(farm)

"""Programs that end, hang, flood, forge and break what they can: each gets its answer, and the next is not worse."""

import numpy as np
import pytest

from tests.hostile.programs import CHART, FAST, SLOW


def status(scene) -> str:
    return "ok" if scene.error is None else scene.error.status


@pytest.fixture(scope="module")
def good(hostile_farm):
    """The picture of a harmless program, drawn before all others, and the process that drew it."""
    return hostile_farm.submit(CHART).result().image, parent(hostile_farm)


def parent(farm) -> str:
    return farm.submit("import os\nraise RuntimeError(os.getppid())").result().error.message


@pytest.mark.parametrize("name", FAST)
def test_fast(hostile_farm, good, name):
    source, right = FAST[name]
    scene = hostile_farm.submit(source).result()
    assert status(scene) in right, scene.error
    assert scene.source == source and (scene.image is None) == (scene.error is not None)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if index in (1, 2) else pytest.mark.slow) for index, name in enumerate(SLOW)]
)
def test_slow(hostile_farm, good, name):
    source, right = SLOW[name]
    assert status(hostile_farm.submit(source).result()) in right


def test_afterwards_the_same_worker_draws_the_same_bytes(hostile_farm, good):
    picture, worker = good
    np.testing.assert_array_equal(hostile_farm.submit(CHART).result().image, picture)
    assert parent(hostile_farm) == worker

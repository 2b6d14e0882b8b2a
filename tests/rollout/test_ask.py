"""The embedded model is asked about a region, and whatever it says the step goes on."""

import dataclasses

import jax
import pytest

from vsdpo_jax.rollout.ask import Questioner
from vsdpo_jax.sharding import make_mesh
from vsdpo_jax.types import Defect


@pytest.fixture(autouse=True)
def mesh():
    with jax.set_mesh(make_mesh()):
        yield


def test_questions_are_decoded_in_rows_of_fixed_number(tiny, groups):
    policy, packer, params = tiny
    questioner = Questioner(policy, packer, 2, 4.0, 3000)
    kept, counts = questioner(params, groups)
    explained = sum(bool(d.boxes) and not d.statements for g in groups for m in g.members for d in m.defects)
    assert counts.regions == explained
    lost = Defect("overlap", "two texts overlap", ((10.0, 10.0, 60.0, 30.0),))
    member = next(m for g in groups for m in g.members if m.scene.image is not None)
    faulty = [dataclasses.replace(groups[0], members=(dataclasses.replace(member, defects=(lost,)),))]
    answered, counts = questioner(params, faulty)
    assert (counts.regions, counts.asked) == (1, 1)
    assert len(answered) == 1 and answered[0].members[0].rollout is member.rollout
    assert bool(answered[0].members[0].defects[0].statements) == (counts.answered == 1)
    assert [g.prompt.id for g in kept] == [g.prompt.id for g in groups]

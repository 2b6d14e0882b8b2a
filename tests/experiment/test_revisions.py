"""What the shipped model writes after feedback, with the real sampler and renderer."""

import json

import pytest

from vsdpo_jax.experiment import revisions
from vsdpo_jax.feedback.control import CONTROLS
from vsdpo_jax.flags import load_config


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_control_changes_what_the_teacher_writes():
    found = revisions.measure(load_config("configs/tiny.py"), count=6, seed=0)
    assert list(found) == [revisions.ATTEMPT, revisions.AGAIN, *CONTROLS, revisions.REFERENCE]
    assert len({figures["prompts"] for figures in found.values()}) == 1
    # The same random numbers after the same feedback give the same programs: a control that changed nothing would tie.
    rewards = [figures["reward"] for figures in found.values()]
    assert len(set(rewards)) == len(rewards)
    # The last is after a reference program, which the shipped model has never read.
    assert all(0 < reward < 1 for reward in rewards[:-1])
    assert revisions.measure(load_config("configs/tiny.py"), count=6, seed=0) == found


def test_domains_of_earlier_calls_stay(tmp_path, monkeypatch):
    figures = {"reward": 0.5, "reward_stderr": 0.1}
    known = dict.fromkeys((revisions.ATTEMPT, revisions.AGAIN, *CONTROLS, revisions.REFERENCE), figures)
    monkeypatch.setattr(revisions, "measure", lambda config, count, seed: known)
    for domain in ("chart", "web"):
        options = revisions.parse([f"--out={tmp_path}", f"--domains={domain}"])
        revisions.run(options)
    found = json.loads((tmp_path / revisions.FILE).read_text())
    assert found == {"chart": known, "web": known}
    assert revisions.table(found).count("0.500 ± 0.100") == 16

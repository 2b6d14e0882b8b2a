"""The configs of the embedded model: arguments, and shapes that hold every domain."""

import numpy as np
import pytest

from vsdpo_jax.data.registry import GENERATED
from vsdpo_jax.data.tasks import DOMAINS
from vsdpo_jax.data.tasks.domain import Tasks
from vsdpo_jax.errors import UserError
from vsdpo_jax.flags import load_config
from vsdpo_jax.train import open_model
from vsdpo_jax.types import Prompt


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_domain_has_a_source_and_shapes_that_the_warm_start_holds(domain):
    config, warm = load_config(f"configs/tiny.py:domain={domain}"), load_config("configs/tiny_warmstart.py")
    assert GENERATED[config.data.name] is DOMAINS[domain]
    for name in ("prefix", "response", "feedback"):
        assert config.lengths[name] <= warm.lengths[name]
    assert f"runs/tiny_{domain}_corpus" in warm.data.corpus.split(",")
    assert config.lengths.feedback_chars == warm.lengths.feedback_chars


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_shipped_model_has_room_for_every_task_of_its_domain(domain):
    config = load_config(f"configs/tiny.py:domain={domain}")
    _, packer = open_model(config)
    size = (240, 320) if domain == "chart" else (720, 1280)
    picture = np.zeros((*size, 3), np.uint8)
    for split in ("train", "heldout"):
        tasks = Tasks(DOMAINS[domain], split)
        for index in range(100):
            prompt = Prompt(tasks[index].id, domain, tasks[index].instruction, (picture,))
            assert packer.fits(prompt, tasks[index].ideal.source), (split, index)


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_teacher_of_opsd_reads_every_reference_whole(domain):
    config = load_config(f"configs/tiny.py:domain={domain},method=opsd")
    policy, _ = open_model(config)
    tasks = Tasks(DOMAINS[domain], "train")
    for index in range(100):
        turn = policy.chat.feedback(f"A correct program:\n{tasks[index].ideal.source}", None, slot=1, start=0)
        assert len(turn) <= config.lengths.feedback, index


def test_stages_of_the_warm_start():
    charts = load_config("configs/tiny_warmstart.py:stage=charts,seed=2")
    assert (charts.method, charts.data.corpus, charts.seed) == ("sft", "runs/tiny_chart_corpus", 2)
    with pytest.raises(UserError, match="stage=web is unknown: choose one of charts, all"):
        load_config("configs/tiny_warmstart.py:stage=web")


def test_all_runs_of_the_experiment_have_the_same_rollouts():
    configs = [load_config(f"configs/tiny.py:domain={domain}") for domain in DOMAINS]
    assert len({(config.batch.prompts, config.batch.group, config.steps, config.optim.lr) for config in configs}) == 1

"""Figures of two hosts' rollouts are those of one host that has them all."""

import pickle

import numpy as np
import pytest

from vsdpo_jax import host_figures, hosts
from vsdpo_jax.metrics import batch_metrics, divergence_metrics, rollout_metrics, summarize
from vsdpo_jax.objective.method import method_named


@pytest.fixture
def two_hosts(monkeypatch):
    """A run with two hosts whose second one sends what it is given; returns what sets that."""
    sent = {}
    monkeypatch.setattr(hosts, "count", lambda: 2)

    def gather(value):
        values = [value, sent["value"]]
        return pickle.loads(pickle.dumps(values))

    monkeypatch.setattr(hosts, "gather", gather)
    return sent


def test_rollouts_of_all_hosts(groups, two_hosts):
    two_hosts["value"] = [host_figures._light_group(group) for group in groups[1:]]
    everyone = host_figures.all_groups(groups[:1])
    assert summarize(everyone) == summarize(groups)
    assert rollout_metrics(everyone) == rollout_metrics(groups)
    assert all(member.scene.image is None for group in everyone for member in group.members)


def test_tokens_of_all_hosts(tiny, groups, two_hosts):
    _, packer, _ = tiny
    advantages = np.zeros((2, 2), np.float32)
    pack = lambda part, rows: packer.pack_rollouts(part, rows, method_named("visual_sdpo"), distil_clean=True)  # noqa: E731
    whole, first, second = pack(groups, advantages), pack(groups[:1], advantages[:1]), pack(groups[1:], advantages[1:])
    rng = np.random.default_rng(0)
    found = {name: rng.random(whole.response_ngr.shape) for name in ("divergence", "uplift")}
    two_hosts["value"] = host_figures._light_batch(second), {name: rows[1:] for name, rows in found.items()}
    batch, tokens = host_figures.all_rows(first, {name: rows[:1] for name, rows in found.items()})
    assert batch_metrics(batch) == batch_metrics(whole)
    wanted = divergence_metrics(found["divergence"], found["uplift"], whole, groups)
    assert wanted and divergence_metrics(tokens["divergence"], tokens["uplift"], batch, groups) == wanted


def test_seconds_are_those_of_the_slowest(two_hosts):
    two_hosts["value"] = {"timing_s/update": 3.0, "perf/x": 7.0}
    assert host_figures.all_seconds({"timing_s/update": 2.0, "perf/x": 5.0}) == {"timing_s/update": 3.0, "perf/x": 5.0}


def test_shares_of_hosts_are_consecutive_and_equal(monkeypatch):
    monkeypatch.setattr(hosts, "count", lambda: 3)
    monkeypatch.setattr(hosts, "index", lambda: 1)
    assert list(hosts.own(range(10, 16))) == [12, 13]
    with pytest.raises(hosts.UserError, match="7 rows cannot be shared out to 3 hosts"):
        hosts.own(range(7))

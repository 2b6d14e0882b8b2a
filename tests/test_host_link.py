"""Hosts exchange values in their order, and learn when one is gone."""

import threading
import time

import pytest

from vsdpo_jax import host_link
from vsdpo_jax.host_link import accept, connect, listen

KEY = b"of this run"


def star(count):
    """Links of `count` hosts, all in this process, and what each was told: {index: [gone, …]}."""
    listener, told = listen(KEY), {index: [] for index in range(count)}
    port, links = listener.address[1], {}

    def join(index):
        links[index] = connect("127.0.0.1", port, KEY, index, told[index].append)

    threads = [threading.Thread(target=join, args=(index,)) for index in range(1, count)]
    for thread in threads:
        thread.start()
    links[0] = accept(listener, count, told[0].append)
    for thread in threads:
        thread.join()
    return [links[index] for index in range(count)], told


def everywhere(links, call):
    """call(link) by all at once, as hosts would."""
    results = [None] * len(links)

    def run(place, link):
        results[place] = call(link)

    threads = [threading.Thread(target=run, args=item) for item in enumerate(links)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return results


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "nobody was told"
        time.sleep(0.01)


def test_all_get_the_values_of_all_in_order():
    links, told = star(4)
    for turn in range(3):
        got = everywhere(links, lambda link, turn=turn: link.gather((turn, link.index, "x" * 100_000 * link.index)))
        for values in got:
            assert [value[:2] for value in values] == [(turn, index) for index in range(4)]
            assert [len(value[2]) for value in values] == [0, 100_000, 200_000, 300_000]
    everywhere(links, lambda link: link.close())
    time.sleep(0.2)
    assert not any(told.values())


@pytest.mark.parametrize("gone", [0, 2])
def test_all_others_learn_who_is_gone(gone):
    links, told = star(3)
    links[gone].drop()
    others = [index for index in range(3) if index != gone]
    wait_for(lambda: all(told[index] for index in others))
    assert all(told[index] == [gone] for index in others) and not told[gone]


def test_a_host_that_falls_silent_counts_as_gone(monkeypatch):
    monkeypatch.setattr(host_link, "SILENCE", 0.5)
    monkeypatch.setattr(host_link, "BEAT", 60.0)
    _, told = star(2)
    wait_for(lambda: told[0] and told[1])
    assert told == {0: [1], 1: [0]}


def test_signs_of_life_keep_a_link_up(monkeypatch):
    monkeypatch.setattr(host_link, "SILENCE", 0.5)
    monkeypatch.setattr(host_link, "BEAT", 0.1)
    links, told = star(2)
    time.sleep(1.5)
    assert not any(told.values())
    everywhere(links, lambda link: link.close())


def test_nobody_joins_without_the_key(monkeypatch):
    monkeypatch.setattr(host_link, "PATIENCE", 1.0)
    listener, refused = listen(KEY), []

    def intrude():
        try:
            connect("127.0.0.1", listener.address[1], b"another", 1, refused.append)
        except Exception as error:
            refused.append(type(error).__name__)

    threading.Thread(target=intrude, daemon=True).start()
    with pytest.raises(TimeoutError, match="hosts \\[1\\] did not connect"):
        accept(listener, 2, refused.append)
    assert refused == ["AuthenticationError"]

"""Rivals take turns in processes of their own and say what each stage took."""

import sys

import pytest

from vsdpo_jax.bench.channel import Worker

PROGRAM = """
import sys
from vsdpo_jax.bench.channel import Answers
answers = Answers()
print("noise of a library")
while True:
    with answers.stage("grow"):
        held = bytearray(200 << 20)
    del held
    with answers.stage("rest"):
        {rest}
"""


def start(tmp_path, rest="pass"):
    return Worker([sys.executable, "-c", PROGRAM.format(rest=rest)], {}, str(tmp_path / "log.txt"))


def test_stages_are_answered_in_turn_with_their_own_peak(tmp_path):
    with start(tmp_path) as worker:
        grown, rested = worker.ask("grow"), worker.ask("rest")
    assert (grown.stage, rested.stage) == ("grow", "rest")
    # 200 MiB are 0.195 GiB; without the reset the second stage would have the first one's peak.
    assert grown.peak - rested.peak > 0.15
    assert grown.seconds > 0 and grown.user >= 0
    assert (tmp_path / "log.txt").read_text() == "noise of a library\n"


def test_a_program_that_ends_is_reported_with_its_last_words(tmp_path):
    with start(tmp_path, rest="raise OSError('no room')") as worker:
        worker.ask("grow")
        with pytest.raises(RuntimeError, match="before it finished 'rest'; it said: OSError: no room"):
            worker.ask("rest")


def test_a_stage_out_of_turn_is_refused(tmp_path):
    with start(tmp_path) as worker, pytest.raises(RuntimeError, match="asked for 'rest', but what follows is 'grow'"):
        worker.ask("rest")

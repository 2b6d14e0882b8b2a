"""The last table of a run."""

from vsdpo_jax.progress import table

AFTER = {"reward": 0.5, "exec_rate": 0.75, "defects_per_render": 1.5}


def test_the_table_has_the_change():
    lines = table({"reward": 0.25, "exec_rate": 1.0, "defects_per_render": 1.0}, AFTER).split("\n")
    assert lines[1].split() == ["reward", "0.250", "0.500", "+0.250"]
    assert lines[2].split() == ["executes", "100.0%", "75.0%", "-25.0%"]


def test_a_run_that_lost_its_summary_still_says_how_it_ended():
    # A run that resumes evaluates no model that is gone.
    lines = table(None, AFTER).split("\n")
    assert lines[1].split() == ["reward", "–", "0.500", "–"]

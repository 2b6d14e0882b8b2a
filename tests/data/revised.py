"""A reviser that heeds all it is told."""

import numpy as np

from vsdpo_jax.data.tasks.author import correction, revise


def fully_revised(task, program, report):
    """`program` with everything that `report` complains about corrected."""
    return revise(task, program, correction(task, program, report, np.random.default_rng(0), skill=1.0))

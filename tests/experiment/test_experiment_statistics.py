"""Intervals, paired differences and crossings against values computed by hand."""

import pytest

from vsdpo_jax.experiment.statistics import first_reaching, interval, paired, smoothed


def test_the_interval_is_students_with_the_sample_standard_deviation():
    # mean 2, s = 1, n = 3, t(0.975, 2 degrees of freedom) = 4.30265: 2 +- 4.30265 / sqrt(3).
    # The normal quantile would give +-1.1316, dividing by n inside s +-2.0282.
    found = interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0 and found.runs == 3
    assert (found.low, found.high) == pytest.approx((2 - 2.484138, 2 + 2.484138), abs=1e-5)


def test_one_run_has_no_interval_and_none_has_no_mean():
    assert (interval([0.5]).mean, interval([0.5]).low, interval([0.5]).high) == (0.5, None, None)
    assert interval([]).mean is None and interval([]).runs == 0


def test_paired_differences_cancel_what_seeds_share():
    # Differences .10, .10 and .13: mean .11, s = .0173205, half width 4.30265 * .01 = .0430265.
    # Unpaired, the seeds' own spread would make the interval some twenty times wider.
    first = {0: 0.30, 1: 0.60, 2: 0.93, 7: 0.99}
    found = paired(first, {0: 0.20, 1: 0.50, 2: 0.80, 5: 0.0})
    assert found.runs == 3
    assert (found.mean, found.low, found.high) == pytest.approx((0.11, 0.0669735, 0.1530265), abs=1e-6)


def test_smoothing_uses_full_windows_only():
    assert smoothed([1, 2, 3, 6], 2) == [1.5, 2.5, 4.5]
    assert smoothed([1, 2], 3) == []


def test_the_first_that_reaches_a_target_counts_even_if_the_curve_falls_again():
    assert first_reaching([48, 96, 144], [0.1, 0.5, 0.4], 0.45) == 96
    assert first_reaching([48, 96], [0.1, 0.5], 0.5) == 96
    assert first_reaching([48, 96], [0.1, 0.5], 0.6) is None

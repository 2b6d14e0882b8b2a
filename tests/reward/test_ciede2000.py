"""CIEDE2000 against the published test data of Sharma, Wu and Dalal (2005)."""

import pytest

from vsdpo_jax.reward import ciede2000


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
        ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
        ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
        ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ],
)
def test_published_pairs(first, second, expected):
    assert ciede2000.difference(first, second) == pytest.approx(expected, abs=1e-4)
    assert ciede2000.difference(second, first) == pytest.approx(expected, abs=1e-4)


def test_conversion_and_similarity():
    assert ciede2000.lab(255.0, 0.0, 0.0) == pytest.approx((53.2390, 80.0905, 67.2014), abs=1e-4)
    assert ciede2000.similarity((255, 255, 255), (0, 0, 0)) == pytest.approx(0.0, abs=1e-4)
    assert ciede2000.similarity((12, 200, 90), (12, 200, 90)) == 1.0

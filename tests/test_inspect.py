"""The command that shows what is wrong with a program, as a user runs it."""

import json
import subprocess
import sys

import pytest

BAD = """import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(3, 3))
ax.bar(["a", "b"], [1, 2])
fig.subplots_adjust(left=0.2, bottom=0.2)
ax.set_title("A title that is much too long for a figure like this")
"""


def inspect(*arguments):
    command = [sys.executable, "-m", "vsdpo_jax.inspect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_files_lines_and_exit_status(tmp_path):
    program = tmp_path / "chart.py"
    program.write_text(BAD)
    out = tmp_path / "out"
    done = inspect(program, "--kind=chart", f"--out={out}", "--fail_on=clipped_text,overlap")
    assert done.returncode == 1, done.stderr
    assert f"{program}:5: clipped_text: the title runs" in done.stdout
    defects = json.loads((out / "defects.json").read_text())
    assert {defect["kind"] for defect in defects} == {"clipped_text"}
    assert all(defect["lines"] == [[5, 5]] and defect["box"][2] > defect["box"][0] for defect in defects)
    scene = json.loads((out / "scene.json").read_text())
    title = next(element for element in scene["elements"] if element["kind"] == "title")
    assert (title["line_start"], title["line_end"]) == (5, 5)
    assert "background:rgba" in (out / "credit.html").read_text()
    assert {path.name for path in out.iterdir()} >= {"render.png", "overlay.png"}


def test_a_failing_program_is_reported_with_its_line(tmp_path):
    program = tmp_path / "chart.py"
    program.write_text("x = 1\nnothing()\n")
    done = inspect(program, f"--out={tmp_path / 'out'}")
    assert done.returncode == 0 and ":2: execution_error: NameError" in done.stdout
    assert json.loads((tmp_path / "out" / "defects.json").read_text())[0]["lines"] == [[2, 2]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.py", "--out=o"], "missing.py: No such file"),
        ([__file__, "--out=o", "--fail_on=ugly"], "'ugly' is not a kind of defect"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    done = inspect(*arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and message in done.stderr

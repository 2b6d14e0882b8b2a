"""The command that shows what is wrong with a program, as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vsdpo_jax import inspect as command
from vsdpo_jax.errors import UserError

REVIEWED = Path(__file__).parent / "feedback" / "reviewed"
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
    assert f"{program}:5: clipped_text: the title runs" in done.stdout and "edge [1]\n" in done.stdout
    defects = json.loads((out / "defects.json").read_text())
    assert {defect["kind"] for defect in defects} == {"clipped_text"}
    assert all(defect["lines"] == [[5, 5]] and defect["box"][2] > defect["box"][0] for defect in defects)
    scene = json.loads((out / "scene.json").read_text())
    title = next(element for element in scene["elements"] if element["kind"] == "title")
    assert (title["line_start"], title["line_end"]) == (5, 5)
    assert '<mark style="--share:1.00"' in (out / "credit.html").read_text()
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("chart.png", b"\x89PNG\xff", "chart.png is not UTF-8 text; give the source of a program or page"),
        ("deck.pptx", b"PK\x03\x04\xff", "give the python-pptx program that makes the deck"),
        (
            "notes.txt",
            b"x = 1",
            "cannot tell what draws a file of this name; add --kind=chart|web|slide|pptx",
        ),
    ],
)
def test_a_file_that_nothing_draws_is_refused_in_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        command._kind(path, command._read(path))
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_the_renderer_follows_from_the_name_and_the_imports():
    assert command._kind(Path("a.html"), "") == "web"
    assert command._kind(Path("a.py"), "import matplotlib.pyplot as plt\n") == "chart"
    assert command._kind(Path("a.py"), "import io\nfrom pptx import Presentation\n") == "pptx"
    assert command._kind(Path("a.py"), "note = 'from pptx import x'\n") == "chart"


def test_a_byte_order_mark_is_no_part_of_the_program(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert command._read(path) == "x = 1\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name", "reference"),
    [
        ("chart", "temperature_lines.py", "regional_revenue.py"),
        ("web", "dashboard.html", "clean_docs.html"),
        ("slide", "process.html", "clean_results.html"),
        ("pptx", "sales_chart.py", "clean_pillars.py"),
    ],
)
def test_every_kind_with_a_reference(tmp_path, kind, name, reference):
    out = tmp_path / "out"
    file, other = REVIEWED / kind / name, REVIEWED / kind / reference
    done = inspect(file, f"--kind={kind}", f"--out={out}", f"--reference={other}", "--fail_on=any")
    assert done.returncode == 1, done.stderr
    defects = json.loads((out / "defects.json").read_text())
    assert all(set(defect) == {"kind", "lines", "box", "message"} for defect in defects)
    assert {"wrong_text", "missing_text"} & {defect["kind"] for defect in defects}
    assert done.stdout.count("\n") == len(defects) + 1
    last = file.read_text().count("\n")
    for defect in defects:
        assert all(1 <= first <= final <= last for first, final in defect["lines"])
        assert defect["box"] is None or (defect["box"][0] <= defect["box"][2] and defect["box"][1] <= defect["box"][3])
    elements = json.loads((out / "scene.json").read_text())["elements"]
    assert elements and all({"line_start", "line_end", "box"} <= set(element) for element in elements)
    assert sum(element["line_start"] is not None for element in elements) > 0.95 * len(elements)

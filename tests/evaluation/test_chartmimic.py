"""ChartMimic from response to table: the published edge cases, both switches, both tasks, every layout of the files."""

import json
import shutil

import pytest
from etils import epath

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation import chartmimic_data
from vsdpo_jax.evaluation.bootstrap import means
from vsdpo_jax.evaluation.chartmimic import ChartMimic
from vsdpo_jax.evaluation.types import Example, ExampleScore, Prediction

REFERENCE = """import matplotlib.pyplot as plt
plt.figure(figsize=(6, 4))
plt.bar(["a", "b"], [1, 2], color="skyblue")
plt.title("Yield")
plt.xlabel("field")
plt.ylabel("t")
plt.savefig("bar_7.pdf", bbox_inches="tight")
"""
# Name -> (response, executed, text, layout, type, color); the figures are those of the published evaluators' rules.
PAIRS = {
    "identical": (REFERENCE, True, 1, 1, 1, 1),
    "the same color by another name": (REFERENCE.replace('"skyblue"', '"#87ceeb"'), True, 1, 1, 1, 1),
    "another color": (REFERENCE.replace("skyblue", "crimson"), True, 1, 1, 1, 0.3751),
    "other categories": (REFERENCE.replace('["a", "b"]', '["x", "y"]'), True, 1, 1, 1, 1),
    "barh for bar": (REFERENCE.replace("plt.bar", "plt.barh"), True, 1, 1, 0, 1),
    "line for bar": (REFERENCE.replace("plt.bar", "plt.plot"), True, 1, 1, 0, 0),
    "title and label missing": (REFERENCE.replace('plt.title("Yield")\nplt.xlabel("field")\n', ""), True, 0.5, 1, 1, 1),
    "one line more": (REFERENCE.replace("plt.title", "plt.axhline(1)\nplt.title"), True, 1, 1, 2 / 3, 2 / 3),
    "two panels": (REFERENCE.replace("plt.bar", "plt.subplot(1, 2, 1)\nplt.bar"), True, 1, 0, 1, 1),
    "an error half-way": (REFERENCE.replace('plt.xlabel("field")', "undefined()"), False, 0.5, 1, 1, 1),
    "no program": ("a b c", False, 0, 0, 0, 0),
    "blank": ("import matplotlib.pyplot as plt\n", True, 0, 0, 0, 0),
    "what follows the first plt.show is dropped": (
        REFERENCE.replace("plt.title", "plt.show()\nplt.title"), True, 0, 1, 1, 1,
    ),
    "left early": (REFERENCE.replace("plt.title", "raise SystemExit\nplt.title"), False, 0, 0, 0, 0),
    "pyplot under another name cannot be saved": (
        "from matplotlib import pyplot\npyplot.bar(['a'], [1], color='skyblue')\n", False, 0, 0, 0, 0,
    ),
    # Every line break of the response is indented by four spaces, those inside strings as well.
    "a string of several lines": (
        REFERENCE.replace('"Yield"', '"""Yield\nfield"""').replace('plt.xlabel("field")\n', ""), True, 2 / 3, 1, 1, 1,
    ),
}  # fmt: skip


def example(reference=REFERENCE, name="bar_7"):
    return Example(name, "chart", "draw", None, reference)


def fenced(code):
    return Prediction("p", "bar_7", f"Here:\n```python\n{code}```\nand another\n```python\n1 / 0\n```")


@pytest.mark.parametrize("name", PAIRS)
def test_scores_of_a_pair(name, workshop):
    response, executed, *expected = PAIRS[name]
    score = ChartMimic().score(example(), fenced(response), workshop)
    assert score.executed == executed, score.error
    found = [score.columns[key] for key in ("text", "layout", "type", "color")]
    assert found == pytest.approx(expected, abs=1e-4)
    assert score.columns["high"] is None
    assert bool(score.error) == (not executed)


def test_a_response_without_a_python_fence_has_no_program(workshop):
    benchmark, given = ChartMimic(), example()
    assert benchmark.script(given, Prediction("p", "bar_7", REFERENCE)) is None
    assert benchmark.script(given, Prediction("p", "bar_7", f"```\n{REFERENCE}```")) is None
    assert benchmark.script(given, Prediction("p", "bar_7", None)) is None
    assert benchmark.script(given, Prediction("p", "bar_7", REFERENCE, is_code=True)) is not None
    score = benchmark.score(given, Prediction("p", "bar_7", "I cannot."), workshop)
    assert (score.executed, score.error) == (False, "the response holds no ```python block")


def test_interpreter_rule_takes_any_figure_for_executed(workshop):
    benchmark, given = ChartMimic(exec="interpreter"), example()
    half = fenced(PAIRS["an error half-way"][0])
    assert benchmark.score(given, half, workshop).executed
    assert benchmark.score(given, Prediction("p", "bar_7", "I cannot."), workshop).executed
    assert not benchmark.score(given, fenced("a b c"), workshop).executed
    assert not benchmark.score(given, Prediction("p", "bar_7", None), workshop).executed


def test_filter_decides_whether_a_crash_keeps_what_it_drew():
    columns = {"text": 0.8, "layout": 1.0, "type": 1.0, "color": 1.0, "high": None}
    crashed, fine = (ExampleScore("p", "r", executed, columns) for executed in (False, True))
    strict, lenient = ChartMimic(), ChartMimic(filter="no_filter")
    rows = [strict.row(crashed), strict.row(fine)]
    total = strict.total(means(rows))
    # All examples are the denominator: (0 + 0.95) / 2, not 0.95 over the one that ran.
    assert total["low"] == pytest.approx(0.475)
    assert total["exec"] == 0.5
    assert (total["high"], total["overall"]) == (None, None)
    assert lenient.total(means([lenient.row(crashed), lenient.row(fine)]))["low"] == pytest.approx(0.95)


def test_overall_is_the_mean_of_low_and_high():
    columns = {"text": 0.4, "layout": 1.0, "type": 1.0, "color": 0.6, "high": 0.9}
    benchmark = ChartMimic()
    total = benchmark.total(means([benchmark.row(ExampleScore("p", "r", True, columns))]))
    assert (total["low"], total["overall"]) == (pytest.approx(0.75), pytest.approx(0.825))


def test_unknown_options_are_named():
    with pytest.raises(UserError, match="filter=none is unknown: choose from code_pass, no_filter"):
        ChartMimic(filter="none")


PARTS = """# ===================
# Part 1: Importing Libraries
# ===================
import matplotlib.pyplot as plt

# ===================
# Part 2: Data Preparation
# ===================
names = ["a", "b"]
values = [3, 4]

# ===================
# Part 3: Plot Configuration and Rendering
# ===================
plt.figure(figsize=(5, 3))
plt.bar(names, values, color="teal")

# ===================
# Part 4: Saving Output
# ===================
plt.savefig("bar_7.pdf", bbox_inches="tight")
"""


def test_customized_answers_get_the_data_and_the_usual_imports(workshop):
    answer = Prediction(
        "p", "bar_7", "```python\nplt.bar(names, values, color='teal')\nplt.title(np.pi.__class__.__name__)\n```"
    )
    score = ChartMimic(task="customized").score(example(PARTS), answer, workshop)
    assert score.executed, score.error
    assert (score.columns["type"], score.columns["color"], score.columns["layout"]) == (1, 1, 1)
    # The same answer is no program of its own.
    assert not ChartMimic().score(example(PARTS), answer, workshop).executed


def test_a_reference_that_fails_is_said_and_scores_nothing(workshop):
    score = ChartMimic().score(example("import matplotlib.pyplot as plt\n1 / 0"), fenced(REFERENCE), workshop)
    assert score.error == "the reference does not run: ZeroDivisionError: division by zero"
    assert score.columns["text"] == 0


def write(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PARTS)


@pytest.mark.parametrize(
    ("layout", "task", "split", "ids"),
    [
        (["direct_600/a.py", "direct_1800/b.py"], "direct", "auto", ["a"]),
        (["direct_600/a.py", "direct_1800/b.py"], "direct", "1800", ["b"]),
        (["dataset-iclr/customized_600/a.py", "dataset-iclr/direct_600/z.py"], "customized", "auto", ["a"]),
        (["ori_500/b.py", "ori_500/a.py", "customized_500/c.py"], "direct", "auto", ["a", "b"]),
        (["dataset/ori_500/b.py", "dataset/edit_500/c.py"], "customized", "500", ["c"]),
        (["x.py"], "direct", "auto", ["x"]),
    ],
)
def test_published_layouts(tmp_path, layout, task, split, ids):
    write(tmp_path, layout)
    examples = ChartMimic(task=task, split=split).load(epath.Path(tmp_path))
    assert [found.id for found in examples] == ids
    assert examples[0].meta["size"] == (5, 3)
    assert ("figsize=(5, 3)" in examples[0].instruction) == (task == "direct")


def test_a_folder_without_examples_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no ChartMimic examples: expected a folder direct_600"):
        ChartMimic().load(epath.Path(tmp_path))


def test_instructions_come_from_the_published_tables(tmp_path):
    write(tmp_path, ["customized_600/bar_7.py", "direct_600/bar_7.py"])
    row = {"idx": "bar_7", "instruction": "Use the new data.", "width": 7, "height": 2}
    (tmp_path / "dimentions_info_edit.jsonl").write_text(json.dumps(row) + "\n")
    (found,) = chartmimic_data.load(epath.Path(tmp_path), "customized", "auto")
    assert found.instruction == "Use the new data. Use figsize=(7, 2)."
    rows = [
        {
            "ExampleID": "bar_7",
            "Task": "Customized Mimic",
            "Instruction": "Redraw it.",
            "GroundTruthFigureCode": "x/bar_7.py",
        },
        {
            "ExampleID": "bar_7",
            "Task": "Direct Mimic",
            "Instruction": "Copy it.",
            "GroundTruthFigureCode": "x/bar_7.py",
        },
    ]
    (tmp_path / "dimentions_info_edit.jsonl").unlink()
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (found,) = chartmimic_data.load(epath.Path(tmp_path), "customized", "auto")
    assert found.instruction == "Redraw it. Use figsize=(5, 3)."


def test_table_of_vlmevalkit(tmp_path):
    write(tmp_path, ["customized_600/bar_7.py", "customized_600/bar_8.py"])
    header = "index\ttask\tquestion\tinput_figure\tground_truth_figure\tground_truth_figure_code"
    line = "0\tCustomized Mimic\tDo so.\tdirect_600/bar_7.png\tcustomized_600/bar_7.pdf\tcustomized_600/bar_7.py"
    (tmp_path / "ChartMimic_v2_customized_600.tsv").write_text(f"{header}\n{line}\n")
    (found,) = chartmimic_data.load(epath.Path(tmp_path), "customized", "600")
    assert (found.id, found.image, found.instruction) == ("bar_7", None, "Do so. Use figsize=(5, 3).")
    (tmp_path / "direct_600").mkdir()
    shutil.copy(tmp_path / "customized_600" / "bar_7.py", tmp_path / "direct_600" / "bar_7.png")
    (found,) = chartmimic_data.load(epath.Path(tmp_path), "customized", "600")
    assert found.image.name == "bar_7.png"

"""Charts that a person finds fine have no defects; each injected defect is found and charged to its statement."""

import numpy as np
import pytest

from vsdpo_jax.feedback.credit import assign, responsibilities
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.reward import score

HEAD = "import numpy as np\nimport matplotlib.pyplot as plt\n"

CLEAN = {
    "bars with labels": """
fig, ax = plt.subplots(figsize=(4, 3), dpi=80)
ax.bar_label(ax.bar(["a", "b", "c"], [3, 5, 2]))
ax.set(title="Sales", xlabel="product", ylabel="units")
fig.tight_layout()
""",
    "lines with a legend outside": """
x = np.linspace(0, 10, 50)
plt.plot(x, np.sin(x), label="sin")
plt.plot(x, np.cos(x), label="cos")
plt.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.tight_layout()
""",
    "pie": 'plt.pie([3, 4, 5], labels=["x", "y", "z"], autopct="%1.0f%%")\nplt.title("Share")',
    "heat map": """
fig, ax = plt.subplots()
fig.colorbar(ax.imshow(np.arange(6).reshape(2, 3)))
for i in range(2):
    for j in range(3):
        ax.text(j, i, str(3 * i + j), ha="center", va="center", color="w" if 3 * i + j < 3 else "black")
""",
    "slanted tick labels": """
plt.bar([f"Category {i}" for i in range(8)], range(1, 9))
plt.xticks(rotation=45, ha="right")
plt.tight_layout()
""",
    "panels": """
fig, axes = plt.subplots(2, 2, figsize=(8, 6))
for i, ax in enumerate(axes.flat):
    ax.plot([1, 2, 3], [i, 2, 3])
    ax.set(title=f"Panel {i}", xlabel="x", ylabel="y")
fig.tight_layout()
""",
    "bars cut by the axes under a title": 'plt.bar(["a", "b"], [1, 9])\nplt.ylim(0, 5)\nplt.title("T")',
    "stacked areas": """
x = np.arange(10)
plt.stackplot(x, x, 2 * x, labels=["p", "q"])
plt.legend(loc="upper left")
""",
    "label with a frame on a line": """
plt.plot([0, 1], [0, 1])
plt.text(0.5, 0.5, "half", ha="center", va="center", bbox={"facecolor": "white"})
""",
}

# name -> (program, kind, the line at fault after HEAD, part of the message)
BROKEN = {
    "long title": (
        'plt.figure(figsize=(3, 3))\nplt.bar(["a"], [1])\nplt.title("A title that is much too long for this")',
        "clipped_text", 3, "the title runs",
    ),
    "pale title": ('plt.plot([1, 2])\nt = plt.title("T")\nt.set_color("#ddd")', "low_contrast", 3, "contrast of only"),
    "legend on bars": (
        'plt.bar(["a", "b"], [2, 2], label="k")\nplt.legend(loc="center")',
        "overlap", 2, "the legend overlaps the bars",
    ),
    "crowded tick labels": (
        'plt.figure(figsize=(3, 2))\nplt.bar([f"Category {i}" for i in range(8)], range(8))',
        "overlap", 2, "tick labels overlap each other",
    ),
    "far text": ('plt.plot([1, 2])\nplt.text(5, 5, "far away")', "off_canvas", 2, "outside the picture"),
    "tiny label": ('plt.plot([1, 2])\nplt.xlabel("tiny", fontsize=3)', "unreadable_size", 2, "only 4 px tall"),
    "text on a line": (
        'plt.plot([0, 1])\nplt.text(0.5, 0.5, "on the line", ha="center", va="center")', "overlap", 2, "the line",
    ),
    "two texts": (
        'plt.plot([1, 2])\nplt.text(0.1, 1.8, "first text")\nplt.text(0.12, 1.8, "second text")',
        "overlap", 2, "overlap",
    ),
    "missing glyph": ('plt.plot([1, 2])\nplt.title("\\u65e5")', "missing_glyph", 2, "cannot draw"),
}  # fmt: skip


@pytest.mark.parametrize("name", CLEAN)
def test_no_false_alarm(farm, name):
    scene = farm.submit(HEAD + CLEAN[name]).result()
    assert scene.error is None
    assert detect(scene) == ()
    assert score(scene, scene, ()).total == pytest.approx(1.0)


@pytest.mark.parametrize("name", BROKEN)
def test_defect_is_found_and_charged_to_its_statement(farm, name):
    program, kind, line, words = BROKEN[name]
    scene = farm.submit(HEAD + program).result()
    found = [defect for defect in detect(scene) if defect.kind == kind]
    assert found and words in found[0].message
    resp = responsibilities(scene, found)
    guilty = max(resp, key=resp.get)
    assert resp[guilty] == pytest.approx(1.0)
    assert guilty.line_start == line + HEAD.count("\n")
    assert score(scene, scene, found).total < 0.7


def test_an_empty_figure_is_worth_nothing(farm):
    scene = farm.submit(HEAD + "plt.figure()").result()
    assert [defect.kind for defect in detect(scene)] == ["empty_render"]
    assert score(scene, None, detect(scene)).total == 0


def test_failure_has_one_defect_and_no_reward(farm):
    scene = farm.submit(HEAD + "plt.plot(1, 2)\nnothing()").result()
    (defect,) = detect(scene)
    assert defect.kind == "execution_error" and defect.statements[0].line_start == 4
    assert score(scene, None, (defect,)).total == 0


def test_differences_from_a_reference(farm):
    reference = farm.submit(HEAD + 'plt.bar(["a", "b"], [1, 2], color="red")\nplt.title("Right")').result()
    scene = farm.submit(HEAD + 'plt.plot([1, 2], color="blue")\nplt.title("Wrong")\nplt.xlabel("more")').result()
    kinds = {defect.kind for defect in detect(scene, reference)}
    assert {"wrong_type", "wrong_color", "wrong_text", "extra_text", "missing_text"} <= kinds
    assert detect(reference, reference) == ()
    near = farm.submit(HEAD + 'plt.bar(["a", "b"], [1, 2], color="red")\nplt.title("Righd")').result()
    far, close = (score(found, reference, detect(found, reference)).total for found in (scene, near))
    assert far < close < 1


def test_weights_lie_between_one_and_alpha_and_only_on_implicated_statements(farm):
    for program, *_ in BROKEN.values():
        scene = farm.submit(HEAD + program).result()
        defects = detect(scene)
        spans = np.array([[i, min(i + 3, len(scene.source))] for i in range(0, len(scene.source), 3)] + [[9, 9]])
        credit = assign(scene, defects, spans + 5, 5, 4.0)
        assert credit.weights.min() >= 1 and credit.weights.max() == pytest.approx(4.0)
        named = {statement for defect in defects for statement in defect.statements}
        for (start, end), weight in zip(spans, credit.weights, strict=True):
            covered = any(s.start < end and start < s.end for s in named)
            assert weight == 1 or covered
        assert (assign(scene, (), spans, 0, 4.0).weights == 1).all()

"""The traces of real programs: what counts as text, panel, plotting call and color, by the published rules."""

import pytest

HEAD = "import numpy as np\nimport matplotlib.pyplot as plt\n"
SAVE = '\nplt.savefig("chart.pdf")\n'
# Name -> (program, what its traces hold). The expectations follow from the published evaluators' source by hand; the
# programs that are not obvious were also run under them with the Matplotlib that they pin (3.8.4).
PROGRAMS = {
    "tick labels of the figure's own axes are no texts": (
        "plt.bar(['a', 'b'], [1, 2])\nplt.title('T')",
        {"texts": ("T",)},
    ),
    "a text of two lines is two texts": (
        "plt.plot([1, 2])\nplt.title('first\\nsecond')",
        {"texts": ("first", "second")},
    ),
    "ticks of inset axes are texts": (
        "ax = plt.gca()\ninner = ax.inset_axes([0.5, 0.1, 0.4, 0.4])\ninner.set_xticks([1, 2])\ninner.set_yticks([3])",
        {"texts": ("1", "2", "3"), "axes": 1},
    ),
    "z ticks are texts": (
        "ax = plt.figure().add_subplot(projection='3d')\nax.set_zticks([5, 6])\nax.set_zlim(4, 7)\nax.set_zlabel('up')",
        {"texts": ("5", "6", "up")},
    ),
    "formulas are compared as source, escaped dollars as dollars": (
        "plt.text(0.2, 0.2, '$x^2$')\nplt.text(0.2, 0.6, r'5\\$')",
        {"texts": ("$x^2$", "5$")},
    ),
    "a text with path effects is drawn as a path": (
        "import matplotlib.patheffects as effects\nplt.text(0.2, 0.2, 'seen')\n"
        "plt.text(0.5, 0.5, 'path', path_effects=[effects.withStroke(linewidth=2)])",
        {"texts": ("seen",)},
    ),
    "a PDF that the program saves before counts too, with its ticks": (
        "fig, ax = plt.subplots()\nax.set_xticks([0.5])\nax.set_yticks([])\nax.set_title('T')\n"
        "fig.savefig('early.pdf')",
        {"texts": ("0.5", "T", "T")},
    ),
    "a PNG that the program saves before does not": (
        "fig, ax = plt.subplots()\nax.set_title('T')\nfig.savefig('early.png')",
        {"texts": ("T",)},
    ),
    "add_axes has no place in a grid": ("plt.figure().add_axes([0.1, 0.1, 0.8, 0.8])", {"layout": (), "axes": 1}),
    "subplot2grid is the grid that subplots makes": (
        "plt.subplot2grid((2, 3), (0, 1), colspan=2)",
        {"layout": ((2, 3, 0, 0, 1, 2),)},
    ),
    "twins stand in one place, a color bar splits that of its panel as Matplotlib 3.8 did": (
        "fig, ax = plt.subplots()\nax.twinx()\nfig.colorbar(ax.imshow([[1, 2]]))",
        {"layout": ((1, 2, 0, 0, 0, 0), (1, 1, 0, 0, 0, 0), (3, 1, 1, 1, 0, 0))},
    ),
    "a color bar below": (
        "fig, (a, b) = plt.subplots(1, 2)\nfig.colorbar(a.imshow([[1, 2]]), location='bottom')",
        {"layout": ((2, 1, 0, 0, 0, 0), (1, 2, 0, 0, 1, 1), (1, 3, 0, 0, 1, 1))},
    ),
    "a color bar of two panels is in no grid": (
        "fig, (a, b) = plt.subplots(1, 2)\nfig.colorbar(a.imshow([[1, 2]]), ax=[a, b])",
        {"layout": ((1, 2, 0, 0, 0, 0), (1, 2, 0, 0, 1, 1)), "axes": 3},
    ),
    "a closed figure leaves calls and colors only": (
        "plt.bar([1], [2], color='red')\nplt.close()",
        {"texts": (), "layout": (), "types": (("bar", 1),), "colors": (("bar", "#FF0000"),)},
    ),
    "only outermost calls count, and error bars inside are invisible": (
        "plt.barh([1, 2], [2, 3], xerr=[1, 1])\nplt.hist([1, 2, 3])\nplt.stem([1, 2])",
        {"types": (("barh", 1), ("hist", 1), ("vlines", 1), ("plot", 2))},
    ),
    "polar lines and 3-D lines are types of their own, 3-D scatter is not": (
        "a = plt.subplot(131, projection='polar')\na.plot([1, 2], [1, 2], 'g')\na.scatter([1], [1], c='k')\n"
        "b = plt.subplot(132, projection='3d')\nb.plot([1, 2], [1, 2], [1, 2], c='r')\n"
        "b.scatter([1], [1], [1], c='b')\n"
        "plt.subplot(133).plot([1, 2], 'm')",
        {
            "types": (("plot_polar", 1), ("scatter", 2), ("plot_3d", 1), ("plot", 1)),
            "colors": (
                ("plot_polar", "#008000"), ("scatter_polar", "#000000"), ("plot_3d", "#FF0000"),
                ("scatter_3d", "#0000FF"), ("line", "#BF00BF"),
            ),
        },
    ),
    "artists that began with one color are one entry, the last of them": (
        "bodies = plt.violinplot([[1, 2, 3], [2, 3, 5]])['bodies']\nbodies[0].set_facecolor('red')\n"
        "bodies[1].set_facecolor('lime')",
        {"colors": (("violinplot", "#00FF00"),)},
    ),
    "a later change of color counts": (
        "line, = plt.plot([1, 2], 'r')\nline.set_color('b')",
        {"colors": (("line", "#0000FF"),)},
    ),
    "scatter shows a map only if it is named": (
        "plt.scatter([1, 2], [1, 2], c=[1, 2], cmap='plasma')\nplt.scatter([1, 2], [1, 2], c=[0, 1])",
        {"colors": (("scatter", "plasma"), ("scatter", "#440154"))},
    ),
    "box plots have colors only as patches": (
        "plt.boxplot([[1, 2, 3]])\nplt.boxplot([[1, 2, 3]], patch_artist=True, boxprops={'facecolor': 'gold'})",
        {"types": (("boxplot", 2),), "colors": (("boxplot", "#FFD700"),)},
    ),
    "maps are named": (
        "plt.imshow([[1, 2]], cmap='hot')\nplt.contourf([[1, 2], [2, 1]], cmap='Blues')",
        {"colors": (("imshow", "hot"), ("contourf", "Blues"))},
    ),
    "lines of several colors are one entry that unfolds": (
        "plt.hlines([1, 2], 0, 1, colors=['r', 'b'])",
        {"colors": (("hlines", "#FF0000"), ("hlines", "#0000FF"))},
    ),
    "circles and ellipses are one type": (
        "from matplotlib.patches import Circle, Ellipse\nax = plt.gca()\n"
        "ax.add_patch(Circle((0.5, 0.5), 0.1, fc='r'))\nax.add_patch(Ellipse((0.2, 0.5), 0.1, 0.2, fc='b'))",
        {"types": (("patch", 2),), "colors": (("patch", "#FF0000"), ("patch", "#0000FF"))},
    ),
    "the letters of a color's name are no color: nothing is left": (
        "bars = plt.bar([1], [2])\nbars[0].set_facecolor('red')",
        {"colors": (), "colors_whole": False},
    ),
    "an area without a face ends the recording of colors": (
        "plt.plot([1, 2], 'r')\nplt.fill_between([1, 2], [1, 2], facecolor='none')\nplt.plot([1, 2], 'b')",
        {"colors": (("line", "#FF0000"),), "colors_whole": False, "types": (("plot", 2), ("fill_between", 1))},
    ),
    "a call that raises leaves the guard behind": (
        "plt.plot([1, 2])\ntry:\n    plt.bar([1, 2], [1, 2, 3])\nexcept ValueError:\n    pass\nplt.hist([1])",
        {"types": (("plot", 1), ("bar", 1))},
    ),
    "networks": (
        "import networkx as nx\nplt.figure(figsize=(3, 3))\n"
        "nx.draw_networkx(nx.path_graph(2), {0: (0, 0), 1: (1, 1)}, node_color='r')",
        {
            "texts": ("0", "1"),
            "types": (("draw_networkx_nodes", 1), ("draw_networkx_edges", 1), ("draw_networkx_labels", 1)),
            "colors": (
                ("draw_networkx_nodes", "#FF0000"), ("draw_networkx_edges", "#000000"),
                ("draw_networkx_labels", "#000000"),
            ),
        },
    ),
    "tree maps": (
        "import squarify\nsquarify.plot([2, 1], color=['red', 'blue'], label=['x', 'y'])",
        {
            "texts": ("x", "y"),
            "types": (("squarify", 1),),
            "colors": (("squarify", "#FF0000"), ("squarify", "#0000FF")),
        },
    ),
    "Venn diagrams": (
        "from matplotlib_venn import venn2\nvenn2((3, 2, 1), set_labels=('L', 'R'))",
        {"texts": ("3", "2", "1", "L", "R"), "types": (("VennDiagram", 1),)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_traces(name, workshop):
    program, expected = PROGRAMS[name]
    scene = workshop.farm.submit(HEAD + program + SAVE, traces=True).result()
    assert scene.error is None, scene.error
    found = {key: getattr(scene.traces, key) for key in expected}
    order = ("types",)
    assert {key: set(value) if key in order else value for key, value in found.items()} == {
        key: set(value) if key in order else value for key, value in expected.items()
    }


def test_traces_are_only_there_where_they_are_asked_for(workshop):
    assert workshop.farm.submit(HEAD + "plt.plot([1])" + SAVE).result().traces is None


def test_a_program_that_raises_leaves_the_traces_of_what_it_drew(workshop):
    scene = workshop.farm.submit(HEAD + "plt.bar([1], [2], color='r')\nplt.title('T')\n1 / 0", traces=True).result()
    assert scene.error.message == "ZeroDivisionError: division by zero"
    assert scene.error.statement.line_start == 5
    assert scene.image is None
    assert (scene.traces.texts, scene.traces.colors) == (("T",), (("bar", "#FF0000"),))
    assert not scene.traces.complete


def test_a_program_that_leaves_early_is_not_complete(workshop):
    scene = workshop.farm.submit(HEAD + "plt.plot([1])\nraise SystemExit(0)", traces=True).result()
    assert scene.error is None
    assert not scene.traces.complete


def test_the_picture_does_not_depend_on_the_traces(workshop):
    program = HEAD + "plt.bar(['a', 'b'], [1, 2])\nplt.title('T')" + SAVE
    with_traces, without = (workshop.farm.submit(program, traces=traces).result() for traces in (True, False))
    assert (with_traces.image == without.image).all()
    assert with_traces.elements == without.elements

"""Ways of drawing that are unusual and fine: the picture is captured whatever the program does with it."""

import numpy as np
import pytest

DRAW = "import matplotlib.pyplot as plt\nplt.figure(figsize=(2, 2), dpi=50)\nplt.plot([1, 2])\n"


@pytest.mark.parametrize(
    "source",
    [
        DRAW + "plt.savefig('a.png')\nplt.clf()\nplt.close('all')",
        "import matplotlib\nmatplotlib.use('TkAgg')\n" + DRAW + "plt.show()",
        DRAW + "plt.switch_backend('Qt5Agg')",
        DRAW + "plt.gcf().canvas.print_png('a.png')\nplt.close('all')",
        DRAW + "plt.savefig('a.svg')",
        DRAW + "plt.savefig('a.pdf', backend='pdf')",
        DRAW + "from matplotlib.backends.backend_pdf import PdfPages\nwith PdfPages('a.pdf') as p:\n    p.savefig()\n"
        "assert open('a.pdf', 'rb').read(4) == b'%PDF'",
        DRAW + "plt.savefig('/nowhere/a.png')",
        DRAW + "plt.savefig('a.png')\nassert plt.imread('a.png').shape == (100, 100, 4)",
        DRAW + "import io\nb = io.BytesIO()\nplt.savefig(b)\nassert b.getvalue()[:4] == b'\\x89PNG'",
        DRAW + "import matplotlib.animation as m\n"
        "m.FuncAnimation(plt.gcf(), lambda i: [], frames=2).save('a.gif', writer='pillow')",
        DRAW + "raise SystemExit(0)",
    ],
)
def test_captured(farm, source):
    scene = farm.submit(source).result()
    assert scene.error is None and scene.image.shape == (100, 100, 3)
    assert np.ptp(scene.image) > 100


def test_boxes_match_the_picture_when_it_is_cropped(farm):
    source = "import matplotlib.pyplot as plt\nplt.figure(figsize=(3, 3), dpi=50, facecolor='white')\n"
    source += "plt.bar([1], [1], color='red')\nplt.savefig('a.png', bbox_inches='tight', dpi=90)\n"
    scene = farm.submit(source).result()
    (bar,) = [element for element in scene.elements if element.kind == "bar"]
    rows, columns = np.nonzero((scene.image == [255, 0, 0]).all(axis=2))
    found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_allclose(found, bar.box, atol=1.5)


def test_a_large_figure_is_drawn_at_a_lower_resolution(farm):
    large = "import matplotlib.pyplot as plt\nplt.figure(figsize=(20, 10), dpi=300)\nplt.plot([1])"
    scene = farm.submit(large).result()
    assert 3_900_000 < scene.width * scene.height <= 4_010_000 and scene.width == pytest.approx(2 * scene.height, abs=2)

"""Every job gets exactly one answer, whatever it or its processes do."""

import os
import pathlib
import signal
import threading

import numpy as np
import pytest

from vsdpo_jax.render.farm import RenderFarm, RenderSetupError
from vsdpo_jax.render.limits import RenderLimits

GOOD = """import matplotlib.pyplot as plt
plt.figure(figsize=(3, 2), dpi=50)
plt.bar(["a", "b"], [1, {}])
plt.title("bars")
plt.savefig("chart.png")
"""


def children(process: int) -> list[int]:
    with open(f"/proc/{process}/task/{process}/children") as file:
        return [int(number) for number in file.read().split()]


def supervisor_of(farm: RenderFarm) -> int:
    names = {child: pathlib.Path(f"/proc/{child}/cmdline").read_text() for child in all_children()}
    # The newest: process numbers start again from low ones.
    return max((child for child, name in names.items() if "render.supervisor" in name), key=started_at)


def started_at(process: int) -> int:
    """In clock ticks since the machine started."""
    return int(pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19])


def all_children() -> list[int]:
    found = []
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/children") as file:
            found += [int(number) for number in file.read().split()]
    return found


def test_answers_come_in_order_with_pixels_of_the_right_size(farm):
    scenes = farm.render([GOOD.format(value) for value in (1, 2, 3)])
    assert [scene.error for scene in scenes] == [None] * 3
    assert all(scene.image.shape == (100, 150, 3) for scene in scenes)
    heights = [max(e.box[3] - e.box[1] for e in scene.elements if e.kind == "bar") for scene in scenes]
    assert scenes[0].image.tobytes() != scenes[1].image.tobytes() and heights[0] > 0


def test_two_workers_draw_the_same_bytes():
    random = "import numpy as np\nimport matplotlib.pyplot as plt\n"
    random += "plt.figure(figsize=(3, 2), dpi=50)\nplt.plot(np.random.default_rng().random(9) + hash('a') % 7)\n"
    pictures = []
    for _ in range(2):
        with RenderFarm(workers=1) as farm:
            pictures.append(farm.submit(random).result().image)
    np.testing.assert_array_equal(*pictures)


def test_equal_jobs_are_answered_from_the_cache(farm):
    first, second = (farm.submit(GOOD.format(7)).result() for _ in range(2))
    assert first is second
    assert farm.submit(GOOD.format(7), max_side=60).result().width == 60


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("1/0", "python-error"),
        ("x = 1", "no-result"),
        ("import os\nos._exit(0)", "no-result"),
        ("import os\nos.abort()", "died"),
        ("a = [0] * 10**10", "oom"),
        ("while True: pass", "timeout"),
        ("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", "timeout"),
        ("import matplotlib.pyplot as plt\nplt.figure(figsize=(999, 999))", "too-large"),
        ("open('big', 'wb').write(bytes(1 << 25))", "output-limit"),
        ("for i in range(10**6): open(str(i), 'w')", "output-limit"),
        ("def f(:\n", "python-error"),
        ("(" * 5000, "python-error"),
    ],
)
def test_every_outcome_is_a_result(farm, source, status):
    scene = farm.submit(source).result()
    assert scene.error.status == status
    assert scene.image is None and scene.width == 0


def test_the_failing_statement_is_known(farm):
    scene = farm.submit("def f(v):\n    return v / 0\nx = 1\nf(x)\n").result()
    assert scene.error.message == "ZeroDivisionError: division by zero"
    assert scene.source[scene.error.statement.start : scene.error.statement.end] == "return v / 0"
    assert scene.error.traceback.splitlines() == ["line 4, in <module>: f(x)", "line 2, in f: return v / 0"]


def test_the_running_statement_of_a_timeout_is_known(farm):
    scene = farm.submit("x = 1\nwhile x:\n    x += 1\n").result()
    assert scene.error.status == "timeout" and scene.error.statement.line_start >= 2


def test_an_error_while_drawing_is_traced_to_the_artist(farm):
    source = "import matplotlib.pyplot as plt\nplt.title(r'$\\frac{a$')\nplt.plot([1])\nplt.savefig('a.png')\n"
    assert farm.submit(source).result().error.statement.line_start == 2


def test_a_killed_worker_and_a_killed_supervisor_lose_nothing():
    with RenderFarm(workers=1) as farm:
        farm.submit(GOOD.format(1)).result()
        supervisor = supervisor_of(farm)
        os.kill(children(supervisor)[0], signal.SIGKILL)
        assert farm.submit(GOOD.format(2)).result().error is None
        futures = [farm.submit(GOOD.format(value)) for value in range(3, 9)]
        os.kill(supervisor, signal.SIGKILL)
        assert [future.result().error for future in futures] == [None] * 6


def test_a_closed_farm_leaves_no_process_and_cancels_what_it_did_not_answer(monkeypatch):
    # The newest supervisor of all may be one of the shared farm, which starts again after other tests.
    start, started = RenderFarm._start, {}

    def remember(farm, folder):
        started[farm] = start(farm, folder)
        return started[farm]

    monkeypatch.setattr(RenderFarm, "_start", remember)
    farm = RenderFarm(workers=1, limits=RenderLimits(cpu_seconds=5))
    future = farm.submit("while True: pass")
    _, supervisor = started[farm]
    farm.close()
    assert future.cancelled()
    assert not os.path.exists(f"/proc/{supervisor.pid}")
    with pytest.raises(RuntimeError, match="closed"):
        farm.submit(GOOD)


def test_submit_blocks_when_too_many_jobs_are_pending():
    with RenderFarm(workers=1, pending=1) as farm:
        first = farm.submit("import time\ntime.sleep(1)")
        second = []
        thread = threading.Thread(target=lambda: second.append(farm.submit(GOOD.format(1))))
        thread.start()
        thread.join(0.2)
        assert not second and not first.done()
        thread.join()
        assert first.done() and second[0].result().error is None


def test_an_unknown_kind_is_an_error_of_ours(farm):
    with pytest.raises(RenderSetupError, match="no renderer for 'poem'"):
        farm.submit("roses", "poem").result()

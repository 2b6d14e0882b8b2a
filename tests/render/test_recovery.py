"""What dies, hangs, or is taken away while jobs are on their way: no answer is lost and nothing stays behind."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.render.processes import gone, named, tree, wait_for
from vsdpo_jax.render import farm as farm_module
from vsdpo_jax.render.farm import RenderFarm, RenderSetupError
from vsdpo_jax.render.folder import empty

SLOW = "open('begun', 'w').close()\nimport time\ntime.sleep({})\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\n"
GOOD = SLOW.format(0)
SUPERVISOR, ZYGOTE = "-m vsdpo_jax.render.supervisor", "-m vsdpo_jax.render.zygote"


@pytest.fixture
def scratch(monkeypatch, tmp_path):
    """Where farms of the test make their folders."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def own():
    """Finds the processes of the test by their command line; other farms may be open beside its own."""
    before = set(tree())
    return lambda part: [process for process in named(part) if process not in before]


def kill_worker(scratch: Path, own) -> None:
    """Kills the only worker in the middle of a job."""
    wait_for(lambda: list(scratch.rglob("begun")))
    both = own(ZYGOTE)
    os.kill(max(both, key=lambda process: len(tree(process))), signal.SIGKILL)
    wait_for(lambda: gone(both))


def test_workers_may_die_at_any_time(scratch, own):
    with RenderFarm(workers=1) as farm:
        future = farm.submit(GOOD)
        os.kill(wait_for(lambda: own(ZYGOTE))[0], signal.SIGKILL)
        assert future.result().error is None, "killed while it started"
        future = farm.submit(SLOW.format(1.5))
        kill_worker(scratch, own)
        assert future.result().error is None, "tried again on another worker"
        future = farm.submit(SLOW.format(5))
        kill_worker(scratch, own)
        wait_for(lambda: not list(scratch.rglob("begun")))
        kill_worker(scratch, own)
        assert future.result().error.status == "died", "a job that takes every worker down is answered"
        assert farm.submit(GOOD + "#").result().error is None


def test_a_supervisor_that_hangs_does_not_keep_the_farm_open(monkeypatch, own):
    monkeypatch.setattr(farm_module, "END_SECONDS", 0.3)
    farm = RenderFarm(workers=1)
    processes = wait_for(lambda: own(SUPERVISOR))
    os.kill(processes[0], signal.SIGSTOP)
    future = farm.submit(SLOW.format(1))
    farm.close()
    assert future.cancelled()
    wait_for(lambda: all(_dead(process) for process in processes))


def test_close_leaves_no_process_and_no_folder(scratch, own, caplog):
    # The kernel ends processes with the thread that started them, which must not be the one that made the farm.
    farms = []
    maker = threading.Thread(target=lambda: farms.append(RenderFarm(workers=1)))
    maker.start()
    maker.join()
    (farm,) = farms
    future = farm.submit("open('begun', 'w').close()\nwhile True: pass")
    wait_for(lambda: list(scratch.rglob("begun")))
    processes = own(SUPERVISOR) + own(ZYGOTE)
    assert len(processes) == 3
    farm.close()
    assert gone(processes) and "unexpectedly" not in caplog.text
    assert future.cancelled() and list(scratch.iterdir()) == []


def test_when_the_trainer_is_killed_all_its_render_processes_go():
    program = "import time\nfrom vsdpo_jax.render.farm import RenderFarm\n"
    program += f"farm = RenderFarm(workers=1)\nfarm.submit({SLOW.format(60)!r})\ntime.sleep(60)\n"
    trainer = subprocess.Popen([sys.executable, "-c", program])
    wait_for(lambda: len(named(ZYGOTE, trainer.pid)) == 2, 60)
    processes = list(tree(trainer.pid))
    trainer.kill()
    trainer.wait()
    # Nobody may be left to reap them, so a zombie counts as gone.
    wait_for(lambda: all(_dead(process) for process in processes))


def _dead(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_submit_that_waits_for_room_is_told_when_the_farm_closes():
    farm = RenderFarm(workers=1, pending=1)
    first, outcome = farm.submit(SLOW.format(9)), []

    def submit():
        try:
            outcome.append(farm.submit(GOOD))
        except RuntimeError as error:
            outcome.append(str(error))

    threads = [threading.Thread(target=submit) for _ in range(3)]
    for thread in threads:
        thread.start()
    farm.close()
    for thread in threads:
        thread.join(10)
    assert outcome == ["the render farm is closed"] * 3 and first.cancelled()


def test_a_cancelled_job_does_not_disturb_the_others(farm):
    first, second, third = (farm.submit(SLOW.format(seconds)) for seconds in (0.5, 0.1, 0.2))
    assert second.cancel()
    assert first.result().error is None and third.result().error is None


@pytest.mark.parametrize(
    ("interpreter", "problem"), [("/bin/false", "does not stay alive"), ("/nowhere/python", "cannot run.*nowhere")]
)
def test_a_farm_that_cannot_work_says_so_to_everyone(monkeypatch, interpreter, problem):
    monkeypatch.setattr(farm_module.sys, "executable", interpreter)
    farm = RenderFarm(workers=1)
    with pytest.raises(RenderSetupError, match=problem):
        farm.submit(GOOD).result()
    with pytest.raises(RenderSetupError, match=problem):
        farm.submit(GOOD)
    farm.close()


def test_a_missing_layer_is_refused_only_when_asked(monkeypatch, caplog):
    check, layers = RenderFarm._check_layers, {"landlock": 0, "seccomp": True}
    monkeypatch.setattr(RenderFarm, "_check_layers", lambda farm, _: check(farm, layers))
    with RenderFarm(workers=1, require_isolation=True) as farm:
        with pytest.raises(RenderSetupError, match="this kernel lacks landlock"):
            farm.submit(GOOD).result()
    with RenderFarm(workers=1) as farm:
        farm._check_layers(None)
    assert "this kernel lacks landlock" in caplog.text


def test_a_job_that_cannot_be_isolated_is_not_run_and_not_its_own_fault(monkeypatch):
    monkeypatch.setattr(farm_module, "ZYGOTE", "tests.render.unlockable")
    with (
        RenderFarm(workers=1) as farm,
        pytest.raises(RenderSetupError, match="not be isolated: landlock: no mem"),
    ):
        farm.submit(GOOD).result()


def test_no_number_of_workers_means_one_per_core():
    with RenderFarm(workers=0) as farm:
        assert farm.workers == len(os.sched_getaffinity(0))
    with pytest.raises(ValueError, match="workers=-1"):
        RenderFarm(workers=-1)


def test_a_folder_is_emptied_whatever_is_in_it(tmp_path):
    kept, folder = tmp_path / "kept", tmp_path / "job"
    kept.mkdir()
    (kept / "precious").write_text("x")
    folder.mkdir()
    (folder / "link").symlink_to(kept)
    (folder / "closed").mkdir()
    (folder / "closed" / "link").symlink_to(kept)
    (folder / "closed" / "file").write_text("x")
    (folder / "closed").chmod(0)
    here = os.getcwd()
    try:
        os.chdir(folder)
        # Deeper than a recursion can follow, with a path longer than the system allows.
        for _ in range(1100):
            os.mkdir("nest")
            os.chdir("nest")
        Path("bottom").write_text("x")
    finally:
        os.chdir(here)
    empty(str(folder))
    assert list(folder.iterdir()) == [] and (kept / "precious").exists()

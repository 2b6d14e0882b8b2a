"""The scripts that run on the hosts, run here: each host is a home folder, the bucket is a folder, tools are stubs."""

import os
import shlex
import shutil
import signal
import subprocess
import tarfile
import time

import pytest
from pretend_cloud import SCRIPTS, SETTINGS

WORKDIR = "gs://bucket/runs/vs"
BUCKET = 'to_path() { printf "%s" "${1/#gs:\\/\\//$BUCKET_FOLDER/}"; }\n'
STUBS = {
    # ssh runs the command in a shell of every host that --worker names; cp and rsync know gs:// as a folder.
    "gcloud": BUCKET
    + r"""
if [ "$2" = cp ]; then
  shift 2
  files=()
  for word in "$@"; do case $word in --no-clobber) keep=1 ;; --*) ;; *) files+=("$word") ;; esac; done
  from=$(to_path "${files[0]}") to=$(to_path "${files[1]}")
  [ -f "$from" ] || { echo "ERROR: The following URLs matched no objects or files" >&2; exit 1; }
  [ "${files[1]}" = "${files[1]%/}" ] || to=$to$(basename "$from")
  [ -z "${keep:-}" ] || [ ! -f "$to" ] || exit 0
  mkdir -p "$(dirname "$to")" && cp "$from" "$to"
elif [ "$4" = ssh ]; then
  for word in "$@"; do case $word in --worker=*) worker=${word#*=} ;; --command=*) command=${word#*=} ;; esac; done
  status=0
  for home in "$HOMES"/host-*; do
    [ "$worker" = all ] || [ "$home" = "$HOMES/host-$worker" ] || continue
    (cd "$home" && HOME=$home bash -c "$command") || status=$?
  done
  exit "$status"
fi
""",
    "hostname": 'basename "$HOME"',
    # `tee` reads what is written to it: a writer whose reader is gone fails.
    "sudo": '[ "$1" != tee ] || cat >/dev/null; echo "sudo $*" >>"$HOME/installed"',
    "id": "echo 1000",
    "fc-list": 'echo "$HOME/font"',
    # Only `python3 -m pip install --target FOLDER uv==VERSION` is asked of the host's own Python.
    "python3": r"""
echo "python3 $*" >>"$HOME/installed"
mkdir -p "$HOME/vsdpo_uv/bin" && cp "$STUBS/uv" "$HOME/vsdpo_uv/bin/uv"
""",
    "tmux": r"""
case $1 in
  has-session) [ -f "$HOME/tmux" ] && kill -0 "$(cat "$HOME/tmux")" 2>/dev/null ;;
  new-session) shift 4; setsid "$@" >/dev/null 2>&1 & echo $! >"$HOME/tmux" ;;
  kill-session) kill -HUP "$(cat "$HOME/tmux")" 2>/dev/null; rm -f "$HOME/tmux" ;;
esac
""",
}
UV = r"""#!/bin/bash
case $1 in
  --version) echo "uv 0.13.9 (abc 2026-01-01)"; exit ;;
  venv) mkdir -p "${!#}/bin" && cp "$STUBS/python" "${!#}/bin/python" ;;
  pip) [ "$2" != freeze ] || { cat "$HOME/packages"; exit; } ;;
esac
echo "uv $*" >>"$HOME/installed"
"""
# `behaviour` on the host decides how training goes: `run` until SIGTERM, or end with that exit status.
PYTHON = r"""#!/bin/bash
if [ "$2" = vsdpo_jax.train ]; then
  trap 'echo "saved a checkpoint"; exit 0' TERM
  printf '%s\0' "$PWD" "$JAX_COMPILATION_CACHE_DIR" "$@" >"$HOME/trained"
  behaviour=$(cat "$HOME/behaviour")
  echo "training will $behaviour"
  [ "$behaviour" = run ] || exit "$behaviour"
  for _ in {1..4000}; do sleep 0.05; done
elif [ "$1" = -c ] && [[ $2 == *version* ]]; then echo 1.56.0
else echo "python JAX_PLATFORMS=${JAX_PLATFORMS:-} $*" >>"$HOME/installed"
fi
"""


class Hosts:
    """Two hosts with homes in a folder."""

    def __init__(self, folder):
        self.folder, self.bucket = folder, folder / "bucket"
        for name, body in STUBS.items():
            self._program(folder / "bin" / name, "#!/bin/bash\n" + body)
        self._program(folder / "uv", UV)
        self._program(folder / "python", PYTHON)
        self.homes = [folder / "homes" / f"host-{index}" for index in range(2)]
        for home in self.homes:
            home.mkdir(parents=True)
            (home / "packages").write_text("jax==0.10.2\n")
            (home / "font").write_text("shapes")
            (home / "behaviour").write_text("run")
        self.environment = SETTINGS | {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "STUBS": str(folder),
            "HOMES": str(folder / "homes"),
            "BUCKET_FOLDER": str(self.bucket),
        }

    @staticmethod
    def _program(path, text):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run(self, line, *more):
        script, *arguments = shlex.split(line)
        return subprocess.run(
            [SCRIPTS / f"{script}.sh", *arguments, *more],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def check(self, line, *more):
        result = self.run(line, *more)
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    def set_up(self):
        """What setup.sh leaves behind, without the packing of the whole package."""
        for home in self.homes:
            shutil.copytree(SCRIPTS, home / "vsdpo_jax/tpu_scripts")
            (home / "vsdpo_state").mkdir()
            (home / "vsdpo_state/ready").touch()
            self._program_folder(home)

    def _program_folder(self, home):
        (home / "vsdpo_venv/bin").mkdir(parents=True)
        shutil.copy(self.folder / "python", home / "vsdpo_venv/bin/python")

    def states(self):
        """State of each host, as babysit.sh asks for it."""
        command = f"source {SCRIPTS}/lib.sh; state_command {WORKDIR} 0"
        query = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
        words = ["gcloud", "compute", "tpus", "tpu-vm", "ssh", "--worker=all", f"--command={query}"]
        lines = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=True).stdout
        return [row.split(" ", 2)[2] for row in lines.splitlines()]

    def wait_for(self, *wanted):
        deadline = time.monotonic() + 120
        while (found := self.states()) != list(wanted):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    def close(self):
        for home in self.homes:
            if (home / "tmux").exists():
                try:
                    os.killpg(int((home / "tmux").read_text()), signal.SIGKILL)
                except ProcessLookupError:
                    continue


@pytest.fixture
def hosts(tmp_path):
    hosts = Hosts(tmp_path)
    yield hosts
    hosts.close()


def test_setup_prepares_new_hosts_and_may_run_again(hosts):
    assert hosts.states() == ["new", "new"]
    hosts.check("setup")
    for home in hosts.homes:
        done = (home / "installed").read_text()
        assert (home / "vsdpo_jax/vsdpo_jax/__init__.py").exists()
        for part in (
            "fonts-liberation=1:1.07.4-*",
            "uv==0.13.9",
            f"uv venv --quiet --python 3.12 {home}/vsdpo_venv",
            f"--editable {home}/vsdpo_jax[tpu]",
            "-m playwright install-deps chromium",
            "-m vsdpo_jax.render.browser --install",
        ):
            assert part in done
        (home / "installed").unlink()
    assert hosts.states() == ["idle", "idle"]
    assert (hosts.bucket / "bucket/code/vs/constraints.txt").read_text() == "jax==0.10.2\n"

    for home in hosts.homes:
        (home / "packages").write_text("jax==0.11.0\n")
    hosts.check("setup --fetch-only")
    for home in hosts.homes:
        done = (home / "installed").read_text()
        assert not any(part in done for part in ("apt-get", "uv==", "uv venv", "install-deps", "--upgrade"))
        assert (home / "vsdpo_state/constraints.txt").read_text() == "jax==0.10.2\n"
    assert (hosts.bucket / "bucket/code/vs/constraints.txt").read_text() == "jax==0.10.2\n"

    hosts.check("setup --fetch-only --upgrade")
    assert (hosts.bucket / "bucket/code/vs/constraints.txt").read_text() == "jax==0.11.0\n"


def test_setup_notices_a_host_with_other_fonts(hosts):
    (hosts.homes[1] / "font").write_text("other shapes")
    code = hosts.bucket / "bucket/code/vs/vsdpo_jax.tar.gz"
    code.parent.mkdir(parents=True)
    with tarfile.open(code, "w:gz") as archive:
        archive.add(SCRIPTS, "tpu_scripts")
    result = hosts.run("setup --fetch-only")
    assert result.returncode == 2
    assert "hosts differ in fonts or packages" in result.stderr
    assert not (hosts.bucket / "bucket/code/vs/constraints.txt").exists()


def test_a_run_gets_its_arguments_and_its_log_reaches_the_bucket(hosts):
    hosts.set_up()
    assert hosts.states() == ["idle", "idle"]
    (hosts.homes[0] / "behaviour").write_text("0")
    (hosts.homes[1] / "behaviour").write_text("7")
    hosts.check("run --config=configs/chart.py:size=8b", '--config.title=it\'s "a" $HOME\n; b', "")
    hosts.wait_for("finished", "failed 7")
    for home in hosts.homes:
        assert (home / "trained").read_text().split("\0")[:-1] == [
            f"{home}/vsdpo_jax", "gs://bucket/cache/jax", "-m", "vsdpo_jax.train", "--hosts=auto",
            "--config=configs/chart.py:size=8b",
            "--config.title=it's \"a\" $HOME\n; b", "", f"--workdir={WORKDIR}",
        ]  # fmt: skip
    logs = sorted((hosts.bucket / "bucket/runs/vs/logs").iterdir(), key=lambda path: path.name[-10:])
    assert [path.name.split("-", 1)[1] for path in logs] == ["host-0.log", "host-1.log"]
    assert [path.read_text().splitlines()[-1] for path in logs] == ["training will 0", "training will 7"]


def test_stop_lets_the_trainer_save_and_is_no_finish(hosts):
    hosts.set_up()
    hosts.check("run --config=c.py")
    hosts.wait_for("running", "running")
    wait_for_trainers(hosts)

    second = hosts.run("run --config=c.py")
    assert second.returncode != 0
    assert "training runs on host-0 already" in second.stderr
    sync = hosts.run("sync --fetch-only")
    assert sync.returncode != 0
    assert "training runs on host-0: stop it" in sync.stderr

    hosts.check("run --stop")
    assert hosts.states() == ["stopped", "stopped"]
    for path in (hosts.bucket / "bucket/runs/vs/logs").iterdir():
        assert path.read_text().endswith("saved a checkpoint\n")
    hosts.check("run --stop")


def wait_for_trainers(hosts):
    deadline = time.monotonic() + 120
    while not all((home / "trained").exists() for home in hosts.homes):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_restart_waits_for_the_old_trainer(hosts):
    hosts.set_up()
    hosts.check("run --config=first.py")
    wait_for_trainers(hosts)
    hosts.check("run --restart --config=second.py")
    deadline = time.monotonic() + 120
    while not all("second.py" in (home / "trained").read_text() for home in hosts.homes):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert hosts.states() == ["running", "running"]
    logs = [path.read_text() for path in (hosts.bucket / "bucket/runs/vs/logs").iterdir()]
    assert all("first.py" in log and "saved a checkpoint" in log for log in logs)


def test_a_machine_that_went_down_counts_as_stopped_and_another_workdir_as_other(hosts):
    hosts.set_up()
    hosts.check("run --config=c.py")
    wait_for_trainers(hosts)
    hosts.close()
    hosts.wait_for("stopped", "stopped")

    hosts.check("run --config=c.py --workdir=gs://bucket/elsewhere")
    hosts.wait_for("other", "other")


def test_export_uses_the_cpu_of_one_host(hosts):
    hosts.set_up()
    hosts.check("export --checkpoint=gs://bucket/runs/vs/checkpoints/7")
    assert (hosts.homes[0] / "installed").read_text() == (
        "python JAX_PLATFORMS=cpu -m vsdpo_jax.export --checkpoint=gs://bucket/runs/vs/checkpoints/7 "
        "--out=gs://bucket/runs/vs/export\n"
    )
    assert not (hosts.homes[1] / "installed").exists()


def test_hosts_that_are_not_set_up_say_so(hosts):
    result = hosts.run("run --config=c.py")
    assert result.returncode != 0
    assert "host-0 is not set up: run tpu_scripts/setup.sh first" in result.stderr

"""The exact gcloud commands of each script, in a dry run and for real."""

import shlex
import subprocess

import pytest
from pretend_cloud import SCRIPTS, SETTINGS, WHERE, command_of

NAMES = sorted(path.stem for path in SCRIPTS.glob("*.sh") if path.stem != "lib")
ARGUMENTS = {"run": ["--config=configs/chart.py"], "babysit": ["--config=configs/chart.py"]}
TPU_VM = ["gcloud", "compute", "tpus", "tpu-vm"]
QUEUE = ["gcloud", "compute", "tpus", "queued-resources"]


def ssh(worker, command):
    return [*TPU_VM, "ssh", *WHERE, f"--worker={worker}", "--quiet", f"--command={command}"]


def guarded(script, arguments):
    path = f"vsdpo_jax/tpu_scripts/host/{script}.sh"
    hint = "$(hostname) is not set up: run tpu_scripts/setup.sh first"
    return f'if [ ! -f {path} ]; then echo "{hint}" >&2; exit 1; fi; bash {path} {arguments}'


STOP = "if [ -f vsdpo_jax/tpu_scripts/host/stop.sh ]; then bash vsdpo_jax/tpu_scripts/host/stop.sh; fi"
FETCH = (
    "set -e; if tmux has-session -t vsdpo 2>/dev/null; then "
    'echo "training runs on $(hostname): stop it with tpu_scripts/run.sh --stop" >&2; exit 1; fi; '
    "gcloud storage cp --quiet gs://bucket/code/vs/vsdpo_jax.tar.gz vsdpo_jax.tar.gz; "
    "rm -rf vsdpo_jax.new; mkdir vsdpo_jax.new; tar -xzf vsdpo_jax.tar.gz -C vsdpo_jax.new; "
    "rm -rf vsdpo_jax; mv vsdpo_jax.new vsdpo_jax"
)
LOCK = "gs://bucket/code/vs/constraints.txt"
CREATE_VM = [*TPU_VM, "create", *WHERE, "--version=v2-alpha-tpuv6e", "--accelerator-type=v6e-16"]
CREATE_QUEUED = [
    *QUEUE, "create", *WHERE, "--node-id=vs", "--runtime-version=v2-alpha-tpuv6e", "--accelerator-type=v6e-16",
]  # fmt: skip
START = "gs://bucket/runs/vs gs://bucket/cache/jax --config=configs/chart.py:size=8b"
COMMANDS = {
    "create": [CREATE_VM],
    "create --spot": [[*CREATE_VM, "--spot"]],
    "create --queued": [CREATE_QUEUED],
    "create --queued --spot": [[*CREATE_QUEUED, "--spot"]],
    "delete": [[*TPU_VM, "delete", *WHERE]],
    "delete --yes": [[*TPU_VM, "delete", *WHERE, "--quiet"]],
    "delete --queued --yes": [[*QUEUE, "delete", *WHERE, "--force", "--quiet"]],
    "sync --fetch-only": [ssh("all", FETCH)],
    "setup --fetch-only": [
        ssh("all", FETCH),
        ssh("all", guarded("setup", LOCK)),
        ssh(0, guarded("lock", LOCK)),
    ],
    "setup --fetch-only --upgrade": [
        ssh("all", FETCH),
        ssh("all", guarded("setup", "").rstrip()),
        ssh(0, guarded("lock", LOCK + " --replace")),
    ],
    "run --config=configs/chart.py:size=8b": [ssh("all", guarded("start", START + " --workdir=gs://bucket/runs/vs"))],
    "run --restart --config=configs/chart.py:size=8b --workdir gs://bucket/x/ --config.steps=9": [
        ssh(
            "all",
            f"{STOP}; " + guarded("start", START.replace("runs/vs", "x") + " --config.steps=9 --workdir=gs://bucket/x"),
        )
    ],
    "run --stop": [ssh("all", STOP)],
    "profile": [
        ["mkdir", "-p", "profiles/vs"],
        ["gcloud", "storage", "rsync", "--recursive", "gs://bucket/runs/vs/profile", "profiles/vs"],
    ],
    "profile --workdir=gs://bucket/x --out=here": [
        ["mkdir", "-p", "here"],
        ["gcloud", "storage", "rsync", "--recursive", "gs://bucket/x/profile", "here"],
    ],
    "export": [ssh(0, guarded("export", "--checkpoint=gs://bucket/runs/vs --out=gs://bucket/runs/vs/export"))],
    "export --checkpoint=gs://c/7 --out=gs://bucket/hf --fetch=hf": [
        ssh(0, guarded("export", "--checkpoint=gs://c/7 --out=gs://bucket/hf")),
        ["mkdir", "-p", "hf"],
        ["gcloud", "storage", "rsync", "--recursive", "gs://bucket/hf", "hf"],
    ],
}


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_these_in_a_dry_run_and_for_real(cloud, line):
    script, *arguments = line.split()
    dry = cloud.run(script, *arguments, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert [shlex.split(row) for row in dry.stdout.splitlines()] == COMMANDS[line]
    assert cloud.calls() == []

    real = cloud.run(script, *arguments)
    assert real.returncode == 0, real.stderr
    assert cloud.calls("gcloud", "mkdir") == COMMANDS[line]


@pytest.mark.parametrize("script", NAMES)
def test_dry_run_prints_and_runs_nothing(cloud, script):
    result = cloud.run(script, *ARGUMENTS.get(script, []), "--dry-run")
    assert result.returncode == 0, result.stderr
    assert result.stdout
    assert cloud.calls() == []


@pytest.mark.parametrize("script", NAMES)
def test_help_needs_no_settings(cloud, script):
    result = cloud.run(script, "--help", settings={})
    assert result.returncode == 0, result.stderr
    assert f"tpu_scripts/{script}.sh" in result.stdout
    assert "--dry-run" in result.stdout
    assert "set -euo" not in result.stdout


@pytest.mark.parametrize("script", NAMES)
def test_unset_settings_are_named_in_one_line(cloud, script):
    settings = {name: value for name, value in SETTINGS.items() if name not in ("ZONE", "BUCKET")} | {"PROJECT": ""}
    result = cloud.run(script, *ARGUMENTS.get(script, []), settings=settings)
    assert result.returncode == 2
    assert result.stderr == (
        f"{script}.sh: not set: ZONE PROJECT BUCKET (export them; tpu_scripts/env.sh --help says what each is)\n"
    )
    assert cloud.calls() == []


@pytest.mark.parametrize(
    ("line", "settings", "message"),
    [
        ("status --now", {}, "status.sh: unknown option --now: see --help"),
        ("status --lines=few", {}, "status.sh: --lines needs a whole number, not 'few'"),
        ("create", {"BUCKET": "bucket"}, "create.sh: BUCKET is 'bucket': it must start with gs://"),
        ("create", {"ACCEL": "h100-8"}, "create.sh: ACCEL is 'h100-8': known are v4-N"),
        ("run --config=c --workdir=/tmp/x", {}, "run.sh: workdir is '/tmp/x': it must start with gs://"),
        ("run --workdir", {}, "run.sh: --workdir needs a value"),
        ("run --config.steps=1", {}, "run.sh: --config is missing"),
        ("babysit --spot", {}, "babysit.sh: --config is missing"),
        ("babysit --config=c --interval=0", {}, "babysit.sh: --interval needs whole seconds, not '0'"),
        ("export --out=/tmp/x", {}, "export.sh: --out is '/tmp/x': it must start with gs://"),
        ("sync --upload-only --fetch-only", {}, "sync.sh: --upload-only and --fetch-only exclude each other"),
    ],
)
def test_mistakes_are_refused_in_one_line(cloud, line, settings, message):
    script, *arguments = line.split()
    result = cloud.run(script, *arguments, **settings)
    assert result.returncode == 2
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1
    assert cloud.calls() == []


@pytest.mark.parametrize(
    ("accelerator", "type_", "image"),
    [
        ("v5e-64", "v5litepod-64", "v2-alpha-tpuv5-lite"),
        ("v5litepod-8", "v5litepod-8", "v2-alpha-tpuv5-lite"),
        ("v5p-32", "v5p-32", "v2-alpha-tpuv5"),
        ("v6e-32", "v6e-32", "v2-alpha-tpuv6e"),
        ("v4-32", "v4-32", "tpu-ubuntu2204-base"),
    ],
)
def test_each_generation_gets_its_image(cloud, accelerator, type_, image):
    result = cloud.run("create", ACCEL=accelerator)
    assert result.returncode == 0, result.stderr
    assert cloud.calls() == [
        [*TPU_VM, "create", *WHERE, f"--version={image}", f"--accelerator-type={type_}"],
    ]


def test_image_and_flags_of_the_user_win(cloud):
    result = cloud.run("create", "--spot", RUNTIME="mine", CREATE_FLAGS="--network=n  --internal-ips")
    assert result.returncode == 0, result.stderr
    assert cloud.calls() == [
        [*TPU_VM, "create", *WHERE, "--version=mine", "--accelerator-type=v6e-16", "--spot", "--network=n",
         "--internal-ips"],
    ]  # fmt: skip


HARD = ['--config.title=it\'s a "plot"', "--config.path=a b", "--config.x=$HOME `id` \\ * ; & |", "", "--config.y=é\n2"]


def test_arguments_reach_the_host_unchanged(cloud, tmp_path):
    """The string that ssh would hand to the host's shell is given to one, with a start.sh that records its words."""
    result = cloud.run("run", "--config=c.py:a=1,b=2", *HARD)
    assert result.returncode == 0, result.stderr
    (call,) = cloud.calls("gcloud")
    home = tmp_path / "home"
    (home / "vsdpo_jax/tpu_scripts/host").mkdir(parents=True)
    (home / "vsdpo_jax/tpu_scripts/host/start.sh").write_text("printf '%s\\0' \"$@\" >words\n")
    for shell in ("bash", "sh"):
        subprocess.run([shell, "-c", command_of(call)], cwd=home, check=True)
        words = (home / "words").read_text().split("\0")[:-1]
        assert words == [
            "gs://bucket/runs/vs", "gs://bucket/cache/jax", "--config=c.py:a=1,b=2", *HARD,
            "--workdir=gs://bucket/runs/vs",
        ]  # fmt: skip


def test_sync_uploads_the_code_and_nothing_else(cloud):
    result = cloud.run("sync", "--upload-only")
    assert result.returncode == 0, result.stderr
    tar, upload = cloud.calls("tar", "gcloud")
    assert tar[1] == "-czf"
    assert tar[3:] == [
        "-C", str(SCRIPTS.parent), "--exclude=__pycache__", "--exclude=*.egg-info",
        "setup.py", "pyproject.toml", "vsdpo_jax", "configs", "tpu_scripts",
    ]  # fmt: skip
    assert upload == ["gcloud", "storage", "cp", "--quiet", tar[2], "gs://bucket/code/vs/vsdpo_jax.tar.gz"]


def test_setup_fails_when_hosts_differ(cloud):
    cloud.answer("fingerprints", "VSDPO_FINGERPRINT host-0 aaaa", "noise", "VSDPO_FINGERPRINT host-1 bbbb")
    result = cloud.run("setup", "--fetch-only")
    assert result.returncode == 2
    assert "setup.sh: hosts differ in fonts or packages" in result.stderr
    assert not any("host/lock.sh" in command_of(call) for call in cloud.calls("gcloud"))


def test_setup_fails_when_no_host_reports(cloud):
    cloud.answer("fingerprints")
    result = cloud.run("setup", "--fetch-only")
    assert result.returncode == 2
    assert "no host reported" in result.stderr


def test_status_asks_the_hosts_only_when_there_are_any(cloud):
    cloud.answer("slice", "WAITING_FOR_RESOURCES")
    result = cloud.run("status", "--queued")
    assert result.returncode == 0, result.stderr
    assert "vs (v6e-16, us-east5-a) is WAITING_FOR_RESOURCES" in result.stdout
    assert cloud.calls() == [[*QUEUE, "describe", *WHERE, "--format=value(state.state)"]]

    cloud.answer("slice", "ACTIVE", "READY")
    cloud.answer("training", "running;failed 1")
    result = cloud.run("status", "--queued", "--lines=2")
    assert result.stdout.splitlines()[1:] == ["VSDPO_STATE host running", "VSDPO_STATE host failed 1"]
    assert command_of(cloud.calls()[-1]).endswith("host/state.sh gs://bucket/runs/vs 2")

"""babysit.sh against scripted sequences of slice and host states."""

import pytest
from pretend_cloud import command_of

CONFIG = "--config=configs/chart.py:size=8b"


def steps(cloud):
    """The calls in short words: what babysit did, in order."""
    found = []
    for call in cloud.calls("gcloud", "sleep"):
        if call[0] == "sleep":
            found.append(f"sleep {call[1]}")
        elif call[1] == "storage":
            found.append("upload")
        elif call[4] == "ssh":
            command = command_of(call)
            names = ("state", "setup", "lock", "start", "stop")
            # The last host script of a command names it: a restart is a stop and a start.
            script = max(names, key=lambda name: command.rfind(f"host/{name}.sh"))
            found.append(script if "host/" in command else "fetch")
        else:
            found.append(call[4] + (" queue" if call[3] == "queued-resources" else ""))
    return found


def babysit(cloud, slice_states, training_states=(), *options):
    cloud.answer("slice", *slice_states, "!PERMISSION_DENIED: the script of this test has ended")
    cloud.answer("training", *training_states)
    return cloud.run("babysit", CONFIG, *options)


LOOK = ["describe", "state"]
NAP = ["sleep 60"]
INSTALL = ["stop", "fetch", "setup", "lock", "start"]


def test_creates_sets_up_runs_and_ends_when_all_hosts_finished(cloud):
    result = babysit(
        cloud,
        ["!NOT_FOUND: Resource 'nodes/vs' was not found", "READY", "READY", "READY", "READY"],
        ["new;new", "running;running", "running;finished", "finished;finished"],
    )
    assert result.returncode == 0, result.stderr
    assert steps(cloud) == [
        "upload", "describe", "create", *NAP,
        *LOOK, *INSTALL, *NAP, *LOOK, *NAP, *LOOK, *NAP, *LOOK,
    ]  # fmt: skip


def test_a_preempted_slice_is_deleted_and_the_run_resumes_in_the_same_workdir(cloud):
    cloud.answer("slice", "READY", "PREEMPTED", "!NOT_FOUND: gone", "CREATING", "READY", "READY")
    cloud.answer("training", "idle;idle", "new;new", "finished;finished")
    result = cloud.run("babysit", "--spot", "--interval=7", CONFIG, "--workdir=gs://bucket/long run", "--config.x=a b")
    assert result.returncode == 0, result.stderr
    calls = cloud.calls("gcloud")
    starts = [command_of(call) for call in calls if "--command" in str(call) and "start.sh" in command_of(call)]
    assert len(starts) == 2
    assert starts[0] == starts[1]
    assert starts[0].endswith(
        "host/start.sh 'gs://bucket/long run' gs://bucket/cache/jax "
        "--config=configs/chart.py:size=8b '--config.x=a b' '--workdir=gs://bucket/long run'"
    )
    assert [call[4:6] + call[-1:] for call in calls if call[4] in ("create", "delete")] == [
        ["delete", "vs", "--quiet"],
        ["create", "vs", "--spot"],
    ]


def test_queued_slices_are_watched_through_their_queue_entry(cloud):
    result = babysit(
        cloud,
        ["SUSPENDED", "!NOT_FOUND", "WAITING_FOR_RESOURCES", "PROVISIONING", "ACTIVE", "READY"],
        ["finished"],
        "--queued",
    )
    assert result.returncode == 0, result.stderr
    assert steps(cloud) == [
        "upload", "describe queue", "delete queue", *NAP, "describe queue", "create queue", *NAP,
        "describe queue", *NAP, "describe queue", *NAP, "describe queue", "describe", "state",
    ]  # fmt: skip


@pytest.mark.parametrize("state", ["CREATING", "STARTING", "RESTARTING", "REPAIRING", "STOPPING", "DELETING"])
def test_a_slice_on_its_way_is_left_alone(cloud, state):
    result = babysit(cloud, [state, "READY"], ["finished"])
    assert result.returncode == 0, result.stderr
    assert steps(cloud) == ["upload", "describe", *NAP, *LOOK]


@pytest.mark.parametrize("state", ["PREEMPTED", "TERMINATED", "STOPPED", "FAILED", "HIDDEN"])
def test_any_other_state_is_deleted(cloud, state):
    result = babysit(cloud, [state, "!NOT_FOUND", "READY"], ["finished"])
    assert result.returncode == 0, result.stderr
    assert steps(cloud) == ["upload", "describe", "delete", *NAP, "describe", "create", *NAP, *LOOK]


def test_an_unreadable_state_deletes_nothing(cloud):
    result = babysit(cloud, ["!UNAVAILABLE: try later", "!network is down", "READY"], ["finished"])
    assert result.returncode == 0, result.stderr
    assert steps(cloud) == ["upload", "describe", *NAP, "describe", *NAP, *LOOK]
    assert "UNAVAILABLE: try later" in result.stderr


def test_refused_permission_ends_at_once(cloud):
    result = babysit(cloud, [])
    assert result.returncode == 2
    assert "the state of vs may not be read" in result.stderr
    assert steps(cloud) == ["upload", "describe"]


def test_no_capacity_is_tried_again_and_a_bad_request_is_not(cloud):
    cloud.answer("fail", "create RESOURCE_EXHAUSTED: no more capacity in the zone", "create INVALID_ARGUMENT: bad type")
    result = babysit(cloud, ["!NOT_FOUND", "!NOT_FOUND"])
    assert result.returncode == 2
    assert "no more capacity" in result.stderr
    assert "the slice cannot be created" in result.stderr
    assert steps(cloud) == ["upload", "describe", "create", *NAP, "describe", "create"]


def test_failed_training_restarts_a_few_times_and_then_gives_up(cloud):
    result = babysit(cloud, ["READY"] * 4, ["failed 1;running", "running", "failed 1;failed 1", "failed 137"])
    assert result.returncode == 1
    assert "babysit.sh: too many failures: see gs://bucket/runs/vs/logs" in result.stderr
    assert steps(cloud) == ["upload", *LOOK, "start", *NAP, *LOOK, *NAP, *LOOK, "start", *NAP, *LOOK]


def test_half_an_hour_of_training_forgives_old_failures(cloud):
    training = ["failed 1", "failed 1", "running", "running", "running", "failed 1", "finished"]
    result = babysit(cloud, ["READY"] * 7, training, "--interval=600")
    assert result.returncode == 0, result.stderr
    training[4] = "idle"
    result = babysit(cloud, ["READY"] * 7, training, "--interval=600")
    assert result.returncode == 1


def test_refused_arguments_end_at_once(cloud):
    result = babysit(cloud, ["READY"], ["failed 1;failed 2"])
    assert result.returncode == 2
    assert "the trainer refused its arguments: see gs://bucket/runs/vs/logs" in result.stderr
    assert steps(cloud) == ["upload", *LOOK]


def test_a_slice_that_trains_another_workdir_is_not_touched(cloud):
    result = babysit(cloud, ["READY"], ["other;other"])
    assert result.returncode == 2
    assert "vs trains another workdir" in result.stderr
    assert steps(cloud) == ["upload", *LOOK]


def test_hosts_that_never_answer_are_replaced(cloud):
    result = babysit(cloud, [*["READY"] * 5, "!NOT_FOUND", "READY"], [*["!connection refused"] * 5, "finished"])
    assert result.returncode == 0, result.stderr
    assert steps(cloud) == ["upload", *[*LOOK, *NAP] * 4, *LOOK, "delete", *NAP, "describe", "create", *NAP, *LOOK]


def test_a_set_up_that_keeps_failing_gives_up(cloud):
    cloud.answer("fingerprints")
    result = babysit(cloud, ["READY"] * 3, ["new"] * 3, "--max-failures=2")
    assert result.returncode == 1
    assert steps(cloud) == ["upload", *LOOK, "stop", "fetch", "setup", *NAP, *LOOK, "stop", "fetch", "setup"]


def test_dry_run_prints_one_whole_round(cloud):
    result = cloud.run("babysit", "--queued", "--spot", CONFIG, "--dry-run")
    assert result.returncode == 0, result.stderr
    assert cloud.calls() == []
    rows = result.stdout.splitlines()
    expected = [
        "tar -czf", "gcloud storage cp", "queued-resources describe", "tpu-vm describe",
        "queued-resources delete vs --zone=us-east5-a --project=my-project --force --quiet",
        "queued-resources create", "host/state.sh", "host/stop.sh", "tar -xzf", "host/setup.sh", "host/lock.sh",
        "host/start.sh",
    ]  # fmt: skip
    assert len(rows) == len(expected)
    for row, part in zip(rows, expected, strict=True):
        assert part in row

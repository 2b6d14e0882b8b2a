"""A worker of charts that passes its health check and then cannot isolate a job any more."""

from vsdpo_jax.render import sandbox, zygote

# The good job of the check, and the one that tries to get out.
CHECKS = 2
_enter, _run_once = sandbox.Sandbox.enter, zygote.Zygote._run_once
_jobs = [0]


def run_once(worker, job):
    _jobs[0] += 1
    return _run_once(worker, job)


def enter(box, parent, keep):
    if _jobs[0] > CHECKS:
        raise OSError("landlock: no memory")
    _enter(box, parent, keep)


if __name__ == "__main__":
    zygote.Zygote._run_once, sandbox.Sandbox.enter = run_once, enter
    zygote.main()

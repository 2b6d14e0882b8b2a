"""Everything that a render job may not do, tried inside one, and outside to see that the attempts are real."""

import os
import platform
import subprocess
import sys
from pathlib import Path

SCRIPT = (Path(__file__).parent / "denied.py").read_text()
X86 = platform.machine() == "x86_64"
TGKILL, SIGQUEUE, CLONE, KEYCTL = (234, 129, 56, 250) if X86 else (131, 138, 220, 219)
TKILL, THREAD_SIGQUEUE, SCHEDULER, SCHEDULE, PRIORITY = (200, 297, 144, 314, 251) if X86 else (130, 240, 119, 274, 30)
READ_MEMORY, WRITE_MEMORY, FAULTS, EVENTS, BPF = (310, 311, 323, 298, 321) if X86 else (270, 271, 282, 241, 280)
SIGNAL_PIDFD, GET_PIDFD = 424, 438
# In numbers that are the same everywhere, or above.
PIDFD_OPEN, IO_URING, CLONE3 = 434, 425, 435


def attempts(victim: Path, parent: int) -> dict[str, str]:
    """Attempts that also work, without harm, for a program that is not locked in."""
    folder = victim.parent
    return {
        "own thread": "thread()",
        "own folder": "grown('mine')",
        "own random": "os.urandom(1)",
        "own limits": "resource.getrlimit(resource.RLIMIT_CPU)",
        "own package": "__import__('matplotlib.backends.backend_svg')",
        "read a file": f"open({str(victim)!r}).read()",
        "list a folder": f"os.listdir({str(folder)!r})",
        "list the root": "os.listdir('/')",
        "read passwords": "open('/etc/passwd').read()",
        "read its own environment": "open('/proc/self/environ').read()",
        "read its parent's command": f"open('/proc/{parent}/cmdline').read()",
        "make and remove a file": f"grown({str(folder / 'new')!r})",
        "make and remove a folder": f"(os.mkdir({str(folder / 'new')!r}), os.rmdir({str(folder / 'new')!r}))",
        "an internet socket": "socket.socket(socket.AF_INET).close()",
        "an internet socket for packets": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()",
        "a Unix socket": "socket.socket(socket.AF_UNIX).close()",
        "a socket pair": "[one.close() for one in socket.socketpair()]",
        "a netlink socket": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()",
        "fork": "os.fork() or os._exit(0)",
        "vfork of a program": "os.posix_spawn('/bin/true', ['true'], {})",
        "a program": "subprocess.run(['/bin/true'], check=True)",
        "a shell": "os.system('true') and 1 / 0",
        "a signal to its parent": f"os.kill({parent}, 0)",
        "a signal to its group": "os.killpg(0, 0)",
        "a descriptor of its parent": f"os.close(call('syscall', {PIDFD_OPEN}, {parent}, 0))",
        "limits of its parent": f"resource.prlimit({parent}, resource.RLIMIT_CPU)",
        "limits of its parent, again": f"resource.prlimit({parent}, resource.RLIMIT_CPU, (-1, -1))",
        "a priority": "os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0))",
        "the priority of its user": "os.setpriority(os.PRIO_USER, 0, os.getpriority(os.PRIO_USER, 0))",
        "the cores of its parent": f"os.sched_setaffinity({parent}, os.sched_getaffinity({parent}))",
        "life after its parent": "call('prctl', 1, 0, 0, 0, 0)",
        "a file in memory": "os.close(os.memfd_create('a'))",
        "shared memory": "call('shmctl', call('shmget', 0, 4096, 0o600), 0, None)",
        "a queue": "call('msgctl', call('msgget', 0, 0o600), 0, None)",
        "a change of times": "os.utime('.')",
        "a change of rights": "os.chmod('.', 0o700)",
        "a link": f"(os.symlink({str(victim)!r}, 'away'), os.unlink('away'))",
        "a pipe with a name": "(os.mkfifo('pipe'), os.unlink('pipe'))",
    }


def attacks(victim: Path, parent: int) -> dict[str, str]:
    """Attempts that would do harm outside of a job."""
    path = str(victim)
    return {
        "overwrite": f"open({path!r}, 'w').write('broken')",
        "append": f"open({path!r}, 'a').write('broken')",
        "truncate": f"os.truncate({path!r}, 0)",
        "remove": f"os.unlink({path!r})",
        "rename": f"os.rename({path!r}, {path + '2'!r})",
        "take": f"os.rename({path!r}, 'taken')",
        "put": f"(open('gift', 'w').close(), os.rename('gift', {path!r}))",
        "replace through a link": f"replaced({path!r})",
        "link": f"os.link({path!r}, 'hard')",
        "rights": f"os.chmod({path!r}, 0)",
        "owner": f"os.chown({path!r}, 12345, 12345)",
        "attribute": f"os.setxattr({path!r}, 'user.a', b'b')",
        "stop the parent": f"os.kill({parent}, signal.SIGSTOP)",
        "kill a thread of the parent": f"call('syscall', {TGKILL}, {parent}, {parent}, 9)",
        "queue a signal to the parent": f"call('syscall', {SIGQUEUE}, {parent}, 9, bytes(128))",
        "kill a thread by its number": f"call('syscall', {TKILL}, {parent}, 9)",
        "queue a signal to a thread": f"call('syscall', {THREAD_SIGQUEUE}, {parent}, {parent}, 9, bytes(128))",
        "signal through a descriptor": f"call('syscall', {SIGNAL_PIDFD}, 3, 9, None, 0)",
        "a descriptor of another": f"call('syscall', {GET_PIDFD}, 3, 0, 0)",
        "the scheduler of the parent": f"call('syscall', {SCHEDULER}, {parent}, 3, bytes(4))",
        "the schedule of the parent": f"call('syscall', {SCHEDULE}, {parent}, bytes(48), 0)",
        "the disk priority of the parent": f"call('syscall', {PRIORITY}, 1, {parent}, 3 << 13)",
        "read the memory of the parent": f"call('syscall', {READ_MEMORY}, {parent}, None, 0, None, 0, 0)",
        "write the memory of the parent": f"call('syscall', {WRITE_MEMORY}, {parent}, None, 0, None, 0, 0)",
        "handle faults": f"call('syscall', {FAULTS}, 1)",
        "count events": f"call('syscall', {EVENTS}, bytes(128), 0, -1, -1, 0)",
        "a program for the kernel": f"call('syscall', {BPF}, 0, bytes(128), 128)",
        "starve the parent": f"resource.prlimit({parent}, resource.RLIMIT_CPU, (1, 1))",
        "raise its own limits": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        "slow down all of its user": "os.setpriority(os.PRIO_USER, 0, 19)",
        "trace the parent": f"call('ptrace', 16, {parent}, None, None)",
        "clone": f"call('syscall', {CLONE}, 17, None, None, None, None) or os._exit(0)",
        "clone with a structure": f"call('syscall', {CLONE3}, bytes(64), 64)",
        "a namespace": "call('unshare', 0x10000000)",
        "a mount": "call('mount', b'none', b'/mnt', b'tmpfs', 0, None)",
        "another user": "os.setuid(12345)",
        "another root": "os.chroot('.')",
        "a ring": f"call('syscall', {IO_URING}, 1, bytes(256))",
        "a key": f"call('syscall', {KEYCTL}, 0, -3, 0)",
        "a device": "os.mknod('device', 0o600 | 0o020000, os.makedev(1, 3))",
        "the clock": "__import__('time').clock_settime(0, 1.0)",
        "the name of the machine": "socket.sethostname('owned')",
    }


def run_outside(source: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", source], cwd=folder, capture_output=True, text=True)
    return done.stderr.splitlines()[-1]


def test_nothing_reaches_out(hostile_farm, victim, tmp_path_factory):
    alive = hostile_farm.submit("import os\nraise RuntimeError(os.getppid())").result().error.message
    worker = int(alive.split()[-1])
    harmless = attempts(victim, worker)
    error = hostile_farm.submit(f"ATTEMPTS = {harmless | attacks(victim, worker)!r}\n{SCRIPT}").result().error
    own = sorted(name for name in harmless if name.startswith("own "))
    assert error.message == "RuntimeError: worked: " + "; ".join(own)
    # Outside of a job all of the harmless ones work, so it is the isolation that stopped them.
    outside = attempts(victim, os.getpid())
    message = run_outside(f"ATTEMPTS = {outside!r}\n{SCRIPT}", tmp_path_factory.mktemp("outside"))
    assert message == "RuntimeError: worked: " + "; ".join(sorted(outside))
    # The worker has lived through it.
    assert hostile_farm.submit("import os\nraise RuntimeError(os.getppid())").result().error.message == alive


def test_a_job_sees_no_descriptor_and_no_terminal(hostile_farm):
    source = """
import os
found = []
for number in range(64):
    try:
        found.append((number, oct(os.fstat(number).st_mode & 0o170000)))
    except OSError:
        pass
raise RuntimeError(str(found))
"""
    message = hostile_farm.submit(source).result().error.message
    found = eval(message.removeprefix("RuntimeError: "))
    # Standard input and output are /dev/null; the pipe for the answer is the only other one.
    assert [kind for _, kind in found] == ["0o20000"] * 3 + ["0o10000"]


def test_a_job_sees_no_secret_of_the_trainer(monkeypatch):
    from vsdpo_jax.render.farm import worker_environment

    monkeypatch.setenv("HF_TOKEN", "secret")
    assert "secret" not in worker_environment().values()

"""Workers live in namespaces of their own where the kernel gives them, and work as well where it does not."""

import os
import subprocess
import sys

from tests.render.processes import named, tree
from vsdpo_jax.render.farm import RenderFarm

GOOD = "import matplotlib.pyplot as plt\nplt.bar([1], [2])\n"
ENTER = (
    "import os\nfrom vsdpo_jax.render import namespaces\nprint(namespaces.enter(), os.readlink('/proc/self/ns/net'))"
)


def test_a_worker_has_no_network_of_the_machine_where_the_kernel_allows_it():
    done = subprocess.run([sys.executable, "-c", ENTER], capture_output=True, text=True, check=True)
    possible, network = done.stdout.split()
    ours = os.readlink("/proc/self/ns/net")
    assert (network != ours) == (possible == "True")
    before = set(tree())
    with RenderFarm(workers=1) as farm:
        assert farm.submit(GOOD).result().error is None
        # The worker comes before a job that may still be on its way out.
        worker = min(process for process in named("-m vsdpo_jax.render.zygote") if process not in before)
        assert (os.readlink(f"/proc/{worker}/ns/net") != ours) == (possible == "True")


def test_a_refusal_half_way_leaves_the_process_as_it_was():
    # A program that may not write its maps, or not unshare at all, says no and lives on in the old namespaces.
    program = "import os\nfrom vsdpo_jax.render import namespaces\n"
    program += "def refuse():\n    raise OSError('refused')\nbefore = os.readlink('/proc/self/ns/net')\n"
    program += "namespaces._unshare = refuse\nassert namespaces.enter() is False\n"
    program += "assert os.readlink('/proc/self/ns/net') == before\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

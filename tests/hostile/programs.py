"""Hostile programs: name -> (source, the statuses that are right; "ok" for a picture). SLOW ones use up their time."""

CHART = "import matplotlib.pyplot as plt\nplt.bar(['a', 'b'], [1, 2])\nplt.title('good')\n"
# Finds the pipe on which the answer is written.
PIPE = """
import os, stat, struct
for answer in range(3, 64):
    try:
        if stat.S_ISFIFO(os.fstat(answer).st_mode):
            break
    except OSError:
        pass
def frame(text, payload=b"", length=None):
    os.write(answer, struct.pack(">II", len(text), len(payload) if length is None else length) + text + payload)
"""
ERROR = ("python-error",)
NOTHING = ("no-result",)
DIED = ("died",)
TIMEOUT = ("timeout",)

FAST = {
    # Ways to end.
    "exit": ("import os\nos._exit(0)", NOTHING),
    "exit with an error": ("import os\nos._exit(7)", NOTHING),
    "sys.exit": ("import sys\nsys.exit(3)", ERROR),
    "sys.exit after drawing": (CHART + "import sys\nsys.exit(1)", ("ok",)),
    "abort": ("import os\nos.abort()", DIED),
    "segmentation fault": ("import ctypes\nctypes.string_at(0)", DIED),
    "signal to itself": ("import signal\nsignal.raise_signal(signal.SIGKILL)", DIED),
    "a signal without a name": ("import signal\nsignal.raise_signal(41)", DIED),
    "a keyboard interrupt": ("raise KeyboardInterrupt", ERROR),
    "an exception without a text": (
        "class E(Exception):\n    def __str__(self): raise E\n    __repr__ = __str__\nraise E",
        ERROR,
    ),
    "an exception group": ("raise ExceptionGroup('a', [ValueError('b')] * 1000)", ERROR),
    "a long message": ("raise ValueError('x' * 10**7)", ERROR),
    "endless recursion": ("def f(): f()\nf()", ERROR),
    "exit at the end": (CHART + "import atexit, os\natexit.register(os._exit, 9)", ("ok",)),
    "hang at the end": (CHART + "import atexit, time\natexit.register(time.sleep, 99)", ("ok",)),
    "a thread that hangs": (
        CHART + "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()",
        ("ok",),
    ),
    "a finalizer that hangs": (
        CHART + "import time\nclass F:\n    def __del__(self): time.sleep(99)\nkept = F()",
        ("ok",),
    ),
    # Memory.
    "a list bomb": ("a = [0] * 10**10", ("oom",)),
    "an array bomb": ("import numpy as np\na = np.ones((1 << 17, 1 << 17))", ("oom",)),
    "small pieces of memory": ("import numpy as np\na = []\nwhile True: a.append(np.empty(1 << 24))", ("oom",)),
    "a picture too large to make": (
        "import matplotlib.pyplot as plt\nplt.figure(figsize=(500, 500))\nplt.plot([1])",
        ("too-large",),
    ),
    "a resolution too high to make": (CHART + "plt.savefig('a.png', dpi=10**6)", ("ok",)),
    "text far outside": (
        CHART + "plt.text(1e9, 1e9, 'far')\nplt.savefig('a.png', bbox_inches='tight')",
        ("ok", "too-large", "oom", *ERROR),
    ),
    # Descriptors and output.
    "closed descriptors": (CHART + "import os\nos.closerange(0, 64)", NOTHING),
    "closed standard streams": (
        CHART + "import sys\nsys.stdout.close(); sys.stderr.close(); sys.stdin.close()",
        ("ok",),
    ),
    "a flood of output": (CHART + "for _ in range(20000): print('x' * 1000)", ("ok",)),
    "a question": ("input('name? ')", ERROR),
    "a large file": ("open('big', 'wb').write(bytes(1 << 25))", ("output-limit",)),
    "many files": ("for i in range(10**6): open(str(i), 'w')", ("output-limit", *ERROR)),
    "folders in folders": (
        "import os\nfor _ in range(10**6):\n    os.mkdir('d')\n    os.chdir('d')",
        ("output-limit", *ERROR),
    ),
    "a closed folder": (CHART + "import os\nos.mkdir('d', 0)\nos.makedirs('e/f', 0)", ("ok",)),
    # Forged answers.
    "nonsense on the pipe": (PIPE + "os.write(answer, b'x' * 100)\nos._exit(0)", NOTHING),
    "a forged failure of ours": (
        PIPE + 'frame(b\'{"statements":[]}\')\nframe(b\'{"status":"sandbox-setup","message":""}\')',
        NOTHING,
    ),
    "a forged status": (PIPE + 'frame(b\'{"statements":[]}\')\nframe(b\'{"status":"ok"}\')', NOTHING),
    "a forged list, deep": (PIPE + "frame(b'[' * 100000)\nframe(b'[' * 100000)", NOTHING),
    "forged numbers": (PIPE + "frame(b'{}')\nframe(b'{\"width\":1e999,\"height\":1}')", NOTHING),
    "forged large numbers": (
        PIPE + "frame(b'{\"statements\":[[0,1,1,1]]}')\n"
        "frame(b'{\"width\":1,\"height\":1,\"elements\":[{\"box\":[0,0,0,1' + b'0' * 400 + b']}]}', b'abc')",
        NOTHING,
    ),
    "forged types": (
        PIPE + 'frame(b\'{"statements":[]}\')\nframe(b\'{"width":1,"height":1,"elements":[{"parts":7}]}\', b\'abc\')',
        NOTHING,
    ),
    "a forged length": (PIPE + "frame(b'{}', length=1 << 31)\nos._exit(0)", NOTHING),
    "a flood on the pipe": (
        PIPE + "while True: os.write(answer, bytes([0] * 8) + bytes(1 << 16))",
        (*NOTHING, "output-limit"),
    ),
    # Broken surroundings.
    "no modules": (CHART + "import sys\nsys.modules.clear()", ("ok", *ERROR)),
    "no builtins": (
        CHART + "import builtins\nfor n in ('len', 'isinstance', 'min', 'list'): delattr(builtins, n)",
        ("ok", *ERROR, *NOTHING, *DIED),
    ),
    "a broken json": ("import json\njson.dumps = lambda *a, **k: '{}'\n" + CHART, ("ok", *NOTHING)),
    "another backend": ("import matplotlib\nmatplotlib.use('TkAgg')\n" + CHART, ("ok",)),
    "a trace function": ("import sys\nsys.settrace(lambda *a: 1 / 0)\n" + CHART, ("ok", *ERROR)),
    "no garbage collection": ("import gc\ngc.disable()\ngc.freeze()\n" + CHART, ("ok",)),
    "a flood of warnings": ("import warnings\nfor i in range(5000): warnings.warn(str(i))\n" + CHART, ("ok",)),
    "an artist that breaks": (CHART + "from matplotlib.text import Text\nText.draw = lambda *a: 1 / 0", ERROR),
    "a lonely surrogate": (CHART.replace("good", "\\ud800"), ("ok", *ERROR)),
    # Not a program.
    "nothing": ("", NOTHING),
    "a null byte": ("a = 1\0", ERROR),
    "a surrogate in the source": ("a = '\ud800'", ERROR),
    "deep brackets": ("(" * 5000, ERROR),
    "a deep expression": ("a = " + "-" * 200000 + "1", (*ERROR, "oom", *DIED)),
    "a wrong indent": ("if True:\nx = 1", ERROR),
}

SLOW = {
    "recursion without a limit": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
        (*TIMEOUT, *DIED, "oom", *ERROR),
    ),
    "a loop": ("while True: pass", TIMEOUT),
    "a loop that ignores its limits": (
        "import signal\nfor n in (signal.SIGXCPU, signal.SIGALRM): signal.signal(n, signal.SIG_IGN)\nwhile True: pass",
        TIMEOUT,
    ),
    "a loop in C": ("sum(iter(int, 1))", TIMEOUT),
    "a large power": ("a = 7 ** 10**9", TIMEOUT),
    "a regular expression": ("import re\nre.match('(a+)+b', 'a' * 99)", TIMEOUT),
    "sleep": ("import time\nwhile True: time.sleep(99)", TIMEOUT),
    "sleep that ignores the alarm": (
        "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: time.sleep(99)",
        TIMEOUT,
    ),
    "a pause": ("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\nsignal.pause()", TIMEOUT),
    "stopped": ("import signal\nsignal.raise_signal(signal.SIGSTOP)", TIMEOUT),
    "a thread bomb": (
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()",
        (*ERROR, *TIMEOUT, "oom"),
    ),
    "threads that compute": (
        "import threading\ndef f():\n    while True: pass\nfor _ in range(8): threading.Thread(target=f).start()\nf()",
        TIMEOUT,
    ),
    "a lock": ("import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()", TIMEOUT),
    "thousands of axes": ("import matplotlib.pyplot as plt\nplt.subplots(60, 60)", (*TIMEOUT, "ok", "oom")),
    "a million points": (
        "import matplotlib.pyplot as plt\nfor i in range(10**6): plt.text(i, i, 'x' * 99)",
        (*TIMEOUT, "oom"),
    ),
    "a file without end": ("f = open('f', 'wb')\nwhile True: f.write(bytes(1 << 16))", ("output-limit", *ERROR)),
    "files without end": (
        "i = 0\nwhile True:\n    i += 1\n    open(f'f{i % 150}', 'wb').write(bytes(1 << 20))",
        ("output-limit", *ERROR),
    ),
    "an endless finalizer": (
        "class F:\n    def __del__(self): kept.append(F())\nkept = []\nwhile True: F()",
        (*TIMEOUT, "oom"),
    ),
    "a hash attack": ("a = {(i << 61) - i: i for i in range(10**6)}\nwhile True: a.update(a)", (*TIMEOUT, "oom")),
    "an import without end": (
        "import sys\nclass F:\n    def find_spec(*a):\n        while True: pass\n"
        "sys.meta_path.insert(0, F())\nimport nothing",
        TIMEOUT,
    ),
}

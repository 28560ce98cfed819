"""space.py - namespaces for the whole run, as root.

Mounts and processes are the run's own: nobody else sees them, and the kernel
ends both when the run ends, also by kill -9.  The network is that of the
machine, so a browser of the machine reaches the servers in a root.
"""

import os
import pathlib
import signal
import subprocess
import sys

from yard import ROOT

INSIDE = "LONG_INSIDE"
# It may be a link: clones can share their roots.
WORK = pathlib.Path(os.path.realpath(ROOT / "build" / "long"))
RUN = WORK / "run"      # a tmpfs, in the namespace only; outside it is empty


def enter():
    """Returns only inside the namespaces.  Where they are not permitted,
    the suite fails and says so."""
    if os.environ.get(INSIDE):
        RUN.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755",
                               "tmpfs", RUN], capture_output=True, text=True)
        if done.returncode != 0:
            fail(done.stderr.strip())
        bury()
        return
    os.environ[INSIDE] = "1"
    words = ["unshare", "--mount", "--pid", "--mount-proc", "--fork",
             "--kill-child=SIGKILL"]
    done = subprocess.run([*words, "true"], capture_output=True, text=True)
    if done.returncode != 0:
        fail(done.stderr.strip())
    # unshare waits for its child, and minds no SIGTERM meanwhile.  If it dies,
    # its child does, and so all that is in the namespaces; it dies with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *words,
                           sys.executable, *sys.argv]) as proc:
        try:
            sys.exit(proc.wait())
        finally:
            proc.kill()


def bury():
    """Returns in a child.  The first process of the namespace does what the
    first one of a machine does: it waits for all that have lost their parent.
    Else a server that went into the background is never seen to end."""
    tests = os.fork()
    if tests == 0:
        return
    while True:
        pid, status = os.wait()
        if pid == tests:
            os._exit(os.waitstatus_to_exitcode(status) & 0xff)


def fail(why):
    print("not ok 1 - a root of its own\n# no namespaces here: %s\n1..1" %
          " ".join(why.split()))
    sys.exit(1)

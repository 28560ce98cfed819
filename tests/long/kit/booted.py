"""booted.py - a Machine that was booted: systemd is its first process.

It has its own processes, mounts and control groups, and the network of this
machine.  What is typed on it runs beside systemd, as root.

    with Booted("site") as m:
        m.type("systemctl is-system-running")
"""

import contextlib
import fcntl
import os
import pathlib
import signal
import subprocess

from machine import Machine
from roots import ENV
from space import RUN
from yard import until

# A unit with PrivateUsers= does not start in a chroot, so the root is changed.
BOOT = """
set -eu
mount --make-rprivate /
mount -t sysfs -o ro sysfs "$0/sys"
mount -t cgroup2 cgroup2 "$0/sys/fs/cgroup"
mount -t proc proc "$0/proc"
mkdir -p "$0/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts"
ln -sf pts/ptmx "$0/dev/ptmx"
mount --bind -o ro "$0/proc/sys" "$0/proc/sys"
cd "$0"
pivot_root . .
umount -l .
exec env -i --chdir=/ container=lxc PATH="$PATH" \
    /lib/systemd/systemd --unit=multi-user.target
"""
# Without the policy packages start what they install, as they do at home.  What
# the root already has is not started by itself: a web server would want port
# 80.  No module is loaded, and nothing is set in the kernel, which is this
# machine's.
OFF = ("usr/sbin/policy-rc.d", "etc/systemd/system/multi-user.target.wants/*",
       "etc/systemd/system/timers.target.wants/*", "etc/rc?.d/S*",
       "usr/lib/systemd/system/sysinit.target.wants/systemd-modules-load."
       "service")
GROUPS = RUN / "groups"     # all control groups, as a tree


def remove(group):
    """A group and those in it, unless there are processes in them."""
    with contextlib.suppress(OSError):
        for one in sorted(group.glob("**/"), reverse=True):
            one.rmdir()


def claim(group):
    """Makes the group, which is ours as long as what is returned is open.

    The lock is on the directory and ends with us.  A run beside us is in
    another namespace of processes: its numbers say nothing to us, but a lock
    is the same for all.
    """
    while True:
        group.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):    # it was swept
            fd = os.open(group, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if group.exists() and group.stat().st_ino == os.fstat(fd).st_ino:
                return fd
            os.close(fd)


def sweep(groups):
    """Removes what runs that are dead have left."""
    for old in groups.glob("largesse-*"):
        try:
            fd = os.open(old, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(old)
        except BlockingIOError:
            pass
        finally:
            os.close(fd)


class Booted(Machine):
    first = None    # also of one that could not be made: logs() asks

    def __init__(self, root):
        super().__init__(root)
        self.group, self.held = self.new_group()

    def boot(self):
        """Starts systemd and waits until it has started everything."""
        for pattern in OFF:
            for path in self.root.glob(pattern):
                path.unlink()
        self.write("/etc/machine-id", "")
        with open(self.dir / "console.log", "ab") as f:
            self.boss = subprocess.Popen(
                ["sh", "-c", 'echo $$ >"$1/cgroup.procs"; exec unshare '
                 "--cgroup --pid --fork --kill-child --mount --uts --ipc "
                 'sh -c "$2" "$0"', self.root, self.group, BOOT],
                stdin=subprocess.DEVNULL, stdout=f, stderr=f,
                start_new_session=True)
        self.servers.append(self.boss)
        self.first = until("systemd is there", self.child)
        until("systemd has started all", lambda: self.state() in (
            "running", "degraded"))

    @staticmethod
    def new_group():
        """Of a hierarchy of version 2, wherever this machine has it; and what
        makes it ours (claim)."""
        if not GROUPS.is_dir():
            GROUPS.mkdir()
            Machine.mount("-t", "cgroup2", "cgroup2", GROUPS)
        sweep(GROUPS)
        group = GROUPS / ("largesse-" + os.urandom(8).hex())
        return group, claim(group)

    def child(self):
        """The process that is the first in there, once it is systemd."""
        pid = self.boss.pid
        said = pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)
                            ).read_text().split()
        if said and os.readlink("/proc/%s/exe" % said[0]).endswith("/systemd"):
            return int(said[0])
        return None

    def state(self):
        return self.type("systemctl is-system-running", check=False
                         ).stdout.strip()

    def type(self, line, check=True, user="root", timeout=300):
        """A line of shell, as somebody types it."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.first), "--mount", "--pid",
             "--cgroup", "--uts", "--ipc", "env", "-i", "--chdir=/",
             *("%s=%s" % pair for pair in ENV.items()), "HOME=/root",
             *(["runuser", "-u", user, "--"] if user != "root" else []),
             "sh", "-c", line], text=True, errors="replace",
            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError("%s: status %d: %s" % (
                line, done.returncode, (done.stderr + done.stdout)[-3000:]))
        return done

    def close(self):
        """systemd is killed, and with it all that it has started."""
        if self.first:
            self.end(self.boss, signal.SIGKILL)
        super().close()
        remove(self.group)
        os.close(self.held)

    def logs(self):
        yield from super().logs()
        if self.first:
            said = self.type("journalctl --no-pager -n 60; systemctl --failed",
                             check=False).stdout
            yield "journal", said[-6000:]

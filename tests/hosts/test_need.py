"""test_need.py - deploy/need.sh as root writes through nobody's link.

The programs of Debian that it calls are stand-ins here, and the directories in
which it writes are copies, mounted over the real ones in the namespace of this
suite (net.py).
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

from yard import ROOT

APT = """#!/bin/sh
ls -l /usr/sbin/policy-rc.d >>%s 2>&1
"""


class Root:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="largesse."))
        self.bin, self.seen = self.dir / "bin", self.dir / "seen"
        self.bin.mkdir()
        for name, text in (("dpkg-query", "#!/bin/sh\n"),
                           ("update-rc.d", "#!/bin/sh\n"),
                           ("apt-get", APT % self.seen)):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        self.victim = self.dir / "victim"
        self.victim.write_text("whole")
        shutil.copytree("/usr/sbin", self.dir / "sbin", symlinks=True)
        subprocess.run(["mount", "--bind", self.dir / "sbin", "/usr/sbin"],
                       check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/lock"],
                       check=True)
        self.policy = pathlib.Path("/usr/sbin/policy-rc.d")
        self.policy.unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "/usr/sbin"])
        subprocess.run(["umount", "/run/lock"])
        shutil.rmtree(self.dir)

    def need(self):
        env = dict(os.environ, PATH="%s:%s" % (self.bin, os.environ["PATH"]))
        subprocess.run([ROOT / "deploy/need.sh", "lint"], env=env, check=True,
                       capture_output=True, umask=0)


def test_need_writes_through_no_link_of_the_lock_directory():
    with Root() as y:
        for name in ("largesse-need", "largesse-need.lock"):
            pathlib.Path("/run/lock", name).symlink_to(y.victim)
        y.need()
        assert y.victim.read_text() == "whole"


def test_need_makes_its_policy_whole_and_takes_it_away():
    with Root() as y:
        y.need()
        assert "-rwxr-xr-x" in y.seen.read_text(), y.seen.read_text()
        assert not list(y.policy.parent.glob("policy-rc.d*"))


def test_need_leaves_a_policy_that_leads_elsewhere():
    with Root() as y:
        y.policy.symlink_to(y.dir / "nowhere")
        y.need()
        assert y.policy.is_symlink() and not (y.dir / "nowhere").exists()

"""test_frame.py - the frame of this suite: what it leaves, and what it says."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import booted
import roots
import space
from machine import Machine
from tap import each
from yard import ROOT, alive, until

RUN = ROOT / "tests/long/run"


@contextlib.contextmanager
def stand_in(module, **names):
    """Other things in the place of these names of a module."""
    theirs = {name: getattr(module, name) for name in names}
    vars(module).update(names)
    try:
        yield
    finally:
        vars(module).update(theirs)


def mounts():
    text = pathlib.Path("/proc/self/mountinfo").read_text()
    return sorted(line.split()[4] for line in text.splitlines())


def inside(folder):
    """The processes whose root is in that directory, in any namespace below
    ours, and their names."""
    found = {}
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(proc / "root").startswith(str(folder) + "/"):
                found[int(proc.name)] = (proc / "comm").read_text().strip()
    return found


@each("sig", ["KILL", "TERM"])
def test_a_run_that_is_killed_leaves_nothing(sig):
    """While servers run."""
    roots.root("upload")
    before, files = mounts(), sorted(space.RUN.iterdir())
    env = {k: v for k, v in os.environ.items() if k != space.INSIDE}
    with subprocess.Popen([sys.executable, str(RUN), "public_topic"], env=env,
                          stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as proc:
        until("Apache runs in its root",
              lambda: "apache2" in inside(space.RUN).values(), 300)
        pids = inside(space.RUN)
        proc.send_signal(getattr(signal, "SIG" + sig))
        assert proc.wait(60) != 0
    for pid in pids:
        until("process %d is gone" % pid, lambda: not alive(pid))
    assert not inside(space.RUN), inside(space.RUN)
    assert mounts() == before
    assert sorted(space.RUN.iterdir()) == files


def test_tests_do_not_see_what_others_wrote():
    with Machine("base") as m:
        m.user("site")
        m.write("/etc/motd", "ours")
        assert m.path("/home/site").exists()
    with Machine("base") as m:
        assert not m.path("/home/site").exists()
        assert m.path("/etc/motd").read_text() != "ours"


BESIDE = """
import pathlib, sys
import booted
booted.GROUPS = pathlib.Path(sys.argv[1])
kept = booted.Booted.new_group()
print("made", flush=True)
sys.stdin.read()
"""


def test_control_groups_of_a_run_beside_stay():
    """Also while they are empty.  What a dead run has left is removed."""
    groups = pathlib.Path(tempfile.mkdtemp(dir=space.RUN))
    (groups / "largesse-1-2/init.scope").mkdir(parents=True)
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    with subprocess.Popen([sys.executable, "-c", BESIDE, groups], env=env,
                          text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as beside:
        assert beside.stdout.readline() == "made\n"
        theirs = list(groups.iterdir())
        assert len(theirs) == 1, theirs
        with stand_in(booted, GROUPS=groups):
            os.close(booted.Booted.new_group()[1])
        assert theirs[0].is_dir()
        beside.kill()
        beside.wait()
        with stand_in(booted, GROUPS=groups):
            os.close(booted.Booted.new_group()[1])
        assert not theirs[0].exists()
    shutil.rmtree(groups)


def test_links_in_a_root_do_not_lead_out_of_it():
    with Machine("base") as m:
        outside = pathlib.Path(tempfile.mkdtemp(dir=space.RUN))
        m.path("/srv/away").symlink_to(outside)
        m.path("/srv/up").symlink_to("../../run")
        m.write("/srv/away/a", "1")
        m.write("/srv/up/b", "2")
        assert not list(outside.iterdir())
        assert m.run(["cat", "/srv/away/a", "/run/b"]).stdout == "12"


def test_a_machine_ends_what_its_servers_leave():
    """A process that its parent has left is ended, too."""
    with Machine("base") as m:
        m.user("site")
        m.run(["sh", "-c", "sleep 1000 >/dev/null 2>&1 &"], user="site")
        pid = until("it runs", lambda: m.pids("sleep", "site"))[0]
        assert alive(pid)
    assert not alive(pid)


def test_a_root_is_made_once_and_again_for_other_packages():
    """What a run left that was ended meanwhile is never taken for a root."""
    made = []

    def install(draft, packages, _):
        made.append(packages)
        (draft / "packages").write_text(" ".join(packages))

    work = pathlib.Path(tempfile.mkdtemp(dir=space.RUN))
    first = {"base": (None, ""), "one": ("base", "a b")}
    other = {"base": (None, ""), "one": ("base", "a c")}
    with stand_in(roots, WORK=work, ROOTS=first, install=install,
                  debootstrap=lambda draft, _: made.append("base")):
        half = roots.place("one")
        half.with_name(half.name + ".new").mkdir()
        (half.with_name(half.name + ".new") / "packages").write_text("a")
        for _ in range(2):
            assert (roots.root("one") / "packages").read_text() == "a b"
        assert made == ["base", ["a", "b"]], made
        with stand_in(roots, ROOTS=other):
            assert (roots.root("one") / "packages").read_text() == "a c"
        assert made == ["base", ["a", "b"], ["a", "c"]], made
        assert not list(work.glob("*.new"))
    shutil.rmtree(work)


def test_a_root_that_cannot_be_made_is_not_tried_again():
    tried = []

    def debootstrap(draft, _):
        tried.append(draft)
        raise roots.Unmade("root: no")

    work = pathlib.Path(tempfile.mkdtemp(dir=space.RUN))
    with stand_in(roots, WORK=work, debootstrap=debootstrap, failed={}):
        for _ in range(3):
            try:
                roots.root("upload")
            except roots.Unmade as e:
                assert str(e) == "root: no"
            else:
                raise AssertionError("it was made")
    assert len(tried) == 1
    shutil.rmtree(work)


def refused(make):
    """The one line by which a root is not made."""
    draft = space.RUN / "refused"
    draft.mkdir()
    try:
        make(draft)
    except roots.Unmade as e:
        assert "\n" not in str(e), e
        return str(e)
    finally:
        shutil.rmtree(draft)
    raise AssertionError("it was made")


def test_a_mirror_that_is_not_there_is_named():
    with stand_in(roots, sources=lambda wanted: [
            (wanted, "http://127.0.0.1:1/debian", "")]):
        why = refused(lambda draft: roots.debootstrap(draft, "bookworm"))
    assert why.startswith("root: debootstrap from http://127.0.0.1:1/debian: "
                          ), why
    assert "127.0.0.1:1" in why.partition("debian: ")[2], why


def test_a_package_that_is_not_there_is_named():
    def make(draft):
        status = pathlib.Path("var/lib/dpkg/status")
        (draft / status.parent).mkdir(parents=True)
        (draft / "var/lib/apt").mkdir()
        shutil.copy(roots.root("base") / status, draft / status)
        roots.install(draft, ["apache2", "no-such-package"], "bookworm")
    why = refused(make)
    assert "Unable to locate package no-such-package" in why, why

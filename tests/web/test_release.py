"""test_release.py - what is not ready is not released: version, CHANGELOG.md,
tag and tree have to agree.  That it builds is tested in tests/long.
"""

import pathlib
import shutil
import subprocess
import tempfile

from fronts import DEPLOY
from tap import each

SCRIPT = DEPLOY / "release/release.sh"


class Clone:
    """A repository that may be released as 1.2.3."""

    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.git("init", "-q")
        self.change("# Changes\n\n## 1.2.3 - 2026-02-28\n\n## 1.2.2 - old\n")
        self.git("tag", "-a", "-m", "x", "v1.2.3")

    def git(self, *words):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y.z",
                        *words], cwd=self.dir, check=True, capture_output=True)

    def change(self, text):
        (self.dir / "CHANGELOG.md").write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")

    def heading(self, line):
        self.git("tag", "-d", "v1.2.3")
        self.change("# Changes\n\n%s\n" % line)
        self.git("tag", "-a", "-m", "x", "v1.2.3")

    def release(self):
        done = subprocess.run([SCRIPT, "1.2.3"], cwd=self.dir, text=True,
                              capture_output=True)
        assert not done.stdout, done
        return done.returncode, done.stderr


HEADING = "release: CHANGELOG.md begins with '%s', not '## 1.2.3 - YYYY-MM-DD'"
CASES = {
    "unreleased": (lambda c: c.heading("## 1.2.3 - unreleased"),
                   HEADING % "## 1.2.3 - unreleased"),
    "other version": (lambda c: c.heading("## 1.2.30 - 2026-02-28"),
                      HEADING % "## 1.2.30 - 2026-02-28"),
    "no day": (lambda c: c.heading("## 1.2.3 - 2026-02-30"),
               "release: CHANGELOG.md: 2026-02-30 is no day"),
    "no heading": (lambda c: c.heading("nothing"),
                   "release: CHANGELOG.md has no heading"),
    "no tag": (lambda c: c.git("tag", "-d", "v1.2.3"),
               "release: this commit has no tag v1.2.3"),
    "tag of an older commit": (
        lambda c: c.git("commit", "-q", "--allow-empty", "-m", "y"),
        "release: this commit has no tag v1.2.3"),
    "a changed file": (
        lambda c: (c.dir / "CHANGELOG.md").write_text("x"),
        "release: not committed:  M CHANGELOG.md"),
    "a new file": (lambda c: (c.dir / "new").write_text("x"),
                   "release: not committed: ?? new"),
}


def test_release_takes_a_tree_that_agrees():
    with tempfile.TemporaryDirectory() as folder:
        assert Clone(folder).release() == (0, "")


@each("case", CASES)
def test_release_refuses(case):
    spoil, why = CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        clone = Clone(folder)
        spoil(clone)
        status, said = clone.release()
        assert status == 1 and said.startswith(why), said
        assert said.count("\n") == 1, said


def test_release_needs_a_clone():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([SCRIPT, "1.2.3"], cwd=folder, text=True,
                              capture_output=True)
        assert done.returncode == 1
        assert done.stderr == "release: this is no clone of the repository\n"


def tarball(folder):
    """Made in a clone of this tree, with a program that is none."""
    done = subprocess.run([folder / "deploy/release/tarball.sh", "1.2.3", "z80"],
                          cwd=folder, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return (folder / "build/largesse-1.2.3-z80.tar.gz").read_bytes()


def test_tarball_takes_what_git_knows():
    """Not what lies about in a tree: notes, copies of an editor, somebody's
    log.  A file that is changed is taken as it is, as make does."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        words = ["git", "-C", DEPLOY.parent, "ls-files", "-z", "deploy", "fcgi",
                 "LICENSE", "CHANGELOG.md"]
        for name in subprocess.run(words, check=True, text=True,
                                   capture_output=True).stdout.split("\0"):
            if (DEPLOY.parent / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(DEPLOY.parent / name, folder / name)
        (folder / "build/static").mkdir(parents=True)
        (folder / "build/static/largesse").write_text("program")
        (folder / ".gitignore").write_text("/build/\n")
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
            subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y",
                            *words], cwd=folder, check=True)
        clean = tarball(folder)
        for name in ("deploy/notes.md", "deploy/js/old.js", "fcgi/old.1",
                     "deploy/nginx/events.conf~", "deploy/mine/site.conf",
                     "deploy/shared/data/events.db"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("mine")
        assert tarball(folder) == clean
        (folder / "deploy/nginx/events.conf").write_text("mine")
        assert tarball(folder) != clean


def test_release_takes_the_tarball_that_it_made():
    """Not one of another machine that is still there."""
    with tempfile.TemporaryDirectory() as folder:
        build = pathlib.Path(folder, "build")
        (build / "deb").mkdir(parents=True)
        for name in ("deb/largesse_1.2.3-1_amd64.deb",
                     "largesse-1.2.3-x86_64.tar.gz",
                     "largesse-1.2.3-aarch64.tar.gz"):
            (build / name).write_text(name)
        subprocess.run([SCRIPT, "1.2.3", "sums", "x86_64"], cwd=folder,
                       check=True, capture_output=True)
        names = {p.name for p in (build / "release").iterdir()}
        assert names == {"SHA256SUMS", "largesse_1.2.3-1_amd64.deb",
                         "largesse-1.2.3-x86_64.tar.gz"}, names

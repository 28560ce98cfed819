"""test_package.py - what is handed to those who have no compiler: the tarball
with the static program.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile

from machine import Machine
from space import RUN
from yard import ROOT

WHEN = "1700000000"


def tree(folder):
    """A copy of the files that git knows, as they are now."""
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True,
                           capture_output=True).stdout.split(b"\0")
    for name in filter(None, names):
        name = os.fsdecode(name)
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def make(folder, *words, umask=0o022):
    """Run make in a tree; what it says."""
    done = subprocess.run(["make", "-j2", "NEED=:", *words], cwd=folder,
                          umask=umask, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL,
                          env={**os.environ, "SOURCE_DATE_EPOCH": WHEN})
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


def version():
    """The one that the Makefile has."""
    return re.search(r"^VERSION\s*= (\S+)$", (ROOT / "Makefile").read_text(),
                     re.M)[1]


def tarball_of_this_tree():
    make(ROOT, "tarball")
    found = list((ROOT / "build").glob("largesse-%s-*.tar.gz" % version()))
    assert len(found) == 1, found
    return found[0]


def tarball(folder, umask):
    make(tree(folder), "tarball", umask=umask)
    found = list((folder / "build").glob("largesse-*.tar.gz"))
    assert len(found) == 1, found
    return found[0]


def differ(one, two):
    """Names of what is not the same in two tarballs, for the message."""
    seen = []
    for path in (one, two):
        with tarfile.open(path) as tar:
            seen.append({(m.name, m.mode, m.mtime, m.uid, m.gname, m.isreg()
                          and tar.extractfile(m).read()) for m in tar})
    return sorted({m[0] for m in seen[0] ^ seen[1]})


def test_tarball_built_twice_has_the_same_bytes():
    """In other directories, at other times, by people with another umask."""
    with tempfile.TemporaryDirectory(dir=RUN) as work:
        one = tarball(pathlib.Path(work, "a"), 0o022)
        two = tarball(pathlib.Path(work, "another/and/longer"), 0o077)
        assert one.name == two.name
        assert one.read_bytes() == two.read_bytes(), differ(one, two)


def test_tarball_has_all_that_a_site_needs():
    """The program in it needs no library: it runs in a root that has none of
    ours."""
    name = os.path.basename(made := tarball_of_this_tree()).removesuffix(
        ".tar.gz")
    with Machine("base") as m:
        m.put(made, "/root/it.tar.gz")
        m.run(["tar", "xzf", "/root/it.tar.gz", "-C", "/root"])
        home = "/root/" + name
        said = m.run([home + "/largesse", "--version"]).stdout
        assert said == "largesse %s\n" % version(), said
        m.run([home + "/largesse", "init", "/root/events.db", "--quiet"])
        m.run([home + "/largesse", "publish", "/root/events.db", "hello"])
        said = m.run([home + "/upload/largesse", "tail", "/root/events.db",
                      "--last", "1", "--count", "1", "--quiet"]).stdout
        assert "data: hello\n" in said, said
        for there in ("README.md", "LICENSE", "CHANGELOG.md", "man/largesse.1",
                      "js/largesse.js", "js/largesse.mjs",
                      "deploy/nginx/events.conf", "deploy/lighttpd/events.conf",
                      "deploy/apache/events.conf", "deploy/apache/retry.asis",
                      "deploy/systemd/largesse.socket", "upload/.htaccess",
                      "upload/events.php"):
            assert m.path(home + "/" + there).is_file(), there

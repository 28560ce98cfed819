"""roots.py - makes the roots: Debian 12 or 13, and a list of packages.

A root is made once, in build/long/root-NAME-HASH, and used again until its
recipe changes.  debootstrap makes the first, on a tmpfs, for on a disk dpkg
waits for each file; the others begin with a copy of another.  Packages come
from where the apt of this machine takes those of Debian 12, by its proxies and
with its keys; a mirror has the other releases beside it.  The root itself needs
no network, and learns of no mirror.
"""

import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from space import RUN, WORK

RELEASE = "bookworm"    # what the apt of this machine has
RELEASES = {"base": "bookworm", "base13": "trixie"}
RECIPE = 1      # another number makes all roots anew
HANGS = 3600    # seconds after which a step is given up

BUILD = ("build-essential debhelper lintian libcmocka-dev libc-ares-dev "
         "libcurl4-openssl-dev libfcgi-dev libhiredis-dev libjansson-dev "
         "libseccomp-dev libsqlite3-dev libssl-dev libuv1-dev pkg-config "
         "redis-server sqlite3")
# The libraries are those that the package depends on, so that apt can install it
# without a network.
SITE = ("systemd systemd-sysv dbus nginx lighttpd apache2 curl sqlite3 man-db "
        "bash-completion procps libc-ares2 libfcgi0ldbl libjansson4 "
        "libseccomp2 libsqlite3-0 ")

# NAME: the root it begins with, and the packages that are added.
ROOTS = {
    "base": (None, ""),
    "base13": (None, ""),
    "upload": ("base",
               "apache2 apache2-suexec-custom libapache2-mod-fcgid php8.2-cgi "
               "php8.2-cli php8.2-fpm libapache2-mod-php8.2 php8.2-sqlite3 "
               "sqlite3"),
    "wordpress": ("upload",
                  "wordpress wordpress-theme-twentytwentyone "
                  "wordpress-theme-twentytwentythree mariadb-server "
                  "php8.2-mysql"),
    # What the package is built with, and a site that it is installed into.
    "build": ("base", BUILD),
    "build13": ("base13", BUILD),
    "site": ("base", SITE + "libhiredis0.14 libuv1 libcurl4 libssl3"),
    "site13": ("base13",
               SITE + "libhiredis1.1.0 libuv1t64 libcurl4t64 libssl3t64"),
}

ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
       "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


class Unmade(RuntimeError):
    """A root cannot be made; one line says why."""


failed = {}     # what was tried in this run is not tried again


def root(name):
    """The directory of a root, which is made if it is not there.  The test
    that needs it first has no time limit while it is made."""
    made = place(name)
    if made.is_dir():
        os.utime(made)
        return made
    left = signal.alarm(0)
    try:
        with open(WORK / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)    # one run at a time makes roots
            if name not in failed:
                return there(name)
    except Unmade as e:
        failed[name] = str(e)
    finally:
        signal.alarm(left)
    raise Unmade(failed[name])


def there(name):
    """A directory that has its name is whole."""
    made = place(name)
    if not made.is_dir():
        make(name, made)
    return made


def place(name):
    return WORK / ("root-%s-%s" % (name, hashlib.sha256(
        recipe(name).encode()).hexdigest()[:8]))


def recipe(name):
    first, packages = ROOTS[name]
    before = recipe(first) if first else "%d %s\n" % (RECIPE, release(name))
    return before + " ".join(packages.split()) + "\n"


def release(name):
    first, _ = ROOTS[name]
    return release(first) if first else RELEASES[name]


def make(name, made):
    """Also removes what is left of others of that name, if nobody has used
    it for a day: another clone may have the same directory."""
    first, packages = ROOTS[name]
    below = there(first) if first else None
    start = time.monotonic()
    new, draft = made.with_name(made.name + ".new"), RUN / "draft"
    for old in WORK.glob("root-%s-*" % name):
        if old == new or time.time() - old.stat().st_mtime > 86400:
            shutil.rmtree(old)
    draft.mkdir()
    try:
        if first:
            call(["cp", "-a", "%s/." % below, draft], "copy of " + first)
            install(draft, packages.split(), release(name))
        else:
            debootstrap(draft, release(name))
        call(["cp", "-a", draft, new], "copy to the disk")
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    new.rename(made)
    print("# root %s: made in %d s" % (name, time.monotonic() - start),
          file=sys.stderr)


def call(argv, what, env=None):
    """Run a command.  What it says goes into build/long/make.log; if it fails,
    the error has its own reason."""
    argv = [str(word) for word in argv]
    with tempfile.TemporaryFile("w+", dir=RUN, errors="replace") as out:
        try:
            status = subprocess.run(
                argv, env={**os.environ, **ENV, **(env or {})}, stdout=out,
                stdin=subprocess.DEVNULL, stderr=out,
                timeout=HANGS).returncode
        except subprocess.TimeoutExpired:
            raise Unmade("root: %s: not done in %d s" % (what, HANGS)) from None
        out.seek(0)
        said = out.read()
    with open(WORK / "make.log", "a") as log:
        log.write("$ %s\n%s" % (" ".join(argv), said))
    if status != 0:
        raise Unmade("root: %s: %s (build/long/make.log has it all)" % (
            what, reason(said) or "status %d" % status))
    return said


def reason(said):
    """The first error of apt or debootstrap, or else the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line[2:].strip() for mark in ("E:", "W:") for line in lines
            if line.startswith(mark)]
    return (told + lines[-1:] + [""])[0]


# --- where the packages come from

def sources(wanted):
    """Where a release of Debian comes from: its parts, the mirror of each and
    the file with its keys.  The first is the release itself.  This machine's
    apt has one release, and others have the same places."""
    fields = ("ORIGIN", "RELEASE", "COMPONENT", "REPO_URI", "SOURCESENTRY")
    found = set()
    for line in call(["apt-get", "indextargets", "--format", "|".join(
            "$(%s)" % f for f in fields), "Identifier: Packages"],
            "apt-get indextargets").splitlines():
        origin, part, component, uri, entry = line.split("|")
        if (origin, component) == ("Debian", "main") and re.fullmatch(
                RELEASE + "(-updates|-security)?", part):
            found.add((part, uri, key_of(entry)))
    found = sorted(found, key=lambda source: source[0])
    if not found or found[0][0] != RELEASE:
        raise Unmade("root: apt: no list of Debian 12 (%s); apt-get update "
                     "brings it if there is a source" % RELEASE)
    return [(wanted + part[len(RELEASE):], uri, key) for part, uri, key in found]


def key_of(entry):
    """The file that the source's signed-by names, if it has one.  In a .sources
    file the entry's number is that of the stanza, else of the line."""
    path, _, number = entry.rpartition(":")
    text = pathlib.Path(path).read_text()
    if path.endswith(".sources"):
        stanzas = [s for s in re.split(r"\n\s*\n", text)
                   if re.search(r"^types\s*:", s, re.I | re.M)]
        found = re.search(r"^signed-by\s*:\s*(/\S+)\s*$",
                          "".join(stanzas[int(number) - 1:int(number)]),
                          re.I | re.M)
    else:
        found = re.search(r"signed-by=(/[^\s,\]]+)",
                          text.splitlines()[int(number) - 1])
    return found[1] if found else ""


def proxies():
    """apt's proxies, for wget, with which debootstrap fetches."""
    env = {}
    for scheme in ("http", "https"):
        said = call(["apt-config", "shell", "P",
                     "Acquire::%s::Proxy" % scheme], "apt-config").strip()
        found = re.fullmatch("P='(.+)'", said)
        if found and found[1] != "DIRECT":
            env[scheme + "_proxy"] = found[1]
    return env


# --- what a root is made of

def debootstrap(draft, wanted):
    _, mirror, key = sources(wanted)[0]
    (WORK / "debs").mkdir(exist_ok=True)
    call(["debootstrap", "--variant=minbase",
          "--cache-dir=%s" % (WORK / "debs"),
          *(["--keyring=" + key] if key else []), wanted, draft, mirror],
         "debootstrap from " + mirror, proxies())
    for name in ("resolv.conf", "hostname"):    # they are this machine's
        (draft / "etc" / name).unlink(missing_ok=True)
    (draft / "etc/hosts").write_text("127.0.0.1 localhost\n")
    policy = draft / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # no package starts a server
    policy.chmod(0o755)


def install(draft, packages, wanted):
    """This machine's apt fetches what the root lacks; the root's own apt
    installs it, without a list or a network."""
    debs, lists = WORK / "debs", WORK / ("lists-" + wanted)
    for folder in (lists / "partial", debs / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    (RUN / "no-debs/partial").mkdir(parents=True, exist_ok=True)
    listed = WORK / (wanted + ".list")
    listed.write_text("".join("deb %s%s %s main\n" % (
        "[signed-by=%s] " % key if key else "", uri, part)
        for part, uri, key in sources(wanted)))

    def apt(what, archives, *words):
        options = {
            "Dir::Etc::SourceList": listed,
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::State::Lists": lists,
            "Dir::State::Status": draft / "var/lib/dpkg/status",
            "Dir::State::Extended_States":
                draft / "var/lib/apt/extended_states",
            "Dir::Cache::Archives": archives,
            "Dir::Cache::PkgCache": "", "Dir::Cache::SrcPkgCache": "",
            "APT::Install-Recommends": "false", "APT::Sandbox::User": "root"}
        return call(["apt-get", "-q", "-y", *(
            word for pair in options.items()
            for word in ("-o", "%s=%s" % pair)), *words], what)

    apt("apt-get update", debs, "update")
    apt("packages", debs, "--download-only", "install", *packages)
    needed = re.findall(r"^'[^']+' (\S+\.deb) \d+", apt(
        "packages", RUN / "no-debs", "--print-uris", "install", *packages),
        re.M)
    inside = draft / "debs"
    inside.mkdir()
    mounts = [["--bind", debs, inside], ["-t", "proc", "proc", draft / "proc"]]
    for mount in mounts:
        call(["mount", *mount], "mount")
    try:
        call(["chroot", draft, "apt-get", "-q", "-y", "install",
              "--no-install-recommends", *("/debs/" + d for d in needed)],
             "packages")
    finally:
        for mount in mounts:
            call(["umount", mount[-1]], "umount")
    inside.rmdir()

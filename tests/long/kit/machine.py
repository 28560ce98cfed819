"""machine.py - a copy of a root for one test: users, files, servers.

What the test writes lies on a tmpfs over the root and is gone with it.  A
command runs in the root as one of its users, with that user's groups and
nothing else of this machine but its network.  Ports are those of this machine:
take them from free_port().

    with Machine("upload") as m:
        m.user("site")
        m.put(ROOT / "build/upload", "/home/site/public_html/push", "site")
        m.run(["ls", "-l"], user="site")
        m.start(["some-server"], "server", user="site")
"""

import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import subprocess

import roots
from space import RUN
from yard import alive, end_process, open_yards, until

NUMBERS = itertools.count(1)
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def user_of(proc):
    """The effective user.  The owner of /proc/PID may be root instead."""
    for line in (proc / "status").read_text().splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[2])


class Machine:
    def __init__(self, root):
        self.dir = RUN / ("machine-%d" % next(NUMBERS))
        self.root = self.dir / "root"
        self.servers = []
        for name in ("root", "upper", "work"):
            (self.dir / name).mkdir(parents=True)
        self.mount("-t", "overlay", "-o",
                   "xino=on,lowerdir=%s,upperdir=%s,workdir=%s"
                   % (roots.root(root), self.dir / "upper",
                      self.dir / "work"), "overlay", self.root)
        open_yards.append(self)
        self.mount("-t", "proc", "proc", self.root / "proc")
        self.mount("-t", "tmpfs", "-o", "mode=755", "tmpfs",
                   self.root / "dev")
        for name in DEVICES:
            (self.root / "dev" / name).touch()
            self.mount("--bind", "/dev/" + name, self.root / "dev" / name)
        (self.root / "dev/shm").mkdir()
        (self.root / "dev/shm").chmod(0o1777)
        (self.root / "dev/fd").symlink_to("/proc/self/fd")
        for n, name in enumerate(("stdin", "stdout", "stderr")):
            (self.root / "dev" / name).symlink_to("/proc/self/fd/%d" % n)

    @staticmethod
    def mount(*words):
        done = subprocess.run(["mount", *map(str, words)], text=True,
                              capture_output=True)
        if done.returncode != 0:
            raise RuntimeError("mount: " + done.stderr.strip())

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()

    # --- files and users

    def path(self, name):
        """Where a file of the root is on this machine.  The links on the way
        are followed as in the root; the last name is taken as it is."""
        name = pathlib.PurePosixPath("/", name)
        return self.within(name.parent) / name.name

    def within(self, name):
        at = self.root
        for part in pathlib.PurePosixPath(name).parts[1:]:
            if part == "..":
                at = at.parent if at != self.root else at
                continue
            at = at / part
            if at.is_symlink():
                at = self.within(os.path.join(
                    "/", at.parent.relative_to(self.root), os.readlink(at)))
        return at

    def user(self, name, home_mode=0o711):
        """A user with a home and a group of its own."""
        self.run(["useradd", "--create-home", "--user-group", "--shell",
                  "/bin/sh", name])
        self.path("/home/" + name).chmod(home_mode)

    def ids(self, user):
        """Its number and that of its group, as the root has them."""
        for line in self.path("/etc/passwd").read_text().splitlines():
            fields = line.split(":")
            if fields[0] == user:
                return int(fields[2]), int(fields[3])
        raise KeyError("no user %s in the root" % user)

    def write(self, name, text, owner="root", mode=0o644):
        """A file, and the directories it lies in if they are not there."""
        path = self.path(name)
        self.folders(path.parent, owner)
        path.write_text(text)
        self.own(path, owner, mode)
        return path

    def put(self, source, name, owner="root", mode=None):
        """A copy of a file or of a folder and all in it.  Without a mode, as
        most uploads make them: 755 for folders and programs, else 644."""
        path = self.path(name)
        self.folders(path.parent, owner)
        if pathlib.Path(source).is_dir():
            shutil.copytree(source, path, symlinks=True, dirs_exist_ok=True)
            for folder, _, files in os.walk(path):
                self.own(pathlib.Path(folder), owner, 0o755)
                for f in files:
                    self.own(pathlib.Path(folder, f), owner, mode)
        else:
            shutil.copy(source, path)
            self.own(path, owner, mode)
        return path

    def folders(self, path, owner):
        if not path.exists():
            self.folders(path.parent, owner)
            path.mkdir()
            self.own(path, owner, 0o755)

    def own(self, path, owner, mode):
        if mode is None:
            mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
        os.chown(path, *self.ids(owner))
        path.chmod(mode)

    # --- processes

    def inside(self, argv, user="root", env=None, cwd="/"):
        home = "/root" if user == "root" else "/home/" + user
        env = {**roots.ENV, "HOME": home, "USER": user, "LOGNAME": user,
               **(env or {})}
        return ["chroot", "--userspec=" + user, str(self.root), "env", "-i",
                "--chdir=" + cwd, *("%s=%s" % pair for pair in env.items()),
                *map(str, argv)]

    def run(self, argv, user="root", check=True, input="", timeout=300,
            env=None, cwd="/"):
        """Run a command to its end.  If it fails, the failure has its words;
        with check=False the result has them."""
        done = subprocess.run(self.inside(argv, user, env, cwd), text=True,
                              errors="replace",
                              input=input, timeout=timeout,
                              capture_output=True)
        if check and done.returncode != 0:
            raise AssertionError("%s: status %d: %s" % (
                " ".join(map(str, argv)), done.returncode,
                (done.stderr + done.stdout).strip()[-2000:]))
        return done

    def start(self, argv, log, user="root", env=None, cwd="/"):
        """A server that stays in the foreground.  Its process has the id of
        what is returned; its words are in LOG.log of self.dir.  The session
        is its own: Apache with mpm_prefork ends its whole process group."""
        with open(self.dir / (log + ".log"), "ab") as f:
            proc = subprocess.Popen(self.inside(argv, user, env, cwd),
                                    stdin=subprocess.DEVNULL, stdout=f,
                                    stderr=f, start_new_session=True)
        self.servers.append(proc)
        return proc

    def end(self, proc, sig=signal.SIGTERM, timeout=60):
        self.servers.remove(proc)
        return end_process(proc, sig, timeout)

    def pids(self, name=None, user=None):
        """The processes in this root, by the name of the program and by
        their user."""
        uid = self.ids(user)[0] if user else None
        found = []
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(proc / "root") == str(self.root) and \
                        name in (None, (proc / "comm").read_text().strip()) \
                        and uid in (None, user_of(proc)):
                    found.append(int(proc.name))
        return found

    # --- the end

    def logs(self):
        """Ours, and those in the root to which the test has added."""
        paths = [*self.dir.glob("*.log"),
                 *(self.dir / "upper/var/log").glob("**/*.log")]
        for path in sorted(paths):
            text = path.read_text(errors="replace").strip()
            if text:
                yield str(path.relative_to(self.dir)), text[-4000:]

    def close(self):
        open_yards.remove(self)
        for proc in list(reversed(self.servers)):
            self.end(proc)
        for pid in self.pids():     # what the servers have left
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            until("process %d is gone" % pid, lambda: not alive(pid))
        # Of a process with io_uring the files are open a little longer.
        until("nothing is open there", lambda: subprocess.run(
            ["umount", "--recursive", self.root],
            capture_output=True).returncode == 0)
        shutil.rmtree(self.dir)

"""test_permissions.py - a responder and a publisher that are two users.

The responder is www-data.  The publisher is nobody, and in the group that
owns the log's directory: deploy/permissions.md says how.
"""

import os
import shutil
import subprocess

from hosts import Site
from tap import each
from yard import end_process, until

WWW = dict(user="www-data", group="www-data", extra_groups=[])
OTHER = dict(user="nobody", group="nogroup", extra_groups=["www-data"])
STRANGER = dict(user="backup", group="backup", extra_groups=[])
ROOT = {}


class Shared(Site):
    """mode, owner and group are those of the directory.  spoil(log) is called
    after the publisher's init."""

    def __init__(self, mode=0o2770, owner="nobody", group="www-data",
                 spoil=None, umask=0o022, publisher=OTHER):
        super().__init__("nginx", "listen", start=False)
        self.program = shutil.copy(self.program, self.dir / "a.out")
        self.umask = umask
        self.log = self.dir / "shared" / "events.db"
        self.log.parent.mkdir()
        shutil.chown(self.log.parent, owner, group)
        self.log.parent.chmod(mode)
        self.asks(publisher, self.program, "init", self.log)
        if spoil:
            spoil(self.log)

    def asks(self, who, *args, good=True):
        """Returns what a user's command says.  good: it must succeed."""
        said = subprocess.run([str(a) for a in args], capture_output=True,
                              text=True, timeout=30, umask=self.umask, **who)
        assert (said.returncode == 0) == good, said
        return (said.stdout + said.stderr).strip()

    def publishes(self, data, who=OTHER, **kw):
        return self.asks(who, "sqlite3", "-cmd", ".timeout 5000", self.log,
                         "INSERT INTO events(data) VALUES('%s')" % data, **kw)

    def start_responder(self, **popen):
        super().start_responder(umask=self.umask, **WWW)

    def says(self, words):
        """The responder says this in the error log, and not to everyone."""
        until("the responder says: " + words,
              lambda: words in (self.dir / "responder.log").read_text())
        s, body = self.get("/events/health")
        assert s.status == 503, body
        assert body == b"unavailable: the log is not read\n", body


@each("umask", ["022", "077"])
@each("first", ["responder", "publisher"])
def test_two_users_share_a_log(first, umask):
    """It does not matter who opens the log first or was away."""
    with Shared(umask=int(umask, 8)) as y:
        if first == "publisher":
            y.publishes("zero")
        y.begin()
        f = y.follow("?lastEventId=earliest").wait_start()
        y.publishes("one")
        f.wait(lambda f: f.got and f.got[-1].data == "one")
        end_process(y.responder)
        y.publishes("two")
        y.start_responder()
        y.publishes("three")
        f.wait(lambda f: f.got[-1].data == "three")
        f.leave()
        want = ["one", "two", "three"]
        assert [e.data for e in f.got][-3:] == want, f.got
        for path in y.log.parent.iterdir():
            about = path.stat()
            assert about.st_mode & 0o777 == 0o660, (path, oct(about.st_mode))
            assert path.group() == "www-data", path


def test_the_user_of_the_unit_shares_the_log():
    """Its own user in the group www-data, as in largesse.service; www-data
    does what README.md tells him to."""
    own = dict(user="games", group="www-data", extra_groups=[])

    class Unit(Shared):
        def start_responder(self, **popen):
            # the unit is given a socket; here he needs a place for it
            self.path = str(self.log.parent / "sock")
            self.asks(own, self.program, "init", self.log)
            Site.start_responder(self, umask=0o007, **own)

    with Unit(owner="games", publisher=own, umask=0o007) as y:
        y.begin()
        s = y.stream().started()
        y.publishes("one", WWW)
        assert s.next_event().data == "one"
        y.asks(WWW, y.program, "init", y.log, "--keep-age", "7d")
        y.publishes("two", OTHER)
        assert s.next_event().data == "two"
        end_process(y.responder)
        y.publishes("three", WWW)       # who makes the files now is www-data
        y.start_responder()
        s = y.stream("?last=1").started()
        assert s.next_event().data == "three"
        y.publishes("four", WWW)
        assert s.next_event().data == "four"


def test_init_mends_a_log_made_by_hand():
    """sqlite3 makes files of mode 0644.  The other user may not write them,
    and may own -wal and -shm.  Only root can repair that."""
    with Shared(spoil=lambda log: os.chmod(log, 0o644)) as y:
        y.begin()
        y.stream().started()
        said = y.publishes("x", good=False)
        assert "attempt to write a readonly database" in said, said
        y.asks(OTHER, y.program, "init", y.log, good=False)
        y.asks(ROOT, y.program, "init", y.log)
        s = y.stream().started()
        y.publishes("y")
        assert s.next_event().data == "y"


def test_directory_that_the_responder_may_not_write():
    """The responder says so, and goes on as soon as it may write."""
    with Shared(mode=0o2750) as y:
        y.begin()
        y.says("its directory is not writable for this user and no publisher "
               "is connected: put both users in the group that owns the "
               "directory, mode 2770, and the file, mode 0660")
        t, _ = y.get("/events")
        assert t.status == 200 and t.retry is not None
        f = y.follow()
        y.log.parent.chmod(0o2770)
        y.asks(ROOT, y.program, "init", y.log)
        f.wait_start()
        y.publishes("x")
        f.wait_count(1)
        f.leave()
        assert f.refused == 0


def test_log_of_another_group():
    with Shared(spoil=lambda log: os.chown(log, -1, 0)) as y:
        y.begin()
        y.says("events.db: unable to open database file")


def test_directory_that_the_responder_may_not_enter():
    """With a socket that was handed to it, it would wait (test_away.c)."""
    with Shared(mode=0o700, group="nogroup") as y:
        said = y.asks(WWW, y.program, "serve", "--db", y.log, "--listen",
                      "unix:%s" % y.path, good=False)
        assert said == "largesse: %s: Permission denied" % y.log, said


def test_publisher_outside_of_the_group():
    with Shared() as y:
        y.begin()
        said = y.publishes("x", STRANGER, good=False)
        assert "unable to open database" in said, said
        said = y.asks(STRANGER, y.program, "publish", y.log, "x", good=False)
        assert said == "largesse: %s: Permission denied" % y.log, said

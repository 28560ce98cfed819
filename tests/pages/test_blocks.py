"""test_blocks.py - the blocks of the manual and of deploy/ are pasted.

Each test names its blocks by page and first line, and finds them there.  It says
in its lines what it puts in the place of a path, a host or a program.  No test
here needs root.  test_all.py finds a block that nobody runs.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import signal
import stat
import subprocess
import tempfile
import threading
import time

from claims import claimed, find, runs
from page import MANUAL
from place import Place, Redis
from yard import ROOTED, until

ONE, EVENTS, DEPLOY = MANUAL
RUNS = "deploy/runs.md"
REDIS = "deploy/redis/README.md"
# --- commands ---------------------------------------------------------------

@runs(ONE, "largesse init events.db --keep-age 7d")
def test_a_log_and_an_event(block):
    with Place() as p:
        p.sh(block.text)
        assert p.data("news") == ["hello"]
        p.sh(block.text)        # init is safe to run twice
        assert p.data("news") == ["hello", "hello"]


@runs(ONE, "largesse serve --db events.db --listen unix:/run/largesse.sock")
def test_serve_and_tail(block):
    """The web server of the Yard has the socket of the line."""
    serve, tail = block.text.splitlines()
    with Place(web=True) as p:
        y = p.yard
        y.kill_responder()
        y.held.close()
        os.unlink(y.path)
        p.start(serve + " --listen-mode 0666", ("/run/largesse.sock", y.path))
        p.until_said("listening")
        p.start(tail)

        def got():
            y.insert("elsewhere", "sport")
            y.insert("one", "news")
            time.sleep(0.05)
            return "data: one\n" in p.said()
        until("tail prints an event", got)
        assert "elsewhere" not in p.said()


@runs(ONE, "LARGESSE_DB=/srv/events/events.db spawn-fcgi -u events -M 0660 \\")
def test_serve_by_spawn_fcgi(block):
    """root needs a user that there is, anybody else is one already."""
    with Place() as p:
        p.largesse("init", "events.db")
        p.dir.chmod(0o777)
        for path in p.dir.glob("events.db*"):
            path.chmod(0o666)
        program = p.dir / "largesse"
        program.write_bytes((p.dir / "bin/largesse").read_bytes())
        program.chmod(0o755)
        said = p.sh(block.text, ("/srv/events", p.dir), ("-u events", (
            "-u www-data " if ROOTED else "") + "-P pid"),
            ("/run", p.dir), ("/usr/local/bin/largesse", program))
        try:
            assert "child spawned successfully" in said, said
            sock = p.dir / "largesse.sock"
            assert stat.S_IMODE(sock.stat().st_mode) == 0o660
            pid = int((p.dir / "pid").read_text())
            with open("/proc/%d/environ" % pid) as f:
                assert "LARGESSE_DB=%s/events.db\0" % p.dir in f.read()
        finally:
            os.kill(int((p.dir / "pid").read_text()), signal.SIGTERM)


@runs(ONE, 'new EventSource("/events?topic=news").onmessage =')
def test_page(block):
    with Place(web=True) as p, tempfile.TemporaryDirectory(
            prefix="largesse-page-", ignore_cleanup_errors=True) as profile:
        page = p.yard.dir / "demo/block.html"
        page.write_text("<!doctype html>\n<script>\n%s</script>\n" % block.text)
        said = p.dir / "browser.log"
        with open(said, "wb") as log:
            browser = subprocess.Popen(
                ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
                 "--disable-dev-shm-usage", "--enable-logging=stderr",
                 "--user-data-dir=" + profile, p.yard.url + "/block.html"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

        def told():
            p.yard.insert("hello", "news")
            time.sleep(0.1)
            return re.search(r'"(\d+-\w{4}) hello"',
                             said.read_text(errors="replace"))
        try:
            until("the page has logged it", told)
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()


@runs(ONE, "journalctl -f -o cat | largesse publish events.db --topic "
      "journal --quiet")
def test_lines_of_a_program(block):
    """journalctl: it prints a line, and the next when that is an event."""
    with Place() as p:
        p.largesse("init", "events.db")
        p.stands_for("journalctl", """
            [ "$*" = "-f -o cat" ] || exit 1
            echo one
            until sqlite3 -readonly events.db "SELECT data FROM events" | grep -qx one
            do sleep 0.05; done
            echo two
            """)
        assert p.sh(block.text) == ""
        assert p.data("journal") == ["one", "two"]


@runs(ONE, "llm 'Why is the sky blue?' |")
@runs(RUNS, "llm 'a prompt' | largesse publish events.db --topic run/7 "
      "--join 50ms --end --quiet")
def test_answer_of_a_model(block):
    """llm: it prints words."""
    with Place() as p:
        p.largesse("init", "events.db")
        p.stands_for("llm", "printf 'Because '; printf 'of air.'\n")
        p.sh(block.text)
        *text, end = p.sql("SELECT data, event FROM events"
                           " WHERE topic = 'run/7' ORDER BY id")
        assert "".join(data for data, _ in text) == "Because of air."
        assert end[1] == "stream-end", end


class Model(http.server.BaseHTTPRequestHandler):
    """The server of a model."""

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        assert json.loads(asked) == {"stream": True}
        assert self.headers["Authorization"] == "Bearer sesame"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for word in ("Be", "cause"):
            self.wfile.write(b"data: %s\n\n" % json.dumps(
                {"choices": [{"delta": {"content": word}}]}).encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


@runs(ONE, 'curl -sN "$url" -H "Authorization: Bearer $key" --json '
      "@prompt.json |")
def test_chunks_of_a_model(block):
    with Place() as p, http.server.HTTPServer(("127.0.0.1", 0), Model) as s:
        thread = threading.Thread(target=s.serve_forever)
        thread.start()
        try:
            p.largesse("init", "events.db")
            (p.dir / "prompt.json").write_text('{"stream": true}')
            p.env.update(url="http://127.0.0.1:%d/" % s.server_port,
                         key="sesame")
            p.sh(block.text)
        finally:
            s.shutdown()
            thread.join()
        *chunks, end = p.data("run/7")
        text = "".join(json.loads(c)["choices"][0]["delta"]["content"]
                       for c in chunks)
        assert (text, end) == ("Because", ""), (chunks, end)


@runs(ONE, "{ make 2>&1; echo $? >status; } |")
@runs(RUNS, "{ make 2>&1; echo $? >status; } | largesse publish events.db "
      "--topic build/7 --join 50ms --quiet")
def test_log_of_a_build(block):
    with Place() as p:
        p.largesse("init", "events.db")
        (p.dir / "Makefile").write_text("all:\n\t@echo built\n\t@false\n")
        p.sh(block.text, each=False)
        *text, end = p.data("build/7")
        assert "".join(text).startswith("built\n"), text
        assert end == "exit 2", end


@runs(ONE, "largesse tail https://example.org/events --count 1 >/dev/null")
def test_wait_for_an_event(block):
    with Place(web=True) as p:
        waiting = p.start(block.text)
        while waiting.poll() is None:
            p.yard.insert("now")
            time.sleep(0.05)
        assert waiting.returncode == 0


@runs(ONE, "0 * * * *  largesse prune --quiet /srv/events/events.db")
def test_prune_from_cron(block):
    *when, line = block.text.rstrip().split(None, 5)
    assert when == ["0", "*", "*", "*", "*"]
    with Place() as p:
        p.largesse("init", "events.db", "--keep-age", "1h")
        for data in ("old", "new"):
            p.largesse("publish", "events.db", data)
        p.sql("UPDATE events SET time = time - 7200000 WHERE data = 'old'")
        assert p.sh(line, ("/srv/events", p.dir)) == ""
        assert p.data("main") == ["new"]


def ended(p):
    """A log with a topic that has ended, and one that has not."""
    p.largesse("init", "events.db")
    for topic in ("run/7", "run/8"):
        for data in ("a", "b"):
            p.largesse("publish", "events.db", "--topic", topic, data)
    p.largesse("publish", "events.db", "--topic", "run/7", "--end", "done")


@runs(RUNS, "largesse fold events.db run/7")
def test_fold(block):
    with Place() as p:
        ended(p)
        p.sh(block.text)
        assert p.data("run/7") == ["ab", "done"]
        assert p.data("run/8") == ["a", "b"]


@runs(RUNS, "largesse init events.db --topic 'run/*' --ended --keep-age 1h")
def test_ended_topics_go(block):
    with Place() as p:
        ended(p)
        p.sh(block.text)
        p.sql("UPDATE events SET time = time - 7200000")
        p.largesse("prune", "events.db")
        assert p.data("run/7") == [] and p.data("run/8") == ["a", "b"]


@runs(ONE, "largesse init events.db --topic 'run/*' --ended --keep-age 1h")
def test_ended_topics_go_and_one_is_folded(block):
    with Place() as p:
        ended(p)
        p.sh(block.text)
        assert p.data("run/7") == ["ab", "done"]
        p.sql("UPDATE events SET time = time - 7200000")
        p.largesse("prune", "events.db")
        assert p.data("run/7") == [] and p.data("run/8") == ["a", "b"]


@runs(RUNS, "sqlite3 events.db \"INSERT INTO events(topic, data) "
      "VALUES('run/7', 'Hello ')\"")
def test_run_by_insert(block):
    with Place() as p:
        p.largesse("init", "events.db")
        p.sh(block.text)
        assert p.data("run/7") == ["Hello ", "world", "done"]
        assert p.largesse("tail", "events.db", "--topic", "run/7",
                          "--last-event-id", "earliest")


# --- Redis ------------------------------------------------------------------

@runs(ONE, "largesse copy /srv/events/events.db "
      "'redis://10.0.0.5/0?stream=events'")
@runs(REDIS, "largesse copy /var/lib/largesse/events.db "
      "'redis://10.0.0.5/0?stream=events'")
def test_move_a_log_to_redis(block):
    with Place() as p:
        r = Redis(p)
        p.largesse("init", "events.db")
        p.largesse("publish", "events.db", "moved")
        folder = re.search(r"copy (/\S+)/events.db", block.text)[1]
        p.sh(block.text, (folder, p.dir), r.here)
        assert "moved" in p.sh("redis-cli XRANGE events - +")


@runs(DEPLOY, "redis-cli XADD events '*' topic news data hello")
@runs(REDIS, "redis-cli XADD events '*' topic news data hello")
def test_publish_by_redis_cli(block):
    with Place() as p:
        r = Redis(p)
        url = "redis://%s/0?stream=events" % r.here[1]
        p.largesse("init", url)
        p.sh(block.text)
        assert "data: hello\n" in p.largesse(
            "tail", url, "--topic", "news", "--last", "1", "--count", "1")


@runs(REDIS, "redis-cli XADD events '*' topic run/7 event stream-end "
      "data done")
def test_end_by_redis_cli(block):
    with Place() as p:
        r = Redis(p)
        url = "redis://%s/0?stream=events" % r.here[1]
        p.largesse("init", url)
        p.sh(block.text)
        assert "event: stream-end\n" in p.largesse(    # which ends tail, too
            "tail", url, "--topic", "run/7", "--last", "1")
        gone = find(REDIS, "largesse prune 'redis://10.0.0.5/0?stream=events'"
                    " --topic 'run/*' --ended --keep-age 1h")
        assert p.sh(gone.text, r.here) == "0\n"
        assert p.sh(gone.text, r.here, ("1h", "1ms")) == "1\n"


claimed.add((REDIS, "largesse prune 'redis://10.0.0.5/0?stream=events'"
             " --topic 'run/*' --ended --keep-age 1h"))


@runs(REDIS, "largesse init 'redis://:secret@10.0.0.5/0?stream=events' "
      "--keep-age 7d")
def test_log_on_redis(block):
    init, serve = block.text.splitlines()
    with Place() as p:
        r = Redis(p)
        del p.env["LARGESSE_REDIS_PASSWORD"]
        p.sh(init, r.here)
        p.env["LARGESSE_REDIS_PASSWORD"] = "secret"
        p.start(serve, r.here, ("/run", p.dir))
        p.until_said("listening")


# --- who may read, and publish ----------------------------------------------

SECRET = "0123456789abcdef0123456789abcdef"


def token(p, *words):
    (p.dir / "key").write_text(SECRET)
    return p.largesse("token", "--key-file", "key", *words).strip()


def status(p, query, *words):
    """What a client is answered, by curl."""
    return p.sh("curl -s -o /dev/null -m 60 -w '%%{http_code}' %s '%s/events%s'"
                % (" ".join(words), p.yard.url, query))


@runs(ONE, "(umask 077; openssl rand -hex 32 >/etc/largesse.key)")
def test_responder_that_asks_for_a_token(block):
    with Place() as p:
        p.largesse("init", "events.db")
        make, serve, make_token = block.text.replace("\\\n", "").splitlines()
        p.sh(make, ("/etc", p.dir))
        key = p.dir / "largesse.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        p.start(serve + " --listen unix:sock", ("/etc", p.dir))
        p.until_said("listening")
        said = p.sh(make_token, ("/etc", p.dir)).strip()
        claims = json.loads(base64.urlsafe_b64decode(said.split(".")[1] + "=="))
        assert claims["sub"] == "alice"
        assert claims["exp"] - claims["iat"] == 7 * 86400
        assert claims["largesse"] == {"subscribe": ["inbox/{sub}", "chat/*"]}


@runs(ONE, 'curl -m 20 -H "Authorization: Bearer $TOKEN" -d topic=news -d '
      "data=hello \\")
def test_publish_from_another_machine(block):
    key = Place()       # the key has to be there before the responder
    (key.dir / "key").write_text(SECRET)
    with key, Place(web=True, options=["--publish", "--key-file",
                                       str(key.dir / "key")]) as p:
        p.env["TOKEN"] = token(p, "--publish", "news")
        assert json.loads(p.sh(block.text)) == {"ids": ["1"]}
        assert p.data("news") == ["hello"]


@runs(RUNS, "curl -m 5 -H \"Authorization: Bearer $TOKEN\" "
      "'https://example.org/events/status?topic=run/7'")
def test_who_listens(block):
    """The first line is typed, the second is the answer."""
    line, answer = block.text.splitlines()
    key = Place()
    (key.dir / "key").write_text(SECRET)
    with key, Place(web=True, options=["--key-file",
                                       str(key.dir / "key")]) as p:
        p.env["TOKEN"] = token(p, "--publish", "run/7")
        reader = ["Authorization: Bearer " + token(p, "--subscribe", "*")]
        streams = [p.yard.stream("?topic=run/7", headers=reader).started()
                   for _ in range(2)]
        assert json.loads(p.sh(line)) == json.loads(answer)
        for s in streams:
            s.close()


@runs(RUNS, "largesse token --key-file key --publish stop/7 --expires 1h")
def test_page_stops_a_run(block):
    """The second paragraph is the page's; its fetch is that of node, told
    where the page is from."""
    line, _, script = block.text.partition("\n\n")
    key = Place()
    (key.dir / "key").write_text(SECRET)
    with key, Place(web=True, options=["--publish", "--key-file",
                                       str(key.dir / "key")]) as p:
        (p.dir / "key").write_text(SECRET)
        (p.dir / "page.mjs").write_text(
            "const token = %r, web = fetch, done = [];\n{\n"
            "const fetch = async (to, how) => { done.push(await web(%r + to, "
            "how)); };\n%s}\nconsole.log(done[0].status);\n" % (
                p.sh(line).strip(), p.yard.url, script))
        assert p.sh("node page.mjs") == "201\n"
        assert p.data("stop/7") == [""]


@runs(DEPLOY, '{ "sub": "alice",')
def test_claims_of_a_token(block):
    """With the times of the block moved to now."""
    claims = json.loads(block.text)
    assert claims["iat"] <= claims["nbf"] < claims["exp"]
    moved = int(time.time()) - claims["iat"]
    for name in ("iat", "nbf", "exp"):
        claims[name] += moved
    text = ".".join(base64url(json.dumps(part).encode()) for part in (
        {"alg": "HS256", "typ": "JWT"}, claims))
    signed = text + "." + base64url(hmac.digest(
        SECRET.encode(), text.encode(), "sha256"))
    key = Place()
    (key.dir / "key").write_text(SECRET)
    with key, Place(web=True, options=[
            "--publish", "--key-file", str(key.dir / "key"), "--issuer",
            claims["iss"], "--audience", claims["aud"][0]]) as p:
        bearer = '-H "Authorization: Bearer %s"' % signed
        for topic, wanted in (("news", "200"), ("inbox/alice", "200"),
                              ("chat/7", "200"), ("inbox/bob", "403")):
            assert status(p, "?poll&age=0&topic=" + topic,
                          bearer) == wanted, topic
        assert status(p, "", bearer, "-d topic=chat/7") == "201"
        assert status(p, "", bearer, "-d topic=news") == "403"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@runs(DEPLOY, "/events?topic=run%2F7&expires=1795812504&sign=HEX")
def test_signed_address(block):
    """Signed by the rule that stands below it."""
    key = Place()
    (key.dir / "key").write_text(SECRET)
    with key, Place(web=True, options=["--key-file",
                                       str(key.dir / "key")]) as p:
        query = block.text.strip().partition("?")[2].replace(
            "1795812504", str(int(time.time()) + 600))
        text, _, sign = query.partition("&sign=")
        assert sign == "HEX"
        sign = hmac.new(SECRET.encode(), text.encode(),
                        hashlib.sha256).hexdigest()
        rest = "&poll&age=0"
        assert status(p, "?%s&sign=%s%s" % (text, sign, rest)) == "200"
        assert status(p, "?%s&sign=%s%s" % (text, "0" * 64, rest)) == "401"


@runs(DEPLOY, "INSERT INTO largesse_revoke(subject) VALUES('alice');")
def test_revoke(block):
    """Each row ends its own stream; one that no row names goes on."""
    key = Place()
    (key.dir / "key").write_text(SECRET)
    with key, Place(web=True, options=["--key-file",
                                       str(key.dir / "key")]) as p:
        def stream(sub, topic):
            return p.yard.stream("?topic=" + topic, headers=[
                "Authorization: Bearer " + token(
                    p, "--sub", sub, "--subscribe", topic)]).started()
        hers = [stream("alice", "news"), stream("carol", "chat/7"),
                stream("bob", "chat/8")]
        stays = stream("bob", "news")
        for row, s in zip(block.text.splitlines(), hers, strict=True):
            p.sql(row)
            assert b"revoked" in s.rest(), row
            s.close()
        p.yard.insert("still here", "news")
        assert stays.next_event().data == "still here"
        stays.close()


# --- the log ----------------------------------------------------------------

@runs(DEPLOY, "install -d -m 2770 -g events /srv/events")
def test_directory_for_a_group(block):
    """The group of the block is one of ours."""
    with Place() as p:
        p.sh(block.text, ("-g events", "-g %d" % os.getgid()),
             ("/srv", p.dir))
        log = p.dir / "events/events.db"
        assert stat.S_IMODE(log.parent.stat().st_mode) == 0o2770
        assert stat.S_IMODE(log.stat().st_mode) == 0o660


@runs(EVENTS, "CREATE TABLE events (")
def test_table_made_by_hand(block):
    """In it `(now, ms since 1970)' stands for an expression."""
    now = "(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))"
    with Place() as p:
        p.sql(p.changed(block.text, (("(now, ms since 1970)", now),)))
        p.sql("INSERT INTO events(data) VALUES('before')")
        p.largesse("init", "events.db")
        assert "data: before\n" in p.largesse(
            "tail", "events.db", "--last", "1", "--count", "1")
        p.largesse("init", "other.db")
        columns = "SELECT name, type, \"notnull\", pk FROM " \
                  "pragma_table_info('events')"
        assert p.sql(columns) == p.sql(columns, "other.db")


@runs(EVENTS, "INSERT INTO events(topic, event, data)")
def test_end_of_a_topic(block):
    with Place() as p:
        p.largesse("init", "events.db")
        p.sql(block.text)
        assert "event: stream-end\n" in p.largesse(    # which ends tail, too
            "tail", "events.db", "--topic", "run/7", "--last", "1")

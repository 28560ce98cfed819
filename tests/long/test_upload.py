"""test_upload.py - the upload folder in the home of an unprivileged user.

The root has Debian's Apache and PHP and nothing of ours.  Apache runs the
user's programs by suEXEC.  Everything that the folder does is done as that
user, in each of its ways.
"""

import urllib.parse

from host import Host
from tap import each
from test_events_php import OTHER, SECRET, good, token
from yard import until

# The file that answers, how PHP is run, and the program that then runs.
WAYS = {
    "cgi by suexec": ("largesse.cgi", "suexec", "largesse"),
    "php by suexec": ("events.php", "suexec", "php-cgi"),
    "php by fcgid": ("events.php", "fcgid", "php-cgi"),
    "php by fpm": ("events.php", "fpm", "php-fpm8.2"),
}
FORM = "Content-Type: application/x-www-form-urlencoded"


def publish(y, data):
    """By publish.php, which is PHP as the host runs it."""
    form = urllib.parse.urlencode({"key": "mine", "topic": "main",
                                   "data": data})
    s, body = y.get("/push/publish.php", method="POST", body=form.encode(),
                    headers=[FORM])
    assert s.status == 200, (s.status, body)


def with_key(y):
    y.write("/home/site/public_html/push/data/key", SECRET, "site", 0o600)


@each("way", WAYS)
def test_upload_sends_a_public_topic_as_the_sites_user(way):
    file, php, program = WAYS[way]
    with Host(php, way=file) as y:
        y.edit("publish.php", ("const KEY = '';", "const KEY = 'mine';"))
        y.edit("events.php", ("'PUBLIC' => ''", "'PUBLIC' => 'main'"))
        y.edit("largesse.cgi", ("exec ", "export LARGESSE_PUBLIC=main\nexec "))
        f = y.follow("?topic=main").wait_start()
        until("it runs as the site's user",
              lambda: y.pids(program, "site"))
        for i in range(4):
            publish(y, "n%d" % i)
            f.wait_count(i + 1)
        f.leave()
        assert [e.data for e in f.got] == ["n0", "n1", "n2", "n3"]
        assert not f.refused
        assert not y.pids("largesse", "www-data")
        for path in y.log.parent.iterdir():
            assert path.lstat().st_uid == y.ids("site")[0], path


@each("way", WAYS)
def test_upload_sends_a_private_topic_to_its_owner_alone(way):
    file, php, _ = WAYS[way]
    with Host(php, way=file) as y:
        with_key(y)
        y.age(3)
        mine = good("in/{sub}", publish=["in/{sub}"], sub="al")
        # By an Action, suEXEC takes the header out of PHP's environment.
        owner = [("Authorization: Bearer " if php != "suexec" else
                  "Cookie: largesse=") + mine]
        s, body = y.get("/push/events", method="POST", headers=owner + [FORM],
                        body=b"topic=in/al&data=private&uid=u1")
        assert s.status == 201, (s.status, body)
        q = "?topic=in/al&lastEventId=earliest"
        by_query = q + "&access_token=" + mine
        for query, headers in ((q, owner), (q, ["Cookie: largesse=" + mine]),
                               (by_query, [])):
            s = y.stream(query, headers=headers)
            assert s.next_event().data == "private"
            s.close()
        f = y.follow(by_query)
        f.wait_count(1)
        y.insert("again", "in/al")
        f.wait_count(2)
        f.leave()
        assert [e.data for e in f.got] == ["private", "again"]
        for headers in ([], ["Authorization: Bearer " + good("in/bo")],
                        ["Cookie: largesse=" + token(
                            OTHER, largesse={"subscribe": ["*"]})]):
            s, body = y.get("/push/events" + q, headers=headers)
            assert s.status in (401, 403) and b"private" not in body, body
        assert y.rows() == [("in/al", "private"), ("in/al", "again")]


@each("way", WAYS)
def test_upload_is_closed_to_other_users_of_the_machine(way):
    """They can read neither the log nor the key, and write neither."""
    file, php, _ = WAYS[way]
    with Host(php, way=file) as y:
        with_key(y)
        mine = good("in/al", publish=["in/al"])
        s, body = y.get("/push/events", method="POST", headers=[
            "Cookie: largesse=" + mine, FORM],
            body=b"topic=in/al&data=private")
        assert s.status == 201, (s.status, body)
        until("the log is there", y.log.exists)
        s = y.stream("?topic=in/al&access_token=" + mine).started()
        data = "/home/site/public_html/push/data/"
        seen = [p.name for p in y.log.parent.iterdir()
                if p.name != ".htaccess"]
        assert {"events.db", "key"} <= set(seen), seen
        for name in seen:
            said = y.run(["cat", data + name], user="neighbour", check=False)
            assert said.returncode and not said.stdout, (name, said.stdout)
            said = y.run(["sh", "-c", ">>'%s'" % (data + name)],
                         user="neighbour", check=False)
            assert said.returncode, name
        said = y.run(["sqlite3", "file:%sevents.db?mode=ro" % data,
                      "SELECT data FROM events"], user="neighbour",
                     check=False)
        assert said.returncode and "private" not in said.stdout, said
        y.run(["head", "-c", "0", data + "events.db", data + "key"],
              user="site")


def what_php_gets(php):
    """Of the header and of the line in .htaccess."""
    with Host(php, way="events.php") as y:
        y.edit(".htaccess", ("#SetEnv LARGESSE_PHP_HOLD_S", "SetEnv "
                             "LARGESSE_PHP_HOLD_S"))
        y.edit("events.php", ("namespace Largesse;\n",
                              "namespace Largesse;\nheader('X-Got: ' . implode("
                              "array_filter(['HTTP_AUTHORIZATION', "
                              "'LARGESSE_PHP_HOLD_S'], fn($n) => "
                              "isset($_SERVER[$n]) || "
                              "isset($_SERVER['REDIRECT_' . $n]))));\n"))
        s, body = y.get("/push/events?last=many",   # it ends at once
                        headers=["Authorization: Bearer x"])
        assert s.status == 400, (s.status, body)
        return s.headers["x-got"]


def test_php_by_suexec_gets_neither_header_nor_setting():
    assert what_php_gets("suexec") == ""


@each("php", ["fcgid", "fpm"])
def test_php_by_fcgid_and_fpm_gets_both(php):
    assert what_php_gets(php) == "HTTP_AUTHORIZATIONLARGESSE_PHP_HOLD_S"

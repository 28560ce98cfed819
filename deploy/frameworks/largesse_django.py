"""largesse_django.py - publishes what a request has changed, when it is committed.

Copy it beside manage.py, and add to settings.py one of

    LARGESSE = {"database": "default"}      # SQLite, after `largesse init db.sqlite3`
    LARGESSE = {"url": "http://localhost/events", "token": os.environ["LARGESSE_TOKEN"]}

The token: largesse token --key-file KEY --publish orders --publish 'inbox/*'

    from largesse_django import publish

    with transaction.atomic():
        order = Order.objects.create(item="Tea")
        publish("orders", order.item)

    @receiver(post_save, sender=Order)      # or for all orders, wherever they are saved
    def announce(instance, created, **_):
        publish("orders", instance.item, event="created" if created else "changed")

With `database` the event is a row in the transaction of the change: nothing can lose
it.  If `database` names another entry of DATABASES, a log of its own, the row is
written after the commit.  With `url` it is posted after the commit, and repeated for
half a minute; then it raises.  That, or a crash in between, loses the event.  What is
no text is sent as JSON.
If whoever calls you repeats a request, name a uid: an event with a uid that was there
is not published again.

A topic that is not public is read by whoever has its address: address(["inbox/7"]),
with LARGESSE["key_file"], for example for a template's new EventSource(...).

SQLite waits for another writer for OPTIONS["timeout"] seconds, and only if the
transaction begins with a write, or with OPTIONS["transaction_mode"] = "IMMEDIATE".
"""
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DEFAULT_DB_ALIAS, connections, transaction

PATIENCE = 30       # seconds


def publish(topic, data, event=None, uid=None, using=DEFAULT_DB_ALIAS):
    """using: the database of the change."""
    if not isinstance(data, str):
        data = json.dumps(data, cls=DjangoJSONEncoder)
    log = settings.LARGESSE.get("database")
    if log == using:
        _insert(log, topic, event, data, uid)
    elif log:
        transaction.on_commit(lambda: _insert(log, topic, event, data, uid), using)
    else:
        row = {"topic": topic, "data": str(data), "uid": uid or str(uuid.uuid4())}
        if event:
            row["event"] = event
        transaction.on_commit(lambda: _post(row), using)


def address(topics, seconds=3600):
    with open(settings.LARGESSE["key_file"], "rb") as f:
        key = f.read().rstrip(b"\n")
    query = urllib.parse.urlencode({
        "topic": topics, "expires": int(time.time()) + seconds}, doseq=True)
    sign = hmac.new(key, query.encode(), hashlib.sha256).hexdigest()
    return "/events?%s&sign=%s" % (query, sign)


def _insert(log, *row):
    with connections[log].cursor() as cursor:
        cursor.execute(
            "INSERT INTO events(topic, event, data, uid) VALUES(%s, %s, %s, %s)"
            " ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING", row)


def _post(row):
    request = urllib.request.Request(
        settings.LARGESSE["url"], json.dumps(row).encode(), {
            "Content-Type": "application/json",
            "Authorization": "Bearer " + settings.LARGESSE["token"]})
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read()
        except urllib.error.HTTPError as e:
            if e.code < 500 or time.monotonic() > end:
                raise RuntimeError("largesse: %d %s" % (
                    e.code, e.read().decode(errors="replace"))) from None
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(0.5)

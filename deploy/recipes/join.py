#!/usr/bin/python3
"""join.py FILE TOPIC PROMPT - a model's answer: what comes within 50 ms is a row.

The last row ends the topic; its data is `done', `failed' or `stopped' (SIGTERM).
The environment has OPENAI_BASE_URL, OPENAI_API_KEY and MODEL.
"""
import json, os, queue, signal, sqlite3, sys, threading, time, urllib.request

def tokens(env=os.environ):     # any generator of texts may stand here
    body = {"model": env.get("MODEL"), "stream": True, "messages": [{"role": "user", "content": prompt}]}
    head = {"Authorization": "Bearer " + env["OPENAI_API_KEY"], "Content-Type": "application/json"}
    ask = urllib.request.Request(env["OPENAI_BASE_URL"] + "/chat/completions", json.dumps(body).encode(), head)
    for line in urllib.request.urlopen(ask):
        if line.startswith(b"data: {"):
            yield from (c["delta"].get("content") or "" for c in json.loads(line[6:])["choices"])
        elif line.startswith(b"data: [DONE]"):
            return came.put(("", "done"))
    raise EOFError("the answer was cut")

def read():
    try:
        for text in tokens(): came.put((text, None))
    finally: came.put(("", "failed"))   # unless another reason came before

path, topic, prompt = sys.argv[1:]
came, why = queue.SimpleQueue(), None   # pairs: a text, and at last why it ends
for n in signal.SIGINT, signal.SIGTERM: signal.signal(n, lambda *_: came.put(("", "stopped")))
threading.Thread(target=read, daemon=True).start()
db = sqlite3.connect(path, timeout=5, isolation_level="IMMEDIATE")
while why is None:
    text, why = came.get()
    due = time.monotonic() + 0.05
    while why is None and (left := due - time.monotonic()) > 0:
        try: more, why = came.get(timeout=left)
        except queue.Empty: break
        text += more
    rows = [(topic, None, text)] * bool(text) + [(topic, "stream-end", why)] * bool(why)
    with db: db.executemany("INSERT INTO events(topic, event, data) VALUES(?, ?, ?)", rows)
sys.exit(why != "done")

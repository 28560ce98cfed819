#!/usr/bin/python3
"""model.py - a model that speaks slowly, and a producer that writes it down.

usage: model.py DIR RUN KIND PROMPT

The producer writes each token into the log of DIR as one row of topic run/RUN, in
the form that the client of this KIND expects, and ends the topic.  A second
process watches it: if it is killed, the watcher says so in the client's form and
ends the topic.

The test decides how far the model may speak: DIR/runs/RUN.may has the number of
tokens, all if it is not there.  It breaks at half of them if the prompt says so.
"""

import json
import os
import pathlib
import signal
import sqlite3
import sys
import time

# Two lines, letters of other alphabets, and what has to be escaped somewhere.
TOKENS = ["t%d%s" % (i, "\n" if i % 20 == 7 else " \u00e9\u2713 " if i % 10 == 3
                     else '"\\ ' if i % 10 == 5 else " ") for i in range(60)]
TEXT = "".join(TOKENS)


def data(*chunks):
    return [(None, json.dumps(chunk)) for chunk in chunks]


class Ai:
    """The UI message stream of `ai`.  A replay begins with `start`, or the
    client would add the text to what it has."""

    def __init__(self, run, names):
        self.run = run

    def begin(self):
        return data({"type": "start", "messageId": "answer-" + self.run},
                    {"type": "start-step"}, {"type": "text-start", "id": "t"})

    def token(self, text):
        return data({"type": "text-delta", "id": "t", "delta": text})

    def done(self):
        return data({"type": "text-end", "id": "t"}, {"type": "finish-step"},
                    {"type": "finish", "finishReason": "stop"})

    def failed(self, why):
        return data({"type": "error", "errorText": why})


class OpenAi:
    def __init__(self, run, names):
        self.run = run

    def chunk(self, delta, finish=None):
        return data({"id": self.run, "object": "chat.completion.chunk",
                     "created": 1, "model": "slow", "choices": [{
                         "index": 0, "delta": delta,
                         "finish_reason": finish}]})

    def begin(self):
        return self.chunk({"role": "assistant", "content": ""})

    def token(self, text):
        return self.chunk({"content": text})

    def done(self):
        return self.chunk({}, "stop")

    def failed(self, why):
        return data({"error": {"message": why, "code": "failed"}})


class AgUi:
    """AG-UI, which is also what TanStack AI speaks."""

    def __init__(self, run, names):
        self.names = {name: names.get(name, run)
                      for name in ("threadId", "runId")}
        self.message = {"messageId": "answer-" + run}

    def begin(self):
        return data({"type": "RUN_STARTED", **self.names},
                    {"type": "TEXT_MESSAGE_START", "role": "assistant",
                     **self.message})

    def token(self, text):
        return data({"type": "TEXT_MESSAGE_CONTENT", "delta": text,
                     **self.message})

    def done(self):
        return data({"type": "TEXT_MESSAGE_END", **self.message},
                    {"type": "RUN_FINISHED", **self.names})

    def failed(self, why):
        return data({"type": "RUN_ERROR", "message": why})


class Plain:
    """The text itself; how it ended is the data of stream-end."""
    event = None

    def __init__(self, run, names):
        pass

    def begin(self):
        return []

    def token(self, text):
        return [(self.event, text)]

    def done(self):
        return []

    def failed(self, why):
        return []


class Laravel(Plain):
    event = "update"

    def failed(self, why):      # no text: the hook would show it
        return [("failed", "")]


KINDS = {"ai": Ai, "openai": OpenAi, "agui": AgUi, "tanstack": AgUi,
         "plain": Plain, "laravel": Laravel}


class Run:
    def __init__(self, folder, run, kind):
        self.folder, self.run = pathlib.Path(folder) / "runs", run
        names = json.loads((self.folder / (run + ".json")).read_text())
        self.form = KINDS[kind](run, names)
        self.db = sqlite3.connect(pathlib.Path(folder) / "log/events.db",
                                  timeout=20, isolation_level=None)
        self.db.execute("PRAGMA synchronous = NORMAL")

    def write(self, rows):
        self.db.execute("BEGIN IMMEDIATE")
        self.db.executemany(
            "INSERT INTO events(topic, event, data) VALUES(?, ?, ?)",
            [("run/" + self.run, *row) for row in rows])
        self.db.execute("COMMIT")

    def end(self, how, why=""):
        last = self.form.failed(why) if why else self.form.done()
        self.write(last + [("stream-end", how)])

    def may(self):
        try:
            return int((self.folder / (self.run + ".may")).read_text() or 0)
        except FileNotFoundError:
            return len(TOKENS)

    def speak(self, prompt):
        tokens = TOKENS
        if prompt == "break":
            tokens = TOKENS[:len(TOKENS) // 2]
        for i, token in enumerate(tokens):
            while self.may() <= i:
                time.sleep(.002)
            self.write((self.form.begin() if i == 0 else []) +
                       self.form.token(token))
            time.sleep(.003)
        if prompt == "break":
            self.end("failed", "the model broke")
        else:
            self.end("done")


def main(folder, run, kind, prompt):
    pid = os.fork()
    if pid == 0:
        signal.alarm(300)   # when the test is gone
        Run(folder, run, kind).speak(prompt)
        return
    path = pathlib.Path(folder) / "runs" / run
    path.with_suffix(".new").write_text(str(pid))
    path.with_suffix(".new").rename(path.with_suffix(".pid"))
    if os.waitpid(pid, 0)[1] == signal.SIGKILL:
        Run(folder, run, kind).end("failed", "the producer was killed")
    path.with_suffix(".over").touch()


if __name__ == "__main__":
    main(*sys.argv[1:])

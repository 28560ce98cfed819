#!/usr/bin/python3
"""app.py - the application: it starts a producer, and hands its clients over.

	POST /start/KIND/RUN		a run, for clients that only listen
	GET  /events/KIND/RUN		its stream
	POST /ai  GET /ai/RUN/stream	`ai`; GET /ai/RUN what is stored
	POST /v1/chat/completions	`openai`
	POST /agui			`@ag-ui/client`
	POST /tanstack			`@tanstack/ai-client`, and two GETs

As a CGI program it is behind lighttpd; site.py imports it to serve it with
Python's own web server, behind nginx.  A run that is there already is not started
again: a client that comes back posts the same again.
"""

import json
import os
import pathlib
import sqlite3
import subprocess
import sys
from urllib.parse import parse_qs, urlencode

# What each kind of client wants of its stream.
WANTS = {
    "ai": {"start": "bare", "end": "[DONE]"},
    "openai": {"start": "bare", "end": "[DONE]"},
    "agui": {"start": "bare"},
    "tanstack": {"start": "bare"},
    "laravel": {"end": "</stream>", "endEvent": "update"},
    "plain": {},
}


class Refused(Exception):
    pass


class App:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.runs = self.folder / "runs"
        self.program = self.folder / "app/model.py"

    def ask(self, sql, run):
        with sqlite3.connect(self.folder / "log/events.db") as db:
            return db.execute(sql, ("run/" + run,)).fetchall()

    def start(self, kind, run, prompt, **names):
        """Start the producer, unless it is there.  It outlives the request."""
        try:
            with open(self.runs / (run + ".json"), "x") as f:
                json.dump(names, f)
        except FileExistsError:
            return
        subprocess.Popen(
            [str(self.program), str(self.folder), run, kind, prompt],
            start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stream(self, kind, run, **more):
        """Where the client is handed over to.  The test counts them."""
        with open(self.runs / (run + ".asked"), "a") as f:
            f.write(".")
        return "/events?" + urlencode({
            "topic": "run/" + run, "lastEventId": "earliest", **WANTS[kind],
            **more})

    def run_of(self, run_id):
        """@tanstack/ai-client makes an id of its own for each run."""
        for path in self.runs.glob("*.json"):
            if json.loads(path.read_text()).get("runId") == run_id:
                return path.stem
        raise Refused("there is no such run")

    def known(self, run):
        if not (self.runs / (run + ".json")).exists():
            raise Refused("there is no such run")

    def post(self, kind, run, prompt, **names):
        if prompt == "again":
            self.known(run)
        else:
            self.start(kind, run, prompt, **names)
        return self.stream(kind, run)

    def stored(self, run):
        """The text of a run that has ended, and how it ended."""
        rows = self.ask("SELECT event, data FROM events WHERE topic = ? "
                        "ORDER BY id", run)
        if not rows or rows[-1][0] != "stream-end":
            return None, None
        return "".join(json.loads(data).get("delta", "")
                       for event, data in rows if event is None), rows[-1][1]

    # What clients ask; each returns an address in a str, or JSON.

    def ai(self, asked, body, query):
        if asked == ["POST"]:
            return self.post("ai", body["id"],
                             body["messages"][-1]["parts"][0]["text"])
        if asked[2:] == ["stream"]:
            return self.stream("ai", asked[1], active=1)
        text, how = self.stored(asked[1])
        return [] if text is None else [{
            "id": "answer-" + asked[1], "role": "assistant", "parts": [
                {"type": "text", "text": text, "state": "done"}],
            "metadata": {"how": how}}]

    def v1(self, asked, body, query):
        return self.post("openai", body["metadata"]["run"],
                         body["messages"][-1]["content"])

    def agui(self, asked, body, query):
        return self.post("agui", body["threadId"],
                         body["messages"][-1]["content"],
                         threadId=body["threadId"], runId=body["runId"])

    def tanstack(self, asked, body, query):
        if asked == ["POST"]:
            return self.post("tanstack", body["threadId"],
                             body["messages"][-1]["content"],
                             threadId=body["threadId"], runId=body["runId"])
        if "runId" in query:
            return self.stream("tanstack", self.run_of(query["runId"]))
        run = query["threadId"]
        self.known(run)
        text, _ = self.stored(run)
        messages = [{"id": "question", "role": "user", "parts": [
            {"type": "text", "content": "go"}]}]
        if text is not None:
            messages.append({"id": "answer-" + run, "role": "assistant",
                             "parts": [{"type": "text", "content": text}]})
        names = json.loads((self.runs / (run + ".json")).read_text())
        return {"messages": messages, "activeRun": None if text is not None
                else {"runId": names["runId"]}}

    def events(self, asked, body, query):
        self.known(asked[2])
        return self.stream(asked[1], asked[2])

    def answer(self, method, path, query, body):
        """Returns an address to hand over to, or an answer of its own."""
        name, *rest = path.strip("/").split("/")
        query = {k: v[-1] for k, v in parse_qs(query).items()}
        try:
            if name == "start":
                self.start(rest[0], rest[1], query.get("prompt", "go"))
                return None, (200, {})
            to = getattr(self, name)([method, *rest], json.loads(body or "{}"),
                                     query)
        except Refused as why:
            # htmx would show it.
            return None, (404, None if name == "events" else
                          {"error": {"message": str(why)}})
        return (to, None) if isinstance(to, str) else (None, (200, to))


def cgi():
    app = App(pathlib.Path(__file__).resolve().parents[1])
    body = sys.stdin.buffer.read(int(os.environ.get("CONTENT_LENGTH") or 0))
    to, own = app.answer(os.environ["REQUEST_METHOD"],
                         os.environ.get("PATH_INFO", ""),
                         os.environ.get("QUERY_STRING", ""), body)
    if to is not None:
        print("Location: %s\n" % to)
    else:
        print("Status: %d\nContent-Type: application/json\n\n%s" % (
            own[0], "" if own[1] is None else json.dumps(own[1])), end="")


if __name__ == "__main__":
    cgi()

#!/usr/bin/python3
"""model.py - a model for the demo, which speaks the wire format of OpenAI.

usage: model.py		prints the port on which it listens

It knows nothing.  What it says depends on what it was told and on nothing else,
so a test knows it, too.
"""

import http.server
import json
import sys
import time

TOKENS_A_SECOND = 30
TEXT = """
Every word of this answer was a chunk of a model's stream. The producer, which
belongs to no connection, put those that came within 50 ms into one row of the log.

So reload this page now. It gets what was said so far in one go, and then the
rest, word by word. Open the same address in a second window, or on a telephone:
there it goes on, too. Close all of them: the answer is written all the same.

Kill the responder, the web server or PHP, and start them again: no word is lost
and no word comes twice – naïve counting would find out, <b>so would you</b>. 🎈
Kill the producer, and within seconds the page is told that the answer has
failed. Press Stop, and the producer hears of it within 50 ms, tells the model to
stop, and ends the answer. Then press Again.
"""


class Model(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions" or not asked["stream"]:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self.chunk(role="assistant", content="")
            for token in self.words(asked["messages"]):
                self.pace()
                self.chunk(content=token)
            self.chunk("stop")
            self.send(b"data: [DONE]\n\n")
            self.send(b"")
        except OSError:         # who asked has left
            self.close_connection = True

    def words(self, messages):
        """What is said to these messages."""
        text = "You said “%s”, and this is answer %d of this chat. %s" % (
            messages[-1]["content"], sum(m["role"] == "user" for m in messages),
            TEXT.strip().replace("\n\n", "\0").replace("\n", " ").replace(
                "\0", "\n\n"))
        words = text.split(" ")
        return [w + " " for w in words[:-1]] + words[-1:]

    def pace(self):
        time.sleep(1 / TOKENS_A_SECOND)

    def chunk(self, finish_reason=None, **delta):
        self.send(b"data: %s\n\n" % json.dumps({
            "id": "chatcmpl-1", "object": "chat.completion.chunk",
            "created": int(time.time()), "model": "demo", "choices": [{
                "index": 0, "delta": delta,
                "finish_reason": finish_reason}]}).encode())

    def send(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def log_message(self, *_):
        pass


def main():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())

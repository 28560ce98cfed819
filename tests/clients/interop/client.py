#!/usr/bin/python3
"""client.py - streams by the libraries that programs in Python have.

usage: client.py requests|httpx|aiohttp|urllib URL

What all of them leave to the program is the same: fields, the last id, and to come
back.  Each event is told in a line of JSON.
"""

import asyncio
import json
import sys
import time
import urllib.error
import urllib.request


def tell(*what):
    print(json.dumps(what), flush=True)


class Events:
    def __init__(self):
        self.last_id, self.retry = None, 2
        self.begin()

    def begin(self):
        self.event, self.data, self.id = "message", [], self.last_id

    def headers(self):
        more = {"Last-Event-ID": self.last_id} if self.last_id else {}
        return {"Accept": "text/event-stream", **more}

    def line(self, line):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            self.last_id = self.id
            if self.data:
                tell("event", self.event, self.id, "\n".join(self.data))
            self.begin()
        elif name == "data":
            self.data.append(value)
        elif name in ("event", "id"):
            setattr(self, name, value)
        elif name == "retry":
            self.retry = int(value) / 1000


def by_requests(url, events):
    import requests
    with requests.get(url, headers=events.headers(), stream=True,
                      timeout=60) as answer:
        if answer.status_code != 200:
            return answer.status_code
        for line in answer.iter_lines():
            events.line(line.decode())


def by_httpx(url, events):
    import httpx
    with httpx.stream("GET", url, headers=events.headers(),
                      timeout=60) as answer:
        if answer.status_code != 200:
            return answer.status_code
        for line in answer.iter_lines():
            events.line(line.rstrip("\n"))


async def by_aiohttp_loop(url, events):
    import aiohttp
    forever = aiohttp.ClientTimeout(total=None)    # the default is 5 minutes
    async with aiohttp.ClientSession(timeout=forever) as session:
        async with session.get(url, headers=events.headers()) as answer:
            if answer.status != 200:
                return answer.status
            async for line in answer.content:
                events.line(line.decode().rstrip("\n"))


def by_aiohttp(url, events):
    return asyncio.run(by_aiohttp_loop(url, events))


def by_urllib(url, events):
    asked = urllib.request.Request(url, headers=events.headers())
    try:
        with urllib.request.urlopen(asked) as answer:
            for line in answer:
                events.line(line.decode().rstrip("\n"))
    except urllib.error.HTTPError as e:
        return e.code


def main(name, url):
    ask, events = globals()["by_" + name], Events()
    while True:
        events.begin()
        status = None
        try:
            status = ask(url, events)
        except Exception as e:      # each library has its own, for a cut
            print(repr(e), file=sys.stderr)
        if status is not None:
            tell("over", status)
            return
        time.sleep(events.retry)


main(*sys.argv[1:])

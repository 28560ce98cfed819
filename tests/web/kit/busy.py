"""busy.py - those who go on while something happens: one asks, one publishes."""

import threading


class Knocker(threading.Thread):
    """Asks again and again, and keeps what is no 200.  status() is one
    question and returns the status of the answer."""

    def __init__(self, status):
        super().__init__(daemon=True)
        self.status, self.asked, self.wrong = status, 0, []
        self.enough = threading.Event()
        self.start()

    def run(self):
        while not self.enough.is_set():
            try:
                status = self.status()
                if status != 200:
                    self.wrong.append(status)
            except Exception as e:
                self.wrong.append(e)
            self.asked += 1

    def stop(self):
        self.enough.set()
        self.join(60)
        return self


class Publisher(threading.Thread):
    """Publishes numbered events behind n, one at a time, until it is stopped:
    publish(number).  n is the last one that was published."""

    def __init__(self, publish, n=0):
        super().__init__(daemon=True)
        self.publish, self.n, self.error = publish, n, None
        self.enough = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.enough.wait(0.005):
                self.publish(self.n + 1)
                self.n += 1
        except Exception as e:
            self.error = e

    def stop(self):
        self.enough.set()
        self.join(60)
        assert self.error is None, self.error
        return self.n

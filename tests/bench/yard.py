"""yard.py - processes, directories, cores and what processes cost.

Everything that a measurement starts is in one Yard: a new directory, free
ports, and processes that are ended by their ids when the yard is closed.
"""
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILT = os.path.join(TOP, 'build', 'bench')
SERVER_CPUS = {0}
CLIENT_CPUS = {1}
ALL_CPUS = {0, 1}
WWW = 'www-data' if os.getuid() == 0 else None


class Trouble(Exception):
    """A measurement that could not be made; the report shows why."""


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_for(what, seconds, check):
    """Calls check until it gives something true; Trouble after seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = check()
        if got:
            return got
        time.sleep(0.01)
    raise Trouble(f'{what}: not within {seconds} s')


def answers(port, tls=None):
    """Does HTTP answer there?  A port is open before nginx has workers.
    tls: an SSLContext."""
    try:
        s = socket.create_connection(('127.0.0.1', port), 1)
        with tls.wrap_socket(s) if tls else s as s:
            s.sendall(b'GET /up HTTP/1.0\r\n\r\n')
            return len(s.recv(64)) > 0
    except OSError:
        return False


class Yard:
    """A directory and the processes in it."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix='largesse-bench-')
        os.chmod(self.dir, 0o755)
        self.log_dir = os.path.join(self.dir, 'log')
        os.mkdir(self.log_dir)
        if WWW:
            shutil.chown(self.dir, WWW, WWW)
            shutil.chown(self.log_dir, WWW, WWW)
        self.running = []
        return self

    def __exit__(self, *_):
        for p in reversed(self.running):
            self.end(p)
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def put(self, name, source, **words):
        """Copies a file into the yard with its @WORDS@ filled in."""
        with open(os.path.join(HERE, source), encoding='utf-8') as f:
            text = f.read()
        words = {'DIR': self.dir, 'HERE': HERE, **words}
        for word, value in words.items():
            text = text.replace(f'@{word}@', str(value))
        return self.put_text(name, text)

    def put_text(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as f:
            f.write(text)
        return self.path(name)

    def spawn(self, argv, cpus, user=None, **how):
        """In a session of its own: Ctrl-C is for us, and we end it then."""
        errors = open(self.path(os.path.basename(argv[0]) + '.err'), 'ab')
        p = subprocess.Popen(
            argv, cwd=self.dir, stderr=errors, user=user, group=user,
            extra_groups=[] if user else None, start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus), **how)
        errors.close()
        self.running.append(p)
        return p

    def end(self, p, seconds=3):
        """Kills it if it takes longer than that."""
        if p in self.running:
            self.running.remove(p)
        if p.poll() is None:
            p.send_signal(signal.SIGTERM)
            try:
                p.wait(seconds)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        for pipe in (p.stdin, p.stdout):
            if pipe:
                pipe.close()

    def errors(self):
        """What the processes had to say, for a report of trouble."""
        said = []
        for name in sorted(os.listdir(self.dir)):
            if name.endswith(('.err', '.log')):
                with open(self.path(name), errors='replace') as f:
                    said += [f'{name}: {line.rstrip()}'
                             for line in f.readlines()[-5:]
                             if 'GET /up ' not in line]
        return '\n'.join(said)


class Talker:
    """A process that takes commands and answers with JSON, line by line."""

    def __init__(self, yard, argv, user=None, cpus=CLIENT_CPUS):
        self.name = os.path.basename(argv[0])
        self.p = yard.spawn(argv, cpus, user=user, text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def say(self, command):
        self.p.stdin.write(command + '\n')
        self.p.stdin.flush()

    def hear(self):
        line = self.p.stdout.readline()
        if not line:
            raise Trouble(f'{self.name} ended')
        answer = json.loads(line)
        if 'error' in answer:
            raise Trouble(f'{self.name}: {answer["error"]}')
        return answer

    def ask(self, command):
        self.say(command)
        return self.hear()


def family(pid):
    """A process and all that descend from it."""
    found = [pid]
    for p in found:
        try:
            for task in os.listdir(f'/proc/{p}/task'):
                with open(f'/proc/{p}/task/{task}/children') as f:
                    found += [int(c) for c in f.read().split()]
        except FileNotFoundError:
            pass
    return found


def cpu_ns(pids):
    """CPU time of all threads of these processes, in ns."""
    total = 0
    for pid in pids:
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/schedstat') as f:
                total += int(f.read().split()[0])
    return total


def pss_bytes(pids):
    total = 0
    for pid in pids:
        with open(f'/proc/{pid}/smaps_rollup') as f:
            for line in f:
                if line.startswith('Pss:'):
                    total += int(line.split()[1]) * 1024
    return total


def status_bytes(pid, field):
    """VmRSS or VmHWM of one process."""
    with open(f'/proc/{pid}/status') as f:
        for line in f:
            if line.startswith(field + ':'):
                return int(line.split()[1]) * 1024
    raise Trouble(f'{pid} has no {field}')


class Others:
    """What processes that are not ours took meanwhile, in cores: a figure
    from a machine that was busy otherwise is to be known as one."""

    def __init__(self):
        self.began = self.look()

    @staticmethod
    def look():
        with open('/proc/stat') as f:
            user, nice, system, _, _, _, _, steal = (
                int(n) for n in f.readline().split()[1:9])
        tick = os.sysconf('SC_CLK_TCK')
        ours = sum(getattr(resource.getrusage(who), part)
                   for who in (resource.RUSAGE_SELF,
                               resource.RUSAGE_CHILDREN)
                   for part in ('ru_utime', 'ru_stime'))
        return time.monotonic(), (user + nice + system + steal) / tick - ours

    def cores(self):
        """Call it when all that we started was waited for."""
        now, busy = self.look()
        return max(0.0, (busy - self.began[1]) / (now - self.began[0]))

"""peers.py - the servers that are measured, each started in its own way.

A peer that runs has a port and a target for the client, the command that
starts its publisher, and the processes of web server and responder.
"""
import filecmp
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess

from clients import Clients, processes
from yard import (ALL_CPUS, BUILT, HERE, SERVER_CPUS, TOP, WWW, Talker,
                  Trouble, answers, family, free_port, status_bytes,
                  wait_for)

LARGESSE = os.path.join(TOP, 'build', 'largesse')
DEPLOY = os.path.join(TOP, 'deploy')

# Small pools for nchan, which has no buffer for a server behind.
SMALL_POOLS = '''
	request_pool_size 1k;
	connection_pool_size 384;
'''


def shutdown_line():
    """How long old workers live after a reload, as in deploy/."""
    with open(os.path.join(DEPLOY, 'nginx', 'nginx.conf')) as f:
        found = re.search(r'^worker_shutdown_timeout .*;$', f.read(), re.M)
    return found[0] if found else ''


class Peer:
    """One server, started fresh in a yard for one measurement."""

    most_streams = 9900
    durable = False     # publishes through SQLite
    haproxy = None      # in front of the web server
    tls = False         # between the client and the web server
    most_shared = 100   # streams on one connection of HTTP/2
    descriptors = 1     # of the web server for each stream
    runs, rows_s = 2000, 20     # runs at once, and rows of each a second
    run_target = '/events?topic=run/%d'

    def __init__(self, yard, small=False, first='newest', gather=None,
                 options=(), free_cpus=False, streams=0, publishing=None,
                 held=False, many=0):
        self.yard = yard
        self.port = self.plain_port = free_port()
        self.target = '/events'
        self.small = small
        self.first = first
        self.gather = gather
        self.options = list(options)
        self.streams = streams      # that are to be held
        self.many = many    # as well, by so many processes as that takes
        self.publishing = publishing    # by HTTP: 'full', 'normal' or not
        self.held = self.hold() if held else None
        self.responder_cpus = ALL_CPUS if free_cpus else SERVER_CPUS
        self.web = self.responder = None
        self.start()
        wait_for(f'{self.name} on its port', 10, self.is_up)

    def is_up(self):
        for p in (self.web, self.responder, self.haproxy):
            if p is not None and p.poll() is not None:
                raise Trouble(f'{self.name} ended:\n{self.yard.errors()}')
        return answers(self.port, unchecked() if self.tls else None)

    def listen_lines(self, share):
        """Of nginx."""
        return f'listen 127.0.0.1:{self.port} backlog=4096 {share};'

    def start_nginx(self, conf, UPSTREAM='', **words):
        words['SHUTDOWN'] = shutdown_line()
        workers = processes(self.many, self.descriptors) if self.many else 1
        words['WORKERS'] = workers
        # Each has a queue of its own, so that they share evenly.
        words['LISTEN'] = self.listen_lines(
            'reuseport' if workers > 1 else '')
        self.yard.put('nginx.conf', f'peers/{conf}', UPSTREAM=UPSTREAM,
                      **words)
        self.web = self.yard.spawn(
            ['/usr/sbin/nginx', '-p', self.yard.dir, '-c',
             self.yard.path('nginx.conf'), '-e', 'error.log'], SERVER_CPUS)

    def hold(self):
        """The responder's socket, which stays when the responder ends, as
        with systemd."""
        s = socket.socket(socket.AF_UNIX)
        s.bind(self.yard.path('fcgi.sock'))
        os.chmod(self.yard.path('fcgi.sock'), 0o666)
        s.listen(4096)
        return s

    def refresh(self):
        """Starts a responder anew, so that it remembers nothing."""

    def make_runs(self, count):
        """Before their readers come."""

    def restart_responder(self):
        """Its socket is held."""
        self.end_responder()
        self.start_responder()

    def end_responder(self):
        self.yard.end(self.responder, 60)

    def end_web(self):
        self.yard.end(self.web, 60)

    def restart_web(self):
        self.end_web()
        self.start_web()

    def reload_web(self):
        self.web.send_signal(signal.SIGUSR1 if 'lighttpd' in self.name
                             else signal.SIGHUP)

    def web_pids(self):
        return family(self.web.pid) if self.web else []

    def responder_pids(self):
        return family(self.responder.pid) if self.responder else []

    def pids(self):
        return self.web_pids() + self.responder_pids()

    def publisher(self, topic='main', first=1):
        words = self.publish_words(topic)
        user = WWW if words[0] == 'sqlite' else None
        return Talker(self.yard, [os.path.join(BUILT, 'publish'),
                                  '-n', str(first)] + words, user=user)

    def poster(self):
        """Publishes over HTTP, on many connections."""
        return Talker(self.yard, [os.path.join(BUILT, 'post')] +
                      self.post_words())

    def client(self):
        words = [os.path.join(BUILT, 'load')]
        words += ['-t'] if self.tls else []
        words += ['127.0.0.1', str(self.port)]
        if self.many:
            return Clients(self.yard, words, self.many)
        return Talker(self.yard, words)


class Nchan(Peer):
    name = 'nchan'
    pools = ''

    def start(self):
        self.start_web()

    def start_web(self):
        self.start_nginx('nchan.conf', FIRST=self.first, SMALL=self.pools)

    def publish_words(self, _topic):
        return ['post', str(self.plain_port), '/publish']

    def post_words(self):
        return ['-r', str(self.plain_port), '/publish']


class Node(Peer):
    name = 'node'

    def start(self):
        self.responder = self.yard.spawn(
            ['node', os.path.join(HERE, 'peers', 'server.mjs'),
             str(self.port)], SERVER_CPUS)

    def publish_words(self, _topic):
        return ['post', str(self.port), '/publish']


class Php(Peer):
    """nginx, PHP-FPM, SQLite: a process a stream, so a few hundred."""

    name = 'php'
    most_streams = 100
    durable = True

    def start(self):
        init_log(self.yard)
        # A loop whose client left lives on until it writes again.
        self.yard.put('php-fpm.conf', 'peers/php-fpm.conf',
                      STREAMS=self.streams + 8)
        self.responder = self.yard.spawn(
            ['/usr/sbin/php-fpm8.2', '-F', '-n', '-d',
             'extension=sqlite3', '-y', self.yard.path('php-fpm.conf')],
            SERVER_CPUS)
        wait_for('php-fpm', 10,
                 lambda: os.path.exists(self.yard.path('php.sock')))
        self.start_nginx('php.conf')

    def publish_words(self, topic):
        return ['sqlite', log_path(self.yard), topic]


class NchanSmall(Nchan):
    """The same with the small pools that our snippet has."""

    name = 'nchan, small pools'
    pools = SMALL_POOLS


def log_path(yard):
    return os.path.join(yard.log_dir, 'events.db')


def key_path(yard):
    return yard.path('key')


def init_log(yard):
    if not os.path.exists(log_path(yard)):
        subprocess.run([LARGESSE, 'init', log_path(yard)], check=True,
                       user=WWW, group=WWW, stdout=subprocess.DEVNULL,
                       extra_groups=[] if WWW else None)


class Behind(Peer):
    """A FastCGI responder behind a stock web server."""

    descriptors = 2

    def start(self):
        self.start_responder()
        wait_for('the responder', 10, self.socket_is_there)
        self.start_web()

    def start_web(self):
        if self.server == 'nginx':
            self.start_behind_nginx()
        else:
            self.start_behind_lighttpd()

    def refresh(self):
        self.yard.end(self.responder)
        for name in ('fcgi.sock', 'bell.sock'):
            if os.path.exists(self.yard.path(name)):
                os.unlink(self.yard.path(name))
        self.start_responder()
        wait_for('the responder', 10, self.socket_is_there)

    def reset_peak(self):
        """Memory of the responder now; its VmHWM counts from here."""
        with open(f'/proc/{self.responder.pid}/clear_refs', 'w') as f:
            f.write('5')
        return status_bytes(self.responder.pid, 'VmRSS')

    def wal_bytes(self):
        return os.path.getsize(log_path(self.yard) + '-wal')

    def socket_is_there(self):
        if self.responder.poll() is not None:
            raise Trouble(f'{self.name} ended:\n{self.yard.errors()}')
        return os.path.exists(self.yard.path('fcgi.sock'))

    def put_snippet(self, server, old):
        with open(os.path.join(DEPLOY, server, 'events.conf')) as f:
            text = f.read()
        if old not in text:
            raise Trouble(f'{server}/events.conf has no {old}')
        self.yard.put_text('events.conf',
                           text.replace(old, self.yard.path('fcgi.sock')))

    def start_behind_nginx(self):
        self.put_snippet('nginx', '/run/largesse/largesse.sock')
        if self.small:
            shutil.copy(os.path.join(DEPLOY, 'nginx', 'events-many.conf'),
                        self.yard.path('events-many.conf'))
        self.start_nginx(
            'nginx.conf',
            SMALL='include events-many.conf;' if self.small else '')

    def start_behind_lighttpd(self):
        self.put_snippet('lighttpd', '/run/largesse/largesse.sock')
        self.yard.put('lighttpd.conf', 'peers/lighttpd.conf', PORT=self.port,
                      TLS=self.lighttpd_tls())
        self.web = self.yard.spawn(
            ['/usr/sbin/lighttpd', '-D', '-f',
             self.yard.path('lighttpd.conf')], SERVER_CPUS)

    def lighttpd_tls(self):
        return ''


class Ceiling(Behind):
    def refresh(self):
        """What it has is in its memory."""

    def start_responder(self):
        gather = 10 if self.gather is None else self.gather
        self.responder = self.yard.spawn(
            [os.path.join(BUILT, 'ceiling'), '-g', str(gather),
             self.yard.path('fcgi.sock'), self.yard.path('bell.sock')],
            self.responder_cpus)

    def publish_words(self, _topic):
        return ['bell', self.yard.path('bell.sock')]

    def post_words(self):
        return [str(self.port), self.target]


class Largesse(Behind):
    durable = True

    def start_responder(self):
        init_log(self.yard)
        argv = [LARGESSE, 'serve', '--quiet', '--db', log_path(self.yard)]
        if self.held is None:
            argv += ['--listen', 'unix:' + self.yard.path('fcgi.sock')]
        if self.publishing:
            self.yard.put_text('key', 'k' * 48)
            argv += ['--publish', '--public', 'main', '--synchronous',
                     self.publishing, '--key-file', key_path(self.yard)]
        if self.gather is not None:
            argv += ['--gather', str(self.gather)]
        if self.many:
            argv += ['--workers', str(processes(self.many))]
        self.responder = self.yard.spawn(
            argv + self.options, self.responder_cpus, user=WWW,
            stdin=self.held or subprocess.DEVNULL)

    def publish_words(self, topic):
        return ['sqlite', log_path(self.yard), topic]

    def post_words(self):
        token = subprocess.run(
            [LARGESSE, 'token', '--key-file', key_path(self.yard),
             '--subscribe', '*', '--publish', '*'], check=True,
            stdout=subprocess.PIPE, text=True).stdout.strip()
        return ['-H', f'Authorization: Bearer {token}', str(self.port),
                self.target]


def behind(kind, server_name):
    class Both(kind):
        server = server_name
        name = f'{kind.__name__.lower()}/{server_name}'
        # lighttpd stops accepting near 90 % of its descriptors.
        most_streams = 9900 if server_name == 'nginx' else 8900
        most_shared = 100 if server_name == 'nginx' else 8
    return Both


class LargesseRedis(behind(Largesse, 'nginx')):
    """The log on Redis, which is asked to be as safe as SQLite is with
    synchronous=NORMAL: on the disk within a second.  It is a part of the
    server side, so it has that core, and its CPU is the responder's."""

    name = 'largesse/nginx, redis'
    redis = None

    def log_url(self):
        return f'redis+unix://{self.yard.path("redis.sock")}?stream=events'

    def start_redis(self):
        self.redis = self.yard.spawn(
            ['redis-server', '--port', '0', '--unixsocket',
             self.yard.path('redis.sock'), '--unixsocketperm', '777',
             '--dir', self.yard.log_dir, '--save', '', '--appendonly', 'yes',
             '--appendfsync', 'everysec', '--logfile',
             self.yard.path('redis.log')], SERVER_CPUS)
        wait_for('redis-server', 10,
                 lambda: os.path.exists(self.yard.path('redis.sock')))
        subprocess.run([LARGESSE, 'init', self.log_url()], check=True,
                       stdout=subprocess.DEVNULL)

    def start_responder(self):
        if self.redis is None:
            self.start_redis()
        argv = [LARGESSE, 'serve', '--quiet', '--db', self.log_url(),
                '--listen', 'unix:' + self.yard.path('fcgi.sock')]
        if self.gather is not None:
            argv += ['--gather', str(self.gather)]
        self.responder = self.yard.spawn(argv + self.options,
                                         self.responder_cpus, user=WWW)

    def responder_pids(self):
        return super().responder_pids() + [self.redis.pid]

    def publish_words(self, topic):
        return ['redis', self.yard.path('redis.sock'), 'events', topic]


class LargesseKept(behind(Largesse, 'nginx')):
    """nginx keeps its connections to the responder for the next request."""

    name = 'largesse/nginx, kept'

    def start_behind_nginx(self):
        super().put_snippet('nginx', '/run/largesse/largesse.sock')
        with open(self.yard.path('events.conf')) as f:
            text = f.read()
        text = text.replace('unix:' + self.yard.path('fcgi.sock'), 'kept')
        text = text.replace('fastcgi_buffering off;',
                            'fastcgi_buffering off;\n'
                            '\tfastcgi_keep_conn on;')
        self.yard.put_text('events.conf', text)
        self.start_nginx('nginx.conf', SMALL='', UPSTREAM=(
            'upstream kept {\n'
            f'\tserver unix:{self.yard.path("fcgi.sock")};\n'
            '\tkeepalive 64;\n'
            '\tkeepalive_requests 100000000;\n}\n'))


def unchecked():
    """Nobody signed our certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def make_certificate(yard):
    """With its key in one file, as HAProxy and lighttpd want it.  The key is of
    the kind that certificates of Let's Encrypt have."""
    made = subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', '-', '-days',
         '2', '-subj', '/CN=localhost'], check=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return yard.put_text('site.pem', made)


def with_certificate(kind):
    """TLS at its port; who publishes has a plain one."""
    class Certified(kind):
        tls = True

        def start(self):
            make_certificate(self.yard)
            self.plain_port = free_port()
            super().start()
    return Certified


def over_tls(kind):
    """TLS and HTTP/2 to the client, by the web server itself."""
    class Tls(with_certificate(kind)):
        name = f'{kind.name}, TLS'

        def listen_lines(self, share):
            lines = [f'listen 127.0.0.1:{self.port} ssl http2 backlog=4096 '
                     f'{share};',
                     f'listen 127.0.0.1:{self.plain_port};',
                     'ssl_certificate site.pem;',
                     'ssl_certificate_key site.pem;']
            if self.small and kind is Nchan:
                lines.append('ssl_buffer_size 1k;')     # as our snippet has it
            return '\n\t\t'.join(lines)

        def lighttpd_tls(self):
            return ('server.modules += ( "mod_openssl" )\n'
                    'ssl.engine = "enable"\n'
                    f'ssl.pemfile = "{self.yard.path("site.pem")}"\n')
    return Tls


def behind_haproxy(kind):
    """TLS and HTTP/2 to HAProxy, which asks the web server by plain HTTP."""
    class Haproxy(with_certificate(kind)):
        name = f'{kind.name}, HAProxy'

        def start_web(self):
            front, self.port = self.port, self.plain_port
            super().start_web()
            self.port = front
            self.start_haproxy()

        def start_haproxy(self):
            folder = os.path.join(DEPLOY, 'haproxy')
            shutil.copy(os.path.join(folder, 'retry.http'), self.yard.dir)
            with open(os.path.join(folder, 'haproxy.cfg')) as f:
                text = f.read()
            for old, new in (
                    ('bind 127.0.0.1:8080',
                     f'bind 127.0.0.1:{self.port} backlog 4096 ssl crt '
                     f'{self.yard.path("site.pem")} alpn h2,http/1.1'),
                    ('127.0.0.1:8081', f'127.0.0.1:{self.plain_port}'),
                    ('/etc/haproxy', self.yard.dir)):
                if old not in text:
                    raise Trouble(f'haproxy.cfg has no {old}')
                text = text.replace(old, new)
            self.haproxy = self.yard.spawn(
                ['/usr/sbin/haproxy', '-db', '-f',
                 self.yard.put_text('haproxy.cfg', text)], SERVER_CPUS)

        def end_web(self):
            self.yard.end(self.haproxy, 60)
            super().end_web()

        def web_pids(self):
            return super().web_pids() + (
                family(self.haproxy.pid) if self.haproxy else [])
    return Haproxy


def npm_modules():
    """Where npm's packages are; they are installed once."""
    there = os.path.join(BUILT, 'npm')
    lock = os.path.join(HERE, 'peers', 'package-lock.json')
    mark = os.path.join(there, 'installed.json')
    if not os.path.exists(mark) or not filecmp.cmp(lock, mark, False):
        os.makedirs(there, exist_ok=True)
        for name in ('package.json', 'package-lock.json'):
            shutil.copy(os.path.join(HERE, 'peers', name), there)
        subprocess.run(['npm', 'ci', '--prefix', there, '--no-audit',
                        '--no-fund'], check=True, stdout=subprocess.DEVNULL)
        shutil.copy(lock, mark)     # last: a broken install is done again
    return there


class Resumable(Peer):
    """npm's resumable-stream.  One process of node makes the runs and serves
    their readers, with no web server before it, and Redis is beside it."""

    name = 'resumable-stream'
    reader = 'again'    # it comes later than whoever made the run
    runs = 300
    run_target = '/run/%d'

    def start(self):
        sock = self.yard.path('redis.sock')
        self.redis = self.yard.spawn(
            ['redis-server', '--port', '0', '--unixsocket', sock,
             '--save', '', '--logfile', self.yard.path('redis.log')],
            SERVER_CPUS)
        wait_for('redis-server', 10, lambda: os.path.exists(sock))
        self.talker = Talker(
            self.yard,
            ['node', os.path.join(HERE, 'peers', 'resumable.mjs'),
             str(self.port), sock, npm_modules(), self.reader],
            cpus=SERVER_CPUS)
        self.responder = self.talker.p

    def publisher(self, topic='main', first=1):
        return self.talker

    def make_runs(self, count):
        if self.reader == 'again':
            self.talker.ask(f'make {count}')

    def web_pids(self):
        """What is not the program itself: Redis."""
        return [self.redis.pid]


class ResumableTokens(Resumable):
    """Nothing joins its tokens unless a site does."""

    name = 'resumable-stream, each token'
    runs, rows_s = 100, 50


class ResumableFirst(Resumable):
    """The reader is who made the run: nothing goes through Redis."""

    name = 'resumable-stream, first reader'
    reader = 'first'


AT_NGINX, AT_LIGHTTPD = (behind(Largesse, server)
                         for server in ('nginx', 'lighttpd'))
PEERS = {p.name: p for p in (
    Nchan, behind(Ceiling, 'nginx'), behind(Ceiling, 'lighttpd'),
    AT_NGINX, AT_LIGHTTPD, Php, Node,
    LargesseRedis, NchanSmall, LargesseKept, Resumable,
    ResumableTokens, ResumableFirst, over_tls(Nchan), over_tls(AT_NGINX),
    over_tls(AT_LIGHTTPD), behind_haproxy(Nchan), behind_haproxy(AT_NGINX))}

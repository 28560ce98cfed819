"""test_peers.py - the rows, the peers, the lines and the plots know each other."""
import sys
from types import SimpleNamespace

import bench
import lines
import plot
from peers import PEERS
from rows import TLS, plain


def options(*words):
    old, sys.argv = sys.argv, ['bench.py', *words]
    try:
        return bench.options()
    finally:
        sys.argv = old


def chosen(*words):
    """row -> peers of the first round."""
    o = options(*words)
    return {row.name: bench.chosen(row, o, 1, {}) for row in bench.ROWS
            if row.name in o.rows}


def test_each_peer_of_a_row_can_be_started():
    for row in bench.ROWS:
        for name in row.peers + tuple(row.quick) + tuple(row.rounds):
            assert name in PEERS and PEERS[name].name == name, (row.name, name)


def test_each_line_is_of_a_row():
    names = {row.name for row in bench.ROWS}
    for line in lines.LINES:
        assert line.row in names, line.what


def test_over_tls_there_is_a_peer_without_it_and_a_look():
    for name in TLS:
        assert PEERS[name].tls and not PEERS[plain(name)].tls, name
        assert plot.LOOKS[name] != plot.LOOKS[plain(name)], name


def test_tls_chooses_these_peers_and_those_without_it():
    for words in (('--tls',), ('--tls', '--quick')):
        got = chosen(*words)
        assert list(got) == ['most', 'busy', 'one', 'crowd', 'resume',
                             'storm', 'browsers'], list(got)
        assert set(got['most']) == set(TLS) | {plain(n) for n in TLS}
        assert set(got['browsers']) == set(TLS)


def test_a_row_of_one_round_can_be_measured_in_a_later_one():
    row = next(row for row in bench.ROWS if row.name == 'streams')
    o = options('--more', '--rows', 'streams')
    assert set(bench.chosen(row, o, 5, {})) == set(row.peers)
    had = {name: {1: {}} for name in row.peers}
    assert bench.chosen(row, o, 5, had) == []


def test_a_peer_is_chosen_by_a_name_with_a_comma():
    got = chosen('--quick', '--rows', 'one', '--peers', 'nchan, TLS,php')
    assert set(got['one']) == {'nchan, TLS', 'php'}, got


def test_lines_of_nginx_say_tls_once_and_leave_a_plain_port():
    peer = SimpleNamespace(port=1, plain_port=2, small=True)
    for name in ('nchan, TLS', 'largesse/nginx, TLS'):
        text = PEERS[name].listen_lines(peer, 'reuseport')
        assert text.count('ssl http2') == 1 and '127.0.0.1:2;' in text, text
        # largesse has it in events-many.conf, and nginx takes it once.
        assert ('ssl_buffer_size' in text) == (name == 'nchan, TLS'), text

"""test_million.py - the plan for a million streams, from round figures."""
from types import SimpleNamespace

import million

# One core held 10,000 streams, and 100,000.
MANY = {
    'last_ms_10000': 200, 'last_ms_100000': 2000,
    'connect_s_10000': 1, 'connect_s_100000': 10,
    'responder_s_10000': 3, 'responder_s_100000': 21,
    'web_s_10000': 3, 'web_s_100000': 12,
    'after_bytes_100000': 10000, 'kernel_bytes_100000': 10000,
    'total_us_100000': 20, 'responder_us_100000': 5,
    'idle_percent_100000': 20}
READERS = {'redis_us_1': 300, 'read_us': 100}


# What TLS adds: 15,000 bytes, a half to a delivery, 0.5 ms to an opening.
CROWD = {million.PEER: {'after_bytes': 12500, 'total_us': 20, 'connect_us': 80},
         million.OVER_TLS: {'after_bytes': 27500, 'total_us': 30,
                            'connect_us': 580}}


def rows(**other):
    """Of three rounds, the middle one is the median."""
    def rounds(figures):
        return {str(r): {k: v * r / 2 for k, v in figures.items()}
                for r in (1, 2, 3)}
    return {'many': {million.PEER: rounds({**MANY, **other})},
            'readers': {million.REDIS: rounds(READERS)},
            'crowd': {name: rounds(f) for name, f in CROWD.items()}}


def wish(**other):
    return SimpleNamespace(**{
        'streams': 1000000, 'cores': 8, 'memory': 32, 'events': 1,
        'within': 1, **other})


def found(measured, want, tls=False):
    """The values of the plan in their order."""
    return [value for _, value in million.plan(
        million.Measured(measured, tls), want)]


def test_each_figure_follows_from_what_was_measured():
    # Half of 8 cores, 20 us a delivery and 2 us for heartbeats: 181,818
    # streams a host, so 6 hosts and one to spare.
    got = found(rows(), wish())
    want = [
        '7', 'processor time', '142,857; 166,667',
        '8; 2',                     # 5 of 20 us are the responder's
        '41,667; 83,333',           # two of nginx for each stream
        '1.6 GiB; 3.1 GiB', '19 GiB',
        '2.9 of 8 cores',           # 142,857 times 20 us
        '0.34 Gbit/s', '0.29 of 8 cores',
        '14',                       # two responders on seven hosts
        '1.6 ms; 625',              # 300 us and 13 times 100
        '0.4 s',                    # 17,857 streams a core, 20 us each
        '5 s',                      # 1 s and 0.2 ms a stream
        '4 s',                      # 2 s and 0.1 ms a stream
        '8 s',                      # 5, 3, and 2,976 streams more a core
        '5 s']                      # 1.8 s and 3
    assert got == want, list(zip(got, want))


def test_tls_adds_what_it_added_to_ten_thousand():
    # 30 us a delivery and 3 for heartbeats: 121,212 streams a host.
    got = found(rows(), wish(), tls=True)
    want = ['10', 'processor time', '100,000; 111,111', '8; 2',
            '27,778; 55,556', '2.6 GiB; 3.6 GiB', '33 GiB', '3.0 of 8 cores',
            '0.24 Gbit/s', '0.30 of 8 cores', '20', '2.2 ms; 455', '0.4 s',
            '10 s',     # 3.5 s and 12,500 handshakes a core
            '10 s', '9 s', '10 s']
    assert got == want, list(zip(got, want))


def test_what_is_scarcest_decides():
    for want, why in ((wish(memory=1), 'memory'),
                      (wish(events=0.01, memory=1000, within=0.1),
                       'an event at the last stream within 0.1 s'),
                      (wish(events=10), 'processor time')):
        assert found(rows(), want)[1] == why, why


def test_times_are_on_a_line_and_never_below_nothing():
    m = million.Measured(rows())
    assert m.seconds('responder_s', 10000) == 3
    assert m.seconds('responder_s', 200000) == 41
    assert million.Measured(rows(connect_s_10000=20)).seconds(
        'connect_s', 50000) == 20, 'more streams are not faster'


def test_what_was_not_measured_is_named():
    measured = rows()
    del measured['readers']
    try:
        found(measured, wish())
    except SystemExit as e:
        assert 'read_us of the row readers' in str(e), e
    else:
        raise AssertionError('a plan without figures of Redis')

"""test_many.py - trouble with one part does not take the other figures away."""
import many
from yard import Trouble


def test_trouble_in_one_part_leaves_the_other_figures():
    def at(_peer, n, _quick):
        if n == 30000:
            raise Trouble('too few descriptors')
        return {'last_ms': n / 50, **(
            {'trouble': 'it did not come back'} if n == 10000 else {})}
    old, many.at = many.at, at
    try:
        got = many.many('nchan', False)
    finally:
        many.at = old
    assert got == {
        'last_ms_10000': 200, 'last_ms_100000': 2000,
        'trouble': '10000 streams: it did not come back; '
                   '30000 streams: too few descriptors'}, got

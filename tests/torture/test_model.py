"""test_model.py - the model finds each kind of fault in made-up records, and
finds nothing in a record without one.

A checker that never fails proves nothing: this is how we know that it can.
"""

from history import History, Removal
from model import judge_client, judge_log
from records import make_data, parts_of, tag_of


def made(rows=10, **more):
    """A history: one life, rows 1..n of topic main, committed at their id."""
    h = History(**more)
    life = h.begin_life(begun=0)
    for i in range(1, rows + 1):
        add(h, life, i)
    h.health += [(t / 2, True) for t in range(200)]
    return h


def add(h, life, id, topic="main", tag=None, **kw):
    tag = tag or "e%d.%d" % (life.number, id)
    h.acks.setdefault(tag, float(id))
    return h.add(life, id, topic, tag, **kw)


def copied(h, upto, rows, at):
    """Another life, from a copy that had rows up to this id."""
    life = h.begin_life(h.lives[-1], upto, at)
    h.touched.append((at, at))
    for i in range(upto + 1, upto + rows + 1):
        add(h, life, i)
    return life


def got(*ids, at=None, life=0):
    return [["event", at or float(i), str(i), "e%d.%d" % (life, i), True]
            for i in ids]


def start(id=0, at=0.0, last=None):
    return [["open", at, last], ["status", at, 200], ["start", at, str(id)]]


def kinds(h, entries, topics=("main",), fast=True, alone=False):
    walk = judge_client(h, "c", topics, fast, entries, alone)
    return [f.kind for f in walk.findings + judge_log(h)]


def test_all_in_order_is_right():
    assert kinds(made(3), start() + got(1, 2, 3)) == []


def test_a_hole_is_lost_untold():
    assert kinds(made(), start() + got(1, 2, 4)) == ["lost untold"]


def test_the_first_after_the_start_may_not_be_left_out():
    assert kinds(made(), start(3) + got(5)) == ["lost untold"]


def test_a_hole_between_two_connections_is_lost_untold():
    entries = start() + got(1, 2) + [["end", 2.5, "cut"]]
    assert kinds(made(), entries + start(5, 6.0, "2") + got(6)) == [
        "lost untold"]
    assert kinds(made(), entries + start(2, 2.6, "2") + got(3)) == []


def test_a_new_chain_owes_nothing_to_the_old_one():
    entries = start() + got(1, 2) + [["end", 2.5, "left"]]
    assert kinds(made(), entries + start(7, 7.5) + got(8)) == []


def test_a_repetition_is_found():
    assert kinds(made(), start() + got(1, 2, 2)) == ["repeated"]
    assert kinds(made(), start() + got(1, 2, 1, 2, 3)) == [
        "repeated", "repeated"]


def test_another_order_is_found():
    said = kinds(made(), start(2) + got(3, 5, 4))
    assert said == ["lost untold", "out of order"], said


def test_an_event_from_before_the_start_is_out_of_order():
    assert kinds(made(), start(5) + got(4)) == ["out of order"]


def test_what_was_rolled_back_is_foreign():
    h = made(3)
    ghost = [["event", 4.0, "4", "e0.77", True]]
    assert kinds(h, start() + got(1, 2, 3) + ghost) == ["foreign"]


def test_an_event_under_the_id_of_another_is_foreign():
    entries = [["event", 1.0, "2", "e0.1", True]]
    assert kinds(made(), start() + entries) == ["foreign"]


def test_a_uid_is_the_id_and_a_check_is_passed_over():
    h = made(1)
    add(h, h.lives[0], 2, uid="u-2")
    add(h, h.lives[0], 3)
    entries = [["event", 1.0, "1-4kq2", "e0.1", True],
               ["event", 2.0, "u-2", "e0.2", True],
               ["event", 3.0, "3-z9a0", "e0.3", True]]
    assert kinds(h, start() + entries) == []
    entries[1][2] = "2-abcd"
    assert kinds(h, start() + entries)[0] == "foreign"


def test_data_that_was_cut_is_damaged():
    entries = [["event", 1.0, "1", "e0.1", False]]
    assert "damaged" in kinds(made(1), start() + entries)


def test_a_foreign_topic_is_found_and_other_topics_are_not_missed():
    h = made(3)
    add(h, h.lives[0], 4, "a/1")
    add(h, h.lives[0], 5, "a/2")
    add(h, h.lives[0], 6)
    assert kinds(h, start() + got(1, 2, 3, 6)) == []
    assert kinds(h, start() + got(4, 5), ("a/*",)) == []
    assert kinds(h, start() + got(4, 5), ("a/1",)) == ["wrong topic"]
    assert kinds(h, start() + got(5), ("a/*",)) == ["lost untold"]
    assert kinds(h, start() + got(1, 2, 3, 4, 5, 6), ("*",)) == []


def gap(at, id, reason="replaced"):
    return [["gap", at, reason, "?", str(id)]]


def test_a_gap_covers_what_is_missing_and_no_more():
    h = made()
    h.pruned.append((4.0, 4.0))
    told = start() + got(1, 2) + gap(5.0, 5, "pruned")
    assert kinds(h, told + got(6, 7)) == []
    assert kinds(h, told + got(7)) == ["lost untold"]


def test_a_gap_does_not_excuse_a_repetition():
    h = made()
    copied(h, 5, 5, 11.0)
    told = start() + got(*range(1, 11)) + gap(11.5, 3)
    assert "repeated" in kinds(h, told + got(4, 5, at=12.0))


def test_a_gap_without_a_cause_is_false():
    assert kinds(made(3), start() + got(1) + gap(1.5, 1) + got(2, 3)) == [
        "false gap"]
    assert kinds(made(3), start() + got(1) + gap(1.5, 1, "pruned") +
                 got(2, 3)) == ["false gap"]


def test_a_gap_that_is_told_late_by_one_who_could_not_read():
    h = made()
    h.touched.append((20.0, 20.0))
    h.acks.clear()
    entries = start(4, 26.0) + got(5, at=26.5) + gap(27.5, 5)
    assert kinds(h, entries) == ["false gap"]
    h.health.append((26.8, False))
    assert kinds(h, entries) == []
    h.touched[:] = [(1.0, 1.0)]
    assert kinds(h, entries) == ["false gap"]


def test_a_place_of_another_life_is_lost_untold():
    """Case 10: the copy has grown past the client while it was away."""
    h = made()                          # 1..10
    copied(h, 5, 20, 11.0)              # 6'..25'
    away = start() + got(*range(1, 11)) + [["end", 10.5, "cut"]]
    back = start(10, 12.0, "10-abcd")
    assert kinds(h, away + back + got(11, life=1)) == ["lost untold"]
    alone = start(10, 12.0, "10")
    assert kinds(h, away + alone + got(11, life=1)) == []
    assert kinds(h, away + start(10, 12.0, "99") + got(11, life=1)) == [
        "lost untold"]
    assert kinds(h, away + back + gap(12.0, 10, "unknown") +
                 got(11, at=12.5, life=1)) == []
    assert kinds(h, away + back + gap(12.0, 10, "unknown") +
                 got(12, at=12.5, life=1)) == ["lost untold"]


def test_a_place_that_the_copy_has_goes_on_in_it():
    h = made()
    copied(h, 5, 20, 11.0)
    away = start() + got(*range(1, 6)) + [["end", 5.5, "cut"]]
    back = away + start(5, 12.0, "5")
    assert kinds(h, back + got(6, 7, at=12.5, life=1)) == []
    assert kinds(h, back + got(7, at=12.5, life=1)) == ["lost untold"]


def test_a_place_in_another_log_is_lost_untold():
    """130 rows in a log of its own, and the client holds 100 of the first."""
    h = made()
    other = h.begin_life(begun=11.0)
    h.touched.append((11.0, 11.0))
    for i in range(1, 14):
        add(h, other, i)
    away = start() + got(*range(1, 11)) + [["end", 10.5, "cut"]]
    back = start(10, 12.0, "10-abcd") + got(11, life=1)
    assert kinds(h, away + back) == ["lost untold"]
    h.lives[1].holes[10] = 0    # then nothing is left to tell the two apart
    assert kinds(h, away + back) == []


def test_a_number_that_no_row_got():
    """A POST whose uid is there already may take one."""
    h = made()
    other = h.begin_life(begun=11.0)
    h.touched.append((11.0, 11.0))
    for i in [*range(1, 10), 11, 12, 13]:
        add(h, other, i)
    away = start() + got(*range(1, 11)) + [["end", 10.5, "cut"]]
    back = away + start(9, 14.0, "10-abcd") + got(11, at=14.5, life=1)
    assert kinds(h, back) == ["lost untold"]
    h.removals.append(Removal(13.1, 13.2, other, "pruned", {"x": [9]}, {}))
    assert kinds(h, back) == ["lost untold"]
    h.removals.append(Removal(13.3, 13.4, other, "pruned", {"x": [12]}, {}))
    assert kinds(h, back) == []


def test_a_copy_of_a_copy_shares_what_both_had():
    h = made()
    copied(h, 8, 2, 11.0)
    third = copied(h, 6, 4, 12.0)
    assert h.shared(h.lives[0], third) == 6
    assert [r.tag for r in third.between(4, 8)] == ["e0.5", "e0.6", "e2.7"]


def test_a_row_removed_from_the_middle_is_not_owed():
    h = made()
    h.lives[0].holes[3] = 0
    assert kinds(h, start() + got(1, 2, 4)) == []


def test_the_place_of_a_removed_row_is_the_one_before():
    h = made(4)
    had = start() + got(1, 2, 3, 4) + [["end", 4.4, "cut"]]
    back = had + start(3, 5.0, "4-abcd") + [["end", 5.5, "cut"]] + start(
        3, 6.0, "3-abcd")
    h.removals.append(Removal(4.5, 4.6, h.lives[0], "pruned", {"main": [4]},
                              {}))
    assert kinds(h, back + got(4, at=6.5)) == ["repeated"]
    h.begin_life(h.lives[0], 4, 5.8)
    h.touched.append((5.8, 5.8))
    assert kinds(h, back + got(4, at=6.5)) == []
    assert kinds(h, back + got(4, 4, at=6.5)) == ["repeated"]
    assert kinds(h, back + got(3, at=6.5)) == ["repeated"]
    assert kinds(h, had + start(3, 6.0, "4-abcd") + got(4, at=6.5)) == [
        "repeated"]


def test_a_row_removed_from_a_copy_is_not_owed_there():
    h = made()
    entries = start() + got(1, 2) + [["end", 2.5, "cut"]]
    other = copied(h, 8, 1, 11.0)
    back = start(2, 12.0, "2") + got(4, at=12.5)
    assert kinds(h, entries + back) == ["lost untold"]
    other.holes[3] = 0
    assert kinds(h, entries + back) == []
    copied(h, 9, 0, 11.5)     # a copy of the copy
    assert kinds(h, start(2, 30.0) + got(4, at=30.5)) == []
    # but before it was owed
    assert kinds(h, start() + got(1, 2, 4)) == ["lost untold"]


def test_in_a_damaged_file_nothing_is_owed():
    h = made()
    h.lives[0].damage = "row 3 missing from index largesse_topic"
    assert kinds(h, start() + got(1, 2, 4)) == []


def test_a_late_event_is_mute_unless_health_said_so():
    late = start(0, 0.5) + got(1, at=9.0)
    assert kinds(made(1), late) == ["mute"]
    assert kinds(made(1), late, fast=False) == []
    h = made(1)
    h.health.append((8.0, False))
    assert kinds(h, late) == []
    h = made(1)
    h.health.append((2.0, False))       # and good again at once
    assert kinds(h, late) == ["mute"]
    h = made(1)
    h.excuses.append((0.0, 8.0, "its nginx worker stood still"))
    assert kinds(h, late) == []


def test_an_event_that_never_comes_is_mute():
    told = start() + got(1, 2)
    assert kinds(made(3), told + [["end", 30.0, "left"]]) == ["mute"]
    assert kinds(made(3), told + [["end", 6.0, "left"]]) == []
    assert kinds(made(2), told + [["end", 30.0, "left"]]) == []


def test_a_stream_that_stays_on_a_dead_log_is_mute():
    h = made()
    copied(h, 10, 5, 11.0)
    entries = start() + got(*range(1, 11)) + [["end", 40.0, "left"]]
    assert kinds(h, entries) == ["mute"]


def test_published_twice_is_found():
    h = made(3)
    add(h, h.lives[0], 4, tag="e0.3")
    assert "published twice" in kinds(h, start() + got(1, 2))


def test_a_row_that_was_noted_twice_is_one():
    h = made(3)
    add(h, h.lives[0], 3)
    assert kinds(h, start() + got(1, 2)) == []


def test_a_uid_that_was_pruned_may_come_again():
    h = made(3)
    add(h, h.lives[0], 4, tag="e0.3")
    h.begun["e0.3"] = 2.9
    h.pruned.append((3.1, 3.2))
    h.acks["e0.3"] = 4.0
    assert kinds(h, start() + got(1, 2)) == []


def test_a_uid_that_came_again_is_two_rows():
    h = made(2)
    add(h, h.lives[0], 3, tag="post-1.1", uid="u-1")
    add(h, h.lives[0], 4, tag="post-1.1", uid="u-1")
    one = [["event", 3.0, "u-1", "post-1.1", True]]
    two = [["event", 4.0, "u-1", "post-1.1", True]]
    h.begun["post-1.1"], h.acks["post-1.1"] = 2.5, 4.0
    h.pruned.append((3.1, 3.2))
    assert kinds(h, start() + got(1, 2) + one + two) == []
    assert kinds(h, start() + got(1, 2) + one + two + two) == ["repeated"]


def test_a_log_that_the_responder_never_saw_may_come_again():
    h = made(4)
    copied(h, 0, 2, 11.0)
    h.begin_life(h.lives[0], 4, begun=21.0)
    h.touched += [(11.0, 11.0), (21.0, 21.0)]
    old = start() + got(1, 2, 3, 4) + [["end", 10.9, "cut"]]
    told = [["open", 11.5, "4"], ["start", 11.6, "2"],
            ["gap", 11.6, "unknown", "4", "2"]]
    back = gap(21.1, 2)
    again = got(3, 4, at=21.5)
    assert kinds(h, old + told + back + again) == []
    assert kinds(h, old + told + back + again + again) != []
    assert kinds(h, old + back + again) != []


def test_two_gaps_before_an_event():
    h = made(4)
    copied(h, 2, 2, 11.0)
    h.begin_life(h.lives[0], 4, begun=11.1)
    h.touched.append((11.1, 11.1))
    old, again = start() + got(1, 2, 3, 4), got(3, 4, at=11.5)
    assert kinds(h, old + gap(11.2, 2) + again) != []
    assert kinds(h, old + gap(11.05, 2) + gap(11.2, 2) + again) == []
    assert kinds(h, old + gap(11.05, 2) + gap(11.2, 2) + again + again) != []


def test_who_comes_back_with_the_place_of_a_gap_has_no_other():
    """It was told that the log is back at 2, and left before there was more.
    The rows after 2 may come; if it had stayed they may not."""
    h = made(6)
    h.touched += [(5.0, 5.0), (6.0, 6.0)]
    told = start() + got(1, 2, 3, 4) + gap(5.0, 2)
    assert kinds(h, told + [["open", 6.0, "2"], *start(2, 6.0)[1:]] +
                 got(3, 4, 5, 6, at=7.0)) == []
    assert kinds(h, told + got(3, 4, 5, 6, at=7.0)) == ["repeated"] * 2


def test_an_event_that_was_long_on_its_way_excuses_the_gap():
    h = made(3)
    copied(h, 0, 3, 11.0)
    late = got(1, 2, at=31.0) + [["end", 31.1, "cut"]]
    told = [["open", 31.2, "2"], ["start", 31.3, "3"],
            ["gap", 31.3, "unknown", "2", "3"]]
    entries = [["open", 9.0, None], ["start", 9.1, "0"]] + late + told
    assert kinds(h, entries, fast=False) == []
    h.lives[1].begun = h.lives[0].over = 21.0
    h.touched[:] = []
    assert kinds(h, entries, fast=False) == ["false gap"]


def test_a_crash_is_found():
    h = made(1)
    h.crashes.append((1.0, "the responder ended by SIGBUS"))
    assert "crashed" in kinds(h, start() + got(1))


def test_ids_of_redis():
    h = History("redis")
    life = h.begin_life(begun=0)
    for i in (1, 2, 3):
        add(h, life, (7 << 64) + i, tag="e0.%d" % i)
    entries = [["event", 1.0, "7-%d" % i, "e0.%d" % i, True] for i in (1, 3)]
    assert kinds(h, [["open", 0.0, None], ["start", 0.0, "7-0"]] + entries,
                 fast=False) == ["lost untold"]


def test_what_our_writer_took_may_die_unnoted():
    h = made(2)
    h.begun["post-1.1"] = 2.5
    ghost = [["event", 3.0, "u-post-1.1", "post-1.1", True]]
    assert kinds(h, start() + got(1, 2) + ghost) == ["foreign"]
    h.touched.append((2.9, 4.0))
    assert kinds(h, start() + got(1, 2) + ghost) == []
    # it was sent again, and is noted in the next life
    add(h, h.begin_life(begun=3.5), 1, tag="post-1.1", uid="u-post-1.1")
    assert kinds(h, start() + got(1, 2) + ghost) == []
    h.touched.clear()
    assert kinds(h, start() + got(1, 2) + ghost) == ["foreign"]


def test_a_uid_may_come_again_in_another_life():
    h = made(2)
    add(h, h.lives[0], 3, tag="post-1.1", uid="u-1")
    other = h.begin_life(begun=11.0)
    h.touched.append((11.0, 11.0))
    add(h, other, 1, tag="post-1.1", uid="u-1")
    add(h, other, 2)
    first = start() + got(1, 2) + [["event", 3.0, "u-1", "post-1.1", True]]
    again = [["event", 12.0, "u-1", "post-1.1", True]]
    assert kinds(h, first + gap(11.5, 0) + again + got(2, at=12.5,
                                                       life=1)) == []
    assert kinds(h, first + again) == []
    assert kinds(h, first + again + again) == ["repeated"]


def test_a_uid_that_came_again_after_an_eviction_is_two_rows():
    h = made(2, engine="redis")
    add(h, h.lives[0], 3 << 64, tag="post-1.1", uid="u-1")
    other = h.begin_life(begun=3.1)
    add(h, other, 4 << 64, tag="post-1.1", uid="u-1")
    entries = start("2-0") + [["event", 3.2, "u-1", "post-1.1", True],
                              ["event", 3.3, "u-1", "post-1.1", True]]
    assert kinds(h, entries) == []
    assert kinds(h, entries + entries[-1:]) == ["repeated"]


def test_who_comes_with_a_uid_is_where_it_is_now():
    h = made(2)
    add(h, h.lives[0], 3, tag="post-1.1", uid="u-1")
    other = copied(h, 1, 3, 11.0)
    add(h, other, 5, tag="post-1.1", uid="u-1")
    add(h, other, 6)
    entries = start() + got(1, 2) + [["event", 3.0, "u-1", "post-1.1", True],
                                     ["end", 3.5, "cut"]]
    back = start(5, 12.0, "u-1")
    assert kinds(h, entries + back + got(6, at=12.5, life=1)) == []
    assert kinds(h, entries + back + got(4, at=12.5, life=1)) == [
        "lost untold"]
    # one that came with a number and its check is owed all that is new
    entries = start() + got(1, 2) + [["end", 3.5, "cut"]]
    assert kinds(h, entries + start(5, 12.0, "2") + got(
        6, at=12.5, life=1)) == []
    assert kinds(h, entries + start(5, 12.0, "2-abcd") + got(
        6, at=12.5, life=1)) == ["lost untold"]


def test_a_cgi_program_does_not_know_what_was_there_before():
    h = made(3)
    first = h.lives[0]
    copied(h, 1, 4, 11.0)
    h.begin_life(first, 3, 13.0)
    h.touched.append((13.0, 13.0))
    entries = (start() + got(1, 2, 3) + [["end", 3.5, "cut"]] +
               start(3, 12.0, "3") + gap(12.0, 1) +
               got(2, at=12.1, life=1) + gap(13.5, 1) + got(2, at=13.6))
    assert kinds(h, entries) == ["repeated"]
    assert kinds(h, entries, alone=True) == []
    # what was there when it began it has to know
    entries = start() + got(1, 2) + gap(11.5, 1) + got(2, at=11.6)
    assert kinds(h, entries, alone=True) == ["repeated"]


def test_who_is_of_another_log_gets_what_there_is():
    h = made(4)
    first = h.lives[0]
    other = h.begin_life(begun=11.0)
    h.touched.append((11.0, 11.0))
    add(h, other, 1)
    h.begin_life(first, 4, 13.0)
    h.touched.append((13.0, 13.0))
    h.pruned.append((14.0, 14.0))
    both = (start() + got(1, 2, 3, 4) + gap(11.5, 0) +
            got(1, at=12.0, life=1) + [["end", 12.5, "cut"]])
    told = gap(15.0, 2, "pruned") + got(3, 4, at=15.1)
    assert kinds(h, both + start(2, 15.0, "1-abcd") + told) == []
    # one whose row is of this log gets nothing twice
    entries = start() + got(1, 2, 3, 4) + [["end", 12.5, "cut"]]
    assert kinds(h, entries + start(2, 15.0, "4-abcd") + told) == [
        "repeated", "repeated"]


def test_who_began_in_one_of_two_lives_is_owed_what_both_owe():
    h = made(2)
    other = h.begin_life(begun=11.0)
    h.touched.append((11.0, 11.0))
    add(h, other, 3, tag="old")
    h.acks["old"] = 11.1
    begun = [["open", 12.0, None], ["status", 12.0, 200],
             ["start", 12.0, "3"]]
    assert kinds(h, begun + [["end", 30.0, "left"]]) == []
    add(h, other, 4, tag="new")
    h.acks["new"] = 13.0
    assert kinds(h, begun + [["end", 30.0, "left"]]) == ["mute"]


def third_copy(upto):
    """Three copies, of which the second has only the first of three rows; the
    client gets the second row of the third again."""
    h = made(3)
    first = h.lives[0]
    copied(h, 1, 4, 11.0)
    h.begin_life(first, upto, 13.0)
    h.touched.append((13.0, 13.0))
    return h, (start() + got(1, 2, 3) + gap(11.5, 1) +
               got(2, at=12.5, life=1) + gap(13.5, 1) + got(2, at=13.6))


def test_a_responder_does_not_know_what_was_there_before_it():
    h, entries = third_copy(3)
    assert kinds(h, entries) == ["repeated"]
    h.faults.append((12.0, 12.2, "kill_responder", "kill -9"))
    assert kinds(h, entries) == []
    # what came from the log since then it has to know
    assert kinds(h, entries[:-2] + gap(12.6, 1) + got(2, at=12.7, life=1)) == [
        "repeated"]


def test_a_responder_knows_few_of_the_rows_that_were_there_before_it():
    h, entries = third_copy(2)
    third = h.lives[2]
    assert kinds(h, entries) == ["repeated"]
    h.faults.append((10.5, 10.6, "kill_responder", "kill -9"))
    assert kinds(h, entries) == []
    h.faults.append((12.9, 14.0, "kill_worker", "there is one process only"))
    assert kinds(h, entries) == []
    # of two copies that follow each other the times tell
    assert kinds(h, entries[:-3] + got(2, at=11.6)) == ["repeated"]
    # the newest is one of the few
    third.upto = 3
    assert kinds(h, entries) == ["repeated"]
    third.upto = 2
    # that it came is known of a row that was told before it began
    h.acks["e0.2"] = 30.0
    assert kinds(h, entries) == ["repeated"]


def test_random_bytes_in_the_log_are_not_ours():
    h = made()
    entries = start() + got(1) + [["event", 2.0, "2", "e0.2", False]]
    assert kinds(h, entries) == ["damaged"]
    h.faults.append((1.5, 1.8, "harm_and_mend", "file overwritten, then mv rm"))
    assert kinds(h, entries) == []
    assert kinds(h, start() + got(1, 2, 4)) == []
    assert kinds(h, start() + got(1, 2, 8)) == ["lost untold"]


def test_what_was_cut_off_comes_back():
    h = made()
    entries = start() + got(*range(1, 9)) + [["end", 8.5, "cut"]] + start(
        6, 9.0, "8") + gap(9.0, 6, "unknown") + got(7, 8, 9, at=9.8)
    h.touched.append((8.6, 9.5))
    assert kinds(h, entries) == ["repeated", "repeated"]
    h.faults.append((8.6, 9.5, "harm_and_mend", "-wal cut, then mv rm"))
    assert kinds(h, entries) == []


def test_a_cgi_program_may_begin_while_the_file_is_written_over():
    h = made()
    entries = start() + got(*range(1, 9)) + [["end", 8.5, "cut"]] + start(
        6, 9.0, "8") + gap(9.0, 6, "unknown") + got(7, 8, 9, at=9.8)
    h.touched.append((8.6, 9.5))
    h.faults.append((8.0, 9.5, "vacuum_into_and_back", "mv rm"))
    assert kinds(h, entries, alone=True) == ["repeated", "repeated"]
    h.faults.append((8.0, 9.5, "vacuum_into_and_back", "cp over, then up"))
    assert kinds(h, entries, alone=True) == []
    assert kinds(h, entries) == ["repeated", "repeated"]


def test_a_uid_may_have_been_pruned_before_it_was_noted():
    h = made(0, engine="redis")
    for i in 1, 2, 3:
        add(h, h.lives[0], i << 64)
    add(h, h.lives[0], 5 << 64, tag="post-1.1", uid="u-1")
    h.acks["post-1.1"] = 5.0
    entries = [["event", float(i), "%d-0" % i, "e0.%d" % (i << 64), True]
               for i in (1, 2, 3)]
    twice = [["event", t, "u-1", "post-1.1", True] for t in (2.5, 5.0)]
    entries = (start("0-0") + entries[:2] + twice[:1] + entries[2:] +
               twice[1:])
    assert "repeated" in kinds(h, entries)
    h.begun["post-1.1"] = 2.4
    h.pruned.append((2.6, 2.7))
    assert kinds(h, entries) == []


# --- topics that end

def run_of(ids, **more):
    """A run with these rows, the last of which is its end; each was committed
    at its id.  Row 1 is of another topic."""
    h = made(1)
    for id in ids:
        add_run(h, id, end=id == ids[-1], **more)
    return h


def add_run(h, id, end=False, topic="run/1", life=0):
    tag = "e%d.%d" % (life, id)
    h.begun[tag] = float(id)
    add(h, h.lives[life], id, topic, end=end)


def of_run(h, entries, topics=("run/1",), **more):
    return kinds(h, entries, topics, **more)


NO_END, NOT_TOLD = "an end that was not the end", "an end not told"


def told(at, last=None, begins=None):
    """It came, and was answered 204."""
    return [["open", at, last, begins], ["status", at, 204], ["end", at, "end"]]


def bare(at=1.0, id=1, last=None):
    return [["open", at, last, "lastEventId=earliest", True],
            ["status", at, 200], ["start", at, str(id)]]


def ended(*ids, how="end"):
    """The end's id, and then the end of the stream."""
    return [["id", float(ids[0]), str(ids[0])], ["end", ids[0] + 0.1, how]]


def test_a_run_and_its_end():
    h = run_of([2, 3, 4])
    assert of_run(h, start(1, 1.0) + got(2, 3, 4) + [["end", 4.1, "end"]] +
                  told(4.2, "4")) == []
    assert of_run(h, bare() + got(2, 3) + ended(4)) == []
    assert of_run(h, told(5.0)) == []       # it asks from now
    assert of_run(h, start(1, 1.0) + got(2, 3, 4), ("run/*",)) == []


def test_204_before_the_end():
    h = run_of([2, 3, 14])
    assert of_run(h, told(5.0)) == [NO_END]
    assert of_run(h, start(1, 1.0) + got(2, 3) + [["end", 3.1, "cut"]] +
                  told(4.0, "3")) == [NO_END]
    assert of_run(h, told(15.0)) == []


def test_204_before_all_has_come():
    h = run_of([2, 3, 4])
    away = start(1, 1.0) + got(2, 3) + [["end", 3.1, "cut"]]
    assert of_run(h, away + told(5.0, "3")) == [NO_END]
    assert of_run(h, told(5.0, None, "lastEventId=earliest")) == [NO_END]


def test_204_of_a_run_that_was_opened_again():
    h = run_of([2, 3])
    add_run(h, 6)
    assert of_run(h, told(5.0)) == []
    assert of_run(h, told(9.0)) == [NO_END]
    away = start(1, 1.0) + got(2, 3) + [["end", 3.1, "end"]]
    assert of_run(h, away + told(9.0, "3")) == [NO_END]
    add_run(h, 10, end=True)
    assert of_run(h, away + told(11.0, "3")) == [NO_END]


def test_204_of_a_run_whose_newest_rows_were_taken_away():
    """Its older end is the newest row again."""
    h = run_of([2, 3])
    add_run(h, 6)
    assert of_run(h, told(9.0)) == [NO_END]
    h.lives[0].holes[6] = 0
    assert of_run(h, told(9.0)) == []
    add_run(h, 7)
    assert of_run(h, told(9.0)) == [NO_END]


def test_204_of_a_prefix_or_of_one_of_two():
    h = run_of([2, 3])
    assert of_run(h, told(5.0), ("run/*",)) == [NO_END]
    add_run(h, 4, topic="run/2")
    assert of_run(h, told(5.0), ("run/1", "run/2")) == [NO_END]
    add_run(h, 5, topic="run/2", end=True)
    assert of_run(h, told(6.0), ("run/1", "run/2")) == []
    assert of_run(h, told(6.0), ("run/1", "run/none")) == [NO_END]


def test_204_of_a_run_that_was_removed():
    h = run_of([2, 3])
    h.removals.append(remove(h, 5.0, [2, 3]))
    assert of_run(h, told(5.1)) == []
    assert of_run(h, told(20.0)) == [NO_END]


def test_a_bare_stream_that_only_looks_finished():
    h = run_of([2, 3, 4])
    early = bare() + got(2) + [["end", 2.1, "end"]]
    assert of_run(h, early) == [NO_END]
    assert of_run(h, bare() + got(2) + [["end", 2.1, "cut"]]) == []
    assert of_run(h, bare() + [["end", 1.1, "end"]]) == [NO_END]
    add_run(h, 5)
    late = bare(10.0) + got(2, 3, at=10.1) + [["id", 10.2, "4"]]
    assert of_run(h, late + [["end", 10.3, "end"]]) == [NO_END]
    assert of_run(h, late + got(5, at=10.3) +
                  [["end", 10.4, "cut"]]) == []


def test_a_bare_stream_whose_responder_is_killed_at_once():
    h = run_of([2, 3, 4])
    h.web = "lighttpd"
    killed = bare() + [["end", 1.001, "end"]]
    assert of_run(h, killed) == [NO_END]
    h.faults.append((0.9, 1.1, "many_restarts", None))
    assert of_run(h, killed) == []
    assert of_run(h, bare() + [["end", 1.1, "end"]]) == [NO_END]
    # a web server that stood still passes on events, too
    late = [["open", 0.5, None, "lastEventId=earliest", True],
            ["status", 3.0, 200], ["start", 3.0, "1"], *got(2, at=3.0)]
    assert of_run(h, late + [["end", 3.001, "end"]]) == []
    assert of_run(h, late + [["end", 3.1, "end"]]) == [NO_END]
    h.faults.clear()
    assert of_run(h, late + [["end", 3.001, "end"]]) == [NO_END]
    h.touched.append((0.2, 0.3))    # a gap is told by a cut
    assert of_run(h, late + [["end", 3.001, "end"]]) == []
    h.web = "nginx"
    assert of_run(h, late + [["end", 3.001, "end"]]) == [NO_END]


def test_a_bare_stream_has_no_hole():
    assert of_run(run_of([2, 3, 4]), bare() + got(2) + ended(4)) == [
        "lost untold"]
    assert "foreign" in of_run(run_of([2, 3, 4]), bare() + got(2) + ended(3))


def test_410_has_a_cause():
    h = run_of([2, 3, 4])
    away = bare() + got(2) + [["end", 2.1, "cut"]]
    gone = [["open", 6.0, "2", None, True], ["status", 6.0, 410]]
    assert of_run(h, away + gone) == ["false gap"]
    h.removals.append(remove(h, 5.0, [2, 3, 4]))
    assert of_run(h, away + gone) == []


def test_an_end_that_is_not_told():
    h = run_of([2, 3])
    had = start(1, 1.0) + got(2, 3)
    assert of_run(h, had + [["end", 30.0, "left"]]) == [NOT_TOLD]
    assert of_run(h, had + [["end", 5.0, "left"]]) == []
    assert of_run(h, had + [["end", 30.0, "left"]], ("run/*",)) == []
    assert of_run(h, had + [["end", 30.0, "left"]], fast=False) == []
    h.health.append((29.0, False))
    assert of_run(h, had + [["end", 30.0, "left"]]) == []
    # whoever has not got all is told of no end, but misses events
    assert of_run(run_of([2, 3]), start(1, 1.0) + got(2) +
                  [["end", 30.0, "left"]]) == ["mute"]
    # opened again, or gone, or one of two goes on
    h = run_of([2, 3])
    add_run(h, 40)
    assert of_run(h, had + [["end", 30.0, "left"]]) == [NOT_TOLD]
    h = run_of([2, 3])
    add_run(h, 4)
    assert of_run(h, had + got(4) + [["end", 30.0, "left"]]) == []
    h = run_of([2, 3])
    h.removals.append(remove(h, 5.0, [2, 3]))
    assert of_run(h, had + [["end", 30.0, "left"]]) == []
    h = run_of([2, 3])
    add_run(h, 4, topic="run/2")
    assert of_run(h, had + got(4) + [["end", 30.0, "left"]],
                  ("run/1", "run/2")) == []


def test_a_bare_stream_that_is_not_ended():
    assert of_run(run_of([2, 3]), bare() + got(2) + [
        ["id", 3.0, "3"], ["end", 30.0, "left"]]) == [NOT_TOLD]


def test_who_comes_back_to_a_finished_run_again_and_again():
    h = run_of([2, 3])
    had = start(1, 1.0) + got(2, 3) + [["end", 3.1, "end"]]
    once = [["open", 20.0, "3"], *start(3, 20.0)[1:], ["end", 20.1, "end"]]
    assert of_run(h, had + once) == []
    assert of_run(h, had + once * 3) == [NOT_TOLD]


def remove(h, at, ids, how="pruned", kept=()):
    return Removal(at, at + 0.1, h.lives[0], how, {"run/1": ids}, dict(kept))


def test_a_run_that_was_removed_is_told_by_a_gap():
    h = run_of([2, 3, 4])
    add_run(h, 8)
    h.removals.append(remove(h, 6.0, [3, 4]))
    away = start(1, 1.0) + got(2) + [["end", 2.1, "cut"]]
    back = start(2, 7.0, "2")
    assert of_run(h, away + back + gap(7.0, 2, "pruned") + got(8)) == []
    assert of_run(h, away + back + got(8)) == ["lost untold"]
    assert of_run(h, away + back + gap(7.0, 2, "folded") + got(8)) == [
        "false gap"]
    # nobody is told of what it has
    add_run(h, 9)
    all_but = start(1, 1.0) + got(2, 3, 4) + got(8)
    assert of_run(h, all_but + gap(8.5, 8, "pruned") + got(9)) == [
        "false gap"]
    # who comes later misses nothing, nor do other topics
    assert of_run(h, start(1, 7.0) + got(2, at=7.1) + got(8)) == []
    assert kinds(h, start(0, 0.5) + got(1) + gap(7.0, 1, "pruned")) == [
        "false gap"]


def folded():
    """2, 3 and 4 are one event now, and 5 is the end."""
    h = run_of([2, 3, 4, 5])
    h.removals.append(remove(h, 6.0, [2, 3], "folded", [(4, [2, 3])]))
    return h


def text(*ids, at=7.1):
    return [["event", at, str(ids[-1]), "e0.%d" % ids[-1], True,
             ["e0.%d" % i for i in ids[:-1]]]]


def test_a_run_that_was_folded():
    h, rest = folded(), got(5, at=7.2)
    assert of_run(h, start(1, 7.0) + text(2, 3, 4) + rest) == []
    away = start(1, 1.0) + got(2) + [["end", 2.1, "cut"]]
    back = away + start(2, 7.0, "2")
    gone = gap(7.0, 2, "folded")
    assert of_run(h, back + gone + text(2, 3, 4) + rest) == []
    assert of_run(h, back + text(2, 3, 4) + rest) == ["repeated"]
    assert of_run(h, back + gone + text(2, 3, 4) * 2) == ["repeated"]
    assert of_run(h, back + gone + rest) == ["lost untold"]
    assert of_run(h, back + gone + got(3, at=7.1) + text(2, 3, 4)) != []


def test_the_text_of_a_folded_run_is_whole():
    h = folded()
    for wrong in (2, 4), (3, 4), (3, 2, 4), (2, 2, 3, 4):
        assert "damaged" in of_run(h, start(1, 7.0) + text(*wrong)), wrong
    assert "lost untold" in of_run(h, start(1, 7.0) + got(4, at=7.1))
    # from a page that was read before; but not after it was told
    assert of_run(h, start(1, 7.0) + got(2, 3, 4, at=7.1)) == []
    assert "lost untold" in of_run(
        h, start(1, 1.0) + got(2, 3) + gap(7.0, 3, "folded") +
        [["end", 7.0, "cut"]] + start(3, 7.1, "3") + got(4, at=7.2))
    assert "damaged" in of_run(run_of([2, 3, 4, 5]),
                               start(1, 7.0) + text(2, 3, 4))


def test_data_of_several_events():
    data = [make_data("run-1.%d" % i, 50 + i) for i in range(3)]
    tags, last = parts_of("".join(data))
    assert tags == ["run-1.0", "run-1.1"] and last == data[2]
    assert parts_of(data[0]) == ([], data[0])
    assert not tag_of(parts_of("".join(data)[:-1])[1])[1]
    assert parts_of("done #run-1.7#") == ([], "done #run-1.7#")

"""short.py - for each fault the test of `make check' that holds it alone.

A fault of an hour is found in minutes by its short form, or not at all.  So
none may be without one: test_torture.py looks.
"""

KILLS = "tests/fault/test_kills.py"
FULL = "tests/fault/test_full.py"
LIFE = "tests/fault/test_life.py"
LOG = "tests/fault/test_log.py"
NAMES = "tests/fault/test_names.py"
READS = "tests/fault/test_reads.py"
FILES = "tests/talk/store/test_sqlite_files.c"
PAGE = "tests/talk/store/test_sqlite_page.c"
NEWS = "tests/talk/store/test_sqlite_news.c"
REDIS = "tests/talk/store/test_redis.c"
RIGHTS = "tests/talk/store/test_redis_rights.c"
HOSTS = "tests/hosts/test_hosts.py"

SHORT = {
    # processes
    "kill_responder": (KILLS, "test_a_hundred_random_kills_of_the_responder"),
    "term_responder": ("tests/talk/serve/test_signals.c",
                       "test_sigterm_tells_each_stream_to_come_back"),
    "freeze_responder": (KILLS, "test_the_responder_stands_still"),
    "freeze_responder_often": (KILLS, "test_random_stops_of_the_responder"),
    "kill_worker": ("tests/talk/serve/test_workers.c",
                    "test_one_that_is_killed_is_replaced"),
    "kill_writer": (KILLS, "test_the_writer_is_killed"),
    "freeze_writer": ("tests/talk/publish/test_publish.c",
                      "test_a_writer_that_stands_still_delays_no_stream"),
    "kill_publishers": (KILLS, "test_a_publisher_killed_inside_its_transaction"),
    "freeze_publisher": (LOG, "test_another_program_keeps_the_log_to_itself"),
    "upgrade": ("tests/web/test_upgrade.py",
                "test_upgrade_refuses_nobody_and_loses_nothing"),
    "many_restarts": (KILLS, "test_random_kills_under_the_sanitizers_and_"
                      "spawn_fcgi"),
    "kill_web": (KILLS, "test_random_kills_of_the_web_server_and_its_workers"),
    "term_web": (KILLS, "test_random_kills_of_the_web_server_and_its_workers"),
    "kill_web_worker": (
        KILLS, "test_random_kills_of_the_web_server_and_its_workers"),
    "freeze_web_worker": (KILLS, "test_the_web_server_stands_still"),
    "reload_web": ("tests/web/test_reload.py",
                   "test_reloads_leave_no_workers_behind"),
    # what runs out
    "disk_full": (FULL, "test_the_disk_is_full_for_the_responder"),
    "no_descriptors": (FULL, "test_the_responder_has_no_descriptor_left"),
    "no_inotify": (FULL, "test_no_inotify"),
    # files
    "take_copy": (FILES, "test_a_copy_that_grew_elsewhere_goes_on_where_the_"
                  "two_part"),
    "replace_by_older": (LIFE, "test_away_while_the_log_became_another"),
    "replace_by_other": (LIFE, "test_away_while_the_log_became_another"),
    "remove_and_make_anew": (LOG, "test_the_log_replaced_while_streams_run"),
    "restore_in_place": (FILES, "test_cp_over_a_running_log"),
    "vacuum_into_and_back": (
        FILES, "test_a_copy_without_wal_over_the_log_of_a_writer"),
    "rename_and_back": (FILES, "test_a_log_that_is_removed_and_comes_back"),
    "remove_shm": (FILES, "test_a_shm_that_is_removed_under_a_publisher"),
    "harm_and_mend": (FILES, "test_a_log_that_is_replaced_by_rubbish"),
    "corrupt_log_in_place": (READS, "test_a_bad_page_that_is_mended"),
    "many_exchanges": (NAMES,
                       "test_names_moved_removed_and_copied_in_every_order"),
    "no_rights": (LOG, "test_a_log_out_of_reach_comes_back"),
    # locks and upkeep
    "lock_writers": (NEWS, "test_an_exclusive_transaction_blocks_nobody"),
    "lock_wal_index": (READS, "test_the_wal_index_locked_for_seconds"),
    "lock_for_one": (LOG, "test_another_program_keeps_the_log_to_itself"),
    "checkpoint": (NEWS, "test_a_checkpoint_in_between"),
    "vacuum": (NEWS, "test_vacuum_is_no_gap"),
    "flip_journal": (FILES, "test_a_log_that_is_not_in_wal_mode_is_told"),
    "prune": (LOG, "test_the_log_packed_and_cleaned_under_readers"),
    "retention": (LOG, "test_the_log_packed_and_cleaned_under_readers"),
    "delete_from_the_middle": (
        LOG, "test_the_log_packed_and_cleaned_under_readers"),
    "wrong_clock": (LOG, "test_the_clock_goes_back_and_forth"),
    # topics that have ended
    "fold_runs": ("tests/talk/command/test_fold.c",
                  "test_a_page_in_the_middle_is_told"),
    "prune_runs": ("tests/talk/command/test_prune_topic.c",
                   "test_prune_ended_removes_whole_runs"),
    "delete_runs": ("tests/talk/window/test_cut.c", "test_a_run_that_was_deleted"),
    # Redis
    "kill_redis": (REDIS, "test_redis_is_killed_and_comes_back"),
    "kill_redis_without_aof": (REDIS, "test_the_newest_entries_are_lost"),
    "flush_and_init": (LIFE, "test_away_during_flushall_of_redis"),
    "evict": (REDIS, "test_a_deleted_stream_is_told"),
    "xtrim": (REDIS, "test_trimmed_by_hand_behind_the_streams"),
    "prune_redis": (REDIS, "test_a_short_stream_loses_nothing_live"),
    "lagging_replica": (HOSTS, "test_the_replica_takes_over"),
    "slow_redis": (REDIS, "test_no_answer_is_not_a_no"),
    "freeze_redis": (REDIS, "test_redis_stands_still_for_a_while"),
    "stalled_link": (
        HOSTS, "test_random_kills_of_redis_of_links_and_of_responders"),
    "cut_link": (
        HOSTS, "test_random_kills_of_redis_of_links_and_of_responders"),
    "wrong_password": (RIGHTS, "test_a_password_is_set_later"),
    "no_memory": (RIGHTS, "test_its_memory_is_full"),
}

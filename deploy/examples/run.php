<?php
/*
 * run.php - a run: what a producer writes to a topic, from its first row to its
 * end, whoever reads it and whoever dies.  The examples chat and import use it.
 */
require __DIR__ . '/site.php';

// The newest row of a topic that has begun and has not ended.
const NOT_ENDED = "FROM (SELECT * FROM events WHERE topic = ? ORDER BY id DESC LIMIT 1)
    WHERE event IS NOT 'stream-end'";

// Ends a run.  It is one statement, so a run is ended once, even if two try.
function finish(string $topic, string $data): void {
	ask("INSERT INTO events(data, topic, event) SELECT ?, topic, 'stream-end' " . NOT_ENDED,
	    $data, $topic);
}

// A producer has the lock of its topic for as long as it lives.  The kernel
// takes it back, whatever ends the producer.  null: somebody else has it.
function lock(string $topic) {
	$file = fopen(dirname(getenv('LARGESSE_DB')) . '/' . rawurlencode($topic) . '.lock', 'ce');
	return flock($file, LOCK_EX | LOCK_NB) ? $file : null;
}

// Starts a producer: PHP runs the program, with the topic and with the id of
// the run's first row, which is added here.  It outlives this request, and
// inherits the lock on descriptor 3.  false: the topic has a producer already.
function start(string $program, string $topic, ?string $event, string $data): bool {
	if (!($lock = lock($topic)))
		return false;
	finish($topic, 'failed');	// if the last producer has died
	$words = array_map('escapeshellarg', [PHP_BINDIR . '/php', $program, $topic,
	    (string)add($topic, $event, $data)]);
	// Its pid goes into the file of the lock, for people.
	proc_close(proc_open('setsid ' . implode(' ', $words) . ' >&2 & echo $! >&3',
	    [['file', '/dev/null', 'r'], ['file', '/dev/null', 'w'], 3 => $lock], $pipes));
	return true;
}

// Sends a reader on to the stream of a topic.  If the producer has died, the run
// is ended here: whoever waits is told.
function show(string $topic, array $from): void {
	if (ask('SELECT 1 ' . NOT_ENDED, $topic) && lock($topic))
		finish($topic, 'failed');
	send_on(['topic' => $topic] + $from);
}

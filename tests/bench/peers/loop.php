<?php
// The loop that PHP sites stream with: look into the table, sleep, again.
set_time_limit(0);
ignore_user_abort(false);
header('Content-Type: text/event-stream');
header('Cache-Control: no-store');
header('X-Accel-Buffering: no');
while (ob_get_level() > 0) {
	ob_end_flush();
}

$db = new SQLite3($_SERVER['EVENTS_DB'], SQLITE3_OPEN_READONLY);
$db->busyTimeout(5000);
$find = $db->prepare(
	'SELECT id, data FROM events WHERE id > ? ORDER BY id LIMIT 1000');
$last = $_SERVER['HTTP_LAST_EVENT_ID'] ??
	$db->querySingle('SELECT coalesce(max(id), 0) FROM events');

echo ": hi\n\n";
flush();
while (!connection_aborted()) {
	$find->bindValue(1, (int)$last, SQLITE3_INTEGER);
	$rows = $find->execute();
	$out = '';
	while ($row = $rows->fetchArray(SQLITE3_NUM)) {
		$out .= "id: {$row[0]}\ndata: {$row[1]}\n\n";
		$last = $row[0];
	}
	$rows->finalize();
	if ($out === '') {
		usleep(100000);
		continue;
	}
	echo $out;
	flush();
}

<?php
// outbox-mariadb.php DSN USER LOG - a relay: rows of outbox become events.
//
// MariaDB and MySQL wake nobody, so it looks five times a second.  A row is deleted
// when it is in the log, and a uid is in the log once, so a relay that dies at any
// place loses and repeats nothing.  A row that the log refuses (by a constraint or a
// trigger of its table) stays in outbox, with the reason in its column refused, and
// the others go on.  It ends when the connection is lost, or the log is away: systemd
// starts it again.
[, $dsn, $user, $path] = $argv;	// mysql:dbname=shop;charset=utf8mb4
$throw = [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION];
$shop = new PDO($dsn, $user, getenv('OUTBOX_PASSWORD') ?: null, $throw);
$log = new PDO("sqlite:$path", null, null, $throw + [PDO::ATTR_TIMEOUT => 20]);
$add = $log->prepare('INSERT INTO events(uid, topic, event, data)
	VALUES(?, ?, ?, ?) ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING');
$remove = $shop->prepare('DELETE FROM outbox WHERE id = ?');
$refuse = $shop->prepare('UPDATE outbox SET refused = ? WHERE id = ?');

// Those of the rows that are in the log then.
function carry(array $rows): array
{
	global $log, $add, $refuse;
	try {
		$log->exec('BEGIN IMMEDIATE');
		foreach ($rows as $row)
			$add->execute(array_slice($row, 0, 4));
		$log->exec('COMMIT');
		return $rows;
	} catch (PDOException $error) {
		$add->closeCursor();
		try {
			$log->exec('ROLLBACK');
		} catch (PDOException) {	// it is over already
		}
		// SQLITE_TOOBIG, SQLITE_CONSTRAINT; all else ends the relay.
		if (!in_array($error->errorInfo[1] ?? 0, [18, 19]))
			throw $error;
	}
	$half = intdiv(count($rows), 2);
	if ($half > 0)	// which one is it?
		return array_merge(carry(array_slice($rows, 0, $half)),
		    carry(array_slice($rows, $half)));
	[[, , , , $id]] = $rows;
	$why = preg_replace('/\s+/', ' ', $error->errorInfo[2]);
	$refuse->execute([$why, $id]);
	fwrite(STDERR, "outbox: row $id stays, the log refuses it: $why\n");
	return [];
}

while (true) {
	$rows = $shop->query('SELECT uid, topic, event, data, id FROM outbox
		WHERE refused IS NULL
		ORDER BY id LIMIT 1000')->fetchAll(PDO::FETCH_NUM);
	if (!$rows) {
		usleep(200000);
		continue;
	}
	$rows = carry($rows);
	$shop->beginTransaction();
	foreach ($rows as $row)
		$remove->execute([$row[4]]);
	$shop->commit();
}

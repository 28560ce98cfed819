<?php
// outbox-postgres.php DSN LOG - a relay: rows of outbox become events.
//
// Nothing polls: it waits for NOTIFY.  A row is deleted when it is in the log, and a
// uid is in the log once, so a relay that dies at any place loses and repeats nothing.
// It ends when the connection is lost: systemd starts it again.
[, $dsn, $path] = $argv;	// pgsql:dbname=shop
$throw = [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION];
$shop = new PDO($dsn, null, null, $throw);
$shop->exec('LISTEN outbox');	// before the first look
$log = new PDO("sqlite:$path", null, null, $throw + [PDO::ATTR_TIMEOUT => 20]);
$add = $log->prepare('INSERT INTO events(uid, topic, event, data)
	VALUES(?, ?, ?, ?) ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING');
$remove = $shop->prepare('DELETE FROM outbox WHERE id = ?');
while (true) {
	$rows = $shop->query('SELECT uid, topic, event, data, id FROM outbox
		ORDER BY id LIMIT 1000')->fetchAll(PDO::FETCH_NUM);
	if (!$rows) {
		// A minute at most: then the connection is tried.
		$shop->pgsqlGetNotify(PDO::FETCH_NUM, 60000);
		continue;
	}
	$log->exec('BEGIN IMMEDIATE');
	foreach ($rows as $row)
		$add->execute(array_slice($row, 0, 4));
	$log->exec('COMMIT');
	$shop->beginTransaction();
	foreach ($rows as $row)
		$remove->execute([$row[4]]);
	$shop->commit();
}

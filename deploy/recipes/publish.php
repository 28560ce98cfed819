<?php
// publish.php FILE TOPIC DATA - an order and its event, in one transaction.
[, $path, $topic, $data] = $argv;
$db = new PDO("sqlite:$path", null, null, [
	PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
	PDO::ATTR_TIMEOUT => 5,	// seconds to wait for another writer
]);
$db->exec('BEGIN IMMEDIATE');	// beginTransaction() may fail half way, busy
try {
	$db->prepare('INSERT INTO orders(item) VALUES(?)')->execute([$data]);
	$db->prepare('INSERT INTO events(topic, data) VALUES(?, ?)')
	    ->execute([$topic, $data]);
	$db->exec('COMMIT');
} catch (Throwable $e) {
	$db->exec('ROLLBACK');	// and no event either
	throw $e;
}

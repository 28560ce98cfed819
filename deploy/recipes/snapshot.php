<?php
// snapshot.php - a page's state, and the place in the log that belongs to it.
//
// Both are read in one transaction.  So the stream that starts at this place has
// every change that is not yet in the state, and no change that is in it:
//
//	const page = await (await fetch("snapshot.php")).json();
//	show(page.orders);
//	new EventSource("/events?topic=orders&lastEventId=" + page.id)
//		.onmessage = (e) => add(e.data);
$path = $argv[1] ?? getenv('LARGESSE_DB');
$db = new PDO("sqlite:$path", null, null, [
	PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
	PDO::ATTR_TIMEOUT => 5,
]);
$db->exec('BEGIN');
$orders = $db->query('SELECT item FROM orders ORDER BY id')
    ->fetchAll(PDO::FETCH_COLUMN);
$id = $db->query("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
    ->fetchColumn();
$db->exec('COMMIT');
if (PHP_SAPI != 'cli')
	header('Content-Type: application/json');
echo json_encode(['orders' => $orders, 'id' => (string)($id ?: 0)]), "\n";

<?php
// stop.php FILE RUN - a run that a page can stop: one SELECT before each piece.
[, $path, $run] = $argv;
$db = new PDO("sqlite:$path", null, null, [
	PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
	PDO::ATTR_TIMEOUT => 5,	// seconds to wait for another writer
]);
$say = $db->prepare('INSERT INTO events(topic, event, data) VALUES(?, ?, ?)');
$stop = $db->prepare('SELECT 1 FROM events WHERE topic = ? LIMIT 1');
$why = 'done';
for ($n = 1; $n <= 3000; $n++) {
	$stop->execute(["stop/$run"]);
	$stopped = $stop->fetchColumn() !== false;
	$stop->closeCursor();	// a SELECT that is left open holds up the log
	if ($stopped) {
		$why = 'stopped';
		break;
	}
	$say->execute(["run/$run", null, "piece $n"]);
	usleep(20000);		// here the next piece is made
}
$say->execute(["run/$run", 'stream-end', $why]);

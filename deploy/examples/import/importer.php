<?php
/*
 * importer.php TOPIC ID - imports a file, and says how far it is.
 *
 * Rows and progress are written in the same transaction: the percentage that a
 * page shows is what is in the table, to the row.  So an import that was killed
 * goes on at the right byte.  ID is the event that has the place to begin at.
 */
require __DIR__ . '/run.php';
[, $topic, $row] = $argv;
$how = 'failed';
register_shutdown_function(function () { finish($GLOBALS['topic'], $GLOBALS['how']); });

ask('CREATE TABLE IF NOT EXISTS prices(item TEXT PRIMARY KEY, price REAL)');
$place = json_decode(ask('SELECT data FROM events WHERE id = ?', $row)[0][0], true);
unset($place['why']);
$file = fopen(dirname(getenv('LARGESSE_DB')) . '/' . rawurlencode($topic) . '.csv', 'r');
$size = max(1, fstat($file)['size']);
fseek($file, $place['byte']);

while ($place['byte'] < $size) {
	$lines = [];
	while (count($lines) < 200 && ($line = fgetcsv($file)) !== false)
		$lines[] = $line;
	ask('BEGIN IMMEDIATE');
	foreach ($lines as $i => $line) {
		if (!is_numeric($line[1] ?? '')) {
			ask('ROLLBACK');
			$why = 'row ' . ($place['rows'] + $i + 1) . ' has no price';
			exit(add($topic, null, json_encode($place + ['why' => $why])));
		}
		ask('INSERT OR REPLACE INTO prices VALUES(?, ?)', $line[0], $line[1]);
	}
	$place = ['percent' => intdiv(100 * ftell($file), $size),
	    'rows' => $place['rows'] + count($lines), 'byte' => ftell($file)];
	add($topic, null, json_encode($place));
	ask('COMMIT');
	usleep((int)getenv('IMPORT_PAUSE_US'));	// in the demo, to have something to see
}
$how = 'done';

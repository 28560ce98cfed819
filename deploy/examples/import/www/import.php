<?php
/*
 * import.php - the application: it takes a file, starts its import, and decides
 * who may see how far it is.
 *
 *	GET ?import=N	sends the reader on to the stream of the import
 *	POST ?import=N	text/csv: the file; an empty one goes on with the last
 */
require __DIR__ . '/../run.php';

// Your site's own: who is logged in?  In the demo everybody is the same user.
$user = 'demo';

// The user is part of the topic, so nobody can name the import of another.
$topic = "import/$user/" . (int)($_GET['import'] ?? 0);
if ($_SERVER['REQUEST_METHOD'] === 'GET')
	exit(show($topic, ['last' => 2]));	// how far it is, and perhaps its end

// A page of another site cannot post this type.
if (($_SERVER['CONTENT_TYPE'] ?? '') !== 'text/csv')
	exit(http_response_code(415));
$file = dirname(getenv('LARGESSE_DB')) . '/' . rawurlencode($topic) . '.csv';
if (!file_exists($file))
	copy('php://input', $file);
// Where the last one stopped, which is where its last transaction ended.
$place = ask('SELECT data FROM events WHERE topic = ? AND event IS NULL ORDER BY id DESC LIMIT 1', $topic);
if (!start(__DIR__ . '/../importer.php', $topic, null, $place[0][0] ?? '{"percent":0,"rows":0,"byte":0}'))
	http_response_code(409);	// it is running

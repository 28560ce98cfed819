<?php
/*
 * here.php - who is here.
 *
 *	GET	JSON: the topic, and a token to read it
 *	POST	JSON: {"who": "...", "name": "...", "state": "here"}, or away, or gone
 *
 * A page says every 30 seconds that it is open: a row.  Who has said nothing for
 * 90 seconds is gone, and so are the rows: the log keeps those of two minutes.
 */
require __DIR__ . '/../site.php';

$topic = 'here/' . (int)($_GET['page'] ?? 1);
if ($_SERVER['REQUEST_METHOD'] === 'GET')
	reply(['topic' => $topic, 'token' => token($topic, 'guest')]);

// Your site's own: the name of who is logged in.  In the demo the page says it.
$told = told();
foreach (['who', 'name', 'state'] as $key)
	$row[$key] = is_string($told[$key] ?? null) ? substr($told[$key], 0, 40) : exit(http_response_code(400));
add($topic, null, json_encode(['time' => time()] + $row, JSON_INVALID_UTF8_SUBSTITUTE));

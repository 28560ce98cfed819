<?php
/*
 * bell.php - whose bell it is, and what that user has seen.
 *
 *	GET	JSON: the topic, the last notification that was seen, and a token
 *	POST	JSON: {"seen": ID}
 *
 * A user has a topic.  Notifications are rows without a type.  A row of the type
 * `seen` says how far the user has read, to all tabs and devices of that user.
 */
require __DIR__ . '/../site.php';

// Your site's own: who is logged in?  In the demo everybody is the same user.
$user = 'demo';

$topic = "bell/$user";
if ($_SERVER['REQUEST_METHOD'] === 'POST')
	exit(isset(($told = told())['seen']) ? add($topic, 'seen', (string)(int)$told['seen']) :
	    http_response_code(415));
$seen = ask("SELECT data FROM events WHERE topic = ? AND event = 'seen' ORDER BY id DESC LIMIT 1", $topic);
reply(['topic' => $topic, 'seen' => $seen[0][0] ?? 'earliest', 'token' => token($topic, $user)]);

<?php
/*
 * feed.php - the feed of who is logged in.
 *
 *	GET	JSON: who that is (null: nobody), the others and whether they are followed, and a token
 *	POST	JSON: {"post": TEXT}, {"follow": NAME}, or no more, {"logout": true}
 *
 * A user has a topic.  A post is put into the topics of all who follow its author,
 * by one statement, so a stream has one topic however many people are followed.
 */
require __DIR__ . '/../site.php';
session_start(['read_and_close' => true]);
$me = $_SESSION['user'] ?? (told() ? exit(http_response_code(401)) : reply(['me' => null]));

$session = hash('sha256', session_id());	// whose tokens a logout takes back
if ($_SERVER['REQUEST_METHOD'] === 'GET')
	reply(['me' => $me, 'token' => token("user/$me", $session), 'people' => ask(
	    'SELECT name, EXISTS(SELECT 1 FROM follows WHERE followed = name AND follower = ?)
	    FROM users WHERE name <> ? ORDER BY name', $me, $me)]);

$told = told() ?? exit(http_response_code(415));
if (isset($told['post']))
	ask("INSERT INTO events(topic, event, data) SELECT 'user/' || who, 'post', json_object('by', ?,
	    'text', substr(?, 1, 200), 'time', unixepoch()) FROM (SELECT follower AS who FROM follows
	    WHERE followed = ? UNION SELECT ?)", $me, (string)$told['post'], $me, $me);
elseif (isset($told['follow']))
	ask('DELETE FROM follows WHERE follower = ? AND followed = ? RETURNING 1', $me, $told['follow']) ||
	    ask('INSERT INTO follows SELECT ?, name FROM users WHERE name = ?', $me, $told['follow']);
elseif (isset($told['logout'])) {
	session_start();
	session_destroy();
	ask('INSERT INTO largesse_revoke(subject) VALUES(?)', $session);	// its streams end
}

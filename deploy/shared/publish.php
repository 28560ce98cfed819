<?php
// publish.php - a page that publishes: one INSERT.
//
// Nobody can use it until there is a key of your own here.  Whoever knows the key gets a
// token as a cookie, too, with which listen.html listens for an hour.
const KEY = '';

function_exists('ini_set') && ini_set('display_errors', '0'); // or a stranger learns where this is
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
	header('Content-Type: text/plain; charset=utf-8');
	if (KEY === '' || !is_string($_POST['key'] ?? null) || !hash_equals(KEY, $_POST['key'])) {
		http_response_code(403);
		exit(KEY === '' ? "publish.php has no key yet\n" : "wrong key\n");
	}
	require __DIR__ . '/token.php';
	largesse_cookie(largesse_token(['*']));
	try {
		$log = new PDO('sqlite:' . __DIR__ . '/data/events.db', null, null, [
			PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
			PDO::ATTR_TIMEOUT => 5, // while another publishes
			PDO::SQLITE_ATTR_OPEN_FLAGS => PDO::SQLITE_OPEN_READWRITE,
		]);
		$log->prepare('INSERT INTO events(topic, data) VALUES (?, ?)')
			->execute([$_POST['topic'] ?? 'main', $_POST['data'] ?? '']);
		exit($log->lastInsertId() . "\n");
	} catch (PDOException $e) {
		http_response_code(503);
		exit($e->getMessage() . " (listen.html makes the log: open it, and come back)\n");
	}
}
?>
<!doctype html>
<meta charset="utf-8">
<title>Publish</title>
<form method="post">
	<p><label>Key <input name="key" type="password" required></label>
	<p><label>Topic <input name="topic" value="main"></label>
	<p><label>Text <textarea name="data" rows="4" cols="60"></textarea></label>
	<p><button>Publish</button>
</form>

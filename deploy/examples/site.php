<?php
/*
 * site.php - what the examples in PHP share: the database, which has the log, and
 * the addresses and tokens of readers.
 *
 * Environment: LARGESSE_DB is the log, LARGESSE_KEY_FILE the key of the responder.
 */

function ask(string $sql, ...$values): array {
	static $db = null;
	$db ??= new PDO('sqlite:' . getenv('LARGESSE_DB'), null, null, [PDO::ATTR_TIMEOUT => 10]);
	$statement = $db->prepare($sql);
	$statement->execute($values);
	return $statement->fetchAll(PDO::FETCH_NUM);
}

function add(string $topic, ?string $event, string $data): int {
	return ask('INSERT INTO events(topic, event, data) VALUES(?, ?, ?) RETURNING id',
	    $topic, $event, $data)[0][0];
}

// Sends a reader on to a stream, by an address that is good for an hour.  After a
// cut a browser may come back to that address and not to the application, so a
// page that was refused has to ask the application again.
function send_on(array $query): void {
	$query = http_build_query($query + ['expires' => time() + 3600]);
	header("Location: /events?$query&sign=" . hash_hmac('sha256', $query, key_of_responder()));
}

function key_of_responder(): string {
	return trim(file_get_contents(getenv('LARGESSE_KEY_FILE')));
}

// A token, by which its bearer may read this topic for an hour.  A row of
// largesse_revoke takes all tokens of a subject back.
function token(string $topic, string $subject): string {
	$part = fn(string $s): string => rtrim(strtr(base64_encode($s), '+/', '-_'), '=');
	$text = $part('{"alg":"HS256","typ":"JWT"}') . '.' . $part(json_encode([
	    'sub' => $subject, 'iat' => time(), 'exp' => time() + 3600,
	    'largesse' => ['subscribe' => [$topic]]]));
	return "$text." . $part(hash_hmac('sha256', $text, key_of_responder(), true));
}

function reply(array $what): never {
	header('Content-Type: application/json');
	exit(json_encode($what));
}

// What the page has posted.  A page of another site cannot post this type.
function told(): ?array {
	return ($_SERVER['CONTENT_TYPE'] ?? '') === 'application/json' ?
	    json_decode(file_get_contents('php://input'), true) : null;
}

<?php
// join.php FILE TOPIC PROMPT - a model's answer: what comes within 50 ms is a row.
//
// The last row ends the topic; its data is `done', `failed' or `stopped' (SIGTERM).
// The environment has OPENAI_BASE_URL, OPENAI_API_KEY and MODEL.
[, $path, $topic, $prompt] = $argv;
$db = new PDO("sqlite:$path", null, null, [
	PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_TIMEOUT => 5]);
$add = $db->prepare('INSERT INTO events(topic, event, data) VALUES(?, ?, ?)');
pcntl_async_signals(true);
foreach ([SIGINT, SIGTERM] as $n)
	pcntl_signal($n, function () use (&$why) { $why ??= 'stopped'; });
$post = ['method' => 'POST', 'protocol_version' => 1.0,	// PHP cannot wait for the chunks of 1.1
	'header' => "Content-Type: application/json\r\nAuthorization: Bearer " . getenv('OPENAI_API_KEY'),
	'content' => json_encode(['model' => getenv('MODEL'), 'stream' => true,
		'messages' => [['role' => 'user', 'content' => $prompt]]])];
$text = $line = '';
try {
	$in = fopen(getenv('OPENAI_BASE_URL') . '/chat/completions', 'r', false,
		stream_context_create(['http' => $post]));
	for (stream_set_blocking($in, false); !isset($why) && !feof($in); ) {
		$left = $text === '' ? 1 : max(0, $due - microtime(true));	// 1: a signal may have come
		$read = [$in];
		if (@stream_select($read, $none, $none, 0, (int)($left * 1e6)))
			$line .= fread($in, 65536);
		for (; ($end = strpos($line, "\n")) !== false; $line = substr($line, $end + 1)) {
			$due = $text === '' ? microtime(true) + 0.05 : $due;
			if (strncmp($line, 'data: {', 7) === 0)
				$text .= json_decode(substr($line, 6, $end - 6))->choices[0]->delta->content ?? '';
			$why = strncmp($line, 'data: [DONE]', 12) === 0 ? 'done' : $why;
		}
		if ($text !== '' && microtime(true) >= $due && $add->execute([$topic, null, $text]))
			$text = '';
	}
} finally {
	$text === '' || $add->execute([$topic, null, $text]);
	$add->execute([$topic, 'stream-end', $why ?? 'failed']);
}
exit($why === 'done' ? 0 : 1);

<?php
/*
 * producer.php TOPIC ID - puts the answer of a model into the log.
 *
 * It belongs to no connection: readers may come and go.  ID is the row that has
 * asked for this answer.  The answer is `done` when the model has said so,
 * `stopped` when a reader has, and `failed` in every other case.
 */
require __DIR__ . '/run.php';
require __DIR__ . '/openai.php';
[, $topic, $row] = $argv;
$how = 'failed';
register_shutdown_function(function () { finish($GLOBALS['topic'], $GLOBALS['how']); });

$messages = [];
foreach (ask('SELECT event, data FROM events WHERE topic = ? ORDER BY id', $topic) as [$event, $data])
	match ($event) {
		'prompt' => array_push($messages, ['role' => 'user', 'content' => $data],
		    ['role' => 'assistant', 'content' => '']),
		'again' => $messages[count($messages) - 1]['content'] = '',
		null => $messages[count($messages) - 1]['content'] .= $data,
		default => null,
	};
array_pop($messages);			// the answer that is to come

foreach ($pieces = answer($messages) as $text) {
	if (ask('SELECT 1 FROM events WHERE topic = ? AND id > ?', "stop/$topic", $row))
		exit($how = 'stopped');
	if ($text !== '')
		add($topic, null, $text);
}
$how = $pieces->getReturn() ? 'done' : 'failed';

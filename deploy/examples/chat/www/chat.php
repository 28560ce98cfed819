<?php
/*
 * chat.php - the application: it decides who may read and write a chat, and
 * starts producers.
 *
 *	GET ?chat=N	sends the reader on to the stream of the chat
 *	POST ?chat=N	JSON: {"prompt": "..."}, {"again": true} or {"stop": true}
 *
 * A chat is a topic, and the log is its memory.  Its rows are the prompts
 * (event `prompt`), the pieces of each answer (no event type), the end of each
 * answer (`stream-end`), and `again`, which takes the last answer back.
 */
require __DIR__ . '/../run.php';

// Your site's own: who is logged in?  In the demo everybody is the same user.
$user = 'demo';

// The user is part of the topic, so nobody can name the chat of another.
$topic = "chat/$user/" . (int)($_GET['chat'] ?? 0);
if ($_SERVER['REQUEST_METHOD'] === 'GET')
	exit(show($topic, ['lastEventId' => $_GET['lastEventId'] ?? 'earliest']));

$told = told();
$begin = isset($told['again']) ? ['again', ''] : ['prompt', (string)($told['prompt'] ?? '')];
if ($told === null)
	http_response_code(415);
elseif (isset($told['stop']))
	add("stop/$topic", null, '');
elseif (!start(__DIR__ . '/../producer.php', $topic, ...$begin))
	http_response_code(409);	// an answer is on its way

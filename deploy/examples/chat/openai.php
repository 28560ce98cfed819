<?php
/*
 * openai.php - asks a model, and hands on what it says as it says it.  It speaks
 * the wire format of OpenAI, which most models are to be had by, and takes the
 * place of the library that your site has for that.
 *
 * Environment: OPENAI_BASE_URL, OPENAI_API_KEY and MODEL.
 */

// Yields the text that came within each 50 ms, mostly some words, maybe none.
// Returns whether the model has come to its end.
function answer(array $messages): Generator {
	// The key is in a pipe, for everybody can read the arguments of a command.
	// The pipe takes the place of the producer's lock, which is not for curl.
	$curl = proc_open(['curl', '-sSN', '--fail-with-body', '-H', '@/dev/fd/3', '--json', '@-',
	    getenv('OPENAI_BASE_URL') . '/chat/completions'],
	    [['pipe', 'r'], ['pipe', 'w'], 3 => ['pipe', 'r']], $pipe);
	fwrite($pipe[3], 'Authorization: Bearer ' . getenv('OPENAI_API_KEY'));
	fclose($pipe[3]);
	fwrite($pipe[0], json_encode(['model' => getenv('MODEL'), 'stream' => true,
	    'messages' => $messages]));
	fclose($pipe[0]);
	stream_set_blocking($pipe[1], false);
	try {
		for ($rest = '', $done = false; !$done && !feof($pipe[1]); yield $text) {
			usleep(50000);
			$lines = explode("\n", $rest . stream_get_contents($pipe[1]));
			$rest = array_pop($lines);
			$text = '';
			foreach ($lines as $line) {
				$done = $done || trim($line) === 'data: [DONE]';
				$text .= json_decode(substr($line, 5))->choices[0]->delta->content ?? '';
			}
		}
		return $done;
	} finally {
		proc_terminate($curl);		// it may be waiting for the model
	}
}

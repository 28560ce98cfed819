<?php
// client.php curl|fopen URL - a stream in PHP; each event is a line of JSON.
//
// fopen: without stream_set_chunk_size($f, 1) PHP holds back up to 8 KB.
[, $how, $url] = $argv;
$id = $last_id = null;
$retry_ms = 2000;
$event = 'message';
$data = [];
$rest = '';

function tell(...$what)
{
	echo json_encode($what, JSON_UNESCAPED_UNICODE), "\n";
}

function line(string $line): void
{
	global $id, $last_id, $retry_ms, $event, $data;
	[$name, $value] = explode(':', $line, 2) + [1 => ''];
	if (strncmp($value, ' ', 1) === 0)
		$value = substr($value, 1);
	if ($line === '') {
		$last_id = $id;
		if ($data)
			tell('event', $event, $id, implode("\n", $data));
		[$event, $data] = ['message', []];
	} elseif ($name === 'data')
		$data[] = $value;
	elseif ($name === 'event')
		$event = $value;
	elseif ($name === 'id')
		$id = $value;
	elseif ($name === 'retry')
		$retry_ms = (int)$value;
}

function take(string $piece): int
{
	global $rest;
	$lines = explode("\n", $rest . $piece);
	$rest = array_pop($lines);
	array_map('line', $lines);
	return strlen($piece);
}

function by_curl(string $url, array $headers): int
{
	$c = curl_init($url);
	curl_setopt_array($c, [CURLOPT_HTTPHEADER => $headers,
		CURLOPT_FAILONERROR => true,
		CURLOPT_WRITEFUNCTION => fn($c, $piece) => take($piece)]);
	curl_exec($c);
	return curl_getinfo($c, CURLINFO_RESPONSE_CODE);
}

function by_fopen(string $url, array $headers): int
{
	$f = @fopen($url, 'r', false, stream_context_create(['http' =>
		['header' => $headers, 'timeout' => 60, 'protocol_version' => 1.1]]));
	if ($f === false)
		return preg_match('/ (\d+)/', $http_response_header[0] ?? '', $m) ? (int)$m[1] : 0;
	stream_set_chunk_size($f, 1);
	while (($line = fgets($f)) !== false)
		take($line);
	return 200;
}

while (true) {
	[$event, $data, $rest, $id] = ['message', [], '', $last_id];
	$headers = $last_id === null ? [] : ["Last-Event-ID: $last_id"];
	$status = "by_$how"($url, $headers);
	if ($status !== 200 && $status !== 0)
		break;
	usleep($retry_ms * 1000);
}
tell('over', $status);

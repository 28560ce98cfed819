<?php
// check.php - what this host allows, which of the three ways to take, and which line to change.
//
// Open it in a browser after the upload.  It tells nothing to a stranger: who wants to see the
// report shows that the folder is his own by making an empty file in it, whose name the page
// says.  The name is another one for each browser, and counts for an hour.
//
// It looks by trying.  It asks for the addresses of this folder as a browser does, and reads the
// files only to say why an answer is wrong, or where PHP cannot open connections.  It changes
// nothing.  What it makes in order to try, it removes.
//
// It needs PHP 7.4 or later.  In this order: the owner, the report, the addresses, the ways,
// what .htaccess may say, the choice, PHP, the files, the log, the page.
const WAYS = ['largesse.fcgi' => 'FastCGI', 'largesse.cgi' => 'CGI', 'events.php' => 'PHP'];
const RULE = '/^\s*RewriteRule \^events\(\/\.\*\)\?\$ (\S+)\$1 \[L\]\s*$/m';
const SCHEMA = 1;           // of a log, the newest that this folder knows
const COOKIE = 'largesse_check';
const OWNER_S = 3600;       // the empty file counts for so long
const CONNECT_S = 4;
const ANSWER_S = 10;
const ANSWER_MAX = 65536;   // bytes of an answer that are read
const TICKS = 20;           // of PHP, 100 ms apart

function main(): void
{
	foreach (['display_errors' => '0', 'default_charset' => 'utf-8'] as $name => $value) {
		function_exists('ini_set') && ini_set($name, $value);
	}
	header_remove('X-Powered-By');
	header('Cache-Control: no-store');
	header('X-Content-Type-Options: nosniff');
	header('X-Robots-Tag: noindex');
	header('Referrer-Policy: no-referrer');
	header("Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; " .
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	function_exists('set_time_limit') && @set_time_limit(180);
	$secret = visitor();
	if (!is_owner($secret)) {
		http_response_code(403);
		show_stranger($secret);
	} elseif (($_GET['ticks'] ?? '') !== '') {
		tick();
	} else {
		try {
			$report = look($secret);
		} catch (Throwable $e) { // a function that this host has switched off
			http_response_code(500);
			exit('check.php cannot go on: ' . h($e->getMessage()));
		}
		show($report);
	}
}

// --- the owner -------------------------------------------------------------------

// A secret of this browser.  Only who can make files here can name one after it.
function visitor(): string
{
	$secret = $_COOKIE[COOKIE] ?? '';
	if (!is_string($secret) || !preg_match('/^[0-9a-f]{32}$/D', $secret)) {
		$secret = bin2hex(random_bytes(16));
		setcookie(COOKIE, $secret, ['httponly' => true, 'samesite' => 'Strict', 'secure' => is_https()]);
	}
	return $secret;
}

function owner_file(string $secret): string
{
	return 'owner-' . substr(hash('sha256', $secret), 0, 20) . '.txt';
}

// Only this page may say as what the browser sees it.  Otherwise a link could, and another site would be asked.
function base_mark(): string
{
	$secret = $_COOKIE[COOKIE] ?? '';
	return is_string($secret) ? substr(hash('sha256', 'base ' . $secret), 0, 20) : '-';
}

// The time is that of the host, also if an FTP program keeps the file's own.
function is_owner(string $secret): bool
{
	clearstatcache();
	$stat = @lstat(__DIR__ . '/' . owner_file($secret));
	return $stat !== false && ($stat['mode'] & 0170000) === 0100000 && $stat['ctime'] > time() - OWNER_S;
}

function is_https(): bool
{
	return strtolower($_SERVER['HTTPS'] ?? 'off') !== 'off' && ($_SERVER['HTTPS'] ?? '') !== '' ||
		strtolower($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https';
}

// --- the report --------------------------------------------------------------------

// What was found: ['level', 'code', 'seen', 'so', 'steps'].  A step is ['do' => words], or
// ['in' => file, 'from' => line or '', 'to' => line or ''].
class Report
{
	public $use = null;         // the file of the way
	public $address = '';       // what a page listens to
	public $why = '';
	public $steps = [];         // of the choice
	public $found = [];
	public $tried = [];         // what was asked, and what came

	public function add(string $level, string $code, string $seen, string $so, array $steps = []): void
	{
		$this->found[] = compact('level', 'code', 'seen', 'so', 'steps');
	}

	public function drop(string $code): void
	{
		$this->found = array_filter($this->found, function (array $f) use ($code): bool {
			return $f['code'] !== $code;
		});
	}
}

function has(Report $report, string $code): bool
{
	return in_array($code, array_column($report->found, 'code'), true);
}

function look(string $secret): Report
{
	$report = new Report();
	foreach (['events.php', 'publish.php'] as $file) { // or PHP would take what was there two seconds ago
		function_exists('opcache_invalidate') && @opcache_invalidate(__DIR__ . '/' . $file, true);
	}
	$files = look_at_files($report);
	$site = find_site($report);
	look_at_php($report);
	$data = look_at_log($report);
	if ($site === null) {
		choose_by_reading($report, $files);
		fear_for_data($report, $data);
		return $report;
	}
	$ways = [
		'largesse.fcgi' => try_program($report, $site, 'largesse.fcgi', $files),
		'largesse.cgi' => try_program($report, $site, 'largesse.cgi', $files),
		'events.php' => try_php($report, $site, $secret),
	];
	$rules = try_rules($report, $site, $ways['events.php']);
	choose($report, $ways, $rules, $files);
	try_data($report, $site, $data, $rules);
	return $report;
}

// --- the addresses -----------------------------------------------------------------

// How this folder is asked for: ['to' => socket address, 'host', 'path' with / at the end, 'tls'].
// The public address comes first: that way lead the proxies, too.
function find_site(Report $report): ?array
{
	$path = preg_replace('~[^/]*$~', '', $_SERVER['SCRIPT_NAME'] ?? '/');
	$path = implode('/', array_map('rawurlencode', explode('/', $path)));
	$host = $_SERVER['HTTP_HOST'] ?? $_SERVER['SERVER_NAME'] ?? 'localhost';
	$tls = is_https();
	if (is_string($_GET['base'] ?? null) && ($_GET['by'] ?? '') === base_mark() && preg_match('~^(https?)://([\w.:\[\]-]+)$~D', $_GET['base'], $m)) {
		[$tls, $host] = [$m[1] === 'https', $m[2]]; // as the browser sees it
	}
	$bare = preg_replace('/:\d+$/D', '', $host);
	$port = preg_match('/:(\d+)$/D', $host, $m) ? (int) $m[1] : ($tls ? 443 : 80);
	$own = $_SERVER['SERVER_PORT'] ?? $port;
	$sites = [['to' => "$bare:$port", 'host' => $host, 'tls' => $tls],
		['to' => "$bare:$own", 'host' => "$bare:$own", 'tls' => $tls]];
	$near = $_SERVER['SERVER_ADDR'] ?? '127.0.0.1';
	$near = strpos($near, ':') === false ? $near : "[$near]";
	foreach (array_unique([$near, '127.0.0.1']) as $address) {
		$sites[] = ['to' => "$address:$own", 'host' => $host, 'tls' => $tls];
	}
	$why = '';
	foreach ($sites as $i => $site) {
		$site += ['path' => $path];
		$said = ask($site, 'no-such-file-' . bin2hex(random_bytes(4)));
		if (preg_match('~^https://~i', $said['headers']['location'] ?? '') && !$site['tls']) {
			$site = ['tls' => true, 'to' => preg_replace('/:80$/D', ':443', $site['to'])] + $site;
			$said = ask($site, 'no-such-file-' . bin2hex(random_bytes(4)));
		}
		if ($said['status'] > 0) {
			if ($i > 1) {
				$report->add('note', 'address', "this site could be asked at {$site['to']}, not at {$sites[0]['to']}",
					'A proxy that stands in front of it was not looked at.');
			}
			return $site;
		}
		$why = $why ?: $said['trouble'];
	}
	$report->add('warning', 'not-tried', "PHP cannot ask this site for anything: $why",
		'What follows was read, not tried. Open the addresses below yourself.');
	return null;
}

// Asks for an address of the folder: ['status' (0: no answer), 'headers', 'body', 'trouble',
// 'times' => [[ms, bytes of the body so far]...]].  $enough ends it early.
function ask(array $site, string $name, array $headers = [], ?callable $enough = null, string $method = 'GET'): array
{
	$said = ['status' => 0, 'headers' => [], 'body' => '', 'trouble' => '', 'times' => []];
	if (!function_exists('stream_socket_client')) {
		return ['trouble' => 'stream_socket_client is switched off'] + $said;
	}
	$context = stream_context_create(['ssl' => ['verify_peer' => false, 'verify_peer_name' => false,
		'peer_name' => preg_replace('/:\d+$/D', '', $site['host'])]]);
	$socket = @stream_socket_client(($site['tls'] ? 'tls://' : 'tcp://') . $site['to'], $number, $words, CONNECT_S,
		STREAM_CLIENT_CONNECT, $context);
	if ($socket === false) {
		return ['trouble' => $words !== '' ? $words : 'no connection'] + $said;
	}
	$lines = array_merge(["$method {$site['path']}$name HTTP/1.1", "Host: {$site['host']}", 'Connection: close',
		'User-Agent: largesse-check', 'Accept: */*'], $headers);
	@fwrite($socket, implode("\r\n", $lines) . "\r\n\r\n");
	$said = read_answer($socket, $said, $enough);
	fclose($socket);
	return $said;
}

function read_answer($socket, array $said, ?callable $enough): array
{
	$began = microtime(true);
	$raw = '';
	$head = null;
	while (strlen($raw) < ANSWER_MAX && ($left = ANSWER_S - (microtime(true) - $began)) > 0) {
		stream_set_timeout($socket, (int) $left, (int) (fmod($left, 1) * 1000000));
		$more = @fread($socket, 8192);
		if ($more === false || $more === '') {
			break;
		}
		$raw .= $more;
		if ($head === null && ($end = strpos($raw, "\r\n\r\n")) !== false) {
			$head = substr($raw, 0, $end);
			[$said['status'], $said['headers']] = read_head($head);
		}
		if ($head !== null) {
			$body = substr($raw, strlen($head) + 4);
			$said['body'] = ($said['headers']['transfer-encoding'] ?? '') === 'chunked' ? unchunk($body) : $body;
			$said['times'][] = [(int) round((microtime(true) - $began) * 1000), strlen($said['body'])];
			if (isset($said['headers']['content-length']) && strlen($body) >= (int) $said['headers']['content-length'] ||
				$enough !== null && $enough($said)) {
				break;
			}
		}
	}
	$said['trouble'] = $said['status'] > 0 ? '' : 'no answer within ' . ANSWER_S . ' s';
	return $said;
}

function read_head(string $head): array
{
	$headers = [];
	foreach (array_slice(explode("\r\n", $head), 1) as $line) {
		[$name, $value] = explode(':', $line, 2) + [1 => ''];
		$headers[strtolower(trim($name))] = strtolower(trim($name)) === 'location' ? trim($value) : strtolower(trim($value));
	}
	return [preg_match('~^HTTP/\S+ (\d{3})~', $head, $m) ? (int) $m[1] : 0, $headers];
}

function unchunk(string $raw): string
{
	$body = '';
	while (preg_match('/^([0-9a-f]+)[^\r\n]*\r\n/i', $raw, $m)) {
		$size = (int) hexdec($m[1]);
		$body .= substr($raw, strlen($m[0]), $size);
		$raw = (string) substr($raw, strlen($m[0]) + $size + 2);
	}
	return $body;
}

// Asks for a stream of marks that are sent 100 ms apart: [the answer, was it held back?].  null:
// there are too few marks.  A busy machine may read many at once, too.  So what looks held back
// is asked for again.
function ask_marks(array $site, string $name, array $headers, string $mark): array
{
	$enough = function (array $said) use ($mark): bool {
		return $said['status'] !== 200 || strpos($said['body'], '#!') === 0 || count_arrivals($said, $mark) > 3;
	};
	for ($tries = 0; $tries < 2; $tries++) {
		$said = ask($site, $name, $headers, $enough);
		if (count_arrivals($said, $mark) > 2) {
			return [$said, false];
		} elseif ($said['status'] !== 200 || substr_count($said['body'], $mark) < 5) {
			return [$said, null];
		}
	}
	return [$said, true];
}

// How often did marks come, where what came within 60 ms came at once?
function count_arrivals(array $said, string $mark): int
{
	$count = $at = 0;
	$last = -1000;
	foreach ($said['times'] as [$ms, $bytes]) {
		$next = strpos($said['body'], $mark, $at);
		if ($next === false || $next + strlen($mark) > $bytes) {
			continue;
		}
		$at = $bytes;
		$count += $ms - $last >= 60 ? 1 : 0;
		$last = $ms;
	}
	return $count;
}

// --- the ways ----------------------------------------------------------------------

// ['works', 'held', 'said' in words, 'mends' steps that may make it work]
function try_program(Report $report, array $site, string $name, array $files): array
{
	[$said, $held] = ask_marks($site, "$name/probe", ['Authorization: Bearer x'], 'event: stream-probe');
	if ($said['status'] === 404) { // so a web server answers that sends the file, and has no file below it
		$said = ask($site, $name, [], function (array $said): bool {
			return $said['status'] !== 200 || $said['body'] !== '';
		});
	}
	$way = ['works' => $said['status'] === 200 && strpos($said['body'], 'event: stream-probe') !== false,
		'held' => $held, 'mends' => [], 'status' => $said['status']];
	$way['said'] = say_answer($said, $name, $way);
	$report->tried["$name/probe"] = $way['said'];
	if ($way['works']) {
		if (strpos($said['body'], '"authorization":0') !== false) {
			$is_said = preg_match('/^\s*CGIPassAuth On/m', (string) @file_get_contents(__DIR__ . '/.htaccess')) === 1;
			$report->add($is_said ? 'note' : 'warning', 'authorization', "the header Authorization does not reach $name",
				'A token in the cookie or in the address is taken.',
				$is_said ? [] : [['in' => '.htaccess', 'from' => '', 'to' => 'CGIPassAuth On']]);
		}
		$health = ask($site, "$name/health");
		if ($health['status'] !== 200) {
			$way['said'] = 'it runs, and cannot use the log';
			$way['log'] = $health['status'];
		}
	}
	// A server that knows no such programs sends the text, or finds no file.
	if (!$way['works'] && in_array($said['status'], [403, 500, 502, 503], true)) {
		$way['mends'] = array_merge($files[$name] ?? [], $files['largesse'] ?? []);
		if ($said['status'] === 403) {
			$way['mends'] = array_merge($way['mends'], add_exec($site));
		}
	}
	return $way;
}

// The line that lets programs run in this folder, if it may be said here and is not.
function add_exec(array $site): array
{
	$line = 'Options +ExecCGI';
	$text = @file_get_contents(__DIR__ . '/.htaccess');
	if ($text === false || preg_match('/^\s*Options\b.*\bExecCGI\b/m', $text)) {
		return [];
	}
	$status = try_line($site, $line);
	return $status !== null && $status > 0 && $status < 500 ? [['in' => '.htaccess', 'from' => '', 'to' => $line]] : [];
}

function say_answer(array $said, string $name, array $way): string
{
	if ($way['works']) {
		return $way['held'] ? 'it runs, and what it sends is held back' : 'it runs, and what it sends comes at once';
	}
	$words = ['403' => 'the web server may not run it', '404' => 'there is no such address', '500' => 'it could not be run',
		'0' => $said['trouble']];
	if ($said['status'] === 200) {
		return strpos($said['body'], '#!') === 0 ? 'the web server sends the text of the program: it runs no such programs' :
			'something else answers: ' . clean(substr($said['body'], 0, 60));
	}
	return ($said['status'] === 0 ? '' : $said['status'] . ': ') . ($words[(string) $said['status']] ?? 'it does not run');
}

function try_php(Report $report, array $site, string $secret): array
{
	$enough = function (array $said): bool {
		return true; // the head is enough
	};
	// Behind php-fpm events.php ends an answer with its first events.
	$count = PHP_SAPI === 'fpm-fcgi' ? 1 : TICKS;
	[$ticks, $held] = ask_marks($site, "check.php?ticks=$count", ['Cookie: ' . COOKIE . '=' . $secret], 'tick');
	$way = ['works' => false, 'held' => $held, 'mends' => [], 'busy' => $ticks['status'] === 0];
	if ($way['busy']) {
		$report->add('warning', 'workers', 'PHP does not answer while check.php runs',
			'The host runs one PHP program at a time: a request that is kept open keeps all others out.', set_hold(0));
		$way['said'] = 'only one PHP program runs at a time';
		$way['works'] = is_file(__DIR__ . '/events.php') && missing_for_php() === [];
	} else {
		$said = ask($site, 'events.php?topic=check', [], $enough);
		$is_page = strpos($said['body'], '<') !== false; // of the web server
		$way['works'] = in_array($said['status'], [200, 401, 403], true) && !$is_page;
		$way['said'] = $way['works'] ? 'it runs' : ($said['status'] === 0 ? $said['trouble'] :
			$said['status'] . ': ' . clean(strip_tags(substr($said['body'], 0, 200))));
		if (!$way['works'] && has($report, 'data') && missing_for_php() === []) {
			[$way['works'], $way['said']] = [true, 'it runs, and cannot write the log'];
		}
	}
	$report->tried['events.php'] = $way['said'];
	return $way;
}

function tick(): void
{
	while (ob_get_level() > 0 && @ob_end_clean()) {
		continue;
	}
	header('Content-Type: text/event-stream');
	header('X-Accel-Buffering: no');
	for ($i = 0; $i < min(TICKS, (int) $_GET['ticks']); $i++) {
		echo ": tick $i\n\n";
		flush();
		usleep(100000);
	}
}

// --- what .htaccess may say ---------------------------------------------------------

// ['file' that is there, 'text', 'obeyed', 'way' that it names]
function try_rules(Report $report, array $site, array $php): array
{
	foreach (['.htaccess', 'htaccess.txt'] as $file) {
		$text = @file_get_contents(__DIR__ . '/' . $file);
		if ($text !== false) {
			break;
		}
	}
	$rules = ['file' => $text === false ? null : $file, 'text' => (string) $text, 'obeyed' => false,
		'way' => preg_match(RULE, (string) $text, $m) ? $m[1] : null];
	if ($file === 'htaccess.txt' && $text !== false) {
		try_lines($report, $site, $text);
	} elseif ($rules['way'] === 'events.php' && $php['busy']) {
		$rules['obeyed'] = true; // nobody can answer
	} elseif ($text !== false) {
		// Whatever answers, the address is there.
		$said = ask($site, 'events?topic=check', [], function (array $said): bool {
			return true; // the head is enough
		});
		$rules['obeyed'] = !in_array($said['status'], [0, 404], true);
		$report->tried['events'] = $rules['obeyed'] ? "it leads to {$rules['way']}" : '404: .htaccess has no effect';
	}
	return $rules;
}

// What a file is answered with where this stands in .htaccess, or null.  It is tried in a folder
// of its own, where a line that is forbidden harms nobody.
function try_line(array $site, string $part): ?int
{
	$name = 'check-' . bin2hex(random_bytes(8));
	if (!@mkdir(__DIR__ . "/$name", 0755)) {
		return null;
	}
	@file_put_contents(__DIR__ . "/$name/here.txt", $name);
	@file_put_contents(__DIR__ . "/$name/.htaccess", $part . "\n");
	$status = ask($site, "$name/here.txt")['status'];
	foreach (['.htaccess', 'here.txt'] as $file) {
		@unlink(__DIR__ . "/$name/$file");
	}
	@rmdir(__DIR__ . "/$name");
	return $status;
}

function try_lines(Report $report, array $site, string $text): void
{
	$steps = [];
	foreach (rule_parts($text) as $part) {
		$status = try_line($site, $part);
		if ($status === null) {
			$report->add('error', 'cannot-try', 'PHP cannot make a folder here',
				'The lines of htaccess.txt cannot be tried. Remove them one by one until the site answers.');
			return;
		}
		foreach ($status >= 500 ? explode("\n", $part) : [] as $line) {
			$steps[] = ['in' => 'htaccess.txt', 'from' => $line, 'to' => ''];
		}
	}
	$lines = implode(', ', array_map('trim', array_column($steps, 'from')));
	if ($steps !== []) {
		$report->add('error', 'forbidden-lines', "the host does not allow this in .htaccess: $lines",
			'Each such line makes the whole folder answer 500.', $steps);
	}
	$report->add('error', 'htaccess.txt', 'the rules are in htaccess.txt, where the web server does not read them',
		'Rename it' . ($steps === [] ? '' : ' when the lines are out') . ', and open check.php again.',
		[['do' => 'rename htaccess.txt .htaccess']]);
}

// The lines of a .htaccess that stand alone, and the blocks.
function rule_parts(string $text): array
{
	$parts = [];
	$open = '';
	foreach (preg_split('/\r?\n/', $text) as $line) {
		if (preg_match('/^\s*(#|$)/', $line)) {
			continue;
		}
		$open .= ($open === '' ? '' : "\n") . $line;
		$in_block = preg_match_all('/^\s*<[^\/]/m', $open) > preg_match_all('/^\s*<\//m', $open);
		if (!$in_block) {
			$parts[] = $open;
			$open = '';
		}
	}
	return $parts;
}

// --- the choice ----------------------------------------------------------------------

function choose(Report $report, array $ways, array $rules, array $files): void
{
	[$fcgi, $cgi, $php] = array_values($ways);
	$report->use = $use = best($ways);
	if ($rules['file'] === 'htaccess.txt') {
		$report->use = null;
		$report->why = 'Which way is the best is seen when the rules are in .htaccess: ' .
			'do what is said below, and open check.php again.';
		return;
	}
	if ($use === null) {
		$report->why = 'None of the three ways works here: ' . implode('; ', array_map(function ($name) use ($ways) {
			return "$name: {$ways[$name]['said']}";
		}, array_keys($ways))) . '. The error log of the web server says more.';
		$report->add('error', 'no-way', 'no way works', $report->why);
		return;
	}
	$way = $ways[$use];
	$report->why = why($use, $ways);
	if (!$way['works']) {
		$report->add('error', 'files', "$use does not run: {$way['said']}", 'A program has to be executable, in a folder with ' .
			'ExecCGI. And nobody but its owner may write to it or to its folder: suEXEC, by which many hosts run programs, refuses ' .
			'it otherwise.', $way['mends']);
	}
	if ($use !== 'events.php' && $way['works'] && !isset($way['log']) && has($report, 'data')) {
		$report->drop('data');
		$report->add('warning', 'php-user', 'PHP is the user ' . user_name(my_uid()) .
			", and cannot write the log that $use has made", 'publish.php does not work. Publish by POST to the address, with a ' .
			'token. Some hosts run PHP as the owner of the site if they are asked to: look for php-fpm or suEXEC in the panel.');
	} elseif (isset($way['log']) && !has($report, 'data')) {
		$report->add('error', 'log', "$use cannot use the log: $use/health answers {$way['log']}",
			"The error log of the web server says why. PHP and $use may be different users.");
	}
	set_address($report, $rules, $use);
	if ($use === 'largesse.fcgi' && $fcgi['works']) {
		$report->steps = array_merge($report->steps, change_age($report, 'largesse.fcgi', $fcgi['held'] === false ? '25' : '2'));
	} elseif ($use === 'largesse.cgi' && $cgi['works']) {
		$report->steps = array_merge($report->steps, change_age($report, 'largesse.cgi', $cgi['held'] ? '2' : '25'));
	}
	if ($way['held']) {
		say_held($report, $use);
	}
}

// The first of these that there is.
function best(array $ways): ?string
{
	[$fcgi, $cgi, $php] = array_values($ways);
	$order = [
		['largesse.fcgi', $fcgi['works'] && $fcgi['held'] === false],
		['largesse.cgi', $cgi['works'] && !$cgi['held']],
		['largesse.cgi', !$cgi['works'] && $cgi['mends'] !== []],
		['largesse.fcgi', !$fcgi['works'] && $fcgi['mends'] !== []],
		['largesse.fcgi', $fcgi['works']],
		['largesse.cgi', $cgi['works']],
		['events.php', $php['works']],
	];
	foreach ($order as [$name, $is_so]) {
		if ($is_so) {
			return $name;
		}
	}
	return null;
}

function why(string $use, array $ways): string
{
	$others = [];
	foreach ($ways as $name => $way) {
		if ($name !== $use && ($use === 'events.php' || $name === 'largesse.fcgi')) {
			$others[] = "$name: {$way['said']}";
		}
	}
	return "$use: {$ways[$use]['said']}." . ($others === [] ? '' : ' ' . implode('. ', $others) . '.');
}

// The line that makes /events lead there, or if .htaccess has no effect the address in the page.
function set_address(Report $report, array $rules, string $use): void
{
	$report->address = 'events';
	if ($rules['obeyed']) {
		if ($rules['way'] !== $use) {
			$line = 'RewriteRule ^events(/.*)?$ %s$1 [L]';
			$report->steps[] = ['in' => '.htaccess', 'from' => $rules['way'] === null ? '' : sprintf($line, $rules['way']),
				'to' => sprintf($line, $use)];
		}
		return;
	}
	$report->address = $use;
	$page = @file_get_contents(__DIR__ . '/listen.html');
	if ($page !== false && preg_match("/^.*new EventSource\('([\w.]+)(\?[^']*)?'\).*$/m", $page, $m) && $m[1] !== $use) {
		$report->steps[] = ['in' => 'listen.html', 'from' => $m[0], 'to' => str_replace("'$m[1]", "'$use", $m[0])];
	}
	if ($rules['file'] === '.htaccess') {
		$report->add('warning', 'htaccess-not-obeyed', 'the web server does not look at .htaccess',
			"The address is $use, for pages and for publishers. What .htaccess should protect is not protected.");
	}
}

function change_age(Report $report, string $file, string $seconds): array
{
	return change_line($report, $file, '/\bLARGESSE_MAX_AGE=\d+/', "LARGESSE_MAX_AGE=$seconds");
}

function say_held(Report $report, string $use): void
{
	$report->add('warning', 'held-back', "what $use sends is kept back until the answer ends",
		'The web server, or a proxy in front of it, collects answers, and only the host can change that. So answers have ' .
		'to be short: an event is two seconds late at most.', $use === 'events.php' ? set_hold(0) : []);
}

// The line by which events.php keeps a request open for so long.
function set_hold(int $seconds): array
{
	$line = "SetEnv LARGESSE_PHP_HOLD_S $seconds";
	foreach (preg_split('/\r?\n/', (string) @file_get_contents(__DIR__ . '/.htaccess')) as $old) {
		if (preg_match('/^\s*#?\s*SetEnv LARGESSE_PHP_HOLD_S \d+\s*$/', $old)) {
			return trim($old) === $line ? [] : [['in' => '.htaccess', 'from' => $old, 'to' => $line]];
		}
	}
	return [['in' => '.htaccess', 'from' => '', 'to' => $line]];
}

function choose_by_reading(Report $report, array $files): void
{
	$apache = stripos($_SERVER['SERVER_SOFTWARE'] ?? '', 'apache') !== false;
	$modules = function_exists('apache_get_modules') ? apache_get_modules() : [];
	$text = (string) @file_get_contents(__DIR__ . '/.htaccess');
	$report->use = missing_for_php() === [] ? 'events.php' : ($apache ? 'largesse.cgi' : null);
	if ($files['largesse.cgi'] === [] && $files['largesse'] === [] && array_intersect(['mod_cgi', 'mod_cgid'], $modules) !== []) {
		$report->use = 'largesse.cgi';
	}
	$report->why = 'This was read, not tried. Open largesse.fcgi/health, then largesse.cgi/health in this folder with ' .
		'a browser. The first that says "ok" is a better way than events.php.';
	if ($report->use !== null) {
		set_address($report, ['obeyed' => $apache && $text !== '', 'file' => $text === '' ? null : '.htaccess',
			'way' => preg_match(RULE, $text, $m) ? $m[1] : null], $report->use);
	}
}

// --- PHP -------------------------------------------------------------------------------

function missing_for_php(): array
{
	return array_keys(array_filter([
		'PHP 7.4 or later' => PHP_VERSION_ID < 70400,
		'a PHP of 64 bits' => PHP_INT_SIZE < 8,
		'the PHP extension pdo_sqlite' => !extension_loaded('pdo_sqlite'),
		'SQLite 3.24 or later' => extension_loaded('pdo_sqlite') && version_compare(sqlite_version(), '3.24', '<'),
	]));
}

function sqlite_version(): string
{
	try {
		return (new PDO('sqlite::memory:'))->getAttribute(PDO::ATTR_CLIENT_VERSION);
	} catch (Exception $e) {
		return '0';
	}
}

function look_at_php(Report $report): void
{
	foreach (missing_for_php() as $what) {
		$report->add('warning', 'php-lacks', "events.php and publish.php need $what",
			'They do not work here. The panel of the host may let you choose another PHP, or its extensions.');
	}
	if (function_exists('ini_set')) {
		@ini_set('zlib.output_compression', '0');
	}
	if (ini_get('zlib.output_compression')) {
		$report->add('error', 'compressed', 'PHP compresses what it sends, and pages may not change that',
			'A stream is held back until there is much of it.',
			[['in' => '.user.ini', 'from' => '', 'to' => 'zlib.output_compression = Off']]);
	}
	$most = (int) ini_get('max_execution_time');
	if ($most > 0 && $most < 25 && !function_exists('set_time_limit')) {
		$report->add('warning', 'time', "PHP ends a page after $most seconds", 'events.php has to be done before.',
			set_hold(max(0, $most - 5)));
	}
}

// --- the files ---------------------------------------------------------------------------

// For each program the steps that it may need, if it does not run.
function look_at_files(Report $report): array
{
	if (!is_file(__DIR__ . '/.htaccess') && !is_file(__DIR__ . '/htaccess.txt')) {
		$report->add('error', 'no-htaccess', 'the file .htaccess is not here',
			'FTP programs hide names that begin with a dot: let yours show them, and upload the file.');
	}
	$steps = ['largesse' => look_at_binary($report)];
	foreach (['largesse.cgi', 'largesse.fcgi'] as $name) {
		$steps[$name] = [];
		$text = @file_get_contents(__DIR__ . '/' . $name, false, null, 0, 8192);
		if ($text === false) {
			$report->add('warning', 'missing', "$name is not here, or PHP cannot read it", 'Upload it.');
		} elseif (strpos($text, "\r") !== false) {
			$steps[$name][] = ['do' => "upload $name again, in binary mode"];
			$report->add('error', 'text-mode', "$name was uploaded in text mode: its lines end with CR LF",
				'No host can run it.', $steps[$name]);
		} else {
			$steps[$name] = look_at_mode($name);
		}
	}
	if (strpos((string) @file_get_contents(__DIR__ . '/key.sh'), "\r") !== false) {
		$report->add('error', 'text-mode', 'key.sh was uploaded in text mode: its lines end with CR LF',
			'The programs find no key.', [['do' => 'upload key.sh again, in binary mode']]);
	}
	$folder = (@fileperms(__DIR__) & 022) !== 0 ? [['do' => 'chmod 755 .']] : [];
	$steps['largesse.cgi'] = array_merge($steps['largesse.cgi'], $folder);
	$steps['largesse.fcgi'] = array_merge($steps['largesse.fcgi'], $folder);
	return $steps;
}

// Nobody else may be able to write to a program, says suEXEC, and it has to be the owner's.
function look_at_mode(string $name): array
{
	$path = __DIR__ . '/' . $name;
	$mode = @fileperms($path) & 0777;
	$steps = [];
	if (($mode & 0555) !== 0555 || ($mode & 022) !== 0) {
		$steps[] = ['do' => "chmod 755 $name"];
	}
	$owner = @fileowner($path);
	if ($owner === 0) {
		$steps[] = ['do' => "upload $name again as the user of the site: it is root's"];
	} elseif ($owner !== @fileowner(__DIR__)) {
		$steps[] = ['do' => "upload $name again as " . user_name(@fileowner(__DIR__)) . ', who owns the folder: it is ' .
			user_name($owner) . "'s"];
	}
	return $steps;
}

// A program is whole if it ends where its own head says.
function look_at_binary(Report $report): array
{
	$path = __DIR__ . '/largesse';
	$head = @file_get_contents($path, false, null, 0, 64);
	if ($head === false) {
		$report->add('warning', 'missing', 'largesse is not here, or PHP cannot read it',
			'Without the program only events.php works. `make upload` puts it into the folder.');
		return [];
	}
	$again = [['do' => 'upload largesse again, in binary mode']];
	if (strlen($head) < 64 || strncmp($head, "\x7fELF\x02\x01", 6) !== 0) {
		$report->add('error', 'damaged', 'largesse is not a program of 64 bits for Linux', 'It cannot be run.', $again);
		return $again;
	}
	$u = unpack('Poffset/Vflags/veh/vphsize/vphnum/vsize/vnum', substr($head, 40, 22));
	$whole = $u['offset'] + $u['size'] * $u['num'];
	if ($whole !== filesize($path)) {
		$report->add('error', 'damaged', 'largesse has ' . filesize($path) . " bytes, and should have $whole",
			'The upload was cut off, or made in text mode.', $again);
		return $again;
	}
	$machines = [62 => 'x86_64', 183 => 'aarch64', 243 => 'riscv64'];
	$machine = $machines[unpack('v', substr($head, 18, 2))[1]] ?? 'another machine';
	$here = function_exists('php_uname') ? strtolower(php_uname('m')) : $machine;
	$here = str_replace(['amd64', 'arm64'], ['x86_64', 'aarch64'], $here);
	if ($machine !== $here) {
		$steps = [['do' => "run make upload on a machine of the kind $here, and upload that largesse"]];
		$report->add('error', 'machine', "largesse is for $machine, and this host is $here", 'It cannot be run.', $steps);
		return $steps;
	}
	return look_at_mode('largesse');
}

function user_name($uid): string
{
	$user = $uid !== false && function_exists('posix_getpwuid') ? @posix_getpwuid($uid) : false;
	return $user === false ? "user $uid" : $user['name'];
}

// The user of PHP.
function my_uid(): int
{
	if (function_exists('posix_geteuid')) {
		return posix_geteuid();
	}
	$file = tempnam(sys_get_temp_dir(), 'check');
	$uid = $file === false ? getmyuid() : fileowner($file);
	$file === false || unlink($file);
	return $uid;
}

// --- the log -----------------------------------------------------------------------------

// ['dir' of the log, 'db', 'key'], as events.php says.
function find_data(): array
{
	$text = (string) @file_get_contents(__DIR__ . '/events.php');
	$setting = function (string $name, string $usual) use ($text): string {
		$value = preg_match("/^\t'$name' => '([^']*)',/m", $text, $m) && $m[1] !== '' ? $m[1] : $usual;
		return $value[0] === '/' ? $value : __DIR__ . '/' . $value;
	};
	$db = $setting('DB', 'data/events.db');
	return ['dir' => dirname($db), 'db' => $db, 'key' => $setting('KEY_FILE', 'data/key')];
}

function look_at_log(Report $report): array
{
	$data = find_data();
	$name = is_inside($data['dir']) ? 'data' : $data['dir'];
	clearstatcache();
	if (!is_dir($data['dir'])) {
		$report->add('error', 'data', "the folder $name is not here", 'The log has no place.',
			[['do' => "mkdir $name"], ['do' => "chmod 700 $name"]]);
		return $data;
	}
	$new = $data['dir'] . '/check-' . bin2hex(random_bytes(8)) . '.txt';
	if (@file_put_contents($new, 'x') === false) {
		$mine = fileowner($data['dir']) === my_uid();
		$report->add('error', 'data', "PHP, which is the user " . user_name(my_uid()) . ", cannot write in the folder $name",
			'No log can be made there.' . ($mine ? '' : ' PHP is not the owner of the files here, so all users of this machine ' .
			'get the right.'),
			[['do' => 'chmod ' . ($mine ? '700' : '777') . " $name"]]);
	} else {
		unlink($new);
	}
	if (fileowner(__FILE__) !== my_uid()) {
		$report->add('warning', 'neighbours', 'PHP is the user ' . user_name(my_uid()) . ', and the files are ' .
			user_name(fileowner(__FILE__)) . "'s", 'If the PHP of other customers is that user, too, it can read the log and the ' .
			'key, and no mode can change that. Publish nothing here that they may not see.');
	}
	look_at_modes($report, $data, $name);
	look_at_schema($report, $data);
	return $data;
}

// A newer largesse may have made the log, or upgraded it.
function look_at_schema(Report $report, array $data): void
{
	// Opened by another than its owner, it would have files beside it that the owner may not write.
	if (!is_file($data['db']) || !extension_loaded('pdo_sqlite') || fileowner($data['db']) !== my_uid()) {
		return;
	}
	try {
		$db = new PDO('sqlite:' . $data['db'], null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
			PDO::SQLITE_ATTR_OPEN_FLAGS => PDO::SQLITE_OPEN_READONLY, PDO::ATTR_TIMEOUT => 2]);
		$schema = (int) $db->query("SELECT value FROM largesse WHERE key = 'schema'")->fetchColumn();
	} catch (PDOException $e) { // it is no log yet, or others have it: the ways say that
		return;
	}
	if ($schema > SCHEMA) {
		$report->add('error', 'schema', "the log has the schema $schema, and this folder knows " . SCHEMA,
			'A newer largesse has made or upgraded it. Pages are told to come back later, and nothing is read or written.',
			[['do' => 'upload the folder of the newer largesse, without data']]);
	}
}

// May another user of the machine read this?
function look_at_modes(Report $report, array $data, string $name): void
{
	$steps = [];
	$dir = fileperms($data['dir']);
	foreach ([$data['db'], $data['db'] . '-wal', $data['db'] . '-shm', $data['key']] as $path) {
		$mode = is_file($path) ? fileperms($path) : 0;
		if (($dir & 01) !== 0 && ($mode & 06) !== 0) {
			$to = $path === $data['key'] ? '600' : '640';
			$steps[] = ['do' => "chmod $to " . (is_inside($path) ? "data/" . basename($path) : $path)];
		}
	}
	if ($steps !== []) {
		$report->add('error', 'readable', 'other users of this machine can read the log or the key',
			'Whoever has the key can make tokens for all topics.', $steps);
	} elseif (($dir & 02) !== 0) {
		$report->add('warning', 'writable', "other users of this machine can write in $name",
			'They can replace the log and the key.', fileowner($data['dir']) === my_uid() ? [['do' => "chmod 700 $name"]] : []);
	}
}

function is_inside(string $path): bool
{
	return strpos($path . '/', __DIR__ . '/') === 0;
}

// Can anybody fetch what is in data/?
function try_data(Report $report, array $site, array $data, array $rules): void
{
	if (!is_inside($data['dir'])) {
		return;
	}
	$name = 'check-' . bin2hex(random_bytes(8)) . '.txt';
	$new = $data['dir'] . '/' . $name;
	$text = bin2hex(random_bytes(16)); // the page that says 403 or 404 may show the address
	$open = [];
	if (@file_put_contents($new, $text) !== false) {
		$open = strpos(ask($site, address_of($new))['body'], $text) !== false ? ['a file that was put there'] : [];
		unlink($new);
	}
	foreach (['the log' => $data['db'], 'the key' => $data['key']] as $what => $path) {
		if (is_file($path) && is_inside($path) && ask($site, address_of($path), [], null, 'HEAD')['status'] === 200) {
			$open[] = $what;
		}
	}
	$report->tried['key'] = say_key($data['key']);
	$report->tried['data/'] = $open === [] ? 'nobody can fetch it' : 'anybody can fetch ' . implode(', ', $open);
	if ($open !== []) {
		$report->add('error', 'open-data', 'anybody can fetch from data/: ' . implode(', ', $open),
			'All events can be read, and with the key tokens can be made. .htaccess is not obeyed, so the folder has to be where no ' .
			'address leads to.' . (outside() === null ? ' This host has no such place that PHP can see: use it for nothing private.' :
			' If the site was in use already, put another secret into the file key when it is there.'), move_data($report));
	}
	$said = ask($site, 'largesse', ['Range: bytes=0-63']);
	if (strpos($said['body'], "\x7fELF") === 0) {
		$report->add('note', 'open-program', 'anybody can fetch the program', 'It holds no secret.');
	}
}

// The same where nothing can be asked for.
function fear_for_data(Report $report, array $data): void
{
	if (is_inside($data['dir']) && has($report, 'htaccess-not-obeyed')) {
		$report->add('error', 'open-data', 'nothing keeps strangers from data/, unless this web server has a rule of its own',
			'Then all events can be read, and with the key tokens can be made.', move_data($report));
	}
}

// The address of a file below this folder, from here.
function address_of(string $path): string
{
	return implode('/', array_map('rawurlencode', explode('/', substr($path, strlen(__DIR__) + 1))));
}

function say_key(string $path): string
{
	$real = @realpath($path);
	return $real === false ? 'there is none yet' : (is_inside($real) ? 'it is in the folder of the log' : "it is $real");
}

// The directory beside the document root, if the folder is within that and PHP can write there.
function outside(): ?string
{
	$root = @realpath($_SERVER['DOCUMENT_ROOT'] ?? '');
	if (($_SERVER['DOCUMENT_ROOT'] ?? '') === '' || $root === false || $root === '/' || !is_inside_of(realpath(__DIR__), $root)) {
		return null;
	}
	$dir = dirname($root);
	$is_plain = !preg_match('/[^\w\/.@+-]/', $dir); // or it could not stand in a shell's line
	return $dir !== '/' && $is_plain && @is_writable($dir) && (@fileperms($dir) & 02) === 0 ? $dir : null;
}

function is_inside_of(string $path, string $dir): bool
{
	return strpos($path . '/', rtrim($dir, '/') . '/') === 0;
}

function move_data(Report $report): array
{
	$dir = outside();
	if ($dir === null) {
		return [];
	}
	$new = $dir . '/largesse-' . basename(__DIR__);
	$steps = [['do' => 'move data ' . $new], ['do' => 'chmod 700 ' . $new]];
	$lines = [
		['events.php', "/^\t'DB' => '[^']*'/m", "\t'DB' => '$new/events.db'"],
		['events.php', "/^\t'KEY_FILE' => '[^']*'/m", "\t'KEY_FILE' => '$new/key'"],
		['events.php', "/^\t'PUBLISH' => '[^']*'/m", "\t'PUBLISH' => '1'"],
		['publish.php', "/'sqlite:' \. __DIR__ \. '\/data\/events.db'/", "'sqlite:$new/events.db'"],
	];
	if (substr((string) $report->use, 0, 8) === 'largesse') {
		$lines[] = [$report->use, '/\bLARGESSE_DB=data\/events.db/',
			"LARGESSE_DB=$new/events.db LARGESSE_KEY_FILE=$new/key LARGESSE_PUBLISH=1"];
	}
	foreach ($lines as [$file, $pattern, $words]) {
		$steps = array_merge($steps, change_line($report, $file, $pattern, $words));
	}
	return $steps;
}

// A step for the line that has the pattern.  If the choice changes that line, too, it is one step.
function change_line(Report $report, string $file, string $pattern, string $words): array
{
	foreach (preg_split('/\r?\n/', (string) @file_get_contents(__DIR__ . '/' . $file)) as $line) {
		if (!preg_match($pattern, $line) || preg_replace($pattern, $words, $line) === $line) {
			continue;
		}
		foreach ($report->steps as $i => $step) {
			if (($step['in'] ?? '') === $file && $step['from'] === $line) {
				$report->steps[$i]['to'] = preg_replace($pattern, $words, $step['to']);
				return [];
			}
		}
		return [['in' => $file, 'from' => $line, 'to' => preg_replace($pattern, $words, $line)]];
	}
	return [];
}

// --- the page -----------------------------------------------------------------------------

function clean(string $s): string
{
	return trim(preg_replace('/[^\x20-\x7e]+|\s+/', ' ', $s));
}

function h(string $s): string
{
	return htmlspecialchars($s, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
}

function is_text(): bool
{
	return ($_GET['format'] ?? '') === 'text';
}

function show_stranger(string $secret): void
{
	$file = owner_file($secret);
	if (is_text()) {
		header('Content-Type: text/plain; charset=utf-8');
		echo "Is this folder yours? Make an empty file $file in it, and ask again with the same cookie.\n";
		return;
	}
	head_of_page('Is this folder yours?');
	echo '<p>Then make an empty file in it, beside check.php, with your FTP program or the file manager of the host:</p>' .
		'<pre>', h($file), '</pre><p><a class="button" href="?">I have made it</a></p>' .
		'<p class="small">The name is for this browser alone, and counts for an hour. Nobody who cannot make files here gets to ' .
		'see more than this page. Delete the file afterwards.</p>';
}

function show(Report $report): void
{
	is_text() ? show_text($report) : show_page($report);
}

function headline(Report $report): string
{
	return $report->use === null ? 'use: nothing yet' : "use: {$report->use} (" . WAYS[$report->use] . ')';
}

function show_text(Report $report): void
{
	header('Content-Type: text/plain; charset=utf-8');
	echo headline($report), "\n  why   ", $report->why, "\n";
	echo $report->use === null ? '' : "  page  new EventSource('{$report->address}?topic=main')\n";
	echo steps_text($report->steps), "\n";
	foreach ($report->found as $f) {
		echo "{$f['level']}: {$f['code']}\n  seen  {$f['seen']}\n  so    {$f['so']}\n", steps_text($f['steps']), "\n";
	}
	foreach ($report->tried as $name => $said) {
		echo "tried: $name: $said\n";
	}
	echo $report->tried === [] ? "open: largesse.fcgi/health\nopen: largesse.cgi/health\n" : '';
}

function steps_text(array $steps): string
{
	$text = '';
	foreach ($steps as $step) {
		$text .= isset($step['do']) ? "  do    {$step['do']}\n" : "  in    {$step['in']}\n" .
			($step['from'] === '' ? '' : "  from  {$step['from']}\n") . ($step['to'] === '' ? '' : "  to    {$step['to']}\n");
	}
	return $text;
}

function head_of_page(string $title): void
{
	header('Content-Type: text/html; charset=utf-8');
	echo '<!doctype html><html lang="en"><meta charset="utf-8">',
		'<meta name="viewport" content="width=device-width, initial-scale=1"><title>', h($title), '</title>',
		'<style>', STYLE, '</style><main><h1>', h($title), '</h1>';
}

const STYLE = <<<'CSS'
body { margin: 0; background: #f4f4f1; color: #222; font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 1.2rem }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .6rem 0 1rem }
h2 { font-size: 1.1rem; margin: 0 0 .4rem }
section { background: #fff; border: 1px solid #ddd; border-left: .4rem solid #888; border-radius: .4rem }
section { padding: .9rem 1rem; margin: 1rem 0 }
section.use { border-left-color: #26734d }
section.error { border-left-color: #b3261e }
section.warning { border-left-color: #b8860b }
p { margin: .3rem 0 .7rem; overflow-wrap: anywhere }
pre { background: #f0f0ec; border-radius: .3rem; padding: .6rem; margin: .3rem 0 .7rem; font-size: .85rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere }
.old { background: #fbe9e7 } .new { background: #e6f4ea }
.label { font-size: .85rem; color: #555; margin: .5rem 0 .1rem }
.small, li { font-size: .9rem; color: #555; overflow-wrap: anywhere }
.button { display: inline-block; background: #26734d; color: #fff; border-radius: .3rem }
.button { padding: .6rem 1.1rem; text-decoration: none }
CSS;

const LEVELS = ['error' => 'Wrong', 'warning' => 'Take care', 'note' => 'Good to know'];

function show_page(Report $report): void
{
	head_of_page($report->use === null ? 'What to do first' : 'Use ' . $report->use);
	$ready = $report->steps === [] && !has($report, 'files');
	echo '<section class="use"><h2>',
		$report->use === null ? 'There is no way yet' : h(WAYS[$report->use] . ', by ' . $report->use), '</h2><p>', h($report->why), '</p>';
	if ($report->use !== null) {
		echo '<p class="label">A page listens with</p><pre>', h("new EventSource('{$report->address}?topic=main')"), '</pre>',
			$ready ? '<p>There is no line to change for that.</p>' : '';
	}
	echo steps_page($report->steps), '</section>';
	foreach (['error', 'warning', 'note'] as $level) {
		foreach ($report->found as $f) {
			if ($f['level'] === $level) {
				echo '<section class="', $level, '"><h2>', LEVELS[$level], ': ', h($f['seen']), '</h2><p>', h($f['so']), '</p>',
					steps_page($f['steps']), '</section>';
			}
		}
	}
	echo '<p><a class="button" href="">Look again</a></p>';
	if ($report->tried === []) {
		echo '<p>Open these: <a href="largesse.fcgi/health">largesse.fcgi/health</a>, ',
			'<a href="largesse.cgi/health">largesse.cgi/health</a></p>';
	} else {
		echo '<h2>What was tried</h2><ul>';
		foreach ($report->tried as $name => $said) {
			echo '<li>', h("$name: $said"), '</li>';
		}
		echo '</ul>';
	}
	echo '<p class="small">When all is well, delete the empty file owner-….txt.</p>';
	// The address that the browser uses may lead through a proxy that the one asked does not.
	echo '<script>const asked = ', json_encode(($_GET['by'] ?? '') === base_mark() ? null : (is_https() ? 'https://' : 'http://') .
		($_SERVER['HTTP_HOST'] ?? ''), JSON_HEX_TAG | JSON_HEX_AMP), ";\n",
		"if (asked !== null && asked !== location.origin) location.replace('?by=", base_mark(), "&base=' + encodeURIComponent(location.origin));</script>";
}

// What a command is called in an FTP program.
function in_words(string $do): string
{
	[$verb, $a, $b] = explode(' ', $do) + [1 => '', 2 => ''];
	$what = $b === '.' ? 'this folder' : $b;
	$words = ['chmod' => "Give $what the permissions $a", 'move' => "Move the folder $a to $b", 'rename' => "Rename $a to $b",
		'mkdir' => "Make the folder $a"];
	return $words[$verb] ?? 'Do this';
}

function steps_page(array $steps): string
{
	$html = '';
	foreach ($steps as $step) {
		if (isset($step['do'])) {
			$html .= '<p class="label">' . h(in_words($step['do'])) . '</p><pre class="new">' . h($step['do']) . '</pre>';
			continue;
		}
		$html .= '<p class="label">In the file ' . h($step['in']) . ($step['from'] === '' ? ', add at the end' :
			($step['to'] === '' ? ', delete' : ', instead of')) . '</p>';
		$html .= $step['from'] === '' ? '' : '<pre class="old">' . h(trim($step['from'])) . '</pre>';
		$html .= ($step['from'] !== '' && $step['to'] !== '' ? '<p class="label">write</p>' : '') .
			($step['to'] === '' ? '' : '<pre class="new">' . h(trim($step['to'])) . '</pre>');
	}
	return $html;
}

main();

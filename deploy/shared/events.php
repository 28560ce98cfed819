<?php
// events.php - the event log as a stream, for a host that runs no programs.
//
// It does in PHP what the program largesse does: the same address, ids, topics,
// tokens and POST, and the same log.  So a site can change from one to the other
// at any time, by one line of .htaccess, and no listener misses an event.  The
// difference: an answer ends after a while, and the browser comes back by itself
// with the id of the last event it has.
//
// It needs PHP 7.4 or later of 64 bits, with pdo_sqlite and SQLite 3.24 or later.
//
// In this order: answers, settings, the request, who asks and what he may, the log, ids,
// where a stream starts, the stream, publishing, JSON, the tables.

namespace Largesse;

use DateTimeImmutable;
use DomainException;
use Exception;
use Generator;
use PDO;
use PDOException;
use PDOStatement;
use Throwable;
use stdClass;

// What a site may change is here, or in .htaccess as SetEnv LARGESSE_PHP_HOLD_S 0.
// README.md says what each costs.
const SETTINGS = [
	'PHP_HOLD_S' => 20,         // keep a request so long, waiting for events; 0: answer at once
	'RETRY' => 1000,            // the browser comes back after about so many ms
	'HEARTBEAT' => 5,           // a comment after so many seconds: PHP learns by it that a browser has left
	'DB' => 'data/events.db',   // the log, which is made if there is none
	'KEY_FILE' => 'data/key',   // a secret of 32 bytes or more, by which tokens are signed; data/key is made
	'PUBLISH' => '1',           // 1: take events by POST, too, of whoever has a token that says so
	'PUBLIC' => '',             // topics that need no token, with blanks between them; * is all
	'COOKIE_NAME' => 'largesse',
	'START' => 'event',         // how streams begin that do not say it; bare: nothing but what was published
];
// The program knows these too, and they say who may read.  Here nobody may, then.
const NOT_HERE = ['JWKS_FILE', 'TRUST_USER', 'USER_TOPIC', 'ISSUER', 'AUDIENCE', 'MAX_TOKEN_AGE', 'LEEWAY', 'HANDOVER',
	'ALLOW_ORIGIN'];

const SCHEMA = 1;               // of a log, the newest that this file knows
const KEEP_ROWS = 10000;        // of a log that is made here
const TOPICS_MAX = 16;          // of one request
const EVENT_MAX = 1048576;      // bytes of an event, and of a POST
const TEXT_MAX = 2162688;       // bytes of a text that the program reads at all
const SIGNED_MAX = 8192;        // bytes of a query that were signed
const FORM_MAX = 65536;         // bytes of the parameters of a stream that is asked for by POST
const BATCH_MAX = 1000;         // events of a POST
const ANSWER_MAX = 1048576;     // bytes of an answer, about; for the rest the browser comes back
const LEEWAY_MS = 2000;         // by which the clock of whoever made a token may be wrong
const LOOKS_S = 4;              // looks into the log in a second
const BEAT_S = [1, 3600];       // between two beats that a client asks for, at least and at most
const POLL_S = 25;              // that a poll waits, unless it is kept open for less
const PAD_MAX = 8192;           // bytes of the comments that a client asks for
const EXPIRE_S = 30;            // before the end of its token a client is told of it
const SOON_MS = [100, 300];     // a client that wants short answers comes back after so many
const AT_ONCE_MS = [10, 100];   // and one for which there is more
const PIECE_BYTES = 65536;      // that are read at once, and its rows, and those that are looked at
const PIECE_ROWS = 200;
const PIECE_SCAN = 20000;
const END_TYPE = 'stream-end';  // of the event that ends its topic
const END_BYTES = 255;          // of the last block that a client wants
const MEMBERS = ['topic', 'event', 'data', 'uid'];
const LAST_IDS = ['lastEventId', 'last_event_id', 'lastEventID'];
const BEHIND = [...LAST_IDS, 'beat', 'age', 'poll', 'pad', 'stream']; // what may stand behind a signature
const NEWER = 'the log was made by a newer largesse, and this one is to be upgraded';
const BAD = "\u{FFFD}";         // in the place of what is no text
const NOW_MS = "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)";

// token.php only takes the key from here.
defined('LARGESSE_TOKENS_ONLY') || main();

function main(): void
{
	foreach (['display_errors' => '0', 'zlib.output_compression' => '0', 'default_charset' => ''] as $name => $value) {
		function_exists('ini_set') && ini_set($name, $value);
	}
	header_remove('X-Powered-By');
	while (ob_get_level() > 0 && @ob_end_clean()) {
	}
	$rq = ['bare' => false, 'asks' => false];
	try {
		check_host();
		$rq = read_request();
		dispatch($rq);
	} catch (Refusal $e) {
		answer($e->getCode(), $e->getMessage() . "\n", $e->headers);
	} catch (Misfit $e) {
		error_log('events.php: ' . $e->getMessage());
		answer(503, "this cannot work yet: PHP's error log says why, and check.php\n");
	} catch (Throwable $e) {
		error_log('events.php: ' . $e->getMessage());
		if (is_log_trouble($e) || $e instanceof Newer) {
			say_later($rq);
		} else {
			answer(500, "something is wrong here: PHP's error log says what\n");
		}
	}
}

function dispatch(array $rq): void
{
	if (!in_array($rq['path'], ['', 'health'], true)) {
		throw new Refusal(404, 'no such page here');
	}
	$can_post = $rq['path'] === '' && ($rq['asks'] || setting('PUBLISH'));
	$allow = 'GET, HEAD, OPTIONS' . ($can_post ? ', POST' : '');
	if ($rq['method'] === 'OPTIONS') {
		answer(204, '', ['Allow: ' . $allow]);
	} elseif ($rq['method'] === 'POST' && $rq['asks']) {
		listen($rq);
	} elseif ($rq['method'] === 'POST' && $can_post) {
		publish($rq);
	} elseif ($rq['method'] !== 'GET' && $rq['method'] !== 'HEAD') {
		$more = $rq['method'] === 'POST' && $rq['path'] === '' ?
			': publishing is not switched on (LARGESSE_PUBLISH=1)' : '';
		throw new Refusal(405, "only $allow are understood here$more", ['Allow: ' . $allow]);
	} elseif ($rq['path'] === 'health') {
		say_health();
	} else {
		listen($rq);
	}
}

// --- answers ------------------------------------------------------------------

// Ends the request with a status and one line.
class Refusal extends Exception
{
	public $headers;

	public function __construct(int $status, string $line, array $headers = [])
	{
		parent::__construct($line, $status);
		$this->headers = $headers;
	}
}

// What is wrong with the host or the folder: a line for the owner, not for whoever asks.
class Misfit extends Exception
{
}

// The log was made by a newer largesse, so it is left alone until this folder is of that one, too.
class Newer extends Exception
{
}

function answer(int $status, string $body, array $headers = []): void
{
	if (headers_sent()) {
		return;
	}
	$head = $_SERVER['REQUEST_METHOD'] === 'HEAD';
	http_response_code($status);
	header('Content-Type: text/plain; charset=utf-8');
	header('Cache-Control: no-store');
	header('X-Content-Type-Options: nosniff');
	if (!$head && $status !== 204) {
		header('Content-Length: ' . strlen($body));
	}
	foreach ($headers as $line) {
		header($line);
	}
	echo $head ? '' : $body;
}

// EventSource gives up at any other status than 200.  So this is an empty stream.  Who asks for
// a bare one would take that for a whole one.
function say_later(array $rq): void
{
	if ($_SERVER['REQUEST_METHOD'] === 'POST' && !$rq['asks']) {
		answer(503, "too busy: nothing was written, try again\n", ['Retry-After: 1']);
	} elseif ($rq['bare']) {
		answer(503, "busy: come back\n", [retry_after()]);
	} elseif (headers_sent()) {
		echo bye('busy', retry_ms());
	} else {
		answer(200, bye('busy', retry_ms()), ['Content-Type: text/event-stream', 'X-Accel-Buffering: no']);
	}
}

function say_health(): void
{
	try {
		new Log(false);
		answer(200, "ok\n");
	} catch (Exception $e) {
		error_log('events.php: ' . $e->getMessage());
		answer(503, 'unavailable' . ($e instanceof Newer ? ': ' . NEWER : '') . "\n");
	}
}

function retry_ms(): int
{
	return intdiv((int) setting('RETRY'), 2) + mt_rand(0, (int) setting('RETRY'));
}

function retry_after(): string
{
	return 'Retry-After: ' . (intdiv(retry_ms(), 1000) + 1);
}

// The last event of an answer after which the client is to come back.  It has no id, so the
// client keeps the one that it has.
function bye(string $reason, int $ms): string
{
	return "retry: $ms\nevent: stream-retry\ndata: {\"retry\":$ms,\"reason\":\"$reason\"}\n\n";
}

// --- the host and the settings ------------------------------------------------

function check_host(): void
{
	if (PHP_INT_SIZE < 8) {
		throw new Misfit('it needs a PHP of 64 bits');
	}
	if (!extension_loaded('pdo_sqlite')) {
		throw new Misfit('it needs the PHP extension pdo_sqlite');
	}
	foreach (NOT_HERE as $name) {
		if (variable($name) !== null) {
			throw new Misfit("it does not know LARGESSE_$name: take largesse.cgi, or remove it");
		}
	}
	if (!in_array(setting('START'), ['event', 'bare'], true)) {
		throw new Misfit('LARGESSE_START: neither event nor bare');
	}
}

function variable(string $name): ?string
{
	$value = given('LARGESSE_' . $name) ?? getenv('LARGESSE_' . $name);
	return $value === false || $value === '' ? null : $value;
}

// What .htaccess sets has another name after each RewriteRule and each Action.
function given(string $name): ?string
{
	return param($name) ?? param('REDIRECT_' . $name) ?? param('REDIRECT_REDIRECT_' . $name);
}

function setting(string $name)
{
	$value = variable($name) ?? SETTINGS[$name];
	return $name === 'PUBLISH' ? in_array($value, ['1', 'yes', 'true', 'on'], true) : $value;
}

function path_of(string $file): string
{
	return $file[0] === '/' ? $file : __DIR__ . '/' . $file;
}

function now_ms(): int
{
	return (int) floor(microtime(true) * 1000);
}

function param(string $name): ?string
{
	$value = $_SERVER[$name] ?? '';
	return $value === '' ? null : $value;
}

// --- the request --------------------------------------------------------------

// Yields [name, value, where it begins].  Of a name that stands there twice PHP keeps only
// one in $_GET.
function pairs(string $query): Generator
{
	$at = 0;
	foreach (explode('&', $query) as $pair) {
		if ($pair !== '') {
			[$name, $value] = explode('=', $pair, 2) + [1 => ''];
			yield [urldecode($name), urldecode($value), $at];
		}
		$at += strlen($pair) + 1;
	}
}

// What the request asks for.  A mistake in the address is refused.  A Last-Event-ID
// is never refused: that would end a browser's EventSource for good.
function read_request(): array
{
	$path = read_path();
	$rq = ['method' => $_SERVER['REQUEST_METHOD'], 'path' => $path === 'stream' ? '' : $path, 'asks' => $path === 'stream',
		'topics' => [], 'tokens' => [], 'id' => null, 'last' => null, 'since' => null, 'event_in_query' => false,
		'said' => [], 'sign' => null, 'bare' => setting('START') === 'bare', 'end' => null, 'end_event' => '',
		'active' => false, 'beat' => null, 'age' => null, 'poll' => false, 'pad' => 0];
	read_pairs($rq, param('QUERY_STRING') ?? '', true);
	if ($rq['method'] === 'POST' && $rq['asks']) {
		read_pairs($rq, take_form(), false);
	}
	check_way($rq);
	$rq['id'] = param('HTTP_LAST_EVENT_ID') ?? $rq['id'];
	if ($rq['id'] !== null && !preg_match('/^[ -~]{0,128}$/D', $rq['id'])) {
		$rq['id'] = '?'; // which no event has
	}
	if ($rq['topics'] === []) {
		add_topic($rq['topics'], 'main');
	}
	return $rq;
}

// '' and `stream` are the stream; a POST asks for it at `stream`, and publishes at ''.  Without PATH_INFO the last
// part of the address says it.  Where the web server knows no path behind the name of a file, the query may.
function read_path(): string
{
	$info = param('PATH_INFO');
	$last = preg_replace('~^(?:[^?#]*/)?([^/?#]*).*~s', '$1', param('REQUEST_URI') ?? '');
	$path = $info !== null ? (string) substr($info, 1) :
		(in_array($last, ['stream', 'health', 'status', 'metrics', 'probe'], true) ? $last : '');
	return $path === '' && preg_match('/(?:^|&)stream(?:&|=|$)/D', param('QUERY_STRING') ?? '') ? 'stream' : $path;
}

// The parameters of the query, and of the body of a POST that asks for a stream.  A signature in the
// body would not be that of what stands in the query.
function read_pairs(array &$rq, string $query, bool $may_sign): void
{
	foreach (pairs($query) as [$name, $value, $at]) {
		if ($rq['sign'] !== null && !in_array($name, BEHIND, true)) {
			throw new Refusal(400, 'sign: nothing but lastEventId, beat, age, poll and pad may stand behind it');
		}
		if (!$may_sign && $name !== 'topic' && in_array($name, MEMBERS, true)) {
			throw new Refusal(400,
				"event, data, uid: a POST to `stream' publishes nothing, it reads; publish without `stream'");
		}
		if ($name === 'sign' && $rq['path'] === '') {
			if (!$may_sign) {
				throw new Refusal(400, 'sign: it stands in the address, not in the body');
			}
			$rq['sign'] = read_signature($rq, $query, $at);
		} else {
			read_pair($rq, $name, $value);
		}
	}
}

function read_pair(array &$rq, string $name, string $value): void
{
	$rq['event_in_query'] = $rq['event_in_query'] || in_array($name, MEMBERS, true);
	if ($name === 'topic') {
		add_topic($rq['topics'], $value);
	} elseif (in_array($name, LAST_IDS, true)) {
		$rq['id'] = $value === '' ? $rq['id'] : $value;
	} elseif ($name === 'last') {
		if (!preg_match('/^[0-9]+$/D', $value)) {
			throw new Refusal(400, 'last: not a number of events');
		}
		$rq['last'] = min((int) $value, 10000);
	} elseif ($name === 'since') {
		$rq['since'] = read_since($value);
	} elseif ($name === 'access_token') {
		if (strpos($value, "\0") !== false) {
			throw new Refusal(400, 'access_token: not a token');
		}
		if ($value !== '' && count($rq['tokens']) < 4) {
			$rq['tokens'][] = $value;
		}
	} elseif (in_array($name, ['expires', 'iat', 'sub', 'iss', 'aud'], true)) {
		$rq['said'][$name][] = $value; // which counts if a signature follows
	} elseif ($rq['path'] === '' && !read_manner($rq, $name, $value) && !read_way($rq, $name, $value)) {
		check_name($name);
	}
}

// How the client wants its stream to begin and to end.
function read_manner(array &$rq, string $name, string $value): bool
{
	if ($name === 'start') {
		if ($value !== 'bare' && $value !== 'event') {
			throw new Refusal(400, 'start: neither `bare` nor `event`');
		}
		$rq['bare'] = $value === 'bare';
	} elseif ($name === 'end' || $name === 'endEvent') {
		if (strlen($value) > END_BYTES) {
			throw new Refusal(400, 'end, endEvent: longer than ' . END_BYTES . ' bytes');
		}
		$rq[$name === 'end' ? 'end' : 'end_event'] = $value;
	} elseif ($name === 'active') {
		if ($value !== '' && $value !== '1') {
			throw new Refusal(400, 'active: it has no value');
		}
		$rq['active'] = true;
	} else {
		return false;
	}
	return true;
}

// What a client asks for whose way here harms streams: a heartbeat that it sees, an end, bytes that push
// others out.
function read_way(array &$rq, string $name, string $value): bool
{
	$wrongs = ['beat' => 'not a number of seconds from 1 up', 'age' => 'not a number of seconds',
		'pad' => 'not a number of bytes', 'poll' => 'it has no value'];
	if (!isset($wrongs[$name])) {
		return false;
	}
	if (!preg_match($name === 'poll' ? '/^1?$/D' : ($name === 'beat' ? '/^0*[1-9][0-9]*$/D' : '/^[0-9]+$/D'), $value)) {
		throw new Refusal(400, "$name: $wrongs[$name]");
	}
	$rq[$name] = $name === 'poll' ? true : (int) $value;
	return true;
}

// Keeps it within our limits.  A bare stream has no event of ours: no beat, and no word that there is more.
function check_way(array &$rq): void
{
	if ($rq['age'] === 0 && !$rq['poll']) { // it would end at once, again and again
		throw new Refusal(400, 'age: from 1 up, or with poll');
	}
	if ($rq['bare'] && ($rq['beat'] !== null || $rq['age'] !== null || $rq['poll'])) {
		throw new Refusal(400, 'start=bare: such a stream has no event of ours, so it cannot have beat, age or poll');
	}
	$rq['beat'] = $rq['beat'] === null ? null : max(BEAT_S[0], min(BEAT_S[1], $rq['beat']));
	$rq['pad'] = min(PAD_MAX, $rq['pad']);
}

// A name that is almost one of ours would be passed over, and nothing would come.
function check_name(string $name): void
{
	$near = ['sign' => 'sign', 'topic' => 'topic, once for each topic', 'since' => 'since', 'last' => 'last', 'lasts' => 'last',
		'lasteventid' => 'lastEventId', 'lastid' => 'lastEventId', 'accesstoken' => 'access_token',
		'endevent' => 'endEvent'];
	$letters = preg_replace('/^amp;(?=.)|\[.*|[^a-z]/s', '', strtolower($name));
	foreach ($near as $word => $right) {
		if ($letters === $word || !in_array($word, ['sign', 'last', 'lasts', 'lastid'], true) && is_typing_error($letters, $word)) {
			throw new Refusal(400, "the query has a name that is not known: did you mean $right?");
		}
	}
}

// One letter too many, too few or wrong, or two that changed places.
function is_typing_error(string $a, string $b): bool
{
	if (abs(strlen($a) - strlen($b)) > 1 || strlen($a) > 15) {
		return false;
	}
	if (levenshtein($a, $b) <= 1) {
		return true;
	}
	$i = strspn($a ^ $b, "\0"); // where they begin to differ
	return strlen($a) === strlen($b) && substr($b, $i + 1, 1) . $b[$i] . substr($b, $i + 2) === substr($a, $i);
}

// A query that ends with its own signature, an HMAC-SHA256 of the bytes before it:
// topic=run%2F7&expires=1795812504&sign=HEX.  Everything that it allows stands before it.
function read_signature(array $rq, string $query, int $at): array
{
	if (!preg_match('/^sign=([0-9a-f]{64})(&|$)/D', substr($query, $at), $m)) {
		throw new Refusal(400, 'sign: not the 64 hex digits, in lower case, of an HMAC-SHA256');
	}
	$said = $rq['said'];
	$twice = array_filter($said, function (array $values): bool {
		return count($values) > 1;
	});
	$sub = $said['sub'][0] ?? null;
	$wrongs = [
		'sign: expires, sub, iat, iss or aud stands twice before it' => $twice !== [],
		'sign: expires is missing, which has to stand before it' => !isset($said['expires']),
		'expires: not in seconds since 1970' => read_seconds($said['expires'][0] ?? '') === null,
		'iat: not in seconds since 1970' => read_seconds($said['iat'][0] ?? '0') === null,
		'sub: not a name of 1 to 255 bytes' => $sub !== null && ($sub === '' || strlen($sub) > 255 || !is_clean($sub)),
		'access_token: a signed address takes no token' => $rq['tokens'] !== [],
		'sign: more than ' . SIGNED_MAX . ' bytes stand before it' => $at - 1 > SIGNED_MAX,
	];
	$wrong = array_search(true, $wrongs, true);
	if ($wrong !== false) {
		throw new Refusal(400, $wrong);
	}
	return ['mac' => hex2bin($m[1]), 'text' => as_sent($query) ?? substr($query, 0, $at - 1), 'sub' => $sub ?? '',
		'ends' => read_seconds($said['expires'][0]), 'issued' => read_seconds($said['iat'][0] ?? '0')];
}

// Digits, which are no milliseconds, as ms.
function read_seconds(string $s): ?int
{
	return preg_match('/^0*([0-9]{1,11})$/D', $s, $m) ? (int) $m[1] * 1000 : null;
}

// A web server may have written the query anew.  The one in REQUEST_URI counts if it says the same.
function as_sent(string $query): ?string
{
	if (!preg_match('/\?([^#]*)/', param('REQUEST_URI') ?? '', $m)) {
		return null;
	}
	$words = function (array $pair): array {
		return [$pair[0], $pair[1]];
	};
	$sent = iterator_to_array(pairs($m[1]), false);
	if (array_map($words, $sent) !== array_map($words, iterator_to_array(pairs($query), false))) {
		return null;
	}
	$at = array_column($sent, 2, 0)['sign'] ?? 0;
	return $at > 0 ? substr($m[1], 0, $at - 1) : null;
}

// Topics are kept in the order that stream-start tells: names, then prefixes.
function add_topic(array &$topics, string $s): void
{
	[$name, $prefix, $wrong] = read_topic($s);
	if ($wrong === null) {
		$topics[($prefix ? 'p' : 'n') . $name] = [$name, $prefix];
		$wrong = count($topics) > TOPICS_MAX ? 'topic: too many of them' : null;
	}
	if ($wrong !== null) {
		throw new Refusal(400, $wrong);
	}
	ksort($topics, SORT_STRING);
}

// [name, is it a prefix?, what is wrong or null]
function read_topic(string $s): array
{
	$prefix = substr($s, -1) === '*';
	$name = $prefix ? (string) substr($s, 0, -1) : $s;
	$wrong = null;
	if ($s === '') {
		$wrong = 'topic: empty name';
	} elseif (strlen($name) > 255) {
		$wrong = 'topic: longer than 255 bytes';
	} elseif (strpos($name, '*') !== false) {
		$wrong = 'topic: `*` may only stand at the end';
	} elseif (!is_clean($name)) {
		$wrong = 'topic: not UTF-8, or a control character in it';
	}
	return [$name, $prefix, $wrong];
}

// Is it UTF-8 without control characters?
function is_clean(string $s): bool
{
	return preg_match('/^[^\x00-\x1f\x7f-\x{9f}]*$/Du', $s) === 1;
}

// An age such as 10m, or a time, in ms since 1970.
function read_since(string $s): int
{
	$units = ['' => 1000, 'ms' => 1, 's' => 1000, 'm' => 60000, 'h' => 3600000, 'd' => 86400000, 'w' => 604800000];
	$ms = null;
	if (preg_match('/^([0-9]+)(ms|[smhdw]|)$/D', $s, $m)) {
		$n = $m[1] + 0; // a float if it is too large
		$is_time = $m[2] === '' && is_int($n) && $n >= 1000000000;
		$ms = $is_time ? ($n >= 1000000000000 ? $n : $n * 1000) : $n * $units[$m[2]];
		$ms = $is_time || !is_int($ms) ? $ms : now_ms() - $ms;
	} else {
		$ms = read_date($s, '-', ':') ?? read_date($s, '', '');
	}
	if (!is_int($ms)) {
		throw new Refusal(400, 'since: neither an age like 10m nor a time like 2026-11-22T08:00:00Z');
	}
	return $ms;
}

// ISO 8601, with these between the parts.  A `+` may have come as a blank.
function read_date(string $s, string $dash, string $colon): ?int
{
	$clock = function (string $c): string {
		return "([01]\\d|2[0-3])(?:$c([0-5]\\d)(?:$c([0-5]\\d)(?:[.,](\\d+))?)?)?";
	};
	$ms = function (array $c): int {
		return ((int) $c[0] * 3600 + (int) $c[1] * 60 + (int) $c[2]) * 1000 + (int) substr($c[3] . '000', 0, 3);
	};
	$pattern = "/^([+ -]\\d{6}|\\d{4})$dash(\\d\\d)$dash(\\d\\d)(?:[Tt ]" . $clock($colon) .
		'(?:[Zz]|(?: (?=[^\d]))?([+ -])(?|' . $clock(':') . '|' . $clock('') . '))?(?:\[[^\]]+\])*)?$/D';
	if (!preg_match($pattern, $s, $m)) {
		return null;
	}
	$m += array_fill(0, 13, '');
	$year = (int) ltrim($m[1], ' ');
	if ($m[1] === '-000000' || !checkdate((int) $m[2], (int) $m[3], ($year % 400 + 400) % 400 + 400)) {
		return null;
	}
	$day = (new DateTimeImmutable('@0'))->setDate($year, (int) $m[2], (int) $m[3])->getTimestamp();
	$offset = $ms(array_slice($m, 9, 4));
	return $day * 1000 + $ms(array_slice($m, 4, 4)) - ($m[8] === '-' ? -$offset : $offset);
}

// --- who asks -----------------------------------------------------------------

function refuse_token(string $why, string $what = 'token'): Refusal
{
	return new Refusal(401, "$what: $why", ['WWW-Authenticate: Bearer realm="largesse", error="invalid_token"']);
}

function need_name(string $line): Refusal
{
	return new Refusal(401, $line, ['WWW-Authenticate: Bearer realm="largesse"']);
}

function secrets(): array
{
	$secrets = [];
	foreach (preg_split('/\s+/', setting('KEY_FILE'), -1, PREG_SPLIT_NO_EMPTY) as $file) {
		if ($file === 'data/key') {
			make_key();
		}
		$key = @file_get_contents(path_of($file), false, null, 0, 65536);
		$key = $key === false ? '' : preg_replace('/\r?\n?$/D', '', $key, 1);
		if (strlen($key) < 32 || preg_match('/-----BEGIN |^(ssh|ecdsa)-|^\x30\x82|^\s*\{/', $key)) {
			throw new Misfit("$file: not a secret of 32 bytes or more that PHP can read");
		}
		$secrets[] = $key;
	}
	return $secrets;
}

// Makes data/key on first use, if it is not there.  Beside the document root no address leads
// to the secret; there it is, and data/key is a link to it, if that directory is ours alone.
// key.sh does the same for largesse.cgi.
function make_key(): void
{
	$key = __DIR__ . '/data/key';
	if (is_link($key) || is_file($key)) {
		for ($tries = 50; $tries > 0 && @filesize($key) === 0; $tries--) { // another is just making it
			usleep(20000);
			clearstatcache();
		}
		return;
	}
	$umask = umask(077);
	$new = __DIR__ . '/data/.key-' . bin2hex(random_bytes(8));
	if (@file_put_contents($new, bin2hex(random_bytes(32)) . "\n") !== 65) { // no room
		@unlink($new);
		umask($umask);
		return;
	}
	if (is_only_ours(dirname($key), $new)) { // nobody else on the machine can get at the log
		@chmod(dirname($key), 0700);
	}
	$beside = beside_root($new);
	if ($beside !== null && function_exists('symlink')) {
		give_name($new, $beside);
		if (is_file($beside) && fileowner($beside) === fileowner($new)) {
			@symlink($beside, $key);
		}
	}
	if (!is_link($key)) {
		give_name($new, $key);
	}
	@unlink($new);
	umask($umask);
}

// Gives a file a second name, if nothing has that.
function give_name(string $file, string $name): void
{
	if (function_exists('link')) {
		@link($file, $name);
	}
	if (!file_exists($name) && ($to = @fopen($name, 'x')) !== false) {
		fwrite($to, file_get_contents($file));
	}
}

// Can nobody but the owner of this file write to the directory, and is it his?
function is_only_ours(string $dir, string $file): bool
{
	$stat = @stat($dir);
	return $stat !== false && $stat['uid'] === @fileowner($file) && ($stat['mode'] & 022) === 0;
}

// The name of the secret beside the document root.  Where that is within another site its web
// server gives out nothing that begins with .ht.
function beside_root(string $file): ?string
{
	$root = realpath(param('DOCUMENT_ROOT') ?? '');
	if (param('DOCUMENT_ROOT') === null || $root === false || strpos(__DIR__ . '/', $root . '/') !== 0) {
		return null;
	}
	$dir = dirname($root);
	return is_only_ours($dir, $file) ? $dir . '/.htlargesse' . strtr(substr(__DIR__, strlen(rtrim($dir, '/'))), '/', '-') : null;
}

// The tokens of the request, all of one place: header, cookie or query.
function credentials(array $rq): array
{
	$header = given('HTTP_AUTHORIZATION') ?? '';
	if (preg_match('/^[ \t]*bearer(?:[ \t]+(.*?)|)[ \t]*$/Dis', $header, $m)) {
		return ['header', [$m[1] ?? '']];
	}
	$tokens = [];
	foreach (explode(';', param('HTTP_COOKIE') ?? '') as $pair) {
		[$name, $value] = explode('=', ltrim($pair, " \t"), 2) + [1 => ''];
		$value = preg_replace('/^"(.*)"$/Ds', '$1', rtrim($value, " \t"));
		if ($name === setting('COOKIE_NAME') && $value !== '') {
			$tokens[] = $value;
		}
	}
	if ($tokens !== []) {
		return ['cookie', array_slice($tokens, 0, 4)];
	}
	return [$rq['tokens'] === [] ? 'nothing' : 'query', $rq['tokens']];
}

// Who asks: ['by', 'sub', 'claims', 'revoked' topics, 'ends' in ms or null].
// The first good token counts.  If none is good, the last one says why.
function who_asks(Log $log, array $rq): array
{
	$who = ['by' => 'nothing', 'sub' => '', 'claims' => null, 'revoked' => [], 'ends' => null];
	$secrets = secrets();
	if ($rq['sign'] !== null) {
		return take_address($log, $rq['sign'], $secrets) + $who;
	}
	[$by, $tokens] = credentials($rq);
	if ($by === 'cookie' && !is_own_page()) {
		throw new Refusal(403, 'cookie: from a page of another site, which --allow-origin does not name');
	}
	$wrong = null;
	foreach ($tokens as $token) {
		try {
			return take_token($log, $token, $secrets) + ['by' => $by] + $who;
		} catch (Refusal $wrong) {
			continue;
		}
	}
	if ($wrong !== null) {
		throw $wrong;
	}
	return $who;
}

function take_token(Log $log, string $token, array $secrets): array
{
	$claims = read_token($token, $secrets);
	$sub = $claims->sub ?? '';
	if (property_exists($claims, 'sub') && (!is_string($claims->sub) || strlen($sub) > 128 || !is_clean($sub))) {
		throw refuse_token('its sub is no name');
	}
	$exp = token_time($claims, 'exp');
	return ['sub' => $sub, 'claims' => $claims, 'ends' => $exp === null ? null : $exp + LEEWAY_MS,
		'revoked' => revoked($log, $sub, token_time($claims, 'iat') ?? 0, 'token')];
}

// All topics of a signed address may be read: they were signed.
function take_address(Log $log, array $sign, array $secrets): array
{
	if (!is_signed($sign['text'], $sign['mac'], $secrets)) {
		throw refuse_token('the signature is not that of what stands before it, by a secret known here', 'sign');
	}
	if (now_ms() >= $sign['ends'] + LEEWAY_MS) {
		throw refuse_token('expired', 'sign');
	}
	return ['by' => 'sign', 'sub' => $sign['sub'], 'ends' => $sign['ends'] + LEEWAY_MS,
		'revoked' => revoked($log, $sign['sub'], $sign['issued'], 'sign')];
}

// The topics that were taken from the subject.  What does not say when it was issued, or says
// a time that lies ahead, is older than any revocation.
function revoked(Log $log, string $sub, int $issued, string $what): array
{
	$after = $issued - LEEWAY_MS;
	$topics = $sub === '' ? [] : $log->revoked($sub, $issued === 0 || $after > now_ms() ? 0 : $after);
	if (in_array(null, $topics, true)) {
		throw refuse_token('revoked', $what);
	}
	return $topics;
}

function is_signed(string $text, string $mac, array $secrets): bool
{
	$good = false;
	foreach ($secrets as $secret) {
		$good = hash_equals(hash_hmac('sha256', $text, $secret, true), $mac) || $good;
	}
	return $good;
}

// The claims of a token that one of the secrets has signed, and that is valid now.
function read_token(string $token, array $secrets): stdClass
{
	$parts = explode('.', $token, 4);
	if (strlen($token) > 8192) {
		throw refuse_token('longer than 8192 bytes');
	}
	if (count($parts) !== 3 || in_array('', $parts, true)) {
		throw refuse_token('not three parts in base64url');
	}
	check_header(token_part($parts[0], ['its header is no JSON object', 'a member of its header stands twice',
		'a number in its header is too large']));
	if (!is_signed($parts[0] . '.' . $parts[1], base64url($parts[2]), $secrets)) {
		throw refuse_token('its signature is not by a key known here');
	}
	$claims = token_part($parts[1], ['its claims are no JSON object', 'a claim stands twice',
		'a number in its claims is too large']);
	check_times($claims);
	return $claims;
}

function base64url(string $s): string
{
	$bytes = preg_match('/^[\w-]+$/D', $s) ? base64_decode(strtr($s, '-_', '+/'), true) : false;
	if ($bytes === false || rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=') !== $s) {
		throw refuse_token('not three parts in base64url');
	}
	return $bytes;
}

// $why: it is no object, a member stands twice, a number is too large.
function token_part(string $part, array $why): stdClass
{
	$json = base64url($part);
	$object = json_decode($json, false, 2048);
	if (!$object instanceof stdClass) {
		throw refuse_token($why[0]);
	}
	try {
		json_parts($json, true);
	} catch (DomainException $e) {
		throw refuse_token($why[$e->getCode()]);
	}
	return $object;
}

function check_header(stdClass $header): void
{
	$alg = $header->alg ?? null;
	if (!in_array($alg, ['HS256', 'RS256', 'ES256'], true)) {
		throw refuse_token('its alg is none of HS256, RS256 and ES256');
	}
	if (property_exists($header, 'kid') && !is_string($header->kid)) {
		throw refuse_token('its kid is no text');
	}
	if (property_exists($header, 'crit')) {
		throw refuse_token('its header asks for what is not known here (crit)');
	}
	if (property_exists($header, 'b64') && $header->b64 !== true) {
		throw refuse_token('its claims are not in base64url (b64)');
	}
	if (property_exists($header, 'typ') &&
		(!is_string($header->typ) || !preg_match('~^(application/)?(jwt|at\+jwt)$~Di', $header->typ))) {
		throw refuse_token('its typ is neither JWT nor at+jwt');
	}
	if ($alg !== 'HS256') {
		throw refuse_token('no key here is for its alg' . (isset($header->kid) ? ' and its kid' : ''));
	}
}

// In ms; null if the token does not say it.
function token_time(stdClass $claims, string $name): ?int
{
	if (!property_exists($claims, $name)) {
		return null;
	}
	if (!is_int($claims->$name) && !is_float($claims->$name)) {
		throw refuse_token('exp, nbf and iat are seconds since 1970');
	}
	return (int) (max(-1e12, min(1e12, $claims->$name)) * 1000);
}

function check_times(stdClass $claims): void
{
	[$exp, $nbf] = [token_time($claims, 'exp'), token_time($claims, 'nbf')];
	token_time($claims, 'iat');
	if ($exp !== null && now_ms() >= $exp + LEEWAY_MS) {
		throw refuse_token('expired');
	}
	if ($nbf !== null && now_ms() < $nbf - LEEWAY_MS) {
		throw refuse_token('not valid yet');
	}
}

// A browser adds a cookie by itself, whichever site's page asks.
function is_own_page(): bool
{
	$site = param('HTTP_SEC_FETCH_SITE');
	$origin = param('HTTP_ORIGIN');
	if ($site !== null) {
		return $site === 'same-origin' || $site === 'none';
	}
	if ($origin === null) {
		return true;
	}
	$usual = ['http' => ':80', 'https' => ':443'];
	if (!preg_match('~^([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$~Di', $origin, $page) ||
		!preg_match('~^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{0,5})?$~Di', param('HTTP_HOST') ?? '', $asked)) {
		return false;
	}
	$scheme = strtolower($page[1]);
	$port = function (?string $port) use ($scheme, $usual): string {
		return $port === null || $port === '' || $port === ':' ? $usual[$scheme] ?? '' : ':' . (int) substr($port, 1);
	};
	return strtolower($page[2]) === strtolower($asked[1]) && $port($page[3] ?? null) === $port($asked[2] ?? null) &&
		(strtolower(param('HTTPS') ?? '') !== 'on' && param('REQUEST_SCHEME') !== 'https' || $scheme === 'https');
}

// --- what may be read and published ---------------------------------------------

// Does a pattern, [name, prefix], cover a topic?
function covers(array $a, array $b): bool
{
	return $a[1] ? strncmp($b[0], $a[0], strlen($a[0])) === 0 : !$b[1] && $a[0] === $b[0];
}

// A pattern of a claim.  {sub} in it is the subject, which cannot make a prefix of it.
function claim_covers(string $s, string $sub, array $topic): bool
{
	[$name, $prefix, $wrong] = read_topic($s);
	if ($wrong === null && strpos($name, '{sub}') !== false) {
		$name = str_replace('{sub}', $sub, $name);
		$wrong = $sub === '' || strlen($name) > 255;
	}
	return !$wrong && covers([$name, $prefix], $topic);
}

function is_public(array $topic): bool
{
	foreach (preg_split('/\s+/', setting('PUBLIC'), -1, PREG_SPLIT_NO_EMPTY) as $s) {
		[$name, $prefix, $wrong] = read_topic($s);
		if ($wrong === null && covers([$name, $prefix], $topic)) {
			return true;
		}
	}
	return false;
}

function check_topic(array $who, string $use, array $topic): void
{
	if ($use === 'subscribe' && is_public($topic)) {
		return;
	}
	if ($who['by'] === 'nothing') {
		$cookie = setting('COOKIE_NAME');
		throw need_name("a token is needed: Authorization: Bearer, the cookie $cookie, or access_token");
	}
	foreach ($who['revoked'] as $s) {
		[$name, $prefix, $wrong] = read_topic($s);
		if ($wrong === null && (covers([$name, $prefix], $topic) || covers($topic, [$name, $prefix]))) {
			throw refuse_token('revoked for this topic', $who['by'] === 'sign' ? 'sign' : 'token');
		}
	}
	if ($who['by'] === 'sign' && $use === 'subscribe') {
		return;
	}
	$list = $who['claims']->largesse->$use ?? null;
	foreach (is_array($list) ? $list : [] as $s) {
		if (is_string($s) && claim_covers($s, $who['sub'], $topic)) {
			return;
		}
	}
	$does = $use === 'publish' ? 'publish to' : 'cover';
	throw new Refusal(403, "the token does not $does the topic " . $topic[0] . ($topic[1] ? '*' : ''));
}

// May this stream be opened?  Puts the user's name into the topics that ask for it.
function allow_stream(Log $log, array &$rq): array
{
	$names_user = preg_grep('/\{user\}/', array_column($rq['topics'], 0)) !== [];
	$who = ['by' => 'nothing', 'ends' => null];
	if ($rq['sign'] === null && !$names_user && array_filter($rq['topics'], __NAMESPACE__ . '\is_public') === $rq['topics']) {
		return $who;
	}
	$who = who_asks($log, $rq);
	if ($names_user && $who['sub'] === '') {
		throw need_name('topic: {user} is whoever asks, and nobody said who that is');
	}
	$topics = [];
	foreach ($rq['topics'] as [$name, $prefix]) {
		$name = str_replace('{user}', $who['sub'], $name);
		if (strlen($name) > 255) {
			throw new Refusal(403, "topic: longer than 255 bytes with the user's name");
		}
		$topics[($prefix ? 'p' : 'n') . $name] = [$name, $prefix];
	}
	ksort($topics, SORT_STRING);
	$rq['topics'] = $topics;
	foreach ($topics as $topic) {
		check_topic($who, 'subscribe', $topic);
	}
	return $who;
}

// --- the log ------------------------------------------------------------------

// The trouble of SQLite that may pass: the log is locked, or just being moved or restored.
function is_log_trouble(Throwable $e): bool
{
	return $e instanceof PDOException && in_array(($e->errorInfo[1] ?? 0) & 0xff, [5, 6, 8, 10, 11, 14, 15, 17, 26], true);
}

class Log
{
	public $id, $seq, $pruned, $newest, $revoked, $cuts;
	private $db, $path, $file, $statements = [];

	public function __construct(bool $write)
	{
		$this->path = path_of(setting('DB'));
		if (!is_writable(dirname($this->path))) {
			throw new Misfit('the folder of the log cannot be written by PHP: give its user the right');
		}
		if (!is_file($this->path) || filesize($this->path) === 0 || !$this->is_made($write)) {
			$this->make();
			$this->open($write);
		}
		$this->look();
	}

	// Is it a log, and in the mode in which readers and publishers do not wait for each other?
	private function is_made(bool $write): bool
	{
		$this->open($write);
		if ($this->row("SELECT 1 FROM sqlite_master WHERE name = 'largesse'") === null) {
			return false;
		}
		$this->check_schema();
		return $this->row('PRAGMA journal_mode')[0] === 'wal';
	}

	// The number goes up only when an older program would damage the log.
	private function check_schema(): void
	{
		$schema = (int) $this->number("SELECT CAST(value AS INTEGER) FROM largesse WHERE key = 'schema'");
		if ($schema > SCHEMA) {
			throw new Newer(NEWER . ": it has schema $schema, and events.php knows " . SCHEMA);
		}
	}

	private function open(bool $write): void
	{
		$this->file = $this->stat();
		$this->statements = [];
		$this->db = null;
		$this->db = new PDO('sqlite:' . $this->path, null, null, [
			PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
			PDO::ATTR_TIMEOUT => 5,
			PDO::SQLITE_ATTR_OPEN_FLAGS => $write ? PDO::SQLITE_OPEN_READWRITE : PDO::SQLITE_OPEN_READONLY,
		]);
		if (version_compare($this->row('SELECT sqlite_version()')[0], '3.24.0', '<')) {
			throw new Misfit('it needs SQLite 3.24 or later');
		}
	}

	private function stat(): string
	{
		clearstatcache(true, $this->path);
		$stat = @stat($this->path);
		return $stat === false ? '' : $stat['dev'] . ' ' . $stat['ino'];
	}

	public function run(string $sql, ...$values): PDOStatement
	{
		$statement = $this->statements[$sql] ??= $this->db->prepare($sql);
		foreach ($values as $i => $value) {
			$statement->bindValue($i + 1, $value, $value === null ? PDO::PARAM_NULL :
				(is_int($value) ? PDO::PARAM_INT : PDO::PARAM_STR));
		}
		$statement->execute();
		return $statement;
	}

	// The first row, as a list, or null.
	public function row(string $sql, ...$values): ?array
	{
		$statement = $this->run($sql, ...$values);
		$row = $statement->fetch(PDO::FETCH_NUM);
		$statement->closeCursor();
		return $row === false ? null : $row;
	}

	// The number in the first column of the first row.
	public function number(string $sql, ...$values): ?int
	{
		$row = $this->row($sql, ...$values);
		return $row === null || $row[0] === null ? null : (int) $row[0];
	}

	// One short transaction: what is read in it fits together, and nothing stays open after it.
	public function reading(callable $read)
	{
		$this->db->exec('BEGIN');
		try {
			$this->look();
			return $read();
		} finally {
			$this->db->exec('COMMIT');
		}
	}

	public function writing(callable $write)
	{
		$this->db->exec('PRAGMA synchronous = FULL');
		$this->db->exec('BEGIN IMMEDIATE');
		try {
			$this->check_schema();
			$result = $write();
			$this->db->exec('COMMIT');
			return $result;
		} catch (Throwable $e) {
			try {
				$this->db->exec('ROLLBACK');
			} catch (PDOException $over) { // SQLite or a trigger has done that
			}
			throw $e;
		}
	}

	// Which log it is, its newest ids, and what was removed from it.
	private function look(): void
	{
		$this->check_schema();
		$row = $this->row("SELECT (SELECT value FROM largesse WHERE key = 'log')," .
			" (SELECT seq FROM sqlite_sequence WHERE name = 'events')," .
			" (SELECT value FROM largesse WHERE key = 'pruned')," .
			" (SELECT seq FROM sqlite_sequence WHERE name = 'largesse_revoke'), (SELECT max(id) FROM events)," .
			" (SELECT value FROM largesse WHERE key = 'cuts')");
		[$this->id, $this->newest] = [(string) $row[0], (int) $row[4]];
		$this->seq = max((int) $row[1], $this->newest);
		$this->pruned = $row[2] === null ? PHP_INT_MAX : (int) $row[2];
		[$this->revoked, $this->cuts] = [(int) $row[3], (int) $row[5]];
	}

	// Has anybody committed since this was last asked?  It costs less than a read.
	public function version(): int
	{
		return $this->number('PRAGMA data_version');
	}

	// Has another file taken the name of the log?
	public function is_moved(): bool
	{
		return $this->stat() !== $this->file;
	}

	// The place after the newest event, and the one before the oldest.
	public function head(): int
	{
		$head = $this->pruned !== PHP_INT_MAX ? max($this->newest, $this->pruned) : $this->seq;
		return max(0, min($head, $this->seq));
	}

	public function floor(): int
	{
		return max(0, ($this->number('SELECT min(id) FROM events') ?? $this->head() + 1) - 1);
	}

	// The row at this place or the one before it: [id, time], or null.  The time is null if the row is
	// so large that the program does not read it, and gives it no check.
	public function row_at(int $place): ?array
	{
		$row = $this->row('SELECT id, CASE WHEN length(CAST(data AS BLOB)) <= ?1 THEN time END FROM events' .
			' WHERE id <= ?2 ORDER BY id DESC LIMIT 1', TEXT_MAX, $place);
		return $row === null ? null : [(int) $row[0], $row[1] === null ? null : (int) $row[1]];
	}

	// An id for a client that is to come back with it.
	public function place(int $id): string
	{
		$row = $this->row_at($id);
		return $row === null || $row[0] < 1 || $row[1] === null ? (string) $id : checked_id($row[0], $row[1]);
	}

	// The place of the newest event of a topic, if that ends it, or null.  In a log with topics that are no
	// text, which was made by hand, none ends.
	public function end_of(string $topic): ?int
	{
		$row = $this->row('SELECT id, CAST(event AS BLOB) = CAST(? AS BLOB) FROM events WHERE topic = ?' .
			' ORDER BY id DESC LIMIT 1', END_TYPE, $topic);
		$ended = $row !== null && $row[0] > 0 && (int) $row[1] === 1;
		return $ended && $this->row("SELECT 1 FROM events WHERE topic >= x'' LIMIT 1") === null ? (int) $row[0] : null;
	}

	// The topics that were taken from this subject; null among them is all topics.
	public function revoked(string $sub, int $issued_ms): array
	{
		if ($this->revoked === 0) {
			return [];
		}
		$topics = $this->run('SELECT DISTINCT topic FROM largesse_revoke WHERE subject = ? AND time >= ?' .
			' LIMIT 1000', $sub, $issued_ms)->fetchAll(PDO::FETCH_COLUMN);
		return count($topics) < 1000 ? $topics : [null];
	}

	// Makes it, just as `largesse init --keep-rows` does.  Two may do so at once.
	private function make(): void
	{
		$dir = stat(dirname($this->path));
		$umask = umask(umask() | 026);
		$new = @fopen($this->path, 'x');
		umask($umask);
		if ($new !== false && $dir['mode'] & 020) { // the group of the folder shares it
			@chgrp($this->path, $dir['gid']);
			@chmod($this->path, 0660);
		}
		$this->open(true);
		$this->db->exec('BEGIN IMMEDIATE');
		if ($this->row('SELECT 1 FROM sqlite_master LIMIT 1') === null) {
			$this->db->exec(schema());
		}
		$is_log = $this->row("SELECT 1 FROM sqlite_master WHERE name = 'largesse'") !== null;
		$this->db->exec('COMMIT');
		if (!$is_log) {
			throw new Misfit('the database is not an event log: give events.php a file of its own');
		}
		for ($tries = 250; $tries > 0; $tries--) { // SQLite does not wait for readers here
			try {
				$this->row('PRAGMA journal_mode = WAL');
				break;
			} catch (PDOException $e) {
				usleep(20000);
			}
		}
	}
}

// --- ids ----------------------------------------------------------------------

// A number and a check that is made of the row's time, as 41-k52q: with it a row that
// has this number in another life of the log is known to be another.
function checked_id(int $id, int $time_ms): string
{
	$letters = 'abcdefghijkmnpqrstuvwxyz23456789';
	$n = mix(add64(mix($time_ms < 0 || $time_ms > 253402300799999 ? 0 : $time_ms), $id));
	$n = ((shift($n, 32) % 786432) * (4294967296 % 786432) + ($n & 0xffffffff)) % 786432;
	return $id . '-' . $letters[$n >> 15] . $letters[$n >> 10 & 31] . $letters[$n >> 5 & 31] . $letters[$n & 31];
}

// splitmix64, of numbers without a sign, which PHP does not have.
function mix(int $n): int
{
	$n = mul64($n ^ shift($n, 30), 0xbf58476d << 32 | 0x1ce4e5b9);
	$n = mul64($n ^ shift($n, 27), 0x94d049bb << 32 | 0x133111eb);
	return $n ^ shift($n, 31);
}

function shift(int $n, int $bits): int
{
	return $n >> $bits & ~(-1 << 64 - $bits);
}

function add64(int $a, int $b): int
{
	$low = ($a & 0xffffffff) + ($b & 0xffffffff);
	return (shift($a, 32) + shift($b, 32) + ($low >> 32)) << 32 | $low & 0xffffffff;
}

function mul64(int $a, int $b): int
{
	$sums = [0, 0, 0, 0]; // of 16 bits each, and what is carried to the next
	for ($i = 0; $i < 4; $i++) {
		for ($j = 0; $i + $j < 4; $j++) {
			$sums[$i + $j] += ($a >> 16 * $i & 0xffff) * ($b >> 16 * $j & 0xffff);
		}
	}
	for ($n = $i = $carry = 0; $i < 4; $i++) {
		$carry += $sums[$i];
		$n |= ($carry & 0xffff) << 16 * $i;
		$carry >>= 16;
	}
	return $n;
}

function is_uid(?string $uid): bool
{
	return $uid !== null && preg_match('/^(?!\d*$|earliest$|\?$)[!-~]{1,128}$/D', $uid) === 1;
}

// --- where a stream starts ------------------------------------------------------

// [place, reason of a gap or null]
function find_start(Log $log, array $rq): array
{
	if ($rq['id'] === 'earliest') {
		return [$log->floor(), null];
	}
	if ($rq['id'] !== null) {
		[$place, $gap] = find_id($log, $rq);
		$asked = $gap === 'pruned' ? (int) $rq['id'] : $place;
		return [$place, $gap === 'unknown' ? $gap : find_cut($log, $rq['topics'], $asked, 0, $gap)];
	}
	if ($rq['last'] > 0) {
		[$sql, $values] = topics_sql($rq['topics'], 'id <= ?', [PHP_INT_MAX], 'DESC', $rq['last']);
		return [max(0, ($log->number("SELECT min(id) FROM ($sql)", ...$values) ?? $log->head() + 1) - 1), null];
	}
	if ($rq['last'] === null && $rq['since'] !== null) {
		return [find_time($log, $rq['since']), null];
	}
	return [$log->head(), null];
}

// Times grow with ids, near enough: so the place is found by halving.
function find_time(Log $log, int $ms): int
{
	[$low, $high] = [$log->floor(), $log->head()];
	while ($low < $high) {
		$middle = $low + intdiv($high - $low, 2);
		$row = $log->row('SELECT id, time FROM events WHERE id > ? ORDER BY id LIMIT 1', $middle);
		if ($row !== null && (int) $row[1] < $ms) {
			$low = (int) $row[0];
		} else {
			$high = $middle;
		}
	}
	return $low;
}

// The id that a client comes back with: a number, a number with its check, or a uid.
// A place that is gone, or that is not certain, is told as a gap, never passed over.
function find_id(Log $log, array $rq): array
{
	$unknown = [$log->head(), 'unknown'];
	if (preg_match('/^[0-9]+$/D', $rq['id'])) {
		return is_int($rq['id'] + 0) ? find_number($log, (int) $rq['id']) : $unknown;
	}
	[$uid, $place] = $rq['id'] === '?' ? ['none', 0] : find_uid($log, $rq);
	if (!preg_match('/^([1-9][0-9]*)-[a-km-np-z][a-km-np-z2-9]{3}$/D', $rq['id'], $m) || !is_int($m[1] + 0)) {
		return $uid === 'found' ? [$place, null] : $unknown;
	}
	$number = (int) $m[1];
	$row = $log->row_at($number);
	$is_there = $row !== null && $row[0] === $number;
	$is_row = $is_there && ($row[1] === null || checked_id($number, $row[1]) === $rq['id']);
	if ($uid === 'found' && (!$is_row || $place === $number)) {
		return [$place, null];
	}
	if ($uid !== 'found' && $is_row) {
		return [$number, null];
	}
	// Neither is there: the row was removed, if this log ever removed one so new.
	return $uid === 'none' && !$is_there && $number <= $log->pruned ? find_number($log, $number) : $unknown;
}

// The place of a number of which nothing else is known.
function find_number(Log $log, int $number): array
{
	$floor = $log->floor();
	if ($number > $log->seq) {
		return [$log->head(), 'unknown'];
	}
	if ($number < $floor && $number < $log->pruned) {
		return [$floor, 'pruned'];
	}
	// A row that was written after newer ones were removed is of another life of the log.
	$removed_ms = $log->number("SELECT value FROM largesse WHERE key = 'pruned-time'") ?? 0;
	$row = $log->row_at($number);
	if ($number <= $log->pruned && $log->pruned !== PHP_INT_MAX && $removed_ms > 0 && $row !== null &&
		$row[1] !== null && $row[1] > $removed_ms && $row[1] <= now_ms() + 60000) {
		return [$log->head(), 'unknown'];
	}
	return [min($number, $log->head()), null];
}

// ['found', id], or 'lost': its event was removed or it stands for two places, or 'none'.
// Nobody learns of a uid of a topic that he does not ask for.
function find_uid(Log $log, array $rq): array
{
	$row = $log->row('SELECT id, topic FROM events WHERE uid = ?', $rq['id']);
	$is_ours = $row !== null && matches($rq['topics'], (string) $row[1]);
	foreach (uid_notes($log, $rq['id']) as [$topic, $id, $is_old]) {
		$is_told = $is_ours || ($is_old && $topic === '') || matches($rq['topics'], (string) $topic);
		if ($is_told && ($row === null || (int) $id !== (int) $row[0])) {
			return ['lost', 0];
		}
	}
	return $is_ours ? ['found', (int) $row[0]] : ['none', 0];
}

// The log notes which uids left their place: [topic, id, is it a note without a topic?] each.
// Older logs have notes without topics, or none.
function uid_notes(Log $log, string $uid): array
{
	foreach (["topic, id, typeof(topic) = 'blob'", "'', id, 1"] as $columns) {
		try {
			return $log->run("SELECT $columns FROM largesse_uids WHERE uid = ?", $uid)->fetchAll(PDO::FETCH_NUM);
		} catch (PDOException $e) {
			if (is_log_trouble($e)) {
				throw $e;
			}
		}
	}
	return [];
}

// Rows of a topic may be removed while older ones of others stay.  That is a cut.  The reason of a
// gap after this place: that which there is, or that of the cuts of these topics after so many.
function find_cut(Log $log, array $topics, int $place, int $known, ?string $gap): ?string
{
	$folded = [];
	foreach ($log->cuts > $known ? $topics : [] as [$name, $prefix]) {
		$found = $prefix && $gap !== null ? [] : cuts($log, $name, $prefix, $place, $known);
		if ($gap !== null && $found === []) { // not all of it was folded
			return $gap;
		}
		array_push($folded, ...$found);
	}
	return $folded === [] ? $gap : (in_array(0, $folded, true) ? 'pruned' : 'folded');
}

// Of each cut of a topic: 1 if what was removed is in the row that comes next, and 0 if it is lost.
function cuts(Log $log, string $name, bool $prefix, int $place, int $known): array
{
	$is = $prefix ? 'substr(CAST(topic AS BLOB), 1, length(CAST(?1 AS BLOB))) = CAST(?1 AS BLOB)' : 'topic = ?1';
	try {
		return array_map('intval', $log->run("SELECT folded <> 0 FROM largesse_cuts WHERE $is AND id > ?2 AND made > ?3",
			$name, $place, $known)->fetchAll(PDO::FETCH_COLUMN));
	} catch (PDOException $e) {
		if (is_log_trouble($e)) {
			throw $e;
		}
	}
	return [];
}

function matches(array $topics, string $name): bool
{
	foreach ($topics as $topic) {
		if (covers($topic, [$name, false])) {
			return true;
		}
	}
	return false;
}

// SQL for the ids of these topics, and the values that it takes.  A name is found by the
// index, with which a row costs the same however long the log is.
function topics_sql(array $topics, string $where, array $bounds, string $order, int $limit): array
{
	$parts = $values = [];
	foreach ($topics as [$name, $prefix]) {
		$ways = ['topic = ?' => [$name], 'topic = CAST(? AS BLOB)' => [$name]]; // whoever bound it as a BLOB
		if ($prefix) {
			$ways = $name === '' ? ['1' => []] :
				['substr(CAST(topic AS BLOB), 1, ?) = CAST(? AS BLOB)' => [strlen($name), $name]];
		}
		foreach ($ways as $is => $names) {
			$parts[] = "SELECT * FROM (SELECT id FROM events WHERE $is AND $where ORDER BY id $order LIMIT $limit)";
			array_push($values, ...$names, ...$bounds);
		}
	}
	return [implode(' UNION ', $parts) . " ORDER BY id $order LIMIT $limit", $values];
}

// Where each of the topics has ended; null: it goes on.  A prefix always does.
function ends(Log $log, array $topics): array
{
	return array_map(function (array $topic) use ($log): ?int {
		return $topic[1] ? null : $log->end_of($topic[0]);
	}, $topics);
}

// Have all topics ended, at this place or before it?
function is_past(array $ends, int $place): bool
{
	return !in_array(null, $ends, true) && max($ends) <= $place;
}

// Is something going on: has one of the topics an event, and has it not ended?
function is_active(Log $log, array $topics, array $ends): bool
{
	if (in_array(true, array_column($topics, 1), true)) {
		return true;
	}
	$open = array_diff_key($topics, array_filter($ends));
	if ($open === []) {
		return false;
	}
	[$sql, $values] = topics_sql($open, 'id <= ?', [PHP_INT_MAX], 'DESC', 1);
	return $log->row($sql, ...$values) !== null;
}

// --- the stream -----------------------------------------------------------------

function listen(array $rq): void
{
	$log = new Log(false);
	$revoked = $log->revoked; // what comes after this ends the stream
	$who = allow_stream($log, $rq);
	if ($rq['method'] === 'HEAD') {
		answer(200, '', ['Content-Type: text/event-stream', 'X-Accel-Buffering: no']);
		return;
	}
	$start = $log->reading(function () use ($log, $rq): ?array {
		return open_place($log, $rq);
	});
	if ($start === null) { // who comes back stops at that
		answer(204, '');
		return;
	}
	foreach (['Content-Type: text/event-stream', 'Cache-Control: no-store, no-transform',
		'X-Content-Type-Options: nosniff', 'X-Accel-Buffering: no'] as $line) {
		header($line);
	}
	$ends = ($who['ends'] ?? INF) / 1000;
	if ($rq['bare']) {
		send_bare($log, $rq, $start, $revoked, $ends);
	} else {
		send_events($log, $rq, $start, $revoked, $ends);
	}
}

// [place, reason of a gap, the place's id], or null if there is nothing for this client.
function open_place(Log $log, array $rq): ?array
{
	$ends = ends($log, $rq['topics']);
	if ($rq['active'] && !is_active($log, $rq['topics'], $ends)) {
		return null;
	}
	[$place, $gap] = find_start($log, $rq);
	if ($rq['bare']) {
		check_bare($gap, setting('PHP_HOLD_S') > 0 || !in_array(null, $ends, true));
	}
	return $gap === null && is_past($ends, $place) ? null : [$place, $gap, $log->place($place)];
}

function send_events(Log $log, array $rq, array $start, int $revoked, float $token_ends): void
{
	[$place, $gap, $id] = $start;
	$hold_s = hold_s($rq, $gap !== null);
	$due = due($rq, $hold_s, $token_ends);
	send(start_event($id, $rq, $log->id) . ($gap === null ? '' : gap_event($gap, $rq['id'], $id)) . warning($due));
	function_exists('set_time_limit') && set_time_limit((int) $hold_s + 60); // some hosts forbid it
	$why = follow($log, $rq, $place, $revoked, $due);
	if ($why === 'more' && !is_still_allowed($log, $rq)) {
		$why = 'revoked';
	}
	send($why === 'ended' ? last_block($rq) : bye(reason($rq, $why), comes_back_ms($rq, $why)));
}

// Nothing but what was published.  The request is kept open until its topics have ended.  If it has
// to end before, it has no last block; PHP cannot cut the connection.
function send_bare(Log $log, array $rq, array $start, int $revoked, float $token_ends): void
{
	function_exists('set_time_limit') && set_time_limit(0);
	send("id: $start[2]\n\n", true);
	if (follow($log, $rq, $start[0], $revoked, due($rq, INF, $token_ends)) === 'ended') {
		send(last_block($rq));
	}
}

// How long a request is kept open, waiting for events.  A gap is an answer to a poll.  Where what is sent is
// kept back until the answer ends, it ends at once after an opening, and with the first beat.
function hold_s(array $rq, bool $is_gap): float
{
	$hold_s = min((float) setting('PHP_HOLD_S'), $rq['age'] ?? INF, $rq['poll'] ? ($is_gap ? 0 : POLL_S) : INF);
	return is_kept_back() ? ($is_gap || $rq['id'] === null ? 0 : min($hold_s, $rq['beat'] ?? INF)) : $hold_s;
}

// The word of stream-retry.
function reason(array $rq, string $why): string
{
	return in_array($why, ['token', 'revoked'], true) ? $why : ($rq['poll'] ? 'poll' : 'age');
}

// Who wants short answers comes back soon, unless it is this host that makes them short.
function comes_back_ms(array $rq, string $why): int
{
	$is_short = ($rq['poll'] || $rq['age'] !== null) && setting('PHP_HOLD_S') >= 1;
	$ms = $why === 'more' ? AT_ONCE_MS : ($is_short && $why === 'late' ? SOON_MS : null);
	return $ms === null ? retry_ms() : mt_rand($ms[0], $ms[1]);
}

// Was it the right of another that was revoked?
function is_still_allowed(Log $log, array $rq): bool
{
	try {
		allow_stream($log, $rq);
		return true;
	} catch (Refusal $e) {
		return false;
	}
}

// What the client wants to be told when all has been sent.
function last_block(array $rq): string
{
	return $rq['end'] === null ? '' : block($rq['end_event'], $rq['end']);
}

// A bare stream has no event that says that something is missing, or that it goes on in another
// answer: its client takes the end of the answer for the end of its topics.
function check_bare(?string $gap, bool $gets_all): void
{
	if ($gap !== null) {
		throw new Refusal(410, "the place asked for is gone: $gap");
	}
	if (!$gets_all) {
		throw new Refusal(503, 'not all of it is there yet, and no request is kept open here: come back', [retry_after()]);
	}
}

// A bare stream goes on where answers are kept back: with a comment that is as large as what is.
function send(string $text, bool $push = false): void
{
	echo $text;
	if ($push && is_kept_back()) {
		echo ':', str_repeat(' ', PHP_SAPI === 'fpm-fcgi' ? 8192 : 65536), "\n";
	}
	flush();
}

// The comment for which the client has asked, when all was sent: it moves that on where something in the way
// keeps the last bytes back.
function send_pad(array $rq): void
{
	if ($rq['pad'] > 1) {
		send(':' . str_repeat('.', $rq['pad'] - 2) . "\n");
	}
}

// Apache collects what comes by FastCGI until the answer ends.  So an answer there ends
// with the first news.
function is_kept_back(): bool
{
	return in_array(PHP_SAPI, ['fpm-fcgi', 'cgi-fcgi'], true) && getenv('GATEWAY_INTERFACE', true) === false &&
		stripos(param('SERVER_SOFTWARE') ?? '', 'nginx') === false;
}

// When something is due on a stream, in seconds since 1970.
function due(array $rq, float $hold_s, float $token_ends): array
{
	$now = microtime(true);
	return ['end' => $now + $hold_s, 'token' => $token_ends, 'warn' => $rq['bare'] ? INF : $token_ends - EXPIRE_S,
		'beat' => $now + ($rq['beat'] ?? INF), 'comment' => $now + (float) setting('HEARTBEAT')];
}

// Says once, in time, that the token ends.
function warning(array &$due): string
{
	$now = microtime(true);
	if ($now < $due['warn']) {
		return '';
	}
	$due['warn'] = INF;
	return "event: stream-expire\ndata: {\"seconds\":" . max(0, (int) ($due['token'] - $now)) . "}\n\n";
}

// Says what is due.  A comment is, when nothing was said for a while: PHP learns by it that a browser has left.
function say_due(Log $log, array $rq, int $place, array &$due): void
{
	$now = microtime(true);
	$text = warning($due);
	if ($now >= $due['beat']) {
		$text .= beat_event($log->place($place));
		$due['beat'] = $now + $rq['beat'];
	}
	if ($text === '' && $now >= $due['comment']) {
		$text = ":\n";
	}
	if ($text !== '') {
		send($text, $rq['bare']);
		send_pad($rq);
		$due['comment'] = microtime(true) + (float) setting('HEARTBEAT');
	}
}

// Sends what there is and then what comes.  Why it stops: all topics have ended; there is more, and the client
// is to come back at once; it is late; or its token has ended.
function follow(Log $log, array $rq, int $place, int $revoked, array $due): string
{
	$version = null;
	$known = ['id' => $log->id, 'seq' => $log->seq, 'revoked' => $revoked, 'cuts' => $log->cuts,
		'row' => $log->row_at($place)];
	while (!connection_aborted() && !$log->is_moved()) {
		$now = $log->version();
		if ($now !== $version) {
			[$sent, $place, $all, $ended] = send_new($log, $rq, $place, $known);
			if (!$all) {
				return 'more';
			}
			if ($sent > 0 || $version === null) {
				send_pad($rq);
			}
			if ($ended) {
				return 'ended';
			}
			if ($sent > 0 && ($rq['poll'] || is_kept_back() && !$rq['bare'])) {
				return 'late';
			}
			$version = $now;
			$due['comment'] = $sent > 0 ? microtime(true) + (float) setting('HEARTBEAT') : $due['comment'];
		}
		say_due($log, $rq, $place, $due);
		$left = min($due['end'], $due['token']) - microtime(true);
		if ($left <= 0) {
			return $due['token'] <= microtime(true) ? 'token' : 'late';
		}
		usleep((int) (max(0, min(1 / LOOKS_S, $left, $due['beat'] - microtime(true))) * 1000000));
	}
	return 'more';
}

// Sends all that comes after a place: [bytes sent, the new place, was that all?, and have the
// topics ended?].  It reads a piece, lets go of the log, and then sends, for a client may take
// its time.
function send_new(Log $log, array $rq, int $place, array &$known): array
{
	$sent = 0;
	do {
		$piece = $log->reading(function () use ($log, $rq, $place, &$known): ?array {
			if (!is_as_known($log, $known)) {
				return null;
			}
			[$text, $place, $all] = next_piece($log, $rq, $place, $known);
			return [$text, $place, $all, $all && is_past(ends($log, $rq['topics']), $place)];
		});
		if ($piece === null) {
			return [$sent, $place, false, false];
		}
		[$text, $place, $all, $ended] = $piece;
		$sent += strlen($text);
		if ($text !== '') {
			send($text, $rq['bare']);
		}
	} while (!$all && ($sent < ANSWER_MAX || $rq['bare']) && !connection_aborted());
	return [$sent, $place, $all, $ended];
}

// Is it another log, or an older copy of it, or was a right taken away?  The client comes
// back, and is told what is the case, or refused.
function is_as_known(Log $log, array &$known): bool
{
	$row = $known['row'] === null ? null : $log->row_at($known['row'][0]);
	$is_other = $row !== null && $row[0] === $known['row'][0] && $row[1] !== $known['row'][1];
	$was = $known['seq'];
	$known['seq'] = $log->seq;
	return !$is_other && $log->seq >= $was && $log->id === $known['id'] && $log->revoked === $known['revoked'];
}

// What comes next, some of it: [text, the place after it, is that all?]
function next_piece(Log $log, array $rq, int $place, array &$known): array
{
	$text = '';
	$floor = $log->floor();
	$is_gone = $place < $floor && $place < $log->pruned;
	$gap = find_cut($log, $rq['topics'], $place, $known['cuts'], $is_gone ? 'pruned' : null);
	$known['cuts'] = $log->cuts;
	if ($gap !== null && $rq['bare']) {
		throw new Refusal(410, 'events were removed that it had not been sent'); // which nobody is told
	}
	if ($gap !== null) {
		$to = $is_gone ? $floor : $place;
		$text = gap_event($gap, (string) $place, $log->place($to));
		$place = $to;
	}
	$upto = $log->number('SELECT max(id) FROM (SELECT id FROM events WHERE id > ? ORDER BY id LIMIT ?)', $place, PIECE_SCAN);
	if ($upto === null) {
		return [$text, $place, true];
	}
	[$sql, $values] = topics_sql($rq['topics'], 'id > ? AND id <= ?', [$place, $upto], 'ASC', PIECE_ROWS);
	$ids = $log->run($sql, ...$values)->fetchAll(PDO::FETCH_COLUMN);
	foreach ($ids as $id) {
		$text .= row_event($log, (int) $id, $rq['bare']);
		$place = (int) $id;
		if (strlen($text) >= PIECE_BYTES) {
			return [$text, $place, false];
		}
	}
	$place = count($ids) < PIECE_ROWS ? $upto : $place;
	$known['row'] = $log->row_at($place);
	return [$text, $place, $place >= $log->newest];
}

function row_event(Log $log, int $id, bool $bare): string
{
	[$time, $size, $event, $uid, $data] = $log->row('SELECT time, size, CASE WHEN size <= ?1 THEN event END,' .
		' CASE WHEN size <= ?2 THEN uid END, CASE WHEN size <= ?1 THEN data END FROM (SELECT *, max(length(' .
		'CAST(data AS BLOB)), coalesce(length(CAST(event AS BLOB)), 0)) AS size FROM events WHERE id = ?3)',
		EVENT_MAX, TEXT_MAX, $id);
	$told = $size > TEXT_MAX ? (string) $id : checked_id($id, (int) $time);
	$name = is_uid($uid) ? $uid : $told;
	$fits = $size <= EVENT_MAX;
	if ($bare && (!$fits || $event === END_TYPE)) {
		return ($fits ? '' : ": an event over the limit\n") . "id: $name\n\n";
	}
	return $fits ? "id: $name\n" . block((string) $event, (string) $data) : gap_event('too-large', $told, $told);
}

// No byte of a row gets out of its field.  Types that begin with stream- are ours, but for the
// one that ends a topic: the type of a row cannot be another.
function block(string $event, string $data): string
{
	$event = preg_replace('/^stream-(?!end$)/D', 'stream' . BAD, str_replace(["\r", "\n", "\0"], BAD, $event));
	return ($event === '' ? '' : 'event: ' . utf8($event) . "\n") .
		'data: ' . preg_replace('/\r\n?|\n/', "\ndata: ", utf8($data)) . "\n\n";
}

// What is no UTF-8 becomes U+FFFD, as it does in a browser.
function utf8(string $s): string
{
	if (preg_match('//u', $s)) {
		return $s;
	}
	return preg_replace('/(?:[\x00-\x7f]++|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|' .
		'[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})++' .
		'(*SKIP)(*FAIL)|\xe0[\xa0-\xbf]|\xed[\x80-\x9f]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]?|' .
		'[\xf1-\xf3][\x80-\xbf]{1,2}|\xf4[\x80-\x8f][\x80-\xbf]?|./s', BAD, $s);
}

function start_event(string $id, array $rq, string $log_id): string
{
	$topics = [];
	foreach ($rq['topics'] as [$name, $prefix]) {
		$topics[] = quoted($name . ($prefix ? '*' : ''));
	}
	$beat = $rq['beat'] === null ? '' : ',"time":' . now_ms() . ",\"beat\":$rq[beat]";
	return 'retry: ' . retry_ms() . "\nevent: stream-start\nid: $id\ndata: {\"id\":\"$id\",\"topics\":[" .
		implode(',', $topics) . '],"log":' . quoted($log_id) . "$beat}\n\n";
}

// The server is there, its clock says this, and the client has all up to this place.
function beat_event(string $id): string
{
	return "event: stream-beat\ndata: {\"time\":" . now_ms() . ",\"id\":\"$id\"}\n\n";
}

// A place that is gone: what was asked for, and where the stream goes on.
function gap_event(string $reason, string $asked, string $id): string
{
	return "event: stream-gap\nid: $id\ndata: {\"reason\":\"$reason\",\"asked\":" . quoted($asked) . ",\"id\":\"$id\"}\n\n";
}

function quoted(string $s): string
{
	return '"' . addcslashes(utf8($s), '"\\') . '"';
}

// --- publishing -----------------------------------------------------------------

function publish(array $rq): void
{
	if ($rq['sign'] !== null) {
		throw new Refusal(400, 'sign: a signed address is only for reading');
	}
	$log = new Log(true);
	$who = who_asks($log, $rq);
	if ($who['by'] === 'nothing') {
		check_topic($who, 'publish', ['main', false]);
	}
	$events = read_body(take_body($rq), body_type());
	foreach ($events as $event) {
		check_topic($who, 'publish', [$event['topic'], false]);
	}
	try {
		[$ids, $new] = $log->writing(function () use ($log, $events): array {
			return append($log, $events);
		});
	} catch (PDOException $e) {
		throw publish_trouble($e);
	}
	answer($new ? 201 : 200, '{"ids":["' . implode('","', $ids) . "\"]}\n", ['Content-Type: application/json']);
}

function publish_trouble(PDOException $e): Exception
{
	$code = ($e->errorInfo[1] ?? 0) & 0xff;
	if ($code === 19) {
		return new Refusal(400, 'the log refused it: ' . $e->errorInfo[2]);
	}
	if ($code === 5 || $code === 6) {
		return new Refusal(503, 'the log is busy: nothing was written, try again', ['Retry-After: 1']);
	}
	error_log('events.php: ' . $e->getMessage());
	return $code === 13 || $code === 18 ? new Refusal(507, 'no room in the log: nothing was written') :
		new Refusal(500, 'the log cannot be written: nothing was');
}

// Adds all events or none.  One whose uid is there already is not added again.
function append(Log $log, array $events): array
{
	$ids = [];
	$new = false;
	$now = now_ms();
	foreach ($events as $e) {
		$added = $log->run('INSERT INTO events(topic, event, data, uid, time) VALUES(?, ?, ?, ?, ?)' .
			' ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING', $e['topic'], $e['event'], $e['data'], $e['uid'], $now);
		if ($added->rowCount() === 1) {
			$new = true;
			$ids[] = $log->number('SELECT last_insert_rowid()');
			continue;
		}
		$row = $log->row('SELECT id, topic FROM events WHERE uid = ?', $e['uid']);
		if ($row === null || (string) $row[1] !== $e['topic']) {
			throw new Refusal(409, 'the uid is that of an event of another topic: nothing was published');
		}
		$ids[] = $row[0];
	}
	return [$ids, $new];
}

// The body, but for what is too large.
function read_input(): string
{
	$length = content_length();
	if ($length !== null && !preg_match('/^[0-9]+$/D', $length)) {
		throw new Refusal(400, 'Content-Length: not a number');
	}
	$body = (int) $length > EVENT_MAX ? '' : (string) file_get_contents('php://input', false, null, 0, EVENT_MAX + 1);
	if ((int) $length > EVENT_MAX || strlen($body) > EVENT_MAX) {
		throw new Refusal(413, 'the request body is over the limit');
	}
	return $body;
}

function content_length(): ?string
{
	return param('CONTENT_LENGTH') ?? param('HTTP_CONTENT_LENGTH');
}

function body_type(): string
{
	return param('CONTENT_TYPE') ?? param('HTTP_CONTENT_TYPE') ?? '';
}

function is_form(string $type): bool
{
	return preg_match('~^application/x-www-form-urlencoded([; \t]|$)~Di', $type) === 1;
}

// The parameters of a stream that is asked for by POST.
function take_form(): string
{
	$body = read_input();
	if (strlen($body) > FORM_MAX) {
		throw new Refusal(413, 'the parameters of a stream are over 64 KiB');
	}
	$is_form = param('HTTP_CONTENT_ENCODING') === null && (body_type() === '' || is_form(body_type()));
	if ($body !== '' && !$is_form) {
		throw new Refusal(415, 'the body has to be a form: application/x-www-form-urlencoded');
	}
	return $body;
}

// The body of what is published, if it is all that was sent, and as it was sent.
function take_body(array $rq): string
{
	$length = content_length();
	$body = read_input();
	if (strcasecmp(param('HTTP_CONTENT_ENCODING') ?? 'identity', 'identity') !== 0) {
		throw new Refusal(415, 'Content-Encoding: the body has to come as it is, neither compressed nor encoded',
			['Accept-Encoding: identity']);
	}
	if ($rq['event_in_query']) {
		throw new Refusal(400, 'topic, event, data and uid of a POST are in its body, not in the query');
	}
	if ($length !== null && (int) $length !== strlen($body)) {
		$than = (int) $length > strlen($body) ? 'shorter' : 'longer';
		throw new Refusal(400, "the body is $than than its Content-Length: nothing was published");
	}
	return $body;
}

// The events of a form, of JSON (an object or an array of them) or of NDJSON.
function read_body(string $body, string $type): array
{
	if (is_form($type)) {
		return [read_form($body)];
	}
	if (preg_match('~^application/json([; \t]|$)~Di', $type)) {
		return read_json(preg_replace('/^\xef\xbb\xbf/', '', $body));
	}
	if (preg_match('~^application/x-ndjson([; \t]|$)~Di', $type)) {
		$events = [];
		foreach (explode("\n", $body) as $i => $line) {
			$line = preg_replace('/^\xef\xbb\xbf/', '', $line);
			if (trim($line, " \t\r") !== '') {
				$at = 'line ' . ($i + 1) . ': ';
				$events[] = read_object(load_json($line, $at), $line, count($events), $at);
			}
		}
		if ($events === []) {
			throw new Refusal(400, 'no line in the body: no event in it');
		}
		return $events;
	}
	throw new Refusal(415, 'the body has to be a form, application/json or application/x-ndjson');
}

// An empty field of a form counts as absent.
function read_form(string $body): array
{
	$event = [];
	foreach (pairs($body) as [$name, $value]) {
		check_member($name, '');
		if (isset($event[$name])) {
			throw new Refusal(400, "$name is there twice");
		}
		$event[$name] = $value;
	}
	if ($body === '') {
		throw new Refusal(400, 'an empty body: no event in it');
	}
	return check_event(array_filter($event, 'strlen'), '');
}

// Otherwise who writes topics for topic would publish to main and never learn it.
function check_member(string $name, string $at): void
{
	if (!in_array($name, MEMBERS, true)) {
		throw new Refusal(400, $at . (strlen($name) > 40 || !is_clean($name) ? 'a member that is not known: ' :
			"'$name' is not known: ") . 'topic, event, data and uid are');
	}
}

function load_json(string $json, string $at)
{
	$value = json_decode($json, false, 2048, JSON_BIGINT_AS_STRING);
	if (json_last_error() !== JSON_ERROR_NONE) {
		throw new Refusal(400, $at . (json_last_error() === JSON_ERROR_DEPTH ? 'JSON that is nested too deep' : 'not JSON'));
	}
	return $value;
}

function read_json(string $json): array
{
	$value = load_json($json, '');
	if (!is_array($value)) {
		return [read_object($value, $json, 0, '')];
	}
	if ($value === []) {
		throw new Refusal(400, 'an empty array: no event in it');
	}
	$events = [];
	foreach (body_parts($json, '') as $i => [, $text]) {
		$events[] = read_object($value[$i], $text, $i, 'event ' . ($i + 1) . ': ');
	}
	return $events;
}

function body_parts(string $json, string $at): array
{
	try {
		return json_parts($json);
	} catch (DomainException $e) {
		throw new Refusal(400, $at . ($e->getCode() === 1 ? 'a member is there twice' : 'not JSON'));
	}
}

// Data that is no text is published as it was written, byte for byte.
function read_object($object, string $json, int $count, string $at): array
{
	if (!$object instanceof stdClass) {
		throw new Refusal(400, $at . 'not a JSON object');
	}
	if ($count >= BATCH_MAX) {
		throw new Refusal(413, $at . 'more than ' . BATCH_MAX . ' events in a request');
	}
	$event = [];
	foreach (body_parts($json, $at) as [$name, $text]) {
		$value = in_array($name, MEMBERS, true) ? $object->$name : null;
		if ($value !== null && $text[0] !== '"' && $name !== 'data') { // a large number is a string in PHP
			throw new Refusal(400, "$at$name is not a string");
		}
		if ($value !== null) {
			$event[$name] = $text[0] === '"' ? $value : $text;
		}
	}
	foreach (array_keys(get_object_vars($object)) as $name) {
		check_member((string) $name, $at);
	}
	if (($event['event'] ?? null) === '') {
		unset($event['event']);
	}
	return check_event($event, $at);
}

// May it be published?  What could not be said on a stream is refused here.
function check_event(array $e, string $at): array
{
	[$topic, $event, $uid, $data] = [$e['topic'] ?? 'main', $e['event'] ?? '', $e['uid'] ?? 'none', $e['data'] ?? ''];
	$large = strlen($topic) > 255 ? 'topic: longer than 255 bytes' :
		(strlen($event) > 255 ? 'event: longer than 255 bytes' :
		(strlen($uid) > 128 ? 'uid: longer than 128 bytes' :
		(array_sum(array_map('strlen', $e)) > EVENT_MAX ? 'an event over the limit of its size' : null)));
	if ($large !== null) {
		throw new Refusal(413, $at . $large);
	}
	$wrongs = [
		'topic: empty name' => $topic === '',
		'topic: `*` is for readers, an event has one topic' => strpos($topic, '*') !== false,
		'topic: not UTF-8, or a control character in it' => !is_clean($topic),
		'event: not UTF-8, or a control character in it' => !is_clean($event),
		'event: of the types that begin with stream- only stream-end can be published' =>
			strncmp($event, 'stream-', 7) === 0 && $event !== END_TYPE,
		"uid: not of ASCII's visible characters" => !preg_match('/^[!-~]*$/D', $uid),
		'uid: empty' => $uid === '',
		"uid: all digits, as the log's own ids are" => preg_match('/^[0-9]+$/D', $uid) === 1,
		'uid: a word that means something as an id' => $uid === 'earliest' || $uid === '?',
		'data: not UTF-8' => !preg_match('//u', $data),
	];
	$wrong = array_search(true, $wrongs, true);
	if ($wrong !== false) {
		throw new Refusal(400, $at . $wrong);
	}
	return ['topic' => $topic, 'event' => $e['event'] ?? null, 'uid' => $e['uid'] ?? null, 'data' => $data];
}

// --- JSON -----------------------------------------------------------------------

// The parts of a JSON array or object as they are written: [name or null, text] each.  The
// text is JSON, as json_decode has found.  But that takes the last of two members of one
// name, and this throws 1.  Of claims 2 is a number that is too large, and 0 is a NUL.
function json_parts(string $json, bool $claims = false): array
{
	$parts = $open = [];
	[$at, $from, $end, $name, $word] = [0, null, 0, null, ''];
	while (($at += strspn($json, " \t\r\n", $at)) < strlen($json)) {
		$token = json_token($json, $at);
		$at += strlen($token);
		$depth = count($open);
		$closes = $token === '}' || $token === ']';
		if ($depth === 1 && ($closes || $token === ',')) {
			if ($from !== null) {
				$parts[] = [$name, substr($json, $from, $end - $from)];
			}
			if (!$claims && count($parts) > BATCH_MAX) { // which is refused
				return $parts;
			}
			$name = $from = null;
		} elseif ($depth === 1 && $token === ':' && $name === null) {
			[$name, $from] = [json_decode($word), null];
		} elseif ($depth === 1 && $from === null) {
			$from = $at - strlen($token);
		}
		if ($token === ':') {
			$key = 'k' . json_decode($word);
			if (isset($open[$depth - 1][$key])) {
				throw new DomainException('', 1);
			}
			$open[$depth - 1][$key] = true;
		} elseif ($token === '{' || $token === '[') {
			$open[] = [];
		} elseif ($closes) {
			array_pop($open);
		} elseif ($claims) {
			check_scalar($token);
		}
		[$word, $end] = [$token, $at];
	}
	return $parts;
}

// The piece of JSON that begins here.  PCRE may give up in a long text, so it is not asked.
function json_token(string $json, int $at): string
{
	if ($json[$at] !== '"') {
		return substr($json, $at, max(1, strcspn($json, " \t\r\n{}[],:\"", $at)));
	}
	$end = $at + 1;
	while (($end += strcspn($json, '"\\', $end)) < strlen($json) && $json[$end] === '\\') {
		$end += 2;
	}
	return substr($json, $at, $end + 1 - $at);
}

function check_scalar(string $token): void
{
	$value = json_decode($token);
	if (is_string($value) && strpos($value, "\0") !== false) {
		throw new DomainException('', 0);
	}
	if (is_float($value) && (is_infinite($value) || !preg_match('/[.eE]/', $token))) {
		throw new DomainException('', 2);
	}
}

// --- the tables -----------------------------------------------------------------

// As the program makes them, to the letter: a test compares both.
function schema(): string
{
	$sql = <<<'SQL'
CREATE TABLE largesse (
  key   TEXT PRIMARY KEY,
  value
) WITHOUT ROWID;
CREATE TABLE events (
  id    INTEGER PRIMARY KEY AUTOINCREMENT
    CONSTRAINT id_is_positive CHECK (id > 0),
  topic TEXT NOT NULL DEFAULT 'main',
  event TEXT,
  data  TEXT NOT NULL DEFAULT '',
  uid   TEXT CONSTRAINT uid_is_not_all_digits
    CHECK (uid GLOB '*[^0-9]*'),
  time  INTEGER NOT NULL DEFAULT
    (NOW_MS)
);
INSERT INTO largesse VALUES('schema', 1);
CREATE INDEX largesse_topic ON events(topic);
CREATE UNIQUE INDEX largesse_uid ON events(uid) WHERE uid IS NOT NULL;
CREATE INDEX largesse_ends ON events(time) WHERE event = 'stream-end';
INSERT INTO largesse(key, value) VALUES('log', lower(hex(randomblob(16)))), ('pruned', 0);
CREATE TABLE largesse_revoke (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  topic   TEXT,
  subject TEXT,
  time    INTEGER NOT NULL DEFAULT
    (NOW_MS),
  CONSTRAINT topic_or_subject
    CHECK (topic IS NOT NULL OR subject IS NOT NULL)
);
CREATE INDEX largesse_revoke_of ON largesse_revoke(subject, topic, time) WHERE subject IS NOT NULL;
CREATE TABLE largesse_uids (
  uid     TEXT NOT NULL,
  topic   TEXT NOT NULL,
  id      INTEGER NOT NULL,
  present INTEGER NOT NULL,
  PRIMARY KEY (uid, topic)
) WITHOUT ROWID;
CREATE INDEX largesse_uids_gone ON largesse_uids(id) WHERE present = 0;
INSERT INTO largesse(key, value) VALUES('pruned-time', 0);
CREATE TRIGGER largesse_pruned AFTER DELETE ON events BEGIN\
 UPDATE largesse SET value = NOW_MS\
  WHERE key = 'pruned-time' AND\
  (SELECT value FROM largesse WHERE key = 'pruned') < OLD.id;\
 UPDATE largesse SET value = OLD.id\
  WHERE key = 'pruned' AND value < OLD.id; END;
CREATE TRIGGER largesse_uid_insert BEFORE INSERT ON events\
 WHEN NEW.uid IS NOT NULL BEGIN\
 INSERT INTO largesse_uids SELECT uid, topic, id, 1 FROM events\
  WHERE uid = NEW.uid ON CONFLICT(uid, topic) DO NOTHING;\
 UPDATE largesse_uids SET present = 1\
  WHERE uid = NEW.uid AND present = 0; END;
CREATE TRIGGER largesse_uid_delete AFTER DELETE ON events\
 WHEN OLD.uid IS NOT NULL BEGIN\
 UPDATE largesse_uids SET id = OLD.id, present = 0\
  WHERE uid = OLD.uid;\
 INSERT INTO largesse_uids VALUES(OLD.uid, OLD.topic, OLD.id, 0)\
  ON CONFLICT(uid, topic) DO NOTHING;\
 UPDATE largesse_uids SET present = 1\
  WHERE present = 0 AND id < CASE WHEN EXISTS (SELECT 1 FROM events WHERE id < OLD.id) THEN 0 ELSE OLD.id END AND\
  EXISTS (SELECT 1 FROM events WHERE uid = largesse_uids.uid);\
 DELETE FROM largesse_uids\
  WHERE present = 0 AND id < CASE WHEN EXISTS (SELECT 1 FROM events WHERE id < OLD.id) THEN 0 ELSE OLD.id END; END;
CREATE TRIGGER largesse_uid_update AFTER UPDATE OF id, uid ON events\
 WHEN NEW.uid IS NOT OLD.uid OR NEW.id <> OLD.id BEGIN\
 UPDATE largesse_uids SET id = OLD.id, present = 0\
  WHERE uid = OLD.uid;\
 INSERT INTO largesse_uids SELECT OLD.uid, OLD.topic, OLD.id, 0\
  WHERE OLD.uid IS NOT NULL ON CONFLICT(uid, topic) DO NOTHING;\
 UPDATE largesse_uids SET id = 0, present = 1 WHERE uid = NEW.uid;\
 INSERT INTO largesse_uids SELECT NEW.uid, NEW.topic, 0, 1\
  WHERE NEW.uid IS NOT NULL\
  ON CONFLICT(uid, topic) DO NOTHING; END;
CREATE TABLE largesse_cuts (
  topic  TEXT PRIMARY KEY,
  id     INTEGER NOT NULL,
  folded INTEGER NOT NULL DEFAULT 0,
  made   INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX largesse_cuts_id ON largesse_cuts(id);
CREATE INDEX largesse_cuts_made ON largesse_cuts(made);
INSERT INTO largesse(key, value) VALUES('cuts', 0);
CREATE TRIGGER largesse_cut_delete AFTER DELETE ON events\
 WHEN EXISTS (SELECT 1 FROM events WHERE id < OLD.id) OR EXISTS (SELECT 1 FROM largesse_cuts WHERE id <= OLD.id) BEGIN\
 INSERT INTO largesse_cuts(topic, id)\
  SELECT CAST(OLD.topic AS TEXT), OLD.id WHERE EXISTS (SELECT 1 FROM events WHERE id < OLD.id)\
  ON CONFLICT(topic) DO UPDATE\
  SET id = max(id, excluded.id), folded = 0;\
 DELETE FROM largesse_cuts WHERE id <=\
  CASE WHEN EXISTS (SELECT 1 FROM events WHERE id < OLD.id) THEN 0 \
  WHEN EXISTS (SELECT 1 FROM events) THEN OLD.id   ELSE 9223372036854775807 END; END;
CREATE TRIGGER largesse_cut_insert AFTER INSERT ON largesse_cuts BEGIN\
 UPDATE largesse SET value = value + 1 WHERE key = 'cuts';\
 UPDATE largesse_cuts SET made = coalesce((SELECT value FROM largesse WHERE key = 'cuts'), 0)\
  WHERE topic = NEW.topic; END;
CREATE TRIGGER largesse_cut_update AFTER UPDATE OF id, folded ON largesse_cuts BEGIN\
 UPDATE largesse SET value = value + 1 WHERE key = 'cuts';\
 UPDATE largesse_cuts SET made = coalesce((SELECT value FROM largesse WHERE key = 'cuts'), 0)\
  WHERE topic = NEW.topic; END;
CREATE TRIGGER largesse_keep_rows AFTER INSERT ON events\
 WHEN NEW.id % EVERY = 0 BEGIN\
 DELETE FROM events WHERE id IN (SELECT id FROM events\
 WHERE id <= NEW.id - KEEP_ROWS ORDER BY id LIMIT MANY); END;
INSERT INTO largesse VALUES('keep-rows', KEEP_ROWS);
SQL;
	$every = max(1, min(100, intdiv(KEEP_ROWS, 10)));
	return strtr(str_replace("\\\n", '', $sql), ['NOW_MS' => NOW_MS, 'KEEP_ROWS' => (string) KEEP_ROWS,
		'EVERY' => (string) $every, 'MANY' => (string) ($every * 10)]);
}

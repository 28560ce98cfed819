<?php
// token.php - tokens, for the pages of the site that holds this folder.
//
// Whom your application knows, and what he may read, is for its pages to say:
//
//	require 'live/token.php';
//	largesse_cookie(largesse_token(['inbox/{sub}', 'news'], [], $user), '/live/');
//
// and the page listens with new EventSource('/live/events?topic=news').  Or the page gets
// an address that is good for some topics and an hour, and listens to that:
//
//	largesse_address('/live/events', ['news'])

defined('LARGESSE_TOKENS_ONLY') || define('LARGESSE_TOKENS_ONLY', true);
require_once __DIR__ . '/events.php';

// What may be read and published (news, run/*, in/{sub}), whose it is, and for how long.
function largesse_token(array $subscribe, array $publish = [], string $sub = '', int $seconds = 3600): string
{
	$claims = ['iat' => time(), 'exp' => time() + $seconds] + ($sub === '' ? [] : ['sub' => $sub]) +
		['largesse' => ['subscribe' => $subscribe, 'publish' => $publish]];
	$parts = array_map(function (array $part): string {
		$json = json_encode($part, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
		return largesse_base64($json);
	}, [['alg' => 'HS256', 'typ' => 'JWT'], $claims]);
	$text = implode('.', $parts);
	return $text . '.' . largesse_base64(hash_hmac('sha256', $text, largesse_key(), true));
}

// Sends a token as a cookie that only addresses below this one get, and no script.  '': those
// beside the page that is asked for.
function largesse_cookie(string $token, string $folder = ''): void
{
	setcookie('largesse', $token, ['path' => $folder, 'httponly' => true, 'samesite' => 'Strict',
		'secure' => ($_SERVER['HTTPS'] ?? 'off') !== 'off' && ($_SERVER['HTTPS'] ?? '') !== '']);
}

// A signed address: all of these topics may be read, by whoever has it, until it ends.
function largesse_address(string $events, array $topics, int $seconds = 3600): string
{
	$query = 'topic=' . implode('&topic=', array_map('rawurlencode', $topics)) . '&expires=' . (time() + $seconds);
	return "$events?$query&sign=" . hash_hmac('sha256', $query, largesse_key());
}

function largesse_base64(string $bytes): string
{
	return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

// The secret, which is made here if nobody has asked for a stream before.
function largesse_key(): string
{
	return Largesse\secrets()[0];
}

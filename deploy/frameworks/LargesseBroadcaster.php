<?php
/*
 * LargesseBroadcaster.php - Laravel's events to largesse, in place of Pusher or Reverb.
 *
 * Copy it to app/Broadcasting/LargesseBroadcaster.php, and echo-largesse.js to the
 * scripts of the page.  (Laravel 11 and later: `php artisan install:broadcasting' makes
 * routes/channels.php.)  In the boot() of app/Providers/AppServiceProvider.php:
 *
 *     Broadcast::extend('largesse', fn ($app, $config) =>
 *         new \App\Broadcasting\LargesseBroadcaster($config));
 *
 * in config/broadcasting.php, below `connections' (and BROADCAST_CONNECTION=largesse;
 * before Laravel 11 BROADCAST_DRIVER):
 *
 *     'largesse' => [
 *         'driver' => 'largesse',
 *         'url' => env('LARGESSE_URL'),            // http://localhost/events
 *         'token' => env('LARGESSE_TOKEN'),
 *         'key_file' => env('LARGESSE_KEY_FILE'),  // for private channels
 *     ],
 *
 * If `largesse init' was run on a SQLite database that Laravel has, name its connection
 * in place of url and token: 'connection' => 'sqlite'.  Nothing changes in events and in
 * routes/channels.php.  A channel is a topic of its name, such as private-orders.7:
 *
 *     largesse token --key-file KEY --publish '*'
 *     largesse serve ... --key-file KEY --public 'news'    # all channels that are not private
 *
 * What is rolled back is not sent: take ShouldBroadcastNow, or ShouldBroadcast with
 * 'after_commit' => true for the queue.  With the default connection an event is a row
 * in the transaction: nothing can lose it.  Otherwise it goes out after the commit.  A
 * POST is repeated for half a minute; then it throws.  That, or a crash in between, loses
 * the event.  A queue may run a job twice: let the event's constructor set a public
 * property $largesseUid to (string) Str::uuid(), and the second run publishes nothing.
 *
 * This ends the streams of private channels of a user, for example of one who logs out:
 *
 *     INSERT INTO largesse_revoke(subject) VALUES('7');    -- the id of the user
 *
 * Not there: the list of members of a presence channel, whispers, encrypted channels.
 */
namespace App\Broadcasting;

use Illuminate\Broadcasting\BroadcastException;
use Illuminate\Broadcasting\Broadcasters\Broadcaster;
use Illuminate\Broadcasting\Broadcasters\UsePusherChannelConventions;
use Illuminate\Http\Client\RequestException;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Http;
use Illuminate\Support\Str;
use Symfony\Component\HttpKernel\Exception\AccessDeniedHttpException;

class LargesseBroadcaster extends Broadcaster
{
	use UsePusherChannelConventions;

	private const PATIENCE = 30;	// seconds

	private string $user = '';	// whom auth() has found

	public function __construct(private array $config)
	{
	}

	/** The address of a stream of those channels that this user may hear. */
	public function auth($request)
	{
		$may = array_values(array_filter((array) $request->input('channel_name'),
		    fn ($channel) => $this->allows($request, $channel)));
		if ($may === [])
			throw new AccessDeniedHttpException;
		return ['url' => $this->address($may, $this->user), 'channels' => $may];
	}

	public function validAuthenticationResponse($request, $result)
	{
		return true;
	}

	/** A name with another character, such as *, would be more than one topic. */
	private function allows($request, $channel): bool
	{
		if (!is_string($channel) || !preg_match('/^[\w\-=@,.;]+\z/', $channel) ||
		    !$this->isGuardedChannel($channel) ||
		    str_starts_with($channel, 'private-encrypted-'))
			return false;
		$name = $this->normalizeChannelName($channel);
		try {
			$user = $this->retrieveUser($request, $name);
			if ($user === null || !$this->verifyUserCanAccessChannel($request, $name))
				return false;
			$this->user = (string) $user->getAuthIdentifier();
			return true;
		} catch (AccessDeniedHttpException) {
			return false;
		}
	}

	public function address(array $topics, string $user = ''): string
	{
		$key = rtrim(file_get_contents($this->config['key_file']), "\n");
		$query = implode('&', array_map(fn ($t) => 'topic=' . rawurlencode($t), $topics))
		    . '&expires=' . (time() + ($this->config['seconds'] ?? 3600))
		    . ($user === '' ? '' : '&sub=' . rawurlencode($user) . '&iat=' . time());
		return "/events?$query&sign=" . hash_hmac('sha256', $query, $key);
	}

	public function broadcast(array $channels, $event, array $payload = [])
	{
		$socket = $payload['socket'] ?? null;
		$log = $this->config['connection'] ?? null;
		// An INSERT needs none, and without one a page that comes back after its place
		// was removed goes on with the oldest event, and not with the next.
		$uid = $payload['largesseUid'] ?? ($log === null ? (string) Str::uuid() : null);
		unset($payload['socket'], $payload['largesseUid']);
		$rows = [];
		foreach (array_values($this->formatChannels($channels)) as $n => $channel) {
			if (str_starts_with($channel, 'private-encrypted-'))
				throw new BroadcastException("largesse does not encrypt: $channel");
			$rows[] = ['topic' => $channel, 'uid' => $uid ? "$uid/$n" : null,
			    'data' => json_encode(['event' => $event, 'channel' => $channel,
			    'data' => (object) $payload, 'socket' => $socket], JSON_THROW_ON_ERROR)];
		}
		if ($rows === [])
			return;
		if ($log !== null && $log === DB::getDefaultConnection())
			$this->insert($log, $rows);
		else
			DB::afterCommit(fn () => $log !== null ? $this->insert($log, $rows) :
			    $this->post($rows));
	}

	private function insert(string $log, array $rows): void
	{
		DB::connection($log)->transaction(function ($db) use ($rows) {
			foreach ($rows as $row)
				$db->insert('INSERT INTO events(topic, uid, data) VALUES(?, ?, ?)' .
				    ' ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING',
				    array_values($row));
		});
	}

	private function post(array $rows): void
	{
		$end = microtime(true) + self::PATIENCE;
		try {
			Http::withToken($this->config['token'])->timeout(10)
			    ->retry(99, 500, fn ($e) => microtime(true) < $end &&
				(!$e instanceof RequestException || $e->response->serverError()))
			    ->post($this->config['url'], $rows);
		} catch (\Exception $e) {
			throw new BroadcastException('largesse: ' . $e->getMessage(), 0, $e);
		}
	}
}

<?php
/*
 * Largesse.php - a Symfony service that publishes what is committed by Doctrine.
 *
 * Copy it to src/Largesse.php, type
 *
 *     composer require symfony/http-client
 *
 * and add to config/services.yaml below `services:'
 *
 *     App\Largesse:
 *         arguments:
 *             $url: '%env(LARGESSE_URL)%'         # http://localhost/events
 *             $token: '%env(LARGESSE_TOKEN)%'
 *             $key: '%env(file:LARGESSE_KEY_FILE)%'    # for address() alone
 *
 * or, if Doctrine's database is SQLite and `largesse init' was run on it,
 *
 *     App\Largesse: ~
 *
 * The token: largesse token --key-file KEY --publish orders --publish 'inbox/*'
 *
 *     public function create(Largesse $largesse, EntityManagerInterface $em): Response
 *     {
 *         $largesse->transactional(function () use ($largesse, $em) {
 *             $em->persist(new Order('Tea'));
 *             $em->flush();
 *             $largesse->publish('orders', 'Tea');
 *         });
 *
 * Without a URL the event is a row in the transaction of the change: nothing can lose
 * it.  With one it is posted after the commit, and repeated for half a minute; then it
 * throws.  That, or a crash in between, loses the event.  What is no text is sent as
 * JSON.  If whoever calls you repeats a request, name a uid: an event with a uid that
 * was there is not published again.
 *
 * A topic that is not public is read by whoever has its address:
 * $largesse->address(['inbox/7']).
 */
namespace App;

use Doctrine\DBAL\Connection;
use Symfony\Contracts\HttpClient\Exception\TransportExceptionInterface;
use Symfony\Contracts\HttpClient\HttpClientInterface;

final class Largesse
{
	private const PATIENCE = 30;	// seconds

	private array $pending = [];
	private int $depth = 0;		// of transactional()

	public function __construct(private Connection $db,
	    private ?HttpClientInterface $http = null, private string $url = '',
	    private string $token = '', private string $key = '')
	{
	}

	/** What is published in it is published if it is committed. */
	public function transactional(\Closure $work): mixed
	{
		if ($this->depth === 0 && $this->db->isTransactionActive())
			throw new \LogicException('transactional() has to be the outermost');
		$had = count($this->pending);
		$this->depth++;
		try {
			$result = $this->db->transactional($work);
		} catch (\Throwable $e) {
			array_splice($this->pending, $had);
			throw $e;
		} finally {
			$this->depth--;
		}
		if ($this->depth === 0 && $this->pending !== []) {
			$events = $this->pending;
			$this->pending = [];
			$this->post($events);
		}
		return $result;
	}

	public function publish(string $topic, mixed $data, ?string $event = null,
	    ?string $uid = null): void
	{
		$row = ['topic' => $topic, 'event' => $event, 'data' => is_string($data) ?
		    $data : json_encode($data, JSON_THROW_ON_ERROR), 'uid' => $uid];
		if ($this->url === '')
			$this->db->executeStatement('INSERT INTO events(topic, event, data, uid)'
			    . ' VALUES(:topic, :event, :data, :uid)'
			    . ' ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING', $row);
		elseif ($this->depth > 0)
			$this->pending[] = $row;
		elseif ($this->db->isTransactionActive())
			throw new \LogicException('publish() in a transaction that is not by transactional()');
		else
			$this->post([$row]);
	}

	public function address(array $topics, int $seconds = 3600): string
	{
		$query = implode('&', array_map(fn ($t) => 'topic=' . rawurlencode($t), $topics))
		    . '&expires=' . (time() + $seconds);
		return "/events?$query&sign=" . hash_hmac('sha256', $query, rtrim($this->key, "\n"));
	}

	/** All of them are published, or none: it throws then. */
	private function post(array $events): void
	{
		foreach ($events as &$event)	// a uid of digits only is refused
			$event = array_filter($event, 'is_string') +
			    ['uid' => bin2hex(random_bytes(16)) . '-'];
		for ($end = microtime(true) + self::PATIENCE; ; usleep(500000)) {
			try {
				$answer = $this->http->request('POST', $this->url, ['json' => $events,
				    'auth_bearer' => $this->token, 'timeout' => 10]);
				$status = $answer->getStatusCode();
				if ($status === 200 || $status === 201)
					return;
				$why = "$status " . $answer->getContent(false);
			} catch (TransportExceptionInterface $e) {
				$status = 0;
				$why = $e->getMessage();
			}
			if ($status >= 400 && $status < 500 || microtime(true) > $end)
				throw new \RuntimeException("largesse: $why");
		}
	}
}

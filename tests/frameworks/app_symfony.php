<?php
/* app_symfony.php - the application of kit.py, in Symfony with Doctrine's ORM. */
namespace App;

use Doctrine\DBAL\Connection;
use Doctrine\DBAL\DriverManager;
use Doctrine\ORM\EntityManager;
use Doctrine\ORM\Mapping as ORM;
use Doctrine\ORM\ORMSetup;
use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpKernel\Kernel;
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;

foreach (['Symfony/Bundle/FrameworkBundle', 'Symfony/Component/HttpClient',
    'Symfony/Component/Cache', 'Doctrine/ORM'] as $part)
	require_once "/usr/share/php/$part/autoload.php";
require_once __DIR__ . '/Largesse.php';

#[ORM\Entity]
#[ORM\Table(name: 'orders')]
class Order
{
	#[ORM\Id, ORM\GeneratedValue, ORM\Column]
	private ?int $id = null;

	public function __construct(#[ORM\Column] private string $item)
	{
	}
}

class Made
{
	public static function db(): Connection
	{
		return DriverManager::getConnection(['driver' => 'pdo_sqlite',
		    'path' => getenv('DATABASE')]);
	}

	public static function em(Connection $db): EntityManager
	{
		return EntityManager::create($db,
		    ORMSetup::createAttributeMetadataConfiguration([__FILE__], true));
	}
}

class App extends Kernel
{
	use MicroKernelTrait;

	public function registerBundles(): iterable
	{
		return [new FrameworkBundle()];
	}

	public function getProjectDir(): string
	{
		return __DIR__;
	}

	protected function configureContainer(ContainerConfigurator $c): void
	{
		$c->extension('framework', ['secret' => 'tests', 'http_client' => null,
		    'http_method_override' => false]);
		$all = $c->services()->defaults()->autowire()->public();
		$all->set(Connection::class)->factory([Made::class, 'db']);
		$all->set(EntityManager::class)->factory([Made::class, 'em']);
		$largesse = $all->set(Largesse::class)
		    ->arg('$key', '%env(file:LARGESSE_KEY_FILE)%');
		if (getenv('LARGESSE_WAY') === 'POST')
			$largesse->arg('$url', '%env(LARGESSE_URL)%')
			    ->arg('$token', '%env(LARGESSE_TOKEN)%');
	}

	protected function configureRoutes(RoutingConfigurator $routes): void
	{
		foreach (['home' => '/app/', 'address' => '/app/address', 'order' => '/app/order',
		    'fail' => '/app/fail', 'refused' => '/app/refused',
		    'twice' => '/app/twice'] as $name => $path)
			$routes->add($name, $path)->controller([$this, $name]);
	}

	private function largesse(): Largesse
	{
		return $this->getContainer()->get(Largesse::class);
	}

	private static function line(string $item): string
	{
		return '<turbo-stream action="append" target="orders"><template><li>'
		    . htmlspecialchars($item) . '</li></template></turbo-stream>';
	}

	private function save(string $item, string $topic = 'orders',
	    bool $fails = false): Response
	{
		$em = $this->getContainer()->get(EntityManager::class);
		$this->largesse()->transactional(function () use ($em, $item, $topic, $fails) {
			$em->persist(new Order($item));
			$em->flush();
			$this->largesse()->publish($topic, self::line($item));
			if ($fails)
				throw new \RuntimeException('rolled back');
		});
		return new Response();
	}

	public function home(): Response
	{
		return new Response(self::VERSION);
	}

	public function address(): Response
	{
		return new Response($this->largesse()->address(['feed']));
	}

	public function order(Request $request): Response
	{
		return $this->save($request->get('item'));
	}

	public function fail(Request $request): Response
	{
		return $this->save($request->get('item'), fails: true);
	}

	public function refused(): Response
	{
		try {
			return $this->save('refused', topic: 'secret');
		} catch (\Exception $e) {
			return new Response($e->getMessage(), 500);
		}
	}

	public function twice(Request $request): Response
	{
		$this->largesse()->publish('orders', self::line($request->get('item')),
		    uid: 'twice-1');
		return new Response();
	}
}

$app = new App('prod', false);
$request = Request::createFromGlobals();
$answer = $app->handle($request);
$answer->send();
$app->terminate($request, $answer);

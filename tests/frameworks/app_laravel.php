<?php
/*
 * app_laravel.php - the application of kit.py, in Laravel: what is usually in the files
 * of a new project is here in one.  The header X-User says who is logged in.
 *
 *	POST /app/private item	an event for the private channel orders.1, or the one named
 *	POST /app/others item	the same as order, but not for who has X-Socket-ID
 */
namespace App;

use App\Broadcasting\LargesseBroadcaster;
use Illuminate\Auth\GenericUser;
use Illuminate\Broadcasting\Channel;
use Illuminate\Broadcasting\InteractsWithSockets;
use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Exceptions\Handler;
use Illuminate\Foundation\Http\Kernel;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\ServiceProvider;

require '/usr/share/php/Illuminate/autoload.php';
require '/usr/share/php/GuzzleHttp/autoload.php';
require __DIR__ . '/LargesseBroadcaster.php';

class OrderShipped implements ShouldBroadcastNow
{
	use InteractsWithSockets;

	public function __construct(public string $item, private Channel $channel,
	    public ?string $largesseUid = null)
	{
	}

	public function broadcastOn()
	{
		return $this->channel;
	}

	public function broadcastAs()
	{
		return 'App\Events\OrderShipped';
	}
}

class App extends ServiceProvider
{
	public function boot()
	{
		Auth::viaRequest('header', fn ($request) => $request->header('X-User') === null ?
		    null : new GenericUser(['id' => (int) $request->header('X-User')]));
		Broadcast::extend('largesse', fn ($app, $config) => new LargesseBroadcaster($config));
		Route::post('/app/broadcasting/auth',
		    '\Illuminate\Broadcasting\BroadcastController@authenticate');
		Broadcast::channel('orders.{id}', fn ($user, $id) => $user->id === (int) $id);
		Broadcast::channel('open.{id}', fn ($user, $id) => true);

		Route::get('/app/', fn () => Application::VERSION);
		Route::get('/app/address', fn () => Broadcast::driver()->address(['feed']));
		Route::post('/app/order', fn (Request $r) => $this->save($r->item));
		Route::post('/app/fail', fn (Request $r) => $this->save($r->item, fails: true));
		Route::post('/app/private', fn (Request $r) => $this->save($r->item,
		    new PrivateChannel($r->input('channel', 'orders.1'))));
		Route::post('/app/others', function (Request $r) {
			broadcast(new OrderShipped($r->item, new Channel('orders')))->toOthers();
			return '';
		});
		Route::post('/app/twice', function (Request $r) {
			event(new OrderShipped($r->item, new Channel('orders'), 'twice-1'));
			return '';
		});
		Route::post('/app/refused', function () {
			try {
				return $this->save('refused', new Channel('secret'));
			} catch (\Exception $e) {
				return response($e->getMessage(), 500);
			}
		});
	}

	private function save(string $item, ?Channel $channel = null,
	    bool $fails = false): string
	{
		DB::transaction(function () use ($item, $channel, $fails) {
			DB::table('orders')->insert(['item' => $item]);
			event(new OrderShipped($item, $channel ?? new Channel('orders')));
			if ($fails)
				throw new \RuntimeException('rolled back');
		});
		return '';
	}
}

foreach (['config', 'bootstrap/cache', 'storage/logs', 'storage/framework/views'] as $folder)
	is_dir(__DIR__ . "/$folder") || mkdir(__DIR__ . "/$folder", 0755, true);
$post = getenv('LARGESSE_WAY') === 'POST';
$lite = ['driver' => 'sqlite', 'foreign_key_constraints' => true];
foreach ([
    'app' => ['key' => str_repeat('k', 32), 'cipher' => 'AES-256-CBC', 'debug' => false,
	'providers' => array_merge(array_map(fn ($name) => "Illuminate\\{$name}ServiceProvider", [
	    'Auth\Auth', 'Broadcasting\Broadcast', 'Bus\Bus', 'Cache\Cache',
	    'Database\Database', 'Encryption\Encryption', 'Filesystem\Filesystem',
	    'Foundation\Providers\Foundation', 'Queue\Queue', 'View\View']), [App::class])],
    'auth' => ['defaults' => ['guard' => 'web'],
	'guards' => ['web' => ['driver' => 'header']]],
    'broadcasting' => ['default' => 'largesse', 'connections' => ['largesse' => [
	'driver' => 'largesse', 'key_file' => getenv('LARGESSE_KEY_FILE'),
	'seconds' => (int) (getenv('SECONDS') ?: 3600)] + ($post ?
	['url' => getenv('LARGESSE_URL'), 'token' => getenv('LARGESSE_TOKEN')] :
	['connection' => getenv('LARGESSE_WAY') === 'INSERT' ? 'shop' : 'log'])]],
    'cache' => ['default' => 'array', 'stores' => ['array' => ['driver' => 'array']]],
    'database' => ['default' => 'shop', 'connections' => [
	'shop' => $lite + ['database' => getenv('DATABASE')],
	'log' => $lite + ['database' => getenv('LOG')]]],
    'logging' => ['default' => 'file', 'channels' => ['file' => [
	'driver' => 'single', 'path' => __DIR__ . '/laravel.log']]],
    'queue' => ['default' => 'sync', 'connections' => ['sync' => ['driver' => 'sync']]],
    'view' => ['paths' => [], 'compiled' => __DIR__ . '/storage/framework/views'],
] as $name => $values)
	file_put_contents(__DIR__ . "/config/$name.php", '<?php return ' .
	    var_export($values, true) . ';', LOCK_EX);

$app = new Application(__DIR__);
$app->singleton(\Illuminate\Contracts\Http\Kernel::class, Kernel::class);
$app->singleton(\Illuminate\Contracts\Debug\ExceptionHandler::class, Handler::class);
$kernel = $app->make(Kernel::class);
$answer = $kernel->handle($request = Request::capture())->send();
$kernel->terminate($request, $answer);

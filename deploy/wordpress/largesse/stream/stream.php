<?php
/**
 * The stream by PHP.  A file that ways.php makes requires this one, and has said where
 * the log is.  WordPress is not loaded here.
 *
 * An open page holds a worker of PHP while its request waits.  The site needs workers,
 * too, so only a few may wait; the others are answered at once, and their pages ask again
 * after some seconds.
 *
 * @package largesse
 */

if ( ! isset( $_SERVER['LARGESSE_WORKERS'], $_SERVER['LARGESSE_DB'] ) ) {
	http_response_code( 404 );
	exit;
}

/**
 * A place among those that may wait, or null.
 *
 * @param string $dir   The folder of the log.
 * @param int    $count How many places there are.
 * @return resource|null
 */
function largesse_seat( $dir, $count ) {
	for ( $n = 1; $n <= $count; $n++ ) {
		$seat = @fopen( $dir . '/worker-' . $n, 'c' );
		if ( $seat && flock( $seat, LOCK_EX | LOCK_NB ) ) {
			return $seat; // Until the request ends, however it ends.
		}
	}
	return null;
}

$largesse_seat = largesse_seat( dirname( $_SERVER['LARGESSE_DB'] ), (int) $_SERVER['LARGESSE_WORKERS'] );
if ( ! $largesse_seat ) {
	$_SERVER['LARGESSE_PHP_HOLD_S'] = '0';
	$_SERVER['LARGESSE_RETRY']      = '3000';
}

require __DIR__ . '/events.php';

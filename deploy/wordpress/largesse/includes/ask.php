<?php
/**
 * Asks for a stream over HTTP, as a browser does, and publishes while it is open.
 *
 * WordPress's own HTTP functions give an answer when it is whole.  A stream has to be
 * looked at while it comes.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Does a stream come from this address, and how soon does it bring an event?
 *
 * Comes back with the id of the last event whenever the answer ends, as EventSource does.
 *
 * @param string $url     The address.
 * @param int    $seconds How long to wait.
 * @return array works; ms from the publishing of an event to its arrival; why it does not
 *               work, a word for report.php; said, the status or the error.
 */
function largesse_ask( $url, $seconds ) {
	$ask        = new stdClass();
	$ask->works = false;
	$ask->ms    = null;
	$ask->why   = 'silent';
	$ask->said  = '';
	try {
		$ask->word  = 'try/' . bin2hex( random_bytes( 8 ) );
		$ask->token = largesse_token( 'try', array( $ask->word ), 60 );
		$ask->id    = (string) largesse_newest();
		$ask->sent  = null;
		$ask->began = microtime( true );
		$ask->end   = $ask->began + $seconds;
		do {
			largesse_ask_once( $ask, $url );
			$again = ! $ask->works && in_array( $ask->why, array( 'silent', 'ended' ), true ) && microtime( true ) < $ask->end;
			if ( $again ) {
				usleep( 100000 );
			}
		} while ( $again );
	} catch ( Exception $e ) {
		$ask->why  = 'log';
		$ask->said = $e->getMessage();
	}
	return array( 'works' => $ask->works, 'ms' => $ask->ms, 'why' => $ask->works ? '' : $ask->why, 'said' => $ask->said );
}

/**
 * One request.
 *
 * @param stdClass $ask What is known by now.
 * @param string   $url The address.
 */
function largesse_ask_once( stdClass $ask, $url ) {
	// phpcs:disable WordPress.WP.AlternativeFunctions, WordPress.PHP.NoSilencedErrors -- see above.
	$at   = wp_parse_url( $url );
	$tls  = 'https' === $at['scheme'];
	$port = isset( $at['port'] ) ? $at['port'] : ( $tls ? 443 : 80 );
	// Of our own address a certificate tells nothing new, and many a host has none for it.
	$context = stream_context_create( array( 'ssl' => array( 'verify_peer' => false, 'verify_peer_name' => false, 'peer_name' => $at['host'] ) ) );
	$socket  = @stream_socket_client( ( $tls ? 'ssl://' : 'tcp://' ) . $at['host'] . ':' . $port, $errno, $error, 3, STREAM_CLIENT_CONNECT, $context );
	if ( ! $socket ) {
		$ask->why  = 'unreachable';
		$ask->said = $error;
		return;
	}
	stream_set_blocking( $socket, false );
	fwrite(
		$socket,
		'GET ' . $at['path'] . '?topic=' . rawurlencode( $ask->word ) . '&lastEventId=' . rawurlencode( $ask->id ) . " HTTP/1.0\r\nHost: " .
		$at['host'] . ( isset( $at['port'] ) ? ':' . $at['port'] : '' ) . "\r\nAccept: text/event-stream\r\nUser-Agent: largesse/" . LARGESSE_VERSION .
		"\r\nCookie: largesse=" . $ask->token . "\r\nConnection: close\r\n\r\n"
	);
	$got = '';
	do {
		$read  = array( $socket );
		$write = null;
		if ( @stream_select( $read, $write, $write, 0, 50000 ) ) {
			$got .= (string) fread( $socket, 65536 );
		}
		$over = feof( $socket );
		largesse_ask_looks( $ask, $got, $over );
	} while ( ! $over && ! $ask->works && in_array( $ask->why, array( 'silent', 'ended' ), true ) && microtime( true ) < $ask->end );
	fclose( $socket );
	// phpcs:enable
}

/**
 * Looks at what has come.
 *
 * @param stdClass $ask  What is known by now.
 * @param string   $got  What has come.
 * @param bool     $over Is that all?
 */
function largesse_ask_looks( stdClass $ask, $got, $over ) {
	$parts = preg_split( "/\r?\n\r?\n/", $got, 2 );
	$head  = $parts[0];
	$body  = isset( $parts[1] ) ? $parts[1] : '';
	// Where an answer is kept back nothing comes by which to know that it has begun.
	if ( null === $ask->sent && ( false !== strpos( $body, 'stream-start' ) || microtime( true ) > $ask->began + 0.7 ) ) {
		$ask->sent = microtime( true );
		largesse_append( largesse_log(), $ask->word, $ask->word, null, null );
	}
	if ( false !== strpos( $body, "\ndata: " . $ask->word . "\n" ) ) {
		$ask->works = true;
		$ask->ms    = (int) round( ( microtime( true ) - $ask->sent ) * 1000 );
		return;
	}
	if ( preg_match_all( '/^id: (.+)$/m', $body, $ids ) ) {
		$ask->id = end( $ids[1] );
	}
	if ( ! isset( $parts[1] ) || ( ! $over && strlen( $body ) < 20 ) ) {
		$ask->why  = $over ? 'nothing' : $ask->why;
		return;
	}
	if ( preg_match( '/^\s*(#!|<\?php)/', $body ) ) {
		$ask->why = 'text';
	} elseif ( ! preg_match( '~^HTTP/\S+ (\d+ ?[^\r\n]*)~', $head, $status ) || 200 !== (int) $status[1] ) {
		$ask->why  = 'status';
		$ask->said = isset( $status[1] ) ? $status[1] : '';
		if ( preg_match( '~^content-type: text/plain~im', $head ) ) { // The program's own line.
			$ask->said .= ': ' . trim( substr( $body, 0, 200 ) );
		}
	} elseif ( ! preg_match( '~^content-type: text/event-stream~im', $head ) ) {
		$ask->why = 'other';
	} elseif ( $over ) {
		$ask->why = 'ended';
	}
}

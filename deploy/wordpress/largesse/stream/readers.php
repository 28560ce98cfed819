<?php
/**
 * Counts who reads a post.  A file that ways.php makes requires this one, and has said
 * where the log is.  WordPress is not loaded here.
 *
 * POST post, sign, reader (any word that a page has made for itself) and here, which is
 * 1, or 0 when the page is left.  Who is not heard of for five minutes has left.
 *
 * @package largesse
 */

const LARGESSE_HERE_S = 300;
const LARGESSE_TELL_MS = 2000; // A post is told no more often.
const LARGESSE_MOST = 10000;   // That are counted of a post.

if ( ! isset( $_SERVER['LARGESSE_DB'], $_SERVER['LARGESSE_KEY_FILE'] ) ) {
	http_response_code( 404 );
	exit;
}

header( 'Content-Type: application/json' );
header( 'Cache-Control: no-store' );
header( 'X-Content-Type-Options: nosniff' );
ini_set( 'display_errors', '0' );
ignore_user_abort( true );
try {
	largesse_count();
} catch ( Throwable $e ) {
	error_log( 'largesse: readers: ' . $e->getMessage() );
	http_response_code( 503 );
	echo '{}';
}

function largesse_count() {
	$asked = array();
	foreach ( array( 'post', 'sign', 'reader', 'here' ) as $name ) {
		$asked[ $name ] = isset( $_POST[ $name ] ) && is_string( $_POST[ $name ] ) ? $_POST[ $name ] : '';
	}
	$key  = trim( (string) file_get_contents( $_SERVER['LARGESSE_KEY_FILE'] ) );
	$sign = substr( hash_hmac( 'sha256', 'readers/' . $asked['post'], $key ), 0, 32 );
	if ( strlen( $key ) < 32 || ! hash_equals( $sign, $asked['sign'] ) || ! preg_match( '/^[0-9a-z]{8,32}$/D', $asked['reader'] ) ) {
		http_response_code( 403 );
		echo '{}';
		return;
	}
	$log = new PDO(
		'sqlite:' . $_SERVER['LARGESSE_DB'],
		null,
		null,
		array(
			PDO::ATTR_ERRMODE                => PDO::ERRMODE_EXCEPTION,
			PDO::ATTR_TIMEOUT                => 2,
			PDO::SQLITE_ATTR_OPEN_FLAGS      => PDO::SQLITE_OPEN_READWRITE,
		)
	);
	$log->exec( 'PRAGMA synchronous = OFF' ); // A count that a power cut takes is made again.
	$log->exec( 'BEGIN IMMEDIATE' );
	largesse_note( $log, (int) $asked['post'], $asked['reader'], '0' !== $asked['here'] );
	list( $count, $wait_ms ) = largesse_tell( $log, (int) $asked['post'], true );
	$log->exec( 'COMMIT' );
	echo json_encode( array( 'readers' => $count ) );
	if ( $wait_ms > 0 ) { // Who comes in the meantime leaves the telling to us.
		function_exists( 'fastcgi_finish_request' ) && fastcgi_finish_request();
		usleep( $wait_ms * 1000 );
		$log->exec( 'BEGIN IMMEDIATE' );
		largesse_tell( $log, (int) $asked['post'], false );
		$log->exec( 'COMMIT' );
	}
}

function largesse_run( PDO $log, $sql, ...$values ) {
	$statement = $log->prepare( $sql );
	foreach ( $values as $i => $value ) {
		$statement->bindValue( $i + 1, $value, is_int( $value ) ? PDO::PARAM_INT : PDO::PARAM_STR );
	}
	$statement->execute();
	return $statement;
}

function largesse_note( PDO $log, $post, $reader, $here ) {
	largesse_run( $log, 'DELETE FROM wp_readers WHERE post = ? AND (until < ? OR reader = ?)', $post, time(), $reader );
	if ( $here ) {
		largesse_run(
			$log,
			'INSERT INTO wp_readers SELECT ?, ?, ? WHERE (SELECT count(*) FROM wp_readers WHERE post = ?) < ?',
			$post,
			$reader,
			time() + LARGESSE_HERE_S,
			$post,
			LARGESSE_MOST
		);
	}
}

/*
 * Publishes the count, if it is another one.  Returns it, and after how many ms to try
 * again: 0 if there is nothing more to do.  One row of a post is enough.
 */
function largesse_tell( PDO $log, $post, $first ) {
	$now   = (int) ( microtime( true ) * 1000 );
	$count = (int) largesse_run( $log, 'SELECT count(*) FROM wp_readers WHERE post = ?', $post )->fetchColumn();
	$told  = largesse_run( $log, 'SELECT readers, time, waits FROM wp_told WHERE post = ?', $post )->fetch( PDO::FETCH_NUM );
	if ( $told && (int) $told[0] === $count ) {
		return array( $count, 0 );
	}
	$wait = $told && $first ? min( LARGESSE_TELL_MS, (int) $told[1] + LARGESSE_TELL_MS - $now ) : 0;
	if ( $wait > 0 && (int) $told[2] > $now ) {
		return array( $count, 0 ); // Another request waits for it.
	}
	if ( $wait > 0 ) {
		largesse_run( $log, 'UPDATE wp_told SET waits = ? WHERE post = ?', $now + $wait + 1000, $post );
		return array( $count, $wait );
	}
	largesse_run( $log, 'INSERT OR REPLACE INTO wp_told VALUES(?, ?, ?, 0)', $post, $count, $now );
	largesse_run( $log, "DELETE FROM events WHERE topic = ? AND event = 'readers'", 'public/post/' . $post );
	largesse_run( $log, "INSERT INTO events(topic, event, data) VALUES(?, 'readers', ?)", 'public/post/' . $post, '{"readers":' . $count . '}' );
	return array( $count, 0 );
}

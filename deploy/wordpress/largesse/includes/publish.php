<?php
/**
 * Publishing, for themes and other plugins.
 *
 *     do_action( 'largesse_publish', 'public/score', '2:1' );
 *     largesse_publish( 'user/7', array( 'text' => 'Your parcel is here' ), 'parcel' );
 *
 * Everybody may read a topic that begins with public/.  token.php says who may read
 * the others.  What goes wrong never breaks the page that publishes.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

add_action( 'largesse_publish', 'largesse_publish', 10, 4 );

/**
 * Publishes an event.
 *
 * @param string      $topic Its topic.
 * @param mixed       $data  A text, or what becomes JSON.
 * @param string|null $event Its type; null is what EventSource calls message.
 * @param string|null $uid   An id of your own: an event with the same is not published again.
 * @return int|false The id of the event, or false; then largesse_error() says why.
 */
function largesse_publish( $topic, $data = '', $event = null, $uid = null ) {
	try {
		$data  = is_string( $data ) ? $data : wp_json_encode( $data );
		$wrong = largesse_wrong_event( (string) $topic, $data, (string) $event, $uid );
		if ( null !== $wrong ) {
			throw new InvalidArgumentException( $wrong );
		}
		return largesse_append( largesse_log(), (string) $topic, $data, '' === (string) $event ? null : (string) $event, null === $uid ? null : (string) $uid );
	} catch ( Exception $e ) {
		largesse_fail( $e );
	}
	return false;
}

/**
 * Adds a row.
 *
 * @param PDO         $log   The log.
 * @param string      $topic Its topic.
 * @param string      $data  Its data.
 * @param string|null $event Its type.
 * @param string|null $uid   Its uid.
 * @return int
 */
function largesse_append( PDO $log, $topic, $data, $event, $uid ) {
	$add = $log->prepare( 'INSERT INTO events(topic, data, event, uid) VALUES(?, ?, ?, ?) ON CONFLICT(uid) WHERE uid IS NOT NULL DO NOTHING' );
	$add->execute( array( $topic, $data, $event, $uid ) );
	if ( $add->rowCount() > 0 ) {
		return (int) $log->lastInsertId();
	}
	$there = $log->prepare( 'SELECT id FROM events WHERE uid = ?' );
	$there->execute( array( $uid ) );
	return (int) $there->fetchColumn();
}

/**
 * Why an event could not be said on a stream, or null.
 *
 * @param string       $topic Its topic.
 * @param string|false $data  Its data.
 * @param string       $event Its type.
 * @param string|null  $uid   Its uid.
 * @return string|null
 */
function largesse_wrong_event( $topic, $data, $event, $uid ) {
	$name = '/^[^\x00-\x1f\x7f-\x{9f}*]{1,255}$/Du';
	if ( ! preg_match( $name, $topic ) || strlen( $topic ) > 255 ) {
		return 'topic: has to be text of at most 255 bytes, without * and control characters';
	}
	if ( '' !== $event && ( ! preg_match( $name, $event ) || strlen( $event ) > 255 || 0 === strpos( $event, 'stream-' ) ) ) {
		return 'event: has to be text of at most 255 bytes that does not begin with stream-';
	}
	if ( null !== $uid && ( ! preg_match( '/^[!-~]{1,128}$/D', $uid ) || preg_match( '/^([0-9]+|earliest|\?)$/D', $uid ) ) ) {
		return 'uid: has to be at most 128 visible characters of ASCII, not all of them digits';
	}
	if ( false === $data || ! preg_match( '//u', $data ) || strlen( $data ) > 1000000 ) {
		return 'data: has to be UTF-8 of at most 1000000 bytes, or what can be JSON';
	}
	return null;
}

/**
 * Keeps what went wrong for the settings page, and tells PHP's error log once a request.
 *
 * @param Exception $e What went wrong.
 */
function largesse_fail( Exception $e ) {
	static $told = array();
	$line        = $e->getMessage();
	if ( ! isset( $told[ $line ] ) ) {
		$told[ $line ] = true;
		error_log( 'largesse: ' . $line ); // phpcs:ignore WordPress.PHP.DevelopmentFunctions -- the owner has to learn of it.
	}
	largesse_error( new WP_Error( 'largesse', $line ) );
}

/**
 * The last thing that went wrong in this request.
 *
 * @param WP_Error|null $new What goes wrong now.
 * @return WP_Error|null
 */
function largesse_error( $new = null ) {
	static $error = null;
	if ( null !== $new ) {
		$error = $new;
	}
	return $error;
}

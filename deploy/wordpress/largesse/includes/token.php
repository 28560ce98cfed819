<?php
/**
 * Who may read which topic.
 *
 * Everybody may read topics that begin with public/.  A user who is logged in gets a
 * token for the others: a cookie that only the folder of the stream gets, good for a
 * quarter of an hour.  A page that stays open asks for a new one.  Logging out ends the
 * user's streams by a row of largesse_revoke; on other devices, where the user is still
 * logged in, the page asks for a new token and goes on.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

const LARGESSE_TOKEN_S = 900;

add_action( 'init', 'largesse_give_token', 20 );
add_action( 'wp_ajax_largesse_token', 'largesse_ajax_token' );
add_action( 'wp_ajax_nopriv_largesse_token', 'largesse_ajax_token' );
add_action( 'wp_logout', 'largesse_logged_out' );
foreach ( array( 'set_user_role', 'add_user_role', 'remove_user_role', 'deleted_user', 'after_password_reset' ) as $largesse_hook ) {
	add_action( $largesse_hook, 'largesse_revoke' );
}
unset( $largesse_hook );
add_action( 'profile_update', 'largesse_profile_updated', 10, 2 );

/**
 * The topics that a user may read, besides those that everybody may read.
 *
 * @param WP_User $user The user.
 * @return string[]
 */
function largesse_topics_of( WP_User $user ) {
	$topics = array( 'user/' . $user->ID );
	if ( $user->has_cap( 'moderate_comments' ) ) {
		$topics[] = 'can/moderate_comments';
	}
	/**
	 * Adds topics that this user may read.  A * at the end stands for all that follows.
	 *
	 * @param string[] $topics The topics.
	 * @param WP_User  $user   The user.
	 */
	return array_values( array_map( 'strval', apply_filters( 'largesse_user_topics', $topics, $user ) ) );
}

/**
 * A token.
 *
 * @param string   $subject Who gets it.
 * @param string[] $topics  What it is for.
 * @param int      $seconds How long it is good.
 * @return string
 * @throws RuntimeException When there is no key.
 */
function largesse_token( $subject, array $topics, $seconds ) {
	// phpcs:ignore WordPress.WP.AlternativeFunctions, WordPress.PHP.NoSilencedErrors -- a file of this plugin, and the line below says so.
	$key = trim( (string) @file_get_contents( largesse_data( 'key' ) ) );
	if ( strlen( $key ) < 32 ) {
		throw new RuntimeException( __( 'The key of the stream cannot be read.', 'largesse' ) );
	}
	$claims = array(
		'sub'      => (string) $subject,
		'iat'      => time(),
		'exp'      => time() + $seconds,
		'largesse' => array( 'subscribe' => $topics ),
	);
	$text   = largesse_base64url( '{"alg":"HS256","typ":"JWT"}' ) . '.' . largesse_base64url( wp_json_encode( $claims ) );
	return $text . '.' . largesse_base64url( hash_hmac( 'sha256', $text, $key, true ) );
}

/**
 * Base64 as it stands in tokens.
 *
 * @param string $bytes The bytes.
 * @return string
 */
function largesse_base64url( $bytes ) {
	// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions -- RFC 7515 wants it.
	return rtrim( strtr( base64_encode( $bytes ), '+/', '-_' ), '=' );
}

/**
 * Gives the user who asks for a page a token for its stream.
 *
 * @return bool
 */
function largesse_give_token() {
	$user = wp_get_current_user();
	if ( ! $user->exists() || headers_sent() || '' === largesse_data() || wp_doing_cron() || ( defined( 'REST_REQUEST' ) && REST_REQUEST ) ) {
		return false;
	}
	try {
		$token = largesse_token( $user->ID, largesse_topics_of( $user ), LARGESSE_TOKEN_S );
	} catch ( Exception $e ) {
		largesse_fail( $e );
		return false;
	}
	return largesse_set_cookie( $token, time() + LARGESSE_TOKEN_S );
}

/**
 * Sets or ends the cookie.
 *
 * @param string $token   The token.
 * @param int    $expires When it ends.
 * @return bool
 */
function largesse_set_cookie( $token, $expires ) {
	return setcookie(
		'largesse',
		$token,
		array(
			'expires'  => $expires,
			'path'     => trailingslashit( (string) wp_parse_url( largesse_url(), PHP_URL_PATH ) ),
			'secure'   => is_ssl(),
			'httponly' => true,
			'samesite' => 'Strict',
		)
	);
}

/**
 * A page that is open for long asks for a new token.
 *
 * It needs no nonce, which would end before such a page does: all it does is that the
 * browser which asks gets the token of the user who is logged in there.
 */
function largesse_ajax_token() {
	nocache_headers();
	if ( ! is_user_logged_in() || ! largesse_give_token() ) {
		wp_send_json_error( null, is_user_logged_in() ? 503 : 403 );
	}
	wp_send_json_success( array( 'seconds' => LARGESSE_TOKEN_S ) );
}

/**
 * The user who was logged in here is so no more.
 *
 * @param int $user_id The user.
 */
function largesse_logged_out( $user_id ) {
	largesse_revoke( $user_id );
	if ( ! headers_sent() && '' !== largesse_data() ) {
		largesse_set_cookie( '', 1 );
	}
}

/**
 * Ends the streams of a user, and makes all tokens of before useless.
 *
 * @param int|WP_User $user The user.
 */
function largesse_revoke( $user ) {
	$id = $user instanceof WP_User ? $user->ID : (int) $user;
	if ( $id < 1 || '' === largesse_data() ) {
		return;
	}
	try {
		largesse_log()->prepare( 'INSERT INTO largesse_revoke(subject) VALUES(?)' )->execute( array( (string) $id ) );
	} catch ( Exception $e ) {
		largesse_fail( $e );
	}
}

/**
 * Who has a new password is logged out on all other devices.
 *
 * @param int     $user_id The user.
 * @param WP_User $old     As the user was before.
 */
function largesse_profile_updated( $user_id, $old ) {
	$user = get_userdata( $user_id );
	if ( $user && $user->user_pass !== $old->user_pass ) {
		largesse_revoke( $user_id );
	}
}

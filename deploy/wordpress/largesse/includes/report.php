<?php
/**
 * What was found on this host, in plain words.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * What a way answered, and what to do about it.
 *
 * @param string $way    The way.
 * @param array  $answer What largesse_ask() returned.
 * @return string
 */
function largesse_report_way( $way, array $answer ) {
	if ( ! empty( $answer['works'] ) ) {
		$said = ! empty( $answer['buffers'] ) ? __( 'Works, but the web server keeps each answer back until it ends. So an event comes up to two seconds late.', 'largesse' ) :
			/* translators: %s: a number of milliseconds */
			sprintf( __( 'Works. An event came after %s ms.', 'largesse' ), number_format_i18n( (int) $answer['ms'] ) );
		return 'php' === $way ? $said . ' ' . __( 'An open page may hold a worker of PHP.', 'largesse' ) : $said;
	}
	$why = isset( $answer['why'] ) ? $answer['why'] : '';
	if ( 'status' === $why ) {
		return largesse_report_status( $way, (string) $answer['said'] );
	}
	$words = array(
		'program'     => __( 'The plugin was uploaded without the program. It is in the larger of the two ZIP files.', 'largesse' ),
		'text'        => __( 'The host does not run it: it sent the text of the file instead.', 'largesse' ),
		'other'       => __( 'Something else answered at this address, and no stream. A plugin for security or a cache may stand before it.', 'largesse' ),
		'nothing'     => __( 'The answer had nothing in it. The error log of the web server says why.', 'largesse' ),
		'silent'      => 'php' === $way ? __( 'No answer came in time. The host may have so few workers of PHP that none was free for this test.', 'largesse' ) :
			__( 'The host started it, but nothing came. The web server seems to keep the answer back.', 'largesse' ),
		/* translators: %s: an error */
		'unreachable' => sprintf( __( 'The site could not reach its own address (%s). Browsers may well reach it: see the test below.', 'largesse' ), isset( $answer['said'] ) ? $answer['said'] : '' ),
		/* translators: %s: an error */
		'log'         => sprintf( __( 'It was not asked, because of another trouble: %s', 'largesse' ), isset( $answer['said'] ) ? $answer['said'] : '' ),
	);
	return isset( $words[ $why ] ) ? $words[ $why ] : __( 'It was not asked yet.', 'largesse' );
}

/**
 * The same for a status of HTTP.
 *
 * @param string $way  The way.
 * @param string $said The status, and perhaps a line.
 * @return string
 */
function largesse_report_status( $way, $said ) {
	$is_php = 'php' === $way;
	switch ( (int) $said ) {
		case 401:
			$words = __( 'A password is asked for at this address, or the token did not arrive.', 'largesse' );
			break;
		case 403:
			$words = $is_php ? __( 'The host forbids PHP in this folder. A plugin for security may do so: let it allow the address.', 'largesse' ) :
				__( 'The host does not run programs in this folder.', 'largesse' );
			break;
		case 404:
			$words = __( 'The web server does not find the file. It may have its own rules for this folder.', 'largesse' );
			break;
		case 500:
			$words = $is_php ? __( 'PHP has stopped with an error. Its error log says which.', 'largesse' ) :
				__( 'The host does not run it, or does not allow the lines in .htaccess.', 'largesse' );
			break;
		default:
			$words = __( 'The web server refused.', 'largesse' );
	}
	/* translators: 1: a sentence, 2: a status of HTTP */
	return sprintf( __( '%1$s (It answered %2$s.)', 'largesse' ), $words, $said );
}

/**
 * What is wrong, one sentence each.
 *
 * @return string[]
 */
function largesse_troubles() {
	$state    = largesse_state();
	$troubles = array();
	if ( ! empty( $state['error'] ) ) {
		$troubles[] = $state['error'];
	}
	try {
		largesse_log();
	} catch ( Exception $e ) {
		$troubles[] = $e->getMessage();
	}
	if ( array() !== $state['found'] && ! array_filter( wp_list_pluck( $state['found'], 'works' ) ) ) {
		$troubles[] = __( 'None of the three ways works. The table below says why.', 'largesse' );
	}
	$way = largesse_option( 'way' );
	if ( 'auto' !== $way && empty( $state['found'][ $way ]['works'] ) ) {
		$troubles[] = __( 'The way that you have chosen does not work here, so another one is taken.', 'largesse' );
	}
	if ( ! empty( $state['open'] ) ) {
		$troubles[] = __( 'The folder of the log can be fetched over the web by who knows its name, which is secret. Your web server does not read .htaccess: forbid it there, or let PHP write in the folder above the document root.', 'largesse' );
	}
	return array_unique( $troubles );
}

/**
 * Can the log be fetched by who knows its name?  Only where it is in the document root.
 *
 * @return bool
 */
function largesse_is_open() {
	if ( 0 !== strpos( largesse_data(), largesse_path() . '/' ) ) {
		return false;
	}
	$url    = largesse_url( substr( largesse_data( 'key' ), strlen( largesse_path() ) + 1 ) );
	$answer = wp_remote_head( $url, array( 'timeout' => 5, 'sslverify' => false ) );
	return 200 === (int) wp_remote_retrieve_response_code( $answer );
}

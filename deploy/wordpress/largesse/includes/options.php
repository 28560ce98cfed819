<?php
/**
 * What the owner has chosen, and what was found on the host.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * The choices of the settings page.
 *
 * @return array
 */
function largesse_options() {
	return array_merge( largesse_defaults(), (array) get_option( 'largesse', array() ) );
}

/**
 * What is chosen until somebody chooses.
 *
 * @return array
 */
function largesse_defaults() {
	return array(
		'way'      => 'auto',   // or fcgi, cgi, php.
		'workers'  => 5,        // That PHP may keep waiting; the other pages ask again.
		'comments' => 1,
		'bell'     => 1,
		'readers'  => 0,        // 1: at the end of each post.
		'changes'  => 'notice', // or replace, off.
	);
}

/**
 * One of the choices.
 *
 * @param string $name Its name.
 * @return mixed
 */
function largesse_option( $name ) {
	return largesse_options()[ $name ];
}

/**
 * What was found and made on this host: base, data, version, way, found.
 *
 * @return array
 */
function largesse_state() {
	return (array) get_option( 'largesse_state', array() ) + array(
		'base'    => '',      // content or uploads: where the folder of the stream is.
		'data'    => '',      // The folder of the log and the key.
		'version' => '',
		'way'     => '',
		'found'   => array(), // What each way answered.
		'time'    => 0,
	);
}

/**
 * Changes a part of it.
 *
 * @param array $new What changes.
 */
function largesse_set_state( array $new ) {
	update_option( 'largesse_state', array_merge( largesse_state(), $new ) );
}

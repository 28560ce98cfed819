<?php
/**
 * Plugin Name:       largesse
 * Description:       What happens on the site appears on open pages at once: comments, changed posts, a bell for editors. On any host, without a service of others.
 * Version:           0.1.0
 * Requires at least: 5.9
 * Requires PHP:      7.4
 * Author:            The largesse authors
 * License:           MIT
 * License URI:       https://opensource.org/licenses/MIT
 * Text Domain:       largesse
 *
 * This file loads the others.  Each has one subject:
 *
 *   options.php   what the owner has chosen, and what was found on the host
 *   place.php     where the log, the key and the folder of the stream are
 *   log.php       the event log, an SQLite file
 *   publish.php   largesse_publish(), for themes and other plugins
 *   token.php     who may read which topic
 *   ways.php      the three ways in which a stream can be served
 *   ask.php       asks for a stream over HTTP, as a browser does
 *   setup.php     activation, deactivation and the daily work
 *   page.php      what a page gets to listen
 *   comments.php  new comments on the open post
 *   bell.php      the bell for those who moderate
 *   readers.php   how many people are reading
 *   changes.php   a post that changes while somebody reads it
 *   settings.php  the settings page
 *   report.php    what that page says about the host, in plain words
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

define( 'LARGESSE_VERSION', '0.1.0' );
define( 'LARGESSE_FILE', __FILE__ );

foreach ( array( 'options', 'place', 'log', 'publish', 'token', 'ways', 'ask', 'setup', 'page', 'comments', 'bell', 'readers', 'changes', 'settings', 'report' ) as $largesse_part ) {
	require __DIR__ . '/includes/' . $largesse_part . '.php';
}
unset( $largesse_part );

register_activation_hook( __FILE__, 'largesse_activate' );
register_deactivation_hook( __FILE__, 'largesse_deactivate' );

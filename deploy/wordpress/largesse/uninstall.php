<?php
/**
 * WordPress runs this when the plugin is deleted.
 *
 * @package largesse
 */

if ( ! defined( 'WP_UNINSTALL_PLUGIN' ) ) {
	exit;
}

require_once __DIR__ . '/includes/options.php';
require_once __DIR__ . '/includes/place.php';
require_once __DIR__ . '/includes/setup.php';

largesse_uninstall();

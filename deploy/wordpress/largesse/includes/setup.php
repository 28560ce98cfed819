<?php
/**
 * Activation, deactivation and the daily work.
 *
 * Deactivation removes what the web server can run, and the daily work.  What was chosen,
 * the log and the key go when the plugin is deleted.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

add_action( 'largesse_daily', 'largesse_daily' );
add_action( 'admin_init', 'largesse_set_up_again' );

/**
 * Runs when the plugin is activated.  On a network of sites each of them sets itself up
 * when somebody opens its dashboard.
 */
function largesse_activate() {
	largesse_set_up();
}

/**
 * Makes what is missing, and looks for the best way.
 *
 * @return bool
 */
function largesse_set_up() {
	if ( function_exists( 'set_time_limit' ) ) {
		@set_time_limit( 120 ); // phpcs:ignore WordPress.PHP.NoSilencedErrors -- some hosts forbid it.
	}
	if ( ! wp_next_scheduled( 'largesse_daily' ) ) {
		wp_schedule_event( time() + DAY_IN_SECONDS, 'daily', 'largesse_daily' );
	}
	try {
		largesse_make_place();
		largesse_log();
		largesse_make_php();
		$found = largesse_find_ways();
		largesse_set_state(
			array(
				'version' => LARGESSE_VERSION,
				'plugin'  => LARGESSE_FILE,
				'way'     => largesse_best_way( $found ),
				'found'   => $found,
				'time'    => time(),
				'error'   => '',
				'open'    => largesse_is_open(),
			)
		);
		return true;
	} catch ( Exception $e ) {
		largesse_fail( $e );
		largesse_set_state( array( 'version' => LARGESSE_VERSION, 'plugin' => LARGESSE_FILE, 'error' => $e->getMessage() ) );
		return false;
	}
}

/**
 * Sets up again after an update, or when the site has moved to another place.
 */
function largesse_set_up_again() {
	$state = largesse_state();
	$is_ok = LARGESSE_VERSION === $state['version'] && isset( $state['plugin'] ) && LARGESSE_FILE === $state['plugin'] &&
		( ! empty( $state['error'] ) || ( is_dir( $state['data'] ) && is_file( largesse_path( largesse_entry( 'php' ) ) ) ) );
	if ( ! $is_ok && ! wp_doing_ajax() && current_user_can( 'activate_plugins' ) ) {
		largesse_set_up();
	}
}

/**
 * Removes what is old.
 */
function largesse_daily() {
	try {
		largesse_prune();
	} catch ( Exception $e ) {
		largesse_fail( $e );
	}
}

/**
 * Runs when the plugin is deactivated.
 *
 * @param bool $network_wide On all sites of a network?
 */
function largesse_deactivate( $network_wide = false ) {
	largesse_each_site(
		$network_wide,
		function () {
			wp_clear_scheduled_hook( 'largesse_daily' );
			foreach ( array( 'fcgi', 'cgi', 'php', 'bin' ) as $name ) {
				largesse_remove_folder( largesse_path( $name ) );
			}
			largesse_set_state( array( 'version' => '' ) );
		}
	);
}

/**
 * Removes all that is left.  uninstall.php runs it.
 */
function largesse_uninstall() {
	largesse_each_site(
		is_multisite(),
		function () {
			wp_clear_scheduled_hook( 'largesse_daily' );
			largesse_remove_folder( largesse_data() );
			largesse_remove_folder( largesse_path() );
			foreach ( array( 'largesse', 'largesse_state', 'largesse_comment' ) as $option ) {
				delete_option( $option );
			}
		}
	);
}

/**
 * Runs a function for this site, or for each site of the network.
 *
 * @param bool     $all  For each?
 * @param callable $what The function.
 */
function largesse_each_site( $all, callable $what ) {
	if ( ! $all || ! is_multisite() ) {
		$what();
		return;
	}
	foreach ( get_sites( array( 'fields' => 'ids', 'number' => 0 ) ) as $site ) {
		switch_to_blog( $site );
		$what();
		restore_current_blog();
	}
}

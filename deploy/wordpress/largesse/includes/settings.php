<?php
/**
 * The settings page: does it work, in which way, and what is switched on.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

add_action( 'admin_menu', 'largesse_menu' );
add_action( 'admin_init', 'largesse_register_settings' );
add_action( 'admin_post_largesse_look', 'largesse_look_again' );
add_action( 'wp_ajax_largesse_test', 'largesse_ajax_test' );
add_action( 'update_option_largesse', 'largesse_settings_saved' );
add_action( 'add_option_largesse', 'largesse_settings_saved' );
add_filter( 'plugin_action_links_' . plugin_basename( LARGESSE_FILE ), 'largesse_settings_link' );

/**
 * Puts the page under Settings.
 */
function largesse_menu() {
	$hook = add_options_page( 'largesse', 'largesse', 'manage_options', 'largesse', 'largesse_settings_page' );
	add_action(
		'admin_print_scripts-' . $hook,
		function () {
			wp_enqueue_style( 'largesse-settings', plugins_url( 'css/settings.css', LARGESSE_FILE ), array(), LARGESSE_VERSION );
			wp_enqueue_script( 'largesse-settings', plugins_url( 'js/settings.js', LARGESSE_FILE ), array( 'largesse', 'wp-i18n' ), LARGESSE_VERSION, true );
			wp_set_script_translations( 'largesse-settings', 'largesse' );
			wp_add_inline_script( 'largesse-settings', 'window.largesseTest = ' . wp_json_encode( wp_create_nonce( 'largesse_test' ) ) . ';', 'before' );
		}
	);
}

/**
 * A link to it in the list of plugins.
 *
 * @param string[] $links The links.
 * @return string[]
 */
function largesse_settings_link( $links ) {
	array_unshift( $links, '<a href="' . esc_url( admin_url( 'options-general.php?page=largesse' ) ) . '">' . esc_html__( 'Settings', 'largesse' ) . '</a>' );
	return $links;
}

/**
 * Lets WordPress save what the form sends.
 */
function largesse_register_settings() {
	register_setting( 'largesse', 'largesse', array( 'sanitize_callback' => 'largesse_clean_options' ) );
}

/**
 * Takes from the form what can be meant, and no more.
 *
 * @param mixed $given What was sent.
 * @return array
 */
function largesse_clean_options( $given ) {
	$given   = (array) $given;
	$options = largesse_defaults();
	foreach ( array( 'comments', 'bell', 'readers' ) as $name ) {
		$options[ $name ] = empty( $given[ $name ] ) ? 0 : 1;
	}
	if ( isset( $given['way'] ) && in_array( $given['way'], array( 'auto', 'fcgi', 'cgi', 'php' ), true ) ) {
		$options['way'] = $given['way'];
	}
	if ( isset( $given['changes'] ) && in_array( $given['changes'], array( 'notice', 'replace', 'off' ), true ) ) {
		$options['changes'] = $given['changes'];
	}
	if ( isset( $given['workers'] ) && is_numeric( $given['workers'] ) ) {
		$options['workers'] = max( 0, min( 100, (int) $given['workers'] ) );
	}
	return $options;
}

/**
 * The file of PHP has the number of workers in it.
 */
function largesse_settings_saved() {
	try {
		if ( '' !== largesse_data() ) {
			largesse_make_php();
		}
	} catch ( Exception $e ) {
		largesse_fail( $e );
	}
}

/**
 * Asks each way once more.
 */
function largesse_look_again() {
	if ( ! current_user_can( 'manage_options' ) ) {
		wp_die( esc_html__( 'You may not do that.', 'largesse' ), 403 );
	}
	check_admin_referer( 'largesse_look' );
	largesse_set_up();
	wp_safe_redirect( admin_url( 'options-general.php?page=largesse&looked=1' ) );
	exit;
}

/**
 * Publishes to the user who asks, and to nobody else.
 */
function largesse_ajax_test() {
	check_ajax_referer( 'largesse_test' );
	if ( ! current_user_can( 'manage_options' ) ) {
		wp_send_json_error( null, 403 );
	}
	$word = isset( $_POST['word'] ) ? sanitize_key( wp_unslash( $_POST['word'] ) ) : '';
	$id   = largesse_publish( 'user/' . get_current_user_id(), $word, 'largesse-test' );
	if ( false === $id ) {
		wp_send_json_error( largesse_error()->get_error_message(), 500 );
	}
	$began = isset( $_SERVER['REQUEST_TIME_FLOAT'] ) ? (float) $_SERVER['REQUEST_TIME_FLOAT'] : microtime( true );
	wp_send_json_success( array( 'wordpress' => (int) round( ( microtime( true ) - $began ) * 1000 ) ) );
}

/**
 * The page.
 */
function largesse_settings_page() {
	if ( ! current_user_can( 'manage_options' ) ) {
		return;
	}
	echo '<div class="wrap largesse"><h1>largesse</h1>';
	echo '<p>' . esc_html__( 'What happens on the site appears on open pages at once.', 'largesse' ) . '</p>';
	largesse_show_state();
	largesse_show_form();
	echo '</div>';
}

/**
 * Does it work, and in which way?
 */
function largesse_show_state() {
	$state = largesse_state();
	$ways  = largesse_ways();
	foreach ( largesse_troubles() as $trouble ) {
		echo '<div class="notice notice-error inline"><p>' . esc_html( $trouble ) . '</p></div>';
	}
	$urls = largesse_stream_urls();
	echo '<div class="largesse-card" aria-live="polite"><h2>' . esc_html__( 'Live test', 'largesse' ) . '</h2><p id="largesse-test">' . esc_html__( 'The test begins …', 'largesse' ) .
		'</p><p><button type="button" class="button" id="largesse-again">' . esc_html__( 'Test again', 'largesse' ) . '</button></p></div>';
	echo '<h2>' . esc_html__( 'How events get to the browsers', 'largesse' ) . '</h2><table class="widefat striped largesse-ways"><thead><tr><th scope="col">' . esc_html__( 'Way', 'largesse' ) .
		'</th><th scope="col">' . esc_html__( 'What this host answered', 'largesse' ) . '</th></tr></thead><tbody>';
	foreach ( $ways as $way => $name ) {
		$answer = isset( $state['found'][ $way ] ) ? $state['found'][ $way ] : array();
		$taken  = largesse_url( largesse_entry( $way ) ) === $urls[0] ? ' <strong class="largesse-taken">' . esc_html__( 'in use', 'largesse' ) . '</strong>' : '';
		$sign   = ! empty( $answer['works'] ) ? '<span class="dashicons dashicons-yes-alt" aria-hidden="true"></span> ' : '<span class="dashicons dashicons-minus" aria-hidden="true"></span> ';
		echo '<tr><td>' . esc_html( $name ) . wp_kses_post( $taken ) . '</td><td>' . wp_kses_post( $sign ) . esc_html( largesse_report_way( $way, $answer ) ) . '</td></tr>';
	}
	echo '</tbody></table><form method="post" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '"><p><input type="hidden" name="action" value="largesse_look">';
	wp_nonce_field( 'largesse_look' );
	echo '<button class="button">' . esc_html__( 'Look again', 'largesse' ) . '</button> <span class="description">';
	if ( $state['time'] > 0 ) {
		/* translators: %s: a time span, such as 5 mins */
		echo esc_html( sprintf( __( 'The host was asked %s ago.', 'largesse' ), human_time_diff( $state['time'] ) ) );
	}
	echo '</span></p></form>';
}

/**
 * What can be chosen.
 */
function largesse_show_form() {
	$options = largesse_options();
	echo '<form method="post" action="options.php">';
	settings_fields( 'largesse' );
	echo '<h2>' . esc_html__( 'What is switched on', 'largesse' ) . '</h2><table class="form-table" role="presentation">';
	largesse_show_switch( 'comments', __( 'Comments', 'largesse' ), __( 'New comments appear on the open post', 'largesse' ), $options );
	largesse_show_switch( 'bell', __( 'Bell', 'largesse' ), __( 'A bell in the admin bar rings for those who moderate, when a comment waits', 'largesse' ), $options );
	largesse_show_switch( 'readers', __( 'Readers', 'largesse' ), __( 'Each post shows how many people are reading', 'largesse' ), $options, __( 'For single posts there are the block “People who are reading” and the shortcode [largesse_readers].', 'largesse' ) );
	largesse_show_choice(
		'changes',
		__( 'Changed posts', 'largesse' ),
		array(
			'notice'  => __( 'Readers see a notice, and can show the new version', 'largesse' ),
			'replace' => __( 'The new version takes the place of the old one', 'largesse' ),
			'off'     => __( 'Nothing happens', 'largesse' ),
		),
		$options
	);
	echo '</table><h2>' . esc_html__( 'The host', 'largesse' ) . '</h2><table class="form-table" role="presentation">';
	largesse_show_choice( 'way', __( 'Way', 'largesse' ), array( 'auto' => __( 'The best that works', 'largesse' ) ) + largesse_ways(), $options );
	echo '<tr><th scope="row"><label for="largesse-workers">' . esc_html__( 'Workers of PHP', 'largesse' ) . '</label></th><td><input type="number" class="small-text" min="0" max="100" id="largesse-workers" name="largesse[workers]" value="' .
		esc_attr( $options['workers'] ) . '" aria-describedby="largesse-workers-help"><p class="description" id="largesse-workers-help">' .
		esc_html__( 'Only for PHP alone: so many open pages may keep a worker waiting for events. The pages beyond that ask again every few seconds. Stay well below what your host gives you, or the site has to wait.', 'largesse' ) . '</p></td></tr></table>';
	submit_button();
	echo '</form>';
}

/**
 * A thing that is on or off.
 *
 * @param string $name    The choice.
 * @param string $title   Its title.
 * @param string $label   What happens if it is on.
 * @param array  $options The choices.
 * @param string $more    What else there is to say.
 */
function largesse_show_switch( $name, $title, $label, array $options, $more = '' ) {
	echo '<tr><th scope="row">' . esc_html( $title ) . '</th><td><label><input type="checkbox" name="largesse[' . esc_attr( $name ) . ']" value="1"' . checked( $options[ $name ], 1, false ) . '> ' .
		esc_html( $label ) . '</label>' . ( '' === $more ? '' : '<p class="description">' . esc_html( $more ) . '</p>' ) . '</td></tr>';
}

/**
 * One of several.
 *
 * @param string   $name    The choice.
 * @param string   $title   Its title.
 * @param string[] $labels  What can be chosen.
 * @param array    $options The choices.
 */
function largesse_show_choice( $name, $title, array $labels, array $options ) {
	echo '<tr><th scope="row">' . esc_html( $title ) . '</th><td><fieldset><legend class="screen-reader-text">' . esc_html( $title ) . '</legend>';
	foreach ( $labels as $value => $label ) {
		echo '<label><input type="radio" name="largesse[' . esc_attr( $name ) . ']" value="' . esc_attr( $value ) . '"' . checked( $options[ $name ], $value, false ) . '> ' . esc_html( $label ) . '</label><br>';
	}
	echo '</fieldset></td></tr>';
}

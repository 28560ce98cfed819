<?php
/**
 * What a page gets to listen.
 *
 * A page has one stream, whatever it listens to, and a page where nothing listens has
 * none.  js/stream.js is the API for themes: largesse.on( topic, event, function ).
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

add_action( 'wp_enqueue_scripts', 'largesse_register_scripts', 5 );
add_action( 'admin_enqueue_scripts', 'largesse_register_scripts', 5 );
add_action( 'template_redirect', 'largesse_note_newest' );
foreach ( array( 'wp_print_scripts', 'wp_print_footer_scripts', 'admin_print_footer_scripts' ) as $largesse_hook ) {
	add_action( $largesse_hook, 'largesse_tell_script', 1 );
}
unset( $largesse_hook );

/**
 * Registers the scripts.  Whoever needs one enqueues it; a theme names largesse among
 * what its own script needs.
 */
function largesse_register_scripts() {
	if ( wp_script_is( 'largesse', 'registered' ) ) {
		return; // A block theme makes the post before it asks for scripts.
	}
	$url = plugins_url( '', LARGESSE_FILE );
	wp_register_script( 'largesse', "$url/js/stream.js", array(), LARGESSE_VERSION, true );
	foreach ( array( 'comments', 'bell', 'readers', 'changes' ) as $name ) {
		wp_register_script( "largesse-$name", "$url/js/$name.js", array( 'largesse', 'wp-i18n' ), LARGESSE_VERSION, true );
		wp_set_script_translations( "largesse-$name", 'largesse' );
	}
	wp_register_style( 'largesse', "$url/css/largesse.css", array(), LARGESSE_VERSION );
}

/**
 * Tells the script what it has to know, on a page where somebody needs it.
 */
function largesse_tell_script() {
	static $told = false;
	if ( ! $told && wp_script_is( 'largesse' ) ) {
		$told = wp_add_inline_script( 'largesse', 'window.largesseSite = ' . wp_json_encode( largesse_for_script(), JSON_HEX_TAG | JSON_HEX_AMP ) . ';', 'before' );
	}
}

/**
 * Notes the newest event before the page is made.  Of all that happens from now on the
 * page hears by its stream, also if it comes out of a cache next week.
 */
function largesse_note_newest() {
	if ( largesse_open_post() ) {
		largesse_from();
	}
}

/**
 * The id from which on this page hears.
 *
 * @return string
 */
function largesse_from() {
	static $from = null;
	if ( null === $from ) {
		try {
			$from = (string) largesse_newest();
		} catch ( Exception $e ) {
			largesse_fail( $e );
			$from = '';
		}
	}
	return $from;
}

/**
 * What the script has to know.
 *
 * @return array
 */
function largesse_for_script() {
	$from = largesse_from();
	return array(
		'urls'    => '' === $from ? array() : largesse_stream_urls(),
		'from'    => $from,
		'user'    => get_current_user_id(),
		'ajax'    => admin_url( 'admin-ajax.php', 'relative' ),
		'seconds' => is_user_logged_in() ? LARGESSE_TOKEN_S : 0,
	);
}

/**
 * The topic of a post.  Everybody may read it if everybody may read the post.
 *
 * @param WP_Post $post The post.
 * @return string|null Null if it has none.
 */
function largesse_post_topic( WP_Post $post ) {
	return is_post_publicly_viewable( $post ) && '' === $post->post_password ? 'public/post/' . $post->ID : null;
}

/**
 * The post that this page shows, if its readers may listen to it.
 *
 * @return WP_Post|null
 */
function largesse_open_post() {
	$post = is_singular() && ! is_preview() && ! is_feed() ? get_queried_object() : null;
	return $post instanceof WP_Post && null !== largesse_post_topic( $post ) ? $post : null;
}

/**
 * Gives a script of ours to this page, and tells it about the post.
 *
 * @param string $name The script.
 * @param array  $more What else it has to know.
 */
function largesse_use_script( $name, array $more = array() ) {
	$post = largesse_open_post();
	if ( null !== $post ) {
		$more += array( 'post' => $post->ID, 'topic' => largesse_post_topic( $post ) );
	}
	largesse_register_scripts();
	wp_enqueue_style( 'largesse' );
	wp_enqueue_script( "largesse-$name" );
	wp_add_inline_script( "largesse-$name", 'window.largesse' . ucfirst( $name ) . ' = ' . wp_json_encode( $more, JSON_HEX_TAG | JSON_HEX_AMP ) . ';', 'before' );
}

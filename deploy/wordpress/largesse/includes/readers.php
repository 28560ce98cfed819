<?php
/**
 * How many people are reading a post: [largesse_readers], a block, or each post.
 *
 * A page says that it is there when it opens, every four minutes, and when it is left.
 * It says so to stream/readers.php, which loads no WordPress.  The number comes to all
 * by the stream, at most once in two seconds for each post.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

add_action( 'init', 'largesse_readers_block' );
add_filter( 'the_content', 'largesse_readers_in_post', 20 );

/**
 * Makes the block and the shortcode known.
 */
function largesse_readers_block() {
	add_shortcode( 'largesse_readers', 'largesse_readers' );
	wp_register_script(
		'largesse-readers-editor',
		plugins_url( 'js/readers-editor.js', LARGESSE_FILE ),
		array( 'wp-blocks', 'wp-element', 'wp-i18n' ),
		LARGESSE_VERSION,
		true
	);
	wp_set_script_translations( 'largesse-readers-editor', 'largesse' );
	register_block_type(
		'largesse/readers',
		array(
			'api_version'     => 2,
			'title'           => __( 'People who are reading', 'largesse' ),
			'category'        => 'widgets',
			'icon'            => 'groups',
			'editor_script'   => 'largesse-readers-editor',
			'render_callback' => 'largesse_readers',
		)
	);
}

/**
 * The place where the number appears.  It is hidden until the number is known.
 *
 * @return string
 */
function largesse_readers() {
	$post = largesse_open_post();
	if ( null === $post ) {
		return '';
	}
	try {
		$sign = largesse_readers_sign( $post->ID );
	} catch ( Exception $e ) {
		largesse_fail( $e );
		return '';
	}
	if ( ! wp_script_is( 'largesse-readers' ) ) {
		largesse_use_script( 'readers', array( 'url' => largesse_url( 'php/readers.php' ), 'sign' => $sign ) );
	}
	return '<p class="largesse-readers" hidden></p>';
}

/**
 * By this readers.php knows that the post exists and that its readers may be counted.
 *
 * @param int $post_id The post.
 * @return string
 */
function largesse_readers_sign( $post_id ) {
	// phpcs:ignore WordPress.WP.AlternativeFunctions, WordPress.PHP.NoSilencedErrors -- a file of this plugin.
	$key = trim( (string) @file_get_contents( largesse_data( 'key' ) ) );
	if ( strlen( $key ) < 32 ) {
		throw new RuntimeException( __( 'The key of the stream cannot be read.', 'largesse' ) );
	}
	return substr( hash_hmac( 'sha256', 'readers/' . (int) $post_id, $key ), 0, 32 );
}

/**
 * Adds it to each post, if that was chosen.
 *
 * @param string $content The post.
 * @return string
 */
function largesse_readers_in_post( $content ) {
	$post = get_post();
	$is   = largesse_option( 'readers' ) && $post && is_singular( 'post' ) && is_main_query() && get_queried_object_id() === $post->ID &&
		! doing_filter( 'get_the_excerpt' ) && false === strpos( $content, 'class="largesse-readers"' );
	return $is ? $content . largesse_readers() : $content;
}

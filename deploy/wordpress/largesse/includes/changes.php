<?php
/**
 * A post that changes while somebody reads it.
 *
 * The event says only that it has changed.  The reader's browser then asks for the page,
 * and so gets what this reader may see.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

add_action( 'post_updated', 'largesse_post_changed', 20, 3 );
add_action( 'wp_enqueue_scripts', 'largesse_changes_script' );
add_filter( 'the_content', 'largesse_mark_content', PHP_INT_MAX );

/**
 * The script, on a post.
 */
function largesse_changes_script() {
	if ( 'off' !== largesse_option( 'changes' ) && largesse_open_post() ) {
		largesse_use_script( 'changes', array( 'replace' => 'replace' === largesse_option( 'changes' ) ) );
	}
}

/**
 * Tells those who read a post that it has changed.
 *
 * @param int     $id    The post.
 * @param WP_Post $post  As it is.
 * @param WP_Post $old   As it was.
 */
function largesse_post_changed( $id, $post, $old ) {
	$is_same = $post->post_content === $old->post_content && $post->post_title === $old->post_title && $post->post_excerpt === $old->post_excerpt;
	$topic   = largesse_post_topic( $post );
	if ( 'off' !== largesse_option( 'changes' ) && ! $is_same && null !== $topic && $topic === largesse_post_topic( $old ) ) {
		// WordPress has more to do before the page has all that is new.
		add_action(
			'shutdown',
			function () use ( $topic, $post ) {
				largesse_publish( $topic, array( 'modified' => $post->post_modified_gmt ), 'changed' );
			}
		);
	}
}

/**
 * Marks where the text of the post begins and ends.  A comment of HTML changes nothing
 * of how the theme shows it.
 *
 * @param string $content The text.
 * @return string
 */
function largesse_mark_content( $content ) {
	$post = get_post();
	$open = did_action( 'wp_head' ) || wp_is_block_theme() ? largesse_open_post() : null;
	if ( 'off' === largesse_option( 'changes' ) || ! $post || ! $open || $open->ID !== $post->ID || doing_filter( 'get_the_excerpt' ) ) {
		return $content;
	}
	return '<!--largesse:' . $post->ID . '-->' . $content . '<!--/largesse:' . $post->ID . '-->';
}

<?php
/**
 * A bell in the admin bar, for those who moderate comments.  It rings when one waits.
 *
 * The topic can/moderate_comments is in the tokens of those who may do that, and in no
 * other.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

add_action( 'admin_bar_menu', 'largesse_bell', 70 );
add_action( 'wp_enqueue_scripts', 'largesse_bell_script' );
add_action( 'admin_enqueue_scripts', 'largesse_bell_script' );
add_action( 'wp_insert_comment', 'largesse_bell_inserted', 20, 2 );
add_action( 'transition_comment_status', 'largesse_bell_moved', 20, 2 );
add_action( 'deleted_comment', 'largesse_bell_deleted', 20, 2 );

/**
 * Is there a bell on this page?
 *
 * @return bool
 */
function largesse_has_bell() {
	return largesse_option( 'bell' ) && is_admin_bar_showing() && current_user_can( 'moderate_comments' );
}

/**
 * How many comments wait.
 *
 * @return int
 */
function largesse_waiting() {
	return (int) get_comments( array( 'status' => 'hold', 'count' => true ) );
}

/**
 * Puts it into the bar.
 *
 * @param WP_Admin_Bar $bar The bar.
 */
function largesse_bell( $bar ) {
	if ( ! largesse_has_bell() ) {
		return;
	}
	$count = largesse_waiting();
	$bar->add_node(
		array(
			'id'    => 'largesse-bell',
			'title' => '<span class="ab-icon dashicons dashicons-bell" aria-hidden="true"></span><span class="ab-label" aria-hidden="true">' . (int) $count .
				'</span><span class="screen-reader-text" role="status">' . esc_html( largesse_waiting_text( $count ) ) . '</span>',
			'href'  => admin_url( 'edit-comments.php?comment_status=moderated' ),
			'meta'  => array(
				'class' => $count > 0 ? 'largesse-waits' : '',
				'title' => largesse_waiting_text( $count ),
			),
		)
	);
}

/**
 * The same in words.
 *
 * @param int $count How many comments wait.
 * @return string
 */
function largesse_waiting_text( $count ) {
	/* translators: %s: a number */
	return sprintf( _n( '%s comment waits for moderation', '%s comments wait for moderation', $count, 'largesse' ), number_format_i18n( $count ) );
}

/**
 * Its script.
 */
function largesse_bell_script() {
	if ( largesse_has_bell() ) {
		largesse_use_script( 'bell' );
	}
}

/**
 * A comment is there.
 *
 * @param int        $id      Its id.
 * @param WP_Comment $comment The comment.
 */
function largesse_bell_inserted( $id, $comment ) {
	if ( '0' === (string) $comment->comment_approved && ! ( defined( 'WP_IMPORTING' ) && WP_IMPORTING ) ) {
		largesse_ring();
	}
}

/**
 * A comment waits, or waits no more.
 *
 * @param string $new Its status.
 * @param string $old Its status before.
 */
function largesse_bell_moved( $new, $old ) {
	if ( $new !== $old && in_array( 'unapproved', array( $new, $old ), true ) ) {
		largesse_ring();
	}
}

/**
 * A comment was deleted.
 *
 * @param int        $id      Its id.
 * @param WP_Comment $comment The comment.
 */
function largesse_bell_deleted( $id, $comment ) {
	if ( '0' === (string) $comment->comment_approved ) {
		largesse_ring();
	}
}

/**
 * Tells how many wait.
 */
function largesse_ring() {
	if ( largesse_option( 'bell' ) ) {
		largesse_publish( 'can/moderate_comments', array( 'waiting' => largesse_waiting() ), 'comments-waiting' );
	}
}

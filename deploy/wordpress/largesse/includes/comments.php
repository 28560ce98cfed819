<?php
/**
 * New comments on the open post.
 *
 * An event has the comment as the theme shows it to a visitor who is not logged in: the
 * theme's own functions make it, so it is escaped as on the page.  How the theme does it
 * is known only while it makes a page; so that is kept in an option.
 *
 * What the public may not see any more is taken out of the log, too.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

add_action( 'wp_insert_comment', 'largesse_comment_inserted', 20, 2 );
add_action( 'edit_comment', 'largesse_comment_edited', 20 );
add_action( 'transition_comment_status', 'largesse_comment_moved', 20, 3 );
add_action( 'delete_comment', 'largesse_comment_gone', 20 );
add_action( 'transition_post_status', 'largesse_comments_hide', 20, 3 );
add_action( 'wp_enqueue_scripts', 'largesse_comments_script' );
add_filter( 'wp_list_comments_args', 'largesse_keep_list' );
add_filter( 'render_block_core/comment-template', 'largesse_keep_block', 10, 2 );

/**
 * The script, on a post that may have comments.
 */
function largesse_comments_script() {
	$post = largesse_open_post();
	if ( largesse_option( 'comments' ) && $post && ( comments_open( $post ) || get_comments_number( $post ) > 0 ) ) {
		largesse_use_script( 'comments', array( 'newestFirst' => 'desc' === get_option( 'comment_order' ) ) );
	}
}

/**
 * A comment is there.
 *
 * @param int        $id      Its id.
 * @param WP_Comment $comment The comment.
 */
function largesse_comment_inserted( $id, $comment ) {
	if ( '1' === (string) $comment->comment_approved && ! ( defined( 'WP_IMPORTING' ) && WP_IMPORTING ) ) {
		largesse_comment_publish( $comment );
	}
}

/**
 * A comment has another text.
 *
 * @param int $id Its id.
 */
function largesse_comment_edited( $id ) {
	$comment = get_comment( $id );
	if ( $comment && '1' === $comment->comment_approved ) {
		largesse_comment_forget( $comment );
		largesse_comment_publish( $comment );
	}
}

/**
 * A comment was approved, or is not any more.
 *
 * @param string     $new     Its status.
 * @param string     $old     Its status before.
 * @param WP_Comment $comment The comment.
 */
function largesse_comment_moved( $new, $old, $comment ) {
	if ( 'approved' === $new && 'approved' !== $old ) {
		largesse_comment_publish( $comment );
	} elseif ( 'approved' === $old && 'approved' !== $new ) {
		largesse_comment_gone( $comment->comment_ID );
	}
}

/**
 * Nobody may see a comment any more.
 *
 * @param int $id Its id.
 */
function largesse_comment_gone( $id ) {
	$comment = get_comment( $id );
	$post    = $comment ? get_post( $comment->comment_post_ID ) : null;
	if ( ! $post || ! largesse_comment_forget( $comment ) || null === largesse_post_topic( $post ) ) {
		return;
	}
	largesse_publish( largesse_post_topic( $post ), array( 'id' => (int) $id ), 'comment-gone' );
}

/**
 * Empties the rows of the log that have the comment.
 *
 * @param WP_Comment $comment The comment.
 * @return bool Was there one?
 */
function largesse_comment_forget( WP_Comment $comment ) {
	try {
		$rows = largesse_log()->prepare( "UPDATE events SET data = '', event = 'nothing' WHERE topic = ? AND event = 'comment' AND data GLOB ?" );
		$rows->execute( array( 'public/post/' . $comment->comment_post_ID, '{"id":' . (int) $comment->comment_ID . ',*' ) );
		return $rows->rowCount() > 0 || '1' === $comment->comment_approved;
	} catch ( Exception $e ) {
		largesse_fail( $e );
		return false;
	}
}

/**
 * A post that was public is so no more.  Neither are its comments.
 *
 * @param string  $new  Its status.
 * @param string  $old  Its status before.
 * @param WP_Post $post The post.
 */
function largesse_comments_hide( $new, $old, $post ) {
	if ( 'publish' !== $old || null !== largesse_post_topic( $post ) || '' === largesse_data() ) {
		return;
	}
	try {
		largesse_log()->prepare( "UPDATE events SET data = '', event = 'nothing' WHERE topic = ?" )->execute( array( 'public/post/' . $post->ID ) );
	} catch ( Exception $e ) {
		largesse_fail( $e );
	}
}

/**
 * Publishes a comment to those who have the post open.
 *
 * @param WP_Comment $comment The comment.
 */
function largesse_comment_publish( WP_Comment $comment ) {
	$post = get_post( $comment->comment_post_ID );
	if ( ! largesse_option( 'comments' ) || ! $post || null === largesse_post_topic( $post ) || ! in_array( $comment->comment_type, array( '', 'comment' ), true ) ) {
		return;
	}
	list( $html, $css ) = largesse_comment_style( largesse_comment_html( $comment, $post ), (int) $comment->comment_ID );

	$event = array(
		'id'     => (int) $comment->comment_ID, // The first: largesse_comment_forget() looks for it.
		'parent' => (int) $comment->comment_parent,
		'author' => wp_strip_all_tags( get_comment_author( $comment ) ),
		'html'   => $html,
		'css'    => $css,
	);
	largesse_publish( largesse_post_topic( $post ), $event, 'comment' );
}

/**
 * A comment as the theme shows it to a visitor.
 *
 * @param WP_Comment $comment The comment.
 * @param WP_Post    $post    Its post.
 * @return string
 */
function largesse_comment_html( WP_Comment $comment, WP_Post $post ) {
	$user  = get_current_user_id();
	$names = array( 'post', 'comment', 'comment_depth', 'comment_alt', 'comment_thread_alt' );
	$kept  = array_intersect_key( $GLOBALS, array_flip( $names ) );
	$level = ob_get_level();
	wp_set_current_user( 0 );
	try {
		$GLOBALS['post'] = $post; // phpcs:ignore WordPress.WP.GlobalVariablesOverride -- put back below.
		setup_postdata( $post );
		$kept_how = (array) get_option( 'largesse_comment', array() );
		$how      = isset( $kept_how[ $post->post_type ] ) ? $kept_how[ $post->post_type ] : array( 'list' => array() );
		$html     = isset( $how['block'] ) ? largesse_comment_by_block( $comment, $how['block'] ) : largesse_comment_by_list( $comment, $how['list'] );
	} catch ( Throwable $e ) { // Of the theme, or of another plugin.
		while ( ob_get_level() > $level ) {
			ob_end_clean();
		}
		$html = '';
		largesse_fail( new RuntimeException( $e->getMessage() ) );
	} finally {
		wp_set_current_user( $user );
		foreach ( $names as $name ) {
			unset( $GLOBALS[ $name ] );
		}
		foreach ( $kept as $name => $value ) {
			$GLOBALS[ $name ] = $value;
		}
	}
	return trim( $html );
}

/**
 * The rules for the blocks in a comment.  WordPress numbers them on each page, so here
 * they get a name that no page has.
 *
 * @param string $html The comment.
 * @param int    $id   Its id.
 * @return string[] The comment and the rules.
 */
function largesse_comment_style( $html, $id ) {
	if ( ! function_exists( 'wp_style_engine_get_stylesheet_from_context' ) || false === strpos( $html, 'wp-container-' ) ) {
		return array( $html, '' );
	}
	$rename = function ( $text ) use ( $id ) {
		return preg_replace( '/\bwp-container-(?=[\w-]*\d)/', 'wp-container-largesse-' . $id . '-', $text );
	};
	return array( $rename( $html ), $rename( wp_style_engine_get_stylesheet_from_context( 'block-supports' ) ) );
}

/**
 * How deep a comment is in its thread; 1 is an answer to the post.
 *
 * @param WP_Comment $comment The comment.
 * @return int
 */
function largesse_comment_depth( WP_Comment $comment ) {
	$depth = 1;
	while ( $comment && $comment->comment_parent > 0 && $depth < 20 ) {
		$comment = get_comment( $comment->comment_parent );
		++$depth;
	}
	return get_option( 'thread_comments' ) ? min( $depth, (int) get_option( 'thread_comments_depth' ) ) : 1;
}

/**
 * As wp_list_comments() shows it.
 *
 * @param WP_Comment $comment The comment.
 * @param array      $args    What the theme gave to wp_list_comments().
 * @return string
 */
function largesse_comment_by_list( WP_Comment $comment, array $args ) {
	$args  += array(
		'walker'            => '',
		'max_depth'         => '',
		'style'             => 'ol',
		'callback'          => null,
		'end-callback'      => null,
		'type'              => 'all',
		'avatar_size'       => 32,
		'reverse_top_level' => null,
		'reverse_children'  => '',
		'format'            => current_theme_supports( 'html5', 'comment-list' ) ? 'html5' : 'xhtml',
		'short_ping'        => false,
		'echo'              => false,
	);
	$class  = $args['walker'];
	$walker = is_string( $class ) && is_subclass_of( $class, 'Walker' ) ? new $class() : new Walker_Comment();

	$args['walker'] = $walker;
	if ( ! is_callable( $args['callback'] ) ) {
		$args['callback'] = null;
	}
	if ( ! is_callable( $args['end-callback'] ) ) {
		$args['end-callback'] = null;
	}
	if ( '' === $args['max_depth'] ) {
		$args['max_depth'] = get_option( 'thread_comments' ) ? (int) get_option( 'thread_comments_depth' ) : -1;
	}
	$args['has_children'] = false;
	$walker->has_children = false;

	$html = '';
	$walker->start_el( $html, $comment, largesse_comment_depth( $comment ) - 1, $args, (int) $comment->comment_ID );
	$walker->end_el( $html, $comment, largesse_comment_depth( $comment ) - 1, $args );
	return $html;
}

/**
 * As the block of a block theme shows it.
 *
 * @param WP_Comment $comment The comment.
 * @param array      $block   The block, with what is in it.
 * @return string
 */
function largesse_comment_by_block( WP_Comment $comment, array $block ) {
	$GLOBALS['comment_depth'] = largesse_comment_depth( $comment ); // phpcs:ignore WordPress.WP.GlobalVariablesOverride -- put back by the caller.

	$context = array( 'commentId' => (int) $comment->comment_ID, 'postId' => (int) $comment->comment_post_ID );
	$html    = ( new WP_Block( $block, $context ) )->render( array( 'dynamic' => false ) );
	$class   = comment_class( '', $comment->comment_ID, $comment->comment_post_ID, false );
	return sprintf( '<li id="comment-%d" %s>%s</li>', $comment->comment_ID, $class, $html );
}

/**
 * Keeps how the theme shows comments.
 *
 * @param array $args What it gave to wp_list_comments().
 * @return array The same.
 */
function largesse_keep_list( $args ) {
	if ( is_singular() && ! is_admin() ) {
		$kept = array_intersect_key( $args, array_flip( array( 'max_depth', 'style', 'callback', 'end-callback', 'avatar_size', 'format', 'short_ping' ) ) );
		$kept = array_filter( $kept, 'largesse_is_plain' );
		if ( isset( $args['walker'] ) && is_object( $args['walker'] ) ) {
			$kept['walker'] = get_class( $args['walker'] );
		}
		largesse_keep( array( 'list' => $kept ) );
	}
	return $args;
}

/**
 * Can it be kept in an option?  A closure cannot.
 *
 * @param mixed $value What is to be kept.
 * @return bool
 */
function largesse_is_plain( $value ) {
	return is_scalar( $value ) || ( is_array( $value ) && array_filter( $value, 'is_scalar' ) === $value );
}

/**
 * Keeps how a block theme shows comments.
 *
 * @param string $html  What the block gave.
 * @param array  $block The block.
 * @return string The same.
 */
function largesse_keep_block( $html, $block ) {
	if ( is_singular() && ! is_admin() ) {
		largesse_keep( array( 'block' => $block ) );
	}
	return $html;
}

/**
 * Keeps it, if it is new.  A theme may show pages in another way than posts.
 *
 * @param array $how list or block.
 */
function largesse_keep( array $how ) {
	$kept = (array) get_option( 'largesse_comment', array() );
	$type = (string) get_post_type();
	if ( ! isset( $kept[ $type ] ) || $kept[ $type ] !== $how ) {
		$kept[ $type ] = $how;
		update_option( 'largesse_comment', $kept, false );
	}
}

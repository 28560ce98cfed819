<?php
/**
 * Where things are.
 *
 * The log and the key are in a folder whose name nobody can guess, outside the
 * document root if PHP may write there.  The folder of the stream is under
 * wp-content, for the web server serves what is in it.  Each folder of ways.php is
 * in that one.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * The name of the folder of the stream.  Each site of a network has its own.
 *
 * @return string
 */
function largesse_folder_name() {
	return get_current_blog_id() > 1 ? 'largesse-' . get_current_blog_id() : 'largesse';
}

/**
 * The folder of the stream, or a file in it.
 *
 * @param string $file The file.
 * @return string
 */
function largesse_path( $file = '' ) {
	$base = 'uploads' === largesse_state()['base'] ? wp_upload_dir( null, false )['basedir'] : WP_CONTENT_DIR;
	return $base . '/' . largesse_folder_name() . ( '' === $file ? '' : '/' . $file );
}

/**
 * The address of the same.
 *
 * @param string $file The file.
 * @return string
 */
function largesse_url( $file = '' ) {
	$name = largesse_folder_name() . ( '' === $file ? '' : '/' . $file );
	if ( 'uploads' === largesse_state()['base'] ) {
		return set_url_scheme( wp_upload_dir( null, false )['baseurl'] . '/' . $name );
	}
	return content_url( $name );
}

/**
 * The folder of the log and the key, or a file in it.
 *
 * @param string $file The file.
 * @return string
 */
function largesse_data( $file = '' ) {
	return largesse_state()['data'] . ( '' === $file ? '' : '/' . $file );
}

/**
 * Makes both folders and the key, if they are not there.
 *
 * @throws RuntimeException When a folder cannot be made.
 */
function largesse_make_place() {
	if ( '' === largesse_state()['base'] ) {
		largesse_set_state( array( 'base' => wp_is_writable( WP_CONTENT_DIR ) ? 'content' : 'uploads' ) );
	}
	largesse_make_folder( largesse_path(), 0755 );
	$data = largesse_data();
	if ( '' === $data || ! is_dir( $data ) || ! wp_is_writable( $data ) ) {
		$data = largesse_outside() . '/largesse-' . bin2hex( random_bytes( 12 ) );
		largesse_make_folder( $data, 0700 );
		largesse_set_state( array( 'data' => $data ) );
	}
	// In case a web server has the folder in its reach after all.
	largesse_write( $data . '/.htaccess', "Require all denied\n", 0600 );
	if ( ! is_file( $data . '/key' ) ) {
		largesse_write( $data . '/key', bin2hex( random_bytes( 32 ) ), 0600 );
	}
}

/**
 * A folder above the document root that is ours, or the folder of the stream.
 *
 * @return string
 */
function largesse_outside() {
	// phpcs:ignore WordPress.Security.ValidatedSanitizedInput -- a path by the web server, checked below.
	$root = isset( $_SERVER['DOCUMENT_ROOT'] ) ? realpath( wp_unslash( $_SERVER['DOCUMENT_ROOT'] ) ) : false;
	$here = realpath( ABSPATH );
	if ( ! $root || ! $here || '/' === $root || 0 !== strpos( $here . '/', $root . '/' ) ) {
		return largesse_path();
	}
	$above = dirname( $root );
	// phpcs:ignore WordPress.PHP.NoSilencedErrors -- open_basedir may forbid to look there.
	$stat    = '/' === $above ? false : @stat( $above );
	$is_ours = $stat && ! ( $stat['mode'] & 02 ) && wp_is_writable( $above );
	return $is_ours ? $above : largesse_path();
}

/**
 * Makes a folder of which nobody gets a list.
 *
 * @param string $dir  The folder.
 * @param int    $mode Its mode.
 * @throws RuntimeException When it cannot be made.
 */
function largesse_make_folder( $dir, $mode ) {
	if ( ! is_dir( $dir ) && ! wp_mkdir_p( $dir ) ) {
		/* translators: %s: a folder */
		throw new RuntimeException( sprintf( __( 'The folder %s cannot be made. Give PHP the right to write in the folder above it.', 'largesse' ), $dir ) );
	}
	chmod( $dir, $mode );
	if ( ! is_file( $dir . '/index.php' ) ) {
		largesse_write( $dir . '/index.php', "<?php // Nothing to see.\n", $mode & 0644 );
	}
}

/**
 * Writes a file at once: who reads it gets the old one or the new one.
 *
 * @param string $path The file.
 * @param string $text What is in it.
 * @param int    $mode Its mode.
 * @throws RuntimeException When it cannot be written.
 */
function largesse_write( $path, $text, $mode ) {
	$new   = $path . '.' . bin2hex( random_bytes( 4 ) );
	$umask = umask( 077 );
	// phpcs:disable WordPress.WP.AlternativeFunctions, WordPress.PHP.NoSilencedErrors -- WP_Filesystem asks for a password, and has no rename over a file.
	$done = strlen( $text ) === @file_put_contents( $new, $text ) && chmod( $new, $mode ) && rename( $new, $path );
	umask( $umask );
	if ( ! $done ) {
		@unlink( $new );
		/* translators: %s: a file */
		throw new RuntimeException( sprintf( __( 'The file %s cannot be written.', 'largesse' ), $path ) );
	}
	// phpcs:enable
}

/**
 * Removes a folder and what is in it.  It follows no link.
 *
 * @param string $dir The folder.
 */
function largesse_remove_folder( $dir ) {
	// phpcs:disable WordPress.WP.AlternativeFunctions, WordPress.PHP.NoSilencedErrors -- as above.
	if ( '' === $dir || is_link( $dir ) || ! is_dir( $dir ) ) {
		return;
	}
	foreach ( array_diff( (array) scandir( $dir ), array( '.', '..' ) ) as $name ) {
		if ( is_dir( "$dir/$name" ) && ! is_link( "$dir/$name" ) ) {
			largesse_remove_folder( "$dir/$name" );
		} else {
			@unlink( "$dir/$name" );
		}
	}
	@rmdir( $dir );
	// phpcs:enable
}

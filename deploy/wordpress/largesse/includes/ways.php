<?php
/**
 * The three ways in which a stream can be served.
 *
 * Each way has a folder with what it needs and an .htaccess, so that what one of them
 * may not have on this host harms no other.  All of them have the same log, key, ids
 * and topics.  So the way may change at any time: pages come back by themselves and go
 * on where they were.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

const LARGESSE_STREAM_S  = 25; // Many hosts end a program after 30 seconds.
const LARGESSE_BUFFERS_S = 2;  // Where the web server keeps an answer back until its end.

/**
 * The ways, best first, with what each is called.
 *
 * @return array
 */
function largesse_ways() {
	return array(
		'fcgi' => __( 'FastCGI: a program that serves one stream after another', 'largesse' ),
		'cgi'  => __( 'CGI: a program for each stream', 'largesse' ),
		'php'  => __( 'PHP alone: no program', 'largesse' ),
	);
}

/**
 * The file in the folder of the stream that answers.
 *
 * @param string $way The way.
 * @return string
 */
function largesse_entry( $way ) {
	return $way . '/events.' . $way;
}

/**
 * The file events.php of the plugin.
 *
 * @return string
 */
function largesse_events_php() {
	return dirname( LARGESSE_FILE ) . '/stream/events.php';
}

/**
 * Lines for .htaccess by which a host may run a program, the best first.  A host that
 * does not allow Options answers 500 to the first, and may run programs all the same.
 *
 * @param string $way The way.
 * @return string[]
 */
function largesse_htaccess( $way ) {
	$handler = 'AddHandler ' . ( 'fcgi' === $way ? 'fcgid' : 'cgi' ) . "-script .$way\n";
	return array( "Options +ExecCGI\n" . $handler, $handler, '' );
}

/**
 * Makes the folder of PHP, which works on each host, and puts the program in its place.
 *
 * @throws RuntimeException When it cannot be made.
 */
function largesse_make_php() {
	largesse_make_folder( largesse_path( 'php' ), 0755 );
	largesse_write(
		largesse_path( largesse_entry( 'php' ) ),
		largesse_php_file(
			'stream.php',
			array(
				'LARGESSE_DB'       => largesse_data( 'events.db' ),
				'LARGESSE_KEY_FILE' => largesse_data( 'key' ),
				'LARGESSE_PUBLIC'   => 'public/*',
				'LARGESSE_WORKERS'  => (string) largesse_option( 'workers' ),
			)
		),
		0644
	);
	largesse_write(
		largesse_path( 'php/readers.php' ),
		largesse_php_file( 'readers.php', array( 'LARGESSE_DB' => largesse_data( 'events.db' ), 'LARGESSE_KEY_FILE' => largesse_data( 'key' ) ) ),
		0644
	);
}

/**
 * A file that tells a file of the plugin where the log is, and runs it without WordPress.
 *
 * @param string   $file The file, in stream/.
 * @param string[] $sets What it is told.
 * @return string
 */
function largesse_php_file( $file, array $sets ) {
	$php = "<?php\n// Made by the plugin largesse, which makes it again when its settings are saved.\n";
	foreach ( $sets as $name => $value ) {
		$php .= '$_SERVER[' . var_export( $name, true ) . '] = ' . var_export( $value, true ) . ";\n"; // phpcs:ignore WordPress.PHP.DevelopmentFunctions -- PHP's own way to quote.
	}
	return $php . 'require ' . var_export( dirname( LARGESSE_FILE ) . '/stream/' . $file, true ) . ";\n"; // phpcs:ignore WordPress.PHP.DevelopmentFunctions -- as above.
}

/**
 * Copies the program to where it may be run.
 *
 * @return bool Is it there?
 */
function largesse_make_program() {
	$from = dirname( LARGESSE_FILE ) . '/stream/largesse';
	if ( ! is_file( $from ) ) {
		return false;
	}
	largesse_make_folder( largesse_path( 'bin' ), 0755 );
	$to = largesse_path( 'bin/largesse' );
	if ( ! is_file( $to ) || LARGESSE_VERSION !== largesse_state()['version'] ) {
		// phpcs:ignore WordPress.WP.AlternativeFunctions -- a file of this plugin.
		largesse_write( $to, (string) file_get_contents( $from ), 0755 );
	}
	return true;
}

/**
 * Makes the folder of a program.
 *
 * @param string $way      fcgi or cgi.
 * @param string $htaccess What is in .htaccess.
 * @param int    $age_s    After how many seconds a stream ends, and the browser comes back.
 */
function largesse_make_way( $way, $htaccess, $age_s ) {
	$dir = largesse_path( $way );
	largesse_make_folder( $dir, 0755 );
	$sets = array(
		'LARGESSE_DB'       => largesse_data( 'events.db' ),
		'LARGESSE_KEY_FILE' => largesse_data( 'key' ),
		'LARGESSE_PUBLIC'   => 'public/*',
		'LARGESSE_MAX_AGE'  => $age_s,
		'LARGESSE_RETRY'    => $age_s > LARGESSE_BUFFERS_S ? 1000 : 500,
	);
	$sh   = "#!/bin/sh\n# Made by the plugin largesse, which makes it again when its settings are saved.\n";
	foreach ( $sets as $name => $value ) {
		$sh .= "export $name=" . largesse_shell_word( (string) $value ) . "\n";
	}
	$sh .= 'exec ' . largesse_shell_word( largesse_path( 'bin/largesse' ) ) . "\n";
	largesse_write( "$dir/.htaccess", $htaccess, 0644 );
	largesse_write( largesse_path( largesse_entry( $way ) ), $sh, 0755 );
}

/**
 * A word for the shell.  Some hosts switch escapeshellarg() off.
 *
 * @param string $s The word.
 * @return string
 */
function largesse_shell_word( $s ) {
	return "'" . str_replace( "'", "'\\''", $s ) . "'";
}

/**
 * Asks each way, and keeps the folders of those that work.
 *
 * Returns what each answered: works, ms after which an event came, why if it does not,
 * buffers when the web server keeps the answer back until its end.
 *
 * @return array[]
 */
function largesse_find_ways() {
	$found = array( 'php' => largesse_ask( largesse_url( largesse_entry( 'php' ) ), 6 ) );
	if ( ! largesse_make_program() ) {
		$none = array( 'works' => false, 'why' => 'program' );
		return array( 'fcgi' => $none, 'cgi' => $none ) + $found;
	}
	foreach ( array( 'fcgi', 'cgi' ) as $way ) {
		$found[ $way ] = largesse_try_way( $way );
		if ( ! $found[ $way ]['works'] ) {
			largesse_remove_folder( largesse_path( $way ) );
		}
	}
	if ( ! $found['fcgi']['works'] && ! $found['cgi']['works'] ) {
		largesse_remove_folder( largesse_path( 'bin' ) );
	}
	return $found;
}

/**
 * Tries the lines for .htaccess one after another.
 *
 * @param string $way fcgi or cgi.
 * @return array As above.
 */
function largesse_try_way( $way ) {
	$first = null;
	foreach ( largesse_htaccess( $way ) as $htaccess ) {
		largesse_make_way( $way, $htaccess, LARGESSE_STREAM_S );
		$answer = largesse_ask( largesse_url( largesse_entry( $way ) ), 5 );
		if ( 'silent' === $answer['why'] ) { // Nothing came: kept back, perhaps.
			largesse_make_way( $way, $htaccess, LARGESSE_BUFFERS_S );
			$answer            = largesse_ask( largesse_url( largesse_entry( $way ) ), 8 );
			$answer['buffers'] = true;
		}
		if ( $answer['works'] || 'unreachable' === $answer['why'] || 'silent' === $answer['why'] ) {
			return $answer;
		}
		$first = null === $first ? $answer : $first;
	}
	return $first;
}

/**
 * The best of the ways that work.  PHP comes last: its pages hold workers that the site
 * needs, so a stream of a program is better even if it is two seconds late.
 *
 * @param array[] $found What each answered.
 * @return string
 */
function largesse_best_way( array $found ) {
	foreach ( array( false, true ) as $buffers ) {
		foreach ( array( 'fcgi', 'cgi' ) as $way ) {
			if ( ! empty( $found[ $way ]['works'] ) && $buffers === ! empty( $found[ $way ]['buffers'] ) ) {
				return $way;
			}
		}
	}
	return 'php';
}

/**
 * The addresses that pages ask: of the way that is taken, and of PHP, should it fail.
 *
 * @return string[]
 */
function largesse_stream_urls() {
	$state = largesse_state();
	$way   = largesse_option( 'way' );
	$way   = 'auto' !== $way && ! empty( $state['found'][ $way ]['works'] ) ? $way : $state['way'];
	$urls  = array( largesse_url( largesse_entry( '' === $way ? 'php' : $way ) ) );
	if ( 'php' !== $way && '' !== $way ) {
		$urls[] = largesse_url( largesse_entry( 'php' ) );
	}
	return $urls;
}

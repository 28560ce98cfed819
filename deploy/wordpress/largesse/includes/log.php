<?php
/**
 * The event log: an SQLite file whose rows are the events.
 *
 * The tables are those that events.php makes, to the letter.  They are written
 * there once and read from there.
 *
 * @package largesse
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

const LARGESSE_KEEP_ROWS = 100000;
const LARGESSE_KEEP_DAYS = 7;

/**
 * The log, open for this request.
 *
 * @return PDO
 * @throws RuntimeException When it cannot be opened.
 */
function largesse_log() {
	static $log = null, $of = null;
	$file = largesse_data( 'events.db' );
	if ( null === $log || $of !== $file || ! is_file( $file ) ) {
		$log = null;
		if ( '' === largesse_data() ) {
			throw new RuntimeException( __( 'The log is not made yet.', 'largesse' ) );
		}
		$log = largesse_open_log( $file );
		$of  = $file;
	}
	return $log;
}

/**
 * Opens the log, and makes it if there is none.
 *
 * @param string $file The file.
 * @return PDO
 * @throws RuntimeException When PHP lacks what it needs.
 */
function largesse_open_log( $file ) {
	if ( ! extension_loaded( 'pdo_sqlite' ) ) {
		throw new RuntimeException( __( 'PHP has no pdo_sqlite on this host. Ask the host to switch it on; on Debian it is the package php-sqlite3.', 'largesse' ) );
	}
	$umask = umask( 077 );
	try {
		$log = new PDO(
			'sqlite:' . $file,
			null,
			null,
			array(
				PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
				PDO::ATTR_TIMEOUT => 2, // A page waits for it.
			)
		);
		if ( version_compare( $log->query( 'SELECT sqlite_version()' )->fetchColumn(), '3.24.0', '<' ) ) {
			throw new RuntimeException( __( 'PHP has an SQLite that is older than 3.24. Ask the host for a newer PHP.', 'largesse' ) );
		}
		$log->exec( 'PRAGMA synchronous = NORMAL' );
		if ( ! $log->query( "SELECT 1 FROM sqlite_master WHERE name = 'largesse'" )->fetchColumn() ) {
			largesse_make_tables( $log );
		}
	} finally {
		umask( $umask );
	}
	return $log;
}

/**
 * Makes the tables of events.php, and two for readers.php.
 *
 * @param PDO $log The log.
 */
function largesse_make_tables( PDO $log ) {
	$log->query( 'PRAGMA journal_mode = WAL' )->fetchColumn();
	$log->exec( 'BEGIN IMMEDIATE' ); // Two may do it at once.
	if ( ! $log->query( "SELECT 1 FROM sqlite_master WHERE name = 'largesse'" )->fetchColumn() ) {
		$log->exec( largesse_schema() );
		$log->exec(
			'CREATE TABLE wp_readers(post INTEGER, reader TEXT, until INTEGER, PRIMARY KEY(post, reader)) WITHOUT ROWID;' .
			'CREATE TABLE wp_told(post INTEGER PRIMARY KEY, readers INTEGER, time INTEGER, waits INTEGER);' .
			// The oldest row.  Without it the removal of the only row would be a gap.
			"INSERT INTO events(topic, event) VALUES('wordpress', 'began')"
		);
	}
	$log->exec( 'COMMIT' );
}

/**
 * The tables as events.php has them.
 *
 * @return string
 * @throws RuntimeException When the file is not as it was made.
 */
function largesse_schema() {
	// phpcs:ignore WordPress.WP.AlternativeFunctions -- a file of this plugin.
	$php = (string) file_get_contents( largesse_events_php() );
	if ( ! preg_match( "/<<<'SQL'\n(.*?)\nSQL;/s", $php, $sql ) || ! preg_match( '/^const NOW_MS = "(.*)";$/m', $php, $now ) ) {
		throw new RuntimeException( __( 'The file stream/events.php of the plugin is not whole: install the plugin again.', 'largesse' ) );
	}
	return strtr(
		str_replace( "\\\n", '', $sql[1] ),
		array(
			'NOW_MS'    => $now[1],
			'KEEP_ROWS' => (string) LARGESSE_KEEP_ROWS,
			'EVERY'     => '100',
			'MANY'      => '1000',
		)
	);
}

/**
 * The id of the newest event: a page that is made now has heard of all up to it.
 *
 * @return int
 */
function largesse_newest() {
	return (int) largesse_log()->query( "SELECT seq FROM sqlite_sequence WHERE name = 'events'" )->fetchColumn();
}

/**
 * Removes what is old.
 */
function largesse_prune() {
	$log = largesse_log();
	$log->prepare( 'DELETE FROM events WHERE id IN (SELECT id FROM events WHERE time < ? ORDER BY id LIMIT 20000)' )
		->execute( array( ( time() - LARGESSE_KEEP_DAYS * DAY_IN_SECONDS ) * 1000 ) );
	// Every token that they took a right from has expired.
	$log->prepare( 'DELETE FROM largesse_revoke WHERE time < ?' )->execute( array( ( time() - DAY_IN_SECONDS ) * 1000 ) );
	$log->prepare( 'DELETE FROM wp_readers WHERE until < ?' )->execute( array( time() ) );
	$log->exec( 'DELETE FROM wp_told WHERE post NOT IN (SELECT post FROM wp_readers)' );
}

#!/usr/bin/perl
# publish.pl FILE TOPIC DATA - an order and its event, in one transaction.
use strict;
use warnings;
use DBI;

my ($path, $topic, $data) = @ARGV;
my $db = DBI->connect("dbi:SQLite:dbname=$path", "", "",
    { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
$db->sqlite_busy_timeout(5000);
$db->do("BEGIN IMMEDIATE");
eval {
	$db->do("INSERT INTO orders(item) VALUES(?)", undef, $data);
	$db->do("INSERT INTO events(topic, data) VALUES(?, ?)", undef,
	    $topic, $data);
	$db->do("COMMIT");
	1;
} or do {
	my $why = $@;
	$db->do("ROLLBACK");	# and no event either
	die $why;
};

# client.pl lwp|mojo URL - a stream in Perl; each event is a line of JSON.
use v5.36;
use JSON::PP;

my ($how, $url) = @ARGV;
my ($event, @data, $id, $last_id, $rest);
my $retry_ms = 2000;
my $json = JSON::PP->new->utf8;
$| = 1;

sub tell_them (@what) { say $json->encode(\@what) }

sub take_line ($line) {
	utf8::decode($line);
	my ($name, $value) = split /: ?/, $line, 2;
	if ($line eq '') {
		$last_id = $id;
		tell_them('event', $event, $id, join "\n", @data) if @data;
		($event, @data) = ('message');
	} elsif ($name eq 'data') {
		push @data, $value;
	} elsif ($name eq 'event') {
		$event = $value;
	} elsif ($name eq 'id') {
		$id = $value;
	} elsif ($name eq 'retry') {
		$retry_ms = $value;
	}
}

sub take ($piece) {
	$rest .= $piece;
	take_line($1) while $rest =~ s/^([^\n]*)\n//;
}

# Both say a status; LWP invents a 500 if nobody answers, and says so.
sub by_lwp (%headers) {
	require LWP::UserAgent;
	my $answer = LWP::UserAgent->new(timeout => 60)->get($url, %headers,
	    ':content_cb' => sub ($piece, @) { take($piece) });
	return ($answer->header('Client-Warning') // '') eq 'Internal response'
	    ? 0 : $answer->code;
}

sub by_mojo (%headers) {
	require Mojo::UserAgent;
	my $agent = Mojo::UserAgent->new(inactivity_timeout => 60,
	    max_response_size => 0);
	my $tx = $agent->build_tx(GET => $url, \%headers);
	$tx->res->content->unsubscribe('read')->on(
	    read => sub ($content, $piece) { take($piece)
		if ($tx->res->code // 0) == 200 });
	$agent->start($tx);
	return $tx->res->code // 0;
}

while (1) {
	($event, $id, $rest, @data) = ('message', $last_id, '');
	my %headers = defined $last_id ? ('Last-Event-ID' => $last_id) : ();
	my $status = $how eq 'lwp' ? by_lwp(%headers) : by_mojo(%headers);
	if ($status != 200 && $status != 0) {
		tell_them('over', $status);
		last;
	}
	select undef, undef, undef, $retry_ms / 1000;
}

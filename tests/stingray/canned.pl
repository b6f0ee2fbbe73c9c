#!/usr/bin/perl
# Answers SOAP calls with files, so that replies of any dialect, and of none, can be tried.
#
#   canned.pl DIR REPLIES     REPLIES/OPERATION.POOL.xml if there is one, else REPLIES/OPERATION.xml
#
#   DIR/port, DIR/log, DIR/raw (the requests, as they came)
#   DIR/how     how it is done, WAY or WAY:ARGUMENT: plain; cut N (N bytes of the body, then the end); cut_chunks N (chunked); close N (no length,
#               so that nobody sees the cut); drip (a byte a tenth of a second); endless (a body without end); giant N (N
#               blanks in the envelope); redirect URL; status CODE; silent (nothing ever); garbage; header N (N bytes of it);
#               idle (the connection is closed after every answer, unannounced)
use strict;
use warnings;
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);

my ($dir, $replies) = @ARGV;
die "usage: canned.pl DIR REPLIES\n" if !$replies;

sub slurp {
    my ($path) = @_;
    open my $f, '<:raw', $path or return undef;
    local $/;
    return scalar <$f>;
}

sub add {
    my ($name, $text) = @_;
    open my $f, '>>:raw', "$dir/$name" or die "$dir/$name: $!\n";
    print $f $text;
    close $f;
}

# The head and body of a request; nothing at the end.
sub request {
    my ($c) = @_;
    my $text = '';
    while ($text !~ /\r\n\r\n/) { sysread($c, $text, 8192, length $text) or return }
    my ($length) = $text =~ /^Content-Length: (\d+)/mi;
    my $want = index($text, "\r\n\r\n") + 4 + ($length // 0);
    while (length $text < $want) { sysread($c, $text, 8192, length $text) or return }
    return $text;
}

sub body_for {
    my ($request) = @_;
    my ($operation) = $request =~ m{^SOAPAction: ".*?([A-Za-z]+)"}mi;
    my ($pool) = $request =~ m{<names[^>]*><item[^>]*>([^<]*)<};
    add('log', $operation . (defined $pool ? " $pool" : '') . "\n");
    return slurp("$replies/$operation." . ($pool // '') . '.xml') // slurp("$replies/$operation.xml") // "no reply to $operation";
}

sub put { my ($c, $text) = @_; while (length $text) { my $n = syswrite($c, $text) // return; substr($text, 0, $n) = '' } return 1 }

sub head {
    my ($status, @lines) = @_;
    return join "\r\n", "HTTP/1.1 $status Whatever", 'Content-Type: text/xml; charset=utf-8', @lines, '', '';
}

my %ways = (
    cut => sub { my ($c, $status, $body, $n) = @_; put($c, head($status, 'Content-Length: ' . length $body) . substr $body, 0, $n); 0 },
    cut_chunks => sub {
        my ($c, $status, $body, $n) = @_;
        put($c, head($status, 'Transfer-Encoding: chunked') . sprintf "%x\r\n%s\r\n", $n, substr $body, 0, $n);
        0;
    },
    close => sub { my ($c, $status, $body, $n) = @_; put($c, head($status, 'Connection: close') . substr $body, 0, $n); 0 },
    drip => sub {
        my ($c, $status, $body) = @_;
        put($c, head($status, 'Content-Length: ' . length $body));
        for (split //, $body) { put($c, $_) or return 0; select undef, undef, undef, 0.1 }
        1;
    },
    endless => sub { my ($c, $status) = @_; put($c, head($status, 'Connection: close')); while (put($c, '<a/>' x 16384)) { } 0 },
    giant => sub {
        my ($c, $status, $body, $n) = @_;
        $body =~ s/(Body>)/' ' x $n . $1/e;
        $body =~ s/<( *)([A-Za-z-]*:?Body>)/$1<$2/;
        put($c, head($status, 'Content-Length: ' . length $body) . $body);
    },
    redirect => sub { my ($c, undef, undef, $url) = @_; put($c, head(302, "Location: $url", 'Content-Length: 0')) },
    status => sub { my ($c, undef, $body, $code) = @_; put($c, head($code, 'Content-Length: ' . length $body) . $body) },
    silent => sub { sleep 60; 0 },
    garbage => sub { my ($c) = @_; put($c, "\x00\xff\x16\x03 no HTTP at all\r\n\r\n"); 0 },
    header => sub { my ($c, $status, $body, $n) = @_; put($c, head($status, 'X-Long: ' . 'x' x $n, 'Content-Length: ' . length $body) . $body); 0 },
    idle => sub { my ($c, $status, $body) = @_; put($c, head($status, 'Content-Length: ' . length $body) . $body); 0 },
    plain => sub { my ($c, $status, $body) = @_; put($c, head($status, 'Content-Length: ' . length $body) . $body) },
);

sub serve {
    my ($c) = @_;
    while (defined(my $request = request($c))) {
        add('raw', $request . "\n");
        my $body = body_for($request);
        my ($how, $arg) = split /[:\s]/, slurp("$dir/how") // 'plain', 2;
        chomp $arg if defined $arg;
        $ways{$how}->($c, $body =~ /:Fault>/ ? 500 : 200, $body, $arg) or last;
    }
}

my %children;
my $daemon = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 20, ReuseAddr => 1) or die "listen: $!\n";
$SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = sub { while ((my $pid = waitpid -1, WNOHANG) > 0) { delete $children{$pid} } };
$SIG{TERM} = sub { kill 'TERM', keys %children; exit 0 };
add('port.new', $daemon->sockport . "\n");
rename "$dir/port.new", "$dir/port" or die "$dir/port: $!\n";
while (1) {
    my $c = $daemon->accept or next;
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        $SIG{TERM} = 'DEFAULT';
        close $daemon;
        alarm 120;
        serve($c);
        exit 0;
    }
    $children{$pid} = 1;
    close $c;
}

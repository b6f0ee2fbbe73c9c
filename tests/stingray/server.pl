#!/usr/bin/perl
# A traffic manager's Pool service on SOAP::Lite, which is what the appliance itself runs: state in a file, faults with
# typed detail, and mishaps on demand. Not a model of everything: of what the driver asks for.
#
#   server.pl DIR         writes DIR/port when it listens (127.0.0.1), and runs until SIGTERM
#
#   DIR/state             JSON: POOL: {active: [NODE], draining: [], disabled: []}
#   DIR/log               an operation a line, with its pools and nodes
#   DIR/in_use            names of pools that rules use
#   DIR/login             USER:PASSWORD, when one is asked for
#   DIR/modes             words: keep_one (not all nodes can be disabled), expand6 (IPv6 is stored in another form),
#                         lists_disabled (by getNodes too), empties_first (only empty pools are deleted)
#   DIR/mishaps           lines OPERATION KIND [ARGUMENT], each is used once:
#                         before SECONDS, after SECONDS (delay), drop (not done), drop_after (done), http500 (not done),
#                         http500_after (done), fault TYPE (not done), fault_after TYPE (done), plain (a fault without
#                         detail), ok (none, this time), status CODE, rows (one row too many), deaf
#                         (done, but new connections are refused from then on), other VERB POOL [NODE] (somebody else was
#                         faster: add, del, disable, enable a node, create or remove a pool)
use strict;
use warnings;
use Errno;
use Fcntl qw(:flock);
use HTTP::Daemon;
use HTTP::Response;
use JSON::PP;
use MIME::Base64;
use POSIX qw(:sys_wait_h);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use SOAP::Lite;
use SOAP::Transport::HTTP;

my $dir = shift or die "usage: server.pl DIR\n";
my $ns = 'http://soap.zeus.com/zxtm/1.0/Pool/';
my $json = JSON::PP->new->canonical;

sub slurp {
    my ($name) = @_;
    open my $f, '<', "$dir/$name" or return '';
    local $/;
    my $text = <$f>;
    return $text // '';
}

sub spit {
    my ($name, $text) = @_;
    open my $f, '>', "$dir/$name.new" or die "$dir/$name: $!\n";
    print $f $text;
    close $f;
    rename "$dir/$name.new", "$dir/$name" or die "$dir/$name: $!\n";
}

sub locked {
    my ($what) = @_;
    open my $lock, '>>', "$dir/lock" or die "$dir/lock: $!\n";
    flock $lock, LOCK_EX or die "lock: $!\n";
    return $what->();
}

sub mode { my ($word) = @_; return slurp('modes') =~ /\b$word\b/ }

# The first mishap of the operation, taken out of the file.
sub mishap {
    my ($operation) = @_;
    my $found = '';
    locked(sub {
        my @rest;
        for (split /\n/, slurp('mishaps')) {
            if (!$found && /^(\S+) (.*)/ && ($1 eq $operation || $1 eq '*')) { $found = $2 }
            else { push @rest, $_ }
        }
        spit('mishaps', join '', map { "$_\n" } @rest) if $found;
    });
    return $found;
}

sub fault {
    my ($type, $text, $object) = @_;
    die SOAP::Fault->faultcode('Client')->faultstring($text)->faultdetail(
        SOAP::Data->name($type => \SOAP::Data->value(
            SOAP::Data->name(errmsg => $text)->type('string'),
            SOAP::Data->name(object => $object)->type('string')))->type("zeusns:$type"));
}

package Pool;

my $state;

sub pool {
    my ($name) = @_;
    return $state->{$name} // main::fault('ObjectDoesNotExist', "Unknown pool '$name'", $name);
}

sub strings { return [map { SOAP::Data->type(string => $_) } @_] }

sub stored {
    my ($node) = @_;
    main::fault('InvalidInput', "Invalid node '$node'", $node) if $node !~ /^(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+):\d+$/;
    if (main::mode('expand6') && $node =~ /^\[(.*)::(.*)\](:\d+)$/) {
        my ($a, $b, $port) = ($1, $2, $3);
        my @a = split /:/, $a;
        my @b = split /:/, $b;
        $node = '[' . join(':', map { uc sprintf '%04s', $_ } @a, (0) x (8 - @a - @b), @b) . "]$port";
    }
    return $node;
}

sub has { my ($list, $node) = @_; return grep { $_ eq $node } @$list }
sub without { my ($list, @nodes) = @_; my %gone = map { $_ => 1 } @nodes; return [grep { !$gone{$_} } @$list] }
sub known { my ($p, $node) = @_; return grep { has($p->{$_}, $node) } qw(active draining disabled) }

# each(NAMES, ROWS, CODE): of all or of none, as the pools come.
sub each_pool {
    my ($names, $rows, $code) = @_;
    main::fault('InvalidInput', 'The arrays have different lengths', '') if @$names != @$rows;
    for my $i (0 .. $#$names) {
        my $p = pool($names->[$i]);
        $code->($p, map { stored($_) } @{$rows->[$i] || []});
    }
    return;
}

sub need { my ($p, @nodes) = @_; known($p, $_) or main::fault('ObjectDoesNotExist', "Unknown node '$_'", $_) for @nodes }

sub getPoolNames { return SOAP::Data->name(names => strings(sort keys %$state)) }

sub lists {
    my ($part, $names, $code) = @_;
    my @rows = map { strings($code->(pool($_))) } @$names;
    push @rows, strings('10.9.9.9:9') if $main::rows;
    return SOAP::Data->name($part => [map { SOAP::Data->value($_) } @rows]);
}

sub getNodes {
    my (undef, $names) = @_;
    my @kinds = ('active', 'draining', main::mode('lists_disabled') ? 'disabled' : ());
    return lists('nodes', $names, sub { my ($p) = @_; map { @{$p->{$_}} } @kinds });
}
sub getDisabledNodes { my (undef, $names) = @_; return lists('nodes', $names, sub { @{$_[0]{disabled}} }) }
sub getDrainingNodes { my (undef, $names) = @_; return lists('values', $names, sub { @{$_[0]{draining}} }) }

sub addPool {
    my (undef, $names, $rows) = @_;
    for my $i (0 .. $#$names) {
        main::fault('ObjectAlreadyExists', "Pool '$names->[$i]' already exists", $names->[$i]) if $state->{$names->[$i]};
        my %seen;
        $state->{$names->[$i]} =
            {active => [grep { !$seen{$_}++ } map { stored($_) } @{$rows->[$i] || []}], draining => [], disabled => []};
    }
    return;
}

sub deletePool {
    my (undef, $names) = @_;
    for my $name (@$names) {
        pool($name);
        main::fault('ObjectInUse', "Pool '$name' is in use by virtual server 'shop'", $name)
            if has([split ' ', main::slurp('in_use')], $name);
        main::fault('InvalidOperation', "Pool '$name' has nodes", $name)
            if main::mode('empties_first') && map { @$_ } values %{$state->{$name}};
        delete $state->{$name};
    }
    return;
}

sub addNodes {
    my (undef, $names, $rows) = @_;
    return each_pool($names, $rows, sub {
        my ($p, @nodes) = @_;
        push @{$p->{active}}, grep { !known($p, $_) } @nodes;
    });
}

sub removeNodes {
    my (undef, $names, $rows) = @_;
    return each_pool($names, $rows, sub {
        my ($p, @nodes) = @_;
        need($p, @nodes);
        $p->{$_} = without($p->{$_}, @nodes) for keys %$p;
    });
}

sub disableNodes {
    my (undef, $names, $rows) = @_;
    return each_pool($names, $rows, sub {
        my ($p, @nodes) = @_;
        need($p, @nodes);
        my @left = (@{without($p->{active}, @nodes)}, @{without($p->{draining}, @nodes)});
        main::fault('InvalidInput', 'All nodes cannot be disabled', $nodes[0]) if main::mode('keep_one') && !@left;
        $p->{$_} = without($p->{$_}, @nodes) for qw(active draining);
        push @{$p->{disabled}}, grep { !has($p->{disabled}, $_) } @nodes;
    });
}

sub enableNodes {
    my (undef, $names, $rows) = @_;
    return each_pool($names, $rows, sub {
        my ($p, @nodes) = @_;
        need($p, @nodes);
        my @were = grep { has($p->{disabled}, $_) } @nodes;
        $p->{disabled} = without($p->{disabled}, @nodes);
        push @{$p->{active}}, @were;
    });
}

sub addDrainingNodes {
    my (undef, $names, $rows) = @_;
    return each_pool($names, $rows, sub {
        my ($p, @nodes) = @_;
        need($p, @nodes);
        $p->{active} = without($p->{active}, @nodes);
        push @{$p->{draining}}, @nodes;
    });
}

package main;

our $rows;
my ($daemon, %children);

sub serve {
    my ($request) = @_;
    my $soap = SOAP::Transport::HTTP::Server->new;
    $soap->dispatch_with({$ns => 'Pool'});
    $soap->on_action(sub { });
    $soap->serializer->register_ns('http://soap.zeus.com/zxtm/1.0/', 'zeusns');
    $soap->request($request);
    $soap->handle;
    return $soap->response;
}

# With the state; what a fault has half changed is not kept.
sub perform {
    my ($request) = @_;
    return locked(sub {
        $state = $json->decode(slurp('state') || '{}');
        my $response = serve($request);
        spit('state', $json->encode($state)) if $response->code == 200;
        return $response;
    });
}

sub canned_fault {
    my ($type) = @_;
    my $serializer = SOAP::Serializer->new;
    return $serializer->fault('Client', 'Something went wrong') if $type eq '';
    $serializer->register_ns('http://soap.zeus.com/zxtm/1.0/', 'zeusns');
    eval { fault($type, "a $type, as was asked for", 'x') };
    return $serializer->fault($@->faultcode, $@->faultstring, $@->faultdetail);
}

# What somebody else does at the same time.
sub other {
    my ($verb, $pool, $node) = @_;
    locked(sub {
        $state = $json->decode(slurp('state') || '{}');
        my $p = $state->{$pool} //= {active => [], draining => [], disabled => []};
        $p->{$_} = Pool::without($p->{$_}, $node // '') for keys %$p;
        push @{$p->{$verb eq 'disable' ? 'disabled' : 'active'}}, $node if $verb =~ /^(add|enable|disable)$/;
        delete $state->{$pool} if $verb eq 'remove';
        spit('state', $json->encode($state));
    });
}

sub answer {
    my ($c, $request) = @_;
    my ($operation) = ($request->header('SOAPAction') // '') =~ m{([A-Za-z]+)"?$};
    my $body = $request->content;
    my @words = $body =~ />([^<>\n]+)</g;
    locked(sub { open my $log, '>>', "$dir/log" or die; print $log join(' ', $operation // '-', @words), "\n" });
    my $login = slurp('login');
    chomp $login;
    return $c->send_error(401)
        if $login && ($request->header('Authorization') // '') ne 'Basic ' . encode_base64($login, '');
    my ($kind, $arg) = split ' ', mishap($operation // '-'), 2;
    $kind //= '';
    sleep $arg if $kind eq 'before';
    return $c->shutdown(2) if $kind eq 'drop';
    return $c->send_error(500) if $kind eq 'http500';
    return $c->send_error($arg) if $kind eq 'status';
    my $fault = $kind eq 'fault' ? canned_fault($arg) : $kind eq 'plain' ? canned_fault('') : undef;
    other(split ' ', $arg) if $kind eq 'other';
    shutdown $daemon, 2 if $kind eq 'deaf';
    local $rows = $kind eq 'rows';
    my $response = $fault ? undef : perform($request);
    sleep $arg if $kind eq 'after';
    return $c->shutdown(2) if $kind eq 'drop_after';
    return $c->send_error(500) if $kind eq 'http500_after';
    $fault = canned_fault($arg) if $kind eq 'fault_after';
    $response = HTTP::Response->new(500, undef, ['Content-Type' => 'text/xml; charset=utf-8'], $fault) if $fault;
    return $c->send_response($response);
}

$daemon = HTTP::Daemon->new(LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1, Listen => 20) or die "listen: $!\n";
$SIG{CHLD} = sub { while ((my $pid = waitpid -1, WNOHANG) > 0) { delete $children{$pid} } };
$SIG{TERM} = sub { kill 'TERM', keys %children; exit 0 };
spit('port', $daemon->sockport . "\n");
while (my $c = $daemon->accept or $!{EINTR}) {
    next if !ref $c;
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        $SIG{TERM} = 'DEFAULT';
        alarm 120;
        setsockopt $c, IPPROTO_TCP, TCP_NODELAY, 1; # or head and body are 40 ms apart
        while (my $request = $c->get_request) { answer($c, $request) }
        exit 0;
    }
    $children{$pid} = 1;
    $c->close;
}
sleep 120;

# shellcheck shell=bash disable=SC2016,SC2034,SC2154  # code for others; the file that loads this uses them; HOST_ and CLI are its own
# HAProxy on the lab's hosts h1, h2 and h3, as 42-haproxy.bats uses it: a driver with $options, and what runs where.

# haproxy WORD...: the driver with the options
haproxy()
{
    lab run "$CLI" haproxy "${options[@]}" -- "$@"
}

# only HOST: a balancer of this host alone
only()
{
    local address=HOST_$1
    options=(user="$LAB_USER" password_file="$PASSWORD_FILE" known_hosts="$KNOWN_HOSTS" hosts="${!address}")
}

everywhere()
{
    local host
    for host in h1 h2 h3; do
        lab exec $host "$@" || return 1
    done
}

reload_everywhere()
{
    local host jobs=()
    for host in h1 h2 h3; do
        lab exec $host /etc/init.d/haproxy reload >/dev/null 3>&- &
        jobs+=($!)
    done
    wait "${jobs[@]}"
}

# with POOL [NODE...]: the pool is there and in force everywhere
with()
{
    reload_everywhere
    haproxy apply "create:$1" "${@:2}"
}

# answers_of HOST PATH: who answered ten requests
answers_of()
{
    local address=HOST_$1
    lab run curl -sS --fail --noproxy '*' --max-time 10 "http://${!address}:81$2?[1-10]" | sort -u | tr '\n' ' '
}

files()
{
    everywhere sh -c 'cd /etc/haproxy/pools && for n in *.cfg; do [ ! -e $n ] || sha256sum $n; done'
}

# The process of each host: another one after a reload.
pids()
{
    everywhere cat /run/haproxy.pid
}

# ask HOST COMMAND: what the stats socket says
ask()
{
    echo "$2" | lab exec "$1" socat -t 5 - UNIX-CONNECT:/run/haproxy/admin.sock
}

# servers HOST POOL: name, address, state and weight of each running server
servers()
{
    ask "$1" "show servers state $2" | awk '/^[0-9]+ / {print $4, $5 ":" $19, $7 % 2 ? "maint" : "ready", $9}' | sort
}

# As a reload gives them; the processes are others after this.
same_after_reload() # POOL
{
    local host now=()
    for host in h1 h2 h3; do
        now+=("$(servers $host "$1")")
    done
    reload_everywhere
    for host in h1 h2 h3; do
        assert_equal "$(servers $host "$1")" "${now[0]}"
        now=("${now[@]:1}")
    done
}

# HOST PORT PATH STOP: one connection that asks until the file STOP is there, and prints the answers' bodies.
keep_asking='
    use IO::Socket::INET;
    $| = 1;
    my ($host, $port, $path, $stop) = @ARGV;
    my $s = IO::Socket::INET->new(PeerAddr => "$host:$port") or die "no connection\n";
    until (-e $stop) {
        print $s "GET $path HTTP/1.1\r\nHost: lab\r\n\r\n";
        my $len;
        my $line = <$s> // die "the connection was closed\n";
        $line =~ /^HTTP\/1.1 200 / or die $line;
        while (($line = <$s> // "\r\n") ne "\r\n") { $len = $1 if $line =~ /^content-length: (\d+)/i }
        read $s, my $body, $len;
        print $body;
        select undef, undef, undef, 0.005;
    }'

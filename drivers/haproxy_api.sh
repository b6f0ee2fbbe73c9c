#!/bin/sh
# shellcheck disable=SC2034,SC2154 # settings: runtime_socket; names that haproxy_reload.sh uses
# How HAProxy's stats socket is reached from a shell on its host: by the first program there is that can. Functions
# only; it comes before haproxy_reload.sh in what is sent to a host.

# The way, in $way; fails with the reason in $why.
find_way()
{
    way=
    case $runtime_socket in
    '')
        why="runtime_socket is empty"
        return 1
        ;;
    /*)
        if ! [ -S "$runtime_socket" ]; then
            why="there is no socket $runtime_socket"
            return 1
        fi
        ;;
    esac
    # It needs the least time of all, and of this name there is but one.
    way=nc
    nc=nc.openbsd
    if command -v $nc >/dev/null 2>&1; then return 0; fi
    nc=nc
    for way in socat nc perl python3; do
        if command -v "$way" >/dev/null 2>&1 && can "$way"; then return 0; fi
    done
    way=
    why="no program here reaches $runtime_socket: install socat"
    return 1
}

# Of the many that are called nc, one knows unix sockets and says so.
can()
{
    case $1 in
    nc)
        case $(nc -h 2>&1) in
        *-U*-N* | *-N*-U*) return 0 ;;
        esac
        return 1
        ;;
    perl) perl -MSocket=:addrinfo -e 1 2>/dev/null ;;
    esac
}

# COMMANDS: what HAProxy answers; nothing, when it does not within five seconds. In a process of its own.
api()
{
    port=
    case $runtime_socket in
    /*) ;;
    *)
        host=${runtime_socket%:*}
        host=${host#[}
        host=${host%]}
        port=${runtime_socket##*:}
        ;;
    esac
    exec 2>/dev/null
    case $way$port in
    socat) exec socat -t 5 -T 5 - "UNIX-CONNECT:$runtime_socket" ;;
    socat*) exec socat -t 5 -T 5 - "TCP:$runtime_socket,connect-timeout=5" ;;
    nc) exec $nc -N -w 5 -U "$runtime_socket" ;;
    nc*) exec $nc -N -w 5 "$host" "$port" ;;
    perl*) exec perl -MSocket=:DEFAULT,:addrinfo -e "$in_perl" "$runtime_socket" "$host" "$port" ;;
    python3*) exec python3 -c "$in_python" "$runtime_socket" "$host" "$port" ;;
    esac <<END
$1
END
}

# shellcheck disable=SC2016 # perl's own
in_perl='
alarm 5;
my ($path, $host, $port) = @ARGV;
my ($err, @at) = $port ? getaddrinfo($host, $port, {socktype => SOCK_STREAM}) : ("", {family => AF_UNIX, addr => pack_sockaddr_un($path)});
for (@at) {
my $s;
next unless socket($s, $_->{family}, SOCK_STREAM, 0) && connect($s, $_->{addr});
my $text = join "", <STDIN>;
while (length $text) { substr($text, 0, syswrite($s, $text) // exit 1) = "" }
shutdown($s, 1);
print while <$s>;
last;
}'

# No indentation: it is lost on the way.
in_python='
import socket, sys
path, host, port = sys.argv[1:]
s = socket.create_connection((host, int(port)), 5) if port else socket.socket(socket.AF_UNIX)
s.settimeout(5)
if not port: s.connect(path)
s.sendall(sys.stdin.buffer.read())
s.shutdown(socket.SHUT_WR)
for data in iter(lambda: s.recv(65536), b""): sys.stdout.buffer.write(data)'

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
    perl) perl -MIO::Socket::UNIX -MIO::Socket::IP -e 1 2>/dev/null ;;
    esac
}

# COMMANDS: what HAProxy answers; nothing, when it does not within five seconds.
api()
{
    case $runtime_socket in
    /*)
        case $way in
        socat) printf '%s\n' "$1" | socat -t 5 -T 5 - "UNIX-CONNECT:$runtime_socket" ;;
        nc) printf '%s\n' "$1" | nc -N -w 5 -U "$runtime_socket" ;;
        *) api_script "$1" ;;
        esac
        ;;
    *)
        case $way in
        socat) printf '%s\n' "$1" | socat -t 5 -T 5 - "TCP:$runtime_socket,connect-timeout=5" ;;
        nc)
            host=${runtime_socket%:*}
            host=${host#[}
            printf '%s\n' "$1" | nc -N -w 5 "${host%]}" "${runtime_socket##*:}"
            ;;
        *) api_script "$1" ;;
        esac
        ;;
    esac 2>/dev/null
}

api_script()
{
    case $way in
    perl)
        printf '%s\n' "$1" | perl -MIO::Socket::UNIX -MIO::Socket::IP -e '
alarm 5;
my ($host, $port) = $ARGV[0] =~ /^\[?([^\/]*?)\]?:(\d+)$/;
my $s = $port ? IO::Socket::IP->new(PeerHost => $host, PeerPort => $port) : IO::Socket::UNIX->new(Peer => $ARGV[0]);
exit 1 unless $s;
print $s <STDIN>;
$s->flush;
shutdown($s, 1);
print while <$s>' "$runtime_socket"
        ;;
    python3)
        # No indentation: it is lost on the way.
        printf '%s\n' "$1" | python3 -c '
import socket, sys
at = sys.argv[1]
host, _, port = at.rpartition(":")
s = socket.socket(socket.AF_UNIX) if at[0] == "/" else socket.create_connection((host.strip("[]"), int(port)), 5)
s.settimeout(5)
if at[0] == "/": s.connect(at)
s.sendall(sys.stdin.buffer.read())
s.shutdown(socket.SHUT_WR)
for data in iter(lambda: s.recv(65536), b""): sys.stdout.buffer.write(data)' "$runtime_socket"
        ;;
    esac
}

#!/usr/bin/env bats
# The gate that every name of a pool or node passes, whether a user typed it or a balancer said it.

load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

# judge KIND <NAMES: what the gate says to each, a line each.
judge()
{
    sed "s/^/$1 /" | "$BUILD/tests/name_cli"
}

# all_good KIND <NAMES
all_good()
{
    local names
    names=$(cat)
    run paste <(judge "$1" <<<"$names" | grep -n -v '^ok') /dev/null
    assert_output ""
    [ "$(judge "$1" <<<"$names" | wc -l)" -eq "$(wc -l <<<"$names")" ]
}

# all_bad KIND <NAMES
all_bad()
{
    cat >"$BATS_TEST_TMPDIR/names"
    judge "$1" <"$BATS_TEST_TMPDIR/names" >"$BATS_TEST_TMPDIR/judgement"
    run bash -c 'cd "$1" && paste -d "|" names judgement | grep -av "|EINVAL ."' - "$BATS_TEST_TMPDIR"
    assert_output ""
}

# repeat TEXT N
repeat()
{
    printf "$1%.0s" $(seq "$2")
}

@test "good pools" {
    all_good pool <<NAMES
a
A
0
app
my-app
my_app
my.app
1.2.3.4
a.
a-
a_
a..b
nodes
con
$(repeat a 63)
$(printf '%s\n' {a..z}{0..9} {A..Z}{-,_,.}x)
NAMES
}

@test "bad pools" {
    all_bad pool <<NAMES

.
..
.nodes
-a
_a
a b
a/b
/a
a:80
ä
a$(printf '\303\244')
a~
a,b
a;b
a'b
a"b
a\\b
a\$b
a#
#a
a$(printf '\t')b
a$(printf '\r')
a$(printf '\177')
a$(printf '\001')
$(repeat a 64)
$(repeat a 300)
NAMES
}

@test "every byte in a pool's name" {
    bytes=$(for i in {1..255}; do [ "$i" = 10 ] || printf '%b' "a\\x$(printf %02x "$i")b\\n"; done)
    run judge pool <<<"$bytes"
    # Letters, digits and three more.
    assert_equal "$(grep -c '^ok' <<<"$output")" 65
    assert_equal "$(grep -ac '^EINVAL' <<<"$output")" 189
    bytes=$(for i in {1..255}; do [ "$i" = 10 ] || printf '%b' "\\x$(printf %02x "$i")b\\n"; done)
    run judge pool <<<"$bytes"
    assert_equal "$(grep -c '^ok' <<<"$output")" 62
}

@test "good nodes, and their parts" {
    run judge node <<NAMES
10.0.0.1:80
0.0.0.0:1
255.255.255.255:65535
[::1]:80
[::]:80
[2001:db8::1]:443
[fe80::1]:22
[::ffff:1.2.3.4]:80
localhost:8080
web1:80
web-1.example.com:8080
WEB.Example.COM:80
1a:80
a1:80
0xg:80
1.2.3.4a:80
xn--bcher-kva.example:80
unix.example:80
NAMES
    assert_output "ok 10.0.0.1 80 ipv4
ok 0.0.0.0 1 ipv4
ok 255.255.255.255 65535 ipv4
ok ::1 80 ipv6
ok :: 80 ipv6
ok 2001:db8::1 443 ipv6
ok fe80::1 22 ipv6
ok ::ffff:1.2.3.4 80 ipv6
ok localhost 8080 name
ok web1 80 name
ok web-1.example.com 8080 name
ok WEB.Example.COM 80 name
ok 1a 80 name
ok a1 80 name
ok 0xg 80 name
ok 1.2.3.4a 80 name
ok xn--bcher-kva.example 80 name
ok unix.example 80 name"
    label=$(repeat a 63)
    all_good node <<NAMES
$label:1
$label.$label.$label.$(repeat b 61):65535
NAMES
}

@test "bad nodes" {
    label=$(repeat a 63)
    all_bad node <<NAMES

:
:80
host
host:
web1
10.0.0.1
10.0.0.1:
10.0.0.1:http
10.0.0.1:80x
10.0.0.1: 80
10.0.0.1:+80
10.0.0.1:-80
10.0.0.1:0
10.0.0.1:080
10.0.0.1:00
10.0.0.1:65536
10.0.0.1:99999
10.0.0.1:100000
10.0.0.1:18446744073709551697
10.0.0.1:80:80
10.0.0.1:80:
10.0.0:80
10.0.0.0.1:80
10.0.0.256:80
010.0.0.1:80
10.0.0.01:80
1:80
167772161:80
0x0a000001:80
0xa.0.0.1:80
0xA:80
a.1:80
a.0x1:80
10.0.0.1 :80
 10.0.0.1:80
::1:80
2001:db8::1:80
[::1]
[::1]80
[::1]:
[::1]:0
[::1:80
::1]:80
[]:80
[[::1]]:80
[::1] :80
[0:0:0:0:0:0:0:1]:80
[2001:DB8::1]:80
[2001:0db8::1]:80
[2001:db8:0:0::1]:80
[fe80::1%eth0]:80
[fe80::1%1]:80
[1.2.3.4]:80
[web1]:80
unix:80
UNIX:80
unix:/run/app.sock:80
/run/app.sock:80
a/b:80
../x:80
.a:80
a.:80
a..b:80
-a:80
a-:80
a.-b:80
a-.b:80
a_b:80
a b:80
ä.example:80
a;b:80
a{b:80
a}:80
a'b:80
a"b:80
a\\b:80
a\$b:80
a#b:80
$(repeat a 64):80
$label.$label.$label.$(repeat b 62):80
$(repeat a. 200)b:80
NAMES
}

@test "every port" {
    seq -f 'h:%.0f' 1 65535 | all_good node
    seq -f 'h:%.0f' 65536 70000 | all_bad node
}

@test "every byte in a node's host" {
    bytes=$(for i in {1..255}; do [ "$i" = 10 ] || printf '%b' "a\\x$(printf %02x "$i")b:80\\n"; done)
    run judge node <<<"$bytes"
    # Letters, digits, hyphen, dot.
    assert_equal "$(grep -c '^ok' <<<"$output")" 64
    assert_equal "$(grep -ac '^EINVAL' <<<"$output")" 190
}

@test "an error is one line, whatever the name holds" {
    run judge node <<<$'a\x01\x1b[31m\x7fb:80'
    assert_output --partial "EINVAL host name may hold"
    refute_output --regexp '[[:cntrl:]]'
}

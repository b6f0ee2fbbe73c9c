#!/usr/bin/env bats
# known_hosts files, read as ssh reads them: each case is a file, a host, and what it says of a key.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    export CLI="${BUILD:-$TREE/build}/tests/known_hosts_cli"
    cd "$BATS_FILE_TMPDIR" || return 1
    for key in a b; do
        ssh-keygen -q -t ed25519 -N '' -f "$key" -C "$key comment"
    done
    ssh-keygen -q -t ecdsa -N '' -f e
    ssh-keygen -q -t rsa -b 2048 -N '' -f r
}

setup()
{
    cd "$BATS_FILE_TMPDIR" || return 1
    for key in a b e r; do
        # The key as it stands in a line, without its comment: $a, $b, $e, $r.
        declare -g "$key=$(cut -d' ' -f1,2 $key.pub)"
    done
}

# says HOST PORT EXPECTED [KEY]: of the file "known", for key a.
says()
{
    local output
    output=$("$CLI" "$1" "$2" "${4:-a}.pub" known | head -n 1)
    [ "$output" = "$3" ] || { echo "$1 $2: $output instead of $3"; cat known; return 1; }
}

@test "verdicts, and the line that decides" {
    while IFS='|' read -r expected line; do
        line=${line//\%a/$a} line=${line//\%b/$b} line=${line//\%e/$e} line=${line//\%r/$r}
        printf '# first\n%b\n' "$line" >known
        says web1 22 "$expected"
    done <<'CASES'
match known:2|web1 %a
match known:2|web1 %a and a comment
match known:2|  web1 \t %a
match known:2|web1 %a\r
changed known:2|web1 %b
other-type known:2|web1 %e
other-type known:2|web1 %r
nothing|web2 %a
nothing|#web1 %a
nothing|web1x %a
nothing|web %a
match known:3|web1 %b\nweb1 %a
match known:2|web1 %a\nweb1 %b
changed known:3|web1 %e\nweb1 %b
match known:2|web0,web1,10.0.0.1 %a
match known:2|WEB1 %a
revoked known:2|@revoked web1 %a
revoked known:3|web1 %a\n@revoked web1 %a
revoked known:2|@revoked * %a\nweb1 %a
match known:3|@revoked * %b\nweb1 %a
match known:3|@revoked web2 %a\nweb1 %a
nothing|@revoked web1 %b
authority known:2|@cert-authority web1 %b
authority known:2|@cert-authority *,!web2 %b
match known:3|@cert-authority web1 %b\nweb1 %a
changed known:3|@cert-authority web1 %a\nweb1 %b
nothing|@cert-authority web2 %a
nothing|@unheard-of web1 %a
match known:3|web1\nweb1 %a
match known:3|web1 1024 35 1234567\nweb1 %a
match known:3|web1 ssh-ed25519 AAAA\nweb1 %a
match known:3|web1 ssh-ed25519 %a!AA\nweb1 %a
match known:4|one two three\n\nweb1 %a
CASES
}

@test "patterns" {
    for pattern in '*' 'www.*' '*.com' '*.example.*' 'w?w.example.com' '*,!*.org' 'x,*.com' 'W*' '**.com' '*.*.*'; do
        echo "$pattern $a" >known
        says www.example.com 22 "match known:1"
        ssh-keygen -F www.example.com -f known >out
        grep -q "found: line 1" out
    done
    for pattern in 'www' '*.org' '?' 'www.example.com?' 'www?.example.com' '*,!www.*' '!*' '!www.example.com' ',' '!' '*.com,!*w*'; do
        echo "$pattern $a" >known
        says www.example.com 22 nothing
        run ssh-keygen -F www.example.com -f known
        assert_failure
    done
}

@test "a pattern of many stars costs nothing" {
    stars=$(printf '*a%.0s' {1..200})
    echo "${stars}b $a" >known
    run timeout 10 "$CLI" "$(printf 'a%.0s' {1..250})" 22 a.pub known
    assert_success
    assert_line nothing
}

@test "ports" {
    echo "[web1]:2222 $a" >known
    says web1 2222 "match known:1"
    says WEB1 2222 "match known:1"
    says web1 22 nothing
    says web1 2223 nothing
    echo "[fd77::1]:2222,fd77::1 $a" >known
    says fd77::1 2222 "match known:1"
    says fd77::1 22 "match known:1"
    echo "[*.example.com]:2222 $a" >known
    says a.example.com 2222 "match known:1"
    # The name without a port can only help, and only as long as the one with it says nothing.
    echo "web1 $a" >known
    says web1 2222 "bare known:1"
    echo "web1 $b" >known
    says web1 2222 nothing
    printf 'web1 %s\n[web1]:2222 %s\n' "$a" "$b" >known
    says web1 2222 "changed known:2"
    printf 'web1 %s\n[web1]:2222 %s\n' "$a" "$e" >known
    says web1 2222 "other-type known:2"
    echo "@revoked web1 $a" >known
    says web1 2222 "revoked known:1"
}

@test "hashed names, as ssh-keygen makes them" {
    printf 'web1 %s\n[web1]:2222 %s\nweb2 %s\n' "$a" "$b" "$e" >known
    ssh-keygen -q -H -f known 2>/dev/null
    [ "$(grep -c '^|1|' known)" -eq 3 ]
    says web1 22 "match known:1"
    says WEB1 22 "match known:1"
    says web1 2222 "match known:2" b
    says web2 22 "match known:3" e
    says web3 22 nothing
    sed -i 's/^|1|./|1|?/' known
    says web1 22 nothing
}

@test "several files: the strongest word counts, wherever it stands" {
    echo "web1 $b" >one
    printf '\nweb1 %s\n' "$a" >two
    echo "@revoked web1 $a" >three
    run "$CLI" web1 22 a.pub one
    assert_line "changed one:1"
    run "$CLI" web1 22 a.pub one two
    assert_line "match two:2"
    run "$CLI" web1 22 a.pub two one
    assert_line "match two:2"
    run "$CLI" web1 22 a.pub two one three
    assert_line "revoked three:1"
}

@test "the types that are known for a host" {
    printf 'web1 %s\n* %s\n@revoked web1 %s\nweb2 %s\n' "$a" "$e" "$r" "$r" >known
    run "$CLI" web1 22 a.pub known
    assert_line "types ed25519 nistp256"
    run "$CLI" web2 22 a.pub known
    assert_line "types nistp256 rsa"
    run "$CLI" web1 2222 a.pub known
    assert_line "types ed25519 nistp256"
}

@test "a line of ours is one that ssh understands" {
    "$CLI" web1 22 a.pub >known
    "$CLI" web1 2222 e.pub >>known
    "$CLI" fd77::1 22 a.pub >>known
    says web1 22 "match known:1"
    says web1 2222 "match known:2" e
    for name in web1 '[web1]:2222' fd77::1; do
        ssh-keygen -F "$name" -f known
    done
}

@test "a file of noise says nothing" {
    head -c 300000 /dev/urandom >known
    says web1 22 nothing
    : >known
    says web1 22 nothing
    printf 'web1 %s\0\nweb1 %s' "$a" "$a" >known
    says web1 22 "match known:2"
}

@test "what the ssh program says becomes an errno" {
    while IFS='|' read -r expected text; do
        printf '%b' "$text" >said
        run "$CLI" said said
        assert_output --partial "$expected web1: ssh: "
    done <<'CASES'
ECONNREFUSED final|ssh: connect to host web1 port 22: Connection refused\r\n
ETIMEDOUT final|ssh: connect to host web1 port 22: Connection timed out\n
EHOSTUNREACH final|ssh: connect to host web1 port 22: No route to host\n
EHOSTUNREACH final|ssh: connect to host web1 port 22: Network is unreachable\n
EHOSTUNREACH final|ssh: Could not resolve hostname web1: Name or service not known\n
EACCES final|deploy@web1: Permission denied (publickey,password).\n
EACCES final|No ED25519 host key is known for web1 and you have requested strict checking.\nHost key verification failed.\n
EACCES final|Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\nDisconnected from 10.0.0.1 port 22\n
EACCES final|Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa\n
ECONNREFUSED busy|kex_exchange_identification: read: Connection reset by peer\nConnection reset by 10.0.0.1 port 22\n
ECONNREFUSED busy|kex_exchange_identification: Connection closed by remote host\nConnection closed by 10.0.0.1 port 22\n
EHOSTUNREACH busy|Connection closed by 10.0.0.1 port 22\n
ETIMEDOUT final|Connection timed out during banner exchange\nConnection to 10.0.0.1 port 22 timed out\n
EHOSTUNREACH final|
EHOSTUNREACH final|something new
CASES
    printf '@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@@\r\nOffending key in f:1\nConnection closed by 10.0.0.1\n' >said
    run "$CLI" said said
    assert_output "EACCES final web1: ssh: WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! / Offending key in f:1 / Connection closed by 10.0.0.1"
}

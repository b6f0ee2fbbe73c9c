#!/usr/bin/env bats
# Transport ssh: only the right host is told anything.
# shellcheck disable=SC2154  # HOST_ and the like come from lab_env

bats_require_minimum_version 1.5.0
load lab
load ssh
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    lab_start web1:none web2:none
}

teardown_file()
{
    lab_stop
}

setup()
{
    client_setup
    cd "$BATS_TEST_TMPDIR" || return 1
    password=("password_file=$PASSWORD_FILE")
    right=$(ssh-keygen -l -f "$(lab root web1 /etc/ssh/ssh_host_ed25519_key.pub)" | cut -d' ' -f2)
}

# lines HOST TYPE [NAME]: what known_hosts has of it, under its own name or another.
lines()
{
    local address=HOST_$1
    sed -n "s/^${!address},[^ ]* \($2 .*\)/${3:-${!address}} \1/p" "$KNOWN_HOSTS"
}

# untold: web1 has seen us, and was not told a user, nor a password.
untold()
{
    poll grep -q "sshd.*10.77.0.1.*preauth" "$(lab root web1 /var/log/lab.log)"
    run grep -E 'sshd.*(deploy|password|Accepted|Failed)' "$(lab root web1 /var/log/lab.log)"
    assert_output ""
}

@test "an unknown key is refused before anything is said" {
    log_empty web1
    : >known
    for file in "$PWD/known" "$PWD/missing"; do
        run remote web1 known_hosts="$file" "${password[@]}"
        errno EACCES "its host key is unknown: no line for $HOST_web1 in $file; if its ssh-ed25519 key $right is right, add it (ssh-keyscan -p 22 $HOST_web1), or set host_key_check: accept-new"
    done
    lines web2 ssh-ed25519 >known
    run remote web1 known_hosts="$PWD/known" "${password[@]}"
    errno EACCES "its host key is unknown"
    untold
}

@test "a changed key is refused, whatever the check, with the place and the remedy" {
    log_empty web1
    { echo; lines web2 ssh-ed25519 "$HOST_web1"; } >known
    cp known before
    for check in strict accept-new; do
        run remote web1 known_hosts="$PWD/known" host_key_check=$check "${password[@]}"
        errno EACCES "its host key has changed: it has the ssh-ed25519 key $right, and $PWD/known:2 another one; somebody may be in between; if the new key is right: ssh-keygen -R '$HOST_web1' -f $PWD/known"
    done
    untold
    cmp known before
    # The remedy is one.
    ssh-keygen -R "$HOST_web1" -f "$PWD/known" 2>/dev/null
    run remote web1 known_hosts="$PWD/known" host_key_check=accept-new "${password[@]}" -- hostname
    assert_output web1
}

@test "a revoked key is refused, whatever else is said of it" {
    log_empty web1
    lines web1 ssh-ed25519 >known
    echo "@revoked * $(lines web1 ssh-ed25519 | cut -d' ' -f2-)" >revoked
    for check in strict accept-new; do
        run remote web1 known_hosts="$PWD/known" known_hosts="$PWD/revoked" host_key_check=$check "${password[@]}"
        errno EACCES "its host key is revoked by $PWD/revoked:1"
    done
    untold
}

@test "accept-new writes a new key once, and only trusts that from then on" {
    run remote web1 known_hosts="~/.ssh/new/known" known_hosts="$PWD/other" host_key_check=accept-new "${password[@]}" -- hostname
    assert_output web1
    known=$HOME/.ssh/new/known
    run cat "$known"
    assert_output "$(lines web1 ssh-ed25519)"
    assert_equal "$(stat -c %a "$known" "$HOME/.ssh/new" | tr '\n' ' ')" "600 700 "
    [ ! -e other ]
    run remote web1 known_hosts="$known" host_key_check=accept-new "${password[@]}" -- hostname
    assert_output web1
    run remote web1 known_hosts="$known" "${password[@]}" -- hostname
    assert_output web1
    assert_equal "$(wc -l <"$known")" 1
    # ssh(1) believes it.
    run in_client ssh -F /dev/null -o BatchMode=yes -o UserKnownHostsFile="$known" -i "$IDENTITY" "deploy@$HOST_web1" hostname
    assert_output web1
    # Behind a line without its newline, and with a mode of its own, which stays.
    printf '# mine' >"$known"
    chmod 644 "$known"
    run remote web1 known_hosts="$known" host_key_check=accept-new "${password[@]}" -- hostname
    assert_output web1
    assert_equal "$(stat -c %a "$known")" 644
    run cat "$known"
    assert_line --index 0 "# mine"
    assert_line --index 1 "$(lines web1 ssh-ed25519)"
}

@test "accept-new that cannot write does not trust" {
    mkdir dir
    run remote web1 known_hosts=/proc/none/known host_key_check=accept-new "${password[@]}" -- hostname
    errno EACCES "its host key cannot be written into /proc/none/known"
    run remote web1 known_hosts="$PWD/dir" host_key_check=accept-new "${password[@]}" -- hostname
    errno EACCES "known_hosts $PWD/dir: Is a directory"
}

@test "accept-new with a port writes the port" {
    sshd_with web1 "Port 22" "Port 2222"
    run remote web1 hosts="$HOST_web1:2222" known_hosts="$PWD/known" host_key_check=accept-new "${password[@]}" -- hostname
    assert_output web1
    run cat known
    assert_output --partial "[$HOST_web1]:2222 ssh-ed25519 "
    run remote web1 known_hosts="$PWD/known" "${password[@]}"
    errno EACCES "its host key is unknown"
    lines web2 ssh-ed25519 "[$HOST_web1]:2222" >known
    lines web1 ssh-ed25519 >>known
    run remote web1 port=2222 known_hosts="$PWD/known" "${password[@]}"
    errno EACCES "ssh-keygen -R '[$HOST_web1]:2222' -f $PWD/known"
    sshd_with web1
}

@test "the type that is known is asked for" {
    for type in ssh-ed25519 ecdsa-sha2-nistp256; do
        lines web1 $type >known
        run remote web1 known_hosts="$PWD/known" "${password[@]}" -- hostname
        assert_output web1
    done
    # Of several files, by a hashed name and by a pattern.
    lines web1 ecdsa-sha2-nistp256 >known
    ssh-keygen -q -H -f known 2>/dev/null
    run remote web1 known_hosts="$PWD/missing" known_hosts="$PWD/known" "${password[@]}" -- hostname
    assert_output web1
    lines web1 ecdsa-sha2-nistp256 '10.77.0.*,!10.77.0.99' >known
    run remote web1 known_hosts="$PWD/known" "${password[@]}" -- hostname
    assert_output web1
}

@test "a key of another type than is known is none that is known" {
    lines web1 ssh-rsa >known
    for check in strict accept-new; do
        run remote web1 known_hosts="$PWD/known" host_key_check=$check "${password[@]}"
        errno EACCES "its host key is of another type than is known: it has the ssh-ed25519 key $right, and $PWD/known:1 another one, which libssh2 cannot use or the host no longer has"
    done
    assert_output --partial "transport: openssh"
    sshd_with web1 "HostKey /etc/ssh/ssh_host_ecdsa_key"
    lines web1 ssh-ed25519 >known
    run remote web1 known_hosts="$PWD/known" host_key_check=accept-new "${password[@]}"
    errno EACCES "it has the ecdsa-sha2-nistp256 key"
    sshd_with web1
}

@test "a host that libssh2 cannot talk to: the remedy is transport openssh" {
    for setting in "HostKey /etc/ssh/ssh_host_rsa_key" "MACs hmac-sha2-256-etm@openssh.com" "Ciphers aes256-gcm@openssh.com" "KexAlgorithms diffie-hellman-group14-sha1" "MACs hmac-sha1"; do
        sshd_with web1 "$setting"
        run remote web1 "${password[@]}"
        errno EACCES "no algorithms in common"
        assert_output --partial "set transport: openssh"
    done
    sshd_with web1
}

@test "a host with a certificate: the remedy is transport openssh" {
    echo "@cert-authority * $(lines web2 ssh-ed25519 | cut -d' ' -f2-)" >known
    for check in strict accept-new; do
        run remote web1 known_hosts="$PWD/known" host_key_check=$check "${password[@]}"
        errno EACCES "$PWD/known:1 trusts its host certificate, which libssh2 cannot check: set transport: openssh"
    done
    lines web1 ssh-ed25519 >>known
    run remote web1 known_hosts="$PWD/known" "${password[@]}" -- hostname
    assert_output web1
}

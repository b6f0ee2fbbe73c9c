#!/usr/bin/env bats
# Transport openssh: the system's ssh program, its configuration, and its failures.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2034  # HOST_ and the like come from lab_env; what is quoted is for the hosts; tests are subshells

bats_require_minimum_version 1.5.0
load lab
load ssh
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    lab_start web1 jump:none
    no_delay web1
    no_delay jump
}

teardown_file()
{
    lab_stop
}

setup()
{
    client_setup
    cd "$BATS_TEST_TMPDIR" || return 1
    TRANSPORT=openssh
    key=("identity_file=$IDENTITY")
}

teardown()
{
    lab heal web1
    lab thaw web1
    lab start-ssh web1
    for host in web1 jump; do
        [ ! -e "$(lab root $host /etc/ssh/sshd_config.d/10-test.conf)" ] || sshd_with $host
    done
}

# lines HOST TYPE [NAME]: what known_hosts has of it, under its own name or another.
lines()
{
    local address=HOST_$1
    sed -n "s/^${!address},[^ ]* \($2 .*\)/${3:-${!address}} \1/p" "$KNOWN_HOSTS"
}

# No ssh of this lab, whose name is in its arguments.
no_ssh()
{
    ! pgrep -x ssh -a | grep -F "$LAB_STATE"
}

@test "keys, RSA too, and a host with nothing but RSA" {
    for file in "$IDENTITY" "$IDENTITY_ECDSA" "$IDENTITY_RSA"; do
        run remote web1 identity_file="$file" -- 'id -un; echo there >&2'
        assert_success
        assert_line deploy
        assert_line there
    done
    sshd_with web1 "HostKey /etc/ssh/ssh_host_rsa_key" "Ciphers aes256-gcm@openssh.com"
    run nginx web1 identity_file="$IDENTITY_RSA" password_file="$PASSWORD_FILE" -- apply create:rsa , pools
    assert_success
    assert_line rsa
}

@test "a password, also where it is asked for (keyboard-interactive)" {
    sshd_with web1 "KbdInteractiveAuthentication no"
    run remote web1 password_file="$PASSWORD_FILE" -- 'id -un'
    assert_output deploy
    sshd_with web1 "PasswordAuthentication no"
    run remote web1 password_file="$PASSWORD_FILE" -- 'id -un'
    assert_output deploy
    run remote web1 password="no such"
    errno EACCES "Permission denied"
    run remote web1
    errno EACCES "Permission denied"
    run remote web1 password_command="exit 3"
    errno EACCES "password_command has failed"
}

@test "a password with every kind of character, and a long one" {
    long=$(head -c 500 /dev/zero | tr '\0' 'x')
    for secret in "  a b  " "'\"\$(id)\`id\`\\n%s;&|" "äöü€" "$long"; do
        printf 'deploy:%s\n' "$secret" | lab exec web1 chpasswd
        printf '%s\n' "$secret" >password
        chmod 600 password
        for TRANSPORT in ssh openssh; do
            run nginx web1 password_file="$PWD/password" -- apply create:chars
            assert_success
        done
    done
    printf 'deploy:%s\n' "$(cat "$PASSWORD_FILE")" | lab exec web1 chpasswd
}

@test "an encrypted key opens with the password, beside sudo's" {
    cp "$IDENTITY" key
    ssh-keygen -q -p -f key -N "$(cat "$PASSWORD_FILE")"
    sshd_with web1 "PasswordAuthentication no" "KbdInteractiveAuthentication no"
    run nginx web1 identity_file="$PWD/key" password_file="$PASSWORD_FILE" -- apply create:encrypted
    assert_success
    run remote web1 identity_file="$PWD/key"
    errno EACCES "Permission denied (publickey)"
    sshd_with web1 "AuthenticationMethods publickey,password" "KbdInteractiveAuthentication no"
    run remote web1 identity_file="$PWD/key" password_file="$PASSWORD_FILE" -- 'id -un'
    assert_output deploy
}

@test "host keys: unknown, changed, revoked, new" {
    : >known
    run remote web1 "${key[@]}" known_hosts="$PWD/known"
    errno EACCES "Host key verification failed"
    run remote web1 password_file="$PASSWORD_FILE" known_hosts="$PWD/known"
    errno EACCES "Host key verification failed"
    assert_output --partial "host_key_check: accept-new"
    lines jump ssh-ed25519 "$HOST_web1" >known
    for check in strict accept-new; do
        run remote web1 password_file="$PASSWORD_FILE" host_key_check=$check known_hosts="$PWD/known"
        errno EACCES "REMOTE HOST IDENTIFICATION HAS CHANGED"
        assert_output --partial "$PWD/known:1"
    done
    lines web1 ssh-ed25519 >known
    echo "@revoked * $(lines web1 ssh-ed25519 | cut -d' ' -f2-)" >>known
    run remote web1 "${key[@]}" host_key_check=accept-new known_hosts="$PWD/known"
    errno EACCES "REVOKED"
    mkdir "a dir"
    run remote web1 "${key[@]}" host_key_check=accept-new known_hosts="$PWD/a dir/50% known" -- hostname
    assert_output web1
    run remote web1 "${key[@]}" host_key_check=strict known_hosts="$PWD/none" known_hosts="$PWD/a dir/50% known" -- hostname
    assert_output web1
}

@test "ssh_config is in charge: an alias, its user, key and port, through a jump host" {
    sshd_with web1 "Port 2222"
    cat >"$HOME/.ssh/config" <<CONFIG
Host the-web
    HostName $HOST_web1
    Port 2222
    User deploy
    IdentityFile $IDENTITY
    HostKeyAlias web1
    ProxyJump the-jump
    UserKnownHostsFile $KNOWN_HOSTS
Host the-jump
    HostName $HOST_jump
    User deploy
    IdentityFile $IDENTITY
    UserKnownHostsFile $KNOWN_HOSTS
CONFIG
    run in_client "$BIN/remote_cli" transport=openssh hosts=the-web -- 'echo $SSH_CLIENT'
    assert_success
    assert_output --partial "$HOST_jump "
    run in_client "$BIN/driver_cli" nginx transport=openssh hosts=the-web password_file="$PASSWORD_FILE" -- apply create:jumped , pools
    assert_success
    assert_line jumped
}

@test "sudo when ssh_config has chosen root: none is needed" {
    mkdir -p "$(lab root web1 /root/.ssh)"
    ssh-keygen -y -f "$IDENTITY" >"$(lab root web1 /root/.ssh)/authorized_keys"
    lab exec web1 mv /usr/bin/sudo /usr/bin/sudo.away
    printf 'Host *\n    User root\n    IdentityFile %s\n    UserKnownHostsFile %s\n' "$IDENTITY" "$KNOWN_HOSTS" >"$HOME/.ssh/config"
    run in_client "$BIN/driver_cli" nginx transport=openssh hosts="$HOST_web1" -- apply create:by-root
    lab exec web1 mv /usr/bin/sudo.away /usr/bin/sudo
    assert_success
}

@test "the password is for the host, not for a jump host on the way" {
    log_empty jump
    cat >"$HOME/.ssh/config" <<CONFIG
Host $HOST_web1
    ProxyJump deploy@$HOST_jump
Host *
    UserKnownHostsFile $KNOWN_HOSTS
CONFIG
    run in_client "$BIN/remote_cli" transport=openssh user=deploy hosts="$HOST_web1" password_file="$PASSWORD_FILE"
    errno EACCES "$HOST_jump"
    poll grep -q "sshd.*deploy" "$(lab root jump /var/log/lab.log)"
    run grep -E "Accepted" "$(lab root jump /var/log/lab.log)"
    assert_output ""
    # With a key for the jump host, the host gets its password.
    sed -i "1i Host $HOST_jump\n    IdentityFile $IDENTITY" "$HOME/.ssh/config"
    run in_client "$BIN/remote_cli" transport=openssh user=deploy hosts="$HOST_web1" password_file="$PASSWORD_FILE" -- hostname
    assert_output web1
}

@test "what would spoil the stream in ssh_config does not" {
    cat >"$HOME/.ssh/config" <<CONFIG
Host *
    RequestTTY yes
    RemoteCommand echo mine
    LocalForward 22 127.0.0.1:22
    LogLevel DEBUG3
    PermitLocalCommand yes
    LocalCommand echo local
    ControlMaster auto
    ControlPath $PWD/control
    ControlPersist no
    EscapeChar ~
CONFIG
    head -c 200000 /dev/urandom >sent
    printf '\n~.\n' >>sent
    remote web1 "${key[@]}" -- 'head -c 200004' <sent >out
    cmp sent out
}

@test "a name that looks like an option is none" {
    run remote web1 hosts=-oProxyCommand=true
    assert_equal "$status" 2
    run remote web1 user=-oProxyCommand=true
    assert_equal "$status" 2
}

@test "nobody listens, no way, no name, no ssh" {
    run remote web1 port=2223 "${key[@]}"
    errno ECONNREFUSED "Connection refused"
    run remote web1 hosts=203.0.113.1 "${key[@]}"
    errno EHOSTUNREACH "Network is unreachable"
    run remote web1 hosts=no-such-name.invalid "${key[@]}"
    errno EHOSTUNREACH "Could not resolve hostname no-such-name.invalid"
    run in_client env PATH=/nonexistent "$BIN/remote_cli" transport=openssh hosts=web1
    errno EHOSTUNREACH "the ssh program does not start (package openssh-client)"
}

@test "a host that is cut off or frozen does not hold up an opening" {
    for fault in cut freeze; do
        lab $fault web1
        run remote web1 connect_timeout=1s "${key[@]}"
        errno ETIMEDOUT
        lab heal web1
        lab thaw web1
    done
    run remote web1 "${key[@]}" -- hostname
    assert_output web1
}

@test "a session that is cut off, frozen or killed is noticed by its deadline, and closed at once" {
    OPTIONS="-t 2000"
    for fault in cut freeze kill-ssh; do
        rm -f to result
        mkfifo to
        { remote web1 "${key[@]}" -- 'echo open; cat' <to >session 2>error && echo 0 >result || echo $? >result; } &
        exec 7>to
        poll grep -q open session
        lab $fault web1
        # Long enough for a session that is killed to have ended before; then nobody reads this.
        (echo question >&7) 2>/dev/null || true
        poll test -s result
        exec 7>&-
        wait
        # The end of a killed one is that of its command, with ssh's words.
        [ $fault = kill-ssh ] || assert_equal "$(cat result)" 1
        run cat error
        [ $fault = kill-ssh ] || assert_output --partial ETIMEDOUT
        lab heal web1
        lab thaw web1
        lab start-ssh web1
    done
    poll no_ssh
}

@test "MaxStartups: asked again until there is room" {
    sshd_with web1 "MaxStartups 1:100:1" "LoginGraceTime 60"
    lab run bash -c "exec 3<>/dev/tcp/$HOST_web1/22; read -r line <&3; echo \$\$ >held; exec sleep 30" 3>&- &
    poll test -s held
    run remote web1 connect_timeout=2s "${key[@]}"
    errno ECONNREFUSED
    remote web1 "${key[@]}" -- hostname >out 2>&1 &
    client=$!
    before=$(lab exec web1 awk '/^Tcp: [0-9]/ { print $7 }' /proc/net/snmp)
    poll eval '[ "$(lab exec web1 awk "/^Tcp: [0-9]/ { print \$7 }" /proc/net/snmp)" -gt $((before + 1)) ]'
    kill "$(cat held)"
    wait $client
    assert_equal "$(cat out)" web1
}

@test "five megabytes each way, an IPv6 address, a port with it" {
    sshd_with web1 "Port 22" "Port 2222"
    head -c 5000000 /dev/urandom >sent
    remote web1 "${key[@]}" hosts="[$HOST6_web1]" -- 'head -c 5000000 | tee /dev/stderr' <sent >out 2>err
    cmp sent out
    cmp sent err
    sed -n "s/^[^ ]* /[$HOST6_web1]:2222 /p" "$KNOWN_HOSTS" >known
    run remote web1 "${key[@]}" hosts="[$HOST6_web1]:2222" known_hosts="$PWD/known" -- 'echo $SSH_CONNECTION'
    assert_output --regexp "^fd77.* 2222$"
}

@test "many sessions leave no descriptor and no process" {
    run in_client prlimit --nofile=24 "$BIN/remote_cli" -n 5 transport=openssh user=deploy hosts="$HOST_web1" known_hosts="$KNOWN_HOSTS" password_file="$PASSWORD_FILE" -- 'echo x'
    assert_success
    assert_equal "${#lines[@]}" 5
    no_ssh
}

#!/usr/bin/env bats
# Transport ssh: every way in, whatever shell, language and sudo the host has.
# shellcheck disable=SC2154,SC2016  # HOST_ and the like come from lab_env; what is quoted is for the hosts

bats_require_minimum_version 1.5.0
load lab
load ssh
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    lab_start web1
    no_delay web1
}

teardown_file()
{
    lab_stop
}

setup()
{
    client_setup
    cd "$BATS_TEST_TMPDIR" || return 1
}

teardown()
{
    [ -z "${agent:-}" ] || kill "$agent"
    [ ! -e "$(lab root web1 /etc/ssh/sshd_config.d/10-test.conf)" ] || sshd_with web1
}

# agent_start [KEY...]
agent_start()
{
    export SSH_AUTH_SOCK=$BATS_TEST_TMPDIR/agent
    ssh-agent -D -a "$SSH_AUTH_SOCK" >/dev/null 2>&1 3>&- &
    agent=$!
    poll test -S "$SSH_AUTH_SOCK"
    [ $# -eq 0 ] || ssh-add -q "$@"
}

@test "a password" {
    sshd_with web1 "KbdInteractiveAuthentication no"
    run remote web1 password_file="$PASSWORD_FILE" -- 'id -un; echo there >&2'
    assert_success
    assert_line deploy
    assert_line there
}

@test "a password, to a host that asks for it (keyboard-interactive)" {
    sshd_with web1 "PasswordAuthentication no"
    run remote web1 password_file="$PASSWORD_FILE" -- 'id -un'
    assert_output deploy
    run remote web1 password="no such" -- 'id -un'
    errno EACCES "login as deploy refused: tried the password (keyboard-interactive); the host takes publickey,keyboard-interactive"
}

@test "a question that is not for the password has no answer" {
    sshd_with web1 "PasswordAuthentication no"
    lab exec web1 chage -d 0 deploy
    run remote web1 password_file="$PASSWORD_FILE" -- 'id -un'
    lab exec web1 chage -d 20000 deploy
    errno EACCES "it asks \"Current password:\", which has no answer here"
    run remote web1 password_file="$PASSWORD_FILE" -- 'id -un'
    assert_output deploy
}

@test "keys: ed25519, ecdsa, an unusual name, the usual names" {
    run remote web1 identity_file="$IDENTITY" -- 'id -un'
    assert_output deploy
    run remote web1 identity_file="$IDENTITY_ECDSA" -- 'id -un'
    assert_output deploy
    cp "$IDENTITY" "$HOME/a key"
    run remote web1 identity_file="~/a key" -- 'id -un'
    assert_output deploy
    cp "$IDENTITY_ECDSA" "$HOME/.ssh/id_ecdsa"
    run remote web1 -- 'id -un'
    assert_output deploy
    cp "$IDENTITY" "$HOME/.ssh/id_ed25519"
    rm "$HOME/.ssh/id_ecdsa"
    run remote web1 -- 'id -un'
    assert_output deploy
}

@test "an encrypted key opens with the password" {
    cp "$IDENTITY" key
    ssh-keygen -q -p -f key -N "$(cat "$PASSWORD_FILE")"
    sshd_with web1 "PasswordAuthentication no" "KbdInteractiveAuthentication no"
    run remote web1 identity_file="$PWD/key" password_file="$PASSWORD_FILE" -- 'id -un'
    assert_output deploy
    run remote web1 identity_file="$PWD/key"
    errno EACCES "$PWD/key (encrypted: load it into an ssh-agent, or give its passphrase as password)"
    run remote web1 identity_file="$PWD/key" password="no such"
    errno EACCES "$PWD/key (the password is not its passphrase)"
}

@test "files that are no keys of ours are named" {
    echo nothing >none
    cp "$IDENTITY" open
    chmod 644 open
    chmod 600 none
    run remote web1 identity_file="$PWD/none" identity_file="$PWD/open" identity_file="$PWD/missing" identity_file="$PWD"
    errno EACCES "tried $PWD/none (no private key), $PWD/open (others may read it: chmod 600), $PWD/missing: No such file or directory"
    run remote web1
    errno EACCES "nothing to log in with: no key in the ssh-agent or in ~/.ssh, no password (the host takes publickey,password,keyboard-interactive)"
}

@test "an agent's keys" {
    agent_start "$IDENTITY_ECDSA"
    run remote web1 -- 'id -un'
    assert_output deploy
    ssh-add -q -D
    ssh-add -q "$IDENTITY"
    run remote web1 -- 'id -un'
    assert_output deploy
    ssh-keygen -q -t ed25519 -N '' -f other
    run remote web1 identity_file="$PWD/other" -- 'id -un'
    assert_output deploy
    ssh-add -q -D
    run remote web1 password_file="$PASSWORD_FILE" -- 'id -un'
    assert_output deploy
}

@test "an agent that is silent, rude or gone does not hold up a login" {
    export SSH_AUTH_SOCK=$PWD/agent
    for rude in 'sleep 30' 'printf "\377\377\377\377"' 'printf "\0\0\0\5\14\0\0\0\11"; sleep 30' 'printf "\0\0\0\1\5"'; do
        # timeout passes the signal on to all that socat has started.
        timeout 30 socat UNIX-LISTEN:agent,fork,unlink-early "SYSTEM:$rude" 3>&- &
        agent=$!
        poll test -S agent
        run remote web1 password_file="$PASSWORD_FILE" connect_timeout=4s -- 'id -un'
        kill $agent
        wait $agent || true
        agent=
        assert_output deploy
    done
    run remote web1 password_file="$PASSWORD_FILE" -- 'id -un'
    assert_output deploy
}

@test "what libssh2 cannot do is said, with the remedy" {
    run remote web1 identity_file="$IDENTITY_RSA"
    errno EACCES "RSA keys, certificates and hardware keys need transport: openssh"
    agent_start "$IDENTITY_RSA"
    run remote web1
    errno EACCES "RSA keys, certificates and hardware keys need transport: openssh"
}

@test "many keys leave room for the password" {
    for i in 1 2 3 4 5 6 7; do
        ssh-keygen -q -t ed25519 -N '' -f "key$i"
    done
    agent_start key?
    run remote web1 password_file="$PASSWORD_FILE" -- 'id -un'
    assert_output deploy
    run remote web1
    errno EACCES "tried 6 keys of the ssh-agent"
    # A key that is named comes before the agent's.
    run remote web1 identity_file="$IDENTITY" -- 'id -un'
    assert_output deploy
}

@test "a host that wants a key and a password" {
    sshd_with web1 "AuthenticationMethods publickey,password" "KbdInteractiveAuthentication no"
    run remote web1 identity_file="$IDENTITY" password_file="$PASSWORD_FILE" -- 'id -un'
    assert_output deploy
    run remote web1 identity_file="$IDENTITY"
    errno EACCES "tried $IDENTITY"
    run remote web1 password_file="$PASSWORD_FILE"
    errno EACCES "and it takes no password"
}

@test "a wrong password, an unknown user" {
    run remote web1 password="no such"
    errno EACCES "login as deploy refused: tried the password; the host takes"
    refute_output --partial "no such"
    run remote web1 user=nobody-here password_file="$PASSWORD_FILE"
    errno EACCES "login as nobody-here refused"
}

@test "a password among the credentials of systemd" {
    run remote web1 password_file='$CREDENTIALS_DIRECTORY/web.password' -- 'id -un'
    assert_failure
    assert_output --partial "CREDENTIALS_DIRECTORY is not set (LoadCredential= of systemd sets it)"
    mkdir -m 700 credentials
    cp "$PASSWORD_FILE" credentials/web.password
    # As systemd leaves them: the directory guards them.
    chmod 440 credentials/web.password
    export CREDENTIALS_DIRECTORY=$PWD/credentials
    for file in '$CREDENTIALS_DIRECTORY/web.password' '${CREDENTIALS_DIRECTORY}/web.password'; do
        run remote web1 password_file="$file" -- 'id -un'
        assert_output deploy
    done
    run remote web1 password_file="$PWD/credentials/web.password" -- 'id -un'
    errno EACCES "can be read by group or others: chmod 600 it"
}

@test "a password that cannot be had" {
    run remote web1 password_file=/nonexistent
    errno EACCES "password_file /nonexistent: No such file or directory"
    : >empty
    chmod 600 empty
    run remote web1 password_file="$PWD/empty"
    errno EACCES "$PWD/empty gives an empty password"
    run remote web1 password_command="exit 3"
    errno EACCES "password_command has failed"
    run remote web1 password_command="sleep 30" connect_timeout=2s
    errno ETIMEDOUT "password_command did not end in time"
    run remote web1 password_command="cat $PASSWORD_FILE" -- 'id -un'
    assert_output deploy
}

@test "the root of the host, without sudo" {
    mkdir -p "$(lab root web1 /root/.ssh)"
    ssh-keygen -y -f "$IDENTITY" >"$(lab root web1 /root/.ssh)/authorized_keys"
    run nginx web1 user=root identity_file="$IDENTITY" -- apply create:rooted , pools
    assert_success
    assert_line rooted
}

@test "an IPv6 address, a port with the host, a port for all" {
    sshd_with web1 "Port 22" "Port 2222" "AddressFamily any"
    sed -n "s/^\([^ ]*\) /[$HOST_web1]:2222,[$HOST6_web1]:2222 /p" "$KNOWN_HOSTS" | cat "$KNOWN_HOSTS" - >known
    for host in "[$HOST6_web1]" "[$HOST6_web1]:2222" "$HOST_web1:2222"; do
        run remote web1 hosts="$host" known_hosts="$PWD/known" identity_file="$IDENTITY" -- 'echo $SSH_CONNECTION'
        assert_success
        case $host in
        *:2222) assert_output --regexp ' 2222$' ;;
        *) assert_output --regexp ' 22$' ;;
        esac
    done
    run remote web1 port=2222 known_hosts="$PWD/known" identity_file="$IDENTITY" -- 'echo $SSH_CONNECTION'
    assert_output --regexp ' 2222$'
}

@test "a name with several addresses, of which one answers" {
    printf '%s\n' "10.77.9.9 many" "fd77::9:9 many" "$HOST_web1 many" >hosts
    sed "s/^[^ ]*/many/" "$KNOWN_HOSTS" >known
    # shellcheck disable=SC2016
    run in_client unshare -m sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' - "$PWD/hosts" \
        "$BIN/remote_cli" user=deploy hosts=many known_hosts="$PWD/known" identity_file="$IDENTITY" -- hostname
    assert_output web1
}

@test "five megabytes each way, through a change of keys as well" {
    head -c 5000000 /dev/urandom >sent
    for settings in "# none" "RekeyLimit 1M"; do
        sshd_with web1 "$settings"
        remote web1 identity_file="$IDENTITY" -- 'head -c 5000000 | tee /dev/stderr' <sent >out 2>err
        cmp sent out
        cmp sent err
    done
    # Nothing is read there before all was sent.
    remote web1 identity_file="$IDENTITY" -- 'head -c 5000000 >/tmp/five; cat /tmp/five; rm /tmp/five' <sent >out
    cmp sent out
}

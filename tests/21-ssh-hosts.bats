#!/usr/bin/env bats
# Both transports to hosts of every kind: login shells, languages, noise at the login, sudo as it comes; and secrets that stay so.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2034  # HOST_ and the like come from lab_env; what is quoted is for the hosts; tests are subshells

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
    key=("identity_file=$IDENTITY" "password_file=$PASSWORD_FILE")
    home=$(lab root web1 /home)/deploy
}

teardown()
{
    lab exec web1 usermod -s /bin/bash deploy
    lab sudo web1 password
}

# A change and a listing over each transport.
works()
{
    local node
    for TRANSPORT in ssh openssh; do
        node=10.0.0.$((++count)):80
        run nginx web1 "${key[@]}" -- apply add:app/$node , apply add:app/10.0.0.99:80 , pools
        assert_success
        assert_line "app/$node"
    done
}

@test "login shells: dash, busybox, csh, fish" {
    lab exec web1 ln -sf /bin/busybox /usr/local/bin/sh
    for shell in /bin/dash /usr/local/bin/sh /bin/tcsh /usr/bin/fish; do
        lab exec web1 usermod -s "$shell" deploy
        works
    done
}

@test "a login that is full of noise" {
    noise='echo hello there; echo "Debian GNU/Linux" >&2; printf "%s" no-newline'
    lab exec web1 sh -c 'echo "Today: reboot at noon" >/etc/motd; echo "Authorized use only" >/etc/issue.net'
    sshd_with web1 "Banner /etc/issue.net" "PrintMotd yes" "PrintLastLog yes"
    # bash reads .bashrc for sshd, csh .cshrc, fish config.fish.
    echo "$noise" >"$home/.bashrc"
    echo "echo hello there" >"$home/.cshrc"
    lab exec web1 sh -c 'cd ~deploy && mkdir -p .config/fish && echo "echo hello there" >.config/fish/config.fish && chown -R deploy: .'
    for shell in /bin/bash /bin/tcsh /usr/bin/fish; do
        lab exec web1 usermod -s "$shell" deploy
        works
    done
    rm "$home/.bashrc" "$home/.cshrc" "$home/.config/fish/config.fish"
    sshd_with web1
}

@test "much output at once is not taken for noise, much noise is no login" {
    for TRANSPORT in ssh openssh; do
        run remote web1 "${key[@]}" -- 'head -c 300000 /dev/zero | tr "\0" x >&2; head -c 300000 /dev/zero | tr "\0" y'
        assert_success
        assert_equal "${#output}" 600000
        echo 'head -c 300000 /dev/zero' >"$home/.bashrc"
        run remote web1 "${key[@]}"
        errno EACCES "the login says too much before any command is run"
        rm "$home/.bashrc"
    done
}

@test "a login that runs no command" {
    lab exec web1 usermod -s /usr/sbin/nologin deploy
    for TRANSPORT in ssh openssh; do
        run nginx web1 "${key[@]}" -- pools
        errno EACCES "$HOST_web1: the login passes, but runs no command: This account is currently not available"
    done
}

@test "a host that speaks German" {
    lab exec web1 sh -c 'localedef -i de_DE -f UTF-8 de_DE.UTF-8; echo LANG=de_DE.UTF-8 >/etc/default/locale'
    # It does: so the test is one.
    run remote web1 "${key[@]}" -- 'ls /nonexistent'
    assert_output --partial "Datei oder Verzeichnis nicht gefunden"
    works
    lab sudo web1 none
    for TRANSPORT in ssh openssh; do
        run nginx web1 "${key[@]}" -- pools
        errno EACCES "$HOST_web1: sudo: "
    done
    lab exec web1 rm /etc/default/locale
}

@test "sudo: without a password, with a lecture" {
    for mode in password nopasswd lecture; do
        lab sudo web1 $mode
        works
    done
}

@test "sudo: what cannot be passed is said in sudo's words" {
    for TRANSPORT in ssh openssh; do
        lab sudo web1 tty
        run nginx web1 "${key[@]}" -- pools
        errno EACCES "sudo: sorry, you must have a tty to run sudo"
        lab sudo web1 none
        run nginx web1 "${key[@]}" -- pools
        errno EACCES "deploy is not in the sudoers file"
        lab sudo web1 targetpw
        run nginx web1 "${key[@]}" -- pools
        errno EACCES "sudo: Sorry, try again."
        run nginx web1 identity_file="$IDENTITY" password_file="$ROOT_PASSWORD_FILE" -- pools
        assert_success
        lab sudo web1 password
        run nginx web1 identity_file="$IDENTITY" -- pools
        errno EACCES "sudo wants a password: set password"
        run nginx web1 identity_file="$IDENTITY" sudo=no -- apply create:forbidden
        errno EACCES
    done
}

# The password in arguments and environments of all processes of this machine, which are the hosts' too, and in the hosts' logs.
seen()
{
    cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | grep -F -f "$PASSWORD_FILE" || true
    grep -rF -f "$PASSWORD_FILE" "$(lab root web1 /var/log)" "$(lab root web1 /run)" "$(lab root web1 /tmp)" || true
}

asked_times()
{
    [ "$(find . -name 'asked.*' | wc -l)" -ge "$1" ]
}

@test "the password is in no argument, environment or log, whatever asks for it" {
    # What is looked for would be found.
    env SECRET="$(cat "$PASSWORD_FILE")" sleep 20 3>&- &
    poll eval '[ -n "$(seen)" ]'
    kill $!
    wait $! || true
    sshd_with web1 "PubkeyAuthentication no"
    for TRANSPORT in ssh openssh; do
        rm -f to out asked.*
        mkfifo to
        # A helper that is slow to be answered is there to be seen.
        nginx web1 password_command="cat $PASSWORD_FILE; touch $PWD/asked.\$\$; sleep 0.5" -- apply add:app/10.0.0.50:80 , wait <to >out 2>&1 &
        exec 7>to
        poll asked_times 1
        run seen
        assert_output ""
        poll asked_times 2 # by sudo now
        run seen
        assert_output ""
        poll grep -qs 10.0.0.50 "$(lab root web1 /etc/nginx/sites-enabled)/app.conf"
        run seen
        assert_output ""
        echo >&7
        exec 7>&-
        wait $!
        run cat out
        assert_output ""
        nginx web1 password_file="$PASSWORD_FILE" -- apply del:app/10.0.0.50:80
    done
    sshd_with web1
}

@test "a wrong password is repeated by no error" {
    for TRANSPORT in ssh openssh; do
        run nginx web1 password=Geheim-4711 -- pools
        errno EACCES
        refute_output --partial Geheim
        run nginx web1 identity_file="$IDENTITY" password=Geheim-4711 -- pools
        errno EACCES "sudo: Sorry, try again."
        refute_output --partial Geheim
    done
}

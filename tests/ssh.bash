# shellcheck shell=bash
# What the families of transports share, beside lab.bash: a client with a home of its own, and hosts' sshd to order.
#
#   remote NAME [KEY=VALUE]... [-- COMMAND]   remote_cli as deploy, to the host NAME of the lab; with TRANSPORT, OPTIONS
#                                             (of remote_cli) and the known_hosts of the lab unless one is given
#   nginx NAME [KEY=VALUE]... -- COMMAND...   the same of driver_cli
#   sshd_with NAME LINE...                    sshd with these settings before all others (none: as it was)
#   errno ERRNO [TEXT]                        `run` has failed with it, in words that have TEXT
#
# Passwords are given as files: what stands in the arguments of a test's program would be seen by the tests that look.

client_setup()
{
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME/.ssh"
    chmod 700 "$HOME/.ssh"
    unset SSH_AUTH_SOCK
    BIN=${BUILD:-$(cd "$BATS_TEST_DIRNAME/.." && pwd)/build}/tests
    TRANSPORT=ssh OPTIONS=
}

# in_client CMD...: on the lab's network, with our home as root's own, where the ssh program looks for it; BOUND seconds.
in_client()
{
    # shellcheck disable=SC2016
    timeout "${BOUND:-100}" env LAB_STATE="$LAB_STATE" "$BATS_TEST_DIRNAME/lab" run unshare -m \
        sh -c 'mount --bind "$HOME" /root && exec "$@"' - "$@" 3>&-
}

# client PROGRAM NAME [KEY=VALUE]... [-- COMMAND...]: PROGRAM may be several words.
client()
{
    local program=$1 name=$2 address=HOST_${2//-/_} defaults=()
    shift 2
    defaults=("transport=$TRANSPORT")
    case " $*" in
    *" user="*) ;;
    *) defaults+=(user=deploy) ;;
    esac
    case " $*" in
    *" hosts="*) ;;
    *) defaults+=("hosts=${!address}") ;;
    esac
    case " $*" in
    *" known_hosts="*) ;;
    *) defaults+=("known_hosts=$KNOWN_HOSTS") ;;
    esac
    # shellcheck disable=SC2086
    in_client $program "${defaults[@]}" "$@"
}

remote()
{
    client "$BIN/remote_cli $OPTIONS" "$@"
}

nginx()
{
    client "$BIN/driver_cli nginx" "$@"
}

sshd_with()
{
    local name=$1
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" >"$(lab root "$name" /etc/ssh/sshd_config.d)/10-test.conf"
    [ $# -gt 0 ] || rm -f "$(lab root "$name" /etc/ssh/sshd_config.d)/10-test.conf"
    sshd_restart "$name"
}

# What was logged before stays: tests of what is logged begin with an empty log.
sshd_restart()
{
    lab kill-ssh "$1"
    lab start-ssh "$1"
    poll lab exec "$1" sh -c "ss -Hltnp | grep -q '\"sshd\"'"
}

log_empty()
{
    : >"$(lab root "$1" /var/log/lab.log)"
}

# A wrong password costs seconds of PAM's else.
no_delay()
{
    lab exec "$1" sed -i 's/pam_unix.so nullok/& nodelay/' /etc/pam.d/common-auth
}

errno()
{
    # shellcheck disable=SC2154
    assert_equal "$status" 1
    assert_output --partial "$1 "
    [ -z "${2:-}" ] || assert_output --partial "$2"
}

#!/usr/bin/env bats
# Who may see and change what: two real users, owner, group and mode of each balancer, sudo, and the mount options.
# shellcheck disable=SC2016,SC2154  # the mount's variables

bats_require_minimum_version 1.5.0
load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

# Users of this file's own, with numbers that the system gives; removed after.
setup_file()
{
    ANN=bfsann$$ BEN=bfsben$$
    export ANN BEN
    useradd -M -U -s /bin/sh $ANN
    useradd -M -U -s /bin/sh $BEN
    groupadd bfsops$$
    export OPS=bfsops$$
    usermod -a -G $OPS $BEN
}

teardown_file()
{
    userdel "$ANN"
    userdel "$BEN"
    groupdel "$OPS"
}

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    # The way to the mount is open to all.
    MOUNT_DIR=$(mktemp -d /tmp/balancerfs-users.XXXXXX)
    export MOUNT_DIR
    chmod 755 "$MOUNT_DIR"
}

teardown()
{
    cd /
    mount_stop_all
    rm -rf --one-file-system "$MOUNT_DIR"
}

mounted()
{
    mount_start "$@" <<YAML
BALANCERS:
  plain: {BACKEND: dummy, cache_ttl: 1h, pools: {app: ["a:80"]}}
  anns: {BACKEND: dummy, cache_ttl: 1h, owner: $ANN, mode: 0700, pools: {app: ["a:80"]}}
  ops: {BACKEND: dummy, cache_ttl: 1h, group: $OPS, mode: 0775, pools: {app: ["a:80"]}}
YAML
}

as()
{
    local user=$1
    shift
    setpriv --reuid "$user" --regid "$user" --init-groups -- "$@"
}

may()
{
    as "$@" || { echo "may not: $*"; return 1; }
}

may_not()
{
    run as "$@"
    assert_failure
    assert_output --partial "Permission denied"
}

@test "without allow_other nobody else sees or changes anything, not even that it is there" {
    mounted
    for user in "$ANN" "$BEN"; do
        may_not "$user" ls "$MNT"
        may_not "$user" stat "$MNT/anns/app/a:80"
        may_not "$user" touch "$MNT/anns/app/b:80"
        may_not "$user" cat "$MNT/.status"
    done
    mount_stop
}

@test "with it the kernel asks owner, group and mode: the usual balancer is read by all and changed by its owner" {
    mounted -o allow_other
    for user in "$ANN" "$BEN"; do
        may "$user" ls -l "$MNT/plain/app" >/dev/null
        may "$user" cat "$MNT/plain/app/.nodes" "$MNT/plain/.status" "$MNT/plain/.log" >/dev/null
        may_not "$user" touch "$MNT/plain/app/b:80"
        may_not "$user" rm -f "$MNT/plain/app/a:80"
        may_not "$user" mv "$MNT/plain/app/a:80" "$MNT/plain/app/b:80"
        may_not "$user" mkdir "$MNT/plain/new"
        may_not "$user" rmdir "$MNT/plain/app"
        may_not "$user" cp /dev/null "$MNT/plain/app/.nodes"
        may_not "$user" touch "$MNT/plain/app/.scratch"
        run as "$user" chmod 777 "$MNT/plain/app"
        assert_failure
        run as "$user" chown "$user" "$MNT/plain/app"
        assert_failure
    done
    run grep -c . "$MNT/plain/.log"
    assert_output 0
    mount_stop
}

@test "owner and mode of a balancer: hers alone" {
    mounted -o allow_other
    assert_equal "$(stat -c '%U %a' "$MNT/anns" "$MNT/anns/app")" "$ANN 700
$ANN 700"
    may "$ANN" touch "$MNT/anns/app/b:80"
    may "$ANN" mv "$MNT/anns/app/b:80" "$MNT/anns/app/c:80"
    echo d:80 | may "$ANN" tee "$MNT/anns/app/.nodes" >/dev/null
    may "$ANN" mkdir "$MNT/anns/new"
    may "$ANN" rmdir "$MNT/anns/new"
    may "$ANN" rm "$MNT/anns/app/d:80"
    assert_equal "$(may "$ANN" ls "$MNT/anns/app")" ""
    assert_equal "$(stat -c '%U %a' "$MNT/anns/app/.nodes" "$MNT/anns/.log")" "$ANN 600
$ANN 400"
    may_not "$BEN" ls "$MNT/anns"
    may_not "$BEN" cat "$MNT/anns/.status"
    may_not "$BEN" touch "$MNT/anns/app/b:80"
    run sh -c 'cut -d " " -f 2 "$1" | sort -u' sh "$MNT/anns/.log"
    assert_output "uid=$(id -u "$ANN")"
    mount_stop
}

@test "a group of a balancer: its members change it, others read it; sudo is as whom one becomes" {
    mounted -o allow_other
    assert_equal "$(stat -c '%G %a' "$MNT/ops" "$MNT/ops/app" "$MNT/ops/app/a:80")" "$OPS 775
$OPS 775
$OPS 664"
    may "$BEN" touch "$MNT/ops/app/b:80"
    may "$BEN" touch "$MNT/ops/app/b:80"
    may "$BEN" rm "$MNT/ops/app/b:80"
    may "$ANN" ls "$MNT/ops/app" >/dev/null
    may_not "$ANN" touch "$MNT/ops/app/b:80"
    sudo -n -u "$BEN" touch "$MNT/ops/app/s:80"
    run sudo -n -u "$ANN" rm -f "$MNT/ops/app/s:80"
    assert_failure
    rm "$MNT/ops/app/s:80"
    run sh -c 'sed "s/.*\(uid=[0-9]*\) .*\(command=[^ ]*\).*\(nodes=[^ ]*\).*/\1 \2 \3/" "$1"' sh "$MNT/ops/.log"
    assert_output "uid=$(id -u "$BEN") command=touch nodes=+b:80
uid=$(id -u "$BEN") command=rm nodes=-b:80
uid=$(id -u "$BEN") command=touch nodes=+s:80
uid=0 command=rm nodes=-s:80"
    mount_stop
}

@test "uid=, gid= and umask= of the mount; a balancer's own settings come before them" {
    mounted -o "allow_other,uid=$(id -u "$BEN"),gid=$(id -g "$BEN"),umask=027"
    assert_equal "$(stat -c '%U %G %a' "$MNT" "$MNT/plain" "$MNT/plain/app" "$MNT/plain/app/a:80" "$MNT/plain/.log" "$MNT/plain/app/.nodes")" "$BEN $BEN 750
$BEN $BEN 750
$BEN $BEN 750
$BEN $BEN 640
$BEN $BEN 440
$BEN $BEN 640"
    assert_equal "$(stat -c '%U %G %a' "$MNT/anns" "$MNT/ops")" "$ANN $BEN 700
$BEN $OPS 775"
    may "$BEN" touch "$MNT/plain/app/b:80"
    may_not "$ANN" ls "$MNT"
    mount_stop
}

@test "a chmod, chown of an entry is remembered and obeyed until unmount" {
    mounted -o allow_other
    chown "$BEN" "$MNT/plain/app"
    may "$BEN" touch "$MNT/plain/app/b:80"
    may "$BEN" chmod 700 "$MNT/plain/app"
    may_not "$ANN" ls "$MNT/plain/app"
    chmod 777 "$MNT/plain/app"
    may "$ANN" mkdir "$MNT/plain/app/.tmp"
    may "$ANN" rm "$MNT/plain/app/b:80"
    mount_stop
    mounted -o allow_other
    assert_equal "$(stat -c '%U %a' "$MNT/plain/app")" "root 755"
    mount_stop
}

@test "who was given a pool or a balancer can work there as elsewhere: what one makes there is one's own" {
    mounted -o allow_other
    pool=$MNT/plain/app
    chown "$BEN:$OPS" "$pool"
    for _ in 1 2; do
        may "$BEN" touch "$pool/b:80"
        may "$BEN" touch -d 2020-01-01 "$pool/b:80"
        may "$BEN" chmod 640 "$pool/b:80"
    done
    assert_equal "$(stat -c '%U %G %a' "$pool/b:80" "$pool/a:80")" "$BEN $OPS 640
root root 644"
    assert_equal "$(stat -c '%U %G %a' "$pool/.nodes")" "$BEN $OPS 644"
    printf 'b:80\na:80\n' | may "$BEN" tee "$pool/.nodes" >/dev/null
    echo a:80 >"$MOUNT_DIR/list"
    may_not "$ANN" cp "$MOUNT_DIR/list" "$pool/.nodes"
    # What was there before is whose it was; root makes things for the owner.
    may_not "$BEN" touch "$pool/a:80"
    touch "$pool/r:80"
    may "$BEN" touch "$pool/r:80"
    may_not "$ANN" touch "$pool/c:80"
    chmod 777 "$pool"
    may "$ANN" touch "$pool/c:80"
    assert_equal "$(stat -c '%U %G' "$pool/c:80")" "$ANN $OPS"
    chown "$ANN" "$MNT/plain"
    may "$ANN" mkdir "$MNT/plain/hers"
    may "$ANN" touch "$MNT/plain/hers/a:80"
    may_not "$BEN" touch "$MNT/plain/hers/b:80"
    mount_stop
}

@test "tools with temporaries work for a member of the group, and twice without a word" {
    mounted -o allow_other
    from=$MOUNT_DIR/from
    mkdir "$from"
    echo "rack 7" >"$from/b:80"
    touch -d 2020-01-01 "$from/b:80" "$from/c:80"
    chmod -R a+rX "$from"
    for way in 'rsync -rtO' 'rsync -rtO --partial-dir=.rsync-partial' 'rsync -rtO --delay-updates'; do
        # shellcheck disable=SC2086  # words are what is wanted
        may "$BEN" $way "$from/" "$MNT/ops/app/"
        # shellcheck disable=SC2086
        run may "$BEN" $way -i "$from/" "$MNT/ops/app/"
        assert_success
        assert_output ""
        assert_equal "$(cat "$MNT/ops/app/b:80")" "rack 7"
        rm "$MNT/ops/app/b:80" "$MNT/ops/app/c:80"
    done
    may "$BEN" mkdir -m 700 "$MNT/ops/app/.lock"
    may "$BEN" sh -c 'umask 077; echo d:80 >"$1/.list" && chmod 600 "$1/.list" && mv "$1/.list" "$1/.nodes"' sh "$MNT/ops/app"
    may "$BEN" rmdir "$MNT/ops/app/.lock"
    assert_equal "$(ls -A "$MNT/ops/app")" d:80
    mount_stop
}

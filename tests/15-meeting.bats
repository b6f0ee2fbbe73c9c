#!/usr/bin/env bats
# Changes that meet, each held at the balancer until the other has come: nothing is left to chance.
# shellcheck disable=SC2154,SC2046  # the mount's variables; pids are words

load meet
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

# What still hangs goes on.
teardown()
{
    local i feeding status=0
    for ((i = 0; i < 300; i++)); do
        echo
        sleep 0.1
    done 3>&- >&9 &
    feeding=$!
    cd /
    mount_stop_all || status=1
    kill $feeding
    return $status
}

# steered [KEY: VALUE]...: as mounted, but each apply hangs until `answered` lets it go on.
steered()
{
    mkfifo fifo
    mounted 0 "fail_file: $PWD/fifo" "fail_calls: [apply]" "$@"
    exec 9<>fifo
}

# answered [ERRNO]: the apply that hangs fails with it, or is made.
answered()
{
    local n
    n=$(grep -c '^apply' "$log" || true)
    echo "${1:-}" >&9
    poll applies_since "$n"
}

applies_since()
{
    [ "$(grep -c '^apply' "$log")" -gt "$1" ]
}

# begun: the change that was asked for hangs; held N: that many wait behind it.
begun()
{
    poll says "changes_running: 1"
}

held()
{
    poll says "changes_queued: $1"
}

stopped() # PID
{
    kill -TERM "$1"
    wait "$1" || true
}

@test "what an interrupted change has done is seen, also when somebody waits for it" {
    steered
    stat "$app/10.0.0.1:80" "$app/10.0.0.2:80" >/dev/null
    rm "$app/10.0.0.1:80" 2>/dev/null &
    removing=$!
    begun
    sync "$app/.nodes" &
    sleep 0.3
    stopped $removing
    answered
    wait $!
    assert_equal "$(errno 'os.stat(a[0])' "$app/10.0.0.1:80")" ENOENT
    assert_equal "$(errno 'os.stat(a[0])' "$app/10.0.0.7:80")" ENOENT
    mv "$app/10.0.0.2:80" "$app/10.0.0.7:80" 2>/dev/null &
    moving=$!
    begun
    sync "$app/.nodes" &
    sleep 0.3
    stopped $moving
    answered
    wait $!
    assert_equal "$(errno 'os.stat(a[0])' "$app/10.0.0.2:80")" ENOENT
    assert_equal "$(errno 'os.stat(a[0])' "$app/10.0.0.7:80")" ok
    same_as_balancer
    mount_stop
}

@test "an interrupted mv onto .nodes, and its temporary that goes elsewhere meanwhile" {
    steered
    for to in 10.0.0.1:80 .tmp2; do
        printf '%s\n' 10.0.0.1:80 "10.0.1.${#to}:80" >"$app/.tmp1"
        mv "$app/.tmp1" "$app/.nodes" &
        moving=$!
        begun
        stopped $moving
        mv "$app/.tmp1" "$app/$to"
        answered
        poll_log "op=nodes .*10.0.1.${#to}:80.*result=ok"
        [ -e "$app/$to" ]
        assert_equal "$(ls "$app")" "$(balancer_has)"
    done
    # And one that stays where it is has become the list.
    echo 10.0.0.1:80 >"$app/.tmp3"
    stat "$app/.tmp3" >/dev/null
    mv "$app/.tmp3" "$app/.nodes" &
    moving=$!
    begun
    stopped $moving
    answered
    poll_log "op=nodes .*-10.0.1.5:80 result=ok"
    assert_equal "$(errno 'os.stat(a[0])' "$app/.tmp3")" ENOENT
    assert_equal "$(cat "$app/.nodes")" 10.0.0.1:80
    mount_stop
}

@test "a list of a pool that others delete meanwhile" {
    steered
    touch "$MNT/web/other/10.0.9.1:80" 2>/dev/null &
    begun
    printf '10.0.0.%d:80\n' 1 2 3 >"$app/.nodes" &
    writing=$!
    held 1
    echo 'other: []' >"$file"
    answered EIO
    # It is as wanted, as far as anybody knew; not so on the balancer.
    begun
    answered
    wait $writing
    assert_equal "$(balancer_has | wc -l)" 3
    same_as_balancer
    mount_stop
}

@test "a list of what others delete meanwhile, and somebody here too, whose rm is refused" {
    steered
    touch "$MNT/web/other/10.0.9.1:80" 2>/dev/null &
    begun
    printf '10.0.0.%d:80\n' 1 2 3 4 >"$app/.nodes" &
    writing=$!
    held 1
    rm "$app/10.0.0.1:80" 2>/dev/null &
    removing=$!
    held 2
    printf '%s\n' 'app: ["10.0.0.2:80", "10.0.0.3:80"]' 'other: []' >"$file"
    answered EIO
    answered EBUSY
    answered
    answered EBUSY
    wait $writing
    ! wait $removing || false
    assert_equal "$(balancer_has | wc -l)" 4
    same_as_balancer
    mount_stop
}

@test "mv of what others delete meanwhile, that is refused" {
    steered
    stat "$app/10.0.0.1:80" >/dev/null
    touch "$MNT/web/other/10.0.9.1:80" 2>/dev/null &
    begun
    mv "$app/10.0.0.1:80" "$app/10.0.0.7:80" 2>/dev/null &
    held 1
    echo 10.0.9.2:80 >"$MNT/web/other/.nodes" &
    writing=$!
    held 2
    printf '%s\n' 'app: ["10.0.0.2:80"]' 'other: []' >"$file"
    answered EIO
    answered EBUSY
    answered EBUSY
    answered
    wait $writing
    same_as_balancer
    assert_equal "$(errno 'os.stat(a[0])' "$app/10.0.0.1:80")" ENOENT
    mount_stop
}

@test "one by one, each has its answer when its own change has ended" {
    steered
    touch "$app/10.0.0.4:80" &
    first=$!
    begun
    touch "$app/10.0.0.5:80" &
    second=$!
    held 1
    touch "$app/10.0.0.6:80" &
    third=$!
    held 2
    answered
    wait $first
    answered EBUSY
    answered
    ended $second || { mount_kill && false; }
    wait $second
    answered
    wait $third
    same_as_balancer
    mount_stop
}

@test "a list that changes nothing does not wait for what else is on its way" {
    steered
    touch "$app/10.0.0.4:80" &
    first=$!
    begun
    touch "$app/10.0.0.5:80" &
    second=$!
    held 1
    echo 10.0.0.9:80 >"$MNT/web/other/.nodes" &
    writing=$!
    held 2
    answered
    wait $first
    ended $writing || { mount_kill && false; }
    wait $writing
    begun
    answered
    wait $second
    same_as_balancer
    mount_stop
}

@test "a sync hastens what was accepted before it, not what comes after" {
    steered "commit_delay: 1h"
    touch "$app/10.0.0.4:80"
    sync "$app/.nodes" &
    begun
    sync "$app" &
    sleep 0.3
    answered
    wait $(jobs -p | grep -vx "$PID")
    touch "$app/10.0.0.5:80"
    sleep 0.3
    says "changes_queued: 1"
    sync "$app/.nodes" &
    begun
    answered
    wait $!
    same_as_balancer
    mount_stop
}

@test "what became of a change is unknown: all of it is read again, by the kernel too" {
    mkdir -p state/app state/other
    touch state/app/10.0.0.1:80
    cat >driver <<SH
#!/bin/sh
cd $PWD/state
case \$1 in
get_pools) ls ;;
get_nodes) ls "\$2" ;;
apply) mv app/* other/ && echo "EIO the line is dead" >&2 && exit 1 ;;
esac
SH
    chmod +x driver
    mount_start <<YAML
BALANCERS:
  web: {BACKEND: exec, command: [$PWD/driver], cache_ttl: 1h}
YAML
    ls -lR "$MNT/web" >/dev/null
    assert_equal "$(errno 'os.stat(a[0])' "$MNT/web/other/10.0.0.1:80")" ENOENT
    assert_equal "$(errno 'os.rename(a[0], a[1])' "$MNT/web/app/10.0.0.1:80" "$MNT/web/other/10.0.0.1:80")" EIO
    poll test -e "$MNT/web/other/10.0.0.1:80"
    assert_equal "$(errno 'os.stat(a[0])' "$MNT/web/app/10.0.0.1:80")" ENOENT
    assert_equal "$(ls "$MNT/web/app")-$(ls "$MNT/web/other")" -10.0.0.1:80
    mount_stop
}

@test "auto_pools: rmdir of a pool that a list is just making; a list and an mv that make none" {
    steered "auto_pools: true"
    new=$MNT/web/new
    assert_equal "$(ls "$new")" ""
    echo 10.0.0.1:80 >"$new/.nodes" &
    writing=$!
    begun
    errno 'os.rmdir(a[0])' "$new" >said &
    removing=$!
    held 1
    answered
    wait $writing
    answered
    wait $removing
    assert_equal "$(cat said)" ENOTEMPTY
    assert_equal "$(ls "$new")" 10.0.0.1:80
    ls "$MNT/web/none" >/dev/null
    echo >"$MNT/web/none/.nodes"
    mv "$app/10.0.0.1:80" "$MNT/web/none/.tmp1" &
    begun
    answered
    wait $!
    assert_equal "$(cd "$MNT/web" && echo *)" "app new other"
    same_as_balancer
    mount_stop
}

#!/usr/bin/env bats
# The unit under a systemd that is booted for it: hardened as it is, with credentials, real log-ins, the journal, a crash, a
# line in fstab while every balancer is down. One boot; what came of it is in $SHARED.
# shellcheck disable=SC2016  # code for the machine inside

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    export SHARED=$BATS_FILE_TMPDIR/shared
    [ "${TEST_KIND:-plain}" = plain ] || return 0
    local tree=$BATS_TEST_DIRNAME/.. here=$BATS_TEST_DIRNAME/systemd
    mkdir -p "$SHARED/files/opt"
    cp "$here/inside" "$SHARED/inside"
    cp "$here/prepare" "$SHARED/files/opt/prepare"
    cp "$tree/contrib/exec/pools.sh" "$SHARED/files/opt/driver"
    DESTDIR=$BATS_FILE_TMPDIR/installed meson install -C "$BUILD" --no-rebuild >"$BATS_FILE_TMPDIR/install" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/install"
        return 1
    }
    timeout -k 10 150 "$here/boot" "$SHARED" "$BATS_FILE_TMPDIR/installed" >"$BATS_FILE_TMPDIR/boot" 2>&1 3>&- || true
}

setup()
{
    [ "${TEST_KIND:-plain}" = plain ] || skip "systemd would start a sanitizer's program without its settings"
    [ ! -e "$SHARED/cannot" ] || skip "no systemd can be booted here: $(cat "$SHARED/cannot")"
    cd "$SHARED" || return 1
}

# came NAME LINE...: all that NAME has to have, and a status of 0
came()
{
    run cat "$1"
    assert_output "$(printf '%s\n' "${@:2}" "status 0")"
}

@test "it comes up with the machine, and says what it does" {
    [ -e finished ] || { cat "$BATS_FILE_TMPDIR/boot" console log && false; }
    came boot.unit active
    came boot.text mounted
    came boot.failed
}

@test "fstab mounts it while its balancer is down" {
    cat boot.journal
    came boot.fstab fuse.balancerfs
    [ "$(head -n 1 boot.dead)" -ge 1 ] || { cat boot.dead && false; }
    came stop.boot
    assert_equal "$(head -n 1 stop.boot.mounts)" 0
}

@test "hardened as it is, every way to a balancer works" {
    for balancer in table ssh openssh local exec; do
        came "use.$balancer"
        came "list.$balancer" 10.0.0.1:80
    done
    assert_equal "$(grep -c 'root root .* new.conf$' made)" 3
    assert_equal "$(tail -n 1 journal)" "status 0"
    grep -q 'op=touch pool=new nodes=+10.0.0.1:80 result=ok .* hosts=127.0.0.1$' journal
}

@test "others see the mount" {
    came others 10.0.0.1:80
}

@test "the journal has every change, as a notice" {
    assert_equal "$(grep -c 'op=touch .* result=ok' priorities)" 5
}

@test "systemctl reload reads the configuration again; a bad one changes nothing and says why" {
    came reload
    came reload.list exec local more openssh ssh table
    grep -q 'web.yaml:' bad.journal
    came bad.list exec local more openssh ssh table
    [ -e reload.same ]
}

@test "killed, it is started again over the dead mount" {
    came killed.list
    assert_equal "$(head -n 1 killed.mounts)" 1
}

@test "stopped, it leaves no mount" {
    came stop
    came stop.result success
    assert_equal "$(head -n 1 stop.mounts)" 0
}

#!/usr/bin/env bats
# What `meson install` puts where, and whether it is fit for what will use it there.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup_file()
{
    export ROOT=$BATS_FILE_TMPDIR/root TOP=$BATS_TEST_DIRNAME/..
    # A build of its own, since the prefix is another.
    install >"$BATS_FILE_TMPDIR/log" 2>&1 || tail -n 30 "$BATS_FILE_TMPDIR/log"
}

install()
{
    meson setup "$BATS_FILE_TMPDIR/build" "$TOP" --prefix=/usr &&
        nice ninja -C "$BATS_FILE_TMPDIR/build" balancerfs &&
        DESTDIR=$ROOT meson install -C "$BATS_FILE_TMPDIR/build" --no-rebuild
}

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    completion=$TOP/contrib/completion
}

@test "everything is where it is looked for" {
    for file in bin/balancerfs sbin/mount.balancerfs sbin/mount.fuse.balancerfs include/balancerfs/driver.h share/man/man8/balancerfs.8 \
        share/man/man5/balancerfs.conf.5 share/man/man3/balancerfs-driver.3 share/bash-completion/completions/balancerfs \
        share/zsh/site-functions/_balancerfs share/balancerfs/nodes.bash share/balancerfs/demo.yaml \
        share/balancerfs/recipes/ansible-copy.yml share/balancerfs/recipes/pool.sh; do
        [ -e "$ROOT/usr/$file" ] || [ -L "$ROOT/usr/$file" ] || { echo "no $file" && false; }
    done
    assert_equal "$(readlink -f "$ROOT/usr/sbin/mount.balancerfs")" "$(readlink -f "$ROOT/usr/bin/balancerfs")"
    run "$ROOT/usr/bin/balancerfs" --version
    assert_success
    assert_output --regexp '^balancerfs [0-9]+\.[0-9]+\.[0-9]+$'
    [ -n "$(unit)" ]
}

unit()
{
    find "$ROOT" -name balancerfs@.service
}

@test "pkg-config knows the version and the header" {
    pc=$(find "$ROOT" -name balancerfs.pc)
    export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$ROOT
    run pkg-config --modversion balancerfs
    assert_output "$("$BUILD/balancerfs" --version | cut -d' ' -f2)"
    echo '#include <balancerfs/driver.h>' >includes.c
    # shellcheck disable=SC2046  # words are what is wanted
    gcc -fsyntax-only $(PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 pkg-config --cflags balancerfs) includes.c
}

@test "the systemd unit is well-formed" {
    grep -q '^ExecStart=/usr/bin/balancerfs -f ' "$(unit)"
    # Its program must exist for systemd-analyze, and so must its configuration.
    sed "s|/usr/bin/balancerfs|$ROOT/usr/bin/balancerfs|" "$(unit)" >balancerfs@.service
    cp balancerfs@.service balancerfs@web.service
    run systemd-analyze verify --man=no ./balancerfs@web.service
    refute_output --partial balancerfs
    assert_success
}

@test "the systemd unit hides the mount from nobody" {
    # Each of these gives a service a mount namespace of its own.
    run grep -E '^(ReadWritePaths|ReadOnlyPaths|InaccessiblePaths|ExecPaths|NoExecPaths|BindPaths|BindReadOnlyPaths|TemporaryFileSystem|MountImages|ExtensionImages|ExtensionDirectories|Root[A-Z]|PrivateTmp|PrivateDevices|PrivateMounts|PrivateNetwork|PrivateIPC|PrivateUsers|ProtectSystem|ProtectHome|ProtectKernel|ProtectControlGroups|ProtectProc|ProcSubset|ProtectHostname|DynamicUser|LogNamespace|MountFlags|ProtectClock)' "$(unit)"
    assert_failure 1
    run systemd-analyze security --offline=true --no-pager "$(unit)"
    refute_output --partial UNSAFE
}

types()
{
    (
        PATH=$BUILD:$PATH
        "$BATS_TEST_DIRNAME/type-in" "$@"
    )
}

a_config()
{
    printf 'BALANCERS:\n  web-1:\n    BACKEND: dummy\n    pools:\n      app: []\n  shop:\n    BACKEND: dummy\nOTHER:\n  no:\n' >config.yaml
}

@test "bash completes the program's options, drivers, balancers, files" {
    a_config
    mkdir a_directory
    types bash ". $completion/balancerfs.bash" 'balancerfs --ch\t' '--check $'
    types bash ". $completion/balancerfs.bash" 'balancerfs --help ngi\t' '--help nginx $'
    types bash ". $completion/balancerfs.bash" 'balancerfs --check conf\t' 'config.yaml $'
    types bash ". $completion/balancerfs.bash" 'balancerfs --probe config.yaml w\t' 'config.yaml web-1 $'
    types bash ". $completion/balancerfs.bash" 'balancerfs --probe config.yaml \t\t' '\nshop +web-1 *\n'
    types bash ". $completion/balancerfs.bash" 'balancerfs -f config.yaml a_d\t' 'config.yaml a_directory/$'
    types bash ". $completion/balancerfs.bash" 'balancerfs -o ro,allow_o\t' '-o ro,allow_other$'
    types bash ". $completion/balancerfs.bash" 'balancerfs -o uid=0,unl\t' '-o uid=0,unlink=$'
}

nodes()
{
    mkdir pool
    touch pool/10.0.0.1:8080 pool/10.0.0.1:9090 'pool/[::1]:80' pool/web:80
}

@test "bash completes names with colons" {
    nodes
    types bash ". $completion/nodes.bash" 'rm pool/10.0.0.1:8\t' 'rm pool/10.0.0.1:8080 $'
    types bash ". $completion/nodes.bash" 'ls -l pool/web:\t' 'pool/web:80 $'
    types bash ". $completion/nodes.bash" 'ls pool/10.0.0.1:8080 pool/[::1]:\t' 'pool/\[::1\]:80 $'
    types bash ". $completion/nodes.bash" 'touch pool/10.0.0.1:\t\t' '\n(pool/10.0.0.1:)?8080 +(pool/10.0.0.1:)?9090'
    # Others are completed as ever.
    types bash ". $completion/nodes.bash" 'ls po\t' 'ls pool/$'
    types bash ". $completion/nodes.bash" 'ls pool/web\t' 'pool/web\\?:80 $'
}

@test "zsh completes the same" {
    a_config
    nodes
    setup="fpath=($completion \$fpath); autoload -Uz compinit; compinit -u -d $PWD/zcompdump; PS1='> '"
    types zsh "$setup" 'balancerfs --ch\t' '--check $'
    types zsh "$setup" 'balancerfs --help ngi\t' '--help nginx $'
    types zsh "$setup" 'balancerfs --probe config.yaml w\t' 'config.yaml web-1 $'
    types zsh "$setup" 'balancerfs -o allow_o\t' '-o ?allow_other'
    types zsh "$setup" 'rm pool/10.0.0.1:8\t' 'pool/10.0.0.1\\?:8080 $'
}

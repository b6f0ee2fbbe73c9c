#!/usr/bin/env bats
# Every way that tools have to write a file, onto .nodes and onto nodes: how many transactions it makes, none when it is done a
# second time, and no temporary left behind.

load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    log=$BATS_TEST_TMPDIR/log
    export HOME=$BATS_TEST_TMPDIR/home TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir -p "$HOME" "$TMPDIR"
}

teardown()
{
    cd /
    mount_stop_all
}

mounted()
{
    mount_start <<YAML
BALANCERS:
  web:
    BACKEND: dummy
    log: $log
    pools: {app: ["old:80", "stays:80"], other: ["stays:80"]}
YAML
    pool=$MNT/web/app
    nodes=$pool/.nodes
}

# By everything that a listing shows: so also no temporary is left.
names()
{
    (cd "$pool" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | tr '\n' ' ')
}

transactions()
{
    calls "$log" | grep -c '^apply' || true
}

# Without a word, or it is shown: no tool has a reason to warn.
quietly()
{
    "$@" >said 2>&1 </dev/null || { echo "status $?: $*"; cat said; return 1; }
    [ ! -s said ] || { echo "$*:"; cat said; return 1; }
}

# each_way N BEFORE AFTER WAY...: BEFORE is the list written at first; a WAY is a function that makes it AFTER, in N
# transactions, and in none when it is done again.
each_way()
{
    local n=$1 before=$2 after=$3 failed=0 way got
    shift 3
    for way; do
        # shellcheck disable=SC2086  # a list is what is wanted
        printf '%s\n' $before | tee "$nodes" >/dev/null
        transactions >/dev/null
        if ! quietly "$way"; then failed=1; fi
        got="$(transactions): $(names)"
        if [ "$got" != "$n: $after" ]; then echo "$way: $got"; failed=1; fi
        if ! quietly "$way"; then failed=1; fi
        got="$(transactions): $(names)"
        if [ "$got" != "0: $after" ]; then echo "$way, again: $got"; failed=1; fi
    done
    return $failed
}

# ---- .nodes ---------------------------------------------------------------------------------

whole_redirect() { cat list >"$nodes"; }
whole_tee() { tee "$nodes" <list >/dev/null; }
whole_cp() { cp list "$nodes"; }
whole_cp_a() { cp -a list "$nodes"; }
whole_cat_lines() { while read -r line; do echo "$line"; done <list >"$nodes"; }
whole_dd() { dd if=list of="$nodes" bs=3 status=none; }
whole_dd_fsync() { dd if=list of="$nodes" conv=fsync status=none; }
whole_mv_inside() { cp list "$pool/.list.new" && mv "$pool/.list.new" "$nodes"; }
whole_rsync() { rsync list "$nodes"; }
whole_rsync_a() { rsync -a list "$nodes"; }
whole_rsync_inplace() { rsync --inplace list "$nodes"; }
whole_rsync_checksum() { rsync -c list "$nodes"; }
whole_busybox_cp() { busybox cp list "$nodes"; }
whole_busybox_tee() { busybox tee "$nodes" <list >/dev/null; }
whole_python_write() { python3 -c 'import sys; open(sys.argv[1], "w").write(open("list").read())' "$nodes"; }
whole_python_replace()
{
    python3 -c 'import os, sys, tempfile
with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(sys.argv[1]), delete=False) as f:
    f.write(open("list").read())
    f.flush()
    os.fsync(f.fileno())
os.replace(f.name, sys.argv[1])' "$nodes"
}
whole_perl() { perl -e 'open(my $f, ">", $ARGV[0]) or die; open(my $l, "<", "list") or die; print {$f} <$l>; close($f) or die' "$nodes"; }

@test ".nodes: every way to write a whole file is one transaction" {
    mounted
    printf '# by hand\n\nstays:80\nb:80\n  a:80  \n' >list
    mapfile -t ways < <(compgen -A function whole_)
    [ "${#ways[@]}" -gt 15 ]
    run each_way 1 "old:80 stays:80" "a:80 b:80 stays:80 " "${ways[@]}"
    assert_success
    assert_output ""
    run diff list "$nodes"
    assert_success
}

edit_sed() { sed -i 's/^old:80$/new:80/' "$nodes"; }
edit_perl() { perl -i -pe 's/^old:80$/new:80/' "$nodes"; }
edit_vim() { vim -es -u NONE -c '%s/^old:80$/new:80/e' -c wq "$nodes"; }
edit_vim_swap() { vim -es -u NONE -c 'set swapfile directory=. backup writebackup' -c '%s/^old:80$/new:80/e' -c wq "$nodes" && rm -f "$nodes~"; }
edit_vim_rename() { vim -es -u NONE -c 'set backupcopy=no' -c '%s/^old:80$/new:80/e' -c wq "$nodes"; }
edit_ed() { printf 'g/^old:80$/s//new:80/\nw\nq\n' | ed -s "$nodes"; }
edit_busybox_sed() { busybox sed -i 's/^old:80$/new:80/' "$nodes"; }
edit_patch()
{
    if grep -q old:80 "$nodes"; then
        printf -- '--- a\n+++ b\n@@ -1,2 +1,2 @@\n-old:80\n+new:80\n stays:80\n' | patch -s --posix "$nodes"
    fi
}
edit_sponge() { text=$(sed 's/^old:80$/new:80/' "$nodes") && printf '%s\n' "$text" >"$nodes"; }

@test ".nodes: every way to edit it is one transaction" {
    mounted
    mapfile -t ways < <(compgen -A function edit_)
    [ "${#ways[@]}" -gt 8 ]
    run each_way 1 "old:80 stays:80" "new:80 stays:80 " "${ways[@]}"
    assert_success
    assert_output ""
}

append_shell() { grep -qx new:80 "$nodes" || echo new:80 >>"$nodes"; }
append_twice() { echo new:80 >>"$nodes"; }
append_tee() { echo new:80 | tee -a "$nodes" >/dev/null; }
append_dd() { printf 'new:80\n' | dd of="$nodes" oflag=append conv=notrunc status=none; }

@test ".nodes: appending adds" {
    mounted
    run each_way 1 "old:80 stays:80" "new:80 old:80 stays:80 " append_shell append_twice append_tee append_dd
    assert_success
    assert_output ""
}

@test ".nodes: a bad line refuses all of it, whoever writes it, and the tool says so" {
    mounted
    printf 'a:80\nb:http\n' >list
    for way in $(compgen -A function whole_); do
        case $way in
        # These do not ask what close says: .status has it.
        whole_redirect | whole_cat_lines | whole_python_write | whole_busybox_tee) "$way" >said 2>&1 || true ;;
        *) if "$way" >said 2>&1; then echo "$way succeeds"; false; fi ;;
        esac
        # what a failed rename leaves
        rm -f "$pool/.list.new" "$pool"/tmp*
        assert_equal "$way: $(names)" "$way: old:80 stays:80 "
        grep -q "line 2: port must be a number: b:http" "$MNT/web/.status" || { echo "$way: .status does not say why"; false; }
    done
    assert_equal "$(transactions)" 0
}

@test ".nodes: a backup that renames it is refused, since a pool has one" {
    mounted
    run sed -i.bak 's/old/new/' "$nodes"
    assert_failure
    run perl -i~ -pe 's/old/new/' "$nodes"
    assert_output --partial "Operation not permitted"
    run mv "$nodes" "$pool/.saved"
    assert_failure
    assert_equal "$(names) $(transactions)" "old:80 stays:80  0"
    cp "$nodes" "$pool/.saved"
    assert_equal "$(names) $(transactions)" ".saved old:80 stays:80  0"
}

@test ".nodes: its time is that of the nodes, or of who wrote it" {
    mounted
    when() { stat -c %y "$nodes"; }
    local before
    before=$(when)
    # An editor would warn that it has changed.
    touch "$pool/.nodes.swp"
    rm "$pool/.nodes.swp"
    assert_equal "$(when)" "$before"
    touch "$pool/a:80"
    [ "$(when)" != "$before" ]
    echo a:80 >list
    touch -d 2020-01-01 list
    cp -p list "$nodes"
    [[ $(when) == 2020-01-01* ]]
    # Same size, other nodes: rsync must see it by the time.
    mv "$pool/a:80" "$pool/b:80"
    [[ $(when) != 2020-01-01* ]]
    rsync -a list "$nodes"
    assert_equal "$(names)" "a:80 "
    [[ $(when) == 2020-01-01* ]]
    echo b:80 | tee "$nodes" >/dev/null
    [[ $(when) != 2020-01-01* ]]
    # As long as nothing has changed, times are kept.
    touch -d 2021-01-01 "$nodes"
    touch "$pool/.nodes.swp" "$pool/b:80"
    [[ $(when) == 2021-01-01* ]]
}

# ---- nodes ----------------------------------------------------------------------------------

node_touch() { touch "$pool/new:80"; }
node_touch_d() { touch -d 2020-01-01 "$pool/new:80"; }
node_redirect() { : >"$pool/new:80"; }
node_append() { : >>"$pool/new:80"; }
node_cp_null() { cp /dev/null "$pool/new:80"; }
node_cp() { cp note "$pool/new:80"; }
node_cp_a() { cp -a note "$pool/new:80"; }
node_tee() { tee "$pool/new:80" <note >/dev/null; }
node_dd() { dd if=note of="$pool/new:80" status=none; }
node_install() { install -C -m 600 note "$pool/new:80"; }
node_rsync() { rsync -r note "$pool/new:80"; }
node_rsync_a() { rsync -a note "$pool/new:80"; }
node_rsync_inplace() { rsync -a --inplace note "$pool/new:80"; }
node_rsync_partial() { rsync -a --partial-dir=.rsync-partial note "$pool/new:80"; }
node_rsync_delayed() { rsync -a --delay-updates note "$pool/new:80"; }
node_rsync_backup() { rsync -ab --backup-dir=.backup note "$pool/new:80" && rm -rf "$pool/.backup"; }
node_tar() { tar -C source -cf - new:80 | tar -C "$pool" --skip-old-files -xf -; }
node_tar_overwrite() { tar -C source -cf - new:80 | tar -C "$pool" --overwrite -xpf -; }
node_truncate() { truncate -s 0 "$pool/new:80"; }
node_mv_inside() { cp note "$pool/.new:80.tmp" && mv "$pool/.new:80.tmp" "$pool/new:80"; }
node_busybox_touch() { busybox touch "$pool/new:80"; }
node_busybox_cp() { busybox cp note "$pool/new:80"; }
node_python() { python3 -c 'import pathlib, sys; pathlib.Path(sys.argv[1]).touch()' "$pool/new:80"; }
node_python_exclusive()
{
    python3 -c 'import sys
try:
    open(sys.argv[1], "x").close()
except FileExistsError:
    pass' "$pool/new:80"
}
node_python_replace()
{
    python3 -c 'import os, sys, tempfile
fd, name = tempfile.mkstemp(dir=os.path.dirname(sys.argv[1]))
os.write(fd, b"rack 7\n")
os.close(fd)
os.replace(name, sys.argv[1])' "$pool/new:80"
}
node_salt() { cp note "$pool/new:80salt_ab1" && mv "$pool/new:80salt_ab1" "$pool/new:80"; }
node_vim() { vim -es -u NONE -c 'call setline(1, "rack 7")' -c wq "$pool/new:80"; }
node_git() { GIT_DIR=$PWD/git GIT_WORK_TREE=$pool git checkout -qf HEAD -- new:80; }

@test "nodes: every way to make a file adds a node, and the second time nothing" {
    mounted
    echo "rack 7" >note
    mkdir source
    cp note source/new:80
    (
        cd source
        export GIT_DIR=../git GIT_WORK_TREE=.
        git init -q -b main
        git add new:80
        git -c user.name=a -c user.email=a@example.com commit -qm one
    )
    mapfile -t ways < <(compgen -A function node_)
    [ "${#ways[@]}" -gt 25 ]
    run each_way 1 "old:80 stays:80" "new:80 old:80 stays:80 " "${ways[@]}"
    assert_success
    assert_output ""
}

@test "nodes: tools that unlink first delete and add" {
    mounted
    echo "rack 7" >note
    transactions >/dev/null
    cp note other && mv other "$pool/old:80"
    assert_equal "$(transactions)" 2
    install -m 644 note "$pool/old:80"
    assert_equal "$(transactions)" 2
    cp --remove-destination note "$pool/old:80"
    assert_equal "$(transactions)" 2
    tar -cf - --transform s/note/old:80/ note | tar -C "$pool" -xf -
    assert_equal "$(transactions)" 2
    assert_equal "$(names)" "old:80 stays:80 "
    assert_equal "$(cat "$pool/old:80")" "rack 7"
}

@test "nodes: edits of the note in one are no transaction" {
    mounted
    echo "rack 7" >"$pool/old:80"
    transactions >/dev/null
    sed -i 's/7/8/' "$pool/old:80"
    perl -i -pe 's/8/9/' "$pool/old:80"
    vim -es -u NONE -c '%s/9/10/' -c wq "$pool/old:80"
    printf 's/10/11/\nw\nq\n' | ed -s "$pool/old:80"
    echo twelve >>"$pool/old:80"
    assert_equal "$(cat "$pool/old:80")" "rack 11
twelve"
    assert_equal "$(names) $(transactions)" "old:80 stays:80  0"
}

# ---- whole pools ----------------------------------------------------------------------------

there_cp_a() { cp -a pools/. "$MNT/web/"; }
there_cp_r() { cp -r pools/. "$MNT/web/"; }
there_rsync() { rsync -a pools/ "$MNT/web/"; }
there_rsync_attributes() { rsync -aAX pools/ "$MNT/web/"; }
there_rsync_delete() { rsync -a --delete pools/app/ "$pool/" && rsync -a --delete pools/fresh/ "$MNT/web/fresh/"; }
there_tar() { tar -C pools -cf - . | tar -C "$MNT/web" --overwrite -xpf -; }
there_busybox() { busybox cp -a pools/. "$MNT/web/"; }
there_cpio() { (cd pools && find . -mindepth 1 | busybox cpio -o -H newc 2>/dev/null) | (cd "$MNT/web" && busybox cpio -idm 2>/dev/null); }

@test "pools: copied there by every tool, a second time without a transaction" {
    mounted
    mkdir -p pools/app pools/fresh
    touch pools/app/{a:80,b:80,stays:80,'[2001:db8::1]:80'}
    echo "rack 7" >pools/fresh/c:80
    for way in $(compgen -A function there_); do
        rm -rf "$MNT/web/fresh"
        echo stays:80 | tee "$nodes" >/dev/null
        transactions >/dev/null
        quietly "$way"
        # fresh and its node, and three
        assert_equal "$way: $(transactions)" "$way: 5"
        assert_equal "$way: $(names)" "$way: [2001:db8::1]:80 a:80 b:80 stays:80 "
        assert_equal "$way: $(cat "$MNT/web/fresh/c:80")" "$way: rack 7"
        quietly "$way"
        assert_equal "$way again: $(transactions)" "$way again: 0"
    done
}

back_cp() { cp -a "$pool/." back/; }
back_rsync() { rsync -a --delete "$pool/" back/; }
back_tar() { tar -C "$pool" -cf - . | tar -C back -xf -; }
back_find() { (cd "$pool" && find . -type f -print0) | rsync -a --from0 --files-from=- "$pool/" back/; }

@test "pools: copied back by every tool, without a transaction" {
    mounted
    echo "rack 7" >"$pool/old:80"
    transactions >/dev/null
    for way in $(compgen -A function back_); do
        rm -rf back
        mkdir back
        quietly "$way"
        diff -r "$pool" back
        # hidden files stay there
        assert_equal "$way: $(cd back && echo .[!.]*)" "$way: .[!.]*"
    done
    assert_equal "$(transactions)" 0
}

@test "pools: rsync finds nothing to do, by time or by content" {
    mounted
    mkdir from
    touch -d 2020-01-01 from/{a:80,b:80}
    rsync -a --delete from/ "$pool/"
    transactions >/dev/null
    run rsync -ai --delete from/ "$pool/"
    assert_success
    assert_output ""
    run rsync -rci --delete from/ "$pool/"
    assert_output ""
    assert_equal "$(names) $(transactions)" "a:80 b:80  0"
}

#!/bin/sh
# A program for balancerfs's exec driver, in shell: pools are files of a directory, one node a line.
#
#     BACKEND: exec
#     command: [/opt/balancerfs/contrib/exec/pools.sh]
#     directory: /var/lib/pools
#
# The files are in $directory/pools, a symbolic link. Changes are made in a copy, and the link is then put on it: so all
# of them are made, or none, whenever this is killed. balancerfs-driver(3) has the protocol.
set -eu
export LC_ALL=C

# fail ERRNO SENTENCE
fail()
{
    echo "$*" >&2
    exit 1
}

make_copy()
{
    old=$(readlink pools || true)
    for left in .pools.*; do
        [ "$left" = "$old" ] || rm -rf "$left"
    done
    new=$(mktemp -d .pools.XXXXXX)
    chmod 755 "$new"
    [ -z "$old" ] || cp -a pools/. "$new"
}

put_in_place()
{
    ln -sfn "$new" .link
    mv -T .link pools
    [ -z "$old" ] || rm -rf "$old"
}

# change VERB POOL [NODE]
change()
{
    file=$new/$2
    case $1 in
    add_node) grep -qsxF -e "$3" "$file" || echo "$3" >>"$file" ;;
    delete_node)
        [ -f "$file" ] || return 0
        grep -vxF -e "$3" "$file" >"$new/.rest" || [ $? -eq 1 ]
        mv "$new/.rest" "$file"
        ;;
    create_pool) : >>"$file" ;;
    delete_pool)
        [ ! -s "$file" ] || fail ENOTEMPTY "pool $2 has nodes"
        rm -f "$file"
        ;;
    *) fail EREMOTEIO "no such change: $1" ;;
    esac
}

[ -n "${BALANCERFS_DIRECTORY:-}" ] || fail EREMOTEIO "the key directory is missing"
mkdir -p "$BALANCERFS_DIRECTORY"
cd "$BALANCERFS_DIRECTORY"
exec 9>>.lock

case ${1:-} in
get_pools)
    flock -s 9
    [ ! -e pools ] || ls pools
    ;;
get_nodes)
    flock -s 9
    [ ! -f "pools/$2" ] || cat "pools/$2"
    ;;
apply)
    flock 9
    make_copy
    while read -r verb pool node; do
        change "$verb" "$pool" "$node"
    done
    put_in_place
    ;;
*) fail EREMOTEIO "no such call: ${1:-}" ;;
esac

#!/bin/sh
# Pools in git: who commits a file web/app/10.0.0.1:8080 adds a node, and the history says who and why.
#
#     git-rsync.sh CLONE [BALANCER]             BALANCER: /mnt/balancers/web
#
# CLONE has a directory for each pool and in it a file for each node; git keeps no empty directory, so put a .gitkeep into a pool
# that has none. Run it from a timer or a hook. Pools that the repository does not have are left alone.
set -eu
clone=${1:?which clone?}
balancer=${2:-/mnt/balancers/web}

git -C "$clone" pull --quiet --ff-only
for pool in "$clone"/*/; do
    name=$(basename "$pool")
    mkdir -p "$balancer/$name"
    # Only contents count: git sets the times of a checkout.
    rsync -rc --delete-after --itemize-changes --exclude=.gitkeep "$pool" "$balancer/$name/"
done

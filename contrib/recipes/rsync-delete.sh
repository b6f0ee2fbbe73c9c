#!/bin/sh
# A pool that is a copy of a directory: each file there is a node, empty or with a note in it.
#
#     rsync-delete.sh DIRECTORY [POOL]          POOL: /mnt/balancers/web/app
#
# --delete-after: new nodes are in force before old ones go; plain --delete empties a pool whose nodes all change. -c compares
# contents: times would differ after the next mount, and a change be reported that is none. Each node is a transaction of its
# own; `ls DIRECTORY > POOL/.nodes` would be one for all.
set -eu
from=${1:?which directory?}
pool=${2:-/mnt/balancers/web/app}

# The slash at the end keeps rsync from taking a name with a colon for a host.
exec rsync -rc --delete-after --itemize-changes "$from/" "$pool/"

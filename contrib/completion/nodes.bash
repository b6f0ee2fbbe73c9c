# Completes names with colons, as the nodes of a pool have, for the commands that make and remove files.
# Bash takes a colon for the end of a word, so that `rm 10.0.0.1:8<Tab>` finds nothing. To be read by ~/.bashrc:
#     . /usr/share/balancerfs/nodes.bash
# shellcheck shell=bash

# The whole word under the cursor, with its colons, without its quotes.
_balancerfs_word()
{
    local line=${COMP_LINE:0:COMP_POINT}
    line=${line//\\:/:}
    printf '%s' "${line##*[[:space:]]}"
}

# Answers only where there is a colon; without an answer bash completes as it always does.
_balancerfs_nodes()
{
    local word broken i
    word=$(_balancerfs_word)
    COMPREPLY=()
    [[ $word == *:* && $word != *[\'\"]* ]] || return
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    # Bash puts the answer in the place of what stands behind the last colon.
    broken=
    [[ $COMP_WORDBREAKS != *:* ]] || broken=${word%"${word##*:}"}
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]=${COMPREPLY[i]#"$broken"}
    done
}

complete -o bashdefault -o default -F _balancerfs_nodes cat chmod chown cp getfattr ls mv rm stat touch

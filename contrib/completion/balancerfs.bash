# Completion of balancerfs(8) for bash. What can be completed is asked of the program itself.
# shellcheck shell=bash

# _balancerfs_column HEADING [DRIVER]: what stands in the first column under a heading of --help.
_balancerfs_column()
{
    local heading=$1
    shift
    "${COMP_WORDS[0]}" --help "$@" 2>/dev/null | sed -n "/^$heading/,/^\$/s/^  \\([a-z_][a-z_]*=\\{0,1\\}\\).*/\\1/p"
}

# The balancers of a file, when it is indented as usual.
_balancerfs_names()
{
    awk 'tolower($0) ~ /^balancers:/ { on = 1; next } on && /^[^ #]/ { exit }
        on && match($0, /^ +[^ #]/) { if (!width) width = RLENGTH; if (RLENGTH == width) { sub(/^ +/, ""); sub(/:.*/, ""); print } }' "$1" 2>/dev/null
}

# The options behind -o are a list with commas: the last one is completed. Bash breaks words at = and wants only
# what stands behind the last one.
_balancerfs_mount_options()
{
    local whole=$1 before=''
    [[ $whole != *,* ]] || before=${whole%,*},
    mapfile -t COMPREPLY < <(compgen -P "${before##*[=:]}" -W "$(_balancerfs_column 'Mount options:')" -- "${whole##*,}")
    compopt -o nospace
}

_balancerfs_files()
{
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

# Sets action and words: what was typed before the word that is completed. Bash breaks words at colons.
_balancerfs_before()
{
    local i word
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --*) action=$word ;;
        -o) i=$((i + 1)) ;;
        -*) ;;
        *) words+=("$word") ;;
        esac
    done
}

_balancerfs()
{
    local word=$2 action='' words=() line=${COMP_LINE:0:COMP_POINT}
    COMPREPLY=()
    _balancerfs_before
    if [[ $line =~ [[:space:]]-o[[:space:]]*([^[:space:]]*)$ ]]; then
        _balancerfs_mount_options "${BASH_REMATCH[1]}"
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "-f -d -o --check --probe --help --version" -- "$word")
    elif [ "$action" = --help ]; then
        [ ${#words[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -W "$(_balancerfs_column Drivers)" -- "$word")
    elif [ "$action" = --version ]; then
        :
    elif [ ${#words[@]} -eq 0 ]; then
        _balancerfs_files -f "$word"
    elif [ "$action" = --probe ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_balancerfs_names "${words[0]}")" -- "$word")
    elif [ -z "$action" ] && [ ${#words[@]} -eq 1 ]; then
        _balancerfs_files -d "$word"
    fi
}

complete -F _balancerfs balancerfs

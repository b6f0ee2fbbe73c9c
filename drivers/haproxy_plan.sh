#!/bin/sh
# shellcheck disable=SC2016,SC2154 # awk's own; names of haproxy_reload.sh
# What a change of pool files means for a running HAProxy: its servers before and after as commands of the stats socket,
# and whether they came to what was meant. Text in, text out. Functions only; it comes before haproxy_reload.sh.
#
# HAProxy is told what to do without being asked first what it runs, but in the same breath: a plan starts from its running
# what the old files say, and its first commands have a look of before and one of after around them. If it was not so, all
# is set right by a reload. A plan is lines of words:
#   reload WHY...                     only a reload does it: there are no other lines
#   first COMMANDS                    as many on a line as fit well into a buffer of HAProxy's
#   second COMMANDS                   what comes after those, when all servers are there
#   here POOL NAME ADDR PORT WEIGHT   a server that is to be there then, and serve
#   gone POOL NAME                    one that is not, or in maintenance
# What HAProxy says of its servers ("show servers state POOL" for each pool, in order) is a state.

# A state in servers[POOL, SERVER], admin[...], addr[...], port[...], weight[...]; has[POOL]; $blocks of it were read.
state_awk='
function state_line() {
    if (/^# be_id/) {
        for (i = 2; i <= NF; i++) column[$i] = i - 1
        has[pool[blocks++ % count + 1]] = 1
    } else if (/^Can.t find backend/) {
        blocks++
    } else if ($1 ~ /^[0-9]+$/ && NF > 10) {
        key = $column["be_name"] SUBSEP $column["srv_name"]
        servers[key] = $column["be_name"]
        admin[key] = $column["srv_admin_state"]
        weight[key] = $column["srv_iweight"]
        addr[key] = $column["srv_addr"]
        port[key] = $column["srv_port"]
    }
}
function in_maintenance(key) { return admin[key] % 2 == 1 }
'

# Pool files, and the only thing that is ever the matter.
files_awk='
function reload(why) { if (!reason) reason = why }

# Lines of a file that are servers, by name in is[], in order in order[]; all others counted in other[].
function read_file(file, is, order, other,    line, words, n, count) {
    while ((getline line < file) > 0) {
        sub(/\r$/, "", line)
        gsub(/\t/, " ", line)
        if (line !~ /["\047\\]/) sub(/#.*/, "", line)
        n = split(line, words, " ")
        if (n == 0) continue
        if (words[1] == "default-server") has_default = 1
        if (words[1] ~ /^\.if/ || words[1] == "server-template") is_odd = 1
        if (words[1] == "server" && n >= 3 && line !~ /["\047\\]/) {
            if (words[2] in is) is_odd = 1
            order[++count] = words[2]
            is[words[2]] = line
        } else {
            if (words[1] == "server") is_odd = 1
            other[line]++
        }
    }
    close(file)
    return count + 0
}
function old_file(p) { return ENVIRON["BALANCERFS_OLD"] "/" p ".cfg" }
function new_file(p) { return "./" p ".cfg" }
'

# POOL...: the plan, from $BALANCERFS_OLD, the files here, and $configs: the configuration may have a default-server,
# of which the stats socket knows nothing. In a process of its own.
plan()
{
    configs=$configs exec awk -v pools="$*" "$files_awk"'
    function is_inherited(files,    file, n, i, line, words, inside) {
        n = split(files, file, "\n")
        for (i = 1; i <= n; i++) {
            if (file[i] == "") continue
            inside = 0
            while ((getline line < file[i]) > 0) {
                sub(/\r$/, "", line)
                split(line, words, " ")
                if (words[1] ~ /^(global|frontend|backend|listen)$/) inside = 0
                if (words[1] == "defaults") inside = 1
                if (inside && words[1] == "default-server") return 1
            }
            close(file[i])
        }
        return 0
    }

    function resolve(host,    program, line, words) {
        if (host !~ /^[A-Za-z0-9][A-Za-z0-9.-]*$/) return ""
        if (host ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/) return host
        program = "getent ahosts " host " 2>/dev/null"
        program | getline line
        close(program)
        split(line, words, " ")
        return words[1]
    }

    # The address for the interface, in address and its parts in ip and number; 0: there is none.
    function find_address(text,    host) {
        sub(/^ipv[46]@/, "", text)
        number = text
        sub(/^.*:/, "", number)
        host = substr(text, 1, length(text) - length(number) - 1)
        gsub(/[][]/, "", host)
        if (host == "" || number !~ /^[1-9][0-9]*$/) return 0
        ip = host ~ /:/ ? host : resolve(host)
        if (ip !~ /^[0-9a-fA-F:.]+$/) return 0
        address = (ip ~ /:/ ? "[" ip "]" : ip) ":" number
        return 1
    }

    # Options of a server line as the interface takes them.
    function find_options(words, n,    i, text) {
        text = ""
        health = agent = 0
        heavy = 1
        for (i = 4; i <= n; i++) {
            if (words[i] == "init-addr") { i++; continue }
            if (words[i] !~ /^[A-Za-z0-9_.:,\/@-]+$/) return "?"
            if (words[i] == "disabled") return "?"
            if (words[i] == "weight") heavy = words[i + 1]
            if (words[i] == "check") health = 1
            if (words[i] == "agent-check") agent = 1
            text = text " " words[i]
        }
        return text
    }

    # One that is on its way out is there already, and is enabled again.
    function add(p, name, line,    words, n, more) {
        n = split(line, words, " ")
        if (!find_address(words[3])) {
            reload(words[3] " has no address")
            return
        }
        more = find_options(words, n)
        if (more == "?" || name !~ /^[A-Za-z0-9_.:-]+$/) {
            reload("server " name " of " p " cannot be added otherwise")
            return
        }
        coming[++comers] = "add server " p "/" name " " address more
        coming[++comers] = "enable server " p "/" name
        if (health) coming[++comers] = "enable health " p "/" name
        if (agent) coming[++comers] = "enable agent " p "/" name
        wish[++wishes] = "here " p " " name " " ip " " number " " heavy
    }

    function compare(p,    is, was, order, before, other, others, n, m, i, line) {
        has_default = inherited
        m = read_file(old_file(p), was, before, others)
        n = read_file(new_file(p), is, order, other)
        for (line in other) if (other[line] != others[line]) reload(p ".cfg differs in more than servers")
        for (line in others) if (other[line] != others[line]) reload(p ".cfg differs in more than servers")
        for (i = 1; i <= n; i++) {
            if (order[i] in was) {
                if (is[order[i]] != was[order[i]]) reload("server " order[i] " of " p " is another one")
                continue
            }
            if (has_default) reload(p " has a default-server")
            add(p, order[i], is[order[i]])
        }
        for (i = 1; i <= m; i++) {
            if (before[i] in is) continue
            leaving[++leavers] = p "/" before[i]
            wish[++wishes] = "gone " p " " before[i]
        }
    }

    # Without a last ";": HAProxy answers what is not there with all that it could be asked.
    function flush() {
        sub(/;$/, "", line)
        if (line != "") print step, line
        line = ""
    }
    function command(text) {
        if (length(line) + length(text) > 8000) flush()
        line = line text ";"
    }
    function look(    k) { for (k = 1; k <= count; k++) command("show servers state " pool[k]) }

    BEGIN {
        count = split(pools, pool, " ")
        inherited = is_inherited(ENVIRON["configs"])
        for (k = 1; k <= count; k++) compare(pool[k])
        if (reason) {
            print "reload " reason
            exit
        }
        step = "first"
        look()
        for (i = 1; i <= comers; i++) command(coming[i])
        if (comers && leavers) {
            look()
            flush()
            step = "second"
        }
        for (i = 1; i <= leavers; i++) command("set server " leaving[i] " state maint")
        for (i = 1; i <= leavers; i++) command("del server " leaving[i])
        look()
        flush()
        for (i = 1; i <= wishes; i++) print wish[i]
    }'
}

# STATES WANTED POOL...: did all come that is WANTED, here or all? A plan and what HAProxy answered come by standard input:
# two STATES, of before and after, or only the latter. Prints "done", "leaving POOL/NAME..." or "reload WHY"; and before it
# "late POOL/NAME..." of servers on their way out that could not go yet, and may now. In a process of its own.
outcome()
{
    states=$1
    wanted=$2
    shift 2
    exec awk -v pools="$*" -v states="$states" -v wanted="$wanted" "$state_awk$files_awk"'
    # How the running servers of a pool differ from those in a file; "": not at all. One in maintenance is on its way out.
    function difference(p, is,    key, words, name) {
        for (name in is) if (!((p SUBSEP name) in servers)) return "server " name " of " p " is not running"
        for (key in servers) {
            split(key, words, SUBSEP)
            if (words[1] == p && !(words[2] in is) && !in_maintenance(key) && !is_odd)
                return "server " words[2] " of " p " is in no file"
        }
        return ""
    }

    function compare(p,    is, was, order, other, why, key, words) {
        if (!has[p]) {
            reload("pool " p " is new")
            return
        }
        is_odd = 0
        read_file(old_file(p), was, order, other)
        read_file(new_file(p), is, order, other)
        # A change that was broken off may have come to nothing yet, or to all.
        why = difference(p, was)
        if (why && !is_odd && !difference(p, is)) return
        if (why) reload(why)
        for (key in servers) {
            split(key, words, SUBSEP)
            if (words[1] == p && !(words[2] in was) && !(words[2] in is) && in_maintenance(key))
                late = late " " words[1] "/" words[2]
        }
    }

    function before(    i, words, key) {
        for (i = 1; i <= count; i++) compare(pool[i])
        for (i = 1; i <= wishes; i++) {
            split(wish[i], words, " ")
            key = words[2] SUBSEP words[3]
            if (words[1] == "here" && (key in servers) &&
                (addr[key] != words[4] || port[key] != words[5] || weight[key] != words[6]))
                reload("another server " words[3] " of " words[2] " is still there")
        }
        split("", servers)
        split("", has)
    }

    function after(    i, words, key, bad) {
        for (i = 1; i <= wishes; i++) {
            split(wish[i], words, " ")
            key = words[2] SUBSEP words[3]
            if (words[1] == "here") {
                if (!(key in servers) || in_maintenance(key) || addr[key] != words[4] || port[key] != words[5])
                    bad = bad ? bad : "server " words[3] " of " words[2] " did not come"
            } else if (wanted == "all" && (key in servers)) {
                if (!in_maintenance(key)) bad = bad ? bad : "server " words[3] " of " words[2] " did not go"
                leaving = leaving " " words[2] "/" words[3]
            }
        }
        if (blocks != states * count) bad = "no whole answer"
        if (bad) reload(said ? said : bad)
    }

    BEGIN { count = split(pools, pool, " ") }
    $1 == "here" || $1 == "gone" { wish[++wishes] = $0; next }
    # What refuses, for the reason; what servers in use say is no refusal.
    /^[A-Z]/ && !/^(New server registered|Server deleted|Server still has connections|Already exists|Can.t find)/ {
        if (!said) said = $0
    }
    states == 2 && blocks == count && /^# be_id|^Can.t find backend/ { before() }
    { state_line() }
    END {
        after()
        if (reason) {
            print "reload " reason
            exit
        }
        if (late) print "late" late
        print leaving ? "leaving" leaving : "done"
    }'
}

# POOL...: does HAProxy run what the files say? A state comes by standard input.
agrees()
{
    awk -v pools="$*" "$state_awk"'
    BEGIN { count = split(pools, pool, " ") }
    { state_line() }
    END {
        for (k = 1; k <= count; k++) {
            file = "./" pool[k] ".cfg"
            exists = odd = 0
            while ((getline line < file) > 0) {
                exists = 1
                sub(/\r$/, "", line)
                sub(/#.*/, "", line)
                n = split(line, words, " ")
                if (words[1] ~ /^\.if|^server-template/ || (words[1] == "server" && line ~ /["\047\\]/)) odd = 1
                if (n < 3 || words[1] != "server" || line ~ /["\047\\]/) continue
                if (!((pool[k] SUBSEP words[2]) in servers)) exit 1
                listed[pool[k], words[2]] = 1
            }
            close(file)
            if (exists != (has[pool[k]] + 0)) exit 1
            for (key in servers) if (servers[key] == pool[k] && !odd && !(key in listed) && !in_maintenance(key)) exit 1
        }
    }'
}

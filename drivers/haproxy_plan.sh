#!/bin/sh
# shellcheck disable=SC2016,SC2154 # awk's own; names of haproxy_reload.sh
# What a change of pool files means for a running HAProxy: its servers before and after as commands of the stats socket,
# and whether they came to what was meant. Text in, text out. Functions only; it comes before haproxy_reload.sh.
#
# A plan is lines of words:
#   reload WHY...              only a reload does it
#   add COMMAND                a command
#   del COMMAND                one that comes after those, when all servers are there
#   here POOL NAME ADDR PORT   a server that is to be there then, and serve
#   gone POOL NAME             one that is not, or in maintenance
# What HAProxy says of its servers ("show servers state POOL" for each pool, in order) is a state.

# Functions for all three: a state in servers[POOL, SERVER], admin[...], addr[...], port[...], weight[...]; has[POOL].
state_awk='
function state_line() {
    if (/^# be_id/) {
        for (i = 2; i <= NF; i++) column[$i] = i - 1
        has[pool[++blocks]] = 1
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

# POOL...: the plan, from $BALANCERFS_OLD and the files here; a state comes by standard input. $inherited: 1 when the
# main configuration has a default-server, of which the stats socket knows nothing.
plan()
{
    awk -v pools="$*" -v inherited="$inherited" "$state_awk"'
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

    function resolve(host,    command, line, words) {
        if (host !~ /^[A-Za-z0-9][A-Za-z0-9.-]*$/) return ""
        if (host ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/) return host
        command = "getent ahosts " host " 2>/dev/null"
        command | getline line
        close(command)
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

    function add(p, name, line,    words, n, key, more) {
        n = split(line, words, " ")
        key = p SUBSEP name
        if (!find_address(words[3])) {
            reload(words[3] " has no address")
            return
        }
        more = find_options(words, n)
        if (more == "?" || name !~ /^[A-Za-z0-9_.:-]+$/) {
            reload("server " name " of " p " cannot be added otherwise")
            return
        }
        if ((key in servers) && (addr[key] != ip || port[key] != number || weight[key] != heavy)) {
            reload("another server " name " of " p " is still there")
            return
        }
        # It was on its way out.
        if (key in servers) {
            print "add set server " p "/" name " state ready"
        } else {
            print "add add server " p "/" name " " address more
            print "add enable server " p "/" name
            if (health) print "add enable health " p "/" name
            if (agent) print "add enable agent " p "/" name
        }
        print "here", p, name, ip, number
    }

    function take(p, name) {
        if (!((p SUBSEP name) in servers)) return
        leaving[++leavers] = p "/" name
        print "gone", p, name
    }

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

    # Servers on their way out that could not go yet may now.
    function take_late(p, was, is,    key, words) {
        for (key in servers) {
            split(key, words, SUBSEP)
            if (words[1] == p && !(words[2] in was) && !(words[2] in is) && in_maintenance(key))
                late[++laters] = p "/" words[2]
        }
    }

    function compare(p,    is, was, order, before, other, others, n, m, i, line, why) {
        is_odd = 0
        has_default = inherited
        m = read_file(ENVIRON["BALANCERFS_OLD"] "/" p ".cfg", was, before, others)
        n = read_file("./" p ".cfg", is, order, other)
        for (line in other) if (other[line] != others[line]) reload(p ".cfg differs in more than servers")
        for (line in others) if (other[line] != others[line]) reload(p ".cfg differs in more than servers")
        for (i = 1; i <= n; i++)
            if ((order[i] in was) && is[order[i]] != was[order[i]]) reload("server " order[i] " of " p " is another one")
        # A change that was broken off may have come to nothing yet, or to all.
        why = difference(p, was)
        if (why && !is_odd && !difference(p, is)) return
        if (why) reload(why)
        take_late(p, was, is)
        for (i = 1; i <= n; i++) {
            if (order[i] in was) continue
            if (has_default) reload(p " has a default-server")
            add(p, order[i], is[order[i]])
        }
        for (i = 1; i <= m; i++) if (!(before[i] in is)) take(p, before[i])
    }

    BEGIN { count = split(pools, pool, " ") }
    { state_line() }
    END {
        for (k = 1; k <= count; k++) {
            if (!has[pool[k]]) reload("pool " pool[k] " is new")
            else compare(pool[k])
        }
        for (i = 1; i <= leavers; i++) print "del set server " leaving[i] " state maint"
        for (i = 1; i <= leavers; i++) print "del del server " leaving[i]
        for (i = 1; i <= laters; i++) print "del del server " late[i]
        if (reason) print "reload " reason
    }'
}

# PLAN POOL...: a state comes by standard input. Prints "done", "leaving POOL/NAME..." or "reload WHY". Of a plan without
# its "gone" lines: did all come?
outcome()
{
    wanted=$1
    shift
    {
        printf '%s\n' "$wanted" | sed -n -e 's/^here /want here /p' -e 's/^gone /want gone /p'
        cat
    } | awk -v pools="$*" "$state_awk"'
    BEGIN { split(pools, pool, " ") }
    $1 == "want" { want[++wants] = $0; next }
    # What refuses, for the reason; what servers in use say is no refusal.
    /^[A-Z]/ && !/^(New server registered|Server deleted|Server still has connections|Already exists)/ { if (!said) said = $0 }
    { state_line() }
    END {
        for (i = 1; i <= wants; i++) {
            split(want[i], words, " ")
            key = words[3] SUBSEP words[4]
            if (words[2] == "here") {
                if (!(key in servers) || in_maintenance(key) || addr[key] != words[5] || port[key] != words[6])
                    bad = bad ? bad : "server " words[4] " of " words[3] " did not come"
            } else if (key in servers) {
                if (!in_maintenance(key)) bad = bad ? bad : "server " words[4] " of " words[3] " did not go"
                leaving = leaving " " words[3] "/" words[4]
            }
        }
        if (bad) print "reload " (said ? said : bad)
        else if (leaving) print "leaving" leaving
        else print "done"
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

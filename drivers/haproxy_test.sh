#!/bin/sh
# shellcheck disable=SC2154 # settings: test_cmd include_dir
# Runs on a host in place of test_cmd, and of what HAProxy says lets through the reason of a refusal alone: pages of
# warnings may stand around it.

# Three quarters of the time of a test go to the system's certificates, which HAProxy 2.6 and later read in case somebody
# uses their httpclient. Where no line speaks of that they are left out; what is refused so is tested again with them.
passes_quickly()
{
    haproxy -c -f /dev/stdin -f /etc/haproxy/haproxy.cfg -f "$include_dir" >/dev/null 2>&1 <<END &
global
.if version_atleast(2.6)
httpclient.ssl.verify none
.endif
END
    grep -qs httpclient /etc/haproxy/haproxy.cfg "$include_dir"*.cfg
    rc=$?
    wait $! && [ $rc -eq 1 ]
}

if [ -n "$test_cmd" ]; then
    said=$(sh -c "$test_cmd" 2>&1)
else
    ! passes_quickly || exit 0
    said=$(haproxy -c -f /etc/haproxy/haproxy.cfg -f "$include_dir" 2>&1)
fi && exit 0

alerts=$(printf '%s\n' "$said" | sed -n -e '/Fatal errors found\|Error(s) found/d' -e 's/^\[ALERT\] *([0-9]*) : \(config : \)*//p')
if [ -z "$alerts" ]; then
    alerts=$(printf '%s\n' "$said" | sed -e '/^\[NOTICE\]/d' -e '/^\[WARNING\]/d' -e '/^   | /d' -e '/^Warnings were found/d')
fi
echo "${alerts:-haproxy gave no reason}"
exit 1

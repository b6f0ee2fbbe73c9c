#!/usr/bin/env bats
# What a host may answer, and what is made of anything else; the record of what hosts have missed.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

N=0123456789abcdef0123456789abcdef

# reply WHAT FORMAT [ARGUMENT]...: printf into it
reply()
{
    # shellcheck disable=SC2059,SC2086  # a format, and words, are what is wanted
    printf "${@:2}" | "${BUILD:-$BATS_TEST_DIRNAME/../build}/tests/reply_cli" $1
}

is() # EXPECTED WHAT FORMAT [ARGUMENT]...
{
    run reply "${@:2}"
    assert_success
    assert_output "$1"
}

@test "every word that the loop can say is an answer" {
    words=$(sed -n 's/.*\<\(say\|refuse\) \([a-z]*\).*/\2/p; s/.*else say \([a-z]*\).*/\1/p' "$BATS_TEST_DIRNAME"/../drivers/agent*.sh | sort -u)
    for word in ready hello go ok same files end changed stale busy test slow reload failed stuck gone prepared bad; do
        is "$word 12 $((${#word} + 37))" line "$N $word 12\nabc"
        [[ $word = hello || $'\n'$words$'\n' == *$'\n'$word$'\n'* ]] || { echo "the loop says no $word"; return 1; }
    done
    [ "$(wc -l <<<"$words")" -eq 17 ] || { echo "$words"; return 1; }
}

@test "an answer that has not come yet" {
    is more line ''
    is more line "${N:0:7}"
    is more line "$N ok"
    is more line "$N ok 12"
}

@test "what is no answer" {
    for wrong in "x" "${N/f/g} ok 0\n" "$N  0\n" "$N ok\n" "$N ok \n" "$N ok -1\n" "$N ok 1x\n" "$N ok 99999999\n" "$N ok 67108865\n" "$N OK 0\n" "${N}ok 0\n" \
        "$N averyveryverylongword 0\n" "$N ok 0 0\n" "\n$N ok 0\n" "$N $(printf '%080d' 0)"; do
        is wrong line "$wrong"
    done
}

@test "a motd, with or without a final newline, is noise" {
    is 0 noise "$N hello 0\n"
    is 9 noise "Welcome!\n$N hello 0\n"
    is 8 noise "Welcome!$N hello 0\n"
    is 5 noise "00123${N:0:9}"
    is 8 noise "Welcome!"
    is 6 noise "a 0 b "
}

@test "the table of files" {
    a=$(printf %064x 10) b=$(printf %064x 11)
    is 0 table ''
    is $'a.conf 3\n3' table "$a  a.conf\n3 a.conf\n"
    is $'a.conf 3\nb.conf 40\n43' table "$a  a.conf\n$b  b.conf\n 3 a.conf\n 40 b.conf\n 43 total\n"
    is $'.balancerfs-missed 3\nb.conf 4\n7' table "$a *.balancerfs-missed\n$b  b.conf\n3 .balancerfs-missed\n4 b.conf\n7 total\n"
    for wrong in "$a  a.conf\n" "$a  a.conf\n3 b.conf\n" "$a  a.conf\n3 a.conf\n3 total\n" "$a  b.conf\n$b  a.conf\n3 b.conf\n4 a.conf\n7 total\n" \
        "$a  a.conf\n$b  b.conf\n3 a.conf\n4 b.conf\n8 total\n" "$a  ../a.conf\n3 ../a.conf\n" "$a  .a.conf\n3 .a.conf\n" "$a  -a.conf\n3 -a.conf\n" \
        "${a:1}  a.conf\n3 a.conf\n" "$a  a.conf\n99999999 a.conf\n" "$a  a.conf\n3 a.conf" "$a  a.conf\n-3 a.conf\n" "$a  a b.conf\n3 a b.conf\n" "${a/0/G}  a.conf\n3 a.conf\n"; do
        is wrong table "$wrong"
    done
}

@test "of what a host has missed the newest is kept, for each thing" {
    is $'6 web1 add app 10.0.0.1:80\n6 web2 add app 10.0.0.1:80\n8 [::1]:22 remove app\n8 web1 remove app' missed \
        '3 web1 add app 10.0.0.1:80\n7 web1 create app\n5 web1 delete app 10.0.0.1:80\n6 web2 add app 10.0.0.1:80\n8 [::1]:22 remove app\n2 web1 remove app\n'
    is '' missed 'x web1 add app 10.0.0.1:80\n1 web1 add app\n1 web1 create app x:1\n1 web1 add /x 10.0.0.1:80\n1 web1 add app 10.0.0.1\n1 web1 frob app\n\n1\n1 web1 add app 10.0.0.1:80 x\n'
    is '' missed '%02000d web1 add app 10.0.0.1:80\n' 1
}

@test "a host makes up for what it missed as it was left last, on whatever host" {
    record='1 web1 add app 10.0.0.1:80\n2 web1 add app 10.0.0.2:80\n3 web2 delete app 10.0.0.1:80\n4 web1 remove old\n5 web2 add app 10.0.0.3:80\n6 web1 create old\n'
    is $'add app 10.0.0.2:80\ndelete app 10.0.0.1:80\ncreate old ' "missed web1" "$record"
    is $'delete app 10.0.0.1:80\nadd app 10.0.0.3:80' "missed web2" "$record"
    is '' "missed web3" "$record"
}

#!/usr/bin/env bats
# The recipes of contrib/recipes, each with the real tool and twice: the first run changes, the second reports no change and
# the balancer hears of none.

load mount
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    log=$BATS_TEST_TMPDIR/log
    # Nothing of the caller's: settings, keys, caches.
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME"
}

teardown()
{
    cd /
    mount_stop_all
}

# Pool app: a node that stays and two that go. And the recipes, for where it is mounted.
mounted()
{
    mount_start <<YAML
BALANCERS:
  web:
    BACKEND: dummy
    log: $log
    cache_ttl: 1h
    pools:
      app: ["10.0.0.1:8080", "10.0.0.9:8080", "[2001:db8::9]:8080"]
      one: ["10.0.0.1:8080"]
      two: ["10.0.0.1:8080"]
      three: ["10.0.0.1:8080"]
YAML
    cp -r "$BATS_TEST_DIRNAME/../contrib/recipes" "$BATS_TEST_DIRNAME/60-tools" .
    find recipes 60-tools -type f -exec sed -i "s|/mnt/balancers|$MNT|g" {} +
    # cf-agent wants its policy to be nobody else's.
    chmod -R go-rwx recipes 60-tools
}

# The pool, by everything that a listing shows: so also no temporary of a tool is left.
nodes()
{
    (cd "$MNT/web/${1:-app}" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | tr '\n' ' ')
}

recipe_nodes="10.0.0.1:8080 [2001:db8::3]:8080 web2.example.com:8080 "

# How many transactions there were since this was asked last.
transactions()
{
    calls "$log" | grep -c '^apply' || true
}

# No call of any kind: with a listing that is still fresh, not even to look.
no_calls()
{
    assert_equal "$(calls "$log")" ""
}

# first N: the run has made the pool what the recipe says, in N transactions. second: the next had no call.
first()
{
    assert_success
    assert_equal "$(nodes)" "$recipe_nodes"
    assert_equal "$(transactions)" "$1"
}

second()
{
    assert_success
    assert_equal "$(nodes)" "$recipe_nodes"
    no_calls
}

# ---- Ansible --------------------------------------------------------------------------------

ansible()
{
    ANSIBLE_HOME=$HOME/.ansible ANSIBLE_NOCOWS=1 ANSIBLE_RETRY_FILES_ENABLED=0 ansible-playbook -i "$1" -e ansible_connection=local \
        -e ansible_python_interpreter=/usr/bin/python3 "$2"
}

# changed N: what the recap says.
changed()
{
    assert_output --regexp "ok=[0-9]+ +changed=$1 +unreachable=0 +failed=0 "
}

@test "Ansible: file" {
    mounted
    run ansible localhost, recipes/ansible-file.yml
    first 4
    changed 2
    run ansible localhost, recipes/ansible-file.yml
    second
    changed 0
}

@test "Ansible: purge" {
    mounted
    run ansible localhost, recipes/ansible-purge.yml
    first 4
    changed 2
    run ansible localhost, recipes/ansible-purge.yml
    second
    changed 0
}

@test "Ansible: copy" {
    mounted
    run ansible localhost, recipes/ansible-copy.yml
    first 1
    changed 1
    run ansible localhost, recipes/ansible-copy.yml
    second
    changed 0
}

@test "Ansible: template, from the inventory" {
    mounted
    printf '%s\n' '[balancers]' here '[app]' 10.0.0.1 web2.example.com 'web3 ansible_host=[2001:db8::3]' >inventory
    run ansible inventory recipes/ansible-template.yml
    first 1
    changed 1
    run ansible inventory recipes/ansible-template.yml
    second
    changed 0
    sed -i /web2/d inventory
    run ansible inventory recipes/ansible-template.yml
    changed 1
    assert_equal "$(nodes)" "10.0.0.1:8080 [2001:db8::3]:8080 "
}

@test "Ansible: modes and owners, notes in nodes, lines and blocks in .nodes" {
    mounted
    run ansible localhost, 60-tools/more.yml
    assert_success
    changed 7
    # fresh; its node; three .nodes or nodes; what only this machine keeps is no transaction
    assert_equal "$(transactions)" 5
    assert_equal "$(nodes one)" "10.0.0.1:8080 10.0.0.2:8080 "
    assert_equal "$(nodes two)" "10.0.0.1:8080 10.0.0.3:8080 10.0.0.4:8080 "
    assert_equal "$(nodes three)" "10.0.0.1:8080 10.0.0.5:8080 "
    assert_equal "$(nodes fresh)" "10.0.0.6:8080 "
    assert_equal "$(cat "$MNT/web/three/10.0.0.1:8080")" "rack 7"
    run ansible localhost, 60-tools/more.yml
    assert_success
    changed 0
    no_calls
}

# ---- Puppet ---------------------------------------------------------------------------------

# Exit status 2: there were changes. 0: there were none.
puppet_apply()
{
    puppet apply --detailed-exitcodes --confdir "$HOME/conf" --vardir "$HOME/var" --logdir "$HOME/log" --rundir "$HOME/run" "$1"
}

@test "Puppet: recurse and purge" {
    mounted
    run puppet_apply recipes/puppet-purge.pp
    assert_equal "$status" 2
    status=0 first 4
    run puppet_apply recipes/puppet-purge.pp
    second
    refute_output --partial "/Stage[main]/"
}

@test "Puppet: content of .nodes" {
    mounted
    run puppet_apply recipes/puppet-nodes.pp
    assert_equal "$status" 2
    status=0 first 1
    run puppet_apply recipes/puppet-nodes.pp
    second
    refute_output --partial "/Stage[main]/"
}

@test "Puppet: modes and owners, notes in nodes" {
    mounted
    run puppet_apply 60-tools/more.pp
    assert_equal "$status" 2
    # fresh, its node, and the new one of app
    assert_equal "$(transactions)" 3
    assert_equal "$(nodes fresh)" "10.0.0.6:8080 "
    assert_equal "$(nodes one)" "10.0.0.1:8080 10.0.0.2:8080 "
    assert_equal "$(cat "$MNT/web/one/10.0.0.1:8080")" "rack 7"
    run puppet_apply 60-tools/more.pp
    assert_success
    refute_output --partial "/Stage[main]/"
    no_calls
}

# ---- CFEngine -------------------------------------------------------------------------------

# A work directory of its own, with the key that cf-agent insists on.
cfengine()
{
    export CFENGINE_TEST_OVERRIDE_WORKDIR=$HOME/cfengine
    if [ ! -d "$CFENGINE_TEST_OVERRIDE_WORKDIR" ]; then
        (umask 077 && mkdir -p "$CFENGINE_TEST_OVERRIDE_WORKDIR"/{bin,inputs,ppkeys,state,outputs})
        ln -s "$(command -v cf-promises)" "$CFENGINE_TEST_OVERRIDE_WORKDIR/bin/"
        cf-key >/dev/null
    fi
    cf-agent --no-lock --inform --file "$PWD/$1"
}

@test "CFEngine: create and delete" {
    mounted
    run cfengine recipes/cfengine.cf
    first 4
    assert_output --partial "Created file"
    run cfengine recipes/cfengine.cf
    second
    assert_output ""
}

@test "CFEngine: lines of .nodes, modes, notes in nodes" {
    mounted
    run cfengine 60-tools/more.cf
    assert_success
    assert_equal "$(nodes one)" "10.0.0.2:8080 "
    assert_equal "$(nodes two)" "10.0.0.1:8080 "
    assert_equal "$(cat "$MNT/web/two/10.0.0.1:8080")" "rack 7"
    assert_equal "$(transactions)" 1
    run cfengine 60-tools/more.cf
    assert_success
    assert_output ""
    no_calls
}

# ---- the others -----------------------------------------------------------------------------

@test "rsync --delete" {
    mounted
    mkdir from
    touch from/10.0.0.1:8080 'from/[2001:db8::3]:8080'
    echo "rack 7" >from/web2.example.com:8080
    run recipes/rsync-delete.sh from "$MNT/web/app"
    first 4
    assert_output --partial "deleting   10.0.0.9:8080"
    assert_output --partial "deleting   [2001:db8::9]:8080"
    # added first
    assert_equal "$(grep -o '[+-].*' "$log" | cut -c1 | tr -d '\n')" "++--"
    assert_equal "$(cat "$MNT/web/app/web2.example.com:8080")" "rack 7"
    run recipes/rsync-delete.sh from "$MNT/web/app"
    second
    assert_output ""
}

@test "git and rsync" {
    mounted
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
    git init -q -b main origin
    mkdir -p origin/app origin/fresh
    touch origin/app/10.0.0.1:8080 'origin/app/[2001:db8::3]:8080' origin/app/web2.example.com:8080 origin/fresh/.gitkeep
    git -C origin add -A
    git -C origin commit -qm one
    git clone -q origin clone
    run recipes/git-rsync.sh clone "$MNT/web"
    first 5
    assert_equal "$(nodes fresh)" ""
    assert_equal "$(nodes one)" "10.0.0.1:8080 "
    run recipes/git-rsync.sh clone "$MNT/web"
    second
    assert_output ""
    git -C origin mv app/web2.example.com:8080 fresh/
    git -C origin commit -qm two
    run recipes/git-rsync.sh clone "$MNT/web"
    assert_success
    assert_equal "$(nodes)$(nodes fresh)" "10.0.0.1:8080 [2001:db8::3]:8080 web2.example.com:8080 "
    assert_equal "$(transactions)" 2
}

@test "systemd-tmpfiles" {
    mounted
    run systemd-tmpfiles --create --remove "$PWD/recipes/tmpfiles.conf"
    first 4
    run systemd-tmpfiles --create --remove "$PWD/recipes/tmpfiles.conf"
    second
    assert_output ""
}

@test "shell" {
    mounted
    pool=$MNT/web/app
    run recipes/pool.sh add "$pool" 10.0.0.1:8080 web2.example.com:8080 '[2001:db8::3]:8080'
    assert_success
    assert_equal "$(transactions)" 2
    run recipes/pool.sh delete "$pool" 10.0.0.9:8080 '[2001:db8::9]:8080'
    first 2
    run recipes/pool.sh add "$pool" 10.0.0.1:8080 web2.example.com:8080
    second
    run recipes/pool.sh delete "$pool" 10.0.0.9:8080 '[2001:db8::9]:8080'
    second
    run recipes/pool.sh set "$pool" '[2001:db8::3]:8080' 10.0.0.1:8080 web2.example.com:8080
    second
    run recipes/pool.sh set "$pool" 10.0.0.7:8080 10.0.0.8:8080
    assert_success
    assert_equal "$(transactions)" 1
    run recipes/pool.sh list "$pool"
    assert_output "10.0.0.7:8080
10.0.0.8:8080"
    # refused: nothing has changed, and the reason is told
    run recipes/pool.sh set "$pool" 10.0.0.7:8080 10.0.0.8:http
    assert_failure 1
    assert_output --partial "line 2: port must be a number: 10.0.0.8:http"
    assert_equal "$(nodes)" "10.0.0.7:8080 10.0.0.8:8080 "
    no_calls
    run recipes/pool.sh
    assert_failure 2
    assert_output --partial "pool.sh set POOL NODE..."
}

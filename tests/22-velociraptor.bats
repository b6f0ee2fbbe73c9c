#!/usr/bin/env bats
# An existing balancer class of Velociraptor, unchanged, as a driver, however it is written.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

setup()
{
    TREE=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    export BUILD="${BUILD:-$TREE/build}"
    CLI=$BUILD/tests/driver_cli
    PATH=/usr/bin:$PATH # the python3 of tests/packages, whatever else there is
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir -p site/mycompany
    touch site/mycompany/__init__.py
}

# class NAME: mycompany.balancers.NAME, whose module is the standard input behind these lines. A pool is a file.
class()
{
    {
        cat <<'PYTHON'
import os


class Files(object):
    def __init__(self, config):
        self.config = config
        self.path = config['path']

    def _read(self, pool):
        try:
            with open(os.path.join(self.path, pool)) as f:
                return f.read().split()
        except IOError:
            return []

    def _write(self, pool, nodes):
        with open(os.path.join(self.path, pool), 'w') as f:
            f.write(''.join(n + '\n' for n in sorted(nodes)))

    def get_nodes(self, pool):
        return self._read(pool)

    def add_nodes(self, pool, nodes):
        self._write(pool, set(self._read(pool)) | set(nodes))

    def delete_nodes(self, pool, nodes):
        self._write(pool, set(self._read(pool)) - set(nodes))
PYTHON
        cat
    } >site/mycompany/balancers.py
    NAME=$1
    mkdir -p pools
}

# lb [KEY=VALUE]... -- COMMAND...
lb()
{
    timeout 60 "$CLI" exec command="$TREE/contrib/velociraptor/balancerfs-velociraptor" class="mycompany.balancers.$NAME" python_path="$PWD/site" path="$PWD/pools" "$@"
}

holds()
{
    (cd pools && grep -r . . | sort | tr '\n' ' ')
}

@test "the class of the original's documentation, as it stands" {
    class ImaginaryBalancer <<'PYTHON'


class ImaginaryBalancer(object):
    """A balancer that somebody imagined."""

    def __init__(self, config):
        self.balancer = Files(config)

    def get_nodes(self, pool):
        return self.balancer.get_nodes(pool)

    def add_nodes(self, pool, nodes):
        self.balancer.add_nodes(pool, nodes)

    def delete_nodes(self, pool, nodes):
        self.balancer.delete_nodes(pool, nodes)
PYTHON
    run -0 lb pools=app -- pools , apply add:app/10.0.0.1:80 add:app/10.0.0.2:80 , nodes app , apply del:app/10.0.0.1:80 , nodes app , nodes missing
    assert_output "app
app/10.0.0.1:80
app/10.0.0.2:80
app/10.0.0.2:80"
}

@test "it gets its section as Velociraptor gives it: types, lists of one, nothing of ours" {
    class Telling <<'PYTHON'

import json


class Telling(Files):
    def __init__(self, config):
        Files.__init__(self, config)
        with open(os.path.join(self.path, 'config'), 'w') as f:
            json.dump(config, f, sort_keys=True, indent=1)
        with open(os.path.join(self.path, 'environment'), 'w') as f:
            f.write(''.join(k + '\n' for k in os.environ))

    def get_nodes(self, pool):
        raise EnvironmentError(5, 'told enough')
PYTHON
    cat >balancers.yaml <<YAML
BALANCERS:
  lb:
    BACKEND: exec
    command: [$TREE/contrib/velociraptor/balancerfs-velociraptor]
    timeout: 30s
    class: mycompany.balancers.Telling
    python_path: $PWD/site
    pools: [app, web]
    path: $PWD/pools
    user: deploy
    password: "1234"
    port: 22
    ratio: 0.5
    verify: no
    proxy:
    hosts:
    - one.example.com
    ports: [80, "81"]
    nested: {a: [1, {b: c}], d: ~}
    URL: https://lb.example.com:9090/soap
YAML
    chmod 600 balancers.yaml
    # The first call is enough here.
    run -2 "$TREE/tests/conformance" balancers.yaml lb
    assert_output "get_nodes app fails: OSError: [Errno 5] told enough"
    run -0 cat pools/config
    assert_output "{
 \"BACKEND\": \"mycompany.balancers.Telling\",
 \"URL\": \"https://lb.example.com:9090/soap\",
 \"hosts\": [
  \"one.example.com\"
 ],
 \"nested\": {
  \"a\": [
   1,
   {
    \"b\": \"c\"
   }
  ],
  \"d\": null
 },
 \"password\": \"1234\",
 \"path\": \"$PWD/pools\",
 \"port\": 22,
 \"ports\": [
  80,
  \"81\"
 ],
 \"proxy\": null,
 \"ratio\": 0.5,
 \"user\": \"deploy\",
 \"verify\": false
}"
    run -1 grep BALANCERFS pools/environment
}

@test "sets, tuples, generators and bytes are lists; what is none is an error" {
    class Odd <<'PYTHON'


class Odd(Files):
    def get_nodes(self, pool):
        nodes = ['10.0.0.1:80', '10.0.0.2:80']
        return {
            'set': set(nodes),
            'tuple': tuple(nodes),
            'generator': (n for n in nodes),
            'keys': dict.fromkeys(nodes).keys(),
            'bytes': [n.encode() for n in nodes],
            'twice': nodes + nodes,
            'empty': (),
            'odd': ['10.0.0.1:80', 'web1', '10.0.0.2:80\n10.0.0.3:80', ''],
            'none': None,
            'string': '10.0.0.1:80',
            'numbers': [1, 2],
        }[pool]
PYTHON
    for pool in set tuple generator keys bytes twice; do
        run -0 lb -- nodes "$pool"
        assert_output "$pool/10.0.0.1:80
$pool/10.0.0.2:80"
    done
    run -0 lb -- nodes empty
    assert_output ""
    run -0 lb -- nodes odd
    assert_output "odd/10.0.0.1:80
refused: 2"
    run -1 lb -- nodes none , nodes string , nodes numbers
    assert_output "EREMOTEIO get_nodes returned None, which is no list
EREMOTEIO get_nodes returned '10.0.0.1:80', which is no list
EREMOTEIO get_nodes returned a list with 1, which is no string"
}

@test "what it prints is no name, however it prints" {
    class Chatty <<'PYTHON'

import subprocess
import sys


class Chatty(Files):
    def __init__(self, config):
        print('10.6.6.1:80')
        Files.__init__(self, config)

    def get_nodes(self, pool):
        print('10.6.6.2:80')
        sys.stdout.write('10.6.6.3:80\n')
        os.write(1, b'10.6.6.4:80\n')
        subprocess.call(['echo', '10.6.6.5:80'])
        return Files.get_nodes(self, pool)
PYTHON
    run -0 lb pools=app -- pools , apply add:app/10.0.0.1:80 , nodes app
    assert_output "app
app/10.0.0.1:80"
}

@test "what it raises is the error, and the last thing that is told" {
    class Raising <<'PYTHON'

import socket
import sys


class Raising(Files):
    def get_nodes(self, pool):
        print('something else first')
        if pool == 'value':
            raise ValueError('two\nlines')
        if pool == 'refused':
            raise ConnectionRefusedError(111, 'Connection refused')
        if pool == 'timeout':
            raise socket.timeout('timed out')
        if pool == 'missing':
            open('/nonexistent')
        if pool == 'exit':
            sys.exit('gave up')
        if pool == 'exit0':
            sys.exit(0)
        return []
PYTHON
    run -1 lb -- nodes value , nodes refused , nodes timeout , nodes missing , nodes exit , nodes exit0 , nodes fine
    assert_output "EREMOTEIO ValueError: two lines
ECONNREFUSED ConnectionRefusedError: [Errno 111] Connection refused
ETIMEDOUT TimeoutError: timed out
EREMOTEIO FileNotFoundError: [Errno 2] No such file or directory: '/nonexistent'
EREMOTEIO SystemExit: gave up
EREMOTEIO SystemExit: 0"
}

@test "what cannot be imported is told" {
    class Missing </dev/null
    run -1 lb -- pools
    assert_output "EREMOTEIO AttributeError: module 'mycompany.balancers' has no attribute 'Missing'"
    echo 'def broken(:' >site/mycompany/balancers.py
    run -1 lb -- pools
    assert_output --partial "EREMOTEIO SyntaxError: "
    run -1 "$CLI" exec command="$TREE/contrib/velociraptor/balancerfs-velociraptor" class=no.such.Class -- pools
    assert_output "EREMOTEIO ModuleNotFoundError: No module named 'no'"
    run -1 "$CLI" exec command="$TREE/contrib/velociraptor/balancerfs-velociraptor" class=Class -- pools
    assert_output "EREMOTEIO class must be a module and a class with a dot between: Class"
    run -1 "$CLI" exec command="$TREE/contrib/velociraptor/balancerfs-velociraptor" -- pools
    assert_output "EREMOTEIO the key class is missing: the dotted path of a class"
    class NoConfig <<'PYTHON'


class NoConfig(object):
    def __init__(self):
        pass
PYTHON
    run -1 lb -- pools
    assert_output --partial "EREMOTEIO TypeError: "
}

@test "one that hangs is ended; one that leaves a thread behind holds nothing up" {
    class Hanging <<'PYTHON'

import threading
import time


class Hanging(Files):
    def get_nodes(self, pool):
        if pool == 'hang':
            time.sleep(1000)
        threading.Thread(target=time.sleep, args=(1000,)).start()
        return ['10.0.0.1:80']
PYTHON
    run -0 lb timeout=60s -- nodes app
    assert_output app/10.0.0.1:80
    run -1 timeout 30 "$CLI" exec command="$TREE/contrib/velociraptor/balancerfs-velociraptor" class=mycompany.balancers.Hanging python_path="$PWD/site" path="$PWD/pools" timeout=3s -- nodes hang , apply add:hang/10.0.0.1:80
    assert_line --partial "ETIMEDOUT $TREE/contrib/velociraptor/balancerfs-velociraptor get_nodes did not end within 3 s and was ended"
    assert_line --partial "EIO $TREE/contrib/velociraptor/balancerfs-velociraptor apply did not end within 3 s and was ended"
}

@test "when it raises in the middle, what it has done is taken back" {
    class Halfway <<'PYTHON'


class Halfway(Files):
    def add_nodes(self, pool, nodes):
        # Half of them, and then no more.
        if '10.0.0.9:80' in nodes:
            Files.add_nodes(self, pool, nodes[:1])
            raise RuntimeError('disk full')
        Files.add_nodes(self, pool, nodes)
PYTHON
    run -0 lb -- apply add:app/10.0.0.1:80 add:app/10.0.0.2:80 add:web/10.0.0.3:80
    before=$(holds)
    run -1 lb pools=app -- apply del:app/10.0.0.1:80 add:app/10.0.0.4:80 del:web/10.0.0.3:80 add:app/10.0.0.5:80 add:app/10.0.0.9:80
    assert_output "EREMOTEIO RuntimeError: disk full"
    assert_equal "$(holds)" "$before"
}

@test "when that fails too, the outcome is unknown" {
    class Oneway <<'PYTHON'


class Oneway(Files):
    def delete_nodes(self, pool, nodes):
        raise RuntimeError('cannot delete')
PYTHON
    run -1 lb -- apply add:app/10.0.0.1:80 del:web/10.0.0.2:80
    assert_output "EIO RuntimeError: cannot delete; what was done could not be taken back: RuntimeError: cannot delete"
}

@test "pools: those of the configuration, and with pools_file those that were made" {
    class Files </dev/null
    run -1 lb pools=app -- pools , apply create:new , apply remove:app , apply create:app , apply remove:none , pools
    assert_output "app
EPERM mycompany.balancers.Files cannot hold an empty pool: name new in pools, or set pools_file
EPERM pool app is in pools of the configuration
app"
    run -0 lb pools=app pools_file="$PWD/known" -- apply create:new add:made/10.0.0.1:80 , pools , apply del:made/10.0.0.1:80 , pools , apply remove:made , pools
    assert_output "app
made
new
app
made
new
app
new"
    assert_equal "$(cat known)" new
    run -1 lb pools_file="$PWD/known" -- apply add:new/10.0.0.1:80 create:more remove:new , pools
    assert_output "ENOTEMPTY pool new has nodes
new"
}

@test "methods that the original did not have are used" {
    class Modern <<'PYTHON'


class Modern(Files):
    def get_pools(self):
        return os.listdir(self.path)

    def delete_nodes(self, pool, nodes):
        if pool in self.get_pools():
            Files.delete_nodes(self, pool, nodes)

    def create_pool(self, pool):
        self._write(pool, [])

    def delete_pool(self, pool):
        os.unlink(os.path.join(self.path, pool))
PYTHON
    run -1 lb -- apply create:new add:app/10.0.0.1:80 , pools , apply remove:new remove:app , pools , apply remove:new , pools
    assert_output "app
new
ENOTEMPTY pool app has nodes
app
new
app"
    printf 'BALANCERS:\n  lb: {BACKEND: exec, command: [%s], class: mycompany.balancers.Modern, python_path: [%s], path: %s}\n' \
        "$TREE/contrib/velociraptor/balancerfs-velociraptor" "$PWD/site" "$PWD/pools" >balancers.yaml
    run -0 timeout 300 "$TREE/tests/conformance" balancers.yaml lb
    assert_line "26 promises kept, 0 broken"
}

@test "a class that has the original's methods alone keeps all promises with pools_file" {
    class Files </dev/null
    printf 'BALANCERS:\n  lb: {BACKEND: exec, command: [%s], class: mycompany.balancers.Files, python_path: [%s], path: %s, pools_file: %s}\n' \
        "$TREE/contrib/velociraptor/balancerfs-velociraptor" "$PWD/site" "$PWD/pools" "$PWD/known" >balancers.yaml
    run -0 timeout 300 "$TREE/tests/conformance" balancers.yaml lb
    assert_line "26 promises kept, 0 broken"
}

# Exactly these nodes, as files, with Puppet: what is not listed is purged.
#
#     puppet apply puppet-purge.pp
#
# On the host where the balancers are mounted. Puppet purges before it adds, and each node is a transaction of its own: when
# every node is replaced the pool is empty for a moment, or, with min_nodes or max_removal, the rest goes at the next run. Where
# that matters use puppet-nodes.pp.
$pool = '/mnt/balancers/web/app'
$nodes = ['10.0.0.1:8080', 'web2.example.com:8080', '[2001:db8::3]:8080']

file { $pool:
  ensure  => directory,
  recurse => true,
  purge   => true,
  backup  => false,
}

$nodes.each |$node| {
  file { "${pool}/${node}":
    ensure => file,
  }
}

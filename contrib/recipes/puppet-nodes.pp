# A whole pool in one transaction, with Puppet: the list is the content of .nodes.
#
#     puppet apply puppet-nodes.pp
#
# On the host where the balancers are mounted. New nodes are added before old ones are deleted, with one reload per host; a
# bad line refuses all of it. The list reads back as it was written while the pool holds these nodes.
$pool = '/mnt/balancers/web/app'
$nodes = ['10.0.0.1:8080', 'web2.example.com:8080', '[2001:db8::3]:8080']

file { "${pool}/.nodes":
  ensure  => file,
  content => join(['# by Puppet'] + $nodes + [''], "\n"),
  backup  => false,
}

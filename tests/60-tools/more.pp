# What the recipes have no need for, as resources that must change once.
$web = '/mnt/balancers/web'

file { "${web}/one/10.0.0.1:8080":
  ensure  => file,
  content => "rack 7\n",
  mode    => '0640',
  owner   => 'root',
}

file { "${web}/one/10.0.0.2:8080":
  ensure  => file,
  content => '',
}

file { "${web}/fresh":
  ensure => directory,
  mode   => '0750',
}

file { "${web}/fresh/10.0.0.6:8080":
  ensure  => file,
  mode    => '0600',
  owner   => 'root',
  group   => 'root',
  seltype => 'etc_t',
}

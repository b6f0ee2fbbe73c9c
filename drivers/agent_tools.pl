#!/usr/bin/perl
# What a change needs of programs, in one process. agent_tools.sh asks it line by line, where there is a perl; without it
# all goes as well, with a process for each. Only what perl-base has; no single quotes.
#
# A request is a line of words; of run, two lines more and the command. The answer is "=STATUS", and before it text, in
# lines that begin with "-". What it cannot do the program does then, and says why if that cannot either. Started with
# the directory, TMPDIR, and LC_ALL when there is one. Descriptor 3 is where the client is heard; 9 is the lock, which loop
# and helper hold together: neither can lose it by the end of the other.

use strict;
use Config;
use Fcntl qw(:flock F_SETFD FD_CLOEXEC);
use IO::Handle;

my ($dir, $tmpdir, @lc_all) = @ARGV;
my $loop = getppid;
my $has_sha = eval { require Digest::SHA };

# Numbers of getxattr and prctl; elsewhere there is no helper.
my ($getxattr, $prctl) = @{ { x86_64 => [191, 157], aarch64 => [8, 167] }->{ ($Config{archname} =~ /^(\w+)-linux/)[0] } or exit };

$SIG{$_} = "IGNORE" for qw(HUP INT QUIT TERM PIPE USR1);
$SIG{ALRM} = sub { };
$SIG{CHLD} = "DEFAULT";
delete @ENV{qw(BALANCERFS_OLD BALANCERFS_CHANGED)};
open my $client, "<&=", 3 or die;
open my $lock, "<&=", 9 or die;
fcntl $_, F_SETFD, FD_CLOEXEC for $client, $lock;
syscall $prctl, 1, 10, 0, 0, 0;  # PR_SET_PDEATHSIG, SIGUSR1
binmode $_ for *STDIN, *STDOUT;  # whatever PERL_UNICODE says
STDOUT->autoflush(1);

# Does it have rights that chmod cannot give?
sub has_acl {
    my ($file) = @_;
    my ($name, $none) = ("system.posix_acl_access", "");
    return syscall($getxattr, $file, $name, $none, 0) >= 0;
}

# Empty files with the mode and the owner of those: their contents are to come.
sub copy {
    my $to = shift;
    for my $file (@_) {
        my (undef, undef, $mode, undef, $uid, $gid) = stat $file or return 1;
        return 1 if has_acl($file);
        my $new = "$to/" . $file;
        open my $made, ">", $new or return 1;
        return 1 if has_acl($new);  # by default, from its directory
        chown $uid, $gid, $new or return 1;
        chmod $mode & 07777, $new or return 1;
    }
    return 0;
}

sub link_into {
    my $to = shift;
    for (@_) { link $_, "$to/$_" or return 1 }
    return 0;
}

# Into the directory itself. Says how many.
sub move {
    my $moved = 0;
    for (@_) { rename $_, s{.*/}{}r or last; $moved++ }
    print "-$moved\n";
    return $moved < @_;
}

sub remove {
    for (@_) { unlink $_ or $!{ENOENT} or return 1 }
    return 0;
}

sub to_disk {
    for (@_) {
        open my $file, "<", $_ or return 1;
        $file->sync or return 1;
    }
    return 0;
}

sub digest {
    return 1 if !$has_sha;
    my $said = "";
    for (@_) {
        my $sha = Digest::SHA->new(256);
        $said .= eval { "-" . $sha->addfile($_, "b")->hexdigest . "  $_\n" } // return 1;
    }
    print $said;
    return 0;
}

# A line of the client, if it comes within the seconds. Not a byte more is read. Who asks has nothing else to ask: what
# comes from there is its end.
sub hear {
    my $until = 1 + time + shift;
    my $line = " ";
    while (substr($line, -1) ne "\n") {
        my $ready = "";
        vec($ready, $_, 1) = 1 for 0, 3;
        my $left = $until - time;
        return 1 if $left <= 0 || !select $ready, undef, undef, $left;
        exit if vec $ready, 0, 1;
        sysread $client, $line, 1, length $line or return 1;
    }
    print "-", substr $line, 1;
    return 0;
}

sub become {
    my ($out, $old, $changed, $command) = @_;
    $SIG{$_} = "DEFAULT" for qw(INT QUIT TERM PIPE USR1 ALRM);
    open STDIN, "<", "/dev/null" and open STDOUT, ">", $out and open STDERR, ">&", \*STDOUT or exit 1;
    @ENV{qw(BALANCERFS_OLD BALANCERFS_CHANGED)} = ($old, $changed) if length $old;
    $ENV{TMPDIR} = $tmpdir;
    delete $ENV{LC_ALL};
    $ENV{LC_ALL} = $lc_all[0] if @lc_all;
    no warnings "exec";
    # Plain words, the first of them a program? Then no shell has to be started for them.
    exec split " ", $command if $command =~ m{^(/|\w[-\w.+]*( |\z))[-\w/.: ,@%+]*\z}a;
    exec "sh", "-c", $command or exit 127;
}

sub shell_status {
    my ($status) = @_;
    return $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

# In a process group, so that all of it can be ended, of which the command is not the leader: setsid would leave it.
sub start {
    my $pid = fork // exit;
    return $pid if $pid;
    close $_ for $lock, $client, *STDIN, *STDOUT;
    setpgrp;
    my $command = fork // exit 127;
    become(@_) if !$command;
    waitpid $command, 0;
    exit shell_status($?);
}

# The command of the user, for so many seconds; meanwhile the files go to disk. When the loop is killed nobody shall have
# to wait for this one.
sub run {
    my ($secs, $out, $length, @files) = @_;
    chomp(my ($old, $changed) = map { scalar readline STDIN } 1, 2);
    read STDIN, my ($command), $length;
    local $SIG{USR1} = sub { close $lock };
    close $lock if getppid != $loop;
    my $pid = start($out, $old, $changed, $command);
    my ($late, $status) = (-$secs);
    # Seconds are counted, as clocks are set. After a slow disk it may have ended long ago.
    local $SIG{ALRM} = sub {
        return if defined $status;
        alarm 1;
        if (waitpid($pid, 1) == $pid) { $status = $? }
        elsif (++$late == 0) { kill $_, -$pid for "TERM", "CONT" }
        elsif ($late >= 2) { kill "KILL", -$pid }
    };
    alarm 1;
    to_disk(@files);
    if (waitpid($pid, 0) == $pid) { $status = $? }
    alarm 0;
    return $late >= 0 ? 124 : shell_status($status);
}

my %does = (
    copy => \&copy,
    digest => \&digest,
    hear => \&hear,
    link => \&link_into,
    lock => sub { flock($lock, LOCK_EX | LOCK_NB) ? 0 : $!{EWOULDBLOCK} ? 1 : 2 },
    move => \&move,
    remove => \&remove,
    run => \&run,
    sync => \&to_disk,
    unlock => sub { !flock $lock, LOCK_UN },
);

print "=0\n";
while (my $request = <STDIN>) {
    my ($what, @words) = split " ", $request or next;  # after run there is the end of a line
    # The directory may have been made anew. run reads on even when it is gone.
    my $is_there = chdir $dir;
    my $status = $what eq "run" || $is_there ? $does{$what}->(@words) : 1;
    print "=", $status + 0, "\n";
}
__END__

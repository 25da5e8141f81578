# Listens after some seconds, says hi to everybody, and ends on SIGRTMIN+3 alone.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX;

$| = 1;
POSIX::sigaction(POSIX::SIGRTMIN() + 3, POSIX::SigAction->new(sub { exit 0 })) or die;
$SIG{PIPE} = 'IGNORE';
sleep 4;
my $all = IO::Socket::INET->new(LocalPort => 7000, Listen => 9, ReuseAddr => 1) or die $@;
print "ready\n";
while (1) {
    my $peer = $all->accept or next;
    print $peer "hi\n";
    close $peer;
}

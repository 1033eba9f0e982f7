#!/usr/bin/perl
# dhcp-flood.pl INTERFACE SERVER SECONDS [COUNT]: DISCOVERs and REQUESTs for an address, each from a hardware address that nobody has, with
# the prefixes of Raspberry Pis, as fast as one processor can send them, COUNT at most; every eighth to the server alone. Prints
# how many.
# Perl, because Node sends a quarter of it. Only in a network namespace of the run.
use strict;
use warnings;
use Socket;
use Time::HiRes 'time';

my ($interface, $server, $seconds, $count) = (@ARGV, 9e15);
my $SO_BINDTODEVICE = 25;
socket(my $socket, PF_INET, SOCK_DGRAM, 0) or die "socket: $!";
setsockopt($socket, SOL_SOCKET, $_, 1) or die "setsockopt: $!" for SO_REUSEADDR, SO_BROADCAST;
setsockopt($socket, SOL_SOCKET, $SO_BINDTODEVICE, "$interface\0") or die "setsockopt: $!";
bind($socket, sockaddr_in(68, INADDR_ANY)) or die "bind: $!";

my @prefixes = map { pack 'H6', $_ } qw(b827eb dca632 e45f01 d83add 2ccf67);
my ($everybody, $alone) = map { pack_sockaddr_in(67, inet_aton($_)) } '255.255.255.255', $server;
my $pxe = "\x3c\x20PXEClient:Arch:00000:UNDI:002001";
my $options = sub { pack('N', 0x63825363) . join('', @_) . $pxe . "\xff" };
my $discover = $options->("\x35\x01\x01");
my $request = $options->("\x35\x01\x03", "\x36\x04" . inet_aton($server), "\x32\x04" . inet_aton($server));
my ($head, $middle, $rest) = (pack('C4', 1, 1, 6, 0), "\0" x 20, "\0" x 202);

my ($sent, $end) = (0, time + $seconds);
while ($sent < $count && ($sent % 256 || time < $end)) {
    my $mac = $prefixes[$sent % 5] . substr(pack('N', rand 2**32), 0, 3);
    my $message = $head . pack('N', rand 2**32) . $middle . $mac . $rest . ($sent % 2 ? $discover : $request);
    # A full queue is no end of the flood.
    send $socket, $message, 0, $sent % 8 ? $everybody : $alone;
    $sent++;
}
print "$sent\n";

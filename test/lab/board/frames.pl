#!/usr/bin/perl
# Moves whole Ethernet frames between an interface and standard input and output, each after its length (two bytes, big
# endian). A board that has no address yet cannot use the kernel's UDP, and Node has no packet sockets.
# Only IPv4 UDP to port 68 is passed on. Ends with its standard input.
use strict;
use warnings;
my $device = shift @ARGV;
my ($AF_PACKET, $SOCK_RAW, $ETH_P_IP, $SIOCGIFINDEX) = (17, 3, 0x0800, 0x8933);
socket(my $wire, $AF_PACKET, $SOCK_RAW, unpack('S', pack('n', $ETH_P_IP))) or die "packet socket: $!";
my $request = pack('a16 x24', $device);
ioctl($wire, $SIOCGIFINDEX, $request) or die "$device: $!";
my $index = unpack('x16 i', $request);
bind($wire, pack('S n i S C C a8', $AF_PACKET, $ETH_P_IP, $index, 0, 0, 0, '')) or die "bind: $!";
binmode STDIN; binmode STDOUT;
syswrite(STDOUT, pack('n', 0));
my ($in, $wireno) = (fileno(STDIN), fileno($wire));
my $buffer = '';
while (1) {
  my $read = '';
  vec($read, $in, 1) = 1; vec($read, $wireno, 1) = 1;
  select($read, undef, undef, undef) > 0 or next;
  if (vec($read, $wireno, 1)) {
    my $frame = '';
    if (defined recv($wire, $frame, 65535, 0) && length($frame) > 42 && ord(substr($frame, 23, 1)) == 17) {
      my $udp = 14 + (ord(substr($frame, 14, 1)) & 15) * 4;
      if (length($frame) >= $udp + 8 && unpack('n', substr($frame, $udp + 2, 2)) == 68) {
        syswrite(STDOUT, pack('n', length $frame) . $frame);
      }
    }
  }
  if (vec($read, $in, 1)) {
    my $more = sysread(STDIN, $buffer, 65536, length $buffer);
    last unless $more;
    while (length($buffer) >= 2 && length($buffer) >= 2 + unpack('n', $buffer)) {
      my $length = unpack('n', $buffer);
      send($wire, substr($buffer, 2, $length), 0);
      substr($buffer, 0, 2 + $length) = '';
    }
  }
}

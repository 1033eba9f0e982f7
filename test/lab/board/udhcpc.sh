#!/bin/sh
# What a board does with its lease (called by busybox udhcpc).
case $1 in
  deconfig) ip link set "$interface" up ;;
  bound | renew)
    ip addr show dev "$interface" | grep -q "inet $ip/${mask:-24} " || {
      ip addr flush dev "$interface"
      ip addr add "$ip/${mask:-24}" brd + dev "$interface"
    }
    for gateway in $router; do ip route replace default via "$gateway" dev "$interface"; break; done
    : > /etc/resolv.conf
    for server in $dns; do echo "nameserver $server" >> /etc/resolv.conf; done
    echo "lease $ip"
    ;;
esac

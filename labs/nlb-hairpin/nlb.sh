# A load balancer with one target, by the kernel's NAT: `sh nlb.sh TARGET preserve|translate`.
set -eu
echo 1 > /proc/sys/net/ipv4/ip_forward
iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination "$1:80"
# preserve_client_ip.enabled=false: the target sees the load balancer.
if [ "$2" = translate ]; then iptables -t nat -A POSTROUTING -p tcp -d "$1" -j MASQUERADE; fi
exec sleep infinity

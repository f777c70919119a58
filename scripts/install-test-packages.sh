#!/usr/bin/env bash
# Installs the Debian packages that the tests use, where they are missing. Idempotent; does nothing when all are there.
# Without the right to install, it names the one line that does it.
set -euo pipefail

packages=(iproute2 util-linux procps curl bind9-dnsutils iputils-ping traceroute tcpdump tshark iperf3 ncat socat conntrack iptables
  nftables prometheus ethtool python3 python3-scapy gcc libc6-dev)

missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

line="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -ne 0 ]; then
  echo "The tests need Debian packages that are missing. Install them with: sudo $line" >&2
  exit 1
fi
echo "Installing ${#missing[@]} Debian packages for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
$line >/dev/null

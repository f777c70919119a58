/**
 * What kube-proxy makes of OVERALL (ports.ts), by its own golden tests, without comments: kubernetes
 * pkg/proxy/iptables/proxier_test.go, TestOverallIPTablesRules (before nfacct: TestOverallIPTablesRulesWithMultipleServices),
 * and pkg/proxy/nftables/proxier_test.go, TestOverallNFTablesRules. The jumps from built-in chains are not part of them.
 */
export const OVERALL_FILTER = `
KUBE-NODEPORTS -m tcp -p tcp --dport 30000 -j ACCEPT
KUBE-SERVICES -m tcp -p tcp -d 172.30.0.46 --dport 80 -j REJECT
KUBE-EXTERNAL-SERVICES -m tcp -p tcp -d 192.168.99.22 --dport 80 -j DROP
KUBE-EXTERNAL-SERVICES -m tcp -p tcp -d 1.2.3.4 --dport 80 -j DROP
KUBE-EXTERNAL-SERVICES -m addrtype --dst-type LOCAL -m tcp -p tcp --dport 3001 -j DROP
KUBE-FIREWALL -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
KUBE-PROXY-FIREWALL -m tcp -p tcp -d 5.6.7.8 --dport 80 -j DROP`;

export const OVERALL_NAT = `
KUBE-NODEPORTS -m tcp -p tcp --dport 3001 -j KUBE-EXT-GNZBNJ2PO5MGZ6GT
KUBE-NODEPORTS -m tcp -p tcp --dport 3003 -j KUBE-EXT-X27LE4BHSL4DOUIK
KUBE-NODEPORTS -m tcp -p tcp --dport 3002 -j KUBE-EXT-NUKIZ6OKUXPJNT4C
KUBE-SERVICES -m tcp -p tcp -d 172.30.0.41 --dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O
KUBE-SERVICES -m tcp -p tcp -d 172.30.0.42 --dport 80 -j KUBE-SVC-GNZBNJ2PO5MGZ6GT
KUBE-SERVICES -m tcp -p tcp -d 192.168.99.22 --dport 80 -j KUBE-EXT-GNZBNJ2PO5MGZ6GT
KUBE-SERVICES -m tcp -p tcp -d 1.2.3.4 --dport 80 -j KUBE-EXT-GNZBNJ2PO5MGZ6GT
KUBE-SERVICES -m tcp -p tcp -d 172.30.0.43 --dport 80 -j KUBE-SVC-X27LE4BHSL4DOUIK
KUBE-SERVICES -m tcp -p tcp -d 172.30.0.44 --dport 80 -j KUBE-SVC-4SW47YFZTEDKD3PK
KUBE-SERVICES -m tcp -p tcp -d 192.168.99.33 --dport 80 -j KUBE-EXT-4SW47YFZTEDKD3PK
KUBE-SERVICES -m tcp -p tcp -d 172.30.0.45 --dport 80 -j KUBE-SVC-NUKIZ6OKUXPJNT4C
KUBE-SERVICES -m tcp -p tcp -d 5.6.7.8 --dport 80 -j KUBE-FW-NUKIZ6OKUXPJNT4C
KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
KUBE-EXT-4SW47YFZTEDKD3PK -j KUBE-MARK-MASQ
KUBE-EXT-4SW47YFZTEDKD3PK -j KUBE-SVC-4SW47YFZTEDKD3PK
KUBE-EXT-GNZBNJ2PO5MGZ6GT -s 10.0.0.0/8 -j KUBE-SVC-GNZBNJ2PO5MGZ6GT
KUBE-EXT-GNZBNJ2PO5MGZ6GT -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ
KUBE-EXT-GNZBNJ2PO5MGZ6GT -m addrtype --src-type LOCAL -j KUBE-SVC-GNZBNJ2PO5MGZ6GT
KUBE-EXT-NUKIZ6OKUXPJNT4C -j KUBE-MARK-MASQ
KUBE-EXT-NUKIZ6OKUXPJNT4C -j KUBE-SVC-NUKIZ6OKUXPJNT4C
KUBE-EXT-X27LE4BHSL4DOUIK -j KUBE-MARK-MASQ
KUBE-EXT-X27LE4BHSL4DOUIK -j KUBE-SVC-X27LE4BHSL4DOUIK
KUBE-FW-NUKIZ6OKUXPJNT4C -s 203.0.113.0/25 -j KUBE-EXT-NUKIZ6OKUXPJNT4C
KUBE-FW-NUKIZ6OKUXPJNT4C
KUBE-MARK-MASQ -j MARK --or-mark 0x4000
KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
KUBE-POSTROUTING -j MARK --xor-mark 0x4000
KUBE-POSTROUTING -j MASQUERADE --random-fully
KUBE-SEP-C6EBXVWJJZMIWKLZ -s 10.180.0.5 -j KUBE-MARK-MASQ
KUBE-SEP-C6EBXVWJJZMIWKLZ -m tcp -p tcp -j DNAT --to-destination 10.180.0.5:80
KUBE-SEP-I77PXRDZVX7PMWMN -s 10.180.0.3 -j KUBE-MARK-MASQ
KUBE-SEP-I77PXRDZVX7PMWMN -m recent --name KUBE-SEP-I77PXRDZVX7PMWMN --set -m tcp -p tcp -j DNAT --to-destination 10.180.0.3:80
KUBE-SEP-OYPFS5VJICHGATKP -s 10.180.0.3 -j KUBE-MARK-MASQ
KUBE-SEP-OYPFS5VJICHGATKP -m tcp -p tcp -j DNAT --to-destination 10.180.0.3:80
KUBE-SEP-RS4RBKLTHTF2IUXJ -s 10.180.0.2 -j KUBE-MARK-MASQ
KUBE-SEP-RS4RBKLTHTF2IUXJ -m tcp -p tcp -j DNAT --to-destination 10.180.0.2:80
KUBE-SEP-SXIVWICOYRO3J4NJ -s 10.180.0.1 -j KUBE-MARK-MASQ
KUBE-SEP-SXIVWICOYRO3J4NJ -m tcp -p tcp -j DNAT --to-destination 10.180.0.1:80
KUBE-SEP-UKSFD7AGPMPPLUHC -s 10.180.0.4 -j KUBE-MARK-MASQ
KUBE-SEP-UKSFD7AGPMPPLUHC -m tcp -p tcp -j DNAT --to-destination 10.180.0.4:80
KUBE-SVC-4SW47YFZTEDKD3PK -m tcp -p tcp -d 172.30.0.44 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ
KUBE-SVC-4SW47YFZTEDKD3PK -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-UKSFD7AGPMPPLUHC
KUBE-SVC-4SW47YFZTEDKD3PK -j KUBE-SEP-C6EBXVWJJZMIWKLZ
KUBE-SVC-GNZBNJ2PO5MGZ6GT -m tcp -p tcp -d 172.30.0.42 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ
KUBE-SVC-GNZBNJ2PO5MGZ6GT -j KUBE-SEP-RS4RBKLTHTF2IUXJ
KUBE-SVC-NUKIZ6OKUXPJNT4C -m tcp -p tcp -d 172.30.0.45 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ
KUBE-SVC-NUKIZ6OKUXPJNT4C -m recent --name KUBE-SEP-I77PXRDZVX7PMWMN --rcheck --seconds 10800 --reap -j KUBE-SEP-I77PXRDZVX7PMWMN
KUBE-SVC-NUKIZ6OKUXPJNT4C -j KUBE-SEP-I77PXRDZVX7PMWMN
KUBE-SVC-X27LE4BHSL4DOUIK -m tcp -p tcp -d 172.30.0.43 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ
KUBE-SVC-X27LE4BHSL4DOUIK -j KUBE-SEP-OYPFS5VJICHGATKP
KUBE-SVC-XPGD46QRK7WJZT7O -m tcp -p tcp -d 172.30.0.41 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ
KUBE-SVC-XPGD46QRK7WJZT7O -j KUBE-SEP-SXIVWICOYRO3J4NJ`;

/** Rules, sets and elements of services alone. */
export const OVERALL_NFTABLES = `
rule service-ULMVA6XW-ns1/svc1/tcp/p80 ip daddr 172.30.0.41 ip saddr != 10.0.0.0/8 jump mark-for-masquerade
rule service-ULMVA6XW-ns1/svc1/tcp/p80 numgen random mod 1 vmap { 0 : goto endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80 }
rule endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80 ip saddr 10.180.0.1 jump mark-for-masquerade
rule endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80 meta l4proto tcp dnat to 10.180.0.1:80
element cluster-ips { 172.30.0.41 }
element service-ips { 172.30.0.41 . tcp . 80 : goto service-ULMVA6XW-ns1/svc1/tcp/p80 }
rule service-42NFTM6N-ns2/svc2/tcp/p80 ip daddr 172.30.0.42 ip saddr != 10.0.0.0/8 jump mark-for-masquerade
rule service-42NFTM6N-ns2/svc2/tcp/p80 numgen random mod 1 vmap { 0 : goto endpoint-SGOXE6O3-ns2/svc2/tcp/p80__10.180.0.2/80 }
rule external-42NFTM6N-ns2/svc2/tcp/p80 ip saddr 10.0.0.0/8 goto service-42NFTM6N-ns2/svc2/tcp/p80
rule external-42NFTM6N-ns2/svc2/tcp/p80 fib saddr type local jump mark-for-masquerade
rule external-42NFTM6N-ns2/svc2/tcp/p80 fib saddr type local goto service-42NFTM6N-ns2/svc2/tcp/p80
rule endpoint-SGOXE6O3-ns2/svc2/tcp/p80__10.180.0.2/80 ip saddr 10.180.0.2 jump mark-for-masquerade
rule endpoint-SGOXE6O3-ns2/svc2/tcp/p80__10.180.0.2/80 meta l4proto tcp dnat to 10.180.0.2:80
element cluster-ips { 172.30.0.42 }
element service-ips { 172.30.0.42 . tcp . 80 : goto service-42NFTM6N-ns2/svc2/tcp/p80 }
element service-ips { 192.168.99.22 . tcp . 80 : goto external-42NFTM6N-ns2/svc2/tcp/p80 }
element service-ips { 1.2.3.4 . tcp . 80 : goto external-42NFTM6N-ns2/svc2/tcp/p80 }
element service-nodeports { tcp . 3001 : goto external-42NFTM6N-ns2/svc2/tcp/p80 }
element no-endpoint-nodeports { tcp . 3001 : drop }
element no-endpoint-services { 1.2.3.4 . tcp . 80 : drop }
element no-endpoint-services { 192.168.99.22 . tcp . 80 : drop }
rule service-4AT6LBPK-ns3/svc3/tcp/p80 ip daddr 172.30.0.43 ip saddr != 10.0.0.0/8 jump mark-for-masquerade
rule service-4AT6LBPK-ns3/svc3/tcp/p80 numgen random mod 1 vmap { 0 : goto endpoint-UEIP74TE-ns3/svc3/tcp/p80__10.180.0.3/80 }
rule external-4AT6LBPK-ns3/svc3/tcp/p80 jump mark-for-masquerade
rule external-4AT6LBPK-ns3/svc3/tcp/p80 goto service-4AT6LBPK-ns3/svc3/tcp/p80
rule endpoint-UEIP74TE-ns3/svc3/tcp/p80__10.180.0.3/80 ip saddr 10.180.0.3 jump mark-for-masquerade
rule endpoint-UEIP74TE-ns3/svc3/tcp/p80__10.180.0.3/80 meta l4proto tcp dnat to 10.180.0.3:80
element cluster-ips { 172.30.0.43 }
element service-ips { 172.30.0.43 . tcp . 80 : goto service-4AT6LBPK-ns3/svc3/tcp/p80 }
element service-nodeports { tcp . 3003 : goto external-4AT6LBPK-ns3/svc3/tcp/p80 }
rule service-LAUZTJTB-ns4/svc4/tcp/p80 ip daddr 172.30.0.44 ip saddr != 10.0.0.0/8 jump mark-for-masquerade
rule service-LAUZTJTB-ns4/svc4/tcp/p80 numgen random mod 2 vmap { 0 : goto endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80 , 1 : goto endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80 }
rule external-LAUZTJTB-ns4/svc4/tcp/p80 jump mark-for-masquerade
rule external-LAUZTJTB-ns4/svc4/tcp/p80 goto service-LAUZTJTB-ns4/svc4/tcp/p80
rule endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80 ip saddr 10.180.0.5 jump mark-for-masquerade
rule endpoint-5RFCDDV7-ns4/svc4/tcp/p80__10.180.0.5/80 meta l4proto tcp dnat to 10.180.0.5:80
rule endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80 ip saddr 10.180.0.4 jump mark-for-masquerade
rule endpoint-UNZV3OEC-ns4/svc4/tcp/p80__10.180.0.4/80 meta l4proto tcp dnat to 10.180.0.4:80
element cluster-ips { 172.30.0.44 }
element service-ips { 172.30.0.44 . tcp . 80 : goto service-LAUZTJTB-ns4/svc4/tcp/p80 }
element service-ips { 192.168.99.33 . tcp . 80 : goto external-LAUZTJTB-ns4/svc4/tcp/p80 }
set affinity-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 { type ipv4_addr ; flags dynamic,timeout ; timeout 10800s ; }
rule service-HVFWP5L3-ns5/svc5/tcp/p80 ip daddr 172.30.0.45 ip saddr != 10.0.0.0/8 jump mark-for-masquerade
rule service-HVFWP5L3-ns5/svc5/tcp/p80 ip saddr @affinity-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 goto endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80
rule service-HVFWP5L3-ns5/svc5/tcp/p80 numgen random mod 1 vmap { 0 : goto endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 }
rule external-HVFWP5L3-ns5/svc5/tcp/p80 jump mark-for-masquerade
rule external-HVFWP5L3-ns5/svc5/tcp/p80 goto service-HVFWP5L3-ns5/svc5/tcp/p80
rule endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 ip saddr 10.180.0.3 jump mark-for-masquerade
rule endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 update @affinity-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 { ip saddr }
rule endpoint-GTK6MW7G-ns5/svc5/tcp/p80__10.180.0.3/80 meta l4proto tcp dnat to 10.180.0.3:80
rule firewall-HVFWP5L3-ns5/svc5/tcp/p80 ip saddr != { 203.0.113.0/25 } drop
element cluster-ips { 172.30.0.45 }
element service-ips { 172.30.0.45 . tcp . 80 : goto service-HVFWP5L3-ns5/svc5/tcp/p80 }
element service-ips { 5.6.7.8 . tcp . 80 : goto external-HVFWP5L3-ns5/svc5/tcp/p80 }
element service-nodeports { tcp . 3002 : goto external-HVFWP5L3-ns5/svc5/tcp/p80 }
element firewall-ips { 5.6.7.8 . tcp . 80 : goto firewall-HVFWP5L3-ns5/svc5/tcp/p80 }
element cluster-ips { 172.30.0.46 }
element no-endpoint-services { 172.30.0.46 . tcp . 80 : goto reject-chain }`;

import { describe, expect, it } from "vitest";
import { clusterRules } from "../../../src/control/kube/rules/clusterRules.ts";
import { readObjects } from "../../../src/control/objects/read.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { labDocument, podDocument } from "../control/documents.ts";
import { api, OUTSIDE, PODS } from "./labs.ts";
import { Network } from "./network.ts";

describe("kube-proxy's --nodeport-addresses", () => {
  const NODE_PORT = 30_500;
  const [PRIMARY, OTHER] = ["10.0.1.4", "10.0.2.4"];
  const LOCALHOST = "127.0.0.1";
  const web = api({ type: "NodePort", ports: [{ port: 80, targetPort: 8080, nodePort: NODE_PORT }] });
  /** More pods than one ENI has addresses: node-1 gets a second one, whose address is the node's as well. */
  const network = (mode: string, nodePortAddresses?: string[]) =>
    new Network(
      { ...OUTSIDE, cluster: { kubeProxy: { mode, nodePortAddresses } } },
      ...PODS,
      ...Array.from({ length: 12 }, (_, i) => podDocument(`fill-${i}`, { nodeName: "node-1" })),
      web,
    );
  const addresses = (n: Network) => {
    const { enis } = n.cluster.state().nodes[0];
    return [PRIMARY, formatAddress(enis[1].address), OTHER];
  };
  /** Which of the addresses lead to an endpoint. */
  const served = (n: Network) =>
    addresses(n).map((address) => n.reach("host/outside", `${address}:${NODE_PORT}`) === "far near");
  const ALL = [true, true, true];
  const PRIMARIES = [true, false, true];
  const FIRST = [true, false, false];

  it.each([
    ["iptables", undefined, ALL],
    ["nftables", undefined, PRIMARIES],
    ["ipvs", undefined, ALL],
    ["cilium", undefined, ALL],
    ...["iptables", "nftables", "ipvs", "cilium"].flatMap((mode): [string, string[], boolean[]][] => [
      [mode, ["0.0.0.0/0"], ALL],
      [mode, ["10.0.1.0/24"], [true, true, false]],
      [mode, [`${PRIMARY}/32`, "192.168.0.0/16"], FIRST],
      [mode, ["primary"], PRIMARIES],
      [mode, ["192.168.0.0/16"], [false, false, false]],
    ]),
  ])("%s mode, %j: packets to the node's primary, second and the other node's address", (mode, list, expected) => {
    expect(served(network(mode, list))).toEqual(expected);
  });

  it.each([
    ["iptables", undefined, true],
    ["iptables", ["127.0.0.0/8"], true],
    ["iptables", ["10.0.0.0/8"], false],
    ["nftables", ["127.0.0.0/8"], false],
    ["ipvs", ["127.0.0.0/8"], false],
    ["cilium", ["10.0.0.0/8"], true],
  ])("%s mode, %j: the node's own 127.0.0.1 has NodePorts: %s", (mode, list, expected) => {
    const n = network(mode, list);
    const { to } = n.dial("node/node-1", `${LOCALHOST}:${NODE_PORT}`, { source: LOCALHOST });
    expect(["pod/default/near", "pod/default/far"].includes(to)).toBe(expected);
  });

  it("changes while the lab runs, and does not break what is established", () => {
    const n = network("iptables");
    const old = n.open("host/outside", `${PRIMARY}:${NODE_PORT}`);
    const kubeProxy = { nodePortAddresses: ["10.0.2.0/24"] };
    n.apply(labDocument({ ...OUTSIDE, cluster: { kubeProxy } }));
    expect(served(n)).toEqual([false, false, true]);
    expect(old.flow.send()).toEqual(old.at);
    expect(old.flow.answer(old.at)).toBe(`${PRIMARY}:${NODE_PORT}`);
  });

  it("is in the rules that kube-proxy would write", () => {
    const rules = (mode: string, list: string[]) => {
      const n = network(mode, list);
      const [{ iptables, nftables }] = clusterRules(n.cluster.state(), n.cluster.snapshot(), null, "node-1");
      return { own: n.cluster.state().nodes[0].enis.map((eni) => formatAddress(eni.address)), iptables, nftables };
    };
    const ports = ({ iptables }: { iptables: string }) =>
      iptables.split("\n").filter((rule) => rule.startsWith("-A KUBE-SERVICES") && rule.endsWith("-j KUBE-NODEPORTS"));
    const two = rules("iptables", ["10.0.1.0/24"]);
    expect(ports(two).map((rule) => / -d (\S+) -j/.exec(rule)?.[1])).toEqual(two.own);
    expect(ports(rules("iptables", []))).toEqual([expect.stringContaining("-m addrtype --dst-type LOCAL")]);
    const nft = rules("nftables", ["10.0.1.0/24", "127.0.0.0/8"]);
    for (const address of nft.own) expect(nft.nftables).toContain(`nodeport-ips { ${address} }`);
    expect(nft.nftables).not.toContain(LOCALHOST);
  });

  it("without endpoints iptables mode rejects at any of the node's addresses, nftables mode at its own alone", () => {
    for (const [mode, expected] of [
      ["iptables", "REJECTED SERVICE_NO_ENDPOINTS"],
      ["nftables", "node/node-1"],
    ]) {
      const n = network(mode, ["primary"]);
      const [, second] = addresses(n);
      n.remove("pod/near", "pod/far");
      expect(n.reach("host/outside", `${PRIMARY}:${NODE_PORT}`)).toBe("REJECTED SERVICE_NO_ENDPOINTS");
      expect(n.reach("host/outside", `${second}:${NODE_PORT}`)).toBe(expected);
    }
  });

  it.each([
    [["primary", "10.0.0.0/8"], "expected CIDR blocks or primary alone, got both"],
    [["10.0.1.4"], "expected an IPv4 CIDR block such as 10.0.1.0/24, or primary"],
  ])("%j is refused", (nodePortAddresses, message) => {
    const { problems } = readObjects(labDocument({ cluster: { kubeProxy: { nodePortAddresses } } }));
    expect(problems.map((p) => p.message).join()).toContain(message);
  });
});

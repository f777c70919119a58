import { describe, expect, it } from "vitest";
import { explanationText } from "../../../src/cli/explanationText.ts";
import { table, wrap } from "../../../src/cli/output.ts";
import { loadLab } from "../../../src/lab/files/load.ts";
import { askOffline } from "../../../src/lab/question.ts";

const QUICKSTART = new URL("../../../labs/quickstart", import.meta.url).pathname;

function why(protocol: string, source: string, destination: string, width: number): string {
  const { cluster } = loadLab(QUICKSTART);
  return explanationText(askOffline(cluster, { protocol, source, destination, fromPort: null }), width);
}

describe("why, as text", () => {
  it.each([
    ["tcp", "pod/client", "svc/api:80"],
    ["tcp", "pod/client", "host/web:80"],
    ["icmp", "pod/client", "pod/api-1"],
    ["udp", "host/rds", "pod/api-1:53"],
    ["tcp", "pod/client", "8.8.8.8:53"],
  ])("%s %s -> %s fits 80 columns, and uses 140", (protocol, source, destination) => {
    const narrow = why(protocol, source, destination, 80).split("\n");
    expect(Math.max(...narrow.map((line) => line.length))).toBeLessThanOrEqual(80);
    const wide = why(protocol, source, destination, 140).split("\n");
    expect(Math.max(...wide.map((line) => line.length))).toBeLessThanOrEqual(140);
    expect(wide.length).toBeLessThanOrEqual(narrow.length);
  });

  it("tells the way from the pod to the internet, in order", () => {
    expect(why("tcp", "pod/client", "host/web:80", 140)).toMatchInlineSnapshot(`
      "tcp pod/default/client (10.0.1.16:40000) -> host/web (203.0.113.10:80)

      node-1  device     accept   pod/default/client: read from its TUN device
              conntrack  track    NEW: no entry for tcp 10.0.1.16:40000 -> 203.0.113.10:80; one begins
              mark       mark     AWS-CONNMARK-CHAIN-0: 0x0 -> 0x80: bit 7 set (mark and connmark 0x80: leaves the VPC, by the primary ENI)
              route      route    1024 fwmark 0x80/0x80 lookup main: table main: default -> node-1/eth0
              ttl        pass     64 -> 63
              mtu        pass     node-1/eth0: 40 bytes, MTU 9001: fits
              snat       snat     AWS-SNAT-CHAIN-0: source 10.0.1.16:40000 -> 10.0.1.4:7025, destination 203.0.113.10:80 stays; port drawn at
                                    random
              confirm    insert   new entry tcp 10.0.1.16:40000 -> 203.0.113.10:80, answered 203.0.113.10:80 -> 10.0.1.4:7025
      vpc     eni-out    accept   node-1/eth0: source/destination check: 10.0.1.4 belongs to the ENI
              vpc-route  route    main: default -> internet gateway
              mtu        pass     internet gateway: 40 bytes, MTU 1500: fits
              gateway    snat     internet gateway: source 10.0.1.4 -> 198.51.100.1 (1:1)
              device     deliver  host/web: written to its TUN device

      path        pod/default/client -> node-1/eth0 -> host/web
      seen        host/web sees 198.51.100.1:7025 -> 203.0.113.10:80
      verdict     DELIVERED
      decided by  node/node-1 rule 1024 (connmark), node/node-1 env AWS_VPC_K8S_CNI_EXTERNALSNAT, route table main default, node/node-1 public
                  address"
    `);
  });

  it("ends with the reason of a drop", () => {
    expect(why("tcp", "pod/client", "10.0.3.3:80", 80)).toMatch(
      /verdict {5}DROPPED VPC_ADDRESS_UNASSIGNED\n {12}No ENI of the VPC has the destination address/,
    );
  });
});

describe("a table", () => {
  it("aligns text to the left and numbers to the right, and leaves out columns that nobody fills", () => {
    expect(
      table(
        ["NAME", "N", "NOTE"],
        [
          ["a", 5, null],
          ["long", 10, null],
        ],
      ),
    ).toBe("NAME   N\na      5\nlong  10");
  });
});

describe("wrap", () => {
  it("breaks at spaces and indents what follows", () => {
    expect(wrap("one two three four", 9, "  ")).toBe("one two\n  three\n  four");
  });
});

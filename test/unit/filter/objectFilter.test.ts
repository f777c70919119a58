import { describe, expect, it } from "vitest";
import { nearMatches } from "../../../src/control/near.ts";
import type { Directory } from "../../../src/control/resolve.ts";
import type { PacketQuestion } from "../../../src/lab/controlStreams.ts";
import { FilterError } from "../../../src/observe/filter/filterError.ts";
import { type ObjectQuestion, objectTest, resolveQuestion } from "../../../src/observe/filter/objectFilter.ts";
import type { ObjectNames } from "../../../src/observe/filter/objectNames.ts";
import { FlowIds, packetFlow } from "../../../src/plane/flowIds.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { Bench, DEV, VIP } from "../plane/bench.ts";
import { ip, tcp, udp, VNET } from "../plane/packets.ts";

/** The names of test/unit/plane/bench.ts's lab. */
const machine = (device: number, address: string) => ({ kind: "pod" as const, device, address: ip(address) });
const port = (id: number, name: string, number: number, protocol = 6) => ({ id, name, port: number, protocol });
const SERVICES: Directory["services"] = new Map([
  ["svc/default/api", { address: ip(VIP), ports: [port(0, "http", 80), port(1, "empty", 81)] }],
  ["svc/kube-system/dns", { address: ip(VIP), ports: [port(2, "dns", 53, 17)] }],
  ["svc/default/db", { address: null, ports: [] }],
]);
const NAMES: ObjectNames = {
  machines: new Map([
    ["pod/default/client", machine(DEV.client, "10.0.1.32")],
    ["pod/default/second", machine(DEV.second, "10.0.1.48")],
    ["pod/default/api-0", machine(DEV.api0, "10.0.2.32")],
    ["pod/other/api-1", machine(DEV.api1, "10.0.2.33")],
    ["node/node-0", machine(DEV.host0, "10.0.1.10")],
    ["node/node-1", machine(DEV.host1, "10.0.2.10")],
    ["host/rds", machine(DEV.rds, "10.0.1.200")],
    ["host/web", machine(DEV.web, "203.0.113.10")],
  ]),
  services: SERVICES,
  nodes: ["node-0", "node-1"],
  near: nearMatches,
};

const NOTHING: ObjectQuestion = { pods: [], services: [], nodes: [], verdicts: [], reasons: [], flow: null };
const ask = (question: Partial<PacketQuestion>) => resolveQuestion({ ...NOTHING, ...question }, NAMES);

/** A lab in which packets are sent, and asked about. */
class Watched {
  readonly bench = new Bench({ seed: 3 });
  readonly #flows = new FlowIds();
  flow = 0;
  #destination = 0;

  send(device: number, packet: Uint8Array): Uint8Array[] {
    const at = (offset: number) =>
      (packet[offset] << 24) | (packet[offset + 1] << 16) | (packet[offset + 2] << 8) | packet[offset + 3];
    const sent = this.bench.send(device, packet);
    const [src, dst] = [at(VNET + 12), at(VNET + 16)];
    this.flow = this.#flows.of(this.bench.decision, packetFlow(packet[VNET + 9], src, 0, dst, 0));
    this.#destination = dst;
    return sent.map((s) => s.bytes);
  }

  passes(question: Partial<PacketQuestion>): boolean {
    return objectTest(structuredClone(ask(question)))(this.bench.decision, this.flow, this.#destination);
  }
}

const SYN = () => tcp("10.0.1.32:4000", `${VIP}:80`, "S");

describe("a connection to a ClusterIP", () => {
  const lab = new Watched();
  const [syn] = lab.send(DEV.client, SYN());
  const endpoint = lab.bench.decision.receiver === DEV.api0 ? "pod/api-0" : "pod/other/api-1";
  const other = endpoint === "pod/api-0" ? "pod/other/api-1" : "pod/api-0";

  it.each([
    [{}, true],
    [{ pods: ["pod/client"] }, true],
    [{ pods: [endpoint] }, true],
    [{ pods: [other] }, false],
    [{ pods: [other, "client"] }, true],
    [{ pods: ["second"] }, false],
    [{ services: ["svc/api:80"] }, true],
    [{ services: ["svc/api:http"] }, true],
    [{ services: ["api"] }, true],
    [{ services: ["default/api:81"] }, false],
    [{ services: ["svc/kube-system/dns"] }, false],
    [{ nodes: ["node-0"] }, true],
    [{ nodes: ["node/node-1"] }, true],
    [{ verdicts: ["delivered"] }, true],
    [{ verdicts: ["DROPPED", "REJECTED", "QUEUED"] }, false],
    [{ reasons: ["NO_ROUTE"] }, false],
    [{ pods: ["client"], services: ["api"], nodes: ["node-1"], verdicts: ["DELIVERED"] }, true],
    [{ pods: ["client"], services: ["api:81"], nodes: ["node-1"], verdicts: ["DELIVERED"] }, false],
  ] as const)("%j: %s", (question, expected) => {
    expect(lab.passes(question)).toBe(expected);
  });

  it("has one flow, in its answer too, which meets its pods and its service", () => {
    const { flow } = lab;
    const digits = (flow >>> 0).toString(16).padStart(8, "0");
    expect(lab.passes({ flow: digits })).toBe(true);
    expect(lab.passes({ flow: "00000001" })).toBe(false);
    const to = `${formatAddress(lab.bench.decision.dst)}:8080`;
    lab.send(lab.bench.decision.receiver, tcp(to, "10.0.1.32:4000", "S."));
    expect(syn.length).toBeGreaterThan(0);
    expect(lab.bench.decision.receiver).toBe(DEV.client);
    expect(lab.passes({ flow: digits.toUpperCase() })).toBe(true);
    expect(lab.passes({ pods: [endpoint], services: ["api:80"] })).toBe(true);
    expect(lab.passes({ pods: [other] })).toBe(false);
    expect(lab.passes({ services: ["api:81"] })).toBe(false);
  });
});

describe("a packet that is dropped", () => {
  it("met the service that has no endpoints, on the sender's node alone", () => {
    const lab = new Watched();
    lab.send(DEV.client, tcp("10.0.1.32:4000", `${VIP}:81`, "S"));
    expect(lab.passes({ verdicts: ["REJECTED"], reasons: ["service-no-endpoints"] })).toBe(true);
    expect(lab.passes({ verdicts: ["DROPPED"] })).toBe(false);
    expect(lab.passes({ pods: ["client"], nodes: ["node-0"] })).toBe(true);
    expect(lab.passes({ nodes: ["node-1"] })).toBe(false);
  });

  it("was meant for its destination, though it never came near it", () => {
    const lab = new Watched();
    lab.send(DEV.client, udp("10.0.1.99:4000", "10.0.2.32:53"));
    expect(lab.bench.reason).toBe("SOURCE_NOT_OWN");
    expect(lab.passes({ pods: ["api-0"], verdicts: ["DROPPED"] })).toBe(true);
    expect(lab.passes({ pods: ["client"] })).toBe(true);
    expect(lab.passes({ pods: ["second"] })).toBe(false);
    expect(objectTest(ask({ pods: ["api-0"] }))(lab.bench.decision, lab.flow)).toBe(false);
  });

  it("was meant for the endpoint that its service chose", () => {
    const lab = new Watched();
    lab.bench.plane.apply({
      put: [],
      gone: [{ t: "eniAddress", vpc: 0, prefix: ip("10.0.2.32"), length: 28, eni: 2 }],
    });
    lab.send(DEV.client, udp("10.0.1.32:4000", `${VIP}:53`));
    expect(lab.bench.reason).toBe("VPC_ADDRESS_UNASSIGNED");
    expect(lab.passes({ pods: ["api-0"], services: ["kube-system/dns:dns"] })).toBe(true);
  });
});

describe("an answer that is dropped", () => {
  it("was meant for who began the connection", () => {
    const lab = new Watched();
    lab.send(DEV.client, tcp("10.0.1.32:4000", "10.0.1.200:5432", "S"));
    lab.send(DEV.rds, tcp("10.0.1.200:5432", "10.0.1.32:4000", "S.", { ttl: 1 }));
    expect(lab.bench.reason).toBe("TTL_EXCEEDED");
    expect(objectTest(ask({ pods: ["client"] }))(lab.bench.decision, lab.flow)).toBe(true);
    expect(objectTest(ask({ pods: ["second"] }))(lab.bench.decision, lab.flow)).toBe(false);
  });
});

describe("a packet that waits", () => {
  it("is QUEUED", () => {
    const lab = new Watched();
    lab.send(DEV.client, udp("10.0.1.32:4000", "10.0.2.32:53", "x".repeat(16), { frag: 0x2000 }));
    expect(lab.passes({ verdicts: ["queued"], pods: ["client"] })).toBe(true);
    expect(lab.passes({ verdicts: ["DELIVERED"] })).toBe(false);
  });
});

describe("hosts and nodes", () => {
  it("are senders and receivers by their kind", () => {
    const lab = new Watched();
    lab.send(DEV.client, tcp("10.0.1.32:4000", "10.0.1.200:5432", "S"));
    expect(lab.passes({ pods: ["host/rds"] })).toBe(true);
    expect(lab.passes({ pods: ["node/node-0"] })).toBe(false);
  });

  it("receive what is sent to their further addresses", () => {
    const lab = new Watched();
    lab.send(DEV.client, udp("10.0.1.32:4000", "10.0.1.20:53"));
    expect(lab.passes({ pods: ["node/node-0"] })).toBe(true);
    expect(lab.passes({ pods: ["node/node-1"] })).toBe(false);
  });
});

describe("names that nothing has", () => {
  it.each([
    [{ pods: ["cleint"] }, "there is no pod cleint; did you mean pod/default/client?"],
    [{ pods: ["default/api-1"] }, "there is no pod default/api-1; did you mean pod/other/api-1 or pod/default/api-0?"],
    [{ pods: ["pod/nothing-like-it"] }, "there is no pod pod/nothing-like-it"],
    [{ pods: ["host/rsd"] }, "there is no host host/rsd; did you mean host/rds?"],
    [{ pods: ["svc/api"] }, "svc/api is no pod: ask for it as a service"],
    [{ services: ["apii:80"] }, "there is no service apii:80; did you mean svc/default/api?"],
    [{ services: ["api:8080"] }, 'svc/default/api has no port "8080": there is svc/default/api:80, svc/default/api:81'],
    [{ services: ["api:80:81"] }, '"api:80:81" is no service: write svc/api:80'],
    [{ services: ["pod/client"] }, "pod/client is no service: ask for it as a pod or a node"],
    [
      { services: ["db"] },
      "svc/default/db has no ports that are translated: it is a name in DNS only; ask for its pods",
    ],
    [{ nodes: ["nod-0"] }, "there is no node nod-0; did you mean node-0?"],
    [{ nodes: ["pod/client"] }, "pod/client is no node: write node/NAME"],
    [{ verdicts: ["lost"] }, '"lost" is no verdict: write one of QUEUED, DELIVERED, DROPPED, REJECTED'],
    [{ reasons: ["NO_ROUT"] }, "there is no reason NO_ROUT; did you mean NO_ROUTE?"],
    [{ reasons: ["because"] }, "there is no reason because: docs/reasons.md has them all"],
    [{ reasons: ["NONE"] }, "NONE is no reason to drop a packet: ask for the verdict DELIVERED"],
    [{ flow: "12345" }, '"12345" is no flow: write the eight hexadecimal digits that a trace shows'],
  ] as const)("%j", (question, message) => {
    expect(() => ask(question)).toThrow(new FilterError(message));
  });
});

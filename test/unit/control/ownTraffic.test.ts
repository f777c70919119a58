import { describe, expect, it } from "vitest";
import { OwnTraffic } from "../../../src/control/ownTraffic.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { cluster, podDocument, read, serviceDocument, sliceDocument } from "./objects.ts";

/** What a node sends to itself and has to leave its namespace for. */

type Live = ReturnType<typeof cluster>;

const nodeAddress = (c: Live, i: number): string => formatAddress(c.state().nodes[i].address);
const shown = (c: Live, own = new OwnTraffic()): string[][] =>
  own.of(c.state()).map((flows) => flows.map((f) => `${f.protocol} ${formatAddress(f.address)}:${f.port} ${f.end}`));

describe("what a node sends to itself", () => {
  it("is nothing but NodePorts where no service and no pod has an address or a port of its own", () => {
    expect(
      shown(cluster({}, serviceDocument("web", { clusterIP: "172.20.0.80", externalIPs: ["198.18.0.1"] }))),
    ).toEqual([[], []]);
  });

  it("has the ports of external IPs and load balancers' IPs that are its own, and follows the service", () => {
    const c = cluster({});
    const address = nodeAddress(c, 1);
    const own = new OwnTraffic();
    expect(shown(c, own)).toEqual([[], []]);
    c.apply(read(serviceDocument("web", { externalIPs: [address, "198.18.0.1"], ports: [{ port: 81 }] })));
    expect(shown(c, own)).toEqual([[], [`6 ${address}:81 destination`]]);
    c.apply(read(serviceDocument("web", { externalIPs: [address], ports: [{ port: 82, protocol: "UDP" }] })));
    expect(shown(c, own)).toEqual([[], [`17 ${address}:82 destination`]]);
    c.remove(["svc/default/web"]);
    expect(shown(c, own)).toEqual([[], []]);
  });

  it("has the hostPorts of the node's pods, at hostIP or at every address", () => {
    const ports = [
      { containerPort: 8080, hostPort: 80 },
      { containerPort: 53, hostPort: 5353, protocol: "UDP", hostIP: "127.0.0.1" },
    ];
    const c = cluster({}, podDocument("web", { nodeName: "node-2", containers: [{ name: "c", ports }] }));
    expect(shown(c)).toEqual([[], ["6 0.0.0.0:80 destination", "17 127.0.0.1:5353 destination"]]);
  });

  it("has what an endpoint that is the node itself is asked and answers", () => {
    const c = cluster({});
    const address = nodeAddress(c, 0);
    c.apply(read(serviceDocument("web", { selector: undefined }), sliceDocument("web", [address], 8080)));
    const flows = shown(c)[0].filter((flow) => flow.includes(address));
    expect(flows.map((flow) => flow.split(" ").at(-1)).sort()).toEqual(["destination", "source"]);
    expect(shown(c)[1]).toEqual([]);
  });
});

import { afterEach, expect, it } from "vitest";
import { Podplane, UDP } from "./podplane.ts";
import { labDocument, podDocument, serviceDocument } from "./support/labObjects.ts";
import { manyName, manyServices, manySlice, peakMemory } from "./support/manyServices.ts";
import { describeProcesses, processesOf } from "./support/traces.ts";

const FEW = 1000;
const MANY = 20_000;
const ENDPOINTS = 5;
const MOST_MEMORY = 500e6;
const CHANGES = 40;
/** What grows with the number of services would grow by MANY / FEW = 20. */
const MOST_GROWTH = 6;
const DATAGRAMS = 3000;

const podplanes: Podplane[] = [];
afterEach(async () => {
  for (const podplane of podplanes.splice(0)) await podplane.dispose();
});

async function up(services: number): Promise<Podplane> {
  const podplane = new Podplane();
  podplanes.push(podplane);
  const items = [
    labDocument({ name: `services-${services}`, cluster: { dns: {} } }),
    ...manyServices(services, ENDPOINTS),
    podDocument("client", { spec: { nodeName: "node-1" } }),
    podDocument("echo", { command: ["node", UDP, "echo", "8080"], spec: { nodeName: "node-2" } }),
    serviceDocument("echo", [{ port: 7, targetPort: 8080, protocol: "UDP" }], { clusterIP: "172.20.0.99" }),
  ];
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  await podplane.up(podplane.write("lab.json", list));
  await podplane.serving("pod/echo");
  return podplane;
}

/** Changes one endpoint's readiness again and again. @returns milliseconds that the quickest quarter of them took. */
async function changeOne(podplane: Podplane): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < CHANGES; i++) {
    const path = podplane.write("slice.json", JSON.stringify(manySlice(0, ENDPOINTS, i % ENDPOINTS)));
    const before = performance.now();
    const { changed } = await podplane.ask("apply", { path });
    times.push(performance.now() - before);
    expect(changed).toEqual([`endpointslice/default/${manyName(0)}`]);
  }
  return times.toSorted((a, b) => a - b)[CHANGES >> 2];
}

it("20,000 Services with 100,000 endpoints: in 500 MB, changed at the cost of the change, with no datagram of others lost", async () => {
  const few = await up(FEW);
  const quick = await changeOne(few);
  await few.finish();

  const many = await up(MANY);
  const flow = many.background("pod/client", "node", UDP, "ask", "172.20.0.99", "7", String(DATAGRAMS), "64");
  const took = await changeOne(many);
  const { status, stdout, stderr } = await flow.ended;
  expect(status, stderr).toBe(0);
  // Each came back as it was, from the address that it was sent to.
  expect(JSON.parse(stdout)).toEqual({ answered: DATAGRAMS, origins: ["172.20.0.99:7"] });
  // Once the command has said so, the plane forwards by it: without endpoints it refuses at once.
  await many.must("apply", "-f", many.write("slice.json", JSON.stringify(manySlice(0, 0))));
  const refused = await many.sh("pod/client", `curl -s -m 5 http://${manyName(0)}/ || echo $?`);
  expect(refused, "curl: 7, connection refused").toBe("7");
  // Podplane's own; the pod's server is a program of the test.
  const own = processesOf(many.directory).filter((pid) => !describeProcesses([pid])[0]?.includes(UDP));
  expect(peakMemory(own), "bytes").toBeLessThan(MOST_MEMORY);
  expect(took / quick, `one change: ${quick} ms among ${FEW}, ${took} ms among ${MANY}`).toBeLessThan(MOST_GROWTH);
  await many.finish();
}, 120_000);

// Measures how a lab takes tens of thousands of Services: in one process from a JSON List on disk to rows in the plane's
// tables and one endpoint's change; then `podplane up` from that List, as JSON and as YAML, to the first answered request,
// with changes and memory of the running lab.
//
//   node test/bench/services.mjs [--services 20000] [--endpoints 100000] [--per-slice 5] [--rounds 3] [--only parts,lab]
//                                [--formats JSON,YAML] [--dist DIRECTORY]
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { measureLab } from "./servicesLab.mjs";
import { spread, table } from "./statistics.mjs";

const MEBI = 1 << 20;
const CHANGES = 50;

const { values: options } = parseArgs({
  options: {
    services: { type: "string", default: "20000" },
    endpoints: { type: "string", default: "100000" },
    "per-slice": { type: "string", default: "0" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: "parts,lab" },
    formats: { type: "string", default: "JSON,YAML" },
    dist: { type: "string", default: fileURLToPath(new URL("../../dist", import.meta.url)) },
  },
});
const services = Number(options.services);
const endpoints = Number(options.endpoints);
const perSlice = Number(options["per-slice"]) || Math.ceil(endpoints / services);
const from = (path) => import(pathToFileURL(resolve(options.dist, path)).href);

const LAB = {
  apiVersion: "podplane.dev/v1alpha1",
  kind: "Lab",
  metadata: { name: "services" },
  spec: {
    vpc: {
      cidrBlocks: ["10.0.0.0/16"],
      subnets: [{ name: "a", availabilityZone: "us-east-1a", cidrBlock: "10.0.0.0/20" }],
    },
    cluster: { serviceCidr: "172.20.0.0/16" },
    nodes: [
      { name: "node-1", instanceType: "m5.large", subnet: "a" },
      { name: "node-2", instanceType: "m5.large", subnet: "a" },
    ],
  },
};

const address = (n) => `10.${64 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;

function service(i) {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: `s-${i}`, namespace: "default", uid: `${i}`, resourceVersion: "1" },
    spec: { type: "ClusterIP", ports: [{ name: "http", port: 80, targetPort: 8080, protocol: "TCP" }] },
    status: { loadBalancer: {} },
  };
}

/** @param skip an endpoint that is not ready, or -1 */
function slice(i, first, count, skip = -1) {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `s-${i}-${first}`, namespace: "default", labels: { "kubernetes.io/service-name": `s-${i}` } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    endpoints: Array.from({ length: count }, (_, n) => ({
      addresses: [address(first + n)],
      conditions: { ready: first + n !== skip, serving: first + n !== skip, terminating: false },
      nodeName: n % 2 === 0 ? "node-1" : "node-2",
      zone: "us-east-1a",
    })),
  };
}

/** A pod behind a service of its own, whose readiness changes. */
const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "default", labels: { app: "p" } },
  spec: { containers: [{ name: "main" }] },
};
const POD_SERVICE = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "p" },
  spec: { selector: { app: "p" }, ports: [{ port: 80 }] },
};

/** Every service has a slice; the first ones have full ones until the endpoints are used up. */
function items() {
  const list = [POD, POD_SERVICE];
  let left = endpoints;
  for (let i = 0; i < services; i++) {
    const count = Math.min(perSlice, left);
    list.push(service(i), slice(i, endpoints - left, count));
    left -= count;
  }
  return list;
}

const memory = () => {
  globalThis.gc?.();
  return process.memoryUsage();
};
const shown = (milliseconds) => `${milliseconds.toFixed(1)} ms`;
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Parts of the way in this process. @param {string} directory */
async function parts(directory) {
  writeFileSync(join(directory, "lab.json"), JSON.stringify(LAB));
  const file = join(directory, "services.json");
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: items() }));
  const [{ loadLab }, { diff }, { Tables }, { readObjects }] = await Promise.all([
    from("lab/files/load.js"),
    from("control/diff.js"),
    from("plane/tables.js"),
    from("control/objects/read.js"),
  ]);
  const start = performance.now();
  const { cluster } = loadLab(directory);
  const loaded = performance.now();
  const first = diff(null, cluster.snapshot());
  const compiled = performance.now();
  const tables = new Tables();
  tables.apply(first);
  const done = performance.now();
  const { rss, heapUsed } = memory();
  console.log(
    `file            ${(statSync(file).size / MEBI).toFixed(1)} MiB, ${services} services, ${endpoints} endpoints`,
  );
  console.log(`read and made   ${shown(loaded - start)}`);
  console.log(`first patch     ${shown(compiled - loaded)}, ${first.put.length} rows`);
  console.log(`plane's tables  ${shown(done - compiled)}`);
  console.log(`together        ${shown(done - start)}`);
  console.log(`memory          ${(rss / MEBI).toFixed(0)} MiB, heap ${(heapUsed / MEBI).toFixed(0)} MiB`);

  const applied = [];
  const patched = [];
  let previous = cluster.snapshot();
  for (let i = 0; i < CHANGES; i++) {
    const { objects } = readObjects(slice(0, 0, perSlice, i % perSlice));
    const before = performance.now();
    cluster.apply(objects.map((o) => o.object));
    const between = performance.now();
    const next = cluster.snapshot();
    const patch = diff(previous, next);
    tables.apply(patch);
    const after = performance.now();
    if (patch.put.length !== 1 || patch.gone.length !== 0) throw new Error(`a patch of ${patch.put.length} rows`);
    applied.push(between - before);
    patched.push(after - between);
    previous = next;
  }
  const turned = [];
  for (let i = 0; i < CHANGES; i++) {
    const before = performance.now();
    cluster.setReady("pod/default/p", i % 2 === 1);
    const next = cluster.snapshot();
    const patch = diff(previous, next);
    tables.apply(patch);
    turned.push(performance.now() - before);
    if (patch.put.length !== 1) throw new Error(`a patch of ${patch.put.length} rows`);
    previous = next;
  }
  console.log(`one pod ready   ${shown(median(turned))} compiled, compared and put`);
  console.log(
    `one slice       ${shown(median(applied))} checked and compiled, ${shown(median(patched))} compared and put`,
  );
}

/** The real command, rounds of JSON and YAML one after the other. */
async function lab() {
  const list = items();
  const texts = {
    JSON: ["json", (value) => JSON.stringify(value)],
    YAML: ["yaml", (value) => stringify(value, { aliasDuplicateObjects: false })],
  };
  const results = { JSON: [], YAML: [] };
  const formats = options.formats.split(",");
  const change = (i) => slice(0, 0, perSlice, i % perSlice);
  for (const [name, [extension, text]] of Object.entries(texts)) {
    if (!formats.includes(name)) continue;
    const directory = mkdtempSync(join(tmpdir(), "podplane-services-"));
    try {
      writeFileSync(join(directory, `lab.${extension}`), text(LAB));
      writeFileSync(
        join(directory, `services.${extension}`),
        text({ apiVersion: "v1", kind: "List", items: list.filter((o) => o !== POD && o !== POD_SERVICE) }),
      );
      for (let i = 0; i < Number(options.rounds); i++)
        results[name].push(await measureLab(directory, options.dist, change));
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
  const rows = [
    ["from disk", "up, s", "first answer, s", "CPU, s", "peak memory, MB", "one change, ms", "echoes lost"],
  ];
  for (const [name, list] of Object.entries(results)) {
    if (list.length === 0) continue;
    const of = (field) => list.map((r) => r[field]);
    rows.push([
      name,
      spread(of("up"), 2),
      spread(of("answered"), 2),
      spread(of("cpu"), 2),
      spread(of("memory"), 0),
      spread(of("change"), 1),
      String(of("lost").reduce((a, b) => a + b, 0)),
    ]);
  }
  console.log(`\n${table(rows)}`);
}

const wanted = options.only.split(",");
if (wanted.includes("parts")) {
  const directory = mkdtempSync(join(tmpdir(), "podplane-services-"));
  try {
    await parts(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
if (wanted.includes("lab")) {
  console.log(
    `\n${cpus().length} cores (${cpus()[0]?.model ?? ""}), Linux ${release()}, Node ${process.version}, load ${loadavg()[0].toFixed(1)}`,
  );
  await lab();
}

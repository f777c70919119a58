import { afterEach, beforeEach, expect, it } from "vitest";
import { Podplane, SERVER } from "./podplane.ts";
import { type LabDocument, labDocument, podDocument, serviceDocument } from "./support/labObjects.ts";
import { until } from "./support/wait.ts";

// Network policies with real clients and servers: who is let through, what the agents log and count.

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

const PORT = 8080;
const on = (node: number): LabDocument => ({ nodeName: `node-${node}` });
const api = podDocument("api", { command: [process.execPath, SERVER, String(PORT)], spec: on(2) });
const clients = ["web", "other"].map((name) => podDocument(name, { spec: on(1) }));
const service = serviceDocument("api", [{ port: 80, targetPort: PORT }]);

const policy = (name: string, spec: LabDocument): LabDocument => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name },
  spec,
});
const app = (name: string): LabDocument => ({ podSelector: { matchLabels: { app: name } } });
const fromWeb = policy("api", { ...app("api"), ingress: [{ from: [app("web")], ports: [{ port: PORT }] }] });

function lab(networkPolicy: LabDocument): LabDocument {
  return labDocument({ cluster: { networkPolicy } });
}

/** The HTTP status that a client gets, or 0: nothing came within a second. */
async function status(from: string, address: string): Promise<number> {
  const script = `curl -sS -o /dev/null -w '%{http_code}' --connect-timeout 1 ${address} 2>/dev/null || true`;
  return Number((await podplane.sh(`pod/${from}`, script)).trim());
}

it("a policy lets through whom it names, with either engine; why and the agent's log tell the same", async () => {
  const objects = [lab({ eventLogs: "Enabled" }), api, ...clients, service, fromWeb];
  await podplane.up(podplane.write("lab.yaml", objects));
  await podplane.serving("pod/api");
  const vip = await podplane.clusterIP("api");
  expect(await status("web", vip)).toBe(200);
  expect(await status("other", vip)).toBe(0);
  expect(await podplane.must("why", "tcp", "pod/other", "svc/api:80")).toContain("networkpolicy/default/api");

  const pods = await podplane.get("pods");
  const address = (name: string) => pods.find((p) => p.name === name)?.address ?? "";
  const log = await until("the agent to have logged", async () => {
    const text = await podplane.must("logs", "node/node-2", "--policy");
    return text === "" ? null : text;
  });
  const [line] = log
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text) as { level: string; msg: string });
  expect(line.level).toBe("info");
  expect(line.msg).toMatch(
    new RegExp(
      `^Flow Info: Src IP: ${address("other")} Src Port: \\d+ Dest IP: ${address("api")} Dest Port: ${PORT} Proto TCP Verdict DENY Direction ingress, Tier NETWORK_POLICY$`,
    ),
  );
  expect(await podplane.must("logs", "node/node-2", "--policy", "--cloudwatch")).toMatch(
    /^Node: node-2;SIP: [\d.]+;SPORT: \d+;DIP: [\d.]+;DPORT: 8080;PROTOCOL: TCP;PolicyVerdict: DENY;Tier: NETWORK_POLICY\n/,
  );
  expect(await podplane.must("logs", "node/node-1", "--policy")).toBe("");
  const { text } = await podplane.metrics();
  expect(text).toMatch(/network_policy_drop_count_total\{node="node-2",direction="ingress"\} [1-9]/);
  expect(await podplane.get("policies")).toMatchObject([
    {
      policy: "networkpolicy/default/api",
      pods: ["pod/default/api"],
      rule: "ingress[0]",
      blocks: [`${address("web")}/32`],
    },
  ]);

  const upstream = podplane.write("upstream.yaml", [lab({ engine: "upstream" })]);
  await podplane.must("apply", "-f", upstream);
  expect(await status("web", vip)).toBe(200);
  expect(await status("other", vip)).toBe(0);
  await podplane.finish();
});

it("egress meets a service before its translation: AWS's engine needs its ClusterIP, upstream's its pods", async () => {
  const toPods = policy("web", {
    ...app("web"),
    policyTypes: ["Egress"],
    egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/16" } }], ports: [{ port: PORT }] }],
  });
  await podplane.up(podplane.write("lab.yaml", [lab({}), api, ...clients, service, toPods]));
  await podplane.serving("pod/api");
  const vip = await podplane.clusterIP("api");
  const pod = (await podplane.get("pods")).find((p) => p.name === "api")?.address ?? "";
  expect(await status("web", `${pod}:${PORT}`)).toBe(200);
  expect(await status("web", vip)).toBe(0);
  await podplane.must("apply", "-f", podplane.write("upstream.yaml", [lab({ engine: "upstream" })]));
  expect(await status("web", vip)).toBe(200);
  await podplane.finish();
});

it("strict: a new pod reaches nothing until its policies are there; standard: everything", async () => {
  const open = policy("open", { podSelector: {}, policyTypes: ["Egress"], egress: [{}] });
  const settings = { reconcileSeconds: 4 };
  await podplane.up(podplane.write("lab.yaml", [lab({ ...settings, enforcingMode: "strict" }), api, open]));
  await podplane.serving("pod/api");
  const pod = (await podplane.get("pods")).find((p) => p.name === "api")?.address ?? "";
  await podplane.must("apply", "-f", podplane.write("late.yaml", [podDocument("late", { spec: on(1) })]));
  expect(await status("late", `${pod}:${PORT}`)).toBe(0);
  expect(await podplane.must("why", "tcp", "pod/late", "pod/api:8080")).toContain("POLICY_DEFAULT_DENY");
  await until("late's policies to hold", async () => ((await status("late", `${pod}:${PORT}`)) === 200 ? true : null));
  await podplane.finish();
});

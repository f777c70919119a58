import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Podplane } from "./podplane.ts";

const FIXTURE = fileURLToPath(new URL("../unit/import/fixtures/shop", import.meta.url));
const KUBECTL = ["nodes.json", "services.json", "workloads.json"];

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

it("a cluster that was imported comes up with its observed addresses, and its pods' stand-ins answer", async () => {
  const path = (file: string) => join(FIXTURE, file);
  const ec2 = readdirSync(FIXTURE).filter((file) => !KUBECTL.includes(file));
  const lab = join(podplane.directory, "shop");
  const args = ["--kubectl", ...KUBECTL.map(path), "--ec2", ...ec2.map(path), "-o", lab];
  const { stdout, stderr } = await podplane.run("import", ...args);
  expect(stdout).toContain(join(lab, "lab.yaml"));
  expect(stderr).toContain("note: ingress/shop/web: left out: podplane does not act on its kind");

  await podplane.up(lab);
  const pods = await podplane.get("pods");
  const api = pods.find((p) => p.name === "api-5b6fd8-k2v7t");
  expect(api).toMatchObject({ address: "10.0.1.163", eni: "ip-10-0-1-20.us-west-2.compute.internal/eth1" });
  const web = "pod/shop/web-7c5ddbdf54-8wq4z";
  const curl = ["curl", "-sS", "--max-time", "20", "--retry", "10", "--retry-connrefused", "--retry-delay", "1"];
  const answer = JSON.parse(await podplane.must("exec", web, "--", ...curl, "http://api:9000/who"));
  expect(answer).toMatchObject({ name: "api-5b6fd8-k2v7t", port: 9000, path: "/who" });
  expect(answer.client).toMatch(/^10\.0\.2\.35:/);
});

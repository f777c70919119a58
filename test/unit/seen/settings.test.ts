import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { LabObject } from "../../../src/control/objects/kinds.ts";
import type { Lab } from "../../../src/control/objects/lab.ts";
import { SettingError, withSettings } from "../../../src/control/seen/settings.ts";
import { loadLab } from "../../../src/lab/files/load.ts";
import { askSeen } from "../../../src/lab/seen.ts";

const LABS = new URL("../../../labs/", import.meta.url).pathname;
const { cluster } = loadLab(`${LABS}seen`);
const objects = cluster.objects();
const labOf = (list: readonly LabObject[]): Lab | undefined => list.find((o) => o.kind === "Lab");
const spec = (...settings: string[]) => labOf(withSettings(objects, settings))?.spec;

describe("settings of a question", () => {
  it("change a variable of the CNI, a field, an element by its name or place", () => {
    expect(spec("AWS_VPC_K8S_CNI_EXTERNALSNAT=true")?.cluster.cni.env).toMatchObject({
      AWS_VPC_K8S_CNI_EXTERNALSNAT: "true",
      ENABLE_POD_ENI: "true",
    });
    expect(spec("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS=10.1.0.0/16,10.2.0.0/16")?.cluster.cni.env).toMatchObject({
      AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "10.1.0.0/16,10.2.0.0/16",
    });
    expect(spec("spec.cluster.cni.markBeforeDnat=true")?.cluster.cni.markBeforeDnat).toBe(true);
    expect(spec("spec.nodes.node-2.sourceDestCheck=false")?.nodes.map((n) => n.sourceDestCheck)).toEqual([true, false]);
    expect(spec("spec.nodes.0.maxPods=8")?.nodes[0].maxPods).toBe(8);
    expect(spec('spec.vpc.cidrBlocks=["10.0.0.0/16"]')?.vpc.cidrBlocks).toEqual(["10.0.0.0/16"]);
  });

  it("change other objects by their name, and several things in turn", () => {
    const changed = withSettings(objects, ["eniconfig/us-east-1a:spec.subnet=pods-b", "spec.seed=1", "spec.seed=2"]);
    expect(changed.find((o) => o.kind === "ENIConfig")).toMatchObject({ spec: { subnet: "pods-b" } });
    expect(labOf(changed)?.spec.seed).toBe(2);
    // What is asked about stays as it was.
    expect(objects.find((o) => o.kind === "ENIConfig")).toMatchObject({ spec: { subnet: "pods-a" } });
  });

  it("leave everything else of every lab as it is", () => {
    const names = readdirSync(LABS, { recursive: true, encoding: "utf8" }).filter((n) => n.endsWith("/lab.yaml"));
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) {
      const all = loadLab(`${LABS}${name}`).cluster.objects();
      expect(withSettings(all, [`spec.seed=${labOf(all)?.spec.seed}`]), name).toEqual(all);
    }
  });

  it.each([
    ["FOO", /^"FOO" is no setting: write VARIABLE=VALUE/],
    ["cluster.mode=auto", /is no setting/],
    ["spec..mode=auto", /is no setting/],
    ["spec.bar=1", /^spec\.bar=1: spec\.bar: expected a known field/],
    ["spec.nodes.node-9.subnet=x", /there is no "node-9"; there is node-1, node-2$/],
    ["spec.nodes.9.subnet=x", /there is no "9"/],
    ["POD_SECURITY_GROUP_ENFORCING_MODE=foo", /expected strict or standard, got "foo"/],
    ["pod/nobody:spec.nodeName=node-1", /there is no pod\/default\/nobody/],
  ])("%s is refused in one sentence", (setting, message) => {
    expect(() => withSettings(objects, [setting])).toThrow(message);
  });

  it("are refused where the lab cannot run with them", () => {
    const ask = () =>
      askSeen(cluster, { set: ["spec.vpc.subnets.nodes-a.routeTable=nix"], vs: null, from: [], to: [] });
    expect(ask).toThrow(SettingError);
    expect(ask).toThrow(
      /^with spec\.vpc\.subnets\.nodes-a\.routeTable=nix: lab\/seen: spec\.vpc\.subnets\[0\]\.routeTable: /,
    );
  });
});

import { describe, expect, it } from "vitest";
import { matchPolicies } from "../../../../src/control/ipam/podEni/matchPolicies.ts";
import type { SecurityGroupPolicy } from "../../../../src/control/objects/securityGroupPolicy.ts";
import { read } from "../../control/documents.ts";

type Fields = Record<string, unknown>;

function policy(groupIds: string[], spec: Fields, namespace = "shop"): SecurityGroupPolicy {
  const [object] = read({
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name: "p", namespace },
    spec: { ...spec, securityGroups: { groupIds } },
  });
  if (object.kind !== "SecurityGroupPolicy") throw new Error("no policy");
  return object;
}

const POD = { namespace: "shop", labels: { app: "web", tier: "front" }, serviceAccountLabels: { team: "a" } };
const WEB = { matchLabels: { app: "web" } };
const API = { matchLabels: { app: "api" } };
const TEAM_A = { matchLabels: { team: "a" } };
const TEAM_B = { matchLabels: { team: "b" } };

describe("security groups of a pod", () => {
  it.each<[string, SecurityGroupPolicy[], readonly string[] | null]>([
    ["no policy", [], null],
    ["a pod selector", [policy(["s1", "s2"], { podSelector: WEB })], ["s1", "s2"]],
    ["a pod selector of others", [policy(["s1"], { podSelector: API })], null],
    ["an empty pod selector", [policy(["s1"], { podSelector: {} })], ["s1"]],
    ["a service account selector", [policy(["s1"], { serviceAccountSelector: TEAM_A })], ["s1"]],
    ["a service account selector of others", [policy(["s1"], { serviceAccountSelector: TEAM_B })], null],
    ["both selectors", [policy(["s1"], { podSelector: WEB, serviceAccountSelector: TEAM_A })], ["s1"]],
    ["the first of both", [policy(["s1"], { podSelector: WEB, serviceAccountSelector: TEAM_B })], null],
    ["the second of both", [policy(["s1"], { podSelector: API, serviceAccountSelector: TEAM_A })], null],
    ["neither selector", [policy(["s1"], {})], null],
    ["another namespace", [policy(["s1"], { podSelector: {} }, "default")], null],
    [
      "expressions",
      [policy(["s1"], { podSelector: { matchExpressions: [{ key: "tier", operator: "NotIn", values: ["back"] }] } })],
      ["s1"],
    ],
    [
      "several, each group once, in their order",
      [
        policy(["s3", "s1"], { podSelector: WEB }),
        policy(["s9"], { podSelector: API }),
        policy(["s1", "s2"], { serviceAccountSelector: TEAM_A }),
      ],
      ["s3", "s1", "s2"],
    ],
  ])("%s", (_, policies, expected) => {
    expect(matchPolicies(POD, policies)).toEqual(expected);
  });
});

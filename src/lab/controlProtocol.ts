import type { Change } from "../control/cluster.ts";
import type { NodeRules } from "../control/kube/rules/clusterRules.ts";
import type { RuleMode } from "../control/kube/rules/nodeRules.ts";
import type { PolicyView } from "../control/policy/views.ts";
import type { NetworkAclView, SecurityGroupView } from "../control/securityViews.ts";
import type { SliceEndpointView } from "../control/sliceViews.ts";
import type { EndpointView, EniView, NodeView, PodView, ServiceView, SubnetView } from "../control/views.ts";
import type { GatewayView, RouteView, VpcView } from "../control/vpcViews.ts";
import type { Explanation } from "../observe/explain.ts";
import type { NatView } from "../observe/natView.ts";
import type { ConntrackRow, ReasonCount } from "../observe/tables.ts";
import type { PodEntry } from "./podEntry.ts";
import type { PolicyLogFormat } from "./policyLogs.ts";
import type { SeenQuestion, SeenReport } from "./seenReport.ts";

/** What the command line asks a running lab, and what it gets: one JSON line each, one request a connection. */
export interface ControlVerbs {
  status: { argument: null; result: LabStatus };
  down: { argument: null; result: null };
  /** How to run a command in a pod's, host's or node's namespace. */
  exec: { argument: { name: string }; result: { hostPid: number; entry: PodEntry } };
  apply: { argument: { path: string }; result: Change & { notes: readonly string[] } };
  delete: { argument: { path: string | null; names: string[]; wait: boolean }; result: Change };
  get: { argument: { what: ViewName; name: string | null }; result: Views[ViewName] };
  /** Rules that a node's kernel would have; mode null: the lab's own, node null: of all. */
  rules: { argument: { mode: RuleMode | null; node: string | null }; result: NodeRules[] };
  why: { argument: WhyQuestion; result: Explanation };
  /** vsLab: absolute path of a lab's files to compare with, or null. */
  seen: { argument: SeenQuestion & { vsLab: string | null }; result: SeenReport };
  logs: { argument: { name: string }; result: { container: string; text: string }[] };
  /** What a node's network policy agent has logged. */
  policyLog: { argument: { node: string; format: PolicyLogFormat }; result: string };
  /** Throws in the main thread or in the plane: how a lab ends then is tested with it. */
  fault: { argument: { where: "main" | "plane" }; result: null };
}

export type Verb = keyof ControlVerbs;

export interface LabStatus {
  name: string;
  pid: number;
  pods: number;
  ready: number;
  metrics: string;
  rootless: boolean;
}

export interface WhyQuestion {
  protocol: string;
  source: string;
  destination: string;
  fromPort: number | null;
}

export interface Views {
  pods: PodView[];
  services: ServiceView[];
  endpoints: EndpointView[];
  endpointslices: SliceEndpointView[];
  nodes: NodeView[];
  enis: EniView[];
  subnets: SubnetView[];
  routes: RouteView[];
  gateways: GatewayView[];
  vpcs: VpcView[];
  securitygroups: SecurityGroupView[];
  networkacls: NetworkAclView[];
  policies: PolicyView[];
  conntrack: ConntrackRow[];
  nat: NatView[];
  reasons: ReasonCount[];
}

export type ViewName = keyof Views;

export type ControlRequest = { verb: Verb; argument: unknown };
export type ControlReply = { result: unknown } | { error: string };

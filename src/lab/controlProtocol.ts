import type { Change } from "../control/cluster.ts";
import type { ImpairmentView } from "../control/impair/views.ts";
import type { NodeRules } from "../control/kube/rules/clusterRules.ts";
import type { RuleMode } from "../control/kube/rules/nodeRules.ts";
import type { PinnedObjects } from "../control/pinnedObjects.ts";
import type { PolicyView } from "../control/policy/views.ts";
import type { NetworkAclView, SecurityGroupView } from "../control/securityViews.ts";
import type { SliceEndpointView } from "../control/sliceViews.ts";
import type { EniView, NodeView, PodView, SubnetView } from "../control/views.ts";
import type { GatewayView, RouteView, VpcView } from "../control/vpcViews.ts";
import type { ConntrackFilter } from "../observe/conntrackFilter.ts";
import type { WhyAnswer } from "../observe/explain.ts";
import type { NatPoolView } from "../observe/natPools.ts";
import type { NatView } from "../observe/natView.ts";
import type { ConntrackRow, ReasonCount } from "../observe/tables.ts";
import type { TopSample } from "../observe/topSample.ts";
import type { CountedEndpointView, CountedServiceView } from "./countedViews.ts";
import type { ImpairAnswer, ImpairQuestion } from "./impairments.ts";
import type { PodEntry } from "./podEntry.ts";
import type { PolicyLogFormat } from "./policyLogs.ts";
import type { QuestionFlags } from "./questionPacket.ts";
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
  /** Conntrack entries by a filter; accounting: with packets and bytes, counted from now on where they were not. */
  conntrack: { argument: ConntrackQuestion; result: ConntrackRow[] };
  /** What `podplane top` shows. asker: a number of its own, such as its process's. */
  top: { argument: { asker: number }; result: TopSample };
  /** Rules that a node's kernel would have; mode null: the lab's own, node null: of all. */
  rules: { argument: { mode: RuleMode | null; node: string | null }; result: NodeRules[] };
  why: { argument: WhyQuestion; result: WhyAnswer };
  /** Changes what is done to a point's packets on purpose, or only says what is. */
  impair: { argument: ImpairQuestion; result: ImpairAnswer };
  /** vsLab: absolute path of a lab's files to compare with, or null. */
  seen: { argument: SeenQuestion & { vsLab: string | null }; result: SeenReport };
  logs: { argument: { name: string }; result: { container: string; text: string }[] };
  /** What a node's network policy agent has logged. */
  policyLog: { argument: { node: string; format: PolicyLogFormat }; result: string };
  /** The lab as it is by now, in objects that bring it back: for a report. */
  pinned: { argument: null; result: PinnedObjects };
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
  /** Whether the receiver's answer is asked for as well. */
  both?: boolean;
  /** TCP; a SYN where nothing is said. All others are of a connection, a running lab's own if it has one. */
  flags?: QuestionFlags;
  /** Bytes of IP; as few as there are unless set. */
  size?: number;
  /** Do not fragment; true unless set. */
  df?: boolean;
  /** 64 unless set. */
  ttl?: number;
  /** An echo request unless set. */
  icmp?: { type: number; code: number };
}

export interface ConntrackQuestion {
  /** Part of a row's name that it must have, or null. */
  name: string | null;
  filter: ConntrackFilter;
  accounting: boolean;
}

export interface Views {
  pods: PodView[];
  services: CountedServiceView[];
  endpoints: CountedEndpointView[];
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
  natpools: NatPoolView[];
  impairments: ImpairmentView[];
  reasons: ReasonCount[];
}

export type ViewName = keyof Views;

export type ControlRequest = { verb: Verb; argument: unknown };
export type ControlReply = { result: unknown } | { error: string };

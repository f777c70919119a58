import type { Cluster } from "../control/cluster.ts";
import { diff } from "../control/diff.ts";
import { destinationsFor, namedDestination } from "../control/seen/destinations.ts";
import type { SeenDestination, SeenSource } from "../control/seen/kinds.ts";
import { namedSource, representatives } from "../control/seen/sources.ts";
import { seenAnswer } from "../observe/seenCell.ts";
import { Plane } from "../plane/plane.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { clusterWith } from "./clusterWith.ts";
import { askedPacket, planeOptions } from "./question.ts";
import { roundTrip } from "./roundTrip.ts";
import {
  differences,
  type SeenCell,
  type SeenQuestion,
  type SeenReport,
  type SeenRow,
  type SeenSide,
} from "./seenReport.ts";

/** Source port of the first cell; the next one has the next. */
const FIRST_PORT = 40_000;

/** Who asks whom on one side; what the other side asked comes first, so that both ask the same. */
interface Choice {
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Sources that the other side has. */
  readonly also: readonly string[];
}

function sourcesOf(cluster: Cluster, { from, also }: Choice): SeenSource[] {
  const state = cluster.state();
  const { names } = cluster.snapshot();
  if (from.length > 0) return from.map((text) => namedSource(state, names, text));
  const own = representatives(state);
  const known = new Set(own.map((s) => s.name));
  const others = also.filter((name) => !known.has(name) && state.pods.some((p) => p.desired.key === name));
  return [...own, ...others.map((name) => namedSource(state, names, name))];
}

/** Asks every source about every destination. Each question stands alone: none of them changes anything. */
function side(cluster: Cluster, settings: readonly string[], choice: Choice): SeenSide {
  const state = cluster.state();
  const snapshot = cluster.snapshot();
  // A SYN that waited for the confirmation of its entry would be answered too early.
  const plane = new Plane({ ...planeOptions(cluster, 1, false), unconfirmedWindow: 0 });
  plane.apply(diff(null, snapshot));
  plane.tick(0);
  let fromPort = FIRST_PORT;
  const cell = (source: SeenSource, destination: SeenDestination): SeenCell => {
    const question = { protocol: "tcp", source: source.name, destination: destination.asked, fromPort: fromPort++ };
    const { device, bytes, asked } = askedPacket(question, snapshot.names);
    const { forward, answer } = roundTrip(plane, device, bytes);
    return { destination, ...seenAnswer(forward, answer, device, asked, snapshot.names) };
  };
  const rows = sourcesOf(cluster, choice).map((source): SeenRow => {
    const destinations =
      choice.to.length > 0
        ? choice.to.map((text) => namedDestination(state, snapshot.names, text))
        : destinationsFor(state, source);
    return {
      source: { ...source, address: formatAddress(source.address) },
      cells: destinations.map((destination) => cell(source, destination)),
    };
  });
  const waiting = state.waiting
    .filter((p) => choice.also.includes(p.desired.key))
    .map((p) => ({ name: p.desired.key, reason: p.reason }));
  return { lab: cluster.lab.metadata.name, settings, rows, waiting };
}

/**
 * The matrix: what each kind of destination sees of each kind of source. With two sides both have the same sources, where
 * they can.
 *
 * @param other the lab to compare with, where it is another one; null: the same.
 * @throws NameError or SettingError.
 */
export function askSeen(lab: Cluster, question: SeenQuestion, other: Cluster | null = null): SeenReport {
  const { from, to, set, vs } = question;
  const first = clusterWith(lab, set);
  if (vs === null && other === null) return { sides: [side(first, set, { from, to, also: [] })], differences: [] };
  const settings = vs ?? [];
  const second = clusterWith(other ?? lab, settings);
  const names = (cluster: Cluster) => representatives(cluster.state()).map((s) => s.name);
  const sides = [
    side(first, set, { from, to, also: names(second) }),
    side(second, settings, { from, to, also: names(first) }),
  ];
  return { sides, differences: differences(sides) };
}

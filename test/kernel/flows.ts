import type { Told } from "./agent.ts";
import * as craft from "./bytes.ts";
import { opens } from "./describe.ts";
import type { Mode } from "./labFile.ts";
import type { Stage } from "./stage.ts";

/** One thing that is done in both worlds. */
export interface Probe {
  name: string;
  /** Part of what has to be seen, so that a probe that reaches nobody does not count as agreement. */
  sees: RegExp;
  modes?: Mode[];
  /** Which case of services it is: how the service is asked, its policy, who asks, the state of its endpoints. */
  serviceCase?: string;
  run(stage: Stage): Promise<string[]>;
}
/** Endpoints of a service with several. */
export const API = ["api-1", "api-2", "api-3"];

/** The choice of a service's endpoint is not compared. */
function anyApi(stage: Stage, { watch }: Flow, lines: string[]): string[] {
  if (watch !== API) return lines;
  const names = lines.map((line) =>
    API.reduce(
      (text, api) => text.replaceAll(new RegExp(`${stage.at(api).replaceAll(".", "\\.")}\\b`, "g"), "API-N"),
      line,
    ).replaceAll(/\bapi-[123]\b/g, "api-N"),
  );
  return names;
}

function told(stage: Stage, from: string, { failed, name, peer, mine, intact, size }: Told): string[] {
  if (failed !== undefined) return [`${from}: ${failed}`];
  const port = peer[1] === stage.port ? "kept" : peer[1] >= 1024 ? "random>=1024" : "random<1024";
  return [
    `${from} at ${mine[0]}: answered by ${name}`,
    `${name}: client is ${peer[0]}, port ${port}`,
    `${size} bytes ${intact ? "intact" : "DAMAGED"}`,
  ];
}

export interface Flow {
  from: string;
  to: string;
  port: number;
  /** Ends whose packets are shown besides the sender's. */
  watch: string[];
  size?: number;
}

const shown = ({ from, to, port }: Flow): string => `${from} to ${to}:${port}`;

/** A connection of the kernel's own TCP: what both sockets say, and the handshake's packets. */
export const connect = (flow: Flow, sees: RegExp, modes?: Mode[]): Probe => ({
  name: `tcp ${shown(flow)}${flow.size === undefined ? "" : ` ${flow.size} bytes`}`,
  sees,
  ...(modes === undefined ? {} : { modes }),
  async run(stage) {
    await stage.clear(flow.from, ...flow.watch);
    const answer = await stage.agent(flow.from).tcp(stage.at(flow.to), flow.port, stage.port, flow.size);
    const lines = await stage.arrived(flow.from, [flow.from, ...flow.watch], opens);
    return anyApi(stage, flow, [...told(stage, flow.from, answer), ...lines]);
  },
});

/** A datagram of the kernel's own UDP and its answer. */
export const datagram = (flow: Flow, sees: RegExp, modes?: Mode[]): Probe => ({
  name: `udp ${shown(flow)}${flow.size === undefined ? "" : ` ${flow.size} bytes`}`,
  sees,
  ...(modes === undefined ? {} : { modes }),
  async run(stage) {
    await stage.clear(flow.from, ...flow.watch);
    const answer = await stage.agent(flow.from).udp(stage.at(flow.to), flow.port, stage.port, flow.size ?? 16);
    const lines = await stage.arrived(flow.from, [flow.from, ...flow.watch]);
    return anyApi(stage, flow, [...told(stage, flow.from, answer), ...lines]);
  },
});

/** Crafted packets; what arrived is told once everything has. */
export const crafted = (
  name: string,
  from: string,
  watch: string[],
  sees: RegExp,
  packets: (stage: Stage) => Uint8Array[],
  modes?: Mode[],
): Probe => ({
  name,
  sees,
  ...(modes === undefined ? {} : { modes }),
  async run(stage) {
    await stage.agent(from).holdUdp([stage.port]);
    await stage.clear(from, ...watch);
    const all = packets(stage);
    // A TCP packet is answered by the kernel's own: then one after the other, so that their order is always the same.
    const groups = all.every((packet) => packet[9] === craft.TCP) ? all.map((packet) => [packet]) : [all];
    const lines: string[] = [];
    for (const group of groups) {
      await stage.send(from, group);
      lines.push(...(await stage.arrived(from, [from, ...watch])));
    }
    return lines;
  },
});

export const syn = (stage: Stage, from: string, to: string, dport: number, more = {}) =>
  craft.tcp({ src: stage.at(from), dst: stage.at(to), sport: stage.port, dport, flags: craft.SYN, ...more });
export const dgram = (
  stage: Stage,
  from: string,
  to: string,
  dport: number,
  more = {},
  payload?: Uint8Array<ArrayBuffer>,
) => craft.udp({ src: stage.at(from), dst: stage.at(to), sport: stage.port, dport, ...more }, payload);
export const ping = (stage: Stage, from: string, to: string, more = {}, payload?: Uint8Array<ArrayBuffer>) =>
  craft.ping({ src: stage.at(from), dst: stage.at(to), echo: stage.port, ...more }, payload);

export const bytes = (size: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length: size }, (_, i) => i % 251);

export const ANSWERED = /answered by .*\n.*\n.* intact/;

import {
  type AddressedPod,
  endpointsInUse,
  resolveEndpoints,
  serviceOfSlice,
  sliceIndex,
  slicesOf,
  type Zones,
} from "./kube/endpoints.ts";
import { matchesLabels } from "./kube/labels.ts";
import { healthCheckKey, servicePortKey } from "./kube/nodePorts.ts";
import { labelKeys, PodIndex } from "./kube/podIndex.ts";
import type { ProxyEndpoint, ProxyPort } from "./kube/proxyPort.ts";
import { isProgrammed, proxyPort } from "./kube/proxyPorts.ts";
import { labZones } from "./kube/zones.ts";
import type { EndpointSlice } from "./objects/endpointSlice.ts";
import { objectKey } from "./objects/kinds.ts";
import type { Service, ServicePort } from "./objects/service.ts";
import { type State, servicesOf, slicesIn } from "./state.ts";

export interface ServicePortState {
  /** `svc/default/api:80/TCP` */
  readonly key: string;
  readonly port: ServicePort;
  /** 0: none. */
  readonly nodePort: number;
  /** All endpoints, those that no node may use included, in the order of pods' names and then of slices. */
  readonly all: readonly ProxyEndpoint[];
  /** Those of them that take part. */
  readonly endpoints: readonly ProxyEndpoint[];
  /** What kube-proxy programs; null: nothing. */
  readonly proxy: ProxyPort | null;
}

/** A service as it is at one moment: the same object for as long as nothing about it changes. */
export interface ServiceState {
  readonly key: string;
  readonly object: Service;
  /** int32; null: headless or ExternalName, no packet is translated for it. */
  readonly clusterIP: number | null;
  /** 0: none. */
  readonly healthCheckNodePort: number;
  readonly ports: readonly ServicePortState[];
}

/** What a service's state is made of, besides pods. */
interface Input {
  readonly object: Service;
  readonly slices: readonly EndpointSlice[];
  readonly clusterIP: number | null;
  readonly healthCheckNodePort: number;
  readonly nodePorts: readonly number[];
}

const sameList = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);

const sameInput = (a: Input, b: Input): boolean =>
  a.object === b.object &&
  a.clusterIP === b.clusterIP &&
  a.healthCheckNodePort === b.healthCheckNodePort &&
  sameList(a.slices, b.slices) &&
  sameList(a.nodePorts, b.nodePorts);

/**
 * The states of all services, kept from change to change: what did not change stays the same object, down to the list
 * itself, so that whoever reads it can compare by identity. A change costs what it concerns: services whose object, slices
 * or numbers differ, and those that select a pod that differs.
 */
export class ServiceStates {
  readonly #pods = new PodIndex();
  readonly #inputs = new Map<string, Input>();
  /** Services by the first label of their selector. */
  readonly #bySelector = new Map<string, Set<string>>();
  readonly #places = new Map<string, number>();
  #states: readonly ServiceState[] = [];
  #zones: Zones = { byNode: new Map(), shares: new Map() };
  #last: State | null = null;

  /**
   * @param pods all pods that have an address
   * @returns in the order of the objects
   */
  update(state: State, pods: readonly AddressedPod[]): readonly ServiceState[] {
    const dirty = new Set<string>();
    const listed = this.#takeObjects(state, dirty);
    for (const pod of this.#pods.update(pods)) this.#addSelecting(pod, dirty);
    if (listed !== null) this.#relist(listed, dirty);
    else if (dirty.size > 0) this.#replace(dirty);
    return this.#states;
  }

  /** @returns keys of all services in their order where the list may differ, else null. */
  #takeObjects(state: State, dirty: Set<string>): string[] | null {
    const last = this.#last;
    this.#last = state;
    if (last?.lab !== state.lab) {
      this.#zones = labZones(state.lab);
      for (const key of this.#inputs.keys()) dirty.add(key);
    }
    if (last?.clusterIPs === state.clusterIPs && last.nodePorts === state.nodePorts) {
      if (last.objects === state.objects) return null;
      if (this.#takeChanges(last, state, dirty)) return null;
    }
    return this.#takeAll(state, dirty);
  }

  /**
   * Takes what differs between two states with the same services and slices in the same order.
   *
   * @returns false, and nothing was done, where they have not.
   */
  #takeChanges(last: State, state: State, dirty: Set<string>): boolean {
    const services = differences(servicesOf(last.objects), servicesOf(state.objects));
    const slices = differences(slicesIn(last.objects), slicesIn(state.objects));
    if (services === null || slices === null) return false;
    if (services.some(([old, now]) => objectKey(old) !== objectKey(now))) return false;
    const touched = new Set(services.map(([, now]) => objectKey(now)));
    for (const [old, now] of slices) for (const slice of [old, now]) touched.add(serviceOfSlice(slice) ?? "");
    const index = sliceIndex(slicesIn(state.objects));
    for (const key of touched) {
      const object = state.objects.get(key);
      if (object?.kind === "Service") this.#takeInput(key, inputOf(state, key, object, slicesOf(object, index)), dirty);
    }
    return true;
  }

  #takeAll(state: State, dirty: Set<string>): string[] {
    const index = sliceIndex(slicesIn(state.objects));
    const keys: string[] = [];
    for (const object of servicesOf(state.objects)) {
      const key = objectKey(object);
      keys.push(key);
      this.#takeInput(key, inputOf(state, key, object, slicesOf(object, index)), dirty);
    }
    if (keys.length < this.#inputs.size) {
      const present = new Set(keys);
      for (const key of this.#inputs.keys()) if (!present.has(key)) this.#forget(key, dirty);
    }
    return keys;
  }

  #takeInput(key: string, input: Input, dirty: Set<string>): void {
    const old = this.#inputs.get(key);
    if (old !== undefined && sameInput(old, input)) return;
    if (old?.object !== input.object) {
      this.#unselect(key);
      for (const label of selectorKey(input.object)) {
        const set = this.#bySelector.get(label);
        if (set === undefined) this.#bySelector.set(label, new Set([key]));
        else set.add(key);
      }
    }
    this.#inputs.set(key, input);
    dirty.add(key);
  }

  #forget(key: string, dirty: Set<string>): void {
    this.#unselect(key);
    this.#inputs.delete(key);
    dirty.delete(key);
  }

  #unselect(key: string): void {
    const old = this.#inputs.get(key);
    if (old === undefined) return;
    for (const label of selectorKey(old.object)) {
      const set = this.#bySelector.get(label);
      set?.delete(key);
      if (set?.size === 0) this.#bySelector.delete(label);
    }
  }

  #addSelecting({ desired }: AddressedPod, dirty: Set<string>): void {
    for (const label of labelKeys(desired.namespace, desired.labels))
      for (const key of this.#bySelector.get(label) ?? [])
        if (matchesLabels(this.#inputs.get(key)?.object.spec.selector ?? {}, desired.labels)) dirty.add(key);
  }

  #relist(keys: readonly string[], dirty: ReadonlySet<string>): void {
    const before = this.#states;
    const states: ServiceState[] = [];
    let changed = keys.length !== before.length;
    for (const key of keys) {
      const old = before[this.#places.get(key) ?? -1];
      const kept = old !== undefined && !dirty.has(key) ? old : this.#make(key);
      if (kept !== before[states.length]) changed = true;
      states.push(kept);
    }
    if (!changed) return;
    this.#states = states;
    this.#places.clear();
    for (const [i, key] of keys.entries()) this.#places.set(key, i);
  }

  #replace(dirty: ReadonlySet<string>): void {
    const states = this.#states.slice();
    for (const key of dirty) {
      const place = this.#places.get(key);
      if (place !== undefined) states[place] = this.#make(key);
    }
    this.#states = states;
  }

  #make(key: string): ServiceState {
    const input = this.#inputs.get(key);
    if (input === undefined) throw new Error(`no service ${key}`);
    const { object, slices, clusterIP, healthCheckNodePort, nodePorts } = input;
    const pods = this.#pods.select(object.metadata.namespace, object.spec.selector ?? {});
    const programmed = isProgrammed(object);
    const ports = object.spec.ports.map((port, i): ServicePortState => {
      const all = resolveEndpoints(object, port, pods, slices, this.#zones);
      const nodePort = nodePorts[i];
      const proxy =
        clusterIP === null || !programmed
          ? null
          : proxyPort(object, port, { clusterIP, nodePort, healthCheckNodePort }, all);
      return { key: servicePortKey(object, port), port, nodePort, all, endpoints: endpointsInUse(all), proxy };
    });
    return { key, object, clusterIP, healthCheckNodePort, ports };
  }
}

/** Pairs of what stands at the same place of two lists and is not the same; null: they are not of the same length. */
function differences<T>(before: readonly T[], after: readonly T[]): [T, T][] | null {
  if (before === after) return [];
  if (before.length !== after.length) return null;
  const found: [T, T][] = [];
  for (let i = 0; i < after.length; i++) if (before[i] !== after[i]) found.push([before[i], after[i]]);
  return found;
}

function inputOf(state: State, key: string, object: Service, slices: readonly EndpointSlice[]): Input {
  const { clusterIPs, nodePorts } = state;
  return {
    object,
    slices,
    clusterIP: clusterIPs.get(key) ?? null,
    healthCheckNodePort: nodePorts.get(healthCheckKey(object)) ?? 0,
    nodePorts: object.spec.ports.map((port) => nodePorts.get(servicePortKey(object, port)) ?? 0),
  };
}

/** The key of one of the selector's labels: enough to find the service by a pod. None for an empty selector. */
function selectorKey(service: Service): string[] {
  return labelKeys(service.metadata.namespace, service.spec.selector ?? {}).slice(0, 1);
}

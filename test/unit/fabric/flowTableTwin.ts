/** The slow, obvious flow table: a map from the key's text to what the flow has. Times are plain numbers. */
export interface TwinFlow {
  owner: number;
  account: number;
  deadline: number;
  value: number;
  value2: number;
}

export class FlowTableTwin {
  flows = new Map<string, TwinFlow>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  find(key: string, now: number): TwinFlow | undefined {
    const flow = this.flows.get(key);
    return flow !== undefined && flow.deadline > now ? flow : undefined;
  }

  insert(key: string, owner: number, account: number, deadline: number): TwinFlow | undefined {
    if (this.flows.size >= this.#capacity) return undefined;
    const flow = { owner, account, deadline, value: 0, value2: 0 };
    this.flows.set(key, flow);
    return flow;
  }

  expire(now: number): void {
    for (const [key, flow] of this.flows) if (flow.deadline <= now) this.flows.delete(key);
  }

  countOf(account: number): number {
    return [...this.flows.values()].filter((f) => f.account === account).length;
  }

  copy(): FlowTableTwin {
    const twin = new FlowTableTwin(this.#capacity);
    twin.flows = new Map([...this.flows].map(([key, flow]) => [key, { ...flow }]));
    return twin;
  }
}

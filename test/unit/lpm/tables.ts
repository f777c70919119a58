import { Random } from "../../../src/plane/random.ts";
import { maskOf } from "../../../src/plane/wire/address.ts";

export interface Table {
  prefixes: Int32Array;
  lengths: Uint8Array;
  values: Int32Array;
}

function tableOf(n: number, row: (i: number) => readonly [prefix: number, length: number]): Table {
  const table = { prefixes: new Int32Array(n), lengths: new Uint8Array(n), values: new Int32Array(n) };
  for (let i = 0; i < n; i++) {
    const [prefix, length] = row(i);
    table.prefixes[i] = prefix & maskOf(length);
    table.lengths[i] = length;
    table.values[i] = i;
  }
  return table;
}

/**
 * A table like a router's full view of the Internet: three in five prefixes are /24, the rest mostly /16../23, a few
 * shorter and longer, and neighbours follow each other (allocations are split into runs).
 */
export function internetTable(n: number, seed: number): Table {
  const random = new Random(seed);
  let at = 0;
  let run = 0;
  return tableOf(n, () => {
    if (run === 0) {
      // 1.0.0.0 .. 223.255.255.0
      at = (1 + random.below(223)) * 2 ** 24 + random.below(2 ** 16) * 2 ** 8;
      run = 1 + random.below(24);
    }
    run--;
    at += 256;
    const dice = random.below(1000);
    if (dice < 590) return [at | 0, 24];
    if (dice < 970) return [at | 0, 16 + random.below(8)];
    if (dice < 985) return [at | 0, 8 + random.below(8)];
    return [(at + random.below(256)) | 0, 25 + random.below(8)];
  });
}

/** Single addresses anywhere: the worst a table of this kind can be given. */
export function scatteredHosts(n: number, seed: number): Table {
  const random = new Random(seed);
  return tableOf(n, () => [random.nextInt(), 32]);
}

/** The /28 prefixes that n ENI slots of one VPC 10.0.0.0/8 would take, one after the other in 10.0.0.0/15. */
export function eksTable(n: number): Table {
  return tableOf(n, (i) => [(10 << 24) + i * 16, 28]);
}

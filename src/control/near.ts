/** Longest names of which a message lists all candidates. */
const FEW = 8;
const MOST_MATCHES = 3;

/** Edits (insert, delete, replace, swap of neighbours) between two words. */
function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  const cost = new Array<number>((a.length + 1) * width).fill(0);
  for (let i = 0; i <= a.length; i++) cost[i * width] = i;
  for (let j = 0; j <= b.length; j++) cost[j] = j;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const replace = cost[(i - 1) * width + j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replace, cost[(i - 1) * width + j] + 1, cost[i * width + j - 1] + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, cost[(i - 2) * width + j - 2] + 1);
      cost[i * width + j] = best;
    }
  return cost[a.length * width + b.length];
}

/** The candidates that someone who wrote `name` may have meant, nearest first, at most three. */
export function nearMatches(name: string, candidates: Iterable<string>): string[] {
  const wanted = name.toLowerCase();
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  const scored: { name: string; distance: number }[] = [];
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance <= limit) scored.push({ name: candidate, distance });
  }
  scored.sort((a, b) => a.distance - b.distance || compareText(a.name, b.name));
  return scored.slice(0, MOST_MATCHES).map((s) => s.name);
}

/** What to write instead of an unknown name: "did you mean ...?", or the whole list where it is short. */
export function suggestion(name: string, candidates: Iterable<string>): string {
  const all = [...new Set(candidates)];
  const near = nearMatches(name, all);
  if (near.length > 0) return `did you mean ${near.join(" or ")}?`;
  if (all.length === 0) return "there is none";
  if (all.length <= FEW) return `there is ${all.sort(compareText).join(", ")}`;
  return `there are ${all.length}, none like it`;
}

/** Order by code units: the same on every machine and Node version. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Order in which a person counts: api-2 before api-10. */
export function compareNames(a: string, b: string): number {
  const left = a.split(/(\d+)/);
  const right = b.split(/(\d+)/);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] === right[i]) continue;
    // split() with a capturing group puts the digits at the odd places.
    if (i % 2 === 1 && Number(left[i]) !== Number(right[i])) return Number(left[i]) - Number(right[i]);
    return compareText(left[i], right[i]);
  }
  return left.length - right.length || compareText(a, b);
}

import { type ImpairmentRow, pointNumber } from "./impairmentRow.ts";
import { Lane } from "./lane.ts";

/** The lanes of all points, by their numbers. */
export class Lanes {
  readonly #lanes: (Lane | null)[] = [];
  #count = 0;

  /** Nothing is impaired, and nothing waits. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  at(point: number): Lane | null {
    return point < this.#lanes.length ? this.#lanes[point] : null;
  }

  /** A point's settings, new or others. What waits there stays, and generators go on. */
  put(row: ImpairmentRow): void {
    const point = pointNumber(row.at, row.index, row.direction);
    while (this.#lanes.length <= point) this.#lanes.push(null);
    const lane = this.#lanes[point];
    if (lane?.isOn === true) {
      lane.configure(row);
      return;
    }
    const fresh = new Lane(row, point);
    fresh.held = lane?.held ?? 0;
    if (lane === null) this.#count++;
    this.#lanes[point] = fresh;
  }

  /** A point is impaired no more. What waits there goes on when it is due. */
  remove(row: ImpairmentRow): void {
    const lane = this.at(pointNumber(row.at, row.index, row.direction));
    if (lane === null) return;
    lane.isOn = false;
    this.leave(lane);
  }

  /** Forgets a lane that is of no use any more. */
  leave(lane: Lane): void {
    if (lane.isOn || lane.held > 0) return;
    this.#lanes[lane.point] = null;
    this.#count--;
  }

  /** Calls back for every point that is impaired. */
  forEach(visit: (lane: Lane) => void): void {
    for (const lane of this.#lanes) if (lane?.isOn === true) visit(lane);
  }
}

import { ExtentSet } from "../engine/core/extent.ts";

/** One lost write, or copy. */
export interface LostLine {
  readonly sequence: number;
  readonly time: string;
  readonly disk: number;
  readonly offset: number;
  readonly length: number;
  readonly kind: "data" | "zero";
  /** By a comparison: what the disk held then, and no write of the guest's. */
  readonly copied: boolean;
  readonly generation: number;
  /** Whether it had arrived in the target region, behind what was kept, or is in the old region's cache alone. */
  readonly place: "target" | "cache";
}

/** Lost writes as they come, each printed at once. */
export class LostRanges {
  readonly lines: LostLine[] = [];
  /** For each disk, the bytes that any of them touches. */
  readonly ranges = new Map<number, ExtentSet>();
  readonly #json: boolean;

  constructor(json: boolean) {
    this.#json = json;
  }

  take(line: LostLine): void {
    console.log(this.#json ? JSON.stringify(line) : words(line));
    this.lines.push(line);
    const extents = this.ranges.get(line.disk) ?? new ExtentSet();
    this.ranges.set(line.disk, extents);
    extents.add(line.offset, line.offset + line.length);
  }

  get summary(): string {
    const all = [...this.ranges.values()];
    const ranges = all.reduce((sum, extents) => sum + [...extents].length, 0);
    const size = all.reduce((sum, { total }) => sum + total, 0);
    const copies = this.lines.filter(({ copied }) => copied).length;
    const besides = copies > 0 ? ` and ${copies} copies of a comparison` : "";
    return `${this.lines.length - copies} writes${besides} were lost: ${size} bytes of the disks in ${ranges} ranges`;
  }
}

const words = ({ sequence, time, disk, offset, length, kind, copied, place }: LostLine): string =>
  `${copied ? "copy" : "write"} ${sequence}  ${time}  disk ${disk}  ${length} bytes at ${offset}${kind === "zero" ? ", zeros" : ""}` +
  `  ${place === "cache" ? "in the old cache" : "arrived behind what was kept"}`;

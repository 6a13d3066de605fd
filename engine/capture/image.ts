import type { Bytes, DiskIndex, Generation, Micros, Millis } from "../core/units.ts";

/** One image of all disks of a machine: images of a generation are numbered from 1, and no number is used twice. */
export interface ImageName {
  readonly generation: Generation;
  readonly number: number;
}

/** What an image of one disk says of itself. */
export interface DiskImage {
  readonly disk: DiskIndex;
  readonly size: Bytes;
  /** Of the disk that it is of: a disk that was made anew under the same name has another. */
  readonly source: string;
  /** Differences are told between images of one family only. */
  readonly family: string;
  /** When the storage says that it was there. */
  readonly taken: Micros;
}

export type Look =
  | { readonly state: "ready"; readonly disks: readonly DiskImage[] }
  /** Ask again after so long. */
  | { readonly state: "pending"; readonly wait: Millis }
  /** One of its disks' images failed, or is not there. */
  | { readonly state: "gone" };

/** A range of an image that may differ from the image before; where there is none before, that may hold data. */
export interface ImageRange {
  readonly start: number;
  readonly end: number;
  /** It reads as zeros. */
  readonly cleared: boolean;
}

/** One disk of an image, open for reading. */
export interface ImageReader {
  /** Within [start, end), ascending, disjoint, in whole sectors; what is not in it is as before, or zeros. */
  changes(start: Bytes, end: Bytes): Promise<readonly ImageRange[]>;
  /** At most `MOST_READ` bytes. */
  read(offset: Bytes, length: Bytes): Promise<Buffer>;
}

/** Azure's limit for one range of a snapshot's blob. */
export const MOST_READ = 4 * 1024 * 1024;

/**
 * The seam between capture by images and whoever makes them. All methods may run twice; what they throw is a
 * `LeewardError`.
 */
export interface Images {
  /** Asks for an image of every disk; returns when all of them were asked for. */
  take(image: ImageName): Promise<void>;
  look(image: ImageName): Promise<Look>;
  /**
   * One disk of a ready image, with its differences from an earlier one.
   * @throws ImageLost when the earlier one is gone, or no differences from it are told
   */
  open(image: ImageName, since: ImageName | undefined, disk: DiskIndex): Promise<ImageReader>;
  /** Nobody reads of these any more: what was opened, by whatever run, is open no longer. */
  close(images: readonly ImageName[]): Promise<void>;
  /** Deletes every image of the machine but these, whoever has it open. */
  sweep(kept: readonly ImageName[]): Promise<void>;
}

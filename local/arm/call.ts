import type { ArmPath } from "./arm-path.ts";
import type { Box } from "./box.ts";
import type { Operation, Resource } from "./model.ts";
import type { Seed } from "./box-config.ts";

/** One call on a resource, authenticated and with a known api-version. */
export interface Call {
  readonly box: Box;
  readonly method: string;
  readonly path: ArmPath;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly apiVersion: string;
  readonly ifNoneMatch?: string | undefined;
  /** Object id of the caller; nobody while the seed is sown. */
  readonly principal?: string | undefined;
  /** Set while the box sows its seed: nothing is waited for, files exist already. */
  readonly seed?: Seed;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  /** An operation that goes on; the headers that point to it follow the style. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly operation?: { readonly operation: Operation; readonly style: OperationStyle };
}

/**
 * How a service tells where to poll, as published for each type: compute and disks give both headers, network writes only
 * the status document, storage only the location.
 */
export type OperationStyle = "both" | "status" | "location";

export type Handler = (call: Call) => Reply | Promise<Reply>;

/** One resource type of the simulator. */
export interface Family {
  /** As Azure spells it. */
  readonly type: string;
  /** Oldest api-version that it answers. */
  readonly since: string;
  readonly get?: Handler;
  readonly put?: Handler;
  readonly patch?: Handler;
  readonly delete?: Handler;
  readonly head?: Handler;
  readonly list?: Handler;
  /** By the lower-case last word of the path. */
  readonly actions?: Readonly<Record<string, { readonly method: "GET" | "POST"; readonly run: Handler }>>;
  /** The resource there is, to tell in which region a call works. */
  find?(box: Box, id: string): Resource | undefined;
}

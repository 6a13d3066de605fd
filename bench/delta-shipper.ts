import { parentPort } from "node:worker_threads";
import { MIB, bytes } from "../engine/core/units.ts";
import { ship } from "../engine/replication/ship.ts";
import { AzureObjectStore } from "../engine/storage/azure-object.ts";
import { connectContainer } from "../engine/storage/connect.ts";
import { testCredential } from "../test/fixtures/region.ts";
import { MACHINE, START } from "./segments.ts";

/** Where a container is, and whom to trust there. */
export interface Address {
  readonly endpoint: string;
  readonly container: string;
  readonly ca: string;
}

/** `begin`, then `look` for each segment that the cache has; each is answered when what was there is in the target. */
export type Order = { readonly begin: { readonly cache: Address; readonly target: Address } } | "look";

export const PARALLEL = 4;

/** The app's part, in a thread of its own as it is a process of its own: carries what is in the cache to the target. */
parentPort?.on("message", (order: Order) => {
  if (order === "look") void look();
  else begin(order.begin);
});

let both: { readonly cache: AzureObjectStore; readonly target: AzureObjectStore };
let carried = Promise.resolve(START);

function begin({ cache, target }: { readonly cache: Address; readonly target: Address }): void {
  both = { cache: storeAt(cache), target: storeAt(target) };
  carried = Promise.resolve(START);
}

const storeAt = ({ endpoint, container, ca }: Address) =>
  new AzureObjectStore(connectContainer(endpoint, container, testCredential(), { tls: { ca } }));

async function look(): Promise<void> {
  carried = carried.then(async (from) => {
    const limits = { objectBytes: bytes(16 * MIB), maxBytes: bytes(128 * MIB), parallel: PARALLEL };
    const { position } = await ship({ ...both, machine: MACHINE, from, limits });
    return position;
  });
  parentPort?.postMessage((await carried).next);
}

import { z } from "zod";
import { fromIso } from "../engine/core/clock.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type MachineId, barrierId, machineId } from "../engine/core/ids.ts";
import { checked } from "../engine/core/schema.ts";
import { type Micros, type Sequence, sequence } from "../engine/core/units.ts";
import { fileKey } from "../engine/journal/file-key.ts";
import { type DataKey, decodeWrappedKey } from "../engine/journal/key.ts";
import type { RecoveryPoint } from "../engine/journal/manifest.ts";
import { keyName } from "../engine/journal/names.ts";
import { type Moment, findMoment, momentOf } from "../engine/replication/moment.ts";
import { newestPoint, readPoint } from "../engine/replication/points.ts";
import { DirectoryObjectStore } from "../engine/storage/directory.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import { UsageError } from "./usage.ts";

/** Options that every command has. */
export const SOURCE_OPTIONS = {
  from: { type: "string" },
  machine: { type: "string" },
  json: { type: "boolean" },
} as const;

const required = (what: string) => z.string({ error: `is missing: ${what}` }).min(1, `is empty: ${what}`);

/** A SAS on a command line is seen by every process of the machine; the environment is not. */
const from = z.preprocess(
  (given) => given ?? process.env["LEEWARD_FROM"],
  required("an https URL of the container with its SAS, or a directory (or set LEEWARD_FROM)"),
);

export const sourceSchema = {
  from,
  machine: z.string().transform(checked(machineId)).optional(),
  json: z.boolean().default(false),
};

export const SOURCE_HELP = `  --from URL|DIR       the container "leeward" of the target account: its https URL with a SAS that may read and list,
                       or a directory it was downloaded to (default: the environment's LEEWARD_FROM)
  --machine ID         the machine, as in the names of its objects: machines/ID/…; not needed where there is only one`;

export const pointSchema = required('the id of a recovery point, or "latest"').transform(
  checked((text: string) => (text === "latest" ? text : barrierId(text))),
);

/** What says which state is meant; one of them. */
export const STATE_OPTIONS = {
  point: { type: "string" },
  at: { type: "string" },
  sequence: { type: "string" },
} as const;

export const stateSchema = {
  point: pointSchema.optional(),
  at: z.string().transform(checked(fromIso)).optional(),
  sequence: z
    .string()
    .transform(checked((text: string) => (text === "latest" ? text : sequenceOf(text))))
    .optional(),
};

interface StateOptions {
  readonly point?: z.infer<typeof pointSchema> | undefined;
  readonly at?: Micros | undefined;
  readonly sequence?: Sequence | "latest" | undefined;
}

export const STATE_HELP = `  --point ID|latest    a recovery point ("leeward points" lists them), or
  --at INSTANT         every write up to this instant of the source's clock, such as 2026-11-21T20:15:03.250Z, or
  --sequence N|latest  every write up to number N, or every one that has arrived`;

/** @throws UsageError unless exactly one of the three says which state is meant */
export function checkState({ point, at, sequence: write }: StateOptions): void {
  const given = [point, at, write].filter((each) => each !== undefined);
  if (given.length !== 1)
    throw new UsageError(
      `--point, --at or --sequence: ${given.length === 0 ? "none is" : "only one may be"} given`,
    );
}

function sequenceOf(text: string): Sequence {
  if (!/^\d+$/.test(text)) throw new RangeError(`not the number of a write: ${JSON.stringify(text)}`);
  return sequence(Number(text));
}

/** A state in one word: a point's id, the number of a write, an instant, or `latest`, the newest point. @throws RangeError */
export function parseState(text: string): StateOptions {
  if (/^\d+$/.test(text)) return { sequence: sequenceOf(text) };
  if (text === "latest") return { point: text };
  return /^\d{4}-\d{2}-\d{2}T/.test(text) ? { at: fromIso(text) } : { point: barrierId(text) };
}

/** A container with what is needed to read it. */
export interface KeyedSource {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly machine: MachineId;
}

/** @throws InvalidRequest when it is neither a directory nor an https URL */
export async function openSource(place: string): Promise<ObjectStore> {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(place)) return new DirectoryObjectStore(place);
  if (!/^https:\/\//i.test(place))
    throw new LeewardError("InvalidRequest", "--from: a URL must begin with https://");
  // Azure's library takes most of the time that a command needs to start.
  const [{ AzureObjectStore }, { connectContainerBySas }] = await Promise.all([
    import("../engine/storage/azure-object.ts"),
    import("../engine/storage/connect.ts"),
  ]);
  return new AzureObjectStore(connectContainerBySas(place));
}

/** The place and the machine that are meant. @throws as `openSource`; NotFound, UsageError when there are several machines */
export async function openMachine({
  from: place,
  machine,
}: {
  readonly from: string;
  readonly machine?: MachineId | undefined;
}): Promise<{ objects: ObjectStore; machine: MachineId }> {
  const objects = await openSource(place);
  return { objects, machine: machine ?? (await machineIn(objects)) };
}

/** The one machine whose objects are there. */
async function machineIn(objects: ObjectStore): Promise<MachineId> {
  let found: MachineId | undefined;
  for await (const { name } of objects.list("machines/")) {
    const machine = machineId(name.split("/")[1] ?? "");
    if (found && machine !== found)
      throw new UsageError(`--machine: is missing: the container holds several, as ${found} and ${machine}`);
    found = machine;
  }
  if (found) return found;
  throw new LeewardError("NotFound", "the container holds no machine");
}

/** @throws NotFound, ManifestDamaged */
export async function findPoint(
  objects: ObjectStore,
  machine: MachineId,
  point: z.infer<typeof pointSchema>,
): Promise<RecoveryPoint> {
  if (point !== "latest") return readPoint(objects, machine, point);
  const newest = await newestPoint(objects, machine);
  if (newest) return newest;
  throw new LeewardError("NotFound", `there is no recovery point of a machine ${machine}`);
}

/** The state that is asked for. @throws NotFound, MomentUnreachable, and what reading the journal throws */
export async function momentFor(s: KeyedSource, state: StateOptions): Promise<Moment> {
  const { point, at, sequence: write } = state;
  if (point !== undefined) return momentOf(await findPoint(s.objects, s.machine, point));
  if (at !== undefined) return findMoment(s, { kind: "instant", time: at });
  if (write === undefined || write === "latest") return findMoment(s, { kind: "newest" });
  return findMoment(s, { kind: "write", sequence: write });
}

/** The machine's data key, from its wrapped form beside the journal and the master key. @throws KeyWrong, NotFound */
export async function unwrapKey(
  objects: ObjectStore,
  machine: MachineId,
  masterKeyFile: string,
): Promise<DataKey> {
  const wrapper = await fileKey(masterKeyFile);
  const wrapped = await objects.get(keyName(machine));
  if (!wrapped)
    throw new LeewardError("NotFound", `there is no ${keyName(machine)}, which holds the data key`);
  return wrapper.unwrap(decodeWrappedKey(wrapped.body));
}

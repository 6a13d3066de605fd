import { z } from "zod";
import { LeewardError } from "../engine/core/errors.ts";
import { type MachineId, barrierId, machineId } from "../engine/core/ids.ts";
import { checked } from "../engine/core/schema.ts";
import { fileKey } from "../engine/journal/file-key.ts";
import { type DataKey, decodeWrappedKey } from "../engine/journal/key.ts";
import type { RecoveryPoint } from "../engine/journal/manifest.ts";
import { keyName } from "../engine/journal/names.ts";
import { newestPoint, readPoint } from "../engine/replication/points.ts";
import { DirectoryObjectStore } from "../engine/storage/directory.ts";
import type { ObjectStore } from "../engine/storage/store.ts";

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
  machine: required("the machine's id").transform(checked(machineId)),
  json: z.boolean().default(false),
};

export const SOURCE_HELP = `  --from URL|DIR       the container "leeward" of the target account: its https URL with a SAS that may read and list,
                       or a directory it was downloaded to (default: the environment's LEEWARD_FROM)
  --machine ID         the machine, as in the names of its objects: machines/ID/…`;

export const pointSchema = required('the id of a recovery point, or "latest"').transform(
  checked((text: string) => (text === "latest" ? text : barrierId(text))),
);

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

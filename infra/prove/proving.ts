import type { TokenCredential } from "@azure/identity";
import { AnonymousCredential, PageBlobClient, type StoragePipelineOptions } from "@azure/storage-blob";
import type { ArmClient } from "../../engine/azure/arm.ts";
import type { Ensured } from "../../engine/azure/resource.ts";
import type { Clock } from "../../engine/core/clock.ts";
import { messageOf } from "../../engine/core/errors.ts";
import { type ArmId, armId } from "../../engine/core/ids.ts";
import { redact } from "../../engine/core/redact.ts";

/** What proofs work with. */
export interface Proving {
  readonly arm: ArmClient;
  readonly clock: Clock;
  readonly credential: TokenCredential;
  readonly subscription: string;
  readonly region: string;
  /** Eight hexadecimal digits, in the name of everything that is made. */
  readonly run: string;
  /** PEM of the only authority to trust; without it Node's. */
  readonly tls?: { readonly ca: string };
  /** Of a deployed app. */
  readonly endpoint?: string;
  readonly signal?: AbortSignal;
}

export interface Proof {
  readonly name: string;
  /** The exact call that is in question. */
  readonly call: string;
  /** What was seen, for the report. @throws what does not hold */
  prove(proving: Proving): Promise<string>;
}

export interface Finding {
  readonly name: string;
  readonly call: string;
  readonly held: boolean;
  readonly seen: string;
}

const groupOf = ({ subscription, run }: Proving): ArmId =>
  armId(`/subscriptions/${subscription}/resourceGroups/leeward-proof-${run}`);

export const inGroup = (proving: Proving, type: string, name: string): ArmId =>
  armId(`${groupOf(proving)}/providers/${type}/${name}`);

/**
 * Runs the proofs one after another in a resource group of their own, which is deleted in the end, whatever happened. A proof
 * that fails does not stop the others.
 * @throws when the group is there already, or could not be made: nothing was made then
 */
export async function proveAll(proving: Proving, proofs: readonly Proof[]): Promise<Finding[]> {
  const { arm, region, signal } = proving;
  const group = groupOf(proving);
  if (await arm.find(group)) throw new Error(`${group} is there already, and is left alone`);
  const findings: Finding[] = [];
  try {
    await arm.put(group, { location: region, tags: { "leeward-proof": proving.run } });
    for (const proof of proofs) {
      if (signal?.aborted) break;
      findings.push(await found(proof, () => proof.prove(proving)));
    }
  } finally {
    findings.push(await found(CLEAN_UP, () => cleanUp(proving)));
  }
  return findings;
}

const CLEAN_UP = {
  name: "everything that was made is gone",
  call: "DELETE /subscriptions/{subscription}/resourceGroups/{group}",
};

async function cleanUp(proving: Proving): Promise<string> {
  const group = groupOf(proving);
  await settled(proving, await proving.arm.delete(group));
  if (await proving.arm.find(group)) throw new Error(`${group} is still there: delete it by hand`);
  return `${group} is deleted`;
}

async function found(
  { name, call }: Pick<Proof, "name" | "call">,
  prove: () => Promise<string>,
): Promise<Finding> {
  try {
    return { name, call, held: true, seen: await prove() };
  } catch (error) {
    return { name, call, held: false, seen: redact(messageOf(error)) };
  }
}

/** Waits for what a call began, as long as Azure needs. */
export async function settled({ arm, clock }: Proving, begun: Pick<Ensured, "operation">): Promise<void> {
  let { operation } = begun;
  while (operation) {
    await clock.sleep(operation.retryAfter);
    const polled = await arm.poll(operation);
    operation = polled.done ? undefined : polled.operation;
  }
}

export function pagesAt({ tls }: Proving, sas: string): PageBlobClient {
  const options: StoragePipelineOptions & { tlsOptions?: { readonly ca: string } } = {
    retryOptions: { maxTries: 3 },
  };
  if (tls) options.tlsOptions = tls;
  return new PageBlobClient(sas, new AnonymousCredential(), options);
}

/** Something that must be refused. @throws when it was not */
export async function refusal(doing: () => Promise<unknown>): Promise<string> {
  const error: unknown = await doing().then(
    () => undefined,
    (reason: unknown) => reason ?? new Error("no reason"),
  );
  if (error === undefined) throw new Error("it was not refused");
  return redact(messageOf(error));
}

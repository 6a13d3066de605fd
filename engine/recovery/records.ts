import type { z } from "zod";
import { LeewardError, hasCode } from "../core/errors.ts";
import type { ETag, RecordStore } from "../storage/store.ts";
import { agentRecord, barriersRecord } from "./agent-record.ts";
import { aliasRecord } from "./alias.ts";
import type { GroupId } from "../core/ids.ts";
import { containerMappingRecord } from "./container-mapping.ts";
import { eventCursor, eventRecord } from "./event.ts";
import { containerRecord, fabricRecord } from "./fabric.ts";
import { groupRecord, memberRecord } from "./group.ts";
import { healingRecord } from "./healing-record.ts";
import { intentRecord } from "./intent.ts";
import { itemRecord } from "./item.ts";
import { jobRecord } from "./job.ts";
import { inOrderOfAge, jobOrder } from "./job-order.ts";
import { leftImagesRecord } from "./left-images.ts";
import { lostRecord } from "./lost-record.ts";
import { networkMapping } from "./network-mapping.ts";
import { planRecord } from "./plan-record.ts";
import { progressRecord } from "./progress.ts";
import { policyRecord } from "./replication-policy.ts";
import { readinessRecord } from "./readiness.ts";
import { recoveryPlanRecord } from "./recovery-plan.ts";
import { removingRecord } from "./removing.ts";
import { retentionRecord } from "./retention-record.ts";
import { alertSetting, vaultSetting } from "./vault-setting.ts";
import { verificationRecord } from "./verification.ts";

interface Kept<Value> {
  readonly value: Value;
  readonly etag: ETag;
}

/** Whether this version of a record is one that may be changed. */
type Only = (etag: ETag | undefined) => boolean;

/** The records of one kind, parsed on the way out. */
export interface Records<Value> {
  get(key: string): Promise<Kept<Value> | undefined>;
  /** @throws ObjectExists when there is one. */
  create(key: string, value: Value): Promise<void>;
  /** As `create`, unless there is one, whoever made it. */
  ensure(key: string, value: Value): Promise<void>;
  /**
   * Reads, changes and writes by compare-and-swap, again when someone else was faster. `change` may run several times;
   * what it throws is thrown; returning its argument writes nothing. Returns what stands there now.
   * @param only the version that is to be changed, and no other; undefined stands for none
   * @throws NotFound when there is no such record; PreconditionFailed when it is another version; ObjectChanged when others won too many times.
   */
  update(key: string, change: (old: Value) => Value, only?: Only): Promise<Value>;
  /** As `update`, with `change` called with undefined when there is no record yet. */
  upsert(key: string, change: (old: Value | undefined) => Value, only?: Only): Promise<Value>;
  list(): AsyncIterable<Value>;
  /** As `list`, with their keys. */
  entries(): AsyncIterable<{ readonly key: string; readonly value: Value }>;
  /** The first ones, or the first ones behind a key, ascending by key: at most `limit`, fewer only when there are no more. */
  page(limit: number, after?: string): Promise<{ readonly key: string; readonly value: Value }[]>;
  /** Nothing happens when there is none. @throws PreconditionFailed when it is another version */
  delete(key: string, only?: Only): Promise<void>;
  /** Deletes it if it is such a one, by compare-and-swap: never one that took its place meanwhile. */
  deleteIf(key: string, isOne: (value: Value) => boolean): Promise<void>;
}

/** Everything the control plane remembers, in the target region's table. */
export interface AllRecords {
  readonly items: Records<z.output<typeof itemRecord>>;
  readonly aliases: Records<z.output<typeof aliasRecord>>;
  readonly jobs: Records<z.output<typeof jobRecord>>;
  readonly agents: Records<z.output<typeof agentRecord>>;
  readonly barriers: Records<z.output<typeof barriersRecord>>;
  readonly progress: Records<z.output<typeof progressRecord>>;
  readonly lost: Records<z.output<typeof lostRecord>>;
  readonly verification: Records<z.output<typeof verificationRecord>>;
  readonly retention: Records<z.output<typeof retentionRecord>>;
  readonly healing: Records<z.output<typeof healingRecord>>;
  readonly readiness: Records<z.output<typeof readinessRecord>>;
  readonly removing: Records<z.output<typeof removingRecord>>;
  readonly leftImages: Records<z.output<typeof leftImagesRecord>>;
  readonly groups: Records<z.output<typeof groupRecord>>;
  readonly plans: Records<z.output<typeof planRecord>>;
  readonly plansOfRecovery: Records<z.output<typeof recoveryPlanRecord>>;
  readonly mappings: Records<z.output<typeof networkMapping>>;
  readonly fabrics: Records<z.output<typeof fabricRecord>>;
  readonly containers: Records<z.output<typeof containerRecord>>;
  readonly containerMappings: Records<z.output<typeof containerMappingRecord>>;
  readonly policies: Records<z.output<typeof policyRecord>>;
  readonly intents: Records<z.output<typeof intentRecord>>;
  readonly events: Records<z.output<typeof eventRecord>>;
  readonly eventCursor: Records<z.output<typeof eventCursor>>;
  readonly alertSettings: Records<z.output<typeof alertSetting>>;
  readonly vaultSettings: Records<z.output<typeof vaultSetting>>;
  /** Of one group. */
  readonly members: (group: GroupId) => Records<z.output<typeof memberRecord>>;
}

export const recordsIn = (store: RecordStore): AllRecords => ({
  items: records(store, "item", itemRecord),
  aliases: records(store, "alias", aliasRecord),
  jobs: inOrderOfAge(records(store, "job", jobRecord), records(store, "jobOrder", jobOrder)),
  agents: records(store, "agent", agentRecord),
  barriers: records(store, "barriers", barriersRecord),
  progress: records(store, "progress", progressRecord),
  lost: records(store, "lost", lostRecord),
  verification: records(store, "verification", verificationRecord),
  retention: records(store, "retention", retentionRecord),
  healing: records(store, "healing", healingRecord),
  readiness: records(store, "readiness", readinessRecord),
  removing: records(store, "removing", removingRecord),
  leftImages: records(store, "leftImages", leftImagesRecord),
  groups: records(store, "group", groupRecord),
  plans: records(store, "plan", planRecord),
  plansOfRecovery: records(store, "recoveryPlan", recoveryPlanRecord),
  mappings: records(store, "mapping", networkMapping),
  fabrics: records(store, "fabric", fabricRecord),
  containers: records(store, "container", containerRecord),
  containerMappings: records(store, "containerMapping", containerMappingRecord),
  policies: records(store, "policy", policyRecord),
  intents: records(store, "intent", intentRecord),
  events: records(store, "event", eventRecord),
  eventCursor: records(store, "eventCursor", eventCursor),
  alertSettings: records(store, "alertSetting", alertSetting),
  vaultSettings: records(store, "vaultSetting", vaultSetting),
  members: (group) => records(store, `member-${group}`, memberRecord),
});

/** How often a lost race is run again; each time someone else got something done. */
const RACES = 30;

function records<Schema extends z.ZodType>(
  store: RecordStore,
  kind: string,
  schema: Schema,
): Records<z.output<Schema>> {
  type Value = z.output<Schema>;

  async function get(key: string): Promise<Kept<Value> | undefined> {
    const found = await store.get(kind, key);
    return found && { value: schema.parse(found.value), etag: found.etag };
  }

  async function upsert(key: string, change: (old: Value | undefined) => Value, only?: Only): Promise<Value> {
    for (let race = 0; race < RACES; race++) {
      const old = await get(key);
      check(key, old?.etag, only);
      const value = change(old?.value);
      if (old && value === old.value) return value;
      if (await swap(key, value, old?.etag)) return value;
    }
    throw new LeewardError("ObjectChanged", `${kind} ${key}: changed by others ${RACES} times in a row`);
  }

  const changed = (key: string) =>
    new LeewardError("PreconditionFailed", `${kind} ${key} is not the version that was asked for`);

  function check(key: string, etag: ETag | undefined, only: Only | undefined): void {
    if (only && !only(etag)) throw changed(key);
  }

  async function swap(key: string, value: Value, etag: ETag | undefined): Promise<boolean> {
    try {
      await store.put(kind, key, value, etag === undefined ? "absent" : { unchangedSince: etag });
      return true;
    } catch (error) {
      if (hasCode(error, "ObjectChanged") || hasCode(error, "ObjectExists")) return false;
      throw error;
    }
  }

  return {
    get,
    upsert,
    async create(key, value) {
      await store.put(kind, key, value, "absent");
    },
    async ensure(key, value) {
      try {
        await store.put(kind, key, value, "absent");
      } catch (error) {
        if (!hasCode(error, "ObjectExists")) throw error;
      }
    },
    update: (key, change, only) =>
      upsert(
        key,
        (old) => {
          if (old === undefined) throw new LeewardError("NotFound", `there is no ${kind} record ${key}`);
          return change(old);
        },
        only,
      ),
    async delete(key, only) {
      if (!only) return store.delete(kind, key);
      const etag = (await get(key))?.etag;
      check(key, etag, only);
      try {
        if (etag !== undefined) await store.delete(kind, key, etag);
      } catch (error) {
        if (!hasCode(error, "ObjectChanged")) throw error;
        throw changed(key);
      }
    },
    async deleteIf(key, isOne) {
      for (let race = 0; race < RACES; race++) {
        const found = await get(key);
        if (!found || !isOne(found.value)) return;
        try {
          await store.delete(kind, key, found.etag);
          return;
        } catch (error) {
          if (!hasCode(error, "ObjectChanged")) throw error;
        }
      }
      throw new LeewardError("ObjectChanged", `${kind} ${key}: changed by others ${RACES} times in a row`);
    },
    async page(limit, after) {
      const found = await store.page(kind, limit, after);
      return found.map(({ key, value }) => ({ key, value: schema.parse(value) }));
    },
    async *list() {
      for await (const found of store.list(kind)) yield schema.parse(found.value);
    },
    async *entries() {
      for await (const { key, value } of store.list(kind)) yield { key, value: schema.parse(value) };
    },
  };
}

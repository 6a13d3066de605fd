import { z } from "zod";
import { operationId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { newestFirst } from "../core/clock.ts";
import type { JobRecord } from "./job.ts";
import type { Records } from "./records.ts";

/** Kind `jobOrder`: the operation of a job, under a key that sorts the newest first. Never changed. */
export const jobOrder = z.object({ operation: z.string().transform(checked(operationId)) });
type JobOrder = z.infer<typeof jobOrder>;

/** Where the job stands among the others. */
const jobOrderKey = ({ startTime, operation }: Pick<JobRecord, "startTime" | "operation">): string =>
  `${newestFirst(startTime)}-${operation}`;

/**
 * Jobs, which are found by their operations and paged through by their age, the newest first; a page's keys are those of the
 * order. A job's place in the order is written before it and deleted behind it: who dies between the two leaves a place
 * without a job, which pages pass over, and which the job's own next writer fills.
 */
export function inOrderOfAge(jobs: Records<JobRecord>, order: Records<JobOrder>): Records<JobRecord> {
  const place = (job: JobRecord) =>
    order.upsert(jobOrderKey(job), (old) => old ?? { operation: job.operation });
  return {
    ...jobs,
    async create(key, job) {
      await place(job);
      await jobs.create(key, job);
    },
    async ensure(key, job) {
      await place(job);
      await jobs.ensure(key, job);
    },
    async upsert(key, change) {
      if (!(await jobs.get(key))) await place(change(undefined));
      return jobs.upsert(key, change);
    },
    async page(limit, after) {
      const places = await order.page(limit, after);
      const found = await Promise.all(
        places.map(async ({ key, value }) => ({ key, job: await jobs.get(value.operation) })),
      );
      const there = found.flatMap(({ key, job }) => (job ? [{ key, value: job.value }] : []));
      const last = places.at(-1);
      const gone = places.length - there.length;
      if (gone === 0 || last === undefined || places.length < limit) return there;
      return [...there, ...(await this.page(gone, last.key))];
    },
    async delete(key) {
      const found = await jobs.get(key);
      await jobs.delete(key);
      if (found) await order.delete(jobOrderKey(found.value));
    },
    async deleteIf(key, isOne) {
      const found = await jobs.get(key);
      await jobs.deleteIf(key, isOne);
      if (found && !(await jobs.get(key))) await order.delete(jobOrderKey(found.value));
    },
  };
}

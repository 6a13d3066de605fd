import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";

const side = z.object({ iops: z.number(), bw_bytes: z.number() });
const report = z.object({ jobs: z.array(z.object({ read: side, write: side })).min(1) });

export interface FioFigures {
  /** Requests a second. */
  readonly rate: number;
  /** Bytes a second. */
  readonly throughput: number;
}

/** Runs one job of fio's nbd engine (Debian: `fio`). @param uri of the export, e.g. `nbd+unix:///disk0?socket=/run/a.sock` */
export async function fio(uri: string, args: readonly string[]): Promise<FioFigures> {
  const { stdout } = await promisify(execFile)("fio", [
    "--name=bench",
    "--ioengine=nbd",
    `--uri=${uri}`,
    "--output-format=json",
    ...args,
  ]);
  // fio prints a note on shared connections in front.
  const [job] = report.parse(JSON.parse(stdout.slice(stdout.indexOf("{")))).jobs;
  if (!job) throw new Error("fio reported no job");
  const { read, write } = job;
  return {
    rate: Math.max(read.iops, write.iops),
    throughput: Math.max(read.bw_bytes, write.bw_bytes),
  };
}

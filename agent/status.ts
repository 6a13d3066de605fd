import { join } from "node:path";
import type { LeewardError } from "../engine/core/errors.ts";
import type { Files } from "./files.ts";
import type { RunStatus } from "./run-status.ts";

/** What a person, or a program beside the agent, may know of it. Holds no secret. */
export interface AgentStatus {
  readonly pid: number;
  readonly version: string;
  /** What clients dial. */
  readonly nbd: string;
  /** Absent while nothing is recorded. */
  readonly journal?: RunStatus;
  /** What keeps the agent from the control plane. */
  readonly controlPlane?: LeewardError;
}

/** Leaves the status in `status.json` of the spool, atomically. Best effort: a full disk must not end the agent. */
export function writeStatus(files: Files, directory: string, status: AgentStatus): void {
  const file = join(directory, "status.json");
  try {
    files.write(`${file}.tmp`, `${JSON.stringify(status, readable, 1)}\n`);
    files.rename(`${file}.tmp`, file);
  } catch {
    // The next one, a second later, may find room.
  }
}

/** Errors have no enumerable message. */
const readable = (_key: string, value: unknown): unknown =>
  value instanceof Error && "code" in value ? { code: value.code, message: value.message } : value;

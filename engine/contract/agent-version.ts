/** Of the agent that this build makes and rolls out. */
export const AGENT_VERSION = "0.1.0";

/** Whether an agent of this version is older than ours; one whose version cannot be read is not. */
export function isOutdated(version: string, than = AGENT_VERSION): boolean {
  const [theirs, ours] = [version, than].map((one) => /^\d+\.\d+\.\d+/.exec(one)?.[0].split(".").map(Number));
  const at = ours?.findIndex((n, place) => n !== theirs?.[place]) ?? -1;
  return theirs !== undefined && at >= 0 && (theirs[at] ?? 0) < (ours?.[at] ?? 0);
}

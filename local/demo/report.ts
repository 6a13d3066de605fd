import { mebibytes } from "./terminal.ts";

export interface StepReport {
  readonly title: string;
  readonly seconds: number;
  readonly detail: string;
  /** What the control plane's own job says of its steps. */
  readonly parts?: readonly { readonly name: string; readonly seconds: number }[];
}

export interface Proof {
  readonly claim: string;
  readonly holds: boolean;
  /** What was counted or compared, or what differed. */
  readonly evidence: string;
}

export interface LossReport {
  readonly seconds: number;
  readonly bytes: number;
  readonly writes: number;
}

/** What the demo did, measured and proved. Bytes are bytes, times are seconds. */
export interface Report {
  readonly seed: number;
  readonly replica: "warm" | "none";
  readonly hostKills: number;
  readonly steps: readonly StepReport[];
  readonly volume: {
    /** Guest data written by the machine while it was protected, initial copy included. */
    readonly captured: { readonly writes: number; readonly bytes: number };
    /** What is left of it when each block is kept once: what the target disk was built from. */
    readonly merged: { readonly bytes: number };
    /** Compressed and encrypted, carried from region to region. */
    readonly shipped: { readonly segments: number; readonly bytes: number };
    /** In the target journal. */
    readonly stored: { readonly objects: number; readonly bytes: number };
  };
  readonly losses: {
    /** As the control plane showed them just before the region was lost. */
    readonly shownBefore: { readonly vm: LossReport; readonly region: LossReport };
    /** As the failover announced it. */
    readonly announced: LossReport & {
      /** The moment of the agent's last report: what came after it, nobody alive could know. */
      readonly until: string;
    };
    /** As the lost region's own files tell: up to that moment, and after it. */
    readonly real: LossReport & { readonly after: { readonly bytes: number; readonly writes: number } };
  };
  readonly rpoSeconds: number;
  readonly rtoSeconds: number;
  readonly point: { readonly id: string; readonly time: string };
  readonly ledgerUrl: string;
  readonly proofs: readonly Proof[];
  /** Of the failback, which loses nothing. */
  readonly home: { readonly rtoSeconds: number; readonly ledgerUrl: string };
  readonly seconds: number;
}

export const allHold = (report: Report): boolean =>
  report.proofs.length > 0 && report.proofs.every(({ holds }) => holds);

const loss = ({ seconds, bytes, writes }: LossReport) =>
  `${seconds.toFixed(1)} s, ${writes} writes, ${mebibytes(bytes)}`;

const LINE = 96;

/** `name 0.4 s · name 1.2 s`, folded; what took no time to speak of is left out. */
function partLines(parts: readonly { readonly name: string; readonly seconds: number }[]): string[] {
  const lines: string[] = [];
  for (const { name, seconds } of parts.filter((part) => part.seconds >= 0.05)) {
    const text = `${name} ${seconds.toFixed(1)} s`;
    const last = lines.at(-1);
    if (last !== undefined && last.length + text.length + 3 <= LINE)
      lines[lines.length - 1] = `${last} · ${text}`;
    else lines.push(text);
  }
  return lines.map((line) => `           ${line}`);
}

/** One screen for a person. */
export function render(report: Report): string {
  const { volume, losses } = report;
  const { announced, real } = losses;
  const row = (name: string, text: string) => `  ${name.padEnd(24)} ${text}`;
  return [
    "",
    `What happened (seed ${report.seed}, replica ${report.replica}, Functions host killed ${report.hostKills} times)`,
    ...report.steps.flatMap(({ title, seconds, detail, parts }) => [
      row(title, `${seconds.toFixed(1).padStart(6)} s   ${detail}`),
      ...(parts ? partLines(parts).map((line) => row("", line)) : []),
    ]),
    "",
    "What was moved",
    row("captured", `${volume.captured.writes} writes, ${mebibytes(volume.captured.bytes)}`),
    row("merged", `${mebibytes(volume.merged.bytes)} of distinct blocks`),
    row(
      "shipped",
      `${volume.shipped.segments} segments, ${mebibytes(volume.shipped.bytes)} compressed and encrypted`,
    ),
    row("stored in the target", `${volume.stored.objects} objects, ${mebibytes(volume.stored.bytes)}`),
    "",
    "What was lost",
    row("VM loss, just before", loss(losses.shownBefore.vm)),
    row("region loss, just before", loss(losses.shownBefore.region)),
    row("announced at failover", `${loss(announced)}, and what came after ${announced.until}`),
    row("real", `${loss(real)}, and ${real.after.writes} writes, ${mebibytes(real.after.bytes)} after that`),
    "",
    `RPO ${report.rpoSeconds.toFixed(1)} s (point of ${report.point.time})   RTO ${report.rtoSeconds.toFixed(1)} s (request to ledger answering)`,
    `The way home: ${report.home.rtoSeconds.toFixed(1)} s from the request to the ledger answering, nothing lost`,
    "",
    "What was proved",
    ...report.proofs.map(
      ({ claim, holds, evidence }) => `  ${holds ? "✓" : "✗"} ${claim.padEnd(58)} ${evidence}`,
    ),
    "",
    `${allHold(report) ? "All proofs hold." : "A PROOF DOES NOT HOLD."} ${report.seconds.toFixed(0)} s in all.`,
  ].join("\n");
}

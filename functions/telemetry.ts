import type { Attributes, Meter, ObservableResult } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import type { MachineMetrics } from "../engine/contract/metrics.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";

/** Sends figures to an OpenTelemetry collector. */
export interface Telemetry {
  /** Sends the figures of all machines; one that is gone from the list is gone from the export. @throws TelemetryRefused */
  report(machines: readonly MachineMetrics[]): Promise<void>;
  close(): Promise<void>;
}

type Emit = (value: number | null | undefined, attributes?: Attributes) => void;

interface Gauge {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly read: (machine: MachineMetrics, emit: Emit) => void;
}

/** `docs/metrics.md` has their table. Units are UCUM's, names follow OpenTelemetry's conventions. */
const GAUGES: readonly Gauge[] = [
  {
    name: "leeward.watermark.sequence",
    unit: "{write}",
    description: "The newest write that has come so far",
    read: ({ watermarks }, emit) => {
      for (const [watermark, mark] of Object.entries(watermarks)) emit(mark.sequence, { watermark });
    },
  },
  {
    name: "leeward.watermark.time",
    unit: "s",
    description: "When that write was made, in seconds since 1970 by the source's clock",
    read: ({ watermarks }, emit) => {
      for (const [watermark, mark] of Object.entries(watermarks)) emit(mark.time / 1e6, { watermark });
    },
  },
  {
    name: "leeward.loss.seconds",
    unit: "s",
    description: "What would be lost if the VM, or its region, were gone now",
    read: ({ losses }, emit) => both(losses, ({ seconds }) => seconds, emit),
  },
  {
    name: "leeward.loss.bytes",
    unit: "By",
    description: "Guest bytes that would be lost",
    read: ({ losses }, emit) => both(losses, ({ bytes }) => bytes, emit),
  },
  {
    name: "leeward.loss.writes",
    unit: "{write}",
    description: "Writes that would be lost",
    read: ({ losses }, emit) => both(losses, ({ writes }) => writes, emit),
  },
  {
    name: "leeward.churn.bytes",
    unit: "By/s",
    description: "Guest bytes written, mean of the last minutes",
    read: ({ disks }, emit) => {
      for (const { name, churn } of disks) emit(churn.bytesPerSecond, { disk: name });
    },
  },
  {
    name: "leeward.churn.writes",
    unit: "{write}/s",
    description: "Writes, mean of the last minutes",
    read: ({ disks }, emit) => {
      for (const { name, churn } of disks) emit(churn.writesPerSecond, { disk: name });
    },
  },
  {
    name: "leeward.backlog.bytes",
    unit: "By",
    description: "Guest bytes on their way to the cache, to the target region, to the replica",
    read: ({ backlog }, emit) => {
      for (const [to, { bytes }] of Object.entries(backlog)) emit(bytes, { to });
    },
  },
  {
    name: "leeward.backlog.copied",
    unit: "By",
    description: "What a comparison copied, on the same ways",
    read: ({ backlog }, emit) => {
      for (const [to, { copiedBytes }] of Object.entries(backlog)) emit(copiedBytes, { to });
    },
  },
  {
    name: "leeward.backlog.eta",
    unit: "s",
    description: "Until the backlog is through; absent while it does not get less",
    read: ({ backlog: { cache, region } }, emit) => {
      emit(cache.etaSeconds, { to: "cache" });
      emit(region.etaSeconds, { to: "region" });
    },
  },
  {
    name: "leeward.compression.ratio",
    unit: "1",
    description: "Bytes that arrived to bytes that were uploaded",
    read: ({ compression }, emit) => emit(compression),
  },
  {
    name: "leeward.merge.ratio",
    unit: "1",
    description: "Guest bytes to bytes written to the replica",
    read: ({ merge }, emit) => emit(merge),
  },
  {
    name: "leeward.verified.fraction",
    unit: "1",
    description: "Blocks that this round of the scrub has compared",
    read: ({ disks }, emit) => {
      for (const { name, verifiedFraction } of disks) emit(verifiedFraction, { disk: name });
    },
  },
  {
    name: "leeward.point.age",
    unit: "s",
    description: "Age of the newest recovery point",
    read: ({ points }, emit) => emit(points.newestAgeSeconds),
  },
  {
    name: "leeward.point.bad",
    unit: "{point}",
    description: "Recovery points that verification found bad",
    read: ({ points }, emit) => emit(points.bad),
  },
  {
    name: "leeward.drill.age",
    unit: "s",
    description: "Since the last drill that succeeded began",
    read: ({ drill }, emit) => emit(drill?.ageSeconds),
  },
  {
    name: "leeward.drill.rto",
    unit: "s",
    description: "From its request to the running machine",
    read: ({ drill }, emit) => emit(drill?.rtoSeconds),
  },
];

type Losses = NonNullable<MachineMetrics["losses"]>;

function both(losses: Losses | null, figure: (loss: Losses["vm"]) => number, emit: Emit): void {
  if (!losses) return;
  emit(figure(losses.vm), { of: "vm" });
  emit(figure(losses.region), { of: "region" });
}

/** `ExportResultCode.SUCCESS` of a package that is not ours to import. */
const SUCCESS = 0;

/** Is read when a report is made, and never by itself. */
class OnDemand extends MetricReader {
  protected override onForceFlush = async (): Promise<void> => undefined;
  protected override onShutdown = async (): Promise<void> => undefined;
}

/** Endpoint, headers, time-out and the rest come from OpenTelemetry's own environment variables, `OTEL_EXPORTER_OTLP_…`. */
export function telemetry(): Telemetry {
  const exporter = new OTLPMetricExporter();
  return {
    async report(machines) {
      const { resourceMetrics } = await readerOf(machines).collect();
      await new Promise<void>((resolve, reject) =>
        exporter.export(resourceMetrics, ({ code, error }) =>
          code === SUCCESS ? resolve() : reject(refused(error)),
        ),
      );
    },
    close: () => exporter.shutdown(),
  };
}

/** Made anew for each report: the SDK goes on to export the last figures of a machine that it once saw. */
function readerOf(machines: readonly MachineMetrics[]): MetricReader {
  const reader = new OnDemand();
  const meter = new MeterProvider({ readers: [reader] }).getMeter("leeward");
  for (const gauge of GAUGES) addGauge(meter, gauge, machines);
  return reader;
}

function addGauge(meter: Meter, gauge: Gauge, machines: readonly MachineMetrics[]): void {
  const { name, unit, description, read } = gauge;
  meter.createObservableGauge(name, { unit, description }).addCallback((result: ObservableResult) => {
    for (const machine of machines)
      read(machine, (value, attributes) => {
        if (typeof value === "number") result.observe(value, { machine: machine.machine, ...attributes });
      });
  });
}

const refused = (error: Error | undefined) =>
  new LeewardError(
    "TelemetryRefused",
    `the collector took no metrics: ${error ? messageOf(error) : "no reason given"}`,
    error,
  );

import { app } from "@azure/functions";
import type { MachineMetrics } from "../engine/contract/metrics.ts";
import { isGivenAway } from "../engine/recovery/reversal.ts";
import { measure } from "./metrics.ts";
import { services } from "./services.ts";
import { type Telemetry, telemetry } from "./telemetry.ts";

/**
 * Figures go to OpenTelemetry from a timer, which runs once however many instances the app has. Without a collector's endpoint
 * there is nothing to do.
 */
app.timer("metricsTimer", {
  schedule: "%LEEWARD_POINT_SCHEDULE%",
  handler: async () => {
    const { OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: metrics } = process.env;
    if (!all && !metrics) return;
    const found = await services();
    const machines: MachineMetrics[] = [];
    for await (const item of found.records.items.list())
      if (!isGivenAway(item)) machines.push(await measure(found, item));
    sender ??= telemetry();
    await sender.report(machines);
  },
});

let sender: Telemetry | undefined;

import { type Server, createServer } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { MachineMetrics } from "../../../engine/contract/metrics.ts";
import { telemetry } from "../../../functions/telemetry.ts";

/** What a collector gets, as far as it matters here: OTLP/HTTP in JSON. */
const exported = z.object({
  resourceMetrics: z.array(
    z.object({
      scopeMetrics: z.array(
        z.object({
          metrics: z.array(
            z.object({
              name: z.string(),
              unit: z.string(),
              gauge: z.object({
                dataPoints: z.array(
                  z.object({
                    asDouble: z.number(),
                    attributes: z.array(
                      z.object({ key: z.string(), value: z.object({ stringValue: z.string() }) }),
                    ),
                  }),
                ),
              }),
            }),
          ),
        }),
      ),
    }),
  ),
});

let collector: Server;
let status = 200;
const received: unknown[] = [];

beforeAll(async () => {
  collector = createServer((request, response) => {
    void text(request).then((body) => {
      received.push(JSON.parse(body));
      response.writeHead(status, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const { port } = z.object({ port: z.number() }).parse(collector.address());
  process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = `http://127.0.0.1:${port}`;
});
afterAll(() => {
  delete process.env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  collector.closeAllConnections();
  collector.close();
});

const machine = (name: string): MachineMetrics => ({
  machine: name,
  time: "2026-11-21T20:15:03.250000Z",
  generation: 1,
  watermarks: { captured: { generation: 1, sequence: 100, time: 5_000_000, bytes: 4096, copiedBytes: 0 } },
  losses: { vm: { seconds: 1, bytes: 2, writes: 3 }, region: { seconds: 4, bytes: 5, writes: 6 } },
  churn: { bytesPerSecond: 10, writesPerSecond: 1 },
  backlog: {
    cache: { bytes: 7, copiedBytes: 70, etaSeconds: 2 },
    region: { bytes: 8, copiedBytes: 80, etaSeconds: null },
    replica: { bytes: 9, copiedBytes: 0 },
  },
  compression: 2.5,
  merge: null,
  verified: null,
  points: { newestAgeSeconds: 30, bad: 0 },
  drill: { ageSeconds: 86_400, rtoSeconds: null },
  disks: [
    {
      index: 0,
      name: "os",
      size: 1024,
      churn: { bytesPerSecond: 10, writesPerSecond: 1 },
      verifiedFraction: null,
    },
  ],
});

/** The last export: name and attributes to value. */
function figures(): Record<string, number> {
  const { resourceMetrics } = exported.parse(received.at(-1));
  const points = resourceMetrics
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    .flatMap(({ name, gauge }) => gauge.dataPoints.map((point) => ({ name, ...point })));
  return Object.fromEntries(
    points.map(({ name, attributes, asDouble }) => [
      [name, ...attributes.map(({ key, value }) => `${key}=${value.stringValue}`)].join(" "),
      asDouble,
    ]),
  );
}

test("a collector gets each machine's figures, and none for what is not known", async () => {
  const sender = telemetry();
  await sender.report([machine("a"), machine("b")]);
  expect(figures()).toMatchObject({
    "leeward.watermark.sequence machine=a watermark=captured": 100,
    "leeward.loss.seconds machine=b of=vm": 1,
    "leeward.loss.writes machine=b of=region": 6,
    "leeward.backlog.bytes machine=a to=region": 8,
    "leeward.backlog.copied machine=a to=region": 80,
    "leeward.backlog.eta machine=a to=cache": 2,
    "leeward.compression.ratio machine=a": 2.5,
    "leeward.churn.bytes machine=a disk=os": 10,
    "leeward.point.age machine=a": 30,
    "leeward.drill.age machine=b": 86_400,
  });
  expect(Object.keys(figures()).filter((name) => /merge|verified|eta .*region/.test(name))).toEqual([]);
  await sender.close();
});

test("a machine that is gone is gone from the next export", async () => {
  const sender = telemetry();
  await sender.report([machine("a"), machine("b")]);
  await sender.report([machine("a")]);
  expect(Object.keys(figures()).filter((name) => name.includes("machine=b"))).toEqual([]);
  expect(figures()["leeward.point.bad machine=a"]).toBe(0);
  await sender.close();
});

test("a collector that refuses is an error that says so", async () => {
  const sender = telemetry();
  status = 400;
  await expect(sender.report([machine("a")])).rejects.toMatchObject({ code: "TelemetryRefused" });
  status = 200;
  await sender.close();
});

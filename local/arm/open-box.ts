import { readFileSync } from "node:fs";
import { type Clock, systemClock } from "../../engine/core/clock.ts";
import type { BoxConfig } from "./box-config.ts";
import type { Box } from "./box.ts";
import { type Faults, faults } from "./box/fault.ts";
import { bootDiagnostics } from "./compute/boot-diagnostics.ts";
import { type BlobAt, blobsOf } from "./compute/box-blob.ts";
import { copySource } from "./compute/copy-source.ts";
import { diskSas } from "./compute/disk-sas.ts";
import { powerOn } from "./compute/power.ts";
import { dispatch } from "./dispatch.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { operationsOf } from "./operations.ts";
import type { Exchange } from "./published/exchange.ts";
import { sow } from "./seed.ts";
import type { State } from "./state.ts";
import { throttle } from "./throttle.ts";
import type { Issuer } from "./tokens/issuer.ts";

export interface BoxSettings {
  readonly config: BoxConfig;
  /** Directory of the keys. */
  readonly data: string;
  readonly state: State;
  readonly hypervisor: Hypervisor;
  readonly issuer: Issuer;
  /** https origin of ARM and of the disk-SAS endpoint. */
  readonly url: string;
  readonly identityEndpoint: string;
  readonly clock?: Clock;
  readonly observe?: (exchange: Exchange) => void;
  /** Those that are asked for under `/box/` by default. */
  readonly faults?: Faults;
  /** Blobs that disks are imported from; those of the configuration's accounts by default. */
  readonly blobAt?: BlobAt;
}

/** The simulator without its doors, with what an earlier run left, or else with the seed. */
export async function openBox(settings: BoxSettings): Promise<Box> {
  const { config, data, state, issuer, url, clock = systemClock } = settings;
  const operations = operationsOf(() => box);
  const ca = config.ca && readFileSync(config.ca, "utf8");
  const readSource = copySource(config, ca, () => url);
  const box: Box = {
    config,
    clock,
    state,
    hypervisor: settings.hypervisor,
    issuer,
    operations,
    faults: settings.faults ?? faults(),
    throttle: throttle(clock, config.throttling),
    bootDiagnostics: bootDiagnostics(clock, () => url, settings.hypervisor),
    diskSas: diskSas({ directory: data, state, clock, origin: () => url, readSource }),
    url,
    identityEndpoint: settings.identityEndpoint,
    observe: settings.observe,
    blobAt: settings.blobAt ?? blobsOf(issuer, ca),
    answerFor: (resource, apiVersion) => current(box, resource, apiVersion),
  };
  if (state.fresh) await sow(box);
  else await runAgain(box);
  return box;
}

/**
 * After a restart: VMs that should run, then operations that were under way. A VM that does not come up is Failed and
 * keeps nobody else from coming up.
 */
async function runAgain(box: Box): Promise<void> {
  for (const machine of box.state.virtualMachines.all()) {
    const waits = box.operations.busy(machine.id) || box.state.lost.has(machine.location);
    if (waits || machine.hidden.power !== "running") continue;
    try {
      await powerOn(box, machine);
    } catch {
      machine.properties.provisioningState = "Failed";
    }
  }
  box.operations.resume();
}

async function current(box: Box, resource: string, apiVersion: string) {
  try {
    const query = new URLSearchParams({ "api-version": apiVersion });
    return await dispatch(box, { method: "GET", pathname: resource, query, body: undefined });
  } catch {
    return { status: 204 };
  }
}

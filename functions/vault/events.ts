import type { EventView } from "../../engine/contract/event.ts";
import { toIso } from "../../engine/core/clock.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../../engine/core/ids.ts";
import type { EventRecord } from "../../engine/recovery/event.ts";
import { fabricOf } from "../../engine/recovery/fabric.ts";
import { type ItemRecord, lastSegment, vaultOf } from "../../engine/recovery/item.ts";
import { type Call, route } from "../http.ts";
import { PATHS, vaultIn } from "../paths.ts";
import { type FilterField, filterIn } from "./filter.ts";
import { inVault } from "./inventory.ts";
import { lookUp } from "../find-item.ts";
import { pageOf } from "./paging.ts";

const all = `${PATHS.vault}/replicationEvents`;
const read = { method: "GET", role: "Reader", versioned: true } as const;

interface Kept {
  readonly key: string;
  readonly value: EventRecord;
}

const FIELDS: Readonly<Record<string, FilterField<Kept>>> = {
  starttime: { of: ({ value }) => value.time / 1000, bound: "from" },
  endtime: { of: ({ value }) => value.time / 1000, bound: "until" },
  severity: { of: ({ value }) => value.severity },
  eventtype: { of: ({ value }) => value.type },
  eventcode: { of: ({ value }) => value.code },
  affectedobjectfriendlyname: { of: ({ value }) => lastSegment(value.about) },
  affectedobjectcorrelationid: { of: ({ value }) => value.about },
  fabricname: { of: ({ value }) => lastSegment(fabricOf(value.about) ?? "") },
};

/** Newest first. */
route("listEvents", { ...read, path: all }, async (call) => {
  const vault = vaultIn(call.request);
  const wanted = filterIn(call.request, FIELDS);
  const found: Kept[] = [];
  for await (const event of call.services.records.events.entries())
    if (sameArmId(vaultOf(event.value.about), vault) && wanted(event)) found.push(event);
  const items = await inVault(call.services.records.items, vault);
  const itemAbout = (about: ArmId) => items.find(({ id }) => sameArmId(id, about));
  return pageOf(
    call,
    found,
    ({ key }) => key,
    (event) => view(vault, event, itemAbout(event.value.about)),
  );
});

route("getEvent", { ...read, path: `${all}/{event}` }, async (call) => ({
  jsonBody: await shown(call, vaultIn(call.request), call.param("event")),
}));

async function shown({ services: { records } }: Call, vault: ArmId, name: string): Promise<EventView> {
  const key = name.toLowerCase();
  const found = /^[0-9a-f-]{1,64}$/.test(key) ? await records.events.get(key) : undefined;
  if (!found || !sameArmId(vaultOf(found.value.about), vault))
    throw new LeewardError("NotFound", `there is no event ${name.slice(0, 100)} in ${lastSegment(vault)}`);
  const { about } = found.value;
  const item = (await lookUp({ records }, about))?.value;
  return view(vault, { key, value: found.value }, item && sameArmId(item.id, about) ? item : undefined);
}

function view(vault: ArmId, { key, value }: Kept, item: ItemRecord | undefined): EventView {
  const { about, code, message, type, severity, time, job, health } = value;
  return {
    id: `${vault}/replicationEvents/${key}`,
    name: key,
    type: "Microsoft.RecoveryServices/vaults/replicationEvents",
    properties: {
      eventCode: code,
      description: message,
      eventType: type,
      affectedObjectFriendlyName: lastSegment(item?.vmId ?? about),
      affectedObjectCorrelationId: about,
      severity,
      timeOfOccurrence: toIso(time),
      fabricId: fabricOf(about) ?? null,
      providerSpecificDetails: {
        instanceType: "A2A",
        protectedItemName: lastSegment(about),
        fabricObjectId: item?.vmId ?? null,
        fabricName: lastSegment(fabricOf(about) ?? ""),
        fabricLocation: item?.source?.region ?? null,
        remoteFabricName: lastSegment(fabricOf(item?.recoveryContainerId ?? "") ?? ""),
        remoteFabricLocation: item?.target?.region ?? null,
      },
      eventSpecificDetails: job
        ? {
            instanceType: "JobStatus",
            jobId: `${vault}/replicationJobs/${job.operation}`,
            jobFriendlyName: job.scenario,
            jobStatus: job.state,
            affectedObjectType: "ProtectionEntity",
          }
        : null,
      healthErrors:
        health && !health.over
          ? [
              {
                errorCode: code,
                errorLevel: severity,
                errorMessage: message,
                recommendedAction: health.remedy,
                creationTimeUtc: toIso(time),
              },
            ]
          : [],
    },
  };
}

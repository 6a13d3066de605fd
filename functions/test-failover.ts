import type { HttpResponseInit } from "@azure/functions";
import {
  type TestFailoverRequest,
  testFailoverCleanupRequest,
  testFailoverRequest,
} from "../engine/contract/test-failover.ts";
import { type ItemRecord, targetOf } from "../engine/recovery/item.ts";
import { beginTest, beginTestCleanup, testOperation } from "../engine/recovery/test-failover.ts";
import type { TestNetwork } from "../engine/recovery/test-report.ts";
import { beginJob } from "./begin.ts";
import { findItem } from "./find-item.ts";
import { buildWish, checkReadable, chosenFor } from "./failover-choice.ts";
import { type DurableCall, bodyOf, durableRoute } from "./http.ts";
import { accepted } from "./lro.ts";
import { PATHS, itemIn } from "./paths.ts";
import { askedIn } from "./protected-items.ts";
import type { Services } from "./services.ts";
import { subnetsOf } from "./target-network.ts";

const posted = { method: "POST", role: "Operator", versioned: true } as const;

durableRoute("beginTestFailover", { ...posted, path: `${PATHS.item}/testFailover` }, async (call) => {
  const { properties } = await bodyOf(call.request, testFailoverRequest);
  return testFailOver(call, properties);
});

durableRoute(
  "beginTestFailoverCleanup",
  { ...posted, path: `${PATHS.item}/testFailoverCleanup` },
  async (call) => {
    const { properties } = await bodyOf(call.request, testFailoverCleanupRequest);
    const id = itemIn(call.request);
    const known = await findItem(call.services, id);
    const asked = { ...askedIn(call), ...properties };
    const item = await beginJob(call.services, call.client, known, (old) => beginTestCleanup(old, asked));
    return accepted(call, item, item.test?.job.operation ?? item.formerTest?.cleanup);
  },
);

/** The item's record first, which decides; then the job. @throws as `beginTest`, `chosenFor`: nothing changed */
export async function testFailOver(
  call: DurableCall,
  properties: TestFailoverRequest["properties"],
  { drill }: { readonly drill?: true } = {},
): Promise<HttpResponseInit> {
  const { services } = call;
  const id = itemIn(call.request);
  const item = await findItem(services, id);
  const point = properties.providerSpecificDetails?.recoveryPointId;
  const build = buildWish(properties.leeward);
  const asked = { ...askedIn(call), point, build, drill, ...(await networkFor(services, item, properties)) };
  // What cannot begin whatever is chosen is refused for that reason.
  beginTest(item, asked);
  if (point) await checkReadable(services, item, point);
  const chosen = await chosenFor(services, item, asked, properties.leeward);
  const now = await beginJob(services, call.client, item, (old) => beginTest(old, { ...asked, ...chosen }));
  // A request that comes once more is told of the job that it began, though that be over.
  return accepted(call, now, asked.token === undefined ? now.test?.operation : testOperation(now, asked));
}

interface Network {
  readonly network?: TestNetwork;
  readonly subnets?: readonly string[];
}

/** @throws InvalidRequest for a network that is not there, or is in another region */
async function networkFor(
  services: Services,
  item: ItemRecord,
  { networkType, networkId }: TestFailoverRequest["properties"],
): Promise<Network> {
  if (networkType === "NoNetworkAttachAsInput") return { network: { kind: "sealed" } };
  if (networkId === undefined) return networkType ? { network: { kind: "isolated" } } : {};
  const { region } = targetOf(item);
  const subnets = await subnetsOf(services, networkId, region, "properties.networkId");
  return { network: { kind: "named", id: networkId }, subnets };
}

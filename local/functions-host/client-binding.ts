import type { RegisteredFunction } from "./core-api.ts";
import type { TypedData } from "./typed-data.ts";

export interface ClientAddress {
  readonly hub: string;
  /** Origin of the public listener, for links handed to others. */
  readonly origin: string;
  /** Origin of the listener that only this app's own client calls. */
  readonly rpcOrigin: string;
  /** Key of the webhooks, part of every public link. */
  readonly key: string;
}

/** Links to one instance, or to `id` when it is the placeholder. */
export function managementLinks({ hub, origin, key }: ClientAddress, id: string): Record<string, string> {
  const instance = `${origin}/runtime/webhooks/durabletask/instances/${id}`;
  const query = `taskHub=${hub}&connection=Storage&code=${key}`;
  return {
    statusQueryGetUri: `${instance}?${query}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${query}`,
    terminatePostUri: `${instance}/terminate?reason={text}&${query}`,
    rewindPostUri: `${instance}/rewind?reason={text}&${query}`,
    purgeHistoryDeleteUri: `${instance}?${query}`,
    restartPostUri: `${instance}/restart?${query}`,
    suspendPostUri: `${instance}/suspend?reason={text}&${query}`,
    resumePostUri: `${instance}/resume?reason={text}&${query}`,
  };
}

/** The value of each durableClient binding of the function: where its client finds the task hub. */
export function clientInputs(fn: RegisteredFunction, address: ClientAddress): Record<string, TypedData> {
  const names = Object.keys(fn.metadata.bindings).filter(
    (name) => fn.metadata.bindings[name]?.type.toLowerCase() === "durableclient",
  );
  if (names.length === 0) return {};
  const text = { string: clientPayload(address) };
  return Object.fromEntries(names.map((name) => [name, text]));
}

function clientPayload(address: ClientAddress): string {
  const { hub, origin, rpcOrigin, key } = address;
  const baseUrl = `${origin}/runtime/webhooks/durabletask`;
  const create = `${baseUrl}/orchestrators/{functionName}[/{instanceId}]?code=${key}`;
  return JSON.stringify({
    taskHubName: hub,
    creationUrls: {
      createNewInstancePostUri: create,
      createAndWaitOnNewInstancePostUri: `${create}&timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}`,
    },
    managementUrls: { id: "INSTANCEID", ...managementLinks(address, "INSTANCEID") },
    baseUrl,
    requiredQueryStringParameters: `code=${key}`,
    // The client builds its calls on this one, and needs the slash. Plain http on loopback: no certificate to trust.
    rpcBaseUrl: `${rpcOrigin}/durabletask/`,
  });
}

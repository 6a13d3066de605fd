import type { ArmClient } from "./arm.ts";
import { declaredCall } from "./calls.ts";

/**
 * The client, sending only what `calls.ts` declares: a call without a row there would work in the box, and be refused on Azure,
 * where the app's roles are made of that table. Polling and further pages are not held up: their
 * URLs are Azure's own.
 * @throws RangeError from the method that is called
 */
export function onlyDeclared(client: ArmClient): ArmClient {
  const checked = (method: string, path: string): string => {
    if (declaredCall(method, path)) return path;
    throw new RangeError(
      `${method} ${path} is not declared: add it to engine/azure/calls.ts, then npm run azure-calls`,
    );
  };
  return {
    ...client,
    get urgent() {
      return onlyDeclared(client.urgent);
    },
    list: (path, options) => client.list(checked("GET", path), options),
    get: async (path, options) => client.get(checked("GET", path), options),
    find: async (path, options) => client.find(checked("GET", path), options),
    put: async (path, body, options) => client.put(checked("PUT", path), body, options),
    patch: async (path, body, options) => client.patch(checked("PATCH", path), body, options),
    post: async (path, body, options) => client.post(checked("POST", path), body, options),
    delete: async (path, options) => client.delete(checked("DELETE", path), options),
  };
}

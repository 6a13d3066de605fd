import { z } from "zod";
import { ArmError, bodyOf } from "../arm-error.ts";
import type { ArmPath } from "../arm-path.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import { existing } from "../resources/existing.ts";
import type { Lock } from "../model.ts";
import { covers } from "./scope.ts";

const TYPE = "Microsoft.Authorization/locks";

const lockBody = z.object({
  properties: z.looseObject({
    level: z.enum(["CanNotDelete", "ReadOnly"]),
    notes: z.string().max(512).optional(),
  }),
});

function put({ box, path, body }: Call): Reply {
  const { properties } = bodyOf(lockBody, body);
  const known = box.state.locks.get(path.id);
  const lock = box.state.locks.put({
    id: known?.id ?? path.id,
    name: known?.name ?? path.name,
    type: TYPE,
    properties,
    hidden: { scope: path.scope },
  });
  return { status: known ? 200 : 201, body: shown(lock) };
}

const shown = (lock: Lock) => ({ ...lock, hidden: undefined });

const at = (call: Call): Lock => existing(call.box.state.locks, TYPE, call);

function remove({ box, path }: Call): Reply {
  const status = box.state.locks.get(path.id) ? 200 : 204;
  box.state.locks.delete(path.id);
  return { status };
}

/** Those at the scope and below it; with `atScope()`, at it and above. */
function list({ box, path, query }: Call): Reply {
  const above = /^atScope\(\)$/i.test(query.get("$filter") ?? "");
  const value = box.state.locks
    .all()
    .filter(({ hidden: { scope } }) => (above ? covers(scope, path.scope) : covers(path.scope, scope)));
  return { status: 200, body: { value: value.map(shown) } };
}

export const locks: Family = {
  type: TYPE,
  since: "2016-09-01",
  get: (call) => ({ status: 200, body: shown(at(call)) }),
  put,
  delete: remove,
  list,
};

/**
 * A lock holds for its scope and everything below. ReadOnly lets nothing be written or acted upon, not even `listKeys`;
 * CanNotDelete keeps what is above from being deleted as well. Locks themselves are not locked.
 * @throws ArmError 409.
 */
export function refuseLocked({ state }: Box, method: string, path: ArmPath): void {
  if (method === "GET" || method === "HEAD" || path.namespace === "microsoft.authorization") return;
  const verb = method === "DELETE" ? "delete" : "write";
  const holding = state.locks
    .all()
    .filter(({ hidden: { scope }, properties: { level } }) =>
      method === "DELETE"
        ? covers(scope, path.id) || covers(path.id, scope)
        : level === "ReadOnly" && covers(scope, path.id),
    );
  if (holding.length === 0) return;
  const scopes = holding.map(({ hidden }) => hidden.scope).join("', '");
  throw new ArmError(
    409,
    "ScopeLocked",
    `The scope '${path.id}' cannot perform ${verb} operation because following scope(s) are locked: '${scopes}'. Please remove the lock and try again.`,
  );
}

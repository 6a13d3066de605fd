import { resourceNotFound } from "../arm-error.ts";
import type { Call } from "../call.ts";
import type { Table } from "../state.ts";

/** What the path names. @throws ArmError 404 */
export function existing<Item extends { id: string }>(
  table: Pick<Table<Item>, "get">,
  type: string,
  { path }: Call,
): Item {
  const found = table.get(path.id);
  if (!found) throw resourceNotFound(type, path.name, path.group ?? "");
  return found;
}

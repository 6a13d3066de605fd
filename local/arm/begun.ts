import type { Call, OperationStyle, Reply } from "./call.ts";
import type { Resource } from "./model.ts";

/**
 * The reply to a call that goes on as an operation, in its provider's namespace: 202 when there is nothing to show yet, or
 * the resource as it is to be.
 * @param kind of the work, see `works.ts`
 * @param input what the work is told besides
 */
export function begun(
  { box }: Call,
  { id, type, location }: Pick<Resource, "id" | "type" | "location">,
  kind: string,
  reply: Reply,
  input: Record<string, string> = {},
): Reply {
  const [namespace = ""] = type.split("/");
  const operation = box.operations.start({ kind, resource: id, location, namespace, input });
  return { ...reply, operation: { operation, style: styleOf(namespace, reply.status) } };
}

/** A write that shows its resource points to the status alone. */
function styleOf(namespace: string, status: number): OperationStyle {
  if (status !== 202) return "status";
  return namespace === "Microsoft.Compute" ? "both" : "location";
}

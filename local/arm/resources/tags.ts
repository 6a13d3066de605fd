import { z } from "zod";
import { bodyOf, resourceNotFound } from "../arm-error.ts";
import type { Call, Reply } from "../call.ts";

const tagBody = z.object({ tags: z.record(z.string(), z.string()) });

/** A PATCH that replaces the tags: the one update that every type takes. */
export function patchTags(
  found: { tags: Record<string, string> } | undefined,
  call: Call,
  answer: () => unknown,
): Reply {
  if (!found) throw resourceNotFound(call.path.type, call.path.name, call.path.group ?? "");
  found.tags = bodyOf(tagBody, call.body).tags;
  return { status: 200, body: answer() };
}

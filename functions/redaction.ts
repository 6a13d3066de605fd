import { type PostInvocationContext, app } from "@azure/functions";
import { redactedError } from "../engine/core/redact.ts";

/** What of an error the durable library reads itself, and answers the host with. */
const LIBRARYS = new Set(["orchestrationTrigger", "entityTrigger"]);

/** The host prints an error with its causes, whatever they hold. */
export function withoutSecrets(context: Pick<PostInvocationContext, "error" | "invocationContext">): void {
  const { error, invocationContext } = context;
  if (error === null || error === undefined || LIBRARYS.has(invocationContext.options.trigger.type)) return;
  context.error = redactedError(error);
}

app.hook.postInvocation(withoutSecrets);

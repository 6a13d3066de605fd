import { InvocationContext } from "@azure/functions";
import { expect, test } from "vitest";
import { withoutSecrets } from "../../../functions/redaction.ts";

const invocationOf = (type: string) => ({
  error: new Error("it failed", { cause: new Error("GET https://disks.test/?sig=s3cr3t") }),
  invocationContext: new InvocationContext({
    options: { trigger: { type, name: "trigger" }, extraInputs: [], extraOutputs: [] },
  }),
});

test.each(["timerTrigger", "activityTrigger", "httpTrigger"])(
  "what a %s throws is printed without secrets",
  (type) => {
    const invocation = invocationOf(type);
    withoutSecrets(invocation);
    expect(invocation.error.message).toBe("it failed");
    expect(String(invocation.error.cause)).toBe("Error: GET https://disks.test/?sig=***");
  },
);

test("what the durable library answers its host with is left as it is", () => {
  const invocation = invocationOf("orchestrationTrigger");
  const { error } = invocation;
  withoutSecrets(invocation);
  expect(invocation.error).toBe(error);
});

import { ArmError } from "../arm-error.ts";
import type { Call, Family, Reply } from "../call.ts";

const NAMESPACES = ["Microsoft.Compute", "Microsoft.Network", "Microsoft.Resources", "Microsoft.Storage"];

/** Registration state of a resource provider: all that the box has are registered. */
function describe(call: Call): Reply {
  const namespace = NAMESPACES.find((known) => known.toLowerCase() === call.path.name.toLowerCase());
  if (!namespace)
    throw new ArmError(
      404,
      "InvalidResourceNamespace",
      `The resource namespace '${call.path.name}' is invalid.`,
    );
  const id = `/subscriptions/${call.path.subscription}/providers/${namespace}`;
  return {
    status: 200,
    body: { id, namespace, registrationState: "Registered", registrationPolicy: "RegistrationRequired" },
  };
}

export const providers: Family = {
  type: "Microsoft.Resources/providers",
  since: "2024-07-01",
  get: describe,
  actions: { register: { method: "POST", run: describe } },
};

import { OPERATIONS } from "../../engine/contract/site-recovery.ts";
import { route } from "../http.ts";
import { isServed } from "./absent.ts";

const path =
  "subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.RecoveryServices/operations";

/** What of Site Recovery the app does. */
route("listOperations", { method: "GET", path, role: "Reader", versioned: true }, async () => ({
  jsonBody: {
    value: OPERATIONS.filter(isServed).map(({ name, method, path: at }) => ({
      name: `Microsoft.RecoveryServices/vaults/${name.replace(".", "/")}/${method === "GET" ? "read" : "action"}`,
      display: {
        provider: "Leeward",
        resource: name.split(".")[0],
        operation: name.split(".")[1],
        description: `${method} /${at}`,
      },
      origin: "user",
      properties: {},
    })),
    nextLink: null,
  },
}));

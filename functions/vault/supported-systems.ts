import { route } from "../http.ts";
import { PATHS, vaultIn } from "../paths.ts";

const path = `${PATHS.vault}/replicationSupportedOperatingSystems`;

/** Capture by snapshots asks nothing of the guest; the agent wants Linux with the disk reached through it. No kernel list. */
route(
  "getSupportedSystems",
  { method: "GET", path, role: "Reader", versioned: true },
  async ({ request }) => ({
    jsonBody: {
      id: `${vaultIn(request)}/replicationSupportedOperatingSystems`,
      name: "replicationSupportedOperatingSystems",
      type: "Microsoft.RecoveryServices/vaults/replicationSupportedOperatingSystems",
      properties: {
        supportedOsList: [
          {
            instanceType: "A2A",
            supportedOs: ["Linux", "Windows"].map((osType) => ({
              osName: `Any ${osType}`,
              osType,
              osVersions: [{ version: "Any", servicePack: null }],
            })),
          },
        ],
      },
    },
  }),
);

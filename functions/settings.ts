import { z } from "zod";
import { CLOUDS, inStorage } from "../engine/azure/cloud.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { armId } from "../engine/core/ids.ts";
import { checked } from "../engine/core/schema.ts";
import { millis } from "../engine/core/units.ts";

const https = z.url({ protocol: /^https$/ }).transform((url) => url.replace(/\/+$/, ""));

const schema = z
  .object({
    /** Gives the defaults of the next four. */
    LEEWARD_CLOUD: z.enum(["public", "usGovernment", "china"]).default("public"),
    /** Origin of Azure Resource Manager. */
    LEEWARD_ARM_ENDPOINT: https.optional(),
    LEEWARD_ARM_AUDIENCE: z.string().min(1).optional(),
    LEEWARD_VAULT_AUDIENCE: https.optional(),
    /** The end of every storage host, as in `core.windows.net`: to no other one a token of storage is sent. */
    LEEWARD_STORAGE_SUFFIX: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]*$/, "not the end of a host's name, as in core.windows.net")
      .optional(),
    LEEWARD_SUBSCRIPTION_ID: z.guid(),
    /** The region where this app runs, and where it builds what it protects. */
    LEEWARD_REGION: z.string().regex(/^[a-z0-9]+$/, "not a region's name, as in westeurope"),
    LEEWARD_TARGET_BLOB_ENDPOINT: https,
    LEEWARD_TARGET_TABLE_ENDPOINT: https,
    /** One of the two wraps the data keys. */
    LEEWARD_KEY_FILE: z.string().min(1).optional(),
    LEEWARD_KEY_VAULT_KEY_ID: https.optional(),
    /** Issuer and audience of the bearer tokens that this API takes. */
    LEEWARD_ISSUER: z.url({ protocol: /^https$/ }),
    LEEWARD_AUDIENCE: z.string().min(1),
    /** Where agents and clients reach this app. */
    LEEWARD_PUBLIC_URL: https,
    /** The vault that the portal shows; the API itself takes any. */
    LEEWARD_RESOURCE_GROUP: z.string().min(1).default("leeward"),
    LEEWARD_VAULT: z.string().min(1).default("leeward-vault"),
    /**
     * Milliseconds. The least `deleteDelay` of a policy: longer than a verification or a restore may take, which the
     * function's time-out of 30 minutes ends.
     */
    LEEWARD_LEAST_DELETE_DELAY: z.coerce
      .number()
      .int()
      .min(1000)
      .default(3_600_000)
      .transform(checked(millis)),
    /** Where machines fail over to that are protected by their tag; without it no tag protects. */
    LEEWARD_TAG_TARGET_GROUP: z
      .string()
      .regex(/^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+$/i, "not the resource id of a resource group")
      .transform(armId)
      .optional(),
    /** Object id of this app's identity, which enablement gives roles on the accounts that it makes; without it, none. */
    LEEWARD_ROLES_FOR: z.guid().optional(),
    /** How machines get the agent: by a script that runs on them, or by the platform itself, as in the box. */
    LEEWARD_AGENT_ROLLOUT: z.enum(["script", "handler"]).default("script"),
    /** Where machines without Node get one: an archive as Node's own project makes them, and its SHA-256. */
    LEEWARD_AGENT_NODE_URL: z.url({ protocol: /^https$/ }).optional(),
    LEEWARD_AGENT_NODE_SHA256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "not a SHA-256 in lower-case hex")
      .optional(),
    /** The app of the other region, which takes machines over when their direction is turned; without it there is no way back. */
    LEEWARD_PEER_URL: https.optional(),
    /** Selects a user-assigned identity. */
    LEEWARD_CLIENT_ID: z.guid().optional(),
  })
  .refine((s) => (s.LEEWARD_KEY_FILE === undefined) !== (s.LEEWARD_KEY_VAULT_KEY_ID === undefined), {
    path: ["LEEWARD_KEY_FILE"],
    message: "set either this or LEEWARD_KEY_VAULT_KEY_ID",
  })
  .refine((s) => (s.LEEWARD_AGENT_NODE_URL === undefined) === (s.LEEWARD_AGENT_NODE_SHA256 === undefined), {
    path: ["LEEWARD_AGENT_NODE_SHA256"],
    message: "set both this and LEEWARD_AGENT_NODE_URL, or none",
  })
  .superRefine((s, context) => {
    for (const name of ["LEEWARD_TARGET_BLOB_ENDPOINT", "LEEWARD_TARGET_TABLE_ENDPOINT"] as const)
      if (!inStorage(s[name], suffixesOf(s)))
        context.addIssue({
          code: "custom",
          path: [name],
          message: `its host does not end in ${suffixesOf(s).join(" or ")}`,
        });
  });

const suffixesOf = (s: { LEEWARD_CLOUD: keyof typeof CLOUDS; LEEWARD_STORAGE_SUFFIX?: string | undefined }) =>
  s.LEEWARD_STORAGE_SUFFIX === undefined
    ? CLOUDS[s.LEEWARD_CLOUD].storageSuffixes
    : [s.LEEWARD_STORAGE_SUFFIX];

export type Settings = ReturnType<typeof readSettings>;

/** @throws InvalidSetting naming every environment variable that is missing or wrong, never its value. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>) {
  const found = schema.safeParse(environment);
  if (!found.success) throw new LeewardError("InvalidSetting", problems(found.error));
  const s = found.data;
  const cloud = CLOUDS[s.LEEWARD_CLOUD];
  return {
    armEndpoint: s.LEEWARD_ARM_ENDPOINT ?? cloud.armEndpoint,
    armAudience: s.LEEWARD_ARM_AUDIENCE ?? cloud.armAudience,
    vaultAudience: s.LEEWARD_VAULT_AUDIENCE ?? cloud.vaultAudience,
    authorityHost: cloud.authorityHost,
    storageSuffixes: suffixesOf(s),
    subscription: s.LEEWARD_SUBSCRIPTION_ID,
    region: s.LEEWARD_REGION,
    targetBlobEndpoint: s.LEEWARD_TARGET_BLOB_ENDPOINT,
    targetTableEndpoint: s.LEEWARD_TARGET_TABLE_ENDPOINT,
    keyFile: s.LEEWARD_KEY_FILE,
    keyVaultKey: s.LEEWARD_KEY_VAULT_KEY_ID,
    issuer: s.LEEWARD_ISSUER,
    audience: s.LEEWARD_AUDIENCE,
    publicUrl: s.LEEWARD_PUBLIC_URL,
    vaultGroup: s.LEEWARD_RESOURCE_GROUP,
    vault: s.LEEWARD_VAULT,
    leastDeleteDelay: s.LEEWARD_LEAST_DELETE_DELAY,
    tagTargetGroup: s.LEEWARD_TAG_TARGET_GROUP,
    rolesFor: s.LEEWARD_ROLES_FOR,
    clientId: s.LEEWARD_CLIENT_ID,
    peerUrl: s.LEEWARD_PEER_URL,
    agentRollout: s.LEEWARD_AGENT_ROLLOUT,
    agentNode: nodeArchive(s),
  };
}

const nodeArchive = ({
  LEEWARD_AGENT_NODE_URL: url,
  LEEWARD_AGENT_NODE_SHA256: sha256,
}: z.output<typeof schema>) => (url !== undefined && sha256 !== undefined ? { url, sha256 } : undefined);

const problems = (error: z.ZodError): string =>
  error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");

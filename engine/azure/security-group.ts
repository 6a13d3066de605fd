import { z } from "zod";
import { LeewardError } from "../core/errors.ts";
import { type ArmId, armId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { type Ensured, type Owner, ensure, read, resource } from "./resource.ts";

const references = z
  .array(z.object({ id: z.string().transform(armId) }))
  .nullish()
  .transform((found) => found?.map(({ id }) => id) ?? []);

const securityRule = z.object({
  name: z.string(),
  properties: z.looseObject({
    sourceApplicationSecurityGroups: references,
    destinationApplicationSecurityGroups: references,
  }),
});
export type SecurityRule = z.infer<typeof securityRule>;

const securityGroup = resource.extend({
  properties: z.object({
    /** Without those that Azure adds to every group. */
    securityRules: z
      .array(securityRule)
      .nullish()
      .transform((found) => found ?? []),
  }),
});
export type SecurityGroup = z.infer<typeof securityGroup>;

export const getSecurityGroup = (client: ArmClient, id: ArmId): Promise<SecurityGroup> =>
  read(client, id, securityGroup);

/** The application security groups that rules name, each once. */
export const groupsIn = (rules: readonly SecurityRule[]): ArmId[] => {
  const all = rules.flatMap(({ properties: p }) => [
    ...p.sourceApplicationSecurityGroups,
    ...p.destinationApplicationSecurityGroups,
  ]);
  return [...new Map(all.map((id) => [id.toLowerCase(), id])).values()];
};

export interface SecurityGroupSpec {
  readonly id: ArmId;
  readonly location: string;
  readonly rules: readonly SecurityRule[];
  /** What stands for each application security group that the rules name. */
  readonly instead: (applicationGroup: ArmId) => ArmId | undefined;
  readonly owner: Owner;
}

/** @throws SourceUnsuitable for a rule that names a group for which nothing stands: without it the rule says something else. */
const securityGroupBody = ({ location, rules, instead }: Omit<SecurityGroupSpec, "id" | "owner">) => ({
  location,
  properties: { securityRules: rules.map((rule) => copied(rule, instead)) },
});

function copied({ name, properties }: SecurityRule, instead: SecurityGroupSpec["instead"]) {
  const {
    sourceApplicationSecurityGroups: from,
    destinationApplicationSecurityGroups: to,
    provisioningState: _,
    ...rest
  } = properties;
  const mapped = (ids: readonly ArmId[]) =>
    ids.map((id) => {
      const found = instead(id);
      if (found) return { id: found };
      throw new LeewardError("SourceUnsuitable", `the rule ${name} names ${id}, which is not copied`);
    });
  return {
    name,
    properties: {
      ...rest,
      ...(from.length > 0 && { sourceApplicationSecurityGroups: mapped(from) }),
      ...(to.length > 0 && { destinationApplicationSecurityGroups: mapped(to) }),
    },
  };
}

/** Ours keeps the rules that others changed since: it is written once. */
export const ensureSecurityGroup = (client: ArmClient, spec: SecurityGroupSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: securityGroupBody(spec), again: "keep" });

/** It holds nothing: network interfaces name it. */
export const ensureApplicationGroup = (
  client: ArmClient,
  { id, location, owner }: Pick<SecurityGroupSpec, "id" | "location" | "owner">,
): Promise<Ensured> => ensure(client, { id, owner, body: { location, properties: {} }, again: "keep" });

import { z } from "zod";
import { resourceTypeOf } from "../core/ids.ts";
import { armIdField } from "./field.ts";

/** Least and most characters of a name, by the types whose copies can be named. */
const LENGTHS: Readonly<Record<string, readonly [number, number]>> = {
  "microsoft.network/virtualnetworks": [2, 64],
  "microsoft.network/networksecuritygroups": [1, 80],
  "microsoft.network/applicationsecuritygroups": [1, 80],
  "microsoft.network/networkinterfaces": [1, 80],
  "microsoft.compute/availabilitysets": [1, 80],
};
const SHAPE = /^[A-Za-z0-9](?:[\w.-]*\w)?$/;

/** Azure's rule for names of these types: letters, digits, `_`, `.`, `-`; first a letter or digit, last one of these or `_`. */
function isNameOf(type: string, name: string): boolean {
  const [least, most] = LENGTHS[type.toLowerCase()] ?? [1, 80];
  return name.length >= least && name.length <= most && SHAPE.test(name);
}

const NIC = "Microsoft.Network/networkInterfaces";

/** The name of a copy's network interface. */
export const interfaceName = z
  .string()
  .refine((name) => isNameOf(NIC, name), { message: "not a network interface's name" });

const copyName = z
  .strictObject({ source: armIdField, name: z.string().max(80) })
  .superRefine(({ source, name }, context) => {
    const type = resourceTypeOf(source);
    const wrong = (path: string, message: string) =>
      context.addIssue({ code: "custom", path: [path], message });
    if (LENGTHS[type.toLowerCase()] === undefined || type.toLowerCase() === NIC.toLowerCase())
      wrong(
        "source",
        "not the id of a virtual network, a network or application security group, or an availability set",
      );
    else if (!isNameOf(type, name)) wrong("name", `not a name of a ${type}`);
  });

/** What copies are called, by what they are copies of. */
export const copyNameList = z
  .array(copyName)
  .max(200)
  .superRefine((all, context) => {
    const sources = all.map(({ source }) => source.toLowerCase());
    const names = all.map(({ source, name }) => `${resourceTypeOf(source)}/${name}`.toLowerCase());
    for (const at of all.keys()) {
      if (sources.indexOf(sources[at] ?? "") < at)
        context.addIssue({ code: "custom", path: [at, "source"], message: "named twice" });
      if (names.indexOf(names[at] ?? "") < at)
        context.addIssue({ code: "custom", path: [at, "name"], message: "named twice" });
    }
  });

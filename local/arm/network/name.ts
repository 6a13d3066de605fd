import { ArmError } from "../arm-error.ts";
import type { ArmPath } from "../arm-path.ts";

const LONGEST = 80;

/** The rule of the network's provider, in its own words. @throws ArmError 400 */
export function checkName({ namespace, name }: Pick<ArmPath, "namespace" | "name">): void {
  if (namespace !== "microsoft.network") return;
  if (name.length <= LONGEST && /^\w(?:[\w.-]*\w)?$/.test(name)) return;
  throw new ArmError(
    400,
    "InvalidResourceName",
    `Resource name ${name} is invalid. The name can be up to ${LONGEST} characters long. It must begin with a word character, and it must end with a word character or with '_'. The name may contain word characters or '.', '-', '_'.`,
  );
}

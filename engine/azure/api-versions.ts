/**
 * The one place that says which version of each Azure API Leeward speaks. Pinned: a newer version is taken only after its
 * published schema was compared. The longest matching type wins.
 */
const VERSIONS: Readonly<Record<string, string>> = {
  "microsoft.authorization": "2022-04-01",
  "microsoft.authorization/locks": "2020-05-01",
  "microsoft.compute": "2024-07-01",
  "microsoft.compute/diskencryptionsets": "2024-03-02",
  "microsoft.compute/disks": "2024-03-02",
  "microsoft.compute/skus": "2021-07-01",
  "microsoft.compute/snapshots": "2024-03-02",
  "microsoft.network": "2024-05-01",
  "microsoft.resources": "2024-07-01",
  "microsoft.storage": "2023-05-01",
};
const RESOURCE_GROUPS = "2024-07-01";
const SUBSCRIPTIONS = "2022-12-01";

/**
 * The api-version for an ARM path, an action's path included.
 * @throws RangeError for a provider that is not in the table.
 */
export function apiVersionOf(path: string): string {
  const type = resourceTypeOf(path);
  if (!type) return /^\/subscriptions\/[^/]+(\/locations)?$/i.test(path) ? SUBSCRIPTIONS : RESOURCE_GROUPS;
  for (let known = type; known; known = known.slice(0, Math.max(0, known.lastIndexOf("/")))) {
    const version = VERSIONS[known];
    if (version) return version;
  }
  throw new RangeError(`no api-version is pinned for ${type}`);
}

/** Lower case, as in `microsoft.compute/virtualmachines/extensions`; empty for groups and subscriptions. */
function resourceTypeOf(path: string): string {
  const parts = path.toLowerCase().split("/");
  const at = parts.lastIndexOf("providers");
  if (at < 0 || at + 2 >= parts.length) return "";
  const [namespace, ...rest] = parts.slice(at + 1);
  if (rest[0] === "register") return "";
  return [namespace, ...rest.filter((_, index) => index % 2 === 0)].join("/");
}

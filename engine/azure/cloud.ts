/** What differs between Azure's clouds, for an app that runs in one of them. */
export interface Cloud {
  /** https origin of Azure Resource Manager. */
  readonly armEndpoint: string;
  /** Audience of its tokens. */
  readonly armAudience: string;
  /** Where people and services sign in, for credentials that are no managed identity. */
  readonly authorityHost: string;
  /** Audience of Key Vault's tokens. */
  readonly vaultAudience: string;
  /** The ends of every storage host; the second is of accounts with DNS zones, and of disks. */
  readonly storageSuffixes: readonly string[];
}

/**
 * The clouds that are still in service. Source: `@azure/ms-rest-azure-env` and the metadata of each Resource Manager
 * (`/metadata/endpoints`); tokens of storage have the same audience everywhere.
 */
export const CLOUDS = {
  public: {
    armEndpoint: "https://management.azure.com",
    armAudience: "https://management.azure.com",
    authorityHost: "https://login.microsoftonline.com",
    vaultAudience: "https://vault.azure.net",
    storageSuffixes: ["core.windows.net", "storage.azure.net"],
  },
  usGovernment: {
    armEndpoint: "https://management.usgovcloudapi.net",
    armAudience: "https://management.usgovcloudapi.net",
    authorityHost: "https://login.microsoftonline.us",
    vaultAudience: "https://vault.usgovcloudapi.net",
    storageSuffixes: ["core.usgovcloudapi.net", "storage.usgovcloudapi.net"],
  },
  china: {
    armEndpoint: "https://management.chinacloudapi.cn",
    armAudience: "https://management.chinacloudapi.cn",
    authorityHost: "https://login.chinacloudapi.cn",
    vaultAudience: "https://vault.azure.cn",
    storageSuffixes: ["core.chinacloudapi.cn", "storage.azure.cn"],
  },
} as const satisfies Record<string, Cloud>;

/** Whether the URL is of the cloud's storage: only there tokens of storage are sent. */
export function inStorage(url: string, suffixes: readonly string[]): boolean {
  const host = URL.parse(url)?.hostname;
  return host !== undefined && suffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));
}

export interface DataRole {
  readonly name: string;
  /** Of the role definition, the same in every tenant. */
  readonly id: string;
  readonly on: string;
  readonly why: string;
}

/** Built-in roles that the deployment gives to the app's identity; a test compares them with the Bicep files. */
export const DATA_ROLES: Readonly<Record<string, DataRole>> = {
  blobDataOwner: {
    name: "Storage Blob Data Owner",
    id: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    on: "target account",
    why: "journal, points and keys; the Functions host's locks and the deployed package",
  },
  queueDataContributor: {
    name: "Storage Queue Data Contributor",
    id: "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    on: "target account",
    why: "queues of the task hub",
  },
  tableDataContributor: {
    name: "Storage Table Data Contributor",
    id: "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    on: "target account",
    why: "records, and tables of the task hub",
  },
  blobDataContributor: {
    name: "Storage Blob Data Contributor",
    id: "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    on: "source and target groups, containers named `leeward` only (a condition)",
    why: "the cache, and replicas, in accounts that enablement makes",
  },
  blobDelegator: {
    name: "Storage Blob Delegator",
    id: "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
    on: "source groups",
    why: "signs the agents' access to the cache (create and read), which can do no more than the app itself",
  },
  cryptoServiceEncryptionUser: {
    name: "Key Vault Crypto Service Encryption User",
    id: "e147488a-f6f5-4113-8e2d-b22465e65bf6",
    on: "key vault",
    why: "wraps and unwraps data keys",
  },
  metricsPublisher: {
    name: "Monitoring Metrics Publisher",
    id: "3913510d-42f4-4e42-8a64-420c390055eb",
    on: "Application Insights",
    why: "telemetry without an instrumentation key",
  },
  durableTaskDataContributor: {
    name: "Durable Task Data Contributor",
    id: "0ad04412-c4d5-4796-b79c-f76d14c8d402",
    on: "scheduler, where that is the backend",
    why: "runs orchestrations",
  },
};

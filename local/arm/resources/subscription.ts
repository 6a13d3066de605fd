import type { Call, Family } from "../call.ts";

const subscriptionBody = ({ box }: Call) => ({
  id: `/subscriptions/${box.config.subscription}`,
  subscriptionId: box.config.subscription,
  tenantId: box.config.tenant,
  displayName: "Azure in a box",
  state: "Enabled",
  subscriptionPolicies: { quotaId: "Box_2026", spendingLimit: "Off" },
});

const locations = ({ box }: Call) => ({
  value: box.config.regions.map(({ name, displayName }) => ({
    id: `/subscriptions/${box.config.subscription}/locations/${name}`,
    name,
    type: "Region",
    displayName: displayName ?? name,
    regionalDisplayName: displayName ?? name,
    metadata: {
      regionType: "Physical",
      regionCategory: "Recommended",
      pairedRegion: box.config.regions
        .filter((other) => other.name !== name)
        .map((other) => ({ name: other.name })),
    },
  })),
});

const groups = ({ box }: Call) => ({ value: box.state.groups.all() });

export const subscriptions: Family = {
  type: "Microsoft.Resources/subscriptions",
  since: "2022-12-01",
  get: (call) => ({ status: 200, body: subscriptionBody(call) }),
  actions: {
    locations: { method: "GET", run: (call) => ({ status: 200, body: locations(call) }) },
    resourcegroups: { method: "GET", run: (call) => ({ status: 200, body: groups(call) }) },
  },
};

import { expect, test } from "vitest";
import type { ArmClient } from "../../../../engine/azure/arm.ts";
import { onlyDeclared } from "../../../../engine/azure/declared.ts";
import { millis } from "../../../../engine/core/units.ts";

const GROUP = "/subscriptions/s/resourceGroups/g";
const ACCOUNT = `${GROUP}/providers/Microsoft.Storage/storageAccounts/a`;

/** Notes what would be sent. */
function noting(sent: string[]): ArmClient {
  const note = (method: string) => async (path: string) => {
    sent.push(`${method} ${path}`);
    return { status: 200, body: undefined };
  };
  const client: ArmClient = {
    endpoint: "https://arm",
    get urgent() {
      return client;
    },
    async *list(path) {
      sent.push(`GET ${path}`);
      yield path;
    },
    get: note("GET"),
    find: note("GET"),
    put: note("PUT"),
    patch: note("PATCH"),
    post: note("POST"),
    delete: note("DELETE"),
    poll: async () => ({ done: true, body: undefined }),
    result: async () => undefined,
    watch: (resource) => ({ pollUrl: "", mode: "resource", resource, retryAfter: millis(1) }),
  };
  return client;
}

async function walk(found: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of found);
}

test("what the table declares is sent", async () => {
  const sent: string[] = [];
  const client = onlyDeclared(noting(sent));
  await client.get(ACCOUNT);
  await client.find(GROUP);
  await client.put(ACCOUNT, {});
  expect(sent).toEqual([`GET ${ACCOUNT}`, `GET ${GROUP}`, `PUT ${ACCOUNT}`]);
});

test("any other call is refused before it is sent, saying where to declare it", async () => {
  const sent: string[] = [];
  const client = onlyDeclared(noting(sent));
  const tries = [
    () => client.get(`${ACCOUNT}/keys`),
    () => client.find(`${ACCOUNT}/keys`),
    () => client.put(`${ACCOUNT}/keys`, {}),
    () => client.patch(`${ACCOUNT}/keys`, {}),
    () => client.post(`${ACCOUNT}/listKeys`),
    () => client.delete(`${ACCOUNT}/keys`),
    () => client.urgent.delete(`${ACCOUNT}/keys`),
    async () => walk(client.list(`${GROUP}/deployments`)),
  ];
  for (const one of tries)
    await expect(one()).rejects.toThrow(/is not declared: add it to engine\/azure\/calls.ts/);
  expect(sent).toEqual([]);
});

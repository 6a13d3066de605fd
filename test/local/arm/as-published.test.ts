import { describe, expect, test } from "vitest";
import type { Exchange } from "../../../local/arm/published/exchange.ts";
import { arePublished, violations } from "../../fixtures/as-published.ts";
import { SUBSCRIPTION } from "./fixture.ts";

const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/g`;
const DISK = `${GROUP}/providers/Microsoft.Compute/disks/d`;

/** A write of a disk as it should be; each test spoils one thing. */
const right = {
  method: "PUT",
  pathname: DISK,
  query: new URLSearchParams({ "api-version": "2024-03-02" }),
  body: { location: "northeurope", properties: { creationData: { createOption: "Empty" }, diskSizeGB: 4 } },
  status: 202,
  headers: { "azure-asyncoperation": "https://127.0.0.1/operations/1" },
  answer: {
    id: DISK,
    name: "d",
    type: "Microsoft.Compute/disks",
    location: "northeurope",
    properties: { creationData: { createOption: "Empty" }, provisioningState: "Updating" },
  },
} as const satisfies Exchange;

/** Its errors are described, those of disks are not. */
const ofVm = {
  method: "GET",
  pathname: `${GROUP}/providers/Microsoft.Compute/virtualMachines/v`,
  query: new URLSearchParams({ "api-version": "2024-07-01" }),
  body: undefined,
};

const properties = right.body.properties;
const answered = (more: object) => ({ ...right.answer, properties: { ...right.answer.properties, ...more } });

describe.skipIf(!arePublished)("the check against the published descriptions", () => {
  test("lets pass what is right", () => {
    expect(violations(right)).toEqual([]);
  });

  const spoiled: [string, Partial<Exchange>, RegExp][] = [
    ["a misspelt property", { body: { ...right.body, propertys: {} } }, /request.*propertys/],
    [
      "a misspelt property deep inside",
      {
        body: {
          ...right.body,
          properties: { ...properties, creationData: { createOption: "Empty", from: 1 } },
        },
      },
      /request.*creationData.*from/,
    ],
    [
      "a wrong type",
      { body: { ...right.body, properties: { ...properties, diskSizeGB: "4" } } },
      /diskSizeGB must be integer/,
    ],
    [
      "what only Azure may set",
      { body: { ...right.body, properties: { ...properties, timeCreated: "2026-01-01T00:00:00Z" } } },
      /timeCreated/,
    ],
    ["a missing property", { body: { properties } }, /required property 'location'/],
    ["a missing body", { body: undefined }, /body is missing/],
    [
      "an unknown query parameter",
      { query: new URLSearchParams({ "api-version": "2024-03-02", force: "1" }) },
      /query parameter force/,
    ],
    ["a wrong answer", { answer: answered({ diskSizeBytes: "4" }) }, /response 202.*diskSizeBytes/],
    ["an answer with more than there is", { answer: answered({ file: "/x" }) }, /response 202.*file/],
    ["a closed enumeration's unknown value", { answer: answered({ osType: "Plan9" }) }, /osType/],
    ["a status that is not published", { status: 201 }, /status 201 is not published/],
    ["an operation that says nowhere where to poll", { headers: {} }, /where to poll/],
    ["a call that is not published", { pathname: `${DISK}/explode`, method: "POST" }, /no such operation/],
    [
      "an error that is none",
      { ...ofVm, status: 404, answer: { error: { kode: "x" } } },
      /response 404.*kode/,
    ],
  ];
  test.each(spoiled)("finds %s", (_, change, said) => {
    expect(violations({ ...right, ...change }).join("\n")).toMatch(said);
  });

  test("compares a resource of another api-version with its own type, not with what is said of any resource", () => {
    const query = new URLSearchParams({ "api-version": "2024-07-01" });
    const network = { id: `${GROUP}/providers/Microsoft.Network/virtualNetworks/n`, etag: 'W/"1"' };
    const asked = { ...ofVm, pathname: network.id, query, status: 200, headers: {}, answer: network };
    expect(violations(asked)).toEqual([]);
    expect(violations({ ...asked, answer: { ...network, tag: 1 } }).join("\n")).toMatch(/tag/);
  });

  test("says nothing of a request that was refused: tests send wrong ones on purpose", () => {
    const answer = { error: { code: "InvalidParameter", message: "No." } };
    expect(violations({ ...right, body: { nonsense: true }, status: 400, answer })).toEqual([]);
  });
});

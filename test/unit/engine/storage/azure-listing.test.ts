import { RestError } from "@azure/core-rest-pipeline";
import { expect, test } from "vitest";
import { PATIENT } from "../../../../engine/storage/attempt.ts";
import { pagesOf } from "../../../../engine/storage/azure-listing.ts";
import { collect } from "../../../fixtures/collect.ts";

test("a listing goes on after a page that failed, and asks for no page twice", async () => {
  const asked: (string | undefined)[] = [];
  const list = () => ({
    async *byPage({ continuationToken }: { continuationToken?: string }) {
      asked.push(continuationToken);
      if (asked.length === 2) throw new RestError("busy", { statusCode: 503 });
      const page = Number(continuationToken ?? 0);
      yield page === 2 ? { page } : { page, continuationToken: String(page + 1) };
    },
  });
  const pages = await collect(pagesOf("listing", PATIENT, 5, list));
  expect(pages.map(({ page }) => page)).toEqual([0, 1, 2]);
  expect(asked).toEqual([undefined, "1", "1", "2"]);
});

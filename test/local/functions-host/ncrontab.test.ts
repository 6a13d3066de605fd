import { expect, test } from "vitest";
import { parseSchedule } from "../../../local/functions-host/ncrontab.ts";

const next = (schedule: string, after: string) =>
  new Date(parseSchedule(schedule)(Date.parse(after))).toISOString().replace(".000Z", "Z");

test.each([
  ["0 * * * * *", "2030-01-01T00:00:00Z", "2030-01-01T00:01:00Z"],
  ["* * * * *", "2030-01-01T00:00:30Z", "2030-01-01T00:01:00Z"],
  ["*/15 * * * * *", "2030-01-01T00:00:44.999Z", "2030-01-01T00:00:45Z"],
  ["0 0 3 * * *", "2030-01-01T03:00:00Z", "2030-01-02T03:00:00Z"],
  ["0 30 9-17/2 * * mon-fri", "2030-01-04T17:30:00Z", "2030-01-07T09:30:00Z"],
  ["0 0 0 29 2 *", "2029-03-01T00:00:00Z", "2032-02-29T00:00:00Z"],
  ["0 0 0 29 2 sun", "2030-01-01T00:00:00Z", "2032-02-29T00:00:00Z"],
  ["0 0 0 1 jan,JUL *", "2030-01-01T00:00:00Z", "2030-07-01T00:00:00Z"],
  ["0 0 0 * * 7", "2030-01-01T00:00:00Z", "2030-01-06T00:00:00Z"],
  ["5/20 0 0 * * *", "2030-01-01T00:00:05Z", "2030-01-01T00:00:25Z"],
])("%s after %s is %s", (schedule, after, expected) => {
  expect(next(schedule, after)).toBe(expected);
});

test.each([
  "",
  "* * * *",
  "* * * * * * *",
  "60 * * * * *",
  "* * 24 * * *",
  "* * * 0 * *",
  "* * * * 13 *",
  "* * * * * 8",
  "*/0 * * * * *",
  "5-1 * * * * *",
  "a * * * * *",
  "1-2-3 * * * * *",
  "-1 * * * * *",
  "00:05:00",
  "0 0 0 31 2 *",
])("%j is refused by name", (schedule) => {
  expect(() => parseSchedule(schedule)).toThrow(`"${schedule}"`);
});

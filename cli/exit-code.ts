import type { LeewardError } from "../engine/core/errors.ts";

const UNDECIDED: readonly string[] = [
  "StorageUnavailable",
  "StorageDenied",
  "StorageRefused",
  "KeyWrong",
  "NotFound",
  "InvalidRequest",
  "InvalidSetting",
];

/** Whether the failure says something about the objects, and not only about the way to them. */
export const decidedBy = ({ code }: LeewardError): boolean => !UNDECIDED.includes(code);

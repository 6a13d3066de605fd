import { randomUUID } from "node:crypto";

/** The network's services give each version of a resource a new one. */
export const newEtag = (): string => `W/"${randomUUID()}"`;

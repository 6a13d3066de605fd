import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { enablementByImages, nextImage } = await import("./image-steps.ts");
const { disablement, failover } = await import("./steps.ts");

// From nothing to nothing: what is between has names and numbers that are drawn, and shows in the disks that were built.
const after = [surroundings, nextImage, failover, disablement];
// What cannot be imported is rebuilt from the journal: no managed disk that is uploaded is smaller.
const otherwise = /^PUT .*shop-recovery.*\/disks\//;
tableOf("a life by images", 20, { before: [], step: enablementByImages, after, otherwise }, 5);

import { tableOf } from "./suite.ts";

const { surroundings } = await import("./strangers.ts");
const { enablementByImages, nextImage } = await import("./image-steps.ts");
const { disablement, failover } = await import("./steps.ts");

// From nothing to nothing: what is between has names and numbers that are drawn, and shows in the disks that were built.
const after = [surroundings, nextImage, failover, disablement];
tableOf("a life by images", 2, { before: [], step: enablementByImages, after }, 5);

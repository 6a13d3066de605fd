import { setPriority } from "node:os";

/** What only computes, in whatever time, gives way to what is at work by the clock. Child processes inherit it. */
setPriority(10);

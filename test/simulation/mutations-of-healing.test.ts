import { proveCaught } from "./caught.ts";
import { MUTATIONS_OF_HEALING } from "./mutations-of-healing.ts";

proveCaught(MUTATIONS_OF_HEALING);

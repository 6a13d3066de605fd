import { proveCaught } from "./caught.ts";
import { MUTATIONS_OF_LIFE, MUTATIONS_OF_TURNS } from "./mutations-of-life.ts";

proveCaught({ ...MUTATIONS_OF_LIFE, ...MUTATIONS_OF_TURNS });

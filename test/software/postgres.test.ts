import { postgresSuite } from "./postgres-suite.ts";

postgresSuite("on one disk", 1);

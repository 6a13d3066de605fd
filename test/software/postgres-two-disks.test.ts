import { postgresSuite } from "./postgres-suite.ts";

postgresSuite("with its log on a second disk", 2);

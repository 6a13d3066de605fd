import { app } from "durable-functions";
import { checkpoint } from "../orchestrations/checkpoint.ts";
import { enableProtection } from "../orchestrations/enable-protection.ts";
import { failover } from "../orchestrations/failover.ts";
import { recoveryPoint } from "../orchestrations/recovery-point.ts";
import { retain } from "../orchestrations/retain.ts";
import { replicate } from "../orchestrations/replicate.ts";
import { verify } from "../orchestrations/verify.ts";
import { resync } from "../orchestrations/resync.ts";
import { ORCHESTRATION } from "./durable.ts";

app.orchestration(ORCHESTRATION.enable, enableProtection);
app.orchestration(ORCHESTRATION.failover, failover);
app.orchestration(ORCHESTRATION.replicate, replicate);
app.orchestration(ORCHESTRATION.recoveryPoint, recoveryPoint);
app.orchestration(ORCHESTRATION.checkpoint, checkpoint);
app.orchestration(ORCHESTRATION.verify, verify);
app.orchestration(ORCHESTRATION.resync, resync);
app.orchestration(ORCHESTRATION.retain, retain);

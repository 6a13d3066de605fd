import "./activities.ts";
import "./events.ts";
import "./http.ts";
import "./orchestrations.ts";
import "./timers.ts";

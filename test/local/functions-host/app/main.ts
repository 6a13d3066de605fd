import "./activities.ts";
import "./entities.ts";
import "./events.ts";
import "./http.ts";
import "./journey.ts";
import "./orchestrations.ts";
import "./random.ts";
import "./timers.ts";

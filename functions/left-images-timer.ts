import { app } from "@azure/functions";
import { tendLeftImages } from "./left-images.ts";
import { services } from "./services.ts";

/** By itself: a region that is lost holds it up for minutes. */
app.timer("leftImagesTimer", {
  schedule: "%LEEWARD_POINT_SCHEDULE%",
  handler: async () => {
    await tendLeftImages(await services());
  },
});

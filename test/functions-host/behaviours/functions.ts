import { expect } from "vitest";
import type { Behaviour, Scene } from "../scene.ts";

/** What calls of HTTP functions are answered. */
const answers = (
  says: string,
  targets: readonly (readonly [target: string, init?: RequestInit])[],
  sees: readonly unknown[],
): Behaviour => ({
  says,
  drive: async (scene) => {
    const heard: unknown[] = [];
    for (const [target, init] of targets) {
      const { status, text } = await scene.call(target, init);
      heard.push([status, text]);
    }
    return heard;
  },
  sees,
});

const withKey = (scene: Scene, key: string, target: string) =>
  scene.call(target, { headers: { "x-functions-key": key } });

export const functions: readonly Behaviour[] = [
  answers(
    "a literal beats a constrained parameter, which beats a free one",
    [["/numbers/zero"], ["/numbers/42"], ["/numbers/forty"]],
    [
      [200, "literal"],
      [200, expect.stringContaining('"params":{"n":"42"}')],
      [200, "not a number"],
    ],
  ),
  answers(
    "parameters are decoded, optional ones may be missing, a catch-all takes the rest",
    [["/describe/a%20b/c"], ["/describe/only"], ["/files/a/b%20c/d.txt"]],
    [
      [200, expect.stringContaining('"params":{"name":"a b","optional":"c"}')],
      [200, expect.stringContaining('"params":{"name":"only"}')],
      [200, expect.stringContaining('"params":{"path":"a/b c/d.txt"}')],
    ],
  ),
  answers(
    "functions of one route are told apart by method, and others answer 404",
    [["/item", { method: "PUT" }], ["/item"], ["/item", { method: "DELETE" }]],
    [
      [201, "put"],
      [200, "got"],
      [404, ""],
    ],
  ),
  answers(
    "no result is 204, an error is 500 and tells nothing",
    [["/nothing"], ["/throwing"]],
    [
      [204, ""],
      [500, ""],
    ],
  ),
  answers(
    "a body comes back as it went",
    [["/bytes", { method: "POST", body: "für Ada" }]],
    [[202, "für Ada"]],
  ),
  {
    says: "a function of level function opens to its key and the master key, one of level admin to the latter alone",
    drive: async (scene) => {
      const { keys } = scene;
      const heard = [await scene.call("/keyed")];
      for (const key of [keys.function, keys.master])
        heard.push(await withKey(scene, key, "/keyed"), await withKey(scene, key, "/admins"));
      return heard.map(({ status }) => status);
    },
    sees: [401, 200, 401, 200, 200],
  },
  {
    says: "the management API asks for its key",
    drive: async (scene) => (await scene.call("/runtime/webhooks/durabletask/instances")).status,
    sees: 401,
  },
  {
    says: "the admin route runs a timer function by hand",
    drive: async (scene) => {
      const before = scene.notes("tick everyMinute").length;
      const headers = { "x-functions-key": scene.keys.master };
      const { status } = await scene.call("/admin/functions/everyMinute", { method: "POST", headers });
      // An orchestration's way through the same host: by its end the timer function has run, or died with the host.
      await scene.run("chain", { steps: 3 });
      return [status, scene.notes("tick everyMinute").length >= before];
    },
    sees: [202, true],
  },
];

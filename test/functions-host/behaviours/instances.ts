import { expect } from "vitest";
import type { Behaviour, Scene } from "../scene.ts";

export const instances: readonly Behaviour[] = [
  {
    says: "starting answers with links that lead back",
    drive: async (scene) => {
      const { status, headers, text } = await scene.manage(`orchestrators/waits/${scene.id}`, {
        method: "POST",
      });
      // It was started unheard.
      if (status === 409) return [202, true, scene.id];
      const links: { id: string; statusQueryGetUri: string } = JSON.parse(text);
      await scene.command(scene.id, "terminate");
      return [status, headers.get("location") === links.statusQueryGetUri, links.id];
    },
    sees: [202, true, "ID"],
  },
  {
    says: "a live instance has its id to itself",
    drive: async (scene) => {
      const id = await scene.begin("waits", {});
      const { status } = await scene.manage(`orchestrators/chain/${id}`, { method: "POST", body: "{}" });
      await scene.command(id, "terminate");
      return [status, (await scene.end(id)).name];
    },
    sees: [409, "waits"],
  },
  {
    says: "an ended instance makes room for another one of its id",
    drive: async (scene) => {
      const id = `${scene.id}-again`;
      await scene.run("throws", {}, id);
      // Asked until it is one of the other kind, since an unheard start looks like the old one.
      for (;;) {
        await scene.begin("chain", { steps: 2 }, id);
        const { name, output } = await scene.end(id);
        if (name === "chain") return output;
      }
    },
    sees: 2,
  },
  {
    says: "an instance that is purged is gone",
    drive: async (scene) => {
      const { instanceId: id } = await scene.run("chain", { steps: 1 });
      scene.forget(id);
      await scene.manage(`instances/${id}`, { method: "DELETE" });
      return (await scene.status(id)) ?? "gone";
    },
    sees: "gone",
  },
  {
    says: "restart runs an ended instance anew under another id",
    drive: async (scene) => {
      const { instanceId: id } = await scene.run("chain", { steps: 3 });
      const { status, text } = await scene.manage(`instances/${id}/restart`, { method: "POST" });
      const { id: other }: { id: string } = JSON.parse(text);
      return [status, other !== id, (await scene.end(other)).output];
    },
    sees: [202, true, 3],
  },
  {
    says: "rewind lets a failed orchestration try once more what had failed",
    drive: async (scene) => {
      const id = await scene.begin("rewindable", { first: Math.ceil(scene.seconds(1) * 1000) }, again(scene));
      for (;;) {
        const { runtimeStatus, output } = await scene.end(id);
        if (runtimeStatus === "Completed") return output;
        await scene.command(id, "rewind");
      }
    },
    sees: expect.stringMatching(/^ID-again after \d+$/),
  },
  {
    says: "rewind goes down into sub-orchestrations that failed",
    drive: async (scene) => {
      const level = { key: `${scene.id} tree`, depth: 2, failures: 1, attempts: 1 };
      const id = await scene.begin("rewindTree", level, again(scene));
      for (;;) {
        const { runtimeStatus, output } = await scene.end(id);
        if (runtimeStatus === "Completed") return output;
        await scene.command(id, "rewind");
      }
    },
    sees: expect.stringMatching(/^ID tree after \d+$/),
  },
  {
    says: "only what has failed can be rewound",
    drive: async (scene) => {
      const { instanceId: id } = await scene.run("chain", { steps: 1 });
      return (await scene.manage(`instances/${id}/rewind`, { method: "POST" })).status;
    },
    sees: 412,
  },
  {
    says: "commands for nobody answer 404, for an ended instance 410",
    drive: async (scene) => {
      const post = async (target: string) => (await scene.manage(target, { method: "POST" })).status;
      const { instanceId: id } = await scene.run("chain", { steps: 1 });
      return [await post(`instances/${scene.id}-nobody/terminate`), await post(`instances/${id}/suspend`)];
    },
    sees: [404, 410],
  },
  {
    says: "instances are listed by prefix and status, in pages, each once",
    drive: async (scene) => {
      for (let n = 0; n < 5; n++) await scene.run("chain", { steps: n }, `${scene.id}-${n}`);
      await scene.run("throws", {}, `${scene.id}-failed`);
      return listed(scene, `instanceIdPrefix=${scene.id}-&runtimeStatus=Completed&top=2`);
    },
    sees: [0, 1, 2, 3, 4].map((n) => `ID-${n}`),
  },
  {
    says: "a history shows what was decided and what came of it",
    drive: async (scene) => {
      const { instanceId: id } = await scene.run("chain", { steps: 2 });
      const { historyEvents = [] } = (await scene.status(id, "showHistory=true")) ?? {};
      return historyEvents.map((event) => event["EventType"]);
    },
    sees: [
      "ExecutionStarted",
      "TaskScheduled",
      "TaskCompleted",
      "TaskScheduled",
      "TaskCompleted",
      "ExecutionCompleted",
    ],
  },
  {
    says: "a failed instance answers 500 when that is asked for",
    drive: async (scene) => {
      const { instanceId: id } = await scene.run("throws", {});
      return (await scene.manage(`instances/${id}?returnInternalServerErrorOnFailure=true`)).status;
    },
    sees: 500,
  },
  {
    says: "an orchestration that is started without input by the app's own client gets an empty one",
    drive: async (scene) => {
      const id = `${scene.id}-client`;
      const { status } = await scene.call(`/start/withClient/${id}`, { method: "POST" });
      const { output } = await scene.end(id);
      // 500: it had been started unheard, and the library throws upon what is taken.
      return [status === 202 || status === 500, output];
    },
    sees: [true, ""],
  },
];

/** The id of an instance that takes decisions again, since it is told to. */
const again = (scene: Scene): string => `${scene.id}-again`;

async function listed(scene: Scene, query: string): Promise<string[]> {
  const found: string[] = [];
  let token = "";
  do {
    const headers = { "x-ms-continuation-token": token };
    const answer = await scene.manage(`instances?${query}`, { headers });
    const page: { instanceId: string }[] = JSON.parse(answer.text);
    found.push(...page.map(({ instanceId }) => instanceId));
    token = answer.headers.get("x-ms-continuation-token") ?? "";
  } while (token !== "");
  return found.toSorted();
}

import * as api from "./api.js";
import { render } from "./dom.js";
import { resyncDialog } from "./dialogs.js";
import {
  cancelFailoverDialog,
  changePointDialog,
  commitDialog,
  reprotectDialog,
} from "./after-failover-dialogs.js";
import { disableDialog } from "./disable-dialog.js";
import { enableDialog } from "./enable-dialog.js";
import { failoverDialog, plannedFailoverDialog } from "./failover-dialogs.js";
import { deleteGroupDialog, membershipDialog, newGroupDialog } from "./group-dialogs.js";
import { runPlanDialog } from "./recovery-plan-dialog.js";
import { enablement } from "./request-bodies.js";
import { requestsBy } from "./requests.js";
import { drillDialog, testCleanupDialog, testDialog } from "./test-dialogs.js";
import { pageView, signInView, topView } from "./views.js";

const POLL_MILLIS = 1500;
const HIDDEN_POLL_MILLIS = 10_000;
const SLOWEST_POLL_MILLIS = 8000;
const TICK_MILLIS = 500;
const MACHINES_MILLIS = 6000;
const COMMON_POINTS_MILLIS = 15_000;

const DIALOGS = {
  enable: enableDialog,
  failover: failoverDialog,
  plannedFailover: plannedFailoverDialog,
  commit: commitDialog,
  changePoint: changePointDialog,
  reprotect: reprotectDialog,
  cancelFailover: cancelFailoverDialog,
  resync: resyncDialog,
  test: testDialog,
  drill: drillDialog,
  testCleanup: testCleanupDialog,
  disable: disableDialog,
  newGroup: newGroupDialog,
  membership: membershipDialog,
  deleteGroup: deleteGroupDialog,
  runPlan: runPlanDialog,
};

/** Everything that the page shows. Only this module changes it. */
const model = {
  config: undefined,
  /** What the API last said: items (each with its `points`) and jobs. */
  data: undefined,
  /** Virtual machines that Azure has, as far as it answered. */
  machines: { value: undefined, failure: undefined, readAfter: 0 },
  readAt: undefined,
  /** Why the last reading failed. */
  failure: undefined,
  failures: 0,
  /** What came of the user's last request: `{ kind, title, message, remedy }`, and the name of the `job` that it began. */
  notice: undefined,
  /** `kind` is one of `DIALOGS`; beside it what it is about, `machine` or `id`, and what was chosen in it. */
  dialog: undefined,
  sending: false,
};

const top = document.getElementById("top");
const main = document.getElementById("main");
const dialog = document.getElementById("dialog");
let wake = () => {};

const actions = {
  signIn(token) {
    api.keepToken(token);
    model.failure = undefined;
    wake();
    show();
  },
  signOut() {
    api.forgetToken();
    model.data = undefined;
    model.failure = undefined;
    show();
  },
  dismiss() {
    model.notice = undefined;
    show();
  },
  askEnable(machine) {
    open({ kind: "enable", machine });
    void find("verdict", () => api.readEligibility(machine.id));
  },
  askDisable({ id }) {
    open({ kind: "disable", id });
    void find("removal", () => api.readRemoval(id));
  },
  askFailover: ({ id }) => open({ kind: "failover", id }),
  askPlannedFailover: ({ id }) => open({ kind: "plannedFailover", id }),
  askCancelFailover: ({ id }) => open({ kind: "cancelFailover", id }),
  askCommit: ({ id }) => open({ kind: "commit", id }),
  askChangePoint: ({ id }) => open({ kind: "changePoint", id }),
  askReprotect: ({ id }) => open({ kind: "reprotect", id }),
  askResync: ({ id }) => open({ kind: "resync", id }),
  askTest: ({ id }) => open({ kind: "test", id }),
  askDrill: ({ id }) => open({ kind: "drill", id }),
  askTestCleanup: ({ id }) => open({ kind: "testCleanup", id }),
  askNewGroup: () => open({ kind: "newGroup" }),
  askMembership: ({ id }) => open({ kind: "membership", id }),
  askDeleteGroup: ({ id }) => open({ kind: "deleteGroup", id }),
  askRunPlan: ({ id }, run) => open({ kind: "runPlan", id, run }),
  close: () => dialog.close(),
  chosen: () => show(),
  plan: (field, machine, wish) =>
    find(field, () =>
      api.look(
        `${api.itemPath(model.config, wish.name)}/leewardPlan`,
        enablement(model.config, machine, wish),
      ),
    ),
  ...requestsBy(request, () => model.config),
};

function open(what) {
  model.dialog = what;
  model.notice = undefined;
  render(dialog);
  show();
  dialog.showModal();
}

/** Has the dialog show what is found out: `{ asked }` until then. It may be closed, or be another one, when the answer comes. */
async function find(field, work) {
  const about = model.dialog;
  about[field] = { ...about[field], failure: undefined, asked: true };
  show();
  try {
    about[field] = { value: await work() };
  } catch (failure) {
    about[field] = { failure };
  }
  if (model.dialog === about) show();
}

dialog.addEventListener("close", () => {
  model.dialog = undefined;
  show();
});

/** Sends what the dialog decided; the answer, good or bad, is shown above the machines, and what becomes of the job. */
async function request(title, work, message) {
  if (model.sending) return;
  model.sending = true;
  show();
  try {
    const job = await work();
    model.notice = { kind: "good", title, message, job };
  } catch (error) {
    model.notice = refusal(error);
  }
  model.sending = false;
  model.machines.readAfter = 0;
  dialog.close();
  wake();
  show();
}

function refusal(error) {
  const said = error instanceof api.ApiError;
  // Without an answer, or with a broken one, the request may have arrived all the same.
  const unsure = !said || error.status === 0 || error.status >= 500;
  return {
    kind: "bad",
    title: unsure
      ? "Whether this was started is not known: see Jobs before you try again."
      : "Nothing was started.",
    message: said ? `${error.code}: ${error.message}` : String(error),
    remedy: said ? error.remedy : undefined,
  };
}

async function read() {
  model.config ??= await api.readConfig();
  const vault = api.vaultPath(model.config);
  void readMachines(vault);
  const [items, jobs, groups, plans] = await Promise.all([
    api.list(`${vault}/replicationProtectedItems`),
    api.list(`${vault}/replicationJobs`),
    api.list(`${vault}/leewardGroups`),
    api.list(`${vault}/replicationRecoveryPlans`),
  ]);
  const [points, common] = await Promise.all([
    Promise.all(items.map(({ id }) => api.list(`${id}/recoveryPoints`))),
    Promise.all(groups.map(readCommon)),
  ]);
  return {
    jobs,
    plans,
    groups: groups.map((group, index) => ({ ...group, points: newestFirst(common[index]) })),
    items: items.map((item, index) => ({ ...item, points: newestFirst(points[index]) })),
  };
}

const common = new Map();

/** The state of a common point costs the app two calls for each member, so it is asked for seldom unless there is a new one. */
async function readCommon({ id, properties }) {
  const known = common.get(id);
  const newest = properties.latestPoint?.id;
  if (known && known.newest === newest && Date.now() < known.readAfter) return known.points;
  const points = await api.first(`${id}/recoveryPoints`);
  common.set(id, { newest, points, readAfter: Date.now() + COMMON_POINTS_MILLIS });
  return points;
}

/**
 * Azure is asked for these, so seldom; and when it does not answer, as in the disaster that all this is for, everything
 * else must still be seen, and not wait for it.
 */
async function readMachines(vault) {
  const { machines } = model;
  if (Date.now() < machines.readAfter) return;
  machines.readAfter = Infinity;
  try {
    const found = await api.list(`${vault}/leewardProtectableMachines`);
    machines.value = found.map(({ id, name, properties }) => ({
      id,
      name,
      region: properties.location,
      size: properties.vmSize,
      protected: Boolean(properties.protectedItemId),
    }));
    machines.failure = undefined;
  } catch (error) {
    machines.failure = error;
  }
  machines.readAfter = Date.now() + MACHINES_MILLIS;
  show();
}

const newestFirst = (points) =>
  points.toSorted((a, b) =>
    String(b.properties.recoveryPointTime).localeCompare(String(a.properties.recoveryPointTime)),
  );

async function readOnce() {
  try {
    model.data = await read();
    model.readAt = Date.now();
    model.failure = undefined;
    model.failures = 0;
  } catch (error) {
    if (error.status === 401) api.forgetToken();
    model.failure = error instanceof api.ApiError ? error : notUnderstood(error);
    model.failures += 1;
  }
}

const notUnderstood = (error) =>
  new api.ApiError(0, {
    code: "NotUnderstood",
    message: `The control plane's answer was not understood: ${error.message}.`,
    remedy: "Reload this page; it may be older than the app.",
  });

async function keepReading() {
  for (;;) {
    if (api.hasToken()) {
      await readOnce();
      show();
    }
    const pause = document.hidden ? HIDDEN_POLL_MILLIS : POLL_MILLIS * 2 ** Math.min(model.failures, 4);
    await new Promise((resolve) => {
      wake = resolve;
      setTimeout(resolve, document.hidden ? pause : Math.min(pause, SLOWEST_POLL_MILLIS));
    });
  }
}

/** A page that cannot show what it read says so, and does not go on showing something older. */
function show() {
  try {
    draw();
  } catch (error) {
    reportError(error);
    model.data = undefined;
    model.failure = notUnderstood(error);
    draw();
  }
}

function draw() {
  const signedIn = api.hasToken();
  render(top, topView(model, signedIn, actions));
  render(main, signedIn ? pageView(model, actions) : signInView(model, actions));
  main.setAttribute("aria-busy", String(signedIn && !model.data && !model.failure));
  if (model.dialog) render(dialog, DIALOGS[model.dialog.kind](model, actions));
}

api.takeTokenFromAddress();
document.addEventListener("visibilitychange", () => wake());
addEventListener("hashchange", () => {
  api.takeTokenFromAddress();
  wake();
});
setInterval(show, TICK_MILLIS);
show();
await keepReading();

/** 0.4 s, 12 s, 3 min 5 s, 2 h 10 min. */
export function duration(seconds) {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function size(bytes) {
  if (bytes === 1) return "1 byte";
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

export const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** Takes microseconds since 1970, or an ISO instant. */
export const toDate = (time) => new Date(typeof time === "number" ? time / 1000 : time);

/** The time of day, with the date when that is not today. */
export function clock(time) {
  const date = toDate(time);
  const day = date.toDateString() === new Date().toDateString() ? {} : { day: "numeric", month: "short" };
  return date.toLocaleString("en-GB", { ...day, hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export const secondsSince = (time) => Math.max(0, (Date.now() - toDate(time).getTime()) / 1000);

/** The last part of a resource id. */
export const nameOf = (id) =>
  String(id ?? "")
    .split("/")
    .at(-1);

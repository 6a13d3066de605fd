const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** 12 ms, 3.4 s, 12 s, 3 min 5 s, 2 h 10 min, 3 d 4 h. */
export function duration(millis) {
  if (millis < SECOND) return `${Math.max(0, Math.round(millis))} ms`;
  if (millis < 9.95 * SECOND) return `${(millis / SECOND).toFixed(1)} s`;
  if (millis < 119.5 * SECOND) return `${Math.round(millis / SECOND)} s`;
  if (millis < 2 * HOUR) return pair(millis, MINUTE, "min", SECOND, "s");
  if (millis < 2 * DAY) return pair(millis, HOUR, "h", MINUTE, "min");
  return pair(millis, DAY, "d", HOUR, "h");
}

function pair(millis, large, largeName, small, smallName) {
  const whole = Math.round(millis / small) * small;
  const rest = Math.round((whole % large) / small);
  return `${Math.floor(whole / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ""}`;
}

/** The time of day, with the date when that is not today. */
export function clock(time) {
  const date = new Date(time);
  const day = date.toDateString() === new Date().toDateString() ? {} : { day: "numeric", month: "short" };
  return date.toLocaleString("en-GB", { ...day, hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export const iso = (time) => new Date(time).toISOString();

export const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** A JSON text as a person reads it: indented, and a string as its own text. What was cut stays as it is. */
export function readable({ text, length }) {
  if (text.length < length)
    return `${text}… (${length.toLocaleString("en")} characters; the download has them)`;
  try {
    const value = JSON.parse(text);
    return typeof value === "string" ? value : JSON.stringify(value, null, 2);
  } catch {
    return text;
  }
}

/** The distance of marks on an axis of this length, so that there are at most eight. */
export function tickOf(total) {
  return TICKS.find((tick) => total / tick <= 8) ?? Math.ceil(total / 8 / DAY) * DAY;
}

const TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500]
  .concat([1, 2, 5, 10, 15, 30].map((n) => n * SECOND))
  .concat([1, 2, 5, 10, 15, 30].map((n) => n * MINUTE))
  .concat(
    [1, 2, 3, 6, 12].map((n) => n * HOUR),
    [1, 2, 7].map((n) => n * DAY),
  );

import { LeewardError } from "../../engine/core/errors.ts";

/** The next occurrence strictly after an instant; both in milliseconds since 1970, UTC. */
export type Schedule = (after: number) => number;

/**
 * Parses "{second} {minute} {hour} {day} {month} {day-of-week}", or five fields without the second.
 * @throws LeewardError InvalidSetting when the text is not a schedule or can never occur
 */
export function parseSchedule(text: string): Schedule {
  const given = text.trim().split(/\s+/);
  const parts = given.length === 5 ? ["0", ...given] : given;
  if (parts.length !== FIELDS.length) throw invalid(text);
  const [seconds, minutes, hours, days, months, weekdays] = FIELDS.map((field, index) =>
    parseField(parts[index] ?? "", field, text),
  );
  if (!seconds || !minutes || !hours || !days || !months || !weekdays) throw invalid(text);
  const matchesDay = (date: Date) =>
    months.has(date.getUTCMonth() + 1) && days.has(date.getUTCDate()) && weekdays.has(date.getUTCDay());
  const schedule: Schedule = (after) => {
    const date = new Date(Math.floor(after / 1000) * 1000 + 1000);
    for (let steps = 0; steps < MOST_STEPS; steps++) {
      if (!matchesDay(date)) toNextDay(date);
      else if (!hours.has(date.getUTCHours())) date.setUTCHours(date.getUTCHours() + 1, 0, 0);
      else if (!minutes.has(date.getUTCMinutes())) date.setUTCMinutes(date.getUTCMinutes() + 1, 0);
      else if (!seconds.has(date.getUTCSeconds())) date.setUTCSeconds(date.getUTCSeconds() + 1);
      else return date.getTime();
    }
    throw new LeewardError("InvalidSetting", `the schedule "${text}" never occurs`);
  };
  schedule(0);
  return schedule;
}

/** A day, an hour, a minute or a second each: enough for a 29 February that falls on a given weekday. */
const MOST_STEPS = 45 * 366;

interface Field {
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const MONTHS = ["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: readonly Field[] = [
  { least: 0, most: 59 },
  { least: 0, most: 59 },
  { least: 0, most: 23 },
  { least: 1, most: 31 },
  { least: 1, most: 12, names: MONTHS },
  { least: 0, most: 6, names: WEEKDAYS },
];

/** A list of numbers, names, ranges "a-b" and "*", each with an optional "/step". */
function parseField(text: string, field: Field, whole: string): Set<number> {
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const [range = "", step = "1", ...more] = part.split("/");
    const every = Number(step);
    if (more.length > 0 || !Number.isInteger(every) || every < 1) throw invalid(whole);
    const [from, to] = parseRange(range, field, part.includes("/"), whole);
    for (let value = from; value <= to; value += every) values.add(value);
  }
  return values;
}

function parseRange(range: string, field: Field, stepped: boolean, whole: string): [number, number] {
  if (range === "*") return [field.least, field.most];
  const [first = "", last, ...more] = range.split("-");
  const from = parseValue(first, field, whole);
  const to = last === undefined ? (stepped ? field.most : from) : parseValue(last, field, whole);
  if (more.length > 0 || to < from) throw invalid(whole);
  return [from, to];
}

function parseValue(text: string, field: Field, whole: string): number {
  const named = field.names?.indexOf(text.toLowerCase()) ?? -1;
  const value = named >= 0 && text !== "" ? named : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  const sunday = field.names === WEEKDAYS && value === 7 ? 0 : value;
  if (!(sunday >= field.least && sunday <= field.most)) throw invalid(whole);
  return sunday;
}

function toNextDay(date: Date): void {
  date.setUTCDate(date.getUTCDate() + 1);
  date.setUTCHours(0, 0, 0, 0);
}

const invalid = (text: string) => new LeewardError("InvalidSetting", `"${text}" is not an NCRONTAB schedule`);

import { app } from "./witnessed.ts";
import { note, times } from "./ledger.ts";

/** Doors that activities wait at until a test opens them. */
export const doors = new Map<string, () => void>();

app.activity("echo", { handler: (input: unknown) => input });

app.activity("typeOf", { handler: (input: unknown) => (input === null ? "null" : typeof input) });

app.activity("greet", { handler: (name: string) => `hello ${name}` });

app.activity("add", { handler: ({ a, b }: { a: number; b: number }) => a + b });

app.activity("note", {
  handler: (line: string) => {
    note(line);
    return line;
  },
});

app.activity("fail", {
  handler: ({ message }: { message: string }) => {
    throw new Error(message);
  },
});

app.activity("failFirst", {
  handler: ({ key, failures }: { key: string; failures: number }) => {
    note(key);
    if (times(key) <= failures) throw new Error(`failure ${times(key)} of ${key}`);
    return `${key} after ${times(key)}`;
  },
});

app.activity("door", {
  handler: ({ key }: { key: string }) =>
    new Promise<string>((resolve) => {
      note(`at door ${key}`);
      doors.set(key, () => resolve(key));
    }),
});

app.activity("detailed", {
  handler: () => {
    throw new TypeError("typed");
  },
});

app.activity("large", { handler: ({ size }: { size: number }) => "x".repeat(size) });
app.activity("nothing", { handler: () => undefined });

import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Progress for a person: one live line while something runs, one settled line when it is done. */
export interface Terminal {
  /** A line that stays. */
  say(line: string): void;
  /** Begins a step; its live line shows until `done` or `failed`. */
  step(title: string): Step;
}

export interface Step {
  /** `fraction` in 0..1 draws a bar; without it the detail alone is shown. */
  update(detail: string, fraction?: number): void;
  done(detail: string): void;
  failed(detail: string): void;
}

/** Where there is no terminal the live line is printed at most this often. */
const QUIET_MILLIS = 5000;

export function terminalOn(stream: NodeJS.WriteStream, now: () => number = Date.now): Terminal {
  const live = Boolean(stream.isTTY);
  let shown = false;
  const clear = () => {
    if (shown) stream.write("\r\u001b[2K");
    shown = false;
  };
  const say = (line: string) => {
    clear();
    stream.write(`${line}\n`);
  };
  const paint = (style: Style, text: string) => (live ? styleText(style, text) : text);
  const step = (title: string): Step => {
    const begun = now();
    let last = begun;
    const seconds = () => `${((now() - begun) / 1000).toFixed(1)} s`.padStart(8);
    const line = (mark: string, detail: string) => `${mark} ${title.padEnd(26)} ${detail}`;
    if (live) {
      stream.write(`\r\u001b[2K${line("…", "")}`);
      shown = true;
    }
    return {
      update(detail, fraction) {
        const text = line("…", fraction === undefined ? detail : `${bar(fraction)} ${detail}`);
        if (live) {
          stream.write(`\r\u001b[2K${text.slice(0, (stream.columns || 100) - 1)}`);
          shown = true;
        } else if (now() - last >= QUIET_MILLIS) {
          last = now();
          say(text);
        }
      },
      done: (detail) => say(`${line(paint("green", "✓"), detail.padEnd(60))} ${paint("dim", seconds())}`),
      failed: (detail) => say(`${line(paint("red", "✗"), detail)} ${paint("dim", seconds())}`),
    };
  };
  return { say, step };
}

const WIDTH = 24;

function bar(fraction: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * WIDTH);
  return `${"█".repeat(filled)}${"░".repeat(WIDTH - filled)} ${String(Math.floor(fraction * 100)).padStart(3)} %`;
}

export function mebibytes(n: number): string {
  return n < 1024 * 1024 ? `${(n / 1024).toFixed(0)} KiB` : `${(n / 1024 / 1024).toFixed(1)} MiB`;
}

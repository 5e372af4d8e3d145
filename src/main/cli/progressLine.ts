import type { EngineProgress } from '#shared/contract.ts';
import { formatBytes, formatDuration } from './format.ts';
import type { CommandOutput } from './output.ts';

export interface ProgressLineOptions {
  /** Between redraws on a terminal. */
  redrawMs?: number;
  /** Between plain lines elsewhere. */
  lineMs?: number;
  now?: () => number;
}

/**
 * Progress for people: a bar that is redrawn on a terminal, a plain line now and then elsewhere,
 * nothing with `--json`.
 */
export class ProgressLine {
  readonly #output: CommandOutput;
  readonly #redrawMs: number;
  readonly #lineMs: number;
  readonly #now: () => number;
  #lastAt = -Infinity;
  #lastPhase = '';
  #drawn = false;

  constructor(output: CommandOutput, options: ProgressLineOptions = {}) {
    this.#output = output;
    this.#redrawMs = options.redrawMs ?? 100;
    this.#lineMs = options.lineMs ?? 5000;
    this.#now = options.now ?? Date.now;
  }

  /**
   * @param phase What is going on; a change is always shown.
   * @param fraction 0 … 1, or null where unknown.
   */
  update(phase: string, fraction: number | null, details: string): void {
    if (this.#output.json) return;
    const now = this.#now();
    const interval = this.#output.interactive ? this.#redrawMs : this.#lineMs;
    if (phase === this.#lastPhase && now - this.#lastAt < interval) return;
    this.#lastAt = now;
    this.#lastPhase = phase;
    const percent = fraction === null ? '' : `${String(Math.floor(100 * Math.min(1, fraction))).padStart(3)}% `;
    if (!this.#output.interactive) {
      this.#output.note([phase, `${percent}${details}`.trim()].filter((part) => part !== '').join(': '));
      return;
    }
    const bar = fraction === null ? '' : `${drawBar(fraction, 20)} `;
    const text = `${phase}  ${bar}${percent}${details}`;
    this.#output.draw(
      `\r\u001b[2K${Array.from(text)
        .slice(0, this.#output.columns - 1)
        .join('')}`,
    );
    this.#drawn = true;
  }

  /** A line that stays, above the bar. */
  note(text: string): void {
    this.clear();
    this.#output.note(text);
  }

  /** Removes the bar. */
  clear(): void {
    if (this.#drawn) this.#output.draw('\r\u001b[2K');
    this.#drawn = false;
    this.#lastAt = -Infinity;
  }
}

function drawBar(fraction: number, width: number): string {
  const eighths = Math.round(Math.max(0, Math.min(1, fraction)) * width * 8);
  const full = Math.floor(eighths / 8);
  const part = full < width ? (['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? '') : '';
  return `▕${('█'.repeat(full) + part).padEnd(width)}▏`;
}

/** Shows a download: bytes, rate and time left. */
export function showInstallProgress(line: ProgressLine, progress: EngineProgress): void {
  const { doneBytes, totalBytes, bytesPerSecond, secondsLeft } = progress;
  const parts = [
    totalBytes === null ? formatBytes(doneBytes) : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
    bytesPerSecond === null ? '' : `${formatBytes(bytesPerSecond)}/s`,
    secondsLeft === null ? '' : `${formatDuration(secondsLeft)} left`,
  ];
  const fraction = totalBytes === null || totalBytes === 0 ? null : doneBytes / totalBytes;
  line.update(progress.phase, fraction, parts.filter((part) => part !== '').join(', '));
}

/** Shows an import or the making of the example. */
export function showImportProgress(line: ProgressLine, { phase, done, total }: ImportProgress): void {
  // Small totals are images, large ones bytes; the phase says which is meant.
  const amount = total > 1e6 ? `${formatBytes(done)} of ${formatBytes(total)}` : `${done} of ${total}`;
  line.update(phase, total > 0 ? done / total : null, amount);
}

interface ImportProgress {
  phase: string;
  done: number;
  total: number;
}

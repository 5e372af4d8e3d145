import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';

/** Curves of an experiment, live or finished. */
export class ComparisonPage {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async shown(): Promise<void> {
    await this.#page.waitForURL(/#\/experiments\/\w+/);
    await this.legend.waitFor();
  }

  get legend() {
    return this.#page.locator('table.legend');
  }

  get experimentId(): string {
    return /#\/experiments\/(\w+)/.exec(this.#page.url())?.[1] ?? '';
  }

  /** Names, states and values of the curves, as the legend has them. */
  async rows(): Promise<{ name: string; count: string; state: string; last: string }[]> {
    const cells = await this.legend
      .locator('tbody tr')
      .evaluateAll((rows) =>
        rows.map((row) => [...row.querySelectorAll('th, td')].map((cell) => (cell as HTMLElement).innerText.trim())),
      );
    return cells.map(([name = '', count = '', state = '', last = '']) => ({ name, count, state, last }));
  }

  /** Waits until every curve's runs are in this state. */
  async waitForStates(state: string, timeoutMs = 240_000): Promise<void> {
    await this.#page.waitForFunction(
      (wanted) => {
        const states = [...document.querySelectorAll<HTMLElement>('table.legend tbody td:nth-child(3)')];
        return states.length > 0 && states.every((cell) => cell.innerText.trim() === wanted);
      },
      state,
      { timeout: timeoutMs },
    );
  }

  /** Waits until some curve is drawn while its run trains. */
  async waitForLiveCurve(timeoutMs = 240_000): Promise<void> {
    await this.#page.waitForFunction(
      () =>
        [...document.querySelectorAll('table.legend tbody tr')].some((row) => {
          const [, state, last] = [...row.querySelectorAll<HTMLElement>('td')].map((cell) => cell.innerText);
          return /^\s*Running \d+/.test(state ?? '') && /\d/.test(last ?? '');
        }),
      undefined,
      { timeout: timeoutMs },
    );
  }

  async showMetric(title: string): Promise<void> {
    await this.#page.getByRole('tab', { name: title, exact: true }).click();
  }

  async resume(): Promise<void> {
    await this.#page
      .getByRole('button', { name: /^Resume/ })
      .first()
      .click();
  }

  /** Saves the chart; returns the file's name and bytes. */
  async export(format: 'PNG' | 'SVG' | 'CSV'): Promise<{ name: string; bytes: Buffer }> {
    await this.#page.getByRole('button', { name: 'Export', exact: true }).click();
    const dialog = this.#page.getByRole('dialog', { name: 'Export the chart' });
    await dialog
      .getByRole('radio', { name: format })
      .or(dialog.getByRole('button', { name: format, exact: true }))
      .click();
    const download = this.#page.waitForEvent('download');
    await dialog.getByRole('button', { name: /^Save / }).click();
    const file = await download;
    await dialog.waitFor({ state: 'hidden' });
    return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
  }
}

/** Rows of an exported CSV: its curves, each with its points as text. */
export function readChartCsv(bytes: Buffer): Map<string, { x: number; value: number }[]> {
  const [, ...lines] = bytes.toString('utf8').trimEnd().split('\r\n');
  const curves = new Map<string, { x: number; value: number }[]>();
  for (const line of lines) {
    const [, curve = '', kind, x, value] = line.split(',');
    if (kind !== 'curve') continue;
    curves.set(curve, [...(curves.get(curve) ?? []), { x: Number(x), value: Number(value) }]);
  }
  return curves;
}

import type { Locator, Page } from 'playwright-core';

/** The table of experiments. */
export class ExperimentsPage {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async open(url: string): Promise<void> {
    await this.#page.goto(url);
    await this.#page.getByRole('grid', { name: 'Experiments' }).waitFor();
  }

  /** In the order of the table. */
  async names(): Promise<string[]> {
    const rows = this.#page.locator('[role="row"][data-index]');
    const found = await rows.evaluateAll((elements) =>
      elements.map((row) => ({
        index: Number((row as HTMLElement).dataset['index']),
        name: row.querySelector('a')?.innerText ?? '',
      })),
    );
    return found.toSorted((a, b) => a.index - b.index).map(({ name }) => name);
  }

  row(name: string): Locator {
    return this.#page
      .locator('[role="row"][data-index]')
      .filter({ has: this.#page.getByRole('link', { name, exact: true }) });
  }

  async waitForStates(state: string): Promise<void> {
    await this.#page.waitForFunction(
      (wanted) => {
        const rows = [...document.querySelectorAll<HTMLElement>('[role="row"][data-index]')];
        return (
          rows.length > 0 && rows.every((row) => row.innerText.split(/[\n\t]/).some((text) => text.trim() === wanted))
        );
      },
      state,
      { timeout: 240_000 },
    );
  }

  /** Chooses from a row's menu. */
  async act(name: string, action: string | RegExp): Promise<void> {
    await this.#page.getByRole('button', { name: `Actions for ${name}` }).click();
    await this.#page.getByRole('menuitem', { name: action }).click();
  }

  async rename(name: string, next: string): Promise<void> {
    await this.row(name).getByRole('gridcell').nth(2).click();
    await this.#page.keyboard.press('F2');
    await this.#page.getByLabel('New name').fill(next);
    await this.#page.keyboard.press('Enter');
  }

  /** Takes back a change, by the notice that tells of it. */
  async undo(notice: string): Promise<void> {
    const toast = this.#page.getByRole('listitem').or(this.#page.getByRole('status')).filter({ hasText: notice });
    await toast.getByRole('button', { name: 'Undo' }).last().click();
  }
}

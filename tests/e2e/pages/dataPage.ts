import type { Locator, Page } from 'playwright-core';

/** Data sets of the lab, and the sheet that imports them. */
export class DataPage {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async open(url: string): Promise<void> {
    await this.#page.goto(url);
    await this.#page.getByRole('button', { name: 'Import…' }).first().waitFor();
  }

  get sheet(): Locator {
    return this.#page.getByRole('dialog', { name: 'Import a data set' });
  }

  /** Drops a file of this machine in the middle of the page, as a person does. */
  async drop(file: string): Promise<void> {
    const session = await this.#page.context().newCDPSession(this.#page);
    const data = { items: [], files: [file], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
      await session.send('Input.dispatchDragEvent', { type, x: 640, y: 400, data });
    }
    await session.detach();
  }

  async lookAt(path: string): Promise<void> {
    if (!(await this.sheet.isVisible())) await this.#page.getByRole('button', { name: 'Import…' }).first().click();
    await this.sheet.getByLabel(/^Or its path/).fill(path);
    await this.sheet.getByRole('button', { name: 'Look at it' }).click();
  }

  async waitForInspection(): Promise<void> {
    await this.sheet.getByRole('button', { name: 'Next' }).waitFor({ timeout: 180_000 });
  }

  /** From what was looked at to the end of the import. */
  async import(): Promise<void> {
    await this.sheet.getByRole('button', { name: 'Next' }).click();
    await this.sheet.getByRole('contentinfo').getByRole('button', { name: 'Import', exact: true }).click();
    await this.sheet.getByText('is in the lab').waitFor({ timeout: 180_000 });
  }

  /** Names of the data sets. */
  names(): Promise<string[]> {
    return this.#page.locator('.cards h2, .cards h3').allInnerTexts();
  }
}

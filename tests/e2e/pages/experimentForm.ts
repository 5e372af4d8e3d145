import type { Locator, Page } from 'playwright-core';

/** The form of a new experiment. */
export class ExperimentForm {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async shown(): Promise<void> {
    await this.#page.waitForURL(/#\/new$/);
    // The preview is there when everything was asked for and answered.
    await this.#page.getByRole('heading', { name: 'Preview' }).waitFor();
    await this.field('Batch size').waitFor();
  }

  field(label: string): Locator {
    return this.#page.getByLabel(new RegExp(`^${label}`)).first();
  }

  /** What stands in the way of this field's value, beside it. */
  async problemOf(label: string): Promise<string> {
    const field = this.field(label);
    const note = await field.getAttribute('aria-describedby');
    return (await field.getAttribute('aria-invalid')) === 'true'
      ? this.#page.locator(`[id="${note}"]`).innerText()
      : '';
  }

  async values(labels: readonly string[]): Promise<string[]> {
    return Promise.all(labels.map((label) => this.field(label).inputValue()));
  }
}

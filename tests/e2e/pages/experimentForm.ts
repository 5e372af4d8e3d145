import type { Locator, Page } from 'playwright-core';

/** The form of a new experiment. */
export class ExperimentForm {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async shown(): Promise<void> {
    await this.#page.waitForURL(/#\/new$/);
    await this.field('Batch size').waitFor();
    // Buttons of the layers come with the lab's first answer about the draft.
    await this.#page.getByRole('button', { name: / behind conv1$/ }).waitFor();
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

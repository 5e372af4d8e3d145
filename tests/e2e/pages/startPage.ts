import type { Page } from 'playwright-core';
import { ComparisonPage } from './comparisonPage.ts';

/** The first thing a newcomer sees. */
export class StartPage {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async open(url: string): Promise<void> {
    await this.#page.goto(url);
    await this.#page.waitForURL(/#\/start$/);
    // The machine was looked at: nothing waits for an answer any more.
    await this.startButton.and(this.#page.locator(':enabled')).waitFor();
    await this.#page.getByText('is ready').first().waitFor();
  }

  get startButton() {
    return this.#page.getByRole('button', { name: 'Start the comparison' });
  }

  get importButton() {
    return this.#page.getByRole('button', { name: 'Import CIFAR-10' });
  }

  /** What the check of the machine found: a line for each part. */
  checks(): Promise<string[]> {
    return this.#page.locator('.checks .check').allInnerTexts();
  }

  async compare(): Promise<ComparisonPage> {
    await this.startButton.click();
    const comparison = new ComparisonPage(this.#page);
    await comparison.shown();
    return comparison;
  }
}

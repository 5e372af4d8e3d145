import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';

/** A page that remembers everything a person would find in its console. */
export class WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors and warnings of the console, violations of the content security policy, failed requests. */
  readonly problems: string[] = [];
  #outage = false;

  private constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
  }

  static async open(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      locale: 'en-GB',
      reducedMotion: 'reduce',
      ...options,
    });
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    const watched = new WatchedPage(context, page);
    await watched.#watch();
    return watched;
  }

  /** Runs what breaks the connection on purpose: what the browser says of that is no problem. */
  async duringOutage(run: () => Promise<void>): Promise<void> {
    this.#outage = true;
    try {
      await run();
    } finally {
      this.#outage = false;
    }
  }

  async close(): Promise<void> {
    await this.context.close();
  }

  async #watch(): Promise<void> {
    const { page, problems } = this;
    page.on('pageerror', (error) => problems.push(`uncaught: ${error.stack ?? error.message}`));
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return;
      if (this.#outage && message.text().startsWith('Failed to load resource')) return;
      problems.push(`console ${message.type()}: ${message.text()}`);
    });
    page.on('requestfailed', (request) => {
      const reason = request.failure()?.errorText ?? '';
      // A page that is left closes its stream of events, and breaks off what it no longer needs.
      if (this.#outage || reason === 'net::ERR_ABORTED') return;
      problems.push(`request failed: ${request.method()} ${request.url()} ${reason}`);
    });
    page.on('response', (response) => {
      if (response.status() >= 400) problems.push(`status ${response.status()}: ${response.url()}`);
    });
    await page.exposeFunction('reportViolation', (text: string) => problems.push(`policy: ${text}`));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        const report = (window as unknown as { reportViolation: (text: string) => void }).reportViolation;
        report(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
      });
    });
  }
}

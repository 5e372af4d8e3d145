import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

export interface FocusedElement {
  /** Tag and name. */
  name: string;
  /** Whether a ring around it says that it has the focus. */
  ring: boolean;
  /** Whether it can be seen: it lies within the window. */
  inView: boolean;
}

/** What has the focus now. */
export function focusedElement(page: Page): Promise<FocusedElement> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (!(element instanceof HTMLElement) || element === document.body)
      return { name: 'page', ring: true, inView: true };
    const label = element.getAttribute('aria-label') ?? (element as HTMLInputElement).labels?.[0]?.innerText;
    const name = `${element.tagName.toLowerCase()} ${label ?? element.innerText.trim().slice(0, 40)}`;
    const hasRing = (candidate: Element | null): boolean => {
      if (candidate === null) return false;
      const style = getComputedStyle(candidate);
      return style.outlineStyle !== 'none' && style.outlineWidth !== '0px';
    };
    const box = element.getBoundingClientRect();
    return {
      name,
      // A control may show its focus by its frame, a link by the card that it opens.
      ring: [element, element.parentElement, element.closest('article')].some(hasRing),
      inView: box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight,
    };
  });
}

/** Presses Tab until this element has the focus; on the way everything that has it must show it. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let press = 0; press < 120; press += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
    const focused = await focusedElement(page);
    expect(focused.ring, `a ring around ${focused.name}`).toBe(true);
    expect(focused.inView, `${focused.name} in view`).toBe(true);
  }
  expect.fail('Tab does not lead there.');
}

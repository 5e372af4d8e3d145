import type { Page } from 'playwright-core';

/** What makes the page wider than its window. */
export function findOverflow(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const root = document.documentElement;
    const found = root.scrollWidth > root.clientWidth ? [`the page is ${root.scrollWidth} wide`] : [];
    for (const element of document.querySelectorAll<HTMLElement>('main, .title-line, .status, nav, aside')) {
      // Tables may scroll within their own frame; the frame itself may not.
      if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== 'hidden') {
        found.push(`${element.className}: ${element.scrollWidth} in ${element.clientWidth}`);
      }
    }
    return found;
  });
}

/** Pieces of text of which one lies over another. */
export function findOverlaps(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    interface Piece {
      text: string;
      box: DOMRect;
      element: Element;
    }
    const pieces: Piece[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      const text = node.textContent?.trim() ?? '';
      if (!element || text === '' || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
        continue;
      if (element.closest('.visually-hidden, option, script, style')) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const line of range.getClientRects()) {
        // Only what can be seen: a box that scrolls hides the rest.
        let [left, top, right, bottom] = [line.left, line.top, line.right, line.bottom];
        for (let around: Element | null = element; around; around = around.parentElement) {
          const style = getComputedStyle(around);
          if (style.overflowX === 'visible' && style.overflowY === 'visible') continue;
          const frame = around.getBoundingClientRect();
          [left, top] = [Math.max(left, frame.left), Math.max(top, frame.top)];
          [right, bottom] = [Math.min(right, frame.right), Math.min(bottom, frame.bottom)];
        }
        if (right - left > 1 && bottom - top > 1) {
          pieces.push({ text, box: new DOMRect(left, top, right - left, bottom - top), element });
        }
      }
    }
    const found: string[] = [];
    pieces.forEach((first, index) => {
      for (const second of pieces.slice(index + 1)) {
        if (first.element.contains(second.element) || second.element.contains(first.element)) continue;
        const width = Math.min(first.box.right, second.box.right) - Math.max(first.box.left, second.box.left);
        const height = Math.min(first.box.bottom, second.box.bottom) - Math.max(first.box.top, second.box.top);
        // Line boxes are higher than letters: touching lines are no overlap.
        if (width > 2 && height > 4) found.push(`“${first.text.slice(0, 40)}” and “${second.text.slice(0, 40)}”`);
      }
    });
    return found;
  });
}

/** Text with a contrast below WCAG 2.2 AA (4.5 to 1, large text 3 to 1) to the ground that it stands on. */
export function findLowContrast(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    if (!canvas) throw new Error('The browser has no canvas.');
    /** Colours in any notation, laid over each other in order: red, green and blue of the result. */
    const blend = (colors: readonly string[]): number[] => {
      canvas.clearRect(0, 0, 1, 1);
      for (const color of colors) {
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
      }
      return [...canvas.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
    };
    const luminance = (rgb: readonly number[]): number => {
      const [red = 0, green = 0, blue = 0] = rgb.map((value) => {
        const channel = value / 255;
        return channel <= 0.040_45 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const found = new Set<string>();
    for (const element of document.querySelectorAll<HTMLElement>('body *')) {
      const ownText = [...element.childNodes].some(
        (node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim(),
      );
      if (!ownText || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      // What cannot be used now needs no contrast.
      if (element.closest('.visually-hidden, option, :disabled, [aria-disabled="true"]')) continue;
      const grounds: string[] = [];
      for (let around: HTMLElement | null = element; around; around = around.parentElement) {
        grounds.unshift(getComputedStyle(around).backgroundColor);
      }
      const style = getComputedStyle(element);
      const ground = blend(['white', ...grounds]);
      const text = blend(['white', ...grounds, style.color]);
      const [bright = 1, dim = 0] = [luminance(text), luminance(ground)].toSorted((a, b) => b - a);
      const ratio = (bright + 0.05) / (dim + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (large ? 3 : 4.5)) found.add(`${ratio.toFixed(2)}: “${element.innerText.trim().slice(0, 40)}”`);
    }
    return [...found];
  });
}

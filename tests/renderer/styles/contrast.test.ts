import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('../../../src/renderer/styles/tokens.css', import.meta.url), 'utf8');
const tokens = new Map(
  [...css.matchAll(/--([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)/g)].map(
    ([, name = '', light = '', dark = '']) => [name, { light, dark }] as const,
  ),
);

/** WCAG 2.2, relative luminance. */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return channel <= 0.040_45 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [bright = 1, dim = 0] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
  return (bright + 0.05) / (dim + 0.05);
}

const surfaces = ['page', 'surface', 'raised', 'sunken', 'hover', 'selected'];
const pairs: [text: string, ground: string, least: number][] = [
  ...['text', 'text-muted', 'text-faint'].flatMap((text) =>
    surfaces.map((ground): [string, string, number] => [text, ground, 4.5]),
  ),
  ...['accent', 'danger', 'warning', 'success', 'running'].flatMap((text) =>
    ['page', 'surface', 'raised', 'hover'].map((ground): [string, string, number] => [text, ground, 4.5]),
  ),
  ['text', 'danger-surface', 4.5],
  ['text', 'warning-surface', 4.5],
  ['danger', 'danger-surface', 4.5],
  ['warning', 'warning-surface', 4.5],
  ['on-accent', 'accent', 4.5],
  ['on-accent', 'accent-strong', 4.5],
  ['surface', 'text', 4.5],
  ...['surface', 'page', 'raised'].map((ground): [string, string, number] => ['line-control', ground, 3]),
];

describe.each(['light', 'dark'] as const)('colours of the %s theme', (theme) => {
  it.each(pairs)('%s on %s has at least %s to 1', (text, ground, least) => {
    const [front, back] = [tokens.get(text)?.[theme], tokens.get(ground)?.[theme]];
    expect(contrast(front ?? '', back ?? '')).toBeGreaterThanOrEqual(least);
  });
});

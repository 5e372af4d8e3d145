import { describe, expect, it } from 'vitest';
import { renderSvg } from '#main/figures/svg.ts';
import { describeLossCurves } from '#shared/charts/lossCurves.ts';
import { parseRunDocument } from '#shared/domain/run.ts';

const chart = describeLossCurves('Loss < 1 & "more"', [
  {
    id: 'run-1',
    label: 'batchNorm',
    document: parseRunDocument({ dataset: { id: 'x' } }),
    documentHash: 'abc',
    state: 'done',
    series: {
      'validation/loss': { steps: Float64Array.of(0, 10), values: Float64Array.of(2, 1) },
      'validation/accuracy': { steps: Float64Array.of(0, 10), values: Float64Array.of(0.1, 0.5) },
    },
  },
]);

/** Every tag closed by its own name and every attribute quoted: what an XML parser insists on. */
function expectWellFormed(svg: string): void {
  const open: string[] = [];
  const tags = svg.match(/<[^>]*>/g) ?? [];
  for (const tag of tags) {
    if (tag.startsWith('<?') || tag.startsWith('<!')) continue;
    const closing = /^<\/([\w:]+)>$/.exec(tag)?.[1];
    if (closing !== undefined) {
      expect(open.pop()).toBe(closing);
      continue;
    }
    expect(tag).toMatch(/^<[\w:]+(\s+[\w:-]+="[^"<]*")*\s*\/?>$/);
    if (!tag.endsWith('/>')) open.push(/^<([\w:]+)/.exec(tag)?.[1] ?? '');
  }
  expect(open).toEqual([]);
}

describe('an SVG file', () => {
  const svg = renderSvg(chart, {
    generator: 'NormLab test',
    layout: { width: 900, height: 400 },
    createdAt: '2026-01-01T00:00:00Z',
  });

  it('is well-formed, of the size asked for, on white', () => {
    expectWellFormed(svg);
    expect(svg).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<svg width="900" height="400"/);
    expect(svg).toContain('fill="#ffffff"');
    expect(svg).toContain('<title>Loss &lt; 1 &amp; "more"</title>');
  });

  it('names axes with their units', () => {
    for (const text of ['Cross-entropy (nats)', 'Accuracy (%)', 'Optimizer step']) expect(svg).toContain(text);
  });

  it('says which runs its numbers come from', () => {
    const text = /<metadata>(.*)<\/metadata>/.exec(svg)?.[1]?.replaceAll('&lt;', '<').replaceAll('&amp;', '&') ?? '';
    expect(JSON.parse(text)).toMatchObject({
      generator: 'NormLab test',
      createdAt: '2026-01-01T00:00:00Z',
      chartHash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      source: [{ runId: 'run-1', label: 'batchNorm', documentHash: 'abc' }],
    });
  });
});

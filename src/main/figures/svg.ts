import * as echarts from 'echarts';
import { canonicalJson, hashText } from '#shared/canonicalJson.ts';
import type { ChartDescription } from '#shared/charts/chart.ts';
import { echartsOption, type ChartLayout } from '#shared/charts/echartsOption.ts';

export interface FigureMetadata {
  generator: string;
  createdAt: string;
  /** SHA-256 of the chart description: equal data drawn equally have equal hash. */
  chartHash: string;
  source: ChartDescription['source'];
}

export const defaultFigureLayout: ChartLayout = { width: 1000, height: 460, fontSize: 13, theme: 'light' };

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/**
 * Draws a chart as a stand-alone SVG file: explicit size and font sizes, and inside it, as JSON in
 * `<metadata>`, the runs and document hashes that every number comes from.
 */
export function renderSvg(
  chart: ChartDescription,
  options: { layout?: Partial<ChartLayout>; generator: string; createdAt?: string },
): string {
  const layout = { ...defaultFigureLayout, ...options.layout };
  const instance = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: layout.width,
    height: layout.height,
  });
  let svg: string;
  try {
    instance.setOption(echartsOption(chart, layout));
    svg = instance.renderToSVGString();
  } finally {
    instance.dispose();
  }
  const metadata: FigureMetadata = {
    generator: options.generator,
    createdAt: options.createdAt ?? new Date().toISOString(),
    chartHash: hashText(canonicalJson(chart)),
    source: chart.source,
  };
  const description =
    `<title>${escapeXml(chart.title)}</title>\n` +
    `<desc>${escapeXml(chart.footnote)}</desc>\n` +
    `<metadata>${escapeXml(JSON.stringify(metadata))}</metadata>\n`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${svg.replace(/(<svg[^>]*>\n?)/, (opening: string) => opening + description)}`;
}

import type { ChartDescription, ChartPanel } from '#shared/charts/chart.ts';
import { axisTitle } from '#shared/charts/chart.ts';
import { echartsOption, type ChartLayout } from '#shared/charts/echartsOption.ts';
import { init } from '../charts/echarts.ts';

/** Draws a chart into a PNG of `width`·`scale` by `height`·`scale` pixels. */
export async function drawPng(chart: ChartDescription, layout: ChartLayout, scale: number): Promise<Blob> {
  const element = document.createElement('div');
  const instance = init(element, null, {
    renderer: 'canvas',
    width: layout.width,
    height: layout.height,
    devicePixelRatio: scale,
  });
  try {
    instance.setOption(echartsOption(chart, { ...layout, furniture: 'full' }));
    const canvas = instance.renderToCanvas({ pixelRatio: scale });
    return await new Promise<Blob>((resolve, reject) => {
      canvas.toBlob(
        (blob) => (blob ? resolve(blob) : reject(new Error('The image is too large to be made.'))),
        'image/png',
      );
    });
  } finally {
    instance.dispose();
  }
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Draws a chart as a stand-alone SVG; inside it, where its numbers come from. */
export function drawSvg(chart: ChartDescription, layout: ChartLayout): Blob {
  const instance = init(null, null, { renderer: 'svg', ssr: true, width: layout.width, height: layout.height });
  try {
    instance.setOption(echartsOption(chart, { ...layout, furniture: 'full' }));
    const inside =
      `<title>${escapeXml(chart.title)}</title><desc>${escapeXml(chart.footnote)}</desc>` +
      `<metadata>${escapeXml(JSON.stringify({ source: chart.source }))}</metadata>`;
    const svg = instance.renderToSVGString().replace(/<svg[^>]*>/, (opening) => opening + inside);
    return new Blob([`<?xml version="1.0" encoding="UTF-8"?>\n${svg}`], { type: 'image/svg+xml' });
  } finally {
    instance.dispose();
  }
}

const quoteCsv = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** A number with all its digits; empty where there is none. */
const exactNumber = (value: number | undefined): string =>
  value !== undefined && Number.isFinite(value) ? String(value) : '';

function csvRows(panel: ChartPanel): string[] {
  return panel.series.flatMap((series) =>
    series.points.x.map((x, index) =>
      [
        quoteCsv(panel.title),
        quoteCsv(series.label),
        series.thin ? 'seed' : 'curve',
        exactNumber(x),
        exactNumber(series.points.y[index]),
        exactNumber(series.band?.lower[index]),
        exactNumber(series.band?.upper[index]),
      ].join(','),
    ),
  );
}

/** The numbers of a chart as it is drawn: a row a point (RFC 4180). */
export function chartCsv(chart: ChartDescription): string {
  const [first] = chart.panels;
  const head = ['quantity', 'curve', 'kind', first ? axisTitle(first.xAxis) : 'x', 'value', 'lower', 'upper'];
  return [head.map(quoteCsv).join(','), ...chart.panels.flatMap(csvRows)].join('\r\n') + '\r\n';
}

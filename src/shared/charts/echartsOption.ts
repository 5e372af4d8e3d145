import type { EChartsOption, SeriesOption } from 'echarts';
import { axisTitle, formatChartNumber, type ChartAxis, type ChartDescription, type ChartPanel } from './chart.ts';
import { bandSeries } from './bandSeries.ts';
import { logAxis } from './logAxis.ts';
import { formatTicks, valueAxis, visibleExtent } from './valueAxis.ts';
import { chartTokens, type ChartTokens } from './colors.ts';

export interface ChartLayout {
  /** Pixels. */
  width: number;
  height: number;
  fontSize: number;
  theme: 'light' | 'dark';
  /**
   * `full` for files: title, legend and footnote with the axes; `axes` for a screen that says these
   * itself; `small` for a miniature, without axis names. `full` where absent.
   */
  furniture?: 'full' | 'axes' | 'small';
}

// Without quotes: ECharts writes it into an SVG attribute as it is.
const fontFamily = 'Inter, Helvetica Neue, Helvetica, Arial, sans-serif';
/** Where no curve of a panel has more points than this, all get their markers. */
const markedPoints = 40;

/** The ECharts option of a chart description: pure, the same for screen and files. */
export function echartsOption(chart: ChartDescription, layout: ChartLayout): EChartsOption {
  const tokens = chartTokens[layout.theme];
  const { fontSize } = layout;
  const labels = [...new Set(chart.panels.flatMap((panel) => panel.series.map((series) => series.label)))];
  const furniture = layout.furniture ?? 'full';
  if (furniture !== 'full') return screenOption(chart, layout, furniture);
  const verticals = chart.panels.map((panel) => verticalAxis(panel, 5));
  const boxes = panelBoxes(verticals, layout, labels);
  return {
    animation: false,
    backgroundColor: tokens.background,
    textStyle: { fontFamily, fontSize, color: tokens.text },
    title: [
      {
        text: chart.title,
        left: fontSize,
        top: fontSize * 0.8,
        textStyle: { fontFamily, fontSize: fontSize * 1.35, fontWeight: 600, color: tokens.text },
      },
      {
        text: chart.footnote,
        left: fontSize,
        bottom: fontSize * 0.6,
        textStyle: { fontFamily, fontSize: fontSize * 0.85, fontWeight: 'normal', color: tokens.faintText },
      },
      ...chart.panels.map((panel, index) => ({
        text: panel.title,
        left: boxes[index]?.left ?? 0,
        top: (boxes[index]?.top ?? 0) - fontSize * 1.9,
        padding: 0,
        textStyle: { fontFamily, fontSize: fontSize * 1.05, fontWeight: 600 as const, color: tokens.text },
      })),
    ],
    legend: {
      type: 'plain',
      data: labels,
      // Titles have a padding of 5 pixels of their own.
      left: fontSize + 5,
      top: fontSize * 3.1,
      padding: 0,
      itemWidth: fontSize * 2.4,
      itemHeight: fontSize * 0.6,
      itemGap: fontSize * 1.4,
      textStyle: { fontFamily, fontSize, color: tokens.text },
    },
    grid: boxes.map((box) => ({ ...box, containLabel: false })),
    xAxis: chart.panels.map((panel, index) => horizontalOption(panel.xAxis, index, tokens, fontSize)),
    yAxis: verticals.map((axis, index) => verticalOption(axis, index, tokens, fontSize)),
    series: chart.panels.flatMap((panel, index) => panelSeries(panel, index, fontSize)),
  };
}

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Places panels side by side, with room for axis labels, names, legend and footnote. */
function panelBoxes(
  verticals: readonly VerticalAxis[],
  { width, height, fontSize }: ChartLayout,
  labels: readonly string[],
): Box[] {
  const itemWidths = labels.map((label) => fontSize * (2.4 + 0.4 + 1.4 + label.length * 0.56));
  const legendRows = Math.max(1, Math.ceil(itemWidths.reduce((sum, item) => sum + item, 0) / (width - 2 * fontSize)));
  const top = fontSize * (5.9 + 1.6 * legendRows);
  const cell = (width - fontSize) / Math.max(1, verticals.length);
  return verticals.map((axis, index) => {
    const left = fontSize + axisRoom(axis, fontSize);
    return {
      left: Math.round(index * cell + left),
      top: Math.round(top),
      width: Math.round(cell - left - fontSize),
      height: Math.round(height - top - fontSize * 5.6),
    };
  });
}

/** A vertical axis with its range and what its labels say; without labels where there is nothing to draw. */
interface VerticalAxis {
  axis: ChartAxis;
  range: readonly [number, number] | null;
  labels: number[];
  texts: string[];
}

/** @param parts About how many distances between labels of a linear axis. */
function verticalAxis({ xAxis, yAxis, series }: ChartPanel, parts: number): VerticalAxis {
  const log = yAxis.scale === 'log';
  const extent = yAxis.range ?? visibleExtent(series, xAxis.range, log);
  if (extent === null) return { axis: yAxis, range: null, labels: [], texts: [] };
  const found = log ? logAxis(extent) : valueAxis(extent, parts, yAxis.bounds);
  const range = yAxis.range ?? found.range;
  const labels = found.labels.filter((value) => value >= range[0] && value <= range[1]);
  return { axis: yAxis, range, labels, texts: formatTicks(labels, yAxis) };
}

/** Pixels that the labels of an axis take: digits are about 0.6 of their size wide in any font. */
function labelsWidth({ texts }: VerticalAxis, fontSize: number): number {
  // Whole steps, so that a live chart does not move with each digit.
  return Math.ceil(0.55 * Math.max(4, ...texts.map((text) => text.length)) + 0.3) * fontSize;
}

/** Pixels between the outer edge of an axis' name and its line. */
function axisRoom(axis: VerticalAxis, fontSize: number): number {
  return labelsWidth(axis, fontSize) + fontSize * 1.8;
}

function nameOption(axis: ChartAxis, tokens: ChartTokens, fontSize: number): Record<string, unknown> {
  return {
    name: axisTitle(axis),
    nameLocation: 'middle',
    nameTextStyle: { fontFamily, fontSize, color: tokens.faintText },
    axisLine: { show: true, onZero: false, lineStyle: { color: tokens.axis } },
  };
}

function horizontalOption(
  axis: ChartAxis,
  gridIndex: number,
  tokens: ChartTokens,
  fontSize: number,
): Record<string, unknown> {
  return {
    ...nameOption(axis, tokens, fontSize),
    gridIndex,
    type: axis.scale === 'log' ? 'log' : 'value',
    nameGap: fontSize * 2.1,
    minorTick: { show: axis.scale === 'log', lineStyle: { color: tokens.axis } },
    splitNumber: 5,
    ...(axis.range ? { min: axis.range[0], max: axis.range[1] } : {}),
    axisTick: { show: true, lineStyle: { color: tokens.axis } },
    splitLine: { show: false },
    axisLabel: {
      fontFamily,
      fontSize: fontSize * 0.92,
      color: tokens.faintText,
      hideOverlap: true,
      // The ends of a given range are seldom round numbers.
      ...(axis.range ? { showMinLabel: axis.range[0] === 0, showMaxLabel: false } : {}),
      // Neighbouring ticks far from zero differ in late digits only.
      formatter: (value: number) => formatChartNumber(value, axis.format, 7),
    },
  };
}

function verticalOption(
  vertical: VerticalAxis,
  gridIndex: number,
  tokens: ChartTokens,
  fontSize: number,
): Record<string, unknown> {
  const { axis, range, labels, texts } = vertical;
  const ticks = labels.length > 0 ? { customValues: labels } : {};
  const byValue = new Map(labels.map((value, index) => [value, texts[index] ?? '']));
  return {
    ...nameOption(axis, tokens, fontSize),
    gridIndex,
    type: axis.scale === 'log' ? 'log' : 'value',
    nameGap: labelsWidth(vertical, fontSize) + fontSize * 0.7,
    // Over very many decades they would lie as close as a line.
    minorTick: {
      show: axis.scale === 'log' && range !== null && range[1] / range[0] < 1e12,
      lineStyle: { color: tokens.axis },
    },
    scale: true,
    ...(range ? { min: range[0], max: range[1] } : {}),
    axisTick: { show: true, lineStyle: { color: tokens.axis }, ...ticks },
    splitLine: { show: true, lineStyle: { color: tokens.grid }, ...ticks },
    axisLabel: {
      fontFamily,
      fontSize: fontSize * 0.92,
      color: tokens.faintText,
      hideOverlap: true,
      ...ticks,
      formatter: (value: number) => byValue.get(value) ?? formatChartNumber(value, axis.format, 7),
    },
  };
}

function panelSeries(panel: ChartPanel, index: number, fontSize: number, marked = true): SeriesOption[] {
  const place = { xAxisIndex: index, yAxisIndex: index, animation: false };
  const few = panel.series.every(({ points }) => points.x.length <= markedPoints);
  return panel.series.flatMap((series, order): SeriesOption[] => {
    const { x, y } = series.points;
    const { style } = series;
    const thin = series.thin === true;
    const opacity = (series.faded ? 0.2 : 1) * (thin ? 0.45 : 1);
    const options: SeriesOption[] = [];
    // Stable ids let a live chart take new data without being built again.
    const id = `${index}/${order}/${series.label}`;
    const band = bandSeries(series, index, panel.yAxis.scale === 'log');
    // A name of its own: the legend shows the first series of a name, and that is to be the line.
    if (band !== null) options.push({ ...band, id: `${id}/band`, name: `${series.label} band` });
    options.push({
      ...place,
      type: 'line',
      id: `${id}/line`,
      name: series.label,
      color: style.color,
      symbol: style.marker,
      symbolSize: fontSize * 0.5,
      showSymbol: !thin && (x.length === 1 || (marked && few)),
      silent: true,
      lineStyle: {
        color: style.color,
        width: thin ? 1 : Math.max(1.5, fontSize / 7),
        type: style.dash,
        opacity,
        join: 'round',
      },
      itemStyle: { color: style.color, opacity },
      data: x.map((step, at) => [step, finiteOrGap(y[at])]),
      z: series.faded ? 1 : thin ? 2 : 3,
    });
    if (series.divergedAt !== null) {
      options.push({
        ...place,
        type: 'scatter',
        id: `${id}/end`,
        name: series.label,
        symbol: 'path://M0,0 L1,1 M0,1 L1,0',
        symbolSize: fontSize * 0.9,
        itemStyle: { color: 'transparent', borderColor: style.color, borderWidth: 2.5, opacity },
        data: [[series.divergedAt.x, series.divergedAt.y]],
        silent: true,
        z: 5,
      });
    }
    return options;
  });
}

export interface ScreenMargins {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** About how many distances between the labels of a vertical axis. */
const screenParts = { axes: 5, small: 2 } as const;

/** Pixels between the edges of a chart on screen and its plot. */
export function screenMargins(
  panel: ChartPanel | undefined,
  furniture: 'axes' | 'small',
  fontSize: number,
): ScreenMargins {
  const axis = panel ? verticalAxis(panel, screenParts[furniture]) : null;
  return furniture === 'small'
    ? {
        left: Math.max(4 * fontSize, axis ? labelsWidth(axis, fontSize) + fontSize * 0.6 : 0),
        right: fontSize,
        top: fontSize * 0.6,
        bottom: fontSize * 1.9,
      }
    : {
        left: fontSize + (axis ? axisRoom(axis, fontSize) : 4 * fontSize),
        right: fontSize * 1.6,
        top: fontSize,
        bottom: fontSize * 3.8,
      };
}

/** For a screen that writes title, legend and footnote itself: one panel, as large as the place for it. */
function screenOption(chart: ChartDescription, layout: ChartLayout, furniture: 'axes' | 'small'): EChartsOption {
  const tokens = chartTokens[layout.theme];
  const { fontSize } = layout;
  const small = furniture === 'small';
  const panels = chart.panels.slice(0, 1);
  return {
    animation: false,
    textStyle: { fontFamily, fontSize, color: tokens.text },
    grid: { ...screenMargins(panels[0], furniture, fontSize), outerBoundsMode: 'none' },
    xAxis: panels.map((panel) => ({
      ...horizontalOption(panel.xAxis, 0, tokens, fontSize),
      ...(small ? { name: '', splitNumber: 3 } : {}),
    })),
    yAxis: panels.map((panel) => ({
      ...verticalOption(verticalAxis(panel, screenParts[furniture]), 0, tokens, fontSize),
      ...(small ? { name: '', minorTick: { show: false } } : {}),
    })),
    series: panels.flatMap((panel) => panelSeries(panel, 0, fontSize, !small)),
  };
}

function finiteOrGap(value: number | undefined): number | '-' {
  return value !== undefined && Number.isFinite(value) ? value : '-';
}

import { computed, type WritableComputedRef } from 'vue';
import { useRoute, useRouter, type LocationQuery } from 'vue-router';
import type { BandKind, XAxisKind } from '../data/curves.ts';

/** How a comparison is drawn; part of its address, so that going back and sharing keep it. */
export interface ComparisonSettings {
  metricId: string;
  layer: string | null;
  xAxis: XAxisKind;
  logY: boolean;
  /** Weight of the moving average; 0 is none. */
  smoothing: number;
  band: BandKind;
  seedLines: boolean;
}

const defaults: ComparisonSettings = {
  metricId: 'validation-loss',
  layer: null,
  xAxis: 'step',
  logY: false,
  smoothing: 0,
  band: 'interval',
  seedLines: false,
};

const text = (query: LocationQuery, key: string): string | null => {
  const value = query[key];
  return typeof value === 'string' ? value : null;
};

function oneOf<Value extends string>(value: string | null, allowed: readonly Value[], fallback: Value): Value {
  return allowed.find((candidate) => candidate === value) ?? fallback;
}

/** Reads settings from an address; what makes no sense is left at its default. */
export function readSettings(query: LocationQuery): ComparisonSettings {
  const smoothing = Number(text(query, 'smoothing') ?? 0);
  return {
    metricId: text(query, 'metric') ?? defaults.metricId,
    layer: text(query, 'layer'),
    xAxis: oneOf(text(query, 'axis'), ['step', 'epoch', 'time'], defaults.xAxis),
    logY: text(query, 'log') === '1',
    smoothing: smoothing >= 0 && smoothing < 1 ? smoothing : 0,
    band: oneOf(text(query, 'band'), ['interval', 'range', 'none'], defaults.band),
    seedLines: text(query, 'seeds') === '1',
  };
}

/** The part of an address that differs from the defaults. */
export function writeSettings(settings: ComparisonSettings): Record<string, string> {
  return {
    ...(settings.metricId === defaults.metricId ? {} : { metric: settings.metricId }),
    ...(settings.layer === null ? {} : { layer: settings.layer }),
    ...(settings.xAxis === defaults.xAxis ? {} : { axis: settings.xAxis }),
    ...(settings.logY ? { log: '1' } : {}),
    ...(settings.smoothing === 0 ? {} : { smoothing: String(settings.smoothing) }),
    ...(settings.band === defaults.band ? {} : { band: settings.band }),
    ...(settings.seedLines ? { seeds: '1' } : {}),
  };
}

/** The settings of the address that is open. */
export function useComparisonSettings(): WritableComputedRef<ComparisonSettings> {
  const route = useRoute();
  const router = useRouter();
  return computed({
    get: () => readSettings(route.query),
    set: (settings) => void router.replace({ query: writeSettings(settings) }),
  });
}

import { machineQuantityOf, type MachineHealth, type MachineQuantity } from '#shared/domain/machineHealth.ts';
import { formatBytes, formatPercent, formatTemperature } from './format.ts';

export interface LoadPart {
  name: string;
  /** Short, for the line at the foot. */
  text: string;
  /** In words. */
  title: string;
}

const join = (parts: readonly (string | null)[]): string => parts.filter((part) => part !== null).join(', ');

/** What of a machine is busy now: processor and graphics cards. */
export function describeLoad(health: MachineHealth): LoadPart[] {
  const { processorLoad, processorTemperatureCelsius, gpus } = health;
  const part = (name: string, load: number | null, celsius: number | null, memory: string | null): LoadPart[] => {
    if (load === null && celsius === null) return [];
    const share = load === null ? null : formatPercent(load, 0);
    const heat = celsius === null ? null : formatTemperature(celsius);
    return [
      {
        name,
        text: `${name} ${join([share, heat])}`,
        title: `${name}: ${join([share === null ? null : `${share} busy`, heat, memory])}`,
      },
    ];
  };
  return [
    ...part(
      'Processor',
      processorLoad,
      processorTemperatureCelsius,
      `${formatBytes(health.memoryBytes - health.memoryFreeBytes)} of ${formatBytes(health.memoryBytes)} memory in use`,
    ),
    ...gpus.flatMap((gpu, index) =>
      part(
        gpus.length > 1 ? `GPU ${index + 1}` : 'GPU',
        gpu.load,
        gpu.temperatureCelsius,
        gpu.memoryUsedBytes === null
          ? gpu.name
          : `${gpu.name}, ${formatBytes(gpu.memoryUsedBytes)} of ${formatBytes(gpu.memoryBytes)} memory in use`,
      ),
    ),
  ];
}

const formats: Readonly<Record<MachineQuantity['unit'], (value: number) => string>> = {
  share: (value) => formatPercent(value, 0),
  bytes: formatBytes,
  celsius: formatTemperature,
};

export interface MachineHistoryRow {
  series: string;
  title: string;
  /** Mean and range while the run trained, with units. */
  mean: string;
  range: string;
  steps: Float64Array;
  values: Float64Array;
}

/** What was recorded of the machine in one series; null for other series, and where there is no value. */
export function summarizeMachineSeries(slice: {
  series: string;
  steps: readonly number[];
  values: readonly (number | null)[];
  minimum?: readonly (number | null)[] | undefined;
  maximum?: readonly (number | null)[] | undefined;
}): MachineHistoryRow | null {
  const quantity = machineQuantityOf(slice.series);
  const known = slice.values.filter((value) => value !== null);
  if (!quantity || known.length === 0) return null;
  const finite = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);
  const least = Math.min(...finite(slice.minimum ?? slice.values));
  const most = Math.max(...finite(slice.maximum ?? slice.values));
  const format = formats[quantity.unit];
  const [low, high] = [format(least), format(most)];
  return {
    series: slice.series,
    title: quantity.title,
    mean: format(known.reduce((sum, value) => sum + value, 0) / known.length),
    range: low === high ? low : `${low} to ${high}`,
    steps: Float64Array.from(slice.steps),
    values: Float64Array.from(slice.values, (value) => value ?? Number.NaN),
  };
}

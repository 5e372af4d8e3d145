import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { formatBytes, formatCount, formatPlural } from '../../data/format.ts';

/** Bytes of pixels and labels on disk. */
export function datasetBytes({ image, training, validation }: DatasetDocument): number {
  return (training.count + validation.count) * (image.height * image.width * image.channels + 1);
}

/** `32×32, colour`. */
export function imageText({ height, width, channels }: DatasetDocument['image']): string {
  const kind = channels === 1 ? 'grey' : channels === 3 ? 'colour' : `${channels} channels`;
  return `${height}×${width}, ${kind}`;
}

export function shortChecksum(checksum: string): string {
  return checksum.slice(0, 10);
}

/** Lines of a card. */
export function datasetLines(dataset: DatasetDocument): string[] {
  const { training, validation, classNames, image } = dataset;
  return [
    `${formatCount(training.count)} training, ${formatCount(validation.count)} validation images`,
    `${formatPlural(classNames.length, 'class', 'classes')} · ${imageText(image)} · ${formatBytes(datasetBytes(dataset))}`,
  ];
}

export function channelNames(channels: number): string[] {
  return channels === 3
    ? ['Red', 'Green', 'Blue']
    : channels === 1
      ? ['Grey']
      : Array.from({ length: channels }, (_, at) => `Channel ${at + 1}`);
}

const kinds: Readonly<Record<string, string>> = {
  'example-generator': 'Made here by a generator',
  'cifar10-binary': 'Imported from CIFAR-10 in its binary form',
};

const fullDate = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short' });

/** `23 November 2026 at 08:49`. */
export function importedText(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : fullDate.format(date);
}

export function provenanceText(kind: string): string {
  return kinds[kind] ?? `Imported (${kind})`;
}

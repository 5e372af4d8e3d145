import { z } from 'zod';

/** SHA-256 in hexadecimal. */
export const checksumSchema = z.string().regex(/^[0-9a-f]{64}$/);

const splitSchema = z.strictObject({
  count: z.int().positive(),
  /** Images a class, in class order. */
  classCounts: z.array(z.int().nonnegative()),
  /** File of uint8 pixels, row-major [count, height, width, channels]. */
  imagesFile: z.string(),
  imagesChecksum: checksumSchema,
  /** File of uint8 labels, [count]. */
  labelsFile: z.string(),
  labelsChecksum: checksumSchema,
});

/** `dataset.json` in a data set's folder: everything about it but the pixels. */
export const datasetDocumentSchema = z.strictObject({
  format: z.literal('normlab.dataset'),
  version: z.literal(1),
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  name: z.string().min(1).max(120),
  image: z.strictObject({
    height: z.int().positive().max(1024),
    width: z.int().positive().max(1024),
    channels: z.int().positive().max(4),
  }),
  classNames: z.array(z.string()).min(2).max(256),
  training: splitSchema,
  validation: splitSchema,
  /** Mean and standard deviation of training pixels per channel, pixels scaled to 0…1. */
  normalization: z.strictObject({ mean: z.array(z.number()), standardDeviation: z.array(z.number().positive()) }),
  /** SHA-256 over the four files' checksums and shape: equal data have equal checksum. */
  checksum: checksumSchema,
  provenance: z.strictObject({
    /** Reader or generator that made it. */
    kind: z.string(),
    /** File or folder names it came from, without their folder. */
    sources: z.array(z.strictObject({ name: z.string(), bytes: z.int().nonnegative(), checksum: checksumSchema })),
    importedAt: z.iso.datetime(),
    notes: z.array(z.string()),
    /** Settings of a generator. */
    settings: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  }),
});

export type DatasetDocument = z.infer<typeof datasetDocumentSchema>;
export type DatasetSplit = 'training' | 'validation';

/** Id of the generated example data set. */
export const exampleDatasetId = 'example';

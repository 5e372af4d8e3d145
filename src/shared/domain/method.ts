import type { z } from 'zod';

/** What a field says about itself; form, command line and documentation read it. */
export type FieldMeta = {
  title: string;
  help: string;
  /** The paper's symbol, where it has one. */
  symbol?: string;
  unit?: string;
  /** True for fields that stay folded until asked for. */
  advanced?: boolean;
  /** Names of a fixed set of values, where the values themselves say too little. */
  choices?: Record<string, string>;
};

/** Checks what a field says of itself where it is written. */
export const meta = (field: FieldMeta): FieldMeta => field;

/** What a method's settings have to fit, beyond their own ranges. */
export interface MethodContext {
  /** Where the settings stand in the run document: `method`, or `layerMethods.conv1`. */
  path: string;
  batchSize: number;
  trainingImages: number;
  /** The layers that get these settings' normalizer. */
  normalizedLayers: readonly { name: string; channels: number }[];
}

/** Why a method's settings do not fit a run. */
export interface MethodProblem {
  /** The method's parameter that is to be changed. */
  field: string;
  message: string;
  hint: string;
}

/** Everything about a method but its computation, which is in `trainer/methods/<id>.ts`. */
export interface MethodDescription<Schema extends z.ZodObject = z.ZodObject> {
  id: string;
  name: string;
  /** Short form for chips and legends. */
  symbol: string;
  /** One sentence for a person choosing it. */
  help: string;
  /** Where it is defined. */
  source: string;
  /** Its parameters with defaults and `FieldMeta` on each field; `id` is the literal of this method. */
  schema: Schema;
  /** False where the run needs no normalized layer at all. */
  normalizes: boolean;
  /** True where training noise depends on the batch, so that batch size 1 is meaningless. */
  needsBatch: boolean;
  /** The first thing that does not fit, where something can fail to; null where all does. */
  findProblem?(settings: z.infer<Schema>, context: MethodContext): MethodProblem | null;
  /** One colour (Okabe–Ito), dash and marker everywhere. */
  style: { color: string; dash: 'solid' | 'dashed' | 'dotted'; marker: 'circle' | 'rect' | 'triangle' | 'diamond' };
}

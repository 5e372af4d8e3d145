import { z } from 'zod';
import { meta } from './method.ts';

const learningRateField = (standard: number) =>
  z
    .number()
    .positive()
    .max(100)
    .default(standard)
    .meta(
      meta({
        title: 'Learning rate',
        symbol: 'lr₀',
        help: 'Initial learning rate at the reference batch size.',
      }),
    );

const weightDecayField = (help: string) =>
  z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .meta(meta({ title: 'Weight decay', help }));

const scaleWithBatchSizeField = (standard: boolean) =>
  z
    .boolean()
    .default(standard)
    .meta(
      meta({
        title: 'Scale learning rate with batch size',
        help: 'Multiplies the learning rate by batch size / reference batch size, as the paper does.',
      }),
    );

const referenceBatchSizeField = z
  .int()
  .positive()
  .max(65_536)
  .default(64)
  .meta(
    meta({
      title: 'Reference batch size',
      help: 'The batch size for which the learning rate is given.',
      advanced: true,
    }),
  );

const momentOfAdam = (title: string, symbol: string, standard: number, help: string) =>
  z
    .number()
    .min(0)
    .lt(1)
    .default(standard)
    .meta(meta({ title, symbol, help, advanced: true }));

/** Defaults of stochastic gradient descent are the paper's, those of Adam its authors'. */
export const optimizerSchema = z.discriminatedUnion('id', [
  z
    .strictObject({
      id: z.literal('sgd'),
      learningRate: learningRateField(0.1),
      momentum: z
        .number()
        .min(0)
        .lt(1)
        .default(0.9)
        .meta(meta({ title: 'Momentum', help: 'How much of the previous update is kept; 0 is plain SGD.' })),
      weightDecay: weightDecayField(
        'Adds this share of each weight to its gradient (L2); biases and normalizers are left out.',
      ),
      scaleWithBatchSize: scaleWithBatchSizeField(true),
      referenceBatchSize: referenceBatchSizeField,
    })
    .meta(
      meta({
        title: 'Stochastic gradient descent',
        help: 'Follows the gradient of each batch, with momentum; momentum 0 is plain SGD.',
      }),
    ),
  z
    .strictObject({
      id: z.literal('adam'),
      learningRate: learningRateField(0.001),
      beta1: momentOfAdam('Decay of the mean', 'β₁', 0.9, 'How much of the running mean of gradients is kept.'),
      beta2: momentOfAdam('Decay of the square', 'β₂', 0.999, 'How much of the running mean of squares is kept.'),
      epsilon: z
        .number()
        .positive()
        .max(1)
        .default(1e-8)
        .meta(
          meta({
            title: 'Epsilon',
            symbol: 'ϵ',
            help: 'Added to the root of the mean square, so that no update is divided by zero.',
            advanced: true,
          }),
        ),
      weightDecay: weightDecayField(
        'Shrinks each weight by this share of the learning rate (AdamW); biases and normalizers are left out.',
      ),
      scaleWithBatchSize: scaleWithBatchSizeField(false),
      referenceBatchSize: referenceBatchSizeField,
    })
    .meta(
      meta({
        title: 'Adam',
        help: 'Divides running means of the gradient by the root of those of its square; with weight decay it is AdamW.',
      }),
    ),
]);
export type OptimizerSettings = z.infer<typeof optimizerSchema>;

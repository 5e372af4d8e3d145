import { z } from 'zod';
import type { ArchitectureDescription, ConvolutionLayer, NetworkLayer } from '../architecture.ts';
import { scaleWidth, widthMultiplierField } from './fields.ts';

export const resnet18Schema = z.strictObject({ id: z.literal('resnet18'), widthMultiplier: widthMultiplierField });

const stageWidths = [64, 128, 256, 512];
const blocksPerStage = 2;

/**
 * ResNet-18 for 32×32 images: conv(3,64), then four stages of two basic blocks with 64, 128, 256 and 512
 * channels, global average pooling and the classifier. A block is conv–normalizer–ReLU–conv–normalizer,
 * plus its input, then ReLU. Stages 2 to 4 begin with stride 2, and there a 1×1 convolution with a
 * normalizer stands on the shortcut. 'same' padding: with stride 2 it is one pixel at the lower right end
 * only, not around. Every convolution can have a normalizer, the classifier cannot.
 * Source: He et al. 2016, table 1, with the 3×3 stem without pooling that is usual for small images.
 */
export const resnet18 = {
  id: 'resnet18',
  name: 'ResNet-18',
  help: 'Eighteen layers in residual blocks, for small images: a 3×3 stem, four stages of two blocks, average pooling.',
  source: 'He et al. 2016; Luo et al. 2019, section 6 (ImageNet at 32×32)',
  schema: resnet18Schema,
  layers({ widthMultiplier }, _image, classCount) {
    const convolution = (
      name: string,
      channels: number,
      { kernelSize = 3, stride = 1, activation = 'none' }: Partial<ConvolutionLayer> = {},
    ): ConvolutionLayer => ({
      type: 'convolution',
      name,
      kernelSize,
      channels,
      stride,
      padding: 'same',
      normalizable: true,
      activation,
    });
    const layers: NetworkLayer[] = [];
    let channels = scaleWidth(stageWidths[0] ?? 64, widthMultiplier);
    layers.push(convolution('conv1', channels, { activation: 'relu' }));
    stageWidths.forEach((stageWidth, stage) => {
      const width = scaleWidth(stageWidth, widthMultiplier);
      for (let block = 0; block < blocksPerStage; block++) {
        const name = `stage${stage + 1}-block${block + 1}`;
        const stride = stage > 0 && block === 0 ? 2 : 1;
        layers.push(
          { type: 'branch', name },
          convolution(`${name}-conv1`, width, { stride, activation: 'relu' }),
          convolution(`${name}-conv2`, width),
        );
        if (stride !== 1 || channels !== width) {
          layers.push({ type: 'shortcut' }, convolution(`${name}-shortcut`, width, { kernelSize: 1, stride }));
        }
        layers.push({ type: 'add', name: `${name}-add`, activation: 'relu' });
        channels = width;
      }
    });
    return [
      ...layers,
      { type: 'globalAveragePool' },
      { type: 'dense', name: 'fc1', channels: classCount, normalizable: false, activation: 'none' },
    ];
  },
} as const satisfies ArchitectureDescription<typeof resnet18Schema>;

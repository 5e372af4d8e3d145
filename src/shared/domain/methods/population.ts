import type { MethodContext, MethodProblem } from '../method.ts';

/** What is wrong where the population is to have more images than there are to train on. */
export function findPopulationProblem(images: number, { path, trainingImages }: MethodContext): MethodProblem | null {
  if (images <= trainingImages) return null;
  return {
    field: 'images',
    message: `The population is to have ${images} images, but there are only ${trainingImages} training images.`,
    hint: `Set ${path}.images to at most ${trainingImages}.`,
  };
}

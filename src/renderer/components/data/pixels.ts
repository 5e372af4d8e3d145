import type { DatasetPreview } from '#shared/contract.ts';

/** Bytes of base64 text. */
export function decodeBase64(text: string): Uint8Array {
  const binary = atob(text);
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/**
 * RGBA bytes of an image of 1 (grey), 2 (grey, alpha), 3 (colour) or 4 (colour, alpha) channels,
 * [height, width, 4].
 */
export function toRgba(pixels: Uint8Array, channels: number): Uint8ClampedArray<ArrayBuffer> {
  const count = Math.floor(pixels.length / channels);
  const rgba = new Uint8ClampedArray(count * 4);
  for (let at = 0; at < count; at += 1) {
    const from = at * channels;
    const grey = pixels[from] ?? 0;
    rgba[at * 4] = grey;
    rgba[at * 4 + 1] = channels < 3 ? grey : (pixels[from + 1] ?? 0);
    rgba[at * 4 + 2] = channels < 3 ? grey : (pixels[from + 2] ?? 0);
    rgba[at * 4 + 3] = channels % 2 === 0 ? (pixels[from + channels - 1] ?? 255) : 255;
  }
  return rgba;
}

/** Draws images side by side, row after row, one pixel each to one of the canvas. */
export function drawMosaic(canvas: HTMLCanvasElement, preview: DatasetPreview, columns: number): void {
  const { height, width, channels, images } = preview;
  const shown = Math.max(1, columns);
  canvas.width = shown * width;
  canvas.height = Math.ceil(images.length / shown) * height;
  const context = canvas.getContext('2d');
  images.forEach((image, index) => {
    const rgba = toRgba(decodeBase64(image.pixels), channels);
    if (rgba.length !== height * width * 4) return;
    const left = (index % shown) * width;
    const top = Math.floor(index / shown) * height;
    context?.putImageData(new ImageData(rgba, width, height), left, top);
  });
}

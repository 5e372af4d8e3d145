/** Longest that charts may draw in one frame before the others wait for the next. */
const frameBudgetMs = 6;

const waiting = new Set<() => void>();
let frame = 0;

function drawSome(): void {
  frame = 0;
  const start = performance.now();
  for (const draw of waiting) {
    waiting.delete(draw);
    draw();
    if (performance.now() - start > frameBudgetMs) break;
  }
  if (waiting.size > 0) frame = requestAnimationFrame(drawSome);
}

/**
 * Draws in a coming frame: once, however often it is asked for, and few charts at a time, so that a
 * page full of charts stays quick to answer.
 */
export function queueDrawing(draw: () => void): void {
  waiting.add(draw);
  if (frame === 0) frame = requestAnimationFrame(drawSome);
}

/** Takes a drawing back that has not been made. */
export function cancelDrawing(draw: () => void): void {
  waiting.delete(draw);
}

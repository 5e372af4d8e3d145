// Installs the best engine for this machine where none is there yet. Best effort: prints why not, and never fails.
import { createEngineService } from '../src/main/engines/createEngineService.ts';

const service = createEngineService({ describeEngine: null });
const controller = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => controller.abort());

let lastMs = 0;
const onProgress = ({ phase, doneBytes, totalBytes, bytesPerSecond, secondsLeft }) => {
  const nowMs = Date.now();
  if (nowMs - lastMs < (process.stderr.isTTY ? 200 : 5_000)) return;
  lastMs = nowMs;
  const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;
  const parts = [phase];
  if (totalBytes !== null) parts.push(`${megabytes(doneBytes)} of ${megabytes(totalBytes)}`);
  if (bytesPerSecond !== null) parts.push(`${megabytes(bytesPerSecond)}/s`);
  if (secondsLeft !== null) parts.push(`${Math.ceil(secondsLeft)} s left`);
  const text = parts.join(', ');
  process.stderr.write(process.stderr.isTTY ? `\r${text}\x1b[K` : `${text}\n`);
};

try {
  const { notes } = await service.choose('auto', { onProgress, signal: controller.signal });
  if (process.stderr.isTTY && lastMs > 0) process.stderr.write('\r\x1b[K');
  for (const { message, hint } of notes) process.stderr.write(`${message}\n${hint}\n`);
} catch (error) {
  process.stderr.write(`${error.message}\n${error.hint ?? ''}\n`);
  if (controller.signal.aborted) process.exitCode = 130;
}

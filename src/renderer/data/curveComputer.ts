import { computeCurves, type CurveRequest, type GroupCurves } from './curves.ts';
import CurveWorker from './curveWorker.ts?worker';

/** More points than this are computed off the interface's thread. */
const pointsInPlace = 30_000;

let worker: Worker | null = null;
let nextId = 0;
const waiting = new Map<number, (curves: GroupCurves[]) => void>();

function startWorker(): Worker {
  const started = new CurveWorker();
  started.addEventListener('message', (event: MessageEvent<{ id: number; curves: GroupCurves[] }>) => {
    waiting.get(event.data.id)?.(event.data.curves);
    waiting.delete(event.data.id);
  });
  return started;
}

/** Curves of a request: at once for few points, by the worker for many. */
export function requestCurves(request: CurveRequest): GroupCurves[] | Promise<GroupCurves[]> {
  const points = request.groups.reduce((sum, group) => sum + group.runs.reduce((n, run) => n + run.steps.length, 0), 0);
  if (points <= pointsInPlace) return computeCurves(request);
  worker ??= startWorker();
  const current = worker;
  nextId += 1;
  const id = nextId;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    current.postMessage({ id, request });
  });
}

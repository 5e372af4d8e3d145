import { computeCurves, type CurveRequest } from './curves.ts';

addEventListener('message', (event: MessageEvent<{ id: number; request: CurveRequest }>) => {
  postMessage({ id: event.data.id, curves: computeCurves(event.data.request) });
});

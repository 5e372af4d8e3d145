import type { LabErrorCode, LabErrorData } from '#shared/errors.ts';

/** A request that is not answered: with which status, and why. */
export class Refusal extends Error {
  readonly status: number;
  readonly data: LabErrorData;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, hint: string, headers: Record<string, string> = {}) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
    this.data = { code: status === 404 ? 'notFound' : status >= 500 ? 'internal' : refusalCode(status), message, hint };
    this.headers = headers;
  }
}

function refusalCode(status: number): LabErrorCode {
  return status === 401 || status === 403 || status === 429 ? 'notAllowed' : 'invalidArgument';
}

const statuses: { readonly [Code in LabErrorCode]?: number } = {
  invalidArgument: 400,
  invalidDocument: 422,
  invalidDataset: 422,
  notAllowed: 403,
  notFound: 404,
  labInUse: 409,
  invalidState: 409,
  cancelled: 409,
  checkpointInvalid: 409,
  diskFull: 507,
  downloadFailed: 502,
  engineMissing: 503,
  labUnreachable: 503,
};

/** Status of an answer that carries this error. */
export function statusOfError(code: LabErrorCode): number {
  return statuses[code] ?? 500;
}

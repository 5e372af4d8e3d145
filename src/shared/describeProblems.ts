import type { z } from 'zod';

/** Sentences for each problem zod found, each naming the field. */
export function describeProblems(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.length === 0 ? 'document' : issue.path.join('.')}: ${issue.message}`)
    .join('; ');
}

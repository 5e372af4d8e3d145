import type { EventName, LabEvents } from '../contract.ts';

/** One event on its way to a client. Sequence numbers rise by one an event, through all names. */
export type EventMessage = {
  [Name in EventName]: { sequence: number; name: Name; payload: LabEvents[Name] };
}[EventName];

/**
 * A place in a stream of events: which stream (another one after each start of the lab), and the
 * last event that was received.
 */
export interface StreamPosition {
  stream: string;
  sequence: number;
}

/**
 * Lines of `GET /events`: a `hello` first, then the events after the position that it names, with
 * heartbeats between them, so that a client notices a dead connection. Where the position is not the
 * one that the client asked to go on from, events were lost between.
 */
export type StreamLine =
  ({ type: 'hello' } & StreamPosition) | ({ type: 'event' } & EventMessage) | { type: 'heartbeat' };

/** Request header in which a client says where it left the stream. */
export const lastSequenceHeader = 'last-sequence';

export function formatStreamPosition(position: StreamPosition): string {
  return `${position.stream}:${position.sequence}`;
}

/** Null where the text is not a position. */
export function parseStreamPosition(text: string): StreamPosition | null {
  const match = /^([0-9a-f-]{1,64}):([0-9]{1,15})$/.exec(text);
  return match?.[1] === undefined ? null : { stream: match[1], sequence: Number(match[2]) };
}

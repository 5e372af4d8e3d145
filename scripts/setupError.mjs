/** A failure of set-up that a person can do something about: what happened, and what to do. */
export class SetupError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

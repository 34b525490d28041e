/** Something that a developer can put right; its one-line message is all that is shown, without a stack. */
export class DevError extends Error {
  override readonly name = 'DevError';
}

/** Moments in the life of a gift at which a node can be made to die, in their order. */
export const crashPoints = [
  "before enqueue's reply",
  "after enqueue's reply",
  'after claim',
  'before the post',
  'during the post',
  "after Laravel's commit",
  'before finish',
  'after finish',
] as const;

export type CrashPoint = (typeof crashPoints)[number];

import type { ReactionKind } from '~~/sdk/index.ts';

/** How each reaction looks and is called. */
export const reactionFaces: Record<ReactionKind, { readonly face: string; readonly name: string }> = {
  heart: { face: '❤️', name: 'Heart' },
  clap: { face: '👏', name: 'Clap' },
  laugh: { face: '😂', name: 'Laugh' },
  wow: { face: '😮', name: 'Wow' },
  fire: { face: '🔥', name: 'Fire' },
  sad: { face: '😢', name: 'Sad' },
};

export const reactionKinds = Object.keys(reactionFaces) as readonly ReactionKind[];

import { errors } from 'mediasoup';
import { type AppCode, AppError } from '../core/errors.ts';

/**
 * The client-facing error of a failed mediasoup call.
 *
 * @param error - what mediasoup threw; an {@link AppError} passes unchanged
 * @param codes - `missing`: mediasoup no longer knows the object (it was closed meanwhile); `refused`: mediasoup said no
 *   for any other reason than wrong parameters
 * @returns `MEDIA_UNAVAILABLE` when the worker is gone, `MEDIA_REJECTED` for parameters that mediasoup cannot use, else
 *   one of `codes`
 */
export function mediaError(error: unknown, codes: { missing: AppCode; refused: AppCode }): AppError {
  if (error instanceof AppError) return error;
  return new AppError(codeOf(error, codes), { cause: error });
}

function codeOf(error: unknown, codes: { missing: AppCode; refused: AppCode }): AppCode {
  if (error instanceof errors.WorkerClosedError) return 'MEDIA_UNAVAILABLE';
  if (error instanceof errors.NotFoundError) return codes.missing;
  if (error instanceof errors.UnsupportedError || error instanceof TypeError) return 'MEDIA_REJECTED';
  return codes.refused;
}

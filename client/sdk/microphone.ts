import { localError } from './errors.ts';

/** One entry of {@link listMicrophones}. */
export interface Microphone {
  readonly deviceId: string;
  /** Empty until the user has granted a microphone once. */
  readonly label: string;
}

/**
 * Opens a microphone for speech: mono, with echo cancellation, noise suppression and automatic gain.
 *
 * @param deviceId - as of {@link listMicrophones}; left out or gone: the browser's default
 * @throws {FlyLiveError} `MICROPHONE_DENIED`, `MICROPHONE_NOT_FOUND` or `MICROPHONE_UNAVAILABLE`
 */
export async function openMicrophone(deviceId?: string): Promise<MediaStreamTrack> {
  // Absent on pages that are neither https nor localhost, which TypeScript's DOM types do not know.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) throw localError('MICROPHONE_UNAVAILABLE');
  try {
    const stream = await devices.getUserMedia({
      audio: {
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        channelCount: 1,
        ...(deviceId ? { deviceId: { ideal: deviceId } } : {}),
      },
    });
    const [track] = stream.getAudioTracks();
    if (!track) throw localError('MICROPHONE_NOT_FOUND');
    return track;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : '';
    if (name === 'NotAllowedError' || name === 'SecurityError') throw localError('MICROPHONE_DENIED', error);
    if (name === 'NotFoundError') throw localError('MICROPHONE_NOT_FOUND', error);
    throw localError('MICROPHONE_UNAVAILABLE', error);
  }
}

/** The microphones of this device; empty where the browser tells none. */
export async function listMicrophones(): Promise<Microphone[]> {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  const all = (await devices?.enumerateDevices()) ?? [];
  return all.filter(({ kind, deviceId }) => kind === 'audioinput' && deviceId !== '');
}

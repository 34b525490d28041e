import type { RtpCapabilities as ServerCapabilities, RtpParameters as ServerParameters } from 'mediasoup/types';
import type { RtpCapabilities, RtpParameters } from 'mediasoup-client/types';

/**
 * What mediasoup made, as mediasoup-client reads it. The two packages describe the same JSON, but each with its own
 * closed list of header extension URIs; mediasoup-client ignores those it does not know.
 */
export function clientRtp(rtp: ServerCapabilities): RtpCapabilities;
export function clientRtp(rtp: ServerParameters): RtpParameters;
export function clientRtp(rtp: ServerCapabilities | ServerParameters): unknown {
  return rtp;
}

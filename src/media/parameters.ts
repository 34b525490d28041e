import type { DtlsParameters, RtpParameters } from 'mediasoup/types';
import { z } from 'zod';
import { AppError } from '../core/errors.ts';

/**
 * What clients send is rebuilt field by field before mediasoup sees it. mediasoup serialises parameters into one buffer
 * builder a worker, and a value it does not expect (such as `encodings[0].maxBitrate: 1.5`) can throw half-way, which
 * leaves that builder unusable: one bad message would end audio for every room of the worker.
 */

const codecSettings = z.record(z.string().max(64), z.union([z.string().max(256), z.number(), z.undefined()]));
const uint32 = z.int().min(0).max(0xff_ff_ff_ff);

const rtpParametersSchema = z.object({
  mid: z.string().max(32).optional(),
  msid: z.string().max(256).optional(),
  codecs: z
    .array(
      z.object({
        mimeType: z.string().max(64),
        payloadType: z.int().min(0).max(127),
        clockRate: uint32,
        channels: z.int().min(1).max(8).optional(),
        parameters: codecSettings.optional(),
        rtcpFeedback: z
          .array(z.object({ type: z.string().max(64), parameter: z.string().max(64).optional() }))
          .max(16)
          .optional(),
      }),
    )
    .min(1)
    .max(8),
  headerExtensions: z
    .array(
      z.object({
        uri: z.string().max(256),
        id: z.int().min(1).max(255),
        encrypt: z.boolean().optional(),
        parameters: codecSettings.optional(),
      }),
    )
    .max(32)
    .optional(),
  // One voice is one RTP stream. Simulcast, RTX and layers are for video.
  encodings: z
    .array(z.object({ ssrc: uint32.optional(), dtx: z.boolean().optional() }))
    .max(1)
    .optional(),
  rtcp: z.object({ cname: z.string().max(256).optional(), reducedSize: z.boolean().optional() }).optional(),
});

const dtlsParametersSchema = z.object({
  role: z.enum(['auto', 'client', 'server']).optional(),
  fingerprints: z
    .array(
      z.object({
        algorithm: z.enum(['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512']),
        value: z.string().regex(/^[\da-f]{2}(:[\da-f]{2}){19,63}$/i),
      }),
    )
    .min(1)
    .max(8),
});

/**
 * A client's RTP parameters, reduced to what an audio producer can have.
 *
 * @throws AppError `MEDIA_REJECTED`
 */
export function cleanRtpParameters(rtpParameters: unknown): RtpParameters {
  // mediasoup refuses unknown header extensions by name, so the URI stays a string here.
  return parse(rtpParametersSchema, rtpParameters) as RtpParameters;
}

/**
 * A client's DTLS parameters.
 *
 * @throws AppError `MEDIA_REJECTED`
 */
export function cleanDtlsParameters(dtlsParameters: unknown): DtlsParameters {
  return parse(dtlsParametersSchema, dtlsParameters) as DtlsParameters;
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (!result.success) throw new AppError('MEDIA_REJECTED', { cause: result.error });
  return result.data;
}

import type { DtlsParameters, IceCandidate as MediasoupIceCandidate, IceParameters } from 'mediasoup/types';
import {
  IceCandidate,
  RTCDtlsFingerprint,
  RTCDtlsParameters,
  RTCDtlsTransport,
  RTCIceGatherer,
  RTCIceParameters,
  RTCIceTransport,
  RtpPacket,
} from 'werift';

/** What the server answers when a transport is created. */
export interface ServerTransport {
  readonly iceParameters: IceParameters;
  readonly iceCandidates: readonly MediasoupIceCandidate[];
  readonly dtlsParameters: DtlsParameters;
}

/** SRTP_AES128_CM_HMAC_SHA1_80, RFC 5764 section 4.1.2. */
const srtpProfile = 1;

/** A client's end of one WebRTC transport: real ICE, DTLS and SRTP over UDP, and no media engine. */
export class WebRtcPeer {
  readonly #ice: RTCIceTransport;
  readonly #dtls: RTCDtlsTransport;

  static async create(server: ServerTransport): Promise<WebRtcPeer> {
    const gatherer = new RTCIceGatherer({ useIpv4: true, useIpv6: false, additionalHostAddresses: ['127.0.0.1'] });
    const ice = new RTCIceTransport(gatherer);
    ice.connection.iceControlling = true;
    ice.setRemoteParams(new RTCIceParameters({ ...server.iceParameters, iceLite: true }));
    for (const { foundation, address, port, priority, protocol } of server.iceCandidates) {
      if (protocol === 'udp')
        await ice.addRemoteCandidate(new IceCandidate(1, foundation, address, port, priority, 'udp', 'host'));
    }
    await ice.addRemoteCandidate(undefined);
    await ice.gather();
    const dtls = new RTCDtlsTransport({}, ice, await RTCDtlsTransport.SetupCertificate(), [srtpProfile]);
    dtls.role = 'client';
    const fingerprints = server.dtlsParameters.fingerprints.map(
      ({ algorithm, value }) => new RTCDtlsFingerprint(algorithm, value),
    );
    dtls.setRemoteParams(new RTCDtlsParameters(fingerprints, 'server'));
    return new WebRtcPeer(ice, dtls);
  }

  private constructor(ice: RTCIceTransport, dtls: RTCDtlsTransport) {
    this.#ice = ice;
    this.#dtls = dtls;
  }

  /** What the server must be told to connect its end. */
  get dtlsParameters(): DtlsParameters {
    const fingerprints = this.#dtls.localParameters.fingerprints.map(({ algorithm, value }) => ({
      algorithm: algorithm as DtlsParameters['fingerprints'][number]['algorithm'],
      value,
    }));
    return { role: 'client', fingerprints };
  }

  /** Resolves once ICE and DTLS are connected. */
  async connect(): Promise<void> {
    await this.#ice.start();
    await this.#dtls.start();
  }

  /** @param listener - called with each RTP packet that arrives, decrypted */
  onRtp(listener: (packet: { ssrc: number; payload: Buffer }) => void): void {
    this.#dtls.onRtp.subscribe(({ header, payload }) => listener({ ssrc: header.ssrc, payload }));
  }

  /** @param packet - a whole RTP packet, in the clear */
  async sendRtp(packet: Buffer): Promise<void> {
    const { header, payload } = RtpPacket.deSerialize(packet);
    await this.#dtls.sendRtp(payload, header);
  }

  /** Frees the sockets; the server is not told. */
  async close(): Promise<void> {
    await this.#dtls.stop();
    await this.#ice.stop();
  }
}

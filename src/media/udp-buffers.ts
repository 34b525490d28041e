/**
 * What the kernel keeps of a UDP socket while its worker is busy with something else, bytes; Linux doubles it and counts
 * about 768 for a packet of audio. All clients of a worker share one socket: with the kernel's usual 208 KiB, 15 open
 * microphones are 0.37 s, and what comes after that everybody loses. No larger, since a worker that cannot keep up at all
 * would send what is old. `net.core.rmem_max` and `wmem_max` are the ceiling.
 */
export const udpBuffers = { recvBufferSize: 1_048_576, sendBufferSize: 1_048_576 } as const;

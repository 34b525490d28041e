/**
 * How the mediasoup worker is built from the sources in node_modules with the libraries
 * of Debian; libsrtp from Debian's sources, since its package encrypts with NSS. Every file
 * of this folder counts into the cache key, so a change here leads to a fresh build.
 */

/** What the build needs beside the sources; openssl for the check of what comes out. */
export const BUILD_PACKAGES = [
  'openssl',
  'g++',
  'make',
  'meson',
  'ninja-build',
  'pkg-config',
  'libuv1-dev',
  'libssl-dev',
  'libsrtp2-dev',
  'libabsl-dev',
  'libflatbuffers-dev',
  'flatbuffers-compiler',
];

/** The edits to the copied sources; each text must occur exactly once. */
export const SOURCE_EDITS = [
  {
    // The worker is fine with the Meson of Debian 12.
    file: 'meson.build',
    find: "meson_version: '>= 1.1.0'",
    replace: "meson_version: '>= 1.0.0'",
  },
  {
    // Debian's OpenSSL asks through this callback whether kernel TLS is on. Answering 1
    // to that question ends in a crash at the first DTLS handshake.
    file: 'src/RTC/DtlsTransport.cpp',
    find: '(operationType == BIO_CB_RETURN)',
    replace: '(operationType & BIO_CB_RETURN)',
  },
];

/** `--wrap-mode=nodownload`: the folders in `subprojects` replace the downloads. */
export const MESON_ARGUMENTS = ['--wrap-mode=nodownload', '--buildtype=release', '-Db_ndebug=true'];

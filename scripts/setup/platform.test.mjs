import { describe, expect, it } from 'vitest';
import { detectSystem, installCommands, packageOf } from './platform.mjs';

const debian = () => 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n';
const mint = () => 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\n';
const unreadable = () => {
  throw new Error('no such file');
};

describe('detectSystem', () => {
  it('names distribution and version', () => {
    expect(detectSystem('linux', debian)).toEqual({ id: 'debian12', family: 'debian' });
  });

  it('knows relatives', () => {
    expect(detectSystem('linux', mint)).toEqual({ id: 'linuxmint22', family: 'debian' });
  });

  it('copes with systems it does not know', () => {
    expect(detectSystem('linux', unreadable)).toEqual({ id: 'linux', family: 'other' });
    expect(detectSystem('darwin', unreadable, '24.1.0')).toEqual({ id: 'darwin24', family: 'macos' });
  });
});

describe('installCommands', () => {
  it('uses sudo for others than root', () => {
    const packages = [packageOf('debian', 'redis'), packageOf('debian', 'chromium')];
    const install = 'apt-get install -y --no-install-recommends redis-server chromium';
    expect(installCommands('debian', packages, true)).toEqual(['apt-get update', install]);
    expect(installCommands('debian', packages, false)).toEqual(['sudo apt-get update', `sudo ${install}`]);
  });

  it('has a command for every family', () => {
    expect(installCommands('macos', [packageOf('macos', 'redis')], false)).toEqual(['brew install redis']);
    expect(installCommands('other', [packageOf('other', 'redis')], false)[0]).toMatch(/^# .*redis/);
  });
});

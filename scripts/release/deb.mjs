// The Debian package, dist/posbridge_VERSION-1_amd64.deb: the executable with its folder beside it, manual pages,
// completion, units of systemd, documentation.
//
//     node scripts/release/deb.mjs [COMPRESSION [FOLDER]]     how dpkg-deb compresses: xz (default), gzip, none
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildExecutable } from './executable.mjs';
import { libraryFiles } from './library.mjs';

const ROOT = path.dirname(path.dirname(import.meta.dirname));
const MAINTAINER = 'The posbridge authors <posbridge@localhost>';
const OWN = path.join(import.meta.dirname, 'debian');
const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
const [, , compression = 'xz', folder = path.join(ROOT, 'dist')] = process.argv;
const REVISION = `${version}-1`;

const tree = mkdtempSync(path.join(tmpdir(), 'posbridge-deb-'));
try {
  await fill();
  const deb = path.join(folder, `posbridge_${REVISION}_amd64.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', `-Z${compression}`, '--build', tree, deb], {
    stdio: 'pipe',
  });
  console.log(deb);
} finally {
  rmSync(tree, { recursive: true });
}

async function fill() {
  const library = 'usr/lib/posbridge/lib';
  for (const name of libraryFiles(ROOT)) {
    const content = readFileSync(path.join(ROOT, name));
    put(`${library}/${name}`, content, content.subarray(0, 2).toString('latin1') === '#!' ? 0o755 : 0o644);
  }
  put('usr/bin/posbridge', own('posbridge'), 0o755);
  put(`${library}/id`, await buildExecutable(path.join(tree, 'usr/lib/posbridge/posbridge')));
  for (const page of readdirSync(path.join(ROOT, 'dist/man'))) {
    put(`usr/share/man/man1/${page}.gz`, gzipped(read(`dist/man/${page}`)));
  }
  put('usr/share/bash-completion/completions/posbridge', read('dist/posbridge.bash'));
  put('etc/default/posbridge', own('default'));
  const units = path.join(ROOT, 'examples/systemd');
  for (const unit of readdirSync(units))
    put(`lib/systemd/system/${unit}`, packaged(read(`examples/systemd/${unit}`)));
  const documentation = 'usr/share/doc/posbridge';
  put(`${documentation}/copyright`, `${own('copyright')}${indented(read('LICENSE'))}`);
  put(`${documentation}/changelog.gz`, gzipped(read('CHANGELOG.md')));
  put(`${documentation}/changelog.Debian.gz`, gzipped(changelog()));
  put(`${documentation}/README.md`, read('README.md'));
  for (const page of readdirSync(path.join(ROOT, 'docs')))
    put(`${documentation}/docs/${page}`, read(`docs/${page}`));
  cpSync(path.join(ROOT, 'examples'), path.join(tree, documentation, 'examples'), { recursive: true });
  put('usr/share/lintian/overrides/posbridge', own('overrides'));
  put('DEBIAN/conffiles', '/etc/default/posbridge\n');
  for (const script of ['postinst', 'prerm', 'postrm']) put(`DEBIAN/${script}`, own(script), 0o755);
  put('DEBIAN/control', control(installedKib(tree)));
}

function control(kib) {
  return `Package: posbridge
Version: ${REVISION}
Architecture: amd64
Maintainer: ${MAINTAINER}
Installed-Size: ${kib}
Depends: adduser, libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 9)
Recommends: udev
Section: net
Priority: optional
Description: payment terminal bridge for cash registers
 posbridge speaks the wire protocol of a cash register and passes every request
 on to payment applications, or to a payment terminal of another protocol. No
 payment is lost, doubled or reported wrongly on the way, whatever fails.
`;
}

function changelog() {
  const seconds = process.env.SOURCE_DATE_EPOCH;
  const date = (seconds === undefined ? new Date() : new Date(Number(seconds) * 1000)).toUTCString();
  const words = `  * Release ${version}; changelog.gz says what is new.`;
  return `posbridge (${REVISION}) stable; urgency=medium\n\n${words}\n\n -- ${MAINTAINER}  ${date.replace('GMT', '+0000')}\n`;
}

/** A unit as the package installs it: its program, and options from a file that is kept at upgrades. */
function packaged(unit) {
  return unit
    .replaceAll('/usr/bin/env posbridge', '/usr/bin/posbridge')
    .replace(/^ExecStart=/m, 'EnvironmentFile=-/etc/default/posbridge\nExecStart=');
}

function indented(licence) {
  return licence.replace(/^/gm, ' ').replace(/^ $/gm, ' .').trimEnd().concat('\n');
}

function gzipped(text) {
  return gzipSync(text, { level: 9 });
}

function read(name) {
  return readFileSync(path.join(ROOT, name), 'utf8');
}

function own(name) {
  return readFileSync(path.join(OWN, name), 'utf8');
}

function put(name, content, mode = 0o644) {
  const file = path.join(tree, name);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
  writeFileSync(file, content, { mode });
}

function installedKib(folder) {
  return Number(execFileSync('du', ['-sk', '--apparent-size', folder], { encoding: 'utf8' }).split('\t')[0]);
}
